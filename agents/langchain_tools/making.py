"""A LangChain tool for each action."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any

from ...tools.catalogue import Action, Catalogue
from ...tools.context import Caller
from ...tools.errors import RefineryError
from ...tools.executor import Executor, Outcome

if TYPE_CHECKING:
    from langchain_core.tools import StructuredTool

Call = Callable[[str, dict[str, Any]], Awaitable[Outcome]]


def langchain_tools(executor: Executor, caller: Caller, actions: Catalogue | None = None) -> list[StructuredTool]:
    """Return a tool for each action; its calls go through the executor, as those of every other door do.

    A tool answers with the short text of the call and has the structured result as its artifact. What fails for a
    reason of the caller's is a message for the model, which can mend its call.

    Args:
        executor: runs the calls.
        caller: for whom.
        actions: which ones; default all that the executor has.
    """

    async def call(action: str, arguments: dict[str, Any]) -> Outcome:
        return await executor.run(action, arguments, caller)

    return tools_of(executor.catalogue if actions is None else actions, call)


def tools_of(actions: Iterable[Action], call: Call) -> list[StructuredTool]:
    """Return a tool for each action, over whatever runs and records a call.

    Args:
        actions: which ones.
        call: runs one, given its name and arguments.
    """
    return [_tool(action, call) for action in actions]


def _tool(action: Action, call: Call) -> StructuredTool:
    from langchain_core.tools import StructuredTool, ToolException

    async def run(**arguments: Any) -> tuple[str, dict[str, Any]]:
        try:
            outcome = await call(action.name, arguments)
        except RefineryError as error:
            raise ToolException(str(error)) from error
        return outcome.text, outcome.result

    traits = action.traits
    return StructuredTool(
        name=action.name,
        description=action.description,
        args_schema=action.input_schema,
        coroutine=run,
        response_format="content_and_artifact",
        handle_tool_error=True,
        tags=[action.group],
        metadata={
            "title": traits.title,
            "group": action.group,
            "read_only": traits.read_only,
            "destructive": traits.destructive,
            "datasets": list(action.datasets),
        },
    )
