"""Columns of too many different values to list: what can be had of them in a scan or two."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from ..data.dataset import Dataset
from ..data.values import microseconds, seconds
from ._frequencies import Numbers, PowerSums

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import numpy.typing as npt
    import pyarrow as pa

_HASHES = 2**64
# With this many values kept, a count of different values has a standard error of 0.5 %.
_KEPT = 40_000
_ENOUGH_KEPT = 10_000
# Largest gaps are searched between this many equal spans of time.
_SPANS = 10_000


def rank_error(rows: int, of: int) -> float:
    """Return the error of rank that all quantiles of a random sample stay within, with 99 % confidence.

    Source: the inequality of Dvoretzky, Kiefer and Wolfowitz with Massart's constant.
    """
    return 0.0 if rows >= of or not rows else math.sqrt(math.log(2 / 0.01) / (2 * rows))


def count_distinct(dataset: Dataset, name: str, guess: int) -> int:
    """Count different values with a standard error of about half a percent, at the price of hashing each value once.

    Values, not rows, are sampled: those whose hash falls under a bound, so that a value is in with all its rows or
    not at all, and those in are counted. An exact count keeps every value in memory; DuckDB's HyperLogLog errs by 13 %.
    Source: Bar-Yossef et al., "Counting distinct elements in a data stream", 2002, without the need to find the bound.
    """
    column = dataset.table[name]
    if dataset.table.get_backend().name != "duckdb":
        return int(column.nunique().to_pyarrow().as_py())
    share = min(1.0, _KEPT / max(1, guess))
    # The column alone first: Ibis goes through all columns of a table at each step.
    values = dataset.table.select(value=column)
    while True:
        hashes = values.filter(values.value.notnull()).select(hashed=engine_hash(values.value))
        if share < 1:
            hashes = hashes.filter(drawn(hashes.hashed, share))
        kept = int(hashes.distinct().count().to_pyarrow().as_py())
        if share == 1 or kept >= _ENOUGH_KEPT:
            return round(kept / share)
        share = 1.0 if kept < 100 else min(1.0, share * _KEPT / kept)


def scalars(
    dataset: Dataset,
    numbers: Mapping[str, float],
    moments: Sequence[str],
    texts: Sequence[str],
    *,
    counted: Sequence[str] = (),
    keys: Sequence[str] = (),
    finite: bool = False,
) -> dict[Any, Any]:
    """Compute in one pass what is exact: counts, extremes, means and sums of powers about a centre, lengths.

    Args:
        dataset: the table.
        numbers: numeric columns with a centre near their mean.
        moments: date and timestamp columns.
        texts: text columns.
        counted: columns of which nothing but the nulls is asked.
        keys: those of `numbers` that name rows, whose higher powers mean nothing.
        finite: leave NaN and infinities out, and count the others.
    """
    expressions: dict[Any, Any] = {}
    for name in (*numbers, *moments, *texts, *counted):
        expressions["filled", name] = dataset.table[name].count()
    for name in (*numbers, *moments):
        column: Any = dataset.table[name]
        where = None
        if finite:
            where = ~(column.isnan() | column.isinf()) if name in numbers else seconds(column).notnull()
        expressions["minimum", name], expressions["maximum", name] = column.min(where=where), column.max(where=where)
        if name in numbers:
            expressions |= _power_sums(name, column, numbers[name], where, shape=name not in keys)
        elif finite:
            expressions["finite", name] = column.count(where=where)
    for name in texts:
        length = dataset.table[name].length()
        expressions["shortest", name], expressions["longest", name] = length.min(), length.max()
        expressions["length", name] = length.mean()
    return dataset.aggregate(expressions)


def _power_sums(
    name: str, column: ir.Column, centre: float, where: ir.BooleanValue | None, *, shape: bool
) -> dict[Any, Any]:
    about: Any = column.cast("float64") - centre
    filled: Any = column
    sums = {("first", name): about.sum(where=where), ("second", name): (about * about).sum(where=where)}
    if not column.type().is_floating():
        # Integers and decimals have exact sums; a float's is closest from the distances.
        sums["mean", name] = filled.mean(where=where)
    if shape:
        sums["third", name] = (about * about * about).sum(where=where)
        sums["fourth", name] = (about * about * about * about).sum(where=where)
        sums["zeros", name], sums["negatives", name] = (filled == 0).sum(), (filled < 0).sum()
    return sums | ({} if where is None else {("finite", name): filled.count(where=where)})


def power_sums(name: str, centre: float, values: Mapping[Any, Any], rows: int) -> PowerSums:
    """Read the sums of `scalars` for a column."""
    sums = [float(values.get((key, name), math.nan)) for key in ("first", "second", "third", "fourth")]
    return PowerSums(rows, float(values.get(("mean", name), centre + sums[0] / rows)), *sums)


def drawn_numbers(array: pa.Array) -> Numbers:
    """Return the numbers, or the moments in microseconds, of a sample of a column."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    column = array.drop_null()
    column = (
        microseconds(column).drop_null()
        if pa.types.is_temporal(column.type)
        else pc.cast(column, pa.float64(), safe=False)
    )
    values = column.to_numpy(zero_copy_only=False)
    return Numbers.sort(values, np.ones(len(values), dtype=np.int64))


@dataclass(frozen=True)
class Texts:
    """A text column of many values: how many are not null, how many are different, and their lengths in characters."""

    filled: int
    distinct: int
    shortest: int | None
    longest: int | None
    length: float | None


def texts(dataset: Dataset, name: str, guess: int) -> Texts:
    """Count and measure texts in one scan: reading long ones is what costs.

    As in `count_distinct`, values whose hash falls under a bound are kept apart; all others make one group.
    """
    import pyarrow.compute as pc

    column: Any = dataset.table[name]
    if dataset.table.get_backend().name != "duckdb":
        values = scalars(dataset, {}, [], [name])
        distinct = count_distinct(dataset, name, guess)
        return Texts(
            values["filled", name], distinct, *(values[key, name] for key in ("shortest", "longest", "length"))
        )
    share = min(1.0, _KEPT / max(1, guess))
    hashed = engine_hash(column)
    key = hashed if share == 1 else drawn(hashed, share).ifelse(hashed, None)
    measured = dataset.table.select(key=key, length=column.length())
    groups = measured.group_by("key").aggregate(
        rows=measured.length.count(), low=measured.length.min(), high=measured.length.max(), total=measured.length.sum()
    )
    arrow = groups.to_pyarrow()
    arrow = arrow.filter(pc.greater(arrow["rows"], 0))
    filled, kept = int(pc.sum(arrow["rows"]).as_py() or 0), len(arrow) - arrow["key"].null_count
    distinct = round(kept / share) if share == 1 or kept >= _ENOUGH_KEPT else count_distinct(dataset, name, kept or 1)
    total = pc.sum(arrow["total"]).as_py()
    return Texts(
        filled,
        distinct,
        pc.min(arrow["low"]).as_py(),
        pc.max(arrow["high"]).as_py(),
        total / filled if filled else None,
    )


def widest_gaps(dataset: Dataset, name: str, first: int, last: int) -> list[tuple[int, int]]:
    """Return pairs of neighbouring moments, in microseconds, that lie furthest apart, the widest first.

    Time is cut into equal spans with their first and last moment; a gap longer than a span lies between two of
    them, so what is found is exact. Shorter gaps are not looked for.
    """
    width = max(1.0, (last - first) / 1e6 / _SPANS)
    moment: Any = dataset.table[name]
    spans = dataset.table.select(span=(seconds(moment) / width).floor().cast("int64"), moment=moment)
    grouped = spans.group_by("span").aggregate(first=spans.moment.min(), last=spans.moment.max()).order_by("span")
    arrow = grouped.to_pyarrow().combine_chunks().drop_null()
    return neighbours(
        microseconds(arrow["first"]).to_numpy(zero_copy_only=False),
        microseconds(arrow["last"]).to_numpy(zero_copy_only=False),
    )


def neighbours(firsts: npt.NDArray[Any], lasts: npt.NDArray[Any], most: int = 3) -> list[tuple[int, int]]:
    """Return the widest gaps between the end of one span and the start of the next."""
    import numpy as np

    # As floats, because whole numbers so far apart would overflow.
    widths = firsts[1:].astype(float) - lasts[:-1].astype(float)
    order = np.argsort(-widths, kind="stable")[:most]
    return [(int(lasts[index]), int(firsts[index + 1])) for index in order if widths[index] > 0]


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
