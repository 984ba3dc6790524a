"""From a path, or a table in memory, to a `Dataset`, for notebooks; a server opens what `sources` lets it."""

from __future__ import annotations

import difflib
import glob
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DataUnreadable
from .dataset import Dataset, Reading
from .engine import Engine

if TYPE_CHECKING:
    from collections.abc import Sequence


def open_dataset(source: Any, *, name: str | None = None, engine: Engine | None = None) -> Dataset:
    """Open a file, a pattern of files, or a table in memory.

    Args:
        source: a path or pattern (`orders.csv`, `orders/*.parquet`); or a pandas, polars or Arrow table, a DuckDB
            relation, an Ibis table, or any object that gives an Arrow stream.
        name: what results call it; by default the file's name without its suffix, or `table`.
        engine: limits on memory and threads; by default DuckDB's own.

    Raises:
        DataUnreadable: the file is missing or can't be read as a table; the message says where and what to try.
        BadRequest: the source is of a kind that Refinery does not know.

    >>> import pandas as pd
    >>> open_dataset(pd.DataFrame({"city": ["Rome", "Oslo"]})).rows
    2
    """
    if isinstance(source, str | Path):
        return _open_files(str(source), name, engine or Engine())
    if type(source).__module__.startswith("ibis."):
        import ibis.expr.types as ir

        if isinstance(source, ir.Table):
            return Dataset(name=name or "table", table=source, source="an Ibis table", format="table")
    from .arrowtables import arrow_view
    from .frames import to_arrow, unknown_source

    made = to_arrow(source)
    if made is None:
        raise unknown_source(source)
    arrow, notes = made
    table, reading = arrow_view((engine or Engine()).connect(), arrow)
    kind = type(source).__module__.partition(".")[0].lstrip("_")
    return Dataset(
        name=name or "table",
        table=table,
        source=f"a {kind} {type(source).__name__} in memory",
        format="table",
        reading=Reading(notes=(*notes, *reading.notes)),
    )


def _open_files(source: str, name: str | None, engine: Engine) -> Dataset:
    from .fingerprints import Fingerprints
    from .reading import detect_format, read_files

    paths = _paths(source)
    form = detect_format(paths[0])
    table, reading = read_files(
        engine.connect(), paths, None if len(paths) > 1 else form, snapshots=None, fingerprint=""
    )
    stem = Path(source).name.partition(".")[0]
    return Dataset(
        name=name or (stem if stem and not glob.has_magic(stem) else "table"),
        table=table,
        source=source,
        format=form,
        fingerprint=Fingerprints().of(paths, form),
        reading=reading,
    )


def _paths(source: str) -> Sequence[Path]:
    path = Path(source).expanduser()
    if path.exists() or not glob.has_magic(source):
        if not path.exists():
            raise _missing(path)
        return [path]
    matches = glob.glob(str(path), recursive=True)  # noqa: PTH207 (a Path needs a folder to start from)
    found = sorted(Path(match) for match in matches if Path(match).is_file())
    if not found:
        raise DataUnreadable(f"no file matches {source!r}; the current folder is {os.getcwd()!r}")  # noqa: PTH109
    return found


def _missing(path: Path) -> DataUnreadable:
    folder = path.parent
    if "://" in str(path) or ":/" in str(path):
        return DataUnreadable(f"no file {str(path)!r}; open_dataset takes files, not URLs: download it first")
    if not folder.is_dir():
        return DataUnreadable(f"no file {str(path)!r}: there is no folder {str(folder.absolute())!r}")
    names = sorted(entry.name for entry in folder.iterdir() if entry.is_file())
    near = difflib.get_close_matches(path.name, names, n=1)
    meant = f"; did you mean {near[0]!r}?" if near else ""
    return DataUnreadable(f"no file {path.name!r} in {str(folder.absolute())!r}{meant}")
