"""The few shapes that the charts are made of, as inline SVG without any text, so that it fits every width."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup, escape

Part = tuple[str, float]
_BAR = 10
_HIGH = 96


def tag(name: str, *inner: Markup, **attributes: str | float) -> Markup:
    """Return an element; `_` in the name of an attribute stands for `-`, one at its end for nothing."""
    told = "".join(f' {key.rstrip("_").replace("_", "-")}="{escape(_short(item))}"' for key, item in attributes.items())
    return Markup(f"<{name}{told}>{''.join(inner)}</{name}>")  # noqa: S704  # names are ours, the rest is escaped


def _short(item: str | float) -> str:
    return item if isinstance(item, str) else f"{item:.3f}".rstrip("0").rstrip(".")


def _percent(fraction: float) -> str:
    return f"{_short(100 * min(1.0, max(0.0, fraction)))}%"


def bar(parts: Sequence[Part], mark: float | None = None) -> Markup:
    """Draw a bar from parts, each a class and a fraction of the width, with a tick where `mark` says."""
    shapes = [tag("rect", class_="track", width="100%", height="100%")]
    start = 0.0
    for kind, fraction in parts:
        if fraction > 0:
            shapes.append(
                tag("rect", class_=f"fill {kind}", x=_percent(start), width=_percent(fraction), height="100%")
            )
        start += fraction
    if mark is not None:
        shapes.append(tag("rect", class_="mark", x=_percent(mark), width="2", height="100%"))
    return tag("svg", *shapes, class_="bar", width="100%", height=_BAR, aria_hidden="true")


def box(low: float, first: float, middle: float, third: float, high: float) -> Markup:
    """Draw whiskers, a box and a median at fractions of the width."""
    # Within the edges, so that no end is cut off.
    low, first, middle, third, high = (0.01 + 0.97 * place for place in (low, first, middle, third, high))
    shapes = [
        tag("rect", class_="whisker", x=_percent(low), width=_percent(high - low), y="9", height="2"),
        tag("rect", class_="whisker", x=_percent(low), width="2", y="4", height="12"),
        tag("rect", class_="whisker", x=_percent(high), width="2", y="4", height="12"),
        tag("rect", class_="box", x=_percent(first), width=_percent(third - first), y="2", height="16"),
        tag("rect", class_="median", x=_percent(middle), width="3", y="1", height="18"),
    ]
    return tag("svg", *shapes, class_="boxplot", width="100%", height=20, aria_hidden="true")


def histogram(bins: Sequence[tuple[float, float, float]], label: str) -> Markup:
    """Draw bins, each from where to where and how high; they need not be of one width."""
    least, most = bins[0][0], max(end for _, end, _ in bins)
    wide, tall = (most - least) or 1.0, max(top for *_, top in bins) or 1.0
    shapes = [
        tag(
            "rect",
            class_="fill plain gap",
            x=100 * (start - least) / wide,
            y=_HIGH * (1 - top / tall),
            width=100 * (end - start) / wide,
            height=_HIGH * top / tall,
        )
        for start, end, top in bins
    ]
    return _plot(shapes, label)


def line(points: Sequence[tuple[float, float]], label: str) -> Markup:
    """Draw a line through points, from the least to the greatest of both."""
    across, up = [x for x, _ in points], [y for _, y in points]
    wide, tall = (max(across) - min(across)) or 1.0, (max(up) - min(up)) or 1.0
    path = " ".join(
        f"{_short(100 * (x - min(across)) / wide)},{_short(4 + (_HIGH - 8) * (1 - (y - min(up)) / tall))}"
        for x, y in points
    )
    return _plot([tag("polyline", class_="stroke", points=path, vector_effect="non-scaling-stroke")], label)


def _plot(shapes: Sequence[Markup], label: str) -> Markup:
    axis = tag("line", class_="axis", x1=0, x2=100, y1=_HIGH, y2=_HIGH, vector_effect="non-scaling-stroke")
    return tag(
        "svg",
        *shapes,
        axis,
        class_="plot",
        width="100%",
        height=150,
        viewBox=f"0 0 100 {_HIGH}",
        preserveAspectRatio="none",
        role="img",
        aria_label=label,
    )


def gauge(score: float, label: str) -> Markup:
    """Draw a half ring that is full at 100."""
    arc = "M10 60 A50 50 0 0 1 110 60"
    filled = f"{_short(min(100.0, max(0.0, score)))} 200"
    return tag(
        "svg",
        tag("path", class_="ring", d=arc, pathLength="100"),
        tag("path", class_="ring-fill", d=arc, pathLength="100", stroke_dasharray=filled),
        class_="gauge",
        viewBox="0 0 120 68",
        role="img",
        aria_label=label,
    )
