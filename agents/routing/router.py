"""From a question to a plan: take it apart, choose an action for each part, read its arguments."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ...tools.catalogue import Catalogue
from ...tools.errors import BadRequest, RefineryError, Unavailable
from ...tools.pool import WorkerDefect
from ..orchestrator.records import Step
from .arguments import arguments_of
from .asked import Asked, MissingArgument
from .classifier import NONE, PROBE, load_classifier
from .columns import find_columns, texts_of
from .counted import settled, spoken
from .features import Masked, form, mask
from .instead import suggestions
from .joint import Compute, Read, load_heads, read_together
from .mentions import Mention, mentions
from .phrases import MOST_COLUMNS, described
from .reading import Reading, names_of, read
from .splitting import halves, split
from .tables import Column, Table
from .targets import find_target

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["Column", "Routed", "Router", "Table", "find_columns", "find_target"]

log = logging.getLogger(__name__)

_LONGEST = 2_000
# Two halves are believed to be two requests if each is understood as well as this.
_UNDERSTOOD = 0.6
_MOST_HALVES = 2
# How much the reading together counts beside the linear model.
_TOGETHER = 0.5
_MOST_KEPT = 2_000

Vectors = Mapping[str, "npt.NDArray[np.float32]"]
Embed = Callable[[Sequence[str]], Awaitable["npt.NDArray[np.float32]"]]


@dataclass(frozen=True)
class Routed:
    """What a question comes to.

    Attributes:
        steps: the plan, in the order of the question; none when no action answers.
        confidence: of the first step, or that nothing answers, 0 to 1.
        instead: where there is no step, what could be asked of this table.
        columns: the columns that the first step is about, also where its action takes none.
    """

    steps: list[Step]
    confidence: float
    instead: list[str]
    columns: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Part:
    """A part of a question, read; of a wide table with the columns that it may speak of."""

    table: Table
    reading: Reading
    found: list[Mention]
    masked: Masked

    @property
    def texts(self) -> tuple[str, str]:
        return self.reading.english, self.masked.text


@dataclass(frozen=True)
class _Choice:
    """The action chosen for a part, and how surely.

    Attributes:
        scores: the logarithm of each action's probability by the linear model.
        together: the part as it was read with its table, where it could be.
    """

    part: _Part
    action: str
    confidence: float
    scores: npt.NDArray[np.float32]
    together: Read | None = None


class Router:
    """Routes questions.

    Args:
        embed: texts to vectors of length 1. The weights belong to one model; with another, or when it is not
            available, requests are routed by their words alone.
        compute: calls a function of ours where a network may be loaded; without it, requests and tables are not read
            together, which costs some of the right columns.
    """

    def __init__(self, embed: Embed, compute: Compute | None = None) -> None:
        self._embed, self._compute = embed, compute
        self._fits: bool | None = None
        self._kept: dict[str, npt.NDArray[np.float32]] = {}

    async def route(self, question: str, table: Table, catalogue: Catalogue, *, together: bool = True) -> Routed:
        """Plan the actions that answer a question.

        Args:
            question: in words, of any language the glossary knows.
            table: what is asked about.
            catalogue: the actions that may be planned.
            together: whether the question is read together with the table, which takes a tenth of a second.
        """
        allowed = frozenset(action.name for action in catalogue)
        if not any(letter.isalnum() for letter in question[:_LONGEST]):
            return Routed([], 1.0, suggestions(table))
        parts = [_read(part, table) for part in split(question[:_LONGEST])]
        ways = [
            [(_read(a, table), _read(b, table)) for a, b in halves(one.reading.text)[:_MOST_HALVES]] for one in parts
        ]
        every = [*parts, *(half for way in ways for pair in way for half in pair)]
        vectors = await self._vectors(every)
        chosen = {id(part): _choose(part, vectors, allowed) for part in every}
        choices: list[_Choice] = []
        for part, way in zip(parts, ways, strict=True):
            choices += _whole_or_halves(chosen[id(part)], [(chosen[id(a)], chosen[id(b)]) for a, b in way])
        if together and vectors is not None:
            reads = await self._read_together([choice.part for choice in choices])
            choices = [_reconsidered(choice, read, allowed) for choice, read in zip(choices, reads, strict=True)]
        return _plan(choices, table, catalogue, vectors)

    async def _vectors(self, parts: list[_Part]) -> Vectors | None:
        """Embed all that is looked at, in one call; None without the model that the weights belong to."""
        if self._fits is False:
            return None
        texts = dict.fromkeys(text for part in parts for text in (*part.texts, *texts_of(part.reading, part.table)))
        known = {text: self._kept[text] for text in texts if text in self._kept}
        wanted = [text for text in texts if text not in known]
        probing = [PROBE] if self._fits is None else []
        try:
            rows = await self._embed([*wanted, *probing])
        except Unavailable:
            return None
        if probing:
            self._fits = load_classifier().knows(rows[-1])
            if not self._fits:
                return None
        known |= dict(zip(wanted, rows, strict=False))
        names = {described(column) for part in parts for column in part.table.columns}
        self._keep({text: known[text] for text in texts if text in names})
        return known

    async def _read_together(self, parts: list[_Part]) -> Sequence[Read | None]:
        if self._compute is None:
            return [None] * len(parts)
        try:
            return await read_together(self._compute, [(part.reading, part.table) for part in parts])
        except (RefineryError, WorkerDefect) as error:  # it adds to a plan, and none needs it
            told = error.trace if isinstance(error, WorkerDefect) else error
            log.warning("requests were not read together with their tables: %s", told)
            return [None] * len(parts)

    def _keep(self, vectors: Vectors) -> None:
        """Keep the vectors of a table's columns, so that its next question costs less; the oldest give way."""
        self._kept.update(vectors)
        for text in list(self._kept)[: max(len(self._kept) - _MOST_KEPT, 0)]:
            del self._kept[text]


def _read(text: str, table: Table) -> _Part:
    reading = read(text, names_of(table))
    found = mentions(reading, table)
    if len(table.columns) > MOST_COLUMNS:
        names = list(dict.fromkeys([*(one.column for one in found), *(column.name for column in table.columns)]))
        kept = frozenset(names[:MOST_COLUMNS])
        table = replace(table, columns=tuple(column for column in table.columns if column.name in kept))
        found = [one for one in found if one.column in kept]
    return _Part(table, reading, found, mask(reading, found, table))


def _choose(part: _Part, vectors: Vectors | None, allowed: frozenset[str]) -> _Choice:
    import numpy as np

    facts = form(part.reading, part.masked, part.found, part.table)
    meaning = None if vectors is None else np.concatenate([vectors[text] for text in part.texts])
    scores = load_classifier().scores(part.masked, part.reading, facts, meaning)
    return _Choice(part, *_surest(scores, allowed), scores)


def _reconsidered(choice: _Choice, together: Read | None, allowed: frozenset[str]) -> _Choice:
    """Choose again in the light of the reading together."""
    if together is None:
        return choice
    scores = (1 - _TOGETHER) * choice.scores + _TOGETHER * load_heads().actions(together)
    return _Choice(choice.part, *_surest(scores, allowed), choice.scores, together)


def _surest(scores: npt.NDArray[np.float32], allowed: frozenset[str]) -> tuple[str, float]:
    chances = load_classifier().among(scores, allowed)
    return max(chances.items(), key=lambda chance: chance[1])


def _whole_or_halves(whole: _Choice, ways: list[tuple[_Choice, _Choice]]) -> list[_Choice]:
    """Believe in two requests if both are understood, and ask for different things."""
    for first, second in ways:
        both = NONE not in (first.action, second.action) and first.action != second.action
        if both and min(first.confidence, second.confidence) >= _UNDERSTOOD:
            return [first, second]
    return [whole]


def _plan(choices: list[_Choice], table: Table, catalogue: Catalogue, vectors: Vectors | None) -> Routed:
    steps: list[Step] = []
    missing: list[str] = []
    columns: list[str] = []
    before: tuple[Column, ...] = ()
    for place, choice in enumerate(choices):
        if choice.action == NONE:
            if place == 0:
                return Routed([], choice.confidence, suggestions(table))
            continue
        asked = _asked(choice, before, vectors)
        before = asked.columns
        columns = asked.names if place == 0 else columns
        try:
            steps.append(_step(asked, choice, catalogue, len(steps) + 1))
        except (MissingArgument, BadRequest) as error:
            missing.append(str(error))
    if not steps:
        return Routed([], choices[0].confidence, suggestions(table, missing), columns)
    return Routed(steps, choices[0].confidence, [], columns)


def _asked(choice: _Choice, before: tuple[Column, ...], vectors: Vectors | None) -> Asked:
    part = choice.part
    columns = load_classifier().chooser.choose(
        part.reading, part.found, part.table, choice.action, vectors, choice.together
    )
    columns = spoken(part.reading, columns, part.found)
    if choice.action == "query_dataset":
        columns = settled(part.reading, part.table, columns, part.found, heard=choice.together is not None)
    refers = any(token.word in ("it", "them", "those", "these", "that", "both") for token in part.reading.tokens)
    return Asked(part.reading, part.table, choice.action, columns or (before if refers else ()), tuple(part.found))


def _step(asked: Asked, choice: _Choice, catalogue: Catalogue, number: int) -> Step:
    action = catalogue[asked.action]
    arguments = arguments_of(asked)
    if "dataset" in action.arguments.model_fields and "dataset" not in arguments and asked.action not in _UNBOUND:
        arguments = {"dataset": asked.table.name, **arguments}
    action.validate(arguments)
    about = f" about {', '.join(asked.names)}" if asked.names else ""
    why = f"“{choice.part.reading.text[:120]}” asks{about} for: {action.description}"
    return Step(id=f"s{number}", agent=action.group, action=action.name, arguments=arguments, why=why)


# Their `dataset` narrows what is looked at, and was not asked for.
_UNBOUND = frozenset({"recall"})
