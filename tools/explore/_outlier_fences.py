"""Where a column's usual values end: fences that allow for skew, ratios, and a value that half the rows have."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

Method = Literal["iqr", "mad"]
# Tukey's fences stand 1.5 interquartile ranges beyond the quartiles, his far ones 3 (Exploratory Data Analysis, 1977).
_NEAR, _FAR = 1.5, 3.0
# The modified z score of Iglewicz and Hoaglin (1993) calls 3.5 an outlier.
_NEAR_Z, _FAR_Z = 3.5, 7.0
_NORMAL_MAD = 1.4826
_MEDCOUPLE_ROWS = 1500
# Fewer values than this have no shape to speak of.
ENOUGH = 12


@dataclass(frozen=True)
class Fences:
    """The usual range of a column.

    Attributes:
        low, high: values beyond are outliers.
        far_low, far_high: values beyond are far out.
        logarithmic: judged on a logarithmic scale, by ratios rather than differences.
        apart: a value so frequent that it was set apart, and is never an outlier.
        median: of what was judged.
        tail_low, tail_high: how far from the median the tails may reach, on the scale of judgement.
    """

    low: float
    high: float
    far_low: float
    far_high: float
    median: float
    step_low: float
    step_high: float
    edge_low: float
    edge_high: float
    logarithmic: bool = False
    apart: float | None = None
    tail_low: float = math.inf
    tail_high: float = math.inf

    def beyond_tail(self, value: float) -> bool:
        """Tell whether a value lies farther out than the column's own tail, went it on as it begins, would reach."""
        if self.logarithmic and value <= 0:
            return True
        judged, middle = (math.log(value), math.log(self.median)) if self.logarithmic else (value, self.median)
        return judged - middle > self.tail_high or middle - judged > self.tail_low

    def distance(self, value: float) -> float:
        """Return how far a value lies beyond the fence's foot, in its steps: 1.5 of them reach the fence itself."""
        if value == self.apart:
            return 0.0
        if self.logarithmic:
            if value <= 0:
                return math.inf
            value = math.log(value)
        above, below = value - self.edge_high, self.edge_low - value
        return max(above / self.step_high if above > 0 else 0.0, below / self.step_low if below > 0 else 0.0)

    def scaled(self, values: Array) -> Array:
        """Return values as robust z scores: differences from the median in units of the spread on their side."""
        import numpy as np

        judged, middle = values, self.median
        if self.logarithmic:
            judged = np.log(np.where(values > 0, values, np.nan))
            middle = math.log(self.median)
        z = np.where(judged > middle, (judged - middle) / self._spread(1), (judged - middle) / self._spread(-1))
        if self.logarithmic:
            z = np.where(values <= 0, -10.0, z)
        # A value set apart counts as usual.
        return np.where(values == self.apart, 0.0, z) if self.apart is not None else z

    def _spread(self, side: int) -> float:
        middle = math.log(self.median) if self.logarithmic else self.median
        quartile = self.edge_high - middle if side > 0 else middle - self.edge_low
        step = self.step_high if side > 0 else self.step_low
        return max(quartile / 0.6745, step / 1.349 / 2) or step


def find_fences(values: Array, method: Method, rows: int | None = None) -> Fences | None:
    """Return the fences of finite values; None where they have no spread to judge by.

    A value that a quarter of the rows (zero) or more than half of them (any other) have is set apart first. Of the
    values themselves and their logarithms, those are judged that are less skewed, by Hubert and Vandervieren's
    adjusted boxplot (2008), whose fences follow the medcouple. `rows` is of how many rows the values are a sample.
    """
    import numpy as np

    if len(values) < ENOUGH:
        return None
    apart = _frequent(values)
    judged = values if apart is None else values[values != apart]
    if len(judged) < ENOUGH or float(np.ptp(judged)) == 0:
        return None
    logarithmic = False
    judged = _spread_counts(judged)
    skew = medcouple(judged)
    positive = judged[judged > 0]
    if abs(skew) > 0.15 and len(positive) >= 0.99 * len(judged):
        logged = np.log(positive)
        log_skew = medcouple(logged)
        if abs(log_skew) < abs(skew) * 0.8:
            judged, skew, logarithmic = logged, log_skew, True
    fences = _fences(judged, method, skew, apart, logarithmic)
    if fences is None:
        return None
    median, factor = float(np.median(judged)), (rows or len(values)) / len(values)
    return replace(fences, tail_low=_tail(median - judged, factor), tail_high=_tail(judged - median, factor))


def _spread_counts(values: Array) -> Array:
    """Spread small whole numbers evenly over their unit, or the quartiles would fall on one of few steps."""
    import numpy as np

    whole = bool(np.all(values == np.round(values)))
    if not whole or float(np.subtract(*np.quantile(values, [0.75, 0.25]))) > 20:
        return values
    return values + np.random.default_rng(0).uniform(-0.5, 0.5, len(values))


def _tail(distances: Array, factor: float) -> float:
    """Return how far a tail may reach: that of Pareto's law which the hundredth part farthest out follows.

    Half of such values lie within log(2) / a of the first of them in logarithms, and the farthest of n at some
    log(n) / a; the median is not moved by a few strangers. Three more is where one tail in twenty would reach.
    """
    import numpy as np

    ordered = np.sort(distances[distances > 0])
    count = min(len(ordered), max(10, len(distances) // 100))
    if count < 5:
        return math.inf
    first = float(ordered[-count])
    excess = float(np.median(np.log(ordered[-count:] / first)))
    return first * math.exp(min(700.0, max(excess, 0.02) / math.log(2) * (math.log(count * factor) + 3)))


def _fences(judged: Array, method: Method, skew: float, apart: float | None, logarithmic: bool) -> Fences | None:
    import numpy as np

    q1, median, q3 = (float(q) for q in np.quantile(judged, [0.25, 0.5, 0.75]))
    if method == "iqr":
        skew = skew if abs(skew) >= 0.1 else 0.0
        low_factor, high_factor = (-4, 3) if skew >= 0 else (-3, 4)
        step_low, step_high = (q3 - q1) * math.exp(low_factor * skew), (q3 - q1) * math.exp(high_factor * skew)
        near, far, edge_low, edge_high = _NEAR, _FAR, q1, q3
    else:
        # Twice the median of the deviations on each side, so that a tail widens its own side only.
        below, above = median - judged[judged <= median], judged[judged >= median] - median
        step_low, step_high = (_NORMAL_MAD * float(np.median(side)) for side in (below, above))
        near, far, edge_low, edge_high = _NEAR_Z, _FAR_Z, median, median
    if not (step_low > 0 and step_high > 0 and math.isfinite(step_low + step_high)):
        return None
    bounds = [
        edge_low - near * step_low,
        edge_high + near * step_high,
        edge_low - far * step_low,
        edge_high + far * step_high,
    ]
    low, high, far_low, far_high = (math.exp(min(bound, 700.0)) if logarithmic else bound for bound in bounds)
    # Counted in steps of a quarter of the spread of a normal column either way, so that both methods speak alike.
    unit = 1.0 if method == "iqr" else 1.349
    shift = 0.0 if method == "iqr" else 0.6745
    return Fences(
        low,
        high,
        far_low,
        far_high,
        math.exp(median) if logarithmic else median,
        step_low * unit,
        step_high * unit,
        edge_low - shift * step_low,
        edge_high + shift * step_high,
        logarithmic,
        apart,
    )


def medcouple(values: Array) -> float:
    """Return the medcouple, a measure of skew between -1 and 1 that outliers hardly move.

    Of many values an even selection stands for all. Source: Brys, Hubert and Struyf, "A robust measure of skewness",
    2004, with the plain quadratic algorithm.
    """
    import numpy as np

    ordered = np.sort(values)
    if len(ordered) > _MEDCOUPLE_ROWS:
        places = np.linspace(0, len(ordered) - 1, _MEDCOUPLE_ROWS).round().astype(int)
        ordered = ordered[places]
    median = float(np.median(ordered))
    upper, lower = ordered[ordered >= median] - median, median - ordered[ordered <= median]
    spread = upper[:, None] + lower[None, :]
    with np.errstate(divide="ignore", invalid="ignore"):
        kernel = (upper[:, None] - lower[None, :]) / spread
    # Pairs of values that both equal the median have no side of their own, and balance each other.
    return float(np.median(np.where(spread == 0, 0.0, kernel)))


def _frequent(values: Array) -> float | None:
    import numpy as np

    found, counts = np.unique(values, return_counts=True)
    place = int(np.argmax(counts))
    share = counts[place] / len(values)
    if share > 0.5 or (found[place] == 0 and share > 0.05):
        return float(found[place])
    zero = float((values == 0).mean())
    return 0.0 if zero > 0.05 and float(np.mean(values >= 0)) > 0.99 else None
