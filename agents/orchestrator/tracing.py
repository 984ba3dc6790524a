"""A run in the trace: the orchestrator, under it its agents, under each its calls, by the GenAI names.

See OpenTelemetry's semantic conventions for generative AI: `invoke_agent NAME` and `execute_tool NAME`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.trace import Span

from ... import VERSION
from .records import Step


class AgentSpans:
    """Spans of a run; `begin` and `end` in the task that does it."""

    def __init__(self, run: str) -> None:
        self._tracer = trace.get_tracer("refinery", VERSION)
        self._run = run
        self._graph: Span | None = None
        self._within: Context | None = None
        self._agents: dict[str, tuple[Span, Context]] = {}

    def begin(self) -> None:
        """Begin the span of the orchestrator, under whatever is current."""
        self._graph = self._start("orchestrator", None)
        self._within = trace.set_span_in_context(self._graph)
        context.attach(self._within)

    def end(self, outcome: str) -> None:
        """End all spans."""
        for span, _ in self._agents.values():
            span.end()
        self._agents = {}
        if self._graph is not None:
            self._graph.set_attribute("refinery.outcome", outcome)
            self._graph.end()

    @contextlib.contextmanager
    def agent(self, name: str) -> Iterator[None]:
        """Be within the span of an agent, which lasts as long as the run works."""
        if name not in self._agents:
            span = self._start(name, self._within)
            self._agents[name] = (span, trace.set_span_in_context(span))
        token = context.attach(self._agents[name][1])
        try:
            yield
        finally:
            context.detach(token)

    @contextlib.contextmanager
    def tool(self, step: Step) -> Iterator[None]:
        """Be within the span of a call of an agent."""
        attributes = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": step.action,
            "gen_ai.tool.call.id": step.id,
        }
        with (
            self.agent(step.agent),
            # What an error says may quote a cell: its kind is on the span of the action below.
            self._tracer.start_as_current_span(
                f"execute_tool {step.action}",
                attributes=attributes,
                record_exception=False,
                set_status_on_exception=False,
            ),
        ):
            yield

    def _start(self, name: str, within: Context | None) -> Span:
        attributes = {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": name,
            "gen_ai.conversation.id": self._run,
        }
        return self._tracer.start_span(f"invoke_agent {name}", context=within, attributes=attributes)
