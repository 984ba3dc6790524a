"""From a goal to evidence: the specialists at work on one dataset."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ..tools.catalogue import action
from ..tools.context import Context
from ..tools.errors import BadRequest
from ._answers import PlannedStep, RunAnswer, answer_of
from ._waiting import wait_for
from .orchestrator.orchestrator import Orchestrator
from .orchestrator.records import Request

_LONGEST_GOAL = 4000


@action("Analyze dataset", pure=False, read_only=False, idempotent=False)
async def analyze_dataset(
    dataset: str,
    goal: Annotated[str | None, Field(max_length=_LONGEST_GOAL)] = None,
    target: str | None = None,
    session: str | None = None,
    plan_only: bool = False,
    wait: Annotated[float, Field(ge=0, le=600)] = 50,
    *,
    context: Context,
) -> RunAnswer:
    """Analyze a table for a goal: agents plan, run checks and explorations, and report insights with evidence.

    Args:
        dataset: a name, path or URI
        goal: what it is for, in words
        target: column to predict
        session: label of this conversation
        plan_only: plan, but run nothing
        wait: seconds; a longer run goes on, ask manage_run
        context: whose run it is

    Raises:
        BadRequest: the dataset or target does not exist.
    """
    orchestrator = context.service(Orchestrator)
    if not dataset.strip():
        raise BadRequest("dataset is empty; give a name, path or URI, as list_datasets shows them")
    request = Request(dataset=dataset, goal=goal or None, target=target, session=session)
    if plan_only:
        steps, notes = await orchestrator.plan(request, context.caller)
        planned = [PlannedStep(**step.model_dump(exclude={"after"})) for step in steps]
        return RunAnswer(run="", status="done", headline_=f"{len(planned)} steps.", plan=planned, notes=notes)
    await orchestrator.require(request, context.caller)
    live = await orchestrator.start(request, context.caller)
    await wait_for(live, wait, context.progress)
    return answer_of(orchestrator, live.run, context.caller)
