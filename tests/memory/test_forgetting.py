"""What is forgotten is gone everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from refinery.memory.store.erasing import forget_memory, forget_session, prune
from refinery.memory.store.writing import Link, associate
from refinery.tools.errors import BadRequest

EMPTY = {"memories": 0, "passages": 0, "postings": 0, "associations": 0}


async def _counts(store: Any) -> dict[str, int]:
    return {table: (await store.rows(f"SELECT count(*) AS n FROM {table}"))[0]["n"] for table in EMPTY}


async def test_a_forgotten_memory_leaves_nothing(notes: Any) -> None:
    one, two = await notes.keep("the secret is 42", session="s"), await notes.keep("it was told", session="s")
    await associate(notes.memory, "default", Link(one.id, two.id, "supports"))
    await forget_memory(notes.memory, "default", one.id)
    assert await _counts(notes) == {"memories": 1, "passages": 1, "postings": 1, "associations": 0}
    assert await notes.rows("SELECT count(*) AS n FROM postings WHERE term IN ('secret', '42')") == [{"n": 0}]
    await forget_memory(notes.memory, "default", two.id)
    assert await _counts(notes) == EMPTY


async def test_the_vector_of_the_next_memory_tells_no_more_of_what_is_forgotten(notes: Any) -> None:
    """Its context was made with the text before it."""
    first = await notes.keep("the secret is 42", session="s")
    await notes.keep("yes, that one", session="s")
    with_it = await notes.rows("SELECT context IS NULL AS gone FROM passages ORDER BY passage")
    assert [row["gone"] for row in with_it] == [True, False]
    await forget_memory(notes.memory, "default", first.id)
    assert await notes.rows("SELECT context IS NULL AS gone FROM passages") == [{"gone": True}]


async def test_a_forgotten_session_goes_with_its_calls_and_what_others_keep_of_it(notes: Any) -> None:
    told: list[tuple[str, str]] = []

    async def erase(tenant: str, session: str) -> None:
        told.append((tenant, session))

    notes.memory.erasers.append(erase)
    await notes.keep("of s", session="s", source="refinery://results/0123456789abcdef01234567")
    await notes.keep("of t", session="t")
    async with notes.memory.transaction("default") as running:
        for session in ("s", "t"):
            await running.all(
                "add_run", action="a", datasets=[], fingerprints=[], outcome="ok", seconds=1.0, session=session,
                principal="p", result=f"refinery://results/{session}", started=0.0,
            )  # fmt: skip
    dropped: list[str] = []

    def drop(addresses: Sequence[str]) -> int:
        dropped.extend(addresses)
        return len(addresses)

    assert await forget_session(notes.memory, "default", "s", drop) == (1, 2)
    assert set(dropped) == {"refinery://results/0123456789abcdef01234567", "refinery://results/s"}
    assert told == [("default", "s")]
    assert await notes.found("of s", limit=10) == ["of t"]
    assert await notes.rows("SELECT session FROM runs") == [{"session": "t"}]
    assert await notes.rows("SELECT session FROM sessions") == [{"session": "t"}]


async def test_what_is_not_there_cannot_be_forgotten(notes: Any) -> None:
    with pytest.raises(BadRequest, match="no memory 'x'"):
        await forget_memory(notes.memory, "default", "x")
    with pytest.raises(BadRequest, match="no session 'x'"):
        await forget_session(notes.memory, "default", "x")


async def test_pruning_takes_what_is_old_and_weighs_little_and_what_is_long_superseded(notes: Any) -> None:
    from datetime import UTC, datetime, timedelta

    long_ago = {"created_at": datetime.now(UTC) - timedelta(days=400)}
    for name, importance, past in (
        ("old and light", 0.2, long_ago),
        ("old and heavy", 0.9, long_ago),
        ("new and light", 0.2, {}),
        ("old, heavy, superseded", 0.9, {**long_ago, "valid_to": datetime.now(UTC) - timedelta(days=399)}),
        ("old, heavy, superseded yesterday", 0.9, {**long_ago, "valid_to": datetime.now(UTC) - timedelta(days=1)}),
        ("old and light, but asked for", 0.2, {**long_ago, "accessed_at": datetime.now(UTC)}),
    ):
        await notes.keep(name, importance=importance, past={"id": name, **past} if past else {})
    assert await prune(notes.memory, "default", days=365, importance=0.5) == 2
    rows = await notes.rows("SELECT content FROM memories ORDER BY content")
    assert [row["content"] for row in rows] == [
        "new and light",
        "old and heavy",
        "old and light, but asked for",
        "old, heavy, superseded yesterday",
    ]
