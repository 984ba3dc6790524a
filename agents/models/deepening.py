"""A specialist that looks deeper: a bounded loop of the model over read-only tools."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from ...tools.errors import RefineryError
from ..orchestrator.records import Request, StepResult
from .bounds import NEVER, out_of_reach, reachable
from .chat import Chat
from .errors import ModelUnavailable
from .fencing import request_block, results_block
from .prompts import text
from .usage import RunUsage

if TYPE_CHECKING:
    from langchain_core.tools import StructuredTool

log = logging.getLogger(__name__)

# Of the graph: the model, its tools, and the two counters around them.
_NODES_A_ROUND = 6


async def deepen(
    chat: Chat,
    run: RunUsage,
    agent: str,
    request: Request,
    results: Sequence[StepResult],
    tools: Sequence[StructuredTool],
    max_calls: int,
    *,
    seconds: float | None = None,
) -> None:
    """Let a specialist make further calls; the tools themselves record what they found.

    It ends when the model has nothing more to ask, or quietly at `max_calls`.

    Args:
        chat: the model.
        run: what its calls are counted on.
        agent: name of the specialist.
        request: what was asked for.
        results: what is known so far.
        tools: of its allow-list, as `langchain_tools` makes them; only those marked read-only are handed to it.
        max_calls: most calls of tools.
        seconds: longest time of the whole, where that is less than four times that of a call of the model.

    Raises:
        ModelUnavailable: the model failed, or the time is over.
    """
    offered = read_only(tools)
    if not offered or max_calls < 1:
        return
    usual = 4 * chat.settings.seconds
    limit = usual if seconds is None else min(usual, seconds)
    try:
        async with asyncio.timeout(limit) as clock:
            await _loop(chat, run, agent, request, results, offered, max_calls)
    except RefineryError:
        raise
    except Exception as error:
        if isinstance(error, TimeoutError) and clock.expired():
            raise ModelUnavailable(f"{agent} looked deeper for {limit:g} seconds and was stopped") from None
        # Tools and graphs of others: what they found so far is recorded, and the run does not end with them.
        log.exception("%s could not look deeper", agent)
        raise ModelUnavailable(f"{agent} could not look deeper ({type(error).__name__})") from None


def read_only(tools: Sequence[StructuredTool]) -> list[StructuredTool]:
    """Return the tools that change nothing; one that does not say so is left out."""
    return [
        tool
        for tool in tools
        if (tool.metadata or {}).get("read_only") is True
        and not (tool.metadata or {}).get("destructive")
        and tool.name not in NEVER
    ]


async def _loop(
    chat: Chat,
    run: RunUsage,
    agent: str,
    request: Request,
    results: Sequence[StepResult],
    tools: list[StructuredTool],
    max_calls: int,
) -> None:
    from langchain.agents import create_agent
    from langchain.agents.middleware import ModelCallLimitMiddleware, ToolCallLimitMiddleware
    from langgraph.errors import GraphRecursionError

    from ._langchain import apart

    graph: Any = create_agent(
        await chat.bound(run=run, purpose=f"deepen {agent}"),
        tools,
        system_prompt=text("deepen.md").replace("{agent}", agent),
        middleware=[
            ToolCallLimitMiddleware(run_limit=max_calls, exit_behavior="continue"),
            ModelCallLimitMiddleware(run_limit=max_calls + 1, exit_behavior="end"),
            _within_reach(reachable(request, results)),
        ],
        checkpointer=False,
    )
    blocks = [
        results_block(results, {}, summaries_only=chat.settings.summaries_only),
        request_block(request),
        f"Look deeper, with at most {max_calls} calls.",
    ]
    config = {"recursion_limit": _NODES_A_ROUND * (max_calls + 2)}
    try:
        with apart():
            await graph.ainvoke({"messages": [("human", "\n\n".join(blocks))]}, config)
    except GraphRecursionError:
        log.info("%s was stopped: its rounds are used up", agent)


def _within_reach(known: Sequence[str]) -> Any:
    """Build a middleware that refuses calls about data that nobody asked about."""
    from langchain.agents.middleware import AgentMiddleware
    from langchain_core.messages import ToolMessage

    class WithinReach(AgentMiddleware):
        """Looks at the arguments of a call before it is made."""

        async def awrap_tool_call(self, request: Any, handler: Callable[[Any], Awaitable[Any]]) -> Any:
            call = request.tool_call
            datasets = (getattr(request.tool, "metadata", None) or {}).get("datasets", [])
            problems = out_of_reach(call["args"], datasets, known)
            if not problems:
                return await handler(request)
            return ToolMessage("; ".join(problems), tool_call_id=call["id"], name=call["name"], status="error")

    return WithinReach()
