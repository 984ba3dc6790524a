"""Start, cheap call and listing, against a bare server of the same SDK; the two take turns in one run.

Targets: start to `initialize` ≤ 1.3 of the bare server's, a cheap call ≤ 1.5 (p50), `tools/list` ≤ 150 tokens a tool.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

Command = list[str]
BARE: Command = [str(Path(__file__).with_name("_bare_server.py"))]


@asynccontextmanager
async def _connected(command: Command, workspace: str) -> Any:
    parameters = StdioServerParameters(
        command=sys.executable, args=command, env={**os.environ, "REFINERY_WORKSPACE": workspace}
    )
    async with Client(stdio_client(parameters), mode="legacy") as client:
        yield client


async def _start_seconds(command: Command, workspace: str) -> float:
    started = time.perf_counter()
    async with _connected(command, workspace):
        return time.perf_counter() - started


async def _call_seconds(client: Client, tool: str, arguments: dict[str, Any]) -> float:
    started = time.perf_counter()
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result
    return time.perf_counter() - started


async def _health_seconds(command: Command, workspace: str) -> float:
    """Return the median time of GET /health over a kept connection."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "REFINERY_WORKSPACE": workspace}
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, "--http", "--port", str(port), env=environment
    )
    times: list[float] = []
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            for attempt in range(600):
                started = time.perf_counter()
                try:
                    (await client.get("/health")).raise_for_status()
                except httpx.TransportError:
                    if attempt == 599:
                        raise
                    await asyncio.sleep(0.05)
                else:
                    times.append(time.perf_counter() - started)
                if len(times) == 100:
                    break
    finally:
        process.terminate()
        await process.wait()
    return statistics.median(times)


async def measure(rounds: int, calls: int) -> dict[str, float]:
    """Return the medians in seconds, their ratios, and tokens a tool."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "data").mkdir()
        refinery: Command = ["-m", "refinery", "serve", str(Path(folder) / "data")]
        starts: dict[str, list[float]] = {"bare": [], "refinery": []}
        for _ in range(rounds):
            starts["bare"].append(await _start_seconds(BARE, folder))
            starts["refinery"].append(await _start_seconds(refinery, folder))
        async with _connected(BARE, folder) as bare, _connected(refinery, folder) as ours:
            tools = (await ours.list_tools()).tools
            times: dict[str, list[float]] = {"bare": [], "refinery": []}
            for _ in range(calls):
                times["bare"].append(await _call_seconds(bare, "ping", {}))
                times["refinery"].append(await _call_seconds(ours, "list_datasets", {}))
        figures_of_health = await _health_seconds(refinery, folder)
    shown = [{"name": t.name, "description": t.description, "inputSchema": t.input_schema} for t in tools]
    figures = {
        "start, bare (s)": statistics.median(starts["bare"]),
        "start, refinery (s)": statistics.median(starts["refinery"]),
        "call, bare (s)": statistics.median(times["bare"]),
        "call, refinery (s)": statistics.median(times["refinery"]),
        "GET /health (s, target 0.010)": figures_of_health,
        "tokens a tool": len(json.dumps(shown)) / 4 / len(tools),
        "tokens of output schemas a tool": len(json.dumps([t.output_schema for t in tools])) / 4 / len(tools),
    }
    figures["start ratio (target 1.3)"] = figures["start, refinery (s)"] / figures["start, bare (s)"]
    figures["call ratio (target 1.5)"] = figures["call, refinery (s)"] / figures["call, bare (s)"]
    return figures


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--calls", type=int, default=300)
    chosen = parser.parse_args(arguments)
    for name, value in asyncio.run(measure(chosen.rounds, chosen.calls)).items():
        print(f"{name:36} {value:.4f}")


if __name__ == "__main__":
    main()
