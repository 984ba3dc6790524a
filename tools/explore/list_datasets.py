"""What there is to work on."""

from __future__ import annotations

from pathlib import Path

from ..catalogue import action
from ..context import Context
from ..data.connections import PREFIX
from ..data.registry import Entry
from ..data.sources import shown_source
from ..results import Answer, Model

MAX_FILES = 200


class KnownDataset(Model):
    """A registered name and what was last known of it."""

    name: str
    source: str
    format: str | None = None
    rows: int | None = None
    columns: int | None = None
    seen_at: str = ""
    available: bool = True


class DatasetList(Answer):
    """The registered names, the files under the roots that can be opened by path, and the named databases."""

    datasets: list[KnownDataset]
    files: list[str]
    connections: list[str]
    roots: list[str]
    truncated: bool = False

    def headline(self) -> str:
        files = f"{len(self.files):,}{' or more' if self.truncated else ''} files"
        return f"{len(self.datasets):,} named datasets, {files} under the roots, {len(self.connections)} connections."

    def details(self) -> list[str]:
        named = [
            f"{known.name}: {known.source}"
            + (f" ({known.rows:,} rows, {known.columns} columns)" if known.rows is not None else "")
            + ("" if known.available else " - the file is gone")
            for known in self.datasets[:25]
        ]
        shown = [f"files: {', '.join(self.files[:40])}{' …' if len(self.files) > 40 else ''}"] if self.files else []
        databases = [f"databases: {', '.join(self.connections)}"] if self.connections else []
        return [*named, *shown, *databases]

    def next_steps(self) -> list[str]:
        if self.datasets or self.files:
            return ["any of these can be the `dataset` of another tool; load_dataset gives a file a short name"]
        return [f"no data files under the roots ({', '.join(self.roots) or 'there are none'}): see data.roots"]


@action("List datasets", pure=False, where="process")
def list_datasets(context: Context) -> DatasetList:
    """List named datasets, files that can be opened, and database connections."""
    opener = context.opener
    files, more = opener.files(MAX_FILES)
    return DatasetList(
        datasets=[_known(entry) for entry in context.registry.entries()],
        files=files,
        connections=[f"{PREFIX}{name}/TABLE" for name in sorted(opener.connections)],
        roots=[str(root) for root in opener.policy.roots],
        truncated=more,
    )


def _known(entry: Entry) -> KnownDataset:
    path = Path(entry.source)
    return KnownDataset(
        name=entry.name,
        source=shown_source(entry.source),
        format=entry.format,
        rows=entry.rows,
        columns=entry.columns,
        seen_at=entry.seen_at,
        available=not path.is_absolute() or path.exists() or "*" in entry.source,
    )
