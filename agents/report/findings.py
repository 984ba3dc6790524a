"""The findings of all steps, each told once with the steps that found it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby

from ...tools.results import Finding, Severity
from ..orchestrator.records import Quote, RunReport, StepResult
from . import reading, words

SEVERITIES: tuple[Severity, ...] = ("high", "medium", "low")
_EXAMPLES = 5


@dataclass
class Found:
    """A finding with its place in the report and the places of the steps that found it."""

    anchor: str
    finding: Finding
    steps: list[int] = field(default_factory=list)

    @property
    def severity(self) -> Severity:
        """How bad it is."""
        return self.finding.severity

    @property
    def facts(self) -> list[tuple[str, str]]:
        """The numbers behind it, each with its name."""
        told = self.finding
        facts = (
            [("Columns", words.listed([words.clipped(name, 80) for name in told.columns], 12))] if told.columns else []
        )
        facts.append(("Measure", told.metric))
        if told.value is not None:
            facts.append(("Value", words.value(told.value)))
        if told.threshold is not None:
            facts.append(("Threshold", words.value(told.threshold)))
        if told.evidence.rows is not None:
            facts.append(("Rows", words.number(told.evidence.rows)))
        return facts

    @property
    def examples(self) -> list[str]:
        """A few examples, each on one line."""
        return [words.clipped(words.value(item)) for item in self.finding.evidence.examples[:_EXAMPLES]]


def of_step(result: StepResult, report: RunReport) -> list[Finding]:
    """Return the findings of a step: those it answered, or those of its whole result where that has more."""
    whole = reading.findings(report.details.get(result.step.id, {}))
    return whole if len(whole) > len(result.findings) else result.findings


def gather(report: RunReport) -> list[Found]:
    """Return what all steps found, the worst first; what several found alike comes once, as the worst of them."""
    found: dict[tuple[str, ...], Found] = {}
    for place, result in enumerate(report.steps, 1):
        for finding in of_step(result, report):
            kept = found.setdefault((finding.message, *sorted(finding.columns)), Found("", finding))
            kept.finding = min(kept.finding, finding, key=_badness)
            if place not in kept.steps:
                kept.steps.append(place)
    ordered = sorted(found.values(), key=lambda item: SEVERITIES.index(item.severity))
    for place, item in enumerate(ordered, 1):
        item.anchor = f"finding-{place}"
    return ordered


def _badness(finding: Finding) -> tuple[int, bool]:
    return SEVERITIES.index(finding.severity), finding.evidence.query is None


def by_severity(found: Iterable[Found]) -> list[tuple[Severity, list[Found]]]:
    """Group findings that are sorted by severity."""
    return [(severity, list(items)) for severity, items in groupby(found, key=lambda item: item.severity)]


def shown_by(quote: Quote, columns: list[str], place: int, found: Iterable[Found]) -> list[Found]:
    """Return the findings of a step that hold a number which an insight about these columns quotes."""
    return [
        item
        for item in found
        if place in item.steps
        and (not columns or not item.finding.columns or set(columns) & set(item.finding.columns))
        and any(_holds(item.finding, quoted) for quoted in quote.numbers)
    ]


def _holds(finding: Finding, quoted: float) -> bool:
    held = [item for item in (finding.value, finding.evidence.rows) if isinstance(item, int | float)]
    return any(
        math.isclose(quoted, item, rel_tol=1e-6) or math.isclose(quoted, 100 * item, rel_tol=1e-6) for item in held
    )
