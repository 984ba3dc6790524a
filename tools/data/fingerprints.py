"""A short digest of files that changes whenever their content may have changed."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable
from pathlib import Path

WHOLE = 16 * 1024 * 1024
_EDGE = 2 * 1024 * 1024
_BLOCK = 64 * 1024
_BLOCKS = 128
# A file changed less than this ago may change again without a new time: its digest is not kept.
_SETTLED = 2.0
_MOST = 4096

_Key = tuple[str, int, int, int]


class Fingerprints:
    """Digests of files, kept for as long as the file's size, time and inode stay what they were."""

    def __init__(self) -> None:
        self._known: dict[_Key, bytes] = {}

    def of(self, paths: Iterable[Path], kind: str = "") -> str:
        """Return the digest of files in their order, read as `kind`; where several lie matters, as folders may tell."""
        digest = hashlib.blake2b(kind.encode(), digest_size=16)
        files = list(paths)
        for path in files:
            digest.update(self._digest(path))
            if len(files) > 1:
                digest.update(os.fsencode(path))
        return digest.hexdigest()

    def _digest(self, path: Path) -> bytes:
        status = path.stat()
        key = (str(path), status.st_size, status.st_mtime_ns, status.st_ino)
        known = self._known.get(key)
        if known is not None:
            return known
        digest = _read(path, status)
        if time.time() - status.st_mtime > _SETTLED:
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[key] = digest
        return digest


def _read(path: Path, status: os.stat_result) -> bytes:
    """Digest all of a file up to 16 MB; of a larger one its edges, blocks between them, and its size and time."""
    size = status.st_size
    digest = hashlib.blake2b(size.to_bytes(8, "big"), digest_size=16)
    with path.open("rb") as file:
        if size <= WHOLE:
            while piece := file.read(1 << 20):
                digest.update(piece)
            return digest.digest()
        digest.update(status.st_mtime_ns.to_bytes(8, "big", signed=True))
        digest.update(file.read(_EDGE))
        step = (size - 2 * _EDGE) // _BLOCKS
        for number in range(_BLOCKS):
            file.seek(_EDGE + number * step)
            digest.update(file.read(_BLOCK))
        file.seek(size - _EDGE)
        digest.update(file.read(_EDGE))
    return digest.digest()
