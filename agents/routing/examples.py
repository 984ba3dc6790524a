"""The example requests that the router is trained on and examined with, as people wrote them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from .tables import Column, Table

# Requests as they come; and such as were asked to be hard: indirect, of columns that compete, of nothing we do.
USUAL = (
    *("administrators", "analysts", "brokers", "builders", "campaigners", "carers", "chemists", "clerks"),
    *("coaches", "dispatchers", "educators", "growers", "house", "insurers", "makers", "officials"),
    *("owners", "publishers", "shippers", "shopkeepers", "students"),
)
HARD = (
    *("operators", "researchers", "sellers", "citizens", "travellers", "outsiders"),
    *("bankers", "clinicians", "engineers", "hosts", "managers", "marketers", "recruiters", "scientists"),
)
FILES = tuple(f"{writer}.json" for writer in USUAL + HARD)
_ID = re.compile(r"(?:^|[^a-z])(?:id|no|nr|key|iban|isbn|uuid)$|[\s_](?:I[Dd]|N[Oo]|N[Rr])$|[a-z](?:Id|ID|No|Nr)$")
_WORDS = ("cues.txt", "glossary.txt", "synonyms.txt", "world.txt", "drills.txt", "phrasebook.json")
_WORDS_OF_TEXT = 3
_KINDS = {
    **dict.fromkeys(("date", "timestamp", "datetime", "time"), "datetime"),
    **dict.fromkeys(("bool", "boolean"), "boolean"),
    **dict.fromkeys(("int", "integer", "bigint", "float", "double", "decimal", "number"), "number"),
}


@dataclass(frozen=True)
class Example:
    """A request with what should come of it.

    Attributes:
        action: the name, or None where no action answers.
        also: other actions that answer it as well.
    """

    request: str
    table: Table
    action: str | None
    also: tuple[str, ...]
    columns: frozenset[str]
    style: str
    source: str


def read_examples(document: Mapping[str, Any], source: str = "") -> list[Example]:
    """Read a document of requests; tables are described by their columns' types and a few values."""
    tables = {name: _table(name, described) for name, described in document["tables"].items()}
    return [
        Example(
            one["request"],
            tables[one["dataset"]],
            one["action"],
            tuple(one.get("also") or ()),
            frozenset(one.get("columns") or ()),
            one.get("style", ""),
            source,
        )
        for one in document["requests"]
    ]


def load_examples(names: Iterable[str] = FILES) -> list[Example]:
    """Read the files of `prompts/routing/` that are there."""
    folder = files("refinery.prompts") / "routing"
    found: list[Example] = []
    for name in names:
        if (folder / name).is_file():
            found += read_examples(json.loads((folder / name).read_text(encoding="utf-8")), Path(name).stem)
    return found


def digest() -> str:
    """Return a digest of all that the weights are made from: the examples and the words."""
    folder = files("refinery.prompts") / "routing"
    found = hashlib.sha256()
    for name in (*FILES, *_WORDS):
        if (folder / name).is_file():
            found.update(name.encode() + (folder / name).read_text(encoding="utf-8").encode())
    return found.hexdigest()


def _table(name: str, described: Mapping[str, Any]) -> Table:
    columns = tuple(_column(column, one) for column, one in described["columns"].items())
    return Table(name, columns, tuple(described.get("others", ())))


def _column(name: str, described: Mapping[str, Any]) -> Column:
    values = tuple(str(value) for value in described["values"] if value is not None)
    kind = _KINDS.get(described["type"], "category")
    if kind in ("number", "category") and _ID.search(name.lower() if name.isupper() else name):
        kind = "id"
    elif kind == "category" and values and sum(len(value.split()) for value in values) > _WORDS_OF_TEXT * len(values):
        kind = "text"
    return Column(name, kind, values)
