"""The command line: `refinery serve`, `analyze`, `chat`, `run`, `actions`, `doctor`, `memory`, `feedback`."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from .. import VERSION
from ..tools.errors import RefineryError
from .feedback_cli import app as feedback_app
from .memory_cli import app as memory_app
from .settings import Settings, load_settings
from .telemetry import start_logging, start_telemetry

app = typer.Typer(
    name="refinery",
    help="Data quality, exploration and features as tools for models, programs and people; and agents that use them.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

app.add_typer(memory_app, name="memory")
app.add_typer(feedback_app, name="feedback")

Config = Annotated[Path | None, typer.Option(help="settings file; default: the one REFINERY_CONFIG names")]
Agents = Annotated[str, typer.Option(help="offer the tools of these agents alone, such as quality,explore")]


@app.command()
def serve(
    folders: Annotated[list[Path] | None, typer.Argument(help="folders that may be read; default: this one")] = None,
    http: Annotated[bool, typer.Option("--http", help="listen on HTTP instead of standard input and output")] = False,
    host: Annotated[str | None, typer.Option(help="address for HTTP; default 127.0.0.1")] = None,
    port: Annotated[int | None, typer.Option(help="port for HTTP; default 8765")] = None,
    agents: Agents = "",
    config: Config = None,
) -> None:
    """Serve the actions to MCP clients, and over HTTP to everyone."""
    from .wiring import build

    settings = _start(config)
    changed = {name: value for name, value in {"host": host, "port": port}.items() if value is not None}
    settings = settings.model_copy(update={"http": settings.http.model_copy(update=changed)})
    house = build(settings, folders or [], _listed(agents))
    if http:
        from .http_door import serve_http

        serve_http(house)
    else:
        from .mcp_door import serve_stdio

        serve_stdio(house)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def run(
    context: typer.Context,
    action: Annotated[str, typer.Argument(help="name of the action, as `refinery actions` lists")],
    dataset: Annotated[str | None, typer.Argument(help="path, name or URL of the table")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print the result as JSON, for programs")] = False,
    config: Config = None,
) -> None:
    """Run one action: refinery run ACTION DATASET --parameter value; `refinery actions ACTION` lists the parameters.

    A list or a record is JSON, or @FILE. What is named may be read, wherever it is. Exit code: 0, or 1 when a check
    failed, or that of the error.
    """
    from .running import run_action

    sys.exit(asyncio.run(run_action(_start(config), action, dataset, context.args, as_json=as_json)))


@app.command()
def analyze(
    dataset: Annotated[str | None, typer.Argument(help="path, name or URL of the table")] = None,
    goal: Annotated[str | None, typer.Option(help="what it is for, such as 'fit to train a churn model?'")] = None,
    target: Annotated[str | None, typer.Option(help="column to predict")] = None,
    output: Annotated[Path | None, typer.Option(help="write a copy of the report (HTML) here")] = None,
    resume: Annotated[str | None, typer.Option(help="go on with this run where it stopped")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="agree to steps that ask for approval")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print the outcome as JSON, for programs")] = False,
    config: Config = None,
) -> None:
    """Let the agents analyze a table for a goal, and write a report; no language model is needed."""
    from .analyzing import analyze as analyzing

    asked = {"goal": goal, "target": target, "resume": resume, "output": output, "agreed": yes, "as_json": as_json}
    sys.exit(asyncio.run(analyzing(_start(config), dataset, **asked)))  # type: ignore[arg-type]


@app.command()
def chat(
    dataset: Annotated[str, typer.Argument(help="path, name or URL of the table")],
    config: Config = None,
) -> None:
    """Ask about a table in words; each question becomes calls, which are shown with what they found."""
    from .analyzing import chat as chatting

    sys.exit(asyncio.run(chatting(_start(config), dataset)))


@app.command()
def actions(
    action: Annotated[str | None, typer.Argument(help="show the parameters of this one")] = None,
    agents: Agents = "",
    as_json: Annotated[bool, typer.Option("--json", help="print the schemas as JSON, for programs")] = False,
) -> None:
    """List what can be done, or the parameters of one action."""
    from ..tools.catalogue import Catalogue
    from .wiring import catalogue

    known = catalogue()
    chosen = known.only(_listed(agents)) if agents else known
    if action is not None:
        chosen = Catalogue([chosen[action]])
    if as_json:
        listed = [{"action": item.name, "agent": item.group, "params": item.input_schema} for item in chosen]
        typer.echo(json.dumps(listed, indent=2))
    elif action is not None:
        from .display import show_action

        show_action(chosen[action])
    else:
        from .display import show_actions

        show_actions(chosen)


@app.command()
def doctor(
    folders: Annotated[list[Path] | None, typer.Argument(help="folders that the server is to read")] = None,
    config: Config = None,
) -> None:
    """Check that everything Refinery needs is there, and say what to do where it is not."""
    from .doctor import examine

    sys.exit(asyncio.run(examine(_start(config), folders or [])))


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(VERSION)


def _start(config: Path | None) -> Settings:
    settings = load_settings(config)
    start_logging(settings.log_level)
    start_telemetry()
    return settings


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def main() -> Any:
    """Run the command line; an error of ours becomes its message and its exit code."""
    try:
        app()
    except RefineryError as error:
        from .errors import exit_code

        typer.echo(f"refinery: {error}", err=True)
        sys.exit(exit_code(error))
    except KeyboardInterrupt:
        sys.exit(130)
