"""Charts of two variables and of whole tables: line, scatter, heatmap, missing values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..data.dataset import Dataset
from ..placeholders import is_placeholder
from ._charts_axes import Axes, Axis
from ._charts_data import Bins, bins, grouped, instant, moment, seconds, span, time_unit, within
from ._charts_draw import COLOURS, Names, Plot, columns_of, paint, records
from ._charts_spec import INK, Json, axis, label, number

if TYPE_CHECKING:
    import ibis.expr.types as ir

_POINTS = 3000
_CELLS, _LEVELS, _CORRELATED, _MISSING = (48, 30), 15, 15, 30
_BLOCKS = 40


def line(dataset: Dataset, x: Axis, y: Axis | None, by: Axis | None) -> Plot:
    """Follow a mean, or the number of rows, along time or a number."""
    table = columns_of(dataset, x=x, y=y, c=by)
    table = table.filter(table.x.notnull())
    drawn, names = span(table, "x", x), Names()
    if by is not None:
        table, names = grouped(table, "c", COLOURS)
    kept = within(table, "x", x, drawn)
    if x.kind == "datetime":
        code, word = time_unit(drawn, 150)
        kept, step = kept.mutate(b=kept.x.truncate(code)), f"by {word}"
    else:
        cut = bins(drawn, 60, whole=x.whole)
        kept, step = kept.mutate(b=cut.index(kept.x)), f"in steps of {number(cut.step):,}"
    kept = kept.filter(kept.b.notnull())
    value = kept.count() if y is None else kept.y.mean()
    values = records(kept.group_by(["b"] if by is None else ["b", "c"]).aggregate(rows=kept.count(), n=value))
    for row in values:
        at = row.pop("b")
        middle = cut.edges(at)[0] + cut.step / 2 if x.kind != "datetime" else 0.0
        row["x"] = instant(at) if x.kind == "datetime" else number(middle)
        row["n"] = number(row["n"])
    values.sort(key=lambda row: row["x"])
    measure = "rows" if y is None else f"mean of {y.name}"
    across = axis("x", "temporal" if x.kind == "datetime" else "quantitative", x.name, scale={"zero": False})
    up = axis("n", "quantitative", measure, scale={"zero": y is None})
    mark = {"type": "line", "strokeWidth": 2, "point": {"size": 18} if len(values) <= 80 * max(1, len(names)) else False}
    body: Json = {"mark": mark, "encoding": {"x": across, "y": up}}
    paint(body, values, by, names)
    known = [row for row in values if row["n"] is not None]
    facts = []
    if known and by is None:
        low, high = min(known, key=lambda row: row["n"]), max(known, key=lambda row: row["n"])
        facts = [f"lowest {low['n']:,} at {low['x']}, highest {high['n']:,} at {high['x']}"]
    head = measure[0].upper() + measure[1:]
    return Plot(f"{head} {step} of {x.name}", body, values, sum(row["rows"] for row in values), drawn.notes, facts)


def scatter(dataset: Dataset, x: Axis, y: Axis, by: Axis | None) -> Plot:
    """Draw a point a row; above 3,000 rows count all of them in cells, or sample them where they are coloured."""
    table = columns_of(dataset, x=x, y=y, c=by)
    if dataset.rows > _POINTS and by is None:
        plot = cells(dataset, x, y)
        plot.body["mark"] = {"type": "rect"}
        return plot
    names: Names = {}
    if by is not None:
        table, names = grouped(table, "c", COLOURS)
    table = table.filter(table.x.notnull() & table.y.notnull())
    pairs = Dataset(name=dataset.name, table=table)
    sample = pairs.sample(_POINTS)
    values = sample.arrow.to_pylist()
    for row in values:
        for key, found in (("x", x), ("y", y)):
            row[key] = instant(row[key]) if found.kind == "datetime" else number(row[key])
    body: Json = {
        "mark": {"type": "circle", "size": 26 if len(values) > 500 else 45, "opacity": 0.55},
        "encoding": {"x": _scale("x", x), "y": _scale("y", y)},
    }
    paint(body, values, by, names)
    notes = [] if len(values) == pairs.rows else [f"{len(values):,} points drawn from {pairs.rows:,} at random, seed 0"]
    scanned = None if len(values) == pairs.rows else sample.scanned
    return Plot(f"{y.name} against {x.name}", body, values, len(values), notes, _trend(pairs, x, y), scanned)


def cells(dataset: Dataset, x: Axis, y: Axis) -> Plot:
    """Count rows in cells of two numbers, numbers and categories, or two categories."""
    table = columns_of(dataset, x=x, y=y)
    table = table.filter(table.x.notnull() & table.y.notnull())
    notes: list[str] = []
    keys, encoding = [], {}
    lookups: dict[str, Any] = {}
    for key, found, wanted in (("x", x, _CELLS[0]), ("y", y, _CELLS[1])):
        if found.kind == "category":
            table, lookups[key] = grouped(table, key, _LEVELS)
            encoding[key] = axis(key, "nominal", found.name, sort=list(lookups[key].values()))
            if key == "x":
                encoding[key]["axis"] = {"labelAngle": -40, "labelLimit": 110}
        else:
            drawn = span(table, key, found)
            notes += drawn.notes
            lookups[key] = cut = bins(drawn, wanted, whole=found.whole)
            table = table.mutate(**{key: cut.index(seconds(found, table[key]))})
            encoding[key] = _scale(key, found)
            encoding[f"{key}2"] = {"field": f"{key}2"}
        keys.append(key)
    table = table.filter(table.x.notnull() & table.y.notnull()) if not all(isinstance(v, dict) for v in lookups.values()) else table
    values = records(table.group_by(keys).aggregate(n=table.count()))
    for row in values:
        for key, found in (("x", x), ("y", y)):
            _place(row, key, found, lookups[key])
    logarithmic = max((row["n"] for row in values), default=1) > 50
    shade = {"scheme": "blues", **({"type": "log"} if logarithmic else {})}
    encoding["color"] = axis("n", "quantitative", "rows", scale=shade)
    body: Json = {"mark": {"type": "rect"}, "encoding": encoding}
    if y.kind == "category":
        body["height"] = {"step": 24}
    fullest = sorted(values, key=lambda row: -row["n"])[:3]
    facts = ["fullest: " + "; ".join(f"{row['x']} × {row['y']}: {row['n']:,}" for row in fullest)]
    if x.kind == y.kind == "numeric":
        facts = _trend(Dataset(name=dataset.name, table=columns_of(dataset, x=x, y=y)), x, y) + facts
    return Plot(f"{y.name} against {x.name}", body, values, sum(row["n"] for row in values), notes, facts)


def correlations(dataset: Dataset, axes: Axes) -> Plot | None:
    """Draw Pearson's correlation of every pair of the first numeric columns; None where there are not two."""
    names = axes.numbers(_CORRELATED)
    if len(names) < 2:
        return None
    found = {name: axes.read(name) for name in names}
    pairs = [(left, right) for index, left in enumerate(names) for right in names[:index]]
    expressions = {
        f"{left}\n{right}": found[left].values.corr(found[right].values, how="pop") for left, right in pairs
    }
    computed = dataset.aggregate(expressions)
    shown = {name: label(name)[:24] for name in names}
    values = []
    for left, right in pairs:
        r = computed[f"{left}\n{right}"]
        if r is not None and r == r:
            values.append({"y": shown[left], "x": shown[right], "n": round(r, 3), "far": abs(r) > 0.6})
    order = list(shown.values())
    shade = {"scheme": "blueorange", "domain": [-1, 1], "reverse": True}
    encoding = {
        "x": axis("x", "nominal", None, sort=order, axis={"labelAngle": -40}),
        "y": axis("y", "nominal", None, sort=order),
    }
    ink = {"condition": {"test": "datum.far", "value": "white"}, "value": INK}
    words = {"text": {"field": "n", "type": "quantitative", "format": ".2f"}, "color": ink}
    body: Json = {
        "height": {"step": 30},
        "encoding": encoding,
        "layer": [
            {"mark": "rect", "encoding": {"color": axis("n", "quantitative", "r", scale=shade)}},
            {"mark": {"type": "text", "fontSize": 11}, "encoding": words},
        ],
    }
    strongest = sorted(values, key=lambda row: -abs(row["n"]))[:5]
    facts = ["strongest: " + "; ".join(f"{row['y']} – {row['x']} {row['n']:+.2f}" for row in strongest)]
    return Plot("Correlation of numeric columns (Pearson's r)", body, values, dataset.rows, [], facts)


def missing(dataset: Dataset, columns: list[str] | None = None) -> Plot:
    """Show where values are missing: the share of each column in blocks of rows from first to last."""
    import ibis

    names = dataset.require(columns)
    absent = {f"c{index}": _absent(dataset, name) for index, name in enumerate(names)}
    totals = dataset.aggregate({key: flag.sum() for key, flag in absent.items()})
    order = sorted(absent, key=lambda key: -(totals[key] or 0))
    with_some = [key for key in order if totals[key]]
    keys = (with_some or order)[:_MISSING]
    titles = {key: label(names[int(key[1:])]) for key in keys}
    shares = {key: f"{titles[key][:28]} {_percent(totals[key] or 0, dataset.rows)}" for key in keys}
    size = max(1, -(-dataset.rows // _BLOCKS))
    table = dataset.table.select(**{key: absent[key].cast("int64") for key in keys}).mutate(k=ibis.row_number() // size)
    found = records(table.group_by("k").aggregate(**{key: table[key].mean() for key in keys}))
    values = [
        {"x": row["k"] * size, "x2": min((row["k"] + 1) * size, dataset.rows), "y": shares[key], "n": number(row[key])}
        for row in found
        for key in keys
    ]
    across = axis("x", "quantitative", "row, in the order of the source", scale={"nice": False}, axis={"format": ",d", "grid": False})
    shade = {"scheme": "oranges", "domain": [0, 1]}
    body: Json = {
        "mark": {"type": "rect"},
        "height": {"step": 22},
        "encoding": {
            "x": across,
            "x2": {"field": "x2"},
            "y": axis("y", "nominal", None, sort=[shares[key] for key in keys], axis={"labelLimit": 260}),
            "color": axis("n", "quantitative", "missing", scale=shade, legend={"format": ".0%"}),
        },
    }
    whole = len(names) - len(with_some)
    notes = [f"{whole:,} of {len(names):,} columns have nothing missing", "blanks and words such as N/A count as missing"]
    if len(with_some) > _MISSING:
        notes.append(f"the {_MISSING} columns with most missing are drawn")
    facts = ["missing: " + "; ".join(shares[key] for key in with_some[:8])] if with_some else ["nothing is missing"]
    return Plot("Missing values", body, values, dataset.rows, notes, facts)


def _absent(dataset: Dataset, name: str) -> ir.BooleanValue:
    column: Any = dataset.table[name]
    dtype = dataset.schema[name]
    if dtype.is_string():
        return column.isnull() | is_placeholder(column).fill_null(False)
    return column.isnull() | column.isnan().fill_null(False) if dtype.is_floating() else column.isnull()


def _percent(count: int, rows: int) -> str:
    share = count / rows if rows else 0.0
    return "<0.1%" if 0 < share < 0.001 else f"{share:.1%}"


def _scale(key: str, found: Axis) -> Json:
    kind = "temporal" if found.kind == "datetime" else "quantitative"
    return axis(key, kind, found.name, scale={"zero": False, "nice": False})


def _place(row: Json, key: str, found: Axis, lookup: Names | Bins) -> None:
    if isinstance(lookup, Bins):
        low, high = lookup.edges(row[key])
        if found.kind == "datetime":
            row[key], row[f"{key}2"] = instant(moment(low)), instant(moment(high))
        else:
            row[key], row[f"{key}2"] = number(low), number(high)
    else:
        row[key] = lookup.get(row[key], label(row[key]))


def _trend(pairs: Dataset, x: Axis, y: Axis) -> list[str]:
    if not (x.kind == y.kind == "numeric"):
        return []
    r = pairs.aggregate({"r": pairs.table.x.corr(pairs.table.y, how="pop")})["r"]
    return [f"Pearson's r {r:+.2f} over all rows"] if r is not None and r == r else []


