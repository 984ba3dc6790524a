"""What new rows hold that the training rows did not: levels never seen, values out of range, more gaps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ..results import Finding
from ._rows import hash_values
from ._training import warn

# Of a category with more levels than this, new ones are nothing to tell.
_MOST_LEVELS = 1_000
# Shares of new rows from which on it is worth a word, and a loud one.
_TOLD, _LOUD = 0.02, 0.2


def seen_in(frame: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Return what is to be known of the training rows: by column the range, or the levels as keys, and the gaps.

    Args:
        frame: canonical training rows.
    """
    return {str(name): _seen(frame[name].to_numpy()) for name in frame.columns}


def _seen(values: Any) -> dict[str, Any]:
    gaps = pd.isna(values)
    told: dict[str, Any] = {"missing": round(float(gaps.mean()), 6) if len(values) else 0.0}
    known = values[~gaps]
    if values.dtype.kind in "fM":
        if len(known):
            whole = known.astype(np.int64) if values.dtype.kind == "M" else known
            told |= {"low": whole.min().item(), "high": whole.max().item()}
        return told
    levels = np.unique(hash_values(known)) if len(known) else np.zeros(0, dtype=np.uint64)
    if len(levels) <= _MOST_LEVELS:
        # As texts: JSON readers round whole numbers of this size.
        told["levels"] = [f"{key:x}" for key in levels.tolist()]
    return told


class Novelty:
    """Counts what is new, batch by batch.

    Args:
        seen: from `seen_in`.
    """

    def __init__(self, seen: dict[str, dict[str, Any]]) -> None:
        self._seen = seen
        self._levels = {
            name: np.array(sorted(int(key, 16) for key in told["levels"]), dtype=np.uint64)
            for name, told in seen.items()
            if "levels" in told
        }
        self._rows = 0
        self._new = dict.fromkeys(seen, 0)
        self._gaps = dict.fromkeys(seen, 0)

    def count(self, frame: pd.DataFrame) -> None:
        """Count in canonical rows."""
        self._rows += len(frame)
        for name in self._seen:
            if name not in frame.columns:
                continue
            values = frame[name].to_numpy()
            gaps = pd.isna(values)
            self._gaps[name] += int(gaps.sum())
            self._new[name] += self._count_new(name, values[~gaps])

    def _count_new(self, name: str, known: Any) -> int:
        told = self._seen[name]
        if "low" in told:
            whole = known.astype(np.int64) if known.dtype.kind == "M" else known
            return int(((whole < told["low"]) | (whole > told["high"])).sum())
        if name in self._levels and len(known):
            return int((~np.isin(hash_values(known), self._levels[name])).sum())
        return 0

    def findings(self) -> list[Finding]:
        """Say what is new in more than a few rows."""
        if not self._rows:
            return []
        found = []
        for name, told in self._seen.items():
            share, gaps = self._new[name] / self._rows, self._gaps[name] / self._rows
            if share >= _TOLD:
                what = "beyond the range of the training rows" if "low" in told else "levels that were never seen"
                found.append(_warn(name, f"{what} in {share:.0%} of the rows", "new_values", share))
            if gaps - told["missing"] >= 0.1:
                message = f"missing in {gaps:.0%} of the rows, {told['missing']:.0%} in training"
                found.append(_warn(name, message, "new_gaps", gaps))
        return sorted(found, key=lambda finding: -float(finding.value or 0))


def _warn(name: str, message: str, metric: str, share: float) -> Finding:
    severity = "medium" if share >= _LOUD else "low"
    return warn(f"{name!r}: {message}", [name], metric, round(share, 4), severity)
