"""`refinery feedback`: rating insights, and what people thought of them as training data."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ..tools.errors import Unavailable
from .settings import Settings, load_settings
from .telemetry import start_logging

if TYPE_CHECKING:
    from ..agents.feedback.quality import QualityReport

app = typer.Typer(help="Rate insights, and export what people thought of them.", no_args_is_help=True)

Config = Annotated[Path | None, typer.Option(help="settings file; default: the one REFINERY_CONFIG names")]
Form = Annotated[
    Literal["instruct", "preference", "both"],
    typer.Option("--format", help="examples to imitate, pairs of a better and a worse answer, or both"),
]


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(help="where to; need not exist")],
    form: Form = "both",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="replace what an earlier export wrote there")] = False,
    tenant: Annotated[str | None, typer.Option(help="whose feedback; default: auth.tenant of the settings")] = None,
    config: Config = None,
) -> None:
    """Write feedback as training data: instruct.jsonl, preference.jsonl, and how good they are (quality.json, .txt)."""
    settings = _settings(config)
    if not settings.memory.enabled:
        raise Unavailable(
            "feedback is kept in the memory, which is switched off: set memory.enabled to true in the settings "
            "(or REFINERY_MEMORY__ENABLED=true)"
        )

    async def work() -> QualityReport:
        from ..agents.feedback.exporting import export_feedback
        from .wiring import MEMORY, build

        house = build(settings, [Path.cwd()], [MEMORY])  # no file is read
        async with house.running():
            assert house.memory is not None
            await house.memory.ready()
            return await export_feedback(
                house.memory, tenant or settings.auth.tenant, folder, form=form, overwrite=overwrite
            )

    from ..agents.feedback.quality import as_text

    typer.echo(as_text(asyncio.run(work())), nl=False)
    typer.echo(f"written to {folder}", err=True)


@app.command()
def rate(
    run: Annotated[str, typer.Argument(help="id of the run, as analyze_dataset and manage_run tell")],
    insight: Annotated[str, typer.Argument(help="id of the insight, such as i2")],
    verdict: Annotated[Literal["approve", "edit", "reject"], typer.Argument(help="what you think of it")],
    score: Annotated[float | None, typer.Option(help="how good it is, 0 to 1")] = None,
    text: Annotated[str | None, typer.Option(help="the better wording of an edit; else why")] = None,
    config: Config = None,
) -> None:
    """Say what you think of an insight; a later verdict replaces the earlier one."""
    settings = _settings(config)
    said = {"run": run, "insight": insight, "verdict": verdict, "score": score, "text": text}

    async def work() -> str:
        from .wiring import AGENTS, build

        house = build(settings, [Path.cwd()], [AGENTS])
        async with house.running():
            outcome = await house.run("rate_insight", _given(said))
            if house.memory is not None:
                # It is remembered when there is time, and this process has no more of it than this.
                await house.memory.settle()
            return outcome.text

    typer.echo(asyncio.run(work()))


def _settings(config: Path | None) -> Settings:
    settings = load_settings(config)
    start_logging(settings.log_level)
    return settings


def _given(arguments: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if value is not None}
