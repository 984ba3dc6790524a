"""Which columns a question may speak of: by their names, by parts and synonyms of them, misspelt, or by a value."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache

from .lexicon import load_lexicon
from .reading import Reading, Unit
from .tables import Column, Table
from .values import values_in
from .words import pieces, plain, similar

# How much a word of a name says; any other word counts 1.
_UNITS = (
    "usd eur gbp chf kg km cm m mm c f t l ha pct m2 g v h kwh kw deg degc celsius rms bar hpa mg dl ml "
    "mmol ugm3 ms mi lb "
    "lbs ft sec secs min mins hr hrs mth mths yr yrs pa db hz mb gb tb k mm2 sqm sqft cnt perc percent "
    "musd eurs dollar "
    "euro ugm mmhg bpm kmh mph pm am utc"
)
_WEAK = {
    **dict.fromkeys(("is", "has", "was", "on", "of", "in", "per", "the", "by", "to", "at", "n", "flag", "ind"), 0.1),
    **dict.fromkeys(_UNITS.split(), 0.08),
    **dict.fromkeys(
        ("number", "code", "name", "value", "text", "second", "minute", "hour", "day", "year", "month"), 0.4
    ),
    **dict.fromkeys(("date", "time", "total", "id", "type", "amount", "count", "average", "note"), 0.5),
}
_ENDINGS = frozenset({"id", "no", "nr", "dt", "ts", "cd", "nm", "amt", "qty", "num", "key", "cat"})
_DIGITS = 0.25
_SYNONYM, _AKIN, _TYPO, _SHORT, _HINT = 0.85, 0.78, 0.8, 0.7, 0.5
_SHORTEST = 3
# Words for whatever a table holds: alone they speak of a column only if they are its whole name.
_GENERIC_WORDS = (
    "value values data record records row rows entry entries numbers column columns cells table tables figures "
    "variable variables"
)
_GENERIC = frozenset(_GENERIC_WORDS.split())
# They ask for a number, and do not name what it is of.
_ASKING = frozenset({"how many", "how much"})
_WHOLE = 0.99
# Words of one name stand at most so far apart; each word between them takes this from the score.
_FARTHEST, _PER_WORD = 3, 0.05
_MOST_PLACES = 4


@dataclass(frozen=True)
class Slot:
    """A word (or known phrase) of a column's name: what it may name, and how much it says."""

    stem: str
    names: frozenset[str]
    weight: float


@dataclass(frozen=True)
class Mention:
    """A column that a question may speak of.

    Attributes:
        column: its name.
        score: how much of the name was found, 0 to 1.
        tokens: the places of the words that speak of it.
        how: `name`, `part`, `typo`, `hint` (only of its sort) or `value`.
        value: the value that was found, as the table spells it.
        exact: how like the best word found is to a word of the name; 1 where it is the same.
    """

    column: str
    score: float
    tokens: tuple[int, ...]
    how: str
    value: str | None = None
    exact: float = 0.0


@lru_cache(maxsize=4_000)
def slots_of(name: str) -> tuple[tuple[Slot, ...], ...]:
    """Return the ways to read a column's name: word by word, and as a known phrase if it is one."""
    lexicon = load_lexicon()
    stems = [part for piece in pieces(name) for part in _halves(piece.stem)]
    stems = stems or [plain(name).strip() or name]
    ways = [tuple(Slot(word, lexicon.names(word), _weight(word, lexicon.names(word))) for word in stems)]
    phrase = " ".join(stems)
    whole = dict.fromkeys((phrase, plain(name).strip().lower())) if len(stems) > 1 else {}
    ways += [(Slot(known, lexicon.alike[known], 1.0),) for known in whole if known in lexicon.alike]
    return tuple(ways)


def _halves(word: str) -> list[str]:
    """Cut a name written as one word (`orderdate`) where both halves are known."""
    known = load_lexicon().alike
    if word in known or len(word) < 6:
        return [word]
    cuts = [
        cut
        for cut in range(3, len(word) - 1)
        if word[:cut] in known and word[cut:] in known and (len(word) - cut > 3 or word[cut:] in _ENDINGS)
    ]
    best = max(cuts, key=lambda cut: min(cut, len(word) - cut), default=0)
    return [word[:best], word[best:]] if best else [word]


def _weight(word: str, names: frozenset[str]) -> float:
    if word[0].isdecimal():
        return _DIGITS
    found = [_WEAK[name] for name in names if name in _WEAK and name not in _UNITS.split()]
    return _WEAK.get(word, min(found, default=1.0) if sum(name[0] != "~" for name in names) < 5 else 1.0)


def mentions(reading: Reading, table: Table) -> list[Mention]:
    """Return what may speak of a column, the surest first; several may rest on the same words."""
    found = [one for column in table.columns for one in _by_name(reading, column)]
    whole = [set(one.tokens) for one in found if one.score > _WHOLE]
    found += [one for one in _by_value(reading, table) if not any(set(one.tokens) <= tokens for tokens in whole)]
    return sorted(found, key=lambda one: (-one.score, one.tokens))


def _by_name(reading: Reading, column: Column) -> list[Mention]:
    """Return where a column's name is, from each word of the question that is a word of it."""
    found: dict[tuple[int, ...], Mention] = {}
    for slots in slots_of(column.name):
        fits = [_fits(reading, slot) for slot in slots]
        for anchor, units in enumerate(fits):
            for unit, weight in units:
                hits = {anchor: (unit, weight)}
                for other, rest in enumerate(fits):
                    near = _near(rest, [one for one, _ in hits.values()])
                    if other != anchor and near is not None:
                        hits[other] = near
                one = _mention(column.name, slots, hits)
                if one.score <= _WHOLE and all(reading.tokens[place].word in _GENERIC for place in one.tokens):
                    continue
                if one.tokens not in found or found[one.tokens].score < one.score:
                    found[one.tokens] = one
    ranked = sorted(found.values(), key=lambda one: (-one.score, len(one.tokens), one.tokens))
    kept: list[Mention] = []
    for one in ranked:
        if not any(set(one.tokens) & set(other.tokens) for other in kept) and len(kept) < _MOST_PLACES:
            kept.append(one)
    return kept


def _fits(reading: Reading, slot: Slot) -> list[tuple[Unit, float]]:
    return [(unit, weight) for unit in reading.units if (weight := _likeness(unit, slot))]


def _near(units: list[tuple[Unit, float]], others: list[Unit]) -> tuple[Unit, float] | None:
    """Return the best fit that stands near the words found so far, and is none of them."""
    best: tuple[float, Unit, float] | None = None
    for unit, weight in units:
        gap = min(max(unit.first - other.last, other.first - unit.last) for other in others)
        if 0 < gap <= _FARTHEST and (best is None or weight - _PER_WORD * gap > best[0]):
            best = weight - _PER_WORD * gap, unit, weight
    return (best[1], best[2] - _PER_WORD * max(round((best[2] - best[0]) / _PER_WORD) - 1, 0)) if best else None


def _mention(column: str, slots: tuple[Slot, ...], hits: dict[int, tuple[Unit, float]]) -> Mention:
    total = sum(slot.weight for slot in slots)
    score = sum(slots[place].weight * weight for place, (_, weight) in hits.items()) / total
    tokens = sorted({token for unit, _ in hits.values() for token in range(unit.first, unit.last + 1)})
    weights = [weight for _, weight in hits.values()]
    how = "name" if score > _WHOLE else "hint" if max(weights) <= _HINT else "typo" if _TYPO in weights else "part"
    return Mention(column, score, tuple(tokens), how, exact=max(weights))


def _likeness(unit: Unit, slot: Slot) -> float:
    if unit.phrase == slot.stem:
        return 1.0
    shared = slot.names & unit.names
    if shared:
        if unit.phrase in _ASKING or all(name[0] == "~" for name in shared):
            return _HINT
        if {unit.phrase, slot.stem} & shared:
            return _SYNONYM
        return _AKIN
    if " " in unit.phrase or len(unit.phrase) < 4:
        return 0.0
    if slot.names <= {slot.stem} and _abbreviates(slot.stem, unit.phrase):
        return _SHORT
    if unit.phrase in load_lexicon().alike:
        return 0.0
    words = [slot.stem, *(name for name in slot.names if name[0] != "~")]
    return _TYPO if any(" " not in word and similar(unit.phrase, word) for word in words) else 0.0


@lru_cache(maxsize=20_000)
def _abbreviates(short: str, word: str) -> bool:
    """Tell whether a word of a name may stand for a longer one: `estim` or `cas`, `tchr`, `recvd`."""
    if not short.isalpha() or not _SHORTEST <= len(short) <= len(word) - 2 or short[0] != word[0]:
        return False
    if word.startswith(short):
        return True
    letters = iter(word)
    plainly = sum(letter in "aeiou" for letter in short) <= 1 and short[-1] in word[-3:]
    return plainly and all(letter in letters for letter in short)


def _by_value(reading: Reading, table: Table) -> list[Mention]:
    tokens: dict[int, list[int]] = defaultdict(list)
    for place, token in enumerate(reading.tokens):
        tokens[token.piece].append(place)
    found = []
    for one in values_in(reading, table):
        places = [place for piece in range(one.first, one.last + 1) for place in tokens[piece]]
        if places:
            found.append(Mention(one.column, one.score, tuple(places), "value", one.value))
    return found
