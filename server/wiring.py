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
    from ..tools.catalogue import Catalogue
    from ..tools.context import Caller
    from ..tools.executor import Executor

log = logging.getLogger(__name__)


def catalogue() -> Catalogue:
    """Collect every action of the house; a module that cannot be imported is an error."""
    from ..tools import explore, features, quality
    from ..tools.catalogue import Catalogue

    return Catalogue.from_packages(quality, explore, features)


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
        from ..tools.runtime import Runtime, RuntimeConfig

        settings = self.settings
        actions = catalogue()
        workers = settings.workers or os.cpu_count() or 1
        config = RuntimeConfig(
            workspace=_workspace(settings),
            roots=self.roots,
            connections={name: url.get_secret_value() for name, url in settings.data.connections.items()},
            private_addresses=settings.data.private_addresses,
            max_file_mb=settings.data.max_file_mb,
            memory_mb=settings.limits.memory_mb or _share_of_memory(workers),
            threads=os.cpu_count() or 1,
            spill_mb=settings.limits.spill_mb,
            mask_personal=settings.privacy.mask_personal,
        )
        return Executor(
            actions.only(self.groups) if self.groups else actions,
            Runtime(config),
            Pool(config, workers),
            ExecutorLimits(seconds=settings.limits.seconds, cache=settings.cache.enabled),
        )

    def load(self) -> None:
        """Import all actions now; one that cannot be imported ends the process, rather than being missing."""
        try:
            self.executor  # noqa: B018 - building it is the point
        except Exception as error:
            log.critical("the actions cannot be loaded", exc_info=error)
            raise SystemExit(70) from error

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep the workspace tidy while the house is open, and end the workers when it closes."""
        sweeping = asyncio.create_task(self._sweep_now_and_then())
        try:
            yield
        finally:
            sweeping.cancel()
            if "executor" in self.__dict__:
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
