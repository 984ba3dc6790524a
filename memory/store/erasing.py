"""Erasing: a memory or a session, and everything that hangs on it; and pruning what is old and weighs little."""

from __future__ import annotations

from dataclasses import dataclass

from ...tools.errors import BadRequest
from .database import Transaction
from .memory import Memory
from .writing import retire


@dataclass(frozen=True)
class Erased:
    """How many memories are gone, and the addresses of results that must go with them."""

    memories: int
    results: tuple[str, ...] = ()


async def forget_memory(memory: Memory, tenant: str, name: str) -> Erased:
    """Erase a memory with its passages and associations.

    Raises:
        BadRequest: there is none of that id.
    """
    async with memory.transaction(tenant) as running:
        if not await running.all("known_ids", ids=[name]):
            raise BadRequest(f"no memory {name!r}; recall shows the ids of memories")
        return await _erase(running, [name])


async def forget_session(memory: Memory, tenant: str, session: str) -> Erased:
    """Erase a session: its memories, what is known of its calls, and what others keep of it.

    Raises:
        BadRequest: there is no such session.
    """
    async with memory.transaction(tenant) as running:
        ids = [row["id"] for row in await running.all("ids_of_session", session=session)]
        results = [row["result"] for row in await running.all("results_of_session", session=session)]
        known = await running.all("forget_session", session=session)
        erased = await _erase(running, ids)
    for erase in memory.erasers:
        await erase(tenant, session)
    if not (ids or results or known):
        raise BadRequest(f"no session {session!r} is remembered")
    return Erased(erased.memories, (*erased.results, *results))


async def prune(memory: Memory, tenant: str, *, days: int, importance: float) -> int:
    """Erase memories that nobody asked for in so many days and that weigh less, and calls older than that."""
    async with memory.transaction(tenant) as running:
        rows = await running.all("old_memories", days=days, importance=importance)
        await running.all("prune_runs", days=days)
        erased = await _erase(running, [row["id"] for row in rows])
    return erased.memories


async def _erase(running: Transaction, ids: list[str]) -> Erased:
    if not ids:
        return Erased(0)
    results = await running.all("results_of_memories", ids=ids)
    await running.all("hold_memories", ids=ids)
    await running.all("forget_context", ids=ids)
    await retire(running, ids)
    gone = await running.all("forget_memories", ids=ids)
    return Erased(len(gone), tuple(row["source"] for row in results))
