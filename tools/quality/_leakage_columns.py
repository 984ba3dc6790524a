"""From the columns of a sample to what the leakage check accuses, with the reason in words."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..data.values import microseconds
from ..errors import BadRequest
from ._leakage_scores import LIMITS, Score, Target, best, score_categories, score_flag, score_numbers

if TYPE_CHECKING:
    import pyarrow as pa

# Rare classes of a target with very many are told as one.
CLASSES = 100
LEAST_ROWS = 20
_MARKS = re.compile(r"[\s%$€£,]")


@dataclass(frozen=True)
class Verdict:
    """What a column scored, whether it is accused for it, and why."""

    column: str
    score: float
    measure: str
    reason: str
    accused: bool
    severity: str = "high"
    doubtful: bool = False


def read_target(name: str, values: pa.ChunkedArray) -> Target:
    """Tell classes from numbers: texts, booleans and few whole numbers are classes.

    Raises:
        BadRequest: every row has a value of its own, or the type cannot be predicted.
    """
    import numpy as np
    import pyarrow.types as kinds

    kind = values.type
    if kinds.is_nested(kind) or kinds.is_binary(kind):
        raise BadRequest(f"target {name!r} is of type {kind}; a target is a number, a category, a boolean or a time")
    if kinds.is_temporal(kind):
        return Target("numeric", as_numbers(values))
    if kinds.is_boolean(kind):
        return _classes(values)
    if is_text(kind):
        unique = values.unique()
        distinct = len(unique)
        numbers = _parsed(unique.to_pylist()) if distinct > 20 else None
        if numbers is not None and bool(np.isfinite(numbers).all()):
            return Target("numeric", numbers[_codes(values)[0]])
        if distinct > 0.5 * len(values) and distinct > 10:
            raise BadRequest(
                f"target {name!r} has {distinct} different texts in {len(values)} rows: too many for classes; "
                "choose a column with fewer categories, or with numbers"
            )
        return _classes(values)
    numbers = as_numbers(values)
    distinct = len(np.unique(numbers))
    whole = bool((numbers == np.floor(numbers)).all())
    if distinct == 2 or (whole and distinct <= 20 and distinct <= len(numbers) / 5):
        return _classes(values)
    return Target("numeric", numbers)


def is_text(kind: pa.DataType) -> bool:
    """Tell whether an Arrow type is text of any width."""
    import pyarrow.types as kinds

    return bool(kinds.is_string(kind) or kinds.is_large_string(kind) or kinds.is_string_view(kind))


def as_numbers(values: pa.ChunkedArray) -> Any:
    """Return numbers, booleans or times (as seconds, of the day or since 1970) as 64-bit floats.

    What is missing or infinite becomes NaN.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.types as kinds

    if kinds.is_timestamp(values.type) or kinds.is_date(values.type):
        return microseconds(values).cast(pa.float64(), safe=False).to_numpy() / 1e6
    if kinds.is_time(values.type):
        return values.cast(pa.time64("ns")).cast(pa.int64()).cast(pa.float64(), safe=False).to_numpy() / 1e9
    array = values.cast(pa.float64(), safe=False).to_numpy()
    numbers = np.where(np.isfinite(array), array, np.nan)
    # What a column tells does not depend on its unit, but the sums of very large numbers would overflow.
    largest = float(np.max(np.abs(numbers), initial=0.0, where=np.isfinite(numbers)))
    return numbers / largest if largest > 1e100 else numbers


def _codes(values: pa.ChunkedArray) -> tuple[Any, list[str]]:
    encoded = values.combine_chunks().dictionary_encode()
    return encoded.indices.to_numpy().astype("int64"), [str(value) for value in encoded.dictionary.to_pylist()]


def _classes(values: pa.ChunkedArray) -> Target:
    import numpy as np

    codes, labels = _codes(values)
    counts = np.bincount(codes)
    if len(counts) > CLASSES:
        order = np.argsort(-counts, kind="stable")
        place = np.full(len(counts), CLASSES - 1)
        place[order[: CLASSES - 1]] = np.arange(CLASSES - 1)
        codes, labels = place[codes], [*(labels[i] for i in order[: CLASSES - 1]), "all others"]
    order = np.argsort(labels)
    return Target("classes", np.argsort(order)[codes], tuple(labels[i] for i in order))


def judge(name: str, values: pa.ChunkedArray, target: Target) -> Verdict | None:
    """Score a column in every way that its type allows, and whether it is filled; None where too little is there."""
    import pyarrow.types as kinds

    verdicts = _judge_presence(name, values, target)
    filled = values.is_valid().to_numpy()
    timed = kinds.is_timestamp(values.type) or kinds.is_date(values.type)
    counted = kinds.is_integer(values.type) or kinds.is_floating(values.type) or kinds.is_decimal(values.type)
    if timed or counted or kinds.is_time(values.type):
        verdicts += _judge_numbers(name, as_numbers(values), target, timed=timed)
    elif kinds.is_boolean(values.type) or is_text(values.type):
        kept = target.only(filled)
        if _enough(kept):
            verdicts += _judge_texts(name, values.drop_null(), kept, boolean=kinds.is_boolean(values.type))
    return max(verdicts, key=lambda verdict: (verdict.accused, verdict.score), default=None)


def _enough(target: Target) -> bool:
    return len(target.values) >= LEAST_ROWS and (target.kind == "numeric" or len(target.labels) > 1)


def _verdict(name: str, score: Score, reason: str) -> Verdict:
    doubtful = score.value >= LIMITS[score.measure][0] and not score.accuses
    return Verdict(name, score.value, score.measure, reason, score.accuses, doubtful=doubtful)


def _judge_numbers(name: str, numbers: Any, target: Target, *, timed: bool = False) -> list[Verdict]:
    import numpy as np

    rows = ~np.isnan(numbers)
    kept = target.only(rows)
    if not _enough(kept) or (kept.kind == "numeric" and len(np.unique(kept.values)) < 2):
        return []
    x = numbers[rows]
    levels, codes = np.unique(x, return_inverse=True)
    if len(levels) < 2:
        return []
    by_level = score_categories(codes, kept) if len(levels) <= 50 else []
    score = best([*by_level, *score_numbers(x, kept)])
    if timed:
        reason = "time alone tells the target: the rows are ordered by it, or the time is of its event; split by time"
    elif len(levels) == len(x) and bool((x == np.floor(x)).all()) and levels[-1] - levels[0] < 3 * len(x):
        reason = "the row numbers tell the target: the rows are sorted by it"
    else:
        reason = _reason_numbers(score, kept, x)
    return [_verdict(name, score, reason)]


def _reason_numbers(score: Score, target: Target, x: Any) -> str:
    import numpy as np

    if target.kind == "numeric":
        if bool((x == target.values).all()):
            return "a copy of the target"
        if score.how == "linear":
            return "the target in other units" if score.value > 1 - 1e-9 else "the target up to a little noise"
        if score.how == "monotone":
            return (
                "a monotone function of the target"
                if score.value > 1 - 1e-9
                else "follows the target nearly without exception"
            )
        return "the target is next to a function of this column"
    if score.how == "one-to-one":
        return "a copy or recoding of the target"
    if score.how == "the target in numbers":
        return "the classes as numbers, up to a little noise"
    return f"this column alone separates the classes ({np.unique(target.values).size}) nearly without error"


def _judge_texts(name: str, values: pa.ChunkedArray, target: Target, *, boolean: bool) -> list[Verdict]:
    codes, labels = _codes(values)
    if len(labels) < 2:
        return []
    verdicts = []
    if len(labels) < 0.95 * len(codes):
        score = best(score_categories(codes, target))
        copy = (
            "a copy or recoding of the target"
            if score.how == "one-to-one"
            else "each of its values goes with one value of the target"
        )
        verdicts.append(_verdict(name, score, copy))
    if boolean:
        return verdicts
    numbers = _parsed(labels)
    if numbers is not None:
        verdicts += _judge_numbers(name, numbers[codes], target)
    elif len(labels) > 0.5 * len(codes):
        verdicts += _judge_words(name, values, target)
    return verdicts


def _parsed(labels: list[str]) -> Any:
    """Return texts as numbers where nearly all read as such (`12 %`, `$3.50`), else None."""
    import numpy as np

    numbers = np.full(len(labels), np.nan)
    unread = 0
    for index, label in enumerate(labels):
        try:
            numbers[index] = float(_MARKS.sub("", label))
        except ValueError:
            unread += 1
            if unread > 0.1 * len(labels) + 1:
                return None
    return np.where(np.isfinite(numbers), numbers, np.nan)


def _judge_words(name: str, values: pa.ChunkedArray, target: Target) -> list[Verdict]:
    """Look for a word whose presence tells the target: chosen on one half of the rows, scored on the other."""
    import numpy as np

    some = np.random.default_rng(0).permutation(len(values))[:4000]
    texts = values.take(some).to_pylist()
    target = target.only(some)
    words = [set(re.findall(r"[^\W\d_]{2,}", text[:500].lower())) for text in texts]
    half = len(words) // 2
    frequent = [word for word, count in Counter(w for row in words[:half] for w in row).most_common(50) if count >= 10]
    best_word, best_gain = "", 0.0
    y = target.values if target.kind == "numeric" else np.eye(len(target.labels))[target.values]
    for word in frequent:
        flag = np.array([word in row for row in words[:half]])
        if 0 < flag.sum() < half:
            gain = float(np.abs(y[:half][flag].mean(axis=0) - y[:half][~flag].mean(axis=0)).max())
            best_word, best_gain = (word, gain) if gain > best_gain else (best_word, best_gain)
    rest = target.only(np.arange(half, len(words)))
    if not best_word or not _enough(rest):
        return []
    scores = score_flag([best_word in row for row in words[half:]], rest)
    return [_verdict(name, best(scores), f"the word {best_word!r} in it tells the target")] if scores else []


def _judge_presence(name: str, values: pa.ChunkedArray, target: Target) -> list[Verdict]:
    """Ask whether being filled tells the target, or is for one class alone, as with what is entered after the event."""
    import numpy as np

    filled = values.is_valid().to_numpy()
    if filled.all() or not filled.any() or not _enough(target):
        return []
    told = target
    if target.kind == "numeric":
        common, counts = np.unique(target.values, return_counts=True)
        usual = common[counts.argmax()]
        if counts.max() >= 0.1 * len(filled) and counts.max() < len(filled):
            told = Target("classes", (target.values != usual).astype(int), (f"{usual:g}", f"not {usual:g}"))
    score = best(score_flag(filled, told))
    verdicts = [_verdict(name, score, "whether it is filled tells the target")]
    if told.kind == "classes":
        verdicts += _one_class_alone(name, filled, told)
    return verdicts


def _one_class_alone(name: str, filled: Any, target: Target) -> list[Verdict]:
    """Accuse a column that is filled (or empty) for one class alone, and for at least half of that class.

    The chance that so many rows all fall to one class must be below one in a million.
    """
    import math

    import numpy as np

    counts = np.bincount(target.values)
    verdicts = []
    for state, word in ((filled, "filled"), (~filled, "empty")):
        inside = np.bincount(target.values[state], minlength=len(counts))
        top = int(inside.argmax())
        rows, share = int(inside.sum()), counts[top] / counts.sum()
        certain = rows >= LEAST_ROWS and rows * math.log(share) < math.log(1e-6)
        pure = inside[top] / max(rows, 1)
        covers = inside[top] / counts[top]
        if certain and pure >= 0.999 and covers >= 0.5:
            where = f"{word} only where the target is {target.labels[top]!r} ({covers:.0%} of those rows)"
            reason = f"{where}: entered after the event?"
            verdicts.append(Verdict(name, float(pure), "purity", reason, accused=True))
    return verdicts
