"""Reading the results that a run kept: what is not there, or not of the kind it should be, is left out."""

from __future__ import annotations

import math
from typing import Any

from pydantic import ValidationError

from ...tools.results import Finding

Record = dict[str, Any]


def records(record: Record, key: str) -> list[Record]:
    """Return the records in a list."""
    items = record.get(key)
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def record(outer: Record, key: str) -> Record:
    """Return a record in a record, empty where there is none."""
    inner = outer.get(key)
    return inner if isinstance(inner, dict) else {}


def text(record: Record, key: str) -> str:
    """Return a text, empty where there is none."""
    item = record.get(key)
    return item if isinstance(item, str) else ""


def texts(record: Record, key: str) -> list[str]:
    """Return the texts in a list."""
    items = record.get(key)
    return [item for item in items if isinstance(item, str)] if isinstance(items, list) else []


def amount(record: Record, key: str) -> float | None:
    """Return a finite number, or None."""
    item = record.get(key)
    if isinstance(item, bool) or not isinstance(item, int | float):
        return None
    return item if math.isfinite(item) else None


def count(record: Record, key: str) -> int:
    """Return a number as a count, zero where there is none."""
    return int(amount(record, key) or 0)


def findings(record: Record) -> list[Finding]:
    """Return the findings of a result."""
    found = []
    for item in records(record, "findings"):
        try:
            found.append(Finding.model_validate(item))
        except ValidationError:
            # A result of another version; its other findings are still worth showing.
            continue
    return found


def many(record: Record, items: list[Any]) -> str:
    """Say how many items a list has, which a result that was cut for length knows only in part."""
    return f"at least {len(items):,}" if record.get("truncated") is True else f"{len(items):,}"
