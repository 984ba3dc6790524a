"""Moments as numbers: parts of the calendar, cycles, elapsed times and holidays, by arithmetic on 64-bit integers.

Through pandas' accessors, or skrub's `DatetimeEncoder`, one row takes longer than a whole pipeline may.
"""

from __future__ import annotations

import math
import warnings
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..errors import BadRequest, nearest
from ._reader import Kind
from ._step import Part

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]
MomentArray = npt.NDArray[np.datetime64]

_MINUTE = 60_000_000
_DAY = 86_400_000_000
# Years whose holidays are looked up, once, when fitting: so they are the same after loading, whatever is installed.
FIRST_YEAR, LAST_YEAR = 1900, 2100
# A holiday farther away than this many days is as good as none.
FARTHEST = 30

CALENDAR = ("year", "month", "day", "weekday", "hour", "is_weekend")
HOLIDAYS = ("is_holiday", "days_to_holiday", "days_since_holiday")
# Of each cycle: what is counted, in how many steps, and the first of them.
CYCLES = {
    "month": ("month", 12, 1),
    "dayofyear": ("dayofyear", 366, 1),
    "weekday": ("weekday", 7, 0),
    "hour": ("minute", 1440, 0),
}
_FLAGS = frozenset({"is_weekend", "is_holiday", "missing"})
_LENGTHS = frozenset({"elapsed_days", "between", "days_to_holiday", "days_since_holiday"})


class Calendar:
    """Moments taken apart, each part on first use.

    Args:
        moments: `datetime64[us]` of UTC; what is missing counts as 1970-01-01.
        holidays: as days since 1970, ascending.
        weekend: days of the week, Monday being 0.
    """

    def __init__(self, moments: MomentArray, holidays: Whole, weekend: list[int]) -> None:
        self.missing = np.isnat(moments)
        self.whole = np.where(self.missing, 0, moments.astype("datetime64[us]").view(np.int64))
        self._holidays = holidays
        self._weekend = weekend

    @cached_property
    def microseconds(self) -> Floats:
        """Microseconds since 1970 as floats, exact until 2255: differences of far integers would overflow."""
        return self.whole.astype(np.float64)

    @cached_property
    def days(self) -> Whole:
        """Days since 1970."""
        return np.asarray(self.whole // _DAY)

    @cached_property
    def _months(self) -> MomentArray:
        return self.days.view("datetime64[D]").astype("datetime64[M]")

    @cached_property
    def _years(self) -> MomentArray:
        return self._months.astype("datetime64[Y]")

    @property
    def year(self) -> Whole:
        return np.asarray(self._years.view(np.int64) + 1970)

    @cached_property
    def month(self) -> Whole:
        """1 to 12."""
        return np.asarray(self._months.view(np.int64) % 12 + 1)

    @property
    def day(self) -> Whole:
        """1 to 31."""
        return np.asarray(self.days - self._months.astype("datetime64[D]").view(np.int64) + 1)

    @cached_property
    def dayofyear(self) -> Whole:
        """1 to 366."""
        return np.asarray(self.days - self._years.astype("datetime64[D]").view(np.int64) + 1)

    @cached_property
    def weekday(self) -> Whole:
        """0, a Monday, to 6."""
        return np.asarray((self.days + 3) % 7)

    @cached_property
    def minute(self) -> Whole:
        """Minute of the day, 0 to 1439."""
        return np.asarray((self.whole - self.days * _DAY) // _MINUTE)

    @property
    def hour(self) -> Whole:
        return np.asarray(self.minute // 60)

    @property
    def is_weekend(self) -> npt.NDArray[np.bool_]:
        return np.asarray(np.isin(np.arange(7), self._weekend)[self.weekday])

    @property
    def is_holiday(self) -> npt.NDArray[np.bool_]:
        return np.asarray(self.days_to_holiday == 0)

    @cached_property
    def days_to_holiday(self) -> Whole:
        """Days until the next holiday, 0 on one."""
        place = np.searchsorted(self._holidays, self.days, side="left")
        following = np.append(self._holidays, np.iinfo(np.int64).max)[place]
        return np.asarray(np.minimum(following, self.days + FARTHEST) - self.days)

    @property
    def days_since_holiday(self) -> Whole:
        """Days since the last holiday, 0 on one."""
        place = np.searchsorted(self._holidays, self.days, side="right")
        latest = np.append(np.iinfo(np.int64).min, self._holidays)[place]
        return np.asarray(self.days - np.maximum(latest, self.days - FARTHEST))

    def wave(self, cycle: str, function: str) -> Floats:
        """Return the sine or cosine of a cycle, once around from its first step to the next first."""
        counted, steps, first = CYCLES[cycle]
        return np.asarray(_WAVES[function, steps][getattr(self, counted) - first])


# From tables, because a vectorised sine is not sure to be the same for one value as for a batch.
_WAVES = {
    (function.__name__, steps): np.array([function(2 * math.pi * step / steps) for step in range(steps)])
    for function in (math.sin, math.cos)
    for _, steps, _ in CYCLES.values()
}


class Moments(Part):
    """Numbers and flags made of moments.

    A missing moment has a number everywhere: lengths of time the median of the training rows, parts of the calendar
    what is most common there, sines and cosines 0. Weekday 0 is Monday. A day before 1900 or after 2100 is no holiday.

    Args:
        made: [name, what, column] of every output; of the time between two columns the second one, too.
        country: ISO code of a country, with `-` and that of a part of it if need be, for holidays and weekends.
    """

    def __init__(self, made: list[list[str]], country: str | None = None) -> None:
        self.made = made
        self.country = country

    def fit(self, X: pd.DataFrame, y: Any = None, rows: Any = None) -> Moments:  # noqa: N803, ARG002
        """Learn the earliest moments, the holidays, and what stands for a missing moment."""
        self.holidays_, self.weekend_ = look_up(self.country)
        calendars = self._calendars(X)
        self.first_ = {
            name: float(one.microseconds[~one.missing].min()) if not one.missing.all() else 0.0
            for name, one in calendars.items()
        }
        fills = [self._fill(what, calendars, columns) for _, what, *columns in self.made]
        self.fills_ = np.array(fills, dtype=np.float64)
        return self

    def transform(self, X: pd.DataFrame) -> Floats:  # noqa: N803
        """Return what is made of the moments."""
        calendars = self._calendars(X)
        values = np.empty((len(X), len(self.made)), order="F")
        for index, (_, what, *columns) in enumerate(self.made):
            values[:, index] = self._values(what, calendars, columns)
            missing = _missing(calendars, columns)
            if what != "missing" and missing.any():
                values[missing, index] = self.fills_[index]
        return values

    def outputs(self) -> list[tuple[str, Kind, list[str]]]:
        """Return name, kind and sources of every output."""
        return [(name, "flag" if what in _FLAGS else "number", columns) for name, what, *columns in self.made]

    def learned(self) -> dict[str, Any]:
        """Return the earliest moment of every column, and what stands for a missing one."""
        told: dict[str, Any] = {}
        for name, first in self.first_.items():
            fills = {
                what: round(float(fill), 3)
                for (_, what, *columns), fill in zip(self.made, self.fills_, strict=True)
                if columns == [name] and what in {*CALENDAR, "elapsed_days"}
            }
            told[name] = {"earliest": str(np.datetime64(int(first), "us").astype("datetime64[s]")), "if_missing": fills}
        return told

    def _calendars(self, X: pd.DataFrame) -> dict[str, Calendar]:  # noqa: N803
        return {str(name): Calendar(X[name].to_numpy(), self.holidays_, self.weekend_) for name in X.columns}

    def _values(self, what: str, calendars: dict[str, Calendar], columns: list[str]) -> npt.NDArray[Any]:
        calendar = calendars[columns[0]]
        if what == "elapsed_days":
            return np.asarray((calendar.microseconds - self.first_[columns[0]]) / _DAY)
        if what == "between":
            return between(calendar, calendars[columns[1]])
        cycle, _, function = what.rpartition("_")
        if cycle in CYCLES:
            return calendar.wave(cycle, function)
        return np.asarray(getattr(calendar, what))

    def _fill(self, what: str, calendars: dict[str, Calendar], columns: list[str]) -> float:
        present = self._values(what, calendars, columns)[~_missing(calendars, columns)]
        if not len(present) or what.endswith(("_sin", "_cos")):
            return 0.0
        if what in _LENGTHS:
            return float(np.median(present))
        values, counts = np.unique(present, return_counts=True)
        return float(values[counts.argmax()])


def between(start: Calendar, end: Calendar) -> Floats:
    """Return the days from one moment to another."""
    return np.asarray((end.microseconds - start.microseconds) / _DAY)


def _missing(calendars: dict[str, Calendar], columns: list[str]) -> npt.NDArray[np.bool_]:
    missing = calendars[columns[0]].missing
    return missing if len(columns) == 1 else missing | calendars[columns[1]].missing


def look_up(country: str | None) -> tuple[Whole, list[int]]:
    """Return the public holidays of a country as days since 1970, and the days of its weekend."""
    if country is None:
        return np.zeros(0, dtype=np.int64), [5, 6]
    import holidays

    code, _, part = country.partition("-")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = holidays.country_holidays(code, subdiv=part or None, years=range(FIRST_YEAR, LAST_YEAR + 1))
    days = np.array(sorted(found), dtype="datetime64[D]").view(np.int64)
    return days, sorted(int(day) for day in found.weekend)


def known_country(wanted: str) -> str:
    """Return the code of a country, or of a part of one, as `look_up` takes it.

    Raises:
        BadRequest: there are no holidays for it; the message names the nearest code.
    """
    import holidays

    code, _, part = wanted.strip().partition("-")
    codes: dict[str, list[str]] = holidays.list_supported_countries()
    if code.upper() not in codes:
        raise BadRequest(
            f"no holidays for country {wanted!r}{_meant(code)}. It is an ISO code, such as 'DE' or 'US', with "
            f"'-' and a part of the country if need be, such as 'DE-BY'; {len(codes)} codes are known"
        )
    whole = {f"{code}-{name}".casefold(): f"{code.upper()}-{name}" for name in codes[code.upper()]}
    if not part:
        return code.upper()
    if f"{code}-{part}".casefold() not in whole:
        match = nearest(f"{code}-{part}", whole.values())
        meant = f"; did you mean {match!r}?" if match else "."
        known = ", ".join(sorted(whole.values())) or f"none; say country={code.upper()!r}"
        raise BadRequest(f"no holidays for part {part!r} of country {code.upper()!r}{meant} Known parts: {known}")
    return whole[f"{code}-{part}".casefold()]


def _meant(wanted: str) -> str:
    """Say which country was meant: by its name, or by a code that is near."""
    from holidays.registry import COUNTRIES

    codes = {name: codes[1] for module, codes in COUNTRIES.items() for name in (module.replace("_", " "), *codes[1:])}
    match = nearest(wanted.replace("_", " "), codes)
    return f"; did you mean {codes[match]!r} ({match.title() if len(match) > 3 else match})?" if match else ""
