"""Seeded random rows at the cost of one quick scan."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .data.dataset import Dataset, Sample
from .results import Scanned

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa

_HASHES = 2**64
# Further than any file has rows, so that seeds draw from different numbers.
_STRIDE = 2**40
_NUMBERED = "file_row_number"


def sample_rows(dataset: Dataset, rows: int, columns: Sequence[str], *, seed: int = 0) -> Sample:
    """Bring about `rows` random rows into memory, or all of them when they fit; the same ones for the same seed.

    A repeatable `TABLESAMPLE` runs on one thread. In a Parquet file rows have numbers, and a hash of them draws as
    well on all threads, in a third of the time; elsewhere it is `Dataset.sample`.
    """
    numbered = _numbered_rows(dataset) if dataset.rows > rows else None
    if numbered is None:
        return dataset.sample(rows, columns, seed=seed)
    chosen = numbered.filter(drawn(engine_hash(numbered[_NUMBERED] + seed * _STRIDE), rows / dataset.rows))
    arrow = chosen.select(*columns).to_pyarrow()
    return Sample(arrow, Scanned(rows=arrow.num_rows, of=dataset.rows, method=f"random sample, seed {seed}"))


@cache
def _hash_of(dtype: str) -> Any:
    import ibis

    @ibis.udf.scalar.builtin(name="hash", signature=((dtype,), "uint64"))
    def engine_hash(value):  # type: ignore[no-untyped-def]
        """Return the engine's 64-bit hash."""

    return engine_hash


def engine_hash(column: ir.Value) -> ir.IntegerValue:
    """Return DuckDB's 64-bit hash of each value; Ibis' own goes by way of bit strings, which is slow."""
    hashed: ir.IntegerValue = _hash_of(str(column.type()))(column)
    return hashed


def drawn(hashes: ir.IntegerValue, share: float) -> ir.BooleanValue:
    """Tell whether hashes are among the lowest, a share of all there can be."""
    import ibis

    chosen: ir.BooleanValue = hashes < ibis.literal(min(int(_HASHES * share), _HASHES - 1), "uint64")
    return chosen


def _numbered_rows(dataset: Dataset) -> ir.Table | None:
    """Return the rows of a table that is one plain Parquet file in DuckDB together with their numbers, else None."""
    if "numbered rows" not in dataset.memo:
        dataset.memo["numbered rows"] = _open_numbered(dataset)
    numbered: ir.Table | None = dataset.memo["numbered rows"]
    return numbered


def _open_numbered(dataset: Dataset) -> ir.Table | None:
    import ibis.expr.operations as ops

    backend: Any = dataset.table.get_backend()
    plain = (
        isinstance(dataset.table.op(), ops.DatabaseTable) and dataset.format == "parquet" and backend.name == "duckdb"
    )
    if not plain or _NUMBERED in dataset.columns or not Path(dataset.source).is_file():
        return None
    numbered: ir.Table = backend.read_parquet(
        dataset.source, table_name=f"rows_{uuid.uuid4().hex}", file_row_number=True
    )
    same = [*dataset.columns, _NUMBERED] == list(numbered.columns) and int(
        numbered.count().to_pyarrow().as_py()
    ) == dataset.rows
    return numbered if same else None


def slices(dataset: Dataset, columns: Sequence[str], *, pieces: int = 5, rows: int = 3_000) -> pa.Table | None:
    """Return runs of neighbouring rows from all over a large Parquet file, which costs next to nothing, else None.

    Good for choosing how to compute something, never for what is answered: neighbours are alike.
    """
    import pyarrow as pa

    if dataset.rows < pieces * rows or _numbered_rows(dataset) is None:
        return None
    table = dataset.table.select(*columns)
    step = (dataset.rows - rows) // (pieces - 1)
    return pa.concat_tables([table.limit(rows, offset=piece * step).to_pyarrow() for piece in range(pieces)])
