"""Vectors for the server, which itself never loads a model: a worker process of its own makes them."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from .embedding import DIMENSIONS, MODEL, embed_texts
from .errors import Unavailable
from .pool import Pool

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

# Texts that go to the worker at once: half a second of work, so that a short request waits no longer for a long one.
_AT_ONCE = 32
_SECONDS = 300.0

_Request = tuple[list[str], "asyncio.Future[list[npt.NDArray[np.float32]]]"]


class EmbeddingService:
    """Embeds texts in one worker; requests that come while it is busy are read together.

    Args:
        pool: a pool of one worker, which belongs to the service from now on.
        model, dimensions: as `load_embedder` takes them.
    """

    def __init__(self, pool: Pool, model: str = MODEL, dimensions: int = DIMENSIONS) -> None:
        self.model, self.dimensions = model, dimensions
        self._pool = pool
        self._waiting: list[_Request] = []
        self._working: asyncio.Task[None] | None = None
        self._computing: set[asyncio.Task[Any]] = set()

    async def warm(self) -> None:
        """Start the worker and have it load the model, which takes some seconds."""
        await self.embed(["warm"])

    async def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return a vector of length 1 for every text, as rows.

        Raises:
            Unavailable: the worker died or the model cannot be loaded.
        """
        import numpy as np

        rows: list[npt.NDArray[np.float32]] = []
        for start in range(0, len(texts), _AT_ONCE):
            rows += await self._ask(list(texts[start : start + _AT_ONCE]))
        return np.array(rows, dtype=np.float32).reshape(len(texts), self.dimensions)

    async def compute(self, function: Callable[..., Any], /, *, seconds: float, **arguments: Any) -> Any:
        """Call a function of a module of ours in the worker, with arguments and an answer that JSON can hold.

        Raises:
            RefineryError: what the function raised, or `Unavailable` where the worker died.
        """
        # A task of its own, for the same reason as below.
        task = asyncio.create_task(self._pool.task(function, seconds=seconds, **arguments))
        self._computing.add(task)
        task.add_done_callback(self._computing.discard)
        return await asyncio.shield(task)

    async def _ask(self, texts: list[str]) -> list[npt.NDArray[np.float32]]:
        answer: asyncio.Future[list[npt.NDArray[np.float32]]] = asyncio.get_running_loop().create_future()
        self._waiting.append((texts, answer))
        if self._working is None or self._working.done():
            # A task of its own: a caller who is cancelled must not end the worker under the others.
            self._working = asyncio.create_task(self._work())
        return await answer

    async def _work(self) -> None:
        await asyncio.sleep(0)  # let those that come at the same moment come along
        while self._waiting:
            batch, texts = self._next_batch()
            try:
                vectors = await self._vectors(texts)
            except asyncio.CancelledError:
                _fail(batch, Unavailable("the server is closing; try again when it is back"))
                raise
            except Exception as error:  # noqa: BLE001 - whoever waits for the answer gets it as it is
                _fail(batch, error)
                continue
            for asked, answer in batch:
                mine, vectors = vectors[: len(asked)], vectors[len(asked) :]
                if not answer.done():
                    answer.set_result(list(mine))

    def _next_batch(self) -> tuple[list[_Request], list[str]]:
        batch, texts = [], list[str]()
        while self._waiting and (not texts or len(texts) + len(self._waiting[0][0]) <= _AT_ONCE):
            request = self._waiting.pop(0)
            if not request[1].done():
                batch.append(request)
                texts += request[0]
        return batch, texts

    async def _vectors(self, texts: list[str]) -> npt.NDArray[np.float32]:
        import numpy as np

        sent = await self._pool.task(
            embed_texts, seconds=_SECONDS, texts=texts, model=self.model, dimensions=self.dimensions
        )
        return np.frombuffer(base64.b64decode(sent), "<f4").reshape(len(texts), self.dimensions)

    async def close(self) -> None:
        """End the worker; whoever waits gets `Unavailable`."""
        if self._working is not None:
            self._working.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._working
        for task in self._computing:
            task.cancel()
        await asyncio.gather(*self._computing, return_exceptions=True)
        _fail(self._waiting, Unavailable("the server is closing; try again when it is back"))
        await self._pool.close()


def _fail(requests: list[_Request], error: Exception) -> None:
    for _, answer in requests:
        if not answer.done():
            answer.set_exception(error)
