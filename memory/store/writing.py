"""Putting memories into the store: repeats merge, later words on a topic end the earlier ones, long texts are cut.

Whoever changes several rows takes them in one order, so that nobody waits for each other: topic, session, memories,
the tenant's counts, passages.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pgvector import HalfVector

from ...tools.errors import BadRequest, LimitExceeded
from .database import Row, Transaction, again_when_contended
from .memory import Memory
from .notes import Note, Relation, check_label
from .passages import Passage, cut

# Of what was said before, this much of its end stands before a text when its context is read.
_BEFORE = 400
_TRIES = 5
# Cosine distance within which two memories of a dataset say nearly the same.
_NEARLY_THE_SAME = 0.2
# Characters from which on a text is cut in a thread, and passages that are written at once.
_LONG, _AT_ONCE = 20_000, 100


@dataclass(frozen=True)
class Kept:
    """What became of a note: its id, whether it was known already, what it superseded, what says nearly the same."""

    id: str
    merged: bool = False
    passages: int = 0
    superseded: tuple[str, ...] = ()
    similar: tuple[Row, ...] = ()


@dataclass(frozen=True)
class _Read:
    """The passages of a note with their words and vectors; `before` is the memory that the first was read after."""

    passages: list[Passage]
    words: list[str]
    embeddings: list[HalfVector]
    contexts: list[HalfVector | None]
    before: str | None


class _WrittenMeanwhile(Exception):
    """The unique indexes of the table let no second memory of the same in."""


@again_when_contended
async def keep(memory: Memory, tenant: str, note: Note) -> Kept:
    """Remember something; the same text about the same dataset in the same session is remembered once.

    Raises:
        BadRequest: the text is empty or no text, or a label is too long.
        LimitExceeded: the text is longer than a million characters and no document.
        Unavailable: the database or the embedding does not answer; nothing was stored.
    """
    note.check()
    for _ in range(_TRIES):
        async with memory.transaction(tenant) as running:
            repeated = None if note.past else await _repeat(running, note)
            before = await running.one("last_of_thread", thread=note.thread) if repeated is None else None
        if repeated is not None:
            return Kept(repeated, merged=True)
        read = await _read(memory, note, before)
        try:
            async with memory.transaction(tenant) as running:
                return await _add(memory, running, note, read)
        except _WrittenMeanwhile:
            if note.past:
                return Kept(note.past["id"], merged=True)
    raise LimitExceeded("others kept writing the same; call again")


async def _repeat(running: Transaction, note: Note) -> str | None:
    """Return the memory that says the same already, once that is noted there."""
    told = {name: getattr(note, name) for name in ("digest", "importance", "fingerprint", "source")}
    row = await running.one("repeat_memory", **told)
    return row["id"] if row else None


async def _read(memory: Memory, note: Note, before: Row | None) -> _Read:
    """Cut a note into passages, and make the vectors of each alone and with what stands before it."""
    cutting = asyncio.to_thread(_cut, note) if len(note.content) > _LONG else None
    passages, words = await cutting if cutting is not None else _cut(note)
    texts, contexts = [], list[str | None]()
    said = before["content"] if before else None
    for passage in passages:
        texts.append(note.content[passage.start : passage.stop])
        stands = passage.place or said
        contexts.append(f"{stands[-_BEFORE:]}\n{texts[-1]}" if stands else None)
        said = texts[-1]
    halves = [HalfVector(vector) for vector in await memory.embedder.embed([*texts, *filter(None, contexts)])]
    rest = iter(halves[len(texts) :])
    made = [next(rest) if context else None for context in contexts]
    return _Read(passages, words, halves[: len(texts)], made, before["id"] if before else None)


def _cut(note: Note) -> tuple[list[Passage], list[str]]:
    passages = list(note.passages or cut(note.content))
    return passages, [note.words(passage) for passage in passages]


async def _add(memory: Memory, running: Transaction, note: Note, read: _Read) -> Kept:
    """Write a note.

    Raises:
        _WrittenMeanwhile: another process has written the same, or on the same topic; nothing of this holds.
    """
    await memory.database.hold_model(running)
    if note.topic is not None:
        await running.all("lock_topic", topic=note.topic)
    place = await running.one("next_of_thread", thread=note.thread, session=note.session)
    assert place is not None
    last = await running.one("last_of_thread", thread=note.thread)
    row = await _row(running, note)
    superseded = await _supersede(running, note, row["valid_to"])
    if await running.one("add_memory", ordinal=place["length"], **row) is None:
        raise _WrittenMeanwhile
    await running.all("count_in")
    # Only what stands right before may speak in the context: with it, it is forgotten as well.
    stands = read.before is not None and last is not None and last["id"] == read.before
    await _add_passages(running, row["id"], read, with_first_context=stands)
    await retire(running, [row["id"]] if row["valid_to"] is not None else superseded)
    for old in superseded:
        await running.all("associate", source=row["id"], target=old, relation="supersedes", strength=1.0)
    similar = await _similar(running, note, row["id"], read) if note.topic is None and not note.past else []
    return Kept(row["id"], passages=len(read.passages), superseded=tuple(superseded), similar=tuple(similar))


_COLUMNS = (
    *("kind", "content", "digest", "importance", "dataset", "session", "thread"),
    *("topic", "document", "source", "fingerprint"),
)


async def _row(running: Transaction, note: Note) -> Row:
    """Return the row of a new memory; one of the past that a later word has ended here is ended."""
    row = {
        **dict.fromkeys(("created_at", "valid_from", "valid_to", "accessed_at")),
        "id": secrets.token_hex(8),
        "repeats": 0,
        "accesses": 0,
        **note.past,
        **{name: getattr(note, name) for name in _COLUMNS},
    }
    if note.topic is not None and row["valid_from"] is not None and row["valid_to"] is None:
        newer = await running.one("newer_on_topic", topic=note.topic, valid_from=row["valid_from"])
        row["valid_to"] = newer["valid_from"] if newer else None
    return row


async def _supersede(running: Transaction, note: Note, valid_to: datetime | None) -> list[str]:
    """End what was said so far on the topic of a memory that holds; return the ids."""
    if note.topic is None or valid_to is not None:
        return []
    return [row["id"] for row in await running.all("close_topic", topic=note.topic)]


async def _add_passages(running: Transaction, memory: str, read: _Read, *, with_first_context: bool) -> None:
    contexts = list(read.contexts)
    if not with_first_context and read.passages[0].place is None:
        contexts[0] = None
    for start in range(0, len(read.passages), _AT_ONCE):
        portion = slice(start, start + _AT_ONCE)
        passages = read.passages[portion]
        await running.all(
            "add_passages",
            memory=memory,
            ordinals=list(range(start, start + len(passages))),
            starts=[passage.start for passage in passages],
            stops=[passage.stop for passage in passages],
            places=[passage.place for passage in passages],
            embeddings=read.embeddings[portion],
            contexts=contexts[portion],
            words=read.words[portion],
        )


async def _similar(running: Transaction, note: Note, new: str, read: _Read) -> list[Row]:
    if note.dataset is None:
        return []
    return await running.all(
        "similar_memories", vector=read.embeddings[0], id=new, dataset=note.dataset, within=_NEARLY_THE_SAME
    )


@dataclass(frozen=True)
class Link:
    """Two memories and how they belong together; `strength` is 0 to 1."""

    source: str
    target: str
    relation: Relation
    strength: float = 1.0


@again_when_contended
async def associate(memory: Memory, tenant: str, link: Link) -> bool:
    """Associate two memories; what is superseded no longer holds from now on.

    Returns:
        Whether they were not so before.

    Raises:
        BadRequest: one of them does not exist, or both are the same.
    """
    if link.source == link.target:
        raise BadRequest(f"source and target are the same memory {link.source!r}; name two")
    check_label("source", link.source)
    check_label("target", link.target)
    ids = [link.source, link.target]
    async with memory.transaction(tenant) as running:
        known = {row["id"] for row in await running.all("hold_memories", ids=ids)}
        for name in ids:
            if name not in known:
                raise BadRequest(f"no memory {name!r}; recall shows the ids of memories")
        told: dict[str, Any] = {"relation": link.relation, "strength": link.strength}
        made = await running.one("associate", source=link.source, target=link.target, **told)
        if link.relation == "supersedes":
            await running.all("close_memory", id=link.target)
            await retire(running, [link.target])
    return bool(made and made["is_new"])


async def retire(running: Transaction, ids: Sequence[str]) -> None:
    """Take memories that no longer hold out of what is searched, so that they never crowd out those that do."""
    if not ids:
        return
    await running.all("count_in")
    terms = [row["term"] for row in await running.all("terms_of_memories", ids=list(ids))]
    await running.all("unpost", ids=list(ids))
    await running.all("drop_terms", terms=terms)
