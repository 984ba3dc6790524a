from __future__ import annotations

import asyncio
import os
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from refinery.memory.store.cluster import Cluster
from refinery.memory.store.database import Database
from refinery.memory.store.settings import StoreSettings
from refinery.tools.catalogue import Catalogue
from refinery.tools.executor import Executor, ExecutorLimits
from refinery.tools.pool import Pool
from refinery.tools.runtime import Runtime, RuntimeConfig
from stores import Server, operated

# In CI the same examples every time: a run there must tell of the change, and not of the draw.
settings.register_profile("refinery", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("refinery")

TEMPLATE = "refinery_template"
SUPPORT = Path(__file__).parent / "support"
SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture
def shared_data() -> Path:
    if not SHARED_DATA.is_dir():
        pytest.skip("the shared tables are not here")
    return SHARED_DATA


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test sees the user's settings or data folder, and workers find the sample actions."""
    for name in list(os.environ):
        if name.startswith(("REFINERY_", "OTEL_")):
            monkeypatch.delenv(name)
    # Tests of the memory switch it on: a database and a model for each server of the others would cost minutes.
    monkeypatch.setenv("REFINERY_MEMORY__ENABLED", "false")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("PYTHONPATH", str(SUPPORT))


@pytest.fixture
def data_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "orders.csv").write_text("order_id,city,amount\n1,Berlin,10.5\n2,Paris,\n3,Berlin,7\n")
    return folder


@pytest.fixture
async def make_executor(tmp_path: Path, data_folder: Path) -> AsyncIterator[Callable[..., Executor]]:
    """Build executors over the sample actions; their workers end with the test."""
    import sample_actions

    made: list[Executor] = []

    def make(
        *,
        workers: int = 1,
        seconds: float = 60,
        cache: bool = True,
        memory_mb: int = 2000,
        private_addresses: bool = False,
    ) -> Executor:
        config = RuntimeConfig(
            workspace=tmp_path / "workspace",
            roots=(data_folder,),
            memory_mb=memory_mb,
            private_addresses=private_addresses,
        )
        executor = Executor(
            Catalogue.from_packages(sample_actions),
            Runtime(config),
            Pool(config, workers),
            ExecutorLimits(seconds=seconds, cache=cache),
        )
        made.append(executor)
        return executor

    yield make
    for executor in made:
        await executor.close()


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """One PostgreSQL for the whole run; not below pytest's own folder, which another run may close to other users."""
    with tempfile.TemporaryDirectory() as folder:
        cluster = Cluster(Path(folder) / "data")
        made = operated(cluster)
        made.execute(f"CREATE DATABASE {TEMPLATE}")
        asyncio.run(_migrate(made))
        yield made
        cluster.stop()


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
