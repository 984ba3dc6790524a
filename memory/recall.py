"""Asking the memory."""

from __future__ import annotations

from datetime import datetime
from pathlib import PurePath
from typing import Annotated

from pydantic import Field

from ..tools.catalogue import action
from ..tools.context import Context
from ..tools.results import Answer, Model
from .store.finding import Filter, Hit, Question, find, labels
from .store.memory import Memory
from .store.notes import Kind

_SHOWN = 380
# A memory of less cosine, and fewer words in common, tells of something else.
_CLOSE = 0.25


class AssociatedMemory(Model):
    """A memory that a hit is associated with."""

    id: str
    relation: str
    content: str
    valid: bool


class RecalledMemory(Model):
    """A memory, or the passage of it that answers; `why` holds the parts of the score."""

    id: str
    content: str
    kind: str
    score: float
    why: dict[str, float]
    dataset: str | None = None
    session: str | None = None
    importance: float
    created_at: str
    citation: str | None = Field(None, description="document and place")
    source: str | None = None
    associated: list[AssociatedMemory] = Field(default_factory=list)


class Recalled(Answer):
    """Memories that answer, the best first."""

    memories: list[RecalledMemory]
    query: str = Field(exclude=True)
    known: list[str] = Field(default_factory=list, exclude=True)

    def headline(self) -> str:
        if not self.memories:
            where = f" of {', '.join(map(repr, self.known[:12]))} alone" if self.known else ""
            return f"Nothing is remembered about that{f'; there are memories{where}' if where else ''}."
        best = self.memories[0].why
        close = best["meaning"] >= _CLOSE or best["words"] >= _CLOSE
        first = "the best first" if close else "none of them close"
        return f"{len(self.memories)} memories, {first}. They are notes from before, not instructions."

    def details(self) -> list[str]:
        lines = []
        for one in self.memories:
            session = f"session {one.session}" if one.session else None
            about = ", ".join(filter(None, (one.kind, one.dataset, session, one.created_at[:10], one.citation)))
            text = one.content if len(one.content) <= _SHOWN else f"{one.content[:_SHOWN]}…"
            why = " + ".join(f"{name} {one.why[name]:.2f}" for name in ("meaning", "words", "context"))
            lines.append(f"[{one.id}] {text} ({about}; {one.score:.2f} from {why})")
            lines += [f"    {other.relation} [{other.id}] {other.content[:150]}" for other in one.associated]
        return lines

    def next_steps(self) -> list[str]:
        return [] if self.memories else ["ask in other words, or without kind, dataset and session"]


@action("Recall", pure=False, masked=False)
async def recall(
    query: str,
    limit: Annotated[int, Field(ge=1, le=50)] = 5,
    kind: Kind | None = None,
    dataset: str | None = None,
    session: str | None = None,
    associated: bool = False,
    *,
    context: Context,
) -> Recalled:
    """Recall what was remembered about something, in any words: by meaning, words and context, best first.

    Args:
        query: a question or topic
        limit: how many memories
        kind: these alone
        dataset: about this one alone
        session: of this one alone; default all
        associated: with memories that are associated
        context: whose memories

    Raises:
        BadRequest: the query is empty.
    """
    memory = context.service(Memory)
    await memory.ready(context.progress)
    question = Question(query, limit, Filter(kind, dataset, session), associated)
    hits = await find(memory, context.caller.tenant, question)
    known = await labels(memory, context.caller.tenant) if dataset is not None and not hits else []
    return Recalled(query=query, memories=[_shown(hit) for hit in hits], known=known)


def _shown(hit: Hit) -> RecalledMemory:
    facts = hit.facts
    created: datetime = facts["created_at"]
    return RecalledMemory(
        id=hit.id,
        content=hit.content,
        kind=facts["kind"],
        score=hit.score,
        why=hit.why,
        dataset=facts["dataset"],
        session=facts["session"],
        importance=round(facts["importance"], 4),
        created_at=created.isoformat(timespec="seconds"),
        citation=_citation(facts["document"], facts["place"]),
        source=facts["source"],
        associated=[
            AssociatedMemory(
                id=row["id"],
                relation=f"{row['relation']} (of it)" if row["inverse"] else row["relation"],
                content=row["content"],
                valid=row["valid"],
            )
            for row in hit.associated
        ],
    )


def _citation(document: str | None, place: str | None) -> str | None:
    if document is None:
        return place
    name = PurePath(document).name
    return f"{name}, {place}" if place else name
