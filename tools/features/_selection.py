"""Which columns are worth keeping: scored fold by fold on training rows, and compared with shuffled copies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from threadpoolctl import threadpool_limits

from ..errors import BadRequest
from ._products import is_constant
from ._reader import ROW
from ._selection_models import permutation_importance, shap_importance
from ._selection_scores import Flags, Floats, Look, Rows, correlation, information, spread
from ._step import fold_of
from ._training import Training

# What gives one score for each column.
Scorer = Callable[[Look], Floats]

SUPERVISED = ("mutual_information", "permutation", "shap")
# How a method scores, the rows and the cells (rows times columns) that it looks at, and what its score is called.
METHODS: dict[str, tuple[Scorer, int, int, str]] = {
    "mutual_information": (information, 4_000, 400_000, "mutual information"),
    "permutation": (permutation_importance, 20_000, 4_000_000, "loss when shuffled"),
    "shap": (shap_importance, 20_000, 4_000_000, "mean |SHAP|"),
    "variance": (spread, 50_000, 20_000_000, "variance of the scaled column"),
    "correlation": (correlation, 50_000, 20_000_000, "|r| with the target"),
}
FEWEST_ROWS = 10
# Rows of a class without which it can't be in every fold's share.
_FEWEST_OF_CLASS = 3
# Cells of a wide table are never fewer rows than this.
_LEAST_ROWS = 1_000
# How many shuffled copies there are of the columns of a kind, and by how much of their span the best is to be beaten.
_FEWEST_COPIES, _MOST_COPIES, _MARGIN = 20, 200, 0.25
# Beyond this the square of a number may not be finite.
_HUGE = 1e100
# Columns of which mutual information is asked when columns are only to be suggested, and the rows for it.
_SUGGESTED, _SUGGESTED_ROWS = 300, 2_000


@dataclass(frozen=True, eq=False)
class Judged:
    """The rows that columns are judged on: the first of the training rows, which are a random sample of them.

    Attributes:
        names: the columns.
        values: rows x columns, NaN where missing.
        flags: which columns are flags.
        y: the target, None without one.
        classes: whether the target is one of classes, as codes.
        folds: of the rows.
        left_out: rows of classes that are too rare to be in several folds.
    """

    names: tuple[str, ...]
    values: Floats
    flags: Flags
    y: Floats | None
    classes: bool
    folds: Rows
    seed: int
    left_out: int = 0

    def splits(self) -> list[tuple[Rows, Rows]]:
        """Return (rows to learn from, rows held out) for every fold that can be judged."""
        found = []
        for fold in np.unique(self.folds):
            fit, held = np.flatnonzero(self.folds != fold), np.flatnonzero(self.folds == fold)
            if len(fit) and self._can_learn(fit):
                found.append((fit, held))
        if not found and self.y is None:
            found = [(np.arange(len(self.folds)),) * 2]
        return found

    def _can_learn(self, fit: Rows) -> bool:
        if self.y is None:
            return True
        counts = np.unique(self.y[fit], return_counts=True)[1]
        return int((counts > 1).sum() if self.classes else len(counts)) > 1


@dataclass(frozen=True, eq=False)
class Scored:
    """Scores of columns, and of shuffled copies of them, by fold.

    Attributes:
        by_fold: folds x columns.
        copies: folds x copies.
        kinds: of the columns and the copies, whether it is a flag: each kind is compared with copies of its own.
    """

    by_fold: Floats
    copies: Floats
    kinds: tuple[Flags, Flags]

    @property
    def mean(self) -> Floats:
        # What differs in the last bits alone is a tie, on every machine.
        return np.asarray(self.by_fold.mean(axis=0).round(12))

    @property
    def deviation(self) -> Floats:
        return np.asarray(self.by_fold.std(axis=0))

    @property
    def noise(self) -> Floats:
        """What a column has to score to be better than chance: more than the best shuffled copy, by a margin."""
        line = np.zeros(self.by_fold.shape[1])
        for flag in (False, True):
            means = self.copies.mean(axis=0)[self.kinds[1] == flag]
            if len(means):
                line[self.kinds[0] == flag] = means.max() + _MARGIN * (means.max() - np.median(means))
        return line

    @property
    def beats_noise(self) -> Flags:
        """Whether a column scores more than chance, on average and in most folds."""
        best = np.zeros_like(self.by_fold)
        for flag in (False, True):
            copies = self.copies[:, self.kinds[1] == flag]
            if copies.shape[1]:
                best[:, self.kinds[0] == flag] = copies.max(axis=1, keepdims=True)
        return np.asarray((self.mean > self.noise) & ((self.by_fold > best).mean(axis=0) > 0.5))


def judged(training: Training, names: Sequence[str], method: str) -> Judged:
    """Return the rows that a method looks at.

    Raises:
        BadRequest: there are too few, for a method that learns from the target.
    """
    _, most, cells, _ = METHODS[method]
    rows = min(training.rows, most, max(_LEAST_ROWS, cells // max(1, len(names))))
    y = None if training.y is None else _tamed(training.y[:rows, None].copy())[:, 0]
    kept = np.arange(rows)
    classes = training.task in {"binary", "classes"}
    if y is not None and classes:
        _, place, counts = np.unique(y, return_inverse=True, return_counts=True)
        kept = np.flatnonzero(counts[place] >= min(_FEWEST_OF_CLASS, counts.max()))
        y = y[kept]
    found = Judged(
        names=tuple(names),
        values=_tamed(training.numbers(names, rows)[kept]),
        flags=np.array([training.columns[name].kind == "flag" for name in names]),
        y=y,
        classes=classes,
        folds=fold_of(training.frame[ROW].to_numpy()[kept]),
        seed=training.seed,
        left_out=rows - len(kept),
    )
    if method in SUPERVISED:
        _check(found, method)
    return found


def _check(found: Judged, method: str) -> None:
    if len(found.folds) < FEWEST_ROWS:
        raise BadRequest(
            f"method {method!r} judges columns across folds, and {len(found.folds)} training rows are too few: "
            f"it takes {FEWEST_ROWS}; method='variance' takes any number"
        )
    if len(np.unique(found.folds)) < 2:
        raise BadRequest(
            f"method {method!r} judges columns across folds, and all training rows are of one group; "
            "method='variance' needs no folds"
        )
    if not found.splits():
        raise BadRequest(
            f"method {method!r} can't learn from these training rows: the target hardly varies outside any fold; "
            "method='variance' and method='correlation' need less"
        )


def _tamed(values: Floats) -> Floats:
    largest = np.abs(np.nan_to_num(values)).max(axis=0, initial=0.0)
    huge = largest > _HUGE
    if huge.any():
        values[:, huge] /= largest[huge]
    return values


def scored(rows: Judged, method: str) -> Scored:
    """Score all columns by a method, in every fold; with shuffled copies where the method learns from the target."""
    scorer = METHODS[method][0]
    flags, source = rows.flags, np.zeros(0, dtype=np.int64)
    if method in SUPERVISED:
        source = np.concatenate([_copied(np.flatnonzero(flags == kind)) for kind in (False, True)])
    values = np.hstack([rows.values, np.random.default_rng(rows.seed).permuted(rows.values[:, source], axis=0)])
    kinds = np.concatenate([flags, flags[source]])
    # One thread: sums come out the same on every machine, and tables of this size are no quicker with more.
    with threadpool_limits(1, user_api="openmp"):
        found = np.array(
            [scorer(Look(values, kinds, rows.y, rows.classes, fit, held, rows.seed)) for fit, held in rows.splits()]
        )
    columns = len(rows.names)
    return Scored(found[:, :columns], found[:, columns:], (flags, kinds[columns:]))


def _copied(columns: Rows) -> Rows:
    """Return which columns are copied: of many some, of few each several times."""
    if not len(columns):
        return columns
    wanted = min(max(len(columns), _FEWEST_COPIES), _MOST_COPIES)
    return columns[np.arange(wanted) * max(len(columns), wanted) // wanted % len(columns)]


def constants(training: Training, names: Sequence[str]) -> list[str]:
    """Return the columns that hold one value in all training rows, or none."""
    return [
        name
        for name in names
        if is_constant(training.frame[name].iloc[:1_000].to_numpy(dtype=np.float64))
        and is_constant(training.frame[name].to_numpy(dtype=np.float64))
    ]


def strongest(training: Training, names: Sequence[str]) -> tuple[list[int], str]:
    """Return the positions of columns, the strongest first, and the measure: a quick look for suggestions."""
    method = "correlation" if training.y is not None else "variance"
    rows = judged(training, names, method)
    some = np.arange(min(len(rows.folds), _SUGGESTED_ROWS))
    look = Look(rows.values, rows.flags, rows.y, rows.classes, some, some, rows.seed)
    if rows.y is None or len(some) < FEWEST_ROWS or len(np.unique(rows.y[some])) < 2:
        return _descending(spread(look)), "variance"
    first = np.array(_descending(correlation(look))[:_SUGGESTED])
    told = information(replace(look, values=rows.values[:, first], flags=rows.flags[first]))
    return [int(first[place]) for place in _descending(told)], "mutual information with the target"


def _descending(scores: Floats) -> list[int]:
    return [int(place) for place in np.argsort(-scores, kind="stable")]
