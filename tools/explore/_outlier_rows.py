"""Outliers by row: an isolation forest or the local outlier factor over a sample, with the columns that cause them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from ..data.dataset import Dataset, Sample
from ..data.values import as_python
from ..results import Model, Scanned
from ._outlier_columns import Number, id_column
from ._outlier_fences import ENOUGH, find_fences

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

RowMethod = Literal["isolation_forest", "lof"]
# What two cores do in some ten seconds.
_ROWS = {"isolation_forest": 100_000, "lof": 15_000}
_CELLS = {"isolation_forest": 3_000_000, "lof": 300_000}
_COLUMNS = 100
# Scores below are reached in clean tables too.
_LEAST = {"isolation_forest": 0.62, "lof": 2.0}
_REASONS = 3
_STRANGE = 3.5
_CLIP = 30.0


class Cause(Model):
    """A column's part in a strange row: its value, the usual one, and how many spreads lie between.

    `given_others` tells that the value is strange beside the row's other values rather than on its own.
    """

    column: str
    value: Any
    usual: Any
    spreads: float
    given_others: bool = False


class OutlierRow(Model):
    """A row with the number it has in the dataset (the first is 1), its score, and what makes it strange."""

    row: int
    score: float
    id: Any = None
    causes: list[Cause] = []


def row_outliers(
    dataset: Dataset, numbers: list[Number], method: RowMethod, contamination: float
) -> tuple[list[OutlierRow], Scanned]:
    """Return the rows that stand out, the strangest first, at most the share `contamination` of those looked at."""
    import numpy as np

    numbers = numbers[:_COLUMNS]
    sample = _numbered_sample(dataset, numbers, method)
    if sample.arrow.num_rows < ENOUGH or not numbers:
        return [], sample.scanned
    values = np.column_stack(
        [np.asarray(sample.arrow.column(index).to_numpy(), dtype=float) for index in range(len(numbers))]
    )
    scaled, kept = _scaled(values)
    if not kept:
        return [], sample.scanned
    scores = _isolation(scaled) if method == "isolation_forest" else _local_factor(scaled)
    places = _standing_out(scores, contamination, _LEAST[method])
    residuals = _given_others(scaled)
    rows = sample.arrow.column("row").to_pylist()
    ids = as_python(sample.arrow.column("id")) if "id" in sample.arrow.column_names else None
    medians = np.nanmedian(values[:, kept], axis=0)
    found = []
    for place in places:
        causes = _causes(
            scaled[place], residuals[place], values[place, kept], medians, [numbers[index] for index in kept]
        )
        # Forests find the corners of a cube strange; without a value that is, a row is merely at the edge.
        if not causes:
            continue
        found.append(
            OutlierRow(
                row=rows[place], score=round(float(scores[place]), 4), id=ids[place] if ids else None, causes=causes
            )
        )
    return found, sample.scanned


def _numbered_sample(dataset: Dataset, numbers: list[Number], method: RowMethod) -> Sample:
    import ibis

    key = id_column(dataset)
    chosen: dict[str, Any] = {f"v{index}": number.read(dataset.table) for index, number in enumerate(numbers)}
    chosen |= {"row": ibis.row_number() + 1} | ({"id": dataset.table[key]} if key else {})
    size = max(1_000, min(_ROWS[method], _CELLS[method] // max(1, len(numbers))))
    return Dataset(name=dataset.name, table=dataset.table.select(**chosen)).sample(size)


def _scaled(values: Array) -> tuple[Array, list[int]]:
    """Return robust z scores of the columns that have a spread; what is missing counts as usual."""
    import numpy as np

    columns, kept = [], []
    for index in range(values.shape[1]):
        column = values[:, index]
        fence = find_fences(column[np.isfinite(column)], "iqr")
        if fence is None:
            continue
        columns.append(np.clip(np.nan_to_num(fence.scaled(column), nan=0.0), -_CLIP, _CLIP))
        kept.append(index)
    return (np.column_stack(columns) if columns else np.empty((len(values), 0))), kept


def _isolation(scaled: Array) -> Array:
    """Return the scores of Liu, Ting and Zhou's isolation forest (2008): 0.5 is usual, towards 1 is strange."""
    import numpy as np
    from sklearn.ensemble import IsolationForest

    forest = IsolationForest(n_estimators=150, max_samples=min(512, len(scaled)), random_state=0, n_jobs=1).fit(scaled)
    parts = [-forest.score_samples(scaled[start : start + 10_000]) for start in range(0, len(scaled), 10_000)]
    return np.concatenate(parts)


def _local_factor(scaled: Array) -> Array:
    """Return the local outlier factors of Breunig et al. (2000): 1 is as dense as the neighbourhood."""
    import numpy as np
    from sklearn.neighbors import LocalOutlierFactor

    # Equal rows would have an infinite density and make strangers of their neighbours.
    distinct, inverse = np.unique(scaled, axis=0, return_inverse=True)
    if len(distinct) < ENOUGH:
        return np.ones(len(scaled))
    # Trees are of no use in many dimensions.
    algorithm = "brute" if distinct.shape[1] > 6 else "auto"
    model = LocalOutlierFactor(n_neighbors=min(35, len(distinct) - 1), algorithm=algorithm, n_jobs=1).fit(distinct)
    factors: Array = -model.negative_outlier_factor_[inverse.ravel()]
    return factors


def _standing_out(scores: Array, contamination: float, least: float) -> list[int]:
    """Return the rows with the greatest scores that lie beyond the usual range of scores, the greatest first."""
    import numpy as np

    fence = find_fences(scores, "iqr")
    if fence is None:
        return []
    most = max(1, int(contamination * len(scores)))
    order = np.argsort(-scores, kind="stable")[:most]
    return [int(place) for place in order if scores[place] > max(fence.high, least)]


def _given_others(scaled: Array) -> Array:
    """Return how strange each value is given the row's others: residuals of linear regressions on them, in spreads."""
    import numpy as np
    from sklearn.covariance import LedoitWolf

    if scaled.shape[1] < 2:
        return np.zeros_like(scaled)
    calm = np.clip(scaled, -4, 4)
    precision = LedoitWolf().fit(calm).precision_
    residuals: Array = (scaled - calm.mean(axis=0)) @ precision / np.sqrt(np.diag(precision))
    return residuals


def _causes(z: Array, residual: Array, values: Array, medians: Array, numbers: list[Number]) -> list[Cause]:
    import numpy as np

    alone = bool(np.max(np.abs(z)) >= _STRANGE)
    strength = z if alone else residual
    order = np.argsort(-np.abs(strength))[:_REASONS]
    return [
        Cause(
            column=numbers[place].name,
            value=numbers[place].say(float(values[place])),
            usual=numbers[place].say(float(medians[place])),
            spreads=round(float(strength[place]), 1),
            given_others=not alone,
        )
        for place in order
        if abs(strength[place]) >= _STRANGE
    ]
