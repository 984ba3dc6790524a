"""What the router knows of a table: names, kinds and frequent values of its columns, and the names of other tables."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """A column as the router sees it.

    Attributes:
        name: as the table spells it.
        kind: `number`, `category`, `text`, `datetime`, `boolean` or `id`, from the profile of its data.
        stored_as_text: whether the table holds numbers of it as text, such as `0.05` or `12 %`.
        values: frequent values as text, unmasked: they are compared with the question here and sent nowhere.
    """

    name: str
    kind: str
    values: tuple[str, ...] = ()
    stored_as_text: bool = False


@dataclass(frozen=True)
class Table:
    """A table that is asked about.

    Attributes:
        name: what goes into the argument `dataset`.
        columns: in the order of the table.
        others: names of other datasets and files that are known, for comparisons.
    """

    name: str
    columns: tuple[Column, ...]
    others: tuple[str, ...] = ()

    def __contains__(self, name: object) -> bool:
        return any(column.name == name for column in self.columns)

    def __getitem__(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)

    def of_kind(self, *kinds: str) -> list[Column]:
        """Return the columns of some kinds, in the order of the table."""
        return [column for column in self.columns if column.kind in kinds]
