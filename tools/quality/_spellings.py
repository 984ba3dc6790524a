"""Spellings of one level: variants in case, blanks and punctuation, and rare typing errors.

Everything here works on the levels of a column and their counts, never on rows, and never compares all pairs:
variants share a key, and a typing error shares a first letter or a word with what was meant.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..edit_distance import distance
from ..placeholders import stands_for_missing

MAX_COMPARED = 5_000
_MAX_FREQUENT, _MAX_RARE, _MAX_CANDIDATES = 500, 2_000, 12
# A typing error is rare where what was meant is frequent: at most an eighth of it, and a fiftieth of the rows.
_TIMES_RARER, _RARE_SHARE, _FREQUENT_ROWS = 8, 0.02, 8
# Errors must explain this share of the rare levels, or the column simply has many rare levels.
_EXPLAINED = 0.25
_BETWEEN_LETTERS = re.compile(r"(?<=[^\W\d_])[\s\-_./,'’]+(?=[^\W\d_])")  # noqa: RUF001
_BLANKS = re.compile(r"[\s_]+")
_SEPARATORS = re.compile(r"[\s_\-/.,()&]+")
_DIGITS = re.compile(r"\d")


@dataclass(frozen=True)
class Spelling:
    """A level that is a spelling of another, more frequent one."""

    value: str
    rows: int
    meant: str
    meant_rows: int


def key(value: str) -> str:
    """Bring spellings of one level to one form; punctuation that tells levels apart (`C++`, `A-`) stays.

    >>> key("New York") == key(" new-york ") == key("NEW  YORK"), key("C") == key("C++"), key("1-12") == key("11-2")
    (True, False, False)
    """
    plain = unicodedata.normalize("NFKC", value).casefold().strip(" \t\r\n\u00a0.,;")
    return _BLANKS.sub(" ", _BETWEEN_LETTERS.sub("", plain))


def variants(levels: Mapping[str, int]) -> list[Spelling]:
    """Find levels that differ from a more frequent one in case, blanks or punctuation alone."""
    groups: dict[str, list[str]] = defaultdict(list)
    for value in levels:
        if sum(map(str.isalpha, value)) >= 2 and not stands_for_missing(value):
            groups[key(value)].append(value)
    found = []
    for group in groups.values():
        if len(group) > 1:
            meant = max(group, key=lambda value: (levels[value], value == value.strip()))
            found += [Spelling(value, levels[value], meant, levels[meant]) for value in group if value != meant]
    return sorted(found, key=lambda spelling: -spelling.rows)


def typing_errors(levels: Mapping[str, int], *, ignore: Iterable[str] = ()) -> list[Spelling]:
    """Find rare levels that are a typing error away from a frequent one.

    Args:
        levels: the values of a column and how often each occurs.
        ignore: levels already explained otherwise.
    """
    rows, skipped = sum(levels.values()), set(ignore)
    usable = {
        v: n
        for v, n in levels.items()
        if len(v) >= 3 and not v.isdigit() and v not in skipped and not stands_for_missing(v)
    }
    ordered = sorted(usable, key=lambda value: -usable[value])
    frequent = [value for value in ordered if usable[value] >= _FREQUENT_ROWS][:_MAX_FREQUENT]
    most = max(usable.values(), default=0)
    rare = [v for v in reversed(ordered) if usable[v] <= min(max(1.0, _RARE_SHARE * rows), most / _TIMES_RARER)][
        :_MAX_RARE
    ]
    if not frequent or not rare:
        return []
    main = [n for n in levels.values() if n >= 0.05 * rows]
    closed = len(main) <= 6 and sum(main) >= 0.9 * rows
    index = _Index(frequent)
    found = []
    for value in rare:
        meant = [
            other
            for other in index.candidates(value)
            if usable[value] * _TIMES_RARER <= usable[other] and is_typing_error(value, other, closed=closed)
        ]
        if meant:
            best = max(meant, key=lambda other: usable[other])
            found.append(Spelling(value, usable[value], best, usable[best]))
    # In a column with a long tail (cities, surnames) some rare level always resembles a frequent one by chance.
    if len(found) < _EXPLAINED * len(rare):
        return []
    return sorted(found, key=lambda spelling: -spelling.rows)


class _Index:
    """Frequent levels by first and last letters, and by each of their words in its place."""

    def __init__(self, levels: Iterable[str]) -> None:
        self._single: dict[tuple[str, str], list[str]] = defaultdict(list)
        self._words: dict[tuple[int, int, str], list[str]] = defaultdict(list)
        for level in levels:
            words = _words(level)
            for place, word in enumerate(words):
                self._words[len(words), place, word].append(level)
            for end in _ends(level):
                self._single[end].append(level)

    def candidates(self, value: str) -> Iterable[str]:
        words = _words(value)
        hits: Counter[str] = Counter()
        for end in _ends(value):
            hits.update(self._single.get(end, ()))
        for place, word in enumerate(words):
            hits.update(self._words.get((len(words), place, word), ()))
        near = [(count, level) for level, count in hits.items() if level != value and abs(len(level) - len(value)) <= 2]
        near.sort(key=lambda item: -item[0])
        return [level for _, level in near[: _MAX_CANDIDATES * 4]]


def _ends(value: str) -> list[tuple[str, str]]:
    """Two errors seldom spoil both the beginning and the end of a word."""
    return [("first", value[:2]), ("last", value[-2:])]


def _words(value: str) -> list[str]:
    return _SEPARATORS.split(value.casefold().strip())


def is_typing_error(value: str, meant: str, *, closed: bool = False) -> bool:
    """Tell whether a text is likely another one with typing errors in it.

    Digits must agree (`Q1` is not a misspelt `Q2`), though one may have been struck out by a letter; every word may
    hold errors in proportion to its length only, so that "North" is not a misspelt "South".

    Args:
        value: the rare text.
        meant: the frequent text.
        closed: the column has a handful of levels (yes and no), so that short words count as well.
    """
    left, right = _words(value), _words(meant)
    if not _digits_agree(value, meant):
        return False
    if len(left) != len(right):
        whole = max(len(value), len(meant))
        return whole >= 12 and distance(value.casefold(), meant.casefold(), whole // 10) <= whole // 10
    differing = [(a, b) for a, b in zip(left, right, strict=True) if a != b]
    if not differing:
        return False
    alone = len(left) == 1
    return all(_word_is_misspelt(a, b, alone=alone, closed=closed) for a, b in differing)


def _word_is_misspelt(word: str, meant: str, *, alone: bool, closed: bool) -> bool:
    if word == meant + "s" or meant == word + "s":
        return False
    length = max(len(word), len(meant))
    shortest = 3 if closed else 5 if alone else 4
    if length < shortest:
        return False
    if alone and not closed and length < 8 and word[0] != meant[0]:
        return False
    limit = 1 if len(word) != len(meant) or length < (9 if alone else 6) else length // (4 if alone else 3)
    return distance(word, meant, limit) <= limit


def _digits_agree(value: str, meant: str) -> bool:
    left, right = _DIGITS.findall(value), _DIGITS.findall(meant)
    if left == right:
        return True
    struck = len(value) == len(meant) and len(left) < len(right)
    return struck and all(not a.isdigit() or a == b for a, b in zip(value, meant, strict=True))


_TRUTH = ({"yes", "no"}, {"y", "n"}, {"true", "false"}, {"t", "f"}, {"1", "0"})


def mixed_truth(levels: Mapping[str, int]) -> bool:
    """Tell whether yes and no are written in more than one way (`yes`, `Y`, `true`)."""
    words = {value.strip().casefold() for value in levels if not stands_for_missing(value)}
    used = [pair for pair in _TRUTH if words & pair]
    return bool(words) and words <= set().union(*_TRUTH) and len(used) > 1


def has_levels(levels: Mapping[str, int]) -> bool:
    """Tell whether a column is categorical enough to speak of spellings: levels occur more than once."""
    return 1 < len(levels) <= MAX_COMPARED and len(levels) <= 0.5 * sum(levels.values())
