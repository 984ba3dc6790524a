"""Documents that a person wants remembered, as text cut into passages that know where in the document they stand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ....tools.errors import BadRequest, DataUnreadable
from .document import Document
from .html import read_html
from .markdown import read_markdown
from .pdf import read_pdf
from .plain import read_text

__all__ = ["Document", "parse_document", "read_document"]

_READERS: dict[str, Callable[[Path], Document]] = {
    **dict.fromkeys((".md", ".markdown"), read_markdown),
    **dict.fromkeys((".txt", ".rst", ".log", ""), read_text),
    **dict.fromkeys((".html", ".htm"), read_html),
    ".pdf": read_pdf,
}


def read_document(path: str) -> dict[str, Any]:
    """As `parse_document`, in what JSON can hold: a worker runs it by its name."""
    document = parse_document(Path(path))
    return {
        "title": document.title,
        "text": document.text,
        "passages": [[passage.start, passage.stop, passage.place] for passage in document.passages],
    }


def parse_document(path: Path) -> Document:
    """Read a Markdown, text, HTML or PDF file; its suffix tells which.

    Raises:
        BadRequest: the suffix is of no format that is read.
        DataUnreadable: the file is missing, empty, damaged, protected, packed or not text.
        LimitExceeded: it has more than 5,000,000 characters or 2,000 pages.
    """
    read = _READERS.get(path.suffix.lower())
    if read is None:
        known = ", ".join(filter(None, _READERS))
        raise BadRequest(
            f"{path.name!r} has the suffix {path.suffix!r}; documents are read from {known} or a file of plain text "
            "without suffix; save it as one of these, such as PDF, and name that"
        )
    if not path.is_file():
        raise DataUnreadable(f"no file {str(path)!r}; check the path, and name a file rather than a folder")
    document = read(path) if path.stat().st_size else None
    if document is None or not document.passages:
        raise DataUnreadable(f"{path.name!r} is empty: there is no text in it; name another file")
    return document
