"""Export, import, re-embedding, and the history of the data."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from refinery.memory.store.database import Database
from refinery.memory.store.history import Observer, history
from refinery.memory.store.memory import Memory
from refinery.memory.store.passages import Passage
from refinery.memory.store.reembedding import reembed
from refinery.memory.store.settings import StoreSettings
from refinery.memory.store.transfer import export_lines, import_lines
from refinery.memory.store.writing import Link, associate
from refinery.tools.audit import CallRecord
from refinery.tools.data.dataset import Facts
from refinery.tools.errors import DataUnreadable, Unavailable
from refinery.tools.executor import Outcome
from stores import Hashing


async def _fill(notes: Any) -> None:
    one = await notes.keep("fax is unused", dataset="d", session="s", kind="knowledge", importance=0.9)
    two = await notes.keep("said Petra", session="s")
    await associate(notes.memory, "default", Link(two.id, one.id, "supports", 0.5))
    await notes.keep("three rows", topic="rows")
    await notes.keep("four rows", topic="rows")
    text = "A dictionary.\n\nfax: unused"
    places = [Passage(0, 13, "Intro (line 1)"), Passage(15, 26, "fax (line 3)")]
    await notes.keep(text, document="/data/dictionary.md", passages=places)
    await notes.keep("漢字 and a\nnew line")


async def _lines(notes: Any, tenant: str) -> list[str]:
    return [line async for line in export_lines(notes.memory, tenant)]


async def test_what_is_exported_and_imported_is_the_same(notes: Any) -> None:
    await _fill(notes)
    lines = await _lines(notes, "default")
    done = await import_lines(notes.memory, "other", lines)
    assert (done.memories, done.known, done.associations) == (6, 0, 2)
    assert await _lines(notes, "other") == lines
    again = await import_lines(notes.memory, "other", lines)
    assert (again.memories, again.known) == (0, 6)
    assert await _lines(notes, "other") == lines
    for question in ("unused fax", "rows", "Petra", "漢字"):
        hits = [await notes.find(question, tenant=tenant, limit=9) for tenant in ("default", "other")]
        assert [(hit.id, hit.content, hit.score) for hit in hits[0]] == [
            (hit.id, hit.content, hit.score) for hit in hits[1]
        ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("no json", "line 2: not as exported"),
        ('{"memory": {"id": "x"}}', "line 2: not as exported"),
        ('{"memory": {"id": "x", "content": "y", "created_at": "yesterday"}}', "line 2"),
        ('{"association": {"source": "a"}}', "line 2"),
        ("[1]", "line 2"),
    ],
)
async def test_a_line_that_was_not_exported_is_named(notes: Any, line: str, message: str) -> None:
    first = (await _lines(notes, "default"))[0]
    with pytest.raises(DataUnreadable, match=message):
        await import_lines(notes.memory, "default", [first, line])
    with pytest.raises(DataUnreadable, match="no export of memories"):
        await import_lines(notes.memory, "default", ['{"some": "json"}'])


class Shorter(Hashing):
    """Vectors of another size, that can be interrupted."""

    model, dimensions = "shorter", 16

    def __init__(self, texts: int = 10**9) -> None:
        self.left = texts
        self.read: list[str] = []

    async def embed(self, texts: Any) -> np.ndarray:
        self.left -= len(texts)
        if self.left < 0:
            raise Unavailable("interrupted")
        self.read += texts
        rows = (await super().embed(texts))[:, : self.dimensions]
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


async def test_vectors_are_made_anew_and_an_interruption_costs_only_what_was_not_done(
    notes: Any, store: StoreSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("refinery.memory.store.reembedding._AT_ONCE", 10)
    for n in range(25):
        await notes.keep(f"memory {n}", tenant="ab"[n % 2], session="s")
    changed = replace(store, model="shorter", dimensions=16)
    database = Database(changed)
    with pytest.raises(Unavailable, match="interrupted"):
        await reembed(database, Shorter(45))
    assert await notes.found("memory 3", tenant="b", limit=1), "the old vectors serve on meanwhile"
    rest = Shorter()
    done = await reembed(database, rest)
    assert done == 5
    assert len([text for text in rest.read if "\n" not in text]) == 5, "what was made before is not made again"
    assert await reembed(database, Shorter()) is None
    with pytest.raises(Unavailable, match="'shorter' with 16 dimensions"):
        await notes.keep("more")
    with pytest.raises(Unavailable, match="'shorter' with 16 dimensions"):
        await notes.find("memory 3")
    memory = Memory(database, Shorter(), notes.memory.workers)  # type: ignore[arg-type]
    fresh = type(notes)(memory)
    assert len(await fresh.find("memory 3", tenant="b", limit=50)) == 12
    assert (await fresh.find("memory 7", tenant="b", limit=1))[0].content == "memory 7"
    await fresh.keep("one more", tenant="b", session="s")
    await database.close()


async def test_a_context_is_read_again_with_what_stood_before(notes: Any, store: StoreSettings) -> None:
    await notes.keep("first", session="s")
    await notes.keep("second", session="s")
    await notes.keep("x" * 1000, session="s")
    embedder, database = Shorter(), Database(replace(store, model="shorter", dimensions=16))
    await reembed(database, embedder)
    await database.close()
    assert {"first", "second", "first\nsecond", f"second\n{'x' * 800}", f"{'x' * 400}\n{'x' * 200}"} <= set(
        embedder.read
    )


def _call(action: str, result: dict[str, Any], *, cached: bool = False, **changes: Any) -> tuple[CallRecord, Outcome]:
    record = CallRecord(
        datasets=["orders"],
        time=1_750_000_000.0, tenant="default", principal="local", session="s", action=action, fingerprints=["f1"],
        outcome="ok", seconds=0.5, result="refinery://results/0123456789abcdef01234567", **changes,
    )  # fmt: skip
    facts = Facts(name="orders", source="/d/orders.csv", fingerprint="f1", rows=3, columns={"id": "int64"})
    return record, Outcome(action, result, "text", cached=cached, datasets=(facts,))


CHECK = {
    "dataset": "orders",
    "status": "failed",
    "scanned": {"rows": 3, "of": 3, "method": "all"},
    "findings": [
        {
            "severity": "high",
            "metric": "disguised_missing",
            "columns": ["discount"],
            "message": "'jane@example.com' stands for missing",
            "value": 0.25,
            "evidence": {"examples": ["jane@example.com"]},
        },
        {"severity": "low", "metric": "most_common", "columns": ["city"], "message": "Berlin", "value": "Berlin"},
    ],
}


async def test_what_a_check_found_is_remembered_without_the_value_of_a_cell(notes: Any) -> None:
    notes.memory.start()
    Observer(notes.memory)(*_call("check_missing_values", CHECK))
    await notes.memory.settle()
    (hit,) = await notes.find("discount missing", kind="experience")
    assert hit.content == (
        "check_missing_values on orders (3 rows): failed. high: disguised missing 0.25 in discount; "
        "low: most common in city."
    )
    assert (hit.facts["dataset"], hit.facts["session"]) == ("orders", "s")
    assert hit.facts["source"] == "refinery://results/0123456789abcdef01234567"
    assert await notes.rows("SELECT fingerprint FROM memories") == [{"fingerprint": "f1"}]


async def test_the_next_result_of_a_check_supersedes_the_last_and_an_equal_one_merges(notes: Any) -> None:
    notes.memory.start()
    observe = Observer(notes.memory)
    for status in ("failed", "failed", "passed"):
        observe(*_call("check_missing_values", {**CHECK, "status": status}))
    observe(*_call("check_missing_values", {**CHECK, "status": "passed"}, cached=True))
    await notes.memory.settle()
    rows = await notes.rows("SELECT content, repeats, valid_to IS NULL AS valid FROM memories ORDER BY created_at")
    assert [(row["content"].split(": ")[1][:6], row["repeats"], row["valid"]) for row in rows] == [
        ("failed", 1, False),
        ("passed", 1, True),
    ]


async def test_states_and_calls_of_a_dataset_are_its_history(notes: Any) -> None:
    notes.memory.start()
    observe = Observer(notes.memory)
    observe(*_call("basic_info", {"dataset": "orders"}))
    record, outcome = _call("basic_info", {"dataset": "orders"})
    grown = outcome.datasets[0].model_copy(
        update={"fingerprint": "f2", "rows": 4, "columns": {"id": "int64", "x": "string"}}
    )
    observe(record, replace(outcome, datasets=(grown,)))
    saved = {"pipeline": "p", "feature_hash": "abc", "pipeline_path": "/w/p", "features": 3}
    observe(*_call("save_fe_pipeline", saved))
    observe(record.model_copy(update={"action": "check_drift", "outcome": "bad_request"}), None)
    observe(record.model_copy(update={"action": "recall"}), None)
    await notes.memory.settle()
    found = await history(notes.memory, "default", "orders")
    assert sorted((row["fingerprint"], row["row_count"], row["columns"]) for row in found["states"]) == [
        ("f1", 3, 1),
        ("f2", 4, 2),
    ]
    assert len({row["schema_hash"] for row in found["states"]}) == 2
    assert sorted(row["action"] for row in found["runs"]) == [
        "basic_info",
        "basic_info",
        "check_drift",
        "save_fe_pipeline",
    ]
    assert await notes.rows("SELECT action, outcome FROM runs WHERE outcome <> 'ok'") == [
        {"action": "check_drift", "outcome": "bad_request"}
    ]
    assert await notes.rows("SELECT name, feature_hash, features FROM pipelines") == [
        {"name": "p", "feature_hash": "abc", "features": 3}
    ]
    assert await notes.found("pipeline p", kind="experience") == [
        "Saved the feature pipeline p with 3 features; feature_hash abc."
    ]
