"""How far the filled cells of a sheet reach, seen in its XML without holding it: all between them will be in memory."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO
from xml.etree import ElementTree

CHUNK = 1 << 20
# No tag is longer.
_OVERLAP = 64 << 10

# A row or a cell of Excel: its reference where that comes first, its other attributes, and the element that follows.
_EXCEL = re.compile(
    rb"""<(?:\w+:)?(row|c)(?=[\s/>])(?:\s+r=["']([A-Za-z]*)([0-9]+)["'])?([^>]*)>\s*(?=</?(?:\w+:)?(\w+)[\s/>])"""
)
# A cell as nearly all programs write it, for a quick first look.
_USUAL = re.compile(rb'<c r="([A-Z]+)([0-9]+)"')
_PREFIXED = re.compile(rb":c[\s/>]")
_REFERENCE = re.compile(rb"""\sr\s*=\s*["']([A-Za-z]*)([0-9]+)["']""")
_FILLING = frozenset((b"v", b"is", b"f"))

_OPENDOCUMENT = re.compile(rb"<table:(table|table-row|(?:covered-)?table-cell)(?=[\s/>])([^>]*)>")
_REPEATED = re.compile(rb"""number-(?:rows|columns)-repeated\s*=\s*["']([0-9]+)["']""")
_NAME = re.compile(rb"""table:name\s*=\s*["']([^"']*)["']""")


@dataclass
class Extent:
    """The smallest rectangle that holds all filled cells, rows and columns counted from 1; at first it holds none."""

    top: int = 1 << 62
    left: int = 1 << 62
    bottom: int = 0
    right: int = 0

    def __str__(self) -> str:
        return f"{_letters(self.left)}{self.top}:{_letters(self.right)}{self.bottom}"

    @property
    def cells(self) -> int:
        return max(0, self.bottom - self.top + 1) * max(0, self.right - self.left + 1)

    def add(self, row: int, column: int, last_row: int, last_column: int) -> None:
        """Widen it so that it holds these cells too."""
        self.top, self.left = min(self.top, row), min(self.left, column)
        self.bottom, self.right = max(self.bottom, last_row), max(self.right, last_column)


def sheet_extent(path: Path, name: str, most: int) -> Extent | None:
    """Return the extent of a sheet of an .xlsx or .xlsm workbook.

    None for other files, where it isn't found, and where a first look shows no more than `most` cells. What the
    sheet says of its own dimension is not asked: many programs write it wrong.
    """
    if not zipfile.is_zipfile(path):
        return None
    with zipfile.ZipFile(path) as archive:
        part = _part(archive, name)
        if part is None:
            return None
        with archive.open(part) as stream:
            if _within(stream, most):
                return None
        with archive.open(part) as stream:
            return _excel_extent(stream)


def _part(archive: zipfile.ZipFile, name: str) -> str | None:
    """Return the part of the archive that holds a sheet."""
    names = set(archive.namelist())
    if not {"xl/workbook.xml", "xl/_rels/workbook.xml.rels"} <= names:
        return None
    try:
        # The parser's own limit ends entities that multiply, and it fetches none.
        sheets = ElementTree.fromstring(archive.read("xl/workbook.xml")).iter()  # noqa: S314
        relations = ElementTree.fromstring(archive.read("xl/_rels/workbook.xml.rels")).iter()  # noqa: S314
    except ElementTree.ParseError:
        # The reader of the workbook will say so better.
        return None
    targets = {relation.get("Id"): relation.get("Target", "") for relation in relations}
    for sheet in sheets:
        if sheet.tag.endswith("}sheet") and sheet.get("name") == name:
            key = next((value for attribute, value in sheet.items() if attribute.endswith("}id")), None)
            target = targets.get(key, "")
            part = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
            return part if part in names else None
    return None


def _within(stream: IO[bytes], most: int) -> bool:
    """Tell, several times faster than the extent is found, whether all cells lie in their usual form and close."""
    columns: set[bytes] = set()
    last, rest = 0, b""
    while chunk := stream.read(CHUNK):
        data = rest + chunk
        # The last tag may not be all there.
        cut = data.rfind(b"<")
        rest = data[cut:][:_OVERLAP]
        found = _USUAL.findall(data, 0, cut)
        # Other tags that start so are <col>, <cols> and <conditionalFormatting>.
        if len(found) != data.count(b"<c", 0, cut) - data.count(b"<co", 0, cut) or _PREFIXED.search(data, 0, cut):
            return False
        columns.update(letters for letters, _ in found)
        last = max(last, max((int(digits) for _, digits in found), default=0))
    return last * max(map(_column, columns), default=0) <= most


def _excel_extent(stream: IO[bytes]) -> Extent:
    extent = Extent()
    row = column = 0
    for kind, letters, digits, others, following in _tags(stream, _EXCEL):
        if not digits and b"r" in others and (found := _REFERENCE.search(others)):
            letters, digits = found.groups()
        if kind == b"row":
            row, column = int(digits) if digits else row + 1, 0
            continue
        # Cells without a reference follow each other.
        column = _column(letters) if letters else column + 1
        if following in _FILLING:
            line = int(digits) if letters else row
            extent.add(line, column, line, column)
    return extent


def opendocument_extents(path: Path) -> Iterator[tuple[str, Extent]]:
    """Yield the name and the extent of each sheet of an .ods workbook; nothing for other files."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        if "content.xml" not in archive.namelist():
            return
        with archive.open("content.xml") as stream:
            yield from _opendocument(stream)


def _opendocument(stream: IO[bytes]) -> Iterator[tuple[str, Extent]]:
    name, extent, row, rows, column = "", Extent(), 0, 0, 0
    for kind, attributes in _tags(stream, _OPENDOCUMENT):
        found = _REPEATED.search(attributes)
        times = int(found[1]) if found else 1
        if kind == b"table":
            if extent.cells:
                yield name, extent
            named = _NAME.search(attributes)
            name, extent, row, rows, column = named[1].decode() if named else "", Extent(), 0, 0, 0
        elif kind == b"table-row":
            row, rows, column = row + rows, times, 0
        else:
            if not attributes.endswith(b"/"):
                extent.add(row + 1, column + 1, row + rows, column + times)
            column += times
    if extent.cells:
        yield name, extent


def _tags(stream: IO[bytes], pattern: re.Pattern[bytes]) -> Iterator[tuple[bytes, ...]]:
    """Yield the groups of each match, also of those that lie across two chunks."""
    rest = b""
    while chunk := stream.read(CHUNK):
        data, end = rest + chunk, 0
        for match in pattern.finditer(data):
            end = match.end()
            yield match.groups(b"")
        rest = data[max(end, len(data) - _OVERLAP) :]


@lru_cache(maxsize=1 << 15)
def _column(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number


def _letters(number: int) -> str:
    text = ""
    while number:
        number, rest = divmod(number - 1, 26)
        text = chr(65 + rest) + text
    return text
