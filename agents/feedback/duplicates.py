"""Examples that say the same: word for word, or nearly so."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
# Of ten shingles of either, nine are common to both; whole numbers, since 0.9 is none that floats know.
_COMMON, _OF = 9, 10
_SHINGLE = 5


@dataclass(frozen=True)
class Distinct(Generic[T]):
    """What is left, the first of each kind, and how many were taken out."""

    kept: list[T]
    exact: int
    near: int


def distinct(items: Sequence[T], texts: Callable[[T], tuple[str, ...]]) -> Distinct[T]:
    """Leave out what repeats an earlier item.

    Exact duplicates have the same texts once case, spaces and forms of characters are made one. Near duplicates have,
    in each of their texts, a Jaccard similarity of 5-character shingles of at least 0.9. Pairs that can't reach it are
    never compared (prefix filter: Bayardo, Ma, Srikant, "Scaling up all pairs similarity search", WWW 2007).

    Args:
        items: in order; of several that say the same the first stays.
        texts: of an item; as many for each.
    """
    first: dict[tuple[str, ...], T] = {}
    for item in items:
        first.setdefault(tuple(map(normalised, texts(item))), item)
    parts = [tuple(map(shingles, key)) for key in first]
    kept = [item for item, new in zip(first.values(), _new(parts), strict=True) if new]
    return Distinct(kept, len(items) - len(first), len(first) - len(kept))


def normalised(text: str) -> str:
    """Make one what only looks different."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def shingles(text: str) -> frozenset[str]:
    """Return all pieces of five characters."""
    return frozenset(text[start : start + _SHINGLE] for start in range(max(1, len(text) - _SHINGLE + 1)))


def _new(items: Sequence[tuple[frozenset[str], ...]]) -> list[bool]:
    """Tell of each item whether none that was kept before is near it."""
    whole = [[(place, piece) for place, part in enumerate(parts) for piece in part] for parts in items]
    frequency = Counter(token for tokens in whole for token in tokens)
    index: dict[tuple[int, str], list[int]] = {}
    verdicts = []
    for number, tokens in enumerate(whole):
        rarest_first = sorted(tokens, key=lambda token: (frequency[token], token))
        prefix = rarest_first[: len(tokens) - -(-_COMMON * len(tokens) // _OF) + 1]
        rivals = {rival for token in prefix for rival in index.get(token, ())}
        new = not any(_near(items[number], items[rival]) for rival in rivals)
        for token in prefix if new else ():
            index.setdefault(token, []).append(number)
        verdicts.append(new)
    return verdicts


def _near(one: Sequence[frozenset[str]], other: Sequence[frozenset[str]]) -> bool:
    return all(_OF * len(a & b) >= _COMMON * len(a | b) for a, b in zip(one, other, strict=True))
