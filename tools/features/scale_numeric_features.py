"""A step of a pipeline: numbers on a common scale, learned from the training rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from ..catalogue import action
from ..context import Context
from ._answers import StepResult, step_result

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ..results import Finding
    from ._training import Plan, Training

Method = Literal["standard", "minmax", "robust", "quantile", "power"]

# Advice is drawn from so many training rows.
_ADVISED_ROWS = 20_000
# A range of so many interquartile ranges leaves most rows in a narrow band of it.
_STRETCHED = 50


def plan(training: Training, *, method: Method = "standard", columns: list[str] | None = None) -> Plan:
    """Decide what to scale: the numbers that were named, or all of them."""
    from ._scalers import SHAPED_ROWS, Scaled, ends
    from ._training import Plan, nothing_to_do

    names = training.choose(columns, ["number"], what="scale_numeric_features")
    if not names:
        return nothing_to_do("there is no number column at this point of the pipeline; flags need no scaling")
    values = training.numbers(names)
    low, high = ends(values)
    warnings = _warnings(names, values, low, high, method)
    flat = {name for name, least, most in zip(names, low, high, strict=True) if not least < most}
    rows = f" by {min(training.rows, SHAPED_ROWS):,} training rows" if method in {"quantile", "power"} else ""
    reasons = {
        name: "one value in the training rows: 0 everywhere"
        if name in flat
        else f"{_WAYS[method]}, as asked; {least:.4g} to {most:.4g}{rows}"
        for name, least, most in zip(names, low, high, strict=True)
    }
    return Plan(parts=[(Scaled(method), names, False)], reasons=reasons, warnings=warnings)


_WAYS = {
    "standard": "standard: mean 0, standard deviation 1",
    "minmax": "minmax: 0 to 1",
    "robust": "robust: median 0, interquartile range 1",
    "quantile": "quantile: ranks as a normal distribution",
    "power": "power: Yeo-Johnson, then mean 0, standard deviation 1",
}


def _warnings(
    names: list[str],
    values: npt.NDArray[np.float64],
    low: npt.NDArray[np.float64],
    high: npt.NDArray[np.float64],
    method: Method,
) -> list[Finding]:
    import numpy as np

    from ._training import warn

    found = []
    flat = [name for name, least, most in zip(names, low, high, strict=True) if not least < most]
    if flat:
        shown = f"{', '.join(map(repr, flat[:6]))}{' …' if len(flat) > 6 else ''}"
        message = f"{shown}: one value, or none, in all training rows; 0 now, which tells a model nothing"
        found.append(warn(message, flat, "constant", len(flat), "medium"))
    gaps = [name for name, share in zip(names, np.isnan(values).mean(axis=0), strict=True) if 0 < share < 1]
    if gaps:
        shown = f"{', '.join(gaps[:5])}{' …' if len(gaps) > 5 else ''}"
        message = f"missing values stay missing in {shown}; impute_missing_values fills them"
        found.append(warn(message, gaps, "missing", len(gaps)))
    for place, name in enumerate(names):
        ratio, inner = _stretch(values[:_ADVISED_ROWS, place], low[place], high[place])
        if method == "robust" and inner == 0 and low[place] < high[place]:
            message = f"{name!r}: its middle half is one value, so it is centred but not scaled"
            found.append(warn(message, [name], "interquartile_range", 0.0))
        elif method in {"standard", "minmax"} and ratio > _STRETCHED:
            message = (
                f"{name!r} spans {ratio:,.0f} interquartile ranges, so extreme values set its scale; "
                "robust, quantile or power is less moved by them"
            )
            found.append(warn(message, [name], "span", round(ratio, 1), "low"))
    return found


def _stretch(values: npt.NDArray[np.float64], low: float, high: float) -> tuple[float, float]:
    """Return the range in interquartile ranges, and these."""
    import numpy as np

    known = values[~np.isnan(values)]
    if not len(known) or not low < high:
        return 0.0, 0.0
    first, third = np.quantile(known / 4, [0.25, 0.75])
    inner = float(third - first)
    with np.errstate(over="ignore"):
        return (float(np.float64(high / 4 - low / 4) / inner) if inner > 0 else 0.0), inner


@action("Scale numeric features", pure=False, read_only=False)
def scale_numeric_features(
    pipeline: str,
    method: Method = "standard",
    columns: list[str] | None = None,
    *,
    context: Context,
) -> StepResult:
    """Put number columns of a pipeline on a common scale, learned from the training rows alone.

    The scales are those of scikit-learn's StandardScaler, MinMaxScaler, RobustScaler (median and interquartile range),
    QuantileTransformer (to a normal distribution, so that what follows finds the same form as with the others) and
    PowerTransformer (Yeo and Johnson 2000, standardised); the last two are learned from at most 100,000 training rows.
    Missing values stay missing. A column of one value becomes 0. With minmax new values beyond the range of the
    training rows leave [0, 1], so that they can be told from its ends; with quantile they are held at its ends, and a
    value that many rows share gets the middle of its ranks, at the ends too. Nothing gets farther out than 10**12.
    Flags are left as they are.

    Args:
        pipeline: its name
        method: how
        columns: default all numbers
        context: who calls

    Raises:
        BadRequest: a column is not there or is no number.
    """
    from ._build import extend

    declared, number, changed = extend(
        context, pipeline, "scale_numeric_features", {"method": method, "columns": columns}
    )
    return step_result(declared, number, changed=changed)
