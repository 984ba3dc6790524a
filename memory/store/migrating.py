"""Bringing a database to the form that this version needs: under a lock, one transaction a step, never backwards."""

from __future__ import annotations

import logging
import re
import secrets
from pathlib import Path
from typing import Any

from psycopg import AsyncConnection, errors, sql

from ...tools.errors import Unavailable
from .settings import StoreSettings

log = logging.getLogger(__name__)

OLDEST_PGVECTOR = (0, 8, 4)
SCHEMA = "refinery"
# One number for all of Refinery, so that of several servers one migrates and the others wait.
_LOCK = 0x0FEF1AE1
_FOLDER = Path(__file__).parent / "migrations"

Connection = AsyncConnection[Any]


async def migrate(admin: Connection, settings: StoreSettings, *, any_model: bool = False) -> None:
    """Apply what is missing, as a role that may change the schema; the connection must commit by itself.

    Args:
        admin: the connection.
        settings: which model makes the vectors.
        any_model: whether those that are there may be of another.

    Raises:
        Unavailable: pgvector is missing or too old, or the database is of a newer Refinery or for another model.
    """
    await admin.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
    try:
        await _require_pgvector(admin)
        await admin.execute("SET client_min_messages = warning")
        done = await _applied(admin)
        known = _migrations()
        if done and max(done) > max(known):
            raise Unavailable(
                f"the database is of a newer Refinery (its schema is at {max(done)}, this one knows {max(known)}); "
                "upgrade Refinery, or name another database in database_url"
            )
        for version in sorted(known.keys() - done):
            await _apply(admin, version, known[version], settings)
        await _wall_off(admin)
        if not any_model:
            await _require_model(admin, settings)
    finally:
        await admin.execute("SELECT pg_advisory_unlock(%s)", (_LOCK,))


def _migrations() -> dict[int, Path]:
    """Return the steps by number; files are called `0001_what.sql`."""
    return {int(file.name[:4]): file for file in sorted(_FOLDER.glob("[0-9]*.sql"))}


async def _applied(admin: Connection) -> set[int]:
    found = await admin.execute("SELECT to_regclass('refinery.migrations') IS NOT NULL AS there")
    row = await found.fetchone()
    if not (row and row["there"]):
        return set()
    rows = await (await admin.execute("SELECT version FROM refinery.migrations")).fetchall()
    return {row["version"] for row in rows}


async def _apply(admin: Connection, version: int, file: Path, settings: StoreSettings) -> None:
    text = file.read_text(encoding="utf-8").replace("{dimensions}", str(int(settings.dimensions)))
    async with admin.transaction():
        await admin.execute("CREATE SCHEMA IF NOT EXISTS refinery")
        await admin.execute(sql.SQL("SET LOCAL search_path = {}").format(await search_path(admin)))
        await admin.execute(
            "CREATE TABLE IF NOT EXISTS refinery.migrations (version integer PRIMARY KEY, name text NOT NULL, "
            "applied_at timestamptz NOT NULL DEFAULT now())"
        )
        await admin.execute(text.encode())
        await admin.execute("INSERT INTO refinery.migrations (version, name) VALUES (%s, %s)", (version, file.stem))
        if version == 1:
            await admin.execute(
                "INSERT INTO refinery.store (model, dimensions) VALUES (%s, %s)", (settings.model, settings.dimensions)
            )


async def _wall_off(admin: Connection) -> None:
    """Let every table with a tenant show the rows of the tenant that the transaction has named, and no others."""
    rows = await admin.execute(
        "SELECT c.oid::regclass::text AS name, c.relforcerowsecurity AS walled "
        "FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid "
        "WHERE c.relnamespace = 'refinery'::regnamespace AND c.relkind = 'r' AND a.attname = 'tenant'"
    )
    for row in await rows.fetchall():
        if row["walled"]:
            continue
        table = sql.SQL(row["name"])
        async with admin.transaction():
            await admin.execute(sql.SQL("ALTER TABLE {} ENABLE ROW LEVEL SECURITY").format(table))
            await admin.execute(sql.SQL("ALTER TABLE {} FORCE ROW LEVEL SECURITY").format(table))
            await admin.execute(
                sql.SQL(
                    "CREATE POLICY own_tenant ON {} USING (tenant = current_setting('refinery.tenant', true)) "
                    "WITH CHECK (tenant = current_setting('refinery.tenant', true))"
                ).format(table)
            )


async def _require_model(admin: Connection, settings: StoreSettings) -> None:
    row = await (await admin.execute("SELECT model, dimensions FROM refinery.store")).fetchone()
    if row is not None:
        require_model(row["model"], row["dimensions"], settings)


def require_model(model: str, dimensions: int, settings: StoreSettings) -> None:
    """Check that the vectors of the store are those of the settings' model.

    Raises:
        Unavailable: they are not; the message says how to make them so.
    """
    if (model, dimensions) != (settings.model, settings.dimensions):
        raise Unavailable(
            f"the memory holds vectors of {model!r} with {dimensions} dimensions, and the settings ask for "
            f"{settings.model!r} with {settings.dimensions}: set memory.model and memory.dimensions to the former, "
            "or run `refinery memory reembed`"
        )


async def _require_pgvector(admin: Connection) -> None:
    version = await _pgvector(admin)
    if version is None:
        await _create_pgvector(admin)
        version = await _pgvector(admin)
    if version is None or tuple(map(int, re.findall(r"\d+", version)[:3])) < OLDEST_PGVECTOR:
        wanted = ".".join(map(str, OLDEST_PGVECTOR))
        raise Unavailable(
            f"the database has pgvector {version}, whose indexes lose rows; install {wanted} or later on its server, "
            "then run there as a superuser: ALTER EXTENSION vector UPDATE;"
        )


async def _pgvector(admin: Connection) -> str | None:
    row = await (await admin.execute("SELECT extversion FROM pg_extension WHERE extname = 'vector'")).fetchone()
    return None if row is None else str(row["extversion"])


async def search_path(connection: Connection) -> sql.Composed:
    """Return where names of the store, and of pgvector, are looked up."""
    row = await (
        await connection.execute(
            "SELECT nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE extname = 'vector'"
        )
    ).fetchone()
    assert row is not None
    return sql.SQL(", ").join(sql.Identifier(name) for name in (SCHEMA, row["nspname"]))


async def _create_pgvector(admin: Connection) -> None:
    try:
        await admin.execute("CREATE EXTENSION IF NOT EXISTS vector")
    except errors.InsufficientPrivilege:
        raise Unavailable(
            f"the database {admin.info.dbname!r} lacks pgvector, and {admin.info.user!r} may not add it; "
            "run there as a superuser: CREATE EXTENSION vector;"
        ) from None
    except (errors.UndefinedFile, errors.FeatureNotSupported):
        wanted = ".".join(map(str, OLDEST_PGVECTOR))
        raise Unavailable(
            f"the database server has no pgvector; install {wanted} or later there, then run as a superuser in "
            f"{admin.info.dbname!r}: CREATE EXTENSION vector;"
        ) from None


async def application_role(admin: Connection) -> tuple[str, str] | None:
    """Return name and password of the role that servers connect as, which no wall lets through; made when missing.

    Returns:
        None where the role at hand is walled in already and may not make others.

    Raises:
        Unavailable: it passes every wall and may not make a role that does not.
    """
    mine = await (
        await admin.execute("SELECT rolsuper, rolbypassrls, rolcreaterole FROM pg_roles WHERE rolname = current_user")
    ).fetchone()
    assert mine is not None
    if not (mine["rolsuper"] or mine["rolcreaterole"]):
        if mine["rolbypassrls"]:
            raise Unavailable(
                f"the role {admin.info.user!r} passes row-level security and may not create one that does not; "
                "name a role without BYPASSRLS in database_url"
            )
        log.warning(
            "the role %r may not create another that no wall lets through, so the memory is used as itself; "
            "give it CREATEROLE, or have the schema made by another role than the one in database_url",
            admin.info.user,
        )
        return None
    await admin.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
    try:
        return await _role_of_database(admin)
    finally:
        await admin.execute("SELECT pg_advisory_unlock(%s)", (_LOCK,))


async def _role_of_database(admin: Connection) -> tuple[str, str]:
    """Find the role in a table that only the owner reads: roles are the cluster's, and each database has one."""
    async with admin.transaction():
        await admin.execute(
            "CREATE TABLE IF NOT EXISTS refinery.keeper (role text PRIMARY KEY, password text NOT NULL)"
        )
        row = await (await admin.execute("SELECT role, password FROM refinery.keeper")).fetchone()
        if row is None:
            row = {"role": f"refinery_{secrets.token_hex(4)}", "password": secrets.token_urlsafe(24)}
            await admin.execute("INSERT INTO refinery.keeper VALUES (%(role)s, %(password)s)", row)
        there = await admin.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (row["role"],))
        role = sql.Identifier(row["role"])
        if await there.fetchone() is None:
            await admin.execute(
                sql.SQL("CREATE ROLE {} LOGIN NOINHERIT PASSWORD {}").format(role, sql.Literal(row["password"]))
            )
        await admin.execute(sql.SQL("GRANT USAGE ON SCHEMA refinery TO {}").format(role))
        await admin.execute(
            sql.SQL("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA refinery TO {}").format(role)
        )
        for closed in ("keeper", "migrations"):
            await admin.execute(sql.SQL("REVOKE ALL ON refinery.{} FROM {}").format(sql.Identifier(closed), role))
        await admin.execute(sql.SQL("REVOKE INSERT, UPDATE, DELETE ON refinery.store FROM {}").format(role))
    return str(row["role"]), str(row["password"])
