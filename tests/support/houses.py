"""Whole houses for the tests of the agents: real workers and a real database; only the embedder may be a cheap one."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from refinery.agents.orchestrator.attempt import Live
from refinery.agents.orchestrator.orchestrator import Orchestrator
from refinery.agents.orchestrator.records import Request
from refinery.server.settings import load_settings
from refinery.server.wiring import House, build
from stores import Embedding, Hashing

# 120 orders: a customer twice, an age of -999, a city misspelt, and what gives the target away.
HEADER = "order_id,customer_id,age,city,amount,refund,returned\n"
ORDERS = HEADER + "".join(
    f"O{1000 + i},{i % 40},{-999 if i % 20 == 7 else 20 + i % 50},"
    f"{'Berlni' if i == 50 else ('Berlin', 'Paris')[i % 2]},"
    f"{10 + i % 30}.5,{5 if i % 4 == 0 else 0},{'yes' if i % 4 == 0 else 'no'}\n"
    for i in range(120)
)


@contextlib.asynccontextmanager
async def opened_house(
    folder: Path, workspace: Path, *, database_url: str = "", meaning: bool = False, model: Any = None, **settings: str
) -> AsyncIterator[House]:
    """Open a house as a server does.

    Args:
        folder: what may be read.
        workspace: what it keeps.
        database_url: of the memory; empty: no memory.
        meaning: whether vectors mean something.
        model: a chat model instead of none.
        settings: environment variables without `REFINERY_`.
    """
    told = {"WORKSPACE": str(workspace), "MEMORY__ENABLED": "true" if database_url else "false", **settings}
    if database_url:
        told["DATABASE_URL"] = database_url
    environment = {f"REFINERY_{name}": value for name, value in told.items()}
    before = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)
    try:
        house = _House(**vars(build(load_settings(), [folder])), embedding=Embedding() if meaning else Hashing())
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
    house.model = model
    async with house.running():
        house.begin_to_remember()
        yield house


class _House(House):
    """A house whose embedder and chat model are those of the test."""

    model: Any

    def __init__(self, *, embedding: Any, **fields: Any) -> None:
        super().__init__(**fields)
        object.__setattr__(self, "embedding", embedding)

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def _embedder(self, model: str, dimensions: int) -> Any:
        return self.embedding

    def _chat(self, executor: Any) -> Any:
        if self.model is None:
            return None
        from refinery.agents.models.chat import Chat
        from refinery.agents.models.settings import ModelSettings
        from refinery.tools.audit import Audit

        return Chat(
            ModelSettings(name="scripted:test"), self.model, audit=Audit(executor.runtime.workspace, "model-").write
        )


def orchestrator_of(house: House) -> Orchestrator:
    found = house.orchestrator
    assert found is not None
    return found


async def started(house: House, dataset: str = "orders.csv", **request: Any) -> Live:
    return await orchestrator_of(house).start(Request(dataset=dataset, **request), house.caller)


async def finished(house: House, dataset: str = "orders.csv", **request: Any) -> Live:
    live = await started(house, dataset, **request)
    await live.ended.wait()
    return live
