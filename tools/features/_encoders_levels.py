"""The levels of a category, kept as hashes: no map is built for a call, and no cell's text lies in a saved file."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ._rows import Keys, hash_values

# The key of a missing value, which is a level of its own; a text "None" is another.
NULL = np.uint64(0x3C6EF372FE94F82B)
MISSING = "(missing)"
_DIGITS = re.compile(r"([0-9]+)")

Codes = npt.NDArray[np.int64]


def keys_of(values: npt.NDArray[Any]) -> Keys:
    """Return a key for each of some texts and None."""
    keys = hash_values(values)
    absent = values == None  # noqa: E711 - element by element
    return np.where(absent, NULL, keys) if absent.any() else keys


def grouped(keys: Keys) -> tuple[Keys, Codes]:
    """Return the different keys, sorted, and which of them each row has."""
    codes, levels = pd.factorize(keys, sort=True)
    return np.asarray(levels, dtype=np.uint64), codes


def find(levels: Keys, keys: Keys) -> tuple[Codes, npt.NDArray[np.bool_]]:
    """Return the place of each key among sorted levels, and whether it is one of them."""
    places = np.searchsorted(levels, keys)
    places[places == len(levels)] = 0
    return places, levels[places] == keys


def level_counts(values: npt.NDArray[Any]) -> tuple[list[str | None], npt.NDArray[np.int64]]:
    """Return the levels of a column in their natural order, None last, and how many rows each has."""
    codes, unique = pd.factorize(values, use_na_sentinel=True)
    counts = np.bincount(codes + 1, minlength=len(unique) + 1)
    order = natural_order([str(text) for text in unique])
    levels: list[str | None] = [str(unique[place]) for place in order]
    found = counts[1:][order]
    return ([*levels, None], np.append(found, counts[0])) if counts[0] else (levels, found)


def natural_order(texts: Sequence[str]) -> Codes:
    """Return the order of texts: by number if all are numbers, else by the alphabet with numbers in them by size.

    >>> [["10", "9.5", "-1"][place] for place in natural_order(["10", "9.5", "-1"])]
    ['-1', '9.5', '10']
    >>> [["size 10", "size 9"][place] for place in natural_order(["size 10", "size 9"])]
    ['size 9', 'size 10']
    """
    numbers = _all_numbers(texts)
    ranks: list[Any] = (
        [_by_parts(text) for text in texts] if numbers is None else list(zip(numbers, texts, strict=True))
    )
    return np.array(sorted(range(len(texts)), key=ranks.__getitem__), dtype=np.int64)


def _all_numbers(texts: Sequence[str]) -> list[float] | None:
    try:
        numbers = [float(text) for text in texts]
    except ValueError:
        return None
    return numbers if all(map(math.isfinite, numbers)) else None


def _by_parts(text: str) -> tuple[list[Any], str]:
    parts: list[Any] = _DIGITS.split(text.casefold())
    for place in range(1, len(parts), 2):
        digits = parts[place].lstrip("0")
        parts[place] = (len(digits), digits)
    return parts, text
