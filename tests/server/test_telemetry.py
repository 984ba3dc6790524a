"""One trace from the client to the action, and logs that point into it."""

from __future__ import annotations

import http.server
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from mcp.client.client import Client
from opentelemetry import trace
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from refinery.server.mcp_door import RefineryServer
from refinery.server.settings import load_settings
from refinery.server.telemetry import JsonLines, start_telemetry
from refinery.server.wiring import House, build


@pytest.fixture
async def house(data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    monkeypatch.setenv("REFINERY_WORKSPACE", str(tmp_path / "workspace"))
    built = build(load_settings(), [data_folder])
    yield built
    await built.executor.close()


async def test_the_action_is_a_child_of_the_mcp_call_which_continues_the_clients_trace(
    spans: InMemorySpanExporter, house: House
) -> None:
    async with Client(RefineryServer(house)) as client:
        with trace.get_tracer("test").start_as_current_span("the client"):
            await client.call_tool("list_datasets", {})
    finished = {span.name: span for span in spans.get_finished_spans()}
    mine, call, action = (
        finished["the client"],
        next(s for s in spans.get_finished_spans() if s.name == "tools/call list_datasets" and s.kind.name == "SERVER"),
        finished["refinery.list_datasets"],
    )
    assert mine.context.trace_id == call.context.trace_id == action.context.trace_id
    assert action.parent is not None
    assert action.parent.span_id == call.context.span_id
    assert call.attributes is not None
    assert call.attributes["network.transport"] == "pipe"
    assert call.attributes["gen_ai.tool.name"] == "list_datasets"
    assert call.attributes["gen_ai.operation.name"] == "execute_tool"
    assert action.attributes is not None
    assert action.attributes["refinery.outcome"] == "ok"


async def test_a_failed_call_marks_its_spans_and_names_the_kind_of_error(
    spans: InMemorySpanExporter, house: House
) -> None:
    async with Client(RefineryServer(house)) as client:
        await client.call_tool("delete_dataset", {"name": "nothing"})
    action = next(span for span in spans.get_finished_spans() if span.name == "refinery.delete_dataset")
    assert action.status.status_code.name == "ERROR"
    assert action.attributes is not None
    assert action.attributes["error.type"] == "bad_request"
    assert not action.events, "an exception event could carry values of cells"


async def test_reading_a_resource_tells_its_address(spans: InMemorySpanExporter, house: House) -> None:
    async with Client(RefineryServer(house)) as client:
        with pytest.raises(Exception, match="no dataset"):
            await client.read_resource("refinery://datasets/nothing")
    read = next(s for s in spans.get_finished_spans() if s.name == "resources/read" and s.kind.name == "SERVER")
    assert read.attributes is not None
    assert read.attributes["mcp.resource.uri"] == "refinery://datasets/nothing"


def test_without_the_standard_variables_nothing_is_exported(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise AssertionError("a provider was set")

    monkeypatch.setattr(trace, "set_tracer_provider", fail)
    start_telemetry()


def test_logs_are_json_with_the_ids_of_the_trace(spans: InMemorySpanExporter) -> None:
    record = logging.LogRecord("refinery", logging.WARNING, __file__, 1, "disk %s", ("full",), None)
    with trace.get_tracer("test").start_as_current_span("s") as span:
        line = json.loads(JsonLines().format(record))
    assert line["message"] == "disk full"
    assert line["level"] == "WARNING"
    assert line["trace_id"] == f"{span.get_span_context().trace_id:032x}"


def test_traces_and_metrics_are_exported_where_the_standard_variable_points(data_folder: Path, tmp_path: Path) -> None:
    received: dict[str, bytes] = {}

    class Collector(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector) as collector:
        threading.Thread(target=collector.serve_forever, daemon=True).start()
        environment = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.server_port}",
            "OTEL_EXPORTER_OTLP_COMPRESSION": "none",
            "REFINERY_WORKSPACE": str(tmp_path / "w"),
        }
        command = [sys.executable, "-m", "refinery", "run", "basic_info", "orders.csv"]
        subprocess.run(command, cwd=data_folder, env={**os.environ, **environment}, check=True, capture_output=True)
        collector.shutdown()
    assert b"refinery.basic_info" in received["/v1/traces"]
    assert b"refinery.action.duration" in received["/v1/metrics"]
    assert b"Berlin" not in b"".join(received.values())
