"""Charts of one variable: histogram, density, bar and box."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..data.dataset import Dataset
from ..errors import BadRequest
from ..results import Scanned
from ._charts_axes import Axis
from ._charts_data import MISSING, OTHER, Bins, Span, bins, grouped, instant, moment, seconds, span, time_unit, within
from ._charts_spec import BLUE, INK, PALETTE, Json, axis, calendar, color, label, number

if TYPE_CHECKING:
    import ibis.expr.types as ir

COLOURS = 5
_BARS, _BOXES = 20, 12
_FINE = 512

Names = dict[str | None, str]


@dataclass
class Plot:
    """A chart before its frame: the marks, the data, and what must be said beside them.

    Attributes:
        drawn: rows that the chart stands for.
        facts: what a reader without eyes would want to know.
        scanned: how the rows were chosen; None when every row was looked at.
    """

    title: str
    body: Json
    values: list[Json]
    drawn: int
    notes: list[str] = field(default_factory=list)
    facts: list[str] = field(default_factory=list)
    scanned: Scanned | None = None


def columns_of(dataset: Dataset, **axes: Axis | None) -> ir.Table:
    """Return a table of the axes alone, under the short names that charts use."""
    return dataset.table.select(**{name: found.values for name, found in axes.items() if found is not None})


def records(table: ir.Table) -> list[Json]:
    """Return a small table as rows."""
    rows: list[Json] = table.to_pyarrow().to_pylist()
    return rows


def paint(body: Json, values: list[Json], by: Axis | None, names: Names, *, plain: Json | None = None) -> None:
    """Colour the marks by a category, or all alike."""
    if by is None:
        body["encoding"]["color"] = plain or {"value": BLUE}
        return
    for row in values:
        row["c"] = names.get(row["c"], label(row["c"]))
    present = {row["c"] for row in values}
    order = [name for name in names.values() if name in present]
    for row in values:
        row["o"] = order.index(row["c"])
    body["encoding"] |= {"color": color(by.name, order), "order": {"field": "o", "type": "quantitative"}}


def histogram(dataset: Dataset, x: Axis, by: Axis | None) -> Plot:
    """Count rows in bins of a number, or in units of time."""
    table = columns_of(dataset, x=x, c=by)
    drawn, names = span(table, "x", x), Names()
    if by is not None:
        table, names = grouped(table, "c", by, COLOURS)
    if x.kind == "datetime":
        counted, step = _timed(table, x, drawn, by)
    else:
        cut = bins(drawn, 30, whole=x.whole)
        counted, step = _binned(table, cut, by), f"bins of {number(cut.step):,}"
    kind = "temporal" if x.kind == "datetime" else "quantitative"
    across = axis("x", kind, x.name, scale={"zero": False, "nice": False}, **_dates(x, drawn))
    up = axis("top", "quantitative", "rows")
    body: Json = {
        "mark": {"type": "rect", "stroke": "white", "strokeWidth": 0.7},
        "encoding": {"x": across, "x2": {"field": "x2"}, "y": up, "y2": {"field": "base"}},
    }
    paint(body, counted, by, names)
    totals = _stacked(counted, list(names.values()))
    (low, high), most = max(totals.items(), key=lambda item: item[1])
    fact = f"{step}; the fullest, {low} to {high}, has {most:,} rows"
    return Plot(f"Distribution of {x.name}", body, counted, sum(totals.values()), drawn.notes, [fact])


def density(dataset: Dataset, x: Axis, by: Axis | None) -> Plot:
    """Smooth a fine histogram by a Gaussian of Silverman's width (1986), a curve for each category."""
    table = columns_of(dataset, x=x, c=by)
    drawn, names = span(table, "x", x), Names()
    if by is not None:
        table, names = grouped(table, "c", by, COLOURS)
    width = (drawn.high - drawn.low) or abs(drawn.low) or 1.0
    cut = Bins(drawn.low - width / 20, width * 1.1 / _FINE, _FINE)
    table = table.mutate(x=seconds(x, table.x))
    counted = records(_counted(table, cut, by))
    curves: dict[str | None, list[int]] = {}
    for row in counted:
        curves.setdefault(row.get("c"), [0] * _FINE)[row["b"]] = row["n"]
    values = []
    for level, counts in curves.items():
        for place, height in _smoothed(counts, cut):
            at: Any = instant(moment(place)) if x.kind == "datetime" else number(place)
            values.append({"x": at, "n": number(height), **({"c": level} if by is not None else {})})
    kind = "temporal" if x.kind == "datetime" else "quantitative"
    across = axis("x", kind, x.name, scale={"zero": False, "nice": False}, **_dates(x, drawn))
    up = axis("n", "quantitative", "density", axis={"format": "~g"})
    mark: Json = {"type": "area", "line": True, "opacity": 0.6} if by is None else {"type": "line", "strokeWidth": 2}
    body: Json = {"mark": mark, "encoding": {"x": across, "y": up}}
    paint(body, values, by, names)
    body["encoding"].pop("order", None)
    total = sum(row["n"] for row in counted)
    peak = max(values, key=lambda row: row["n"])
    area = "each curve has the area 1" if by is not None else "the area is 1"
    return Plot(f"Density of {x.name}", body, values, total, [*drawn.notes, area], [f"highest at {peak['x']}"])


def bar(dataset: Dataset, x: Axis, y: Axis | None, by: Axis | None) -> Plot:
    """Count rows by category, or average a number, the largest categories first and the rest as one."""
    table = columns_of(dataset, x=x, y=y, c=by)
    table, names = grouped(table, "x", x, _BARS)
    colours: Names = {}
    if by is not None and y is None:
        table, colours = grouped(table, "c", by, COLOURS)
    keys = ["x", "c"] if colours else ["x"]
    measure: dict[str, Any] = {"n": table.count()} | ({"m": table.y.mean()} if y is not None else {})
    values = records(table.group_by(keys).aggregate(**measure))
    for row in values:
        row["x"] = names.get(row["x"], label(row["x"]))
        if y is not None:
            row["m"] = number(row["m"])
    order = [name for name in names.values() if any(row["x"] == name for row in values)]
    if y is not None:
        values = [row for row in values if row["m"] is not None]
        order = [row["x"] for row in sorted(values, key=lambda row: (row["x"] == OTHER, -row["m"]))]
    notes = [f"largest {_BARS} of some {x.levels:,} categories"] if OTHER in names.values() else []
    values, hidden = _without_giant(values, "n") if y is None else (values, 0)
    if hidden:
        order.remove(OTHER)
        notes = [f"{notes[0]}; the others, {hidden:,} rows together, are not drawn"]
    total = sum(row["n"] for row in values)
    shown = "m" if y is not None else "n"
    title = "rows" if y is None else f"mean of {y.name}"
    body: Json = {
        "mark": {"type": "bar"},
        "height": {"step": 22 if len(order) > 8 else 30},
        "encoding": {
            "y": axis("x", "nominal", None, sort=order),
            "x": axis(shown, "quantitative", title),
        },
    }
    paint(body, values, by if colours else None, colours)
    if not colours:
        body = _labelled(body, shown)
    head = f"Rows by {x.name}" if y is None else f"Mean of {y.name} by {x.name}"
    largest = [] if colours else sorted(values, key=lambda row: -row[shown])[:6]
    facts = ["; ".join(f"{row['x']}: {row[shown]:,}" for row in largest)] if largest else []
    return Plot(head, body, values, total, notes, facts)


# Exact quantiles keep every value in memory.
_EXACT_ROWS = 5_000_000


def box(dataset: Dataset, y: Axis, x: Axis | None) -> Plot:
    """Draw quartiles, and the 5th and 95th percentiles as whiskers, of a number for each category."""
    table = columns_of(dataset, y=y, x=x)
    names: Names = {None: label(y.name)}
    if x is None:
        table = table.mutate(x=table.y.isnull().ifelse(None, None).cast("string"))
    else:
        table, names = grouped(table, "x", x, _BOXES)
    table = table.filter(table.y.notnull())
    edges, exact = [0.05, 0.25, 0.5, 0.75, 0.95], dataset.rows <= _EXACT_ROWS
    digest = table.y.quantile(edges) if exact else table.y.approx_quantile(edges)
    found = records(table.group_by("x").aggregate(n=table.count(), q=digest, least=table.y.min(), most=table.y.max()))
    if not found:
        raise BadRequest(f"column {y.name!r} holds no finite number to draw a box of; choose another")
    values = []
    for row in found:
        p5, q1, median, q3, p95 = (number(edge) for edge in row["q"])
        name = names.get(row["x"], label(row["x"]))
        values.append({"x": name, "n": row["n"], "p5": p5, "q1": q1, "q2": median, "q3": q3, "p95": p95})
    values.sort(key=lambda row: (row["x"] in {OTHER, MISSING}, -row["q2"]))
    rise = axis("q1", "quantitative", y.name, scale={"zero": False})
    across = axis("x", "nominal", None, sort=[row["x"] for row in values])
    body: Json = {
        "height": {"step": 34},
        "encoding": {"y": across},
        "layer": [
            {
                "mark": {"type": "rule", "color": INK},
                "encoding": {"x": axis("p5", "quantitative", y.name, scale={"zero": False}), "x2": {"field": "p95"}},
            },
            {"mark": {"type": "bar", "size": 20, "color": PALETTE[5]}, "encoding": {"x": rise, "x2": {"field": "q3"}}},
            {
                "mark": {"type": "tick", "color": INK, "thickness": 2.5, "size": 20},
                "encoding": {"x": {"field": "q2", "type": "quantitative"}},
            },
        ],
    }
    least, most = min(row["least"] for row in found), max(row["most"] for row in found)
    notes = [
        "line: median; box: middle half; whiskers: 5th to 95th percentile" + ("" if exact else ", approximately"),
        f"least {number(least):,}, greatest {number(most):,}",
    ]
    facts = [f"{row['x']}: median {row['q2']:,}, middle half {row['q1']:,} to {row['q3']:,}" for row in values[:6]]
    title = f"{y.name} by {x.name}" if x else f"Spread of {y.name}"
    return Plot(title, body, values, sum(row["n"] for row in values), notes, facts)


def _dates(x: Axis, drawn: Span) -> Json:
    return {"axis": calendar(drawn.high - drawn.low)} if x.kind == "datetime" else {}


def _stacked(values: list[Json], order: list[str]) -> dict[tuple[Any, Any], int]:
    """Put the parts of each bin upon another, and return the height of each bin."""
    totals: dict[tuple[Any, Any], int] = {}
    rank = {name: index for index, name in enumerate(order)}
    for row in sorted(values, key=lambda row: rank.get(row.get("c", ""), 0)):
        place = row["x"], row["x2"]
        row["base"] = totals.get(place, 0)
        row["top"] = totals[place] = row["base"] + row["n"]
    return totals


def _without_giant(values: list[Json], shown: str) -> tuple[list[Json], int]:
    """Leave out the bar of all other categories where it would dwarf those that are named; return its rows too."""
    sizes: dict[str, int] = {}
    for row in values:
        sizes[row["x"]] = sizes.get(row["x"], 0) + row[shown]
    other = sizes.pop(OTHER, 0)
    if other <= 1.5 * max(sizes.values(), default=other):
        return values, 0
    return [row for row in values if row["x"] != OTHER], other


def _labelled(body: Json, shown: str) -> Json:
    """Write each bar's value at its end."""
    encoding, mark = body.pop("encoding"), body.pop("mark")
    text = {"field": shown, "type": "quantitative", "format": ",.4~g" if shown == "m" else ",d"}
    words = {
        "mark": {"type": "text", "align": "left", "dx": 4, "fontSize": 11.5},
        "encoding": {"text": text, "color": {"value": INK}},
    }
    return {**body, "encoding": encoding, "layer": [{"mark": mark}, words]}


def _counted(table: ir.Table, cut: Bins, by: Axis | None) -> ir.Table:
    keys = ["b"] if by is None else ["b", "c"]
    placed = table.mutate(b=cut.index(table.x))
    return placed.filter(placed.b.notnull()).group_by(keys).aggregate(n=placed.filter(placed.b.notnull()).count())


def _binned(table: ir.Table, cut: Bins, by: Axis | None) -> list[Json]:
    values = records(_counted(table, cut, by))
    for row in values:
        row["x"], row["x2"] = (number(edge) for edge in cut.edges(row.pop("b")))
    return sorted(values, key=lambda row: row["x"])


def _timed(table: ir.Table, x: Axis, drawn: Span, by: Axis | None) -> tuple[list[Json], str]:
    code, word = time_unit(drawn, 60)
    kept = within(table, "x", x, drawn)
    kept = kept.mutate(b=kept.x.truncate(code))
    values = records(kept.group_by(["b"] if by is None else ["b", "c"]).aggregate(n=kept.count()))
    for row in values:
        begin = row.pop("b")
        row["x"], row["x2"] = instant(begin), instant(_next(begin, code))
    return sorted(values, key=lambda row: row["x"]), f"one bar a {word}"


def _next(begin: datetime.datetime, unit: str) -> datetime.datetime:
    """Return where the unit of time that begins at a moment ends."""
    months = {"M": 1, "Q": 3, "Y": 12}.get(unit)
    if months is not None:
        count = begin.year * 12 + begin.month - 1 + months
        year, month = divmod(count, 12)
        return begin.replace(year=year, month=month + 1) if year <= datetime.MAXYEAR else datetime.datetime.max
    length = datetime.timedelta(seconds={"s": 1, "m": 60, "h": 3600, "D": 86400, "W": 604800}[unit])
    return min(begin, datetime.datetime.max - length) + length


def _smoothed(counts: list[int], cut: Bins) -> list[tuple[float, float]]:
    """Return points of the density: places and heights, so that the area below is one."""
    import numpy as np

    heights = np.asarray(counts, dtype=float)
    places = np.arange(len(counts)) + 0.5
    total = heights.sum()
    mean = (places * heights).sum() / total
    deviation = float(np.sqrt((heights * (places - mean) ** 2).sum() / total))
    edges = np.searchsorted(np.cumsum(heights), [total * 0.25, total * 0.75])
    spread = min(deviation, float(edges[1] - edges[0]) / 1.34 or deviation) or 2.0
    bandwidth = max(1.0, 0.9 * spread * total**-0.2)
    kernel = np.exp(-0.5 * ((places[:, None] - places[None, ::4]) / bandwidth) ** 2)
    curve = heights @ kernel / (total * bandwidth * np.sqrt(2 * np.pi) * cut.step)
    return [(cut.start + place * cut.step, float(height)) for place, height in zip(places[::4], curve, strict=True)]
