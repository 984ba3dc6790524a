"""The agent: a message becomes calls of the house, and what they come to is told of its task."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
import weakref
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any

from a2a.helpers.proto_helpers import get_data_parts, get_text_parts
from a2a.server.agent_execution import AgentExecutor, RequestContext
from a2a.types.a2a_pb2 import Message, Role, Task

from ...tools.errors import BadRequest, Defect, RefineryError
from .reading import HOW_TO_ASK, Asked, Call, Known, answer_to_run, merged, understand
from .tasks import run_of
from .telling import Telling, question_of

if TYPE_CHECKING:
    from a2a.server.events import EventQueue

    from ...agents.orchestrator.attempt import Live
    from ...agents.orchestrator.events import Event
    from ...tools.executor import Outcome
    from ..wiring import House

log = logging.getLogger(__name__)

_LISTED = 50


class Work:
    """A task at work.

    Attributes:
        ending: held by whoever starts its run or tells how it ended, so that a cancel and an end cannot both be told.
        run: the run that does it, once there is one.
    """

    def __init__(self) -> None:
        self.ending = asyncio.Lock()
        self.run: str | None = None


class RefineryAgent(AgentExecutor):
    """Does what messages ask for.

    Args:
        house: what does it.
    """

    def __init__(self, house: House) -> None:
        self._house = house
        self._works: weakref.WeakValueDictionary[str, Work] = weakref.WeakValueDictionary()

    def work(self, task: str) -> Work:
        """Return the work on a task, begun or not."""
        found = self._works.get(task)
        if found is None:
            found = self._works[task] = Work()
        return found

    async def call(self, action: str, arguments: dict[str, Any]) -> Outcome:
        """Run an action.

        Raises:
            RefineryError: as `House.run`.
        """
        self._house.begin_to_remember()  # no greeting comes before
        return await self._house.run(action, arguments)

    async def manage(self, run: str, do: str) -> dict[str, Any]:
        """Do something to a run, and answer with how it is, without waiting for it.

        Raises:
            BadRequest: there is no such run, or this cannot be done to it.
        """
        outcome = await self.call("manage_run", {"run": run, "do": do, "wait": 0})
        found: dict[str, Any] = outcome.result["of"]
        return found

    async def status_of(self, run: str) -> dict[str, Any]:
        """Answer with how a run is.

        Raises:
            BadRequest: there is no such run.
        """
        return await self.manage(run, "status")

    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        """Do what a message asks for; what goes wrong is told as the end of the task."""
        assert context.message is not None
        assert context.task_id is not None
        assert context.context_id is not None
        telling = Telling(event_queue, context.task_id, context.context_id)
        work = self.work(context.task_id)
        try:
            if context.current_task is None:
                await telling.begun(context.message)
            await self._do(context.message, context.current_task, context.context_id, work, telling)
        except RefineryError as error:
            async with work.ending:
                await telling.error(error)
        except Exception as error:  # noqa: BLE001 - the outermost boundary of a task
            async with work.ending:
                await telling.error(_defect(error))

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        """Tell that a task is cancelled; its run was by then (see `Handler`), and the SDK ends what else it does."""
        assert context.task_id is not None
        assert context.context_id is not None
        await Telling(event_queue, context.task_id, context.context_id).cancelled()

    async def _do(self, message: Message, task: Task | None, session: str, work: Work, telling: Telling) -> None:
        if task is not None and (run := run_of(task)) is not None:
            await self._go_on(run, _asked([message]), work, telling)
            return
        asked = _asked([*_said_before(task, message), message])
        listed = {} if {"dataset", "action"} & set(asked.data) else await self._listed()
        call = understand(asked, Known(_names(listed), listed.get("files", ())))
        if call is None:
            await _ask_which(listed, telling)
        elif call.action == "analyze_dataset":
            await self._analyze(call.arguments, session, work, telling)
        else:
            await self._act(call, session, work, telling)

    async def _listed(self) -> dict[str, Any]:
        """Return what `list_datasets` answers; nothing where it is not offered."""
        return (await self.call("list_datasets", {})).result if "list_datasets" in self._house.actions else {}

    async def _act(self, call: Call, session: str, work: Work, telling: Telling) -> None:
        arguments = call.arguments
        if call.action == "ask_dataset":
            arguments = {"session": session, **arguments}
        await telling.working(f"{call.action} is at work")
        outcome = await self.call(call.action, arguments)
        async with work.ending:
            await telling.outcome(outcome)
            await telling.completed(outcome.text.split("\n", 1)[0])

    async def _analyze(self, arguments: dict[str, Any], session: str, work: Work, telling: Telling) -> None:
        await telling.working(f"starting an analysis of {arguments.get('dataset')}")
        async with work.ending:
            started = await self.call("analyze_dataset", {"session": session, **arguments, "wait": 0})
            work.run = started.result["run"] or None
        if work.run is not None:
            await self._follow(work.run, work, telling)
            return
        async with work.ending:  # it was only planned
            await telling.outcome(started)
            await telling.completed(started.text.split("\n", 1)[0])

    async def _go_on(self, run: str, asked: Asked, work: Work, telling: Telling) -> None:
        """Let a run go on that stood still; a message that says nothing to it is told again what it waits for."""
        work.run = run
        if (do := answer_to_run(asked)) is not None:
            # It may have got on by another door: what is told then is how it is.
            async with work.ending:
                with contextlib.suppress(BadRequest):
                    await self.manage(run, do)
        await self._follow(run, work, telling)

    async def _follow(self, run: str, work: Work, telling: Telling) -> None:
        """Tell how a run goes, and what it came to."""
        ended = list[str]()
        orchestrator = self._house.orchestrator
        live = orchestrator.live(run, self._house.caller) if orchestrator is not None else None
        if live is not None:
            begun = set[str]()
            async with contextlib.aclosing(_told(live)) as events:
                async for event in events:
                    if event.stage == "ended":
                        ended.append(event.text)
                    elif _matters(event, begun):
                        await telling.event(run, event)
        async with work.ending:
            await _tell_end(await self.status_of(run), ended, telling)


def _matters(event: Event, begun: set[str]) -> bool:
    """Tell stages, and steps that begin or end; not what a step says meanwhile: each is kept in the task's history."""
    if event.step is None or event.result is not None:
        return True
    first = event.step.id not in begun
    begun.add(event.step.id)
    return first


async def _told(live: Live) -> AsyncGenerator[Event, None]:
    """Yield what is told of a run, from its beginning to its end."""
    said = asyncio.Queue[Any]()
    quiet = live.events.listen(said.put_nowait)
    ending = asyncio.create_task(live.ended.wait())
    ending.add_done_callback(lambda _: said.put_nowait(None))
    try:
        while (event := await said.get()) is not None:
            yield event
    finally:
        quiet()
        ending.cancel()


def _names(listed: dict[str, Any]) -> list[str]:
    return [one["name"] for one in listed.get("datasets", ())]


async def _ask_which(listed: dict[str, Any], telling: Telling) -> None:
    """Ask for the dataset that a message does not name."""
    names = [*_names(listed), *listed.get("files", ())]
    shown = ", ".join(names[:_LISTED]) or "none yet: load_dataset gives one a name"
    more = listed.get("truncated", False) or len(names) > _LISTED
    data = {"datasets": names[:_LISTED], "connections": listed.get("connections", []), "truncated": more}
    await telling.needs(f"Which dataset? Known: {shown}{' …' if more else ''}. Name one, or {HOW_TO_ASK}.", data)


async def _tell_end(run: dict[str, Any], ended: list[str], telling: Telling) -> None:
    """Tell what a run came to, or what it waits for."""
    status, headline = run["status"], run.get("headline")
    if status == "running":
        await telling.working(f"run {run['run']} is at work elsewhere", run=run["run"])
        return
    await telling.analysis(run)
    if status in {"waiting", "interrupted"}:
        text, data = question_of(run)
        await telling.needs(text, data, run=run["run"])
    elif status == "cancelled":
        await telling.cancelled()
    elif status == "done" and any(step["status"] == "done" for step in run["plan"]):
        await telling.completed(headline or "done")
    else:
        # The last that a run says is that it has ended; why it failed comes before, unless that was a defect.
        reason = "; ".join(ended[:-1]) or headline or f"run {run['run']} failed"
        defect = status == "failed" and not ended[:-1]
        await telling.failed(
            reason + (" It is a defect of ours, logged with its trace." if defect else ""),
            "defect" if defect else "failed",
        )


def _asked(messages: list[Message]) -> Asked:
    """Read the parts of messages; a part that is a URL names the dataset.

    Raises:
        BadRequest: a part holds a file itself.
    """
    parts = [part for message in messages for part in message.parts]
    if any(part.HasField("raw") for part in parts):
        raise BadRequest(
            "a file cannot be sent along: name one that this server reads (list_datasets), or a part with its url"
        )
    urls = [{"dataset": part.url} for part in parts if part.HasField("url")]
    return merged(get_text_parts(parts), [*urls, *get_data_parts(parts)])


def _said_before(task: Task | None, message: Message) -> list[Message]:
    """Return what the caller said in a task before this message."""
    said = task.history if task is not None else []
    return [one for one in said if one.role == Role.ROLE_USER and one.message_id != message.message_id]


def _defect(error: Exception) -> Defect:
    incident = uuid.uuid4().hex[:12]
    log.error("incident %s in an A2A task", incident, exc_info=error)
    return Defect(f"the task failed for a reason of ours, not yours: incident {incident}, logged with its trace")
