"""The charts that a run had drawn by `create_visualization`, drawn again from the points of their specification."""

from __future__ import annotations

from collections.abc import Callable

from . import reading, svg, words
from .figures import Figure, Row, Source, cut
from .reading import Record

_BOX = ("p5", "q1", "q2", "q3", "p95")


def drawing(source: Source) -> Figure | None:
    """Draw a chart again, or tell what it showed; None where there is not even that."""
    title = reading.text(source.detail, "title")
    points = reading.records(reading.record(reading.record(source.detail, "spec"), "data"), "values")
    make = _BY_TYPE.get(reading.text(source.detail, "chart_type"))
    drawn = make(source, points) if make is not None and points else None
    if drawn is not None:
        return drawn
    facts = [*reading.texts(source.detail, "facts"), *reading.texts(source.detail, "notes")]
    return Figure(title, "; ".join(facts) + ".", (source.place,)) if title and facts else None


def _about(source: Source) -> str:
    told = reading.texts(source.detail, "notes")
    return f"{'; '.join(told)}." if told else ""


def _histogram(source: Source, points: list[Record]) -> Figure | None:
    bins = []
    for point in points:
        start, end, height = (reading.amount(point, key) for key in ("x", "x2", "n"))
        if start is None or end is None or height is None or "color" in point:
            return None
        bins.append((start, end, height))
    title = reading.text(source.detail, "title")
    ends = (words.number(bins[0][0]), words.number(max(end for _, end, _ in bins)))
    facts = "; ".join(reading.texts(source.detail, "facts"))
    plot = svg.histogram(bins, f"{title}. {facts}")
    return Figure(title, f"{_about(source)} {facts}".strip(), (source.place,), plot=plot, ends=ends)


def _line(source: Source, points: list[Record]) -> Figure | None:
    places: list[tuple[float, float]] = []
    for point in points:
        x, y = _across(point), reading.amount(point, "n")
        if x is None or y is None or "color" in point:
            return None
        places.append((x, y))
    places.sort()
    title = reading.text(source.detail, "title")
    facts = "; ".join(reading.texts(source.detail, "facts"))
    ends = (_day(min(points, key=_key)), _day(max(points, key=_key)))
    plot = svg.line(places, f"{title}. {facts}")
    return Figure(title, f"{_about(source)} {facts}".strip(), (source.place,), plot=plot, ends=ends)


def _across(point: Record) -> float | None:
    moment = words.instant(reading.text(point, "x"))
    return reading.amount(point, "x") if moment is None else moment.timestamp()


def _key(point: Record) -> float:
    return _across(point) or 0.0


def _day(point: Record) -> str:
    moment = words.instant(reading.text(point, "x"))
    return words.value(point.get("x")) if moment is None else words.day(moment)


def _bars(source: Source, points: list[Record]) -> Figure | None:
    pairs = [
        (words.value(point.get("x")), height) for point in points if (height := reading.amount(point, "n")) is not None
    ]
    if len(pairs) < len(points) or any("color" in point for point in points) or min(height for _, height in pairs) < 0:
        return None
    most = max(height for _, height in pairs) or 1.0
    rows = [
        Row(name, svg.bar([("plain", height / most)]), words.number(height))
        for name, height in sorted(pairs, key=lambda pair: -pair[1])
    ]
    shown, folded, left = cut(rows, "value")
    return Figure(reading.text(source.detail, "title"), _about(source), (source.place,), (), shown, folded, left)


def _boxes(source: Source, points: list[Record]) -> Figure | None:
    boxes = []
    for point in points:
        quantiles = [reading.amount(point, key) for key in _BOX]
        known = [quantile for quantile in quantiles if quantile is not None]
        if len(known) < len(_BOX):
            return None
        boxes.append((point, known))
    least, most = min(known[0] for _, known in boxes), max(known[-1] for _, known in boxes)
    wide = (most - least) or 1.0
    rows = []
    for point, known in boxes:
        low, first, middle, third, high = ((quantile - least) / wide for quantile in known)
        note = f"middle half {words.number(known[1])} to {words.number(known[3])}"
        if rows_of := reading.count(point, "n"):
            note += f" · {words.counted(rows_of, 'row')}"
        label = words.value(point.get("x"))
        rows.append(Row(label, svg.box(low, first, middle, third, high), words.number(known[2]), note))
    shown, folded, left = cut(rows, "value")
    title = reading.text(source.detail, "title")
    ends = (words.number(least), words.number(most))
    return Figure(title, _about(source), (source.place,), (), shown, folded, left, ends=ends)


_BY_TYPE: dict[str, Callable[[Source, list[Record]], Figure | None]] = {
    "histogram": _histogram,
    "line": _line,
    "bar": _bars,
    "box": _boxes,
}
