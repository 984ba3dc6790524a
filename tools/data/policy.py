"""Which files may be read and written: those under the roots, with links followed before the question is asked."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ..errors import BadRequest, DataUnreadable, LimitExceeded, NotAllowed, RefineryError, nearest
from ..workspace import Workspace, tenant_key
from .files import Budget, walk

# The folders of the workspace that hold a caller's own files; the others are ours.
OPEN_FOLDERS = ("uploads", "exports")
_LONGEST = 4096


class NotFound(DataUnreadable):
    """There is no such file, though there might be one."""


@dataclass(frozen=True)
class Policy:
    """What may be touched on disk and on the network.

    Attributes:
        roots: folders that may be read and written.
        workspace: the folder for all that Refinery keeps; only its `uploads` and `exports` may be read as data.
        private_addresses: whether URLs may lead to hosts that are not public.
        max_file_mb: the largest file that may be read; None: no limit.
        tenant: whose uploads and exports; None: everyone's.
    """

    roots: tuple[Path, ...]
    workspace: Path
    private_addresses: bool = False
    max_file_mb: int | None = None
    tenant: str | None = None

    @cached_property
    def bases(self) -> tuple[Path, ...]:
        """The folders that relative paths are tried under, links resolved: the roots, then what is the caller's own."""
        return (*(root.resolve() for root in self.roots), *self._own)

    @cached_property
    def _own(self) -> tuple[Path, ...]:
        folders = [self.workspace.resolve() / kind for kind in OPEN_FOLDERS]
        return tuple(folder if self.tenant is None else folder / tenant_key(self.tenant) for folder in folders)

    def readable(self, path: str | Path) -> Path:
        """Return the file that a path leads to, links and `..` resolved, if it may be read.

        Raises:
            NotAllowed: it lies outside the roots.
            DataUnreadable: it is missing, not a plain file, or not readable for this user.
            BadRequest: it is a folder, or no path at all.
            LimitExceeded: it is larger than `data.max_file_mb`.
        """
        text = checked(path)
        inside = self.places(text)
        found = next((place for place in inside if os.path.exists(place)), None)  # noqa: PTH110 - no error without permission
        if found is None:
            raise self._missing(text, inside[0])
        status = found.stat()
        if stat.S_ISDIR(status.st_mode):
            raise self._is_folder(text, found)
        if not stat.S_ISREG(status.st_mode):
            raise DataUnreadable(f"{shown(text)} is not a plain file but a device, pipe or socket; name a file")
        if not os.access(found, os.R_OK):
            raise DataUnreadable(f"no permission to read {shown(text)}; give the user that runs Refinery access to it")
        if self.max_file_mb is not None and status.st_size > self.max_file_mb * 1_000_000:
            raise LimitExceeded(
                f"{shown(text)} has {status.st_size / 1_000_000:,.0f} MB, more than the {self.max_file_mb} MB "
                "that data.max_file_mb allows; raise it in the settings, or split the file"
            )
        return found

    def writable(self, path: str | Path, *, overwrite: bool = False, sources: Iterable[Path] = ()) -> Path:
        """Return the file that may be written for a path; its folder exists, the file itself may not.

        Args:
            path: relative ones are tried under each root, then under the exports of the workspace.
            overwrite: whether an existing file may be replaced.
            sources: files that are being read, which are never replaced.

        Raises:
            NotAllowed: it lies outside the roots, or is a source or anything but a plain file.
            BadRequest: the file exists and `overwrite` is false, the folder does not exist, or it is no path at all.
        """
        text = checked(path)
        Workspace(self.workspace).folder("exports", self.tenant)
        inside = self.places(text)
        target = next((place for place in inside if place.parent.is_dir()), inside[0])
        if not target.parent.is_dir():
            raise BadRequest(f"the folder {str(target.parent)!r} does not exist; make it first, or name another")
        if target.is_dir():
            raise BadRequest(f"{shown(text)} is a folder; add a file name")
        if not target.exists():
            return target
        if not target.is_file():
            raise NotAllowed(f"{shown(text)} is not a plain file, and only plain files are written")
        if any(source.exists() and target.samefile(source) for source in sources):
            raise NotAllowed(
                f"{shown(text)} is a source of this data, and sources are never overwritten; name another file"
            )
        if not overwrite:
            raise BadRequest(f"{shown(text)} exists already; pass overwrite=true to replace it, or name another file")
        return target

    def allows(self, place: Path) -> bool:
        """Tell whether a resolved path lies where data may be read."""
        if any(place.is_relative_to(folder) for folder in self._own):
            return True
        within = [root for root in self.bases[: len(self.roots)] if place.is_relative_to(root)]
        workspace = self.workspace.resolve()
        if place.is_relative_to(workspace):
            # A root may hold the workspace, which stays closed; a root inside the workspace was opened on purpose.
            return any(root != workspace and root.is_relative_to(workspace) for root in within)
        return bool(within)

    def outside(self, text: str) -> NotAllowed:
        """Build the refusal of a path outside the roots."""
        roots = ", ".join(str(root) for root in self.roots) or "none"
        return NotAllowed(
            f"{shown(text)} is outside the folders that may be used ({roots}); "
            "use a file under them, or add its folder to data.roots in the settings"
        )

    def places(self, text: str) -> list[Path]:
        """Return the places that a path may mean, in order, those left out that may not be used.

        Raises:
            NotAllowed: none is left.
        """
        path = Path(text)
        if path.is_absolute():
            inside = [place for place in (resolved(path),) if self.allows(place)]
        else:
            inside = []
            for base in self.bases:
                place = resolved(base / path)
                if self.allows(place):
                    inside.append(place)
                elif Path(os.path.normpath(base / path)).is_relative_to(base):
                    # It is there, but a link leads out or it is the workspace: no other base may stand in for it.
                    raise self.outside(text)
        if not inside:
            raise self.outside(text)
        return inside

    def _missing(self, text: str, place: Path) -> RefineryError:
        if place.parent.is_dir() and not os.access(place.parent, os.X_OK):
            return DataUnreadable(f"no permission to look into the folder of {shown(text)}")
        names = [file.name for file in walk(place.parent, Budget(2_000), depth=1)]
        match = nearest(place.name, names)
        if match:
            return NotFound(f"no file {shown(text)}; did you mean {match!r} in the same folder?")
        some = f" The folder holds: {', '.join(names[:8])}" if names else ""
        return NotFound(f"no file {shown(text)}.{some or ' list_datasets shows what can be read.'}")

    def _is_folder(self, text: str, folder: Path) -> BadRequest:
        names = [file.name for file in walk(folder, Budget(2_000), depth=1)]
        some = f"it holds {', '.join(names[:5])}" if names else "it holds no files"
        suffix = Path(names[0]).suffix if names else ".csv"
        return BadRequest(
            f"{shown(text)} is a folder; {some}. Name a file, or a pattern such as {text.rstrip('/')}/*{suffix}"
        )


def shown(text: str) -> str:
    """Quote a caller's text for a message, cut where it is long."""
    return repr(text if len(text) <= 120 else f"{text[:100]}…{text[-15:]}")


def checked(path: str | Path) -> str:
    """Return a path as text once it can be one.

    Raises:
        BadRequest: it is empty, too long, holds a NUL byte, or starts with `~`.
        NotAllowed: it is a `file:` address.
    """
    text = str(path)
    if not text.strip():
        raise BadRequest("the path is empty; give the name of a dataset or a file")
    if "\0" in text:
        raise BadRequest(f"{shown(text)} holds a NUL byte, which no path may")
    if len(text) > _LONGEST or any(len(part.encode(errors="replace")) > 255 for part in text.split("/")):
        raise BadRequest(f"{shown(text)} is too long for a path: {len(text):,} characters")
    if text.lower().startswith("file:"):
        raise NotAllowed(
            f"{shown(text)}: file: addresses are not opened; give the plain path of a file under the roots"
        )
    if text.startswith("~") and (text == "~" or "/" in text):
        raise BadRequest(f"{shown(text)}: '~' is not expanded; give the whole path, or one relative to a root")
    return text


def resolved(path: Path) -> Path:
    """Follow links and `..` as far as the path exists.

    Raises:
        DataUnreadable: links go round in a circle, or the system refuses the path.
    """
    try:
        return path.resolve()
    except RuntimeError:
        raise DataUnreadable(f"{shown(str(path))} is a link that leads back to itself") from None
    except (OSError, ValueError) as error:
        code = errno.errorcode.get(getattr(error, "errno", None) or 0, "not a path")
        raise DataUnreadable(f"{shown(str(path))} can't be looked up: {code}") from None
