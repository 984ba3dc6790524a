"""Giving a source a name, and telling how it was read."""

from __future__ import annotations

from pathlib import PurePath

from ..catalogue import action
from ..context import Context
from ..data.dataset import Dataset
from ..data.registry import Entry, checked_name, legal_name
from ..data.sources import Source
from ..results import Evidence, Finding, Result, worst_first

# A file of which more than this is unreadable was read the wrong way.
MANY_UNREADABLE = 0.01


class LoadedDataset(Result):
    """A name for a source, and what is there."""

    name: str
    source: str
    format: str
    rows: int
    columns: list[str]
    actual_schema: dict[str, str]
    encoding: str | None = None
    delimiter: str | None = None
    unreadable_rows: int = 0
    notes: list[str]

    def headline(self) -> str:
        return f"{self.source} is now {self.name!r}: {self.rows:,} rows, {len(self.columns):,} columns."

    def details(self) -> list[str]:
        types = [f"{name} {kind}" for name, kind in list(self.actual_schema.items())[:30]]
        more = f" and {len(self.columns) - 30:,} more" if len(self.columns) > 30 else ""
        read = [
            f"read as {self.format}",
            f"encoding {self.encoding}" if self.encoding else "",
            f"delimiter {self.delimiter!r}" if self.delimiter else "",
        ]
        return [", ".join(filter(None, read)), f"columns: {'; '.join(types)}{more}", *self.notes]

    def next_steps(self) -> list[str]:
        return [f"call other tools with dataset={self.name!r}; quality_report is a good first one"]


@action("Load a dataset", pure=False, read_only=False)
def load_dataset(source: str, name: str | None = None, overwrite: bool = False, *, context: Context) -> LoadedDataset:
    """Read a file, pattern, URL or connection:NAME/table once and give it a short name for later calls.

    Args:
        source: path under the roots, glob, http(s) URL, or connection:NAME/table
        name: default from the file name
        overwrite: move a taken name to this source
        context: who calls, and what they may open

    Raises:
        BadRequest: the name is not legal, or taken by another source.
    """
    found = context.opener.resolve(source)
    name = checked_name(name) if name is not None else _name_for(found, source, context)
    before = context.registry.get(name)
    if before is not None and before.source != found.uri and not overwrite:
        # Said before a long reading rather than after it.
        context.registry.add(name, found.uri)
    dataset = context.opener.open_source(found)
    schema = {column: str(kind) for column, kind in dataset.schema.items()}
    context.registry.add(
        name,
        found.uri,
        overwrite=overwrite,
        format=found.format,
        rows=dataset.rows,
        columns=len(schema),
        schema=schema,
        fingerprint=found.fingerprint,
    )
    return LoadedDataset(
        dataset=name,
        scanned=dataset.everything,
        findings=worst_first([*_unreadable(dataset), *_changed(before, found, schema), *_empty(dataset)]),
        name=name,
        source=found.shown,
        format=dataset.format,
        rows=dataset.rows,
        columns=list(schema),
        actual_schema=schema,
        encoding=dataset.reading.encoding,
        delimiter=dataset.reading.delimiter,
        unreadable_rows=dataset.reading.unreadable_rows,
        notes=list(dataset.reading.notes),
    )


def _name_for(found: Source, source: str, context: Context) -> str:
    """Return the name that the source has already, or one made of its file's or table's."""
    if context.registry.get(source) is not None:
        return source
    if found.kind == "database":
        return legal_name(found.uri.rpartition("/")[2])
    stem = PurePath(found.shown.partition("?")[0]).name.partition(".")[0]
    # A pattern such as `2024-*.csv` is called after what it says besides its wildcards.
    return legal_name(stem) if legal_name(stem) != "dataset" else legal_name(PurePath(found.shown).parent.name)


def _unreadable(dataset: Dataset) -> list[Finding]:
    bad = dataset.reading.unreadable_rows
    if not bad:
        return []
    share = bad / (bad + dataset.rows)
    return [
        Finding(
            severity="high" if share > MANY_UNREADABLE else "medium",
            message=f"{bad:,} rows could not be read and are left out ({share:.2%} of the file)",
            metric="unreadable_rows",
            value=bad,
            threshold=0,
            evidence=Evidence(rows=bad, examples=list(dataset.reading.notes[:3])),
        )
    ]


def _changed(before: Entry | None, found: Source, schema: dict[str, str]) -> list[Finding]:
    """Compare with what the same source looked like when it was last read."""
    if before is None or before.source != found.uri or not before.schema:
        return []
    gone = [column for column in before.schema if column not in schema]
    new = [column for column in schema if column not in before.schema]
    moved = [column for column, kind in schema.items() if before.schema.get(column, kind) != kind]
    parts = [("gone", gone), ("new", new), ("of another type", moved)]
    said = [f"{', '.join(columns[:5])}{' …' if len(columns) > 5 else ''} {what}" for what, columns in parts if columns]
    if not said:
        return []
    return [
        Finding(
            severity="medium",
            columns=[*gone, *new, *moved],
            message=f"columns have changed since it was last read: {'; '.join(said)}",
            metric="changed_columns",
            value=len(gone) + len(new) + len(moved),
            threshold=0,
        )
    ]


def _empty(dataset: Dataset) -> list[Finding]:
    if dataset.rows:
        return []
    return [Finding(severity="medium", message="there are no rows", metric="rows", value=0, threshold=1)]
