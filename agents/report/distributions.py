"""The columns of the table at a glance, from `statistical_summary`: quantiles, frequent values, spans of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from . import reading, svg, words
from .figures import Row, Source
from .reading import Record

_QUANTILES = ("0.05", "0.25", "0.5", "0.75", "0.95")
_SHOWN, _FOLDED, _TOP = 12, 60, 4
_TELLING = {"numeric": 0, "datetime": 1, "boolean": 1, "categorical": 1, "text": 2, "id": 3, "constant": 3, "empty": 3}
_MANY = 0.02
_DIGITS = 4


@dataclass(frozen=True)
class Card:
    """One column: its kind, a drawing with the ends of its axis or rows of frequent values, and facts."""

    column: str
    kind: str
    facts: tuple[str, ...]
    drawing: Markup | None = None
    ends: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()


@dataclass(frozen=True)
class Distributions:
    """The columns that say most first."""

    place: int
    dataset: str
    cards: tuple[Card, ...]
    folded: tuple[Card, ...]
    left: int


def distributions(sources: Sequence[Source]) -> list[Distributions]:
    """Draw the columns of each table that was summed up, the last time it was."""
    latest = {source.dataset: source for source in sources if source.action == "statistical_summary"}
    return [made for source in latest.values() if (made := _distributions(source)) is not None]


def _distributions(source: Source) -> Distributions | None:
    of = reading.count(source.detail, "rows") or reading.count(reading.record(source.detail, "scanned"), "of")
    columns = reading.records(source.detail, "columns")
    if not columns or not of:
        return None
    columns = sorted(columns, key=_telling)
    cards = [_card(item, of) for item in columns[: _SHOWN + _FOLDED]]
    left = len(columns) - len(cards)
    return Distributions(source.place, source.dataset, tuple(cards[:_SHOWN]), tuple(cards[_SHOWN:]), left)


def _telling(item: Record) -> int:
    """Put last what has nothing to draw."""
    kind = reading.text(item, "kind")
    drawn = reading.record(item, "quantiles") if kind == "numeric" else _frequent(item)
    return _TELLING.get(kind, 2) if drawn or kind == "datetime" else 3


def _frequent(item: Record) -> list[Record]:
    """Return the most frequent values, none where even those are rare."""
    top = reading.records(item, "top")
    return top if top and (reading.amount(top[0], "fraction") or 0.0) >= _MANY else []


def _card(item: Record, of: int) -> Card:
    column, kind = reading.text(item, "column"), reading.text(item, "kind")
    facts = _facts(item, of)
    if kind in {"numeric", "datetime"} and (drawn := _box(item)) is not None:
        return Card(column, kind, facts, *drawn)
    return Card(column, kind, facts, rows=tuple(map(_top_row, _frequent(item)[:_TOP])))


def _facts(item: Record, of: int) -> tuple[str, ...]:
    facts = []
    if missing := reading.count(item, "missing"):
        facts.append(f"{words.share(missing / of)} missing")
    distinct, about = reading.count(item, "distinct"), "" if item.get("distinct_exact", True) else "about "
    facts.append(f"{about}{distinct:,} different")
    if (mean := reading.amount(item, "mean")) is not None and reading.text(item, "kind") == "numeric":
        facts.append(f"mean {words.number(mean, _DIGITS)}")
    least, most = item.get("minimum"), item.get("maximum")
    if least is not None and most is not None and reading.text(item, "kind") in {"numeric", "datetime"}:
        facts.append(f"{_end(least)} to {_end(most)}")
    if lengths := reading.record(item, "lengths"):
        shortest, longest = reading.count(lengths, "min"), reading.count(lengths, "max")
        facts.append(f"{longest:,} characters" if shortest == longest else f"{shortest:,} to {longest:,} characters")
    return tuple(facts)


def _box(item: Record) -> tuple[Markup, tuple[str, ...]] | None:
    """Draw the quantiles on an axis from the 5th to the 95th percentile; None where some are not known."""
    quantiles = reading.record(item, "quantiles")
    places = [_place(quantiles, key) for key in _QUANTILES]
    known = [place for place in places if place is not None]
    if len(known) < len(_QUANTILES) or known[0] == known[-1]:
        return None
    wide = known[-1] - known[0]
    low, first, middle, third, high = ((place - known[0]) / wide for place in known)
    ends = tuple(_end(quantiles[key]) for key in ("0.05", "0.5", "0.95"))
    return svg.box(low, first, middle, third, high), ends


def _place(quantiles: Record, key: str) -> float | None:
    moment = words.instant(reading.text(quantiles, key))
    return reading.amount(quantiles, key) if moment is None else moment.timestamp()


def _end(item: object) -> str:
    if isinstance(item, float):
        return words.number(item, _DIGITS)
    moment = words.instant(item) if isinstance(item, str) else None
    return words.value(item) if moment is None else words.day(moment)


def _top_row(item: Record) -> Row:
    fraction = reading.amount(item, "fraction") or 0.0
    count = words.number(reading.count(item, "count"))
    return Row(words.value(item.get("value")), svg.bar([("plain", fraction)]), words.share(fraction), count)
