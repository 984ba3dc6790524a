"""The column that a goal is about: "train a churn model" is about `churn`."""

from __future__ import annotations

import re

from .asked import Asked
from .mentions import mentions
from .reading import read
from .tables import Column, Table

_LEAD = re.compile(
    r"\b(?:predict\w*|target(?: is| column| variable)?|forecast\w*|estimat\w*|classif\w*|foresee\w*|"
    r"guess\w*|explain\w*|"
    r"learn\w*|model(?:l?ing)? (?:for|of)|model|drives?|label(?: is)?|who|whether|outcome)\b"
)
_ENOUGH = 0.5
_WORDS_OF_TARGETS = {"target", "label", "class", "outcome", "y"}


def find_target(goal: str, table: Table) -> str | None:
    """Return the column that a goal wants predicted, where that is clear.

    Args:
        goal: such as "train a churn model" or "predict whether a customer leaves".
        table: whose column it is.
    """
    reading = read(goal, [column.name for column in table.columns])
    found = [one for one in mentions(reading, table) if one.score >= _ENOUGH and one.how not in ("value", "hint")]
    if not found:
        return None
    lowered = reading.english.lower()
    lead = _LEAD.search(lowered)
    scored = []
    for place, one in enumerate(found):
        kind = table[one.column].kind
        start = reading.tokens[one.tokens[0]].start
        score = one.score + {"boolean": 0.25, "id": -0.4, "text": -0.3, "datetime": -0.3}.get(kind, 0.0)
        if lead:
            score += 0.15 if start >= lead.start() else 0.0
            score -= min(abs(start - lead.end()), 60) / 400
        score -= 0.3 if _excluded(lowered[:start]) else 0.0
        scored.append((score, -place, one.column))
    scored.sort(reverse=True)
    if scored[0][0] < _ENOUGH or (len(scored) > 1 and scored[0][0] == scored[1][0] and scored[0][2] != scored[1][2]):
        return None
    return scored[0][2]


def _excluded(before: str) -> bool:
    return (
        re.search(r"\b(?:by|per|split by|from|with|using|without|except|each|all of an?)\W+(?:\w+\W+)?$", before)
        is not None
    )


def target_of(asked: Asked) -> Column | None:
    """Return the column that a request wants predicted: of those it is about, or the only one there can be."""
    columns = [column for column in asked.columns if column.kind not in ("datetime", "text")] or list(asked.columns)
    if len(columns) == 1:
        return columns[0]
    if columns:
        chosen = find_target(asked.reading.english, Table(asked.table.name, tuple(columns)))
        flags = [column for column in columns if column.kind == "boolean"]
        return asked.table[chosen] if chosen else (flags or columns)[0]
    likely = [column for column in asked.table.columns if column.name.lower() in _WORDS_OF_TARGETS]
    flags = asked.table.of_kind("boolean")
    found = likely or (flags if len(flags) == 1 else [])
    return found[0] if found else None
