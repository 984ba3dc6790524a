"""The score of a table: 100, less the points that its findings take.

A finding takes 12 points when it is high, 5 when medium, 1 when low. Within one check the worst counts whole and each
further one 0.8 of what it would as the one before, so that one check takes at most 60 points however wide the table is
(12 + 9.6 + 7.7 + …). So a clean table has 100; another finding, or a worse one, never raises the score; and any number
of low findings never weighs more than one of medium severity.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import Field

from ..results import Finding, Model, Severity, worst_first

POINTS: dict[Severity, float] = {"high": 12.0, "medium": 5.0, "low": 1.0}
FURTHER = 0.8


class Deduction(Model):
    """The points that one finding took, and the check that found it."""

    check: str
    severity: Severity
    columns: list[str] = Field(default_factory=list)
    points: float
    message: str


def deductions(findings: Mapping[str, Sequence[Finding]]) -> list[Deduction]:
    """Return what each finding takes, by check, most points first."""
    taken = [
        Deduction(
            check=check,
            severity=finding.severity,
            columns=finding.columns,
            points=POINTS[finding.severity] * FURTHER**place,
            message=finding.message,
        )
        for check, found in findings.items()
        for place, finding in enumerate(worst_first(list(found)))
    ]
    return sorted(taken, key=lambda deduction: -deduction.points)


def score(taken: Sequence[Deduction]) -> float:
    """Return the score from 0 to 100, to a tenth."""
    return round(max(0.0, 100.0 - sum(deduction.points for deduction in taken)), 1)
