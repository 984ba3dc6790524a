from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import httpx
import pytest
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

Connect = Callable[..., AbstractAsyncContextManager[Client]]


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


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def http_server(tmp_path: Path, data_folder: Path, free_port: int) -> Iterator[Callable[..., str]]:
    """Start servers over HTTP on loopback; they end with the test."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*options: str, **environment: str) -> str:
        command = [sys.executable, "-m", "refinery", "serve", str(data_folder), "--http", "--port", str(free_port)]
        env = {**os.environ, "REFINERY_WORKSPACE": str(tmp_path / "workspace"), **environment}
        with (tmp_path / "http.log").open("w") as log:
            started.append(subprocess.Popen([*command, *options], env=env, stderr=log, stdout=log))
        address = f"http://127.0.0.1:{free_port}"
        end = time.monotonic() + 30
        while True:
            try:
                httpx.get(f"{address}/health")
                return address
            except httpx.TransportError:
                assert time.monotonic() < end, (tmp_path / "http.log").read_text()
                time.sleep(0.05)

    yield start
    for process in started:
        process.terminate()
        process.wait(timeout=20)
