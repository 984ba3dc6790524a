"""`refinery doctor`: what is needed and whether it is there."""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from .. import VERSION
from ..tools.errors import RefineryError
from .settings import Settings
from .wiring import House, build

Examination = Callable[[House], Awaitable[str]]


class Ailing(Exception):
    """Something is missing; the message says what to do."""


async def examine(settings: Settings, folders: Sequence[Path]) -> int:
    """Print one line for each thing that Refinery needs.

    Returns:
        0, or 1 when something does not work.
    """
    console = Console()
    house = build(settings, folders)
    ailing = False
    async with house.running():
        for title, examination in _EXAMINATIONS.items():
            try:
                console.print(f"[green]ok[/]    {title}: {escape(await examination(house))}", highlight=False)
            except (Ailing, RefineryError, OSError) as error:
                ailing = True
                console.print(f"[bold red]fails[/] {title}: {escape(str(error))}", highlight=False)
    return 1 if ailing else 0


async def _versions(_: House) -> str:
    names = ("mcp", "ibis-framework", "duckdb", "pandas", "scikit-learn")
    return f"Refinery {VERSION}, Python {platform.python_version()}, " + ", ".join(f"{n} {version(n)}" for n in names)


async def _workspace(house: House) -> str:
    folder = house.executor.runtime.workspace.root
    house.executor.runtime.workspace.folder("results")
    with tempfile.NamedTemporaryFile(dir=folder):
        pass
    if os.name == "posix" and folder.stat().st_mode & 0o066:
        raise Ailing(f"{folder} can be read by other users: run chmod 700 {folder}")
    free = shutil.disk_usage(folder).free / 1e9
    if free < 1:
        raise Ailing(f"only {free:.1f} GB are free at {folder}; make room, or set workspace to another disk")
    return f"{folder}, {free:,.0f} GB free"


async def _roots(house: House) -> str:
    roots = house.roots
    if not roots:
        raise Ailing("no folder may be read; start as `refinery serve FOLDER`, or set data.roots")
    return "may read " + ", ".join(str(root) for root in roots)


async def _worker(house: House) -> str:
    config = house.executor.runtime.config
    with tempfile.TemporaryDirectory(dir=house.executor.runtime.workspace.folder("spill")):
        await asyncio.wait_for(house.executor.pool.warm(), timeout=60)
    return f"starts and answers; up to {house.executor.pool.size} of {config.memory_mb:,} MB each"


async def _catalogue(house: House) -> str:
    catalogue = house.actions
    return f"{len(catalogue)} actions of {', '.join(sorted({item.group for item in catalogue}))}"


async def _memory(house: House) -> str:
    if house.memory is None:
        return "switched off"
    await house.memory.ready()
    where = "embedded PostgreSQL" if house.memory.database.cluster else "PostgreSQL at database_url"
    async with house.memory.transaction(house.caller.tenant) as running:
        stats = await running.one("stats") or {}
    return f"{where} answers; {stats['memories']:,} memories of {house.caller.tenant!r}"


async def _embedding(house: House) -> str:
    if house.memory is None:
        return "not needed"
    await house.memory.embedder.warm()
    return f"{house.memory.embedder.model}, {house.memory.embedder.dimensions} dimensions"


async def _optional(_: House) -> str:
    missing = ["PostgreSQL tables (pip install 'refinery-mcp[postgres]')"] if find_spec("psycopg") is None else []
    return "all extras are installed" if not missing else "not installed: " + ", ".join(missing)


async def _telemetry(_: House) -> str:
    endpoint = os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    return f"exported to {endpoint}" if endpoint else "silent; set OTEL_EXPORTER_OTLP_ENDPOINT to export"


_EXAMINATIONS: dict[str, Examination] = {
    "versions": _versions,
    "workspace": _workspace,
    "folders": _roots,
    "actions": _catalogue,
    "worker": _worker,
    "memory": _memory,
    "embedding": _embedding,
    "extras": _optional,
    "telemetry": _telemetry,
}
