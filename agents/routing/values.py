"""Values of the table in a question: exactly, in the plural, by a word of them, by another name, or by their shape."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache

from ...tools.edit_distance import distance
from .lexicon import load_lexicon, read_lines
from .reading import Reading
from .tables import Table
from .words import pieces, plain

_LONGEST = 5
_KINDS = ("category", "text", "id")
# How sure a value is that was found in each way.
EXACT, PLURAL, KNOWN_AS, WORD, SHAPE, SLIP, ALIKE = 0.75, 0.72, 0.7, 0.62, 0.6, 0.56, 0.5
_LETTERS = 4
_SHAPED = re.compile(r"[A-Za-z0-9][\w./-]*\d[\w./-]*|\d[\w./-]*")


@dataclass(frozen=True)
class Found:
    """A value in a question: whose, as the table spells it, the pieces that name it, how surely."""

    column: str
    value: str
    first: int
    last: int
    score: float


@dataclass(frozen=True)
class _Index:
    """The values of a table by what they are found by."""

    exact: dict[str, list[tuple[str, str]]]
    stems: dict[str, list[tuple[str, str]]]
    words: dict[str, list[tuple[str, str]]]
    shapes: dict[str, list[str]]
    classes: dict[str, list[tuple[str, bool]]]


def values_in(reading: Reading, table: Table) -> list[Found]:
    """Return the values that a question names; several may rest on the same words."""
    index = _index(table)
    found = list(_phrases(reading, index))
    taken = {place for one in found for place in range(one.first, one.last + 1)}
    found += _shapes(reading, index, taken)
    found += _worldly(reading, index, taken)
    found += _slips(reading, index, taken | {place for one in found for place in range(one.first, one.last + 1)})
    return found


def _phrases(reading: Reading, index: _Index) -> Iterator[Found]:
    parts = reading.pieces
    for first in range(len(parts)):
        for last in range(min(first + _LONGEST, len(parts)) - 1, first - 1, -1):
            said = parts[first : last + 1]
            exact = index.exact.get(" ".join(part.plain for part in said), ())
            for column, value in exact:
                if first != last or _sure(value, parts[first].text):
                    yield Found(column, value, first, last, EXACT)
            for column, value in index.stems.get(" ".join(part.stem for part in said), ()):
                if (column, value) not in exact and len(value) > _LETTERS - 1:
                    yield Found(column, value, first, last, PLURAL)
            if first == last and not exact:
                for column, value in index.words.get(said[0].plain, ()):
                    yield Found(column, value, first, last, WORD)


def _sure(value: str, written: str) -> bool:
    """Tell whether a word is a value and not just spelt like one: the shorter, the more exactly it must be written."""
    return len(value) > 3 or (value == written if len(value) <= 2 else value.lower() == written.lower())


def _shapes(reading: Reading, index: _Index, taken: set[int]) -> Iterator[Found]:
    """Codes that look like those of a column: `C-00817` where there are `C-01442` and `C-00093`."""
    for match in _SHAPED.finditer(reading.text):
        written = match[0].rstrip(".,-/")
        columns = index.shapes.get(shape(written), ())
        covered = [
            place
            for place, part in enumerate(reading.pieces)
            if match.start() <= part.start < match.start() + len(written)
        ]
        plainly = written.isdecimal() and (len(written) < _LETTERS or re.fullmatch(r"(19|20)\d\d", written))
        if columns and covered and not plainly and not set(covered) & taken:
            for column in columns:
                yield Found(column, written, covered[0], covered[-1], SHAPE)


def shape(text: str) -> str:
    """Return what a code looks like.

    >>> shape("C-00817")
    'A-99999'
    """
    return re.sub(r"[A-Za-z]", "A", re.sub(r"\d", "9", text))


def _worldly(reading: Reading, index: _Index, taken: set[int]) -> Iterator[Found]:
    """Countries, languages, currencies by other names; and such as the table has, though it has not shown this one."""
    world = _world()
    parts = reading.pieces
    for first in range(len(parts)):
        for size in (3, 2, 1):
            said = " ".join(part.plain for part in parts[first : first + size])
            if first + size > len(parts) or len(said) < _LETTERS or set(range(first, first + size)) & taken:
                continue
            for kind, group in world.get(said, ()):
                for column, short in index.classes.get(kind, ()):
                    listed = [value for value in _values_of(index, column) if plain(value) in group]
                    spelt = listed[0] if listed else min(group, key=len).upper() if short else parts[first].text
                    score = KNOWN_AS if listed and kind != "place" else ALIKE
                    yield Found(column, spelt, first, first + size - 1, score)


def _values_of(index: _Index, column: str) -> list[str]:
    return [value for held in index.exact.values() for name, value in held if name == column]


def _slips(reading: Reading, index: _Index, taken: set[int]) -> Iterator[Found]:
    """Values misspelt, or in another language: `Kardiologie`."""
    english = {token.piece: token.stem for token in reading.tokens}
    for place, part in enumerate(reading.pieces):
        if place in taken or len(part.plain) < _LETTERS or part.plain in load_lexicon().alike:
            continue
        for said in dict.fromkeys((part.plain, english.get(place, ""))):
            for value, holders in index.exact.items():
                most = 0 if len(said) < 5 else 1 if len(said) < 8 else 2 if len(said) < 11 else 3
                if (
                    abs(len(value) - len(said)) <= most
                    and value[:2] == said[:2]
                    and distance(said, value, most) <= most
                ):
                    for column, spelt in holders:
                        yield Found(column, spelt, place, place, SLIP)


@lru_cache(maxsize=16)
def _index(table: Table) -> _Index:
    index = _Index(defaultdict(list), defaultdict(list), defaultdict(list), defaultdict(list), defaultdict(list))
    for column in table.columns:
        if column.kind not in _KINDS:
            continue
        kinds: dict[str, int] = defaultdict(int)
        for value in column.values:
            words = pieces(value)
            if 0 < len(words) <= _LONGEST:
                index.exact[" ".join(word.plain for word in words)].append((column.name, value))
                index.stems[" ".join(word.stem for word in words)].append((column.name, value))
                for word in words if len(words) > 1 and column.kind != "text" else ():
                    if len(word.plain) >= _LETTERS and _telling(word.plain):
                        index.words[word.plain].append((column.name, value))
            if any(letter.isdigit() for letter in value) and column.name not in index.shapes[shape(value)]:
                index.shapes[shape(value)].append(column.name)
            for kind, _ in _world().get(plain(value), ()):
                kinds[kind] += 1
        for kind, count in kinds.items():
            short = sum(len(value) <= 3 for value in column.values) * 2 > len(column.values)
            if 2 * count > len(column.values):
                index.classes[kind].append((column.name, short))
    return index


def _telling(word: str) -> bool:
    """Tell whether a word of a value points to it: common words do not."""
    return word not in load_lexicon().alike and not word.isdecimal()


@cache
def _world() -> dict[str, list[tuple[str, frozenset[str]]]]:
    found: dict[str, list[tuple[str, frozenset[str]]]] = defaultdict(list)
    for kind, rest in read_lines("world.txt"):
        words = frozenset(plain(word.strip()) for word in rest.split(","))
        for word in words:
            # Places in one line are no other names of each other.
            found[word].append((kind, frozenset((word,)) if kind == "place" else words))
    return dict(found)
