"""Working on a run in this process: from where it is to where it ends, waits, fails or is stopped."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import Any, cast

from ...tools.context import Caller
from ...tools.errors import Defect, RefineryError
from .events import Event, Events
from .records import RunStatus
from .runs import Run, Runs, without_secrets
from .state import State
from .work import Work

log = logging.getLogger(__name__)

# Supersteps of the graph; a plan of the most steps, each after the other, takes as many and some more.
_SUPERSTEPS = 300


class TakenAway(Exception):
    """The run is another process's now, or has been forgotten: nothing of it may be written any more."""


@dataclass(eq=False)
class Live:
    """A run that this process works on.

    Attributes:
        run: as it was last noted.
        runs: where it is noted.
        taken_away: whether nothing of it may be written any more.
        state: of its graph, as last told.
    """

    run: Run
    runs: Runs
    caller: Caller
    work: Work
    events: Events
    task: asyncio.Task[None] | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    taken_away: bool = False
    state: State = field(default_factory=State)

    def stop(self) -> None:
        """Have it stop where it is; `ended` is set when it has. One that stops already is left to note how it ended."""
        if self.task is not None and not self.task.cancelling():
            self.task.cancel()


async def attempt(live: Live, command: Any) -> None:
    """Work on a run until it ends, waits or is stopped; what becomes of it is noted and told.

    Args:
        live: the run.
        command: what the graph begins with; None: where its checkpoint is, or at its beginning when there is none.
    """
    status: RunStatus = "failed"
    failure: RefineryError | None = None
    try:
        live.work.spans.begin()
        status = await _through_the_graph(live, command)
    except TakenAway:
        live.taken_away = True
    except asyncio.CancelledError:
        status = "cancelled" if await _was_cancelled(live) else "interrupted"
    except RefineryError as error:
        failure = error
        log.warning("run %s failed: %s", live.run.id, error)
    except Exception:
        failure = Defect(f"run {live.run.id} failed for a reason of ours, not yours; the server's log tells it")
        log.exception("run %s failed", live.run.id)
    finally:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.shield(_end(live, status, failure))


async def _through_the_graph(live: Live, command: Any) -> RunStatus:
    from langsmith import tracing_context

    from .graph import build_graph, waiting

    run, work = live.run, live.work
    graph = build_graph(work, live.runs.saver(run.tenant))
    config = {"configurable": {"thread_id": run.id}, "recursion_limit": _SUPERSTEPS}
    if not isinstance(command, dict):
        live.state = (await graph.aget_state(config)).values
        if command is None and not live.state:
            command = {"request": run.request.model_dump()}  # it was killed before its first checkpoint
    noted: tuple[int, ...] = ()
    # What a run finds leaves by the doors of the house alone, and not by the tracing of a library.
    with tracing_context(enabled=False):
        modes = ["values", "updates"]
        stream = graph.astream(command, config, context=work, stream_mode=modes, durability="async")
        # Closed, it has written all its checkpoints: what is erased afterwards stays erased.
        async with (
            contextlib.aclosing(cast("AsyncGenerator[tuple[str, Any], None]", stream)) as told_of,
            _noting() as note,
        ):
            async for mode, told in told_of:
                live.state = _next(live.state, mode, told)
                known: dict[str, Any] = {**live.state}
                news = tuple(len(known.get(part, ())) for part in ("plan", "results", "insights", "notes"))
                if news != noted:
                    await note(_note(live, live.state, "running"))
                noted = news
    return "waiting" if waiting(live.state) else "done"


@contextlib.asynccontextmanager
async def _noting() -> AsyncIterator[Callable[[Coroutine[Any, Any, None]], Awaitable[None]]]:
    """Give a way to note one thing after the other while the graph goes on; what one raises is raised by the next."""
    last: list[asyncio.Task[None]] = []

    async def note(noted: Coroutine[Any, Any, None]) -> None:
        try:
            await settled()
        except BaseException:
            noted.close()
            raise
        last.append(asyncio.create_task(noted))

    async def settled() -> None:
        if last:
            try:
                await asyncio.shield(last[0])
            finally:
                # Stopped while it waits, the last is waited for at the end: what is noted then must come after it.
                if last[0].done():
                    last.clear()

    try:
        yield note
    finally:
        await settled()


def _next(state: State, mode: str, told: Any) -> State:
    """Return the state after what the graph tells: after a step of it the whole, in between what a task has added."""
    if mode == "values":
        whole: State = told
        return whole
    added = [result for update in told.values() if isinstance(update, dict) for result in update.get("results", [])]
    return {**state, "results": [*state.get("results", []), *added]} if added else state


async def _note(live: Live, state: Any, status: RunStatus, **more: Any) -> None:
    """Note how far a run is.

    Raises:
        TakenAway: it is no longer ours to note.
    """
    told = {**live.run.state, **(_outline(live.work, state, status) if "request" in state else {}), **more}
    live.run = replace(live.run, status=status, state=told)
    if not await live.runs.note(live.run):
        raise TakenAway


def _outline(work: Work, state: Any, status: RunStatus) -> dict[str, Any]:
    """Return what is noted of a run: its report without the whole results."""
    outline = work.report_of(state, status, whole=False).model_dump(mode="json", exclude={"details"})
    plan = without_secrets(list(state.get("plan", [])), state["request"]["dataset"])
    return {**outline, "plan": plan}


async def _was_cancelled(live: Live) -> bool:
    """Tell why the run was stopped: by somebody's word, or because the process ends; or it was forgotten."""
    try:
        known = await live.runs.get(live.run.tenant, live.run.id)
    except RefineryError:
        return False
    live.taken_away = live.taken_away or known is None
    return known is not None and known.status == "cancelled"


async def _end(live: Live, status: RunStatus, failure: RefineryError | None) -> None:
    """Note what became of a run, and tell."""
    try:
        if not live.taken_away:
            await _note_end(live, status, failure)
    except TakenAway:
        live.taken_away = True
    except RefineryError as error:
        log.warning("how run %s ended could not be noted: %s", live.run.id, error)
    except Exception:
        log.exception("how run %s ended could not be noted", live.run.id)
    finally:
        if live.taken_away:
            live.run = replace(live.run, status="cancelled")
            await _remove_if_forgotten(live)
        live.work.spans.end(status)
        told = str(failure) if failure is not None else f"the run is {status}"
        live.events.tell(Event("ended", told, error=failure.kind if failure is not None else None))
        live.ended.set()


async def _note_end(live: Live, status: RunStatus, failure: RefineryError | None) -> None:
    state = live.state
    told = {"headline": str(failure), "error": failure.kind} if failure is not None else {"error": None}
    await _note(live, state, status, **told)
    if status not in {"done", "waiting"} and "request" in state:
        await asyncio.to_thread(lambda: live.work.write(live.work.report_of(state, status)))
    if status == "done":
        await live.runs.forget_checkpoints(live.run.tenant, [live.run.id])


async def _remove_if_forgotten(live: Live) -> None:
    with contextlib.suppress(RefineryError):
        if await live.runs.get(live.run.tenant, live.run.id) is None:
            # What it wrote after it was forgotten, and before it knew, goes as well.
            await live.runs.forget_checkpoints(live.run.tenant, [live.run.id])
            await asyncio.to_thread(shutil.rmtree, live.work.folder, ignore_errors=True)
