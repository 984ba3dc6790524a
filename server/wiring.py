"""Putting the house together from the settings: no globals, so that a test can build as many as it likes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..tools.context import silent
from ..tools.errors import BadRequest, RefineryError, unknown
from .errors import exit_code
from .settings import Settings

if TYPE_CHECKING:
    from ..agents.models.chat import Chat
    from ..agents.orchestrator.orchestrator import Orchestrator
    from ..memory.store.memory import Memory
    from ..tools.catalogue import Catalogue
    from ..tools.context import Caller, Progress
    from ..tools.embedding_service import EmbeddingService
    from ..tools.executor import Executor, Outcome
    from ..tools.runtime import RuntimeConfig

log = logging.getLogger(__name__)

AGENTS, MEMORY = "agents", "memory"
_EMBEDDER_MB = 4_000


def catalogue() -> Catalogue:
    """Collect every action of the house; a module that cannot be imported is an error."""
    from .. import agents, memory
    from ..tools import explore, features, quality
    from ..tools.catalogue import Catalogue

    return Catalogue.from_packages(agents, quality, explore, features, memory)


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
        known = catalogue()
        executor = Executor(
            # All of them, whatever is offered: agents work with more than their clients see.
            known.only(self._groups(known)),
            Runtime(config),
            Pool(config, self._workers),
            ExecutorLimits(seconds=settings.limits.seconds, cache=settings.cache.enabled),
        )
        offered = self.groups or self._groups(known)
        if settings.memory.enabled and {AGENTS, MEMORY} & set(offered):
            from ..memory.store.memory import Memory

            executor.runtime.services[Memory] = self._memory(executor)
        if AGENTS in offered:
            from ..agents.orchestrator.orchestrator import Orchestrator

            executor.runtime.services[Orchestrator] = self._orchestrator(executor, known)
        return executor

    def _groups(self, known: Catalogue) -> tuple[str, ...]:
        groups = dict.fromkeys(item.group for item in known)
        return tuple(group for group in groups if group != MEMORY or self.settings.memory.enabled)

    @cached_property
    def actions(self) -> Catalogue:
        """The actions that clients find."""
        known = self.executor.catalogue
        there = self._groups(known)
        return known.only([group for group in self.groups or there if group in there])

    async def run(self, action: str, arguments: Mapping[str, Any], progress: Progress = silent) -> Outcome:
        """Run an action for a client.

        Raises:
            RefineryError: as `Executor.run`; BadRequest also where it is not offered.
        """
        if action in self.executor.catalogue:
            self.actions[action]  # raises where only the agents may do it
        return await self.executor.run(action, arguments, self.caller, progress)

    @property
    def _workers(self) -> int:
        return self.settings.workers or os.cpu_count() or 1

    @cached_property
    def runtime_config(self) -> RuntimeConfig:
        """What workers need to know of the settings."""
        from ..tools.runtime import RuntimeConfig, share_of_memory

        settings = self.settings
        return RuntimeConfig(
            workspace=_workspace(settings),
            roots=self.roots,
            connections={name: url.get_secret_value() for name, url in settings.data.connections.items()},
            private_addresses=settings.data.private_addresses,
            max_file_mb=settings.data.max_file_mb,
            memory_mb=settings.limits.memory_mb or share_of_memory(self._workers),
            threads=os.cpu_count() or 1,
            spill_mb=settings.limits.spill_mb,
            mask_personal=settings.privacy.mask_personal,
        )

    def _memory(self, executor: Executor) -> Memory:
        from ..memory.store.database import Database
        from ..memory.store.memory import Memory
        from ..memory.store.settings import StoreSettings

        asked = self.settings.memory
        store = StoreSettings(
            folder=self.runtime_config.workspace / "postgres" / "data",
            url=self.settings.database_url.get_secret_value(),
            model=asked.model,
            dimensions=asked.dimensions,
        )
        return Memory(Database(store), self._embedder(asked.model, asked.dimensions), executor.pool)

    def _embedder(self, model: str, dimensions: int) -> EmbeddingService:
        from ..tools.embedding_service import EmbeddingService
        from ..tools.pool import Pool

        # A model holds what it holds: the share of memory of a call would have its worker replaced after each.
        config = self.runtime_config.model_copy(update={"memory_mb": max(_EMBEDDER_MB, self.runtime_config.memory_mb)})
        return EmbeddingService(Pool(config, 1), model, dimensions)

    @cached_property
    def _reader(self) -> EmbeddingService:
        """What makes vectors of questions: that of the memory, where it is the model that routing was learned with."""
        from ..tools.embedding import DIMENSIONS, MODEL

        memory = self.settings.memory
        if self.memory is not None and (memory.model, memory.dimensions) == (MODEL, DIMENSIONS):
            return self.memory.embedder
        return self._embedder(MODEL, DIMENSIONS)

    def _orchestrator(self, executor: Executor, known: Catalogue) -> Orchestrator:
        from ..agents.models.examples import Examples
        from ..agents.orchestrator.orchestrator import Orchestrator
        from ..agents.orchestrator.settings import AgentSettings
        from ..agents.orchestrator.work import Tools
        from ..agents.routing.router import Router
        from ..memory.store.memory import Memory

        asked = self.settings.agents
        named = {f"actions.{agent}": names for agent, names in asked.actions.items()} | {"approve": asked.approve}
        for key, names in named.items():
            for name in names:
                if name not in known:
                    raise unknown("action", name, [item.name for item in known], where=f" (agents.{key})")
        settings = AgentSettings(**asked.model_dump(include=set(AgentSettings.model_fields)))

        async def embed(texts: Sequence[str]) -> Any:
            return await self._reader.embed(texts)

        async def compute(function: Callable[..., Any], /, **arguments: Any) -> Any:
            return await self._reader.compute(function, **arguments)

        memory: Memory | None = executor.runtime.services.get(Memory)
        chat = self._chat(executor)
        examples = Examples.load(embed) if chat is not None else None
        return Orchestrator(Tools(executor, settings, memory, Router(embed, compute), chat, examples))

    def _chat(self, executor: Executor) -> Chat | None:
        """The language model, where one is set."""
        if not self.settings.model:
            return None
        from ..agents.models.chat import Chat
        from ..agents.models.settings import ModelSettings
        from ..tools.audit import Audit

        asked = self.settings.agents
        settings = ModelSettings(
            name=self.settings.model,
            seconds=asked.model_seconds,
            attempts=asked.model_attempts,
            tokens=asked.model_tokens,
            summaries_only=asked.summaries_only,
            base_url=asked.model_base_url or None,
        )
        return Chat(settings, audit=Audit(executor.runtime.workspace, "model-").write)

    @property
    def memory(self) -> Memory | None:
        """The memory, where it is offered."""
        from ..memory.store.memory import Memory

        found: Memory | None = self.executor.runtime.services.get(Memory)
        return found

    @property
    def orchestrator(self) -> Orchestrator | None:
        """Who works on runs, where agents are offered."""
        from ..agents.orchestrator.orchestrator import Orchestrator

        found: Orchestrator | None = self.executor.runtime.services.get(Orchestrator)
        return found

    def load(self) -> None:
        """Import all actions now; one that cannot be imported ends the process, rather than being missing."""
        try:
            self.executor  # noqa: B018 - building it is the point
        except RefineryError as error:
            log.critical("%s", error)
            raise SystemExit(exit_code(error)) from error
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
            if self.orchestrator is not None:
                await self.orchestrator.close()
            if self.memory is not None:
                await self.memory.close()
            if "_reader" in self.__dict__:
                await self._reader.close()
            await self.executor.close()

    async def _sweep_now_and_then(self) -> None:
        # Not at once: the first seconds of a server belong to its client.
        await asyncio.sleep(60)
        while True:
            await asyncio.to_thread(self.sweep)
            if self.orchestrator is not None:
                try:
                    await self.orchestrator.prune(self.caller.tenant)
                except RefineryError as error:
                    log.warning("old runs could not be removed: %s", error)
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
