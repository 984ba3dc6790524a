"""`refinery memory`: keeping house in what is remembered."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from ..tools.errors import BadRequest, Unavailable
from .settings import Settings, load_settings
from .telemetry import start_logging

if TYPE_CHECKING:
    from ..memory.store.memory import Memory

app = typer.Typer(help="Keep house in what is remembered: export, import, stats, reembed, prune.", no_args_is_help=True)

Config = Annotated[Path | None, typer.Option(help="settings file; default: the one REFINERY_CONFIG names")]
Tenant = Annotated[str | None, typer.Option(help="whose memories; default: auth.tenant of the settings")]


@app.command()
def stats(tenant: Tenant = None, config: Config = None) -> None:
    """Count what is remembered."""

    async def count(memory: Memory, who: str) -> dict[str, Any]:
        async with memory.transaction(who) as running:
            return await running.one("stats") or {}

    for name, value in _run(config, tenant, count).items():
        shown = ", ".join(f"{n} {kind}" for kind, n in sorted(value.items())) if isinstance(value, dict) else value
        typer.echo(f"{name:13} {'-' if shown in (None, '') else shown}")


@app.command()
def export(
    file: Annotated[Path, typer.Argument(help="JSON lines; '-' for standard output")],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="replace the file if it is there")] = False,
    tenant: Tenant = None,
    config: Config = None,
) -> None:
    """Write all memories with their associations as JSON lines, to be kept or imported elsewhere."""
    if file != Path("-") and file.exists() and not overwrite:
        raise BadRequest(f"{str(file)!r} exists already; pass --overwrite to replace it, or name another file")

    async def write(memory: Memory, who: str) -> int:
        from ..memory.store.transfer import export_lines

        if file == Path("-"):
            return await _write(export_lines(memory, who), sys.stdout)
        unfinished = file.with_name(f".{file.name}.part")
        private = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(private, "w", encoding="utf-8") as handle:
            count = await _write(export_lines(memory, who), handle)
        unfinished.replace(file)
        return count

    typer.echo(f"exported {_run(config, tenant, write):,} memories to {file}", err=True)


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="what `refinery memory export` wrote; '-' for standard input")],
    tenant: Tenant = None,
    config: Config = None,
) -> None:
    """Take in the memories of an export; those that are there already are passed over."""

    async def read(memory: Memory, who: str) -> Any:
        from ..memory.store.transfer import import_lines

        text = sys.stdin.read() if file == Path("-") else _text_of(file)
        return await import_lines(memory, who, text.split("\n"))

    done = _run(config, tenant, read)
    typer.echo(f"imported {done.memories:,} memories and {done.associations:,} associations; {done.known:,} were there")


@app.command()
def prune(
    days: Annotated[int, typer.Option(min=1, help="older than this, and not asked for since")] = 365,
    importance: Annotated[
        float, typer.Option(min=0, max=1, help="and less important than this; what is remembered has 0.5")
    ] = 0.6,
    tenant: Tenant = None,
    config: Config = None,
) -> None:
    """Erase memories that are old and weigh little, or were superseded long ago, and the records of old calls."""

    async def erase(memory: Memory, who: str) -> int:
        from ..memory.store.erasing import prune

        return await prune(memory, who, days=days, importance=importance)

    typer.echo(f"erased {_run(config, tenant, erase):,} memories")


@app.command()
def reembed(
    model: Annotated[str | None, typer.Option(help="model, or folder of one; default: memory.model")] = None,
    dimensions: Annotated[int | None, typer.Option(help="size of a vector; default: memory.dimensions")] = None,
    config: Config = None,
) -> None:
    """Make all vectors anew with another model or size; can be interrupted and goes on where it stopped."""
    settings = _settings(config)
    changes = {name: value for name, value in (("model", model), ("dimensions", dimensions)) if value is not None}
    settings = settings.model_copy(update={"memory": settings.memory.model_copy(update=changes)})

    def progress(done: float, total: float | None = None, message: str | None = None) -> None:
        typer.echo(f"{message}: {done:,.0f} of {total or 0:,.0f}", err=True)

    async def read() -> int | None:
        from ..memory.store.reembedding import reembed

        async with _opened(settings) as memory:
            return await reembed(memory.database, memory.embedder, progress)

    done = asyncio.run(read())
    typer.echo(
        f"read {done:,} passages with {settings.memory.model}, {settings.memory.dimensions} dimensions. "
        "Set memory.model and memory.dimensions to these, and start running servers again."
        if done is not None
        else "nothing to do: the vectors are of that model and size"
    )


def _settings(config: Path | None) -> Settings:
    settings = load_settings(config)
    start_logging(settings.log_level)
    if not settings.memory.enabled:
        raise Unavailable("the memory is switched off in the settings: memory.enabled is false")
    return settings


def _run(config: Path | None, tenant: str | None, work: Any) -> Any:
    settings = _settings(config)

    async def inside() -> Any:
        async with _opened(settings) as memory:
            await memory.ready()
            return await work(memory, tenant or settings.auth.tenant)

    return asyncio.run(inside())


@contextlib.asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[Memory]:
    from .wiring import MEMORY, build

    house = build(settings, [Path.cwd()], [MEMORY])  # no file is read but those that commands name
    async with house.running():
        assert house.memory is not None
        yield house.memory


async def _write(lines: AsyncIterator[str], handle: TextIO) -> int:
    """Write lines as they come, and count the memories among them."""
    count = 0
    async for line in lines:
        handle.write(f"{line}\n")
        count += line.startswith('{"memory"')
    return count


def _text_of(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BadRequest(f"no file {str(file)!r}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadRequest(f"{str(file)!r} can't be read: {error}") from None
