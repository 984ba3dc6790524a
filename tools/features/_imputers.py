"""Filling what is missing: statistics, the nearest training rows, or columns predicted from each other."""

from __future__ import annotations

import warnings
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from ._reader import Kind
from ._scalers import Floats, Scaled, short, units
from ._step import Part

Mask = npt.NDArray[np.bool_]
Model = dict[str, Any]

MODELLED = ("knn", "iterative")
NEIGHBOURS = 5
# What is costly is learned from so many rows, or fewer of a wide table.
DONORS = 5_000
_DONOR_CELLS = 1_000_000
CHAINED_ROWS = 20_000
_CHAINED_CELLS = 400_000
_FEWEST_ROWS = 500
_ROUNDS = 10
# With more columns each is predicted from so many others, drawn by their correlation.
_MOST_PREDICTORS = 50
# Fewer known values teach nothing about a column.
ENOUGH = 20
# For distances, a value this many standard deviations out is out enough.
_FAR = 32.0
# Rows that are held against all donors at a time, and rows that are predicted at a time.
_NEAR_BLOCK, _CHAIN_BLOCK = 256, 20_000
OWN_LEVEL = "(missing)"


class FillMissing(Part):
    """Fills numbers and flags, and tells where it did.

    No output is ever missing or infinite, and a flag stays 0 or 1. A column without a value in the training rows is
    filled with 0; one that a model can't be made for (nothing missing to learn from, too few values, nothing to
    predict it from) with its median, a flag with its most frequent value; and so is a row that shares no known column
    with any donor.

    Args:
        ways: by column, mean, median, most_frequent, constant, knn or iterative. The part's columns that are not named
            here only help to predict those that are.
        kinds: by column, `number` or `flag`.
        constant: the value for `constant`.
        flags: by column, the name of the column that is 1 where it was missing, else 0. A part without `ways` makes
            nothing else, of columns of any kind.
        seed: of what is drawn.
    """

    def __init__(
        self,
        ways: dict[str, str],
        kinds: dict[str, Kind] | None = None,
        constant: float = 0.0,
        flags: dict[str, str] | None = None,
        seed: int = 0,
    ) -> None:
        self.ways = ways
        self.kinds = kinds
        self.constant = constant
        self.flags = flags
        self.seed = seed

    def fit(self, X: pd.DataFrame, y: Any = None, rows: Any = None) -> FillMissing:  # noqa: N803, ARG002
        """Learn what to fill with."""
        self.columns_ = [str(name) for name in X.columns]
        places = {name: place for place, name in enumerate(self.columns_)}
        self.flagged_ = [places[name] for name in self.flags or {}]
        self.filled_ = [places[name] for name in self.ways]
        if not self.ways:
            return self
        values = X.to_numpy(dtype=np.float64)
        found = [self._statistics(name, values[:, place]) for name, place in places.items()]
        self.fills_, self.low_, self.high_, self.missing_ = np.array(found).T
        wanted = {way: [places[name] for name in self.ways if self.ways[name] == way] for way in MODELLED}
        self.scaled_ = Scaled().fit_values(values) if any(wanted.values()) else None
        self.nearest_ = self._fit_nearest(values, wanted["knn"])
        self.chained_ = self._fit_chained(values, wanted["iterative"])
        return self

    def _kind(self, name: str) -> Kind:
        return (self.kinds or {}).get(name, "number")

    def _statistics(self, name: str, values: Floats) -> tuple[float, float, float, float]:
        """Return what a column is filled with, its range, and the share that is missing."""
        known = values[~np.isnan(values)]
        missing = 1 - len(known) / max(1, len(values))
        if not len(known):
            fill = self.constant if self.ways.get(name) == "constant" else 0.0
            return float(fill), float(fill), float(fill), missing
        way = self.ways.get(name, "median")
        if way != "constant" and self._kind(name) == "flag":
            way = "most_frequent"
        return self._statistic(way, known), float(known.min()), float(known.max()), missing

    def _statistic(self, way: str, known: Floats) -> float:
        if way == "constant":
            return float(self.constant)
        if way == "most_frequent":
            unique, counts = np.unique(known, return_counts=True)
            return float(unique[np.argmax(counts)])
        # A power of two, so that sums of huge numbers stay finite and all others stay as they are.
        unit = float(units(known.min(), known.max()))
        some = known if unit == 1 else known * unit
        return float(some.mean() if way == "mean" else np.median(some)) / unit

    def _fit_nearest(self, values: Floats, targets: list[int]) -> Model | None:
        if not targets or self.scaled_ is None:
            return None
        donors = values[: max(_FEWEST_ROWS, min(DONORS, _DONOR_CELLS // len(self.columns_)))]
        return learn_nearest(self.scaled_.scale(donors), donors, targets)

    def _fit_chained(self, values: Floats, targets: list[int]) -> Model | None:
        if not targets or self.scaled_ is None:
            return None
        some = values[: max(_FEWEST_ROWS, min(CHAINED_ROWS, _CHAINED_CELLS // len(self.columns_)))]
        gaps = np.isnan(some)
        known = (~gaps).sum(axis=0)
        taught = [t for t in targets if gaps[:, t].any() and known[t] >= ENOUGH and not self.scaled_.flat_[t]]
        if not taught or len(self.columns_) < 2:
            return None
        return learn_chained(self._chained_input(some, gaps, taught), taught, *self._range(), seed=self.seed)

    def _range(self) -> tuple[Floats, Floats]:
        scaled = cast("Scaled", self.scaled_)
        return scaled.scale(self.low_[None, :])[0], scaled.scale(self.high_[None, :])[0]

    def _chained_input(self, values: Floats, gaps: Mask, targets: list[int]) -> Floats:
        """Return standard numbers, of which only the columns to be predicted may be missing."""
        blank = gaps.copy()
        blank[:, targets] = False
        return np.ascontiguousarray(cast("Scaled", self.scaled_).scale(np.where(blank, self.fills_, values)))

    def transform(self, X: pd.DataFrame) -> Floats:  # noqa: N803
        """Return the filled columns, then those that tell where they were."""
        if not self.ways:
            return np.asarray(X.isna().to_numpy()[:, self.flagged_], dtype=np.float64)
        values = X.to_numpy(dtype=np.float64)
        gaps = np.isnan(values)
        filled = np.where(gaps, self.fills_, values)
        self._predict(values, gaps, filled)
        if not self.flagged_ and self.filled_ == list(range(len(self.columns_))):
            return filled
        made = np.empty((len(self.filled_) + len(self.flagged_), len(values)))
        made[: len(self.filled_)] = filled.T[self.filled_]
        made[len(self.filled_) :] = gaps.T[self.flagged_]
        return made.T

    def _predict(self, values: Floats, gaps: Mask, filled: Floats) -> None:
        for model, block, predict in (
            (self.nearest_, _NEAR_BLOCK, self._from_nearest),
            (self.chained_, _CHAIN_BLOCK, self._from_chain),
        ):
            if model is None:
                continue
            targets = model["targets"]
            rows = np.flatnonzero(gaps[:, targets].any(axis=1))
            for start in range(0, len(rows), block):
                some = rows[start : start + block]
                own = gaps[some]
                found = predict(np.ascontiguousarray(values[some]), own)
                for place, target in enumerate(targets):
                    found[:, place] = self._in_range(found[:, place], target)
                    here = own[:, target] & ~np.isnan(found[:, place])
                    filled[some[here], target] = found[here, place]

    def _in_range(self, found: Floats, target: int) -> Floats:
        inside = np.clip(found, self.low_[target], self.high_[target])
        if self._kind(self.columns_[target]) == "flag":
            return np.where(np.isnan(inside), np.nan, (inside >= 0.5).astype(np.float64))
        return inside

    def _from_nearest(self, values: Floats, gaps: Mask) -> Floats:
        model = cast("Model", self.nearest_)
        return predict_nearest(model, cast("Scaled", self.scaled_).scale(values), gaps)

    def _from_chain(self, values: Floats, gaps: Mask) -> Floats:
        model = cast("Model", self.chained_)
        targets = model["targets"]
        predicted = predict_chained(model, self._chained_input(values, gaps, targets), gaps)
        return cast("Scaled", self.scaled_).unscale(predicted)[:, targets]

    def outputs(self) -> list[tuple[str, Kind, list[str]]]:
        """Return the filled columns under their names, then those that tell where they were missing."""
        made: list[tuple[str, Kind, list[str]]] = []
        for name, way in self.ways.items():
            others = [other for other in self.columns_ if other != name] if way in MODELLED else []
            made.append((name, self._kind(name), [name, *others]))
        return made + [(flag, "flag", [name]) for name, flag in (self.flags or {}).items()]

    def learned(self) -> dict[str, Any]:
        """Return how each column is filled, with what, and the share that was missing in the training rows."""
        return {name: self._told(name, place) for name, place in zip(self.ways, self.filled_, strict=True)}

    def _told(self, name: str, place: int) -> dict[str, Any]:
        told: dict[str, Any] = {"fill": short(self.fills_[place]), "missing": round(float(self.missing_[place]), 6)}
        model = {"knn": self.nearest_, "iterative": self.chained_}.get(self.ways[name])
        if model is not None and place in model["targets"]:
            told = {"way": self.ways[name], "else": told["fill"], "missing": told["missing"]}
        return told


class FillCategories(Part):
    """Fills categories with a level: one of their own, or the most frequent of the training rows.

    Of levels that are equally frequent it is the first in the alphabet; a column without a value in the training rows
    gets `OWN_LEVEL`.

    Args:
        fills: by column, the level; None: the most frequent.
    """

    def __init__(self, fills: dict[str, str | None]) -> None:
        self.fills = fills

    def fit(self, X: pd.DataFrame, y: Any = None, rows: Any = None) -> FillCategories:  # noqa: N803, ARG002
        """Learn the most frequent levels where they are wanted."""
        self.columns_ = [str(name) for name in X.columns]
        self.levels_ = [self.fills[name] or _most_frequent(X[name]) for name in self.columns_]
        self.missing_ = [round(float(X[name].isna().mean()), 6) if len(X) else 0.0 for name in self.columns_]
        return self

    def transform(self, X: pd.DataFrame) -> npt.NDArray[Any]:  # noqa: N803
        """Return the columns without gaps."""
        made = np.empty((len(self.columns_), len(X)), dtype=object)
        for place, level in enumerate(self.levels_):
            values = X.iloc[:, place].to_numpy(dtype=object)
            made[place] = values
            made[place][pd.isna(values)] = level
        return made.T

    def outputs(self) -> list[tuple[str, Kind, list[str]]]:
        """Return the same columns."""
        return [(name, "category", [name]) for name in self.columns_]

    def learned(self) -> dict[str, Any]:
        """Return the level of each column, and the share that was missing in the training rows."""
        told = zip(self.columns_, self.levels_, self.missing_, strict=True)
        return {name: {"fill": level, "missing": missing} for name, level, missing in told}


def _most_frequent(series: pd.Series[Any]) -> str:
    counts = series.value_counts()
    return min(str(level) for level in counts.index[counts == counts.max()]) if len(counts) else OWN_LEVEL


def learn_nearest(scaled: Floats, donors: Floats, targets: list[int]) -> Model:
    """Keep rows to fill others from.

    Distances are those of scikit-learn's `KNNImputer` (over the columns that both rows have), on a fine grid: sums of
    whole numbers come out the same in whatever order a matrix product takes them, so that who is nearest does not
    depend on which other rows are in the batch.

    Args:
        scaled: the donors on a standard scale, NaN where missing.
        donors: the same as they are.
        targets: the columns to fill.
    """
    width = donors.shape[1]
    # Four products a column must add up to less than 2**53.
    step = 2.0 ** np.floor(np.log2(np.sqrt(2.0**53 / (4 * width)) / _FAR))
    grid, known = _on_grid(scaled, step)
    return {
        "step": float(step),
        "targets": targets,
        "donors": donors[:, targets],
        "against": np.ascontiguousarray(np.concatenate([known, grid**2, grid], axis=1).T),
    }


def _on_grid(scaled: Floats, step: float) -> tuple[Floats, Floats]:
    known = ~np.isnan(scaled)
    return np.where(known, np.rint(np.clip(scaled, -_FAR, _FAR) * step), 0.0), known.astype(np.float64)


def predict_nearest(model: Model, scaled: Floats, gaps: Mask) -> Floats:
    """Return, for each target column, the mean of the nearest donors that know it; NaN where there is none.

    Args:
        model: from `learn_nearest`.
        scaled: rows on the same scale.
        gaps: where they are missing.
    """
    grid, known = _on_grid(scaled, model["step"])
    against, width = model["against"], grid.shape[1]
    shared = known @ against[:width]
    with np.errstate(divide="ignore", invalid="ignore"):
        distances = np.concatenate([grid**2, known, -2 * grid], axis=1) @ against / shared
    distances[shared == 0] = np.inf
    found = np.full((len(grid), len(model["targets"])), np.nan)
    for place, target in enumerate(model["targets"]):
        rows, donors = np.flatnonzero(gaps[:, target]), model["donors"][:, place]
        if len(rows):
            own, unable = distances[rows], np.isnan(donors)
            own[:, unable] = np.inf
            found[rows, place] = _mean_of_nearest(own, donors)
    return found


def _mean_of_nearest(distances: Floats, donors: Floats) -> Floats:
    """Return the mean over the nearest donors, with all that are as near as the last of them."""
    last = min(NEIGHBOURS, len(donors)) - 1
    limit = np.partition(distances, last, axis=1)[:, [last]]
    rows, nearest = np.nonzero((distances <= limit) & (distances < np.inf))
    # Added up one by one, so that a row's sum does not depend on how many rows there are.
    counts = np.bincount(rows, minlength=len(distances))
    totals = np.bincount(rows, weights=donors[nearest], minlength=len(distances))
    return np.where(counts > 0, totals / np.maximum(counts, 1), np.nan)


def learn_chained(scaled: Floats, targets: list[int], low: Floats, high: Floats, *, seed: int) -> Model:
    """Learn to predict columns from each other, in rounds, by scikit-learn's `IterativeImputer` with Bayesian ridges.

    Args:
        scaled: rows on a standard scale, NaN where a target is missing.
        targets: columns to predict, each missing somewhere and known somewhere.
        low: the least value of each column.
        high: the largest.
        seed: of the columns that are predicted from, where there are many.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.experimental import enable_iterative_imputer  # noqa: F401 - makes the next line possible
    from sklearn.impute import IterativeImputer
    from threadpoolctl import threadpool_limits

    width = scaled.shape[1]
    bounded = np.isin(np.arange(width), targets)
    imputer = IterativeImputer(
        max_iter=_ROUNDS,
        skip_complete=True,
        random_state=seed,
        n_nearest_features=_MOST_PREDICTORS if width > _MOST_PREDICTORS + 1 else None,
        min_value=np.where(bounded, low, -np.inf),
        max_value=np.where(bounded, high, np.inf),
        keep_empty_features=True,
    )
    # In one thread: the regressions are small, and the last digits depend on how many threads share them.
    with warnings.catch_warnings(), threadpool_limits(limits=1, user_api="blas"):
        # Rounds are bounded on purpose: the last ones change little, and every row must be quick.
        warnings.simplefilter("ignore", ConvergenceWarning)
        imputer.fit(scaled)
    sequence = imputer.imputation_sequence_
    weights = np.zeros((len(sequence), width))
    for place, (_, others, estimator) in enumerate(sequence):
        weights[place, others] = estimator.coef_
    return {
        "targets": targets,
        "start": np.asarray(imputer.initial_imputer_.statistics_, dtype=np.float64),
        "order": np.array([int(target) for target, _, _ in sequence], dtype=np.int64),
        "weights": weights,
        "constants": np.array([float(estimator.intercept_) for _, _, estimator in sequence]),
        "low": low,
        "high": high,
    }


def predict_chained(model: Model, scaled: Floats, gaps: Mask) -> Floats:
    """Return the rows with their targets predicted, each row by itself.

    Args:
        model: from `learn_chained`.
        scaled: rows on the same scale, changed in place.
        gaps: where they are missing.
    """
    rows = {target: np.flatnonzero(gaps[:, target]) for target in model["targets"]}
    for target, missing in rows.items():
        scaled[missing, target] = model["start"][target]
    for target, weights, constant in zip(model["order"].tolist(), model["weights"], model["constants"], strict=True):
        missing = rows[target]
        if len(missing):
            # Not by a matrix product: the last digits of that depend on how many rows there are.
            found = (scaled[missing] * weights).sum(axis=1) + constant
            scaled[missing, target] = np.clip(found, model["low"][target], model["high"][target])
    return scaled
