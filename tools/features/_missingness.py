"""What missing values go along with in the training rows: other columns, the target, and what predicts them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import chdtrc, stdtr

from ._scalers import Floats, Scaled
from ._training import Training

# Being missing is related to a column when that is sure (after Bonferroni) and not weak (Cohen 1988: r of 0.1).
_SURE, _RELATED = 0.01, 0.1
# Values can be predicted when another column correlates so strongly, and the table is narrow.
_PREDICTED, _NARROW = 0.5, 50
# What is tested: so many rows (fewer of a wide table), other columns and levels; fewer cases show nothing.
_ROWS, _CELLS, _OTHERS, _LEVELS, _ENOUGH = 20_000, 8_000_000, 200, 30, 20


@dataclass(frozen=True)
class Evidence:
    """What is known of columns with missing values: what being missing, and what their values, go along with."""

    relations: dict[str, str]
    predictors: dict[str, tuple[str, float]]

    @classmethod
    def of(cls, training: Training, names: list[str]) -> Evidence:
        """Test columns on a bounded number of training rows."""
        numbers = training.of_kind("number", "flag")
        rows = max(2_000, min(_ROWS, _CELLS // max(1, len(names))))
        gaps = np.isnan(training.numbers(names, rows))
        tested = [place for place in range(len(names)) if _ENOUGH <= gaps[:, place].sum() <= len(gaps) - _ENOUGH]
        names, gaps = [names[place] for place in tested], gaps[:, tested]
        if not names:
            return cls({}, {})
        others = numbers[:_OTHERS]
        relations = _relations(training, names, gaps, others)
        wanted = [name for name in names if name in relations and training.columns[name].kind == "number"]
        predictors = _predictors(training, wanted, numbers, len(gaps)) if len(numbers) <= _NARROW else {}
        return cls(relations, predictors)


def _relations(training: Training, names: list[str], gaps: npt.NDArray[np.bool_], others: list[str]) -> dict[str, str]:
    """Say what being missing goes along with, where it is sure and not weak."""
    frame = training.frame.iloc[: len(gaps)]
    ranked, labels = [frame[name].rank().to_numpy() for name in others], list(others)
    levels = {name: frame[name].to_numpy() for name in training.of_kind("category")[: _OTHERS // 4]}
    if training.y is not None and training.task == "regression":
        ranked.append(frame.assign(y=training.y[: len(gaps)])["y"].rank().to_numpy())
        labels.append("the target")
    elif training.y is not None:
        levels["the target"] = training.y[: len(gaps)]
    tests = max(1, len(labels) + len(levels))
    rank_r, rank_p = _correlations(gaps.astype(np.float64), np.column_stack(ranked)) if ranked else _nothing(len(names))
    found: dict[str, tuple[float, str]] = {}
    for place, name in enumerate(names):
        for other, r, p in zip(labels, rank_r[place], rank_p[place], strict=True):
            if other != name and p * tests < _SURE and abs(r) >= max(_RELATED, found.get(name, (0.0, ""))[0]):
                found[name] = abs(r), f"{other} is {'high' if r > 0 else 'low'} (r {r:+.2f})"
    for other, values in levels.items():
        for name, (v, p) in zip(names, _cramers(gaps, values), strict=True):
            if p * tests < _SURE and v >= max(_RELATED, found.get(name, (0.0, ""))[0]):
                found[name] = v, f"{other} differs (V {v:.2f})"
    return {name: told for name, (_, told) in found.items()}


def _nothing(rows: int) -> tuple[Floats, Floats]:
    return np.zeros((rows, 0)), np.ones((rows, 0))


def _predictors(training: Training, names: list[str], others: list[str], rows: int) -> dict[str, tuple[str, float]]:
    """Return the column that each correlates with most, where that is strongly."""
    if not names:
        return {}
    values = Scaled().fit_values(training.numbers(others, rows)).scale(training.numbers(others, rows))
    r, p = _correlations(values[:, [others.index(name) for name in names]], values)
    found = {}
    for place, name in enumerate(names):
        r[place, others.index(name)] = 0
        r[place, p[place] * len(others) >= _SURE] = 0
        best = int(np.argmax(np.abs(r[place])))
        if abs(r[place, best]) >= _PREDICTED:
            found[name] = others[best], float(r[place, best])
    return found


def _correlations(left: Floats, right: Floats) -> tuple[Floats, Floats]:
    """Return Pearson's r of every pair of columns over the rows that have both, and how likely it is by chance."""
    # From a middle of their own, so that squares keep their digits.
    left, right = (part - np.nan_to_num(_means(part)) for part in (left, right))
    has_left, has_right = (~np.isnan(part) * 1.0 for part in (left, right))
    left, right = np.nan_to_num(left), np.nan_to_num(right)
    n = has_left.T @ has_right
    with np.errstate(divide="ignore", invalid="ignore"):
        mean_left, mean_right = left.T @ has_right / n, has_left.T @ right / n
        spread_left = (left**2).T @ has_right / n - mean_left**2
        spread_right = has_left.T @ right**2 / n - mean_right**2
        r = (left.T @ right / n - mean_left * mean_right) / np.sqrt(spread_left * spread_right)
        good = (n >= 2 * _ENOUGH) & (spread_left > 1e-12) & (spread_right > 1e-12)
        r = np.clip(np.where(good, r, 0.0), -1, 1)
        p = 2 * stdtr(np.maximum(n - 2, 1), -np.abs(r) * np.sqrt(np.maximum(n - 2, 1) / np.maximum(1 - r**2, 1e-12)))
    return r, np.where(good, p, 1.0)


def _means(values: Floats) -> Floats:
    known = ~np.isnan(values)
    return np.asarray(np.where(known, values, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1))


def _cramers(gaps: npt.NDArray[np.bool_], values: npt.NDArray[Any]) -> list[tuple[float, float]]:
    """Return Cramér's V between being missing and the levels of a category, and how likely it is by chance."""
    codes, unique = pd.factorize(values, use_na_sentinel=True)
    if not 2 <= len(unique) <= _LEVELS:
        return [(0.0, 1.0)] * gaps.shape[1]
    known = codes >= 0
    totals = np.bincount(codes[known], minlength=len(unique)).astype(np.float64)
    found = []
    for gap in gaps.T:
        missing = np.bincount(codes[known & gap], minlength=len(unique)).astype(np.float64)
        share = missing.sum() / totals.sum()
        if not 0 < share < 1:
            found.append((0.0, 1.0))
            continue
        chi2 = float(((missing - totals * share) ** 2 / (totals * share * (1 - share))).sum())
        found.append((float(np.sqrt(chi2 / totals.sum())), float(chdtrc(len(unique) - 1, chi2))))
    return found
