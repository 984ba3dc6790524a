"""A dataset that gives the same rows in the same order whenever it is read, or whose change is noticed."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..data.dataset import Dataset
from ..data.unfinished import unfinished_prefix
from ..errors import DataUnreadable
from ..locking import locked
from ._rows import digest, hash_table
from ._survey import batches

if TYPE_CHECKING:
    from ..context import Context

# Rows of files come in the order of the file; those of a database or a view as the engine happens to find them.
_FROM_DATABASES = frozenset({"duckdb", "sqlite", "postgresql"})


def repeating(dataset: Dataset, context: Context) -> Dataset:
    """Return the dataset itself where its rows repeat their order, else a copy of it that does.

    A pipeline reads its rows several times and joins what it knows of them by their place. The copy of a source
    without a fingerprint gets one of its rows, whatever their order.
    """
    if dataset.format not in _FROM_DATABASES:
        return dataset
    from ..data.views import parquet_view

    fingerprint, path = dataset.fingerprint, _place(dataset, dataset.fingerprint, context)
    if fingerprint and path.exists():
        os.utime(path)  # in use: the sweep of the workspace goes by age
    else:
        fingerprint, path = _copied(dataset, context)
    view, _ = parquet_view(context.opener.engine.connect(), path)
    return replace(dataset, table=view, fingerprint=fingerprint, memo={})


@contextmanager
def unmoved(dataset: Dataset, context: Context) -> Iterator[None]:
    """Tell of a file that changed while a block read it, whatever the block made of that.

    Raises:
        DataUnreadable: it changed, so that what was read first and what was read last may not belong together.
    """
    try:
        yield
    finally:
        copied = dataset.format in _FROM_DATABASES or context.opener.is_remote(dataset.name)
        if not copied and context.opener.resolve(dataset.name).fingerprint != dataset.fingerprint:
            raise DataUnreadable(
                f"{dataset.name!r} changed while it was read, and nothing was kept of it; call again when it rests"
            )


def _place(dataset: Dataset, fingerprint: str, context: Context) -> Path:
    """Return the file for the copy of some content."""
    said = [fingerprint, dataset.source, context.caller.tenant, _types(dataset)]
    return context.workspace.folder("snapshots") / f"rows-{_digest(said)}.parquet"


def _copied(dataset: Dataset, context: Context) -> tuple[str, Path]:
    """Copy the rows unless the same are there already, maybe in another order, and being read."""
    folder = context.workspace.folder("snapshots")
    unfinished = folder / f"{unfinished_prefix()}rows-{secrets.token_hex(6)}.parquet"
    try:
        content = _write(dataset, unfinished)
        fingerprint = dataset.fingerprint or _digest([content, _types(dataset)])
        path = _place(dataset, fingerprint, context)
        with locked(folder / "rows.lock"):
            if not path.exists():
                unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return fingerprint, path


def _write(dataset: Dataset, path: Path) -> str:
    """Write the rows as Parquet; return their digest, whatever their order."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    keys, writer = [np.zeros(0, dtype=np.uint64)], None
    try:
        for table in batches(dataset, dataset.columns):
            keys.append(hash_table(table))
            writer = writer or pq.ParquetWriter(path, table.schema)
            writer.write_table(table.cast(writer.schema))
        if writer is None:
            empty: pa.Table = dataset.table.limit(0).to_pyarrow()
            writer = pq.ParquetWriter(path, empty.schema)
    finally:
        if writer is not None:
            writer.close()
    return digest(np.concatenate(keys))


def _types(dataset: Dataset) -> dict[str, str]:
    return {name: str(kind) for name, kind in dataset.schema.items()}


def _digest(of: object) -> str:
    return hashlib.blake2b(json.dumps(of).encode(), digest_size=16).hexdigest()
