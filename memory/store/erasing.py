"""Erasing: a memory or a session, and everything that hangs on it; and pruning what is old and weighs little."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...tools.errors import BadRequest
from .database import Transaction, again_when_contended
from .memory import Memory
from .notes import check_label
from .writing import retire

DropResults = Callable[[Sequence[str]], int]


@again_when_contended
async def forget_memory(memory: Memory, tenant: str, name: str, drop_results: DropResults = len) -> tuple[int, int]:
    """Erase a memory with its passages and associations, and the result that it tells of.

    Args:
        memory: the store.
        tenant: whose memory.
        name: its id.
        drop_results: removes kept results by their addresses, and tells how many there were.

    Returns:
        The number of memories and of results.

    Raises:
        BadRequest: there is none of that id.
    """
    check_label("memory", name)
    async with memory.transaction(tenant) as running:
        if not await running.all("known_ids", ids=[name]):
            raise BadRequest(f"no memory {name!r}; recall shows the ids of memories")
        # Files go first: if the process dies now, who asks again finds what is left.
        results = drop_results(await _sources(running, [name]))
        return await _erase(running, [name]), results


@again_when_contended
async def forget_session(memory: Memory, tenant: str, session: str, drop_results: DropResults = len) -> tuple[int, int]:
    """Erase a session: its memories, what is known of its calls with their results, and what others keep of it.

    Raises:
        BadRequest: there is no such session.
    """
    check_label("session", session)
    # What works in the session ends first; then what its calls have found, which may still wait to be remembered.
    others = [await erase(tenant, session) for erase in memory.erasers]
    await memory.settle()
    async with memory.transaction(tenant) as running:
        known = await running.all("hold_session", session=session)
        ids = [row["id"] for row in await running.all("ids_of_session", session=session)]
        results = [row["result"] for row in await running.all("results_of_session", session=session)]
        dropped = drop_results([*await _sources(running, ids), *results])
        await running.all("forget_session", session=session)
        erased = await _erase(running, ids)
    if not (ids or results or known or any(others)):
        raise BadRequest(f"no session {session!r} is remembered")
    return erased, dropped


@again_when_contended
async def prune(memory: Memory, tenant: str, *, days: int, importance: float) -> int:
    """Erase memories that nobody asked for in so many days and that weigh less, and calls older than that."""
    async with memory.transaction(tenant) as running:
        rows = await running.all("old_memories", days=days, importance=importance)
        await running.all("prune_runs", days=days)
        return await _erase(running, [row["id"] for row in rows])


async def _sources(running: Transaction, ids: list[str]) -> list[str]:
    return [row["source"] for row in await running.all("results_of_memories", ids=ids)]


async def _erase(running: Transaction, ids: list[str]) -> int:
    if not ids:
        return 0
    await running.all("hold_memories", ids=ids)
    await running.all("count_in")
    await running.all("forget_context", ids=ids)
    await retire(running, ids)
    return len(await running.all("forget_memories", ids=ids))
