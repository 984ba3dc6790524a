"""The levels of a category in the training rows, and what is odd about them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..results import Finding
from ._training import Training, warn

# With more levels than this a category is not spread over columns of its own.
FEW_LEVELS = 20
_MOST_COMPARED = 20_000


@dataclass(frozen=True)
class Levels:
    """The levels of a column in the training rows, a missing value among them."""

    column: str
    rows: int
    texts: npt.NDArray[np.object_]
    counts: npt.NDArray[np.int64]

    @property
    def count(self) -> int:
        return len(self.counts)

    @property
    def once(self) -> int:
        return int((self.counts == 1).sum())

    @property
    def is_id(self) -> bool:
        return self.rows > FEW_LEVELS and self.count > 0.95 * self.rows


def look(training: Training, name: str) -> Levels:
    """Count the levels of a column."""
    codes, texts = pd.factorize(training.frame[name].to_numpy())
    counts = np.bincount(codes + 1, minlength=len(texts) + 1)
    return Levels(name, len(codes), texts, counts[1:] if not counts[0] else counts)


def warnings_of(levels: Levels) -> list[Finding]:
    """Return what a careful colleague would mention of the levels of a column."""
    found, count, name = [], levels.count, levels.column
    if levels.is_id:
        found.append(
            warn(
                f"{name!r} has {count:,} levels in {levels.rows:,} rows, one for almost every row, as an id has; few "
                "of them will be seen again. If it is an id, say so: overrides={column: 'id'}",
                [name],
                "levels",
                count,
                severity="medium",
            )
        )
    elif levels.once:
        share = levels.once / levels.rows
        found.append(
            warn(
                f"{levels.once:,} of the {count:,} levels of {name!r} are seen once ({share:.1%} of the rows)",
                [name],
                "levels_seen_once",
                levels.once,
            )
        )
    if count == 1:
        found.append(warn(f"{name!r} has one level only in the training rows", [name], "levels", 1))
    alike = _alike(levels)
    if alike:
        pair = " and ".join(map(repr, alike[0]))
        found.append(
            warn(
                f"{len(alike):,} levels of {name!r} differ from another in case or blanks only, such as {pair}; "
                "they are encoded as different levels",
                [name],
                "levels_alike",
                len(alike),
            )
        )
    return found


def _alike(levels: Levels) -> list[tuple[str, str]]:
    if levels.count > _MOST_COMPARED:
        return []
    first: dict[str, str] = {}
    pairs = [(first.setdefault(" ".join(text.split()).casefold(), text), text) for text in sorted(levels.texts)]
    return [(one, other) for one, other in pairs if one != other]
