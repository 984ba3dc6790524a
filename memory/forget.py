"""Erasing from the memory."""

from __future__ import annotations

from collections.abc import Sequence

from ..tools.catalogue import action
from ..tools.context import Context
from ..tools.errors import BadRequest
from ..tools.results import Answer
from .store.erasing import forget_memory, forget_session
from .store.memory import Memory


class Forgotten(Answer):
    """How much is gone."""

    memories: int
    results: int

    def headline(self) -> str:
        kept = f", and {self.results} kept results" if self.results else ""
        return f"Erased for good: {self.memories} memories with their passages and associations{kept}."


@action("Forget", pure=False, read_only=False, destructive=True)
async def forget(memory: str | None = None, session: str | None = None, *, context: Context) -> Forgotten:
    """Erase a memory, or a session with all that was remembered in it, at once and for good.

    Args:
        memory: id of a memory
        session: label of a session
        context: whose memories

    Raises:
        BadRequest: there is no such memory or session, or not just one of the two is given.
    """
    store = context.service(Memory)
    await store.ready(context.progress)
    tenant = context.caller.tenant

    def drop_results(addresses: Sequence[str]) -> int:
        return sum(context.workspace.drop_result(tenant, uri.rpartition("/")[2]) for uri in set(addresses))

    if memory is not None and session is None:
        erased, results = await forget_memory(store, tenant, memory, drop_results)
    elif session is not None and memory is None:
        erased, results = await forget_session(store, tenant, session, drop_results)
    else:
        raise BadRequest("forget takes either memory, the id of one, or session, its label; give one of the two")
    return Forgotten(memories=erased, results=results)
