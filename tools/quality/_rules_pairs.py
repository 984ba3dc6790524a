"""Pairs of columns of which one is never above the other: pickup before dropoff, discount within price."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..columns import ColumnProfile
from ..data.dataset import Dataset
from ._rules import Rule
from ._rules_suggest import Candidate

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

MAX_COLUMNS = 15
MAX_PAIRS = 10
_FEWEST_ROWS = 50
# Beyond this the values alone explain the order: any two years are below any two prices in cents.
_BY_CHANCE = 0.9


def pair_candidates(dataset: Dataset, profiles: Mapping[str, ColumnProfile], frame: pd.DataFrame) -> list[Candidate]:
    """Guess comparisons of two columns from a sample, the least likely by chance first."""
    found: list[tuple[float, Candidate]] = []
    for sort in ("time", "number"):
        names = [name for name, profile in profiles.items() if _takes_part(dataset, profile, sort)][:MAX_COLUMNS]
        arrays = {name: _values(frame[name], sort) for name in names}
        for left, right in itertools.combinations(names, 2):
            found += _compare(left, right, arrays[left], arrays[right])
    found.sort(key=lambda item: item[0])
    return [candidate for _, candidate in found[:MAX_PAIRS]]


def _takes_part(dataset: Dataset, profile: ColumnProfile, sort: str) -> bool:
    dtype = dataset.schema[profile.name]
    if profile.distinct < 3 or profile.rows - profile.nulls < _FEWEST_ROWS:
        return False
    if sort == "time":
        return bool(dtype.is_timestamp() or dtype.is_date())
    return bool(dtype.is_numeric() and not dtype.is_boolean()) and profile.kind == "numeric"


def _values(column: pd.Series[Any], sort: str) -> np.ndarray[Any, Any]:
    import numpy as np
    import pandas as pd

    if sort == "number":
        return pd.to_numeric(column, errors="coerce").to_numpy(dtype="float64", na_value=np.nan)
    moments = pd.to_datetime(column, utc=True, errors="coerce")
    return np.where(moments.isna(), np.nan, moments.astype("int64").to_numpy(dtype="float64"))


def _compare(left: str, right: str, a: Any, b: Any) -> Sequence[tuple[float, Candidate]]:
    import numpy as np

    both = np.isfinite(a) & np.isfinite(b)
    if both.sum() < _FEWEST_ROWS:
        return []
    a, b = a[both], b[both]
    if (a == b).all():
        return [(0.0, _candidate(left, "=", right, 1.0))]
    if (a <= b).mean() < (a >= b).mean():
        left, right, a, b = right, left, b, a
    share = (a <= b).mean()
    # Against the same values in a random order, which is what columns without a relation would show.
    chance = (a <= np.random.default_rng(0).permutation(b)).mean()
    if share < 0.99 or chance > _BY_CHANCE or (1 - share) > 0.1 * (1 - chance):
        return []
    return [(float(chance), _candidate(left, "<=", right, float(share)))]


def _candidate(left: str, operator: str, right: str, share: float) -> Candidate:
    rule = Rule(kind="compare", columns=[left, right], op=operator)
    always = "always" if share == 1 else "nearly always"
    words = "the same" if operator == "=" else "in this order"
    return Candidate(rule, f"the two are {always} {words}")
