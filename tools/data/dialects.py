"""How a delimited file is written: delimiter, quotes, and where its header is."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice, pairwise, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import DataUnreadable
from .sql import file_literal

if TYPE_CHECKING:
    import duckdb

Row = list[str]

SAMPLE_BYTES = 512 << 10
SAMPLE_RECORDS = 2_000
COMMON_DELIMITERS = (",", ";", "\t", "|")
# Stands for no delimiter at all: it occurs in no text.
LONE_COLUMN = "\x1f"

# The module's own limit is 128 KB a field, which a cell of JSON or text may well pass.
LONGEST_FIELD = 1 << 30


@dataclass(frozen=True)
class Dialect:
    """How a delimited file is to be parsed.

    Attributes:
        escape: the backslash where quotes are escaped by it, else None for doubled quotes.
        newline: how lines end, for a reader that has to be told.
        names: one for each column, all different, also when case is ignored.
        skip: lines before the first row of data, which hold `above` records.
        notes: what a person should know of how this was decided.
    """

    delimiter: str
    quote: str
    escape: str | None
    newline: str
    names: tuple[str, ...]
    skip: int
    above: int
    notes: tuple[str, ...] = field(default=(), compare=False)

    def parse(self, lines: Iterable[str], *, strict: bool = False) -> Iterator[Row]:
        """Parse lines into records."""
        return _parse(lines, self.delimiter, self.quote, self.escape, strict=strict)

    def split(self, line: str) -> Row:
        """Split one line at the delimiter, quotes being text like any other."""
        return line.rstrip("\r\n").split(self.delimiter)


@contextmanager
def long_fields() -> Iterator[None]:
    """Let `csv` take fields of any length meanwhile."""
    before = csv.field_size_limit(LONGEST_FIELD)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _parse(
    lines: Iterable[str], delimiter: str, quote: str, escape: str | None, *, strict: bool = False
) -> Iterator[Row]:
    return csv.reader(
        lines, delimiter=delimiter, quotechar=quote, escapechar=escape, doublequote=escape is None, strict=strict
    )


def find_dialect(connection: duckdb.DuckDBPyConnection, path: Path) -> Dialect:
    """Find out how a delimited UTF-8 file is written, from its first half megabyte."""
    sample = _sample(path)
    if not sample.strip():
        raise DataUnreadable(f"{path.name!r} holds nothing but blank lines; name another file")
    delimiter, quote = _delimiter_and_quote(connection, path, sample)
    backslash = re.search(rf"\\{quote}(?!\s*({re.escape(delimiter)}|$))", sample, re.MULTILINE)
    escaped = backslash and quote * 2 not in sample.replace(f"\\{quote}", "")
    escape = "\\" if escaped and not _reads_strictly(sample, delimiter, quote) else None
    records = _records(sample, delimiter, quote, escape)
    width = _width([row for _, row in records])
    # Lines of a title above the table have fewer fields than it.
    start = next((index for index, (_, row) in enumerate(records) if len(row) >= width), 0)
    if start and start <= len(records) // 2 and (len(records[0][1]) == 1 or width > 2):
        named = _named_rows(records[start - 1][1], width) and start == 1
        start = 0 if named else start
    else:
        start = 0
    notes = [f"skipped {start} line(s) above the table"] if start else []
    rows = [row for _, row in records[start:]]
    has_header = is_header(rows[0], rows[1:])
    if not has_header:
        notes.append("no header was found, so columns are named column_1, column_2 …")
    header = rows[0] if has_header else []
    width = max(width, len(header))
    if has_header and _named_rows(header, width) and any(len(row) == width and row[-1] for row in rows[1:]):
        header = ["", *header]
    names, renamed = column_names(header, width)
    ends = [line for line, _ in records]
    skip = ends[start] if has_header else ends[start - 1] if start else 0
    newline = "\r\n" if "\r\n" in sample else "\n"
    return Dialect(
        delimiter,
        quote,
        escape,
        newline,
        tuple(names),
        skip,
        start + has_header,
        (*notes, *(renamed if has_header else ())),
    )


def _sample(path: Path) -> str:
    with path.open("rb") as file:
        data = file.read(SAMPLE_BYTES)
        whole = not file.read(1)
    text = data.decode("utf-8-sig", errors="ignore")
    return text if whole or "\n" not in text else text[: text.rindex("\n") + 1]


def _reads_strictly(sample: str, delimiter: str, quote: str) -> bool:
    """Tell whether doubled quotes alone explain every quote; a backslash is then only a backslash."""
    try:
        for _ in _parse(sample.splitlines(keepends=True), delimiter, quote, None, strict=True):
            pass
    except csv.Error:
        return False
    return True


def _records(sample: str, delimiter: str, quote: str, escape: str | None = None) -> list[tuple[int, Row]]:
    """Parse the sample; each record with the number of its last line, blank lines left out."""
    # Split at LF only: other line ends of Unicode are text.
    lines = _Counted(line + "\n" for line in sample.split("\n"))
    with long_fields():
        rows = islice(_parse(lines, delimiter, quote, escape), SAMPLE_RECORDS)
        return [(lines.count, row) for row in rows if not blank(row)]


class _Counted:
    """Lines, and how many were taken."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self.count = 0

    def __iter__(self) -> _Counted:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.count += 1
        return line


def blank(row: Row) -> bool:
    """Tell whether a record is a blank line."""
    return not row or (len(row) == 1 and not row[0].strip())


def _width(rows: Sequence[Row]) -> int:
    """Return the commonest number of fields, the larger of two that are as common."""
    widths = Counter(map(len, rows))
    return max(widths, key=lambda width: (widths[width], width), default=1)


def _named_rows(header: Row, width: int) -> bool:
    """Tell whether a header leaves out the name of the first column, as R writes it."""
    return width > 2 and len(header) == width - 1 and all(cell.strip() for cell in header)


@dataclass(frozen=True)
class _Candidate:
    """A delimiter, and what it makes of the sample.

    Attributes:
        width: the commonest number of fields; `share` of the rows have it.
        heads: the first row has as many, too.
        titled: not so, but all rows do that follow some lines which look like a title.
    """

    delimiter: str
    quote: str
    width: int
    share: float
    heads: bool
    titled: bool = False


def _try(sample: str, delimiter: str, quote: str) -> _Candidate:
    records = _records(sample, delimiter, quote)
    rows = [row for _, row in records]
    width = _width(rows)
    share = sum(len(row) == width for row in rows) / max(len(rows), 1)
    heads = bool(rows) and (len(rows[0]) == width or _named_rows(rows[0], width))
    if delimiter == "," and width == 2 and not heads and _decimals(rows):
        width = 1
    return _Candidate(delimiter, quote, width, share, heads, not heads and _titled(records, width))


def _titled(records: Sequence[tuple[int, Row]], width: int) -> bool:
    start = next((index for index, (_, row) in enumerate(records) if len(row) == width), 0)
    table = [row for _, row in records[start:]]
    fitting = sum(len(row) == width for row in table)
    # With two fields, and no blank line below it, the title may as well be the header of a lone column.
    apart = records[start][0] > start + 1
    return 1 <= start <= 20 and fitting >= 2 and fitting >= 0.9 * len(table) and (width > 2 or (width == 2 and apart))


def _decimals(rows: Sequence[Row]) -> bool:
    return all(re.fullmatch(r"\s*-?\d+", row[0]) and row[1].strip().isdigit() for row in rows if len(row) == 2)


def _delimiter_and_quote(connection: duckdb.DuckDBPyConnection, path: Path, sample: str) -> tuple[str, str]:
    quote = _quote(sample)
    tried = [_try(sample, delimiter, quote) for delimiter in COMMON_DELIMITERS if delimiter in sample]
    good = [found for found in tried if found.width > 1 and found.share >= 0.9 and found.heads]
    good = good or [found for found in tried if found.titled]
    if len(good) == 1:
        return good[0].delimiter, quote
    if good:
        engine = _ask_duckdb(connection, path)
        chosen = [found for found in good if found.delimiter == engine]
        if not chosen:
            other = _ask_clevercsv(sample)
            chosen = [found for found in good if found.delimiter == other]
        return (chosen or sorted(good, key=lambda found: -found.width))[0].delimiter, quote
    suggested = _ask_clevercsv(sample)
    if suggested and suggested not in COMMON_DELIMITERS:
        other_found = _try(sample, suggested, quote)
        # Words of a sentence are parted by blanks too: only a perfect table of them is one.
        if suggested != " " or (other_found.share == 1 and other_found.heads):
            tried.append(other_found)
    fair = [found for found in tried if found.width > 1 and (found.share >= 0.8 or found.delimiter == suggested)]
    lone_header = not any(found.delimiter in sample.split("\n", 1)[0] for found in fair)
    if lone_header and all(found.share < 0.8 for found in fair):
        return LONE_COLUMN, quote
    best = max(fair, key=lambda found: (found.delimiter == suggested, found.share, found.width), default=None)
    return (best.delimiter if best and best.share >= 0.5 else LONE_COLUMN), quote


def _quote(sample: str) -> str:
    """Return the quote: double, unless only single ones stand around whole fields."""
    if '"' in sample or "'" not in sample:
        return '"'
    wrapped = re.findall(r"(?:^|[,;\t|])'[^'\n]*'(?=[,;\t|\r\n]|$)", sample, re.MULTILINE)
    return "'" if len(wrapped) * 2 > 0.8 * sample.count("'") else '"'


def _ask_duckdb(connection: duckdb.DuckDBPyConnection, path: Path) -> str | None:
    import duckdb

    try:
        found = connection.execute(
            f"SELECT Delimiter FROM sniff_csv({file_literal(path)}, strict_mode = false)"  # noqa: S608
        ).fetchone()
    except duckdb.InvalidInputException:
        return None
    return str(found[0]) if found else None


def _ask_clevercsv(sample: str) -> str | None:
    import clevercsv

    # Its time grows steeply with the sample.
    lines = sample[: 12 << 10]
    try:
        found = clevercsv.Detector().detect(lines[: lines.rfind("\n") + 1] or lines)
    except clevercsv.exceptions.NoDetectionResult:
        return None
    return str(found.delimiter) if found and found.delimiter else None


_VALUE = re.compile(
    r"\s*([-+]?[\d.,]*\d[\d.,]*([eE][-+]?\d+)?\s*[%€$£]?|\d+[-/.:]\d+([-/.:T ]\S*)*|true|false|n/?a|null|nan|none)\s*",
    re.I,
)


def is_header(first: Row, rows: Sequence[Row]) -> bool:
    """Tell whether the first row holds names: words where there are values below, and none found again below."""
    filled = [cell for cell in first if cell.strip()]
    if not filled:
        return False
    values = [cell for cell in filled if _VALUE.fullmatch(cell)]
    if values and not (len(values) < len(filled) and (_years(values) or _words_over_values(first, rows))):
        return False
    if len(filled) < len(first) / 2:
        return False
    below = [row for row in rows if row != first]
    columns = [set(column) for column in zip_longest(*below, fillvalue="")]
    again = sum(bool(cell.strip()) and cell in column for cell, column in zip(first, columns, strict=False))
    return again <= len(filled) / 3 or again < 1


def _years(values: Sequence[str]) -> bool:
    years = [int(cell) if cell.strip().isdigit() else 0 for cell in values]
    return all(1800 <= year <= 2200 for year in years) and all(b - a == 1 for a, b in pairwise(years))


def _words_over_values(first: Row, rows: Sequence[Row]) -> bool:
    """Tell whether some column holds a word in the first row and nothing but values below it."""
    for index, cell in enumerate(first):
        below = [row[index] for row in rows if len(row) > index and row[index].strip()]
        if cell.strip() and not _VALUE.fullmatch(cell) and below and all(_VALUE.fullmatch(value) for value in below):
            return True
    return False


def column_names(header: Sequence[str], width: int, *, keep: bool = False) -> tuple[list[str], list[str]]:
    """Make `width` different, non-empty names out of a header; and notes on what was changed.

    Blanks around and line ends within names go, unless they are to be kept.

    Case is ignored when names are compared, because the engine does so.
    """
    names: list[str] = []
    notes: list[str] = []
    taken: set[str] = set()
    wanted = [cell if keep and cell.strip() else " ".join(cell.split()) for cell in header] + [""] * (
        width - len(header)
    )
    reserved = {name.casefold() for name in wanted if name}
    for index, want in enumerate(wanted, start=1):
        name = base = want or f"column_{index}"
        number = 2
        while name.casefold() in taken or (name != want and name.casefold() in reserved):
            name, number = f"{base}_{number}", number + 1
        if not want and header:
            notes.append(f"column {index} has no name and is called {name!r}")
        elif want and name != want:
            notes.append(f"a second column {want!r} is called {name!r}")
        taken.add(name.casefold())
        names.append(name)
    return names, notes
