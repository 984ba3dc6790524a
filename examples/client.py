"""A client in a few lines: it starts `refinery serve` as a second process and asks it about a messy table over MCP.

Run it as `python examples/client.py [FOLDER]`. Without a folder the demo table goes into a temporary one.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orders
from mcp import Client, StdioServerParameters
from mcp_types import CallToolResult, ImageContent, TextContent

BOLD, DIM, RED, PLAIN = ("\033[1m", "\033[2m", "\033[31m", "\033[0m") if sys.stdout.isatty() else ("", "", "", "")
WIDTH = min(shutil.get_terminal_size((150, 24)).columns - 2, 150)


@dataclass(frozen=True)
class Ask:
    """A question in words, the tool that answers it, its arguments, and how many lines of the answer to show."""

    question: str
    tool: str
    arguments: dict[str, Any]
    lines: int = 6


def asks(april: Path, may: Path) -> list[Ask]:
    """List what is asked of the two months."""
    delivery = {"kind": "compare", "columns": ["delivered_at", "ordered_at"], "op": ">="}
    best = "SELECT city, count(*) AS orders, round(sum(amount)) AS euros FROM dataset GROUP BY city ORDER BY euros DESC"
    box = {"chart_type": "box", "x": "category", "y": "unit_price"}
    return [
        Ask("Take April", "load_dataset", {"source": str(april), "name": "april"}, 1),
        Ask("Take May", "load_dataset", {"source": str(may), "name": "may"}, 1),
        Ask("How good is it?", "quality_report", {"dataset": "april", "target": "returned"}, 1),
        Ask("What is missing?", "check_missing_values", {"dataset": "april"}),
        Ask("What is there twice?", "check_duplicates", {"dataset": "april", "id_columns": ["order_id"]}, 4),
        Ask("Are the values sound?", "check_distributions", {"dataset": "april"}, 11),
        Ask("Does it keep our rules?", "check_rules", {"dataset": "april", "rules": [delivery]}, 2),
        Ask("What gives the target away?", "check_leakage", {"dataset": "april", "target": "returned"}, 4),
        Ask("Is May built like April?", "check_schema_consistency", {"dataset": "may", "reference": "april"}, 4),
        Ask("Has May moved?", "check_drift", {"reference": "april", "current": "may"}, 7),
        Ask("What hangs together?", "find_relationships", {"dataset": "april"}),
        Ask("Who buys most?", "query_dataset", {"dataset": "april", "sql": best, "limit": 3}, 5),
        Ask("Show it", "create_visualization", {"dataset": "april", **box}, 3),
    ]


def show(ask: Ask, answer: CallToolResult) -> None:
    """Print the beginning of what a model would read."""
    print(f"\n{BOLD}{ask.question}{PLAIN}  {DIM}{ask.tool}{PLAIN}")
    for block in answer.content:
        if isinstance(block, TextContent):
            lines = block.text.splitlines()
            for line in lines[: ask.lines]:
                shown = line if len(line) <= WIDTH else line[: WIDTH - 1] + "…"
                print(f"  {RED if answer.is_error else ''}{shown}{PLAIN}")
        elif isinstance(block, ImageContent):
            print(f"  {DIM}[a picture, {len(block.data) * 3 // 4:,} bytes of {block.mime_type}]{PLAIN}")


async def audit(folder: Path, workspace: str) -> int:
    """Start the server on a folder, ask everything, and return how many calls failed."""
    tables = [folder / f"orders_{month}.csv" for month in orders.MONTHS]
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "refinery", "serve", str(folder)],
        env={**os.environ, "REFINERY_WORKSPACE": workspace},
    )
    failed = 0
    async with Client(server, read_timeout_seconds=300) as client:
        listed = await client.list_tools()
        print(
            f"{BOLD}refinery{PLAIN} serves {len(listed.tools)} tools over stdio; speaks MCP {client.protocol_version}"
        )
        for ask in asks(*tables):
            answer = await client.call_tool(ask.tool, ask.arguments)
            show(ask, answer)
            failed += bool(answer.is_error)
    return failed


def main() -> None:
    """Make the demo table where there is none, and ask about it."""
    with tempfile.TemporaryDirectory(prefix="refinery-demo-") as temporary:
        folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(temporary) / "orders"
        if not (folder / "planted.json").exists():
            orders.write(folder)
        failed = asyncio.run(audit(folder, str(Path(temporary) / "workspace")))
    print(
        "\nThe same in chat: give your client the command `refinery serve FOLDER`. What was planted: examples/README.md"
    )
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
