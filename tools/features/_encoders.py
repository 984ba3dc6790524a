"""Categories as numbers without a target: flags, ranks, shares of rows, hashes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..errors import inert
from ._encoders_levels import MISSING, Codes, find, grouped, keys_of, level_counts
from ._reader import Kind
from ._rows import Keys
from ._step import Part

# So many rows are enough to learn what a level means, whatever share of all they are.
ENOUGH_ROWS = 30
RARE = 0.005
MOST_FLAGS = 50
HASHED_COLUMNS = 16
_LONGEST_NAME = 60
LONGEST_STEM, LONGEST_LABEL = 40, 30

UNSEEN, ABSENT = -1.0, -2.0

Floats = npt.NDArray[np.floating[Any]]


def least_rows(rows: int) -> int:
    """Return how many rows a level needs for a flag of its own: 0.5 % of all, but 2 at least and 30 at most."""
    return max(2, min(ENOUGH_ROWS, int(np.ceil(RARE * rows))))


class OneHot(Part):
    """A flag for each level that has rows enough, and one for all rarer levels together, per column.

    A missing value is a level like others. Two flags that would be each other's opposite are one. A level that was not
    seen counts as rare; where none was rare, all flags of its column are 0. The same as scikit-learn's `OneHotEncoder`
    with `handle_unknown="infrequent_if_exist"` and `drop="if_binary"`, without its search of texts.

    Args:
        most: flags per column.
        taken: names that no flag may have.
    """

    def __init__(self, most: int = MOST_FLAGS, taken: list[str] | None = None) -> None:
        self.most = most
        self.taken = taken

    def fit(self, X: pd.DataFrame, y: Any = None, rows: Any = None) -> OneHot:  # noqa: N803, ARG002
        """Learn the levels of every column, and which of them are rare."""
        self.columns_ = [str(name) for name in X.columns]
        self.levels_: list[Keys] = []
        self.flags_: list[Codes] = []
        self.rest_: list[int] = []
        self.names_: list[str] = []
        self.sources_: list[str] = []
        self.told_: list[dict[str, Any]] = []
        for name in self.columns_:
            self._learn(name, *level_counts(X[name].to_numpy()))
        return self

    def _learn(self, name: str, levels: list[str | None], counts: npt.NDArray[np.int64]) -> None:
        rare = _rare(counts, self.most)
        kept = np.flatnonzero(~rare)
        shown = [MISSING if levels[place] is None else str(levels[place]) for place in kept]
        flags = np.where(rare, len(kept), np.cumsum(~rare) - 1)
        shown += ["rare"] if rare.any() else []
        rest = len(kept) if rare.any() else -1
        if len(shown) == 2:
            shown, flags, rest = shown[1:], flags - 1, max(rest - 1, -1)
        start = len(self.names_)
        keys = keys_of(np.array(levels, dtype=object))
        order = np.argsort(keys)
        self.levels_.append(keys[order])
        self.flags_.append(np.where(flags < 0, -1, flags + start)[order])
        self.rest_.append(rest + start if rest >= 0 else -1)
        for level in shown:
            self.names_.append(_flag_name(name, level, {*self.names_, *(self.taken or ())}))
            self.sources_.append(name)
        self.told_.append({"levels": len(levels), "flags": len(shown), "rare_levels": int(rare.sum())})

    def transform(self, X: pd.DataFrame) -> Floats:  # noqa: N803
        """Return the flags."""
        made = np.zeros((len(X), len(self.names_)), dtype=np.float32)
        for name, levels, flags, rest in zip(self.columns_, self.levels_, self.flags_, self.rest_, strict=True):
            places, known = find(levels, keys_of(X[name].to_numpy()))
            flag = np.where(known, flags[places], rest)
            lit = np.flatnonzero(flag >= 0)
            made[lit, flag[lit]] = 1.0
        return made

    def outputs(self) -> list[tuple[str, Kind, list[str]]]:
        """Return the flags."""
        return [(name, "flag", [source]) for name, source in zip(self.names_, self.sources_, strict=True)]

    def learned(self) -> dict[str, Any]:
        """Return the number of levels, flags and rare levels."""
        return dict(zip(self.columns_, self.told_, strict=True))


def _rare(counts: npt.NDArray[np.int64], most: int) -> npt.NDArray[np.bool_]:
    rare = counts < least_rows(int(counts.sum()))
    if (~rare).sum() > most - bool(rare.any()):
        first = np.argsort(-counts, kind="stable")[: most - 1]
        rare = np.ones(len(counts), dtype=bool)
        rare[first] = False
    return rare


def _flag_name(column: str, level: str, taken: set[str]) -> str:
    name = inert(f"{column[:LONGEST_STEM]}_{level}")[:_LONGEST_NAME]
    numbers = (f"{name[: _LONGEST_NAME - 5]}_{number}" for number in range(2, len(taken) + 3))
    return name if name not in taken else next(option for option in numbers if option not in taken)


class Ordinal(Part):
    """The rank of each level in its natural order, from 0; -1 for a level that was not seen, -2 for a missing value.

    Args:
        names: of the columns made.
    """

    def __init__(self, names: list[str]) -> None:
        self.names = names

    def fit(self, X: pd.DataFrame, y: Any = None, rows: Any = None) -> Ordinal:  # noqa: N803, ARG002
        """Learn the levels of every column, in order."""
        self.columns_ = [str(name) for name in X.columns]
        self.levels_: list[Keys] = []
        self.ranks_: list[Floats] = []
        self.told_: list[dict[str, Any]] = []
        for name in self.columns_:
            levels = [level for level in level_counts(X[name].to_numpy())[0] if level is not None]
            keys = keys_of(np.array([*levels, None], dtype=object))
            order = np.argsort(keys)
            self.levels_.append(keys[order])
            self.ranks_.append(np.append(np.arange(len(levels), dtype=np.float64), ABSENT)[order])
            self.told_.append({"levels": len(levels), "from": levels[:3], "to": levels[3:][-3:]})
        return self

    def transform(self, X: pd.DataFrame) -> Floats:  # noqa: N803
        """Return the ranks."""
        made = np.empty((len(X), len(self.columns_)))
        for place, name in enumerate(self.columns_):
            places, known = find(self.levels_[place], keys_of(X[name].to_numpy()))
            made[:, place] = np.where(known, self.ranks_[place][places], UNSEEN)
        return made

    def outputs(self) -> list[tuple[str, Kind, list[str]]]:
        """Return one number for each column."""
        return _one_each(self.names, self.columns_)

    def learned(self) -> dict[str, Any]:
        """Return the number of levels, the first and the last of them."""
        return dict(zip(self.columns_, self.told_, strict=True))


class Frequency(Part):
    """The share of the training rows that have the level; 0 for a level that was not seen. Missing is a level.

    Args:
        names: of the columns made.
    """

    def __init__(self, names: list[str]) -> None:
        self.names = names

    def fit(self, X: pd.DataFrame, y: Any = None, rows: Any = None) -> Frequency:  # noqa: N803, ARG002
        """Count the rows of every level."""
        self.columns_ = [str(name) for name in X.columns]
        self.levels_: list[Keys] = []
        self.shares_: list[Floats] = []
        for name in self.columns_:
            levels, codes = grouped(keys_of(X[name].to_numpy()))
            self.levels_.append(levels)
            self.shares_.append(np.bincount(codes, minlength=len(levels)) / max(1, len(codes)))
        return self

    def transform(self, X: pd.DataFrame) -> Floats:  # noqa: N803
        """Return the shares."""
        made = np.empty((len(X), len(self.columns_)))
        for place, name in enumerate(self.columns_):
            places, known = find(self.levels_[place], keys_of(X[name].to_numpy()))
            made[:, place] = np.where(known, self.shares_[place][places], 0.0)
        return made

    def outputs(self) -> list[tuple[str, Kind, list[str]]]:
        """Return one number for each column."""
        return _one_each(self.names, self.columns_)

    def learned(self) -> dict[str, Any]:
        """Return the number of levels, and the largest share."""
        return {
            name: {"levels": len(shares), "largest_share": float(f"{shares.max(initial=0.0):.4g}")}
            for name, shares in zip(self.columns_, self.shares_, strict=True)
        }


class Hashed(Part):
    """Each level as 1 or -1 in one of a few columns that its hash chooses; nothing is learned. Missing: all 0.

    Two levels may share a place, and do so more often the more there are; none is ever unseen. Source: feature hashing
    (Weinberger et al., ICML 2009), by scikit-learn's `FeatureHasher`.

    Args:
        names: of the columns made, equally many for each column.
    """

    def __init__(self, names: list[str]) -> None:
        self.names = names

    def fit(self, X: pd.DataFrame, y: Any = None, rows: Any = None) -> Hashed:  # noqa: N803, ARG002
        """Learn nothing."""
        self.columns_ = [str(name) for name in X.columns]
        return self

    def transform(self, X: pd.DataFrame) -> Floats:  # noqa: N803
        """Return the hashed levels."""
        from sklearn.feature_extraction import FeatureHasher

        width = len(self.names) // max(1, len(self.columns_))
        hasher = FeatureHasher(n_features=width, input_type="string", dtype=np.float32)
        made = np.empty((len(X), len(self.names)), dtype=np.float32)
        for place, name in enumerate(self.columns_):
            codes, levels = pd.factorize(X[name].to_numpy())
            hashed = np.zeros((len(levels) + 1, width), dtype=np.float32)
            if len(levels):
                hashed[:-1] = hasher.transform([[level] for level in levels]).toarray()
            made[:, place * width : (place + 1) * width] = hashed[codes]
        return made

    def outputs(self) -> list[tuple[str, Kind, list[str]]]:
        """Return the numbers of each column."""
        width = len(self.names) // max(1, len(self.columns_))
        return [(name, "number", [self.columns_[place // width]]) for place, name in enumerate(self.names)]


def _one_each(names: Sequence[str], columns: Sequence[str]) -> list[tuple[str, Kind, list[str]]]:
    return [(name, "number", [column]) for name, column in zip(names, columns, strict=True)]
