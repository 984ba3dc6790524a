"""What a time column adds to the leakage check: values known only later, and a target that follows its own past."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..results import Finding
from ._leakage_columns import LEAST_ROWS, Verdict, as_numbers
from ._leakage_scores import Target, best, score_numbers

if TYPE_CHECKING:
    import pyarrow as pa

LATER = 0.95
FOLLOWS = 0.3


def judge_times(table: pa.Table, target: Target, time_column: str, features: list[str]) -> dict[str, Verdict]:
    """Accuse times that lie after the row's own time, and those whose distance from it tells the target."""
    import numpy as np
    import pyarrow.types as kinds

    now = as_numbers(table.column(time_column))
    verdicts = {}
    for name in features:
        kind = table.column(name).type
        if name == time_column or not (kinds.is_timestamp(kind) or kinds.is_date(kind)):
            continue
        wait = as_numbers(table.column(name)) - now
        rows = ~np.isnan(wait)
        kept = target.only(rows)
        if rows.sum() < LEAST_ROWS:
            continue
        later = float((wait[rows] > 0).mean())
        if later >= LATER:
            reason = f"later than {time_column!r} in {later:.0%} of its rows: known only after, unless fixed in advance"
            verdicts[name] = Verdict(name, later, "share_later", reason, accused=True, severity="medium")
        if (kept.kind == "numeric" or len(kept.labels) > 1) and len(np.unique(wait[rows])) > 1:
            score = best(score_numbers(wait[rows], kept))
            if score.accuses:
                reason = f"the time from {time_column!r} to it tells the target"
                verdicts[name] = Verdict(name, score.value, score.measure, reason, accused=True)
    return verdicts


def moves_with_time(table: pa.Table, target: Target, name: str, time_column: str) -> list[Finding]:
    """Tell whether rows next to each other in time have like targets, so that a random split would leak."""
    import numpy as np

    now = as_numbers(table.column(time_column))
    rows = np.flatnonzero(~np.isnan(now))
    if len(rows) < 5 * LEAST_ROWS:
        return []
    values = target.values[rows[np.argsort(now[rows], kind="stable")]]
    if target.kind == "classes":
        shares = np.bincount(values) / len(values)
        chance = float((shares**2).sum())
        like = (float((values[1:] == values[:-1]).mean()) - chance) / (1 - chance) if chance < 1 else 0.0
    else:
        centred = values - values.mean()
        spread = float((centred**2).sum())
        like = float((centred[1:] * centred[:-1]).sum()) / spread if spread > 0 else 0.0
    if like < FOLLOWS:
        return []
    message = f"{name!r} resembles its own value of just before ({like:.2f}): split by {time_column!r}, not at random"
    return [
        Finding(
            severity="low",
            columns=[name, time_column],
            message=message,
            metric="autocorrelation",
            value=round(like, 4),
            threshold=FOLLOWS,
        )
    ]
