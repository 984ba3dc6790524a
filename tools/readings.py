"""How texts read: as a number, a moment in time, a flag. Names are split into words here too."""

from __future__ import annotations

import datetime as dt
import re
from functools import lru_cache

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")

_ISO = re.compile(
    r"(?P<y>\d{4})([-/.])(?P<m>\d{1,2})\2(?P<d>\d{1,2})"
    r"(?P<time>[T ]\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?)?\s?(?P<zone>Z|UTC|GMT|[+-]\d{2}:?\d{2})?"
)
_SHORT = re.compile(
    r"(?P<a>\d{1,2})([-/.])(?P<b>\d{1,2})\2(?P<y>\d{4}|\d{2})(?P<time>,? \d{1,2}:\d{2}(?::\d{2})?(?: ?[AaPp][Mm])?)?"
)
_NAMED_DAY_FIRST = re.compile(
    r"(?P<d>\d{1,2})[ -](?P<name>[A-Za-z]{3,9})\.?[ -,]{1,2}(?P<y>\d{4}|\d{2})(?P<time> \d{1,2}:\d{2}(?::\d{2})?)?"
)
_NAMED_MONTH_FIRST = re.compile(
    r"(?P<name>[A-Za-z]{3,9})\.? (?P<d>\d{1,2}),? (?P<y>\d{4})(?P<time> \d{1,2}:\d{2}(?::\d{2})?)?"
)
_COMPACT = re.compile(r"(?P<y>19\d\d|20\d\d)(?P<m>0[1-9]|1[0-2])(?P<d>0[1-9]|[12]\d|3[01])")
_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_MONTH_OF = (
    {month: number for number, month in enumerate(_MONTHS, 1)}
    | {m[:3]: n for n, m in enumerate(_MONTHS, 1)}
    | {"sept": 9}
)

TRUE_WORDS = frozenset({"true", "t", "yes", "y", "1", "on"})
FALSE_WORDS = frozenset({"false", "f", "no", "n", "0", "off"})
_PAIRS = (("true", "false"), ("t", "f"), ("yes", "no"), ("y", "n"), ("1", "0"), ("on", "off"))
FLAG_PAIRS = frozenset(frozenset(pair) for pair in _PAIRS)


def name_words(name: str) -> list[str]:
    """Split a column's name into lower-case words.

    >>> name_words("CustomerID"), name_words("pickup_location_id")
    (['customer', 'id'], ['pickup', 'location', 'id'])
    """
    return [word.lower() for word in _WORDS.findall(name)]


def reads_as_number(text: str) -> bool:
    """Tell whether a text is a plain number, as a database would cast it.

    >>> reads_as_number(" 1.5e3 "), reads_as_number("12 oz"), reads_as_number("nan")
    (True, False, False)
    """
    return _NUMBER.fullmatch(text.strip()) is not None


def _is_day(year: int, month: int, day: int) -> bool:
    try:
        dt.date(year, month, day)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=4096)
def datetime_format(text: str) -> str | None:
    """Name the way in which a text writes a date, with or without a time; None when it is no date.

    A date whose day and month could be exchanged is `D/M/Y or M/D/Y`. Eight digits alone are `YYYYMMDD`.

    >>> datetime_format("2024-02-30"), datetime_format("31/12/2024"), datetime_format("Jan 5, 2024")
    (None, 'D/M/Y', 'Mon D, Y')
    """
    text = text.strip()
    if not 6 <= len(text) <= 40:
        return None
    if match := _ISO.fullmatch(text):
        if not _is_day(int(match["y"]), int(match["m"]), int(match["d"])):
            return None
        separator = match[2]
        zone = (" zone" if match["zone"] else "") if match["time"] else ""
        return f"Y{separator}M{separator}D" + (" time" if match["time"] else "") + zone
    if match := _SHORT.fullmatch(text):
        return _short_format(match)
    if match := _COMPACT.fullmatch(text):
        return "YYYYMMDD" if _is_day(int(match["y"]), int(match["m"]), int(match["d"])) else None
    for pattern, label in ((_NAMED_DAY_FIRST, "D Mon Y"), (_NAMED_MONTH_FIRST, "Mon D, Y")):
        if (match := pattern.fullmatch(text)) and match["name"].lower() in _MONTH_OF:
            year = int(match["y"]) if len(match["y"]) == 4 else 2000
            if _is_day(year, _MONTH_OF[match["name"].lower()], int(match["d"])):
                return label + (" time" if match["time"] else "")
    return None


def _short_format(match: re.Match[str]) -> str | None:
    first, second = int(match["a"]), int(match["b"])
    year = int(match["y"]) if len(match["y"]) == 4 else 2000
    day_first, month_first = _is_day(year, second, first), _is_day(year, first, second)
    separator, time = match[2], " time" if match["time"] else ""
    orders = [
        f"{o}{separator}Y" for o, holds in ((f"D{separator}M", day_first), (f"M{separator}D", month_first)) if holds
    ]
    return " or ".join(orders) + time if orders and year else None


def reads_as_datetime(text: str) -> bool:
    """Tell whether a text is a date, with or without a time; bare digits are not."""
    return not text.strip().isdigit() and datetime_format(text) is not None
