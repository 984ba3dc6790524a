"""Other agents over A2A: the SDK's own client against a real server on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest
import uvicorn
from a2a.client import Client, ClientConfig, ClientFactory
from a2a.client.client import ClientCallContext
from a2a.helpers.proto_helpers import get_data_parts, get_text_parts, new_data_part, new_raw_part, new_text_part
from a2a.types.a2a_pb2 import (
    CancelTaskRequest,
    GetTaskRequest,
    ListTasksRequest,
    Message,
    Part,
    Role,
    SendMessageRequest,
    StreamResponse,
    SubscribeToTaskRequest,
    Task,
    TaskState,
)
from a2a.utils.errors import (
    InvalidRequestError,
    TaskNotCancelableError,
    TaskNotFoundError,
    UnsupportedOperationError,
    VersionNotSupportedError,
)
from opentelemetry import propagate, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from refinery import VERSION
from refinery.agents.orchestrator.work import Work
from refinery.server.a2a.reading import Asked, Call, Known, answer_to_run, merged, understand
from refinery.server.a2a.tasks import Tasks
from refinery.server.a2a_door import A2ADoor
from refinery.server.http_door import http_app
from refinery.server.settings import load_settings
from refinery.server.wiring import build
from refinery.tools.errors import BadRequest, Unavailable
from starlette.applications import Starlette

JSONRPC, REST = "JSONRPC", "HTTP+JSON"
COMPLETED, FAILED, CANCELED = (
    TaskState.TASK_STATE_COMPLETED,
    TaskState.TASK_STATE_FAILED,
    TaskState.TASK_STATE_CANCELED,
)
SUBMITTED, WORKING, NEEDS = (
    TaskState.TASK_STATE_SUBMITTED,
    TaskState.TASK_STATE_WORKING,
    TaskState.TASK_STATE_INPUT_REQUIRED,
)
MISSING = {"check_missing_values", "missing_data_analysis"}
BIG_ROWS = 1_500_000


@dataclass(frozen=True)
class Serving:
    """A server in a thread of its own; its spans are seen from here."""

    address: str
    folder: Path

    @contextlib.asynccontextmanager
    async def client(self, binding: str = JSONRPC, *, streaming: bool = False, **headers: str) -> AsyncIterator[Client]:
        async with httpx.AsyncClient(timeout=90, headers=headers) as http:
            config = ClientConfig(streaming=streaming, httpx_client=http, supported_protocol_bindings=[binding])
            async with await ClientFactory(config).create_from_url(self.address) as client:
                yield client


@contextlib.contextmanager
def serving(folder: Path, workspace: Path, **settings: str) -> Iterator[Serving]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    chosen = {"REFINERY_WORKSPACE": str(workspace), "REFINERY_MEMORY__ENABLED": "false", "REFINERY_WORKERS": "1"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**chosen, **settings}.items():
            patch.setenv(name, value)
        app = http_app(build(load_settings(), [folder]))
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        end = time.monotonic() + 60
        while not server.started:
            assert thread.is_alive()
            assert time.monotonic() < end
            time.sleep(0.02)
        yield Serving(f"http://127.0.0.1:{port}", folder)
    finally:
        server.should_exit = True
        thread.join(timeout=30)
    assert not thread.is_alive()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("a2a-data")
    draw = random.Random(7)
    rows = ["customer,plan,age,spend,churned"]
    for number in range(80):
        age = "" if number % 5 == 0 else str(draw.randint(18, 90))
        rows.append(f"{number},{draw.choice(['basic', 'pro', 'N/A'])},{age},{draw.gauss(50, 9):.2f},{number % 2}")
    (folder / "customers.csv").write_text("\n".join([*rows, *rows[1:9]]) + "\n")
    return folder


@pytest.fixture(scope="module")
def big(data: Path) -> str:
    """A table over which a run takes long."""
    columns = ", ".join(
        f"hash(range * {k}) % 100000 / 7.0 AS c{k}, 'v' || hash(range + {k}) % 900 AS s{k}" for k in range(1, 7)
    )
    duckdb.sql(f"COPY (SELECT range AS id, {columns} FROM range({BIG_ROWS})) TO '{data / 'big.parquet'}'")
    return "big.parquet"


@pytest.fixture(scope="module")
def house(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(data, tmp_path_factory.mktemp("a2a") / "w") as started:
        yield started


@pytest.fixture(scope="module")
def locked(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A server with a token, and a tenant of its own."""
    workspace = tmp_path_factory.mktemp("a2a-locked") / "w"
    with serving(data, workspace, REFINERY_AUTH__TOKEN="hush", REFINERY_AUTH__TENANT="acme") as started:
        yield started


_EXPORTER = InMemorySpanExporter()


@pytest.fixture(scope="module", autouse=True)
def _provider() -> None:
    provider = trace.get_tracer_provider()
    if not isinstance(provider, TracerProvider):  # OpenTelemetry lets a process set it once
        provider = TracerProvider()
        trace.set_tracer_provider(provider)
    provider.add_span_processor(SimpleSpanProcessor(_EXPORTER))


def message(*parts: Part, task: Task | None = None) -> SendMessageRequest:
    said = Message(role=Role.ROLE_USER, message_id=f"m-{random.getrandbits(64):x}", parts=parts)
    if task is not None:
        said.task_id, said.context_id = task.id, task.context_id
    return SendMessageRequest(message=said)


def text(words: str, task: Task | None = None) -> SendMessageRequest:
    return message(new_text_part(words), task=task)


def data_part(task: Task | None = None, **values: Any) -> SendMessageRequest:
    return message(new_data_part(values), task=task)


async def send(client: Client, request: SendMessageRequest) -> Task:
    async for answer in client.send_message(request):
        return answer.task
    raise AssertionError("no answer")


async def stream(client: Client, request: SendMessageRequest) -> list[StreamResponse]:
    return [answer async for answer in client.send_message(request)]


def said(task: Task) -> str:
    return "\n".join(get_text_parts(task.status.message.parts))


def artifact(task: Task) -> tuple[str, dict[str, Any]]:
    assert len(task.artifacts) == 1
    parts = task.artifacts[0].parts
    (found,) = get_data_parts(parts)
    return "\n".join(get_text_parts(parts)), found


both = pytest.mark.parametrize("binding", [JSONRPC, REST])


# The card.


async def test_the_card_tells_where_and_how_and_what(house: Serving) -> None:
    card = httpx.get(f"{house.address}/.well-known/agent-card.json").json()
    assert (card["name"], card["version"], card["capabilities"]["streaming"]) == ("Refinery", VERSION, True)
    assert [(one["url"], one["protocolBinding"]) for one in card["supportedInterfaces"]] == [
        (f"{house.address}/a2a", JSONRPC),
        (f"{house.address}/a2a", REST),
    ]
    assert {"analyze_dataset", "ask_dataset", "quality", "explore", "features"} <= {one["id"] for one in card["skills"]}
    assert "securitySchemes" not in card


async def test_with_a_token_the_card_is_public_and_names_the_scheme_but_nothing_else_is_served(locked: Serving) -> None:
    card = httpx.get(f"{locked.address}/.well-known/agent-card.json").json()
    assert card["securitySchemes"]["bearer"]["httpAuthSecurityScheme"]["scheme"] == "bearer"
    assert card["securityRequirements"] == [{"schemes": {"bearer": {}}}]
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        versioned = {"A2A-Version": "1.0", **headers}
        assert httpx.post(f"{locked.address}/a2a", json={}, headers=versioned).status_code == 401
        assert httpx.get(f"{locked.address}/a2a/tasks", headers=versioned).status_code == 401
    async with locked.client(Authorization="Bearer hush") as client:
        task = await send(client, data_part(action="list_datasets", params={}))
        assert task.status.state == COMPLETED


@pytest.mark.parametrize("path", ["/a2a", "/a2a/message:send", "/.well-known/agent-card.json"])
def test_foreign_hosts_are_refused(house: Serving, path: str) -> None:
    assert httpx.post(f"{house.address}{path}", headers={"Host": "evil.example"}, json={}).status_code == 421


# Sending.


@both
async def test_an_analysis_is_completed_with_its_insights(house: Serving, binding: str) -> None:
    async with house.client(binding) as client:
        task = await send(client, data_part(dataset="customers.csv", goal="is it fit for use"))
        again = await client.get_task(GetTaskRequest(id=task.id))
    assert task.status.state == COMPLETED
    words, found = artifact(task)
    assert (found["status"], found["run"]) == ("done", task.metadata["run"])
    assert found["insights"]
    assert 0 <= found["score"] <= 100
    assert {step["action"] for step in found["plan"]} >= {"quality_report"}
    assert found["report"] == f"refinery://runs/{found['run']}/report"
    assert found["headline"] in words
    assert found["insights"][0]["title"] in words
    assert again.status.state == COMPLETED
    assert artifact(again) == (words, found)


async def test_text_names_the_dataset_and_is_the_goal(house: Serving) -> None:
    async with house.client() as client:
        task = await send(client, text("analyze customers.csv for data quality"))
    assert task.status.state == COMPLETED
    assert artifact(task)[1]["insights"]


async def test_a_question_is_answered(house: Serving) -> None:
    async with house.client() as client:
        task = await send(client, text("Are there duplicate rows in customers.csv?"))
    assert task.status.state == COMPLETED
    words, found = artifact(task)
    assert [step["action"] for step in found["plan"]] == ["check_duplicates"]
    assert "8 duplicate rows" in words


@both
async def test_an_action_is_run_with_integers_as_it_wants_them(house: Serving, binding: str) -> None:
    call = {"dataset": "customers.csv", "sql": "SELECT customer FROM dataset ORDER BY 1", "limit": 3}
    async with house.client(binding) as client:
        task = await send(client, data_part(action="query_dataset", params=call))
    assert task.status.state == COMPLETED
    assert len(artifact(task)[1]["rows"]) == 3


async def test_a_chart_comes_as_an_image(house: Serving) -> None:
    params = {"dataset": "customers.csv", "chart_type": "histogram", "x": "spend"}
    async with house.client() as client:
        task = await send(client, data_part(action="create_visualization", params=params))
    (image,) = [part for part in task.artifacts[0].parts if part.HasField("raw")]
    assert image.media_type == "image/png"
    assert image.raw.startswith(b"\x89PNG")


@both
async def test_text_without_a_dataset_is_asked_for_one_and_goes_on_with_it(house: Serving, binding: str) -> None:
    async with house.client(binding) as client:
        asked = await send(client, text("missing values?"))
        assert asked.status.state == NEEDS
        assert "customers.csv" in said(asked)
        assert "customers.csv" in get_data_parts(asked.status.message.parts)[0]["datasets"]
        task = await send(client, text("customers.csv", task=asked))
    assert (task.id, task.status.state) == (asked.id, COMPLETED)
    assert {step["action"] for step in artifact(task)[1]["plan"]} <= MISSING


@both
@pytest.mark.parametrize(
    ("parts", "kind", "message_"),
    [
        ([new_data_part({"dataset": "custmers.csv"})], "bad_request", "customers.csv"),
        ([new_text_part("analyze custmers.csv for churn")], "bad_request", "customers.csv"),
        ([new_data_part({"dataset": "customers.csv", "target": "churnd"})], "bad_request", "'churned'"),
        ([new_data_part({"dataset": "customers.csv", "gaol": "x"})], "bad_request", "did you mean 'goal'"),
        ([new_data_part({"dataset": "/etc/passwd"})], "not_allowed", "/etc/passwd"),
        ([new_data_part({"action": "check_missing"})], "bad_request", "check_missing_values"),
        ([new_data_part({"action": "basic_info", "parms": {}})], "bad_request", "parms"),
        ([new_data_part(["customers.csv"])], "bad_request", "must be an object"),
        ([new_raw_part(b"a,b\n1,2\n", filename="x.csv")], "bad_request", "cannot be sent along"),
    ],
    ids=str,
)
async def test_what_cannot_be_done_fails_with_what_to_mend(
    house: Serving, binding: str, parts: list[Part], kind: str, message_: str
) -> None:
    async with house.client(binding) as client:
        task = await send(client, message(*parts))
    assert task.status.state == FAILED
    (error,) = get_data_parts(task.status.message.parts)
    assert error["error"]["kind"] == kind
    assert error["error"]["message"] == said(task)
    assert message_ in said(task)
    assert "Traceback" not in str(task)


@pytest.mark.parametrize(
    ("error", "message_"),
    [(Unavailable("the disk is gone"), "the disk is gone"), (ZeroDivisionError("secret"), "defect of ours")],
)
async def test_a_run_that_fails_is_a_failed_task_with_its_reason(
    house: Serving, monkeypatch: pytest.MonkeyPatch, error: Exception, message_: str
) -> None:
    async def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(Work, "interpret", fail)
    async with house.client() as client:
        task = await send(client, data_part(dataset="customers.csv", goal=f"a run that ends with {message_}"))
    assert task.status.state == FAILED
    assert message_ in said(task)
    assert "incident" not in said(task)
    assert "secret" not in str(task)


async def test_an_analysis_of_which_nothing_could_be_done_is_a_failed_task(house: Serving) -> None:
    (house.folder / "broken.parquet").write_bytes(b"PAR1 this is no table")
    async with house.client() as client:
        task = await send(client, text("analyze broken.parquet"))
    assert task.status.state == FAILED
    assert "broken.parquet" in said(task)


async def test_a_defect_of_ours_is_an_incident(house: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr("refinery.server.a2a.agent.understand", fail)
    async with house.client() as client:
        task = await send(client, text("analyze customers.csv"))
    assert task.status.state == FAILED
    assert "incident" in said(task)
    assert "secret" not in str(task)
    assert get_data_parts(task.status.message.parts)[0]["error"]["kind"] == "defect"


# Following.


@both
async def test_a_stream_tells_stages_in_order_and_the_artifact_before_the_end(house: Serving, binding: str) -> None:
    async with house.client(binding, streaming=True) as client:
        told = await stream(client, data_part(dataset="customers.csv", goal="look for duplicates"))
    assert told[0].task.status.state == SUBMITTED
    updates = [one.status_update for one in told if one.HasField("status_update")]
    assert [one.status.state for one in updates] == [WORKING] * (len(updates) - 1) + [COMPLETED]
    stages = [one.metadata["stage"] for one in updates if "stage" in one.metadata]
    assert list(dict.fromkeys(stages)) == ["recall", "plan", "work", "interpret", "report"]
    done = [one.metadata["done"] for one in updates if "done" in one.metadata]
    assert done == sorted(done)
    assert len({one.metadata["run"] for one in updates if "run" in one.metadata}) == 1
    assert told[-2].HasField("artifact_update")
    assert told[-1].status_update.status.state == COMPLETED


async def test_what_waits_for_a_person_goes_on_with_their_word(house: Serving) -> None:
    request = data_part(dataset="customers.csv", goal="features for churn", target="churned")
    async with house.client() as client:
        waiting = await send(client, request)
        assert waiting.status.state == NEEDS
        assert "save_fe_pipeline" in said(waiting)
        asked_again = await send(client, text("hm, let me see", task=waiting))
        assert asked_again.status.state == NEEDS
        declined = await send(client, text("decline", task=waiting))
        other = await send(client, request)
        approved = await send(client, data_part(task=other, approve=True))
    assert declined.status.state == COMPLETED
    assert [one["status"] for one in artifact(declined)[1]["plan"] if one["action"] == "save_fe_pipeline"] != ["done"]
    assert approved.status.state == COMPLETED
    assert [one["status"] for one in artifact(approved)[1]["plan"] if one["action"] == "save_fe_pipeline"] == ["done"]


async def test_a_word_by_another_door_is_seen_in_the_task_too(house: Serving) -> None:
    async with house.client() as client:
        waiting = await send(client, data_part(dataset="customers.csv", goal="features", target="churned"))
        body = {"action": "manage_run", "params": {"run": waiting.metadata["run"], "do": "decline"}}
        assert httpx.post(f"{house.address}/execute", json=body, timeout=90).status_code == 200
        task = await client.get_task(GetTaskRequest(id=waiting.id))
        assert task.status.state == COMPLETED
        assert artifact(task)[1]["status"] == "done"
        assert (await send(client, text("approve", task))).status.state == COMPLETED


async def test_cancelling_what_waits_for_a_person_cancels_its_run(house: Serving) -> None:
    async with house.client() as client:
        waiting = await send(client, data_part(dataset="customers.csv", goal="features", target="churned"))
        cancelled = await client.cancel_task(CancelTaskRequest(id=waiting.id))
        assert (waiting.status.state, cancelled.status.state) == (NEEDS, CANCELED)
        status = await send(client, data_part(action="manage_run", params={"run": waiting.metadata["run"]}))
    assert artifact(status)[1]["of"]["status"] == "cancelled"


@both
async def test_a_cancelled_run_ends_at_once_and_frees_its_worker(house: Serving, binding: str, big: str) -> None:
    async with house.client(binding, streaming=True) as client, house.client(binding) as other:
        states = list[TaskState]()
        cancelled: Task | None = None
        async for told in client.send_message(data_part(dataset=big, goal=f"all of it over {binding}")):
            update = told.status_update
            states.append(told.task.status.state or update.status.state)
            if cancelled is None and "stage" in update.metadata and update.metadata["stage"] == "work":
                started = time.monotonic()
                cancelled = await other.cancel_task(CancelTaskRequest(id=update.task_id))
                assert time.monotonic() - started < 15
        assert cancelled is not None
        assert (cancelled.status.state, states[-1]) == (CANCELED, CANCELED)
        assert states.count(CANCELED) == 1
        with pytest.raises(TaskNotCancelableError):
            await other.cancel_task(CancelTaskRequest(id=cancelled.id))
        # There is one worker: it answers only because the work of the run has ended.
        info = await send(other, data_part(action="basic_info", params={"dataset": "customers.csv"}))
        assert info.status.state == COMPLETED
        run = cancelled.metadata["run"]
        status = await send(other, data_part(action="manage_run", params={"run": run}))
        assert artifact(status)[1]["of"]["status"] == "cancelled"


async def test_a_cancelled_action_ends_at_once(house: Serving) -> None:
    endless = "SELECT count(*) FROM range(100000000) a, range(100000000) b, dataset WHERE a.range * b.range % 7 = 1"
    call = data_part(action="query_dataset", params={"dataset": "customers.csv", "sql": endless})
    call.configuration.return_immediately = True
    async with house.client() as client:
        task = await send(client, call)
        await asyncio.sleep(1)
        assert (await client.cancel_task(CancelTaskRequest(id=task.id))).status.state == CANCELED
        info = await send(client, data_part(action="basic_info", params={"dataset": "customers.csv"}))
    assert info.status.state == COMPLETED


async def test_who_comes_late_follows_a_run_to_its_end(house: Serving, big: str) -> None:
    call = data_part(dataset=big, goal="what a late client sees")
    call.configuration.return_immediately = True
    async with house.client() as client, house.client(streaming=True) as late:
        task = await send(client, call)
        assert task.status.state in {SUBMITTED, WORKING}
        states = list[TaskState]()
        async for told in late.subscribe(SubscribeToTaskRequest(id=task.id)):
            states.append(told.task.status.state or told.status_update.status.state)
            if len(states) == 3:
                await client.cancel_task(CancelTaskRequest(id=task.id))
        listed = await client.list_tasks(ListTasksRequest(context_id=task.context_id))
    assert states[-1] == CANCELED
    assert [one.id for one in listed.tasks] == [task.id]


# Whose, and which.


@both
async def test_a_foreign_tenant_is_refused_everywhere(locked: Serving, binding: str) -> None:
    async with locked.client(binding, Authorization="Bearer hush") as client:
        mine = data_part(action="list_datasets", params={})
        mine.tenant = "acme"
        task = await send(client, mine)
        assert task.status.state == COMPLETED
        foreign = data_part(action="list_datasets", params={})
        foreign.tenant = "globex"
        calls = (
            lambda: send(client, foreign),
            lambda: client.get_task(GetTaskRequest(id=task.id, tenant="globex")),
            lambda: client.list_tasks(ListTasksRequest(tenant="globex")),
            lambda: client.cancel_task(CancelTaskRequest(id=task.id, tenant="globex")),
        )
        for call in calls:
            with pytest.raises(InvalidRequestError, match="'globex' is not yours"):
                await call()


async def test_a_foreign_tenant_in_body_or_query_is_refused_too(locked: Serving) -> None:
    headers = {"Authorization": "Bearer hush", "A2A-Version": "1.0"}
    body = {"tenant": "globex", "message": {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "hello"}]}}
    sent = httpx.post(f"{locked.address}/a2a/message:send", json=body, headers=headers)
    listed = httpx.get(f"{locked.address}/a2a/tasks?tenant=globex", headers=headers)
    for answer in (sent, listed):
        assert answer.status_code == 400
        assert "globex" in answer.json()["error"]["message"]


@both
async def test_a_task_that_is_gone_is_said_to_be(house: Serving, binding: str) -> None:
    async with house.client(binding) as client:
        for call in (
            lambda: client.get_task(GetTaskRequest(id="no-such-task")),
            lambda: client.cancel_task(CancelTaskRequest(id="0123456789ab")),
            lambda: send(client, text("approve", Task(id="no-such-task", context_id=""))),
        ):
            with pytest.raises(TaskNotFoundError, match="id of its run"):
                await call()


@both
async def test_a_run_that_another_door_began_is_a_task_by_its_id(house: Serving, binding: str) -> None:
    body = {
        "action": "analyze_dataset",
        "params": {"dataset": "customers.csv", "goal": "features", "target": "churned"},
    }
    run = httpx.post(f"{house.address}/execute", json=body, timeout=90).json()["result"]["run"]
    async with house.client(binding) as client, house.client(binding, streaming=True) as late:
        found = await client.get_task(GetTaskRequest(id=run))
        assert (found.status.state, found.metadata["run"]) == (NEEDS, run)
        with pytest.raises(UnsupportedOperationError):
            await anext(late.subscribe(SubscribeToTaskRequest(id=run)))
        if binding == JSONRPC:
            ended = await send(client, text("approve", found))
            assert ended.status.state == COMPLETED
        else:
            assert (await client.cancel_task(CancelTaskRequest(id=run))).status.state == CANCELED


async def test_unknown_methods_and_versions_are_errors_of_the_protocol(house: Serving) -> None:
    body = {"jsonrpc": "2.0", "id": 1, "method": "Sing", "params": {}}
    answer = httpx.post(f"{house.address}/a2a", json=body, headers={"A2A-Version": "1.0"}).json()
    assert answer["error"]["code"] == -32601
    async with house.client(**{"A2A-Version": "9.0"}) as client:
        with pytest.raises(VersionNotSupportedError):
            await send(client, text("hello"))


async def test_push_notifications_are_said_to_be_missing(house: Serving) -> None:
    answer = httpx.get(f"{house.address}/a2a/tasks/x/pushNotificationConfigs", headers={"A2A-Version": "1.0"})
    assert answer.status_code == 400
    assert "not supported" in answer.json()["error"]["message"]


def test_other_paths_are_left_alone(house: Serving) -> None:
    assert httpx.get(f"{house.address}/health").status_code == 200
    assert httpx.get(f"{house.address}/default/tasks").status_code == 404
    assert httpx.get(f"{house.address}/a2a/nothing").status_code == 404


# The trace.


async def test_the_callers_trace_goes_on_through_graph_and_agents_to_the_actions(house: Serving) -> None:
    headers = dict[str, str]()
    with trace.get_tracer("test").start_as_current_span("the caller") as mine:
        propagate.inject(headers)
    async with house.client(streaming=True) as client:
        context = ClientCallContext(service_parameters=headers)
        request = data_part(dataset="customers.csv", goal="what a trace shows")
        assert [one async for one in client.send_message(request, context=context)]
    await asyncio.sleep(0.2)
    spans = {one.context.span_id: one for one in _EXPORTER.get_finished_spans() if one.context is not None}
    ours = [one for one in spans.values() if one.context.trace_id == mine.get_span_context().trace_id]
    action = next(one for one in ours if one.name == "refinery.quality_report")
    path = [action.name]
    while action.parent is not None and action.parent.span_id in spans:
        action = spans[action.parent.span_id]
        path.append(action.name)
    assert path[1:4] == ["execute_tool quality_report", "invoke_agent quality", "invoke_agent orchestrator"]
    assert "a2a SendStreamingMessage" in path
    assert path[-1] == "the caller"


async def test_the_callers_trace_goes_on_where_nothing_else_reads_the_headers(data: Path, tmp_path: Path) -> None:
    house = build(load_settings().model_copy(update={"workspace": tmp_path / "w"}), [data])
    body = {"jsonrpc": "2.0", "id": 1, "method": "GetTask", "params": {"id": "x"}}
    headers = {"A2A-Version": "1.0"}
    with trace.get_tracer("test").start_as_current_span("the caller") as mine:
        propagate.inject(headers)
    async with contextlib.aclosing(A2ADoor(house)) as door:
        transport = httpx.ASGITransport(Starlette(routes=door.routes))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
            answer = await http.post("/a2a", json=body, headers=headers)
    await house.close()
    assert answer.json()["error"]["code"] == -32001
    ours = [
        one
        for one in _EXPORTER.get_finished_spans()
        if one.context and one.context.trace_id == mine.get_span_context().trace_id
    ]
    assert (
        next(one for one in ours if one.parent and one.parent.span_id == mine.get_span_context().span_id).kind.name
        == "SERVER"
    )


# What a message means.

KNOWN = Known(["sales", "churn"], ["2024/orders.csv", "2023/stock.csv", "2024/stock.csv", "a b.xlsx"])


@pytest.mark.parametrize(
    ("words", "action", "dataset"),
    [
        ("analyze sales for churn", "analyze_dataset", "sales"),
        ("what drives churn in 2024/orders.csv", "ask_dataset", "2024/orders.csv"),
        ("find churn drivers in ORDERS.CSV.", "analyze_dataset", "2024/orders.csv"),
        ("is 2023/stock.csv clean?", "ask_dataset", "2023/stock.csv"),
        ("profile 'a b.xlsx'", "analyze_dataset", "a b.xlsx"),
        ("profile https://example.com/t.parquet, please", "analyze_dataset", "https://example.com/t.parquet"),
        ("profile connection:shop/public.orders", "analyze_dataset", "connection:shop/public.orders"),
        ("profile (ordrs.csv.gz)", "analyze_dataset", "ordrs.csv.gz"),
        ("can you profile sales？", "ask_dataset", "sales"),  # noqa: RUF001
        ("whichever rows of sales are odd", "analyze_dataset", "sales"),
        ("wholesales and sales-team", None, None),
        ("which of both stock files?", None, None),
    ],
)
def test_text_is_understood_by_rules_that_can_be_foreseen(words: str, action: str | None, dataset: str | None) -> None:
    call = understand(Asked(words), KNOWN)
    assert ((call.action, call.arguments["dataset"]) if call else (None, None)) == (action, dataset)


def test_data_is_exact_and_text_beside_it_is_the_goal_or_the_question() -> None:
    ask = {"dataset": "sales"}
    assert understand(Asked("for churn", ask), KNOWN) == Call(
        "analyze_dataset", {"dataset": "sales", "goal": "for churn"}
    )
    asked = understand(Asked("how many?", ask), KNOWN)
    assert asked == Call("ask_dataset", {"dataset": "sales", "question": "how many?"})
    both_given = {"dataset": "sales", "goal": "for churn", "target": "left", "plan_only": True}
    assert understand(Asked("how many?", both_given), KNOWN) == Call("analyze_dataset", both_given)
    assert merged(["a ", " "], [{"limit": 3.0}, {"share": [0.5, 2.0]}]) == Asked("a", {"limit": 3, "share": [0.5, 2]})
    with pytest.raises(BadRequest, match="neither text nor data"):
        understand(Asked(), KNOWN)


@pytest.mark.parametrize(
    ("words", "data", "meant"),
    [
        ("Approve.", {}, "approve"),
        ("no", {}, "decline"),
        ("resume", {}, "resume"),
        ("I do not approve", {}, None),
        ("", {"approve": True}, "approve"),
        ("yes", {"approve": False}, "decline"),
        ("", {"approve": "yes"}, None),
    ],
)
def test_only_a_clear_word_answers_a_run(words: str, data: dict[str, Any], meant: str | None) -> None:
    assert answer_to_run(Asked(words, data)) == meant


async def test_the_oldest_ended_tasks_are_let_go_of() -> None:
    from a2a.server.context import ServerCallContext

    async def no_run(_: str) -> dict[str, Any]:
        raise BadRequest("no run")

    tasks, context = Tasks("default", no_run, kept=2), ServerCallContext()
    for name, state in (("a", COMPLETED), ("b", WORKING), ("c", FAILED), ("d", CANCELED)):
        await tasks.save(Task(id=name, status={"state": state}), context)
    assert [name for name in "abcd" if await tasks.get(name, context)] == ["b", "c", "d"]


def test_nothing_of_a2a_is_imported_before_an_agent_asks_and_then_the_sdk_makes_no_spans() -> None:
    code = (
        "import sys, refinery.server.a2a_door as door, refinery.server.mcp_door, refinery.server.settings as settings\n"
        "print(sorted({'a2a', 'google.protobuf'} & set(sys.modules)))\n"
        "from refinery.server.wiring import build\n"
        "door.A2ADoor(build(settings.load_settings()))._card_at('/a2a')\n"
        "print(sys.modules['a2a.utils.telemetry'].otel_enabled)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["[]", "False"]


def test_a_door_that_nobody_used_closes(data: Path, tmp_path: Path) -> None:
    assert len(A2ADoor(build(load_settings(), [data])).routes) == 3
    asyncio.run(A2ADoor(build(load_settings(), [data])).aclose())
