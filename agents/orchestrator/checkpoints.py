"""LangGraph's checkpoints in our PostgreSQL, behind the wall of their tenant."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from psycopg import AsyncConnection, AsyncCursor
from psycopg.rows import DictRow, dict_row

from ...memory.store.memory import Memory


class TenantSaver(AsyncPostgresSaver):
    """The checkpointer of LangGraph over the connections of the memory, one transaction of a tenant at a time.

    Its tables are made by our migrations, which give them a tenant; `setup` is not for us.

    Args:
        memory: whose database it is.
        tenant: whose runs these are.
    """

    def __init__(self, memory: Memory, tenant: str) -> None:
        # It wants a connection of its own, and never gets to use it: every statement goes through `_cursor`.
        super().__init__(cast("AsyncConnection[DictRow]", None))
        self._memory = memory
        self._tenant = tenant

    @asynccontextmanager
    async def _cursor(self, *, pipeline: bool = False) -> AsyncIterator[AsyncCursor[Any]]:  # noqa: ARG002 - theirs
        async with (
            self._memory.transaction(self._tenant) as running,
            running.connection.cursor(binary=True, row_factory=dict_row) as cursor,
        ):
            yield cursor
