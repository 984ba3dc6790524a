"""Good plans of other cases, of which a planner is shown those most like the case at hand."""

from __future__ import annotations

import json
import logging
import math
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from ...tools.errors import RefineryError
from .prompts import text

log = logging.getLogger(__name__)

Embed = Callable[[Sequence[str]], Awaitable[Iterable[Iterable[float]]]]


class ExampleStep(BaseModel):
    """A call of a plan; `dataset` is filled in, as in plans of the model."""

    model_config = ConfigDict(extra="forbid")

    action: str
    arguments: dict[str, Any] = Field(default_factory=dict)
    why: str


class Example(BaseModel):
    """A goal, what the table is like, and a good plan for it."""

    model_config = ConfigDict(extra="forbid")

    goal: str
    profile: str
    plan: list[ExampleStep]

    @property
    def case(self) -> str:
        """What is compared with the case at hand."""
        return f"{self.goal}\n{self.profile}"


class Examples:
    """The examples, and which are like a case: by meaning where there is a model for that, else by shared words.

    Args:
        items: the examples.
        embed: makes vectors of texts, such as `EmbeddingService.embed`.
    """

    def __init__(self, items: Sequence[Example], embed: Embed | None = None) -> None:
        self.items = list(items)
        self._embed = embed
        self._vectors: list[list[float]] | None = None

    @classmethod
    def load(cls, embed: Embed | None = None) -> Examples:
        """Read those of `prompts/planning_examples.json`."""
        return cls([Example.model_validate(item) for item in json.loads(text("planning_examples.json"))], embed)

    async def nearest(self, case: str, count: int = 3) -> list[Example]:
        """Return the examples most like a case, the most like first."""
        try:
            scores = await self._by_meaning(case) if self._embed is not None else self._by_words(case)
        except RefineryError as error:
            log.info("examples are chosen by words: %s", error)
            scores = self._by_words(case)
        ranked = sorted(range(len(self.items)), key=lambda i: -scores[i])
        return [self.items[i] for i in ranked[:count]]

    async def _by_meaning(self, case: str) -> list[float]:
        assert self._embed is not None
        wanted = [case] if self._vectors is not None else [case, *(item.case for item in self.items)]
        vectors = [[float(number) for number in vector] for vector in await self._embed(wanted)]
        if self._vectors is None:
            self._vectors = vectors[1:]
        return [_cosine(vectors[0], vector) for vector in self._vectors]

    def _by_words(self, case: str) -> list[float]:
        mine = _words(case)
        return [
            len(mine & theirs) / math.sqrt(len(mine) * len(theirs) or 1)
            for theirs in (_words(item.case) for item in self.items)
        ]


def _words(text: str) -> set[str]:
    return set(re.findall(r"[^\W_]{3,}", text.casefold()))


def _cosine(left: Sequence[float], right: Sequence[float]) -> float:
    lengths = math.sqrt(sum(a * a for a in left)) * math.sqrt(sum(b * b for b in right))
    return sum(a * b for a, b in zip(left, right, strict=True)) / lengths if lengths else 0.0
