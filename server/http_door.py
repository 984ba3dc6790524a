"""The HTTP door: MCP at `/mcp`, REST at `/execute`, `/health`, OpenAPI; guarded alike."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import ipaddress
import sys
import time
import uuid
from collections.abc import AsyncIterator, Coroutine
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from mcp.server.transport_security import (
    DEFAULT_MAX_REQUEST_BODY_SIZE,
    RequestBodyLimitMiddleware,
    TransportSecurityMiddleware,
    TransportSecuritySettings,
)
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from .. import VERSION
from ..tools.errors import BadRequest, RefineryError, Unavailable
from .a2a_door import CARD, A2ADoor
from .errors import http_status
from .mcp_door import RefineryServer
from .settings import Settings
from .wiring import House

if TYPE_CHECKING:
    from ..tools.executor import Outcome

_LOOK_FOR_CLIENT = 0.25
# An operator's probe asks the one; agents learn from the other where and how to authenticate.
_PUBLIC = frozenset({"/health", CARD})
_LOCAL = ("127.0.0.1", "localhost", "[::1]")


class ExecuteRequest(BaseModel):
    """A call: the action by name and its parameters."""

    model_config = ConfigDict(extra="forbid")

    task_id: str | None = Field(None, max_length=200, description="returned as given; made up when absent")
    action: str = Field(description="name of the action, as GET /actions lists")
    params: dict[str, Any] = Field(default_factory=dict, description="its arguments by name")


class ErrorBody(BaseModel):
    """What went wrong: `kind` for programs, `message` for whoever must act."""

    kind: str
    message: str


class ExecuteResponse(BaseModel):
    """How the call ended; `execution_time` is in seconds, `timestamp` is UTC in ISO 8601."""

    task_id: str
    success: bool
    result: dict[str, Any] | None = None
    error: ErrorBody | None = None
    execution_time: float
    timestamp: str


class Health(BaseModel):
    """The server answers."""

    status: str
    version: str


def http_app(house: House) -> FastAPI:
    """Build the application of all HTTP doors.

    Raises:
        BadRequest: it would listen beyond this machine without a token.
    """
    settings = house.settings
    if not _is_local(settings.http.host) and not settings.auth.token.get_secret_value():
        raise BadRequest(
            f"refusing to listen on {settings.http.host} without a token: set auth.token (REFINERY_AUTH__TOKEN), "
            "or listen on 127.0.0.1"
        )
    security = _security(settings)
    mcp_app = RefineryServer(house, transport="tcp").streamable_http_app(
        transport_security=security, host=settings.http.host
    )
    door = A2ADoor(house)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with house.running(), contextlib.aclosing(door), mcp_app.router.lifespan_context(mcp_app):
            yield

    app = FastAPI(
        title="Refinery",
        version=VERSION,
        description="Data-quality, exploration and feature actions. The same actions are MCP tools at /mcp.",
        lifespan=lifespan,
    )
    _add_rest(app, house)
    app.router.routes.extend([*mcp_app.routes, *door.routes])
    app.add_middleware(RequestBodyLimitMiddleware, max_body_size=DEFAULT_MAX_REQUEST_BODY_SIZE)
    app.add_middleware(Guard, token=settings.auth.token.get_secret_value(), security=security)
    if settings.http.allowed_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.http.allowed_origins,
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["*"],
            expose_headers=["Mcp-Session-Id"],
        )
    return app


def _add_rest(app: FastAPI, house: House) -> None:
    @app.get("/health")
    async def health() -> Health:
        """Tell that the server answers, and its version."""
        return Health(status="ok", version=VERSION)

    @app.get("/actions")
    async def actions() -> list[dict[str, Any]]:
        """List the actions with the JSON schemas of their parameters and results."""
        return [
            {
                "action": item.name,
                "title": item.traits.title,
                "description": item.description,
                "params": item.input_schema,
                "result": item.output_schema,
            }
            for item in house.actions
        ]

    @app.exception_handler(RequestValidationError)
    async def malformed(_: Request, error: RequestValidationError) -> JSONResponse:
        problems = "; ".join(f"{'.'.join(map(str, e['loc'][1:])) or 'body'}: {e['msg']}" for e in error.errors()[:5])
        body = ErrorBody(kind=BadRequest.kind, message=f"the body must be {{task_id?, action, params}}: {problems}")
        return JSONResponse(_response(None, None, body, 0.0), status_code=400)

    @app.exception_handler(HTTPException)
    async def refused(_: Request, error: HTTPException) -> JSONResponse:
        body = ErrorBody(kind=BadRequest.kind, message=str(error.detail))
        return JSONResponse(_response(None, None, body, 0.0), status_code=error.status_code, headers=error.headers)

    @app.post("/execute", responses={code: {"model": ExecuteResponse} for code in (400, 403, 413, 422, 500, 503)})
    async def execute(request: ExecuteRequest, connection: Request) -> JSONResponse:
        """Run one action and answer with its result, or with what went wrong."""
        started = time.perf_counter()
        result, problem, status = None, None, 200
        try:
            house.begin_to_remember()  # no greeting comes before a call over REST
            work = house.run(request.action, request.params)
            result = (await _while_connected(connection, work)).result
        except RefineryError as error:
            problem, status = ErrorBody(kind=error.kind, message=str(error)), http_status(error)
        seconds = round(time.perf_counter() - started, 6)
        return JSONResponse(_response(request.task_id, result, problem, seconds), status_code=status)


async def _while_connected(connection: Request, work: Coroutine[Any, Any, Outcome]) -> Outcome:
    """Wait for a call, and cancel it when nobody waits for its answer any more."""
    running = asyncio.ensure_future(work)
    try:
        while True:
            done, _ = await asyncio.wait({running}, timeout=_LOOK_FOR_CLIENT)
            if done:
                return running.result()
            if await connection.is_disconnected():
                raise Unavailable("the client has gone")
    finally:
        running.cancel()


def _response(
    task: str | None, result: dict[str, Any] | None, problem: ErrorBody | None, seconds: float
) -> dict[str, Any]:
    response = ExecuteResponse(
        task_id=task or str(uuid.uuid4()),
        success=problem is None,
        result=result,
        error=problem,
        execution_time=seconds,
        timestamp=datetime.now(UTC).isoformat(),
    )
    return response.model_dump(mode="json")


class Guard:
    """Refuses requests with a foreign Host or Origin (DNS rebinding), and those without the token.

    `/health` and the A2A agent's card need no token.
    """

    def __init__(self, app: ASGIApp, *, token: str, security: TransportSecuritySettings) -> None:
        self._app = app
        self._token = token
        self._security = TransportSecurityMiddleware(security)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        refusal = await self._security.validate_request(request, is_post=False)
        if refusal is None and self._token and scope["path"] not in _PUBLIC and not self._authorized(request):
            refusal = JSONResponse(
                {"error": {"kind": "not_allowed", "message": "send the header 'Authorization: Bearer TOKEN'"}},
                status_code=401,
                headers={"WWW-Authenticate": "Bearer"},
            )
        await (refusal or self._app)(scope, receive, send)

    def _authorized(self, request: Request) -> bool:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(token.strip().encode(), self._token.encode())


def _security(settings: Settings) -> TransportSecuritySettings:
    hosts = [*_LOCAL, *settings.http.allowed_hosts]
    return TransportSecuritySettings(
        enable_dns_rebinding_protection=True,
        allowed_hosts=[*hosts, *(f"{host}:*" for host in hosts)],
        allowed_origins=[*(f"http://{host}:*" for host in _LOCAL), *settings.http.allowed_origins],
    )


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def serve_http(house: House) -> None:
    """Serve over HTTP until interrupted."""
    import uvicorn

    settings = house.settings.http
    app = http_app(house)
    address = f"http://{settings.host}:{settings.port}"
    places = f"MCP at {address}/mcp, REST at {address}/execute, A2A at {address}/a2a, {address}/docs"
    print(f"Refinery: {places}", file=sys.stderr)  # noqa: T201
    uvicorn.run(app, host=settings.host, port=settings.port, log_config=None, timeout_graceful_shutdown=5)
