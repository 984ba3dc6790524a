from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

Connect = Callable[..., AbstractAsyncContextManager[Client]]
ORDERS = "order_id,city,amount\n1,Berlin,10.5\n2,Paris,\n3,Berlin,7\n"


@pytest.fixture
def stdio(tmp_path: Path, data_folder: Path) -> Connect:
    """Connect a real client to a server process over stdio."""

    @contextlib.asynccontextmanager
    async def connect(*options: str, mode: str = "auto", **environment: str) -> AsyncIterator[Client]:
        parameters = StdioServerParameters(
            command=sys.executable,
            args=["-m", "refinery", "serve", str(data_folder), *options],
            env={**os.environ, "REFINERY_WORKSPACE": str(tmp_path / "workspace"), **environment},
        )
        with (tmp_path / "server.log").open("w") as log:
            async with Client(stdio_client(parameters, errlog=log), mode=mode) as client:
                yield client

    return connect


def _start_http(folder: Path, log_file: Path, environment: dict[str, str]) -> tuple[subprocess.Popen[bytes], str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "refinery", "serve", str(folder), "--http", "--port", str(port)]
    with log_file.open("w") as log:
        process = subprocess.Popen(command, env={**os.environ, **environment}, stderr=log, stdout=log)
    address = f"http://127.0.0.1:{port}"
    end = time.monotonic() + 60
    while True:
        try:
            httpx.get(f"{address}/health")
            return process, address
        except httpx.TransportError:
            if time.monotonic() > end or process.poll() is not None:
                process.kill()
                raise AssertionError(log_file.read_text()) from None
            time.sleep(0.05)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(timeout=20)


@pytest.fixture
def http_server(tmp_path: Path, data_folder: Path) -> Iterator[Callable[..., str]]:
    """Start servers of a test's own over HTTP on loopback; they end with the test."""
    started: list[subprocess.Popen[bytes]] = []

    def start(**environment: str) -> str:
        process, address = _start_http(
            data_folder, tmp_path / "http.log", {"REFINERY_WORKSPACE": str(tmp_path / "workspace"), **environment}
        )
        started.append(process)
        return address

    yield start
    for process in started:
        _stop(process)


@dataclass(frozen=True)
class Served:
    """A server over HTTP that the tests of a session share, and the folder it reads."""

    address: str
    folder: Path

    @contextlib.asynccontextmanager
    async def client(self) -> AsyncIterator[Client]:
        async with Client(streamable_http_client(f"{self.address}/mcp")) as client:
            yield client


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    (folder / "orders.csv").write_text(ORDERS)
    workspace = tmp_path_factory.mktemp("workspace") / "w"
    process, address = _start_http(
        folder,
        workspace.parent / "http.log",
        {"REFINERY_WORKSPACE": str(workspace), "PYTHONPATH": "", "REFINERY_MEMORY__ENABLED": "true"},
    )
    yield Served(address, folder)
    _stop(process)


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    provider = trace.get_tracer_provider()
    if not isinstance(provider, TracerProvider):  # OpenTelemetry lets a process set it once
        provider = TracerProvider()
        trace.set_tracer_provider(provider)
    exporter = InMemorySpanExporter()
    processor = SimpleSpanProcessor(exporter)
    provider.add_span_processor(processor)
    yield exporter
    processor.shutdown()
