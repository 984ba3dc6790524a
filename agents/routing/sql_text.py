"""Names, texts and dates as SQL; nothing of the user's gets into a statement in any other way."""

from __future__ import annotations

from .quantities import plainly


def name(column: str) -> str:
    """Return a column's name as an identifier.

    >>> print(name('a"b'))
    "a""b"
    """
    return '"' + column.replace('"', '""') + '"'


def text(value: str) -> str:
    """Return a text as a literal.

    >>> print(text("O'Neil"))
    'O''Neil'
    """
    return "'" + value.replace("'", "''") + "'"


def number(value: float) -> str:
    """Return a number as a literal."""
    return repr(plainly(value))
