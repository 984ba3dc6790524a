"""Writing files so that each is there as a whole or not at all, and nobody else on the machine reads them."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from ...tools.errors import BadRequest


def require_free(folder: Path, names: Sequence[str], *, overwrite: bool) -> None:
    """Check that files can be written, before any work is done for them.

    Raises:
        BadRequest: the folder is none, or a file of that name is there and is not to be replaced.
    """
    if folder.exists() and not folder.is_dir():
        raise BadRequest(f"{str(folder)!r} is a file; name a folder, which need not exist")
    there = [name for name in names if (folder / name).exists()]
    if there and not overwrite:
        raise BadRequest(
            f"{str(folder)!r} holds {', '.join(there)} already; pass --overwrite to replace what an earlier export "
            "wrote, or name another folder"
        )


def write_files(folder: Path, texts: Mapping[str, str], check: Callable[[str, Path], None], *, overwrite: bool) -> None:
    """Write files; none takes its name before all are on the disk and checked.

    Args:
        folder: is made when it is missing, for its owner alone.
        texts: the contents by name.
        check: reads back an unfinished file, given its name to be, and raises if it is not as it must be.
        overwrite: whether files of these names are replaced.

    Raises:
        BadRequest: as `require_free`, or the folder can't be written to.
    """
    require_free(folder, list(texts), overwrite=overwrite)
    with _said_plainly(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".feedback-", dir=folder) as unfinished:
            for name, text in texts.items():
                _write(Path(unfinished) / name, text)
                check(name, Path(unfinished) / name)
            for name in texts:
                (Path(unfinished) / name).replace(folder / name)


def _write(path: Path, text: str) -> None:
    private = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(private, "w", encoding="utf-8", newline="\n") as handle:
        handle.write(text)
        handle.flush()
        os.fsync(handle.fileno())


@contextlib.contextmanager
def _said_plainly(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise BadRequest(
            f"{str(folder)!r} can't be written to: {reason}; name a folder that you may write to"
        ) from error
