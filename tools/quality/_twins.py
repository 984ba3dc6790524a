"""Pairs of columns of which one tells the other: nearly linear, or identical."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from ..data.dataset import Dataset
from ..data.values import as_python
from ._values import plain_columns, shared_sample

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

THRESHOLD = 0.95
# The sample is held to a little less, and what passes is computed on all rows.
_CLOSE = 0.93
_MAX_COLUMNS, _MAX_CONFIRMED = 1_000, 200
_SAMPLE_ROWS = 20_000
_ENOUGH = 20


def correlations(dataset: Dataset) -> list[tuple[str, str, float, bool]]:
    """Find pairs with |r| ≥ 0.95 (Pearson, rows where both are present) and identical columns, the closest first.

    Pairs are looked for in a sample and confirmed on all rows. A column that holds one value says nothing.
    """
    if dataset.rows < _ENOUGH:
        return []
    same = _identical(dataset)
    numeric = [name for name in plain_columns(dataset) if dataset.schema[name].is_numeric()][:_MAX_COLUMNS]
    close = [pair for pair in _close_pairs(dataset, numeric) if pair not in same][:_MAX_CONFIRMED]
    exact = _confirmed(dataset, close)
    found = [(left, right, 1.0, True) for left, right in same]
    found += [(left, right, r, False) for (left, right), r in exact.items() if abs(r) >= THRESHOLD]
    return sorted(found, key=lambda pair: (not pair[3], -abs(pair[2])))


def _close_pairs(dataset: Dataset, names: list[str]) -> list[tuple[str, str]]:
    import numpy as np

    if len(names) < 2:
        return []
    r = _pairwise(np.column_stack([_numbers(dataset, name) for name in names]))
    rows, columns = np.nonzero(np.triu(np.abs(r) >= _CLOSE, k=1))
    order = np.argsort(-np.abs(r[rows, columns]), kind="stable")
    return [(names[int(rows[at])], names[int(columns[at])]) for at in order]


def _numbers(dataset: Dataset, name: str) -> npt.NDArray[np.float64]:
    import numpy as np

    column = shared_sample(dataset).arrow.column(name).slice(0, _SAMPLE_ROWS).cast("float64", safe=False)
    values: npt.NDArray[np.float64] = column.to_numpy().astype("float64")
    return np.where(np.isfinite(values), values, np.nan)


def _pairwise(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Correlate all columns with each other over the rows where both are present, by four matrix products."""
    import numpy as np

    present = np.isfinite(values)
    counts = np.maximum(present.sum(axis=0), 1)
    centred = np.where(present, values, 0.0)
    with np.errstate(all="ignore"):
        centred = np.where(present, values - centred.sum(axis=0) / counts, 0.0)
        spread = np.sqrt((centred**2).sum(axis=0) / counts)
        unit = np.where(spread > 0, centred / np.where(spread > 0, spread, 1.0), 0.0)
        mask = present.astype(np.float64)
        n = mask.T @ mask
        sums, squares, products = unit.T @ mask, (unit**2).T @ mask, unit.T @ unit
        covariance = products - sums * sums.T / n
        variance = squares - sums**2 / n
        r = covariance / np.sqrt(variance * variance.T)
    return np.where((n >= _ENOUGH) & (variance > 1e-9) & (variance.T > 1e-9) & np.isfinite(r), r, 0.0)


def _confirmed(dataset: Dataset, pairs: list[tuple[str, str]]) -> dict[tuple[str, str], float]:
    """Compute r on all rows: from the sample where that is the table, else in the engine."""
    import math

    import numpy as np

    sample = shared_sample(dataset)
    if sample.scanned.rows == dataset.rows <= _SAMPLE_ROWS:
        arrays = {name: _numbers(dataset, name) for pair in pairs for name in pair}
        return {(a, b): float(_pairwise(np.column_stack([arrays[a], arrays[b]]))[0, 1]) for a, b in pairs}
    expressions: dict[str, Any] = {}
    for index, (left, right) in enumerate(pairs):
        a, b = (dataset.table[name].cast("float64") for name in (left, right))
        finite = ~(a.isnan() | a.isinf() | b.isnan() | b.isinf())
        expressions[f"{index}"] = finite.ifelse(a, None).corr(finite.ifelse(b, None), how="pop")
    values = dataset.aggregate(expressions) if pairs else {}
    found = {pair: values[f"{index}"] for index, pair in enumerate(pairs)}
    return {pair: float(r) for pair, r in found.items() if r is not None and math.isfinite(r)}


def _identical(dataset: Dataset) -> list[tuple[str, str]]:
    """Columns of one type that agree in every row, columns of one value left out."""
    import pyarrow.compute as pc

    sample = shared_sample(dataset).arrow
    alike: dict[Any, list[str]] = defaultdict(list)
    for name in plain_columns(dataset):
        head = sample.column(name).slice(0, 1_000)
        if pc.count_distinct(sample.column(name)).as_py() > 1:
            alike[str(dataset.schema[name]), *map(str, as_python(head.slice(0, 200)))].append(name)
    pairs = [(group[0], other) for group in alike.values() for other in group[1:] if _equal(sample, group[0], other)]
    if not pairs or sample.num_rows == dataset.rows:
        return pairs
    differing = {f"{i}": (~dataset.table[a].identical_to(dataset.table[b])).sum() for i, (a, b) in enumerate(pairs)}
    counted = dataset.aggregate(differing)
    return [pair for index, pair in enumerate(pairs) if not counted[f"{index}"]]


def _equal(sample: pa.Table, left: str, right: str) -> bool:
    return bool(sample.column(left).equals(sample.column(right)))
