"""The A2A door: other agents send messages, and get tasks. JSON-RPC and REST at `/a2a`, and the agent's card.

An application takes in `door.routes`, and closes the door (`contextlib.aclosing`) before the house.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from opentelemetry import propagate, trace
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from .. import VERSION
from .wiring import House

if TYPE_CHECKING:
    from a2a.types.a2a_pb2 import AgentCard
    from starlette.routing import Router

    from .a2a.handler import Handler

PATH = "/a2a"
# Clients learn from it where and how to authenticate, and it holds no data: it is for everybody, as /health is.
CARD = "/.well-known/agent-card.json"


class A2ADoor:
    """What serves A2A; the SDK is imported when the first agent asks.

    Args:
        house: what answers.
    """

    def __init__(self, house: House) -> None:
        self._house = house
        self._tracer = trace.get_tracer("refinery", VERSION)

    @property
    def routes(self) -> list[BaseRoute]:
        """What the application serves of it."""
        return [
            Route(CARD, self._card, methods=["GET"], name="agent card"),
            Route(PATH, self, name="a2a"),
            Route(f"{PATH}/{{rest:path}}", self, name="a2a over REST"),
        ]

    async def aclose(self) -> None:
        """End the tasks, their streams first; runs that go on are the house's to stop."""
        if "_handler" in self.__dict__:
            await self._handler.aclose()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request as a part of the caller's trace; its span lasts as long as the stream of its answer."""
        # FastAPI reads the headers itself from some version on.
        inherited = trace.get_current_span().get_span_context().is_valid
        with self._tracer.start_as_current_span(
            "a2a",
            context=None if inherited else propagate.extract(Headers(scope=scope)),
            kind=trace.SpanKind.INTERNAL if inherited else trace.SpanKind.SERVER,
            record_exception=False,
        ):
            await self._served(scope, receive, send)

    async def _card(self, request: Request) -> Response:
        from .a2a.card import serve_card

        # The address as the caller wrote it, which the guard has checked; so it is right behind any name.
        return await serve_card(self._card_at(f"{str(request.base_url).rstrip('/')}{PATH}"), request)

    def _card_at(self, url: str) -> AgentCard:
        from .a2a.card import agent_card

        return agent_card(self._house.actions, url, token=bool(self._house.settings.auth.token.get_secret_value()))

    @cached_property
    def _handler(self) -> Handler:
        from .a2a.agent import RefineryAgent
        from .a2a.handler import Handler
        from .a2a.tasks import Tasks

        agent, tenant = RefineryAgent(self._house), self._house.caller.tenant
        return Handler(agent, Tasks(tenant, agent.status_of), self._card_at(PATH), tenant)

    @cached_property
    def _served(self) -> Router:
        from .a2a.handler import router

        return router(self._handler, PATH)
