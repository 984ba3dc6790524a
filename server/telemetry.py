"""OpenTelemetry and logs: exported when the standard environment variables ask for it, silent otherwise."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from typing import Any

from mcp.server.context import CallNext, HandlerResult, ServerMiddleware, ServerRequestContext
from opentelemetry import metrics, trace

from .. import VERSION

_SERVICE = {"service.name": "refinery"}


def start_telemetry() -> None:
    """Export traces and metrics over OTLP if `OTEL_EXPORTER_OTLP_*` or `OTEL_TRACES_EXPORTER` says so."""
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return
    wanted = {signal for signal in ("TRACES", "METRICS") if _asked_for(signal)}
    if not wanted:
        return
    from opentelemetry.sdk.resources import Resource

    # A name in OTEL_SERVICE_NAME or OTEL_RESOURCE_ATTRIBUTES wins over ours.
    resource = Resource.create({**_SERVICE, "service.version": VERSION} | dict(Resource.create().attributes))
    if "TRACES" in wanted:
        _export_traces(resource)
    if "METRICS" in wanted:
        _export_metrics(resource)


def _asked_for(signal: str) -> bool:
    exporter = os.environ.get(f"OTEL_{signal}_EXPORTER", "")
    if exporter:
        return exporter == "otlp"
    return any(os.environ.get(f"OTEL_EXPORTER_OTLP_{name}ENDPOINT") for name in ("", f"{signal}_"))


def _export_traces(resource: Any) -> None:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)


def _export_metrics(resource: Any) -> None:
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

    metrics.set_meter_provider(
        MeterProvider(metric_readers=[PeriodicExportingMetricReader(OTLPMetricExporter())], resource=resource)
    )


class McpTelemetry(ServerMiddleware[Any]):
    """Adds to the SDK's span of each message what it leaves out, and measures the message.

    Attribute and metric names are those of OpenTelemetry's semantic conventions for MCP.
    """

    def __init__(self, transport: str) -> None:
        self._transport = transport
        self._duration = metrics.get_meter("refinery").create_histogram(
            "mcp.server.operation.duration", unit="s", description="Time of an MCP request or notification"
        )

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        attributes: dict[str, Any] = {"mcp.method.name": ctx.method, "network.transport": self._transport}
        span = trace.get_current_span()
        span.set_attribute("network.transport", self._transport)
        uri = (ctx.params or {}).get("uri") if ctx.method.startswith("resources/") else None
        if isinstance(uri, str):
            span.set_attribute("mcp.resource.uri", uri)
        name = (ctx.params or {}).get("name")
        if ctx.method == "tools/call" and isinstance(name, str):
            # From the caller: cut, so that nobody can make endless series of it.
            attributes["gen_ai.tool.name"] = name[:64]
        started = time.perf_counter()
        try:
            result = await call_next(ctx)
        except Exception as error:
            attributes["error.type"] = type(error).__name__
            raise
        finally:
            self._duration.record(time.perf_counter() - started, attributes)
        return result


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message, the ids of the trace, and the exception if any."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        span = trace.get_current_span().get_span_context()
        if span.is_valid:
            line |= {"trace_id": f"{span.trace_id:032x}", "span_id": f"{span.span_id:016x}"}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def start_logging(level: str) -> None:
    """Send every log to standard error as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)
