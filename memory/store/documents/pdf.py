"""PDF: paragraphs, placed by their pages."""

from __future__ import annotations

import contextlib
import struct
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ....tools.errors import DataUnreadable, LimitExceeded
from ..passages import Passage
from .blocks import paragraphs, passages_of
from .decoding import clean, require_length, unix
from .document import Document, one_line, title_of

if TYPE_CHECKING:
    from pypdf import PdfReader

MOST_PAGES = 2_000


def read_pdf(path: Path) -> Document:
    """Read the text of a PDF."""
    from pypdf import PdfReader
    from pypdf.errors import DependencyError, FileNotDecryptedError, PyPdfError

    # What is damaged leads pypdf into errors of any of these types, as its documentation warns.
    damage = (PyPdfError, LookupError, ValueError, TypeError, AttributeError, ArithmeticError, RuntimeError)
    pages, length, title = list[str](), 0, ""
    try:
        with path.open("rb") as file:
            reader = PdfReader(file)
            _require_readable(reader, path)
            for page in reader.pages:
                pages.append(unix(clean(page.extract_text())))
                length += len(pages[-1])
                require_length(length, path)
            with contextlib.suppress(*damage):
                title = str((reader.metadata and reader.metadata.title) or "")
    except (DependencyError, FileNotDecryptedError) as error:
        raise _protected(path) from error
    except (*damage, AssertionError, struct.error, zlib.error) as error:
        where = f"page {len(pages) + 1}" if pages else "its beginning"
        raise DataUnreadable(
            f"{path.name!r} is damaged or no PDF: {where} cannot be read ({one_line(str(error), 120)}); "
            "copy or download the file again, or save it anew from a PDF viewer"
        ) from error
    return _paged(pages, title, path)


def _require_readable(reader: PdfReader, path: Path) -> None:
    # Many are encrypted with an empty password, which only forbids to change them.
    if reader.is_encrypted and not reader.decrypt(""):
        raise _protected(path)
    if len(reader.pages) > MOST_PAGES:
        raise LimitExceeded(
            f"{path.name!r} has {len(reader.pages):,} pages, over the {MOST_PAGES:,} that a document may have; "
            "split it, or name a file with the part that matters"
        )


def _protected(path: Path) -> DataUnreadable:
    return DataUnreadable(
        f"{path.name!r} is encrypted and cannot be opened without its password; "
        "save a copy without protection from a PDF viewer, and name that"
    )


def _paged(pages: Sequence[str], title: str, path: Path) -> Document:
    if not any(page.strip() for page in pages):
        raise DataUnreadable(
            f"{path.name!r} holds no text on its {len(pages):,} page(s), which are likely scanned images; "
            "run text recognition over it (for example `ocrmypdf`), and name the result"
        )
    text, start, passages = "\n\n".join(pages), 0, list[Passage]()
    for number, page in enumerate(pages, 1):
        place = f"page {number}"
        blocks = paragraphs(text, start, start + len(page))
        passages += [replace(passage, place=place) for passage in passages_of(text, blocks)]
        start += len(page) + 2
    return Document(title_of(title, path), text, passages)
