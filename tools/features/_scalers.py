"""Scaling of numbers: learned by scikit-learn from the training rows, applied from the arrays that it learned."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ._reader import Kind
from ._step import Part

Floats = npt.NDArray[np.float64]

# So many spreads from the middle is as far as any value gets: what follows may square it, or store it in 32 bits.
MOST = 1e12
# Quantiles and the power are learned from so many rows, or fewer of a wide table; more would not move them.
SHAPED_ROWS = 100_000
_SHAPED_CELLS = 20_000_000
_FEWEST_ROWS = 2_000
_QUANTILES = 1_000
# No probability is nearer to 0 or 1, which puts the ends of a quantile scale at -5.2 and 5.2.
_END = 1e-7
# A new value in the units of a column gets no larger, so that infinity takes part in nothing.
_HUGE = 1e300
# Cells that are worked on at a time.
_BLOCK = 2**18


def units(low: Floats, high: Floats) -> Floats:
    """Return a power of two for each column whose numbers are so large or small that their squares are lost, else 1.

    A product with it is exact, so what is learned from the columns is what would have been learned without.

    Args:
        low: the least number of each column, NaN where there is none.
        high: the largest.
    """
    largest = np.fmax(high, -low)
    extreme = (largest > 1e150) | ((largest > 0) & (largest < 1e-6))
    exponents = np.clip(np.frexp(np.where(extreme, largest, 1.0))[1], -1000, None)
    return np.where(extreme, np.ldexp(1.0, -exponents), 1.0)


class Scaled(Part):
    """Numbers on a common scale.

    A missing value stays missing. A column of one value in the training rows becomes 0, whatever new rows hold, and
    nothing gets farther from the middle than `MOST`. With `minmax` new values beyond the range of the training rows
    leave [0, 1]; with `quantile` they are held at the ends, and a value that many training rows share gets the middle
    of its ranks, also where it is the least or the largest (scikit-learn: 5.2 from all others).

    Args:
        method: standard, minmax, robust, quantile (to a normal distribution) or power (Yeo-Johnson, then standard).
    """

    def __init__(self, method: str = "standard") -> None:
        self.method = method

    def fit(self, X: pd.DataFrame, y: Any = None, rows: Any = None) -> Scaled:  # noqa: N803, ARG002
        """Learn the scale of every column."""
        self.columns_ = [str(name) for name in X.columns]
        return self.fit_values(X.to_numpy(dtype=np.float64))

    def fit_values(self, values: Floats) -> Scaled:
        """Learn from an array of rows x columns."""
        if self.method in {"quantile", "power"}:
            values = values[: max(_FEWEST_ROWS, min(SHAPED_ROWS, _SHAPED_CELLS // max(1, values.shape[1])))]
        width = values.shape[1]
        self.low_, self.high_ = ends(values)
        self.flat_ = ~(self.low_ < self.high_)
        self.unit_ = units(self.low_, self.high_)
        self.center_, self.spread_, self.power_ = np.zeros(width), np.ones(width), np.ones(width)
        self.quantiles_, self.probabilities_ = np.zeros((0, width)), np.zeros(0)
        varied = np.flatnonzero(~self.flat_)
        if len(varied):
            some = values if len(varied) == width else values[:, varied]
            if (self.unit_ != 1).any():
                some = some * self.unit_[varied]
            _LEARN[self.method](self, some, varied)
        return self

    def transform(self, X: pd.DataFrame) -> Floats:  # noqa: N803
        """Return the columns on their scales."""
        return self.scale(X.to_numpy(dtype=np.float64))

    def scale(self, values: Floats) -> Floats:
        """Return an array of rows x columns on its scales."""
        rows, width = values.shape
        step = max(1, _BLOCK // max(1, width))
        if rows <= step:
            return self._scale(values)
        made = np.empty((width, rows)).T
        for start in range(0, rows, step):
            made[start : start + step] = self._scale(values[start : start + step])
        return made

    def _scale(self, values: Floats) -> Floats:
        with np.errstate(over="ignore"):
            if (self.unit_ != 1).any():
                values = np.clip(values * self.unit_, -_HUGE, _HUGE)
            if self.method == "minmax":
                made = values * self.spread_
                made += self.center_
            elif self.method == "quantile":
                made = self._by_quantiles(values)
            else:
                made = (_yeo_johnson(values, self.power_) if self.method == "power" else values) - self.center_
                made /= self.spread_
            np.clip(made, -MOST, MOST, out=made)
        if self.flat_.any():
            made[:, self.flat_] = np.where(np.isnan(values[:, self.flat_]), np.nan, 0.0)
        return np.asarray(made)

    def unscale(self, values: Floats) -> Floats:
        """Return what a standard scale was made of."""
        return np.asarray((values * self.spread_ + self.center_) / self.unit_)

    def _by_quantiles(self, values: Floats) -> Floats:
        from scipy.special import ndtri

        shares = np.zeros(values.shape[::-1])
        for column in np.flatnonzero(~self.flat_):
            ranks, one = self.quantiles_[:, column], values[:, column]
            # From both sides, so that a value which many training rows share gets the middle of its ranks.
            upper = np.interp(one, ranks, self.probabilities_)
            lower = -np.interp(-one, -ranks[::-1], -self.probabilities_[::-1])
            shares[column] = (upper + lower) / 2
        return np.asarray(ndtri(np.clip(shares, _END, 1 - _END)).T)

    def outputs(self) -> list[tuple[str, Kind, list[str]]]:
        """Return the same columns."""
        return [(name, "number", [name]) for name in self.columns_]

    def learned(self) -> dict[str, Any]:
        """Return the scale of every column, in the units of the column."""
        return {name: self._told(column) for column, name in enumerate(self.columns_)}

    def _told(self, column: int) -> dict[str, float]:
        center, spread, unit = (float(a[column]) for a in (self.center_, self.spread_, self.unit_))
        if self.flat_[column]:
            return {} if np.isnan(self.low_[column]) else {"constant": short(self.low_[column])}
        if self.method == "minmax":
            return {"min": short(self.low_[column]), "max": short(self.high_[column])}
        if self.method == "quantile":
            ranks = self.quantiles_[:, column] / unit
            return {"min": short(ranks[0]), "median": short(np.median(ranks)), "max": short(ranks[-1])}
        if self.method == "power":
            return {"lambda": short(self.power_[column]), "mean": short(center), "std": short(spread)}
        names = ("median", "iqr") if self.method == "robust" else ("mean", "std")
        return {names[0]: short(center / unit), names[1]: short(spread / unit)}


def short(value: float) -> float:
    """Return a number to ten digits, and as JSON can hold it."""
    return float(f"{np.clip(value, -1.7e308, 1.7e308):.10g}")


def ends(values: Floats) -> tuple[Floats, Floats]:
    """Return the least and the largest number of every column, NaN where there is none."""
    if not len(values):
        return np.full(values.shape[1], np.nan), np.full(values.shape[1], np.nan)
    return np.fmin.reduce(values, axis=0), np.fmax.reduce(values, axis=0)


def _learn_standard(scaled: Scaled, values: Floats, columns: npt.NDArray[np.intp]) -> None:
    from sklearn.preprocessing import StandardScaler

    found = StandardScaler().fit(values)
    scaled.center_[columns], scaled.spread_[columns] = found.mean_, found.scale_


def _learn_minmax(scaled: Scaled, values: Floats, columns: npt.NDArray[np.intp]) -> None:
    from sklearn.preprocessing import MinMaxScaler

    found = MinMaxScaler().fit(values)
    scaled.center_[columns], scaled.spread_[columns] = found.min_, found.scale_


def _learn_robust(scaled: Scaled, values: Floats, columns: npt.NDArray[np.intp]) -> None:
    from sklearn.preprocessing import RobustScaler

    found = RobustScaler().fit(values)
    scaled.center_[columns], scaled.spread_[columns] = found.center_, found.scale_


def _learn_quantiles(scaled: Scaled, values: Floats, columns: npt.NDArray[np.intp]) -> None:
    from sklearn.preprocessing import QuantileTransformer

    found = QuantileTransformer(n_quantiles=min(_QUANTILES, len(values)), subsample=None).fit(values)
    scaled.quantiles_ = np.zeros((len(found.references_), len(scaled.flat_)))
    scaled.quantiles_[:, columns], scaled.probabilities_ = found.quantiles_, found.references_


def _learn_power(scaled: Scaled, values: Floats, columns: npt.NDArray[np.intp]) -> None:
    from sklearn.preprocessing import PowerTransformer, StandardScaler

    for place, column in enumerate(columns):
        one = values[:, [place]]
        # On extreme columns the search for the power overflows, or finds one that makes all rows alike.
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                power = float(PowerTransformer(standardize=False).fit(one).lambdas_[0])
            except (ValueError, ArithmeticError, RuntimeError):
                power = 1.0
            shaped = _yeo_johnson(one, np.array([power]))
            low, high = ends(shaped)
            if not (np.isfinite(power) and low[0] < high[0] and abs(shaped[~np.isnan(shaped)]).max() < MOST**8):
                power, shaped = 1.0, one
        found = StandardScaler().fit(shaped)
        scaled.power_[column], scaled.center_[column], scaled.spread_[column] = power, found.mean_[0], found.scale_[0]


def _yeo_johnson(values: Floats, powers: Floats) -> Floats:
    """Return the transformation of Yeo and Johnson (Biometrika 87, 2000); with a power of 1 a value stays as it is."""
    logs, powers = np.log1p(np.abs(values)), np.where(values < 0, 2 - powers, powers)
    made = np.expm1(logs * powers)
    made /= np.where(powers == 0, 1.0, powers)
    np.copyto(made, logs, where=powers == 0)
    return np.copysign(made, values, out=made)


_LEARN: dict[str, Callable[[Scaled, Floats, npt.NDArray[np.intp]], None]] = {
    "standard": _learn_standard,
    "minmax": _learn_minmax,
    "robust": _learn_robust,
    "quantile": _learn_quantiles,
    "power": _learn_power,
}
