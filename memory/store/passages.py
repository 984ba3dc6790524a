"""Cutting texts into passages that a model reads at once, each of which keeps its place."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

# Some 200 word pieces of English; MiniLM reads 256.
LONGEST = 800
_SHORTEST = LONGEST // 3
# Where a text may be cut, the best places first: between paragraphs, lines, sentences, words.
_BREAKS = tuple(re.compile(pattern) for pattern in (r"\n\s*\n\s*", r"\n", r"(?<=[.!?…。\uff01\uff1f])\s+", r"\s+"))

_THOUSANDS = re.compile(r"(?<=\d)[,'\u2019](?=\d{3}(?!\d))")
_NO_WORD = re.compile(r"(?<!\d)\.|\.(?!\d)|[^\w.]|_")


@dataclass(frozen=True)
class Passage:
    """Characters `start` to `stop` of a text, and what that place is called: headings, page or lines."""

    start: int
    stop: int
    place: str | None = None


def cut(text: str, *, start: int = 0, stop: int | None = None, place: str | None = None) -> Iterator[Passage]:
    """Cut a part of a text into passages of at most 800 characters, without overlap; blanks between them are left out.

    >>> [text[p.start:p.stop] for text in ["One. " * 200] for p in cut(text)][0][-9:]
    'One. One.'
    """
    stop = len(text) if stop is None else stop
    while start < stop:
        while start < stop and text[start].isspace():
            start += 1
        end = stop if stop - start <= LONGEST else _break(text, start)
        last = end
        while last > start and text[last - 1].isspace():
            last -= 1
        if last > start:
            yield Passage(start, last, place)
        start = end


def _break(text: str, start: int) -> int:
    """Return where to cut a text that goes on: at the last good place within reach."""
    for pattern in _BREAKS:
        ends = [found.end() for found in pattern.finditer(text, start + _SHORTEST, start + LONGEST)]
        if ends:
            return ends[-1]
    return start + LONGEST


def words_of(text: str) -> str:
    """Return a text as plain words for full text: accents dropped, names such as `orders.unit_price` taken apart.

    >>> words_of("Crème in orders.unit_price: 1,288 of 0.5")
    'creme in orders unit price  1288 of 0.5'
    """
    plain = unicodedata.normalize("NFKD", text).casefold()
    plain = "".join(sign for sign in plain if not unicodedata.combining(sign))
    return _NO_WORD.sub(" ", _THOUSANDS.sub("", plain))
