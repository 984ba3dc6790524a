"""Answering a question: routed to calls, done, and said in words."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ...tools.context import Caller, Progress, silent
from ..routing.following import completed
from .events import Events
from .goals import without_name
from .planning import numbered, owned
from .profile import profile
from .records import Request, Step, StepResult
from .tracing import AgentSpans
from .work import Tools, Work

if TYPE_CHECKING:
    from ..routing.tables import Table


@dataclass(frozen=True)
class Reply:
    """What a question came to.

    Attributes:
        question: as it was understood, completed by the one before.
        columns: those that its words speak of.
        instead: what could be asked where nothing answers.
    """

    plan: list[Step]
    question: str = ""
    results: list[StepResult] = field(default_factory=list)
    answer: str = ""
    instead: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)


async def ask(
    tools: Tools,
    dataset: str,
    question: str,
    caller: Caller,
    *,
    before: str = "",
    plan_only: bool = False,
    progress: Progress = silent,
) -> Reply:
    """Answer a question about a dataset.

    Args:
        before: the question before, on which this one may lean.

    Raises:
        RefineryError: the dataset cannot be read.
    """
    progress(0, None, "looking at the table")
    table = await profile(tools.executor, dataset, caller)
    events = Events()
    usage = tools.chat.usage("question") if tools.chat is not None else None
    work = Work("", caller, tools, events, AgentSpans(""), usage)
    progress(1, None, "planning")
    asked, question = question, completed(question, before, table)
    reply = replace(await _planned(work, table, question), question=question)
    if question != asked:
        reply.notes.append(f"read as: {question}")
    if not reply.plan:
        return replace(reply, answer=_nothing(reply.instead))
    if plan_only:
        return reply
    work.spans.begin()
    try:
        results = await _done(work, reply.plan, progress)
    finally:
        work.spans.end("done")
    answer, notes = "\n\n".join(result.text for result in results), reply.notes
    if tools.chat is not None and any(result.status == "done" for result in results):
        from .with_model import answered

        said, failed = await answered(work, question, results, work.details(results))
        answer, notes = said or answer, [*notes, *failed]
    return replace(reply, results=results, answer=answer, notes=notes)


async def _planned(work: Work, table: Table, question: str) -> Reply:
    """Plan with the model where there is one, else by the words."""
    notes = list[str]()
    if work.tools.chat is not None:
        from .with_model import planned

        request = Request(dataset=table.name, goal=question)
        names = [column.name for column in table.columns]
        steps, notes = await planned(work, request, _told(table), names, [])
        # What a model reads may be meant to lead it: of what it plans, a question has only looking done.
        steps = [owned(step, "") for step in steps if _looks(work, step)]
        if steps:
            return Reply(numbered(steps, [], work.agents_by_action()), notes=notes)
    assert work.tools.router is not None
    routed = await work.tools.router.route(without_name(question, table.name), table, work.catalogue)
    steps = numbered(routed.steps, [], work.agents_by_action())
    return Reply(steps, instead=routed.instead, notes=notes, columns=routed.columns if steps else [])


def _looks(work: Work, step: Step) -> bool:
    """Tell whether a step only looks; `check_rules` does where it keeps nothing."""
    return step.action == "check_rules" or work.tools.executor.catalogue[step.action].traits.read_only


def _told(table: Table) -> str:
    """Say what a table is like for a model; values of cells stay here."""
    return "\n".join(f"{column.name}: {column.kind}" for column in table.columns)


async def _done(work: Work, plan: list[Step], progress: Progress) -> list[StepResult]:
    """Do what only looks side by side, and what changes something in its order and alone.

    What destroys, or needs a person's word, is planned and not done: a question is no order.
    """
    if all(work.tools.executor.catalogue[step.action].traits.read_only for step in plan):
        return list(await asyncio.gather(*(work.perform(step, progress) for step in plan)))
    results = list[StepResult]()
    for step in plan:
        if work.tools.executor.catalogue[step.action].traits.destructive or step.action in work.tools.settings.approve:
            told = f"{step.action} was not called, because it needs your word: call it with these arguments yourself"
            results.append(StepResult(step=step, status="skipped", text=told))
        else:
            results.append(await work.perform(step, progress))
        if results[-1].status == "failed":
            break
    return results


def _nothing(instead: list[str]) -> str:
    could = "; ".join(instead)
    return f"None of the actions answers that.{f' You could ask: {could}' if could else ''}"
