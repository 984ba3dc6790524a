"""Numbers, shares, times and names in words, the same in every form of the report."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

_LONGEST = 160
_BANDS = (
    (90.0, "Sound", "What was found is minor; the table can be used as it is."),
    (70.0, "Fair", "Usable, with the points below in mind."),
    (40.0, "Poor", "Needs work before anything is built on it."),
    (0.0, "Critical", "Not fit for use as it is."),
)
# Characters that no page may hold, or that turn the direction of what follows them.
_UNFIT = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)


def fit(text: str) -> str:
    """Replace what would break a page: control characters, half characters, marks that turn the reading.

    >>> fit("a" + chr(0x202E) + "b") == "a" + chr(0xFFFD) + "b"
    True
    """
    return _UNFIT.sub("\ufffd", text)


def number(value: float, digits: int = 6) -> str:
    """Write a number with thousands separators and as many digits as tell something.

    >>> [number(n) for n in (4400, 0.40199999999999997, 1234.5678, 5.4e-47, -999.0)]
    ['4,400', '0.402', '1,234.57', '5.4e-47', '-999']
    >>> number(43.4551, digits=3), number(0.99996, digits=3)
    ('43.5', '0.99996')
    """
    if isinstance(value, int):
        return f"{value:,}"
    if not math.isfinite(value):
        return "not a number" if math.isnan(value) else "infinite" if value > 0 else "-infinite"
    if value.is_integer() and abs(value) < 1e15:
        return f"{int(value):,}"
    if abs(value) >= 1e15 or 0 < abs(value) < 1e-4:
        return f"{value:.2g}"
    if abs(value) >= 1_000:
        return f"{value:,.2f}".rstrip("0").rstrip(".")
    short = float(f"{value:.{digits}g}")
    # Almost 1 is not 1.
    return f"{value:.8g}" if short.is_integer() and abs(value) < 1 else f"{short:.{digits}g}"


def share(fraction: float) -> str:
    """Write a fraction as a percentage that says neither none nor all where that is not so.

    >>> [share(f) for f in (0.88, 0.4512, 0.0006, 0.00001, 0.99996, 0.0, 1.0)]
    ['88%', '45.1%', '0.06%', '<0.01%', '>99.9%', '0%', '100%']
    """
    percent = 100 * fraction
    if percent in (0, 100):
        return f"{percent:.0f}%"
    if 0 < percent < 0.01:
        return "<0.01%"
    if 99.95 <= percent < 100:
        return ">99.9%"
    return f"{percent:.2g}%" if abs(percent) < 1 else f"{percent:.1f}".removesuffix(".0") + "%"


def counted(count: int, thing: str) -> str:
    """Write a count with its thing.

    >>> counted(1, "finding"), counted(5000, "row"), counted(2, "query")
    ('1 finding', '5,000 rows', '2 queries')
    """
    if count != 1:
        thing = f"{thing[:-1]}ies" if thing.endswith("ry") else f"{thing}s"
    return f"{count:,} {thing}"


def duration(seconds: float) -> str:
    """Write a time span.

    >>> [duration(s) for s in (0.04, 7.3, 75, 3725)]
    ['0.04 s', '7.3 s', '1 min 15 s', '1 h 2 min']
    """
    if seconds < 59.95:
        return f"{seconds:.2f} s" if seconds < 1 else f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600:,} h {whole % 3600 // 60} min"


def instant(text: str) -> datetime | None:
    """Read a time in ISO form; one without a zone is taken as UTC, and None is what is no time."""
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        return None
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)


def moment(text: str) -> str:
    """Write a time in ISO form for people, or return the text when it is none.

    >>> moment("2026-05-01T09:05:00+00:00"), moment("yesterday")
    ('1 May 2026, 09:05 UTC', 'yesterday')
    """
    read = instant(text)
    return text if read is None else f"{read.day} {read:%B %Y, %H:%M} UTC"


def day(moment: datetime) -> str:
    """Write the day of a time, short enough for the end of an axis."""
    return f"{moment.day} {moment:%b %Y}"


def value(item: Any) -> str:
    """Write any value of a result on one line."""
    if isinstance(item, str):
        return item
    if isinstance(item, bool) or item is None:
        return {True: "true", False: "false", None: "null"}[item]
    if isinstance(item, int | float):
        return number(item)
    if isinstance(item, dict):
        return ", ".join(f"{key}: {value(inner)}" for key, inner in item.items())
    if isinstance(item, list | tuple):
        return ", ".join(map(value, item))
    return str(item)


def clipped(text: str, longest: int = _LONGEST) -> str:
    """Cut a text that is too long to be read, and show that it was."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def argument(item: Any) -> str:
    """Write an argument of a call as it was given."""
    return json.dumps(item, ensure_ascii=False, default=str)


def base_name(source: str) -> str:
    """Return the last part of a path or URL, or all of it where there is no such part."""
    return re.split(r"[/\\]", source.rstrip("/\\"))[-1] or source


def listed(names: Sequence[str], most: int = 6) -> str:
    """Write names one after the other, the first few of many."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more:,} more" if more > 0 else "")


def band(score: float) -> tuple[str, str]:
    """Return what a score of 0 to 100 means, in a word and in a sentence."""
    return next(((word, told) for least, word, told in _BANDS if score >= least), _BANDS[-1][1:])
