"""Tables of the databases that the settings name, so that no password passes through a model.

A table is called `connection:NAME/table` or `connection:NAME/schema.table`. PostgreSQL is worked on in place, a DuckDB
file is attached, and a SQLite table is copied, because its columns have no types of their own.
"""

from __future__ import annotations

import uuid
import weakref
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

from ..errors import BadRequest, DataUnreadable, Unavailable, unknown
from .dataset import Reading
from .engine import Engine
from .sql import identifier
from .views import make_view, parquet_view

if TYPE_CHECKING:
    import ibis.expr.datatypes as dt
    import ibis.expr.types as ir

PREFIX = "connection:"
_KINDS = {
    "postgresql": "postgresql",
    "postgres": "postgresql",
    "duckdb": "duckdb",
    "sqlite": "sqlite",
}
_CONNECT_SECONDS = 10


@dataclass(frozen=True)
class ConnectionTable:
    """A table of a named database; `table` is what the caller wrote after the slash, its schema included."""

    connection: str
    url: str = field(repr=False)
    table: str

    @property
    def kind(self) -> str:
        """`postgresql`, `duckdb` or `sqlite`."""
        return _KINDS[urlsplit(self.url).scheme.lower().partition("+")[0]]

    @property
    def uri(self) -> str:
        return f"{PREFIX}{self.connection}/{self.table}"

    @property
    def file(self) -> Path:
        """The file of a DuckDB or SQLite database: `duckdb:///shop.db` is relative, `duckdb:////srv/shop.db` is not.

        Three slashes before a path that exists from the top of the disk mean that one as well.
        """
        path = unquote(urlsplit(self.url).path)
        whole = Path("/" + path.lstrip("/"))
        return whole if path.startswith("//") or whole.exists() else Path(path.lstrip("/")).absolute()

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that hold the database, what it has not yet merged included; none for PostgreSQL.

        Raises:
            DataUnreadable: the file of the database is missing.
        """
        if self.kind == "postgresql":
            return ()
        if not self.file.is_file():
            raise DataUnreadable(f"connection {self.connection!r}: its file does not exist; see data.connections")
        beside = [self.file.with_name(self.file.name + end) for end in ("-wal", ".wal")]
        return (self.file, *(file for file in beside if file.is_file()))


def parse(text: str, connections: Mapping[str, str]) -> ConnectionTable:
    """Read `connection:NAME/table` without connecting.

    Raises:
        BadRequest: there is no connection of that name, or it is of a kind that Refinery does not know.
    """
    name, _, table = text.removeprefix(PREFIX).partition("/")
    if name not in connections:
        raise unknown("connection", name, sorted(connections))
    try:
        scheme = urlsplit(connections[name]).scheme.lower().partition("+")[0]
    except ValueError:
        raise BadRequest(
            f"connection {name!r} is not a URL; write special characters of its password as %5B …"
        ) from None
    if scheme not in _KINDS:
        kind = f"is of kind {scheme!r}" if "://" in connections[name] else "is not a URL"
        raise BadRequest(
            f"connection {name!r} {kind}; data.connections may hold URLs that start with "
            "postgresql://, duckdb:/// or sqlite:///"
        )
    return ConnectionTable(name, connections[name], table)


def open_table(reference: ConnectionTable, engine: Engine, *, copy: Path | None = None) -> tuple[ir.Table, Reading]:
    """Connect and return the table, and what is to be said of its types.

    Args:
        reference: the table.
        engine: what computes on tables of files.
        copy: where a copied table is kept as Parquet, for the next call; None: nowhere.

    Raises:
        BadRequest: the database has no such table; the message names the nearest.
        Unavailable: the database can't be reached, or its driver is not installed.
        LimitExceeded: the table is too large to be copied.
    """
    if reference.kind == "postgresql":
        return _postgresql(reference)
    return _duckdb(reference, engine) if reference.kind == "duckdb" else _sqlite(reference, engine, copy)


def _chosen(reference: ConnectionTable, tables: Sequence[tuple[str, str]], default: str) -> tuple[str, str]:
    """Return the schema and name of the table that is meant, of all that there are."""
    wanted = reference.table
    by_name = {f"{schema}.{name}": (schema, name) for schema, name in tables}
    by_name |= {name: (schema, name) for schema, name in tables if schema == default}
    if wanted in by_name:
        return by_name[wanted]
    names = sorted(name if schema == default else f"{schema}.{name}" for schema, name in tables)
    if not wanted:
        listed = ", ".join(f"{PREFIX}{reference.connection}/{name}" for name in names[:20])
        more = f" and {len(names) - 20} more" if len(names) > 20 else ""
        raise BadRequest(f"name a table of connection {reference.connection!r}: {listed or 'it has none'}{more}")
    raise unknown("table", wanted, names, where=f" in connection {reference.connection!r}")


def _postgresql(reference: ConnectionTable) -> tuple[ir.Table, Reading]:
    import ibis

    try:
        import psycopg
    except ImportError:
        raise Unavailable(
            f"connection {reference.connection!r} needs the PostgreSQL driver: pip install 'refinery-mcp[postgres]'"
        ) from None
    with ExitStack() as opened:
        try:
            con = psycopg.connect(
                reference.url, autocommit=True, connect_timeout=_CONNECT_SECONDS, application_name="refinery"
            )
            opened.callback(con.close)
            # Refinery only reads, whatever the user of the connection might do.
            con.execute("SET default_transaction_read_only = on")
            with suppress(psycopg.Error):
                # The query of a call that was cancelled ends with its process; not every server has this.
                con.execute("SET client_connection_check_interval = '2s'")
            tables = con.execute(_POSTGRESQL_TABLES).fetchall()
            default = con.execute("SELECT coalesce(current_schema(), 'public')").fetchall()[0][0]
        except (psycopg.Error, ValueError) as error:
            reason = _scrubbed(error, reference.url)
            raise Unavailable(f"connection {reference.connection!r} failed: {reason}") from None
        views = {(schema, name) for schema, name, view in tables if view}
        schema, name = _chosen(reference, [(schema, name) for schema, name, _ in tables], default)
        backend = ibis.postgres.from_connection(con)
        # Nobody closes a dataset: the connection goes with the last table that uses it.
        weakref.finalize(backend, opened.pop_all().close)
        money = [column for (column,) in con.execute(_POSTGRESQL_MONEY, (schema, name)).fetchall()]
    table = backend.table(name, database=schema)
    # A view can't be sampled as tables are; as a reference to one it is sampled row by row.
    return _with_known_types(table.view() if (schema, name) in views else table, money)


def _with_known_types(table: ir.Table, money: Sequence[str]) -> tuple[ir.Table, Reading]:
    """Turn into text, on the server, what has a type that actions do not know."""
    strange = {name: kind for name, kind in table.schema().items() if name in money or not _known(kind)}
    notes = tuple(f"column {name!r}: {kind} is read as text" for name, kind in strange.items())
    casts = {name: table[name].cast("string") for name in strange}
    return (table.mutate(**casts) if casts else table), Reading(notes=notes)


def _known(kind: dt.DataType) -> bool:
    plain = kind.is_numeric() or kind.is_boolean() or kind.is_string() or kind.is_binary() or kind.is_temporal()
    return bool(plain or kind.is_nested() or kind.is_json())


# Foreign and partitioned tables and views are tables to a reader.
_POSTGRESQL_TABLES = """
SELECT n.nspname, c.relname, c.relkind::text IN ('v', 'f') FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
AND n.nspname NOT LIKE 'pg\\_%' AND has_table_privilege(c.oid, 'SELECT') AND NOT c.relispartition
"""


# Its driver gives money as text in the manner of the server's country.
_POSTGRESQL_MONEY = """
SELECT a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %s AND c.relname = %s AND a.atttypid = 'money'::regtype
"""


def _duckdb(reference: ConnectionTable, engine: Engine) -> tuple[ir.Table, Reading]:
    import duckdb

    backend = engine.connect()
    path = str(reference.files[0]).replace("'", "''")
    try:
        backend.raw_sql(f"ATTACH '{path}' AS connected (READ_ONLY)")
    except duckdb.Error as error:
        raise Unavailable(
            f"connection {reference.connection!r} failed: {_reason(error)}; a DuckDB file that another process "
            "writes can't be read meanwhile"
        ) from None
    found = backend.con.execute(
        "SELECT table_schema, table_name FROM information_schema.tables WHERE table_catalog = 'connected'"
    ).fetchall()
    schema, name = _chosen(reference, found, "main")
    table, notes = make_view(backend, f"SELECT * FROM connected.{identifier(schema)}.{identifier(name)}")  # noqa: S608
    return table, Reading(notes=tuple(notes))


def _sqlite(reference: ConnectionTable, engine: Engine, copy: Path | None) -> tuple[ir.Table, Reading]:
    import sqlite3

    from .sqlite_tables import batches_of, columns_of, names_of

    address = reference.files[0].as_uri() + "?mode=ro"
    backend = engine.connect()
    if copy is not None and copy.exists():
        return parquet_view(backend, copy)[0], Reading()
    try:
        # DuckDB pulls the batches from a thread of its own.
        with closing(sqlite3.connect(address, uri=True, check_same_thread=False)) as con:
            con.text_factory = lambda raw: raw.decode("utf-8", errors="replace")
            _, name = _chosen(reference, [("main", name) for name in names_of(con)], "main")
            columns = columns_of(con, name)
            backend.con.register("batches", batches_of(con, name, columns))
            backend.raw_sql("CREATE TABLE copied AS FROM batches")
            backend.con.unregister("batches")
    except sqlite3.Error as error:
        raise DataUnreadable(f"connection {reference.connection!r} failed: {_reason(error)}") from None
    table = _with_times(backend.table("copied"), [column.name for column in columns if column.holds_time])
    if copy is None:
        return table, Reading()
    partial = copy.with_suffix(f".{uuid.uuid4().hex}.tmp")
    table.to_parquet(partial)
    partial.replace(copy)
    return parquet_view(engine.connect(), copy)[0], Reading()


def _with_times(table: ir.Table, names: Sequence[str]) -> ir.Table:
    """Turn the columns of text that were declared as dates or times into such, where every value is one."""
    if not names:
        return table
    times = {f"c{index}": table[name].try_cast("timestamp") for index, name in enumerate(names)}
    lost = {
        key: (time.isnull() & table[name].notnull()).sum()
        for (key, time), name in zip(times.items(), names, strict=True)
    }
    counts = table.aggregate(**lost).to_pyarrow().to_pylist()[0]
    return table.mutate(
        **{name: time for (key, time), name in zip(times.items(), names, strict=True) if not counts[key]}
    )


def _reason(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]


def _scrubbed(error: Exception, url: str) -> str:
    """Return the first line of an error without anything secret that the URL holds."""
    login = url.partition("://")[2].rpartition("@")[0]
    password = login.partition(":")[2]
    if any(mark in password for mark in "/@#?[] "):
        # The driver has cut the URL elsewhere than its author meant, and may quote a part of the password.
        return "its URL can't be read; write special characters of the password as %40, %23, %2F …"
    reason = _reason(error)
    hidden = [value for key, value in parse_qsl(urlsplit(url).query) if "pass" in key.lower()]
    for secret in filter(None, [url, password, unquote(password), *hidden]):
        reason = reason.replace(secret, "***")
    return reason
