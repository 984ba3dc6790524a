"""What the actions on runs answer."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from ..tools.context import Caller
from ..tools.results import Answer, Model
from .orchestrator.orchestrator import Orchestrator
from .orchestrator.records import Insight, RunStatus, Step, StepResult
from .orchestrator.runs import Run

_SHOWN = 8


class PlannedStep(Model):
    """A call of the plan, and what became of it."""

    id: str
    agent: str
    action: str
    arguments: dict[str, Any]
    why: str
    status: str = "planned"
    result: str | None = None
    seconds: float | None = None
    error: str | None = None


class ReportPlaces(Model):
    """Where the report is: as an MCP resource, and as a file on the server's disk."""

    uri: str
    path: str


class RunAnswer(Answer):
    """A run: how far it is, what it came to, and where its report is."""

    run: str
    status: RunStatus
    headline_: str = Field("", alias="headline")
    score: float | None = None
    plan: list[PlannedStep] = Field(default_factory=list)
    insights: list[Insight] = Field(default_factory=list)
    notes: list[str] = Field(default_factory=list)
    waiting: list[str] = Field(default_factory=list, description="ids of steps that ask for approval")
    report: ReportPlaces | None = None

    model_config = {**Answer.model_config, "serialize_by_alias": True, "validate_by_name": True}

    def headline(self) -> str:
        done = sum(step.status not in {"planned", "running"} for step in self.plan)
        if self.status == "running":
            return f"run {self.run} is at work: {done} of {len(self.plan)} steps done."
        return f"run {self.run} is {self.status}. {self.headline_}"

    def details(self) -> list[str]:
        lines = [
            f"{insight.id} {insight.severity}: {insight.title}. {insight.advice}" for insight in self.insights[:_SHOWN]
        ]
        if len(self.insights) > _SHOWN:
            lines.append(f"and {len(self.insights) - _SHOWN} more insights in the structured result")
        failed = [step for step in self.plan if step.status in {"failed", "skipped"}]
        lines += [f"{step.action} {step.status}: {(step.error or '')[:150]}" for step in failed[:3]]
        return lines + self.notes[:3]

    def next_steps(self) -> list[str]:
        if self.status == "running":
            return [f"manage_run(run={self.run!r}) in a while"]
        if self.status == "waiting":
            steps = ", ".join(step.action for step in self.plan if step.id in self.waiting)
            return [f"{steps} waits for a person's word: manage_run(run={self.run!r}, do='approve' or 'decline')"]
        if self.status in {"interrupted", "cancelled", "failed"}:
            return [f"manage_run(run={self.run!r}, do='resume') goes on where it stopped"]
        return [f"the report is at {self.report.uri} ({self.report.path})"] if self.report else []


def answer_of(orchestrator: Orchestrator, run: Run, caller: Caller) -> RunAnswer:
    """Return what is told of a run."""
    state = run.state
    results = {result.step.id: result for result in map(StepResult.model_validate, state.get("steps", []))}
    plan = [_planned(Step.model_validate(step), results) for step in state.get("plan", [])]
    path = orchestrator.folder(run.id, caller) / "report.html"
    places = ReportPlaces(uri=f"refinery://runs/{run.id}/report", path=str(path)) if path.is_file() else None
    return RunAnswer(
        run=run.id,
        status=run.status,
        headline_=state.get("headline", ""),
        score=state.get("score"),
        plan=plan,
        insights=[Insight.model_validate(insight) for insight in state.get("insights", [])],
        notes=state.get("notes", []),
        waiting=[step["id"] for step in state.get("waiting", [])] if run.status == "waiting" else [],
        report=places,
    )


def _planned(step: Step, results: dict[str, StepResult]) -> PlannedStep:
    told = {"id": step.id, "agent": step.agent, "action": step.action, "arguments": step.arguments, "why": step.why}
    result = results.get(step.id)
    if result is None:
        return PlannedStep(**told)
    wrong = result.text if result.status != "done" else None
    return PlannedStep(**told, status=result.status, result=result.result, seconds=result.seconds, error=wrong)
