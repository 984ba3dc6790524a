"""What can be quoted: the numbers, dates and columns of results."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..orchestrator.records import Request, StepResult
from ._numbers import Reading, dates_in, numbers_in

_EPSILON = 1e-9
# Above this a fraction is no share that somebody would tell in percent.
_LARGEST_SHARE = 10.0


@dataclass
class Quotable:
    """Numbers as they are, those that are percentages already, dates, and names of columns."""

    numbers: set[float] = field(default_factory=set)
    percents: set[float] = field(default_factory=set)
    dates: set[tuple[int, ...]] = field(default_factory=set)
    columns: set[str] = field(default_factory=set)
    texts: list[str] = field(default_factory=list)

    def add_number(self, value: float, *, percent: bool = False) -> None:
        """Take in a number; one that no number can be is left out, and one that can be a share is that as well."""
        if not math.isfinite(value):
            return
        if percent:
            self.percents.add(float(value))
            return
        self.numbers.add(float(value))
        if isinstance(value, float) and (abs(value) <= 1 or (abs(value) <= _LARGEST_SHARE and not value.is_integer())):
            self.percents.add(100 * value)

    def add_text(self, text: str) -> None:
        """Take in the numbers and dates of a text."""
        self.texts.append(text)
        for number in numbers_in(text):
            for reading in number.readings:
                value = -reading.value if reading.signed else reading.value
                whole = value.is_integer() and "." not in number.written
                self.add_number(int(value) if whole else value, percent=reading.percent)
        self.dates.update(dates_in(text))

    def add(self, data: Any, key: str = "") -> None:
        """Take in JSON: its numbers, the numbers in its texts, and how many items each list has."""
        if isinstance(data, bool) or data is None:
            return
        if isinstance(data, int | float):
            self.add_number(data, percent="percent" in key or "pct" in key)
        elif isinstance(data, str):
            self.add_text(data)
            if key in _COLUMN_KEYS:
                self.columns.add(data)
        elif isinstance(data, Mapping):
            for name, item in data.items():
                self.add_text(str(name))
                self.columns.add(str(name))
                self.add(item, str(name))
        else:
            self._add_list(data, key)

    def _add_list(self, items: Iterable[Any], key: str) -> None:
        listed = list(items)
        self.add_number(len(listed))
        for item in listed:
            self.add(item, key)

    def has(self, value: float) -> bool:
        """Tell whether a number that is listed as quoted is there, as exactly as it is written."""
        readings = [reading for number in numbers_in(f"{value:.12g}") for reading in number.readings]
        return any(
            self.quotes(reading) or self.quotes(Reading(reading.value, reading.low, reading.high, percent=True))
            for reading in readings
        )

    def quotes(self, reading: Reading) -> bool:
        """Tell whether a number is quoted by a reading of it."""
        slack = _EPSILON * max(1.0, abs(reading.high))
        return any(
            reading.low - slack <= abs(value) <= reading.high + slack and (value < 0 or not reading.signed)
            for value in (self.percents if reading.percent else self._plain_numbers())
        )

    def _plain_numbers(self) -> Iterable[float]:
        yield from self.numbers
        yield from (value / 100 for value in self.percents)

    def has_date(self, date: tuple[int, ...]) -> bool:
        """Tell whether a date is there, as far as it is given; `03/04/2024` may be read either way."""
        turned = (date[0], date[2], date[1]) if len(date) == 3 else date
        return any(known[: len(wanted)] == wanted for known in self.dates for wanted in (date, turned))

    def knows_column(self, name: str) -> bool:
        """Tell whether a name is one of a column, or stands in a text of a result as a word of its own."""
        return bool(name) and (name in self.columns or any(_stands_in(name, text) for text in self.texts))


_COLUMN_KEYS = frozenset(
    (
        *("column", "columns", "left", "right", "target", "id_columns", "time_column", "x", "y", "color"),
        *("over_threshold", "drifted_columns"),
    )
)


def _stands_in(name: str, text: str) -> bool:
    at = text.find(name)
    while at >= 0:
        end = at + len(name)
        if not (_is_word(text[at - 1 : at]) or _is_word(text[end : end + 1])):
            return True
        at = text.find(name, at + 1)
    return False


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def quotable(
    results: Sequence[StepResult], details: Mapping[str, Mapping[str, Any]], *, request: Request | None = None
) -> Quotable:
    """Collect what can be quoted from results.

    Args:
        results: steps that were done.
        details: whole results as JSON by the ids of their steps.
        request: what was asked for.
    """
    source = Quotable()
    for result in results:
        source.add(result.step.arguments)
        source.add_text(result.text)
        source.add([finding.model_dump(mode="json", exclude_none=True) for finding in result.findings])
        source.add(details.get(result.step.id, {}))
        for number in (result.score, result.rows):
            if number is not None:
                source.add_number(number)
    if request is not None and request.target:
        source.columns.add(request.target)
    # The year of a date that is there can be told by itself.
    source.numbers.update(float(date[0]) for date in source.dates)
    return source
