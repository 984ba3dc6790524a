"""Files that are being written: named after who writes them, so that what a killed process leaves can be removed."""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
import socket
import time
from pathlib import Path

_MARK = ".unfinished-"
_STALE_SECONDS = 24 * 3600


def unfinished_prefix(pid: int | None = None) -> str:
    """Return how the names of a process's unfinished files and folders begin; None: of this process."""
    # Containers that share a folder count their processes alike; their names differ.
    return f"{_MARK}{os.getpid() if pid is None else pid}-{socket.gethostname()}-"


def remove_unfinished(folder: Path, pid: int) -> None:
    """Remove what a process of this machine that was killed has left."""
    for left in folder.glob(f"{glob.escape(unfinished_prefix(pid))}*"):
        _remove(left)


def sweep_unfinished(folder: Path) -> None:
    """Remove what processes whose end nobody saw left a day ago."""
    for left in folder.glob(f"{_MARK}*"):
        with contextlib.suppress(FileNotFoundError):  # another process gave it its name, or removed it
            # Of a link, which may lead nowhere, its own age.
            if time.time() - left.lstat().st_mtime > _STALE_SECONDS:
                _remove(left)


def _remove(left: Path) -> None:
    if left.is_dir() and not left.is_symlink():
        shutil.rmtree(left, ignore_errors=True)
    else:
        left.unlink(missing_ok=True)
