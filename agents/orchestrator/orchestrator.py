"""Who starts, resumes, cancels and answers for runs; one for a server."""

from __future__ import annotations

import asyncio
import logging
import secrets
import shutil
import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ...memory.store.notes import check_label, check_text
from ...tools.context import Caller
from ...tools.data.urls import checked_url
from ...tools.errors import BadRequest, RefineryError, Unavailable, unknown
from .attempt import Live, attempt
from .events import Events
from .profile import whole_of
from .records import Request, RunReport, RunStatus, Step, StepResult, Usage
from .runs import BEAT, DatabaseRuns, ProcessRuns, Run, Runs
from .tracing import AgentSpans
from .work import Before, Tools, Work

if TYPE_CHECKING:
    from pathlib import Path

log = logging.getLogger(__name__)

_RESUMABLE: Sequence[RunStatus] = ("interrupted", "cancelled", "failed")
_WAITING: Sequence[RunStatus] = ("waiting",)
# Runs that do not stop within this are left behind: a server must be able to end.
_LAST_SECONDS = 15.0


class Orchestrator:
    """Starts runs and keeps hold of them.

    Args:
        tools: what runs are done with.
    """

    def __init__(self, tools: Tools) -> None:
        self.tools = tools
        self._owner = uuid.uuid4().hex
        self._live: dict[tuple[str, str], Live] = {}
        self._lasting: Runs | None = DatabaseRuns(tools.memory) if tools.memory is not None else None
        self._passing = ProcessRuns()
        self._beating: asyncio.Task[None] | None = None
        if tools.memory is not None:
            tools.memory.erasers.append(self.erase_session)

    # What the actions call.

    async def require(self, request: Request, caller: Caller) -> None:
        """Check that what a run is to work on is there, before it begins.

        Raises:
            RefineryError: the dataset cannot be opened, or has no such target.
        """
        for name in ("dataset", "session"):
            check_label(name, getattr(request, name))
        if request.goal is not None:
            check_text("goal", request.goal)
        if "://" in request.dataset:
            checked_url(request.dataset)  # what must not be kept, such as a password, is refused before anything is
        opener = self.tools.executor.runtime.opener(caller.tenant)
        if not opener.is_remote(request.dataset):
            await asyncio.to_thread(opener.resolve, request.dataset)
        if request.target is not None:
            seen = await self.tools.executor.run("infer_schema", {"dataset": request.dataset}, caller)
            names = whole_of(self.tools.executor, caller, seen)["schema"]
            if request.target not in names:
                raise unknown("column", request.target, names, where=f" in {request.dataset!r}")

    async def plan(self, request: Request, caller: Caller) -> tuple[list[Step], list[str]]:
        """Plan a run without doing more of it than looking at the table.

        Raises:
            RefineryError: as `require`.
        """
        await self.require(request, caller)
        work = self._work_of("", caller, Events())
        state = await work.plan(
            {"request": request.model_dump(), **(await work.recall({"request": request.model_dump()}))}
        )
        return [Step.model_validate(step) for step in state.get("plan", [])], state.get("notes", [])

    async def start(self, request: Request, caller: Caller) -> Live:
        """Start a run; it goes on whether or not anybody waits for it."""
        name = secrets.token_hex(6)
        run = Run(name, caller.tenant, request, owner=self._owner)
        caller = replace(caller, session=request.session or caller.session)
        runs, note = await self._runs()
        await runs.add(run)
        begin = {"request": request.model_dump(), "notes": [note] if note else []}
        return self._begin(runs, run, caller, begin)

    async def resume(self, name: str, caller: Caller) -> Live:
        """Go on with a run where it stopped; no step that was finished is done again.

        Raises:
            BadRequest: there is no such run, it has ended, it waits for approval, or another process works on it.
        """
        run = await self.find(name, caller)
        if run.status not in _RESUMABLE:
            raise BadRequest(f"run {name} is {run.status}, so there is nothing to resume; {_instead(run.status)}")
        return await self._go_on(run, caller, None, _RESUMABLE)

    async def answer(self, name: str, caller: Caller, *, approved: bool) -> Live:
        """Approve or decline what a run waits with.

        Raises:
            BadRequest: there is no such run, or it does not wait.
        """
        run = await self.find(name, caller)
        if run.status != "waiting":
            raise BadRequest(f"run {name} is {run.status} and waits for no approval; {_instead(run.status)}")
        from langgraph.types import Command

        return await self._go_on(run, caller, Command(resume=approved), _WAITING)

    async def cancel(self, name: str, caller: Caller) -> Run:
        """End a run, wherever it is worked on; what is finished stays, and it can be resumed.

        Raises:
            BadRequest: there is no such run, or it has ended.
        """
        run = await self.find(name, caller)
        if run.status not in {"running", "waiting", "interrupted"}:
            raise BadRequest(f"run {name} is {run.status} already; {_instead(run.status)}")
        await (await self._runs_of(run)).mark(run, "cancelled")
        live = self._live.get((caller.tenant, name))
        if live is not None:
            live.stop()
            await live.ended.wait()
        elif run.status == "waiting":
            await asyncio.to_thread(self._tell_cancelled, run, caller)
        return await self.find(name, caller)

    def _tell_cancelled(self, run: Run, caller: Caller) -> None:
        """Have the report of a run that waited say that it was cancelled."""
        from ..report.write import write_report

        folder = self.folder(run.id, caller)
        if (folder / "report.json").is_file():
            report = RunReport.model_validate_json((folder / "report.json").read_text(encoding="utf-8"))
            write_report(report.model_copy(update={"status": "cancelled", "waiting": []}), folder)

    async def find(self, name: str, caller: Caller) -> Run:
        """Return a run of the caller's tenant.

        Raises:
            BadRequest: there is none of that id; the message names the nearest.
        """
        for runs in await self._everywhere():
            if (run := await runs.get(caller.tenant, name)) is not None:
                return run
        known = [run.id for run in await self.latest(caller, 50)]
        if not known:
            raise BadRequest(f"no run {name!r}: there are none yet; analyze_dataset starts one")
        raise unknown("run", name, known)

    async def latest(self, caller: Caller, limit: int = 20) -> list[Run]:
        """Return the latest runs of the caller's tenant, the last first."""
        found = [run for runs in await self._everywhere() for run in await runs.latest(caller.tenant, limit)]
        return sorted(found, key=lambda run: run.created_at, reverse=True)[:limit]

    def live(self, name: str, caller: Caller) -> Live | None:
        """Return a run that this process works on."""
        return self._live.get((caller.tenant, name))

    def folder(self, name: str, caller: Caller) -> Path:
        """Return the folder of a run's report."""
        folder: Path = self.tools.executor.runtime.workspace.folder("reports", caller.tenant) / name
        return folder

    async def erase_session(self, tenant: str, session: str) -> int:
        """Erase the runs of a session: what was noted of them, their checkpoints, reports, and verdicts on them.

        Returns:
            How many runs and verdicts there were.
        """
        from ..feedback.keeping import erase_session

        erased = 0
        for runs in await self._everywhere():
            names = await runs.of_session(tenant, session)
            await self._erase(runs, tenant, names)
            erased += len(names)
        if self.tools.memory is not None:
            erased += await erase_session(self.tools.memory, tenant, session)
        return erased

    async def prune(self, tenant: str) -> None:
        """Erase runs that nobody has touched for long."""
        for runs in await self._everywhere():
            await self._erase(runs, tenant, await runs.old(tenant, self.tools.settings.keep_days))

    async def _erase(self, runs: Runs, tenant: str, names: list[str]) -> None:
        for name in names:
            if (live := self._live.get((tenant, name))) is not None:
                live.taken_away = True
                live.stop()
                await live.ended.wait()
            shutil.rmtree(self.folder(name, Caller(tenant)), ignore_errors=True)
        await runs.forget(tenant, names)

    async def close(self) -> None:
        """Stop all runs where they are; a server that starts later can resume those in the database."""
        if self._beating is not None:
            self._beating.cancel()
        lives = list(self._live.values())
        for live in lives:
            live.stop()
        try:
            async with asyncio.timeout(_LAST_SECONDS):
                await asyncio.gather(*(live.ended.wait() for live in lives))
        except TimeoutError:
            log.error("runs did not stop within %g seconds; they can be resumed", _LAST_SECONDS)

    # How they are done.

    async def _runs(self) -> tuple[Runs, str | None]:
        """Return where new runs are noted, and what is to be said if that ends with the process."""
        if self._lasting is None or self.tools.memory is None:
            return self._passing, None
        try:
            await self.tools.memory.ready()
        except Unavailable as error:
            log.warning("runs are noted in this process alone: %s", error)
            return self._passing, f"The memory is not available ({error}); this run can't be resumed after a restart."
        return self._lasting, None

    async def _everywhere(self) -> list[Runs]:
        runs, _ = await self._runs()
        return [runs] if runs is self._passing else [runs, self._passing]

    async def _runs_of(self, run: Run) -> Runs:
        passing = await self._passing.get(run.tenant, run.id)
        return self._passing if passing is not None else (await self._runs())[0]

    async def _go_on(self, run: Run, caller: Caller, command: Any, statuses: Sequence[RunStatus]) -> Live:
        runs = await self._runs_of(run)
        if not await runs.claim(run, self._owner, statuses):
            raise BadRequest(
                f"run {run.id} is worked on already, or was answered just now; do='status' tells how far it is"
            )
        caller = replace(caller, session=run.request.session or caller.session)
        return self._begin(runs, replace(run, status="running", owner=self._owner), caller, command)

    def _begin(self, runs: Runs, run: Run, caller: Caller, command: Any) -> Live:
        events = Events()
        work = self._work_of(run.id, caller, events, run.state.get("usage"))
        work.noted = {step["step"]["id"]: StepResult.model_validate(step) for step in run.state.get("steps", [])}
        work.before = Before(run.state.get("started_at"), run.state.get("seconds", 0.0))
        live = Live(run, runs, caller, work, events)
        work.known = lambda: self._known(live)
        self._live[run.tenant, run.id] = live
        live.task = asyncio.create_task(attempt(live, command))
        live.task.add_done_callback(lambda _: self._let_go(live))
        if self._beating is None or self._beating.done():
            self._beating = asyncio.create_task(self._beat())
        return live

    def _let_go(self, live: Live) -> None:
        """Take a run off the list that has ended; whoever waited for it may have taken it up again already."""
        key = (live.run.tenant, live.run.id)
        if self._live.get(key) is live:
            del self._live[key]

    async def _known(self, live: Live) -> bool:
        """Tell whether a run has not been forgotten meanwhile."""
        return await live.runs.get(live.run.tenant, live.run.id) is not None

    def _work_of(self, name: str, caller: Caller, events: Events, used: Any = None) -> Work:
        so_far = Usage.model_validate(used) if used else None
        usage = self.tools.chat.usage(name, so_far) if self.tools.chat is not None else None
        return Work(name, caller, self.tools, events, AgentSpans(name), usage)

    async def _beat(self) -> None:
        """Say again and again that runs are worked on, and end those that another process has cancelled."""
        while True:
            await asyncio.sleep(BEAT)
            tenants: dict[str, list[Live]] = {}
            for live in self._live.values():
                tenants.setdefault(live.run.tenant, []).append(live)
            for tenant, lives in tenants.items():
                try:
                    await self._say_alive(tenant, lives)
                except RefineryError as error:
                    log.warning("runs could not be said to be alive: %s", error)

    async def _say_alive(self, tenant: str, lives: list[Live]) -> None:
        for runs in await self._everywhere():
            mine = [live for live in lives if live.runs is runs]
            statuses = await runs.alive(tenant, self._owner, [live.run.id for live in mine])
            for live in mine:
                live.taken_away = live.taken_away or live.run.id not in statuses
                if live.taken_away or statuses[live.run.id] == "cancelled":
                    live.stop()


def _instead(status: str) -> str:
    return {
        "running": "do='status' tells how far it is, do='cancel' ends it; of a process that was killed it is known "
        "after some seconds that it is gone: try again then",
        "waiting": "do='approve' or do='decline' lets it go on",
        "done": "its report is at the address that do='status' gives; analyze_dataset starts a new one",
        "cancelled": "do='resume' goes on with it",
        "failed": "do='resume' tries again",
        "interrupted": "do='resume' goes on with it",
    }[status]
