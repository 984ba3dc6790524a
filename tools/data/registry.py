"""The names that a tenant gave to datasets: one JSON file, shared by every process of the server."""

from __future__ import annotations

import json
import os
import re
import tempfile
import time
import unicodedata
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..errors import BadRequest, DataUnreadable, LimitExceeded, unknown
from ..locking import locked
from ..workspace import tenant_key

_NAME = re.compile(r"\w[\w.-]{0,63}")
_VERSION = 1
_MOST = 10_000
# A name that is used all the time is not written all the time.
_SEEN_EVERY = 600


@dataclass(frozen=True)
class Entry:
    """A name and what was last known of its dataset.

    Attributes:
        source: what the name stands for: an absolute path or pattern, a URL, or `connection:NAME/table`.
        columns: how many there were.
        schema: the type of every column when it was last read.
        added_at, seen_at: when it was registered and last read, in ISO form, UTC.
    """

    name: str
    source: str
    format: str | None = None
    rows: int | None = None
    columns: int | None = None
    schema: dict[str, str] = field(default_factory=dict)
    fingerprint: str = ""
    added_at: str = ""
    seen_at: str = ""


_FIELDS = frozenset(item.name for item in fields(Entry))
_State = tuple[int, int, int]


class Registry:
    """The names of one tenant.

    Args:
        folder: where the files of all tenants lie.
        tenant: whose names these are.
    """

    def __init__(self, folder: Path, tenant: str) -> None:
        self.tenant = tenant
        self.path = folder / f"{tenant_key(tenant)}.json"
        self._known: tuple[_State | None, dict[str, Entry]] = (None, {})

    def get(self, name: str) -> Entry | None:
        """Return what is known of a name, or None."""
        return self._current().get(name)

    def entries(self) -> list[Entry]:
        """Return all names, sorted."""
        return [entry for _, entry in sorted(self._current().items())]

    def add(self, name: str, source: str, *, overwrite: bool = False, **facts: Any) -> Entry:
        """Give a name to a source; to give it again is no change but what is known of it.

        Args:
            name: the name to be known by.
            source: what it stands for, as in `Entry`.
            overwrite: whether the name may move from another source.
            facts: other fields of `Entry`.

        Raises:
            BadRequest: the name is not legal, or taken by another source.
        """
        checked_name(name)

        def change(entries: dict[str, Entry]) -> Entry:
            old, now = entries.get(name), _now()
            if old is None and len(entries) >= _MOST:
                raise LimitExceeded(f"{_MOST:,} names are registered, the most allowed; delete_dataset removes some")
            if old is not None and old.source == source:
                return replace(old, **{**facts, "seen_at": now})
            if old is not None and not overwrite:
                raise BadRequest(
                    f"the name {name!r} is taken by {old.source}; choose another name, "
                    "or pass overwrite=true to move it to the new source"
                )
            return Entry(**{"name": name, "source": source, "added_at": now, "seen_at": now, **facts})

        added = self._change(name, change)
        assert added is not None
        return added

    def remember_schema(self, name: str, schema: dict[str, str], fingerprint: str, rows: int | None) -> None:
        """Note what a registered dataset looked like when it was read; an unknown name is no error."""
        known = self.get(name)
        if known is None:
            return
        fresh: dict[str, Any] = {"schema": schema, "fingerprint": fingerprint, "rows": rows, "columns": len(schema)}
        same = all(getattr(known, key) == value for key, value in fresh.items())
        if same and time.time() - datetime.fromisoformat(known.seen_at).timestamp() < _SEEN_EVERY:
            return

        def change(entries: dict[str, Entry]) -> Entry | None:
            # It may have been removed, or moved, by another process since.
            now = entries.get(name)
            return replace(now, **fresh, seen_at=_now()) if now and now.source == known.source else now

        self._change(name, change)

    def remove(self, name: str) -> Entry:
        """Forget a name; the data stays.

        Raises:
            BadRequest: there is no such name.
        """
        removed: list[Entry] = []

        def change(entries: dict[str, Entry]) -> Entry | None:
            if name not in entries:
                raise unknown("dataset name", name, sorted(entries))
            removed.append(entries[name])
            return None

        self._change(name, change)
        return removed[0]

    def _current(self) -> dict[str, Entry]:
        """Return the entries of the file, read again only when it has changed."""
        state = _state_of(self.path)
        if state != self._known[0]:
            self._known = (state, self._read() if state else {})
        return self._known[1]

    def _read(self) -> dict[str, Entry]:
        try:
            document = json.loads(self.path.read_bytes())
            records = document["datasets"]
            # A newer version may know more fields than this one.
            return {name: Entry(**{k: v for k, v in r.items() if k in _FIELDS}) for name, r in records.items()}
        except FileNotFoundError:
            return {}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataUnreadable(
                f"the file of dataset names {str(self.path)!r} is damaged ({type(error).__name__}); "
                "move it away and load the datasets again"
            ) from None

    def _change(self, name: str, change: Callable[[dict[str, Entry]], Entry | None]) -> Entry | None:
        """Change one entry, or remove it for None, with every other process kept out."""
        with locked(self.path.with_suffix(".lock")):
            entries = self._read()
            entry = change(entries)
            if entry is None:
                entries.pop(name, None)
            else:
                entries[name] = entry
            self._write(entries)
        return entry

    def _write(self, entries: dict[str, Entry]) -> None:
        document = {"version": _VERSION, "datasets": {name: asdict(entry) for name, entry in entries.items()}}
        with tempfile.NamedTemporaryFile(dir=self.path.parent, suffix=".tmp", delete=False) as handle:
            handle.write(json.dumps(document, ensure_ascii=False, indent=1).encode())
            handle.flush()
            os.fsync(handle.fileno())
        before = _state_of(self.path)
        # Clocks of file systems are coarse: a later write must never carry the time of an earlier one.
        stamp = max(time.time_ns(), before[0] + 1_000 if before else 0)
        os.utime(handle.name, ns=(stamp, stamp))
        Path(handle.name).replace(self.path)


def checked_name(name: str) -> str:
    """Return a name that may be registered.

    Raises:
        BadRequest: it holds other characters than letters, digits, `_`, `-` and `.`, or is too long.
    """
    if not _NAME.fullmatch(name):
        seen = repr(name if len(name) <= 80 else f"{name[:77]}…")
        raise BadRequest(
            f"{seen} can't be the name of a dataset: at most 64 letters, digits, '_', '-' and '.', "
            f"the first a letter, digit or '_'; {legal_name(name)!r} would do"
        )
    return name


def legal_name(text: str) -> str:
    """Make a legal name of any text, such as the name of a file."""
    plain = re.sub(r"[^\w.-]+", "_", unicodedata.normalize("NFC", text)).strip("_.-")
    return plain[:64].rstrip("_.-") or "dataset"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _state_of(path: Path) -> _State | None:
    """Return what changes whenever the file does, or None when there is no file."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
