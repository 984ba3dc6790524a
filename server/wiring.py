"""Putting the house together from the settings: no globals, so that a test can build as many as it likes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ..tools.errors import BadRequest
from .settings import Settings

if TYPE_CHECKING:
    from ..memory.store.memory import Memory
    from ..tools.catalogue import Catalogue
    from ..tools.context import Caller
    from ..tools.executor import Executor
    from ..tools.runtime import RuntimeConfig

log = logging.getLogger(__name__)

MEMORY = "memory"
_EMBEDDER_MB = 4_000


def catalogue() -> Catalogue:
    """Collect every action of the house; a module that cannot be imported is an error."""
    from .. import memory
    from ..tools import explore, features, quality
    from ..tools.catalogue import Catalogue

    return Catalogue.from_packages(quality, explore, features, memory)


@dataclass(frozen=True, eq=False)
class House:
    """What every door needs.

    The executor is built on first use: a client gets its first answer before any action is imported.

    Attributes:
        settings: the settings.
        roots: the folders that may be read.
        groups: the agents whose actions are offered; empty: all.
    """

    settings: Settings
    roots: tuple[Path, ...]
    groups: tuple[str, ...] = ()

    @cached_property
    def caller(self) -> Caller:
        """Who calls, as the settings say."""
        from ..tools.context import Caller

        return Caller(tenant=self.settings.auth.tenant)

    @cached_property
    def executor(self) -> Executor:
        """The corridor."""
        from ..tools.executor import Executor, ExecutorLimits
        from ..tools.pool import Pool
        from ..tools.runtime import Runtime

        settings, config = self.settings, self.runtime_config
        actions = catalogue().only(self.offered)
        executor = Executor(
            actions,
            Runtime(config),
            Pool(config, self._workers),
            ExecutorLimits(seconds=settings.limits.seconds, cache=settings.cache.enabled),
        )
        if MEMORY in self.offered:
            from ..memory.store.memory import Memory

            executor.runtime.services[Memory] = self._memory(executor)
        return executor

    @cached_property
    def offered(self) -> tuple[str, ...]:
        """The groups of actions that clients find."""
        groups = self.groups or tuple(dict.fromkeys(item.group for item in catalogue()))
        return tuple(group for group in groups if group != MEMORY or self.settings.memory.enabled)

    @property
    def _workers(self) -> int:
        return self.settings.workers or os.cpu_count() or 1

    @cached_property
    def runtime_config(self) -> RuntimeConfig:
        """What workers need to know of the settings."""
        from ..tools.runtime import RuntimeConfig

        settings = self.settings
        return RuntimeConfig(
            workspace=_workspace(settings),
            roots=self.roots,
            connections={name: url.get_secret_value() for name, url in settings.data.connections.items()},
            private_addresses=settings.data.private_addresses,
            max_file_mb=settings.data.max_file_mb,
            memory_mb=settings.limits.memory_mb or _share_of_memory(self._workers),
            threads=os.cpu_count() or 1,
            spill_mb=settings.limits.spill_mb,
            mask_personal=settings.privacy.mask_personal,
        )

    def _memory(self, executor: Executor) -> Memory:
        from ..memory.store.database import Database
        from ..memory.store.memory import Memory
        from ..memory.store.settings import StoreSettings
        from ..tools.embedding_service import EmbeddingService
        from ..tools.pool import Pool

        asked = self.settings.memory
        store = StoreSettings(
            folder=self.runtime_config.workspace / "postgres" / "data",
            url=self.settings.database_url.get_secret_value(),
            model=asked.model,
            dimensions=asked.dimensions,
        )
        # A model holds what it holds: the share of memory of a call would have its worker replaced after each.
        config = self.runtime_config.model_copy(update={"memory_mb": max(_EMBEDDER_MB, self.runtime_config.memory_mb)})
        embedder = EmbeddingService(Pool(config, 1), asked.model, asked.dimensions)
        return Memory(Database(store), embedder, executor.pool)

    @property
    def memory(self) -> Memory | None:
        """The memory, where it is offered."""
        from ..memory.store.memory import Memory

        found: Memory | None = self.executor.runtime.services.get(Memory)
        return found

    def load(self) -> None:
        """Import all actions now; one that cannot be imported ends the process, rather than being missing."""
        try:
            self.executor  # noqa: B018 - building it is the point
        except Exception as error:
            log.critical("the actions cannot be loaded", exc_info=error)
            raise SystemExit(70) from error
        self.begin_to_remember()

    def begin_to_remember(self) -> None:
        """Start the memory in the background, and tell it of every call; once."""
        if self.memory is None or self.executor.observers:
            return
        from ..memory.store.history import Observer

        self.memory.start()
        self.executor.observers.append(Observer(self.memory))

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep the workspace tidy while the house is open, and end the workers when it closes."""
        sweeping = asyncio.create_task(self._sweep_now_and_then())
        try:
            yield
        finally:
            sweeping.cancel()
            await self.close()

    async def close(self) -> None:
        """End the workers and leave the memory."""
        if "executor" in self.__dict__:
            if self.memory is not None:
                await self.memory.close()
            await self.executor.close()

    async def _sweep_now_and_then(self) -> None:
        # Not at once: the first seconds of a server belong to its client.
        await asyncio.sleep(60)
        while True:
            await asyncio.to_thread(self.sweep)
            await asyncio.sleep(3600)

    def sweep(self) -> None:
        """Remove what has expired from the workspace."""
        cache = self.settings.cache
        removed = self.executor.runtime.workspace.sweep(max_age_days=cache.max_age_days, max_mb=cache.max_mb)
        if removed:
            log.info("removed %d expired files from the workspace", removed)
        self._swept.touch()

    def sweep_if_due(self) -> None:
        """Sweep when nobody has for a day: a command line has no hours in which to do it by the way."""
        if not self._swept.exists() or self._swept.stat().st_mtime < time.time() - 86_400:
            self.sweep()

    @property
    def _swept(self) -> Path:
        return self.executor.runtime.workspace.root / ".swept"


def build(settings: Settings, folders: Sequence[Path] = (), groups: Sequence[str] = ()) -> House:
    """Build a house.

    Args:
        settings: the settings.
        folders: folders that may be read, instead of those of the settings.
        groups: offer the actions of these agents alone; empty: all.

    Raises:
        BadRequest: a folder does not exist, or there is no such agent.
    """
    if groups:
        catalogue().only(groups)
    return House(settings, tuple(_roots(settings, folders)), tuple(groups))


def _workspace(settings: Settings) -> Path:
    if settings.workspace is not None:
        return settings.workspace.expanduser().resolve()
    from platformdirs import user_data_path

    return user_data_path("refinery")


def _roots(settings: Settings, folders: Sequence[Path]) -> list[Path]:
    chosen = [folder.expanduser().resolve() for folder in folders or settings.data.roots]
    for folder in chosen:
        if not folder.is_dir():
            raise BadRequest(f"{str(folder)!r} is not a folder; name one that holds the data")
    if chosen:
        return chosen
    here = Path.cwd().resolve()
    if here in {Path(here.anchor), Path.home().resolve()}:
        # Clients start servers from anywhere: all of a disk must not be opened by accident.
        log.warning("%s is not opened by accident: start as `refinery serve FOLDER`, or set data.roots", here)
        return []
    return [here]


def _share_of_memory(workers: int) -> int:
    import psutil

    return max(512, int(psutil.virtual_memory().total * 0.6 / 1e6 / workers))
