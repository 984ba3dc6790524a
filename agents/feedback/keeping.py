"""Feedback in PostgreSQL, behind the wall of its tenant, until a session of it is forgotten."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg.types.json import Jsonb

from ...memory.store.database import Row, again_when_contended
from ...memory.store.erasing import forget_memory
from ...memory.store.memory import Memory
from ...memory.store.writing import keep
from ...tools.errors import BadRequest
from .ratings import Rating, Verdict
from .remembering import note_of

_BY_NAME = ("run", "insight", "principal")


@dataclass(frozen=True)
class Noted:
    """What became of a verdict: whether it took the place of an earlier one, and when it was noted."""

    replaced: bool
    at: datetime


@dataclass(frozen=True)
class Counts:
    """The verdicts on a run's insights, and how many there are on all runs of the tenant."""

    of_run: list[tuple[str, Verdict]]
    total: int

    @property
    def rated(self) -> set[str]:
        """The insights of the run that somebody has judged."""
        return {insight for insight, _ in self.of_run}

    def by_verdict(self) -> dict[str, int]:
        """Count the verdicts on the run's insights."""
        said = [verdict for _, verdict in self.of_run]
        return {verdict: said.count(verdict) for verdict in ("approve", "edit", "reject")}


@again_when_contended
async def note_rating(memory: Memory, tenant: str, rating: Rating) -> Noted:
    """Keep a verdict; the same person's later one on the same insight takes its place."""
    told = rating.model_dump(mode="json", include={*_BY_NAME, "sessions", "verdict", "score", "text"})
    records = {
        "request": Jsonb(rating.request.model_dump(mode="json")),
        "evidence": Jsonb([fact.model_dump(mode="json") for fact in rating.evidence]),
        "given": Jsonb(rating.given.model_dump(mode="json")),
    }
    async with memory.transaction(tenant) as running:
        row = await running.one("note_feedback", **told, **records)
    assert row is not None
    return Noted(row["replaced"], row["updated_at"])


async def count_ratings(memory: Memory, tenant: str, run: str) -> Counts:
    """Count the verdicts on a run's insights, and all."""
    async with memory.transaction(tenant) as running:
        rows = await running.all("feedback_of_run", run=run)
        total = await running.one("count_feedback")
    assert total is not None
    return Counts([(row["insight"], row["verdict"]) for row in rows], total["n"])


async def all_ratings(memory: Memory, tenant: str) -> list[Rating]:
    """Return all verdicts, in the order in which the insights were first rated."""
    async with memory.transaction(tenant) as running:
        return [Rating.model_validate(row) for row in await running.all("all_feedback")]


def remember_later(memory: Memory, tenant: str, rating: Rating, noted: Noted) -> None:
    """Have a verdict remembered as knowledge when there is time."""
    memory.later(lambda: _remember(memory, tenant, rating, noted))


async def _remember(memory: Memory, tenant: str, rating: Rating, noted: Noted) -> None:
    """Remember a verdict, unless it was changed or erased while it waited for its turn."""
    name = rating.model_dump(include=set(_BY_NAME))
    async with memory.transaction(tenant) as running:
        if await running.one("feedback_stands", **name, updated_at=noted.at) is None:
            return
    kept = await keep(memory, tenant, note_of(rating))
    async with memory.transaction(tenant) as running:
        known = await running.one("feedback_is_remembered", **name, memory=kept.id)
    if known is None:
        await _forget(memory, tenant, [kept.id])


async def erase_session(memory: Memory, tenant: str, session: str) -> int:
    """Erase the verdicts on runs of a session and those given in it, with what was remembered because of them.

    Returns:
        How many verdicts there were.
    """
    rows = await _erased(memory, tenant, "forget_feedback_of_session", session)
    await _forget(memory, tenant, _memories(rows))
    return len(rows)


async def erase_runs(memory: Memory, tenant: str, runs: Sequence[str]) -> None:
    """Erase the verdicts on runs, with what was remembered because of them."""
    await _forget(memory, tenant, _memories(await _erased(memory, tenant, "forget_feedback_of_runs", list(runs))))


@again_when_contended
async def _erased(memory: Memory, tenant: str, statement: str, what: object) -> list[Row]:
    name = "session" if isinstance(what, str) else "runs"
    async with memory.transaction(tenant) as running:
        return await running.all(statement, **{name: what})


def _memories(rows: Iterable[Row]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row["memories"]))


async def _forget(memory: Memory, tenant: str, names: Sequence[str]) -> None:
    for name in names:
        # Forgotten already, with its session or by its id.
        with contextlib.suppress(BadRequest):
            await forget_memory(memory, tenant, name)
