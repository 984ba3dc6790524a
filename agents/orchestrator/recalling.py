"""What a run begins with: memories of its dataset, and those that its goal brings up."""

from __future__ import annotations

from ...memory.store.database import Row
from ...memory.store.finding import Filter, Hit, Question, find, recent
from ...memory.store.memory import Memory
from .records import Recollection, Request


async def recalled(memory: Memory, tenant: str, request: Request, limit: int) -> list[Recollection]:
    """Return what is remembered of the dataset; with a goal, what answers it best comes first.

    Nothing is asked of the embedder for a dataset of which nothing is remembered: it may still be starting.
    """
    latest = await recent(memory, tenant, request.dataset)
    if not latest:
        return []
    if not request.goal:
        return [_of_row(row) for row in latest[:limit]]
    hits = await find(memory, tenant, Question(request.goal, limit, Filter(dataset=request.dataset)))
    return [_of_hit(hit) for hit in hits]


def _of_row(row: Row) -> Recollection:
    return Recollection(id=row["id"], content=str(row["content"])[:_LONGEST], kind=row["kind"])


def _of_hit(hit: Hit) -> Recollection:
    return Recollection(id=hit.id, content=hit.content[:_LONGEST], kind=hit.facts["kind"], score=round(hit.score, 3))


_LONGEST = 1000
