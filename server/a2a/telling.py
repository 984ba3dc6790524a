"""What an agent that asked is told: states of its task, and what came out as artifacts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from a2a.helpers.proto_helpers import new_data_part, new_raw_part, new_text_part
from a2a.server.tasks import TaskUpdater
from a2a.types.a2a_pb2 import Message, Part, Task, TaskState, TaskStatus

if TYPE_CHECKING:
    from a2a.server.events import EventQueue

    from ...agents.orchestrator.events import Event
    from ...tools.errors import RefineryError
    from ...tools.executor import Outcome

# What is told of a run; the whole of it is asked for with {"action": "manage_run"}.
_TOLD = ("run", "status", "headline", "score", "plan", "insights", "notes", "waiting")
_LISTED = 20


class Telling:
    """Tells the state of one task.

    Args:
        queue: where the SDK takes it from.
        task: id of the task.
        context: id of the conversation that it belongs to.
    """

    def __init__(self, queue: EventQueue, task: str, context: str) -> None:
        self._queue = queue
        self._updater = TaskUpdater(queue, task, context)

    async def begun(self, message: Message) -> None:
        """Tell that there is a task."""
        status = TaskStatus(state=TaskState.TASK_STATE_SUBMITTED)
        status.timestamp.GetCurrentTime()
        updater = self._updater
        await self._queue.enqueue_event(
            Task(id=updater.task_id, context_id=updater.context_id, status=status, history=[message])
        )

    async def working(self, text: str, **metadata: Any) -> None:
        """Tell what is being done; `metadata` becomes that of the task."""
        await self._tell(TaskState.TASK_STATE_WORKING, [new_text_part(text)], metadata)

    async def event(self, run: str, event: Event) -> None:
        """Tell what happened in a run."""
        await self.working(event.text, run=run, stage=event.stage, done=event.done, total=event.total)

    async def needs(self, text: str, data: dict[str, Any], **metadata: Any) -> None:
        """Tell what the caller must say before it can go on."""
        await self._tell(TaskState.TASK_STATE_INPUT_REQUIRED, [new_text_part(text), _data(data)], metadata)

    async def completed(self, text: str) -> None:
        """Tell that all is done."""
        await self._tell(TaskState.TASK_STATE_COMPLETED, [new_text_part(text)], {})

    async def cancelled(self) -> None:
        """Tell that it was cancelled."""
        await self._tell(TaskState.TASK_STATE_CANCELED, [new_text_part("cancelled; what was finished is kept")], {})

    async def failed(self, message: str, kind: str) -> None:
        """Tell what went wrong: in words, and with its kind for programs."""
        error = {"error": {"kind": kind, "message": message}}
        await self._tell(TaskState.TASK_STATE_FAILED, [new_text_part(message), _data(error)], {"error": kind})

    async def error(self, error: RefineryError) -> None:
        """Tell an error of ours."""
        await self.failed(str(error), error.kind)

    async def outcome(self, outcome: Outcome) -> None:
        """Hand over what an action came to."""
        parts = [new_text_part(outcome.text), _data(outcome.result)]
        if outcome.image is not None:
            parts.append(new_raw_part(outcome.image, media_type="image/png", filename=f"{outcome.action}.png"))
        await self._updater.add_artifact(parts, name=outcome.action, last_chunk=True)

    async def analysis(self, run: dict[str, Any]) -> None:
        """Hand over what a run came to; a later one takes the place of an earlier."""
        await self._updater.add_artifact(
            analysis_parts(run), artifact_id=run["run"], name="analysis", metadata={"run": run["run"]}, last_chunk=True
        )

    async def _tell(self, state: TaskState, parts: list[Part], metadata: dict[str, Any]) -> None:
        message = self._updater.new_agent_message(parts)
        await self._updater.update_status(state, message, metadata=metadata or None)


def _data(value: dict[str, Any]) -> Part:
    return new_data_part(value, media_type="application/json")


def analysis_parts(run: dict[str, Any]) -> list[Part]:
    """Return what is handed over of a run: the verdict and its insights as text, and the data of it."""
    lines = [run.get("headline") or f"run {run['run']} is {run['status']}"]
    lines += [f"{one['severity']}: {one['title']}. {one['text']} {one['advice']}" for one in run["insights"][:_LISTED]]
    if len(run["insights"]) > _LISTED:
        lines.append(f"and {len(run['insights']) - _LISTED} more insights in the data")
    report = (run.get("report") or {}).get("uri")
    return [
        new_text_part("\n".join([*lines, *run["notes"]])),
        _data({**{key: run.get(key) for key in _TOLD}, "report": report}),
    ]


def question_of(run: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return what a run that stands still wants to be told, in words and as data."""
    if run["status"] == "interrupted":
        return f"Run {run['run']} was interrupted. Answer 'resume' and it goes on where it stopped.", {
            "answers": ["resume"]
        }
    waiting = [step for step in run["plan"] if step["id"] in run["waiting"]]
    names = ", ".join(step["action"] for step in waiting) or "a step"
    text = (
        f"{names} of run {run['run']} waits for a person's word: answer 'approve' (if the person agreed) or 'decline'."
    )
    return text, {"answers": ["approve", "decline"], "waiting": waiting}
