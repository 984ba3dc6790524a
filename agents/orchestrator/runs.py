"""Where runs are noted: in the memory's database, or in the process where there is none."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from psycopg.types.json import Jsonb

from ...memory.store.database import Row
from ...memory.store.memory import Memory
from ...tools.data.urls import shown_url
from .records import Request, RunStatus

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver

# A process that works on a run says so every two seconds; one that has not for this long (seconds) is gone.
BEAT = 2.0
LOST = 12.0


@dataclass(frozen=True)
class Run:
    """A run as it is noted.

    Attributes:
        state: what `analyze_dataset` answers with, as far as it is known: plan, results' outcomes, insights, report.
        owner: the process that works on it, or did last.
    """

    id: str
    tenant: str
    request: Request
    status: RunStatus = "running"
    state: dict[str, Any] = field(default_factory=dict)
    owner: str = ""
    created_at: str = ""
    updated_at: str = ""


class Runs(Protocol):
    """The runs of a tenant, and the checkpoints that they are resumed from."""

    async def add(self, run: Run) -> None: ...
    async def note(self, run: Run) -> bool: ...
    async def mark(self, run: Run, status: RunStatus) -> None: ...
    async def claim(self, run: Run, owner: str, statuses: Sequence[RunStatus]) -> bool: ...
    async def get(self, tenant: str, name: str) -> Run | None: ...
    async def latest(self, tenant: str, limit: int) -> list[Run]: ...
    async def alive(self, tenant: str, owner: str, names: Sequence[str]) -> dict[str, str]: ...
    async def forget(self, tenant: str, names: Sequence[str]) -> None: ...
    async def forget_checkpoints(self, tenant: str, names: Sequence[str]) -> None: ...
    async def of_session(self, tenant: str, session: str) -> list[str]: ...
    async def old(self, tenant: str, days: float) -> list[str]: ...
    def saver(self, tenant: str) -> BaseCheckpointSaver[Any]: ...


class DatabaseRuns:
    """Runs in PostgreSQL: other processes see them, and can go on with them.

    Args:
        memory: whose database it is.
    """

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    async def _all(self, tenant: str, name: str, **values: Any) -> list[Row]:
        async with self._memory.transaction(tenant) as running:
            return await running.all(name, **values)

    async def add(self, run: Run) -> None:
        """Note a run that begins."""
        dataset = shown_dataset(run.request.dataset)
        told = {"id": run.id, "session": run.request.session, "dataset": dataset, "owner": run.owner}
        await self._all(run.tenant, "add_analysis", **told, request=Jsonb(run.request.model_dump(mode="json")))

    async def note(self, run: Run) -> bool:
        """Note how far a run is, and tell whether it is still the process's own: else nothing is noted."""
        told = {"id": run.id, "status": run.status, "owner": run.owner}
        return bool(await self._all(run.tenant, "note_analysis", **told, state=Jsonb(_storable(run.state))))

    async def mark(self, run: Run, status: RunStatus) -> None:
        """Note what became of a run, whoever works on it; a process that does sees it at its next sign of life."""
        await self._all(run.tenant, "mark_analysis", id=run.id, status=status)

    async def claim(self, run: Run, owner: str, statuses: Sequence[RunStatus]) -> bool:
        """Take a run over that is in one of some states, and tell whether that was possible: of several, one does."""
        told = {"id": run.id, "owner": owner, "statuses": list(statuses), "lost": LOST}
        return bool(await self._all(run.tenant, "claim_analysis", **told))

    async def get(self, tenant: str, name: str) -> Run | None:
        """Return a run, or None."""
        rows = await self._all(tenant, "one_analysis", id=name, lost=LOST)
        return _run(tenant, rows[0]) if rows else None

    async def latest(self, tenant: str, limit: int) -> list[Run]:
        """Return the latest runs, the last first."""
        return [_run(tenant, row) for row in await self._all(tenant, "latest_analyses", limit=limit, lost=LOST)]

    async def alive(self, tenant: str, owner: str, names: Sequence[str]) -> dict[str, str]:
        """Say that runs are worked on, and return the status that each of them that are still ours has."""
        rows = await self._all(tenant, "analyses_alive", ids=list(names), owner=owner)
        return {row["id"]: row["status"] for row in rows}

    async def forget(self, tenant: str, names: Sequence[str]) -> None:
        """Erase runs with their checkpoints."""
        async with self._memory.transaction(tenant) as running:
            await running.all("forget_checkpoints", ids=list(names))
            await running.all("forget_analyses", ids=list(names))

    async def forget_checkpoints(self, tenant: str, names: Sequence[str]) -> None:
        """Erase what runs would be resumed from."""
        await self._all(tenant, "forget_checkpoints", ids=list(names))

    async def of_session(self, tenant: str, session: str) -> list[str]:
        """Return the ids of a session's runs."""
        return [row["id"] for row in await self._all(tenant, "analyses_of_session", session=session)]

    async def old(self, tenant: str, days: float) -> list[str]:
        """Return the ids of runs that nobody has touched for so many days."""
        return [row["id"] for row in await self._all(tenant, "old_analyses", days=days)]

    def saver(self, tenant: str) -> BaseCheckpointSaver[Any]:
        """Return where checkpoints of the tenant go."""
        from .checkpoints import TenantSaver

        return TenantSaver(self._memory, tenant)


def shown_dataset(dataset: str) -> str:
    """Return a dataset as it may be shown and kept: an address without user, password and query."""
    return shown_url(dataset) if "://" in dataset else dataset


def without_secrets(value: Any, dataset: str) -> Any:
    """Return JSON-like data in which the address of a dataset stands as it may be shown."""
    shown = shown_dataset(dataset)
    if shown == dataset:
        return value
    quoted, plain = json.dumps(dataset)[1:-1], json.dumps(shown)[1:-1]
    return json.loads(json.dumps(value).replace(quoted, plain))


def _storable(value: Any) -> Any:
    """Return JSON-like data without what PostgreSQL's text can't hold: NUL, and halves of characters."""
    if isinstance(value, str):
        return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_storable(key): _storable(item) for key, item in value.items()}
    return [_storable(item) for item in value] if isinstance(value, list) else value


def _run(tenant: str, row: Row) -> Run:
    created: datetime = row["created_at"]
    updated: datetime = row["updated_at"]
    return Run(
        row["id"],
        tenant,
        Request.model_validate(row["request"]),
        "interrupted" if row["lost"] else row["status"],
        row["state"],
        row["owner"],
        created.isoformat(timespec="seconds"),
        updated.isoformat(timespec="seconds"),
    )


class ProcessRuns:
    """Runs that end with the process: where the memory is switched off, or its database does not come up."""

    def __init__(self) -> None:
        self._runs: dict[tuple[str, str], Run] = {}
        self._touched: dict[tuple[str, str], float] = {}
        self._savers: dict[str, BaseCheckpointSaver[Any]] = {}

    async def add(self, run: Run) -> None:
        """As `DatabaseRuns.add`."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self._put(replace(run, created_at=now))

    def _put(self, run: Run) -> None:
        key = (run.tenant, run.id)
        self._runs[key] = replace(run, updated_at=datetime.now(UTC).isoformat(timespec="seconds"))
        self._touched[key] = time.time()

    async def note(self, run: Run) -> bool:
        """As `DatabaseRuns.note`."""
        known = self._runs.get((run.tenant, run.id))
        if known is None or known.owner != run.owner:
            return False
        cancelled = known.status == "cancelled" and run.status == "running"
        self._put(replace(known, status="cancelled" if cancelled else run.status, state=run.state))
        return True

    async def mark(self, run: Run, status: RunStatus) -> None:
        """As `DatabaseRuns.mark`."""
        self._put(replace(self._runs[run.tenant, run.id], status=status))

    async def claim(self, run: Run, owner: str, statuses: Sequence[RunStatus]) -> bool:
        """As `DatabaseRuns.claim`: there is no other process, but several may ask at once."""
        known = self._runs[run.tenant, run.id]
        if known.status not in statuses:
            return False
        self._put(replace(known, status="running", owner=owner))
        return True

    async def get(self, tenant: str, name: str) -> Run | None:
        """As `DatabaseRuns.get`."""
        return self._runs.get((tenant, name))

    async def latest(self, tenant: str, limit: int) -> list[Run]:
        """As `DatabaseRuns.latest`."""
        mine = [run for (whose, _), run in self._runs.items() if whose == tenant]
        return mine[::-1][:limit]

    async def alive(self, tenant: str, owner: str, names: Sequence[str]) -> dict[str, str]:
        """As `DatabaseRuns.alive`."""
        mine = [self._runs[tenant, name] for name in names if (tenant, name) in self._runs]
        return {run.id: run.status for run in mine if run.owner == owner}

    async def forget(self, tenant: str, names: Sequence[str]) -> None:
        """As `DatabaseRuns.forget`."""
        await self.forget_checkpoints(tenant, names)
        for name in names:
            self._runs.pop((tenant, name), None)
            self._touched.pop((tenant, name), None)

    async def forget_checkpoints(self, tenant: str, names: Sequence[str]) -> None:
        """As `DatabaseRuns.forget_checkpoints`."""
        for name in names:
            await self.saver(tenant).adelete_thread(name)

    async def of_session(self, tenant: str, session: str) -> list[str]:
        """As `DatabaseRuns.of_session`."""
        return [run.id for (whose, _), run in self._runs.items() if whose == tenant and run.request.session == session]

    async def old(self, tenant: str, days: float) -> list[str]:
        """As `DatabaseRuns.old`."""
        limit = time.time() - days * 86_400
        return [name for (whose, name), touched in self._touched.items() if whose == tenant and touched < limit]

    def saver(self, tenant: str) -> BaseCheckpointSaver[Any]:
        """As `DatabaseRuns.saver`."""
        from langgraph.checkpoint.memory import InMemorySaver

        if tenant not in self._savers:
            self._savers[tenant] = InMemorySaver()
        return self._savers[tenant]
