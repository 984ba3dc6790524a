"""Charts of two variables and of whole tables: line, scatter, heatmap, missing values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..columns import glance_at_columns
from ..data.dataset import Dataset
from ..placeholders import PLACEHOLDERS, fold, is_placeholder
from ._charts_axes import Axes, Axis
from ._charts_data import Bins, bins, grouped, instant, moment, seconds, span, time_unit, within
from ._charts_draw import COLOURS, Names, Plot, columns_of, paint, records
from ._charts_spec import INK, Json, axis, calendar, label, labels, number

if TYPE_CHECKING:
    import ibis.expr.types as ir

_POINTS = 3000
_CELLS, _LEVELS, _CORRELATED, _MISSING = (64, 40), 15, 15, 30
_BLOCKS, _AT_ONCE = 40, 100
_SQUARABLE = 1e140
# In larger tables words for "missing" are counted where a sample has some: reading all texts takes most of the time.
_READ_WORDS = 1_000_000
_FOLDED = frozenset(PLACEHOLDERS)


def line(dataset: Dataset, x: Axis, y: Axis | None, by: Axis | None) -> Plot:
    """Follow a mean, or the number of rows, along time or a number."""
    table = columns_of(dataset, x=x, y=y, c=by)
    table = table.filter(table.x.notnull())
    drawn, names = span(table, "x", x), Names()
    if by is not None:
        table, names = grouped(table, "c", by, COLOURS)
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
    across = _scale("x", x, drawn.high - drawn.low)
    up = axis("n", "quantitative", measure, scale={"zero": y is None})
    mark = {
        "type": "line",
        "strokeWidth": 2,
        "point": {"size": 18} if len(values) <= 80 * max(1, len(names)) else False,
    }
    body: Json = {"mark": mark, "encoding": {"x": across, "y": up}}
    paint(body, values, by, names)
    body["encoding"].pop("order", None)
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
        table, names = grouped(table, "c", by, COLOURS)
    table = table.filter(table.x.notnull() & table.y.notnull())
    notes, widths = [], {}
    for key, found in (("x", x), ("y", y)):
        drawn = span(table, key, found)
        table, widths[key] = within(table, key, found, drawn), drawn.high - drawn.low
        notes += drawn.notes
    pairs = Dataset(name=dataset.name, table=table)
    sample = pairs.sample(_POINTS)
    values = sample.arrow.to_pylist()
    for row in values:
        for key, found in (("x", x), ("y", y)):
            row[key] = instant(row[key]) if found.kind == "datetime" else number(row[key])
    body: Json = {
        "mark": {"type": "circle", "size": 26 if len(values) > 500 else 45, "opacity": 0.55},
        "encoding": {"x": _scale("x", x, widths["x"]), "y": _scale("y", y, widths["y"])},
    }
    paint(body, values, by, names)
    if len(values) < pairs.rows:
        notes.append(f"{len(values):,} points drawn from {pairs.rows:,} at random, seed 0")
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
            table, lookups[key] = grouped(table, key, found, _LEVELS)
            encoding[key] = axis(key, "nominal", found.name, sort=list(lookups[key].values()))
            if key == "x":
                encoding[key]["axis"] = {"labelAngle": -40, "labelLimit": 110}
        else:
            drawn = span(table, key, found)
            notes += drawn.notes
            lookups[key] = cut = bins(drawn, wanted, whole=found.whole)
            table = table.mutate(**{key: cut.index(seconds(found, table[key]))})
            encoding[key] = _scale(key, found, drawn.high - drawn.low)
            encoding[f"{key}2"] = {"field": f"{key}2"}
        keys.append(key)
    table = (
        table.filter(table.x.notnull() & table.y.notnull())
        if not all(isinstance(v, dict) for v in lookups.values())
        else table
    )
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
    facts = ["fullest: " + "; ".join(f"{row['x']} and {row['y']}: {row['n']:,}" for row in fullest)]
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
    expressions = {f"{left}\n{right}": _correlation(found[left].values, found[right].values) for left, right in pairs}
    computed = dataset.aggregate(expressions)
    shown = dict(zip(names, labels(names, 24), strict=True))
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
    facts = ["strongest: " + "; ".join(f"{row['y']} and {row['x']} {row['n']:+.2f}" for row in strongest)]
    return Plot("Correlation of numeric columns (Pearson's r)", body, values, dataset.rows, [], facts)


def missing(dataset: Dataset, columns: list[str] | None = None) -> Plot:
    """Show where values are missing: the share of each column in blocks of rows from first to last."""
    names = dataset.require(columns)
    if dataset.rows > _READ_WORDS:
        glance_at_columns(dataset, names)
    size = max(1, -(-dataset.rows // _BLOCKS))
    blocks = _absent_by_block(dataset, names, size)
    totals = {name: sum(block[name] for block in blocks.values()) for name in names}
    order = sorted(names, key=lambda name: -totals[name])
    with_some = [name for name in order if totals[name]]
    drawn = (with_some or order)[:_MISSING]
    titles = dict(zip(drawn, labels(drawn, 28), strict=True))
    shares = {name: f"{titles[name]} {_percent(totals[name], dataset.rows)}" for name in drawn}
    edges = {place: (place * size, min((place + 1) * size, dataset.rows)) for place in sorted(blocks)}
    values = [
        {"x": low, "x2": high, "y": shares[name], "n": number(blocks[place][name] / (high - low))}
        for place, (low, high) in edges.items()
        for name in drawn
    ]
    whole = len(names) - len(with_some)
    notes = [
        f"{whole:,} of {len(names):,} columns have nothing missing",
        "blanks and words such as N/A count as missing",
    ]
    if len(with_some) > _MISSING:
        notes.append(f"the {_MISSING} columns with most missing are drawn")
    facts = ["missing: " + "; ".join(shares[name] for name in with_some[:8])] if with_some else ["nothing is missing"]
    return Plot("Missing values", _missing_body(list(shares.values())), values, dataset.rows, notes, facts)


def _absent_by_block(dataset: Dataset, names: list[str], size: int) -> dict[int, dict[str, int]]:
    """Count missing values by column in blocks of so many rows."""
    import ibis

    blocks: dict[int, dict[str, int]] = {}
    for start in range(0, len(names), _AT_ONCE):
        keyed = {f"c{index}": name for index, name in enumerate(names[start : start + _AT_ONCE])}
        absent = {key: _absent(dataset, name).cast("int64") for key, name in keyed.items()}
        table = dataset.table.select(**absent).mutate(k=ibis.row_number() // size)
        for row in records(table.group_by("k").aggregate(**{key: table[key].sum() for key in keyed})):
            blocks.setdefault(row["k"], {}).update({name: row[key] for key, name in keyed.items()})
    return blocks


def _missing_body(order: list[str]) -> Json:
    across = axis(
        "x",
        "quantitative",
        "row, in the order of the source",
        scale={"nice": False},
        axis={"format": ",d", "grid": False},
    )
    shade = {"range": ["#f2f4f7", "#b34700"], "domain": [0, 1], "interpolate": "rgb"}
    return {
        "mark": {"type": "rect"},
        "height": {"step": 22},
        "encoding": {
            "x": across,
            "x2": {"field": "x2"},
            "y": axis("y", "nominal", None, sort=order, axis={"labelLimit": 260}),
            "color": axis("n", "quantitative", "missing", scale=shade, legend={"format": ".0%"}),
        },
    }


def _absent(dataset: Dataset, name: str) -> ir.BooleanValue:
    column: Any = dataset.table[name]
    dtype = dataset.schema[name]
    if dtype.is_string():
        worded = dataset.rows <= _READ_WORDS or not _FOLDED.isdisjoint(
            map(fold, glance_at_columns(dataset, [name])[name].values.to_pylist())
        )
        return column.isnull() | is_placeholder(column).fill_null(False) if worded else column.isnull()
    return column.isnull() | column.isnan().fill_null(False) if dtype.is_floating() else column.isnull()


def _percent(count: int, rows: int) -> str:
    share = count / rows if rows else 0.0
    return "<0.1%" if 0 < share < 0.001 else f"{share:.1%}"


def _scale(key: str, found: Axis, width: float) -> Json:
    if found.kind == "datetime":
        return axis(key, "temporal", found.name, scale={"nice": False}, axis=calendar(width))
    return axis(key, "quantitative", found.name, scale={"zero": False, "nice": False})


def _place(row: Json, key: str, found: Axis, lookup: Names | Bins) -> None:
    if isinstance(lookup, Bins):
        low, high = lookup.edges(row[key])
        if found.kind == "datetime":
            row[key], row[f"{key}2"] = instant(moment(low)), instant(moment(high))
        else:
            row[key], row[f"{key}2"] = number(low), number(high)
    else:
        row[key] = lookup.get(row[key], label(row[key]))


def _correlation(left: Any, right: Any) -> Any:
    """Return Pearson's r of the values whose squares an engine can add up."""
    bounded = (left.abs() < _SQUARABLE) & (right.abs() < _SQUARABLE)
    return bounded.ifelse(left, None).corr(bounded.ifelse(right, None), how="pop")


def _trend(pairs: Dataset, x: Axis, y: Axis) -> list[str]:
    if not (x.kind == y.kind == "numeric"):
        return []
    r = pairs.aggregate({"r": _correlation(pairs.table.x, pairs.table.y)})["r"]
    return [f"Pearson's r {r:+.2f} over all rows"] if r is not None and r == r else []
