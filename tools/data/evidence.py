"""Queries to be read by people and models, and to be run again by `query_dataset`."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ibis.expr.types as ir
    from sqlglot.expressions import Expression

TABLE = "dataset"
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def readable_sql(expression: ir.Expr, table: ir.Table) -> str:
    """Write an expression over `table` as compact DuckDB SQL in which the table is called `dataset`."""
    import ibis
    import ibis.expr.operations as ops
    import sqlglot

    stand_in = ops.UnboundTable(name=TABLE, schema=table.schema())
    unbound = expression.op().replace({table.op(): stand_in}).to_expr()
    tree = sqlglot.parse_one(str(ibis.to_sql(unbound, dialect="duckdb")), read="duckdb")
    return _plainer(_merged(tree)).sql(dialect="duckdb")


def _merged(tree: Expression) -> Expression:
    """Merge `SELECT … FROM (SELECT * FROM x WHERE y)` into one SELECT; sqlglot's own merging errs on nested groups."""
    from sqlglot import exp

    for outer in list(tree.find_all(exp.Select)):
        source = outer.args["from_"].this if outer.args.get("from_") else None
        inner = source.this if isinstance(source, exp.Subquery) else None
        below = inner.args.get("from_") if isinstance(inner, exp.Select) else None
        parts = {key for key, value in inner.args.items() if value} if isinstance(inner, exp.Select) else set()
        if inner is None or below is None or not isinstance(below.this, exp.Table) or outer.args.get("where"):
            continue
        if (
            parts != {"expressions", "from_", "where"}
            or outer.args.get("joins")
            or [str(e) for e in inner.selects] != ["*"]
        ):
            continue
        alias, kept = outer.args["from_"].this.alias, below.this.alias_or_name
        for column in outer.find_all(exp.Column):
            if column.table == alias:
                column.set("table", exp.to_identifier(kept, quoted=True))
        outer.set("from_", below)
        outer.set("where", inner.args["where"])
    return tree


def _plainer(tree: Expression) -> Expression:
    """Drop what says nothing: the alias of the one table, names that Ibis makes up, quotes that need not be."""
    from sqlglot import exp

    tables = list(tree.find_all(exp.Table))
    if len(tables) == 1 and not any(tree.find_all(exp.Subquery, exp.CTE, exp.Join, exp.Unnest, exp.Lateral)):
        alias = tables[0].alias
        for column in tree.find_all(exp.Column):
            if column.table == alias:
                column.set("table", None)
        tables[0].set("alias", None)
    if isinstance(tree, exp.Select) and len(tree.selects) == 1 and "(" in tree.selects[0].alias:
        tree.selects[0].replace(tree.selects[0].this)
    for name in tree.find_all(exp.Identifier):
        name.set("quoted", not (_PLAIN_NAME.fullmatch(name.name) and name.name.upper() not in _keywords()))
    return tree


@cache
def _keywords() -> frozenset[str]:
    """Return the words of DuckDB that may mean more than a name."""
    import duckdb

    rows = duckdb.connect().execute("SELECT upper(keyword_name) FROM duckdb_keywords()").fetchall()
    return frozenset(word for (word,) in rows)
