"""The SDK's request handler, with what it leaves to us: whose tenant it is, spans by name, runs that end with tasks."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from a2a.server.context import ServerCallContext
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.routes import create_jsonrpc_routes, create_rest_routes
from a2a.types.a2a_pb2 import AgentCard, CancelTaskRequest, GetTaskRequest, SubscribeToTaskRequest, Task
from a2a.utils.errors import InvalidRequestError, TaskNotCancelableError, TaskNotFoundError, UnsupportedOperationError
from opentelemetry import trace
from starlette.routing import Mount, Router

from ...tools.errors import BadRequest
from .agent import RefineryAgent
from .tasks import ENDED, Tasks, run_of

# A task that waits for its caller is let go of after so long (seconds); a message brings it back.
_PARKED = 600.0


def _one(operation: str, method: Callable[..., Any]) -> Any:
    @functools.wraps(method)
    async def handle(self: Handler, params: Any, context: ServerCallContext) -> Any:
        with self.admitting(operation, params, context):
            return await method(self, params, context)

    return handle


def _stream(operation: str, method: Callable[..., Any]) -> Any:
    @functools.wraps(method)
    async def handle(self: Handler, params: Any, context: ServerCallContext) -> AsyncIterator[Any]:
        with self.admitting(operation, params, context):
            async with contextlib.aclosing(method(self, params, context)) as events:
                async for event in events:
                    yield event

    return handle


class Handler(DefaultRequestHandler):
    """Handles what every transport of A2A asks.

    Args:
        agent: does the work.
        tasks: the tasks.
        card: the agent's card.
        tenant: the only one whose data can be asked for.
    """

    def __init__(self, agent: RefineryAgent, tasks: Tasks, card: AgentCard, tenant: str) -> None:
        super().__init__(agent, tasks, card, interrupted_task_timeout=_PARKED)
        self._agent = agent
        self._tasks = tasks
        self._tenant = tenant

    @contextlib.contextmanager
    def admitting(self, operation: str, params: Any, context: ServerCallContext) -> Iterator[None]:
        """Refuse who names another tenant, name the span, and say of a task that is not here how to find it."""
        trace.get_current_span().update_name(f"a2a {operation}")
        for asked in (context.tenant, params.tenant):
            if asked and asked != self._tenant:
                raise InvalidRequestError(f"tenant {asked!r} is not yours; leave it out")
        try:
            yield
        except TaskNotFoundError:
            name = params.message.task_id if hasattr(params, "message") else params.id
            raise TaskNotFoundError(
                f"no task {name!r}: tasks end with the server, and the oldest are let go of; an analysis is still "
                "found by the id of its run, which its task had as metadata 'run'"
            ) from None

    async def _get(self, params: GetTaskRequest, context: ServerCallContext) -> Task | None:
        found: Task | None = await super().on_get_task(params, context)
        return found and await self._tasks.refreshed(found)

    async def _cancel(self, params: CancelTaskRequest, context: ServerCallContext) -> Task | None:
        """End the run of a task before the task.

        Raises:
            TaskNotCancelableError: it has ended by itself.
        """
        work = self._agent.work(params.id)
        async with work.ending:
            task = await self._tasks.get(params.id, context)
            if task is not None and task.status.state not in ENDED and (run := work.run or run_of(task)) is not None:
                try:
                    await self._agent.manage(run, "cancel")
                except BadRequest as error:
                    raise TaskNotCancelableError(str(error)) from None
                if await self._tasks.held(params.id, context) is None:  # known by its run alone, which tells it now
                    return await self._tasks.get(params.id, context)
            cancelled: Task | None = await super().on_cancel_task(params, context)
            return cancelled

    async def _subscribe(self, params: SubscribeToTaskRequest, context: ServerCallContext) -> AsyncIterator[Any]:
        """Stream a task of this server.

        Raises:
            UnsupportedOperationError: it is known by its run alone, so that nothing is told of it here.
        """
        if await self._tasks.held(params.id, context) is None and await self._tasks.get(params.id, context) is not None:
            raise UnsupportedOperationError(f"run {params.id} was not begun by a message to this server; use GetTask")
        async with contextlib.aclosing(super().on_subscribe_to_task(params, context)) as events:
            async for event in events:
                yield event

    on_get_task = _one("GetTask", _get)
    on_list_tasks = _one("ListTasks", DefaultRequestHandler.on_list_tasks)
    on_cancel_task = _one("CancelTask", _cancel)
    on_message_send = _one("SendMessage", DefaultRequestHandler.on_message_send)
    on_message_send_stream = _stream("SendStreamingMessage", DefaultRequestHandler.on_message_send_stream)
    on_subscribe_to_task = _stream("SubscribeToTask", _subscribe)


def router(handler: Handler, path: str) -> Router:
    """Return what serves both transports at a path: JSON-RPC at the path itself, REST below it."""
    # The REST routes begin with any tenant: below a path of their own they take nobody else's requests.
    rest = Mount(path, Router(create_rest_routes(handler), redirect_slashes=False))
    return Router([*create_jsonrpc_routes(handler, path), rest], redirect_slashes=False)
