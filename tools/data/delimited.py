"""CSV and its kin, read so that no row is lost unsaid.

Two readers: the engine's, quick and strict, and a careful one that says of every line what became of it.
The quick one is believed only where it finds nothing to complain of and as many records as a witness that
counts line ends; otherwise the careful one reads the file again.
"""

# ruff: noqa: S608 (all names and texts in SQL are quoted by `sql`)

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from .casting import ANY, Untyped
from .dialects import LONE_COLUMN, Dialect, Row, blank, find_dialect, long_fields
from .sql import file_literal, literal
from .text import count_records, plain_text

if TYPE_CHECKING:
    import duckdb

BATCH = 20_000
# A quoted field over more lines than this is a quote that was never closed.
MOST_LINES = 2_000
_SHOWN = 5


@dataclass
class _Tally:
    """What the careful reader saw: the first lines of each kind of trouble, and how many there were."""

    counts: dict[str, int] = field(default_factory=dict)
    lines: dict[str, list[int]] = field(default_factory=dict)

    def add(self, trouble: str, line: int) -> None:
        self.counts[trouble] = self.counts.get(trouble, 0) + 1
        where = self.lines.setdefault(trouble, [])
        if len(where) < _SHOWN:
            where.append(line)

    def notes(self) -> list[str]:
        return [
            f"{count:,} row(s) {trouble} ({'line' if count == 1 else 'lines'} "
            f"{', '.join(map(str, self.lines[trouble]))}{' …' if count > _SHOWN else ''})"
            for trouble, count in self.counts.items()
        ]


SHORT = "had fewer fields than columns; the missing ones are null"
LONG = "had more fields than columns and could not be read"
BROKEN = "had a quote that is never closed and could not be read"
STRAY = "had a stray quote, kept as text"


def read_delimited(connection: duckdb.DuckDBPyConnection, paths: Sequence[Path], folder: Path) -> Untyped:
    """Read delimited files as one query over text columns; empty fields, quoted or not, are null.

    Raises:
        DataUnreadable: a file is empty, binary, cut off or damaged.
    """
    parts: list[tuple[Path, Dialect, bool]] = []
    notes: list[str] = []
    encodings: list[str] = []
    unreadable = 0
    for path in paths:
        text = plain_text(path, folder)
        dialect = find_dialect(connection, text.path)
        tally = _Tally()
        quick = _quick_reader_is_right(connection, text.path, dialect)
        source = text.path if quick else _read_carefully(text.path, dialect, folder / f"{len(parts)}.parquet", tally)
        parts.append((source, dialect, quick))
        encodings.append(text.encoding)
        unreadable += tally.counts.get(LONG, 0) + tally.counts.get(BROKEN, 0)
        where = f"{path.name}: " if len(paths) > 1 else ""
        notes += [where + note for note in (*text.notes, *dialect.notes, *tally.notes())]
    # Files written alike are read at once, and in their order.
    groups = [
        (dialect, quick, [path for path, _, _ in group])
        for (dialect, quick), group in groupby(parts, key=lambda part: (part[1], part[2]))
    ]
    queries = [_scan(files, dialect) if quick else staged(files) for dialect, quick, files in groups]
    names = tuple({name: None for dialect, _, _ in groups for name in dialect.names})
    delimiters = {dialect.delimiter: None for dialect, _, _ in groups if dialect.delimiter != LONE_COLUMN}
    return Untyped(
        query="\nUNION ALL BY NAME\n".join(queries),
        texts=dict.fromkeys(names, ANY),
        encoding=", ".join(dict.fromkeys(encodings)),
        delimiter=" or ".join(delimiters) or None,
        unreadable_rows=unreadable,
        notes=tuple(notes),
    )


def _scan(paths: Sequence[Path], dialect: Dialect) -> str:
    columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in dialect.names)
    return (
        f"SELECT * FROM read_csv([{', '.join(map(file_literal, paths))}], columns = {{{columns}}}, "
        f"auto_detect = false, header = false, skip = {dialect.skip}, delim = {literal(dialect.delimiter)}, "
        f"quote = {literal(dialect.quote)}, escape = {literal(dialect.quote)}, comment = '', nullstr = '', "
        f"new_line = '{dialect.newline.encode('unicode_escape').decode()}', encoding = 'utf-8', compression = 'none')"
    )


def staged(paths: Sequence[Path], *, by_name: bool = False) -> str:
    """Return the query over Parquet files that a reader has written for itself."""
    files = ", ".join(map(file_literal, paths))
    return f"SELECT * FROM read_parquet([{files}], union_by_name = {str(by_name).lower()}, hive_partitioning = false)"


def _quick_reader_is_right(connection: duckdb.DuckDBPyConnection, path: Path, dialect: Dialect) -> bool:
    """Tell whether the engine reads the file without complaint, and as many rows as there are records."""
    import duckdb

    if dialect.escape or len(dialect.names) == 1:
        return False
    try:
        row = connection.execute(f"SELECT count(*), count(COLUMNS(*)) FROM ({_scan([path], dialect)})").fetchone()
    except (duckdb.InvalidInputException, duckdb.ConversionException):
        return False
    return row is not None and int(row[0]) == count_records(path, dialect.quote) - dialect.above


class _Unclosed(Exception):
    """A quoted field does not end."""


class _Lines:
    """The lines of a file, of which those of a record gone wrong can be given back."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._again: deque[str] = deque()
        self.taken: list[str] = []
        self.number = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        if len(self.taken) >= MOST_LINES:
            raise _Unclosed
        line = self._again.popleft() if self._again else next(self._stream, None)
        if line is None:
            # A record that asks for one more line is inside quotes.
            if self.taken:
                raise _Unclosed
            raise StopIteration
        self.taken.append(line)
        self.number += 1
        return line

    def give_back(self) -> str:
        """Give back all lines of the record but the first, and return that."""
        first, *rest = self.taken
        self._again.extendleft(reversed(rest))
        self.number -= len(rest)
        return first


def _read_carefully(path: Path, dialect: Dialect, target: Path, tally: _Tally) -> Path:
    """Write the records of a file as text columns of Parquet, and tally what was wrong with them."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(name, pa.string()) for name in dialect.names])
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as stream, long_fields():
        for _ in range(dialect.skip):
            next(stream)
        rows = _readable(_Lines(stream), dialect, tally)
        with pq.ParquetWriter(target, schema, compression="lz4") as writer:
            while batch := list(islice(rows, BATCH)):
                arrays = [
                    pa.array([cell or None for cell in column], pa.string()) for column in zip(*batch, strict=True)
                ]
                writer.write_batch(pa.record_batch(arrays, schema=schema))
    return target


def _readable(lines: _Lines, dialect: Dialect, tally: _Tally) -> Iterator[Row]:
    """Yield the records that fit the columns, made to fit where nothing is lost by it."""
    width, blanks = len(dialect.names), 0
    for line, row in _records(lines, dialect, tally):
        if len(row) == width and (width > 1 or row[0]):
            for _ in range(blanks):
                yield [""]
            blanks = 0
            yield row
        elif blank(row):
            # In a lone column a blank line is a missing value, unless nothing follows any more.
            blanks += width == 1
        elif len(row) < width:
            tally.add(SHORT, line)
            yield row + [""] * (width - len(row))
        elif not any(row[width:]):
            yield row[:width]
        else:
            tally.add(LONG, line)


def _records(lines: _Lines, dialect: Dialect, tally: _Tally) -> Iterator[tuple[int, Row]]:
    """Yield each record with the number of its first line; one with broken quotes is read by its first line alone."""
    reader = dialect.parse(lines, strict=True)
    width = len(dialect.names)
    while True:
        lines.taken = []
        first = dialect.skip + lines.number + 1
        try:
            row = next(reader, None)
        except (_Unclosed, csv.Error):
            # A reader that has met an error starts afresh with its next line.
            single = len(lines.taken) == 1
            line = lines.give_back()
            row = next(dialect.parse([line])) if single else []
            if len(row) != width or (single and line.count(dialect.quote) % 2):
                row = dialect.split(line)
            if len(row) != width:
                tally.add(BROKEN, first)
                continue
            tally.add(STRAY, first)
        if row is None:
            return
        yield first, row
