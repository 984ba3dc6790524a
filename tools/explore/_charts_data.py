"""Numbers behind a chart, computed in the engine: bins, buckets of time, largest categories, quantiles."""

from __future__ import annotations

import datetime
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..errors import BadRequest
from ..masking import mask
from ._charts_axes import Axis
from ._charts_spec import label, number

if TYPE_CHECKING:
    import ibis.expr.types as ir

MISSING, OTHER = "(missing)", "(other)"
_UNITS = [
    ("s", 1, "second"),
    ("m", 60, "minute"),
    ("h", 3600, "hour"),
    ("D", 86400, "day"),
    ("W", 604800, "week"),
    ("M", 2629800, "month"),
    ("Q", 7889400, "quarter"),
    ("Y", 31557600, "year"),
]
_EPOCH = datetime.datetime(1970, 1, 1)
_FIRST = (datetime.datetime.min - _EPOCH).total_seconds()
_LAST = (datetime.datetime.max.replace(microsecond=0) - _EPOCH).total_seconds()


@dataclass(frozen=True)
class Span:
    """The part of an axis that is drawn, in numbers or seconds since 1970, and what lies beyond it."""

    low: float
    high: float
    least: float
    most: float
    rows: int
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Bins:
    """Equal steps from `start`, `count` of them."""

    start: float
    step: float
    count: int

    def index(self, values: Any) -> Any:
        """Return the bin of each value, null beyond the bins."""
        place = ((values - self.start) / self.step).floor()
        return ((place >= 0) & (place < self.count)).ifelse(place, None).cast("int64")

    def edges(self, place: int) -> tuple[float, float]:
        """Return where a bin begins and ends."""
        return self.start + place * self.step, self.start + (place + 1) * self.step


def seconds(axis: Axis, values: Any) -> Any:
    """Return the values of an axis as numbers: an instant is its seconds since 1970."""
    return values.epoch_seconds().cast("float64") if axis.kind == "datetime" else values


def span(table: ir.Table, column: str, axis: Axis) -> Span:
    """Return the range to draw: all of it, or the middle 99 % and its surroundings where a few values stretch it.

    Raises:
        BadRequest: there is no value, or the range is too wide to be divided.
    """
    values = seconds(axis, table[column])
    found = table.aggregate(
        n=values.count(), least=values.min(), most=values.max(), q=values.approx_quantile([0.005, 0.995])
    )
    row = found.to_pyarrow().to_pylist()[0]
    if not row["n"]:
        raise BadRequest(f"column {axis.name!r} holds no values to draw; choose another")
    least, most = float(row["least"]), float(row["most"])
    inner_low, inner_high = (float(edge) for edge in row["q"])
    low, high, inner = least, most, inner_high - inner_low
    if inner > 0 and most - least > 3 * inner:
        low, high = max(least, inner_low - inner / 4), min(most, inner_high + inner / 4)
    if not math.isfinite(high - low) or (0 < abs(high - low) < 1e-290):
        raise BadRequest(f"column {axis.name!r} runs from {least:g} to {most:g}, which can't be divided into bins")
    if (low, high) == (least, most):
        return Span(low, high, least, most, int(row["n"]))
    beyond = int(((values < low) | (values > high)).sum().to_pyarrow().as_py() or 0)
    shown = [_say(axis, value) for value in (low, high, least, most)]
    note = (
        f"{beyond:,} rows beyond {shown[0]} … {shown[1]} in {label(axis.name)} are not drawn "
        f"(least {shown[2]}, greatest {shown[3]})"
    )
    return Span(low, high, least, most, int(row["n"]), [note] if beyond else [])


def bins(drawn: Span, wanted: int, *, whole: bool = False) -> Bins:
    """Return some `wanted` bins with round edges; whole numbers are never split and stand amid their bin."""
    width = drawn.high - drawn.low
    if width <= 0:
        step = 1.0 if whole else _round_step(abs(drawn.low) / 10 or 1.0)
        return Bins(drawn.low - step / 2, step, 1)
    if whole and width <= wanted * 1.5:
        return Bins(drawn.low - 0.5, 1.0, int(width) + 1)
    step = _round_step(width / wanted)
    if whole:
        step = float(max(1, math.ceil(step)))
    start = math.floor(drawn.low / step) * step
    if start > drawn.low:
        start -= step
    # The same arithmetic as the engine's, or the greatest value might fall beyond the last bin.
    return Bins(start, step, math.floor((drawn.high - start) / step) + 1)


def time_unit(drawn: Span, wanted: int) -> tuple[str, str]:
    """Return the finest unit that cuts the range into at most `wanted` parts: for the engine, and in words."""
    width = drawn.high - drawn.low
    code, _, word = next((unit for unit in _UNITS if width / unit[1] <= wanted), _UNITS[-1])
    return code, word


def within(table: ir.Table, column: str, axis: Axis, drawn: Span) -> ir.Table:
    """Keep the rows that are drawn."""
    values = seconds(axis, table[column])
    return table.filter((values >= drawn.low) & (values <= drawn.high))


def levels(table: ir.Table, column: str, most: int) -> list[str | None]:
    """Return the most frequent values of a column of labels, the first first; null is a value too."""
    counts = table.group_by(v=table[column]).aggregate(n=table.count())
    ordered = counts.order_by(counts.n.desc(), counts.v.asc(nulls_first=False)).limit(most + 1)
    return [row["v"] for row in ordered.to_pyarrow().to_pylist()]


def grouped(table: ir.Table, column: str, axis: Axis, most: int) -> tuple[ir.Table, dict[str | None, str]]:
    """Leave the `most` largest categories of a column and call the rest `(other)`; return the names to draw.

    Where exactly one more would do, it is shown rather than hidden.
    """
    found = levels(table, column, most + 1)
    # A picture can't be masked later, so personal labels are masked before they are drawn.
    named = {
        value: MISSING if value is None else mask({"column": axis.name, "top": [label(value)]})["top"][0]
        for value in found
    }
    if len(found) <= most + 1:
        return table, _distinct(named)
    kept = found[:most]
    names = _distinct({value: named[value] for value in kept})
    known = [value for value in kept if value is not None]
    values: Any = table[column]
    stays = values.isin(known) if known else values.isnull() & values.notnull()
    other: Any = values.isnull().ifelse(None, OTHER) if None in kept else OTHER
    return table.mutate(**{column: stays.fill_null(False).ifelse(values, other)}), {**names, OTHER: OTHER}


def instant(value: Any) -> str:
    """Return a moment in the form that Vega-Lite reads as UTC."""
    return f"{value.isoformat(timespec='seconds')}Z" if value.tzinfo is None else str(value.isoformat())


def moment(value: float) -> datetime.datetime:
    """Return the moment of seconds since 1970; a bin may reach beyond the last one that there is."""
    return _EPOCH + datetime.timedelta(seconds=min(max(value, _FIRST), _LAST))


def _say(axis: Axis, value: float) -> str:
    if axis.kind == "datetime":
        return f"{moment(value):%Y-%m-%d %H:%M}"
    return f"{number(value):,}" if abs(value) < 1e15 else f"{value:.3g}"


def _distinct(names: dict[str | None, str]) -> dict[str | None, str]:
    """Number the labels that became equal when cut."""
    seen: dict[str, int] = {}
    result: dict[str | None, str] = {}
    for value, name in names.items():
        seen[name] = seen.get(name, 0) + 1
        result[value] = name if seen[name] == 1 else f"{name} ({seen[name]})"
    return result


def _round_step(step: float) -> float:
    power = 10.0 ** math.floor(math.log10(step))
    return next((power * nice for nice in (1, 2, 2.5, 5) if power * nice >= step * 0.999), power * 10)
