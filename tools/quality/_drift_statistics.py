"""How far two samples are apart, and how far chance alone would put them: the arithmetic of the drift check.

Every comparison answers with a `Shift`: a test statistic, a p-value, and an effect that does not grow with the number
of rows. The p-value tells whether a difference is beyond sampling noise, the effect whether it matters; drift is both.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Counts = NDArray[np.int64]

# A twentieth of the rows sits elsewhere; a normal column moved by an eighth of its standard deviation reaches it.
KS_THRESHOLD = 0.05
# Evidently's limit for the normalised Wasserstein distance. It sees what happens to a few rows far out, but a column
# that is constant but for five rows gets 0.2 from nothing, so some rows must have moved as well.
WASSERSTEIN_THRESHOLD = 0.1
WASSERSTEIN_NEEDS_KS = 0.03
# Ten points between two categories are 0.10 or more, a new category with 1 % of the rows is 0.07.
CRAMER_THRESHOLD = 0.07
MISSING_THRESHOLD = 0.1
TEXT_THRESHOLD = 0.1
# The chance that a table without drift has any column flagged, at most.
FAMILY_ERROR = 0.002


@dataclass(frozen=True)
class Shift:
    """One comparison: `effect` is in the unit `measure` and counts from `threshold` on."""

    test: str
    statistic: float
    p_value: float
    effect: float
    measure: str
    threshold: float

    @property
    def matters(self) -> bool:
        """Whether the effect is large enough to be called drift if it is not noise."""
        return self.effect >= self.threshold


def numeric_shift(reference: Floats, current: Floats) -> Shift:
    """Compare two samples of numbers by the Kolmogorov-Smirnov distance, and by the Wasserstein distance for far tails.

    The p-value is of whichever of Kolmogorov-Smirnov and Mann-Whitney is surer, doubled for having had two tries: the
    first sees any difference, the second sees a shift in small samples. Wasserstein is in reference standard
    deviations, over values winsorised at 0.5 % and 99.5 %, so that one wrong cell is not drift.
    """
    import numpy as np
    from scipy.special import kolmogorov

    n, m = len(reference), len(current)
    first, second = np.sort(reference), np.sort(current)
    pooled = np.concatenate([first, second])
    pooled.sort(kind="stable")
    points = pooled[np.concatenate([[True], pooled[1:] != pooled[:-1]])]
    below_first, below_second = np.searchsorted(first, points, "right"), np.searchsorted(second, points, "right")
    gaps = np.abs(below_first / n - below_second / m)
    distance = float(gaps.max())
    p_value = min(float(kolmogorov(math.sqrt(n * m / (n + m)) * distance)), _rank_sum(below_first, below_second))
    shift = Shift("ks", distance, min(1.0, 2 * p_value), distance, "ks_distance", KS_THRESHOLD)
    low, high = pooled[int(0.005 * (n + m - 1))], pooled[math.ceil(0.995 * (n + m - 1))]
    if shift.matters or distance < WASSERSTEIN_NEEDS_KS or not (np.isfinite(low) and np.isfinite(high)):
        return shift
    spread = float(np.clip(first, low, high).std()) or float(np.clip(pooled, low, high).std())
    moved = float((gaps[:-1] * np.diff(np.clip(points, low, high))).sum()) / spread if spread else 0.0
    if moved < WASSERSTEIN_THRESHOLD:
        return shift
    return Shift("ks", distance, shift.p_value, moved, "wasserstein_normed", WASSERSTEIN_THRESHOLD)


def _rank_sum(below_first: Counts, below_second: Counts) -> float:
    """Return the two-sided p-value of Mann-Whitney with correction for ties, from cumulative counts at each value."""
    import numpy as np
    from scipy.special import ndtr

    n, m = float(below_first[-1]), float(below_second[-1])
    here_first, here_second = np.diff(below_first, prepend=0), np.diff(below_second, prepend=0)
    wins = float((here_first * (below_second - 0.5 * here_second)).sum())
    ties = (here_first + here_second).astype(float)
    total = n + m
    variance = n * m / 12 * (total + 1 - float((ties**3 - ties).sum()) / (total * (total - 1)))
    return float(2 * ndtr(-abs(wins - n * m / 2) / math.sqrt(variance))) if variance > 1e-9 * n * m else 1.0


def category_shift(reference: Counts, current: Counts, *, test: str = "chi2") -> Shift:
    """Compare two samples of categories by counts of the same levels, any number of them.

    The effect is Cramér's V between value and table, both tables weighted alike, less what chance gives to the same
    levels (the idea of Bergsma 2013, computed exactly level by level so that it holds where most levels have one row).
    The p-value is of chi² over all levels, with its exact mean and its variance for sparse tables, or of the one level
    that moved most, doubled for having had two tries.
    """
    import numpy as np

    keep = reference + current > 0
    reference, current = reference[keep], current[keep]
    counts = reference + current
    n, total = float(reference.sum()), float(counts.sum())
    share = n / total
    if len(counts) < 2:
        return Shift(test, 0.0, 1.0, 0.0, "cramers_v", CRAMER_THRESHOLD)
    chi2 = float(((reference - counts * share) ** 2 / (counts * share * (1 - share))).sum())
    p_value = _surest_level(reference, counts, share)
    if len(counts) > 2:
        p_value = min(1.0, 2 * min(p_value, _chi2_tail(reference, counts, share)))
    left, right = reference / n, current / (total - n)
    terms, both = (left - right) ** 2, left + right
    by_all = float((terms / both).sum()) / 2 - _expected_square(counts, share)
    # Merging levels never adds to V, so each level against all others bounds it from below.
    by_one = float((terms / both / (2 - both)).max()) - 1 / (4 * total * share * (1 - share))
    effect = math.sqrt(min(1.0, max(0.0, by_all, by_one)))
    return Shift(test, chi2, float(np.clip(p_value, 0, 1)), effect, "cramers_v", CRAMER_THRESHOLD)


def _chi2_tail(reference: Counts, counts: Counts, share: float) -> float:
    """Return the p-value of chi² over all levels, by a gamma distribution with its mean and variance for sparse cells.

    Each level's term has the variance of a squared standardised binomial; the total being fixed takes away what is
    linear in it, so that levels with one row, which can tell nothing, add nothing. A few rare levels among common
    ones would skew the tail, so they count as one; where most levels are rare, their number makes up for it.
    """
    import numpy as np
    from scipy.special import gammaincc

    rare = counts * min(share, 1 - share) < 3
    if rare.any() and counts[rare].sum() < 0.2 * counts.sum():
        reference = np.append(reference[~rare], reference[rare].sum())
        counts = np.append(counts[~rare], counts[rare].sum())
    if len(counts) < 2:
        return 1.0
    chi2 = float(((reference - counts * share) ** 2 / (counts * share * (1 - share))).sum())
    levels, total, spread = len(counts), float(counts.sum()), share * (1 - share)
    variance = float((2 - 6 / counts + 1 / (counts * spread)).sum()) - (levels * (1 - 2 * share)) ** 2 / (
        total * spread
    )
    variance *= (levels - 1) / levels
    mean = (levels - 1) * total / (total - 1)
    return float(gammaincc(mean * mean / variance, chi2 * mean / variance)) if variance > 1e-6 * levels else 1.0


def _surest_level(reference: Counts, counts: Counts, share: float) -> float:
    """Return the p-value of the level whose share moved most surely, times the number of levels that could be told."""
    import numpy as np
    from scipy.special import bdtr, bdtrc

    total = int(counts.sum())
    able = np.flatnonzero(counts * min(share, 1 - share) >= 3)
    if not len(able):
        return 1.0
    common = able[counts[able] > total / 10]
    rare = able[counts[able] <= total / 10]
    chances = [two_share_p(int(reference[i]), int(counts[i]), round(share * total), total) for i in common]
    if len(rare):
        seen, of = reference[rare].astype(float), counts[rare]
        up = np.where(seen > 0, bdtrc(np.maximum(seen - 1, 0), of, share), 1.0)
        chances.append(float(2 * np.minimum(bdtr(seen, of, share), up).min()))
    independent = len(able) if len(able) < len(counts) or len(counts) > 2 else 1
    return min(1.0, min(chances) * independent)


def two_share_p(hits: int, marked: int, drawn: int, total: int) -> float:
    """Return the two-sided p-value of `hits` marked rows among `drawn` of `total` (hypergeometric)."""
    import numpy as np
    from scipy.special import gammaln

    mean = marked * drawn / total
    deviation = math.sqrt(mean * (1 - marked / total) * (total - drawn) / max(total - 1, 1))
    least, most = max(0, drawn + marked - total), min(marked, drawn)
    reach = int(40 * deviation) + 2
    ends = (hits, min(most, hits + reach)) if hits > mean else (max(least, hits - reach), hits)
    at = np.arange(ends[0], ends[1] + 1, dtype=float)

    def choose(n: Any, k: Any) -> Any:
        return gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)

    logs = choose(marked, at) + choose(total - marked, drawn - at) - choose(total, drawn)
    return min(1.0, 2 * float(np.exp(logs).sum()))


def _expected_square(counts: Counts, share: float) -> float:
    """Return what the squared V is on average when the pooled rows of each level fall to the tables by chance."""
    import numpy as np
    from scipy.special import gammaln

    total = float(counts.sum())
    n, m = share * total, (1 - share) * total
    small = counts[counts <= 60]
    large = counts[counts > 60]
    expected = float((1 - large / total).sum()) / (4 * total * share * (1 - share))
    for count, times in zip(*np.unique(small, return_counts=True), strict=True):
        at = np.arange(count + 1, dtype=float)
        logs = gammaln(count + 1) - gammaln(at + 1) - gammaln(count - at + 1)
        chance = np.exp(logs + at * math.log(share) + (count - at) * math.log1p(-share))
        left, right = at / n, (count - at) / m
        expected += times * float((chance * (left - right) ** 2 / (left + right)).sum()) / 2
    return min(expected, 1.0)


def missing_shift(missing_reference: int, reference: int, missing_current: int, current: int) -> Shift:
    """Compare the shares of missing values; the effect is their difference."""
    difference = missing_reference / reference - missing_current / current
    p_value = two_share_p(missing_reference, missing_reference + missing_current, reference, reference + current)
    return Shift("missing_share", abs(difference), p_value, abs(difference), "missing_share", MISSING_THRESHOLD)


def beyond_noise(p_values: Sequence[float], error: float = FAMILY_ERROR) -> list[bool]:
    """Tell which p-values stand after Holm's correction for having looked at all of them."""
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    kept = [False] * len(p_values)
    for rank, index in enumerate(order):
        if p_values[index] > error / (len(p_values) - rank):
            break
        kept[index] = True
    return kept
