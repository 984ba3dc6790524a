"""What goes wrong with the database is said plainly, loses nothing that was committed, and passes without a restart."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from refinery.memory.store.cluster import Cluster
from refinery.memory.store.database import Database
from refinery.memory.store.memory import Memory
from refinery.memory.store.notes import Note
from refinery.memory.store.settings import StoreSettings
from refinery.memory.store.writing import keep
from refinery.tools.embedding import MODEL
from refinery.tools.errors import Unavailable
from stores import Hashing, operated, pg_ctl


async def _refusal(settings: StoreSettings) -> str:
    database = Database(settings)
    try:
        with pytest.raises(Unavailable) as caught:
            await database.ready()
        with pytest.raises(Unavailable):  # and again: a start that failed is tried anew
            await database.ready()
    finally:
        await database.close()
    return str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"password": "wrong-7hunter"}, "refuses the user or password of database_url"),
        ({"user": "nobody"}, "refuses the user or password of database_url"),
        ({"port": 1}, "does not answer"),
        ({"dbname": "nowhere"}, "nowhere"),
    ],
)
async def test_a_wrong_address_is_named_without_its_password(
    server: Any, database_url: str, changes: dict[str, Any], message: str
) -> None:
    from psycopg.conninfo import conninfo_to_dict

    url = server.url(**{"database": conninfo_to_dict(database_url)["dbname"], **_renamed(changes)})
    told = await _refusal(StoreSettings(Path("/nowhere"), url, wait=3))
    assert message in told
    assert "hunter" not in told
    assert server.password not in told


def _renamed(changes: dict[str, Any]) -> dict[str, Any]:
    return {"database" if key == "dbname" else key: value for key, value in changes.items()}


async def test_what_is_no_address_is_refused() -> None:
    assert "no address of PostgreSQL" in await _refusal(
        StoreSettings(Path("/nowhere"), "postgresql://a:b@h/d?nonsense=1")
    )


@pytest.fixture
def bare(server: Any) -> Iterator[Any]:
    """A database of an ordinary role, without anything of ours."""
    name, role = f"bare_{os.urandom(6).hex()}", f"owner_{os.urandom(6).hex()}"
    server.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'pw'")
    server.execute(f"CREATE DATABASE {name} OWNER {role}")
    yield name, server.url(name, user=role, password="pw")
    server.execute(f"DROP DATABASE {name} WITH (FORCE)")
    server.execute(f"DROP ROLE {role}")


async def test_without_pgvector_the_line_to_run_is_told_and_then_an_ordinary_role_is_enough(
    server: Any, bare: Any
) -> None:
    name, url = bare
    settings = StoreSettings(Path("/nowhere"), url, wait=3)
    assert "run there as a superuser: CREATE EXTENSION vector;" in await _refusal(settings)
    server.execute("CREATE EXTENSION vector", name)
    database = Database(settings)
    await database.ready()
    async with database.transaction("a") as running:
        await running.all("next_of_thread", thread="t", session="t")
    async with database.transaction("b") as running:  # the owner of the tables is walled in as well
        assert await (await running.connection.execute("SELECT * FROM sessions")).fetchall() == []
    await database.close()


async def test_an_old_pgvector_is_refused(server: Any, store: StoreSettings, database_url: str) -> None:
    from psycopg.conninfo import conninfo_to_dict

    name = conninfo_to_dict(database_url)["dbname"]
    server.execute(
        "SET allow_system_table_mods = on; UPDATE pg_extension SET extversion = '0.8.2' WHERE extname = 'vector'", name
    )
    told = await _refusal(store)
    assert "pgvector 0.8.2" in told
    assert "0.8.4 or later" in told
    assert "ALTER EXTENSION vector UPDATE;" in told


async def test_another_size_or_model_than_the_stored_one_is_refused(store: StoreSettings) -> None:
    from dataclasses import replace

    told = await _refusal(replace(store, dimensions=128))
    assert f"'{MODEL}' with 384 dimensions" in told
    assert "refinery memory reembed" in told
    assert "with 384" in await _refusal(replace(store, model="/models/other"))


async def test_a_database_of_a_newer_version_is_left_alone(
    server: Any, store: StoreSettings, database_url: str
) -> None:
    from psycopg.conninfo import conninfo_to_dict

    name = conninfo_to_dict(database_url)["dbname"]
    server.execute("INSERT INTO refinery.migrations (version, name) VALUES (9999, '9999_future')", name)
    assert "of a newer Refinery" in await _refusal(store)


async def test_migrations_go_up_from_every_earlier_version(
    server: Any, bare: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from refinery.memory.store import migrating

    name, url = bare
    server.execute("CREATE EXTENSION vector", name)
    known = migrating._migrations()
    for last in sorted(known):
        some = {version: file for version, file in known.items() if version <= last}
        monkeypatch.setattr(migrating, "_migrations", lambda some=some: some)
        database = Database(StoreSettings(Path("/nowhere"), url, wait=3))
        await database.ready()
        await database.close()
        done = server.execute("SELECT version FROM refinery.migrations ORDER BY 1", name)
        assert [row[0] for row in done] == sorted(some)


async def test_servers_that_start_at_once_migrate_once(server: Any, bare: Any) -> None:
    name, url = bare
    server.execute("CREATE EXTENSION vector", name)
    several = [Database(StoreSettings(Path("/nowhere"), url, wait=5)) for _ in range(4)]
    await asyncio.gather(*(database.ready() for database in several))
    files = len(list((Path(__file__).parents[2] / "memory" / "store" / "migrations").glob("*.sql")))
    counts = server.execute("SELECT count(*), count(DISTINCT version) FROM refinery.migrations", name)
    assert counts == [(files, files)]
    for database in several:
        await database.close()


async def test_a_full_disk_is_said_and_nothing_is_lost(notes: Any) -> None:
    kept = await notes.keep("before")
    async with notes.memory.database.admin() as admin:
        await admin.execute(
            "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$"
        )
        await admin.execute("CREATE TRIGGER disk BEFORE INSERT ON passages FOR EACH ROW EXECUTE FUNCTION full_disk()")
    with pytest.raises(Unavailable, match=r"could not store this, and nothing of it was: .*No space left"):
        await notes.keep("during")
    async with notes.memory.database.admin() as admin:
        await admin.execute("DROP TRIGGER disk ON passages")
    assert await notes.found("before during", limit=9) == ["before"]
    assert (await notes.keep("before")).id == kept.id
    await notes.keep("during")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with little room."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=160m", "tmpfs", folder], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("no file system can be mounted here")
    yield folder
    _stop(folder / "w" / "data")
    subprocess.run(["umount", "-l", folder], check=True)


async def test_a_disk_that_is_really_full_loses_nothing_and_serves_again_when_there_is_room(small_disk: Path) -> None:
    memory = Memory(Database(StoreSettings(small_disk / "w" / "data", wait=3)), Hashing(), None)  # type: ignore[arg-type]
    await memory.ready()
    kept, ballast = list[str](), small_disk / "ballast"
    kept.append((await keep(memory, "default", Note("before"))).id)
    free = shutil.disk_usage(small_disk).free
    ballast.write_bytes(bytes(max(0, free - 2_000_000)))
    with pytest.raises(Unavailable) as caught:
        await _keep_on(memory, kept)
    assert "could not store this" in str(caught.value) or "does not answer" in str(caught.value)
    ballast.unlink()
    deadline = time.monotonic() + 60
    while True:
        try:
            kept.append((await keep(memory, "default", Note("after"))).id)
            break
        except Unavailable:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.5)
    async with memory.transaction("default") as running:
        rows = await (await running.connection.execute("SELECT id FROM memories")).fetchall()
    assert {row["id"] for row in rows} >= set(kept)
    await memory.database.close()


async def _keep_on(memory: Memory, kept: list[str]) -> None:
    for number in range(200):
        text = f"{number} {os.urandom(20_000).hex()}"
        kept.append((await keep(memory, "default", Note(text))).id)


async def test_lost_connections_are_made_anew(notes: Any) -> None:
    await notes.keep("before")
    async with notes.memory.database.admin() as admin:
        await admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid <> pg_backend_pid()"
        )
    assert await notes.found("before") == ["before"]


def _cluster_pid(folder: Path) -> int:
    return int((folder / "postmaster.pid").read_text().split()[0])


def _stop(folder: Path) -> None:
    """End a cluster that a test has left running."""
    with contextlib.suppress(FileNotFoundError, psutil.Error):
        postmaster = psutil.Process(_cluster_pid(folder))
        postmaster.send_signal(signal.SIGINT)
        postmaster.wait(20)


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "w"
    _stop(tmp_path / "w" / "data")


async def test_the_embedded_cluster_comes_back_by_itself_after_it_was_killed(workspace: Path) -> None:
    database = Database(StoreSettings(workspace / "data", wait=2))
    await database.ready()
    async with database.transaction("t") as running:
        await running.all("next_of_thread", thread="x", session="x")
    os.kill(_cluster_pid(workspace / "data"), signal.SIGKILL)
    await asyncio.sleep(0.5)
    assert await _lengths(database) == [{"length": 1}]
    await database.close()


async def test_calls_fail_while_a_server_is_down_and_work_again_when_it_is_back(workspace: Path) -> None:
    cluster = Cluster(workspace / "data")
    server = await asyncio.to_thread(operated, cluster)
    server.execute("CREATE DATABASE store")
    database = Database(StoreSettings(Path("/nowhere"), server.url("store"), wait=1))
    await database.ready()
    async with database.transaction("t") as running:
        await running.all("next_of_thread", thread="x", session="x")
    pg_ctl(cluster, "stop")
    with pytest.raises(Unavailable, match="does not answer"):
        async with database.transaction("t"):
            pass
    pg_ctl(cluster, "start", f"-k {server.admin['host']}")
    assert await _lengths(database) == [{"length": 1}]
    await database.close()
    cluster.stop()


async def _lengths(database: Database) -> list[dict[str, Any]]:
    """Ask until the database answers again, for some seconds."""
    deadline = time.monotonic() + 20
    while True:
        try:
            async with database.transaction("t") as running:
                return await (await running.connection.execute("SELECT length FROM sessions")).fetchall()
        except Unavailable:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.5)


DEBIAN = Path("/usr/lib/postgresql/15/bin")


@pytest.mark.skipif(
    not (DEBIAN / "postgres").exists() or os.geteuid() != 0, reason="needs Debian's PostgreSQL, and root"
)
async def test_a_server_without_pgvector_is_told_what_to_install() -> None:
    with tempfile.TemporaryDirectory() as name:  # a short path: the socket's is limited
        folder = Path(name)
        shutil.chown(folder, "nobody")
        data, run = str(folder / "data"), {"user": "nobody", "check": True, "stdout": subprocess.DEVNULL}
        subprocess.run([DEBIAN / "initdb", "-D", data, "-U", "keeper", "--auth=trust"], **run)
        subprocess.run(
            [DEBIAN / "pg_ctl", "-w", "-D", data, "-o", f"-h '' -k {folder}", "-l", f"{data}/log", "start"], **run
        )
        try:
            told = await _refusal(StoreSettings(Path("/nowhere"), f"postgresql://keeper@/postgres?host={folder}"))
        finally:
            subprocess.run([DEBIAN / "pg_ctl", "-w", "-D", data, "-m", "immediate", "stop"], **run)
    assert "has no pgvector; install 0.8.4 or later" in told
    assert "CREATE EXTENSION vector;" in told


WRITER = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from stores import Hashing
from refinery.memory.store.database import Database
from refinery.memory.store.memory import Memory
from refinery.memory.store.notes import Note
from refinery.memory.store.settings import StoreSettings
from refinery.memory.store.writing import keep

async def main():
    memory = Memory(Database(StoreSettings(Path(sys.argv[1]))), Hashing(), None)
    await memory.ready()
    for number in range(100_000):
        text = f"{sys.argv[2]} {number}"
        await keep(memory, "default", Note(text, session=sys.argv[2]))
        print(text, flush=True)

asyncio.run(main())
"""


def _writer(folder: Path, name: str, log: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(folder), name, str(Path(__file__).parents[1] / "support")]
    with log.open("w") as output:
        return subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, text=True)


async def test_of_two_processes_that_write_and_are_killed_nothing_committed_is_lost(workspace: Path) -> None:
    folder, logs = workspace / "data", [workspace.parent / "a.log", workspace.parent / "b.log"]
    writers = [_writer(folder, name, log) for name, log in zip("ab", logs, strict=True)]
    try:
        deadline = time.monotonic() + 60
        while min(len(log.read_text().splitlines()) for log in logs) < 40:
            assert time.monotonic() < deadline, [log.read_text()[-2000:] for log in logs]
            assert all(writer.poll() is None for writer in writers), [log.read_text()[-2000:] for log in logs]
            await asyncio.sleep(0.05)
    finally:
        for writer in writers:
            writer.kill()
            writer.wait()
    told = {line for log in logs for line in log.read_text().splitlines()[:-1]}
    database = Database(StoreSettings(folder, wait=5))
    await database.ready()
    async with database.transaction("default") as running:
        rows = await (await running.connection.execute("SELECT content FROM memories")).fetchall()
        whole = await (
            await running.connection.execute(
                "SELECT count(*) AS n FROM memories m WHERE NOT EXISTS (SELECT FROM passages p WHERE p.memory = m.id)"
            )
        ).fetchall()
    assert told <= {row["content"] for row in rows}
    assert whole == [{"n": 0}]
    await database.close()
    assert not (folder / "postmaster.pid").exists(), "the last to leave stops it, whoever was killed before"


async def test_a_workspace_with_a_long_path_has_its_socket_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / ("long" * 30) / "w" / "data"
    monkeypatch.setenv("TMPDIR", str(folder.parents[1]))
    folder.parent.mkdir(parents=True)
    attempt = "from pathlib import Path; from refinery.memory.store.cluster import Cluster; import sys\n"
    attempt += "cluster = Cluster(Path(sys.argv[1])); print(cluster.start()['host']); cluster.stop()"
    done = subprocess.run([sys.executable, "-c", attempt, folder], capture_output=True, text=True)
    assert len(done.stdout.strip()) < 100, done.stderr
    assert done.stdout.startswith("/"), done.stderr


async def test_only_the_user_who_runs_it_may_reach_the_embedded_cluster(workspace: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("another user's attempt can be made by root alone")
    # With a long path the socket lies where everybody may come: only who they are can keep them out.
    cluster = Cluster(workspace / ("long" * 30) / "data")
    address = await asyncio.to_thread(cluster.start)
    try:
        psql = cluster._server.bin_path / "psql"
        command = [psql, "-h", address["host"], "-U", "postgres", "-c", "SELECT 1"]
        said = subprocess.run(command, user="nobody", cwd="/", capture_output=True, text=True).stderr
        assert "Peer authentication failed" in said
        assert cluster.folder.parent.stat().st_mode & 0o044 == 0, "the way to it may be passed, not read"
    finally:
        cluster.stop()


async def test_a_new_cluster_never_runs_with_its_door_open(workspace: Path) -> None:
    # Whoever joined while it was being closed was turned away, by a list of users that was being written.
    cluster = Cluster(workspace / "data")
    await asyncio.to_thread(cluster.start)
    log = (cluster.folder / "log").read_text()
    cluster.stop()
    assert "ready to accept connections" in log
    assert "SIGHUP" not in log
