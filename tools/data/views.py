"""A query as a table of the engine, with only such types as actions know."""

# ruff: noqa: S608 (all names and texts in SQL are quoted by `sql`)

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from .sql import file_literal, identifier

if TYPE_CHECKING:
    import ibis.expr.types as ir
    from ibis.backends.duckdb import Backend


ROW = "file_row_number"


def parquet_view(backend: Backend, path: Path) -> tuple[ir.Table, list[str]]:
    """Make a view of one Parquet file, and beside it one in which its rows have numbers, for `numbered_rows`."""
    scan = f"read_parquet({file_literal(path)}, hive_partitioning = false"
    table, notes = make_view(backend, f"SELECT * FROM {scan})")
    if ROW not in {name.casefold() for name in table.columns}:
        _create(
            backend, _numbered(table.get_name()), _tamed(backend, f"SELECT * FROM {scan}, file_row_number = true)")[0]
        )
    return table, notes


def numbered_rows(table: ir.Table, name: str) -> ir.Table:
    """Return the rows of a DuckDB table with their numbers in a further column called `name`.

    The reader of a Parquet file knows them; elsewhere they are counted, on one thread.
    """
    import ibis
    import ibis.expr.operations as ops

    if isinstance(table.op(), ops.DatabaseTable):
        backend = table.get_backend()
        if _numbered(table.get_name()) in _names_taken(backend):
            known: ir.Table = backend.table(_numbered(table.get_name()))
            return known.rename({name: ROW})
    return table.mutate(ibis.row_number().name(name))


def _numbered(view: str) -> str:
    return f"{view} with row numbers"


def make_view(backend: Backend, query: str) -> tuple[ir.Table, list[str]]:
    """Make a view of a query, called `dataset` where that name is free.

    Enumerations and columns of nothing but null become text, durations become seconds; what else changes a
    value is said in the notes.
    """
    query, notes = _tamed(backend, query)
    taken = _names_taken(backend)
    name = next(candidate for candidate in _names() if candidate not in taken)
    _create(backend, name, query)
    return backend.table(name), notes


def _create(backend: Backend, name: str, query: str) -> None:
    backend.con.execute(f"CREATE TEMP VIEW {identifier(name)} AS {query}")


def _tamed(backend: Backend, query: str) -> tuple[str, list[str]]:
    relation = backend.con.sql(query)
    casts, notes = [], []
    for name, dtype in zip(relation.columns, relation.types, strict=True):
        column, kind = identifier(name), str(dtype.id)
        if kind in {"enum", "NULL", '"NULL"', "null", "sqlnull"}:
            casts.append(f"CAST({column} AS VARCHAR) AS {column}")
        elif kind == "time_ns":
            casts.append(f"CAST({column} AS TIME) AS {column}")
        elif kind == "interval":
            casts.append(f"epoch({column}) AS {column}")
            notes.append(f"column {name!r}: durations are given in seconds")
    return (f"SELECT * REPLACE ({', '.join(casts)}) FROM ({query})" if casts else query), notes


def _names_taken(backend: Backend) -> set[str]:
    found = backend.con.execute("SELECT view_name FROM duckdb_views() UNION ALL SELECT table_name FROM duckdb_tables()")
    return {name for (name,) in found.fetchall()}


def _names() -> Iterator[str]:
    yield "dataset"
    number = 2
    while True:
        yield f"dataset_{number}"
        number += 1
