"""A saved pipeline: a folder with the fitted pipeline, its manifest, and the features that it made."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DataUnreadable
from . import _skops

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

PIPELINE, MANIFEST, DATA = "pipeline.skops", "manifest.json", "fe_ready.parquet"
VERSION = 1
_FIELDS = ("feature_hash", "dataset", "target", "roles", "inputs", "needed", "features", "split", "files")


@dataclass(frozen=True, eq=False)
class SavedPipeline:
    """A folder that `save_fe_pipeline` wrote, its manifest checked."""

    folder: Path
    manifest: dict[str, Any]

    @classmethod
    def read(cls, folder: Path) -> SavedPipeline:
        """Read the manifest of a folder.

        Raises:
            DataUnreadable: there is none, or it is not as it was written.
        """
        path = folder / MANIFEST
        again = "save the pipeline again with save_fe_pipeline(overwrite=true)"
        try:
            manifest = json.loads(path.read_bytes())
            known = manifest["checksum"]
            for needed in _FIELDS:
                manifest[needed]
        except FileNotFoundError:
            raise DataUnreadable(f"there is no saved pipeline in {str(folder)!r}: {MANIFEST} is missing") from None
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise DataUnreadable(f"{str(path)!r} is no manifest ({type(error).__name__}: {error}); {again}") from None
        if known != checksum(manifest):
            raise DataUnreadable(
                f"{str(path)!r} was changed after it was written, so that what it says of the pipeline can't be "
                f"relied on; {again}"
            )
        if manifest.get("version") != VERSION:
            raise DataUnreadable(
                f"{str(path)!r} is of version {manifest.get('version')!r}, and this Refinery reads {VERSION}; {again}"
            )
        return cls(folder, manifest)

    def load(self) -> Pipeline:
        """Load the fitted pipeline.

        Raises:
            DataUnreadable: the file is missing, or not the one that the manifest was written with.
            NotAllowed: it holds unknown types.
        """
        path = self.folder / PIPELINE
        # Types first: an unknown one is the graver finding, and tells more than a changed digest.
        types = _skops.known_types(path)
        if not self._is_as_written(PIPELINE):
            raise DataUnreadable(
                f"{str(path)!r} is not the file that its manifest was written with; save the pipeline again with "
                "save_fe_pipeline(overwrite=true)"
            )
        return _skops.construct(path, types)

    def damaged(self) -> list[str]:
        """Return the names of files that are missing, or not as they were written."""
        return [name for name in self.manifest["files"] if not self._is_as_written(name)]

    def _is_as_written(self, name: str) -> bool:
        path, known = self.folder / name, self.manifest["files"][name]
        return path.is_file() and path.stat().st_size == known["bytes"] and file_digest(path) == known["sha256"]


def load_current(link: Path) -> tuple[SavedPipeline, Pipeline]:
    """Read and load the version that counts, all of one version; the next one if a save has just put it there.

    Raises:
        DataUnreadable: it is missing, damaged or changed by hand.
        NotAllowed: it holds unknown types.
    """
    folder = link.resolve()
    try:
        return _loaded(folder)
    except DataUnreadable:
        if link.resolve() == folder:
            raise
    return _loaded(link.resolve())


def _loaded(folder: Path) -> tuple[SavedPipeline, Pipeline]:
    saved = SavedPipeline.read(folder)
    return saved, saved.load()


def load_pipeline(path: str | Path) -> Pipeline:
    """Load a saved pipeline; told at `refinery.tools.features.load_pipeline`."""
    folder = Path(path)
    if folder.suffix == ".skops":
        folder = folder.parent
    return load_current(folder)[1]


def checksum(manifest: dict[str, Any]) -> str:
    """Return the digest of all that a manifest says."""
    said = {key: value for key, value in manifest.items() if key != "checksum"}
    return hashlib.sha256(json.dumps(said, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
