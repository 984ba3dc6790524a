"""How the values of a text column are written: numbers with units, dates, e-mails, codes, and what departs from it.

A detector looks at different values and their counts. What it finds carries a regular expression in the engine's
dialect (RE2), so that a column seen through a sample can be counted again on all rows.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice

from ..placeholders import stands_for_missing

# Values looked at to guess the family of a column; the rest are then held against that family alone.
_GUESS = 1_000
_SHAPED = 10_000
_MOSTLY = 0.9
_MAX_UNITS = 15

_NUMBER = r"[-+]?\d[\d.,]*(?:[eE][-+]?\d+)?"
_CURRENCY = r"(?:[$€£¥₹]|USD|EUR|GBP|CHF|JPY)"
_UNIT = r"(?:%|[°µ]?[A-Za-z][A-Za-z²³/.]*(?:[ -][A-Za-z][A-Za-z.]*){0,3})"
_NUMBER_FORM = re.compile(rf"\s*({_CURRENCY}?)\s*({_NUMBER})\s*({_UNIT}|{_CURRENCY})?\s*")
# These follow numbers without being units; single letters follow house numbers, unless they are units.
_NO_UNITS = {"st", "nd", "rd", "th", "am", "pm", "a.m.", "p.m."}
_LETTER_UNITS = set("gmlshkKM")

_HOUSE_NUMBER = re.compile(r"\s*\d+ ?[A-Za-z]\s*")

_MONTH = r"[A-Za-z]{3,9}\.?"
_TIME = r"(?:[T ]+\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?: ?[AaPp][Mm])?)?"
_ZONE = r" ?(?:Z|UTC|GMT|[+-]\d{2}:?\d{2}|[A-Z]{3,4})?"
_DATE_FORMS = {
    "YYYY-MM-DD": r"\d{4}-\d{1,2}-\d{1,2}",
    "YYYY/MM/DD": r"\d{4}/\d{1,2}/\d{1,2}",
    "DD/MM/YYYY or MM/DD/YYYY": r"\d{1,2}/\d{1,2}/(?:\d{4}|\d{2})",
    "DD.MM.YYYY": r"\d{1,2}\.\d{1,2}\.(?:\d{4}|\d{2})",
    "DD-MM-YYYY or MM-DD-YYYY": r"\d{1,2}-\d{1,2}-\d{4}",
    "DD Mon YYYY": rf"\d{{1,2}}[ -]{_MONTH}[ -,]{{1,2}}\d{{2,4}}",
    "Mon DD, YYYY": rf"{_MONTH} \d{{1,2}},? \d{{4}}",
}
_DATES = {label: re.compile(rf"\s*{form}({_TIME})({_ZONE})\s*") for label, form in _DATE_FORMS.items()}
_COMPACT_DATE = r"(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
_OVER_12, _TO_12 = r"(?:1[3-9]|2\d|3[01])", r"(?:0?[1-9]|1[0-2])"
_ORDERS = {
    "day": ("day first", rf"\s*{_OVER_12}[/-]\d{{1,2}}[/-]\d.*"),
    "month": ("month first", rf"\s*\d{{1,2}}[/-]{_OVER_12}[/-]\d.*"),
    "either": ("either", rf"\s*{_TO_12}[/-]{_TO_12}[/-]\d.*"),
}
_ORDERED = re.compile(r"\s*(\d{1,2})[/-](\d{1,2})[/-]\d")

EMAIL = r"[^@\s,;]+@[^@\s,;.]+(?:\.[^@\s,;.]+)*\.[A-Za-z]{2,}"
URL = r"(?i:https?|ftp)://[^\s/.]+(?:\.[^\s/.]+)+(?:[/?#:]\S*)?"
_MOJIBAKE = r"Ã[\x{0080}-\x{00BF}]|Â[\x{00A0}-\x{00BF}]|â€|ï¿½|\x{FFFD}"
_MOJIBAKE_HERE = re.compile("Ã[\u0080-\u00bf]|Â[\u00a0-\u00bf]|â€|ï¿½|\ufffd")
_EDGES_HERE = re.compile(r"(?:^|\0)[^\S\0]|[^\S\0](?:\0|$)")


@dataclass(frozen=True)
class Form:
    """One way of writing: how it is called, the RE2 pattern of the whole value, and the rows written so."""

    label: str
    pattern: str
    rows: int
    example: str = ""


@dataclass(frozen=True)
class Departure:
    """Something about how a column is written that deserves a word.

    Attributes:
        kind: `mixed_formats`, `mixed_units`, `mixed_types`, `mixed_offsets`, `broken_values`, `blanks_at_edges`,
            `broken_encoding` or `unusual_shape`.
        message: what, without the name of the column; `{rows} values` is filled in.
        rows: how many rows depart from what is usual.
        forms: all ways of writing, the most frequent first, where there are several.
        pattern: RE2 pattern of the values that depart; with `usual`, of those that do not.
    """

    kind: str
    message: str
    rows: int
    examples: list[str] = field(default_factory=list)
    forms: list[Form] = field(default_factory=list)
    pattern: str = ""
    usual: bool = False
    severity: str = "medium"

    @property
    def said(self) -> str:
        """The message, with the counts filled in."""
        ways = ", ".join(f"{form.label!r} {form.rows:,}" for form in self.forms[:6])
        values = "1 value" if self.rows == 1 else f"{self.rows:,} values"
        return self.message.replace("{rows} values", values) + (f": {ways}" if ways else "")


def departures(counts: Mapping[str, int]) -> list[Departure]:
    """Look at the different values of a text column, placeholders left out, and their counts."""
    words = {value: rows for value, rows in counts.items() if not stands_for_missing(value)}
    if not words:
        return []
    found = [departure for look in (_edges, _encoding) if (departure := look(words))]
    families: tuple[tuple[re.Pattern[str], Callable[[Mapping[str, int]], list[Departure]]], ...] = (
        (_NUMBER_FORM, _numbers),
        (re.compile(r"[^@\s]*@\S*"), lambda w: _wellformed(w, EMAIL, "e-mail address")),
        (re.compile(r"(?:\w+://|www\.)\S*"), lambda w: _wellformed(w, URL, "web address")),
        (re.compile("|".join(p.pattern for p in _DATES.values())), _dates),
    )
    guess = dict(islice(words.items(), _GUESS))
    for family, look_closer in families:
        if _share(guess, lambda value, family=family: family.fullmatch(value) is not None) >= 0.7:  # type: ignore[misc]
            return found + look_closer(words)
    return found + _shapes(words, guess)


def _share(counts: Mapping[str, int], holds: Callable[[str], bool]) -> float:
    total = sum(counts.values())
    return sum(rows for value, rows in counts.items() if holds(value)) / total if total else 0.0


def _edges(words: Mapping[str, int]) -> Departure | None:
    if not _EDGES_HERE.search("\0".join(words)):
        return None
    padded = {value: rows for value, rows in words.items() if value != value.strip()}
    message = "{rows} values with blanks at an end, which breaks joins and groups"
    shown = [repr(value) for value in islice(padded, 5)]
    return Departure("blanks_at_edges", message, sum(padded.values()), shown, pattern=r"(?s)\s.*|.*\s", severity="low")


def _encoding(words: Mapping[str, int]) -> Departure | None:
    if not _MOJIBAKE_HERE.search("\0".join(words)):
        return None
    broken = {value: rows for value, rows in words.items() if _MOJIBAKE_HERE.search(value)}
    message = "{rows} values read in the wrong encoding"
    return Departure(
        "broken_encoding", message, sum(broken.values()), list(broken)[:5], pattern=rf"(?s).*(?:{_MOJIBAKE}).*"
    )


def _numbers(words: Mapping[str, int]) -> list[Departure]:
    """Numbers: with several units or spellings of one, with decimal commas among points, or with words among them."""
    forms: Counter[tuple[str, str]] = Counter()
    first: dict[tuple[str, str], str] = {}
    others: dict[str, int] = {}
    for value, rows in words.items():
        match = _NUMBER_FORM.fullmatch(value)
        unit = (match[3] or "").strip() if match else ""
        if (
            match is None
            or unit.casefold() in _NO_UNITS
            or (len(unit) == 1 and unit not in _LETTER_UNITS and not _is_sign(unit))
        ):
            others[value] = rows
        else:
            forms[match[1], unit] += rows
            first.setdefault((match[1], unit), value)
    numbers = forms.total()
    if numbers < 0.7 * (numbers + sum(others.values())):
        return []
    main, rows = forms.most_common(1)[0]
    rare = {form for form, n in forms.items() if n < 0.01 * numbers} if rows >= _MOSTLY * numbers else set()
    if len(forms) - len(rare) > _MAX_UNITS:
        return []
    odd = {value: n for value, n in words.items() if value in others or (rare and _form(value) in rare)}
    found = _units({form: n for form, n in forms.items() if form not in rare}, first)
    if odd and _share(odd, lambda value: _HOUSE_NUMBER.fullmatch(value) is not None) < _MOSTLY:
        share = sum(odd.values()) / sum(words.values())
        pattern = "|".join(f"(?:{_number_pattern(*form)})" for form in forms if form not in rare)
        written = "plain numbers" if main == ("", "") else f"numbers like {first[main]!r}"
        message = f"{{rows}} values among {written} written otherwise"
        severity = "medium" if share <= 0.1 and not _are_codes(odd) else "low"
        shown = list(odd)[:5]
        found.append(
            Departure("mixed_types", message, sum(odd.values()), shown, pattern=pattern, usual=True, severity=severity)
        )
    return found + _decimal_commas(words)


def _are_codes(words: Mapping[str, int]) -> bool:
    """Tell whether values are codes of a few regular shapes, as foreign postal codes are, and not slips."""
    shapes = Counter(re.sub(r"[^\W\d_]", "A", re.sub(r"\d", "9", word.strip())) for word in words)
    return len(words) >= 10 and sum(n for _, n in shapes.most_common(3)) >= _MOSTLY * len(words)


def _form(value: str) -> tuple[str, str] | None:
    match = _NUMBER_FORM.fullmatch(value)
    return (match[1], (match[3] or "").strip()) if match else None


def _is_sign(text: str) -> bool:
    return not text.isalnum()


def _number_pattern(prefix: str, unit: str) -> str:
    return rf"\s*{re.escape(prefix)}\s*{_NUMBER}\s*{re.escape(unit)}\s*"


def _units(forms: Mapping[tuple[str, str], int], first: Mapping[tuple[str, str], str]) -> list[Departure]:
    if len(forms) < 2:
        return []
    ordered = sorted(forms.items(), key=lambda item: -item[1])
    ways = [
        Form(f"{p} # {u}".strip() if p or u else "#", _number_pattern(p, u), rows, first[p, u])
        for (p, u), rows in ordered
    ]
    rows = sum(way.rows for way in ways[1:])
    units = [f"{p}{u}" for (p, u) in forms if p or u]
    bare = " and without a unit" if ("", "") in forms else ""
    message = (
        f"numbers with {units[0]!r}{bare}" if len(units) == 1 else f"numbers with {len(units)} spellings of units{bare}"
    )
    return [Departure("mixed_units", message, rows, [way.example for way in ways[:6]], ways)]


def _decimal_commas(words: Mapping[str, int]) -> list[Departure]:
    """A comma before one or two last digits is a decimal comma; among decimal points it is a second convention."""
    comma, point = re.compile(r"\D*\d+,\d{1,2}\D*"), re.compile(r"\D*\d+\.\d+\D*")
    commas = {value: rows for value, rows in words.items() if comma.fullmatch(value)}
    points = sum(rows for value, rows in words.items() if point.fullmatch(value))
    if not commas or not points:
        return []
    message = "{rows} values with a decimal comma where others have a point"
    return [Departure("mixed_formats", message, sum(commas.values()), list(commas)[:5], pattern=comma.pattern)]


def _wellformed(words: Mapping[str, int], pattern: str, what: str) -> list[Departure]:
    form = re.compile(rf"\s*{pattern}\s*")
    broken = {value: rows for value, rows in words.items() if not form.fullmatch(value)}
    if not broken or sum(broken.values()) > 0.5 * sum(words.values()):
        return []
    message = f"{{rows}} values that are no {what}"
    return [
        Departure("broken_values", message, sum(broken.values()), list(broken)[:5], pattern=form.pattern, usual=True)
    ]


def _dates(words: Mapping[str, int]) -> list[Departure]:
    """Dates in several forms, with the day or the month first, or with different offsets from UTC."""
    forms: Counter[str] = Counter()
    offsets: Counter[str] = Counter()
    examples: dict[str, str] = {}
    others: dict[str, int] = {}
    orders: dict[str, int] = defaultdict(int)
    for value, rows in words.items():
        label, time, zone = _read_date(value)
        if label is None:
            others[value] = rows
            continue
        forms[label] += rows
        examples.setdefault(label, value)
        if time:
            offsets[_offset(zone)] += rows
        if " or " in label and (match := _ORDERED.match(value)):
            orders["day" if int(match[1]) > 12 else "month" if int(match[2]) > 12 else "either"] += rows
    found = _date_forms(forms, examples)
    if orders["day"] and orders["month"]:
        ways = [Form(label, pattern, orders[key]) for key, (label, pattern) in _ORDERS.items()]
        found.append(
            Departure(
                "mixed_formats",
                "dates with the day and with the month first",
                min(w.rows for w in ways[:2]),
                forms=ways,
            )
        )
    if len(offsets) > 1:
        ways = [Form(zone, _offset_pattern(zone), rows) for zone, rows in offsets.most_common()]
        message = "times with different offsets from UTC"
        found.append(Departure("mixed_offsets", message, sum(way.rows for way in ways[1:]), forms=ways))
    if others and sum(others.values()) <= 0.3 * sum(words.values()):
        usual = "|".join(f"(?:{form.pattern})" for form in _DATES.values())
        message = "{rows} values among dates that are none"
        found.append(
            Departure("mixed_types", message, sum(others.values()), list(others)[:5], pattern=usual, usual=True)
        )
    return found


def _read_date(value: str) -> tuple[str | None, str, str]:
    for label, form in _DATES.items():
        if match := form.fullmatch(value):
            return label, match[1].strip(), match[2].strip()
    return ("YYYYMMDD", "", "") if re.fullmatch(_COMPACT_DATE, value.strip()) else (None, "", "")


def _offset(zone: str) -> str:
    if zone in {"Z", "UTC", "GMT", "+00:00", "+0000", "-00:00"}:
        return "UTC"
    return zone.replace(":", "") if zone else "none"


def _offset_pattern(zone: str) -> str:
    time = r".*[T ]\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?: ?[AaPp][Mm])? ?"
    if zone == "none":
        return time + r"\s*"
    return time + (
        r"(?:Z|UTC|GMT|[+-]00:?00)\s*" if zone == "UTC" else re.escape(zone[:3]) + ":?" + re.escape(zone[3:]) + r"\s*"
    )


def _date_forms(forms: Mapping[str, int], examples: Mapping[str, str]) -> list[Departure]:
    if len(forms) < 2:
        return []
    patterns = {label: form.pattern for label, form in _DATES.items()} | {"YYYYMMDD": _COMPACT_DATE}
    ordered = sorted(forms.items(), key=lambda item: -item[1])
    ways = [Form(label, patterns[label], rows, examples[label]) for label, rows in ordered]
    message = f"dates in {len(ways)} formats"
    return [Departure("mixed_formats", message, sum(way.rows for way in ways[1:]), [w.example for w in ways[:5]], ways)]


def _shapes(words: Mapping[str, int], guess: Mapping[str, int]) -> list[Departure]:
    """Codes such as `sku-123`: nearly all of one shape, with digits in it, and a few of another."""
    shapes: Counter[str] = Counter()
    for value, rows in guess.items():
        shapes[shape(value)] += rows
    usual, rows = shapes.most_common(1)[0]
    if "9" not in usual or rows < 0.95 * sum(guess.values()):
        return []
    looked_at = dict(islice(words.items(), _SHAPED))
    odd = {value: n for value, n in looked_at.items() if shape(value) != usual}
    total = sum(looked_at.values())
    if not odd or sum(odd.values()) > 0.03 * total or total < 50:
        return []
    pattern = re.sub("a", lambda _: r"\pL+", re.sub("9", lambda _: r"\d+", re.escape(usual)))
    example = next(value for value in guess if shape(value) == usual)
    message = f"{{rows}} values not shaped like {example!r}, as the others are"
    return [
        Departure(
            "unusual_shape", message, sum(odd.values()), list(odd)[:5], pattern=pattern, usual=True, severity="low"
        )
    ]


def shape(value: str) -> str:
    """Write runs of digits as 9 and of letters as a.

    >>> shape("sku-1042"), shape("(555) 010-9999")
    ('a-9', '(9) 9-9')
    """
    return re.sub(r"[^\W\d_]+", "a", re.sub(r"\d+", "9", value))


def recounted(departure: Departure, rows: int, forms: list[int]) -> Departure:
    """The same departure with counts of all rows."""
    ways = [replace(form, rows=count) for form, count in zip(departure.forms, forms, strict=True)]
    return replace(departure, rows=rows, forms=sorted(ways, key=lambda form: -form.rows))
