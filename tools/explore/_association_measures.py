"""How strongly two columns belong together, each measure with the probability that chance does as much.

All strengths run from 0 to 1 and are corrected for what chance alone would give, so that they can be compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Codes = NDArray[np.int64]

_BINS = 8
_WINSOR = (0.005, 0.995)


@dataclass(frozen=True)
class Strength:
    """A measure of association: `value` has a sign where there is a direction, `chance` is a p-value."""

    measure: str
    value: float
    rows: int
    chance: float
    note: str | None = None


@dataclass(frozen=True)
class Correlations:
    """Correlations of every pair of the columns of a matrix, each over the rows that both have."""

    pearson: Array
    calm: Array
    spearman: Array
    rows: Array

    def strength(self, left: int, right: int) -> Strength:
        """Return the better of Pearson's r and Spearman's rho; a few extreme rows do not make a relation."""
        r, rho, calm = (float(m[left, right]) for m in (self.pearson, self.spearman, self.calm))
        rows = int(self.rows[left, right])
        apart = abs(r - calm) > 0.15 and abs(r - rho) > 0.15
        trusted = calm if apart and (abs(r) > abs(calm) or r * calm < 0) else r
        if abs(trusted) >= abs(rho) - 0.02:
            measure, value = "pearson", trusted
        else:
            measure, value = "spearman", rho
        note = None
        if trusted is not r:
            note = f"a few extreme rows make Pearson's r {r:+.2f}"
        elif measure == "spearman" and abs(rho) - abs(r) > 0.2:
            note = f"Pearson's r is {r:+.2f}: not linear, or hidden by extreme rows"
        return Strength(measure, value, rows, _chance_of_r(value, rows), note)


def correlations(values: Array) -> Correlations:
    """Correlate all columns with each other by a few matrix products; what is missing is left out pair by pair."""
    import numpy as np

    low, high = np.nanquantile(values, _WINSOR[0], axis=0), np.nanquantile(values, _WINSOR[1], axis=0)
    rows = _present(values).T @ _present(values)
    return Correlations(_pairwise(values), _pairwise(np.clip(values, low, high)), _pairwise(_ranks(values)), rows)


def cramers_v(left: Codes, right: Codes) -> Strength:
    """Return Cramér's V, corrected for bias (Bergsma, 2013), of two columns of codes; -1 is missing."""
    import numpy as np
    from scipy.special import chdtrc

    table = contingency(left, right)
    rows = float(table.sum())
    k, m = table.shape
    if rows < 2 or min(k, m) < 2:
        return Strength("cramers_v", 0.0, int(rows), 1.0)
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / rows
    chi2 = float(((table - expected) ** 2 / expected).sum())
    free = (k - 1) * (m - 1)
    phi2 = max(0.0, chi2 / rows - free / (rows - 1))
    smaller = min(k - (k - 1) ** 2 / (rows - 1), m - (m - 1) ** 2 / (rows - 1)) - 1
    value = float(np.sqrt(min(1.0, phi2 / smaller))) if smaller > 0 else 0.0
    return Strength("cramers_v", value, int(rows), float(chdtrc(free, chi2)))


def correlation_ratio(codes: Codes, values: Array) -> Strength:
    """Return how much of a number's variance the categories explain, as a ratio like r, adjusted for their count."""
    import numpy as np
    from scipy.special import fdtrc

    kept = (codes >= 0) & np.isfinite(values)
    codes, values = codes[kept], values[kept]
    rows = len(codes)
    levels = len(np.unique(codes))
    if rows <= levels + 1 or levels < 2:
        return Strength("correlation_ratio", 0.0, rows, 1.0)
    values = np.clip(values, *np.quantile(values, _WINSOR)) if len(np.unique(values)) > 2 else values
    total = float(((values - values.mean()) ** 2).sum())
    if total <= 0:
        return Strength("correlation_ratio", 0.0, rows, 1.0)
    counts = np.bincount(codes)
    sums = np.bincount(codes, weights=values - values.mean())
    between = float((sums[counts > 0] ** 2 / counts[counts > 0]).sum())
    share = min(1.0, between / total)
    adjusted = max(0.0, 1 - (1 - share) * (rows - 1) / (rows - levels))
    f = (share / (levels - 1)) / max((1 - share) / (rows - levels), 1e-300)
    return Strength("correlation_ratio", adjusted**0.5, rows, float(fdtrc(levels - 1, rows - levels, f)))


def mutual_information(left: Codes, right: Codes) -> Strength:
    """Return the mutual information of two numbers given by their bins, as the r of a normal pair with as much.

    Source: Linfoot, "An informational measure of correlation", 1957; bias of (bins - 1)² / 2n taken off (Miller, 1955).
    """
    import numpy as np
    from scipy.special import chdtrc

    table = contingency(left, right)
    rows = float(table.sum())
    k, m = table.shape
    if rows < 50 or min(k, m) < 2:
        return Strength("mutual_information", 0.0, int(rows), 1.0)
    share = table / rows
    independent = np.outer(share.sum(axis=1), share.sum(axis=0))
    some = share > 0
    information = float((share[some] * np.log(share[some] / independent[some])).sum())
    free = (k - 1) * (m - 1)
    corrected = max(0.0, information - free / (2 * rows))
    return Strength(
        "mutual_information",
        float(np.sqrt(1 - np.exp(-2 * corrected))),
        int(rows),
        float(chdtrc(free, 2 * rows * information)),
    )


def contingency(left: Codes, right: Codes) -> Array:
    """Return the counts of pairs of codes, without empty rows and columns."""
    import numpy as np

    kept = (left >= 0) & (right >= 0)
    if not kept.any():
        return np.zeros((0, 0))
    a, b = left[kept], right[kept]
    shape = int(a.max()) + 1, int(b.max()) + 1
    table = np.bincount(a * shape[1] + b, minlength=shape[0] * shape[1]).reshape(shape).astype(float)
    return table[table.any(axis=1)][:, table.any(axis=0)]


def binned(values: Array) -> Codes:
    """Return the bin of each number, bins holding as many rows as ties allow; -1 where it is missing."""
    import numpy as np

    known = values[np.isfinite(values)]
    edges = np.unique(np.quantile(known, np.linspace(0, 1, _BINS + 1)[1:-1])) if len(known) else np.empty(0)
    return np.where(np.isfinite(values), np.searchsorted(edges, values, side="right"), -1).astype(np.int64)


def _chance_of_r(r: float, rows: int) -> float:
    import numpy as np
    from scipy.special import erfc

    if rows < 5:
        return 1.0
    return float(erfc(abs(np.arctanh(min(abs(r), 1 - 1e-15))) * np.sqrt(rows - 3) / np.sqrt(2)))


def _present(values: Array) -> Array:
    import numpy as np

    return np.isfinite(values).astype(float)


def _ranks(values: Array) -> Array:
    """Rank each column, ties alike; what is missing stays missing."""
    import numpy as np
    from scipy.stats import rankdata

    return np.column_stack([rankdata(column, nan_policy="omit") for column in values.T]) if values.shape[1] else values


def _pairwise(values: Array) -> Array:
    """Return Pearson's r of all pairs, each over the rows that both have; 0 where one of them does not vary."""
    import numpy as np

    present = _present(values)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        middle, spread = np.nanmean(values, axis=0), np.nanstd(values, axis=0)
        z = np.where(present > 0, (values - middle) / np.where(spread > 0, spread, 1.0), 0.0)
        n, sums, squares, products = present.T @ present, z.T @ present, (z * z).T @ present, z.T @ z
        covariance = products - sums * sums.T / n
        left, right = squares - sums * sums / n, squares.T - sums.T * sums.T / n
        r = covariance / np.sqrt(left * right)
    varying = (left > 1e-9 * n) & (right > 1e-9 * n)
    result: Array = np.clip(np.where(varying & np.isfinite(r), r, 0.0), -1.0, 1.0)
    return result
