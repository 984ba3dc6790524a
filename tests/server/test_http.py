"""REST, health, and the guard before all of HTTP."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

import httpx
import pytest
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from refinery import VERSION
from refinery.server.http_door import http_app
from refinery.server.settings import load_settings
from refinery.server.wiring import build, catalogue
from refinery.tools.errors import BadRequest

if TYPE_CHECKING:
    from conftest import Served

Start = Callable[..., str]


def test_execute_answers_with_the_result_and_the_time_it_took(served: Served) -> None:
    address = served.address
    body = {"task_id": "t-1", "action": "check_missing_values", "params": {"dataset": "orders.csv"}}
    response = httpx.post(f"{address}/execute", json=body, timeout=60)
    answer = response.json()
    assert response.status_code == 200
    assert set(answer) == {"task_id", "success", "result", "error", "execution_time", "timestamp"}
    assert (answer["task_id"], answer["success"], answer["error"]) == ("t-1", True, None)
    assert answer["result"]["columns"][0]["column"] == "amount"
    assert answer["execution_time"] > 0
    assert datetime.fromisoformat(answer["timestamp"]).tzinfo is not None


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({"action": "check_missing", "params": {}}, 400, "did you mean 'check_missing_values'"),
        ({"action": "basic_info", "params": {"dataset": "/etc/passwd"}}, 403, "/etc/passwd"),
        ({"params": {}}, 400, "action"),
        ({"action": "basic_info", "parms": {}}, 400, "parms"),
        ([1], 400, "{task_id?, action, params}"),
    ],
)
def test_failures_have_a_status_and_say_what_to_mend(served: Served, body: object, status: int, message: str) -> None:
    response = httpx.post(f"{served.address}/execute", json=body, timeout=60)
    answer = response.json()
    assert response.status_code == status
    assert (answer["success"], answer["result"]) == (False, None)
    assert message in answer["error"]["message"]
    assert answer["task_id"]


def test_health_answers_with_the_version(served: Served) -> None:
    answer = httpx.get(f"{served.address}/health").json()
    assert answer == {"status": "ok", "version": VERSION}


def test_openapi_describes_execute_and_actions_lists_all(served: Served) -> None:
    address = served.address
    paths = httpx.get(f"{address}/openapi.json").json()["paths"]
    assert {"/execute", "/health", "/actions"} <= set(paths)
    listed = {item["action"] for item in httpx.get(f"{address}/actions").json()}
    assert listed == {item.name for item in catalogue()}


@pytest.mark.parametrize("path", ["/health", "/execute", "/mcp"])
@pytest.mark.parametrize(
    ("headers", "status"), [({"Host": "evil.example"}, 421), ({"Origin": "https://evil.example"}, 403)]
)
def test_foreign_hosts_and_origins_are_refused_on_every_path(
    served: Served, path: str, headers: dict[str, str], status: int
) -> None:
    assert httpx.post(f"{served.address}{path}", headers=headers, json={}).status_code == status


def test_allowed_hosts_and_origins_pass_and_browsers_are_told_so(http_server: Start) -> None:
    address = http_server(
        REFINERY_HTTP__ALLOWED_HOSTS='["refinery.example"]',
        REFINERY_HTTP__ALLOWED_ORIGINS='["https://app.example"]',
        REFINERY_AUTH__TOKEN="hush",
    )
    headers = {"Host": "refinery.example", "Origin": "https://app.example"}
    assert httpx.get(f"{address}/health", headers=headers).status_code == 200
    preflight = httpx.options(f"{address}/execute", headers={**headers, "Access-Control-Request-Method": "POST"})
    assert preflight.headers["access-control-allow-origin"] == "https://app.example"


async def test_with_a_token_only_its_bearers_are_served(http_server: Start) -> None:
    address = http_server(REFINERY_AUTH__TOKEN="hush")
    body = {"action": "list_datasets", "params": {}}
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "hush"}):
        response = httpx.post(f"{address}/execute", json=body, headers=headers)
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == "Bearer"
        assert httpx.post(f"{address}/mcp", json={}, headers=headers).status_code == 401
    allowed = {"Authorization": "Bearer hush"}
    assert httpx.post(f"{address}/execute", json=body, headers=allowed).status_code == 200
    assert httpx.get(f"{address}/health").status_code == 200
    async with (
        httpx.AsyncClient(headers=allowed, follow_redirects=True) as http,
        Client(streamable_http_client(f"{address}/mcp", http_client=http)) as client,
    ):
        assert (await client.list_tools()).tools


def test_listening_beyond_this_machine_without_a_token_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REFINERY_HTTP__HOST", "0.0.0.0")
    with pytest.raises(BadRequest, match="without a token"):
        http_app(build(load_settings()))


def test_a_body_that_is_too_large_is_refused(served: Served) -> None:
    body = {"action": "list_datasets", "params": {"x": "x" * 5_000_000}}
    assert httpx.post(f"{served.address}/execute", json=body).status_code == 413


def test_a_call_that_nobody_waits_for_is_cancelled(http_server: Start) -> None:
    address = http_server(REFINERY_WORKERS="1")
    endless = (
        "SELECT count(*) AS n FROM range(100000000) a, range(100000000) b, dataset WHERE a.range * b.range % 7 = 1"
    )
    body = {"action": "query_dataset", "params": {"dataset": "orders.csv", "sql": endless}}
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{address}/execute", json=body, timeout=5)
    again = {"action": "basic_info", "params": {"dataset": "orders.csv"}}
    # There is one worker: it answers only because the abandoned call has ended.
    assert httpx.post(f"{address}/execute", json=again, timeout=30).status_code == 200


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b""])
def test_a_body_that_is_no_json_is_told_in_the_same_form(served: Served, body: bytes) -> None:
    response = httpx.post(f"{served.address}/execute", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == 400
    assert response.json()["error"]["kind"] == "bad_request"


def test_a_missing_dataset_has_a_status_too(served: Served) -> None:
    body = {"action": "basic_info", "params": {"dataset": "ordrs.csv"}}
    response = httpx.post(f"{served.address}/execute", json=body, timeout=60)
    assert response.status_code in {400, 422}
    assert "'orders.csv'" in response.json()["error"]["message"]
