"""Tenants are walled off by the database itself, and sessions and datasets are filters within a tenant."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from refinery.memory.store.erasing import forget_memory, forget_session
from refinery.memory.store.finding import one_memory, recent
from refinery.memory.store.history import history
from refinery.memory.store.writing import Link, associate
from refinery.tools.errors import BadRequest

TABLES = (
    *("memories", "passages", "postings", "terms", "sessions", "tenants", "associations"),
    *("datasets", "pipelines", "runs"),
    *("analyses", "checkpoints", "checkpoint_blobs", "checkpoint_writes", "feedback"),
)


async def _connection(store: Any) -> Any:
    return store.memory.database._pool.connection()


async def test_a_statement_that_forgets_its_tenant_sees_nothing(notes: Any) -> None:
    await notes.keep("secret", tenant="a")
    async with await _connection(notes) as connection:
        for table in TABLES:
            rows = await (await connection.execute(f"SELECT * FROM {table}")).fetchall()
            assert rows == [], table
        assert (await connection.execute("UPDATE memories SET content = 'mine'")).rowcount == 0
        assert (await connection.execute("DELETE FROM memories")).rowcount == 0
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
            await connection.execute("INSERT INTO tenants (tenant) VALUES ('a')")


async def test_every_table_with_a_tenant_has_its_wall(notes: Any) -> None:
    async with notes.memory.database.admin() as admin:
        rows = await (
            await admin.execute(
                "SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity AS walled FROM pg_class c "
                "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant' "
                "WHERE c.relnamespace = 'refinery'::regnamespace AND c.relkind = 'r'"
            )
        ).fetchall()
    assert {row["relname"] for row in rows} == set(TABLES)
    assert all(row["walled"] for row in rows)


async def test_the_server_s_role_cannot_pass_the_wall(notes: Any) -> None:
    async with await _connection(notes) as connection:
        role = await (
            await connection.execute(
                "SELECT rolsuper, rolbypassrls, rolcreaterole, session_user = current_user AS itself "
                "FROM pg_roles WHERE rolname = current_user"
            )
        ).fetchone()
        assert role == {"rolsuper": False, "rolbypassrls": False, "rolcreaterole": False, "itself": True}
        for statement in (
            "SET ROLE keeper",
            "ALTER TABLE memories DISABLE ROW LEVEL SECURITY",
            "DROP POLICY own_tenant ON memories",
            "SELECT password FROM keeper",
            "UPDATE store SET model = 'x'",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                await connection.execute(statement)


async def test_what_one_tenant_remembers_no_other_finds_changes_or_forgets(notes: Any) -> None:
    mine = (await notes.keep("the secret is 42", tenant="a", session="s", dataset="d")).id
    theirs = (await notes.keep("nothing here", tenant="b", session="s", dataset="d")).id
    assert await notes.found("the secret is 42", tenant="b") == ["nothing here"]
    assert await one_memory(notes.memory, "b", mine) is None
    assert [row["id"] for row in await recent(notes.memory, "b", "d")] == [theirs]
    assert (await history(notes.memory, "b", "d")) == {"states": [], "runs": []}
    with pytest.raises(BadRequest, match="no memory"):
        await forget_memory(notes.memory, "b", mine)
    with pytest.raises(BadRequest, match="no memory"):
        await associate(notes.memory, "b", Link(theirs, mine, "supersedes"))
    await forget_session(notes.memory, "b", "s")
    assert await notes.found("the secret is 42", tenant="a") == ["the secret is 42"]


async def test_the_same_id_and_text_may_be_in_two_tenants(notes: Any) -> None:
    past = {"id": "0123456789abcdef"}
    for tenant in ("a", "b"):
        assert (await notes.keep("same", tenant=tenant, past=past)).id == past["id"]
    await forget_memory(notes.memory, "a", past["id"])
    assert await notes.found("same", tenant="b") == ["same"]


async def test_filters_narrow_and_without_one_all_of_the_tenant_is_asked(notes: Any) -> None:
    for session in ("s1", "s2"):
        for dataset in ("d1", "d2"):
            for kind in ("reasoning", "knowledge"):
                await notes.keep(f"fact {session} {dataset} {kind}", session=session, dataset=dataset, kind=kind)
    assert len(await notes.found("fact", limit=50)) == 8
    assert len(await notes.found("fact", limit=50, session="s1")) == 4
    assert len(await notes.found("fact", limit=50, session="s1", dataset="d2")) == 2
    assert await notes.found("fact", session="s1", dataset="d2", kind="knowledge") == ["fact s1 d2 knowledge"]
    assert await notes.found("fact", session="s3") == []
