"""The first look at a table."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import Field

from ..catalogue import action
from ..data.dataset import Dataset
from ..data.files import Budget, has_magic, matches
from ..data.values import as_python
from ..results import Model, Result

PREVIEW_ROWS = 5
PREVIEW_COLUMNS = 30
_LONGEST_CELL = 80
_WEIGHED_ROWS = 10_000


class ColumnInfo(Model):
    """One column: its type, and how many of its values are null."""

    column: str
    type: str
    nulls: int


class BasicInfo(Result):
    """What a table is; `memory_bytes` is what it would take as Arrow, judged by its first rows."""

    rows: int
    columns: list[ColumnInfo]
    format: str
    source: str
    file_bytes: int | None = None
    memory_bytes: int
    preview: list[dict[str, Any]]
    notes: list[str] = Field(default_factory=list, description="how the file was read")

    def headline(self) -> str:
        place = f"{self.format}, {_size(self.file_bytes)}" if self.file_bytes is not None else self.format
        size = f"{self.rows:,} rows, {len(self.columns):,} columns"
        return f"{size}; {place or 'a table'}, about {_size(self.memory_bytes)} in memory."

    def details(self) -> list[str]:
        columns = [f"{c.column} {c.type}" + (f" ({c.nulls:,} null)" if c.nulls else "") for c in self.columns]
        more = f" and {len(columns) - 25:,} more" if len(columns) > 25 else ""
        first = [f"row {number}: {_line(row)}" for number, row in enumerate(self.preview[:2], start=1)]
        return [f"columns: {'; '.join(columns[:25])}{more}", *self.notes[:4], *first]

    def next_steps(self) -> list[str]:
        if not self.rows:
            return ["the table has no rows: check its source, or how it was written"]
        return [
            "quality_report finds what is wrong with it; statistical_summary tells the distribution of every column"
        ]


@action("First look")
def basic_info(dataset: Dataset) -> BasicInfo:
    """Tell rows, columns, types, nulls and size of a dataset, with five masked rows."""
    nulls = dataset.aggregate({name: dataset.table[name].isnull().sum() for name in dataset.columns})
    first = dataset.table.limit(_WEIGHED_ROWS).to_pyarrow()
    weight = first.nbytes / first.num_rows * dataset.rows if first.num_rows else 0
    shown = as_python(first.slice(0, PREVIEW_ROWS).select(dataset.columns[:PREVIEW_COLUMNS]))
    return BasicInfo(
        dataset=dataset.name,
        scanned=dataset.everything,
        rows=dataset.rows,
        columns=[ColumnInfo(column=c, type=str(kind), nulls=int(nulls[c] or 0)) for c, kind in dataset.schema.items()],
        format=dataset.format,
        source=dataset.source,
        file_bytes=_file_bytes(dataset.source),
        memory_bytes=round(weight),
        notes=list(dataset.reading.notes),
        preview=[{name: _cell(value) for name, value in row.items()} for row in shown],
        truncated=len(dataset.columns) > PREVIEW_COLUMNS,
    )


def _cell(value: Any) -> Any:
    """Return a value as JSON can hold it, cut where it is long."""
    if isinstance(value, bytes):
        return f"{len(value):,} bytes"
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, str):
        return value if len(value) <= _LONGEST_CELL else value[: _LONGEST_CELL - 1] + "…"
    if isinstance(value, dict):
        return {str(key): _cell(item) for key, item in list(value.items())[:10]}
    if isinstance(value, list | tuple):
        return [_cell(item) for item in value[:10]]
    if value is None or isinstance(value, bool | int | float):
        return value
    return str(value)


def _file_bytes(source: str) -> int | None:
    """Return the size of the files of a path or pattern, or None for other sources."""
    path = Path(source)
    if not path.is_absolute():
        return None
    if path.is_file():
        return path.stat().st_size
    if not has_magic(source):
        return None
    return sum(file.stat().st_size for file in matches(Path(path.anchor), path.parts[1:], Budget()))


def _size(amount: int | None) -> str:
    value = float(amount or 0)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.3g} {unit}"
        value /= 1000
    return f"{value:.3g} TB"


def _line(row: dict[str, Any]) -> str:
    cells = [f"{name}={'' if value is None else value}" for name, value in row.items()]
    text = ", ".join(cells)
    return text if len(text) <= 300 else text[:299] + "…"
