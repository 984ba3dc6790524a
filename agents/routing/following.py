"""A question that leans on the one before it: "and in Munich?" after "average price in Berlin"."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .columns import select
from .mentions import Mention, mentions
from .quantities import Period, periods
from .reading import Reading, names_of, read
from .tables import Table

_LEANS = re.compile(
    r"^\W*(?:(?:and|but|or|now|only|instead|what about|how about|(?:the )?same (?:for|in|with|by))\b\W*)+",
    re.IGNORECASE,
)
_GROUPING = ("per", "by", "for each", "for every", "in each")
_LED = re.compile(
    r"(per|by|for each|for every|in each|since|before|after|until|in|for|of|from|on|at|with|during)\b\s*", re.IGNORECASE
)
_ARTICLE = re.compile(r"(?:the|a|an|that of|their|its)\b\s*", re.IGNORECASE)
_BEFORE_PERIOD = re.compile(r"\b(?:in|on|of|from|since|before|after|until|during|for)\s+(?:the\s+)?$", re.IGNORECASE)
_PARTS = r"(?:hour|day|week|month|quarter|year)"
_ENDS = " \t?.!,;"
_LONGEST = 2_000


@dataclass(frozen=True)
class _Rest:
    """What a leaning question says besides its lead: a preposition, and one thing.

    Attributes:
        start: where the thing begins in the English text; it goes on to the end.
    """

    reading: Reading
    led: str
    start: int

    @property
    def words(self) -> str:
        return self.reading.english[self.start :].strip(_ENDS)

    @property
    def places(self) -> set[int]:
        """The tokens of the thing."""
        return {place for place, token in enumerate(self.reading.tokens) if token.start >= self.start}


def completed(question: str, before: str, table: Table) -> str:
    """Return a question with what it leaves to the one before it; as it is where it stands for itself.

    It leans if it begins like "and" or "what about", and names one thing and nothing else: a value, a period, what to
    group by, or a column. What the question before said of the same sort gives way to that; without such, it is added.

    Args:
        question: such as "and in Munich?", "what about 2024?", "and per month?", "and the weight?".
        before: the question before, completed itself.
        table: that both are about.
    """
    if not before.strip() or not question.strip():
        return question
    names = names_of(table)
    asked = read(before, names)
    rest = _rest(read(question, names, asked.language)) or _rest(read(question, names))
    if rest is None:
        return question
    made = (
        _value(rest, asked, table) or _period(rest, asked) or _group(rest, asked, table) or _column(rest, asked, table)
    )
    return made if made and len(made) <= _LONGEST else question


def _rest(reading: Reading) -> _Rest | None:
    lead = _LEANS.match(reading.english)
    if lead is None:
        return None
    start, led = lead.end(), ""
    if match := _LED.match(reading.english, start):
        start, led = match.end(), match[1].lower()
    if match := _ARTICLE.match(reading.english, start):
        start = match.end()
    found = _Rest(reading, led, start)
    return found if found.words else None


def _value(rest: _Rest, asked: Reading, table: Table) -> str | None:
    if rest.led in _GROUPING or rest.led in ("since", "before", "after", "until", "during"):
        return None
    whole = [one for one in mentions(rest.reading, table) if one.value is not None and set(one.tokens) == rest.places]
    if not whole:
        return None
    old = {one.tokens: one for one in mentions(asked, table) if one.value is not None and one.column == whole[0].column}
    if not old:
        return _added(asked, rest.led or "for", rest)
    return _replaced(asked, next(iter(old.values())), rest) if len(old) == 1 else None


def _period(rest: _Rest, asked: Reading) -> str | None:
    new, old = periods(rest.reading.english), periods(asked.english)
    if (
        len(new) != 1
        or rest.led in _GROUPING
        or rest.reading.english[new[0].start : new[0].end].strip(_ENDS) != rest.words
    ):
        return None
    if not old:
        return _added(asked, rest.led or "in", rest)
    return _with_period(asked.english, old[0], rest) if len(old) == 1 else None


def _with_period(text: str, old: Period, rest: _Rest) -> str:
    lead = _BEFORE_PERIOD.search(text[: old.start])
    start = lead.start() if lead and rest.led else old.start
    return f"{text[:start]}{f'{rest.led} ' if rest.led else ''}{rest.words}{text[old.end :]}"


def _group(rest: _Rest, asked: Reading, table: Table) -> str | None:
    if rest.led not in _GROUPING or not (_names_column(rest, table) or re.fullmatch(_PARTS, rest.words, re.IGNORECASE)):
        return None
    for one in reversed(_columns(asked, table)):
        start, end = _span(asked, one)
        lead = re.search(
            r"\b(?:per|by|for each|for every|in each)\s+(?:the\s+)?$", asked.english[:start], re.IGNORECASE
        )
        if lead:
            return f"{asked.english[: lead.start()]}{rest.led} {rest.words}{asked.english[end:]}"
    part = re.search(rf"\b(?:per|by|for each|for every|in each)\s+{_PARTS}\b", asked.english, re.IGNORECASE)
    if part:
        return f"{asked.english[: part.start()]}{rest.led} {rest.words}{asked.english[part.end() :]}"
    return _added(asked, rest.led, rest)


def _column(rest: _Rest, asked: Reading, table: Table) -> str | None:
    named = _names_column(rest, table)
    if named is None or rest.led not in ("", "of", "for"):
        return None
    kind = table[named.column].kind
    old = [one for one in _columns(asked, table) if table[one.column].kind == kind]
    return _replaced(asked, old[0], rest) if len(old) == 1 else None


def _names_column(rest: _Rest, table: Table) -> Mention | None:
    whole = [one for one in _columns(rest.reading, table) if set(one.tokens) == rest.places]
    return whole[0] if len(whole) == 1 else None


def _columns(reading: Reading, table: Table) -> list[Mention]:
    """Return the columns that a question names, in its order, each once."""
    return [one for one in select(mentions(reading, table)) if one.value is None]


def _span(reading: Reading, one: Mention) -> tuple[int, int]:
    return reading.tokens[one.tokens[0]].start, reading.tokens[one.tokens[-1]].end


def _replaced(asked: Reading, old: Mention, rest: _Rest) -> str:
    start, end = _span(asked, old)
    return f"{asked.english[:start]}{rest.words}{asked.english[end:]}"


def _added(asked: Reading, led: str, rest: _Rest) -> str:
    return f"{asked.english.rstrip(_ENDS)} {led} {rest.words}"
