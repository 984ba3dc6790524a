"""The agents over MCP: progress, reports as resources, the page for clients that show one, and asking for approval."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from houses import ORDERS, opened_house
from mcp.client.client import Client
from mcp_types import ElicitResult
from refinery.server.mcp_door import RefineryServer

Connect = Callable[..., AbstractAsyncContextManager[Client]]
PREPARE = {"dataset": "orders.csv", "goal": "prepare features to predict returned", "target": "returned", "wait": 120}


@pytest.fixture
def tables(data_folder: Path) -> Path:
    (data_folder / "orders.csv").write_text(ORDERS)
    return data_folder


# What is asked about, and no more: each action that is not done saves seconds.
ONLY = {
    "AGENTS__ACTIONS": json.dumps(
        {
            "quality": ["quality_report"],
            "explore": ["infer_schema"],
            "features": ["assign_feature_roles", "impute_missing_values", "encode_categorical_features",
                         "generate_datetime_features", "vectorise_text_features", "scale_numeric_features",
                         "save_fe_pipeline"],
            "memory": [],
        }
    )
}  # fmt: skip
SAID = {
    "agrees": ("accept", True, "done"),
    "says no": ("accept", False, "skipped"),
    "declines": ("decline", None, "skipped"),
    "closes the question": ("cancel", None, "planned"),
    "answers with neither yes nor no": ("accept", "perhaps", "planned"),
}


OFTEN = ("agrees", "says no", "closes the question")
CASES = [
    *(
        pytest.param("2026-07-28", *said, marks=[] if name in OFTEN else pytest.mark.slow)
        for name, said in SAID.items()
    ),
    pytest.param("legacy", *SAID["agrees"]),
    pytest.param("legacy", *SAID["answers with neither yes nor no"], marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("mode", "action", "agree", "status"), CASES)
async def test_a_client_that_can_ask_is_asked_before_features_are_saved(
    tables: Path, tmp_path: Path, mode: str, action: Any, agree: Any, status: str
) -> None:
    asked: list[str] = []

    async def answer(_: Any, params: Any) -> ElicitResult:
        asked.append(params.message)
        return ElicitResult(action=action, content={"agree": agree} if action == "accept" else None)

    async with _connected(tables, tmp_path, mode, elicitation_callback=answer) as client:
        answer_ = await client.call_tool("analyze_dataset", PREPARE)
    assert not answer_.is_error
    assert len(asked) == 1
    assert "save_fe_pipeline" in asked[0]
    told = answer_.structured_content
    assert [step["status"] for step in told["plan"] if step["action"] == "save_fe_pipeline"] == [status]
    assert told["status"] == ("waiting" if status == "planned" else "done")


async def test_a_client_that_cannot_ask_is_told_how_to_answer(tables: Path, tmp_path: Path) -> None:
    async with _connected(tables, tmp_path, "auto") as client:
        waiting = await client.call_tool("analyze_dataset", PREPARE)
        assert waiting.structured_content["status"] == "waiting"
        text = waiting.content[0].text
        assert f"manage_run(run='{waiting.structured_content['run']}', do='approve' or 'decline')" in text
        approved = await client.call_tool(
            "manage_run", {"run": waiting.structured_content["run"], "do": "approve", "wait": 120}
        )
        assert approved.structured_content["of"]["status"] == "done"


@contextlib.asynccontextmanager
async def _connected(tables: Path, tmp_path: Path, mode: str, **callbacks: Any) -> AsyncIterator[Client]:
    async with (
        opened_house(tables, tmp_path / "workspace", WORKERS="1", **ONLY) as house,
        Client(RefineryServer(house), mode=mode, **callbacks) as client,
    ):
        yield client


async def test_a_run_tells_of_its_steps_and_its_report_is_a_resource(tables: Path, stdio: Connect) -> None:
    heard: list[str] = []

    async def hear(done: float, total: float | None, message: str | None) -> None:
        heard.append(message or "")

    async with stdio() as client:
        answer = await client.call_tool(
            "analyze_dataset", {"dataset": "orders.csv", "target": "returned"}, progress_callback=hear
        )
        told = answer.structured_content
        assert told["status"] == "done"
        assert any("quality: quality_report" in message for message in heard)
        page = (await client.read_resource(told["report"]["uri"])).contents[0]
        assert page.mime_type == "text/html"
        assert page.text == Path(told["report"]["path"]).read_text()
        assert "Gives &#39;returned&#39; away: refund" in page.text
        whole = json.loads((await client.read_resource(f"refinery://runs/{told['run']}")).contents[0].text)
        assert whole["score"] == told["score"]
        markdown = (await client.read_resource(f"refinery://runs/{told['run']}/report.md")).contents[0].text
        assert "refund" in markdown
        with pytest.raises(Exception, match=r"no run|Unknown resource"):
            await client.read_resource("refinery://runs/..%2F..%2Faudit/report")


async def test_clients_that_show_pages_find_the_report_page_bound_to_the_tools(tables: Path, stdio: Connect) -> None:
    async with stdio() as client:
        bound = {
            tool.name: tool.meta["ui"]["resourceUri"]
            for tool in (await client.list_tools()).tools
            if tool.meta and "ui" in tool.meta
        }
        assert set(bound) == {"analyze_dataset", "manage_run"}
        page = (await client.read_resource(bound["analyze_dataset"])).contents[0]
        assert page.mime_type == "text/html;profile=mcp-app"
        assert "ui/initialize" in page.text


async def test_clients_that_want_few_tools_get_those_of_the_agents_which_still_can_do_all(
    tables: Path, stdio: Connect
) -> None:
    async with stdio("--agents", "agents") as client:
        names = sorted(tool.name for tool in (await client.list_tools()).tools)
        assert names == ["analyze_dataset", "ask_dataset", "manage_run", "rate_insight"]
        answer = await client.call_tool("analyze_dataset", {"dataset": "orders.csv"})
        assert answer.structured_content["score"] < 100
        refused = await client.call_tool("quality_report", {"dataset": "orders.csv"})
        assert refused.is_error
        assert "no action 'quality_report'" in refused.content[0].text
