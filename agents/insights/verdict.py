"""The verdict of a run in a sentence."""

from __future__ import annotations

from collections.abc import Sequence

from ..orchestrator.records import Insight, Request, RunStatus, StepResult

_GOOD = 85
# Of fewer rows than this nothing can be said in general.
_FEW = 10


def verdict(request: Request, insights: Sequence[Insight], results: Sequence[StepResult], status: RunStatus) -> str:
    """Say what a run came to: whether the table is fit, and what stands in the way most.

    Nothing is said before it is known: of a run that has not come to its end, or whose checks were not done.
    """
    if status not in {"done", "waiting"}:
        done = sum(result.status == "done" for result in results)
        return f"No verdict: the run is {status}, after {done} step{'s' if done != 1 else ''}."
    checked = next((result for result in results if result.step.action == "quality_report"), None)
    if checked is None or checked.status != "done":
        why = "the quality of the table was not checked" if checked is None else checked.text[:300]
        return f"No verdict: {why}"
    if checked.rows is not None and checked.rows < _FEW:
        return f"No verdict: {checked.rows or 'no'} row{'s' if checked.rows != 1 else ''} are too few to judge."
    told = f" Score {checked.score:g} of 100." if checked.score is not None else ""
    return _judged(request, insights, checked.score) + told + _left_out(results)


def _judged(request: Request, insights: Sequence[Insight], score: float | None) -> str:
    purpose = f"to predict {request.target!r}" if request.target else "as it is"
    high = [insight for insight in insights if insight.severity == "high"]
    medium = [insight for insight in insights if insight.severity == "medium"]
    if high:
        reasons = "; ".join(insight.title[:1].lower() + insight.title[1:] for insight in high[:3])
        return f"Not fit {purpose} yet: {reasons}."
    if medium:
        things = "1 thing is" if len(medium) == 1 else f"{len(medium)} things are"
        return f"Usable {purpose} once {things} put right."
    good = score is None or score >= _GOOD
    return f"{'Fit' if good else 'Nothing stands in the way'} {purpose}: nothing severe was found."


def _left_out(results: Sequence[StepResult]) -> str:
    """Name the steps of which nothing is known: what they would have found is missing from the verdict."""
    missing = [result.step.action for result in results if result.status != "done" and result.text != "declined"]
    return f" Not looked at: {', '.join(dict.fromkeys(missing))}." if missing else ""
