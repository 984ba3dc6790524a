"""What kind of thing a column holds: the profile that checks and explorations share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .data.dataset import Dataset, Sample
from .kinds import Facts, Kind, judge
from .readings import reads_as_datetime, reads_as_number

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["ColumnProfile", "Kind", "column_values", "profile_columns"]

SAMPLE_ROWS = 20_000
SAMPLE_CELLS = 4_000_000
# Texts are read one by one, so only so many different ones of a column.
_TEXTS = 2_000


@dataclass(frozen=True)
class ColumnProfile:
    """One column in short; in tables of more than some 20,000 rows, what is not exact is judged from a seeded sample.

    Attributes:
        storage: the engine's type, such as `int64` or `string`.
        kind: what the values are to an analyst. `numeric` and `datetime` are so in storage too; `boolean` is stored as
            booleans or as the integers 0 and 1; `categorical` may be stored as integers (codes, keys of other tables);
            `id` is all but unique in each row, and never a float.
        rows, nulls: exact.
        distinct: different values, nulls left out (Haas and Stokes' first-order jackknife where sampled).
        minimum, maximum: exact, for what has an order other than the alphabet's; else None.
        numeric_share: for text, the fraction of non-null values that read as plain numbers, else None.
        datetime_share: for text, the fraction of non-null values that read as dates or timestamps, else None.
    """

    name: str
    storage: str
    kind: Kind
    rows: int
    nulls: int
    distinct: int
    minimum: Any = None
    maximum: Any = None
    numeric_share: float | None = None
    datetime_share: float | None = None


def profile_columns(dataset: Dataset, columns: Sequence[str] | None = None) -> dict[str, ColumnProfile]:
    """Profile columns from one sample and one pass over the data; kept for the rest of the call.

    Raises:
        BadRequest: a column does not exist.
    """
    names = dataset.require(columns)
    known: dict[str, ColumnProfile] = dataset.memo.setdefault("column profiles", {})
    fresh = [name for name in dict.fromkeys(names) if name not in known]
    if fresh:
        sample = _sample(dataset, fresh)
        whole = sample.scanned.rows == dataset.rows
        bounds = {} if whole else dataset.aggregate(_bounds(dataset, fresh))
        for index, name in enumerate(fresh):
            known[name] = _profile(dataset, name, sample.arrow.column(index).combine_chunks(), bounds)
    return {name: known[name] for name in names}


def column_values(dataset: Dataset, name: str) -> tuple[pa.Array, pa.Array]:
    """Return the different non-null values of a column in the profile's sample, the most frequent first, and their counts."""
    profile_columns(dataset, [name])
    values, counts = dataset.memo["column values", name]
    return values, counts


def _sample(dataset: Dataset, names: Sequence[str]) -> Sample:
    rows = max(2_000, min(SAMPLE_ROWS, SAMPLE_CELLS // max(1, len(names))))
    return dataset.sample(rows, names)


def _ordered(dataset: Dataset, name: str) -> bool:
    dtype = dataset.schema[name]
    return bool(dtype.is_numeric() or dtype.is_temporal() or dtype.is_boolean())


def _bounds(dataset: Dataset, names: Sequence[str]) -> dict[Any, Any]:
    expressions: dict[Any, Any] = {}
    for name in names:
        column = dataset.table[name]
        expressions["filled", name] = column.count()
        if _ordered(dataset, name):
            expressions["minimum", name], expressions["maximum", name] = column.min(), column.max()
    return expressions


def _profile(dataset: Dataset, name: str, array: pa.Array, bounds: dict[Any, Any]) -> ColumnProfile:
    filled = int(bounds.get(("filled", name), len(array) - array.null_count))
    values, counts = _value_counts(array)
    dataset.memo["column values", name] = values, counts
    low, high = bounds.get(("minimum", name)), bounds.get(("maximum", name))
    if not bounds and _ordered(dataset, name):
        low, high = _extremes(array)
    dtype = dataset.schema[name]
    shares = _shares(values, counts) if dtype.is_string() and not dtype.is_json() else {}
    facts = Facts(
        name,
        dtype,
        filled,
        _estimate_distinct(counts, filled),
        low,
        high,
        whole=dtype.is_floating() and _all_whole(values),
        **shares,
    )
    return ColumnProfile(
        name=name,
        storage=str(dtype),
        kind=judge(facts),
        rows=dataset.rows,
        nulls=dataset.rows - filled,
        distinct=facts.distinct,
        minimum=low,
        maximum=high,
        numeric_share=shares.get("numeric_share"),
        datetime_share=shares.get("datetime_share"),
    )


def _value_counts(array: pa.Array) -> tuple[pa.Array, pa.Array]:
    import pyarrow as pa
    import pyarrow.compute as pc

    array = array.drop_null()
    if pa.types.is_nested(array.type) or isinstance(array.type, pa.BaseExtensionType):
        array = pa.array([str(value) for value in array.slice(0, _TEXTS).to_pylist()], pa.string())
    counted = array.value_counts()
    order = pc.sort_indices(counted.field("counts"), sort_keys=[("", "descending")])
    return counted.field("values").take(order), counted.field("counts").take(order)


def _estimate_distinct(counts: pa.Array, filled: int) -> int:
    """Estimate the number of different values among `filled` from the counts of a sample of them; exact for all of them.

    Source: the estimator Duj1 of Haas, Naughton, Seshadri and Stokes, "Sampling-based estimation of the number of
    distinct values of an attribute", VLDB 1995.
    """
    import pyarrow.compute as pc

    seen, once = len(counts), int(pc.sum(pc.equal(counts, 1)).as_py() or 0)
    taken = int(pc.sum(counts).as_py() or 0)
    if not taken or taken >= filled:
        return min(seen, filled)
    estimate = seen / (1 - (1 - taken / filled) * once / taken)
    return min(filled, max(seen, round(estimate)))


def _extremes(array: pa.Array) -> tuple[Any, Any]:
    import pyarrow.compute as pc

    if len(array) == array.null_count:
        return None, None
    both = pc.min_max(array)
    return both["min"].as_py(), both["max"].as_py()


def _all_whole(values: pa.Array) -> bool:
    import pyarrow.compute as pc

    return bool(len(values)) and bool(pc.all(pc.equal(values, pc.round(values))).as_py())


def _shares(values: pa.Array, counts: pa.Array) -> dict[str, float]:
    """Return how long texts are and how many read as numbers and as dates, by rows."""
    texts = list(_texts(values, counts))
    rows = sum(count for _, count in texts)
    if not rows:
        return {}
    return {
        "length": sum(len(text) * count for text, count in texts) / rows,
        "words": sum(len(text.split()) * count for text, count in texts) / rows,
        "numeric_share": sum(count for text, count in texts if reads_as_number(text)) / rows,
        "datetime_share": sum(count for text, count in texts if reads_as_datetime(text)) / rows,
    }


def _texts(values: pa.Array, counts: pa.Array) -> Iterator[tuple[str, int]]:
    """Return the most frequent texts; where they are too many, of the rest as many rows stand for all."""
    if len(values) <= _TEXTS:
        yield from zip(values.to_pylist(), counts.to_pylist(), strict=True)
        return
    step = len(values) / _TEXTS
    for index in range(_TEXTS):
        place = int(index * step)
        yield values[place].as_py(), counts[place].as_py()
