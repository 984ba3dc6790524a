"""Misspelt words made right: the nearest word that requests about tables are made of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

from ...tools.edit_distance import distance
from .lexicon import load_lexicon

# A word is only taken for a slip of one that is used as often as this.
COMMON = 3
_LONG = 8
_USUAL = {
    "wich": "which",
    "whcih": "which",
    "wat": "what",
    "waht": "what",
    "whta": "what",
    "wiht": "with",
    "wth": "with",
    "teh": "the",
    "hte": "the",
    "thsi": "this",
    "tihs": "this",
    "taht": "that",
    "hwo": "how",
    "ther": "there",
    "wher": "where",
    "wen": "when",
    "wy": "why",
    "som": "some",
    "mny": "many",
    "evry": "every",
    "avrage": "average",
    "avreage": "average",
    "fiel": "file",
    "emty": "empty",
    "shud": "should",
    "wuld": "would",
    "colum": "column",
    "colums": "columns",
    "cols": "columns",
    "col": "column",
    "nubmer": "number",
}


class Speller:
    """Finds the word that was meant, by the words that remain when letters are left out (SymSpell).

    Args:
        known: words with how often they are used.
    """

    def __init__(self, known: dict[str, int]) -> None:
        self._known = known
        self._remains: dict[str, list[str]] = defaultdict(list)
        for word, uses in known.items():
            if uses >= COMMON and len(word) >= 4:
                for remain in _remains(word):
                    self._remains[remain].append(word)

    def __contains__(self, word: object) -> bool:
        return word in self._known

    def uses(self, word: str) -> int:
        """Return how often a word is used in the examples."""
        return self._known.get(word, 0)

    def meant(self, word: str) -> str | None:
        """Return the known word that an unknown one is a slip of, if there is one."""
        if word in _USUAL:
            return _USUAL[word]
        if len(word) < 3 or word in self._known or not word.isalpha():
            return None
        near: list[tuple[int, int, str]] = []
        for remain in _remains(word):
            for other in self._remains.get(remain, ()):
                most = _slips(min(len(word), len(other)))
                slips = distance(word, other, most)
                if slips <= most and (word[0] == other[0] or word[1:2] == other[:1] or slips < most):
                    near.append((slips, -self._known[other], other))
        return min(near)[2] if near else None


def _slips(size: int) -> int:
    return 0 if size < 3 else 1 if size < _LONG else 2


def _remains(word: str) -> Iterator[str]:
    yield word
    once = {word[:place] + word[place + 1 :] for place in range(len(word))}
    yield from once
    if len(word) >= _LONG:
        yield from {short[:place] + short[place + 1 :] for short in once for place in range(len(short))}


@cache
def load_speller() -> Speller:
    """Read the words of the examples (`vocabulary.txt`, written by the training) and of the lexicon."""
    lines = (files("refinery.agents.routing") / "vocabulary.txt").read_text(encoding="utf-8").split()
    known = {word: int(uses) for word, uses in (line.split("=") for line in lines)}
    lexicon = load_lexicon()
    for meaning in (one for found in lexicon.foreign.values() for part in found for one in part.values()):
        known.update({word: max(known.get(word, 0), COMMON) for word in meaning.split()})
    for word in (one for phrase in lexicon.alike for one in phrase.split()):
        # Abbreviations are words, but nobody means one by a slip.
        known[word] = max(known[word], COMMON) if word in known else 1
    return Speller(known)
