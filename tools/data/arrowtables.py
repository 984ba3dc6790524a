"""Arrow tables and files as tables of the engine, without copying where the engine can read them as they are."""

# ruff: noqa: S608 (all names and texts in SQL are quoted by `sql`)

from __future__ import annotations

import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DataUnreadable
from .dataset import Reading
from .dialects import column_names
from .sql import identifier
from .views import make_view

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa
    from ibis.backends.duckdb import Backend


def read_arrow(backend: Backend, paths: Sequence[Path]) -> tuple[ir.Table, Reading]:
    """Read Arrow or Feather files: mapped into memory where they are files, read whole where they are streams.

    Raises:
        DataUnreadable: a file is damaged or not Arrow.
    """
    import pyarrow as pa

    names = repr(paths[0].name) if len(paths) == 1 else f"{paths[0].name!r} or another of the {len(paths)} files"
    try:
        tables = [_table(path) for path in paths]
        table = pa.concat_tables(tables, promote_options="permissive") if len(tables) > 1 else tables[0]
    except pa.ArrowInvalid as error:
        raise DataUnreadable(f"{names} can't be read as Arrow: {error}; copy or write the file again") from error
    return arrow_view(backend, table)


def _table(path: Path) -> pa.Table:
    import pyarrow as pa
    from pyarrow import feather, ipc

    with path.open("rb") as file:
        magic = file.read(6)
    if magic.startswith(b"FEA1"):
        return feather.read_table(path)
    if magic == b"ARROW1":
        return ipc.open_file(pa.memory_map(str(path))).read_all()
    return ipc.open_stream(pa.memory_map(str(path))).read_all()


def arrow_view(backend: Backend, table: pa.Table) -> tuple[ir.Table, Reading]:
    """Make a view of an Arrow table; types that the engine lacks are changed, with a note where values change."""
    table, notes = _fitted(table)
    name = f"arrow_{uuid.uuid4().hex[:12]}"
    backend.con.register(name, table)
    view, more = make_view(backend, f"SELECT * FROM {identifier(name)}")
    return view, Reading(notes=(*notes, *more))


def _fitted(table: pa.Table) -> tuple[pa.Table, list[str]]:
    names, notes = column_names(table.column_names, table.num_columns, keep=True)
    arrays, fields = [], []
    import pyarrow as pa

    for name, column in zip(names, table.columns, strict=True):
        fitted = _fitted_column(column)
        if fitted.type != column.type and not pa.types.is_dictionary(column.type):
            notes += [f"column {name!r}: {note}"] if (note := _changed(column.type)) else []
        arrays.append(fitted)
        fields.append(pa.field(name, fitted.type))
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields)), notes


def _fitted_column(column: pa.ChunkedArray) -> pa.ChunkedArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        return _fitted_column(pa.chunked_array([chunk.storage for chunk in column.chunks], kind.storage_type))
    if pa.types.is_null(kind):
        return column.cast(pa.string())
    if pa.types.is_dictionary(kind):
        return _fitted_column(column.cast(kind.value_type))
    if pa.types.is_run_end_encoded(kind):
        return _fitted_column(pa.chunked_array([pc.run_end_decode(chunk) for chunk in column.chunks], kind.value_type))
    if pa.types.is_float16(kind):
        return column.cast(pa.float32())
    if pa.types.is_decimal256(kind):
        return column.cast(pa.float64())
    if pa.types.is_duration(kind):
        per_second = {"s": 1, "ms": 1e3, "us": 1e6, "ns": 1e9}[kind.unit]
        return pc.divide(column.cast(pa.int64()).cast(pa.float64(), safe=False), float(per_second))
    return column


def _changed(kind: Any) -> str | None:
    import pyarrow as pa

    if pa.types.is_duration(kind):
        return "durations are given in seconds"
    if pa.types.is_decimal256(kind):
        return "decimals of more than 38 digits are floats"
    return None
