"""The one table from our errors to HTTP statuses and exit codes."""

from __future__ import annotations

from ..tools.errors import (
    KINDS,
    BadRequest,
    DataUnreadable,
    Defect,
    LimitExceeded,
    NotAllowed,
    RefineryError,
    Unavailable,
)

# kind of error: (HTTP status, exit code of the command line); exit codes follow sysexits.h where it has one.
_TABLE: dict[type[RefineryError], tuple[int, int]] = {
    BadRequest: (400, 64),
    DataUnreadable: (422, 65),
    NotAllowed: (403, 77),
    LimitExceeded: (413, 75),
    Unavailable: (503, 69),
    Defect: (500, 70),
}


def http_status(error: RefineryError) -> int:
    """Return the HTTP status that tells this error."""
    return _TABLE[KINDS[error.kind]][0]


def exit_code(error: RefineryError) -> int:
    """Return the exit code that tells this error."""
    return _TABLE[KINDS[error.kind]][1]
