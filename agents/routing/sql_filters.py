"""Conditions in a question: values, comparisons with numbers, periods, flags, what is empty."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from .asked import Asked
from .mentions import Mention
from .quantities import Number, Period, numbers, periods
from .reading import Token
from .sql_text import figure, name
from .sql_text import number as literal
from .sql_text import text as quoted
from .tables import Column

_NOT = re.compile(
    r"\b(not|no|never|without|except|excluding|other than|isn'?t|aren'?t|haven'?t|hasn'?t|didn'?t|wasn'?t|"
    r"weren'?t|don'?t|doesn'?t|none|neither|non)\W+(?:\w+\W+){0,2}$"
)
_MORE = (
    r"over|above|more|greater|higher|larger|bigger|longer|heavier|older|exceed\w*|beyond|dearer|faster|later|"
    r"taller|hotter|warmer|better|past|upwards of"
)
_LESS = r"under|below|less|fewer|lower|smaller|shorter|lighter|younger|cheaper|slower|earlier|colder|cooler|worse"
_COMPARISONS = (
    (r"(?:at least|no less than|not less than|not under|not below|minimum(?: of)?|>=)", ">="),
    (r"(?:at most|no more than|not more than|not over|not above|up to|maximum(?: of)?|<=)", "<="),
    (rf"(?:(?:{_MORE})(?:\s+(?:than|of))?|>)", ">"),
    (rf"(?:(?:{_LESS})(?:\s+(?:than|of))?|<)", "<"),
    (r"(?:exactly|equal to|equals|=)", "="),
)
BETWEEN = re.compile(
    r"\b(?:between|from|within|in)\s+(\S+)\s+(?:and|to|-|\u2013)\s+(\S+)|(?<![\w-])(\d\S*)\s*(?:-|\u2013|to)\s*(\d\S*)"
)
_EMPTY = (
    r"(?:is |are |was |were )?(?:left )?(?:empty|missing|null|blank|unknown|unfilled|not (?:filled|given|set|"
    r"known|there))"
)
_STILL = re.compile(
    r"\b(still|yet|never|so far|haven'?t|hasn'?t|not (?:been )?(?:\w+ed)|open|pending|unresolved|outstanding)\b"
)


@dataclass(frozen=True)
class Filter:
    """A condition on a column.

    Attributes:
        sql: empty for words that another condition holds for as well.
        end: where the words of it end in the English text.
        ways: where one of several periods is enough, each as it was said with its condition.
    """

    column: str
    sql: str
    start: int = 0
    end: int = 0
    ways: tuple[tuple[str, str], ...] = ()


def filters(asked: Asked) -> list[Filter]:
    """Return the conditions that a question sets, on the columns that it is about."""
    found = [*_values(asked), *_periods(asked)]
    taken = [(one.start, one.end) for one in found]
    named = periods_of(asked.text, asked.found, asked.reading.tokens) if asked.of("datetime") else []
    spans = [(period.start, period.end) for period in named]
    found += _comparisons(asked, [*taken, *spans])
    found += _empties(asked, {one.column for one in found})
    found += _signs(asked, {one.column for one in found})
    return found


def _signs(asked: Asked, filtered: set[str]) -> list[Filter]:
    """A negative fare is one below zero."""
    match = re.search(r"\b(negative|below zero|under zero)\b", asked.text)
    columns = [column for column in asked.of("number") if column.name not in filtered]
    column = asked.nearest(match.start(), columns) if match else None
    return [Filter(column.name, f"{figure(column)} < 0", *match.span())] if match and column else []


def _values(asked: Asked) -> list[Filter]:
    found = []
    for column in asked.of("category", "id", "text"):
        named = asked.values(column.name)
        if not named:
            continue
        start = named[0][1]
        negated = _NOT.search(asked.text[:start]) is not None
        literals = [quoted(value) for value, _ in named]
        if len(literals) == 1:
            sql = f"{name(column.name)} {'<>' if negated else '='} {literals[0]}"
        else:
            sql = f"{name(column.name)} {'NOT IN' if negated else 'IN'} ({', '.join(literals)})"
        found.append(Filter(column.name, sql, start, named[-1][1] + len(named[-1][0])))
    return found


def periods_of(text: str, found: Sequence[Mention], tokens: Sequence[Token]) -> list[Period]:
    """Return the periods of a text that are no part of a column's name: `sales_last_month` names no rows."""
    named = [(tokens[one.tokens[0]].start, tokens[one.tokens[-1]].end) for one in found if one.how == "name"]
    return [
        period
        for period in periods(text)
        if not any(start <= period.start and period.end <= end for start, end in named)
    ]


def _periods(asked: Asked) -> list[Filter]:
    columns = asked.of("datetime")
    found: list[Filter] = []
    if not columns:
        return found
    named = periods_of(asked.text, asked.found, asked.reading.tokens)
    year = next((period.year for period in named if period.year), None)
    plain: dict[str, list[tuple[Period, int]]] = {}
    skip = False
    for place, period in enumerate(named):
        if skip:
            skip = False
            continue
        column = asked.nearest(period.start, columns)
        assert column is not None
        before = asked.text[: period.start]
        other = named[place + 1] if place + 1 < len(named) else None
        if other and re.search(r"\b(between|from)\s*(?:the\s*)?$", before) and other.start - period.end < 12:
            sql, skip = _from_to(column, period, other, year), True
            end = other.end
        else:
            sql, end = _one_period(column, period, before), period.end
            if sql and not _BOUND.search(before.rstrip()[-14:]):
                plain.setdefault(column.name, []).append((period, len(found)))
        if sql:
            found.append(Filter(column.name, sql, period.start, end))
    for several in plain.values():
        _one_of(asked.text, several, found)
    return found


def _one_of(text: str, several: list[tuple[Period, int]], found: list[Filter]) -> None:
    """Have one of several periods be enough, where no row can be in two: "May and June", "this month vs last month"."""
    spans = [(period.since, period.until, period.month) for period, _ in several]
    pairs = [(one, other) for place, one in enumerate(spans) for other in spans[:place]]
    if not pairs or not all(_apart(one, other) for one, other in pairs):
        return
    filters = [found[place] for _, place in several]
    ways = tuple((text[one.start : one.end], one.sql) for one in filters)
    for (_, place), one in zip(several, filters, strict=True):
        found[place] = replace(one, sql="")
    found[several[0][1]] = replace(filters[0], sql=" OR ".join(f"({sql})" for _, sql in ways), ways=ways)


_Span = tuple[str | None, str | None, int | None]


def _apart(one: _Span, other: _Span) -> bool:
    """Tell whether two periods share no day."""
    if one[0] and one[1] and other[0] and other[1]:
        return one[1] <= other[0] or other[1] <= one[0]
    return not one[0] and not other[0] and one[2] != other[2]


# What before a period makes it a bound.
_BOUND = re.compile(
    r"\b(before|until|till|earlier than|prior to|after|later than|since|from|starting|up to|as of|through)(?: the)?$"
)


def _one_period(column: Column, period: Period, before: str) -> str | None:
    moment = name(column.name)
    bound = _BOUND.search(before.rstrip()[-14:])
    lead = bound[1] if bound else ""
    if not (period.since and period.until):
        return _in_month(moment, period)
    if lead in ("before", "until", "till", "earlier than", "prior to"):
        return f"{moment} < DATE {quoted(period.since)}"
    if lead in ("up to", "as of", "through"):
        return f"{moment} < DATE {quoted(period.until)}"
    if lead in ("after", "later than"):
        return f"{moment} >= DATE {quoted(period.until)}"
    if lead:
        return f"{moment} >= DATE {quoted(period.since)}"
    return f"{moment} >= DATE {quoted(period.since)} AND {moment} < DATE {quoted(period.until)}"


def _from_to(column: Column, period: Period, other: Period, year: int | None) -> str | None:
    moment = name(column.name)
    if period.since is None and period.month and period.month > 0:
        return _in_month(moment, period, other) if year is None else _spelt_out(moment, period, other, year)
    if period.since and other.until:
        return f"{moment} >= DATE {quoted(period.since)} AND {moment} < DATE {quoted(other.until)}"
    return None


def _spelt_out(moment: str, period: Period, other: Period, year: int) -> str:
    """A first day without a year is of the year of the last."""
    since = f"{year:04}-{period.month:02}-01"
    if other.since and other.month == period.month:
        since = f"{year:04}-{period.month:02}-01"
    until = other.until or f"{year + (other.month or 1) // 12:04}-{(other.month or 1) % 12 + 1:02}-01"
    return f"{moment} >= DATE {quoted(since)} AND {moment} < DATE {quoted(until)}"


def _in_month(moment: str, period: Period, other: Period | None = None) -> str | None:
    if period.month is None:
        return None
    if period.month < 0:
        return f"quarter({moment}) = {-period.month}"
    if other is not None and other.month:
        return f"month({moment}) BETWEEN {period.month} AND {other.month}"
    return f"month({moment}) = {period.month}"


def _comparisons(asked: Asked, taken: list[tuple[int, int]]) -> list[Filter]:
    columns = [column for column in asked.of("number", "id", "category") if column.kind == "number" or _digits(column)]
    found: list[Filter] = []
    if not columns:
        return found
    text = asked.text
    seen = numbers(text)
    for match in BETWEEN.finditer(text):
        pair = [one for one in seen if match.start() <= one.start < match.end()]
        if len(pair) == 2 and not _inside(match.span(), taken):
            column = _about(asked, match.start(), pair[1].end, columns)
            low, high = sorted(one.value for one in pair)
            sql = f"{figure(column)} BETWEEN {literal(low)} AND {literal(high)}"
            found.append(Filter(column.name, sql, match.start(), pair[1].end))
    for sign, value, start in compared(text, seen):
        spans = [*taken, *((one.start, one.end) for one in found)]
        if not _inside((start, value.end), spans):
            column = _about(asked, start, value.end, columns)
            found.append(Filter(column.name, f"{figure(column)} {sign} {literal(value.value)}", start, value.end))
    found += _years(asked, columns, [*taken, *((one.start, one.end) for one in found)])
    return found


def compared(text: str, seen: list[Number]) -> list[tuple[str, Number, int]]:
    """Return the comparisons of a text with numbers: the sign, the number, and where the words begin."""
    found: list[tuple[str, Number, int]] = []
    for pattern, sign in _COMPARISONS:
        for match in re.finditer(rf"(?<![\w<>]){pattern}\s*(?:a |an |the |of |than |as )?", text):
            value = next((one for one in seen if 0 <= one.start - match.end() <= 1), None) or _one(text, match)
            if value and all(value.start != other.start for _, other, _ in found):
                found.append((sign, value, match.start()))
    return found


def _years(asked: Asked, columns: list[Column], taken: list[tuple[int, int]]) -> list[Filter]:
    """A year beside a column of numbers that are years: `built before 1950`."""
    found = []
    for match in re.finditer(r"\b(before|after|since|in)\s+((?:1[5-9]|20)\d\d)\b", asked.text):
        if not asked.of("datetime") and not _inside(match.span(), taken):
            sign = {"before": "<", "after": ">", "since": ">=", "in": "="}[match[1]]
            column = _about(asked, *match.span(), columns)
            found.append(Filter(column.name, f"{name(column.name)} {sign} {match[2]}", *match.span()))
    return found


def _one(text: str, match: re.Match[str]) -> Number | None:
    """A kilo, an hour: one."""
    single = re.match(r"(?:kilo|hour|day|week|month|year|minute|euro|mile)s?\b", text[match.end() :])
    return Number(1.0, match.end(), match.end() + single.end()) if single else None


def _about(asked: Asked, start: int, end: int, columns: list[Column]) -> Column:
    """Return the column that a comparison is about: the one spoken of nearest before or after it."""
    numeric = [column for column in columns if column.kind == "number"] or columns
    before, after = asked.nearest(start, numeric), asked.nearest(end, numeric)
    assert before is not None
    assert after is not None
    if before is after:
        return before
    behind, ahead = asked.place(before.name), asked.place(after.name)
    if behind and ahead and start - behind[1] > ahead[0] - end:
        return after
    return before


def _digits(column: Column) -> bool:
    return bool(column.values) and all(re.fullmatch(r"-?\d+(\.\d+)?", value) for value in column.values)


def _inside(span: tuple[int, int], taken: list[tuple[int, int]]) -> bool:
    return any(span[0] < end and start < span[1] for start, end in taken)


def _empties(asked: Asked, filtered: set[str]) -> list[Filter]:
    found = []
    for column in asked.columns:
        span = asked.place(column.name)
        if column.name in filtered or span is None or column.kind == "boolean":
            continue
        after, before = asked.text[span[1] : span[1] + 40], asked.text[max(span[0] - 24, 0) : span[0]]
        if re.match(rf"\W+(?:\w+\W+)?{_EMPTY}\b", after) or re.search(
            r"\b(missing|empty|without(?: an?)?|have no|has no|with no)\W+$", before
        ):
            found.append(Filter(column.name, f"{name(column.name)} IS NULL", *span))
        elif re.match(r"\W+(?:\w+\W+)?(?:is|are|was|were) (?:not (?:empty|missing|null|blank)|filled)\b", after):
            found.append(Filter(column.name, f"{name(column.name)} IS NOT NULL", *span))
        elif column.kind == "datetime" and len(asked.of("datetime")) == 1 and _STILL.search(asked.text):
            found.append(Filter(column.name, f"{name(column.name)} IS NULL", *span))
    return found


def flag(asked: Asked, column: Column) -> Filter:
    """Return the condition that a flag is set, or not set where a negation stands before it."""
    start, end = asked.place(column.name) or (0, 0)
    negated = _NOT.search(asked.text[:start]) is not None
    return Filter(column.name, f"{'NOT ' if negated else ''}{name(column.name)}", start, end)
