"""The engine that computes: DuckDB through Ibis, held to the memory and threads it was given."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ibis.backends.duckdb import Backend


@dataclass(frozen=True)
class Engine:
    """Settings of the engine: `memory_mb` and `threads` (None: DuckDB's own), and where it may spill."""

    memory_mb: int | None = None
    threads: int | None = None
    spill: Path | None = None

    def connect(self) -> Backend:
        """Open a fresh in-memory DuckDB; larger work spills to the spill folder, or fails where there is none."""
        import ibis

        config: dict[str, str | int | bool] = {"autoinstall_known_extensions": False}
        if self.memory_mb is not None:
            config["memory_limit"] = f"{self.memory_mb}MB"
        if self.threads is not None:
            config["threads"] = self.threads
        if self.spill is not None:
            config["temp_directory"] = str(self.spill)
        backend = ibis.duckdb.connect(**config)
        backend.raw_sql("SET TimeZone = 'UTC'")
        return backend
