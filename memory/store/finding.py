"""Finding memories: the filter first, then meaning, words and context."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from pgvector import HalfVector

from ...tools.errors import BadRequest
from .database import Row, Transaction, again_when_contended
from .memory import Memory
from .notes import Kind, check_label
from .passages import words_of
from .ranking import Candidate, Ranked, rank

# Passages that are looked at more closely, by meaning and by words each.
CANDIDATES = 100
# Up to so many passages are compared one by one; beyond, the index is asked, where the tenant has a tenth of it.
_COMPARED = 8_000
_INDEX_FROM = 0.1
# Postings read for one question; common words are left out beyond.
_POSTINGS = 4_000
_LONGEST_QUESTION = 10_000
# Characters; of a longer memory, or a document, the passage that answers is shown.
_PAGE = 4_000

# By passage, the part of the question's words that it has.
Spoken = Mapping[int, float]


@dataclass(frozen=True)
class Filter:
    """Which memories may be found; None: any."""

    kind: Kind | None = None
    dataset: str | None = None
    session: str | None = None


@dataclass(frozen=True)
class Hit:
    """A memory that answers: what it says, where that stands, and why it was found."""

    id: str
    content: str
    score: float
    why: dict[str, float]
    facts: Row
    associated: list[Row] = field(default_factory=list)


@dataclass(frozen=True)
class Question:
    """What is asked, how many memories are wanted, which may be found, and whether what hangs on them comes along."""

    text: str
    limit: int = 5
    where: Filter = field(default_factory=Filter)
    associated: bool = False


async def find(memory: Memory, tenant: str, question: Question) -> list[Hit]:
    """Return the memories that answer a question best, the best first.

    Raises:
        BadRequest: the question is empty or no text.
        Unavailable: the database or the embedding does not answer.
    """
    text = question.text.replace("\0", " ").encode("utf-8", "replace").decode()[:_LONGEST_QUESTION]
    if not text.strip():
        raise BadRequest("query is empty; ask for something in words")
    check_label("dataset", question.where.dataset)
    check_label("session", question.where.session)
    looking = asyncio.create_task(_words_found(memory, tenant, text, question.where))  # while the question is embedded
    try:
        vector = HalfVector((await memory.embedder.embed([text]))[0])
        spoken = await looking
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
    async with memory.transaction(tenant) as running:
        await memory.database.require_model(running)
        candidates = await search(running, vector, spoken, question.where)
        ranked = rank(candidates, datetime.now(UTC), question.limit)
        hits = await _hits(running, ranked, associated=question.associated)
    if hits:
        memory.later(lambda: _touch(memory, tenant, [hit.id for hit in hits]))
    return hits


async def _words_found(memory: Memory, tenant: str, text: str, where: Filter) -> Spoken:
    async with memory.transaction(tenant) as running:
        return await in_words(running, text, where)


async def in_words(running: Transaction, text: str, where: Filter) -> Spoken:
    """Return the passages that share words with a text, with how much they share."""
    values: dict[str, Any] = {"limit": CANDIDATES, "anywhere": where == Filter(), **asdict(where)}
    rows = await running.all("nearest_in_words", words=words_of(text), postings=_POSTINGS, **values)
    return {row["passage"]: row["words"] for row in rows}


async def search(
    running: Transaction, vector: HalfVector, spoken: Spoken, where: Filter, *, exact: bool = False
) -> list[Candidate]:
    """Return the candidates by words, which were found before, and by meaning.

    Args:
        spoken: what `in_words` has found.
        exact: compare every vector, however many there are.
    """
    values: dict[str, Any] = {"vector": vector, "limit": CANDIDATES, **asdict(where)}
    anywhere = where == Filter()
    found = await running.all("found_in_words", passages=[*spoken], shares=[*spoken.values()], vector=vector)
    if exact or not await _by_index(running, where):
        found += await running.all("nearest_exactly", **values)
    else:
        await running.all("search_widely")
        found += await running.all("nearest_by_index", anywhere=anywhere, **values)
    # What was found by words comes first: found again by meaning, it says nothing new.
    return [Candidate(**row) for row in {row["passage"]: row for row in reversed(found)}.values()]


async def _by_index(running: Transaction, where: Filter) -> bool:
    size = await running.one("size_of_tenant")
    passages = (size and size["passages"]) or 0
    if size is None or passages <= _COMPARED or passages < _INDEX_FROM * size["of_all"] or where.session is not None:
        return False
    if where == Filter():
        return True
    counted = await running.one("count_candidates", limit=_COMPARED + 1, **asdict(where))
    return counted is not None and counted["found"] > _COMPARED


async def _hits(running: Transaction, ranked: list[Ranked], *, associated: bool) -> list[Hit]:
    rows = await running.all("shown", passages=[one.passage for one in ranked], page=_PAGE)
    shown = {row["passage"]: row for row in rows}
    linked = await running.all("associated", ids=[one.memory for one in ranked]) if associated and ranked else []
    return [
        Hit(
            id=one.memory,
            content=shown[one.passage]["content"],
            score=round(one.score, 4),
            why=one.why,
            facts=shown[one.passage],
            associated=[row for row in linked if row["memory"] == one.memory],
        )
        for one in ranked
        if one.passage in shown
    ]


@again_when_contended
async def _touch(memory: Memory, tenant: str, ids: list[str]) -> None:
    async with memory.transaction(tenant) as running:
        await running.all("touch_memories", ids=ids)


async def one_memory(memory: Memory, tenant: str, name: str) -> Row | None:
    """Return all that is known of a memory, or None."""
    check_label("memory", name)
    async with memory.transaction(tenant) as running:
        return await running.one("one_memory", id=name)


async def recent(memory: Memory, tenant: str, dataset: str, limit: int = 20) -> list[Row]:
    """Return the latest memories of a dataset that hold."""
    check_label("dataset", dataset)
    async with memory.transaction(tenant) as running:
        return await running.all("recent_of_dataset", dataset=dataset, limit=limit)


async def labels(memory: Memory, tenant: str) -> list[str]:
    """Return the datasets that most is remembered about."""
    async with memory.transaction(tenant) as running:
        return [row["dataset"] for row in await running.all("labels_of_datasets")]
