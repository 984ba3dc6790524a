"""Putting the house together from the settings: no globals, so that a test can build as many as it likes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..tools import explore, features, quality
from ..tools.catalogue import Catalogue
from ..tools.context import Caller
from ..tools.errors import BadRequest
from ..tools.executor import Executor, ExecutorLimits
from ..tools.pool import Pool
from ..tools.runtime import Runtime, RuntimeConfig
from .settings import Settings

log = logging.getLogger(__name__)


def catalogue() -> Catalogue:
    """Collect every action of the house; a module that cannot be imported stops the start."""
    return Catalogue.from_packages(quality, explore, features)


@dataclass(frozen=True)
class House:
    """What every door needs."""

    settings: Settings
    executor: Executor
    caller: Caller

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep the workspace tidy while the house is open, and end the workers when it closes."""
        sweeping = asyncio.create_task(self._sweep_now_and_then())
        try:
            yield
        finally:
            sweeping.cancel()
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


def build(settings: Settings, folders: Sequence[Path] = (), groups: Sequence[str] = ()) -> House:
    """Build the executor and all below it.

    Args:
        settings: the settings.
        folders: folders that may be read, before those of the settings.
        groups: offer the actions of these agents alone; empty: all.

    Raises:
        BadRequest: a folder does not exist, or there is no such agent.
    """
    actions = catalogue()
    workers = settings.workers or os.cpu_count() or 1
    config = RuntimeConfig(
        workspace=_workspace(settings),
        roots=tuple(_roots(settings, folders)),
        connections={name: url.get_secret_value() for name, url in settings.data.connections.items()},
        private_addresses=settings.data.private_addresses,
        max_file_mb=settings.data.max_file_mb,
        memory_mb=settings.limits.memory_mb or _share_of_memory(workers),
        threads=os.cpu_count() or 1,
        mask_personal=settings.privacy.mask_personal,
    )
    executor = Executor(
        actions.only(groups) if groups else actions,
        Runtime(config),
        Pool(config, workers),
        ExecutorLimits(seconds=settings.limits.seconds, cache=settings.cache.enabled),
    )
    return House(settings, executor, Caller(tenant=settings.auth.tenant))


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
        log.warning("no folder may be read: start as `refinery serve FOLDER`, or set data.roots")
        return []
    return [here]


def _share_of_memory(workers: int) -> int:
    import psutil

    return max(512, int(psutil.virtual_memory().total * 0.6 / 1e6 / workers))
