"""What kind of thing a column holds: the profile that checks and explorations share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .data.dataset import Dataset
from .data.values import as_python
from .kinds import Facts, Kind, judge
from .readings import reads_as_datetime, reads_as_number

if TYPE_CHECKING:
    import ibis.expr.datatypes as dt
    import pyarrow as pa

__all__ = ["ColumnProfile", "Glance", "Kind", "glance_at_columns", "glance_of", "profile_columns", "value_counts"]

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
        glances = glance_at_columns(dataset, fresh)
        partial = [name for name in fresh if glances[name].rows < dataset.rows]
        bounds = dataset.aggregate(_bounds(dataset, partial)) if partial else {}
        for name in fresh:
            known[name] = _profile(dataset, glances[name], bounds)
    return {name: known[name] for name in names}


@dataclass(frozen=True)
class Glance:
    """A column in a seeded sample of rows: its different non-null values, the most frequent first, and their counts."""

    name: str
    rows: int
    nulls: int
    values: pa.Array
    counts: pa.Array
    minimum: Any
    maximum: Any
    shares: Mapping[str, float]

    def distinct(self, filled: int) -> int:
        """Estimate how many different values there are among `filled`."""
        return _estimate_distinct(self.counts, filled)

    def facts(self, dtype: dt.DataType, filled: int, distinct: int, minimum: Any, maximum: Any) -> Facts:
        """Return what the kind is judged from, given what is known of the whole column."""
        whole = dtype.is_floating() and _all_whole(self.values)
        return Facts(self.name, dtype, filled, distinct, minimum, maximum, whole, **self.shares)


def glance_at_columns(dataset: Dataset, names: Sequence[str]) -> dict[str, Glance]:
    """Look at a sample of columns: all rows of small tables, else some 20,000; kept for the rest of the call."""
    known: dict[str, Glance] = dataset.memo.setdefault("column glances", {})
    fresh = [name for name in dict.fromkeys(names) if name not in known]
    if fresh:
        rows = max(2_000, min(SAMPLE_ROWS, SAMPLE_CELLS // len(fresh)))
        arrow = dataset.sample(rows, fresh).arrow
        for index, name in enumerate(fresh):
            known[name] = glance_of(dataset, name, arrow.column(index).combine_chunks())
    return {name: known[name] for name in names}


def glance_of(dataset: Dataset, name: str, array: pa.Array) -> Glance:
    """Glance at some values of a column."""
    dtype = dataset.schema[name]
    values, counts = value_counts(array)
    low, high = _extremes(array) if _ordered(dataset, name) else (None, None)
    shares = _shares(values, counts) if dtype.is_string() and not dtype.is_json() else {}
    return Glance(name, len(array), array.null_count, values, counts, low, high, shares)


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


def _profile(dataset: Dataset, glance: Glance, bounds: dict[Any, Any]) -> ColumnProfile:
    name, dtype = glance.name, dataset.schema[glance.name]
    filled = int(bounds.get(("filled", name), glance.rows - glance.nulls))
    partial = ("filled", name) in bounds
    low = bounds.get(("minimum", name)) if partial else glance.minimum
    high = bounds.get(("maximum", name)) if partial else glance.maximum
    facts = glance.facts(dtype, filled, glance.distinct(filled), low, high)
    return ColumnProfile(
        name=name,
        storage=str(dtype),
        kind=judge(facts),
        rows=dataset.rows,
        nulls=dataset.rows - filled,
        distinct=facts.distinct,
        minimum=low,
        maximum=high,
        numeric_share=glance.shares.get("numeric_share"),
        datetime_share=glance.shares.get("datetime_share"),
    )


def value_counts(array: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Return the different non-null values and their counts, the most frequent first."""
    import pyarrow as pa
    import pyarrow.compute as pc

    array = array.drop_null()
    if pa.types.is_nested(array.type) or isinstance(array.type, pa.BaseExtensionType):
        array = pa.array([str(value) for value in as_python(array)], pa.string())
    counted = array.value_counts()
    order = pc.sort_indices(counted.field("counts"), sort_keys=[("", "descending")])
    return counted.field("values").take(order), counted.field("counts").take(order)


def _estimate_distinct(counts: pa.Array, filled: int) -> int:
    """Estimate how many of `filled` values are different from the counts of a sample; exact when that is all of them.

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
    return as_python(both["min"]), as_python(both["max"])


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
