"""A dataset that gives its rows in the same order whenever it is read."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING

from ..data.dataset import Dataset
from ..data.unfinished import unfinished_prefix

if TYPE_CHECKING:
    from ..context import Context

# Rows of files come in the order of the file; those of a database or a view as the engine happens to find them.
_FROM_DATABASES = frozenset({"duckdb", "sqlite", "postgresql"})


def repeating(dataset: Dataset, context: Context) -> Dataset:
    """Return the dataset itself where its rows repeat their order, else a copy of it that does.

    A pipeline reads its rows several times and joins what it knows of them by their place.
    """
    if dataset.format not in _FROM_DATABASES:
        return dataset
    import pyarrow as pa
    import pyarrow.parquet as pq

    from ..data.views import parquet_view
    from ._survey import batches

    folder = context.workspace.folder("snapshots")
    said = [dataset.fingerprint, dataset.source, context.caller.tenant, {n: str(k) for n, k in dataset.schema.items()}]
    name = hashlib.blake2b(json.dumps(said).encode(), digest_size=16).hexdigest()
    path = folder / f"rows-{name}.parquet"
    if not dataset.fingerprint or not path.exists():
        # Without a fingerprint nothing tells whether the rows are still the same, so they are read anew.
        unfinished = folder / f"{unfinished_prefix()}{path.name}"
        writer = None
        try:
            for table in batches(dataset, dataset.columns):
                writer = writer or pq.ParquetWriter(unfinished, table.schema)
                writer.write_table(table.cast(writer.schema))
            if writer is None:
                empty: pa.Table = dataset.table.limit(0).to_pyarrow()
                writer = pq.ParquetWriter(unfinished, empty.schema)
        finally:
            if writer is not None:
                writer.close()
        unfinished.replace(path)
    view, _ = parquet_view(context.opener.engine.connect(), path)
    return replace(dataset, table=view, memo={})
