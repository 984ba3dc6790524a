"""Putting something into the memory: a text of the caller's, or a document."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from ..tools.catalogue import action
from ..tools.context import Context
from ..tools.errors import BadRequest
from ..tools.results import Answer, Model
from .store.memory import Memory
from .store.notes import Kind, Note, topic_of
from .store.passages import Passage
from .store.writing import keep

_READING_SECONDS = 300


class SimilarMemory(Model):
    """A memory that says nearly the same."""

    id: str
    content: str
    similarity: float


class Remembered(Answer):
    """The id of the memory, and what became of others because of it."""

    id: str
    merged: bool = Field(description="it was known already")
    passages: int
    document: str | None = None
    superseded: list[str] = Field(default_factory=list, description="ids that no longer hold")
    similar: list[SimilarMemory] = Field(default_factory=list, description="these hold as well: supersede or leave")

    def headline(self) -> str:
        if self.merged:
            return f"Known already as {self.id}; nothing is stored twice."
        what = f"{self.document} in {self.passages:,} passages" if self.document else "it"
        ended = f"; {', '.join(self.superseded)} no longer holds" if self.superseded else ""
        return f"Remembered {what} as {self.id}{ended}."

    def details(self) -> list[str]:
        return [f"says nearly the same: {one.id} {one.content[:150]!r}" for one in self.similar]

    def next_steps(self) -> list[str]:
        if not self.similar:
            return []
        return [f"if it replaces {self.similar[0].id}: associate_memories with relation='supersedes'"]


@action("Remember", pure=False, read_only=False, masked=False)
async def remember(
    content: str | None = None,
    kind: Kind | None = None,
    importance: Annotated[float, Field(ge=0, le=1)] = 0.5,
    dataset: str | None = None,
    session: str | None = None,
    document: str | None = None,
    *,
    context: Context,
) -> Remembered:
    """Remember a finding, decision or fact, or a document (Markdown, text, HTML, PDF), for later sessions.

    Args:
        content: one finding in plain words, with its numbers
        kind: reasoning (why; default), experience (what happened), knowledge (what is so; default of a document)
        importance: 0 to 1
        dataset: name or label of what it is about
        session: label of this conversation
        document: path of a file to remember instead of content
        context: who calls, and what they may read

    Raises:
        BadRequest: there is nothing to remember, or both a text and a document.
        DataUnreadable: the document cannot be read.
    """
    memory = context.service(Memory)
    await memory.ready(context.progress)
    if (content is None) == (document is None):
        raise BadRequest("remember takes either content, a text, or document, the path of a file; give one of the two")
    labels: dict[str, Any] = {
        "kind": kind or ("reasoning" if document is None else "knowledge"),
        "importance": importance,
        "dataset": dataset,
        "session": session or context.caller.session,
    }
    if document is None:
        assert content is not None
        note = Note(content, **labels)
    else:
        note = await _read(memory, document, context, labels)
    kept = await keep(memory, context.caller.tenant, note)
    return Remembered(
        id=kept.id,
        merged=kept.merged,
        passages=kept.passages,
        document=document,
        superseded=list(kept.superseded),
        similar=[SimilarMemory(**{**row, "similarity": round(row["similarity"], 3)}) for row in kept.similar],
    )


async def _read(memory: Memory, document: str, context: Context, labels: Mapping[str, Any]) -> Note:
    """Read a document in a worker; a later reading of the same file for the same dataset supersedes the earlier."""
    from .store.documents import read_document

    path = context.opener.policy.readable(document)
    context.progress(0, None, f"reading {Path(document).name}")
    read = await memory.workers.task(read_document, seconds=_READING_SECONDS, path=str(path))
    return Note(
        read["text"],
        document=str(path),
        topic=topic_of("document", str(path), "of", str(labels["dataset"])),
        passages=[Passage(*passage) for passage in read["passages"]],
        **labels,
    )
