"""Categories as the mean of the target in their level, of which no training row's value holds its own label."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..errors import BadRequest
from ._encoders_levels import Codes, find, grouped, keys_of
from ._reader import Kind, codes_of
from ._rows import FOLDS
from ._step import Part, fold_of, rank_of

# Levels that differ no more than so unlikely a draw would make them tell nothing of the target.
CHANCE = 0.01
MOST_CLASSES = 20

Floats = npt.NDArray[np.float64]


class TargetMean(Part):
    """The mean of the target in a level, drawn towards the mean of all rows the more, the fewer rows the level has.

    The value of a level with `n` rows of mean `t` is `(n * t + m * prior) / (n + m)`, with `m` the variance of the
    target within levels over that between them (both from the analysis of variance of a random effect), 1 at least.
    Levels that do not differ beyond chance (F test, `CHANCE`) all get the prior, and so do levels that were not seen.

    A training row gets the value that its level has without the rows of its fold. The prior and `m` are those of all
    rows: they are the same for every row, and so tell none of its own label. With a prior for each fold they would:
    it is the higher the lower the fold's own mean, and a model reads that off.

    Sources: Micci-Barreca (SIGKDD Explorations 2001) for the shrinkage; Searle, Casella and McCulloch, Variance
    Components (1992), section 3.6, for the estimate of `m` from unequal groups.

    Args:
        names: of the columns made: one, or one for each class if there are more than two.
        classes: of the target; 0 for numbers.
    """

    cross_fitted = True

    def __init__(self, names: list[str], classes: int = 0) -> None:
        self.names = names
        self.classes = classes

    def fit(self, X: pd.DataFrame, y: Any, rows: npt.NDArray[np.int64] | None = None) -> TargetMean:  # noqa: N803
        """Learn the value of every level, for all rows and without each fold.

        Raises:
            BadRequest: there is no target, or one of other classes than declared.
        """
        self.column_ = str(X.columns[0])
        keys, target = keys_of(X[self.column_].to_numpy()), _target(y, self.classes)
        if rows is not None and (np.diff(rows) < 0).any():
            order = np.argsort(rows, kind="stable")  # sums of floats depend on the order of what is added
            keys, target, rows = keys[order], target[order], rows[order]
        self.levels_, codes = grouped(keys)
        folds = np.zeros(len(codes), dtype=np.int64) if rows is None else fold_of(rows)
        self.rows_ = 0 if rows is None else len(rows)
        self._learn(codes * FOLDS + folds, target)
        if rows is None:
            self.forget_training()
        return self

    def _learn(self, cells: Codes, target: Floats) -> None:
        shape = (len(self.levels_), FOLDS)
        counts = np.bincount(cells, minlength=shape[0] * FOLDS).reshape(shape)
        self.prior_, self.smoothing_, self.chance_ = (np.empty(len(self.names)) for _ in range(3))
        self.values_ = np.empty((shape[0], len(self.names)))
        self.fold_values_ = np.empty((*shape, len(self.names)))
        for place in range(len(self.names)):
            wanted = target if self.classes == 0 else (target == (1 if self.classes == 2 else place)).astype(float)
            self.prior_[place] = wanted.mean()
            above = wanted - self.prior_[place]
            sums: Floats = np.bincount(cells, above, minlength=counts.size).astype(np.float64).reshape(shape)
            with np.errstate(over="ignore", invalid="ignore"):  # squares of targets beyond 1e154
                found = smoothing(counts.sum(axis=1), sums.sum(axis=1), float(above @ above), len(self.names))
            self.smoothing_[place], self.chance_[place] = found
            self._set_values(place, counts, sums)

    def _set_values(self, place: int, counts: Codes, sums: Floats) -> None:
        prior, m = self.prior_[place], self.smoothing_[place]
        self.values_[:, place] = prior + sums.sum(axis=1) / (counts.sum(axis=1) + m)
        for fold in range(FOLDS):
            # Added up anew: the difference of two sums would still hold a trace of the fold in its last digit.
            others = [other for other in range(FOLDS) if other != fold]
            self.fold_values_[:, fold, place] = prior + sums[:, others].sum(axis=1) / (
                counts[:, others].sum(axis=1) + m
            )

    def transform(self, X: pd.DataFrame) -> Floats:  # noqa: N803
        """Return the values of the levels."""
        places, known = find(self.levels_, keys_of(X[self.column_].to_numpy()))
        return np.where(known[:, None], self.values_[places], self.prior_)

    def transform_training(self, X: pd.DataFrame, rows: npt.NDArray[np.int64]) -> Floats:  # noqa: N803
        """Return the values of the levels, for rows that were fitted on without their fold."""
        places, known = find(self.levels_, keys_of(X[self.column_].to_numpy()))
        made = np.where(known[:, None], self.values_[places], self.prior_)
        ranks = rank_of(rows)
        fitted = np.flatnonzero((ranks >= 0) & (ranks < self.rows_) & known)
        made[fitted] = self.fold_values_[places[fitted], fold_of(rows[fitted])]
        return made

    def outputs(self) -> list[tuple[str, Kind, list[str]]]:
        """Return a number, or one for each class."""
        return [(name, "number", [self.column_]) for name in self.names]

    def learned(self) -> dict[str, Any]:
        """Return the number of levels, the prior, and how much a level is drawn to it, by column made."""
        told: dict[str, Any] = {"levels": len(self.levels_)}
        for place, name in enumerate(self.names[:8]):
            found: dict[str, Any] = {"prior": _short(self.prior_[place])}
            if np.isfinite(self.smoothing_[place]):
                found["smoothing_rows"] = _short(self.smoothing_[place])
            else:
                found["relation"] = f"none beyond chance (p = {_short(self.chance_[place])}): the same for all rows"
            told.update(found if len(self.names) == 1 else {name: found})
        return {self.column_: told}

    def forget_training(self) -> None:
        """Drop the values without each fold."""
        self.rows_ = 0
        self.fold_values_ = np.empty((0, FOLDS, len(self.names)))


def smoothing(counts: Codes, sums: Floats, squares: float, tests: int = 1) -> tuple[float, float]:
    """Return how many rows of prior each level is mixed with, and the chance that levels differ so by chance.

    Args:
        counts: rows of each level.
        sums: of the target, less its mean, in each level.
        squares: the sum of the squares of the same over all rows.
        tests: how many are made at once; each has its share of `CHANCE`.

    Returns:
        the variance within levels over that between them, 1 at least; infinite if levels differ by chance only.
    """
    from scipy.special import fdtrc

    counts, sums = counts[counts > 0], sums[counts > 0]
    rows, levels = int(counts.sum()), len(counts)
    if levels < 2 or levels == rows:
        return np.inf, 1.0
    explained = float((sums * sums / counts).sum())
    between, within = explained / (levels - 1), max(0.0, squares - explained) / (rows - levels)
    if not within:
        return (1.0, 0.0) if between else (np.inf, 1.0)
    chance = float(fdtrc(levels - 1, rows - levels, between / within))
    if not chance < CHANCE / tests or between <= within:
        return np.inf, chance
    typical = (rows - float((counts.astype(float) ** 2).sum()) / rows) / (levels - 1)
    return max(1.0, within * typical / (between - within)), chance


def _target(y: Any, classes: int) -> Floats:
    """Return numbers, or codes of the classes: labels are coded in their order, codes stay as they are."""
    if y is None:
        raise BadRequest("target encoding needs the target, and fit was given none; pass y")
    given = np.asarray(y)
    if classes == 0:
        return given.astype(np.float64)
    if given.dtype.kind in "iuf" and np.isin(given, np.arange(classes)).all():
        return given.astype(np.float64)
    codes, found = codes_of(given)
    if found != classes:
        raise BadRequest(
            f"the target has {found or len(np.unique(codes)):,} classes here and had {classes} when the encoder was "
            "declared; fit on rows that have the same classes"
        )
    return codes.astype(np.float64)


def _short(value: float) -> float:
    return float(f"{value:.4g}")
