"""Numbers, fractions and periods of time in a question, put in English before."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date, timedelta

_WORDS = {
    "one": 1,
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "seven": 7,
    "eight": 8,
    "nine": 9,
    "ten": 10,
    "eleven": 11,
    "twelve": 12,
    "fifteen": 15,
    "twenty": 20,
    "thirty": 30,
    "forty": 40,
    "fifty": 50,
    "sixty": 60,
    "seventy": 70,
    "eighty": 80,
    "ninety": 90,
    "hundred": 100,
    "thousand": 1000,
    "dozen": 12,
    "zero": 0,
    "million": 1_000_000,
}
_SCALES = {"k": 1_000, "thousand": 1_000, "hundred": 100, "m": 1_000_000, "million": 1_000_000}
_FRACTIONS = {"half": 0.5, "third": 1 / 3, "quarter": 0.25, "fifth": 0.2, "tenth": 0.1}
_MONTHS = {name.lower(): place for place, name in enumerate(calendar.month_name) if name}
_MONTHS |= {name.lower(): place for place, name in enumerate(calendar.month_abbr) if name} | {"sept": 9}
# Short names that are words as well are months only beside a day or a year.
_UNSURE = frozenset({"may", "march", "mar", "dec", "sep", "jan", "oct", "nov", "jun", "jul", "apr", "aug", "feb"})
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_NUMBER = r"-?\d+(?:[.,]\d+)*"
_WORD = "|".join(sorted(_WORDS, key=len, reverse=True))
_AMOUNT = re.compile(
    rf"(?<![\w.-])(?:({_NUMBER})(k|m)?(?![\w-])|({_WORD})\b)(?:\s+(hundred|thousand|million)\b)?", re.I
)


@dataclass(frozen=True)
class Number:
    """A number and where it stands in the text."""

    value: float
    start: int
    end: int
    digits: bool = True


@dataclass(frozen=True)
class Period:
    """A span of time: from its first day, before the day after its last; `month` alone is of any year."""

    since: str | None
    until: str | None
    start: int
    end: int
    month: int | None = None
    year: int | None = None


def number(text: str) -> float:
    """Read a number as people write it: `1,500.5`, `1.500,5`, `400.000`.

    >>> number("1,500.5"), number("1.500,5"), number("0,5"), number("400.000")
    (1500.5, 1500.5, 0.5, 400000.0)
    """
    sign, digits = (-1.0, text[1:]) if text.startswith("-") else (1.0, text)
    last = max(digits.rfind(","), digits.rfind("."))
    if last < 0:
        return sign * float(digits)
    tail = digits[last + 1 :]
    marks = {mark for mark in digits if mark in ",."}
    thousands = len(tail) == 3 and len(marks) == 1 and digits[:last] not in ("0", "")
    whole = re.sub(r"[.,]", "", digits if thousands else digits[:last])
    return sign * float(whole if thousands else f"{whole}.{tail}")


def numbers(text: str) -> list[Number]:
    """Return the numbers of a text in their order, those in words too; dates and parts of names are none."""
    found = []
    for match in _AMOUNT.finditer(text):
        digits, letter, word, scale = match.groups()
        value = number(digits) if digits else float(_WORDS[word.lower()])
        if scale and not (word and word.lower() == scale.lower()):
            value *= _SCALES[scale.lower()]
        elif letter:
            value *= _SCALES[letter.lower()]
        found.append(Number(value, match.start(), match.end(), bool(digits)))
    return found


def plainly(value: float) -> int | float:
    """Return a number without a needless point."""
    return int(value) if value == int(value) and abs(value) < 1e15 else value


def fraction(text: str) -> float | None:
    """Return a share that a text names: `30 %`, `a tenth`, `half`."""
    percent = re.search(rf"({_NUMBER}|\b(?:{_WORD})\b)\s*(?:%|percent|per cent|pct|prozent)", text, re.I)
    if percent:
        said = percent[1].lower()
        return round((_WORDS[said] if said in _WORDS else number(said)) / 100, 6)
    named = re.search(r"\b(?:an?|one)?\s*(half|third|quarter|fifth|tenth)\b", text, re.I)
    if named:
        return round(_FRACTIONS[named[1].lower()], 6)
    decimal = re.search(r"(?<![\w.])0[.,]\d+\b", text)
    return number(decimal[0]) if decimal else None


def periods(text: str, today: date | None = None) -> list[Period]:
    """Return the days, months, quarters and years that a text names, in their order.

    Args:
        today: what "yesterday" and "last month" are counted from; the present day without it.
    """
    found = _relative(text, today or date.today())
    for pattern, make in _PERIODS:
        for match in pattern.finditer(text):
            inside = any(match.start() < other.end and other.start < match.end() for other in found)
            period = None if inside else make(match)
            if period is not None:
                found.append(period)
    return sorted(found, key=lambda period: period.start)


def _relative(text: str, today: date) -> list[Period]:
    """Return the periods that are told from today: `yesterday`, `this week`, `last month`, `the past 30 days`.

    So many last days, weeks or months end with today; one last week or month is that of the calendar, before this one.
    """
    found = []
    tomorrow = today + timedelta(days=1)
    for match in _FROM_TODAY.finditer(text):
        which = (match["which"] or match["which2"] or match["which3"] or "").lower()
        unit = (match["unit"] or match["unit2"] or match["unit3"] or match["unit4"] or "").lower()
        said = (match["count"] or "one").lower()
        count = _WORDS[said] if said in _WORDS else int(said)
        if match["day"]:
            since = today - timedelta(days=match["day"].lower() == "yesterday")
            until = since + timedelta(days=1)
        elif match["count"] or which == "past":
            since, until = _back(tomorrow, count, unit), tomorrow
        elif which == "this":
            since = _begin(today, unit)
            until = _begin(_back(since, -1, unit), unit)
        else:
            until = _begin(today, unit)
            since = _begin(until - timedelta(days=1), unit)
        if count:
            found.append(Period(since.isoformat(), until.isoformat(), *match.span()))
    return found


def _back(day: date, count: int, unit: str) -> date:
    """Return the day so many units before, of a shorter month its last; the first of all days where there is none."""
    try:
        if unit in ("day", "week"):
            return day - timedelta(days=count * (7 if unit == "week" else 1))
        months = 12 * day.year + day.month - 1 - count * {"month": 1, "quarter": 3, "year": 12}[unit]
        year, month = months // 12, months % 12 + 1
        return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))
    except (OverflowError, ValueError):
        return date.min


def _begin(day: date, unit: str) -> date:
    """Return the first day of the week (a Monday), month, quarter or year that a day belongs to."""
    if unit == "week":
        return day - timedelta(days=day.weekday())
    month = {"month": day.month, "quarter": day.month - (day.month - 1) % 3, "year": 1}[unit]
    return date(day.year, month, 1)


def _day(match: re.Match[str], year: int, month: int, day: int) -> Period | None:
    if not (1 <= month <= 12 and 1 <= day <= calendar.monthrange(year, month)[1]):
        return None
    last = calendar.monthrange(year, month)[1]
    after = (year, month, day + 1) if day < last else (year + month // 12, month % 12 + 1, 1)
    return Period(f"{year:04}-{month:02}-{day:02}", "{:04}-{:02}-{:02}".format(*after), *match.span(), month, year)


def _iso(match: re.Match[str]) -> Period | None:
    return _day(match, int(match[1]), int(match[2]), int(match[3]))


def _european(match: re.Match[str]) -> Period | None:
    return _day(match, int(match[3]), int(match[2]), int(match[1]))


def _written(match: re.Match[str]) -> Period | None:
    day, month, year = match["day"] or match["day2"], match["month"] or match["month2"], match["year"]
    if year:
        return _day(match, int(year), _MONTHS[month.lower()], int(day))
    return Period(None, None, *match.span(), _MONTHS[month.lower()]) if 1 <= int(day) <= 31 else None


def _month(match: re.Match[str]) -> Period | None:
    name, year = match[1].lower(), match[2]
    month = _MONTHS[name]
    if year:
        after = (int(year) + month // 12, month % 12 + 1)
        return Period(f"{year}-{month:02}-01", "{:04}-{:02}-01".format(*after), *match.span(), month, int(year))
    before = match.string[: match.start()].rstrip().rsplit(" ", 1)[-1].lower()
    led = before in ("in", "since", "during", "of", "from", "before", "after", "until", "last", "and", "this", "for")
    unsure = name in _UNSURE and not led and not match[1][0].isupper()
    return None if unsure else Period(None, None, *match.span(), month)


def _quarter(match: re.Match[str]) -> Period | None:
    names = {"first": 1, "second": 2, "third": 3, "fourth": 4, "last": 4}
    said = (match[1] or match[2]).lower()
    quarter = int(said) if said.isdecimal() else names[said]
    if not match[3]:
        return Period(None, None, *match.span(), -quarter)
    year, first = int(match[3]), 3 * quarter - 2
    after = (year + quarter // 4, (first + 3 - 1) % 12 + 1)
    return Period(f"{year}-{first:02}-01", "{:04}-{:02}-01".format(*after), *match.span(), -quarter, year)


def _year(match: re.Match[str]) -> Period:
    year = int(match[1])
    return Period(f"{year}-01-01", f"{year + 1}-01-01", *match.span(), None, year)


# "The last week of May" and "the last quarter of 2024" are told from something else; "last month's file" is a file.
_UNIT = "week|month|quarter|year"
_LAST = r"last|past|previous|(?<!the )(?<!which )latest"
_FROM_TODAY = re.compile(
    rf"\b(?:(?P<day>today|yesterday)|(?P<which2>this)\s+(?P<unit2>{_UNIT})|(?P<unit3>{_UNIT})\s+(?P<which3>{_LAST})|"
    rf"(?P<which>{_LAST})\s+(?:(?P<count>\d{{1,6}}|{_WORD})\s+(?P<unit>day|{_UNIT})s?|(?P<unit4>{_UNIT}))"
    rf"(?!\s+of\s+(?:the|an?|my|its|their|our|(?:19|20)\d\d|{_MONTH})\b))\b"
    r"(?!\s+olds?\b|(?:['\u2019]?s)?\s+(?:file|table|batch|export)\b|\s+(?:19|20)\d\d)",
    re.I,
)
_PERIODS = (
    (re.compile(r"\b((?:19|20)\d\d)-(\d\d?)-(\d\d?)\b"), _iso),
    (re.compile(r"\b(\d\d?)[./](\d\d?)[./]((?:19|20)\d\d)\b"), _european),
    (
        re.compile(
            rf"\b(?:(?P<day>\d\d?)(?:st|nd|rd|th|\.)?\s+(?:of\s+)?(?P<month>{_MONTH})|"
            rf"(?P<month2>{_MONTH})\s+(?P<day2>\d\d?)(?:st|nd|rd|th)?(?!\d))\b(?:,?\s+(?P<year>(?:19|20)\d\d))?",
            re.I,
        ),
        _written,
    ),
    (re.compile(rf"\b({_MONTH})\b\.?(?:,?\s+(?:of\s+)?((?:19|20)\d\d)\b)?", re.I), _month),
    (
        re.compile(r"\b(?:q([1-4])|(first|second|third|fourth|last) quarter)\b(?:\s+(?:of\s+)?((?:19|20)\d\d))?", re.I),
        _quarter,
    ),
    (re.compile(r"(?<![\w.,-])((?:19|20)\d\d)(?![\w,-]|\.\d)"), _year),
)
