"""The memory as a service of the server: the database, what makes vectors, and chores that nobody waits for."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine

from ...tools.context import Progress, silent
from ...tools.embedding_service import EmbeddingService
from ...tools.errors import Unavailable
from ...tools.pool import Pool
from .database import Database, Transaction

log = logging.getLogger(__name__)

Chore = Callable[[], Awaitable[object]]
# Chores beyond this are dropped, and said to be: a database that is gone must not fill the server's memory.
_MOST_CHORES = 2000
_LAST_SECONDS = 5.0


class Memory:
    """What the actions of this floor, and the agents above, remember by.

    Args:
        database: where memories are.
        embedder: makes their vectors.
        workers: reads documents.
    """

    def __init__(self, database: Database, embedder: EmbeddingService, workers: Pool) -> None:
        self.database = database
        self.embedder = embedder
        self.workers = workers
        # What else must be erased with a session, such as the runs of agents: called with tenant and session, each
        # tells how much it has erased.
        self.erasers: list[Callable[[str, str], Awaitable[int]]] = []
        self._chores: asyncio.Queue[Chore] = asyncio.Queue(_MOST_CHORES)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._told_of_full = False

    def start(self) -> None:
        """Start the database, the worker that makes vectors, and the chores, in the background."""
        self._begin("warm", self._warm)
        self._begin("chores", self._do_chores)

    def _begin(self, name: str, work: Callable[[], Coroutine[None, None, None]]) -> None:
        if name not in self._tasks:
            self._tasks[name] = asyncio.create_task(work())

    async def _warm(self) -> None:
        """Start both at once; what fails is logged here, and told to whoever needs it."""
        begun = await asyncio.gather(self.database.ready(), self.embedder.warm(), return_exceptions=True)
        for error in begun:
            if isinstance(error, Unavailable):
                log.warning("the memory is not available: %s", error)
            elif isinstance(error, Exception):
                log.error("the memory does not start", exc_info=error)

    async def ready(self, progress: Progress = silent) -> None:
        """Wait until the database is up, and say so to whoever waits.

        Raises:
            Unavailable: it does not come up.
        """
        if not self.database.up:
            progress(0, None, "starting the memory's database")
            await self.database.ready()
        self._begin("chores", self._do_chores)

    @contextlib.asynccontextmanager
    async def transaction(self, tenant: str) -> AsyncIterator[Transaction]:
        """As `Database.transaction`."""
        async with self.database.transaction(tenant) as running:
            yield running

    def later(self, chore: Chore) -> None:
        """Do something when there is time; nobody waits for it, and what fails is logged."""
        try:
            self._chores.put_nowait(chore)
            self._told_of_full = False
        except asyncio.QueueFull:
            if not self._told_of_full:
                log.warning("more than %d things wait to be remembered; further ones are dropped", _MOST_CHORES)
            self._told_of_full = True

    async def _do_chores(self) -> None:
        while True:
            chore = await self._chores.get()
            try:
                await chore()
            except Unavailable as error:
                log.warning("something could not be remembered: %s", error)
            except Exception:
                log.exception("something could not be remembered")
            finally:
                self._chores.task_done()

    async def settle(self, seconds: float = 60.0) -> None:
        """Wait until the chores so far are done.

        Raises:
            Unavailable: they are not in that time.
        """
        if "chores" not in self._tasks:
            return
        try:
            async with asyncio.timeout(seconds):
                await self._chores.join()
        except TimeoutError:
            raise Unavailable(
                f"what earlier calls have found could not be written within {seconds:g} seconds; call again"
            ) from None

    async def close(self) -> None:
        """Do what chores can be done in some seconds, and end everything."""
        if self.database.up:
            with contextlib.suppress(Unavailable):
                await self.settle(_LAST_SECONDS)
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        self._tasks = {}
        await self.embedder.close()
        await self.database.close()
