"""Which column is what: the judgement of `assign_feature_roles`, on training rows alone."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..columns import ColumnProfile, Glance, glance_at_columns, profile_columns
from ..data.dataset import Dataset
from ..data.values import as_python
from ..errors import BadRequest
from ..explore.infer_schema import meanings
from ..kinds import UNIQUE
from ..placeholders import AMBIGUOUS, NEGATIVE_SENTINELS, PLACEHOLDERS, POSITIVE_SENTINELS, fold
from ..quality.check_leakage import check_leakage
from ..quality.check_missing_values import check_missing_values
from ..readings import datetime_format
from ._declared import READ_ROLES, ColumnRole, Role

if TYPE_CHECKING:
    from ..explore._semantics import Guess

# With more levels than this a category is not spread over columns of its own.
LOW_CARDINALITY = 20
# A column that is all but always missing but else constant still tells something: whether it is there.
_TELLING = 0.01
_YES = frozenset({"true", "t", "yes", "y", "1", "on", "ja", "oui", "si", "sí"})
# What the same two values may come as in another file.
_SAID_OTHERWISE = {"true": 1.0, "false": 0.0, "1": 1.0, "0": 0.0}
_NO = frozenset({"false", "f", "no", "n", "0", "off", "nein", "non"})
_SINGLE = frozenset({"email", "phone", "uuid", "url", "ip"})
_PERSONAL = frozenset({"email", "phone"})
_MEASURED = frozenset({"numeric", "percentage", "currency"})
# Findings tell a sentinel in 15 digits.
_SENTINELS = {f"{float(value):.15g}": float(value) for value in (*NEGATIVE_SENTINELS, *POSITIVE_SENTINELS)}
_PROSE_WORDS = 3.0


@dataclass(frozen=True)
class Judged:
    """A column's role, how the reader of the pipeline is to read it (None: not at all), and the share of its values.

    Attributes:
        filled: the share of rows in which there is a value, and none that stands for missing.
        absent: what stands for missing and is read as such.
    """

    role: ColumnRole
    input: dict[str, Any] | None
    filled: float
    absent: list[Any]


def judge_columns(
    training: Dataset, target: str | None, overrides: Mapping[str, Role], of: int | None = None
) -> list[Judged]:
    """Judge every column of the training rows.

    Args:
        training: training rows, all columns.
        target: what is to be predicted.
        overrides: roles that were told.
        of: how many training rows there are, if these are some of them.
    """
    profiles, glances = profile_columns(training), glance_at_columns(training, training.columns)
    leaks = _leaks(training, target)
    missing = {c.column: c.placeholders for c in check_missing_values(training).columns if c.disguised}
    judged = []
    for name in training.columns:
        about = _Facts(profiles[name], glances[name], missing.get(name, {}), max(of or 0, training.rows))
        role = _role(name, target, overrides, leaks, about)
        there = about.filled - sum(about.placeholders.values())
        read = _input(role, about)
        judged.append(Judged(role, read, max(0.0, there / about.profile.rows), _absent(read, about)))
    return judged


@dataclass(frozen=True)
class _Facts:
    profile: ColumnProfile
    glance: Glance
    placeholders: Mapping[str, int]
    of: int

    @property
    def repeats(self) -> bool:
        """Whether values that look unique in these rows come again among all training rows."""
        filled = round(self.of * self.filled / max(1, self.profile.rows))
        return self.of > self.profile.rows and self.glance.distinct(filled) < UNIQUE * filled

    @property
    def best(self) -> Guess:
        return meanings(self.profile, self.glance)[0]

    @property
    def filled(self) -> int:
        return self.profile.rows - self.profile.nulls

    @property
    def textual(self) -> bool:
        return "string" in self.profile.storage


def _leaks(training: Dataset, target: str | None) -> dict[str, tuple[float, str]]:
    if target is None:
        return {}
    try:
        found = check_leakage(training, target)
    except BadRequest:  # too few rows of each class to tell a leak from a good predictor
        return {}
    accused = {name for finding in found.findings if finding.severity == "high" for name in finding.columns}
    return {item.column: (item.score, item.reason) for item in found.suspicious if item.column in accused}


def _role(
    name: str,
    target: str | None,
    overrides: Mapping[str, Role],
    leaks: Mapping[str, tuple[float, str]],
    about: _Facts,
) -> ColumnRole:
    if name == target:
        return ColumnRole(column=name, role="target", confidence=1.0, reason="as asked")
    if name in overrides:
        role = overrides[name]
        leak = f", although it gives the target away: {leaks[name][1]}" if name in leaks and role in READ_ROLES else ""
        return ColumnRole(
            column=name, role=role, confidence=1.0, reason=f"as told{leak}", cardinality=_cardinality(role, about)
        )
    if name in leaks and about.profile.kind not in {"empty", "constant"}:
        score, reason = leaks[name]
        return ColumnRole(column=name, role="leaking", confidence=round(min(score, 1.0), 3), reason=reason)
    role, confidence, reason = _judge(about)
    return ColumnRole(
        column=name,
        role=role,
        confidence=round(confidence, 3),
        reason=reason,
        cardinality=_cardinality(role, about),
    )


def _cardinality(role: Role, about: _Facts) -> Any:
    if role != "categorical":
        return None
    return "low" if about.profile.distinct <= LOW_CARDINALITY else "high"


def _judge(about: _Facts) -> tuple[Role, float, str]:
    profile, best = about.profile, about.best
    if profile.kind == "empty":
        return "ignore", 1.0, "no values in the training rows"
    if profile.kind == "other":
        return "ignore", 0.9, f"values of type {profile.storage} are no features"
    if profile.kind == "constant":
        if profile.nulls >= _TELLING * profile.rows and about.filled >= _TELLING * profile.rows:
            return "categorical", 0.8, f"one value or none ({profile.nulls / profile.rows:.0%} missing)"
        return "constant", 1.0, "one value only"
    measured = about.textual and best.semantic in {*_MEASURED, "datetime"} and best.confidence >= 0.8
    if profile.kind == "id" and not measured and about.repeats:
        return "categorical", 0.7, f"all but unique in {about.filled:,} rows, but not in {about.of:,}"
    if profile.kind == "id" and not measured:
        return "id", best.confidence, f"{profile.distinct:,} different values in {about.filled:,} rows"
    if profile.kind == "boolean":
        return "boolean", best.confidence, "two values"
    if profile.kind == "datetime":
        return "datetime", best.confidence, f"{profile.storage}"
    if about.textual:
        return _judge_text(about, best)
    if best.semantic == "categorical" or profile.kind == "categorical":
        return "categorical", best.confidence, f"{profile.distinct:,} codes"
    if best.semantic == "datetime":
        return "datetime", best.confidence, f"digits that count {best.form}" if "since" in best.form else best.form
    if best.semantic in {"postal_code", "phone"}:
        return "categorical", best.confidence, f"digits of a {best.semantic.replace('_', ' ')}"
    sure = min(best.confidence, 0.95) if best.semantic in {"numeric", "currency", "percentage", "geo"} else 0.7
    return "numeric", sure, "numbers" if best.semantic == "numeric" else f"numbers ({best.semantic})"


def _judge_text(about: _Facts, best: Guess) -> tuple[Role, float, str]:
    profile = about.profile
    if best.semantic in _MEASURED and best.confidence >= 0.8:
        if "unit" in best.form:
            reason = f"{best.form}: texts, as long as they are not in one unit"
            return "categorical", 0.5, reason
        return "numeric", best.confidence, f"texts that read as {best.form or 'numbers'}"
    if best.semantic == "boolean" and best.confidence >= 0.8 and len(_flag_words(about)) == 2:
        return "boolean", best.confidence, f"two values ({best.form})"
    if best.semantic == "datetime" and best.confidence >= 0.8:
        return "datetime", best.confidence, f"texts that read as dates ({best.form})"
    if best.semantic in _SINGLE and profile.distinct > 0.9 * about.filled:
        return "id", best.confidence, f"{best.semantic}s, all but each row its own"
    if best.semantic in _PERSONAL and best.confidence >= 0.8 and profile.distinct > LOW_CARDINALITY:
        return "id", best.confidence, f"{best.semantic}s: they name persons"
    words = about.glance.shares.get("words", 1.0)
    if profile.kind == "text" and words >= _PROSE_WORDS:
        return "text", 0.9, f"{words:.0f} words on average, {profile.distinct:,} different"
    confidence = 0.9 if profile.kind == "categorical" else 0.7
    return "categorical", confidence, f"{profile.distinct:,} different texts"


def _input(role: ColumnRole, about: _Facts) -> dict[str, Any] | None:
    """Return how a column is to be read, as plain JSON."""
    name, hidden = role.column, sorted(about.placeholders)
    if role.role == "numeric":
        return {
            "name": name,
            "kind": "number",
            "missing": [_SENTINELS.get(v, float(v)) for v in hidden if _is_number(v)],
        }
    if role.role == "boolean":
        return {"name": name, "kind": "flag", "labels": _labels(_flag_words(about))}
    if role.role == "datetime":
        return {
            "name": name,
            "kind": "datetime",
            "missing": [value[:10] for value in hidden if datetime_format(value)],
            "day_first": _day_first(about.glance) if about.textual else False,
        }
    if role.role in {"categorical", "text"}:
        kind = "category" if role.role == "categorical" else "text"
        return {"name": name, "kind": kind, "missing": [v for v in hidden if fold(v) not in AMBIGUOUS]}
    return None


def _absent(read: dict[str, Any] | None, about: _Facts) -> list[Any]:
    """Return what is read as missing: what was declared so, and words in a column of no words; NaN goes untold."""
    if read is None:
        return []
    words = PLACEHOLDERS - {"nan"} if read["kind"] in {"number", "flag", "datetime"} else frozenset()
    return [*read.get("missing", ()), *(word for word in sorted(about.placeholders) if fold(word) in words)]


def _is_number(text: str) -> bool:
    """Tell whether a placeholder is a number; NaN is missing without being told."""
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _flag_words(about: _Facts) -> set[str]:
    """Return the different values as a flag is read, without those that stand for missing."""
    import pandas as pd

    from ._cells import texts

    seen = {str(text).strip().lower() for text in texts(pd.Series(as_python(about.glance.values), dtype=object))}
    return seen - {fold(word) for word in about.placeholders} - {""}


def _labels(words: set[str]) -> dict[str, float]:
    """Return the two texts of a flag as 1 and 0: what says yes is 1, else the later in the alphabet."""
    ordered = sorted(words, key=lambda word: (word in _YES, word not in _NO, word))
    if len(ordered) > 2 or not ordered:
        return {"true": 1.0, "false": 0.0, "1": 1.0, "0": 0.0, "yes": 1.0, "no": 0.0}
    if len(ordered) == 1 and ordered[0] in _NO:
        return {**_SAID_OTHERWISE, ordered[0]: 0.0}
    labels = {word: float(place == len(ordered) - 1) for place, word in enumerate(ordered)}
    return {**_SAID_OTHERWISE, **labels} if words <= _YES | _NO else labels


def _day_first(glance: Glance) -> bool:
    """Tell whether dates such as 03/04/2025 begin with the day, by those that can only be read in one way."""
    formats: Counter[str] = Counter()
    for value, count in zip(glance.values.slice(0, 2_000).to_pylist(), glance.counts.to_pylist(), strict=False):
        formats[datetime_format(value) or ""] += count
    day = sum(count for label, count in formats.items() if label.startswith("D/M") and " or " not in label)
    month = sum(count for label, count in formats.items() if label.startswith("M/D") and " or " not in label)
    return day > month
