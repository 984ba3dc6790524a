"""Where a model's calls may reach: the data that was asked about, and nothing that somebody wrote into a cell."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ...tools.catalogue import Action, Catalogue
from ...tools.errors import unknown
from ..orchestrator.records import Request, StepResult

# An address as a whole; a pattern or a query may well have one in it.
_ADDRESS = re.compile(r"\s*(?:[a-z][a-z0-9+.-]*://|connection:)", re.IGNORECASE)
_COLUMN_KEYS = frozenset({"columns", "id_columns", "target", "time_column", "x", "y", "color"})
_KEYED_BY_COLUMN = frozenset({"numeric_rules", "category_domains", "patterns", "overrides"})
# Whatever lists say: what erases is for people to ask for.
NEVER = frozenset({"delete_dataset", "forget"})


def harmless(actions: Iterable[Action]) -> Catalogue:
    """Return the actions that a model may plan: none that destroys."""
    return Catalogue(item for item in actions if item.name not in NEVER and not item.traits.destructive)


def reachable(request: Request, results: Sequence[StepResult] = ()) -> list[str]:
    """Return the texts that a dataset or an address may come from: what was asked, and what was called before."""
    named = [str(value) for result in results for value in result.step.arguments.values() if isinstance(value, str)]
    return [request.dataset, *([request.goal] if request.goal else []), *named]


def out_of_reach(arguments: Mapping[str, Any], datasets: Iterable[str], known: Sequence[str]) -> list[str]:
    """Say which arguments name data that nobody asked about.

    An address that a model took from a cell would carry what it knows to whoever wrote the cell.

    Args:
        arguments: of a call.
        datasets: the parameters that take a dataset.
        known: the texts that names may come from, the dataset first.
    """
    problems = []
    for name in datasets:
        value = arguments.get(name)
        if isinstance(value, str) and not any(value and value in text for text in known):
            problems.append(f"{name}: {value!r} was not asked about; the dataset is {known[0]!r}")
    rest = [value for name, value in arguments.items() if name not in set(datasets)]
    addresses = [text for text in _texts(rest) if _ADDRESS.match(text)]
    unknown = [text for text in addresses if not any(text in other for other in known)]
    return problems + [f"{text!r} is an address that was not asked about" for text in unknown]


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from _texts([*value.keys(), *value.values()])
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)


def unknown_columns(arguments: Mapping[str, Any], columns: Sequence[str]) -> list[str]:
    """Say which arguments name a column that the table does not have.

    Args:
        arguments: of a call on the table.
        columns: of the table.
    """
    named = [name for key, value in arguments.items() for name in _columns_in(key, value)]
    return [str(unknown("column", name, columns)) for name in dict.fromkeys(named) if name not in columns]


def _columns_in(key: str, value: Any) -> Iterable[str]:
    if key in _COLUMN_KEYS:
        yield from (item for item in (value if isinstance(value, list) else [value]) if isinstance(item, str))
    elif key in _KEYED_BY_COLUMN and isinstance(value, Mapping):
        yield from (str(name) for name in value)
    elif key == "rules" and isinstance(value, list):
        for rule in value:
            if isinstance(rule, Mapping):
                yield from _columns_in("columns", rule.get("columns"))
