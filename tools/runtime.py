"""What a process needs to run actions, built alike in the server and in every worker from one plain record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from .context import Caller, Context, Progress, silent
from .data.engine import Engine
from .data.policy import Policy
from .data.registry import Registry
from .data.sources import Opener
from .workspace import Workspace


def share_of_memory(workers: int) -> int:
    """Return how many MB each of some workers may hold: 60 % of the machine's memory, divided."""
    import psutil

    return max(512, int(psutil.virtual_memory().total * 0.6 / 1e6 / workers))


class RuntimeConfig(BaseModel):
    """Settings that reach the workers, as JSON over their standard input."""

    model_config = ConfigDict(frozen=True)

    workspace: Path
    roots: tuple[Path, ...] = ()
    connections: dict[str, str] = {}
    private_addresses: bool = False
    max_file_mb: int | None = None
    memory_mb: int = 4096
    threads: int = 1
    spill_mb: int = 50_000
    mask_personal: bool = True


class Runtime:
    """Opens datasets and builds contexts for callers."""

    def __init__(self, config: RuntimeConfig, *, spill: Path | None = None) -> None:
        self.config = config
        self.workspace = Workspace(config.workspace)
        self.policy = Policy(
            roots=config.roots,
            workspace=config.workspace,
            private_addresses=config.private_addresses,
            max_file_mb=config.max_file_mb,
        )
        # DuckDB gets a part of a worker's memory: the rest is for Arrow tables and fits.
        self.engine = Engine(
            memory_mb=max(256, config.memory_mb * 6 // 10),
            threads=config.threads,
            spill=spill,
            spill_mb=config.spill_mb,
        )
        # Filled by whoever puts the house together; workers have none.
        self.services: dict[type, Any] = {}
        self._openers: dict[str, Opener] = {}

    def opener(self, tenant: str) -> Opener:
        """Return what opens datasets for a tenant."""
        if tenant not in self._openers:
            self._openers[tenant] = Opener(
                policy=self.policy,
                registry=Registry(self.workspace.folder("names"), tenant),
                engine=self.engine,
                connections=self.config.connections,
                snapshots=self.workspace.folder("snapshots"),
            )
        return self._openers[tenant]

    def context(self, caller: Caller, progress: Progress = silent) -> Context:
        """Return the context of one call."""
        opener = self.opener(caller.tenant)
        return Context(
            caller=caller,
            workspace=self.workspace,
            registry=opener.registry,
            opener=opener,
            progress=progress,
            services=self.services,
        )
