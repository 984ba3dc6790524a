"""The values of columns, fetched once for the checks of one call: a first look, a sample, the levels of text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from ..data.dataset import Dataset, Sample

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa

FIRST_LOOK = 10_000
SAMPLE_ROWS = 50_000
SAMPLE_CELLS = 5_000_000
# A text column with more different values than this has no levels, only values.
MAX_LEVELS = 25_000
_QUERIES_AT_ONCE = 25


def plain_columns(dataset: Dataset, columns: Iterable[str] | None = None) -> list[str]:
    """Return the columns whose values are single things: no lists, structs or JSON."""
    names = dataset.columns if columns is None else columns
    return [name for name in names if not _is_nested(dataset, name)]


def _is_nested(dataset: Dataset, name: str) -> bool:
    dtype = dataset.schema[name]
    return bool(dtype.is_nested() or dtype.is_json() or dtype.is_binary() or dtype.is_unknown() or dtype.is_interval())


def text_columns(dataset: Dataset, columns: Iterable[str] | None = None) -> list[str]:
    """Return the text columns."""
    names = dataset.columns if columns is None else columns
    return [name for name in names if dataset.schema[name].is_string() and not dataset.schema[name].is_json()]


def first_look(dataset: Dataset) -> pa.Table:
    """Return the first rows: cheap, good for choosing how to compute something, never for what is answered."""
    if "quality sample" in dataset.memo or dataset.rows <= _sample_rows(dataset):
        return shared_sample(dataset).arrow
    if "quality first look" not in dataset.memo:
        table = dataset.table.select(*(plain_columns(dataset) or dataset.columns[:1]))
        dataset.memo["quality first look"] = table.limit(min(FIRST_LOOK, _sample_rows(dataset))).to_pyarrow()
    look: pa.Table = dataset.memo["quality first look"]
    return look


def shared_sample(dataset: Dataset) -> Sample:
    """Return a seeded sample of the plain columns (all rows where they are few), smaller the wider the table is."""
    if "quality sample" not in dataset.memo:
        names = plain_columns(dataset) or dataset.columns[:1]
        dataset.memo["quality sample"] = dataset.sample(_sample_rows(dataset), names)
    sample: Sample = dataset.memo["quality sample"]
    return sample


def _sample_rows(dataset: Dataset) -> int:
    return max(1_000, min(SAMPLE_ROWS, SAMPLE_CELLS // max(1, len(dataset.columns))))


def column_levels(dataset: Dataset, columns: Sequence[str]) -> dict[str, dict[str, int]]:
    """Count the values of the text columns that have at most `MAX_LEVELS` of them, exactly; leave the others out."""
    known: dict[str, dict[str, int] | None] = dataset.memo.setdefault("quality levels", {})
    wanted = [name for name in columns if name not in known]
    look = first_look(dataset) if wanted else None
    few = [name for name in wanted if _has_levels(look, name)]
    known.update(dict.fromkeys(wanted))
    if look is not None and look.num_rows == dataset.rows:
        known.update({name: _levels_in_memory(look, name) for name in few})
        few = []
    for batch in batches(few, _QUERIES_AT_ONCE):
        counts: dict[str, dict[str, int]] = {name: {} for name in batch}
        for name, value, rows in value_counts(dataset, batch, MAX_LEVELS + 1):
            counts[name][value] = rows
        known.update({name: found for name, found in counts.items() if len(found) <= MAX_LEVELS})
    return {name: found for name in columns if (found := known[name]) is not None}


def _levels_in_memory(table: pa.Table, name: str) -> dict[str, int]:
    import pyarrow.compute as pc

    counted = pc.value_counts(table.column(name).combine_chunks())
    pairs = zip(counted.field(0).to_pylist(), counted.field(1).to_pylist(), strict=True)
    return {value: rows for value, rows in pairs if value is not None}


def value_counts(
    dataset: Dataset,
    columns: Sequence[str],
    limit: int,
    where: Callable[[ir.StringColumn], ir.BooleanColumn] | None = None,
) -> Iterator[tuple[str, Any, int]]:
    """Count the non-null values of columns of one type in one query, at most `limit` different ones a column."""
    import ibis

    # Ibis walks all columns of a relation at every step, so a wide table is narrowed first.
    narrow = dataset.table.select(*columns) if columns else dataset.table
    branches = []
    for index, name in enumerate(columns):
        kept = narrow.select(value=narrow[name])
        kept = kept if where is None else kept.filter(where(kept.value))
        counted = kept.group_by("value").aggregate(rows=kept.count()).limit(limit + 1)
        branches.append(counted.mutate(column=ibis.literal(index, type="int32")))
    if branches:
        table = branches[0] if len(branches) == 1 else ibis.union(branches[0], *branches[1:], distinct=False)
        found = table.to_pyarrow()
        places, values, rows = (found.column(name).to_pylist() for name in ("column", "value", "rows"))
        for place, value, count in zip(places, values, rows, strict=True):
            if value is not None:
                yield columns[place], value, count


def batches(items: Sequence[str], size: int) -> Iterator[list[str]]:
    """Cut a sequence into lists of at most `size`."""
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch


def _has_levels(look: pa.Table, name: str) -> bool:
    """Tell from some rows whether a column is likely to have few different values."""
    import pyarrow.compute as pc

    column = look.column(name)
    filled = len(column) - column.null_count
    distinct = int(pc.count_distinct(column, mode="only_valid").as_py())
    return distinct <= 2_000 or distinct <= 0.9 * filled
