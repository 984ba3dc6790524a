"""Audit records: one JSON line a call, telling who did what to which data with what outcome, and no cell's value."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from typing import Protocol

from pydantic import BaseModel

from .context import Caller
from .workspace import Workspace


class CallRecord(BaseModel):
    """What is recorded of a call, and what observers are told.

    Attributes:
        outcome: `ok`, `cached`, `cancelled`, or the kind of the error.
        datasets: the names, paths or addresses that the caller gave.
        fingerprints: of the datasets, empty where one is not known.
        result: the id under which the whole result is kept.
    """

    time: float
    tenant: str
    principal: str
    session: str | None
    action: str
    datasets: list[str] = []
    fingerprints: list[str]
    outcome: str
    seconds: float
    result: str | None = None
    trace: str | None = None


class Timed(Protocol):
    """A record of something that happened at a time, in seconds of `time.time`."""

    time: float

    def model_dump(self, *, exclude_none: bool) -> dict[str, object]: ...


class Audit:
    """Appends records to a file a day under the workspace.

    Args:
        workspace: where the files are.
        prefix: of their names, to keep one kind of record apart from another.
    """

    def __init__(self, workspace: Workspace, prefix: str = "") -> None:
        self._workspace = workspace
        self._prefix = prefix
        self._day, self._handle = "", -1

    def write(self, record: Timed) -> None:
        """Append a record; one write of one line, so that several processes may share the file."""
        day = time.strftime("%Y-%m-%d", time.gmtime(record.time))
        if day != self._day:
            self.close()
            file = self._workspace.folder("audit") / f"{self._prefix}{day}.jsonl"
            self._day, self._handle = day, os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        line = json.dumps(record.model_dump(exclude_none=True), separators=(",", ":")) + "\n"
        os.write(self._handle, line.encode())

    def close(self) -> None:
        """Close the file; the next record opens it again."""
        if self._handle >= 0:
            os.close(self._handle)
        self._day, self._handle = "", -1


def record_of(
    caller: Caller,
    action: str,
    datasets: Sequence[str],
    fingerprints: Sequence[str],
    outcome: str,
    started: float,
    **more: str | None,
) -> CallRecord:
    """Build the record of a call that started at `started` (seconds of `time.time`)."""
    return CallRecord(
        time=started,
        tenant=caller.tenant,
        principal=caller.principal,
        session=caller.session,
        action=action,
        datasets=list(datasets),
        fingerprints=list(fingerprints),
        outcome=outcome,
        seconds=round(time.time() - started, 4),
        **more,
    )
