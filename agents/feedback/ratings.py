"""What a person thought of an insight, with all that is needed to learn from it when the run is gone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from ...tools.context import Caller
from ...tools.errors import BadRequest, unknown
from ...tools.masking import mask
from ...tools.results import Finding, Model, Severity
from ..orchestrator.records import Insight, Request, StepResult
from ..orchestrator.runs import Run

Verdict = Literal["approve", "edit", "reject"]
LONGEST_TEXT = 4000
_LONGEST_RESULT = 600


class Asked(Model):
    """What the run was asked for."""

    dataset: str
    goal: str | None = None
    target: str | None = None


class Fact(Model):
    """What an insight rests on: a finding in words, or what a step without findings said."""

    action: str
    severity: Severity | None = None
    columns: list[str] = Field(default_factory=list)
    message: str


class Given(Model):
    """An insight as the person saw it; what is personal in it is masked."""

    title: str
    severity: Severity
    concerns: str
    columns: list[str] = Field(default_factory=list)
    text: str
    advice: str
    origin: Literal["rules", "model"]


class Rating(Model):
    """A verdict on an insight.

    Attributes:
        sessions: that of the person, where there is one, and that of the run.
        evidence: what the insight rests on; what is personal in it is masked.
        score: 0 to 1, how good it is.
        text: the better wording of an edit, else why; as the person wrote it.
    """

    run: str
    insight: str
    principal: str
    sessions: list[str] = Field(default_factory=list)
    request: Asked
    evidence: list[Fact] = Field(default_factory=list)
    given: Given
    verdict: Verdict
    score: float | None = Field(None, ge=0, le=1)
    text: str | None = Field(None, max_length=LONGEST_TEXT)

    @property
    def holds(self) -> bool:
        """Whether the person thinks that it is worth saying, in these words or better ones."""
        return self.verdict != "reject"


def rating_of(run: Run, insight: str, caller: Caller, said: tuple[Verdict, float | None, str | None]) -> Rating:
    """Put a verdict together with what it is about.

    Args:
        run: the run.
        insight: id of one of its insights.
        caller: who judges it.
        said: the verdict, the score, and the text.

    Raises:
        BadRequest: there is no such insight, or the text is missing, unchanged or no text.
    """
    found, (verdict, score, text) = find_insight(run, insight), said
    text = _checked(verdict, text, found)
    learned: dict[str, str] = {}
    steps = [StepResult.model_validate(step) for step in run.state.get("steps", [])]
    facts = facts_of(found, steps, learned)
    request = Request.model_validate(run.state.get("request") or run.request)
    return Rating(
        run=run.id,
        insight=found.id,
        principal=caller.principal,
        sessions=list(dict.fromkeys(name for name in (caller.session, run.request.session) if name)),
        request=Asked(**request.model_dump(include=set(Asked.model_fields))),
        evidence=facts,
        given=_given(found, learned),
        verdict=verdict,
        score=score,
        text=text,
    )


def find_insight(run: Run, name: str) -> Insight:
    """Return an insight of a run.

    Raises:
        BadRequest: there is none of that id; the message names the nearest.
    """
    insights = {one["id"]: one for one in run.state.get("insights", [])}
    if not insights:
        raise BadRequest(
            f"run {run.id} is {run.status} and has no insights to rate; manage_run(run={run.id!r}) tells more"
        )
    if name not in insights:
        raise unknown("insight", name, insights, where=f" in run {run.id}")
    return Insight.model_validate(insights[name])


def facts_of(insight: Insight, steps: Sequence[StepResult], learned: dict[str, str] | None = None) -> list[Fact]:
    """Return what an insight rests on: of the steps that it quotes, the findings about its columns.

    Args:
        insight: the insight.
        steps: the steps of its run.
        learned: collects what was masked, so that it is hidden elsewhere too.
    """
    learned = {} if learned is None else learned
    quoted = {quote.step for quote in insight.evidence}
    facts: dict[str, Fact] = {}
    for step in steps:
        if step.step.id not in quoted or step.status != "done":
            continue
        told = [one for one in step.findings if not insight.columns or set(one.columns) & set(insight.columns)]
        for fact in [_fact(step, finding, learned) for finding in told] or [_said(step, learned)]:
            facts.setdefault(fact.message, fact)
    return list(facts.values())


def _fact(step: StepResult, finding: Finding, learned: dict[str, str]) -> Fact:
    # What stands in a column of phone numbers is one, wherever the message repeats it.
    shown = mask(finding.model_dump(mode="json"), learned)
    return Fact(
        action=step.step.action,
        severity=finding.severity,
        columns=finding.columns,
        message=mask(shown["message"], learned),
    )


def _said(step: StepResult, learned: dict[str, str]) -> Fact:
    return Fact(action=step.step.action, message=mask(step.text[:_LONGEST_RESULT], learned))


def _given(insight: Insight, learned: dict[str, str]) -> Given:
    hidden = {name: mask(getattr(insight, name), learned) for name in ("title", "text", "advice")}
    return Given(
        severity=insight.severity,
        concerns=insight.concerns,
        columns=insight.columns,
        origin=insight.origin,
        **hidden,
    )


def _checked(verdict: Verdict, text: str | None, insight: Insight) -> str | None:
    """Return the text without what surrounds it; none is None."""
    text = (text or "").strip() or None
    if verdict == "edit" and text is None:
        raise BadRequest("verdict 'edit' needs text, the better wording of the insight; or use 'approve' or 'reject'")
    if text is None:
        return None
    if len(text) > LONGEST_TEXT:
        raise BadRequest(f"text has {len(text):,} characters; at most {LONGEST_TEXT:,} are allowed, so shorten it")
    if "\0" in text:
        raise BadRequest(f"text holds a NUL character (at {text.index(chr(0)):,}), which no text does; take it out")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BadRequest(
            f"text is not valid Unicode: half a character stands at {error.start:,}; take it out"
        ) from None
    if verdict == "edit" and text == insight.text.strip():
        raise BadRequest(f"text is word for word that of insight {insight.id}; give a better one, or use 'approve'")
    return text
