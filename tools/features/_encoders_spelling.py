"""Categories by how their levels are written, and what such properties of levels tell of a target."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ._reader import Kind
from ._rows import FOLDS, Keys, mixed
from ._step import Part

COMPONENTS = 30
FITTED_ROWS = 20_000
_BUCKETS = 2**14
_PENALTY = 1.0
_LEAST_VARIANCE = 1e-6

Floats = npt.NDArray[np.floating[Any]]


class Spelled(Part):
    """What levels have in common in their characters: codes with parts, names in several spellings.

    Groups of 3 and 4 characters, weighted by TF-IDF, reduced to a few columns by a singular value decomposition: what
    skrub's `StringEncoder` does, but of each level once, and hashed, so that no vocabulary is kept. A level that was
    not seen is placed by its characters; a missing value is all 0.

    Args:
        names: of the columns made.
    """

    def __init__(self, names: list[str]) -> None:
        self.names = names

    def fit(self, X: pd.DataFrame, y: Any = None, rows: Any = None) -> Spelled:  # noqa: N803, ARG002
        """Learn from the first rows which groups of characters go together."""
        from sklearn.decomposition import TruncatedSVD

        self.column_ = str(X.columns[0])
        codes, levels = pd.factorize(X[self.column_].to_numpy()[:FITTED_ROWS])
        codes = codes[codes >= 0]
        self.components_ = np.zeros((_BUCKETS, len(self.names)), dtype=np.float32)
        self.weights_ = np.ones(_BUCKETS, dtype=np.float32)
        if not len(codes):
            return self
        groups = _groups(levels)
        shown = groups[codes]
        shown.data[:] = 1.0
        found_in = np.asarray(shown.sum(axis=0), dtype=np.float64).ravel()
        self.weights_ = (np.log((1 + len(codes)) / (1 + found_in)) + 1).astype(np.float32)
        weighted = _weighted(groups, self.weights_)[codes]
        width = min(len(self.names), len(codes))
        with np.errstate(invalid="ignore", divide="ignore"):  # its share of no variance, where there is one level
            reduced = TruncatedSVD(width, random_state=0).fit(weighted)
        variance = float(reduced.explained_variance_.sum())
        self.components_[:, :width] = reduced.components_.T / (math.sqrt(variance) if variance > _LEAST_VARIANCE else 1)
        return self

    def transform(self, X: pd.DataFrame) -> Floats:  # noqa: N803
        """Return the place of each level among all spellings."""
        codes, levels = pd.factorize(X[self.column_].to_numpy())
        made = np.zeros((len(levels) + 1, len(self.names)), dtype=np.float32)
        if len(levels):
            made[:-1] = _weighted(_groups(levels), self.weights_) @ self.components_
        return made[codes]

    def outputs(self) -> list[tuple[str, Kind, list[str]]]:
        """Return the numbers."""
        return [(name, "number", [self.column_]) for name in self.names]

    def learned(self) -> dict[str, Any]:
        """Return nothing: a component has no short name."""
        return {}


def _groups(levels: Sequence[str] | npt.NDArray[Any]) -> Any:
    from sklearn.feature_extraction.text import HashingVectorizer

    hasher = HashingVectorizer(
        analyzer="char_wb", ngram_range=(3, 4), n_features=_BUCKETS, norm=None, alternate_sign=False, dtype=np.float32
    )
    return hasher.transform(levels)


def _weighted(groups: Any, weights: Floats) -> Any:
    from sklearn.preprocessing import normalize

    weighted = groups.copy()
    weighted.data *= weights[weighted.indices]
    return normalize(weighted, copy=False)


def evidence(levels: Keys, counts: npt.NDArray[np.int64], sums: Floats, properties: Floats) -> float:
    """Return how surely properties of levels tell the target of other levels, in standard errors.

    Means of levels are predicted by a ridge regression that was fitted without them, in folds that their keys draw, and
    are compared with what they are.

    Args:
        levels: keys.
        counts: rows of each level.
        sums: levels x targets: of the target, less its mean, in each level.
        properties: levels x properties.
    """
    # Means of many rows are surer, but the level itself differs from what its properties say, however many rows it has.
    weights = np.sqrt(counts)
    means, folds = sums / counts[:, None], (mixed(levels) % np.uint64(FOLDS)).astype(np.int64)
    predicted = np.zeros_like(means)
    for fold in range(FOLDS):
        inside, outside = folds != fold, folds == fold
        if not inside.any():
            continue
        center = np.average(properties[inside], axis=0, weights=weights[inside])
        known = properties[inside] - center
        weighted = known * weights[inside, None]
        level = np.average(means[inside], axis=0, weights=weights[inside])
        normal = weighted.T @ known + _PENALTY * np.eye(known.shape[1])
        predicted[outside] = level + (properties[outside] - center) @ np.linalg.solve(
            normal, weighted.T @ (means[inside] - level)
        )
    effective = float(weights.sum()) ** 2 / float((weights**2).sum())
    found = max(_correlation(predicted[:, t], means[:, t], weights) for t in range(means.shape[1]))
    return found * math.sqrt(effective)


def _correlation(left: Floats, right: Floats, weights: Floats) -> float:
    left, right = left - np.average(left, weights=weights), right - np.average(right, weights=weights)
    spread = math.sqrt(float((weights * left * left).sum()) * float((weights * right * right).sum()))
    return float((weights * left * right).sum()) / spread if spread > 0 else 0.0
