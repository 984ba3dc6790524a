"""Putting memories into the store: repeats merge, later words on a topic end the earlier ones, long texts are cut."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pgvector import HalfVector

from ...tools.errors import BadRequest, LimitExceeded
from .database import Transaction
from .memory import Memory
from .passages import Passage, cut, words_of

Kind = Literal["reasoning", "experience", "knowledge"]
Relation = Literal["supports", "contradicts", "derived_from", "supersedes", "similar_to"]

LONGEST = 1_000_000
_LONGEST_LABEL = 400
# Of what was said before, this much of its end stands before a text when its context is read.
_BEFORE = 400
_TRIES = 5
# Cosine distance within which two memories of a dataset say nearly the same.
_NEARLY_THE_SAME = 0.2


@dataclass(frozen=True)
class Note:
    """What is to be remembered.

    Attributes:
        content: the text; of a document the whole of it.
        importance: 0 to 1.
        dataset: name or any label of what it is about.
        session: label of the conversation or run that it belongs to.
        topic: what this is the latest word on: what was said on it before no longer holds.
        supersedes: id of a memory that no longer holds because of this one.
        document: path of the document that it was read from.
        source: address of the result that it tells of.
        fingerprint: of the dataset's content at that time.
        passages: how the content is cut; empty: by length.
        past: what an export knows beyond that: id, times, counts.
    """

    content: str
    kind: Kind = "reasoning"
    importance: float = 0.5
    dataset: str | None = None
    session: str | None = None
    topic: str | None = None
    supersedes: str | None = None
    document: str | None = None
    source: str | None = None
    fingerprint: str | None = None
    passages: Sequence[Passage] = ()
    past: dict[str, Any] = field(default_factory=dict)

    @property
    def thread(self) -> str:
        """Where it stands in order: the session, else the dataset, else the rest."""
        if self.session is not None:
            return f"session {self.session}"
        return f"dataset {self.dataset}" if self.dataset is not None else ""

    @property
    def content_hash(self) -> bytes:
        return hashlib.sha256(self.content.encode()).digest()


@dataclass(frozen=True)
class Kept:
    """What became of a note: its id, whether it was known already, what it superseded, what says nearly the same."""

    id: str
    merged: bool = False
    passages: int = 0
    superseded: tuple[str, ...] = ()
    similar: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class _Read:
    """The passages of a note and their vectors."""

    passages: list[Passage]
    embeddings: list[HalfVector]
    contexts: list[HalfVector | None]


class _WrittenMeanwhile(Exception):
    """The unique indexes of the table let no second memory of the same in."""


async def keep(memory: Memory, tenant: str, note: Note) -> Kept:
    """Remember something; the same text about the same dataset in the same session is remembered once.

    Raises:
        BadRequest: the text is empty or no text, a label is too long, or there is no memory to supersede.
        LimitExceeded: the text is longer than a million characters and no document.
        Unavailable: the database or the embedding does not answer; nothing was stored.
    """
    _check(note)
    for _ in range(_TRIES):
        async with memory.transaction(tenant) as running:
            repeated = None if note.past else await _repeat(running, note)
            before = await running.one("last_of_thread", thread=note.thread) if repeated is None else None
        if repeated is not None:
            return Kept(repeated, merged=True)
        read = await _read(memory, note, before["content"] if before else None)
        try:
            async with memory.transaction(tenant) as running:
                return await _add(memory, running, note, read)
        except _WrittenMeanwhile:
            if note.past:
                return Kept(note.past["id"], merged=True)
    raise LimitExceeded("others kept writing on the same topic; call again")


def _check(note: Note) -> None:
    if not note.content.strip():
        raise BadRequest("content is empty; give the text to remember")
    if len(note.content) > LONGEST and note.document is None:
        raise LimitExceeded(
            f"content has {len(note.content):,} characters, more than the {LONGEST:,} that one memory may hold; "
            "cut it, or put it into a file under the roots and pass that as document"
        )
    for name in ("content", "dataset", "session", "topic"):
        _check_text(name, getattr(note, name))


def _check_text(name: str, text: str | None) -> None:
    if text is None:
        return
    if "\0" in text:
        raise BadRequest(f"{name} holds a NUL character (at {text.index(chr(0)):,}), which no text does; take it out")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BadRequest(
            f"{name} is not valid Unicode: half a character (U+{ord(text[error.start]):04X}) stands at {error.start:,}"
        ) from None
    if name != "content" and not 0 < len(text) <= _LONGEST_LABEL:
        raise BadRequest(f"{name} must have 1 to {_LONGEST_LABEL} characters; this has {len(text):,}")


async def _repeat(running: Transaction, note: Note) -> str | None:
    """Return the memory that says the same already, once that is noted there."""
    row = await running.one(
        "repeat_memory",
        content_hash=note.content_hash,
        **{
            name: getattr(note, name)
            for name in ("kind", "dataset", "session", "document", "importance", "fingerprint", "source")
        },
    )
    return row["id"] if row else None


async def _read(memory: Memory, note: Note, before: str | None) -> _Read:
    """Cut a note into passages, and make the vectors of each alone and with what stands before it."""
    passages = list(note.passages or cut(note.content))
    texts, contexts = [], []
    for passage in passages:
        text = note.content[passage.start : passage.stop]
        said = passage.place or before
        texts.append(text)
        contexts.append(f"{said[-_BEFORE:]}\n{text}" if said else None)
        before = text
    vectors = await memory.embedder.embed([*texts, *filter(None, contexts)])
    halves = [HalfVector(vector) for vector in vectors]
    rest = iter(halves[len(texts) :])
    return _Read(passages, halves[: len(texts)], [next(rest) if context else None for context in contexts])


async def _add(memory: Memory, running: Transaction, note: Note, read: _Read) -> Kept:
    """Write a note.

    Raises:
        _WrittenMeanwhile: another process has written the same, or on the same topic; nothing of this holds.
    """
    await memory.database.require_model(running)
    superseded = await _supersede(running, note)
    place = await running.one("next_of_thread", thread=note.thread, session=note.session)
    assert place is not None
    row = {
        **dict.fromkeys(("created_at", "valid_from", "valid_to", "accessed_at")),
        "id": secrets.token_hex(8),
        "repeats": 0,
        "accesses": 0,
        **note.past,
        **{name: getattr(note, name) for name in _COLUMNS},
    }
    if await running.one("add_memory", ordinal=place["length"], **row) is None:
        raise _WrittenMeanwhile
    await running.all("count_in")
    await running.all(
        "add_passages",
        memory=row["id"],
        ordinals=list(range(len(read.passages))),
        starts=[passage.start for passage in read.passages],
        stops=[passage.stop for passage in read.passages],
        places=[passage.place for passage in read.passages],
        embeddings=read.embeddings,
        contexts=read.contexts,
        words=[_words(note, passage) for passage in read.passages],
    )
    await retire(running, [row["id"]] if row["valid_to"] is not None else superseded)
    for old in superseded:
        await running.all("associate", source=row["id"], target=old, relation="supersedes", strength=1.0)
    similar = await _similar(running, note, row["id"], read) if note.topic is None and not note.past else []
    return Kept(row["id"], passages=len(read.passages), superseded=tuple(superseded), similar=tuple(similar))


_COLUMNS = (
    *("kind", "content", "content_hash", "importance", "dataset", "session", "thread"),
    *("topic", "document", "source", "fingerprint"),
)


def _words(note: Note, passage: Passage) -> str:
    """Return what full text finds a passage by: its own words, its headings, and the label of the dataset."""
    text = note.content[passage.start : passage.stop]
    return words_of(" ".join(filter(None, (text, passage.place, note.dataset))))


async def _supersede(running: Transaction, note: Note) -> list[str]:
    ended = []
    if note.topic is not None and note.past.get("valid_to") is None:
        await running.all("lock_topic", topic=note.topic)
        ended += [row["id"] for row in await running.all("close_topic", topic=note.topic)]
    if note.supersedes is not None:
        await _require(running, [note.supersedes])
        await running.all("close_memory", id=note.supersedes)
        ended.append(note.supersedes)
    return ended


async def _similar(running: Transaction, note: Note, new: str, read: _Read) -> list[dict[str, Any]]:
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


async def associate(memory: Memory, tenant: str, link: Link) -> None:
    """Associate two memories; what is superseded no longer holds from now on.

    Raises:
        BadRequest: one of them does not exist, or both are the same.
    """
    if link.source == link.target:
        raise BadRequest(f"source and target are the same memory {link.source!r}; name two")
    async with memory.transaction(tenant) as running:
        await _require(running, [link.source, link.target])
        await running.all(
            "associate", source=link.source, target=link.target, relation=link.relation, strength=link.strength
        )
        if link.relation == "supersedes":
            await running.all("close_memory", id=link.target)
            await retire(running, [link.target])


async def retire(running: Transaction, ids: Sequence[str]) -> None:
    """Take memories that no longer hold out of what is searched, so that they never crowd out those that do."""
    if ids:
        await running.all("count_in")
        await running.all("unpost", ids=list(ids))


async def _require(running: Transaction, ids: Sequence[str]) -> None:
    for name in ids:
        _check_text("memory", name)
    known = {row["id"] for row in await running.all("known_ids", ids=list(ids))}
    for name in ids:
        if name not in known:
            raise BadRequest(f"no memory {name!r}; recall shows the ids of memories")
