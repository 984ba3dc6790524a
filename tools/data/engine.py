"""The engine that computes: DuckDB through Ibis, held to the memory and threads it was given."""

from __future__ import annotations

import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ibis.backends.duckdb import Backend


@dataclass(frozen=True)
class Engine:
    """Settings of the engine: `memory_mb` and `threads` (None: DuckDB's own), where it may spill, and how much.

    Without a spill folder larger work spills to the system's folder for temporary files.
    """

    memory_mb: int | None = None
    threads: int | None = None
    spill: Path | None = None
    spill_mb: int = 50_000

    def connect(self) -> Backend:
        """Open a fresh in-memory DuckDB that neither fetches nor loads extensions, and knows times in UTC.

        Rows keep their order (`preserve_insertion_order` stays on): previews, and the samples that are drawn by
        row number, are the same on every machine and with any number of threads.
        """
        import ibis

        config: dict[str, str | int | bool] = {
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "allow_community_extensions": False,
            "temp_directory": self._spill_folder(),
            "max_temp_directory_size": f"{self.spill_mb}MB",
        }
        if self.memory_mb is not None:
            config["memory_limit"] = f"{self.memory_mb}MiB"
        if self.threads is not None:
            config["threads"] = self.threads
        backend = ibis.duckdb.connect(**config)
        # A bar on the standard output would break a protocol that is spoken there.
        backend.raw_sql("SET enable_progress_bar = false; SET TimeZone = 'UTC'")
        return backend

    def _spill_folder(self) -> str:
        """Return a folder for this connection alone: DuckDB makes it when needed, and empties it when it closes."""
        parent = self.spill
        if parent is None:
            parent = Path(tempfile.gettempdir())
        else:
            parent.mkdir(parents=True, exist_ok=True)
        return str(parent / f"spill-{secrets.token_hex(8)}")
