"""What a query may say: one SELECT over the table `dataset`, as DuckDB's own parser understands it.

The text is parsed by the parser that will run it (`json_serialize_sql`), so that the two can't differ on what a
comment, a quote or a dollar sign means, and everything in the tree that is not known to be harmless is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from ..errors import BadRequest, LimitExceeded, NotAllowed, nearest

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

TABLE = "dataset"
MAX_CHARACTERS = 20_000
ALLOWED = "Allowed: one SELECT (also WITH, FROM, VALUES, SUMMARIZE, DESCRIBE) over the table `dataset`."
_TABLE_FUNCTIONS = {"unnest", "range", "generate_series"}
_TABLES = {"BASE_TABLE", "SUBQUERY", "JOIN", "TABLE_FUNCTION", "EXPRESSION_LIST", "EMPTY", "PIVOT", "SHOW_REF"}
# Of the engine's scalar functions and macros these tell of the engine, the process or the session, or change them.
_WORLD = re.compile(
    r"(pg_(?!typeof|size_pretty)|has_|inet_|txid_|__internal|json_(de)?serialize|json_execute|write_|current_(?!date|time|local))"
    r".*|(getenv|getvariable|nextval|currval|setseed|sleep_ms|stats|vector_type|version|user|session_user|in_search_path"
    r"|parse_duckdb_log_message|get_block_size|col_description|obj_description|shobj_description|create_sort_key"
    r"|query|query_table|combine|finalize|make_type|replace_type|cast_to_type)"
)
# The binder writes these itself; they are in no list of functions.
_SYNTAX = {"unnest", "columns", "grouping", "grouping_id", "coalesce", "try", "ifnull", "if", "list_comprehension"}

_Scope = frozenset[str]


def check_select(sql: str) -> str:
    """Return the query without its closing semicolon, ready to be put in brackets.

    Raises:
        BadRequest: it is no SQL that DuckDB's parser can read.
        NotAllowed: it does, or may do, more than select from `dataset`.
        LimitExceeded: it is too long or too deep.
    """
    if len(sql) > MAX_CHARACTERS:
        raise LimitExceeded(f"the query has {len(sql):,} characters; at most {MAX_CHARACTERS:,} are read")
    text = sql.strip().rstrip("; \t\r\n")
    tree = _parse(text)
    for node, scope in _walk(tree, frozenset()):
        _check(node, scope)
    # Bracketed text must be the same query again, whatever quotes and comments it holds.
    bracketed = _parse(f"SELECT * FROM (\n{text}\n) AS q")  # noqa: S608
    if _bare(bracketed["from_table"].get("subquery", {}).get("node")) != _bare(tree):
        raise NotAllowed(f"the query is not one plain SELECT. {ALLOWED}")
    return text


def _parse(text: str) -> dict[str, Any]:
    import duckdb

    parser = _parser()
    try:
        statements = parser.extract_statements(text)
    except duckdb.Error as error:
        raise BadRequest(f"the query can't be parsed: {short(error)}. {ALLOWED}") from None
    kinds = [statement.type.name for statement in statements]
    if not kinds:
        raise BadRequest(f"the query is empty. {ALLOWED}")
    if re.match(r"\s*(pivot|unpivot)\b", text, re.IGNORECASE) and kinds != ["SELECT"]:
        raise BadRequest("PIVOT must name its values: FROM dataset PIVOT (sum(x) FOR y IN ('a', 'b'))")
    if len(kinds) > 1:
        raise NotAllowed(f"{len(kinds)} statements ({', '.join(kinds)}) in one query are not allowed. {ALLOWED}")
    if kinds != ["SELECT"]:
        raise NotAllowed(f"{kinds[0]} is not allowed: queries only read. {ALLOWED}")
    serialised = parser.execute("SELECT json_serialize_sql(?)", [text]).fetchone()
    try:
        parsed: dict[str, Any] = json.loads(serialised[0]) if serialised else {"error": True}
    except RecursionError:
        raise LimitExceeded("the query is nested too deeply; write it flatter") from None
    if parsed["error"] or len(parsed["statements"]) != 1:
        raise NotAllowed(f"this statement is not a plain SELECT: {parsed.get('error_message')}. {ALLOWED}")
    node: dict[str, Any] = parsed["statements"][0]["node"]
    return node


def _walk(root: Any, scope: _Scope) -> Iterator[tuple[dict[str, Any], _Scope]]:
    """Yield every node with the names of the common table expressions that can be seen there."""
    stack: list[tuple[Any, _Scope]] = [(root, scope)]
    while stack:
        node, seen = stack.pop()
        if isinstance(node, list):
            stack += [(child, seen) for child in node]
        elif isinstance(node, dict):
            children = dict(node)
            for entry in (children.pop("cte_map", None) or {}).get("map", []):
                # Its own name means itself only where it is recursive; else a table outside would be meant.
                stack.append((entry["value"], seen))
                seen = seen | {_own_name(entry["key"])}
            if children.get("type") == "RECURSIVE_CTE_NODE":
                # The part that is run first can't see what it begins: there the name is a table outside.
                stack.append((children.pop("right"), seen | {_own_name(children["cte_name"])}))
            yield node, seen
            stack += [(child, seen) for child in children.values()]


def _own_name(name: str) -> str:
    """Return the name of a common table expression; that of a view of the catalogue could stand for either."""
    if name.casefold() in _catalogue():
        raise NotAllowed(f"{name!r} is a table of the engine's own; call the expression otherwise. {ALLOWED}")
    return name.casefold()


def _check(node: dict[str, Any], scope: _Scope) -> None:
    if "class" in node:
        if node["class"] == "PARAMETER":
            raise BadRequest("the query has a parameter ($1 or ?); write the value itself")
        if "function_name" in node:
            _check_function(node["function_name"])
    elif "cte_map" not in node and {"type", "alias", "sample"} <= node.keys():
        _check_table(node, scope)


def _check_table(node: dict[str, Any], scope: _Scope) -> None:
    kind = node["type"]
    if kind not in _TABLES or (kind == "SHOW_REF" and not node.get("query")):
        raise NotAllowed(f"{node.get('table_name') or kind} can't be listed or read. {ALLOWED}")
    if kind == "TABLE_FUNCTION":
        name = node["function"]["function_name"]
        if name.casefold() not in _TABLE_FUNCTIONS:
            raise NotAllowed(
                f"the table function {name!r} is not allowed: it may read more than the dataset. {ALLOWED}"
            )
    if kind == "BASE_TABLE":
        name = node["table_name"]
        path = [part for part in (node["catalog_name"], node["schema_name"], name) if part]
        if len(path) > 1 or name.casefold() not in scope | {TABLE}:
            raise NotAllowed(f"no table {'.'.join(path)!r} may be read, only `dataset`. {ALLOWED}")


def _check_function(name: str) -> None:
    if _WORLD.fullmatch(name.casefold()):
        raise NotAllowed(f"the function {name!r} is not allowed: it tells or changes more than the dataset. {ALLOWED}")
    if name.casefold() not in _functions() | _SYNTAX:
        match = nearest(name, {known for known in _functions() if not _WORLD.fullmatch(known)})
        meant = f"; did you mean {match!r}?" if match else ""
        raise BadRequest(f"no function {name!r} in DuckDB{meant}")


def _bare(node: Any) -> str:
    """Return the tree as text, without the places in the query."""
    return re.sub(r'"query_location": ?\d+', "", json.dumps(node))


def short(error: Exception) -> str:
    """Return DuckDB's message without the drawing of the place."""
    text = re.split(r"\n\nLINE |\s*Candidate functions:|\s*Possible solutions:", str(error))[0]
    return " ".join(re.sub(r"^(\w+ )+?Error: ", "", text).split())[:400]


@cache
def _parser() -> DuckDBPyConnection:
    """A DuckDB that holds nothing and may reach nothing, to parse with."""
    import duckdb

    return duckdb.connect(config={"enable_external_access": False, "threads": 1})


@cache
def _catalogue() -> frozenset[str]:
    """The views of the engine that a name alone reaches."""
    found = _parser().execute(
        "SELECT view_name FROM duckdb_views() WHERE internal AND schema_name <> 'information_schema'"
    )
    return frozenset(name.casefold() for (name,) in found.fetchall())


@cache
def _functions() -> frozenset[str]:
    found = _parser().execute(
        "SELECT function_name FROM duckdb_functions() WHERE function_type NOT IN ('table', 'pragma')"
    )
    return frozenset(name.casefold() for (name,) in found.fetchall())
