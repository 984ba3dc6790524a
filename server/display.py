"""What the command line shows to people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ..tools.catalogue import Action, Catalogue
from ..tools.executor import Outcome

_COLOURS = {
    "- high": "bold red",
    "- medium": "yellow",
    "- low": "cyan",
    "FAILED": "bold red",
    "WARNING": "yellow",
    "PASSED": "green",
}
_IN_THE_TEXT = frozenset({"findings", "memories"})
_MAX_COLUMNS = 8
_MAX_ROWS = 20


def show_actions(catalogue: Catalogue) -> None:
    """Print the actions by agent."""
    table = Table("agent", "action", "what it does", box=None, pad_edge=False)
    for item in catalogue:
        table.add_row(item.group, f"[bold]{item.name}[/]", escape(item.description))
    terminal().print(table)


def show_action(action: Action) -> None:
    """Print what an action does and the parameters that it takes."""
    console = terminal()
    console.print(escape(action.description), highlight=False)
    table = Table("parameter", "type", "default", "what it is", box=None, pad_edge=False, header_style="bold")
    required = action.input_schema.get("required", [])
    for name, schema in action.input_schema["properties"].items():
        kind = " | ".join(schema["enum"]) if "enum" in schema else str(schema.get("type", "JSON"))
        default = "required" if name in required else str(schema.get("default", ""))
        what = schema.get("description", "name, path or URL of a table" if name in action.datasets else "")
        table.add_row(f"--{name}", escape(kind), escape(default), escape(what))
    console.print(table)


def show_outcome(outcome: Outcome, results: Path) -> None:
    """Print the text that a model would read, the main table of the result, and where the rest of it lies."""
    console = terminal()
    for line in outcome.text.splitlines():
        style = next((colour for start, colour in _COLOURS.items() if line.startswith(start)), None)
        console.print(escape(line), style=style, highlight=False)
    records = _main_table(outcome.result)
    if records:
        console.print(_table(records))
    notes = ["from the kept result"] if outcome.cached else []
    if outcome.uri is not None:
        kept = results / outcome.uri.rsplit("/", 1)[-1]
        suffixes = (".png", ".json") if outcome.image is not None else (".json",)
        notes += [f"kept in {kept}{suffix}" for suffix in suffixes]
    console.print(", ".join([f"{outcome.seconds:.2f} s", *notes]), style="dim", soft_wrap=True)


def terminal() -> Console:
    """Return a console that does not cut what goes to a file or another program to the width of a terminal."""
    console = Console()
    return console if console.is_terminal else Console(width=160)


def _main_table(result: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the first list of records in a result, but for those that the text has told."""
    for name, value in result.items():
        if name not in _IN_THE_TEXT and isinstance(value, list) and value and isinstance(value[0], dict):
            return value
    return []


def _table(records: list[dict[str, Any]]) -> Table:
    names = list(dict.fromkeys(key for record in records for key in record))
    shown = names[:_MAX_COLUMNS]
    table = Table(*map(escape, shown), box=None, pad_edge=False, header_style="bold")
    for record in records[:_MAX_ROWS]:
        table.add_row(*(escape(_cell(record.get(name))) for name in shown))
    if len(records) > _MAX_ROWS:
        table.caption = f"{len(records) - _MAX_ROWS} more rows with --json"
    return table


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.4g}"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else text[:39] + "…"
