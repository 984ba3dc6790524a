"""What the command line shows to people."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ..tools.catalogue import Catalogue
from ..tools.executor import Outcome

_COLOURS = {
    "- high": "bold red",
    "- medium": "yellow",
    "- low": "cyan",
    "FAILED": "bold red",
    "WARNING": "yellow",
    "PASSED": "green",
}
_MAX_COLUMNS = 8
_MAX_ROWS = 20


def show_actions(catalogue: Catalogue) -> None:
    """Print the actions by agent."""
    table = Table("agent", "action", "what it does", box=None, pad_edge=False)
    for item in catalogue:
        table.add_row(item.group, f"[bold]{item.name}[/]", escape(item.description))
    Console().print(table)


def show_outcome(outcome: Outcome) -> None:
    """Print the text that a model would read, then the main table of the result."""
    console = Console()
    for line in outcome.text.splitlines():
        style = next((colour for start, colour in _COLOURS.items() if line.startswith(start)), None)
        console.print(escape(line), style=style, highlight=False)
    records = _main_table(outcome.result)
    if records:
        console.print(_table(records))
    notes = ["from the kept result"] if outcome.cached else []
    console.print(", ".join([f"{outcome.seconds:.2f} s", *notes]), style="dim")


def _main_table(result: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the first list of records in a result, findings aside: they are in the text."""
    for name, value in result.items():
        if name != "findings" and isinstance(value, list) and value and isinstance(value[0], dict):
            return value
    return []


def _table(records: list[dict[str, Any]]) -> Table:
    names = list(dict.fromkeys(key for record in records for key in record))
    shown = [name for name in names if any(not isinstance(record.get(name), dict | list) for record in records)]
    table = Table(*(escape(name) for name in shown[:_MAX_COLUMNS]), box=None, pad_edge=False, header_style="bold")
    for record in records[:_MAX_ROWS]:
        table.add_row(*(escape(_cell(record.get(name))) for name in shown[:_MAX_COLUMNS]))
    if len(records) > _MAX_ROWS:
        table.caption = f"{len(records) - _MAX_ROWS} more rows with --json"
    return table


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.4g}"
    text = str(value)
    return text if len(text) <= 40 else text[:39] + "…"
