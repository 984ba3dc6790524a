"""Reading files as tables: Parquet and Arrow where they lie, everything else converted once into a typed snapshot."""

# ruff: noqa: S608 (all names and texts in SQL are quoted by `sql`)

from __future__ import annotations

import json
import os
import shutil
import tempfile
import uuid
import weakref
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import BadRequest, DataUnreadable, LimitExceeded
from .casting import Untyped, typed
from .dataset import Reading
from .sql import file_literal, literal
from .text import GZIP, ZSTD, unpacked
from .unfinished import sweep_unfinished, unfinished_prefix
from .views import make_view, parquet_view

if TYPE_CHECKING:
    import duckdb
    import ibis.expr.types as ir
    from ibis.backends.duckdb import Backend

# Raised when files are read in another way, so that older snapshots are not used.
VERSION = 1

_SUFFIXES = {
    **dict.fromkeys((".csv", ".tsv", ".tab", ".psv", ".txt", ".dat"), "csv"),
    **dict.fromkeys((".json", ".geojson"), "json"),
    **dict.fromkeys((".ndjson", ".jsonl"), "ndjson"),
    **dict.fromkeys((".parquet", ".pq", ".parq"), "parquet"),
    **dict.fromkeys((".arrow", ".arrows", ".feather", ".ipc"), "arrow"),
    **dict.fromkeys((".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"), "excel"),
}
_MAGIC = (
    (b"PAR1", "parquet"),
    (b"ARROW1", "arrow"),
    (b"FEA1", "arrow"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "excel"),
)
FORMATS = ("csv", "json", "ndjson", "parquet", "arrow", "excel")
IN_PLACE = frozenset(("parquet", "arrow"))


def detect_format(path: Path) -> str:
    """Return the format of a file: by its first bytes where they are unmistakable, else by its suffix.

    Returns:
        `csv` (of any delimiter), `json`, `ndjson`, `parquet`, `arrow` or `excel`.

    Raises:
        DataUnreadable: there is no such file, it can't be opened, or it is of no format that is known.
    """
    with _opened(path):
        with path.open("rb") as file:
            head = file.read(16)
        for magic, found in _MAGIC:
            if head.startswith(magic):
                return found
        if head.startswith(b"PK\x03\x04") and zipfile.is_zipfile(path):
            return _archive(path)
        packed = head.startswith((GZIP, ZSTD))
        suffixes = [suffix.lower() for suffix in path.suffixes]
        if suffixes and suffixes[-1] in {".gz", ".zst", ".zstd"}:
            suffixes.pop()
        by_suffix = _SUFFIXES.get(suffixes[-1]) if suffixes else None
        if by_suffix is not None and not (packed and by_suffix in IN_PLACE | {"excel"}):
            return by_suffix
        with unpacked(path) as stream:
            return _by_content(path, stream.read(4096))


def _archive(path: Path) -> str:
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    if any(name.startswith("xl/") for name in names) or "content.xml" in names:
        return "excel"
    raise DataUnreadable(f"{path.name!r} is a zip archive of {', '.join(names[:3])} …; unpack it and name a file of it")


def _by_content(path: Path, head: bytes) -> str:
    for magic, found in _MAGIC:
        if head.startswith(magic):
            raise DataUnreadable(f"{path.name!r} is {found} within gzip or zstd; unpack it first")
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith((b"{", b"[")):
        lines = [line for line in head.split(b"\n")[:2] if line.strip()]
        return "ndjson" if len(lines) == 2 and all(line.lstrip().startswith(b"{") for line in lines) else "json"
    if b"\0" in head and not head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataUnreadable(
            f"{path.name!r} is of no known format (it starts with {head[:8]!r}); known are CSV, TSV, JSON, NDJSON, "
            "Parquet, Arrow and Excel"
        )
    return "csv"


@contextmanager
def _opened(path: Path) -> Iterator[None]:
    """Tell in our words why a file can't be opened."""
    try:
        yield
    except FileNotFoundError as error:
        raise DataUnreadable(f"no file {str(path)!r}") from error
    except IsADirectoryError as error:
        example = str(path / "*.csv")
        raise DataUnreadable(
            f"{str(path)!r} is a folder; name a file in it, or a pattern such as {example!r}"
        ) from error
    except PermissionError as error:
        raise DataUnreadable(
            f"{str(path)!r} may not be opened (permission denied); change its mode or copy it"
        ) from error


def read_files(
    backend: Backend,
    paths: Sequence[Path],
    format: str | None,  # noqa: A002
    *,
    snapshots: Path | None,
    fingerprint: str,
) -> tuple[ir.Table, Reading]:
    """Read one or several files of one format as one table, their columns united by name.

    Parquet and Arrow are read where they lie. Anything else is converted once into a Parquet snapshot whose columns
    have types, and a later call with the same fingerprint reads that. In CSV a field that is empty is null, quoted
    or not. Rows that can't be read are counted in `Reading.unreadable_rows`, with their lines in `Reading.notes`.

    Args:
        backend: where the table is to be; it gets a view of its own there.
        paths: the files, in order.
        format: what `detect_format` returns, or None to detect it.
        snapshots: the folder that keeps snapshots; None: one that goes with the backend.
        fingerprint: changes whenever the content may have; empty: no snapshot is used again.

    Raises:
        BadRequest: the format is unknown, or the files are of several.
        DataUnreadable: a file is missing, empty, damaged or no table; the message says where and what to try.
        LimitExceeded: reading takes more memory or disk than is allowed.
    """
    if not paths:
        raise BadRequest("no files were named; name at least one")
    for path in paths:
        with _opened(path), path.open("rb") as file:
            if not file.read(1):
                raise DataUnreadable(f"{path.name!r} is empty (0 bytes); name another file")
    form = format or _common_format(paths)
    if form not in FORMATS:
        raise BadRequest(f"unknown format {form!r}; known are {', '.join(FORMATS)}")
    with _failures(paths):
        if form == "parquet":
            return _parquet(backend, paths)
        if form == "arrow":
            from .arrowtables import read_arrow

            return read_arrow(backend, paths)
        return _converted(backend, paths, form, snapshots, fingerprint)


def _common_format(paths: Sequence[Path]) -> str:
    found = {detect_format(path): path.name for path in paths}
    if len(found) > 1:
        named = ", ".join(f"{name!r} is {form}" for form, name in found.items())
        raise BadRequest(f"the files are of several formats ({named}); name files of one")
    return next(iter(found))


@contextmanager
def _failures(paths: Sequence[Path]) -> Iterator[None]:
    """Tell the engine's failures to read in our words."""
    import duckdb

    name = repr(paths[0].name) if len(paths) == 1 else f"{paths[0].name!r} or another of the {len(paths)} files"
    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise LimitExceeded(
            f"reading {name} takes more memory or disk than the engine may use ({_first_line(error)}); "
            "raise its memory limit"
        ) from error
    except (
        duckdb.IOException,
        duckdb.InvalidInputException,
        duckdb.ConversionException,
        duckdb.BinderException,
    ) as error:
        raise DataUnreadable(
            f"{name} can't be read: {_first_line(error)}; copy or write the file again, "
            "or check that its format is what its name says"
        ) from error


def _first_line(error: Exception) -> str:
    line = str(error).strip().split("\n", 1)[0]
    return line.split(" Error: ", 1)[-1].rstrip(".")


def _parquet(backend: Backend, paths: Sequence[Path]) -> tuple[ir.Table, Reading]:
    if len(paths) == 1:
        table, notes = parquet_view(backend, paths[0])
    else:
        files = ", ".join(map(file_literal, paths))
        query = f"SELECT * FROM read_parquet([{files}], union_by_name = true, hive_partitioning = true)"
        table, notes = make_view(backend, query)
    return table, Reading(notes=tuple(notes))


def _converted(
    backend: Backend, paths: Sequence[Path], form: str, snapshots: Path | None, fingerprint: str
) -> tuple[ir.Table, Reading]:
    if snapshots is None:
        home = Path(tempfile.mkdtemp(prefix="refinery-"))
        weakref.finalize(backend, shutil.rmtree, home, ignore_errors=True)
    else:
        home = snapshots
        home.mkdir(parents=True, exist_ok=True)
    target = home / f"{fingerprint or uuid.uuid4().hex}.parquet"
    reading = _kept(target) if fingerprint else None
    if reading is None:
        reading = _convert(backend, paths, form, target)
    table, _ = parquet_view(backend, target)
    return table, reading


def _kept(target: Path) -> Reading | None:
    """Return how the snapshot's source was read, or None where there is no snapshot of today's making."""
    try:
        kept = json.loads(target.with_suffix(".json").read_text(encoding="utf-8"))
        size = target.stat().st_size
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    if kept.get("version") != VERSION or size != kept.get("bytes"):
        return None
    # What is in use is not to expire, and not every disk keeps the time of the last reading.
    for file in (target, target.with_suffix(".json")):
        os.utime(file)
    return Reading(**{**kept["reading"], "notes": tuple(kept["reading"]["notes"])})


def _convert(backend: Backend, paths: Sequence[Path], form: str, target: Path) -> Reading:
    """Read files into a typed snapshot; it appears whole or not at all, its description last."""
    sweep_unfinished(target.parent)
    with tempfile.TemporaryDirectory(prefix=unfinished_prefix(), dir=target.parent) as folder:
        raw = _reader(form)(backend.con, paths, Path(folder))
        query, notes = typed(backend.con, raw.query, raw.texts)
        written = Path(folder) / "snapshot.parquet"
        backend.con.execute(f"COPY ({query}) TO {literal(str(written))} (FORMAT parquet)")
        reading = Reading(raw.encoding, raw.delimiter, raw.unreadable_rows, (*raw.notes, *notes))
        about = {"version": VERSION, "bytes": written.stat().st_size, "reading": asdict(reading)}
        side = written.with_suffix(".json")
        side.write_text(json.dumps(about, ensure_ascii=False), encoding="utf-8")
        os.replace(written, target)  # noqa: PTH105
        os.replace(side, target.with_suffix(".json"))  # noqa: PTH105
    return reading


def _reader(form: str) -> Callable[[duckdb.DuckDBPyConnection, Sequence[Path], Path], Untyped]:
    if form == "csv":
        from .delimited import read_delimited

        return read_delimited
    if form == "excel":
        from .workbooks import read_workbooks

        return read_workbooks
    from .documents import read_documents

    return read_documents
