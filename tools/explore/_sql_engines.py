"""Running a checked SELECT on the engine that holds the table, with that engine locked to the table."""

from __future__ import annotations

import datetime
import json
import math
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ..data.dataset import Dataset
from ..data.sql import named_by_pattern
from ..data.values import as_python
from ..errors import BadRequest, LimitExceeded, NotAllowed, unknown
from ._sql_guard import TABLE, short

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MAX_CELL = 500
_PLAIN = re.compile(r"(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|BOOLEAN|DECIMAL\(.*\))")
_READERS = {"read_parquet", "parquet_scan", "read_csv", "read_csv_auto", "read_json", "read_json_auto", "read_ndjson"}

Answer = tuple[list[tuple[str, str]], list[list[Any]]]


def run_select(dataset: Dataset, query: str, limit: int) -> Answer:
    """Return the names and types of the columns, and at most `limit` rows of JSON-safe cells.

    Raises:
        BadRequest: the query does not fit the table.
        LimitExceeded: it needs more memory than there is.
        NotAllowed: it wants what the locked engine refuses.
    """
    backend: Any = dataset.table.get_backend()
    source = backend.compile(dataset.table)
    if backend.name == "duckdb":
        # The engine of an Ibis table handed over in Python is its owner's, who reads other files with it too.
        if dataset.source != "an Ibis table":
            _lock(backend.con)
        return _run_duckdb(dataset, backend.con, source, query, limit)
    import sqlglot

    dialect = "postgres" if backend.name == "postgres" else backend.dialect
    translated = sqlglot.transpile(query, read="duckdb", write=dialect)[0]
    statement = f"WITH {TABLE} AS ({source}) SELECT * FROM ({translated}) AS q LIMIT {limit:d}"  # noqa: S608
    if backend.name == "postgres":
        return _run_postgres(backend.con, statement)
    found = backend.sql(statement, dialect=dialect)
    columns = [(name, str(dtype)) for name, dtype in found.schema().items()]
    return columns, [[_cell(value) for value in row.values()] for row in as_python(found.to_pyarrow())]


def _run_duckdb(dataset: Dataset, connection: DuckDBPyConnection, source: str, query: str, limit: int) -> Answer:
    import duckdb

    inside = f"WITH {TABLE} AS NOT MATERIALIZED ({source})"
    try:
        described = connection.execute(f"DESCRIBE {inside} SELECT * FROM (\n{query}\n) AS q").fetchall()  # noqa: S608
        columns = [(str(name), str(kind)) for name, kind, *_ in described]
        aliases = ", ".join(f"c{index}" for index in range(len(columns)))
        # Long cells are cut in the engine, so that one huge text or list never becomes a Python object.
        cells = ", ".join(_projection(f"c{index}", kind) for index, (_, kind) in enumerate(columns))
        found = connection.execute(f"{inside} SELECT {cells} FROM (\n{query}\n) AS q({aliases}) LIMIT {limit:d}")  # noqa: S608
        rows = found.fetchall()
    except duckdb.OutOfMemoryException as error:
        raise LimitExceeded(
            f"the query needs more memory than the engine has: {short(error)}; aggregate or filter first"
        ) from None
    except duckdb.PermissionException as error:
        raise NotAllowed(f"the engine refused: {short(error)}. Only the table `dataset` may be read") from None
    except (duckdb.ProgrammingError, duckdb.DataError, duckdb.NotSupportedError) as error:
        raise _explain(error, dataset) from None
    return columns, [[_cell(value, kind) for value, (_, kind) in zip(row, columns, strict=True)] for row in rows]


def _projection(column: str, kind: str) -> str:
    if _PLAIN.fullmatch(kind):
        return column
    if kind == "BLOB":
        return f"'<' || octet_length({column}) || ' bytes>'"
    if kind == "JSON" or kind.endswith("]") or kind.startswith(("STRUCT(", "MAP(", "UNION(")):
        return f"left(CAST(to_json({column}) AS VARCHAR), {4 * MAX_CELL + 1})"
    return f"left(CAST({column} AS VARCHAR), {MAX_CELL + 1})"


def _lock(connection: DuckDBPyConnection) -> None:
    """Close the engine to the world for good: it may read on what its own tables read, and nothing else."""
    locked = connection.execute("SELECT current_setting('lock_configuration')").fetchone()
    if locked and locked[0]:
        return
    files = sorted(set(_files(connection)))
    connection.execute(f"SET allowed_paths = [{', '.join(_quoted(path) for path in files)}]")
    for setting in ("enable_external_access", "python_enable_replacements", "autoload_known_extensions"):
        connection.execute(f"SET {setting} = false")
    connection.execute("SET lock_configuration = true")


def _files(connection: DuckDBPyConnection) -> Iterator[str]:
    """Yield the files that the engine's views read: the first argument of their readers, never a column's name."""
    views = connection.execute("SELECT sql FROM duckdb_views() WHERE NOT internal").fetchall()
    for (definition,) in views:
        body = re.search(r"\bAS\s+((SELECT|FROM|WITH)\b.*)", definition, re.DOTALL)
        parsed = connection.execute("SELECT json_serialize_sql(?)", [body[1] if body else ""]).fetchone()
        stack = [json.loads(parsed[0])] if parsed else []
        while stack:
            node = stack.pop()
            if isinstance(node, list):
                stack += node
            elif isinstance(node, dict):
                stack += node.values()
                if node.get("function_name") in _READERS and node.get("children"):
                    yield from _paths(node["children"][0])


def _paths(argument: dict[str, Any]) -> Iterator[str]:
    for item in argument.get("children", [argument]):
        path = item.get("value", {}).get("value") if item.get("class") == "CONSTANT" else None
        if isinstance(path, str):
            # The engine asks for the path as its view gives it, and for the one file that is meant by that.
            yield from (path, named_by_pattern(path))


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _explain(error: Exception, dataset: Dataset) -> BadRequest:
    message = short(error)
    missing = re.search(r'Referenced column "(.+?)" (?:was )?not found', message)
    if missing and missing[1] not in dataset.columns:
        return BadRequest(f"{unknown('column', missing[1], dataset.columns, where=' in `dataset`')}")
    return BadRequest(f"the query can't be run: {message}")


def _run_postgres(connection: Any, statement: str) -> Answer:
    """Run in a transaction that the server itself keeps from writing."""
    import psycopg

    try:
        with connection.transaction(), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION READ ONLY")
            cursor.execute(statement)
            columns = [
                (column.name, psycopg.adapters.types[column.type_code].name) for column in cursor.description or ()
            ]
            return columns, [[_cell(value) for value in row] for row in cursor.fetchall()]
    except (psycopg.ProgrammingError, psycopg.DataError, psycopg.NotSupportedError) as error:
        raise BadRequest(f"the query can't be run: {' '.join(str(error).split())[:400]}") from None
    except psycopg.errors.ReadOnlySqlTransaction as error:
        raise NotAllowed(f"the database refused: {error}") from None


def _cell(value: Any, kind: str = "") -> Any:
    """Return a value that JSON can carry: numbers that are not finite become null or text, long text is cut."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None if math.isnan(value) else str(value)
    if isinstance(value, Decimal):
        # Fifteen digits are what a double carries without loss.
        return float(value) if len(value.as_tuple().digits) <= 15 else str(value)
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, bytes | memoryview):
        return f"<{len(value)} bytes>"
    if isinstance(value, list | dict):
        value, kind = json.dumps(value, default=str), "JSON"
    text = str(value)
    if kind == "JSON" or kind.endswith("]") or kind.startswith(("STRUCT(", "MAP(", "UNION(")):
        return json.loads(text) if len(text) <= 4 * MAX_CELL else text[:MAX_CELL] + "…"
    if kind.startswith("TIMESTAMP"):
        return text.replace(" ", "T", 1)
    return text if len(text) <= MAX_CELL else text[:MAX_CELL] + "…"
