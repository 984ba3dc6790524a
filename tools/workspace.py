"""The folder for all that Refinery keeps, closed to other users: results, snapshots, names, contracts, audit."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_PLAIN = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")  # no capitals: some file systems fold case
_RESULT_ID = re.compile(r"[0-9a-f]{24}")
# Kept for good: names and contracts are the user's; all else can be computed again.
EXPIRING = ("results", "snapshots", "stages", "spill", "audit")


@dataclass(frozen=True)
class Workspace:
    """One folder, with a sub-folder for each kind of thing and, where it belongs to one, each tenant."""

    root: Path

    def folder(self, kind: str, tenant: str | None = None) -> Path:
        """Return the folder of a kind of thing, made with mode 0700 when it is missing."""
        folder = self.root / kind if tenant is None else self.root / kind / tenant_key(tenant)
        if not folder.is_dir():
            for level in (self.root, self.root / kind, folder):
                level.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder

    def write(self, path: Path, content: bytes) -> None:
        """Write a file whole or not at all."""
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".tmp", delete=False) as handle:
            handle.write(content)
        Path(handle.name).replace(path)

    def keep_result(self, tenant: str, key: str, document: dict[str, Any], image: bytes | None = None) -> None:
        """Keep a whole result under its id, and the picture that goes with it."""
        folder = self.folder("results", tenant)
        if image is not None:
            self.write(folder / f"{key}.png", image)
        self.write(folder / f"{key}.json", json.dumps(document, separators=(",", ":")).encode())

    def result(self, tenant: str, key: str) -> dict[str, Any] | None:
        """Return a kept result of this tenant, or None when there is none (any more)."""
        content = self._result_file(tenant, key, "json")
        document: dict[str, Any] | None = json.loads(content) if content is not None else None
        return document

    def result_image(self, tenant: str, key: str) -> bytes | None:
        """Return the picture of a kept result, or None."""
        return self._result_file(tenant, key, "png")

    def drop_result(self, tenant: str, key: str) -> bool:
        """Remove a kept result and its picture; tell whether there was one."""
        there = self._result_file(tenant, key, "json") is not None
        for suffix in ("json", "png"):
            if _RESULT_ID.fullmatch(key):
                (self.folder("results", tenant) / f"{key}.{suffix}").unlink(missing_ok=True)
        return there

    def _result_file(self, tenant: str, key: str, suffix: str) -> bytes | None:
        if not _RESULT_ID.fullmatch(key):
            return None
        try:
            return (self.folder("results", tenant) / f"{key}.{suffix}").read_bytes()
        except FileNotFoundError:
            return None

    def sweep(self, *, max_age_days: float, max_mb: float) -> int:
        """Remove what is too old, then the oldest until the rest fits; return the number of files removed."""
        removed, kept = 0, []
        oldest = time.time() - max_age_days * 86_400
        for file, modified, size in self._expiring_files():
            if modified < oldest:
                file.unlink(missing_ok=True)
                removed += 1
            else:
                kept.append((modified, size, file))
        total = sum(size for _, size, _ in kept)
        for _, size, file in sorted(kept, key=lambda item: item[0]):
            if total <= max_mb * 1_000_000:
                break
            file.unlink(missing_ok=True)
            total, removed = total - size, removed + 1
        self._remove_empty_folders()
        return removed

    def _remove_empty_folders(self) -> None:
        """Remove what processes that were killed left behind; one that still wants its folder makes it again."""
        for kind in EXPIRING:
            for folder in sorted((self.root / kind).rglob("*/"), reverse=True):
                with contextlib.suppress(OSError):  # not empty, or gone already
                    if folder.stat().st_mtime < time.time() - 86_400:
                        folder.rmdir()

    def _expiring_files(self) -> Iterator[tuple[Path, float, int]]:
        for kind in EXPIRING:
            for file in (self.root / kind).rglob("*"):
                try:
                    status = file.stat()
                except FileNotFoundError:
                    continue  # another process swept it
                if file.is_file():
                    yield file, max(status.st_mtime, status.st_atime), status.st_size


def tenant_key(tenant: str) -> str:
    """Return a file name for a tenant: itself when it is plain, else a digest that no plain name equals."""
    if _PLAIN.fullmatch(tenant):
        return tenant
    return "~" + hashlib.blake2b(tenant.encode(), digest_size=12).hexdigest()
