"""The MCP door through real clients."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import jsonschema
import pytest
from mcp.client.client import Client
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS, ImageContent, PromptReference, ResourceLink, TextContent
from refinery.server.wiring import catalogue

if TYPE_CHECKING:
    from conftest import Served

Connect = Callable[..., AbstractAsyncContextManager[Client]]


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_a_client_finds_every_action_and_calls_one(stdio: Connect, mode: str) -> None:
    async with stdio(mode=mode) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert set(tools) == {item.name for item in catalogue() if item.group != "memory"}, "it is switched off here"
        result = await client.call_tool("check_missing_values", {"dataset": "orders.csv"})
    assert not result.is_error
    amount = next(c for c in result.structured_content["columns"] if c["column"] == "amount")
    assert amount["missing"] == 1
    assert isinstance(result.content[0], TextContent)
    jsonschema.validate(result.structured_content, tools["check_missing_values"].output_schema)


async def test_annotations_tell_what_reads_and_what_destroys(served: Served) -> None:
    async with served.client() as client:
        hints = {tool.name: tool.annotations for tool in (await client.list_tools()).tools}
    assert hints["check_drift"].read_only_hint is True
    assert hints["delete_dataset"].destructive_hint is True
    assert hints["load_dataset"].read_only_hint is False
    assert all(hint.open_world_hint is False for hint in hints.values())


@pytest.mark.parametrize(
    ("tool", "arguments", "kind", "message"),
    [
        ("check_missing", {}, "bad_request", "check_missing_values"),
        ("check_missing_values", {"dataset": "ordrs.csv"}, None, "orders.csv"),
        ("check_missing_values", {"dataset": "orders.csv", "columns": ["amuont"]}, "bad_request", "'amount'"),
        ("create_visualization", {"dataset": "orders.csv", "chart_type": "histgram"}, "bad_request", "'histogram'"),
        ("basic_info", {"dataset": "/etc/passwd"}, "not_allowed", "roots"),
        ("basic_info", {"dataset": "../outside.csv"}, None, ""),
        ("basic_info", {"dataset": "orders.csv", "limt": 1}, "bad_request", "limt"),
    ],
)
async def test_errors_are_results_that_name_the_wrong_value(
    served: Served, tool: str, arguments: dict[str, object], kind: str | None, message: str
) -> None:
    async with served.client() as client:
        result = await client.call_tool(tool, arguments)
    assert result.is_error
    assert message in result.content[0].text
    assert "Traceback" not in result.content[0].text
    assert kind is None or (result.meta or {})["refinery/error"] == kind


async def test_a_cut_result_links_to_the_whole(served: Served) -> None:
    header = ",".join(f"c{i}" for i in range(80))
    (served.folder / "wide.csv").write_text(f"{header}\n{','.join('1' * 80)}\n")
    async with served.client() as client:
        result = await client.call_tool("check_missing_values", {"dataset": "wide.csv"})
        assert len(result.structured_content["columns"]) == 50
        assert result.structured_content["truncated"] is True
        link = next(block for block in result.content if isinstance(block, ResourceLink))
        whole = json.loads((await client.read_resource(str(link.uri))).contents[0].text)
    assert len(whole["columns"]) == 80


async def test_a_chart_comes_as_a_picture(served: Served) -> None:
    async with served.client() as client:
        result = await client.call_tool("create_visualization", {"dataset": "orders.csv", "chart_type": "bar"})
        picture = next(block for block in result.content if isinstance(block, ImageContent))
        kept = await client.read_resource(result.structured_content["uri"] + "/chart")
    assert picture.mime_type == "image/png"
    assert kept.contents[0].blob == picture.data


async def test_datasets_are_resources_and_names_complete(served: Served) -> None:
    async with served.client() as client:
        await client.call_tool("load_dataset", {"source": "orders.csv", "name": "sales"})
        resources = (await client.list_resources()).resources
        # Other tests of the session leave pipelines behind.
        assert [str(r.uri) for r in resources if "datasets" in str(r.uri)] == ["refinery://datasets/sales"]
        facts = json.loads((await client.read_resource("refinery://datasets/sales")).contents[0].text)
        assert facts["rows"] == 3
        reference = PromptReference(type="ref/prompt", name="prepare_for_modelling")
        names = await client.complete(reference, {"name": "dataset", "value": "sa"})
        assert names.completion.values == ["sales"]
        columns = await client.complete(
            reference, {"name": "target", "value": "A"}, context_arguments={"dataset": "sales"}
        )
        assert columns.completion.values == ["amount"]


async def test_a_pipeline_is_a_resource_that_outlives_the_server(stdio: Connect, data_folder: Path) -> None:
    rows = "".join(f"{i},{'Rome' if i % 3 else 'Oslo'},{i % 2}\n" for i in range(60))
    (data_folder / "shops.csv").write_text("size,city,open\n" + rows)
    async with stdio() as client:
        started = await client.call_tool(
            "assign_feature_roles", {"dataset": "shops.csv", "target": "open", "pipeline": "shops"}
        )
        assert not started.is_error, started.content
    async with stdio() as client:
        resources = [str(r.uri) for r in (await client.list_resources()).resources]
        assert "refinery://pipelines/shops" in resources
        shown = json.loads((await client.read_resource("refinery://pipelines/shops")).contents[0].text)
        assert {role["column"]: role["role"] for role in shown["roles"]}["open"] == "target"
        with pytest.raises(MCPError, match="did you mean 'shops'"):
            await client.read_resource("refinery://pipelines/shosp")


async def test_an_unknown_resource_is_an_error_that_says_what_to_do(served: Served) -> None:
    async with served.client() as client:
        with pytest.raises(MCPError, match="call the tool again"):
            await client.read_resource("refinery://results/0123456789abcdef01234567")


async def test_prompts_name_the_tools_to_call(served: Served) -> None:
    names = {item.name for item in catalogue()}
    async with served.client() as client:
        prompts = {prompt.name for prompt in (await client.list_prompts()).prompts}
        assert prompts >= {"audit_table", "compare_tables", "prepare_for_modelling"}
        prompt = await client.get_prompt("audit_table", {"dataset": "orders", "target": "returned"})
        text = prompt.messages[0].content.text
        assert "`orders` with the target `returned`" in text
        assert any(f"`{name}`" in text for name in names)
        plain = (await client.get_prompt("audit_table", {"dataset": "orders"})).messages[0].content.text
        assert "Audit the table `orders`." in plain


async def test_only_the_tools_of_the_agents_asked_for_are_offered(stdio: Connect) -> None:
    async with stdio("--agents", "quality") as client:
        names = {tool.name for tool in (await client.list_tools()).tools}
    assert names == {item.name for item in catalogue() if item.group == "quality"}


async def test_progress_is_reported_during_a_call(served: Served) -> None:
    steps: list[tuple[float, float | None, str | None]] = []

    async def on_progress(done: float, total: float | None, message: str | None) -> None:
        steps.append((done, total, message))

    async with served.client() as client:
        await client.call_tool("quality_report", {"dataset": "orders.csv"}, progress_callback=on_progress)
    assert steps
    assert [step[0] for step in steps] == sorted({step[0] for step in steps})


async def test_the_same_over_http(served: Served, stdio: Connect) -> None:
    async with served.client() as client:
        assert {tool.name for tool in (await client.list_tools()).tools} == {item.name for item in catalogue()}
        over_http = await client.call_tool("check_missing_values", {"dataset": "orders.csv"})
    async with stdio() as client:
        over_stdio = await client.call_tool("check_missing_values", {"dataset": "orders.csv"})
    assert over_http.structured_content == over_stdio.structured_content


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("audit_tabel", {"dataset": "orders"}, "did you mean 'audit_table'"),
        ("audit_table", {}, "dataset"),
        ("audit_table", {"dataset": "orders", "targt": "x"}, "targt"),
    ],
)
async def test_a_wrong_prompt_is_an_error_that_names_the_right_one(
    served: Served, name: str, arguments: dict[str, str], message: str
) -> None:
    async with served.client() as client:
        with pytest.raises(MCPError, match=message) as caught:
            await client.get_prompt(name, arguments)
    assert caught.value.error.code == INVALID_PARAMS


def test_a_server_whose_actions_cannot_be_loaded_ends_rather_than_leaving_its_client_waiting(
    data_folder: Path, tmp_path: Path
) -> None:
    greeting = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    environment = {"REFINERY_WORKSPACE": str(tmp_path / "w"), "REFINERY_AGENTS__APPROVE": '["save_pipeline"]'}
    process = subprocess.Popen(
        [sys.executable, "-m", "refinery", "serve", str(data_folder)],
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    message = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": greeting}
    process.stdin.write(json.dumps(message) + "\n")
    process.stdin.flush()
    assert process.stdout.readline()  # it greets before it loads; its input stays open
    try:
        assert process.wait(timeout=30) == 64
    finally:
        process.kill()
        _, told = process.communicate()
    assert "no action 'save_pipeline' (agents.approve)" in told
