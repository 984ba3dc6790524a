"""Rules that a table might keep, guessed from its profile, its levels and a sample, to be held before they are told.

After Deequ's suggestions (completeness, uniqueness, sign, type, closed categories), with formats and comparisons of
columns added. Bounds are those of plausibility (a sign, a share, a month) and not the least and greatest seen, so
that the next delivery does not break them for being a little larger.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..columns import ColumnProfile
from ..data.dataset import Dataset
from ..placeholders import stands_for_missing
from ._rules import Rule
from ._rules_shapes import dominant_shape
from ._rules_types import type_of

# More rules than a person reads, and more columns than one pass should be asked about.
MAX_COLUMNS = 300
_MOST_LEVELS = 30
_ROWS_A_LEVEL = 20
_PATTERN_VALUES = 2_000
_FEWEST_ROWS = 10
_KEY = re.compile(r"(?i)(^|[_\W])(id|ids|key|uuid|guid|code|number|no|nr|sku|isbn|iban|email|hash)$|id$|^index$")
# What a name promises: bounds, and how many different values there must be for the column to be that.
_PLAUSIBLE: tuple[tuple[str, float, float, int, str], ...] = (
    (r"lat|latitude", -90, 90, 2, "latitudes"),
    (r"lon|lng|longitude", -180, 180, 2, "longitudes"),
    (r"month", 1, 12, 8, "months"),
    (r"day|day of month", 1, 31, 20, "days of a month"),
    (r"hour", 0, 23, 15, "hours"),
    (r"percent|percentage|pct", 0, 100, 2, "percentages"),
    (r"age", 0, 120, 2, "ages"),
    (r"year", 1900, 2100, 2, "years"),
)


@dataclass(frozen=True)
class Candidate:
    """A rule that may hold, and why it is worth asking.

    Attributes:
        least: the share of rows that must keep it for it to be suggested.
        merge: rules of one kind with the same key become one rule over several columns.
    """

    rule: Rule
    reason: str
    least: float = 0.99
    merge: str | None = None


def column_candidates(
    dataset: Dataset, profile: ColumnProfile, levels: Mapping[str, int] | None, sample: Sequence[Any]
) -> Iterator[Candidate]:
    """Guess the rules of one column.

    Args:
        dataset: the rows.
        profile: the column's counts and extremes.
        levels: how often each value of a text column occurs, where that is known.
        sample: some of its values.
    """
    filled = profile.rows - profile.nulls
    if not filled:
        return
    yield from _completeness(profile)
    yield from _uniqueness(dataset, profile, filled)
    dtype = dataset.schema[profile.name]
    if dtype.is_numeric() and not dtype.is_boolean():
        yield from _number_type(dataset, profile)
        yield from _sign_and_range(dataset, profile, filled)
    elif dtype.is_temporal() or dtype.is_boolean():
        yield _stored_type(profile.name, type_of(dtype).family)
    elif dtype.is_string():
        texts = [value for value in sample if isinstance(value, str)]
        yield from _text_type(profile, texts)
        closed = _closed(profile.name, levels or {}, filled)
        if closed:
            yield closed
        elif filled >= _FEWEST_ROWS:
            shape = dominant_shape(texts[:_PATTERN_VALUES])
            if shape:
                rule = Rule(kind="pattern", columns=[profile.name], pattern=shape.pattern)
                yield Candidate(rule, f"values are {shape.of}")


def _completeness(profile: ColumnProfile) -> Iterator[Candidate]:
    share = profile.nulls / profile.rows
    rule = Rule(kind="not_null", columns=[profile.name])
    if share <= 0.01:
        yield Candidate(rule, "no value is missing" if not share else "hardly a value is missing", merge="not_null")
    elif share <= 0.3 and profile.rows >= 100:
        # The upper end of a 99 % interval around the share seen, as Deequ keeps completeness.
        upper = share + 2.6 * math.sqrt(share * (1 - share) / profile.rows)
        rounded = math.ceil(upper * 100) / 100
        rule = Rule(kind="not_null", columns=[profile.name], tolerance=rounded)
        yield Candidate(rule, f"{share:.1%} of values are missing, and more would be news", least=1 - rounded)


def _uniqueness(dataset: Dataset, profile: ColumnProfile, filled: int) -> Iterator[Candidate]:
    dtype, named = dataset.schema[profile.name], _KEY.search(profile.name) is not None
    countable = dtype.is_integer() or dtype.is_string() or dtype.is_uuid()
    # A measure of few rows is often unique by chance; a key is called one.
    enough = filled >= (2 if named else max(50 if dtype.is_string() else 200, profile.rows / 2))
    if countable and enough and profile.distinct >= 0.9 * filled:
        rule = Rule(kind="unique", columns=[profile.name])
        yield Candidate(rule, "no value comes twice", least=0.99 if named else 1.0)


def _number_type(dataset: Dataset, profile: ColumnProfile) -> Iterator[Candidate]:
    dtype = dataset.schema[profile.name]
    if dtype.is_integer():
        yield _stored_type(profile.name, "integer")
    elif dtype.is_floating() and profile.nulls and profile.distinct > 1:
        # Whole numbers with nulls arrive as floats from many tools.
        rule = Rule(kind="type", columns=[profile.name], type="integer")
        yield Candidate(rule, "all numbers are whole", least=1.0, merge="type integer")
        yield _stored_type(profile.name, "number")
    else:
        yield _stored_type(profile.name, "number")


def _stored_type(name: str, kind: str) -> Candidate:
    return Candidate(Rule(kind="type", columns=[name], type=kind), "stored so", merge=f"type {kind}")


def _text_type(profile: ColumnProfile, texts: Sequence[str]) -> Iterator[Candidate]:
    """Guess that text reads as numbers; leading zeros mean a code, which is none."""
    if (profile.numeric_share or 0) < 0.99 or any(re.match(r"[+-]?0\d", text.strip()) for text in texts):
        return
    whole = sum(re.fullmatch(r"\s*[+-]?\d+\s*", text) is not None for text in texts)
    kind = "integer" if texts and whole >= 0.99 * len(texts) else "number"
    yield Candidate(Rule(kind="type", columns=[profile.name], type=kind), f"text that reads as {kind}")


def _sign_and_range(dataset: Dataset, profile: ColumnProfile, filled: int) -> Iterator[Candidate]:
    low, high = profile.minimum, profile.maximum
    if low is None or high is None or filled < _FEWEST_ROWS:
        return
    name, dtype = profile.name, dataset.schema[profile.name]
    words = " ".join(re.findall(r"[A-Z]?[a-z]+", name)).lower()
    for pattern, least, greatest, distinct, what in _PLAUSIBLE:
        if re.fullmatch(rf"(.* )?({pattern})", words) and profile.distinct >= distinct:
            yield _range(name, least, greatest, f"values are plausible {what}")
            if low >= least and high <= greatest:
                return
    if dtype.is_floating() and low >= 0 and high <= 1 and profile.distinct > 10:
        yield _range(name, 0, 1, "values are shares or probabilities")
    elif _KEY.search(name):
        return
    elif dtype.is_integer() and 2 < profile.distinct <= 12 and low >= 0 and high <= 12 and filled >= 500:
        yield _range(name, int(low), int(high), "a short scale of whole numbers")
    elif not high <= 0:
        # What is nearly always positive is worth asking about; the count tells.
        yield Candidate(Rule(kind="range", columns=[name], min=0), "no value is negative", merge="range 0")


def _range(name: str, low: float, high: float, reason: str) -> Candidate:
    return Candidate(Rule(kind="range", columns=[name], min=low, max=high), reason)


def _closed(name: str, levels: Mapping[str, int], filled: int) -> Candidate | None:
    """Guess a closed list of categories: few, each seen often, without the misspelt ones and those for missing."""
    if not 2 <= len(levels) <= _MOST_LEVELS * 2 or filled < _ROWS_A_LEVEL * len(levels) / 2:
        return None
    counts = sorted(levels.items(), key=lambda item: (-item[1], item[0]))
    strays = _strays(counts, filled)
    kept = [(value, rows) for value, rows in counts if value not in strays]
    once = sum(rows == 1 for _, rows in kept)
    # Good and Turing: the share of values seen once is the share of values not yet seen.
    if not 2 <= len(kept) <= _MOST_LEVELS or filled < _ROWS_A_LEVEL * len(kept) or once > 0.001 * filled:
        return None
    if _doubtful(kept, filled) or any("\0" in value for value, _ in kept):
        return None
    rule = Rule(kind="set", columns=[name], values=[value for value, _ in kept])
    return Candidate(rule, f"{len(kept)} categories make up the column")


def _strays(counts: Sequence[tuple[str, int]], filled: int) -> set[str]:
    """Tell the levels that seem to be no categories: for missing, misspelt, or rare beyond a clear gap."""
    folded = {value.strip().lower() for value, _ in counts}
    common = [(value, rows) for value, rows in counts if rows > max(2, 0.001 * filled)]
    strays = {value for value, _ in counts if stands_for_missing(value, folded)}
    strays |= {value for value, rows in counts if rows <= 0.02 * filled and _misspelt(value, rows, common)}
    frequent = [rows for value, rows in counts if rows >= 0.02 * filled]
    rare = {value for value, rows in counts if rows <= 0.002 * filled}
    # Ten times between the two groups and nothing in between: a tail that falls off smoothly has no such gap.
    if len(frequent) >= 2 and len(frequent) + len(rare | strays) == len(counts):
        strays |= rare
    return strays


def _misspelt(value: str, rows: int, common: Sequence[tuple[str, int]]) -> bool:
    """Tell whether a rare value is most likely a slip for a common one: the shorter, the rarer it must be."""
    plain = re.sub(r"[\W_]", "", value).casefold()
    for other, often in common:
        meant = re.sub(r"[\W_]", "", other).casefold()
        if other == value or often < 20 * rows:
            continue
        if plain == meant or (len(plain) > 3 and difflib.SequenceMatcher(None, plain, meant).ratio() >= 0.8):
            return True
        if len(plain) == 3 and _one_letter_off(plain, meant) and often >= 50 * rows:
            return True
    return False


def _one_letter_off(left: str, right: str) -> bool:
    return len(left) == len(right) and sum(a != b for a, b in zip(left, right, strict=True)) == 1


def _doubtful(counts: Sequence[tuple[str, int]], filled: int) -> bool:
    """Tell whether a two-letter code may be a slip for another: nobody can know from the letters alone."""
    return any(
        len(value) == 2
        and rows < 0.02 * filled
        and any(often >= 20 * rows and _one_letter_off(value, other) for other, often in counts)
        for value, rows in counts
    )
