"""Vectors for the server from a worker process."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import psutil
import pytest
from refinery.tools.embedding import DIMENSIONS, embed_texts, load_embedder
from refinery.tools.embedding_service import EmbeddingService
from refinery.tools.errors import Unavailable
from refinery.tools.pool import Pool
from refinery.tools.runtime import RuntimeConfig


@pytest.fixture
async def service(tmp_path: Path):
    made = EmbeddingService(Pool(RuntimeConfig(workspace=tmp_path, threads=1), 1))
    yield made
    await made.close()


async def test_vectors_are_those_of_the_model_whatever_comes_together(service: EmbeddingService) -> None:
    asked = [["late parcel"], [f"text {n}" for n in range(70)], [], ["a", "b"], ["late parcel"]]
    found = await asyncio.gather(*(service.embed(texts) for texts in asked))
    for texts, vectors in zip(asked, found, strict=True):
        assert vectors.shape == (len(texts), DIMENSIONS)
        np.testing.assert_array_equal(vectors, load_embedder().embed(texts))


async def test_requests_that_come_together_are_read_together(
    service: EmbeddingService, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches: list[list[str]] = []

    async def task(function: object, *, texts: list[str], **_: object) -> str:
        batches.append(texts)
        await asyncio.sleep(0.01)
        import base64

        return base64.b64encode(np.zeros((len(texts), DIMENSIONS), "<f4").tobytes()).decode()

    monkeypatch.setattr(service._pool, "task", task)
    await asyncio.gather(*(service.embed([str(n)]) for n in range(40)))
    assert [len(batch) for batch in batches] == [32, 8]


async def test_who_is_cancelled_takes_no_other_along(service: EmbeddingService) -> None:
    impatient, patient = (asyncio.create_task(service.embed([name])) for name in ("impatient", "patient"))
    await asyncio.sleep(0.1)
    impatient.cancel()
    assert (await patient).shape == (1, DIMENSIONS)


async def test_who_is_cancelled_while_the_worker_computes_does_not_end_it(service: EmbeddingService) -> None:
    await service.warm()
    workers = {child.pid for child in psutil.Process().children()}
    asking = asyncio.create_task(service.compute(embed_texts, seconds=60, texts=["word " * 3_000]))
    await asyncio.sleep(0.05)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert (await service.embed(["next"])).shape == (1, DIMENSIONS)
    assert {child.pid for child in psutil.Process().children()} == workers


@pytest.mark.slow
async def test_a_worker_that_dies_is_said_to_and_replaced(service: EmbeddingService) -> None:
    await service.warm()
    asking = asyncio.create_task(service.embed(["text"] + [f"{n} " * 200 for n in range(30)]))
    await asyncio.sleep(0.1)
    for pid in service._pool.busy_pids:
        psutil.Process(pid).kill()
    with pytest.raises(Unavailable, match="died"):
        await asking
    assert (await service.embed(["again"])).shape == (1, DIMENSIONS)


async def test_who_waits_when_it_closes_is_told(service: EmbeddingService) -> None:
    waiting = [asyncio.create_task(service.embed([f"{n}"] * 32)) for n in range(3)]
    await asyncio.sleep(0.05)
    await service.close()
    for one in waiting:
        with pytest.raises(Unavailable, match="closing"):
            await one
