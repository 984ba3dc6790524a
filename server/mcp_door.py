"""The MCP door: the catalogue as tools, kept results and datasets as resources, prompts, completions."""

from __future__ import annotations

import asyncio
import atexit
import base64
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mcp.server.apps import Apps
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.mcpserver import Context, MCPServer
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    CallToolResult,
    Completion,
    CompletionArgument,
    CompletionContext,
    GetPromptResult,
    ImageContent,
    InputRequiredResult,
    PromptReference,
    Resource,
    ResourceLink,
    ResourceTemplateReference,
    TextContent,
    Tool,
    ToolAnnotations,
)

from .. import VERSION
from ..tools.errors import RefineryError, unknown
from . import approval
from .approval import run_of
from .prompts import load_prompts, text
from .resources import listed_resources, offer_resources, pipelines_of, registry_of
from .telemetry import McpTelemetry
from .wiring import House

if TYPE_CHECKING:
    from ..tools.catalogue import Action
    from ..tools.context import Progress
    from ..tools.executor import Outcome

# Clients give up on a silent call after a minute or so: something is said at least this often (seconds).
HEARTBEAT = 5.0
_AFTER_GREETING = 0.05
_REPORT_APP = "ui://refinery/report.html"
_SHOWS_REPORT = {"analyze_dataset", "manage_run"}


class RefineryServer(MCPServer[None]):
    """An MCP server whose tools are the actions of a house.

    Args:
        house: what answers.
        transport: `pipe` or `tcp`, for the spans.
        give_up: ends the process with a code, when the actions cannot be loaded; default `SystemExit` is raised.
    """

    def __init__(self, house: House, *, transport: str = "pipe", give_up: Callable[[int], None] | None = None) -> None:
        self.house = house
        self._give_up = give_up
        super().__init__(
            name="refinery",
            title="Refinery",
            version=VERSION,
            instructions=text("instructions.md"),
            log_level=house.settings.log_level,
            middleware=[McpTelemetry(transport), self._load_after_greeting],
            extensions=[_report_app()],
        )
        for prompt in load_prompts():
            self.add_prompt(prompt)
        offer_resources(self, house)
        self.completion()(self._complete)  # type: ignore[no-untyped-call]

    async def _load_after_greeting(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        """Answer the client's first message at once, and import the actions while it reads the answer."""
        result = await call_next(ctx)
        if ctx.method in {"initialize", "server/discover"}:
            asyncio.get_running_loop().call_later(_AFTER_GREETING, self._load)
        return result

    def _load(self) -> None:
        try:
            self.house.load()
        except SystemExit as error:
            if self._give_up is None:
                raise
            self._give_up(int(error.code or 0))

    async def list_tools(self) -> list[Tool]:
        """Return the catalogue as MCP tools."""
        return [_tool(action) for action in self.house.actions]

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[None, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        """Run an action; what goes wrong is told to the model as an error result, what waits for a person is asked."""
        try:
            async with _progress(context) as report:
                outcome = await self._run(name, arguments, context, report)
                asked = await approval.ask(outcome, context)
                if isinstance(asked, InputRequiredResult):
                    return asked
                if asked is not None:
                    outcome = await self._answer(name, run_of(outcome), asked, report)
        except RefineryError as error:
            return CallToolResult(
                content=[TextContent(type="text", text=str(error))], is_error=True, _meta={"refinery/error": error.kind}
            )
        return _result(outcome)

    async def _run(
        self, name: str, arguments: dict[str, Any], context: Context[None, Any] | None, report: Progress
    ) -> Outcome:
        """Run an action, or let a run go on when the call brings along what a person said to it."""
        answered = approval.answered(context)
        return await (self._answer(name, *answered, report) if answered else self.house.run(name, arguments, report))

    async def _answer(self, name: str, run: str, agreed: bool | None, report: Progress) -> Outcome:
        """Tell a run what the person said; the answer is in the form that the tool of this name declares."""
        do = "status" if agreed is None else "approve" if agreed else "decline"
        outcome = await self.house.run("manage_run", {"run": run, "do": do}, report)
        return outcome if name == "manage_run" else replace(outcome, result=outcome.result["of"])

    async def get_prompt(
        self, name: str, arguments: dict[str, Any] | None = None, context: Context[None, Any] | None = None
    ) -> GetPromptResult | InputRequiredResult:
        """Fill a prompt in; an unknown name or argument is an error that names the right one."""
        try:
            known = {prompt.name: prompt for prompt in await self.list_prompts()}
            if name not in known:
                raise unknown("prompt", name, known)
            allowed = [argument.name for argument in known[name].arguments or ()]
            for argument in arguments or {}:
                if argument not in allowed:
                    raise unknown("argument", argument, allowed)
            return await super().get_prompt(name, arguments, context)
        except (RefineryError, ValueError) as error:
            raise MCPError(code=INVALID_PARAMS, message=str(error)) from None

    async def list_resources(self) -> list[Resource]:
        """Return the registered datasets and the feature pipelines of the caller."""
        return listed_resources(self.house)

    async def _complete(
        self,
        reference: PromptReference | ResourceTemplateReference,  # noqa: ARG002 - the signature is the SDK's
        argument: CompletionArgument,
        context: CompletionContext | None,
    ) -> Completion:
        """Complete names of datasets, and names of columns where a dataset is given already."""
        registry = registry_of(self.house)
        if argument.name in {"dataset", "reference", "current", "name"}:
            names = [entry.name for entry in registry.entries()]
        elif argument.name == "pipeline":
            names = pipelines_of(self.house).names()
        elif argument.name in {"target", "column", "time_column", "x", "y", "color"}:
            given = (context.arguments or {}) if context else {}
            entry = registry.get(given.get("dataset", ""))
            names = list(entry.schema) if entry else []
        else:
            names = []
        matching = [name for name in names if name.casefold().startswith(argument.value.casefold())]
        return Completion(values=matching[:100], total=len(matching), has_more=len(matching) > 100)


@contextlib.asynccontextmanager
async def _progress(context: Context[None, Any] | None) -> AsyncIterator[Progress]:
    """Yield a reporter that reaches the client, with a heartbeat while nothing else is said."""
    if context is None or not (context.request_context.meta or {}).get("progress_token"):
        yield lambda *_: None
        return
    loop, steps = asyncio.get_running_loop(), asyncio.Queue[tuple[float, float | None, str | None]]()

    def report(done: float, total: float | None = None, message: str | None = None) -> None:
        loop.call_soon_threadsafe(steps.put_nowait, (done, total, message))

    telling = asyncio.create_task(_tell(context, steps))
    try:
        yield report
    finally:
        telling.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await telling


async def _tell(context: Context[None, Any], steps: asyncio.Queue[tuple[float, float | None, str | None]]) -> None:
    sent, started = -1.0, asyncio.get_running_loop().time()
    while True:
        try:
            async with asyncio.timeout(HEARTBEAT):
                done, total, message = await steps.get()
        except TimeoutError:
            # The protocol wants every value above the last: a heartbeat moves on by a hair.
            seconds = asyncio.get_running_loop().time() - started
            done, total, message = sent + 0.001, None, f"still working ({seconds:.0f} s)"
        if done > sent:
            sent = done
            await context.report_progress(done, total, message)


def _report_app() -> Apps:
    """Return the page that clients which can show one show beside the answer of a run."""
    apps = Apps()
    page = Path(__file__).with_name("report_app.html").read_text(encoding="utf-8")
    apps.add_html_resource(_REPORT_APP, page, name="report", title="Report of a run", prefers_border=True)
    return apps


def _tool(action: Action) -> Tool:
    traits = action.traits
    return Tool(
        _meta={"ui": {"resourceUri": _REPORT_APP}} if action.name in _SHOWS_REPORT else None,
        name=action.name,
        title=traits.title,
        description=action.description,
        input_schema=action.input_schema,
        output_schema=action.output_schema,
        annotations=ToolAnnotations(
            read_only_hint=traits.read_only,
            destructive_hint=traits.destructive,
            idempotent_hint=traits.idempotent,
            open_world_hint=False,
        ),
    )


def _result(outcome: Outcome) -> CallToolResult:
    content: list[Any] = [TextContent(type="text", text=outcome.text)]
    if outcome.image is not None:
        content.append(ImageContent(type="image", data=base64.b64encode(outcome.image).decode(), mime_type="image/png"))
    if outcome.uri is not None and outcome.result.get("truncated"):
        content.append(
            ResourceLink(type="resource_link", uri=outcome.uri, name="the whole result", mime_type="application/json")
        )
    return CallToolResult(content=content, structured_content=outcome.result)


def serve_stdio(house: House) -> None:
    """Serve one client over standard input and output until it goes, or until the process is told to end."""

    async def serve() -> None:
        loop, ending = asyncio.get_running_loop(), set[asyncio.Task[None]]()  # a task that nobody holds may vanish

        def end(code: int) -> None:
            ending.add(loop.create_task(_end(house, code)))

        if sys.platform != "win32":
            loop.add_signal_handler(signal.SIGTERM, lambda: end(128 + signal.SIGTERM))
        async with house.running():
            await RefineryServer(house, give_up=end).run_stdio_async()

    asyncio.run(serve())


async def _end(house: House, code: int) -> None:
    """Leave in order; not by cancelling the server, whose thread waits for a line that will not come."""
    try:
        await house.close()
    finally:
        atexit._run_exitfuncs()
        os._exit(code)
