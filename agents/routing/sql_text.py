"""Names, texts and dates as SQL; nothing of the user's gets into a statement in any other way."""

from __future__ import annotations

from .quantities import plainly
from .tables import Column


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


def figure(column: Column) -> str:
    """Return a column to compute with: one that holds its numbers as text is read as far as it can be."""
    quoted = name(column.name)
    if not column.stored_as_text:
        return quoted
    return f"TRY_CAST(regexp_replace({quoted}, '[^0-9.eE+-]', '', 'g') AS DOUBLE)"
