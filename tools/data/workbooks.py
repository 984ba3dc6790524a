"""Excel and OpenDocument workbooks as tables: the first sheet that holds anything."""

from __future__ import annotations

import datetime as dt
import zipfile
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DataUnreadable, LimitExceeded
from .casting import TEMPORAL, Form, Untyped
from .delimited import staged
from .dialects import column_names, is_header
from .extents import Extent, opendocument_extents, sheet_extent

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa
    from python_calamine import CalamineWorkbook

# All of a sheet is held in memory while it is read.
MOST_UNPACKED_BYTES = 4 << 30
# Empty cells between filled ones take memory like these, some forty bytes each.
MOST_CELLS = 64_000_000


def read_workbooks(_: duckdb.DuckDBPyConnection, paths: Sequence[Path], folder: Path) -> Untyped:
    """Read the first filled sheet of each workbook; numbers, dates and booleans keep the type that their cells have.

    Raises:
        DataUnreadable: a file is damaged, protected by a password or holds no table.
        LimitExceeded: it unpacks to more, or spans more cells, than memory should hold.
    """
    import pyarrow.parquet as pq

    files: list[Path] = []
    texts: dict[str, Form] = {}
    notes: list[str] = []
    for number, path in enumerate(paths):
        table, found = _sheet(path)
        target = folder / f"sheet{number}.parquet"
        pq.write_table(table, target)
        files.append(target)
        texts.update({field.name: TEMPORAL for field in table.schema if str(field.type) == "string"})
        notes += [f"{path.name}: {note}" if len(paths) > 1 else note for note in found]
    return Untyped(staged(files, by_name=True), texts, notes=tuple(notes))


def _sheet(path: Path) -> tuple[pa.Table, list[str]]:
    import pyarrow as pa
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError

    _check_size(path)
    # All sheets of an OpenDocument are laid out when it is opened; those of Excel when they are asked for.
    for name, extent in opendocument_extents(path):
        _check_extent(path, name, extent)
    try:
        workbook = CalamineWorkbook.from_path(path)
        names = list(workbook.sheet_names)
        sheets = ((name, _cells(workbook, path, name)) for name in names)
        name, rows = next(((name, rows) for name, rows in sheets if any(map(_filled, rows))), ("", []))
    except PasswordError as error:
        raise DataUnreadable(f"{path.name!r} is protected by a password; save a copy without it") from error
    except CalamineError as error:
        raise DataUnreadable(
            f"{path.name!r} can't be read as a workbook: {error}; open it in a spreadsheet program and save it anew"
        ) from error
    if not rows:
        raise DataUnreadable(f"{path.name!r} holds nothing in any of its {len(names)} sheet(s); name another file")
    others = [other for other in names if other != name]
    notes = [f"read the sheet {name!r}; others are {', '.join(map(repr, others))}"] if others else []
    header, body, found = _table(rows)
    columns = list(zip(*body, strict=True)) if body else [()] * len(header)
    arrays = [_column(values) for values in columns]
    return pa.Table.from_arrays(arrays, names=header), notes + found


def _cells(workbook: CalamineWorkbook, path: Path, name: str) -> list[list[Any]]:
    _check_extent(path, name, sheet_extent(path, name, MOST_CELLS))
    return workbook.get_sheet_by_name(name).to_python()


def _check_extent(path: Path, name: str, extent: Extent | None) -> None:
    if extent is not None and extent.cells > MOST_CELLS:
        raise LimitExceeded(
            f"sheet {name!r} of {path.name!r} spans {extent}, which are {extent.cells:,} cells, more than the "
            f"{MOST_CELLS:,} allowed; delete what stands far from the table (Ctrl+End leads to the last cell) "
            "and save, or save the table as CSV"
        )


def _check_size(path: Path) -> None:
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        size = sum(entry.file_size for entry in archive.infolist())
    if size > MOST_UNPACKED_BYTES:
        raise LimitExceeded(
            f"{path.name!r} unpacks to {size >> 20:,} MB, more than the {MOST_UNPACKED_BYTES >> 20:,} MB allowed "
            "for a workbook; save the sheet as CSV"
        )


def _filled(row: Sequence[Any]) -> bool:
    return any(cell != "" for cell in row)


def _table(rows: Sequence[Sequence[Any]]) -> tuple[list[str], list[list[Any]], list[str]]:
    """Part the cells into names and rows; titles above the table and empty rows around it are left out."""
    filled = [(number, row) for number, row in enumerate(rows, start=1) if _filled(row)]
    # A title above a table fills one cell or two of many.
    start = next((i for i, (_, row) in enumerate(filled[:20]) if sum(c != "" for c in row) >= _typical(filled) / 2), 0)
    notes = [f"skipped {start} row(s) above the table"] if start else []
    first = [_text(cell) for cell in filled[start][1]]
    below = [[_text(cell) for cell in row] for _, row in islice(filled, start + 1, start + 200)]
    words = all(isinstance(cell, str) for cell in filled[start][1])
    named = is_header(first, below) or (words and not below)
    names, renamed = column_names(first if named else [], len(first))
    if not named:
        notes.append("no header was found, so columns are named column_1, column_2 …")
    dropped = len(rows[filled[start][0] - 1 :]) - len(filled[start:])
    if dropped:
        notes.append(f"{dropped} empty row(s) between the others are left out")
    return names, [list(row) for _, row in filled[start + named :]], notes + renamed


def _typical(filled: Sequence[tuple[int, Sequence[Any]]]) -> int:
    counts: list[int] = sorted(sum(cell != "" for cell in row) for _, row in filled[:200])
    return counts[len(counts) // 2]


def _column(values: Sequence[Any]) -> pa.Array:
    """Make an array of cells: of their common type, or else of text."""
    import pyarrow as pa

    kinds = {type(value) for value in values if value != ""}
    cells = [None if value == "" else value for value in values]
    if kinds and kinds <= {float, int}:
        # A sheet knows only floats: whole numbers are those that are all whole.
        if all(cell is None or (float(cell).is_integer() and abs(cell) < 2**53) for cell in cells):
            return pa.array([None if cell is None else int(cell) for cell in cells], pa.int64())
        return pa.array(cells, pa.float64())
    if kinds <= {dt.date, dt.datetime} and dt.datetime in kinds:
        return pa.array([_moment(cell) for cell in cells], pa.timestamp("us"))
    if kinds == {dt.date}:
        return pa.array(cells, pa.date32())
    if kinds == {bool}:
        return pa.array(cells, pa.bool_())
    if kinds == {dt.timedelta}:
        return pa.array([None if cell is None else cell.total_seconds() for cell in cells], pa.float64())
    return pa.array([None if cell is None else _text(cell) for cell in cells], pa.string())


def _moment(cell: Any) -> Any:
    return dt.datetime.combine(cell, dt.time()) if type(cell) is dt.date else cell


def _text(cell: Any) -> str:
    """Write a cell as the spreadsheet shows it: whole numbers without a point."""
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 2**53:
        return str(int(cell))
    return str(cell)
