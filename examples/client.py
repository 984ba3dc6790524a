"""A client in a few lines: it starts `refinery serve` as a second process and asks it about a messy table over MCP.

Run it as `python examples/client.py [FOLDER]`. Without a folder the demo table goes into a temporary one.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import orders
from mcp import Client, StdioServerParameters
from mcp_types import CallToolResult, ImageContent, TextContent

BOLD, DIM, RED, PLAIN = ("\033[1m", "\033[2m", "\033[31m", "\033[0m") if sys.stdout.isatty() else ("", "", "", "")
LINES, WIDTH = 7, 150


def calls(april: Path, may: Path) -> list[tuple[str, str, dict[str, Any]]]:
    """List what is asked: a question in words, the tool that answers it, and its arguments."""
    delivery = {"kind": "compare", "columns": ["delivered_at", "ordered_at"], "op": ">="}
    largest = "SELECT city, count(*) AS orders, round(sum(amount)) AS euros FROM dataset GROUP BY 1 ORDER BY 3 DESC"
    return [
        ("Take April", "load_dataset", {"source": str(april), "name": "april"}),
        ("Take May", "load_dataset", {"source": str(may), "name": "may"}),
        ("What is it?", "basic_info", {"dataset": "april"}),
        ("What is missing?", "check_missing_values", {"dataset": "april"}),
        ("What is there twice?", "check_duplicates", {"dataset": "april", "id_columns": ["order_id"]}),
        ("Are the values sound?", "check_distributions", {"dataset": "april"}),
        ("Does it keep our rules?", "check_rules", {"dataset": "april", "rules": [delivery]}),
        ("What gives the target away?", "check_leakage", {"dataset": "april", "target": "returned"}),
        ("Is May built like April?", "check_schema_consistency", {"dataset": "may", "reference": "april"}),
        ("Has May moved?", "check_drift", {"reference": "april", "current": "may"}),
        ("What hangs together?", "find_relationships", {"dataset": "april"}),
        ("Who buys most?", "query_dataset", {"dataset": "april", "sql": largest, "limit": 5}),
        (
            "Show it",
            "create_visualization",
            {"dataset": "april", "chart_type": "box", "x": "category", "y": "unit_price"},
        ),
    ]


def show(question: str, tool: str, answer: CallToolResult) -> None:
    """Print the beginning of what a model would read."""
    print(f"\n{BOLD}{question}{PLAIN}  {DIM}{tool}{PLAIN}")
    for block in answer.content:
        if isinstance(block, TextContent):
            lines = block.text.splitlines()
            for line in lines[:LINES]:
                shown = line if len(line) <= WIDTH else line[: WIDTH - 1] + "…"
                print(f"  {RED if answer.is_error else ''}{shown}{PLAIN}")
            if len(lines) > LINES:
                print(f"  {DIM}… {len(lines) - LINES} more lines{PLAIN}")
        elif isinstance(block, ImageContent):
            print(f"  {DIM}[a picture, {len(block.data) * 3 // 4:,} bytes of {block.mime_type}]{PLAIN}")


async def ask(folder: Path, workspace: str) -> int:
    """Start the server on a folder, ask everything, and return how many calls failed."""
    tables = [folder / f"orders_{month}.csv" for month in orders.MONTHS]
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "refinery", "serve", str(folder)],
        env={**os.environ, "REFINERY_WORKSPACE": workspace},
    )
    failed = 0
    async with Client(server) as client:
        listed = await client.list_tools()
        print(
            f"{BOLD}refinery{PLAIN} serves {len(listed.tools)} tools over stdio; speaks MCP {client.protocol_version}"
        )
        for question, tool, arguments in calls(*tables):
            answer = await client.call_tool(tool, arguments)
            show(question, tool, answer)
            failed += bool(answer.is_error)
    return failed


def main() -> None:
    """Make the demo table where there is none, and ask about it."""
    with tempfile.TemporaryDirectory(prefix="refinery-demo-") as temporary:
        folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(temporary) / "orders"
        if not (folder / "planted.json").exists():
            orders.write(folder)
        failed = asyncio.run(ask(folder, str(Path(temporary) / "workspace")))
    print("\nWhat was planted in this table is listed by: python examples/orders.py FOLDER (planted.json)")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
