"""From what a caller calls a dataset to the dataset: a registered name, a connection, a URL, a path or a pattern."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from pathlib import Path, PurePath
from typing import Literal

from ..errors import BadRequest, LimitExceeded, NotAllowed, RefineryError, Unavailable, nearest
from .connections import PREFIX, open_table, parse
from .dataset import Dataset
from .engine import Engine
from .files import MAX_ENTRIES, Budget, has_magic, looks_like_data, matches, walk
from .fingerprints import Fingerprints
from .policy import NotFound, Policy, checked, shown
from .reading import detect_format, read_files
from .registry import Registry
from .urls import checked_url, shown_url

MAX_FILES = 10_000
_SCHEME = re.compile(r"(?i)([a-z][a-z0-9+.-]+)://|(file|data|jdbc|javascript):")
_SQL = re.compile(
    r"(?i)^\s*\(?\s*(select|with|from|copy|attach|insert|update|delete|drop|create|pragma|install)\s|\w\s*\(|;"
)
_SUGGESTED = 2_000
# A listing is made in the server itself, where everybody else waits for it.
_LISTING_SECONDS = 0.05


@dataclass(frozen=True)
class Source:
    """Where a dataset is, found but not yet read.

    Attributes:
        name: what the caller called it.
        uri: the absolute path or pattern, the URL, or `connection:NAME/table`.
        paths: the files that hold it, in order; none for a database server.
        format: `csv`, `parquet` …, or the kind of database.
        fingerprint: changes whenever the content may have changed; empty when that can't be known.
    """

    name: str
    uri: str
    kind: Literal["file", "url", "database"]
    paths: tuple[Path, ...]
    format: str | None
    fingerprint: str

    @property
    def shown(self) -> str:
        """The place for people, without what may be secret."""
        return shown_url(self.uri) if self.kind == "url" else self.uri


@dataclass(frozen=True, eq=False)
class Opener:
    """Opens what one tenant may open.

    Attributes:
        policy: which files and hosts.
        registry: the tenant's names.
        engine: what computes.
        connections: named databases: their URLs, which are never shown.
        snapshots: where downloads and converted files are kept; None: nothing is downloaded.
    """

    policy: Policy
    registry: Registry
    engine: Engine
    connections: Mapping[str, str] = field(repr=False)
    snapshots: Path | None = None

    def resolve(self, text: str) -> Source:
        """Find what a name, path, pattern, URL or connection means, without opening it; a URL is fetched.

        Raises:
            BadRequest: nothing has that name; the message names the nearest that has.
            NotAllowed: it lies outside the roots, or at an address that may not be asked.
            DataUnreadable: the file is missing, or of no format that is known.
            LimitExceeded: it is too large.
            Unavailable: a server does not answer.
        """
        entry = self.registry.get(text)
        if entry is None:
            return self._find(text)
        try:
            return replace(self._find(entry.source), name=text)
        except RefineryError as error:
            raise type(error)(f"dataset {text!r} stands for {shown_source(entry.source)}: {error}") from None

    def is_remote(self, text: str) -> bool:
        """Tell whether finding it means fetching it, which may take as long as its server likes."""
        entry = self.registry.get(text)
        return (text if entry is None else entry.source).lower().startswith(("http://", "https://"))

    def open(self, text: str) -> Dataset:
        """Find a dataset and open it; raises as `resolve` does, and `DataUnreadable` for what is no table."""
        return self.open_source(self.resolve(text))

    def open_source(self, source: Source) -> Dataset:
        """Open what `resolve` has found."""
        if source.kind == "database":
            kept = self.snapshots / f"{source.fingerprint}-table.parquet" if self.snapshots and source.paths else None
            table, reading = open_table(parse(source.uri, self.connections), self.engine, copy=kept)
        else:
            table, reading = read_files(
                self.engine.connect(),
                source.paths,
                source.format,
                snapshots=self.snapshots,
                fingerprint=source.fingerprint,
            )
        return Dataset(
            name=source.name,
            table=table,
            source=source.shown,
            format=source.format or "",
            fingerprint=source.fingerprint,
            reading=reading,
        )

    def writable(self, path: str, *, overwrite: bool, sources: Sequence[str] = ()) -> Path:
        """Return the file that may be written for a path; raises as `Policy.writable` does.

        Args:
            path: under a root, or relative to the exports of the workspace.
            overwrite: whether an existing file may be replaced.
            sources: datasets that are being read, whose files are never replaced.
        """
        files = [file for name in sources for file in self.resolve(name).paths]
        return self._policy.writable(path, overwrite=overwrite, sources=files)

    def files(self, limit: int) -> tuple[list[str], bool]:
        """List files under the roots that look like tables, relative to their root, and tell whether there are more."""
        budget = Budget(MAX_ENTRIES // 10, time.monotonic() + _LISTING_SECONDS)
        found: list[str] = []
        for name in self._names_of_files(budget):
            if len(found) == limit:
                return found, True
            found.append(name)
        return found, budget.spent

    @cached_property
    def _policy(self) -> Policy:
        return replace(self.policy, tenant=self.registry.tenant)

    @cached_property
    def _fingerprints(self) -> Fingerprints:
        return Fingerprints()

    def _find(self, text: str) -> Source:
        if text.startswith(PREFIX):
            return self._database(text)
        scheme = _SCHEME.match(text)
        if scheme:
            return self._url(text, (scheme[1] or scheme[2]).lower())
        checked(text)
        try:
            path = self._policy.readable(text)
        except (NotFound, NotAllowed) as error:
            if has_magic(text):
                return self._pattern(text)
            if isinstance(error, NotFound) and not PurePath(text).is_absolute():
                raise self._unknown(text) from None
            raise
        return self._file(text, str(path), "file", (path,))

    def _file(self, name: str, uri: str, kind: Literal["file", "url"], paths: tuple[Path, ...]) -> Source:
        formats = {detect_format(path): path for path in paths}
        if len(formats) > 1:
            examples = ", ".join(f"{path.name} is {form}" for form, path in list(formats.items())[:3])
            raise BadRequest(f"{shown(name)} mixes formats: {examples}; use a pattern that matches one format")
        form = next(iter(formats))
        return Source(name, uri, kind, paths, form, self._fingerprints.of(paths, form or ""))

    def _database(self, text: str) -> Source:
        reference = parse(text, self.connections)
        files = reference.files
        fingerprint = self._fingerprints.of(files, reference.uri) if files else ""
        return Source(text, reference.uri, "database", files, reference.kind, fingerprint)

    def _url(self, text: str, scheme: str) -> Source:
        if scheme in {"http", "https"}:
            checked_url(text)
            if self.snapshots is None:
                raise Unavailable(f"{shown_url(text)}: nothing can be fetched without a workspace to keep it in")
            from .downloads import DEFAULT_MAX_MB, Downloads

            limit = self._policy.max_file_mb or DEFAULT_MAX_MB
            path = Downloads(self.snapshots, self._policy.private_addresses, limit).fetch(text)
            return self._file(text, text, "url", (path,))
        allowed = "a dataset is a registered name, a path under the roots, an http(s) URL, or connection:NAME/table"
        if scheme in {"postgres", "postgresql", "mysql", "sqlite", "duckdb", "mssql", "jdbc"}:
            raise NotAllowed(
                f"{scheme}: addresses are not opened, because passwords must not pass through here; "
                f"the person who runs Refinery can name the database in data.connections. {allowed}".replace(
                    ". a", ". A"
                )
            )
        raise NotAllowed(f"{scheme}: addresses are not opened; {allowed}")

    def _pattern(self, text: str) -> Source:
        parts = PurePath(text).parts
        fixed = next(index for index, part in enumerate(parts) if has_magic(part))
        prefix, pattern = PurePath(*parts[:fixed]), parts[fixed:]
        if ".." in pattern:
            raise BadRequest(f"{shown(text)}: '..' can't follow a wildcard in a pattern")
        budget = Budget()
        for folder in self._policy.places(str(prefix)):
            found = [path for path in matches(folder, pattern, budget) if "." in pattern[-1] or looks_like_data(path)]
            if budget.spent or len(found) > MAX_FILES:
                raise LimitExceeded(
                    f"{shown(text)} means more than {MAX_FILES:,} files, or a search through more than "
                    f"{MAX_ENTRIES:,}; start the pattern in a deeper folder"
                )
            if found:
                paths = tuple(self._policy.readable(path) for path in sorted(found, key=_natural))
                return self._file(text, str(folder.joinpath(*pattern)), "file", paths)
        raise self._unknown(text, what="file matches")

    def _names_of_files(self, budget: Budget) -> Iterator[str]:
        """Yield the names of files that may be read and look like tables, each as it can be opened by."""
        for base in self._policy.bases:
            for path in walk(base, budget):
                if looks_like_data(path) and self._policy.allows(path.resolve() if path.is_symlink() else path):
                    yield path.relative_to(base).as_posix()

    def _unknown(self, text: str, *, what: str = "dataset") -> BadRequest:
        """Build the error for a name that means nothing: the nearest name or file, or some of those that exist."""
        names = [entry.name for entry in self.registry.entries()]
        files = list(islice(self._names_of_files(Budget(_SUGGESTED * 2)), _SUGGESTED))
        stems = {PurePath(name).name.partition(".")[0]: name for name in reversed(files)}
        match = nearest(text, [*names, *files]) or stems.get(nearest(text, stems) or "")
        meant = f"; did you mean {match!r}?" if match else "."
        known = [*names, *files][:8]
        if _SQL.search(text):
            advice = " A dataset is a name, a path or a URL; SQL goes to query_dataset."
        elif known:
            advice = f" There are: {', '.join(known)}; list_datasets shows all"
        else:
            advice = " The roots hold no data files; see data.roots in the settings."
        return BadRequest(f"no {what} {shown(text)}{meant}{advice}")


def shown_source(source: str) -> str:
    """Return the source of a registered name for people, without what may be secret."""
    return shown_url(source) if "://" in source else source


def _natural(path: Path) -> list[tuple[int, int, str]]:
    """Sort `part2` before `part10`."""
    pieces = re.split(r"(\d+)", str(path))
    return [(0, int(piece), "") if piece.isdecimal() else (1, 0, piece) for piece in pieces]
