"""All checks in one, with a score."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Literal

from pydantic import Field

from ..catalogue import action
from ..context import Context
from ..data.dataset import Dataset
from ..results import Check, Finding, worst_first
from ._score import Deduction, deductions, score
from .check_distributions import check_distributions
from .check_duplicates import check_duplicates
from .check_leakage import check_leakage
from .check_missing_values import check_missing_values
from .check_schema_consistency import check_schema_consistency

Status = Literal["passed", "warning", "failed"]
_UNREAD = "reading"


class QualityReport(Check):
    """The findings of all checks, the worst first, and what each cost."""

    score: float = Field(description="0 to 100")
    checks: dict[str, Status] = Field(default_factory=dict)
    deductions: list[Deduction] = Field(default_factory=list)

    def headline(self) -> str:
        counts = [
            (sum(finding.severity == name for finding in self.findings), name) for name in ("high", "medium", "low")
        ]
        told = ", ".join(f"{count} {name}" for count, name in counts if count)
        return f"score {self.score:g} of 100; findings: {told or 'none'}."

    def details(self) -> list[str]:
        lines = []
        for name, status in self.checks.items():
            points = sum(deduction.points for deduction in self.deductions if deduction.check == name)
            lines.append(f"{name}: {status}" + (f", -{points:.1f} points" if points else ""))
        return lines

    def next_steps(self) -> list[str]:
        worst = max(self.deductions, key=lambda deduction: deduction.points, default=None)
        if worst is None:
            return ["suggest_rules proposes rules that would keep it so"]
        step = f"{worst.check} has the details of the worst finding" if worst.check.startswith("check_") else ""
        return [step] if step else []


@action("Quality report", pure=False)
def quality_report(
    dataset: Dataset,
    target: str | None = None,
    context: Context = None,  # type: ignore[assignment]  # injected by the executor; tells progress and the last schema
) -> QualityReport:
    """Run all quality checks (missing, distributions, duplicates, schema, leakage) and score the table from 0 to 100.

    Args:
        dataset: a name, path or URI
        target: column to predict, to look for leakage
        context: injected

    Raises:
        BadRequest: the target does not exist.
    """
    if target is not None:
        dataset.require([target])
    checks = _checks(dataset, target, context)
    results: dict[str, Check] = {}
    for done, (name, run) in enumerate(checks.items()):
        if context is not None:
            context.progress(done, len(checks), name)
        results[name] = run()
    if context is not None:
        context.progress(len(checks), len(checks), "score")
    found = _without_repeats({_UNREAD: _reading(dataset)} | {name: result.findings for name, result in results.items()})
    taken = deductions(found)
    return QualityReport(
        dataset=dataset.name,
        scanned=dataset.everything,
        findings=worst_first([finding for findings in found.values() for finding in findings]),
        score=score(taken),
        checks={name: result.status for name, result in results.items()},
        deductions=taken,
    )


def _checks(dataset: Dataset, target: str | None, context: Context | None) -> dict[str, Callable[[], Check]]:
    """Return the checks that apply, in the order in which they share most of what they compute."""
    checks: dict[str, Callable[[], Check]] = {
        "check_missing_values": partial(check_missing_values, dataset),
        "check_distributions": partial(check_distributions, dataset),
        "check_duplicates": partial(check_duplicates, dataset),
    }
    if context is not None:
        entry = context.registry.get(dataset.name)
        if entry is not None and entry.schema:
            checks["check_schema_consistency"] = partial(check_schema_consistency, dataset, context=context)
    if target is not None:
        checks["check_leakage"] = partial(check_leakage, dataset, target)
    return checks


def _reading(dataset: Dataset) -> list[Finding]:
    """Tell of rows that are not there or could not be read: no check sees them."""
    unread = dataset.reading.unreadable_rows
    if not unread and not dataset.rows:
        message = "the table has no rows: nothing could be checked"
        return [Finding(severity="high", message=message, metric="rows", value=0, threshold=1)]
    if not unread:
        return []
    share = unread / (dataset.rows + unread)
    return [
        Finding(
            severity="high" if share > 0.01 else "medium",
            message=f"{unread:,} rows of the file could not be read ({share:.2%})",
            metric="unreadable_rows",
            value=unread,
            threshold=0,
        )
    ]


def _without_repeats(findings: Mapping[str, Iterable[Finding]]) -> dict[str, list[Finding]]:
    """Where two checks say the same of the same columns, keep the worse, in the check that said it first."""
    kept: dict[str, list[Finding]] = {check: [] for check in findings}
    owners: dict[tuple[object, ...], str] = {}
    for check, found in findings.items():
        for finding in found:
            key = _key(finding)
            owner = kept[owners.setdefault(key, check)]
            place = next((i for i, other in enumerate(owner) if _key(other) == key), None)
            if place is None or owner is kept[check]:
                owner.append(finding)
            elif worst_first([owner[place], finding])[0] is finding:
                owner[place] = finding
    return kept


def _key(finding: Finding) -> tuple[object, ...]:
    """Say what a finding is about; what names no columns is told apart by its words."""
    columns = tuple(sorted(finding.columns))
    return (finding.metric, columns) if columns else (finding.metric, finding.message)
