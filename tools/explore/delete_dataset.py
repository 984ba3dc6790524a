"""Forgetting a name."""

from __future__ import annotations

from ..catalogue import action
from ..context import Context
from ..data.sources import shown_source
from ..results import Answer


class DeletedDataset(Answer):
    """The name that is gone, and the source that is still there."""

    name: str
    source: str

    def headline(self) -> str:
        return f"The name {self.name!r} is forgotten; the data itself ({self.source}) is untouched."

    def next_steps(self) -> list[str]:
        return [f"load_dataset with source={self.source!r} brings the name back"]


@action("Delete a dataset's name", pure=False, read_only=False, destructive=True, where="process")
def delete_dataset(name: str, context: Context) -> DeletedDataset:
    """Forget the name of a dataset; the file, URL or table behind it stays.

    Args:
        name: a registered name
        context: whose names these are

    Raises:
        BadRequest: there is no such name; the message names the nearest.
    """
    return DeletedDataset(name=name, source=shown_source(context.registry.remove(name).source))
