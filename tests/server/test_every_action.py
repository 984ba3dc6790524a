"""Every action answers through a real client, over stdio and over HTTP, and the two answers are the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
from mcp.client.client import Client
from refinery.server.wiring import catalogue

if TYPE_CHECKING:
    from conftest import Served

Connect = Callable[..., AbstractAsyncContextManager[Client]]

TABLE = "day,city,amount,returned\n" + "".join(
    f"2026-0{1 + i % 2}-{1 + i % 28:02},{('Berlin', 'Paris', 'Rome')[i % 3]},{i * 7 % 50 + 0.5},{i % 5 == 0}\n"
    for i in range(200)
)

# In this order: the names that one call makes are used by the next.
CALLS: list[tuple[str, dict[str, Any]]] = [
    ("load_dataset", {"source": "table.csv", "name": "table"}),
    ("list_datasets", {}),
    ("basic_info", {"dataset": "table"}),
    ("infer_schema", {"dataset": "table"}),
    ("statistical_summary", {"dataset": "table"}),
    ("missing_data_analysis", {"dataset": "table"}),
    ("detect_outliers", {"dataset": "table"}),
    ("find_relationships", {"dataset": "table", "target": "returned"}),
    ("create_visualization", {"dataset": "table", "chart_type": "histogram", "x": "amount"}),
    ("query_dataset", {"dataset": "table", "sql": "SELECT city, count(*) AS n FROM dataset GROUP BY city"}),
    ("check_schema_consistency", {"dataset": "table"}),
    ("check_missing_values", {"dataset": "table"}),
    ("check_distributions", {"dataset": "table", "numeric_rules": {"amount": {"min": 0, "max": 100}}}),
    ("check_duplicates", {"dataset": "table", "id_columns": ["day", "city"]}),
    ("check_leakage", {"dataset": "table", "target": "returned"}),
    ("check_drift", {"reference": "table.csv", "current": "table"}),
    ("suggest_rules", {"dataset": "table"}),
    ("check_rules", {"dataset": "table", "rules": [{"kind": "not_null", "columns": ["city"]}]}),
    ("quality_report", {"dataset": "table", "target": "returned"}),
    (
        "assign_feature_roles",
        {"dataset": "table", "target": "returned", "pipeline": "p", "overrides": {"amount": "numeric"}},
    ),
    ("impute_missing_values", {"pipeline": "p"}),
    ("encode_categorical_features", {"pipeline": "p"}),
    ("generate_datetime_features", {"pipeline": "p", "country": "DE"}),
    ("vectorise_text_features", {"pipeline": "p"}),
    ("scale_numeric_features", {"pipeline": "p"}),
    ("generate_interactions", {"pipeline": "p", "columns": ["amount", "day_elapsed_days"]}),
    ("select_features", {"pipeline": "p", "method": "variance", "k": 5}),
    ("edit_pipeline", {"pipeline": "p", "step": 6, "arguments": {"limit": 50}}),
    ("show_pipeline", {"pipeline": "p"}),
    ("save_fe_pipeline", {"pipeline": "p"}),
    ("apply_fe_pipeline", {"pipeline": "p", "dataset": "table", "output": "features.parquet", "overwrite": True}),
    ("analyze_dataset", {"dataset": "table", "target": "returned", "wait": 120}),
    ("ask_dataset", {"dataset": "table", "question": "average amount per city"}),
    ("manage_run", {"run": "RUN"}),
    ("rate_insight", {"run": "RUN", "insight": "i1", "verdict": "approve"}),
    ("delete_dataset", {"name": "table"}),
    ("remember", {"content": "amount is in euros", "kind": "knowledge", "dataset": "table", "session": "s"}),
    ("remember", {"content": "prices came by email", "kind": "knowledge", "dataset": "table", "session": "s"}),
    ("recall", {"query": "which currency?", "kind": "knowledge"}),
    ("associate_memories", {"source": "FIRST", "target": "SECOND", "relation": "supports"}),
    ("forget", {"session": "s"}),
]


async def _answers(client: Client) -> dict[str, Any]:
    answers: dict[str, Any] = {}
    schemas = {tool.name: tool.output_schema for tool in (await client.list_tools()).tools}
    remembered: list[str] = []
    for name, arguments in CALLS:
        if name == "associate_memories":
            arguments = {**arguments, "source": remembered[0], "target": remembered[1]}
        if arguments.get("run") == "RUN":
            arguments = {**arguments, "run": answers["analyze_dataset"]["run"]}
        result = await client.call_tool(name, arguments)
        text = result.content[0].text
        assert not result.is_error, f"{name}: {text}"
        assert text.startswith((name, "PASSED ", "WARNING ", "FAILED ")), text
        assert len(text) <= 2000, f"{name}: more than 500 tokens"
        jsonschema.validate(result.structured_content, schemas[name])
        json.dumps(result.structured_content, allow_nan=False)
        if "scanned" in result.structured_content:
            whole = json.loads((await client.read_resource(result.structured_content["uri"])).contents[0].text)
            assert whole["dataset"] == result.structured_content["dataset"]
            result.structured_content.pop("uri")
        if name == "ask_dataset":
            assert [step["action"] for step in result.structured_content["plan"]] == ["query_dataset"]
            for one in result.structured_content["results"]:
                one.pop("result")
        if name == "remember":
            remembered.append(result.structured_content["id"])
        for told in ("id", "compared_with", "pipeline_path", "data_path", "manifest_path", "output"):
            result.structured_content.pop(told, None)  # a time, or a place in a workspace of its own
        answers[name] = result.structured_content
    return answers


def test_there_is_a_call_for_every_action() -> None:
    assert sorted({name for name, _ in CALLS}) == sorted(item.name for item in catalogue())


async def test_every_action_answers_alike_over_stdio_and_http(
    stdio: Connect, served: Served, data_folder: Path
) -> None:
    for folder in (served.folder, data_folder):
        (folder / "table.csv").write_text(TABLE)
    async with stdio(REFINERY_MEMORY__ENABLED="true") as client:
        over_stdio = await _answers(client)
    async with served.client() as client:
        over_http = await _answers(client)
    differing = {
        "analyze_dataset",
        "manage_run",
        "rate_insight",
        "load_dataset",
        "list_datasets",
        "basic_info",
        "delete_dataset",
        "recall",
        "associate_memories",
    }
    for name in over_stdio.keys() - differing:
        assert over_http[name] == over_stdio[name], name
    assert over_stdio["infer_schema"]["schema"]["city"] == "string"
    assert over_stdio["quality_report"]["scanned"] == {"rows": 200, "of": 200, "method": "all"}
