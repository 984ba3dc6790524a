"""Memories as JSON lines: out of one store and into another, with ids, times and associations, without vectors."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from ...tools.errors import BadRequest, DataUnreadable
from .database import Row, Transaction
from .memory import Memory
from .notes import Note
from .passages import Passage
from .writing import Link, associate, keep

FORMAT = {"refinery": "memory", "version": 1}
_AT_ONCE = 200
_TIMES = ("created_at", "valid_from", "valid_to", "accessed_at")
_PAST = ("id", *_TIMES, "repeats", "accesses")
_NOTE = ("content", "kind", "importance", "dataset", "session", "topic", "document", "source", "fingerprint")


@dataclass(frozen=True)
class Imported:
    """How many memories and associations came in, and how many memories were there already."""

    memories: int
    known: int
    associations: int


async def export_lines(memory: Memory, tenant: str) -> AsyncIterator[str]:
    """Yield a line of JSON for the format, then for every memory in order, then for every association."""
    yield json.dumps(FORMAT)
    thread, ordinal = "", -1
    while True:
        async with memory.transaction(tenant) as running:
            rows = await running.all("exported_memories", thread=thread, ordinal=ordinal, limit=_AT_ONCE)
            places = await _places(running, rows)
        if not rows:
            break
        thread, ordinal = rows[-1]["thread"], rows[-1]["ordinal"]
        for row in rows:
            yield json.dumps({"memory": _exported(row, places)}, ensure_ascii=False)
    async with memory.transaction(tenant) as running:
        associations = await running.all("exported_associations")
    for row in associations:
        yield json.dumps({"association": row})


async def _places(running: Transaction, rows: list[Row]) -> dict[str, list[list[Any]]]:
    """Return how documents are cut; other texts are cut alike wherever they come."""
    places: dict[str, list[list[Any]]] = {}
    for row in await running.all("exported_passages", ids=[row["id"] for row in rows if row["document"] is not None]):
        places.setdefault(row["memory"], []).append([row["start"], row["stop"], row["place"]])
    return places


def _exported(row: Row, places: dict[str, list[list[Any]]]) -> Row:
    told = {name: row[name] for name in (*_PAST, *_NOTE) if row[name] is not None}
    told |= {name: told[name].isoformat() for name in _TIMES if name in told}
    if row["id"] in places:
        told["passages"] = places[row["id"]]
    return told


async def import_lines(memory: Memory, tenant: str, lines: Iterable[str]) -> Imported:
    """Take memories in that are not there yet; what was taken in before an error stays, and is passed over next time.

    Raises:
        DataUnreadable: a line is not what `export_lines` writes; the message has its number.
    """
    count = {"memories": 0, "known": 0, "associations": 0}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            document = json.loads(line)
            if number == 1 and document != FORMAT:
                raise DataUnreadable(
                    "this is no export of memories: its first line is another than `refinery memory export` writes"
                )
            if "memory" in document:
                kept = await keep(memory, tenant, _note(document["memory"]))
                count["known" if kept.merged else "memories"] += 1
            elif number > 1:
                count["associations"] += await _associate(memory, tenant, Link(**document["association"]))
        except (ValueError, KeyError, TypeError, AttributeError, BadRequest, psycopg.Error) as error:
            raise DataUnreadable(
                f"line {number}: not as exported ({error}); mend or remove it and import again"
            ) from None
    return Imported(**count)


def _note(told: Row) -> Note:
    past = {name: told[name] for name in _PAST if name in told}
    past |= {name: datetime.fromisoformat(past[name]) for name in _TIMES if name in past}
    passages = [Passage(int(start), int(stop), place) for start, stop, place in told.get("passages", [])]
    return Note(
        **{name: told[name] for name in _NOTE if name in told}, passages=passages, past={"id": told["id"], **past}
    )


async def _associate(memory: Memory, tenant: str, link: Link) -> bool:
    """Associate what is there; a memory that was known under another id has kept its own associations."""
    async with memory.transaction(tenant) as running:
        known = await running.all("known_ids", ids=[link.source, link.target])
    if len(known) < 2:
        return False
    return await associate(memory, tenant, link)
