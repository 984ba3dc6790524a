"""Texts that are dates, in whatever formats and time zones, as moments of UTC."""

from __future__ import annotations

import datetime as dt
import re
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Moments = npt.NDArray[np.datetime64]

_NAT = np.iinfo(np.int64).min
_EPOCH = dt.date(1970, 1, 1).toordinal()
_SECOND = 1_000_000
_DAY = 86_400 * _SECOND
# No date is longer; what is longer is not looked at.
_LONGEST = 80
# From here on reading the plain ones in one go pays.
_MANY = 100
_RECENT = 2**17

# What pandas and `_moment` below are known to read alike; all else is left to the latter. (pandas alone takes "now"
# for the present, and one value with nanoseconds narrows the range of a whole column.)
_PLAIN = r"^[12]\d{3}-\d\d-\d\d([T ]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?(Z|[+-](0\d|1[0-4]):[0-5]\d)?)?$"

_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_MONTH_OF = {name[:3]: number for number, name in enumerate(_MONTHS, 1)}

_YMD = re.compile(r"(?P<y>\d{4})([-/.])(?P<m>\d{1,2})\2(?P<d>\d{1,2})|(?P<y2>\d{4})-(?P<m2>\d{2})")
_SHORT = re.compile(r"(?P<a>\d{1,2})(?P<separator>[-/.])(?P<b>\d{1,2})(?P=separator)(?P<y>\d{4}|\d{2})")
_NAME, _SPACE = r"(?P<name>[A-Za-z]{3,9})\.?", r"[-/ ]?"
_NAMED = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?P<d>\d{{1,2}})(?:st|nd|rd|th|\.)?{_SPACE}(?:of )?{_NAME},?{_SPACE}(?P<y>\d{{4}}|\d{{2}})",
        rf"{_NAME}{_SPACE}(?P<d>\d{{1,2}})(?:st|nd|rd|th)?(?:, ?|[-/ ])(?P<y>\d{{4}})",
        rf"(?P<y>\d{{4}}){_SPACE}{_NAME}{_SPACE}(?P<d>\d{{1,2}})",
        rf"{_NAME},?{_SPACE}(?P<y>\d{{4}})",
    )
)
_CLOCK = re.compile(
    r"(?:[Tt]|,? (?:at )?)(?P<hour>\d{1,2})"
    r"(?::(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<part>\d+))?)?(?: ?(?P<half>[AaPp])\.?[Mm]\.?)?"
    r"| ?(?P<only>[AaPp])\.?[Mm]\.?|(?<=[Tt]\d\d))"
    r"(?: ?(?P<zone>[A-Za-z]{1,5})?(?P<offset>[+-]\d{1,2}(?::?\d\d)?)?)?(?: ?[(\[][\w/+-]+[)\]])?$"
)
# Ways of writing that are first brought into the order of the others.
_REWRITTEN = (
    # Fri, 05 Jan 2024 …
    (re.compile(r"^(?:mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:day)?\.?,? ", re.I), ""),
    # Jan 5 10:00:00 UTC 2024
    (re.compile(r"^([A-Za-z]{3} \d{1,2}) (\d\d:\d\d:\d\d(?: \S+)?) (\d{4})$"), r"\1 \3 \2"),
    # 20240105T103000Z, 20240105103000
    (re.compile(r"^((?:19|20)\d\d)(\d\d)(\d\d)[Tt]?(\d\d)(\d\d)(\d\d)(\D.*)?$"), r"\1-\2-\3T\4:\5:\6\7"),
    (re.compile(r"^((?:19|20)\d\d)(\d\d)(\d\d)[Tt]?(\d\d)(\d\d)(\D.*)?$"), r"\1-\2-\3T\4:\5\6"),
    (re.compile(r"^((?:19|20)\d\d)(\d\d)(\d\d)$"), r"\1-\2-\3"),
    # 2024-01-05Z
    (re.compile(r"^(\d{4}-\d\d-\d\d) ?([Zz]|[+-]\d\d:\d\d)$"), r"\1T00:00\2"),
)
# Digits that count seconds, milliseconds or microseconds since 1970, if that is a moment of 2001 to 2100.
_SINCE_1970 = {10: _SECOND, 13: 1_000, 16: 1}
_COUNTED = range(1_000_000_000 * _SECOND, 4_102_444_800 * _SECOND)

# Hours ahead of UTC. Of names with several meanings this is the one that RFC 5322 gives; `IST`, without one, is absent.
_ZONES = {
    name: hours
    for hours, names in {
        0: "Z UTC GMT UT WET",
        1: "WEST BST CET MEZ",
        2: "CEST MESZ EET",
        3: "EEST MSK",
        8: "SGT HKT AWST",
        9: "JST KST",
        10: "AEST",
        11: "AEDT",
        12: "NZST",
        13: "NZDT",
        -4: "EDT",
        -5: "EST CDT",
        -6: "CST MDT",
        -7: "MST PDT",
        -8: "PST AKDT",
        -9: "AKST",
        -10: "HST",
    }.items()
    for name in names.split()
}


def parse_moments(values: npt.NDArray[Any], *, day_first: bool = False) -> Moments:
    """Return texts as microseconds of UTC, NaT for None and for what is no date.

    Read, in any mixture: ISO 8601 with or without a time; `D.M.Y`, `D/M/Y` and `M/D/Y`; names of months in English,
    before or after the day; `YYYYMMDD`, also with the time; 10, 13 or 16 digits as seconds, milliseconds or
    microseconds since 1970, from 2001 to 2100; the dates of e-mails and logs. A month without a day is its first. Two
    digits of a year are of 1969 to 2068, as POSIX has it. A moment without a zone is taken as UTC, and so is one whose
    zone has a name that is not in the short table here. Fractions of a second are cut at microseconds.

    Args:
        values: texts and None.
        day_first: `03/04/2024` is the third of April; with points, it always is.
    """
    read = np.full(len(values), _NAT, dtype=np.int64)
    plain = _plain(values) if len(values) >= _MANY else np.zeros(len(values), dtype=bool)
    if plain.any():
        iso = pd.to_datetime(values[plain], format="ISO8601", utc=True, errors="coerce", cache=False)
        read[plain] = iso.tz_localize(None).to_numpy().astype("datetime64[us]").view(np.int64)
    if not plain.all():
        codes, unique = pd.factorize(values[~plain], use_na_sentinel=True)
        read[~plain] = np.array([*(_moment(text, day_first) for text in unique), _NAT], dtype=np.int64)[codes]
    return read.view("datetime64[us]")


def _plain(values: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        found = pc.match_substring_regex(pa.array(values, pa.string(), from_pandas=True), _PLAIN)
    except (pa.ArrowException, UnicodeError):
        return np.zeros(len(values), dtype=bool)
    return np.asarray(pc.fill_null(found, fill_value=False).to_numpy(zero_copy_only=False))


def _moment(text: Any, day_first: bool) -> int:
    """Return microseconds since 1970, or those of NaT."""
    if not isinstance(text, str) or not 6 <= len(text) <= _LONGEST:
        return _NAT
    text = " ".join(text.split())
    found = _read(text, day_first)
    if found is None:
        rewritten = text
        for pattern, order in _REWRITTEN:
            rewritten = pattern.sub(order, rewritten)
        found = _read(rewritten, day_first) if rewritten != text else _since_1970(text)
    return _NAT if found is None else found


def _read(text: str, day_first: bool) -> int | None:
    clock = _CLOCK.search(text)
    day = _day(text[: clock.start()] if clock else text, day_first)
    time = _time(clock[0]) if clock else 0
    return None if day is None or time is None else day + time


@lru_cache(maxsize=_RECENT)
def _day(text: str, day_first: bool) -> int | None:
    if match := _YMD.fullmatch(text):
        return _midnight(match["y"] or match["y2"], match["m"] or match["m2"], match["d"] or 1)
    if match := _SHORT.fullmatch(text):
        day_first = day_first or match["separator"] == "."
        orders = (match["b"], match["a"]), (match["a"], match["b"])
        found = [_midnight(match["y"], month, day) for month, day in (orders if day_first else orders[::-1])]
        return next((day for day in found if day is not None), None)
    for pattern in _NAMED:
        if match := pattern.fullmatch(text):
            name, named = match["name"].lower(), match.groupdict()
            month = _MONTH_OF.get(name[:3], 0)
            if name in {_MONTHS[month - 1], name[:3], "sept"}:
                return _midnight(named["y"], month, named.get("d", 1))
    return None


def _midnight(year: str, month: str | int, day: str | int) -> int | None:
    number = int(year)
    if len(year) == 2:
        number += 2000 if number < 69 else 1900
    try:
        return (dt.date(number, int(month), int(day)).toordinal() - _EPOCH) * _DAY
    except ValueError:
        return None


@lru_cache(maxsize=_RECENT)
def _time(text: str) -> int | None:
    """Return a time of day as microseconds from midnight, less what its zone is ahead of UTC."""
    match = _CLOCK.search(text)
    if match is None:
        return None
    hour, minute, second = int(match["hour"]), int(match["minute"] or 0), int(match["second"] or 0)
    half = (match["half"] or match["only"] or "").lower()
    if half and hour <= 12:
        hour = hour % 12 + (12 if half == "p" else 0)
    ends_the_day = hour == 24 and minute == second == 0
    if (hour > 23 and not ends_the_day) or minute > 59 or second > 60:
        return None
    offset = _offset(match["zone"], match["offset"])
    if offset is None:
        return None
    part = int((match["part"] or "0")[:6].ljust(6, "0"))
    return ((hour * 60 + minute - offset) * 60 + second) * _SECOND + part


def _offset(zone: str | None, offset: str | None) -> int | None:
    """Return minutes ahead of UTC."""
    minutes = 60 * _ZONES.get((zone or "UTC").upper(), 0)
    if not offset:
        return minutes
    digits = offset[1:].replace(":", "")
    ahead = 60 * int(digits[:-2] if len(digits) > 2 else digits) + int(digits[-2:] if len(digits) > 2 else 0)
    return minutes + (ahead if offset[0] == "+" else -ahead) if ahead < 24 * 60 else None


def _since_1970(text: str) -> int | None:
    found = int(text) * _SINCE_1970.get(len(text), 0) if text.isdecimal() else 0
    return found if found in _COUNTED else None
