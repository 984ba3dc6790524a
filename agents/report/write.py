"""Writing a report into a folder: the page, the Markdown and the JSON of it."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from ..orchestrator.records import RunReport
from .html import to_html
from .markdown import to_markdown

PAGE = "report.html"


def write_report(report: RunReport, folder: Path) -> Path:
    """Write `report.html`, `report.md` and `report.json`, and return the path of the page.

    No file is touched before all three are written under other names beside them, so that a failure leaves those of
    before.

    Raises:
        OSError: the folder is missing, full, or closed.
    """
    contents = {
        "report.json": report.model_dump_json(indent=2),
        "report.md": to_markdown(report),
        # The page comes last: who sees it finds the others too.
        PAGE: to_html(report),
    }
    _replace_all({folder / name: text.encode() for name, text in contents.items()})
    return folder / PAGE


def _replace_all(contents: Mapping[Path, bytes]) -> None:
    written: dict[Path, Path] = {}
    try:
        for path, content in contents.items():
            with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as handle:
                written[path] = Path(handle.name)
                handle.write(content)
        for path, temporary in written.items():
            temporary.replace(path)
    finally:
        for temporary in written.values():
            temporary.unlink(missing_ok=True)
