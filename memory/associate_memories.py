"""Saying how two memories belong together."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ..tools.catalogue import action
from ..tools.context import Context
from ..tools.results import Answer
from .store.memory import Memory
from .store.notes import Relation
from .store.writing import Link, associate


class Associated(Answer):
    """The association as it stands."""

    source: str
    target: str
    relation: str
    strength: float

    def headline(self) -> str:
        ended = " The latter is no longer recalled." if self.relation == "supersedes" else ""
        return f"{self.source} {self.relation} {self.target}.{ended}"


@action("Associate memories", pure=False, read_only=False)
async def associate_memories(
    source: str,
    target: str,
    relation: Relation,
    strength: Annotated[float, Field(ge=0, le=1)] = 1.0,
    *,
    context: Context,
) -> Associated:
    """Associate two memories; what is superseded is kept, but no longer recalled.

    Args:
        source: id of a memory
        target: id of the other
        relation: source supports, contradicts … target
        strength: 0 to 1
        context: whose memories

    Raises:
        BadRequest: one of them does not exist, or both are the same.
    """
    memory = context.service(Memory)
    await memory.ready(context.progress)
    await associate(memory, context.caller.tenant, Link(source, target, relation, strength))
    return Associated(source=source, target=target, relation=relation, strength=strength)
