"""Several who write, forget and supersede at once; and the index that serves where there is much."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from pgvector import HalfVector
from refinery.memory.store.cluster import Cluster
from refinery.memory.store.database import Database
from refinery.memory.store.erasing import forget_memory, forget_session
from refinery.memory.store.finding import Filter, in_words, search
from refinery.memory.store.memory import Memory
from refinery.memory.store.notes import Note
from refinery.memory.store.ranking import rank
from refinery.memory.store.reembedding import reembed
from refinery.memory.store.settings import StoreSettings
from refinery.memory.store.writing import Link, associate, keep
from refinery.tools.errors import BadRequest, Unavailable
from stores import Hashing, operated

_NOW = datetime(2026, 1, 1, tzinfo=UTC)


async def test_writing_forgetting_and_superseding_at_once_ends_and_counts_what_is_left(open_store: Any) -> None:
    stores = [await open_store(), await open_store()]
    dice, told = random.Random(0), list[str]()

    async def work(store: Any, name: int) -> None:
        kept: list[str] = []
        for step in range(25):
            session = f"s{dice.randrange(3)}"
            try:
                match dice.randrange(6):
                    case 0 if len(kept) > 1:
                        await associate(store.memory, "default", Link(kept[-1], kept[-2], "supersedes"))
                    case 1 if kept:
                        await forget_memory(store.memory, "default", kept.pop(0))
                    case 2 if step % 3 == 0:
                        await forget_session(store.memory, "default", session)
                    case 3:
                        kept.append(
                            (await store.keep(f"{name} {step}", topic=f"t{dice.randrange(3)}", session=session)).id
                        )
                    case _:
                        kept.append((await store.keep(f"words {name} of {step}", session=session)).id)
            except BadRequest as error:
                told.append(str(error))

    async with asyncio.timeout(60):
        await asyncio.gather(*(work(store, n) for n in range(4) for store in stores))
    assert all(text.startswith(("no memory", "no session")) for text in told), "another has forgotten it before"
    found = await stores[0].rows(
        "SELECT (SELECT passages FROM tenants) AS counted, (SELECT words FROM tenants) AS words, "
        "(SELECT count(*) FROM passages WHERE embedding IS NOT NULL) AS findable, "
        "(SELECT coalesce(sum(frequency), 0) FROM postings) AS posted, "
        "(SELECT count(*) FROM terms t WHERE passages <> (SELECT count(*) FROM postings p WHERE p.term = t.term)) "
        "AS off"
    )
    (row,) = found
    assert (row["counted"], row["words"], row["off"]) == (row["findable"], row["posted"], 0)


class Slow(Hashing):
    """Vectors that come when they are let."""

    def __init__(self) -> None:
        self.asked, self.let = asyncio.Event(), asyncio.Event()
        self.read: list[str] = []

    async def embed(self, texts: Sequence[str]) -> np.ndarray:
        self.read += texts
        self.asked.set()
        await self.let.wait()
        return await super().embed(texts)


async def test_a_session_that_is_forgotten_while_something_is_written_in_it_keeps_no_trace_of_what_went_before(
    notes: Any, store: StoreSettings
) -> None:
    await notes.keep("the secret is 42", session="s")
    slow = Slow()
    memory = Memory(Database(store), slow, notes.memory.workers)  # type: ignore[arg-type]
    writing = asyncio.create_task(keep(memory, "default", Note("yes, that one", session="s")))
    await slow.asked.wait()
    assert "the secret is 42\nyes, that one" in slow.read
    await forget_session(notes.memory, "default", "s")
    slow.let.set()
    await writing
    rows = await notes.rows(
        "SELECT p.context IS NULL AS gone, m.ordinal FROM passages p JOIN memories m ON m.id = p.memory"
    )
    assert rows == [{"gone": True, "ordinal": 1}]
    await notes.keep("a fresh start", session="s")
    assert sorted(await notes.found("anything", session="s")) == ["a fresh start", "yes, that one"]
    await memory.database.close()


async def test_two_who_write_in_a_session_at_once_leave_no_context_that_forgetting_would_miss(open_store: Any) -> None:
    one, two = await open_store(), await open_store()
    secret = await one.keep("the secret is 42", session="s")
    await asyncio.gather(*(store.keep(f"answer {n}", session="s") for n in range(4) for store in (one, two)))
    await forget_memory(one.memory, "default", secret.id)
    rows = await one.rows(
        "SELECT p.context IS NULL AS gone FROM passages p JOIN memories m ON m.id = p.memory ORDER BY m.ordinal LIMIT 1"
    )
    assert rows == [{"gone": True}]


class Other(Hashing):
    model, dimensions = "other", 384


async def test_what_is_forgotten_or_superseded_while_vectors_are_made_anew_stays_so(
    notes: Any, store: StoreSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("refinery.memory.store.reembedding._AT_ONCE", 2)
    first = await notes.keep("the secret is 42", session="s")
    await notes.keep("told after it", session="s")
    old, new = await notes.keep("three rows"), await notes.keep("four rows")
    await notes.keep("something else")

    class Interrupted(Other):
        calls = 0

        async def embed(self, texts: Sequence[str]) -> np.ndarray:
            self.calls += 1
            if self.calls > 2:
                raise Unavailable("interrupted")
            return await super().embed(texts)

    database = Database(replace(store, model="other"))
    with pytest.raises(Unavailable, match="interrupted"):
        await reembed(database, Interrupted())  # type: ignore[arg-type]
    await associate(notes.memory, "default", Link(new.id, old.id, "supersedes"))
    await forget_memory(notes.memory, "default", first.id)
    await reembed(database, Other())  # type: ignore[arg-type]
    fresh = type(notes)(Memory(database, Other(), notes.memory.workers))  # type: ignore[arg-type]
    assert sorted(await fresh.found("rows")) == ["four rows", "something else", "told after it"]
    rows = await fresh.rows(
        "SELECT m.content, p.embedding IS NULL AS retired, p.context IS NULL AS alone "
        "FROM passages p JOIN memories m ON m.id = p.memory ORDER BY m.content"
    )
    told = {row["content"]: (row["retired"], row["alone"]) for row in rows}
    assert told["told after it"] == (False, True)
    assert told["three rows"] == (True, True)
    await database.close()


async def test_the_index_finds_what_an_exact_scan_finds_among_tenants(
    notes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(150):
        for tenant in ("a", "b"):
            kind = ("knowledge", "reasoning")[n % 2]
            await notes.keep(f"memory {n} {tenant}", tenant=tenant, session=f"s{n % 5}", kind=kind)
    async with notes.memory.database.admin() as admin:
        await admin.execute("ANALYZE passages")
    asked: list[str] = []
    for where in (Filter(), Filter(kind="knowledge")):
        for n in range(10):
            vector = HalfVector((await notes.memory.embedder.embed([f"question {n}"]))[0])
            answers = []
            for compared in (10**6, 20):
                monkeypatch.setattr("refinery.memory.store.finding._COMPARED", compared)
                async with notes.memory.transaction("a") as running:
                    run = running.all
                    monkeypatch.setattr(running, "all", lambda name, run=run, **v: asked.append(name) or run(name, **v))
                    spoken = await in_words(running, f"question {n}", where)
                    ranked = rank(await search(running, vector, spoken, where), _NOW, 10)
                answers.append([one.memory for one in ranked])
            same = len(set(answers[0]) & set(answers[1])) / 10
            assert same >= 0.9
    assert {"nearest_exactly", "nearest_by_index"} <= set(asked)


FIRST_START = """
import sys
from pathlib import Path
from refinery.memory.store.cluster import Cluster
Cluster(Path(sys.argv[1])).start()
"""


@pytest.mark.parametrize("after", [0.35, 0.6])
def test_a_first_start_that_was_killed_is_begun_anew(tmp_path: Path, after: float) -> None:
    folder = tmp_path / "w" / "data"
    process = subprocess.Popen([sys.executable, "-c", FIRST_START, str(folder)], start_new_session=True)
    try:
        process.wait(after)
    except subprocess.TimeoutExpired:
        family = [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]
        for member in family:
            member.kill()
        process.wait()
    cluster = Cluster(folder)
    assert cluster.start()["user"] == "postgres"
    cluster.stop()


@pytest.mark.parametrize("lines", [0, 1, 7])
def test_what_a_server_that_was_killed_as_it_started_left_is_no_hindrance(tmp_path: Path, lines: int) -> None:
    cluster = Cluster(tmp_path / "w" / "data")
    cluster.start()
    file = cluster.folder / "postmaster.pid"
    written = file.read_text().splitlines()[:lines]
    server = psutil.Process(int(file.read_text().split()[0]))
    family = [server, *server.children(recursive=True)]
    for member in family:
        member.kill()
    psutil.wait_procs(family)
    file.write_text("".join(f"{line}\n" for line in written))
    again = Cluster(cluster.folder)
    assert again.start()["user"] == "postgres"
    again.stop()


@pytest.mark.slow
async def test_a_server_that_froze_is_said_to_and_serves_again_when_it_thaws(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path / "w" / "data")
    server = await asyncio.to_thread(operated, cluster)
    server.execute("CREATE DATABASE store")
    database = Database(StoreSettings(Path("/nowhere"), server.url("store"), wait=1, patience=1))
    await database.ready()
    postmaster = psutil.Process(int((cluster.folder / "postmaster.pid").read_text().split()[0]))
    family = [postmaster, *postmaster.children(recursive=True)]
    for member in family:
        member.send_signal(signal.SIGSTOP)
    try:
        async with asyncio.timeout(40):
            with pytest.raises(Unavailable, match="does not answer"):
                async with database.transaction("t") as running:
                    await running.all("stats")
    finally:
        for member in family:
            os.kill(member.pid, signal.SIGCONT)
    for _ in range(20):
        try:
            async with database.transaction("t") as running:
                assert (await running.one("stats"))["memories"] == 0  # type: ignore[index]
            break
        except Unavailable:
            await asyncio.sleep(0.5)
    else:
        pytest.fail("it did not serve again")
    await database.close()
    cluster.stop()
