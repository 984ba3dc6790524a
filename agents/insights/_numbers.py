"""Numbers in a text: what was written, how exactly, and the ways in which it can be read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)\.?"
)
_DATES = re.compile(
    rf"(?<![\w-])(?:(?P<y>\d{{4}})-(?P<m>\d\d)(?:-(?P<d>\d\d))?(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?Z?)?"
    rf"|(?P<d2>\d{{1,2}})[./](?P<m2>\d{{1,2}})[./](?P<y2>\d{{4}})"
    rf"|(?:(?P<d3>\d{{1,2}})(?:st|nd|rd|th)?\s+)?(?P<w3>{_MONTH})\s+(?P<y3>\d{{4}})"
    rf"|(?P<w4>{_MONTH})\s+(?P<d4>\d{{1,2}})(?:st|nd|rd|th)?,?\s+(?P<y4>\d{{4}}))(?![\w-])",
    re.IGNORECASE,
)
# What is numbered rather than counted: the points of a list, ordinals, steps by their ids; what a list leaves out; and
# the scale of the score.
_NOT_QUOTED = re.compile(
    r"^[ \t]*(?:[-*] )?\(?\d{1,2}[.)](?=\s)|\(\d\)|\b\d{1,3}(?:st|nd|rd|th)\b|\bsteps?\s+\w?\d+\b|#\d+\b"
    r"|\band \d{1,3} (?:more|others?)\b"
    r"|(?<=\d)\s?(?:of|out of|/)\s?100\b(?!\s?%|[.,]\d|\s*\w*\s*(?:rows|values))",
    re.IGNORECASE | re.MULTILINE,
)
_BETWEEN = "'\u2019_\u00a0\u2009\u202f"
_GROUP = f"[,.{_BETWEEN}]"
_DIGITS = rf"\d{{1,3}}(?:{_GROUP}\d{{3}})+(?:[.,]\d+)?(?!\d)|\d+(?:[.,]\d+)?(?:[eE][+-]?\d+)?"
_NUMBER = re.compile(
    rf"(?P<sign>(?<![\w.)\]%])[-\u2212])?(?<![\w.])(?P<digits>{_DIGITS})"
    r"(?:(?P<scale>[kKMB]|bn)(?![\w])|\s?(?P<word>thousand|million|billion|Tausend|Millionen|Milliarden)\b)?"
    r"(?P<percent>\s?(?:%|‰|percent\b|per cent\b|percentage points?\b|pp\b|Prozent\b))?"
)
_SCALES = {"k": 1e3, "m": 1e6, "b": 1e9, "bn": 1e9}
_WORDS = {"thousand": 1e3, "tausend": 1e3, "million": 1e6, "millionen": 1e6, "billion": 1e9, "milliarden": 1e9}
_ABOUT = re.compile(
    r"(?:(?P<about>\b(?:about|around|roughly|approximately|approx\.?|circa|ca\.?|some|rund|etwa)|[~≈])"
    r"|(?P<above>\b(?:over|more than|at least|above|beyond|über|mehr als)|[>≥])"
    r"|(?P<below>\b(?:nearly|almost|up to|under|below|less than|fewer than|at most|fast|unter)|[<≤]))\s*$",
    re.IGNORECASE,
)
_P_VALUE = re.compile(r"\bp(?:[- _]?values?)?\s*(?:is |are |of )?(?:[<≤]|below|under|less than)\s*$", re.IGNORECASE)
_BEFORE = 24
# A whole number tells no more than this part off what it rounds.
_COARSEST = 0.05


@dataclass(frozen=True)
class Reading:
    """One way to read a number: any value from `low` to `high` is what is written.

    Attributes:
        percent: whether it is written as a percentage.
        signed: whether a minus is written.
    """

    value: float
    low: float
    high: float
    percent: bool = False
    signed: bool = False


@dataclass(frozen=True)
class Number:
    """A number or date as it is written; a date is year, month and day, as far as they are given."""

    written: str
    readings: tuple[Reading, ...] = ()
    date: tuple[int, ...] | None = None


def numbers_in(text: str, columns: Sequence[str] = ()) -> list[Number]:
    """Return the numbers and dates of a text, but for those in names of columns and those that number a list.

    >>> [number.written for number in numbers_in("1. 12.3 % of q1_sales, about 1.2M rows since 2024-01-31")]
    ['2024-01-31', '12.3 %', '1.2M']
    """
    text = _without_names(text, columns)
    dates = [Number(match[0], date=date) for match in _DATES.finditer(text) if (date := _date(match))]
    text = _DATES.sub(lambda match: _blank(match) if _date(match) else match[0], text)
    text = _NOT_QUOTED.sub(_blank, text)
    return [*dates, *(_number(match, text) for match in _NUMBER.finditer(text))]


def _blank(match: re.Match[str]) -> str:
    return " " * len(match[0])


def _without_names(text: str, columns: Iterable[str]) -> str:
    """Take out names of columns that have digits, where they stand as words of their own or in quotes."""
    for name in sorted({name for name in columns if any(c.isdigit() for c in name)}, key=len, reverse=True):
        # A name without a letter is only one where it is marked as a name.
        plain = any(c.isalpha() for c in name)
        pattern = rf"(?<!\w){re.escape(name)}(?!\w)" if plain else rf"[`'\"]{re.escape(name)}[`'\"]"
        text = re.sub(pattern, _blank, text)
    return text


def _date(match: re.Match[str]) -> tuple[int, ...] | None:
    parts = match.groupdict()
    year = next(parts[key] for key in ("y", "y2", "y3", "y4") if parts[key])
    word = parts["w3"] or parts["w4"]
    month = _MONTHS.index(word[:3].lower()) + 1 if word else int(parts["m"] or parts["m2"])
    day = next((parts[key] for key in ("d", "d2", "d3", "d4") if parts[key]), None)
    if not 1 <= month <= 12 or (day is not None and not 1 <= int(day) <= 31):
        return None
    return (int(year), month) if day is None else (int(year), month, int(day))


def _number(match: re.Match[str], text: str) -> Number:
    before = text[max(0, match.start() - _BEFORE) : match.start()]
    factor = _SCALES.get((match["scale"] or "").lower(), 1.0) * _WORDS.get((match["word"] or "").lower(), 1.0)
    percent, signed = match["percent"] is not None, match["sign"] is not None
    factor *= 0.1 if percent and "‰" in match["percent"] else 1.0
    readings = []
    for plain in _plain(match["digits"]):
        low, high = _bounds(plain, before, percent=percent)
        readings.append(Reading(float(plain) * factor, low * factor, high * factor, percent, signed))
    return Number(match[0].strip(), tuple(readings))


@lru_cache(maxsize=1024)
def _plain(digits: str) -> tuple[str, ...]:
    """Return the ways to read digits: `1.005` and `1,005` are a thousand and five, or one and a bit."""
    bare = re.sub(f"[{_BETWEEN}]", "", digits)
    marks = re.findall("[.,]", bare)
    if not marks:
        return (bare,)
    if len(set(marks)) == 2:  # the last one is the decimal one
        return (bare.replace(marks[0], "").replace(",", "."),)
    if len(marks) > 1:
        return (re.sub("[.,]", "", bare),)
    decimal = bare.replace(",", ".")
    grouped = re.fullmatch(r"[1-9]\d{0,2}[.,]\d{3}", bare)
    return (decimal.replace(".", ""), decimal) if grouped else (decimal,)


def _bounds(plain: str, before: str, *, percent: bool) -> tuple[float, float]:
    """Return the values that may be written so: by its last digit, or by its last but zeros where it says `about`."""
    value = float(plain)
    mantissa, _, exponent = plain.lower().partition("e")
    decimals = len(mantissa.partition(".")[2])
    if _P_VALUE.search(before):
        return 0.0, value
    hedge = _ABOUT.search(before)
    if hedge is not None and decimals == 0 and not exponent:
        unit = _power(len(plain) - len(plain.rstrip("0"))) if plain.strip("0") else 1.0
        above = unit if hedge["above"] else 0.5 * unit
        below = unit if hedge["below"] else 0.5 * unit
        return value - below, value + above
    half = 0.5 * _power(int(exponent or 0) - decimals)
    if decimals == 0 and not exponent and not (percent and value):
        half = min(half, _COARSEST * value)  # 1 is not 1.4, and nothing but 0 is 0
    return value - half, value + half


def _power(exponent: int) -> float:
    """Return a power of ten; one too large is infinite rather than an error: ids of results read like `3e4711`."""
    return float(f"1e{exponent}")


def dates_in(text: str) -> Iterator[tuple[int, ...]]:
    """Yield the dates of a text."""
    for match in _DATES.finditer(text):
        date = _date(match)
        if date is not None:
            yield date
