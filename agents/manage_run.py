"""Looking after runs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ..tools.catalogue import action
from ..tools.context import Context
from ..tools.errors import BadRequest
from ..tools.results import Answer, Model
from ._answers import RunAnswer, answer_of
from ._waiting import wait_for
from .orchestrator.orchestrator import Orchestrator
from .orchestrator.records import RunStatus
from .orchestrator.runs import Run, shown_dataset


class ListedRun(Model):
    """A run in a list."""

    run: str
    status: RunStatus
    dataset: str
    goal: str | None = None
    headline: str = ""
    created_at: str


class RunsAnswer(Answer):
    """One run, or the latest runs."""

    of: RunAnswer | None = Field(None, description="the run that was asked for")
    runs: list[ListedRun] = Field(default_factory=list)

    def headline(self) -> str:
        return self.of.headline() if self.of else f"{len(self.runs)} runs, the latest first."

    def details(self) -> list[str]:
        if self.of:
            return self.of.details()
        return [f"{one.run} {one.status}: {one.dataset}, {one.created_at}. {one.headline[:200]}" for one in self.runs]

    def next_steps(self) -> list[str]:
        if self.of:
            return self.of.next_steps()
        return [] if self.runs else ["analyze_dataset starts one"]


@action("Manage run", pure=False, read_only=False, idempotent=False)
async def manage_run(
    run: Annotated[str | None, Field(max_length=40)] = None,
    do: Literal["status", "resume", "cancel", "approve", "decline"] = "status",
    wait: Annotated[float, Field(ge=0, le=600)] = 50,
    *,
    context: Context,
) -> RunsAnswer:
    """See, resume or cancel a run of analyze_dataset, or answer what it asks approval for; without run, list them.

    Args:
        run: its id
        do: approve only if the person agreed
        wait: seconds for it to get on
        context: whose runs

    Raises:
        BadRequest: there is no such run, or it is not one to which this can be done.
    """
    orchestrator, caller = context.service(Orchestrator), context.caller
    if run is None:
        if do != "status":
            raise BadRequest(f"do={do!r} needs the id of a run; manage_run() lists them")
        return RunsAnswer(runs=[_listed(one) for one in await orchestrator.latest(caller)])
    if do == "cancel":
        return RunsAnswer(of=answer_of(orchestrator, await orchestrator.cancel(run, caller), caller))
    if do == "resume":
        live = await orchestrator.resume(run, caller)
    elif do in {"approve", "decline"}:
        live = await orchestrator.answer(run, caller, approved=do == "approve")
    else:
        found = orchestrator.live(run, caller)
        if found is None:
            return RunsAnswer(of=answer_of(orchestrator, await orchestrator.find(run, caller), caller))
        live = found
    await wait_for(live, wait, context.progress)
    return RunsAnswer(of=answer_of(orchestrator, live.run, caller))


def _listed(run: Run) -> ListedRun:
    return ListedRun(
        run=run.id,
        status=run.status,
        dataset=shown_dataset(run.request.dataset),
        goal=run.request.goal,
        headline=run.state.get("headline", ""),
        created_at=run.created_at,
    )
