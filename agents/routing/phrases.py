"""The phrases of a question and the names of columns as texts to embed, so that meaning can join them."""

from __future__ import annotations

from functools import lru_cache

from .mentions import slots_of
from .reading import Reading
from .spelling import load_speller
from .tables import Column

# Beyond these a question or a table costs too much to embed.
MOST_PHRASES, MOST_COLUMNS = 8, 64
_LONGEST = 3
_LONGEST_VALUE, _SHOWN_VALUES = 24, 3
_KNOWN = 2
_SMALL_WORDS = (
    "a an the of and or to in on by per for from with without at as is are was were be been do does did "
    "has have had i we you they it he she this that these those there here what which who whom whose how "
    "why when where not no yes me my our us your their its his her them him can could would should may "
    "might must will shall please pls plz any some all each every most more less least many much few show "
    "give list tell find check get see look make let want need like know just only also too very really "
    "so if then than up down out off over under above below between into about s t d m re ve ll don doesn "
    "isn aren wasn didn won hi hey ok okay one ones thing things stuff anything something column columns "
    "table data dataset row rows value values number field fields count total sum average mean top first "
    "last new old same different draw plot chart graph still ever never always whether because still get "
    "got go goes"
)
_SMALL = frozenset(_SMALL_WORDS.split())


def phrases(reading: Reading) -> list[tuple[str, tuple[int, ...]]]:
    """Return the runs of telling words of a question, three words at most, with the places of their tokens."""
    runs: list[list[int]] = [[]]
    for place, token in enumerate(reading.tokens):
        before = reading.tokens[place - 1] if place else None
        apart = before is not None and any(mark in ",;.?!:" for mark in reading.english[before.end : token.start])
        if token.word in _SMALL or token.word[0].isdigit():
            runs.append([])
            continue
        if apart or len(runs[-1]) == _LONGEST:
            runs.append([])
        runs[-1].append(place)
    found = [(" ".join(reading.tokens[place].word for place in run), tuple(run)) for run in runs if run]
    return found[:MOST_PHRASES]


@lru_cache(maxsize=4_000)
def described(column: Column) -> str:
    """Return a column's name in full words, with values: `prod_cat` is "product category such as Tent"."""
    words = []
    for slot in slots_of(column.name)[-1]:
        heads = sorted(name for name in slot.names if name != slot.stem and name[0] != "~")
        short = heads and slot.stem.isalpha() and _abbreviated(slot.stem)
        words.append(" ".join(heads[:2]) if short else slot.stem)
    text = " ".join(dict.fromkeys(words))
    if column.kind != "category":
        return text
    values = [value for value in column.values if len(value) <= _LONGEST_VALUE][:_SHOWN_VALUES]
    return f"{text} such as {', '.join(values)}" if values else text


def _abbreviated(word: str) -> bool:
    return len(word) <= 2 or not any(letter in "aeiou" for letter in word) or load_speller().uses(word) < _KNOWN
