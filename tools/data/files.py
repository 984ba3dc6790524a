"""Looking through folders without following links out of them, and never for longer than a bound allows."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path, PurePath

MAGIC = frozenset("*?[")
# A folder with more entries than this is not walked to its end: a call must not hang on a home folder.
MAX_ENTRIES = 50_000
DATA_SUFFIXES = frozenset(
    (
        *(".csv", ".tsv", ".tab", ".psv", ".txt", ".json", ".ndjson", ".jsonl", ".parquet", ".pq"),
        *(".arrow", ".feather", ".ipc", ".xlsx", ".xls", ".xlsm", ".xlsb", ".ods"),
    )
)
PACKED_SUFFIXES = frozenset((".gz", ".zst", ".zstd"))


@dataclass
class Budget:
    """Entries of folders that may still be looked at, and until when; `spent` tells that a search was cut short."""

    left: int = MAX_ENTRIES
    until: float = math.inf

    @property
    def spent(self) -> bool:
        return self.left <= 0 or time.monotonic() > self.until


def has_magic(text: str) -> bool:
    """Tell whether a path is a pattern."""
    return not MAGIC.isdisjoint(text)


def looks_like_data(path: PurePath) -> bool:
    """Tell by its name whether a file is likely to hold a table."""
    suffixes = [suffix.lower() for suffix in path.suffixes[-2:]]
    if suffixes and suffixes[-1] in PACKED_SUFFIXES:
        suffixes.pop()
    return bool(suffixes) and suffixes[-1] in DATA_SUFFIXES


def walk(folder: Path, budget: Budget, *, depth: int = 8) -> Iterator[Path]:
    """Yield the files under a folder, nearest first and sorted by name; hidden ones and linked folders are left out."""
    level = [folder]
    for _ in range(depth):
        deeper: list[Path] = []
        for place in level:
            files, folders = _entries(place, budget)
            yield from files
            deeper += folders
        if not deeper or budget.spent:
            return
        level = deeper


def matches(base: Path, pattern: Sequence[str], budget: Budget) -> Iterator[Path]:
    """Yield the files under `base` that a pattern in parts matches, as a shell would: `**` crosses folders.

    A name that starts with a dot is matched only by a pattern that does.
    """
    part, rest = pattern[0], pattern[1:]
    if part == "**":
        files, folders = _entries(base, budget)
        if rest:
            yield from matches(base, rest, budget)
        else:
            yield from files
        for folder in folders:
            yield from matches(folder, pattern, budget)
    elif not has_magic(part):
        if rest:
            yield from matches(base / part, rest, budget)
        elif (base / part).is_file():
            yield base / part
    else:
        files, folders = _entries(base, budget, hidden=part.startswith("."), linked=True)
        for entry in folders if rest else files:
            if fnmatchcase(entry.name, part):
                yield from matches(entry, rest, budget) if rest else (entry,)


def _entries(
    folder: Path, budget: Budget, *, hidden: bool = False, linked: bool = False
) -> tuple[list[Path], list[Path]]:
    """Return the files and the sub-folders of a folder; one that can't be listed is empty."""
    files, folders = [], []
    try:
        with os.scandir(folder) as entries:
            for entry in islice(entries, 0 if budget.spent else budget.left):
                budget.left -= 1
                if entry.name.startswith(".") and not hidden:
                    continue
                if entry.is_dir(follow_symlinks=linked):
                    folders.append(Path(entry.path))
                elif entry.is_file():
                    files.append(Path(entry.path))
    except OSError:
        return [], []
    return sorted(files), sorted(folders)
