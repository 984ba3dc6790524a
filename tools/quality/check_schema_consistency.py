"""The check that a table has the columns and types that it should."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Any

from pydantic import Field

from ..catalogue import action
from ..context import Context
from ..data.dataset import Dataset
from ..errors import BadRequest
from ..results import Check, Evidence, Finding, Model, Severity, worst_first
from ._rules_predicates import not_of_type
from ._rules_types import TypeName, misfit, parse_type, type_of

# A name is taken for another one when they differ in about one letter of six.
_ALIKE = 0.8
_SHOWN = 12


class TypeMismatch(Model):
    """A column whose stored type is not the expected one; `low` where the values convert without loss."""

    column: str
    expected: str
    actual: str
    severity: Severity = "high"
    reason: str = ""


class Rename(Model):
    """A missing column that is most likely here under another name."""

    expected: str
    actual: str


class SchemaConsistency(Check):
    """How the columns and types differ from what was expected."""

    compared_with: str
    missing_columns: list[str] = Field(default_factory=list)
    extra_columns: list[str] = Field(default_factory=list)
    type_mismatches: list[TypeMismatch] = Field(default_factory=list)
    renamed: list[Rename] = Field(default_factory=list)
    actual_schema: dict[str, str] = Field(default_factory=dict)

    def headline(self) -> str:
        if self.compared_with == "nothing":
            return (
                "no expected schema, no reference and no last known schema of this name: this is the schema as it is."
            )
        differences = len(self.missing_columns) + len(self.extra_columns) + len(self.type_mismatches)
        if not differences:
            return f"all {len(self.actual_schema)} columns are as in {self.compared_with}."
        return (
            f"against {self.compared_with}: {len(self.missing_columns)} missing, {len(self.extra_columns)} extra, "
            f"{len(self.type_mismatches)} of another type."
        )

    def details(self) -> list[str]:
        columns = [f"{_cut(name, 40)} {_cut(kind, 40)}" for name, kind in self.actual_schema.items()]
        more = f" and {len(columns) - 40} more" if len(columns) > 40 else ""
        return [f"schema: {', '.join(columns[:40])}{more}"]

    def next_steps(self) -> list[str]:
        if self.compared_with == "nothing":
            return [
                "pass expected={column: type} or reference=DATASET; load_dataset keeps the schema of a named dataset"
            ]
        return []


@action("Schema consistency", pure=False)
def check_schema_consistency(
    dataset: Dataset,
    expected: dict[str, str] | None = None,
    reference: Dataset | None = None,
    context: Context = None,  # type: ignore[assignment]  # injected by the executor; only the last known schema needs it
) -> SchemaConsistency:
    """Compare columns and types with an expected schema, a reference dataset, or the last known schema of that name.

    Args:
        dataset: a name, path or URI
        expected: column types, such as int, float, text, date, decimal(10,2), email, any
        reference: dataset with the right schema
        context: injected; knows the last schemas

    Raises:
        BadRequest: a type name is unknown, or both `expected` and `reference` are given.
    """
    compared_with, wanted = _wanted(dataset, expected, reference, context)
    if wanted is None:
        return _nothing_to_compare(dataset)
    missing = [name for name in wanted if name not in dataset.schema]
    extra = [name for name in dataset.schema if name not in wanted]
    renamed = _renames(missing, extra, wanted, dataset)
    mismatches, findings = _types(dataset, wanted)
    findings += _columns(missing, extra, renamed)
    return SchemaConsistency(
        dataset=dataset.name,
        scanned=dataset.everything,
        findings=worst_first(findings),
        compared_with=compared_with,
        missing_columns=missing,
        extra_columns=extra,
        type_mismatches=mismatches,
        renamed=renamed,
        actual_schema=_written(dataset),
    )


def _wanted(
    dataset: Dataset, expected: Mapping[str, str] | None, reference: Dataset | None, context: Context | None
) -> tuple[str, dict[str, TypeName] | None]:
    """Return what to compare with, in words and as types."""
    if expected is not None and reference is not None:
        raise BadRequest("pass expected or reference, not both: they may contradict each other")
    if expected is not None:
        if not expected:
            raise BadRequest("expected is empty: give a type for each column, or leave it out")
        return "the expected schema", {name: parse_type(kind) for name, kind in expected.items()}
    if reference is not None:
        return f"reference {reference.name!r}", {name: type_of(dtype) for name, dtype in reference.schema.items()}
    entry = context.registry.get(dataset.name) if context is not None else None
    if entry is None or not entry.schema:
        return "nothing", None
    seen = f" of {entry.seen_at}" if entry.seen_at else ""
    return f"the last known schema{seen}", {name: _recorded(kind) for name, kind in entry.schema.items()}


def _recorded(kind: str) -> TypeName:
    """Read a type that was recorded from a table; one of an unknown engine stands for any."""
    try:
        return parse_type(kind, exact=True)
    except BadRequest:
        return TypeName(kind, "any")


def _written(dataset: Dataset) -> dict[str, str]:
    return {name: str(dtype) for name, dtype in dataset.schema.items()}


def _nothing_to_compare(dataset: Dataset) -> SchemaConsistency:
    return SchemaConsistency(
        dataset=dataset.name,
        scanned=dataset.everything,
        findings=[
            Finding(
                severity="low",
                message=f"nothing to compare {dataset.name!r} with, so nothing was checked",
                metric="compared_columns",
                value=0,
            )
        ],
        compared_with="nothing",
        actual_schema=_written(dataset),
    )


def _types(dataset: Dataset, wanted: Mapping[str, TypeName]) -> tuple[list[TypeMismatch], list[Finding]]:
    """Compare the types of the columns on both sides; text is looked into, since text may read as what is expected."""
    misfits = {}
    for name, expected in wanted.items():
        if name in dataset.schema:
            found = misfit(expected, type_of(dataset.schema[name]))
            if found is not None:
                misfits[name] = found
    texts = [name for name in misfits if dataset.schema[name].is_string()]
    unread = _unread(dataset, {name: wanted[name] for name in texts})
    mismatches, findings = [], []
    for name, found in misfits.items():
        severity, why, evidence = found.severity, found.why, Evidence()
        if name in unread:
            severity, why, evidence = _judge_text(wanted[name], *unread[name])
        written = (wanted[name].written, str(dataset.schema[name]))
        mismatches.append(
            TypeMismatch(column=name, expected=written[0], actual=written[1], severity=severity, reason=why)
        )
        findings.append(
            Finding(
                severity=severity,
                columns=[name],
                message=f"{name!r} is {_cut(written[1], 60)}, expected {_cut(written[0], 60)}: {why}",
                metric="type",
                value=written[1],
                threshold=written[0],
                evidence=evidence,
            )
        )
    rank = {"high": 0, "medium": 1, "low": 2}
    return sorted(mismatches, key=lambda mismatch: rank[mismatch.severity]), findings


def _unread(dataset: Dataset, expected: Mapping[str, TypeName]) -> dict[str, tuple[int, int, Any, Any]]:
    """Count, for text columns, the values and those that do not read as the expected type, with two examples."""
    expressions: dict[str, Any] = {}
    for name, kind in expected.items():
        column, broken = dataset.table[name], not_of_type(dataset, name, kind)
        if broken is not None:
            expressions[f"filled {name}"], expressions[f"broken {name}"] = column.count(), broken.sum()
            expressions[f"least {name}"], expressions[f"greatest {name}"] = (
                column.min(where=broken),
                column.max(where=broken),
            )
    values = dataset.aggregate(expressions) if expressions else {}
    return {
        name: (
            int(values[f"filled {name}"] or 0),
            int(values[f"broken {name}"] or 0),
            values[f"least {name}"],
            values[f"greatest {name}"],
        )
        for name in expected
        if f"filled {name}" in values
    }


def _judge_text(
    expected: TypeName, filled: int, broken: int, least: Any, greatest: Any
) -> tuple[Severity, str, Evidence]:
    if not filled:
        return "low", "the column is empty, so that its type cannot be told", Evidence(rows=0)
    if not broken:
        return "medium", f"every value is text that reads as {expected.written}; cast it", Evidence(rows=0)
    examples = [_cut(str(value), 60) for value in dict.fromkeys((least, greatest))]
    why = f"{broken:,} of {filled:,} values do not read as {expected.written}, e.g. {', '.join(map(repr, examples))}"
    return "high", why, Evidence(rows=broken, examples=examples)


def _renames(missing: list[str], extra: list[str], wanted: Mapping[str, TypeName], dataset: Dataset) -> list[Rename]:
    """Pair missing columns with extra ones of like name and fitting type, the most alike first."""
    pairs = []
    # Wide tables that share nothing would be compared name by name for minutes.
    if len(missing) * len(extra) <= 40_000:
        for name in missing:
            for other in extra:
                alike = _likeness(name, other)
                found = misfit(wanted[name], type_of(dataset.schema[other])) if alike >= _ALIKE else None
                if alike == 1 or (alike >= _ALIKE and (found is None or found.severity != "high")):
                    pairs.append((-alike, name, other))
    renames: dict[str, str] = {}
    for _, name, other in sorted(pairs):
        if name not in renames and other not in renames.values():
            renames[name] = other
    return [Rename(expected=name, actual=renames[name]) for name in missing if name in renames]


def _likeness(left: str, right: str) -> float:
    """Compare two names without regard to case and punctuation: 1 when that is all that differs."""
    first, second = (re.sub(r"[\W_]", "", name).casefold() for name in (left, right))
    if first == second:
        return 1.0 if first or left.casefold() == right.casefold() else 0.0
    # Digits tell series apart: `q1` and `q2` are two columns, not one misspelt.
    if re.findall(r"\d+", left) != re.findall(r"\d+", right):
        return 0.0
    matcher = difflib.SequenceMatcher(None, first, second)
    # A swap of two letters counts as one slip, as it does to people.
    swapped = sorted(first) == sorted(second) and len(first) > 3
    return max(matcher.ratio() if matcher.quick_ratio() >= _ALIKE else 0.0, 0.85 if swapped else 0.0)


def _columns(missing: list[str], extra: list[str], renamed: list[Rename]) -> list[Finding]:
    findings = []
    for rename in renamed:
        only_case = rename.expected.casefold() == rename.actual.casefold()
        how = "letters differ in case only" if only_case else "most likely renamed"
        findings.append(
            Finding(
                severity="medium" if only_case else "high",
                columns=[rename.expected],
                message=f"column {rename.expected!r} is missing; {rename.actual!r} is here instead ({how})",
                metric="renamed_column",
                value=rename.actual,
                threshold=rename.expected,
            )
        )
    gone = [name for name in missing if name not in {rename.expected for rename in renamed}]
    new = [name for name in extra if name not in {rename.actual for rename in renamed}]
    if gone:
        findings.append(_named("high", gone, "missing", "missing_columns"))
    if new:
        findings.append(_named("low", new, "not expected", "extra_columns"))
    return findings


def _named(severity: Severity, names: list[str], what: str, metric: str) -> Finding:
    shown = ", ".join(repr(_cut(name, 40)) for name in names[:_SHOWN])
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    subject = f"column {shown} is" if len(names) == 1 else f"{len(names)} columns are"
    return Finding(
        severity=severity,
        columns=names,
        message=f"{subject} {what}" + ("" if len(names) == 1 else f": {shown}{more}"),
        metric=metric,
        value=len(names),
        threshold=0,
    )


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
