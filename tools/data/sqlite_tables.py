"""Tables of a SQLite file as Arrow batches: each column gets the type of the values that it really holds."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import LimitExceeded

if TYPE_CHECKING:
    import pyarrow as pa

MAX_ROWS = 20_000_000
_BATCH = 20_000
# SQLite answers at most 2,000 values a row.
_COLUMNS_AT_ONCE = 300


@dataclass(frozen=True)
class Column:
    """A column as declared, and how many of its values are stored as what."""

    name: str
    declared: str
    integers: int
    reals: int
    texts: int
    blobs: int
    zero_or_one: bool

    @property
    def holds_time(self) -> bool:
        """Whether it is declared as a date or time and holds text."""
        declared = self.declared.upper()
        only_text = self.texts > 0 and not (self.integers or self.reals or self.blobs)
        return only_text and ("DATE" in declared or "TIME" in declared)

    @property
    def arrow(self) -> str:
        """The Arrow type that holds every value; text where no other does."""
        if self.blobs and not (self.integers or self.reals or self.texts):
            return "binary"
        if self.texts or self.blobs:
            return "string"
        if self.reals:
            return "float64"
        if self.integers:
            return "bool" if "BOOL" in self.declared.upper() and self.zero_or_one else "int64"
        return "string"


def names_of(con: sqlite3.Connection) -> list[str]:
    """Return the names of the tables and views."""
    found = con.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")
    return [name for (name,) in found if not name.startswith("sqlite_")]


def columns_of(con: sqlite3.Connection, table: str) -> list[Column]:
    """Count what the columns hold.

    Raises:
        LimitExceeded: there are more rows than are copied.
    """
    declared = [(str(row[1]), str(row[2] or "")) for row in con.execute(f"PRAGMA table_info({quoted(table)})")]
    rows, columns = 0, []
    for start in range(0, len(declared), _COLUMNS_AT_ONCE):
        batch = declared[start : start + _COLUMNS_AT_ONCE]
        counts = ", ".join(
            f"total(typeof({q}) = 'integer'), total(typeof({q}) = 'real'), total(typeof({q}) = 'text'), "
            f"total(typeof({q}) = 'blob'), total({q} IN (0, 1))"
            for q in (quoted(name) for name, _ in batch)
        )
        # Names are quoted identifiers out of SQLite's own catalogue.
        row = [int(value) for value in con.execute(f"SELECT count(*), {counts} FROM {quoted(table)}").fetchone()]  # noqa: S608
        rows = row[0]
        for index, (name, kind) in enumerate(batch):
            integers, reals, texts, blobs, flags = row[1 + 5 * index : 6 + 5 * index]
            columns.append(Column(name, kind, integers, reals, texts, blobs, zero_or_one=flags == integers))
    if rows > MAX_ROWS:
        raise LimitExceeded(
            f"table {table!r} has {rows:,} rows; of a SQLite table at most {MAX_ROWS:,} are copied: "
            "export it as Parquet and open that"
        )
    return columns


def batches_of(con: sqlite3.Connection, table: str, columns: list[Column]) -> pa.RecordBatchReader:
    """Read all rows, some thousands at a time."""
    import pyarrow as pa

    schema = pa.schema([(column.name, column.arrow) for column in columns])
    chosen = ", ".join(quoted(column.name) for column in columns)

    def read() -> Iterator[pa.RecordBatch]:
        cursor = con.execute(f"SELECT {chosen} FROM {quoted(table)}")  # noqa: S608 - identifiers of the catalogue
        while rows := cursor.fetchmany(_BATCH):
            cells = zip(columns, zip(*rows, strict=True), strict=True)
            arrays = [pa.array(map(_AS[column.arrow], values), column.arrow) for column, values in cells]
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)

    return pa.RecordBatchReader.from_batches(schema, read())


def quoted(name: str) -> str:
    """Quote an identifier."""
    return '"' + name.replace('"', '""') + '"'


def _text(value: Any) -> str | None:
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    return None if value is None else str(value)


def _same(value: Any) -> Any:
    return value


def _float(value: Any) -> float | None:
    return None if value is None else float(value)


def _flag(value: Any) -> bool | None:
    return None if value is None else bool(value)


_AS = {"binary": _same, "int64": _same, "float64": _float, "string": _text, "bool": _flag}
