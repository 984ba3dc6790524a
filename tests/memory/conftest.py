from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from refinery.memory.store.database import Database
from refinery.memory.store.finding import Filter, Hit, Question, find
from refinery.memory.store.memory import Memory
from refinery.memory.store.notes import Note
from refinery.memory.store.settings import StoreSettings
from refinery.memory.store.writing import Kept, keep
from refinery.tools.pool import Pool
from refinery.tools.runtime import RuntimeConfig
from stores import Embedding, Hashing


class Store:
    """A memory with short ways to use it as one tenant."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory

    async def keep(self, content: str, *, tenant: str = "default", **more: Any) -> Kept:
        return await keep(self.memory, tenant, Note(content, **more))

    async def find(
        self, text: str, *, tenant: str = "default", limit: int = 5, associated: bool = False, **where: Any
    ) -> list[Hit]:
        return await find(self.memory, tenant, Question(text, limit, Filter(**where), associated))

    async def found(self, text: str, **more: Any) -> list[str]:
        return [hit.content for hit in await self.find(text, **more)]

    async def rows(self, statement: str, tenant: str = "default") -> list[dict[str, Any]]:
        async with self.memory.transaction(tenant) as running:
            return await (await running.connection.execute(statement)).fetchall()


@pytest.fixture
async def open_store(store: StoreSettings, tmp_path: Path) -> AsyncIterator[Any]:
    """Open memories over the test's database; they close with the test."""
    opened: list[Memory] = []

    async def open_one(*, meaning: bool = False, **changes: Any) -> Store:
        pool = Pool(RuntimeConfig(workspace=tmp_path / "workspace"), 1)
        embedder: Any = Embedding() if meaning else Hashing()
        memory = Memory(Database(replace(store, **changes)), embedder, pool)
        opened.append(memory)
        await memory.ready()
        return Store(memory)

    yield open_one
    for memory in opened:
        await memory.close()
        await memory.workers.close()


@pytest.fixture
async def notes(open_store: Any) -> Store:
    """A memory in which vectors mean nothing: for what does not depend on them."""
    return await open_store()


@pytest.fixture
async def meanings(open_store: Any) -> Store:
    """A memory with the real model."""
    return await open_store(meaning=True)
