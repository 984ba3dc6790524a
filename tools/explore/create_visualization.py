"""Charts: computed in the engine, drawn as a PNG for the model to see, with a Vega-Lite spec to draw again."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from ..catalogue import action
from ..data.dataset import Dataset
from ..errors import BadRequest
from ..results import Result
from ._charts_axes import Axes, Axis
from ._charts_draw import Plot, bar, box, density, histogram
from ._charts_pairs import cells, correlations, line, missing, scatter
from ._charts_spec import picture, specification

ChartType = Literal["histogram", "bar", "line", "scatter", "box", "heatmap", "density", "missing"]


class Chart(Result):
    """A chart: what is drawn on which axis, the Vega-Lite `spec` with its data, and a `png` in base64."""

    indivisible: ClassVar[tuple[str, ...]] = ("spec",)

    chart_type: ChartType
    x: str | None = None
    y: str | None = None
    color: str | None = None
    spec: dict[str, Any] = {}
    png: str = Field("", description="base64 of an image/png")
    points: int = Field(0, description="records that the chart is drawn from")
    title: str = ""
    notes: list[str] = []
    facts: list[str] = []

    def headline(self) -> str:
        return f"{self.chart_type}: {self.title}, {self.points:,} points."

    def details(self) -> list[str]:
        return [*self.facts, *self.notes]


@action("Chart")
def create_visualization(
    dataset: Dataset,
    chart_type: ChartType,
    x: str | None = None,
    y: str | None = None,
    color: str | None = None,
) -> Chart:
    """Draw a chart of a dataset as an image and a Vega-Lite spec; columns are chosen when none are given.

    Args:
        chart_type: the kind of chart
        x: column across; category of a bar or box
        y: number to average or compare; default counts rows
        color: column of few categories

    Raises:
        BadRequest: a column does not exist, or can't be drawn so.
    """
    dataset.require([name for name in (x, y, color) if name is not None])
    if not dataset.rows:
        raise BadRequest(f"{dataset.name!r} has no rows to draw")
    axes = Axes(dataset)
    plot, used = _DRAWN[chart_type](axes, x, y, color)
    notes = [_unread(axis) for axis in used.values() if axis is not None and axis.unread] + plot.notes
    rows = dataset.rows
    counted = f"{plot.drawn:,} of {rows:,} rows" if plot.drawn != rows else f"{rows:,} rows"
    left_out = rows - plot.drawn if plot.scanned is None else 0
    if left_out and not any("not drawn" in note for note in plot.notes):
        counted += f"; {left_out:,} with missing or unreadable values left out"
    spec = specification(plot.body, plot.values, title=plot.title, subtitle=[counted, *notes])
    names = {key: axis.name if axis is not None else None for key, axis in used.items()}
    return Chart(
        dataset=dataset.name,
        scanned=plot.scanned or dataset.everything,
        chart_type=chart_type,
        spec=spec,
        png=picture(spec),
        points=len(plot.values),
        title=plot.title,
        notes=[counted, *notes],
        facts=plot.facts,
        **names,
    )


Drawn = tuple[Plot, dict[str, Axis | None]]


def _histogram(axes: Axes, x: str | None, y: str | None, color: str | None) -> Drawn:
    across = axes.read(x or y or _choose(axes, "numeric", "datetime"))
    if across.kind == "category":
        raise BadRequest(
            f"a histogram needs numbers or dates, and {across.name!r} holds categories; use chart_type='bar'"
        )
    by = _by(axes, color)
    return histogram(axes.dataset, across, by), {"x": across, "color": by}


def _density(axes: Axes, x: str | None, y: str | None, color: str | None) -> Drawn:
    across = axes.read(x or y or _choose(axes, "numeric", "datetime"))
    if across.kind == "category":
        raise BadRequest(
            f"a density needs numbers or dates, and {across.name!r} holds categories; use chart_type='bar'"
        )
    if x and y:
        up = axes.read(y)
        return cells(axes.dataset, across, up), {"x": across, "y": up}
    by = _by(axes, color)
    return density(axes.dataset, across, by), {"x": across, "color": by}


def _bar(axes: Axes, x: str | None, y: str | None, color: str | None) -> Drawn:
    across = axes.category(x or _choose(axes, "category", "numeric", without=[y, color]))
    up = axes.number(y, "the length of a bar") if y else None
    by = _by(axes, color) if up is None else None
    return bar(axes.dataset, across, up, by), {"x": across, "y": up, "color": by}


def _line(axes: Axes, x: str | None, y: str | None, color: str | None) -> Drawn:
    across = axes.read(x or _choose(axes, "datetime", "numeric", without=[y, color]))
    if across.kind == "category":
        raise BadRequest(
            f"a line runs along time or numbers, and {across.name!r} holds categories; use chart_type='bar'"
        )
    up = axes.number(y, "a line") if y else None
    by = _by(axes, color)
    return line(axes.dataset, across, up, by), {"x": across, "y": up, "color": by}


def _scatter(axes: Axes, x: str | None, y: str | None, color: str | None) -> Drawn:
    up = axes.read(y or _choose(axes, "numeric", without=[x, color]))
    across = axes.read(x or _choose(axes, "numeric", "datetime", without=[up.name, color]))
    for axis in (across, up):
        if axis.kind == "category":
            raise BadRequest(
                f"a scatter needs numbers or dates, and {axis.name!r} holds categories; use chart_type='box', 'heatmap'"
            )
    by = _by(axes, color)
    return scatter(axes.dataset, across, up, by), {"x": across, "y": up, "color": by}


def _box(axes: Axes, x: str | None, y: str | None, color: str | None) -> Drawn:
    if x and not y and axes.natural(x).kind == "numeric":
        x, y = color, x
    elif x and y and axes.natural(y).kind == "category" and axes.read(x).kind == "numeric":
        x, y = y, x
    up = axes.number(y or _choose(axes, "numeric", without=[x, color]), "a box")
    groups = x or color or axes.first("category", without=[up.name])
    across = axes.category(groups) if groups else None
    return box(axes.dataset, up, across), {"x": across, "y": up}


def _heatmap(axes: Axes, x: str | None, y: str | None, color: str | None) -> Drawn:  # noqa: ARG001
    if x is None and y is None:
        plot = correlations(axes.dataset, axes)
        if plot is not None:
            return plot, {}
    across = axes.natural(x or _choose(axes, "category", "numeric", "datetime", without=[y]))
    up = axes.natural(y or _choose(axes, "category", "numeric", "datetime", without=[across.name]))
    return cells(axes.dataset, across, up), {"x": across, "y": up}


def _missing(axes: Axes, x: str | None, y: str | None, color: str | None) -> Drawn:
    chosen = list(dict.fromkeys(name for name in (x, y, color) if name is not None))
    return missing(axes.dataset, chosen or None), {}


_DRAWN = {
    "histogram": _histogram,
    "density": _density,
    "bar": _bar,
    "line": _line,
    "scatter": _scatter,
    "box": _box,
    "heatmap": _heatmap,
    "missing": _missing,
}


def _by(axes: Axes, name: str | None) -> Axis | None:
    return axes.category(name) if name else None


def _choose(axes: Axes, *kinds: Any, without: list[str | None] | None = None) -> str:
    name = axes.first(*kinds, without=without or [])
    if name is None:
        raise BadRequest(f"there is no {' or '.join(kinds)} column worth drawing; name one as x or y")
    return name


def _unread(axis: Axis) -> str:
    kind = "datetime of the years 1 to 9999" if axis.kind == "datetime" else axis.kind
    return f"{axis.unread:,} values of {axis.name!r} can't be read as {kind} and are left out"
