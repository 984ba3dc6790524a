"""Numbers and dates that stand for missing, told apart from values that are meant.

A code such as -999 counts only when the column's other values make it implausible: it lies beyond all of them, with
a gap that their spread does not explain. The candidates come from lists; everything else is measured on all rows.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from ..data.dataset import Dataset
from ..placeholders import EARLY_DATES, LATE_DATES, NEGATIVE_SENTINELS, POSITIVE_SENTINELS

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa


@dataclass(frozen=True)
class Surroundings:
    """A candidate and the column's other values, candidates left out.

    Attributes:
        value: the candidate.
        rows: how often it occurs.
        below, above: how many other values lie on either side.
        previous, following: the nearest other values.
        near: how many other values lie in [0, 1], for judging -1.
        spread: from the 1st to the 99th percentile.
        distinct: about how many different other values there are.
        whole: no other value has a fraction.
    """

    value: float
    rows: int
    below: int
    above: int
    previous: float | None = None
    following: float | None = None
    near: int = 0
    spread: float = 0.0
    distinct: int = 0
    whole: bool = True

    @property
    def at_edge(self) -> bool:
        """The candidate lies beyond (nearly) all other values and apart from them: worth a closer look."""
        if not self.rows or not (self.below or self.above):
            return False
        if self.value < 0:
            return self.below * 10 <= self.rows and self.following is not None and self.following > self.value + 0.9
        return self.above * 10 <= self.rows and self.previous is not None and self.previous < self.value / 3

    @property
    def stands_for_missing(self) -> bool:
        """The verdict."""
        return self.at_edge and (self._implausibly_low() if self.value < 0 else self._implausibly_high())

    def _implausibly_low(self) -> bool:
        lowest = self.following if self.following is not None else self.value
        gap = lowest - self.value
        if self.value == -1:
            if lowest < 0:
                return False
            if not self.whole:
                return self.rows >= 2
            # Codes -1, 0, 1 are codes; counts that merely reach below zero tail off towards it.
            if lowest >= 1:
                return self.distinct >= 3 and self.rows >= 2
            return self.distinct >= 10 and self.rows >= 3 and self.rows > 2 * self.near
        if lowest >= 0:
            return self.value <= -99 or (self.rows >= 3 and self.distinct >= 3 and gap > 0.1 * self.spread)
        return gap > self.spread and (self.rows >= 2 or gap > 5 * self.spread)

    def _implausibly_high(self) -> bool:
        highest = self.previous if self.previous is not None else self.value
        gap = self.value - highest
        if self.rows == 1:
            return gap > 5 * self.spread and highest < self.value / 10 and self.below >= 20
        return gap > self.spread and (self.rows >= 3 or self.value > 100)


def number_sentinels(
    dataset: Dataset, columns: Mapping[str, ir.NumericColumn], edges: Mapping[str, tuple[Any, Any]], look: pa.Table
) -> dict[str, dict[str, int]]:
    """Count, by column, the numbers that stand for missing.

    Args:
        dataset: the table.
        columns: numeric expressions by column name.
        edges: minimum and maximum by column name.
        look: some rows, in which a frequent candidate away from the edges shows.
    """
    candidates = _at_edges(dataset, columns, edges)
    for name, values in edges.items():
        if name in columns and (frequent := _frequent(name, values, look)):
            candidates[name] = sorted({*candidates.get(name, []), *frequent})
    if not candidates:
        return {}
    measured = _measure(dataset, columns, candidates)
    close = {name: [s for s in found if s.at_edge] for name, found in measured.items()}
    measured = _measure_spread(dataset, columns, {name: found for name, found in close.items() if found}, candidates)
    return {
        name: {f"{s.value:.15g}": s.rows for s in found if s.stands_for_missing}
        for name, found in measured.items()
        if any(s.stands_for_missing for s in found)
    }


def _at_edges(
    dataset: Dataset, columns: Mapping[str, ir.NumericColumn], edges: Mapping[str, tuple[Any, Any]]
) -> dict[str, list[float]]:
    """The sentinels that lie beyond all other values of their column."""
    listed = {name: found for name in columns if (found := _candidates(edges[name]))}
    listed = {
        name: found
        for name, found in listed.items()
        if not _is_continued(dataset, columns[name], edges[name][1], found)
    }
    expressions: dict[str, Any] = {}
    for name, values in listed.items():
        column = columns[name].cast("float64")
        others = ~column.isin(values) & ~column.isnan()
        expressions[f"low {name}"], expressions[f"high {name}"] = column.min(where=others), column.max(where=others)
    edge = dataset.aggregate(expressions)
    apart: dict[str, list[float]] = {}
    for name, values in listed.items():
        low, high = edge[f"low {name}"], edge[f"high {name}"]
        if low is not None:
            apart[name] = [value for value in values if value < min(low, 0) or value > max(high, 0)]
            if apart[name] and not any(abs(value) > 3 * abs(high) or value < low - 0.9 for value in apart[name]):
                del apart[name]
    return {name: values for name, values in apart.items() if values}


def _is_continued(dataset: Dataset, column: ir.NumericColumn, high: Any, values: list[float]) -> bool:
    """Tell that ordinary values lie close below a positive sentinel, as in running ids: the first row will do."""
    if min(values) < 0 or not math.isfinite(high):
        return False
    between = (column > high / 3) & (column < high) & ~column.isin(values)
    return bool(dataset.table.filter(between).select(value=column).limit(1).to_pyarrow().num_rows)


def _candidates(edges: tuple[Any, Any]) -> list[float]:
    """The sentinels that may lie at the edges of a column, if its least or greatest value is one."""
    low, high = (None if edge is None else float(edge) for edge in edges)
    if low is None or high is None:
        return []
    found: list[float] = []
    if low in NEGATIVE_SENTINELS:
        found += [s for s in NEGATIVE_SENTINELS if low <= s]
    if high in POSITIVE_SENTINELS or math.isinf(high) or math.isnan(high):
        found += [s for s in POSITIVE_SENTINELS if s <= high or math.isnan(high)]
    return sorted(found)


def _frequent(name: str, edges: tuple[Any, Any], look: pa.Table) -> list[float]:
    """The sentinels that occur often, wherever they lie."""
    import pyarrow as pa
    import pyarrow.compute as pc

    low, high = edges
    if (
        low is None
        or name not in look.column_names
        or not (high >= POSITIVE_SENTINELS[0] or low <= NEGATIVE_SENTINELS[0])
    ):
        return []
    column = look.column(name)
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        return []
    numbers = column.cast("float64", safe=False)
    listed = pa.array([float(s) for s in (*NEGATIVE_SENTINELS, *POSITIVE_SENTINELS)])
    hits = numbers.filter(pc.is_in(numbers, value_set=listed))
    needed = max(3, len(column) // 200)
    return [item["values"] for item in pc.value_counts(hits).to_pylist() if item["counts"] >= needed]


def _measure(
    dataset: Dataset, columns: Mapping[str, ir.NumericColumn], candidates: Mapping[str, list[float]]
) -> dict[str, list[Surroundings]]:
    expressions: dict[str, Any] = {}
    for name, values in candidates.items():
        column = columns[name].cast("float64")
        others = ~column.isin(values)
        for value in values:
            key = f"{value} {name}"
            expressions[f"rows {key}"] = (column == value).sum()
            for side, beyond in (("below", column < value), ("above", column > value)):
                expressions[f"{side} {key}"] = (others & beyond & ~column.isnan()).sum()
            expressions[f"previous {key}"] = column.max(where=others & (column < value))
            expressions[f"following {key}"] = column.min(where=others & (column > value))
        expressions[f"near {name}"] = (others & column.between(0, 1)).sum()
    found = dataset.aggregate(expressions)
    return {
        name: [
            Surroundings(
                value=value,
                rows=int(found[f"rows {value} {name}"] or 0),
                below=int(found[f"below {value} {name}"] or 0),
                above=int(found[f"above {value} {name}"] or 0),
                previous=found[f"previous {value} {name}"],
                following=found[f"following {value} {name}"],
                near=int(found[f"near {name}"] or 0),
            )
            for value in values
        ]
        for name, values in candidates.items()
    }


def _measure_spread(
    dataset: Dataset,
    columns: Mapping[str, ir.NumericColumn],
    close: Mapping[str, list[Surroundings]],
    candidates: Mapping[str, list[float]],
) -> dict[str, list[Surroundings]]:
    """Add what only the few candidates that stand apart need, because it is dear."""
    from dataclasses import replace

    expressions: dict[str, Any] = {}
    for name in close:
        column = columns[name].cast("float64")
        rest = ~column.isin(candidates[name]) & ~column.isnan() & ~column.isinf()
        expressions[f"low {name}"] = column.approx_quantile(0.01, where=rest)
        expressions[f"high {name}"] = column.approx_quantile(0.99, where=rest)
        expressions[f"distinct {name}"] = column.approx_nunique(where=rest)
        # Rounding goes by way of 64-bit integers, which not every float fits; the remainder does not.
        expressions[f"parts {name}"] = (rest & (column % 1 != 0)).sum()
    found = dataset.aggregate(expressions)
    return {
        name: [
            replace(
                s,
                spread=float((found[f"high {name}"] or 0) - (found[f"low {name}"] or 0)),
                distinct=int(found[f"distinct {name}"] or 0),
                whole=not found[f"parts {name}"],
            )
            for s in surroundings
        ]
        for name, surroundings in close.items()
    }


def date_candidates(earliest: str | None, latest: str | None) -> list[str]:
    """Return the stand-in dates at the edges of a column whose least and greatest values are given as text."""
    first, last = (earliest or "")[:10], (latest or "")[:10]
    early = [day for day in EARLY_DATES if day >= first] if first in EARLY_DATES else []
    return early + ([day for day in LATE_DATES if day <= last] if last in LATE_DATES else [])


def date_sentinels(dataset: Dataset, edges: Mapping[str, tuple[str | None, str | None]]) -> dict[str, dict[str, int]]:
    """Count, by column, the dates that stand for missing; `edges` are least and greatest dates as text."""
    import ibis

    candidates = {name: found for name, pair in edges.items() if (found := date_candidates(*pair))}
    expressions: dict[str, Any] = {}
    for name, days in candidates.items():
        column = dataset.table[name].cast("date")
        listed = [ibis.literal(date.fromisoformat(day)) for day in days]
        others = ~column.isin(listed)
        expressions[f"first {name}"] = column.min(where=others).cast("string")
        expressions[f"last {name}"] = column.max(where=others).cast("string")
        for day, literal in zip(days, listed, strict=True):
            expressions[f"{day} {name}"] = (column == literal).sum()
    values = dataset.aggregate(expressions) if expressions else {}
    counted = {}
    for name, days in candidates.items():
        first, last = _day(values[f"first {name}"]), _day(values[f"last {name}"])
        rows = {day: int(values[f"{day} {name}"] or 0) for day in days}
        if first is not None and last is not None:
            counted[name] = {
                day: count for day, count in rows.items() if _implausible_date(_day(day), count, first, last)
            }
    return {name: rows for name, rows in counted.items() if rows}


def _implausible_date(day: int | None, rows: int, first: int, last: int) -> bool:
    """A date beyond the others by a year and a tenth of their span; a single one by half of the span."""
    if day is None or not rows or first <= day <= last or (rows == 1 and first == last):
        return False
    gap = first - day if day < first else day - last
    return gap >= 365 and gap >= (0.1 if rows > 1 else 0.5) * (last - first)


def _day(text: str | None) -> int | None:
    """Days since year 1, or None for what Python has no date for."""
    try:
        return date.fromisoformat((text or "")[:10]).toordinal()
    except ValueError:
        return None


def merge(*parts: Mapping[str, Mapping[str, int]], names: Iterable[str] | Sequence[str]) -> dict[str, dict[str, int]]:
    """Join placeholder counts of several kinds by column."""
    merged: dict[str, dict[str, int]] = {name: {} for name in names}
    for part in parts:
        for name, counts in part.items():
            merged[name].update(counts)
    return merged
