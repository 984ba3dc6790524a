"""A question in words, answered by the actions."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from pydantic import Field

from ..tools.catalogue import action
from ..tools.context import Context
from ..tools.errors import BadRequest
from ..tools.results import Answer, Model
from .orchestrator.asking import ask
from .orchestrator.orchestrator import Orchestrator
from .orchestrator.records import StepResult

_LONGEST = 4000


class AskedStep(Model):
    """A call that answers the question, or a part of it."""

    action: str
    arguments: dict[str, Any]
    why: str


class AskedResult(Model):
    """What a call came to; `text` says it in words, `result` is the address of the whole."""

    action: str
    status: str
    text: str
    result: str | None = None


class Asked(Answer):
    """The plan, what its calls came to, and the answer in words."""

    plan: list[AskedStep]
    results: list[AskedResult] = Field(default_factory=list)
    answer: str = ""
    instead: list[str] = Field(default_factory=list, description="what could be asked where nothing answers")
    notes: list[str] = Field(default_factory=list)
    columns: list[str] = Field(default_factory=list, description="that the first step is about")
    question: str = Field("", description="as it was understood")

    def headline(self) -> str:
        if not self.plan:
            return "no action answers that."
        calls = ", ".join(step.action for step in self.plan)
        return f"{calls}." if self.results else f"would call {calls}."

    def details(self) -> list[str]:
        if not self.results:
            return [f"{step.action} {step.arguments}: {step.why}" for step in self.plan] + self.notes
        return [line for line in self.answer.splitlines() if line.strip()] + self.notes

    def next_steps(self) -> list[str]:
        return [f"ask instead: {one}" for one in self.instead[:3]]


@action("Ask dataset", pure=False, read_only=False, idempotent=False)
async def ask_dataset(
    dataset: str,
    question: Annotated[str, Field(max_length=_LONGEST)],
    before: Annotated[str, Field(max_length=_LONGEST)] = "",
    session: str | None = None,
    plan_only: bool = False,
    *,
    context: Context,
) -> Asked:
    """Answer a question about a table in words: it is turned into calls with arguments, and they are run.

    Args:
        dataset: a name, path or URI
        question: one thing, in any words
        before: the question before, where this one leans on it ("and in May?")
        session: label of this conversation
        plan_only: plan, but run nothing
        context: who asks

    Raises:
        BadRequest: the dataset does not exist, or the question is empty.
    """
    if not question.strip():
        raise BadRequest("question is empty; ask something about the table, such as 'which values are missing?'")
    orchestrator = context.service(Orchestrator)
    caller = replace(context.caller, session=session or context.caller.session)
    reply = await ask(
        orchestrator.tools, dataset, question, caller, before=before, plan_only=plan_only, progress=context.progress
    )
    return Asked(
        question=reply.question,
        plan=[AskedStep(action=step.action, arguments=step.arguments, why=step.why) for step in reply.plan],
        results=[_result(result) for result in reply.results],
        answer=reply.answer,
        instead=reply.instead,
        notes=reply.notes,
        columns=reply.columns,
    )


def _result(result: StepResult) -> AskedResult:
    return AskedResult(action=result.step.action, status=result.status, text=result.text, result=result.result)
