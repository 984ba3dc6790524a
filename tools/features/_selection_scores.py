"""Scores of single columns: what each tells of the target, or how much it varies; and which columns say the same.

All take the rows to learn from and look at no others; columns that are missing in some rows are filled with the median.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

# Columns of a correlation above this say the same.
SAME = 0.95
# The share of the rows at each end that does not decide how wide a column is.
_TAIL = 0.005
_BLOCK = 128
# A column that varies less than this in units of its own deviation varies in left-out rows alone.
_STILL = 1e-9


@dataclass(frozen=True, eq=False)
class Look:
    """Columns as a method looks at them, with one fold held out.

    Attributes:
        values: rows x columns, NaN where missing.
        flags: which columns are flags.
        y: the target, None without one.
        classes: whether the target is one of classes, as codes.
        fit: the rows to learn from.
        held: the rows held out.
        seed: of what is drawn.
    """

    values: Floats
    flags: Flags
    y: Floats | None
    classes: bool
    fit: Rows
    held: Rows
    seed: int

    @property
    def target(self) -> Floats:
        """The target of methods that need one."""
        assert self.y is not None
        return self.y


def filled(values: Floats) -> Floats:
    """Return columns with the median where they are missing; 0 where they are missing throughout."""
    holes = np.isnan(values)
    columns = np.flatnonzero(holes.any(axis=0))
    if not len(columns):
        return values
    made = values.copy()
    for column in columns:
        there = values[~holes[:, column], column]
        made[holes[:, column], column] = np.median(there) if len(there) else 0.0
    return made


def information(look: Look) -> Floats:
    """Return the mutual information of columns with the target, in nats.

    Source: Kraskov et al. 2004 and Ross 2014 (nearest neighbours), as in scikit-learn.
    """
    from sklearn.feature_selection import mutual_info_classif, mutual_info_regression

    measure, y = (
        (mutual_info_classif, look.target.astype(np.int64)) if look.classes else (mutual_info_regression, look.target)
    )
    table = filled(look.values[look.fit])
    return np.asarray(measure(table, y[look.fit], discrete_features=look.flags, random_state=look.seed))


def correlation(look: Look) -> Floats:
    """Return |r| of columns with the target; for classes the correlation ratio, which is |r| for two; 0 without one."""
    nothing = np.zeros(look.values.shape[1])
    if look.y is None:
        return nothing
    from sklearn.feature_selection import f_classif, r_regression

    table, target = filled(look.values[look.fit]), look.y[look.fit]
    if not look.classes:
        return np.asarray(np.abs(r_regression(table, target, force_finite=True)))
    labels = np.unique(target)
    if len(labels) < 2 or len(labels) >= len(target):
        return nothing
    # A column that is constant here, or wholly decided by the class, divides by zero.
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        ratio = f_classif(table, target)[0] * (len(labels) - 1) / (len(target) - len(labels))
        explained = np.where(np.isinf(ratio), 1.0, ratio / (1 + ratio))
    return np.asarray(np.sqrt(np.nan_to_num(explained)))


def spread(look: Look) -> Floats:
    """Return the variance of columns whose middle 99 % is scaled to 0 … 1; 0 where that is one value.

    What lies outside is cut, so that neither the scale of a column nor a few extreme values decide.
    """
    table = filled(look.values[look.fit])
    low, high = np.quantile(table, [_TAIL, 1 - _TAIL], axis=0)
    width = high - low
    cut = np.clip(table, low, high) - low
    return np.asarray(np.var(cut / np.where(width > 0, width, 1.0), axis=0) * (width > 0))


def redundant(
    values: Floats, splits: Sequence[tuple[Rows, Rows]], order: Sequence[int]
) -> dict[int, tuple[int, float]]:
    """Return the columns that say the same as an earlier one that stays, with that one and their correlation.

    The rule of feature_engine's `DropCorrelatedFeatures`, whose correlations by pandas take 20 to 70 times as long
    for 500 columns and more. Here two columns have to be correlated whichever fold is left out, so that a few
    extreme rows do not make them alike.

    Args:
        values: rows x columns.
        splits: (rows to learn from, rows left out).
        order: the columns; the earlier one of a pair stays.
    """
    table = filled(values[:, list(order)])
    deviation = table.std(axis=0)
    table = (table - table.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)
    stays = np.ones(len(order), dtype=bool)
    found = {}
    for start in range(0, len(order), _BLOCK):
        block = slice(start, min(start + _BLOCK, len(order)))
        least = _least_correlation(table[:, : block.stop], table[:, block], splits)
        for place in range(start, block.stop):
            strength = np.where(stays[:place], least[:place, place - start], 0.0)
            if place and strength.max() > SAME:
                twin = int(strength.argmax())
                stays[place] = False
                found[order[place]] = (order[twin], float(strength[twin]))
    return found


def _least_correlation(left: Floats, right: Floats, splits: Sequence[tuple[Rows, Rows]]) -> Floats:
    least = np.ones((left.shape[1], right.shape[1]))
    for fit, _ in splits:
        one, other = _unit(left[fit]), _unit(right[fit])
        np.minimum(least, np.abs(one.T @ other), out=least)
    return least


def _unit(table: Floats) -> Floats:
    centred = table - table.mean(axis=0)
    length = np.sqrt((centred**2).sum(axis=0))
    return np.asarray(centred / np.where(length > _STILL * np.sqrt(len(table)), length, np.inf))
