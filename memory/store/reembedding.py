"""Another model, or vectors of another size: made beside the old ones, then put in their place at once."""

from __future__ import annotations

from typing import Any

from pgvector import HalfVector
from psycopg import AsyncConnection

from ...tools.context import Progress, silent
from ...tools.embedding_service import EmbeddingService
from ...tools.errors import LimitExceeded, Unavailable
from .database import MODEL_LOCK, Database
from .queries import load

_AT_ONCE = 64
_LOCK = 0x0FEF1AE2


async def reembed(database: Database, embedder: EmbeddingService, progress: Progress = silent) -> int | None:
    """Make the vectors of all passages anew with the embedder's model; what was made before an interruption is kept.

    Servers may go on meanwhile; once it is done they ask to be started again with the new settings.

    Returns:
        The number of passages that were read; None: the vectors are of that model already.

    Raises:
        Unavailable: the role of the settings may not see all tenants, or change tables.
        LimitExceeded: another process does this already.
    """
    async with database.admin() as admin:
        await _require_all_tenants(admin)
        locked = await (await admin.execute("SELECT pg_try_advisory_lock(%s) AS taken", (_LOCK,))).fetchone()
        if locked is None or not locked["taken"]:
            raise LimitExceeded("another process makes the vectors anew already; wait until it is done")
        if not await _begin(admin, embedder):
            return None
        done = await _read_rest(admin, embedder, progress)
        await _run(admin, "index_next")
        async with admin.transaction():
            await admin.execute("SELECT pg_advisory_xact_lock(%s)", (MODEL_LOCK,))
            await admin.execute("LOCK TABLE passages IN ACCESS EXCLUSIVE MODE")
            done += await _read_rest(admin, embedder, silent)
            await _run(admin, "replace")
            await admin.execute(_statement("set_model"), {"model": embedder.model, "dimensions": embedder.dimensions})
        return done


async def _run(admin: AsyncConnection[Any], name: str) -> None:
    for statement in _statement(name).split(b";"):
        await admin.execute(statement)


def _statement(name: str) -> bytes:
    return load("reembedding.sql")[name]


async def _require_all_tenants(admin: AsyncConnection[Any]) -> None:
    row = await (
        await admin.execute("SELECT rolsuper OR rolbypassrls AS all FROM pg_roles WHERE rolname = current_user")
    ).fetchone()
    if row is None or not row["all"]:
        raise Unavailable(
            "making all vectors anew needs a role that sees every tenant; "
            "name a superuser in database_url for this command"
        )


async def _begin(admin: AsyncConnection[Any], embedder: EmbeddingService) -> bool:
    """Make room for the new vectors, or find what an interrupted run has made; False: there is nothing to do."""
    row = await (await admin.execute("SELECT * FROM store")).fetchone()
    assert row is not None
    wanted = (embedder.model, embedder.dimensions)
    if wanted == (row["model"], row["dimensions"]):
        return False
    if wanted != (row["next_model"], row["next_dimensions"]):
        async with admin.transaction():
            for statement in _statement("make_room").split(b";"):
                await admin.execute(statement.replace(b"{dimensions}", str(int(embedder.dimensions)).encode()))
            await admin.execute(_statement("note_next"), {"model": wanted[0], "dimensions": wanted[1]})
    return True


async def _read_rest(admin: AsyncConnection[Any], embedder: EmbeddingService, progress: Progress) -> int:
    """Make the vectors that are missing, some at a time; each batch holds once it is made."""
    count = await (
        await admin.execute("SELECT count(*) AS n FROM passages WHERE next_embedding IS NULL AND embedding IS NOT NULL")
    ).fetchone()
    total, done, after = count["n"] if count else 0, 0, 0
    while rows := await (await admin.execute(_statement("unread"), {"after": after, "limit": _AT_ONCE})).fetchall():
        after = rows[-1]["passage"]
        with_context = [row for row in rows if row["before"] is not None]
        texts = [row["text"] for row in rows] + [f"{row['before']}\n{row['text']}" for row in with_context]
        vectors = [HalfVector(vector) for vector in await embedder.embed(texts)]
        contexts = {row["passage"]: vector for row, vector in zip(with_context, vectors[len(rows) :], strict=True)}
        values = {
            "passages": [row["passage"] for row in rows],
            "embeddings": vectors[: len(rows)],
            "contexts": [contexts.get(row["passage"]) for row in rows],
        }
        await admin.execute(_statement("keep_next"), values)
        done += len(rows)
        progress(done, total, "making vectors anew")
    return done
