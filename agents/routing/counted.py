"""Which words of a question mean the rows of the table rather than a column: "how many orders" counts rows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath

from .mentions import Mention
from .quantities import numbers
from .reading import Reading
from .sql_filters import compared
from .tables import Column, Table
from .words import pieces

_COUNTING = re.compile(r"\b(how many|number of|count of|counts of|amount of)\b")
_DISTINCT = re.compile(r"\b(distinct|different|unique|various|individual)\b")
# Where the noun that is counted ends at the latest.
_ENDS = frozenset(
    (
        *("are", "is", "were", "was", "be", "do", "does", "did", "have", "has", "had", "there", "with", "per"),
        *("by", "in", "of", "from", "for", "that", "which", "who", "over", "under", "more", "less", "each", "every"),
        *("and", "or", "on", "at", "than", "between", "above", "below", "to", "we", "i", "you", "they", "it"),
        *("get", "got", "came", "can"),
    )
)
_RANKING = re.compile(
    r"^\W*(?:which|what|who)\s+(\w+).*\b(most|least|fewest|more often|most often|frequent\w*|sells? (?:best|worst))\b"
)
# Without such a word nothing is asked of when something was.
_TIMELY = re.compile(
    r"\b(when|dates?|days?|daily|weeks?|weekly|months?|monthly|quarters?|years?|yearly|annual\w*|hours?|hourly|time|times|"
    r"since|before|after|until|during|latest|newest|oldest|earliest|first|last|recent\w*|today|yesterday|long|longer|longest|"
    r"trend|over time|ago|january|february|march|april|may|june|july|august|september|october|november|december|"
    r"late|later|early|earlier|between|on|empty|missing|null|sort\w*|order by|duration|took|takes?)\b|\d{4}"
)
_COUNTED_APART = re.compile(r"\b(?:how many|number of|count of) (?:distinct|different|unique|various|individual) (\w+)")
# Without such a word no figure is asked for that nobody named.
_MEASURED = re.compile(
    r"\b(averag\w*|avg|mean|median|typical\w*|usual\w*|sum\w*|total\w*|much|many|most|least|more|less|fewe?\w*|rate|per|top|"
    r"bottom|best|worst|max\w*|min\w*|spen\w*|paid|pays?|paying|earn\w*|owe\w*|owing|bought|sold|sell\w*|bring\w*|brought|cost\w*|"
    r"money|revenue|high|low|long|short|big|large|small|heavy|light|old|young|fast|slow|cheap\w*|expensive|far|deep|hot|cold|"
    r"\w{2,}est|\w{2,}er than|over|under|above|below|exceed\w*|without|zero|no|negative|positive|empty|missing)\b"
)
# What "sells best" is told by the rows, not by a column of marks.
_SELLING = re.compile(r"\b(?:sells?|selling|sold|ordered|bought) (?:the )?(?:best|worst|most|least)\b")
# Without such a word no category is asked of that nobody named.
_DIVIDED = re.compile(
    r"\b(per|by|each|every|which|who|whom|whose|what|where|different|distinct|unique|most|least|across|split|group\w*|"
    r"break\w*|kinds?|types?|sorts?|names?|list of|top|best|worst|compar\w*|vs|versus|differ\w*|depend\w*|many|"
    r"number of|count)\b"
)
_TOLD = 0.5
_WHOLE = 0.99
_MONEY = re.compile(r"\b(euros?|dollars?|pounds?|usd|eur|gbp|bucks)\b|[€$£]")
_PRICED = re.compile(r"amount|total|revenue|price|fare|cost|value|sum", re.IGNORECASE)
_SURE = 0.7
# "Percent of …" asks for a share, and names no column of percents.
_SHARES = frozenset({"percent", "percentage", "pct", "share", "proportion", "fraction", "part"})
_PLAIN_NUMBER = re.compile(r"[-+]?[\d.,]+")


def settled(
    reading: Reading, table: Table, columns: Sequence[Column], found: Sequence[Mention], *, heard: bool = False
) -> tuple[Column, ...]:
    """Return the columns that a query is about: without those that only the words for rows brought up.

    Args:
        reading: the question, read.
        table: what is asked about.
        columns: those that were chosen.
        found: all that may speak of a column.
        heard: the question was read together with the table, which tells by more than words what rows are.
    """
    text = reading.english.lower()
    rows = _row_words(reading, table, text)
    kept = _without_rows(reading, columns, found, rows, heard=heard)
    kept += [column for column in _valued(table, found) if column not in kept]
    kept += _ranked(reading, table, text, found, kept)
    kept += _distinct(reading, table, text, found, kept)
    kept = _one_each(reading, text, found, kept)
    if _SELLING.search(text):
        kept = [column for column in kept if column.name in _spoken_of(found)]
    if not heard:
        kept = _asked_for(text, found, kept)
    kept = [_dated(column, table, found, rows) for column in kept]
    if compared(text, numbers(text)) and not any(column.kind == "number" for column in kept) and _MONEY.search(text):
        kept += [column for column in table.of_kind("number") if _PRICED.search(column.name)][:1]
    return tuple(kept)


def _without_rows(
    reading: Reading, columns: Sequence[Column], found: Sequence[Mention], rows: frozenset[int], *, heard: bool
) -> list[Column]:
    """Leave out the columns that only the words for rows brought up."""
    text = reading.english.lower()
    counting = _COUNTING.search(text) is not None
    kept = [column for column in columns if heard or not _means_rows(column, found, rows, counting=counting, text=text)]
    if counting and _only_rows(reading, rows):
        kept = [column for column in kept if any(one.column == column.name for one in found)]
    return kept


def _asked_for(text: str, found: Sequence[Mention], columns: Sequence[Column]) -> list[Column]:
    """Leave out the columns of kinds that nothing in the text asks for, unless it names them."""
    named = {one.column for one in found}
    spoken_of = _spoken_of(found)
    timely, divided = _TIMELY.search(text) is not None, _DIVIDED.search(text) is not None
    measured = _MEASURED.search(text) is not None or bool(compared(text, numbers(text)))

    def asked_for(column: Column) -> bool:
        if column.kind == "datetime":
            return timely
        if column.kind in {"category", "text"}:
            return divided or column.name in spoken_of
        return column.kind != "number" or measured or column.name in named

    return [column for column in columns if asked_for(column)]


def _spoken_of(found: Sequence[Mention]) -> frozenset[str]:
    return frozenset(one.column for one in found if one.how != "hint")


def _row_words(reading: Reading, table: Table, text: str) -> frozenset[int]:
    """Return the places of the words that mean rows: of counting, the noun that is counted, and the table's name."""
    stems = {piece.stem for piece in pieces(PurePath(table.name).name.split(".")[0])}
    found = {place for place, token in enumerate(reading.tokens) if token.stem in stems}
    for match in _COUNTING.finditer(text):
        after = [place for place, token in enumerate(reading.tokens) if token.start >= match.end()]
        noun = []
        for place in after:
            if reading.tokens[place].word in _ENDS:
                break
            noun.append(place)
        found |= {place for place, token in enumerate(reading.tokens) if match.start() <= token.start < match.end()}
        if noun and not _DISTINCT.search(text):
            found.add(noun[-1])
    return frozenset(found)


def _means_rows(column: Column, found: Sequence[Mention], rows: frozenset[int], *, counting: bool, text: str) -> bool:
    mine = [one for one in found if one.column == column.name]
    if any(one.value is not None and not _PLAIN_NUMBER.fullmatch(one.value) for one in mine):
        return False
    said = [one for one in mine if one.value is None and one.how != "hint"]
    if not said:
        # A number alone names no value of a column that nobody spoke of; and what is counted has no measure.
        if any(one.value is not None for one in mine):
            return True
        compares = column.kind == "number" and bool(compared(text, numbers(text)))
        timely = column.kind == "datetime" and _TIMELY.search(text) is not None
        return counting and column.kind in {"number", "datetime", "id", "text"} and not compares and not timely
    if column.kind in {"category", "boolean"} and counting and not any(one.value is not None for one in mine):
        return False
    whole = re.sub(r"[\W_]+", " ", column.name.lower())
    if column.kind == "datetime" and _TIMELY.search(text):
        return False
    return all(set(one.tokens) <= rows for one in said) and re.search(rf"\b{re.escape(whole)}\b", text) is None


def _only_rows(reading: Reading, rows: frozenset[int]) -> bool:
    """Tell whether nothing but the rows is spoken of: "how many orders are there"."""
    rest = [token.word for place, token in enumerate(reading.tokens) if place not in rows]
    return all(word in _ENDS or word in {"the", "a", "in", "total", "all", "there", "altogether"} for word in rest)


def _dated(column: Column, table: Table, found: Sequence[Mention], rows: frozenset[int]) -> Column:
    """Return the date of the rows, `ordered_at` of "how many orders each day", for one that no word told apart."""
    if column.kind != "datetime" or any(one.column == column.name and one.score >= _TOLD for one in found):
        return column
    own = [one for one in found if one.score >= _SURE and set(one.tokens) <= rows and one.how != "value"]
    dates = [table[one.column] for one in own if table[one.column].kind == "datetime"]
    return dates[0] if dates else column


def _distinct(
    reading: Reading, table: Table, text: str, found: Sequence[Mention], kept: Sequence[Column]
) -> list[Column]:
    """Return the column of what is counted in "how many different customers": an id before a name of the same."""
    match = _COUNTED_APART.search(text)
    return _named_by(reading, table, match.start(1), found, kept) if match else []


def _valued(table: Table, found: Sequence[Mention]) -> list[Column]:
    """Return the columns of values that were named in full and that no other column has."""
    whole = [one for one in found if one.value and len(one.value) > 2 and not _PLAIN_NUMBER.fullmatch(one.value)]
    whole = [one for one in whole if len(one.tokens) >= len(pieces(one.value or "")) and one.score >= _SURE]
    owners = {value: {one.column for one in whole if one.value == value} for value in (one.value for one in whole)}
    names = dict.fromkeys(one.column for one in whole if len(owners[one.value]) == 1)
    return [table[name] for name in names]


def _ranked(
    reading: Reading, table: Table, text: str, found: Sequence[Mention], kept: Sequence[Column]
) -> list[Column]:
    """Return the column of what is ranked in "which customers ordered most": an id before a name of the same."""
    match = _RANKING.search(text)
    return _named_by(reading, table, match.start(1), found, kept) if match else []


def _one_each(reading: Reading, text: str, found: Sequence[Mention], kept: list[Column]) -> list[Column]:
    """Leave one of the columns that only the word for what is counted or ranked names: a brewery's name or its id."""
    match = _RANKING.search(text) or _COUNTED_APART.search(text)
    if match is None:
        return kept
    start, end = match.span(1)
    places = {place for place, token in enumerate(reading.tokens) if start <= token.start < end}
    said = {column.name: [one for one in found if one.column == column.name and one.how != "hint"] for column in kept}
    same = [column for column in kept if said[column.name] and all(set(m.tokens) <= places for m in said[column.name])]
    if len(same) < 2:
        return kept
    best = max(same, key=lambda column: (said[column.name][0].score > _WHOLE, column.kind != "id"))
    return [column for column in kept if column is best or column not in same]


def _named_by(
    reading: Reading, table: Table, start: int, found: Sequence[Mention], kept: Sequence[Column]
) -> list[Column]:
    """Return the column that the word at a place of the text names, if none of those kept is named by it."""
    places = {place for place, token in enumerate(reading.tokens) if token.start == start}
    said = [one for one in found if set(one.tokens) == places and one.value is None and one.how != "hint"]
    said = [one for one in said if table[one.column].kind in {"id", "category", "text"}]
    if not said or any(table[one.column] in kept for one in said):
        return []
    # The word itself before another for it: of "which product", its name before its sku.
    most = max(one.exact for one in said)
    said = [one for one in said if one.exact == most]
    best = max(one.score for one in said)
    near = [table[one.column] for one in said if one.score >= best - 0.1]
    ids = [column for column in near if column.name.lower().endswith("id")]
    return [*ids, *(column for column in near if column.kind != "id"), *near][:1]


def spoken(reading: Reading, columns: Sequence[Column], found: Sequence[Mention]) -> tuple[Column, ...]:
    """Return columns without those that only the asking for a share brought up: "percent of" names none.

    Args:
        reading: the question, read.
        columns: those that were chosen.
        found: all that may speak of a column.
    """
    following = [token.word for token in reading.tokens[1:]]
    asking = {place for place, word in enumerate(following) if word == "of" and reading.tokens[place].word in _SHARES}

    def asked_for(column: Column) -> bool:
        said = [one for one in found if one.column == column.name and one.how != "hint"]
        return bool(said) and all(one.value is None and set(one.tokens) <= asking for one in said)

    return tuple(column for column in columns if not asked_for(column))
