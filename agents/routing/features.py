"""What the classifier sees of a question: two texts to embed, hashed words and letters, and some facts of its form."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import TYPE_CHECKING

from .mentions import Mention
from .reading import Reading
from .tables import Table

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

WORD_BUCKETS = 4096
LETTER_BUCKETS = 4096
# What stands for a column of some kind in the masked text: words that the embedding model knows.
_STANDS_FOR = {
    "number": "amount",
    "category": "category",
    "text": "text column",
    "datetime": "date",
    "boolean": "flag",
    "id": "id",
}
_SURE = 0.6
_FORMS = (
    r"quoted: [\"“”„«»]",
    r"question: \?\s*$",
    r"word: ^\W*\w+\W*$",
    r"two names: \w+_\w+",
    r"polite: \b(please|pls|plz|can you|could you|i want|i would like|i'd like|we need|i need)\b",
)


@dataclass(frozen=True)
class Masked:
    """A question with columns and values replaced by their kind.

    Attributes:
        text: for embedding.
        words: for hashing, with `<number>` and the like.
    """

    text: str
    words: tuple[str, ...]


def mask(reading: Reading, found: list[Mention], table: Table) -> Masked:
    """Replace what speaks of a column or names a value by the kind of the column."""
    stands: dict[int, str] = {}
    for one in found:
        if one.score >= _SURE and not any(place in stands for place in one.tokens):
            kind = table[one.column].kind
            stands.update(dict.fromkeys(one.tokens, ("=" if one.how == "value" else "") + kind))
    text, words = [], list[str]()
    for place, token in enumerate(reading.tokens):
        kind = stands.get(place, "")
        word = f"<{kind}>" if kind else "<digits>" if token.stem[0].isdecimal() else token.stem
        if not kind or not words or words[-1] != word:
            words.append(word)
            text.append(_STANDS_FOR[kind.lstrip("=")] if kind else token.stem)
    return Masked(" ".join(text), tuple(words))


def hashed(masked: Masked, reading: Reading) -> tuple[dict[int, float], dict[int, float]]:
    """Return the buckets of words and word pairs, and those of letter sequences, each of length 1."""
    return _unit(_words(masked.words), WORD_BUCKETS), _unit(_letters(reading, masked), LETTER_BUCKETS)


def _words(words: tuple[str, ...]) -> Iterator[str]:
    framed = ("^", *words, "$")
    yield from words
    yield from (f"{left} {right}" for left, right in pairwise(framed))
    yield from (f"{left} * {right}" for left, right in zip(framed, framed[2:], strict=False))


def _letters(reading: Reading, masked: Masked) -> Iterator[str]:
    for word in dict.fromkeys((*(part.plain for part in reading.pieces), *masked.words)):
        framed = f" {word} "
        for size in (3, 4, 5):
            yield from (framed[start : start + size] for start in range(len(framed) - size + 1))


def _unit(grams: Iterator[str], buckets: int) -> dict[int, float]:
    found: dict[int, float] = {}
    for gram in grams:
        code = zlib.crc32(gram.encode("utf-8", "replace"))
        place = code % buckets
        found[place] = found.get(place, 0.0) + (1.0 if code & 0x80000000 else -1.0)
    length = sum(value * value for value in found.values()) ** 0.5 or 1.0
    return {place: value / length for place, value in found.items() if value}


@cache
def _cues() -> list[re.Pattern[str]]:
    """The regular expressions of `cues.txt`: what speaks for an action, whichever."""
    text = (files("refinery.prompts") / "routing" / "cues.txt").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [re.compile(line.partition(": ")[2]) for line in (*lines, *_FORMS)]


def form(reading: Reading, masked: Masked, found: list[Mention], table: Table) -> npt.NDArray[np.float32]:
    """Return facts of a question's form: cues, columns and values by kind, other tables named, its length."""
    import numpy as np

    lowered = reading.english.lower()
    facts = [float(bool(pattern.search(lowered))) for pattern in _cues()]
    named: dict[str, str] = {}
    for one in found:
        if one.score >= _SURE:
            named.setdefault(one.column, "value" if one.how == "value" else table[one.column].kind)
    kinds = list(named.values())
    for kind in (*_STANDS_FOR, "value"):
        facts += [float(kind in kinds), min(kinds.count(kind), 3) / 3]
    facts += [float(len(named) == size) for size in (0, 1, 2)]
    facts.append(float(any(other.lower() in lowered for other in table.others)))
    facts.append(float(reading.language != "en"))
    facts += [min(len(reading.tokens), 40) / 40, float("<digits>" in masked.words)]
    return np.asarray(facts, dtype=np.float32)
