"""The tasks of a server, and runs that are known by their id alone."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

from a2a.server.context import ServerCallContext
from a2a.server.tasks import InMemoryTaskStore
from a2a.types.a2a_pb2 import Artifact, Message, Role, Task, TaskState, TaskStatus

from ...tools.errors import RefineryError
from .telling import analysis_parts, question_of

_RUN = re.compile(r"[0-9a-f]{12}")
_KEPT = 1000
_STATES = {
    "running": TaskState.TASK_STATE_WORKING,
    "waiting": TaskState.TASK_STATE_INPUT_REQUIRED,
    "interrupted": TaskState.TASK_STATE_INPUT_REQUIRED,
    "done": TaskState.TASK_STATE_COMPLETED,
    "failed": TaskState.TASK_STATE_FAILED,
    "cancelled": TaskState.TASK_STATE_CANCELED,
}
ENDED = frozenset(
    {
        TaskState.TASK_STATE_COMPLETED,
        TaskState.TASK_STATE_FAILED,
        TaskState.TASK_STATE_CANCELED,
        TaskState.TASK_STATE_REJECTED,
    }
)

StatusOf = Callable[[str], Awaitable[dict[str, Any]]]


class Tasks(InMemoryTaskStore):
    """Tasks in memory, the latest of those that have ended; a run that has no task here is found by its own id.

    Args:
        tenant: whose they are.
        status_of: answers with how a run is, or raises.
        kept: how many are held.
    """

    def __init__(self, tenant: str, status_of: StatusOf, kept: int = _KEPT) -> None:
        super().__init__(owner_resolver=lambda _: tenant)
        self._status_of = status_of
        self._kept = kept
        self._ended: dict[str, None] = {}  # in the order of ending

    async def save(self, task: Task, context: ServerCallContext) -> None:
        """Keep a task, and let go of the one that ended first where there are too many."""
        await super().save(task, context)
        if task.status.state in ENDED:
            self._ended[task.id] = None
        if len(self._ended) > self._kept:
            oldest = next(iter(self._ended))
            del self._ended[oldest]
            await self.delete(oldest, context)

    async def held(self, task_id: str, context: ServerCallContext) -> Task | None:
        """Return a task that is kept here."""
        return await super().get(task_id, context)

    async def get(self, task_id: str, context: ServerCallContext) -> Task | None:
        """Return a task by its id, or a run as one by the id of the run."""
        found = await self.held(task_id, context)
        if found is not None or not _RUN.fullmatch(task_id):
            return found
        try:
            return task_of(await self._status_of(task_id))
        except RefineryError:
            return None

    async def refreshed(self, task: Task) -> Task:
        """Return a task as it is: what waits for a person may have got their word by another door."""
        run = run_of(task)
        if run is None or task.status.state != TaskState.TASK_STATE_INPUT_REQUIRED:
            return task
        try:
            now = task_of(await self._status_of(run))
        except RefineryError:
            return task
        if task.status.state != now.status.state:
            task.status.CopyFrom(now.status)
            task.ClearField("artifacts")
            task.artifacts.extend(now.artifacts)
        return task


def run_of(task: Task) -> str | None:
    """Return the id of the run that does a task."""
    return str(task.metadata["run"]) if "run" in task.metadata else None


def task_of(run: dict[str, Any]) -> Task:
    """Return a run as a task with its id."""
    name = run["run"]
    status = TaskStatus(state=_STATES[run["status"]])
    status.timestamp.GetCurrentTime()
    if run["status"] in {"waiting", "interrupted"}:
        text, _ = question_of(run)
        said = Message(role=Role.ROLE_AGENT, message_id=f"{name}-status", task_id=name, context_id=name)
        said.parts.add().text = text
        status.message.CopyFrom(said)
    artifact = Artifact(artifact_id=name, name="analysis", parts=analysis_parts(run), metadata={"run": name})
    return Task(id=name, context_id=name, status=status, artifacts=[artifact], metadata={"run": name})
