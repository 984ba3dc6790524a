"""What speaks for a column being meant: how it is spoken of, what comes near in meaning, and what the action takes."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .mentions import Mention
from .phrases import phrases
from .quantities import numbers, periods
from .reading import Reading
from .sql_filters import compared
from .tables import Column, Table
from .words import pieces

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

KINDS = ("number", "category", "text", "datetime", "boolean", "id")
_HOW = ("name", "part", "typo")
_STRONG = 0.8
_HINTED = ("query_dataset", "create_visualization")
_KEYED = r"\b(ids?|numbers?|nr|no|keys?|codes?|identifiers?)\b"
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
# Dates that belong to a person, not to what a row tells of; and words that ask for an age.
_ONCE = frozenset({"birth", "dob", "born", "birthday", "birthdate", "bday", "since", "joined"})
_AGED = r"\b(ages?|aged|old|older|oldest|young|younger|youngest|born|birth\w*|adults?|minors?|seniors?)\b"
_PLURAL = frozenset(
    {"fields", "categories", "classes", "numbers", "dates", "times", "names", "codes", "amounts", "types"}
)
_GROUP = frozenset({"per", "by", "each", "every", "across", "within"})
_SIGNS = (
    r"\b(when|dates?|time|times|timestamps?|days?|months?|years?|weeks?|hours?|season|period|recent|latest|newest|trend|since|ago|today|yesterday)\b",
    r"\b(over time|per (day|week|month|quarter|year)|by (day|week|month|quarter|year)|monthly|weekly|daily|"
    r"trend|season)\b",
    r"\b(all|every|each|any|whole|entire|everything|numeric|numbers|columns|fields|overall)\b",
    r"\b(both|two|pair)\b",
    r"\b(who|whom|whose|people|person|somebody|someone)\b",
    r"\b(most|least|highest|lowest|largest|smallest|biggest|top|best|worst|longest|shortest|latest|oldest|cheapest|\w{3,}est)\b",
    r"\b(how many|count|number of)\b",
    r"\b(average|avg|mean|median|sum|total|typical|how much|spent|spend)\b",
    r"\b(which|list|show|who)\b",
    r"\b(take|takes|long|longer|longest|until|duration|late|before|after|between)\b",
    r"\b(different|distinct|unique)\b",
    r"\b(predict\w*|target|model|train\w*|drive\w*|influenc\w*|depend\w*)\b",
    r"\b(text|comment|note|remark|review|description|wrote|words|message)\w*\b",
    r"\b(share|rate|percent\w*|fraction)\b",
)


# Where in the signs it stands that a period is named, and a bound.
_PERIOD, _BOUND = len(_SIGNS), len(_SIGNS) + 1


def facts(
    reading: Reading,
    found: Sequence[Mention],
    table: Table,
    action: str,
    actions: Sequence[str],
    likeness: npt.NDArray[np.float32] | None,
    whole: npt.NDArray[np.float32] | None,
) -> npt.NDArray[np.float32]:
    """Return a row of facts for each column of the table.

    Args:
        reading, found: the question and all that may speak of a column.
        action: what is asked for; actions: all names, in the order of the training.
        likeness: of each phrase of the question (rows) to each column (columns); None without an embedder.
        whole: of the whole question to each column.
    """
    import numpy as np

    text = reading.english.lower()
    signs = [float(re.search(pattern, text) is not None) for pattern in _SIGNS]
    signs += [float(bool(periods(text))), float(bool(compared(text, numbers(text)))), min(len(reading.tokens), 30) / 30]
    own = {piece.stem for piece in pieces(table.name)}
    named = [one for one in found if one.how not in ("value", "hint")]
    hints = [one for one in found if one.how == "hint" and action in _HINTED]
    best = {one.column: one for one in reversed(named)}
    valued = {one.column: one for one in reversed(found) if one.how == "value"}
    strong = sum(one.score > 0.8 for one in best.values())
    kinds = [column.kind for column in table.columns]
    spots = [places for _, places in phrases(reading)]
    bounds = [abs(value.value) for _, value, _ in compared(text, numbers(text))]
    sizes = [_size(column, bounds) for column in table.columns]
    rows = []
    for place, column in enumerate(table.columns):
        row = _spoken(reading, best.get(column.name), named, own)
        row += _rivals(best.get(column.name), named, table)
        row += _joined(reading, best.get(column.name), named)
        row += [sizes[place], float(sum(size > sizes[place] for size in sizes)) / 5, *_lived(column.name, text)]
        row += _hunches(place, table, best, valued, signs, text)
        row += _hinted(column.name, hints, named)
        row += _valued(valued.get(column.name), found)
        row += _meant(place, likeness, whole, spots, named)
        row += [float(column.kind == kind) for kind in KINDS]
        row += [min(kinds.count(column.kind), 5) / 5, strong / 3, len(valued) / 2, float(not best.get(column.name))]
        row += _among_its_kind(place, table, best, valued)
        row += signs
        row += [float(action == one) for one in actions]
        rows.append(row)
    return np.asarray(rows, dtype=np.float32)


def _hinted(column: str, hints: Sequence[Mention], named: Sequence[Mention]) -> list[float]:
    """Whether a word of its sort is there (`who`, `spent`) that names nothing else, and of how many columns it is."""
    mine = [one for one in hints if one.column == column]
    if not mine:
        return [0.0] * 4
    places = set(mine[0].tokens)
    rivals = [one for one in hints if one.column != column and places & set(one.tokens)]
    return [
        mine[0].score,
        len(rivals) / 4,
        float(any(one.score > mine[0].score for one in rivals)),
        float(any(one.score > _STRONG and places & set(one.tokens) for one in named)),
    ]


def _rivals(mention: Mention | None, named: Sequence[Mention], table: Table) -> list[float]:
    """Of which kinds the columns are that the same words may speak of as well."""
    if mention is None:
        return [0.0] * (len(KINDS) + 2)
    places = set(mention.tokens)
    close = [
        one
        for one in named
        if one.column != mention.column and places & set(one.tokens) and one.score >= mention.score - 0.1
    ]
    better = [one for one in close if one.score > mention.score and places <= set(one.tokens)]
    kinds = [table[one.column].kind for one in close]
    return [float(kind in kinds) for kind in KINDS] + [float(bool(better)), float(mention.score > 0.99 and not close)]


def _size(column: Column, bounds: Sequence[float]) -> float:
    """How near a bound of the question comes to the values of a column in size: "above 5000" is no number of rooms."""
    values = [abs(float(value)) for value in column.values if column.kind == "number" and _NUMBER.fullmatch(value)]
    apart = [abs(math.log10(bound / value)) for bound in bounds for value in values if bound > 0 and value > 0]
    return max(1 - min(apart), 0.0) if apart else 0.0


def _lived(name: str, text: str) -> list[float]:
    """Whether the column tells when somebody was born or came, and whether an age is asked for."""
    stems = {piece.stem for piece in pieces(name)}
    return [float(bool(stems & _ONCE)), float(re.search(_AGED, text) is not None)]


def _joined(reading: Reading, mention: Mention | None, named: Sequence[Mention]) -> list[float]:
    """How well the columns are named that stand beside it in a list or a comparison: "area and price"."""
    if mention is None:
        return [0.0] * 4
    first, last = mention.tokens[0], mention.tokens[-1]
    before, after = [0.0], [0.0]
    listed = False
    for one in named:
        if one.column == mention.column or set(one.tokens) & set(mention.tokens):
            continue
        if one.tokens[0] > last and (link := _link(reading, last, one.tokens[0])):
            after.append(one.score)
            listed |= link == "list"
        elif one.tokens[-1] < first and (link := _link(reading, one.tokens[-1], first)):
            before.append(one.score)
            listed |= link == "list"
    generic = float(all(reading.tokens[place].word in _PLURAL for place in mention.tokens))
    return [max(before), max(after), float(listed), generic]


def _link(reading: Reading, left: int, right: int) -> str:
    """Return what joins two words: a list, a comparison, or nothing."""
    between = reading.english[reading.tokens[left].end : reading.tokens[right].start].lower()
    if re.fullmatch(r"\W*(?:,|&|/|\+|\band\b|\bor\b)\W*(?:and |or )?(?:the |their |its |both )?\W*", between):
        return "list"
    if re.fullmatch(
        r"\W*\b(?:against|versus|vs|by|per|with|from|than|before|after|to|on|in)\W+(?:the |each )?", between
    ):
        return "comparison"
    return ""


def _hunches(
    place: int, table: Table, best: dict[str, Mention], valued: dict[str, Mention], signs: Sequence[float], text: str
) -> list[float]:
    """What is meant though no word names it: the date of "by month", the number of "largest", the rows themselves."""
    column = table.columns[place]
    peers = table.of_kind(column.kind)
    events = [peer for peer in peers if not {piece.stem for piece in pieces(peer.name)} & _ONCE]
    first = column is (events or peers)[0]
    strong = any(best[peer.name].score > 0.6 for peer in peers if peer.name in best)
    timed = bool(signs[0] or signs[1] or signs[_PERIOD])
    mention = best.get(column.name)
    key = column.kind == "id" and first and place < 2
    return [
        float(column.kind == "datetime" and timed and not strong and first),
        float(column.kind == "datetime" and timed and not strong),
        float(column.kind == "datetime" and bool(signs[1] or signs[_PERIOD]) and not strong and first),
        float(column.kind == "number" and bool(signs[5] or signs[7] or signs[_BOUND]) and not strong and first),
        float(column.kind == "number" and bool(signs[5] or signs[7] or signs[_BOUND]) and not strong),
        float(key),
        float(key and mention is not None and mention.score < 0.9),
        float(key and re.search(_KEYED, text) is not None),
        float(column.kind == "id" and re.search(_KEYED, text) is not None),
        float(column.kind == "boolean" and bool(signs[13])),
        float(column.name in valued and mention is None),
        float(place == 0),
        float(column.kind == "text" and bool(signs[12]) and first),
    ]


def _among_its_kind(place: int, table: Table, best: dict[str, Mention], valued: dict[str, Mention]) -> list[float]:
    """Its place among the columns of its kind, and whether others of these are spoken of better."""
    column = table.columns[place]
    mine = best[column.name].score if column.name in best else 0.0
    peers = [other for other in table.columns if other.kind == column.kind]
    scores = [best[other.name].score for other in peers if other.name in best and other.name != column.name]
    by_kind = [
        sum(best[other.name].score > _STRONG for other in table.columns if other.kind == kind and other.name in best)
        for kind in KINDS
    ]
    return [
        min(peers.index(column), 4) / 4,
        max(scores, default=0.0),
        sum(score > mine for score in scores) / 3,
        float(any(other.name in valued for other in peers if other.name != column.name)),
        *(min(count, 3) / 3 for count in by_kind),
    ]


def _spoken(reading: Reading, mention: Mention | None, named: Sequence[Mention], own: set[str]) -> list[float]:
    """How the column's name is spoken of, and whether other columns are by the same words, or better."""
    if mention is None:
        return [0.0] * 18
    places = set(mention.tokens)
    rivals = [one for one in named if one.column != mention.column and places & set(one.tokens)]
    most = max((one.score for one in rivals), default=0.0)
    wider = max(
        (len(places | set(one.tokens)) - len(places) for one in rivals if one.score >= mention.score), default=0
    )
    exact = max((one.exact for one in rivals), default=0.0)
    free = places - {
        place for one in named if one.column != mention.column and one.score > mention.score for place in one.tokens
    }
    words = [reading.tokens[place].stem for place in mention.tokens]
    before = [token.word for token in reading.tokens[max(mention.tokens[0] - 2, 0) : mention.tokens[0]]]
    return [
        mention.score,
        *(float(mention.how == how) for how in _HOW),
        len(places) / 3,
        most,
        mention.score - most,
        mention.exact,
        mention.exact - exact,
        sum(one.score == mention.score for one in rivals) / 3,
        wider / 2,
        len(free) / len(places),
        float(all(word in own for word in words)),
        float(any(word in own for word in words)),
        float(bool(_GROUP & set(before))),
        float(bool({"of", "in", "the"} & set(before))),
        mention.tokens[0] / max(len(reading.tokens), 1),
        (mention.tokens[-1] - mention.tokens[0] + 1 - len(places)) / 5,
    ]


def _valued(mention: Mention | None, found: Sequence[Mention]) -> list[float]:
    """Whether a value of the column is named, and whether the word may mean a name as well."""
    if mention is None:
        return [0.0] * 6
    places = set(mention.tokens)
    others = [one for one in found if one.column != mention.column and places & set(one.tokens)]
    return [
        1.0,
        mention.score,
        len(mention.value or "") / 10,
        max((one.score for one in others if one.how != "value"), default=0.0),
        float(any(one.how == "value" and len(one.tokens) >= len(places) for one in others)),
        len(places) / 3,
    ]


def _meant(
    place: int,
    likeness: npt.NDArray[np.float32] | None,
    whole: npt.NDArray[np.float32] | None,
    spots: Sequence[tuple[int, ...]],
    named: Sequence[Mention],
) -> list[float]:
    """How near the phrases come to the column in meaning: all, and those that no name explains."""
    if likeness is None or whole is None or not len(spots):
        return [0.0] * 8
    taken = {token for one in named if one.score > 0.8 for token in one.tokens}
    mine = likeness[:, place]
    row = int(mine.argmax())
    free = [spot for spot, tokens in enumerate(spots) if not taken & set(tokens)]
    rest = [likeness[spot, place] for spot in free]
    top = max(rest, default=0.0)
    spot = free[rest.index(top)] if rest else 0
    others = [value for other, value in enumerate(likeness[spot]) if other != place]
    ranked = int((likeness[row] > mine[row]).sum())
    return [
        float(mine[row]),
        ranked / 5,
        float(top),
        float(top) - float(max(others, default=0.0)),
        float(sum(value > top for value in others)) / 5 if rest else 1.0,
        float(whole[place]),
        float((whole > whole[place]).sum()) / 5,
        len(free) / 5,
    ]
