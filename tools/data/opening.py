"""From a path, or a table in memory, to a `Dataset`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import BadRequest, DataUnreadable
from .dataset import Dataset
from .engine import Engine


def open_dataset(source: Any, *, name: str | None = None, engine: Engine | None = None) -> Dataset:
    """Open a file path, or a pandas, polars or Arrow table, as a `Dataset`.

    Raises:
        DataUnreadable: the file is missing or can't be read as a table.
        BadRequest: the source is of a kind that Refinery does not know.
    """
    backend = (engine or Engine()).connect()
    if not isinstance(source, str | Path):
        return Dataset(name=name or "table", table=backend.create_table("dataset", source), format="table")
    path = Path(source)
    if not path.exists():
        raise DataUnreadable(f"no file {str(path)!r}")
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        table = backend.read_parquet(path, table_name="dataset")
    elif suffix in {".csv", ".tsv"}:
        table = backend.read_csv(path, table_name="dataset", strict_mode=False, sample_size=-1)
    else:
        raise BadRequest(f"unknown format {suffix!r} of {str(path)!r}")
    return Dataset(name=name or path.stem, table=table, source=str(path), format=suffix[1:])
