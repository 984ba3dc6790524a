"""The statements of the store by their names, as the `.sql` files hold them."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

_NAMED = re.compile(r"^-- name: (\w+)\n((?:--[^\n]*\n)+)(.*?);\s*(?=^-- name:|\Z)", re.MULTILINE | re.DOTALL)
_FOLDER = Path(__file__).parent


_FILES = ("queries.sql", "agents.sql", "feedback.sql")


def query(name: str) -> bytes:
    """Return a statement of the store.

    Raises:
        KeyError: there is none of that name.
    """
    return _all()[name]


@cache
def _all() -> dict[str, bytes]:
    """Read the statements of all files.

    Raises:
        ValueError: two have one name.
    """
    known: dict[str, bytes] = {}
    for file in _FILES:
        if twice := known.keys() & load(file).keys():
            raise ValueError(f"{file}: {sorted(twice)} are names of statements elsewhere")
        known |= load(file)
    return known


@cache
def load(file: str) -> dict[str, bytes]:
    """Read the statements of a file.

    Raises:
        ValueError: two have one name, or something between them is not a statement with name and description.
    """
    text = (_FOLDER / file).read_text(encoding="utf-8")
    found = _NAMED.findall(text)
    names = [name for name, _, _ in found]
    if len(set(names)) < len(names) or len(names) != text.count("-- name:"):
        raise ValueError(f"{file}: every statement needs a name of its own, a description, and a semicolon")
    return {name: body.strip().encode() for name, _, body in found}
