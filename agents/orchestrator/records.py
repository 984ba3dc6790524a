"""What a run is made of: small typed records, on the wire and in checkpoints; tables never are."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from ...tools.results import Finding, Model, Severity

RunStatus = Literal["running", "waiting", "done", "failed", "cancelled", "interrupted"]


class Step(Model):
    """A call that is planned: which agent does it, with which arguments, and why."""

    id: str = ""
    agent: str = ""
    action: str
    arguments: dict[str, Any] = Field(default_factory=dict)
    why: str = ""
    after: list[str] = Field(default_factory=list, description="ids of steps that must have succeeded before")


class StepResult(Model):
    """What became of a step. `result` is the address of the whole of it; `text` is what a model reads of it."""

    step: Step
    status: Literal["done", "failed", "skipped"]
    text: str = ""
    result: str | None = None
    findings: list[Finding] = Field(default_factory=list)
    score: float | None = None
    rows: int | None = None
    seconds: float = 0.0
    cached: bool = False
    error: str | None = Field(None, description="kind of the error: bad_request, unavailable …")


class Quote(Model):
    """What an insight rests on: a step's result, and the numbers that the insight quotes from it."""

    step: str
    result: str | None = None
    numbers: list[float] = Field(default_factory=list)


class Insight(Model):
    """Something worth acting on.

    Attributes:
        concerns: who it is for, such as `data owner` or `modeller`.
        text: what is the case, in one or two sentences, with its numbers.
        advice: what to do.
        origin: `rules` for those of our templates, `model` for those of a language model that passed the check.
    """

    id: str = ""
    title: str
    severity: Severity
    concerns: str
    columns: list[str] = Field(default_factory=list)
    text: str
    advice: str
    evidence: list[Quote]
    origin: Literal["rules", "model"] = "rules"


class Recollection(Model):
    """A memory that the run began with."""

    id: str
    content: str
    kind: str = "experience"
    score: float = 0.0


class Usage(Model):
    """What a run has cost: `dollars` is None where the price of the model is not known."""

    model: str | None = None
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    dollars: float | None = None


class Request(Model):
    """What was asked for."""

    dataset: str
    goal: str | None = None
    target: str | None = None
    session: str | None = None


class RunReport(Model):
    """All that the report of a run shows.

    Attributes:
        score: 0 to 100, of `quality_report`.
        headline: the verdict in one sentence.
        waiting: steps that ask for approval.
        notes: what the reader should know of how the run went: a budget that ended it, a model that failed.
        details: whole results by the id of their step, for charts, queries and lineage; bounded lists.
    """

    run: str
    status: RunStatus
    request: Request
    headline: str
    score: float | None = None
    rows: int | None = None
    columns: int | None = None
    started_at: str
    seconds: float
    insights: list[Insight]
    steps: list[StepResult]
    recalled: list[Recollection] = Field(default_factory=list)
    waiting: list[Step] = Field(default_factory=list)
    notes: list[str] = Field(default_factory=list)
    usage: Usage = Field(default_factory=Usage)
    details: dict[str, dict[str, Any]] = Field(default_factory=dict)
