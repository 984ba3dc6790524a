"""What is known of a table, for planning: names, meanings and frequent values of its columns."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..routing.tables import Column, Table

if TYPE_CHECKING:
    from ...tools.context import Caller
    from ...tools.executor import Executor, Outcome

_KINDS = {
    "id": "id",
    "numeric": "number",
    "currency": "number",
    "percentage": "number",
    "datetime": "datetime",
    "text": "text",
    "boolean": "boolean",
}
# Values of such columns are nobody's to search by.
_PERSONAL = {"email", "phone", "id"}
_FEW = 300
_VALUES_OF = 12
_MOST_FILES = 200


def table_of(dataset: str, seen: dict[str, Any], values: dict[str, Sequence[str]] | None = None) -> Table:
    """Return what `infer_schema` says of a table as the router takes it."""
    columns = [
        Column(
            column["column"],
            _KINDS.get(column["semantic"], "category"),
            tuple((values or {}).get(column["column"], ())) or tuple(map(str, column.get("examples", []))),
            column["storage"] == "string",
        )
        for column in seen.get("columns", [])
    ]
    return Table(dataset, tuple(columns))


async def profile(executor: Executor, dataset: str, caller: Caller) -> Table:
    """Look at a table: two calls, and one query for the frequent values of its categories.

    Raises:
        RefineryError: it cannot be read.
    """
    seen = whole_of(executor, caller, (await executor.run("infer_schema", {"dataset": dataset}, caller)))
    summary = whole_of(executor, caller, (await executor.run("statistical_summary", {"dataset": dataset}, caller)))
    values = {
        column["column"]: [str(item["value"]) for item in column.get("top", [])]
        for column in summary.get("columns", [])
    }
    personal = {column["column"] for column in seen.get("columns", []) if column["semantic"] in _PERSONAL}
    many = [
        column["column"]
        for column in summary.get("columns", [])
        if column["kind"] == "categorical"
        and len(column.get("top", [])) < column["distinct"] <= _FEW
        and column["column"] not in personal
    ]
    values |= await _frequent(executor, caller, dataset, many[:_VALUES_OF])
    table = table_of(dataset, seen, {name: found for name, found in values.items() if name not in personal})
    opener = executor.runtime.opener(caller.tenant)
    names = [entry.name for entry in opener.registry.entries()]
    files, _ = await asyncio.to_thread(opener.files, _MOST_FILES)  # a slow disk must not hold up the server
    return Table(table.name, table.columns, tuple(name for name in [*names, *files] if name != dataset))


async def _frequent(executor: Executor, caller: Caller, dataset: str, columns: Sequence[str]) -> dict[str, list[str]]:
    """Return the values of some columns, the most frequent first."""
    if not columns:
        return {}
    parts = [_counts(name) for name in columns]
    query = {"dataset": dataset, "sql": " UNION ALL ".join(parts), "limit": min(1000, _FEW * len(columns))}
    whole = whole_of(executor, caller, await executor.run("query_dataset", query, caller))
    found: dict[str, list[str]] = {}
    for row in whole.get("rows", []):
        found.setdefault(row[0], []).append(str(row[1]))
    return found


def _counts(column: str) -> str:
    """Return SQL for the frequent values of a column; its name is quoted, and nothing else comes from outside."""
    label, name = _text(column), _name(column)
    counted = f"SELECT {label} AS c, CAST({name} AS VARCHAR) AS v, count(*) AS n FROM dataset"  # noqa: S608 - quoted
    return f"({counted} WHERE {name} IS NOT NULL GROUP BY 2 ORDER BY n DESC LIMIT {_FEW})"


def whole_of(executor: Executor, caller: Caller, outcome: Outcome) -> dict[str, Any]:
    """Return the whole result of a call, as it is kept in the workspace."""
    return kept_result(executor, caller, outcome.uri) or outcome.result


def kept_result(executor: Executor, caller: Caller, uri: str | None) -> dict[str, Any] | None:
    """Return a whole result by its address; None when it is not kept (any more)."""
    kept = executor.runtime.workspace.result(caller.tenant, (uri or "").rpartition("/")[2])
    whole: dict[str, Any] | None = kept["result"] if kept else None
    return whole


def _name(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
