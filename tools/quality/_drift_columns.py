"""One column of two tables side by side: what kind it is, how it is compared, and what moved, in words."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..data.values import as_python, microseconds
from ..readings import reads_as_datetime
from ._drift_statistics import CRAMER_THRESHOLD, TEXT_THRESHOLD, Shift, category_shift, numeric_shift

if TYPE_CHECKING:
    import ibis.expr.datatypes as dt
    import pyarrow as pa

    from ._drift_statistics import Counts, Floats

# Texts are costly to take apart: the distance of two samples of this size is within 0.02 of that of all rows.
TEXTS = 10_000
DOCUMENTS = 3_000
WORDS = 200
_DATES_TRIED, _MOSTLY_DATES = 500, 0.7
_KEY = re.compile(r"(?:^|[\W_])(?:id|uuid|guid|key|pk|no|nr|number|ref)$", re.IGNORECASE)
_CAMEL_KEY = re.compile(r"[a-z](?:Id|ID|Key|No|Number)$")
_PROFILES = {
    "digits": r"[0-9]",
    "capitals": r"[A-Z]",
    "punctuation": r"[[:punct:]]",
    "characters beyond ASCII": r"[^\x00-\x7F]",
}


@dataclass(frozen=True)
class Side:
    """A column of one table: its non-null values (all, or a sample), and exact facts about all rows."""

    values: pa.ChunkedArray
    rows: int
    missing: int
    minimum: Any = None
    maximum: Any = None


@dataclass(frozen=True)
class Comparison:
    """What comparing a column showed; `moves_by_nature` says that a shift of it is no drift."""

    kind: str
    shift: Shift | None = None
    note: str = ""
    examples: list[dict[str, Any]] = field(default_factory=list)
    new_values: list[str] = field(default_factory=list)
    vanished_values: list[str] = field(default_factory=list)
    moves_by_nature: bool = False


def family(dtype: dt.DataType) -> str:
    """Return what two columns must share to be compared."""
    if dtype.is_boolean():
        return "boolean"
    if dtype.is_numeric():
        return "numeric"
    if dtype.is_string():
        return "text"
    return "datetime" if dtype.is_timestamp() or dtype.is_date() else "other"


def compare(name: str, kind: str, reference: Side, current: Side) -> Comparison:
    """Compare two columns of one family by what they hold; without values on a side there is only what is missing."""
    if kind == "other":
        return Comparison("other", note="nested or of an unusual type: only missing values were compared")
    if not (len(reference.values) and len(current.values)):
        return Comparison("empty", note="a side without values: only missing values were compared")
    if kind == "numeric":
        return _numeric(name, reference, current)
    if kind == "boolean":
        return _categorical("boolean", "z", reference, current)
    if kind == "datetime":
        return _datetime(reference, current)
    if _written_dates(reference.values) and _written_dates(current.values):
        note = "dates written as text in several ways: only missing values were compared"
        return Comparison("datetime", note=note, moves_by_nature=True)
    told = _text_kind(name, reference.values)
    if told == "id":
        return _identifier()
    return _text(reference, current) if told == "text" else _categorical("categorical", "chi2", reference, current)


def _identifier() -> Comparison:
    return Comparison("id", note="an identifier: its values were not compared", moves_by_nature=True)


def _is_key_name(name: str) -> bool:
    return bool(_KEY.search(name) or _CAMEL_KEY.search(name))


def _many(distinct: int, values: int) -> bool:
    """Tell whether a column named as a key points to many things, not to a handful of codes."""
    return distinct >= 1000 or (distinct >= 50 and distinct >= 0.2 * values)


def _numeric(name: str, reference: Side, current: Side) -> Comparison:
    import numpy as np

    left, right = floats(reference.values), floats(current.values)
    if not (len(left) and len(right)):
        return Comparison("empty", note="a side without values: only missing values were compared")
    if all(_numbers_rows(name, side, values) for side, values in ((reference, left), (current, right))):
        return _identifier()
    shift = numeric_shift(left, right)
    low, high = np.median(left), np.median(right)
    middle = f"median {low:.4g} → {high:.4g}"
    if low == high and np.isfinite(left).all() and np.isfinite(right).all():
        middle = f"mean {left.mean():.4g} → {right.mean():.4g}"
    return Comparison("numeric", shift, note=middle)


def _numbers_rows(name: str, side: Side, values: Floats) -> bool:
    """Tell whether whole numbers merely number the rows: all different, and either named a key or a sequence."""
    import numpy as np

    if not np.isfinite(values).all() or (values != np.floor(values)).any():
        return False
    distinct = len(np.unique(values))
    if _is_key_name(name) and _many(distinct, len(values)):
        return True
    filled = side.rows - side.missing
    sequence = float(side.maximum) - float(side.minimum) + 1 <= 3 * filled
    return distinct == len(values) and filled > 50 and sequence


def floats(values: pa.ChunkedArray) -> Floats:
    """Return the numbers as 64-bit floats, without NaN."""
    import numpy as np
    import pyarrow as pa

    array: Floats = values.cast(pa.float64(), safe=False).to_numpy()
    return array if not np.isnan(array).any() else array[~np.isnan(array)]


def _some(values: pa.ChunkedArray, count: int) -> pa.ChunkedArray:
    """Return at most `count` values, spread by a seeded draw."""
    import numpy as np

    if len(values) <= count:
        return values
    return values.take(np.sort(np.random.default_rng(0).choice(len(values), count, replace=False)))


def _text_kind(name: str, values: pa.ChunkedArray) -> str:
    import pyarrow.compute as pc

    some = _some(values, 2 * TEXTS)
    distinct = pc.count_distinct(some).as_py()
    unique = distinct / len(some)
    if _is_key_name(name) and _many(distinct, len(some)):
        return "id"
    if len(some) <= 50:
        return "categorical"
    spaced = pc.mean(pc.match_substring(some, " ").cast("double")).as_py()
    if unique >= 0.95 and spaced < 0.5:
        return "id"
    if unique < 0.95 and len(some) < len(values):
        # The more values, the smaller the share of different ones: a fifth of them is not enough to tell.
        unique = pc.count_distinct(values).as_py() / len(values)
    return "text" if unique > 0.5 or pc.mean(pc.utf8_length(some)).as_py() > 60 else "categorical"


def _written_dates(values: pa.ChunkedArray) -> bool:
    """Tell whether most of some texts are dates; reading made a date column of them only if all are alike."""
    some = [text for text in _some(values, _DATES_TRIED).to_pylist() if text]
    return bool(some) and sum(map(reads_as_datetime, some)) >= _MOSTLY_DATES * len(some)


def _categorical(kind: str, test: str, reference: Side, current: Side) -> Comparison:
    import numpy as np
    import pyarrow as pa

    both = pa.chunked_array([*reference.values.chunks, *current.values.chunks]).combine_chunks().dictionary_encode()
    codes, levels = both.indices.to_numpy(), len(both.dictionary)
    left = np.bincount(codes[: len(reference.values)], minlength=levels)
    right = np.bincount(codes[len(reference.values) :], minlength=levels)
    moved = right / right.sum() - left / left.sum()
    order = np.argsort(-np.abs(moved), kind="stable")[:3]
    examples = [
        {"value": _label(both.dictionary[int(i)]), "reference": left[i] / left.sum(), "current": right[i] / right.sum()}
        for i in order
        if moved[i]
    ]
    note = "; ".join(f"{e['value']!r} {e['reference']:.1%} → {e['current']:.1%}" for e in examples[:2])
    shift = category_shift(left, right, test=test)
    share = left.sum() / (left.sum() + right.sum())
    return Comparison(
        kind,
        shift,
        note=note,
        examples=examples,
        new_values=[_label(both.dictionary[int(i)]) for i in _only_in(right, left, 1 - share)],
        vanished_values=[_label(both.dictionary[int(i)]) for i in _only_in(left, right, share)],
    )


def _only_in(here: Counts, there: Counts, share: float) -> Counts:
    """Return the levels of one side alone, too frequent for that to be chance, the most frequent first."""
    import math

    import numpy as np

    needed = math.log(1e-6) / math.log(share)
    only = np.flatnonzero((there == 0) & (here >= needed))
    return only[np.argsort(-here[only], kind="stable")]


def _label(value: pa.Scalar) -> str:
    text = str(as_python(value))
    return text if len(text) <= 40 else text[:39] + "…"


def _datetime(reference: Side, current: Side) -> Comparison:
    """Compare the hours of the day; that the span moves on is the nature of time, and so is no drift."""
    import numpy as np

    spans = [f"{_moment(side.minimum)} to {_moment(side.maximum)}" for side in (reference, current)]
    note = f"{spans[0]} → {spans[1]}" if spans[0] != spans[1] else spans[0]
    hours = []
    for side in (reference, current):
        moments = microseconds(side.values).drop_null().to_numpy()
        hours.append(np.bincount(moments // 3_600_000_000 % 24, minlength=24))
    if not any(counts[1:].any() for counts in hours):
        return Comparison("datetime", note=note, moves_by_nature=True)
    shift = category_shift(hours[0], hours[1], test="chi2_hour_of_day")
    return Comparison("datetime", shift, note=note, moves_by_nature=True)


def _moment(value: Any) -> str:
    return str(value)[:16]


def _text(reference: Side, current: Side) -> Comparison:
    """Compare texts by length, words and sorts of characters; the measure that moved most surely speaks for all."""
    left, right = _some(reference.values, TEXTS), _some(current.values, TEXTS)
    shifts: list[tuple[Shift, str]] = []
    for (what, first), second in zip(_profile(left).items(), _profile(right).values(), strict=True):
        shift = numeric_shift(first, second)
        shifts.append((shift, f"{what}: mean {first.mean():.3g} → {second.mean():.3g}"))
    words = _words(_some(reference.values, DOCUMENTS), _some(current.values, DOCUMENTS))
    tried = len(shifts) + (1 if words else 0)
    if words:
        shifts.append(words)
    # The surest of several tries; among equally sure ones, the largest.
    shift, note = min(shifts, key=lambda item: (item[0].p_value, -item[0].statistic))
    shift = Shift(
        shift.test,
        shift.statistic,
        min(1.0, shift.p_value * tried),
        shift.statistic if shift.test == "ks" else shift.effect,
        "ks_distance" if shift.test == "ks" else shift.measure,
        TEXT_THRESHOLD,
    )
    return Comparison("text", shift, note=note)


def _profile(values: pa.ChunkedArray) -> dict[str, Floats]:
    import numpy as np
    import pyarrow.compute as pc

    length = pc.utf8_length(values).to_numpy().astype(float)
    profile = {"length": length, "words": pc.count_substring_regex(values, r"\S+").to_numpy().astype(float)}
    for what, pattern in _PROFILES.items():
        count = pc.count_substring_regex(values, pattern).to_numpy().astype(float)
        profile[f"share of {what}"] = count / np.maximum(length, 1)
    return profile


def _words(left: pa.ChunkedArray, right: pa.ChunkedArray) -> tuple[Shift, str] | None:
    """Compare in how many texts each frequent word occurs, by the word that moved most surely (Bonferroni)."""
    from collections import Counter

    import numpy as np

    counters: list[Counter[str]] = []
    for values in (left, right):
        counter: Counter[str] = Counter()
        for text in values.to_pylist():
            counter.update(set(re.findall(r"[^\W\d_]{2,}", text[:1000].lower())))
        counters.append(counter)
    frequent = [word for word, count in (counters[0] + counters[1]).most_common(WORDS) if count >= 20]
    best: tuple[Shift, str] | None = None
    for word in frequent:
        first, second = (counter[word] for counter in counters)
        shift = category_shift(np.array([first, len(left) - first]), np.array([second, len(right) - second]))
        if best is None or shift.p_value < best[0].p_value:
            best = shift, f"word {word!r} in {first / len(left):.0%} → {second / len(right):.0%} of texts"
    if best is None:
        return None
    shift, note = best
    p_value = min(1.0, shift.p_value * len(frequent))
    return Shift("word_share", shift.statistic, p_value, shift.effect, "cramers_v", CRAMER_THRESHOLD), note
