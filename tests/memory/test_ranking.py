"""The order of memories: by hand-worked scores, and by laws that must hold."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from refinery.memory.store.passages import LONGEST, cut, words_of
from refinery.memory.store.ranking import Candidate, rank

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def candidate(number: int, **changes: Any) -> Candidate:
    given = {
        "passage": number,
        "memory": f"m{number}",
        "thread": f"t{number}",
        "ordinal": 1,
        "importance": 0.5,
        "created_at": NOW,
        "meaning": 0.4,
        "context": None,
        "words": 0.0,
    }
    return Candidate(**{**given, **changes})


def test_the_score_is_that_of_the_formula() -> None:
    """(0.4 + 0.75 * 0.2) / 1.75 + 2 * 0.25 ** 1.5 = 0.5643; today counts 1.05, importance 0.75 counts 1.025."""
    one = rank([candidate(1, context=0.2, words=0.25, importance=0.75)], NOW)[0]
    assert one.score == pytest.approx(((0.4 + 0.15) / 1.75 + 2 * 0.125) * 1.05 * 1.025)
    assert one.why == {"meaning": 0.4, "words": 0.25, "context": -0.0857, "recency": 1.05, "importance": 1.025}


def test_the_parts_make_up_the_score() -> None:
    many = [candidate(n, thread="t", ordinal=n, meaning=n / 50, words=n / 100, context=n / 60) for n in range(1, 40)]
    for one in rank(many, NOW):
        parts = one.why
        whole = (parts["meaning"] + parts["words"] + parts["context"]) * parts["recency"] * parts["importance"]
        assert one.score == pytest.approx(whole, abs=2e-4)


def test_a_neighbour_of_a_good_answer_passes_an_equal_one_that_stands_alone() -> None:
    others = [candidate(n, meaning=0.1) for n in range(10, 40)]
    answer = candidate(1, thread="s", ordinal=5, meaning=0.9)
    near, far = candidate(2, thread="s", ordinal=6), candidate(3, thread="u", ordinal=6)
    order = [one.memory for one in rank([far, near, answer, *others], NOW)]
    assert order[:3] == ["m1", "m2", "m3"]


def test_a_memory_counts_by_its_best_passage_and_comes_once() -> None:
    order = rank([candidate(1, memory="m", meaning=0.2), candidate(2, memory="m", meaning=0.7)], NOW)
    assert [(one.memory, one.passage) for one in order] == [("m", 2)]


@pytest.mark.parametrize("days", [0, 1, 90, 10_000])
@pytest.mark.parametrize("importance", [0.0, 0.5, 1.0])
def test_recency_and_importance_are_bounded(days: int, importance: float) -> None:
    one = rank([candidate(1, created_at=NOW - timedelta(days=days), importance=importance)], NOW)[0]
    assert 0.95 <= one.why["recency"] <= 1.05
    assert 0.95 <= one.why["importance"] <= 1.05
    if days == 90:
        assert one.why["recency"] == 1.0, "half of the bonus is gone after ninety days"


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=30), st.integers(0, 29))
def test_a_better_match_never_comes_later(meanings: list[float], which: int) -> None:
    pool = [candidate(n, meaning=value) for n, value in enumerate(meanings)]
    chosen = pool[which % len(pool)]
    before = [one.memory for one in rank(pool, NOW)].index(chosen.memory)
    better = [candidate(c.passage, meaning=c.meaning + (1 if c is chosen else 0)) for c in pool]
    assert [one.memory for one in rank(better, NOW)].index(chosen.memory) <= before


@given(st.text(max_size=5_000))
def test_passages_hold_every_sign_once_in_order_and_are_short(text: str) -> None:
    passages = list(cut(text))
    assert all(0 < passage.stop - passage.start <= LONGEST for passage in passages)
    assert all(one.stop <= two.start for one, two in pairwise(passages))
    assert "".join("".join(text[p.start : p.stop].split()) for p in passages) == "".join(text.split())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("orders.unit_price", ["orders", "unit", "price"]),
        ("1,288 ids", ["1288", "ids"]),
        ("0.92 of 3.", ["0.92", "of", "3"]),
        ("Crème brûlée", ["creme", "brulee"]),
        ("STRASSE Straße", ["strasse", "strasse"]),
        ("a/b-c:d", ["a", "b", "c", "d"]),
        ("-999", ["999"]),
    ],
)
def test_words_are_plain(text: str, words: list[str]) -> None:
    assert words_of(text).split() == words


async def test_words_are_weighed_by_bm25_within_the_tenant(notes: Any) -> None:
    """Worked by hand from the formula, over three memories of which two hold the rare word."""
    texts = ["apple banana", "apple cherry cherry", "durian"]
    for text in texts:
        await notes.keep(text)
    await notes.keep("apple apple apple", tenant="other")
    from pgvector import HalfVector
    from refinery.memory.store.finding import Filter, in_words, search

    vector = HalfVector((await notes.memory.embedder.embed(["q"]))[0])
    async with notes.memory.transaction("default") as running:
        spoken = await in_words(running, "cherry apple nowhere", Filter())
        found = {one.memory: one.words for one in await search(running, vector, spoken, Filter())}
    rows = {row["content"]: row["id"] for row in await notes.rows("SELECT id, content FROM memories")}

    def idf(holding: int) -> float:
        return math.log(1 + max(3 - holding, 0.5) / (holding + 0.5))

    def part(frequency: int, length: int) -> float:
        return frequency * 2.2 / (frequency + 1.2 * (0.25 + 0.75 * length / 2))

    most = 2.2 * (idf(1) + idf(2) + idf(0))
    assert found[rows[texts[0]]] == pytest.approx(idf(2) * part(1, 2) / most)
    assert found[rows[texts[1]]] == pytest.approx((idf(1) * part(2, 3) + idf(2) * part(1, 3)) / most)
    assert found[rows[texts[2]]] == 0
