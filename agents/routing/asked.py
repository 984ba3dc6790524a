"""What is known of a request when its arguments are made: the action, the columns it speaks of, and where."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .mentions import Mention
from .reading import Reading
from .tables import Column, Table
from .words import pieces


class MissingArgument(Exception):
    """The action cannot be called, because something was not said; the text tells what, as an advice."""


@dataclass(frozen=True)
class Asked:
    """A request for one action.

    Attributes:
        action: its name.
        columns: those that it is about, in the order of the question.
        found: all that may speak of a column, the surest first.
    """

    reading: Reading
    table: Table
    action: str
    columns: tuple[Column, ...]
    found: tuple[Mention, ...] = ()

    @property
    def text(self) -> str:
        """The question in English and lower case, as long as the English one."""
        lowered = self.reading.english.lower()
        return lowered if len(lowered) == len(self.reading.english) else self.reading.english

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]

    def of(self, *kinds: str) -> list[Column]:
        """Return the columns asked about that are of some kinds."""
        return [column for column in self.columns if column.kind in kinds]

    def has(self, pattern: str) -> bool:
        """Tell whether the text in English matches."""
        return re.search(pattern, self.text) is not None

    def place(self, column: str) -> tuple[int, int] | None:
        """Return where in the English text a column is spoken of, if words of its own are."""
        for one in self.found:
            if one.column == column and one.how != "value":
                tokens = self.reading.tokens
                return tokens[one.tokens[0]].start, tokens[one.tokens[-1]].end
        return None

    def values(self, column: str) -> list[tuple[str, int]]:
        """Return the values of a column that were named, with their place in the English text."""
        taken: set[int] = set()
        found: dict[str, int] = {}
        for one in sorted(self.found, key=lambda one: -len(one.tokens)):
            if one.column == column and one.value is not None and not taken & set(one.tokens):
                if len(one.tokens) < len(pieces(one.value)):
                    continue  # a part of a value names no row
                taken.update(one.tokens)
                found.setdefault(one.value, self.reading.tokens[one.tokens[0]].start)
        return sorted(found.items(), key=lambda item: item[1])

    def nearest(self, place: int, columns: list[Column]) -> Column | None:
        """Return the column spoken of nearest to a place in the English text."""
        if not columns:
            return None
        return min(columns, key=lambda column: _gap(place, self.place(column.name)))


def _gap(place: int, span: tuple[int, int] | None) -> int:
    if span is None:
        return 10_000
    return max(span[0] - place, place - span[1], 0)
