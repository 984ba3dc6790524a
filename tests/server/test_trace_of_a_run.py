"""The trace of one `analyze_dataset` call: client → MCP → graph → agents → actions, one tree by the GenAI names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from houses import ORDERS, opened_house
from mcp.client.client import Client
from opentelemetry import trace
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from refinery.server.mcp_door import RefineryServer


async def test_one_call_is_one_tree(tmp_path: Path, spans: InMemorySpanExporter) -> None:
    folder = tmp_path / "tables"
    folder.mkdir()
    (folder / "orders.csv").write_text(ORDERS)
    async with opened_house(folder, tmp_path / "workspace") as house, Client(RefineryServer(house)) as client:
        with trace.get_tracer("test").start_as_current_span("the client"):
            answer = await client.call_tool("analyze_dataset", {"dataset": "orders.csv", "target": "returned"})
    plan = answer.structured_content["plan"]
    mine = list(spans.get_finished_spans())
    root = next(span for span in mine if span.name == "the client")
    tree = [span for span in mine if span.context.trace_id == root.context.trace_id]
    by_id = {span.context.span_id: span for span in tree}

    def path(span: Any) -> list[str]:
        above = by_id[span.parent.span_id] if span.parent and span.parent.span_id in by_id else None
        return [*(path(above) if above else []), span.name]

    # Whatever belongs to the call hangs on it, and nothing hangs in the air.
    assert all(span is root or span.parent.span_id in by_id for span in tree)
    done = sorted((step["agent"], step["action"]) for step in plan)
    calls = [path(span) for span in tree if span.name.startswith("refinery.") and len(path(span)) > 4]
    assert (
        sorted((names[-3].removeprefix("invoke_agent "), names[-1].removeprefix("refinery.")) for names in calls)
        == done
    )
    for names in calls:
        assert names[0] == "the client"
        assert "tools/call analyze_dataset" in names
        graph = names.index("invoke_agent orchestrator")
        assert names[graph - 1] == "refinery.analyze_dataset"
        assert names[graph + 1 :] == [names[-3], f"execute_tool {names[-1].removeprefix('refinery.')}", names[-1]]
    agents = [span for span in tree if span.name.startswith("invoke_agent ")]
    assert len({span.name for span in agents}) == len(agents), "an agent is one span of a run"
    assert {span.attributes["gen_ai.operation.name"] for span in agents} == {"invoke_agent"}
    tools = [span for span in tree if span.name.startswith("execute_tool ")]
    assert {span.attributes["gen_ai.tool.name"] for span in tools} == {step["action"] for step in plan}
    assert {span.attributes["gen_ai.operation.name"] for span in tools} == {"execute_tool"}
