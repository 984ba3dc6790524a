"""Drills: requests made from how people speak of columns, for the words that requests lack.

`prompts/routing/phrasebook.json` has tables of many trades and what people call each column who do not know its
name; `drills.txt` has forms of requests. Each drill is a form filled with phrases of the columns of one table.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from .examples import Example, read_examples
from .tables import Column, Table

SOURCE = "drills"
_PLACE = re.compile(r"\{(\w+?)(\d?)\}")
_KINDS = {
    "N": ("number",),
    "most": ("number",),
    "x": ("number",),
    "D": ("datetime",),
    "when": ("datetime",),
    "C": ("category",),
    "V": ("category",),
    "I": ("id",),
    "B": ("boolean",),
    "that": ("boolean",),
    "not": ("boolean",),
    "T": ("text",),
    "A": ("number", "datetime", "category", "id", "text"),
}
# Places that speak of the same column: `V` of `C`, `x` and `most` of `N`, `that` of `B`.
_SLOT = {"V": "C", "most": "N", "x": "N", "when": "D", "that": "B", "not": "B"}
_OF_VALUES = ("V", "x")
_PREDICATES = ("most", "that", "not", "when")
_TRIES = 200


def drills(count: int, seed: int = 0) -> list[Example]:
    """Return so many requests; the same for the same seed.

    Args:
        count: how many, of all forms and tables about equally.

    Raises:
        ValueError: there is a form that hardly a table can fill.
    """
    folder = files("refinery.prompts") / "routing"
    book = json.loads((folder / "phrasebook.json").read_text(encoding="utf-8"))["tables"]
    tables = {one.name: one for one in _tables(book)}
    lines = (folder / "drills.txt").read_text(encoding="utf-8").splitlines()
    forms = [line.split(": ", 1) for line in lines if line and line[0] != "#"]
    chance = random.Random(seed)
    found: list[Example] = []
    while len(found) < count:
        action, form = forms[len(found) % len(forms)]
        made = next((one for _ in range(_TRIES) if (one := _made(form, chance, tables, book))), None)
        if made is None:
            raise ValueError(f"no table of the phrasebook has the columns for: {form}")
        text, columns, table = made
        found.append(Example(text, table, action, (), columns, "drill", SOURCE))
    return found


def _tables(book: Mapping[str, Any]) -> list[Table]:
    requests = [{"request": "", "dataset": name, "action": None} for name in book]
    return [one.table for one in read_examples({"tables": book, "requests": requests})]


def _made(
    form: str, chance: random.Random, tables: Mapping[str, Table], book: Mapping[str, Any]
) -> tuple[str, frozenset[str], Table] | None:
    """Fill a form from some table; None where the table has no columns for it."""
    name = chance.choice(sorted(tables))
    table, about = tables[name], book[name]
    needed: dict[str, list[str]] = {}
    for kind, number in _PLACE.findall(form):
        if kind != "rows":
            needed.setdefault(_slot(kind, number), []).append(kind)
    slots: dict[str, Column] = {}
    for slot, kinds in needed.items():
        fitting = [
            column
            for column in table.of_kind(*_KINDS[kinds[0]])
            if column not in slots.values() and all(_phrases(about["columns"][column.name], kind) for kind in kinds)
        ]
        if not fitting:
            return None
        slots[slot] = chance.choice(fitting)
    values = {slot: chance.sample(column.values, len(column.values)) for slot, column in slots.items()}

    def said(match: re.Match[str]) -> str:
        kind, number = match.groups()
        if kind == "rows":
            return str(chance.choice(about["rows"]))
        slot = _slot(kind, number)
        if kind in _OF_VALUES:
            return str(values[slot].pop())
        return str(chance.choice(_phrases(about["columns"][slots[slot].name], kind)))

    try:
        return _PLACE.sub(said, form), frozenset(column.name for column in slots.values()), table
    except IndexError:  # fewer values than the form names
        return None


def _phrases(column: Mapping[str, Any], kind: str) -> list[Any]:
    """Return what may stand at a place of a form for a column."""
    return list(column.get({"V": "values", "x": "values"}.get(kind, kind if kind in _PREDICATES else "said")) or [])


def _slot(kind: str, number: str) -> str:
    # A second value is one of the same column.
    return f"{_SLOT.get(kind, kind)}{'' if kind == 'V' else number}"
