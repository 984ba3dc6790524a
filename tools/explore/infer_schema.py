"""The schema of a table: how each column is stored, and what it means."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field

from ..catalogue import action
from ..columns import ColumnProfile, Glance, glance_at_columns, profile_columns
from ..data.dataset import Dataset
from ..data.values import as_python
from ..readings import name_words
from ..results import Evidence, Finding, Model, Result, Scanned, worst_first
from ._semantics import Guess, Texts, guess_number, guess_text

# How sure the kind makes one of the meaning of the same name; that of text is what is left when nothing else fits.
_SURE = {"id": 0.9, "numeric": 0.95, "categorical": 0.9, "datetime": 0.99, "boolean": 0.97, "text": 0.9, "other": 0.9}
_EXAMPLES = 3
_LONGEST = 60
# Different texts that are read; the most frequent of the sample.
_TEXTS = 2_000


class Alternative(Model):
    """A meaning that a column may have."""

    semantic: str
    confidence: float
    format: str = ""


class InferredColumn(Model):
    """One column: `storage` is the engine's type, `semantic` what values mean, `suggested` a better type."""

    column: str
    storage: str
    semantic: str
    confidence: float
    nullable: bool
    format: str = ""
    suggested: str | None = None
    placeholders: int = Field(0, description="values in the sample that stand for missing")
    examples: list[Any] = Field(default_factory=list)


class Uncertain(Model):
    """A column of whose meaning one can't be sure enough, and what it may be."""

    column: str
    storage: str
    alternatives: list[Alternative]


class InferredSchema(Result):
    """The columns in the order of the table; `schema` is what `check_schema_consistency` takes as `expected`."""

    # `schema` is a method of every pydantic model, so in Python the field is called `types`.
    model_config = ConfigDict(serialize_by_alias=True, validate_by_name=True)

    columns: list[InferredColumn] = Field(default_factory=list)
    uncertain: list[Uncertain] = Field(default_factory=list)
    types: dict[str, str] = Field(default_factory=dict, alias="schema")

    def headline(self) -> str:
        told = f"{len(self.columns)} columns: {len(self.columns) - len(self.uncertain)} with a clear meaning"
        return f"{told}, {len(self.uncertain)} uncertain." if self.uncertain else f"{told}."

    def details(self) -> list[str]:
        lines = [
            f"{column.column}: {column.storage} → {column.semantic}"
            + (f" ({column.format})" if column.format else "")
            + (", nullable" if column.nullable else "")
            for column in self.columns[:40]
        ]
        for unclear in self.uncertain[:10]:
            options = ", ".join(f"{option.semantic} {option.confidence:.0%}" for option in unclear.alternatives)
            lines.append(f"uncertain: {unclear.column} may be {options or 'anything'}")
        return lines

    def next_steps(self) -> list[str]:
        return ["To watch this schema: check_schema_consistency with `schema` as `expected`."] if self.columns else []


@action("Infer schema")
def infer_schema(dataset: Dataset, confidence_threshold: Annotated[float, Field(ge=0, le=1)] = 0.8) -> InferredSchema:
    """Infer each column's storage and semantic type (id, datetime, email, phone, currency, geo …) with confidence.

    Args:
        dataset: a name, path or URI
        confidence_threshold: below it a column is reported as uncertain, with the alternatives
    """
    names = dataset.columns
    profiles = profile_columns(dataset)
    glances = glance_at_columns(dataset, names)
    columns, uncertain = [], []
    for name in names:
        guesses = meanings(profiles[name], glances[name])
        column = _column(profiles[name], glances[name], guesses)
        columns.append(column)
        if column.confidence < confidence_threshold:
            uncertain.append(
                Uncertain(
                    column=name,
                    storage=column.storage,
                    alternatives=[
                        Alternative(semantic=guess.semantic, confidence=round(guess.confidence, 3), format=guess.form)
                        for guess in guesses[:4]
                    ],
                )
            )
    rows = min((glance.rows for glance in glances.values()), default=dataset.rows)
    return InferredSchema(
        dataset=dataset.name,
        scanned=dataset.everything
        if rows == dataset.rows
        else Scanned(rows=rows, of=dataset.rows, method="random sample, seed 0; types, nulls and extremes of all rows"),
        findings=worst_first([finding for column in columns for finding in _findings(column)]),
        columns=columns,
        uncertain=uncertain,
        types={name: profiles[name].storage for name in names},
    )


def meanings(profile: ColumnProfile, glance: Glance) -> list[Guess]:
    """Return what a column may mean, the likeliest first: never empty."""
    kind = profile.kind
    if kind in {"empty", "constant"}:
        return [Guess(kind, 1.0), *_special(profile, glance)]
    special = _special(profile, glance)
    if profile.storage == "uuid":
        return [Guess("uuid", 0.99)]
    # What a column is beside its kind counts only as far as the special meanings leave room.
    left = 1 - max((guess.confidence for guess in special if guess.confidence >= 0.5), default=0.0)
    plain = Guess(kind, _SURE[kind] if left == 1 else min(_SURE[kind], max(left, 0.05)))
    if not special and _may_be_codes(profile):
        return [Guess("numeric", 0.7), Guess("categorical", 0.6, "codes")]
    # A key that happens to have the form of a number is still a key.
    if kind == "id" and not any(guess.semantic in {"uuid", "email", "url", "ip"} for guess in special):
        plain = Guess(kind, _SURE[kind])
    return sorted([*special, plain], key=lambda guess: -guess.confidence)


def _may_be_codes(profile: ColumnProfile) -> bool:
    """Tell whether a few small integers may be labels as well as counts, for all that the name says."""
    counted = {"count", "num", "number", "n", "quantity", "qty", "age", "year", "month", "day", "hour", "week", "size"}
    measured = counted | {"rating", "score", "stars", "total", "rank", "minutes", "days", "years", "length", "level"}
    few = profile.distinct <= 10 and profile.rows - profile.nulls > 50
    return (
        profile.kind == "numeric" and "int" in profile.storage and few and not measured & set(name_words(profile.name))
    )


def _special(profile: ColumnProfile, glance: Glance) -> list[Guess]:
    if profile.storage.removeprefix("!") in {"string"} and len(glance.values):
        guesses = guess_text(_texts(glance))
        total = len(glance.values)
        # Few different digits that come again and again are codes, unless there are many of them.
        return [guess for guess in guesses if not (guess.semantic == "phone" and guess.share < 0.5 and total > 1)]
    if profile.minimum is not None and profile.kind in {"numeric", "categorical", "id"}:
        integer = "int" in profile.storage
        return guess_number(profile.name, profile.minimum, profile.maximum, integer=integer)
    return []


def _texts(glance: Glance) -> Texts:
    shown = glance.values.slice(0, _TEXTS).to_pylist()
    return Texts.of(glance.name, shown, glance.counts.slice(0, _TEXTS).to_pylist())


def _column(profile: ColumnProfile, glance: Glance, guesses: list[Guess]) -> InferredColumn:
    best = guesses[0]
    placeholders = 0
    if profile.storage.removeprefix("!") == "string" and profile.kind != "empty":
        placeholders = _texts(glance).missing
    return InferredColumn(
        column=profile.name,
        storage=profile.storage,
        semantic=best.semantic,
        confidence=round(best.confidence, 3),
        nullable=profile.nulls > 0,
        format=best.form,
        suggested=_suggest(profile, best),
        placeholders=placeholders,
        examples=[_shown(value) for value in as_python(glance.values.slice(0, _EXAMPLES))],
    )


def _suggest(profile: ColumnProfile, best: Guess) -> str | None:
    """Return the type that texts, or digits, should have been stored in."""
    textual = "string" in profile.storage
    if textual and best.semantic in {"numeric", "percentage", "currency"}:
        return "float64"
    if textual and best.semantic == "boolean":
        return "boolean"
    if best.semantic == "datetime" and not profile.storage.startswith(("timestamp", "date")):
        return "date" if best.form and "time" not in best.form and "since" not in best.form else "timestamp"
    return None


def _shown(value: Any) -> Any:
    if isinstance(value, str):
        return value if len(value) <= _LONGEST else value[: _LONGEST - 1] + "…"
    return value if isinstance(value, int | float | bool) else str(value)


def _findings(column: InferredColumn) -> list[Finding]:
    if column.suggested is None:
        return []
    what = "digits" if "string" not in column.storage else "text"
    held = f" ({column.format})" if column.format else ""
    message = (
        f"{column.column!r} is stored as {what} but holds {column.semantic} values{held}; read it as {column.suggested}"
    )
    return [
        Finding(
            severity="low",
            columns=[column.column],
            message=message,
            metric="suggested_type",
            value=column.suggested,
            evidence=Evidence(examples=column.examples),
        )
    ]
