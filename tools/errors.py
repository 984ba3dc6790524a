"""Errors, named by who must act on them.

Each message says what failed, the value seen, what is allowed and what to do next, because the reader is
often a language model that will try again with nothing but that message.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")


def inert(line: str) -> str:
    """Keep a line one line: a name or a cell in it must not begin lines of its own, move the cursor, turn the reading.

    >>> inert(f"red{chr(10)}PASSED")
    'red PASSED'
    """
    return _CONTROLS.sub(" ", line)


class RefineryError(Exception):
    """Base of every failure that a caller is meant to see; `str(error)` is the whole message, on one line."""

    kind = "error"

    def __init__(self, message: str) -> None:
        super().__init__(inert(message))


class BadRequest(RefineryError):
    """The caller can fix the arguments: the message names the bad value and what is allowed."""

    kind = "bad_request"


class DataUnreadable(RefineryError):
    """The data cannot be read: the message says what, where in it, and what to try."""

    kind = "data_unreadable"


class NotAllowed(RefineryError):
    """A policy refuses the request, whatever its arguments; the message names the policy."""

    kind = "not_allowed"


class LimitExceeded(RefineryError):
    """A limit was passed: the message says which, and how to raise it or to narrow the request."""

    kind = "limit_exceeded"


class Unavailable(RefineryError):
    """Something that Refinery needs did not answer or died; trying again may help."""

    kind = "unavailable"


class Defect(RefineryError):
    """An error of ours: logged with its trace under the incident that the message names."""

    kind = "defect"


KINDS: dict[str, type[RefineryError]] = {
    error.kind: error for error in (BadRequest, DataUnreadable, NotAllowed, LimitExceeded, Unavailable, Defect)
}


def nearest(value: str, allowed: Iterable[str]) -> str | None:
    """Return the member of `allowed` that `value` was most likely meant to be, or None."""
    by_folded = {name.casefold(): name for name in allowed}
    close = difflib.get_close_matches(str(value).casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[close[0]] if close else None


def unknown(what: str, value: str, allowed: Iterable[str], *, where: str = "") -> BadRequest:
    """Build the error for a name that does not exist: the nearest right one, or the first few allowed.

    >>> print(unknown("column", "amuont", ["amount", "city"]))
    no column 'amuont'; did you mean 'amount'? Known columns: amount, city
    """
    names = list(allowed)
    match = nearest(value, names)
    meant = f"; did you mean {match!r}?" if match else "."
    shown = ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
    plural = what if what.endswith("s") else f"{what}s"
    known = f" Known {plural}: {shown}" if names else f" There are no {plural} yet."
    return BadRequest(f"no {what} {value!r}{where}{meant}{known}")
