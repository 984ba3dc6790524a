"""Fitted steps and pipelines on disk: skops files, of which only known types are ever loaded."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import Any

from ..errors import DataUnreadable, NotAllowed

_MOST_SCHEMA, _MOST_BYTES = 100_000_000, 4_000_000_000
# Beside what skops itself holds to be safe: no type of ours, and harmless.
_OTHERS = frozenset({"numpy.dtype"})
# What reading a damaged file ends with, wherever the damage is.
_DAMAGED = (
    *(OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, IndexError, ImportError, RecursionError),
    *(NotImplementedError, zipfile.BadZipFile, zlib.error),
)


def is_known(name: str) -> bool:
    """Tell whether a type may be in a file: an estimator of this package, or one of the few others."""
    module, _, attribute = name.rpartition(".")
    package, _, file = module.rpartition(".")
    if package != __package__ or not file.startswith("_"):
        return name in _OTHERS
    if not any(found.name == file for found in pkgutil.iter_modules([str(Path(__file__).parent)])):
        return False
    from sklearn.base import BaseEstimator

    kind = getattr(importlib.import_module(module), attribute, None)
    return inspect.isclass(kind) and issubclass(kind, BaseEstimator) and kind.__module__ == module


def dump(thing: Any, path: Path) -> None:
    """Write a fitted estimator."""
    _skops_io().dump(thing, path)


def load(path: Path) -> Any:
    """Read a fitted estimator.

    Raises:
        DataUnreadable: it is missing, or no skops file.
        NotAllowed: it holds a type that Refinery does not know; nothing of it was loaded.
    """
    return construct(path, known_types(path))


def known_types(path: Path) -> list[str]:
    """Return the types in a file that skops itself does not know, once Refinery knows them all; nothing is loaded.

    Raises:
        DataUnreadable: it is missing, or no skops file.
        NotAllowed: it holds a type that Refinery does not know.
    """
    with _told(path):
        _check_size(path)
        found = set(_skops_io().get_untrusted_types(file=path))
    unknown = sorted(name for name in found if not is_known(name))
    if unknown:
        raise NotAllowed(
            f"{str(path)!r} holds types that no pipeline of Refinery has: {', '.join(unknown[:5])}. It was not loaded: "
            "such a file can run code. Save the pipeline again, and ask who changed this one"
        )
    return sorted(found)


def construct(path: Path, types: list[str]) -> Any:
    """Make the estimator of a file whose types are known.

    Raises:
        DataUnreadable: it is missing, or no skops file.
    """
    with _told(path):
        return _skops_io().load(path, trusted=types)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Tell every way in which reading a damaged file fails as one."""
    try:
        yield
    except FileNotFoundError:
        raise DataUnreadable(f"there is no pipeline file {str(path)!r}; save_fe_pipeline writes one") from None
    except _DAMAGED as error:
        raise DataUnreadable(
            f"{str(path)!r} is no pipeline that Refinery wrote ({type(error).__name__}); save it again"
        ) from None


def _check_size(path: Path) -> None:
    """Refuse a file that would unpack into far more than any pipeline of ours."""
    with zipfile.ZipFile(path) as file:
        sizes = {item.filename: item.file_size for item in file.infolist()}
    if sizes.get("schema.json", 0) > _MOST_SCHEMA or sum(sizes.values()) > _MOST_BYTES:
        raise NotAllowed(
            f"{str(path)!r} would unpack to {sum(sizes.values()) / 1e6:,.0f} MB, more than a pipeline has; it was not "
            "loaded: save the pipeline again"
        )


def _skops_io() -> Any:
    """Import skops, which walks through all of scikit-learn, without torch, which it would import on the way.

    That takes a second and 180 MB, and nothing of it is used.
    """
    if "skops.io" in sys.modules or "torch" in sys.modules:
        return importlib.import_module("skops.io")
    without = _WithoutTorch()
    sys.meta_path.insert(0, without)
    try:
        return importlib.import_module("skops.io")
    finally:
        sys.meta_path.remove(without)


class _WithoutTorch(MetaPathFinder):
    """Finds every module where it is, but torch nowhere."""

    def find_spec(self, name: str, *_: Any) -> None:
        if name == "torch":
            raise ImportError("torch is not needed here", name=name)
