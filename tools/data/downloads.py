"""Fetching a table over http(s): only from public addresses unless the settings allow others, and never without end."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import tempfile
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from email.message import Message
from hashlib import blake2b
from pathlib import Path, PurePosixPath
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit

from ..errors import BadRequest, DataUnreadable, LimitExceeded, NotAllowed, Unavailable
from .files import PACKED_SUFFIXES, looks_like_data
from .unfinished import unfinished_prefix
from .urls import addresses_of, checked_url, port_of, shown_url

DEFAULT_MAX_MB = 2_000
# Within this time a file is not asked for again, so that the checks of one conversation see one state of it.
FRESH_SECONDS = 60.0
_TIMEOUT = 30.0
_REDIRECTS = 5
_PIECE = 1 << 18
_REDIRECTING = frozenset((301, 302, 303, 307, 308))
_ASKED = {"ETag": "If-None-Match", "Last-Modified": "If-Modified-Since"}
_SUFFIX_OF = {
    "text/csv": ".csv",
    "application/csv": ".csv",
    "text/tab-separated-values": ".tsv",
    "application/json": ".json",
    "application/x-ndjson": ".ndjson",
    "application/jsonl": ".ndjson",
    "application/vnd.apache.parquet": ".parquet",
    "application/x-parquet": ".parquet",
    "application/vnd.apache.arrow.file": ".arrow",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "application/vnd.ms-excel": ".xls",
    "text/plain": ".csv",
}


@dataclass(frozen=True)
class Downloads:
    """Fetches files into a folder and keeps them there while the server says that they are unchanged.

    Attributes:
        folder: where they are kept.
        private_addresses: whether hosts with other than public addresses may be asked.
        max_mb: the largest file that is fetched.
    """

    folder: Path
    private_addresses: bool = False
    max_mb: int = DEFAULT_MAX_MB

    def fetch(self, url: str) -> Path:
        """Return a file with what the URL answers.

        Raises:
            BadRequest: it is not an http(s) URL, or holds a password.
            NotAllowed: it leads, itself or by a redirect, to an address that is not public.
            DataUnreadable: the server refuses, or answers with a web page.
            LimitExceeded: the answer is larger than `max_mb`.
            Unavailable: the server can't be reached or breaks off.
        """
        note = self.folder / f"{blake2b(url.encode(), digest_size=12).hexdigest()}.download"
        kept = _kept(note)
        if kept is not None and 0 <= time.time() - kept.fetched < FRESH_SECONDS:
            return kept.path
        try:
            return self._follow(url, note, kept)
        except http.client.InvalidURL as error:
            raise BadRequest(f"{shown_url(url)} is not a URL: {error}") from None
        except ssl.SSLError as error:
            raise Unavailable(f"{shown_url(url)}: no secure connection: {error.reason or error}") from None
        except (OSError, http.client.HTTPException) as error:
            reason = str(error) or type(error).__name__
            raise Unavailable(f"{shown_url(url)} could not be fetched: {reason}; try again, or save the file") from None

    def _follow(self, url: str, note: Path, kept: _Kept | None) -> Path:
        here = url
        for _ in range(_REDIRECTS + 1):
            parts = checked_url(here)
            connection = _connect(parts, addresses_of(parts, private=self.private_addresses))
            with closing(connection):
                connection.request("GET", _target(parts), headers=_headers(kept))
                with connection.getresponse() as answer:
                    if answer.status not in _REDIRECTING or not answer.headers["Location"]:
                        return self._take(url, note, kept, answer)
                    here = _following(url, here, answer.headers["Location"])
        raise DataUnreadable(f"{shown_url(url)} redirects more than {_REDIRECTS} times")

    def _take(self, url: str, note: Path, kept: _Kept | None, answer: http.client.HTTPResponse) -> Path:
        if answer.status == 304 and kept is not None:
            _write_note(note, kept.path, kept.validators)
            return kept.path
        if answer.status != 200:
            raise _refused(url, answer)
        path = self._save(url, note, answer, _suffix(url, answer.headers))
        _write_note(note, path, {key: answer.headers[key] for key in _ASKED if answer.headers[key]})
        return path

    def _save(self, url: str, note: Path, answer: http.client.HTTPResponse, suffix: str) -> Path:
        limit = self.max_mb * 1_000_000
        too_large = LimitExceeded(
            f"{shown_url(url)} is larger than the {self.max_mb:,} MB that may be fetched; "
            "raise data.max_file_mb in the settings, or save the file under a root"
        )
        announced = answer.headers["Content-Length"] or ""
        if announced.isdecimal() and int(announced) > limit:
            raise too_large
        done, digest = 0, blake2b(digest_size=12)
        with tempfile.NamedTemporaryFile(dir=self.folder, prefix=unfinished_prefix(), delete=False) as handle:
            partial = Path(handle.name)
            try:
                while piece := answer.read(_PIECE):
                    done += len(piece)
                    if done > limit:
                        raise too_large
                    handle.write(piece)
                    digest.update(piece)
            except BaseException:
                partial.unlink()
                raise
        if announced.isdecimal() and done != int(announced):
            partial.unlink()
            raise http.client.IncompleteRead(b"", int(announced) - done)
        # Named by its content, so that a call that still reads the last version is not disturbed.
        path = note.with_name(f"{note.stem}-{digest.hexdigest()}{suffix}")
        partial.replace(path)
        return path


@dataclass(frozen=True)
class _Kept:
    """A file fetched before, when, and what to show the server to learn whether it has changed."""

    path: Path
    fetched: float
    validators: dict[str, str]


def _kept(note: Path) -> _Kept | None:
    try:
        record = json.loads(note.read_bytes())
    except FileNotFoundError:
        return None
    path = note.parent / record["file"]
    return _Kept(path, record["fetched"], record["validators"]) if path.is_file() else None


def _write_note(note: Path, path: Path, validators: Mapping[str, str]) -> None:
    content = json.dumps({"file": path.name, "fetched": time.time(), "validators": dict(validators)})
    with tempfile.NamedTemporaryFile("w", dir=note.parent, suffix=".tmp", delete=False) as handle:
        handle.write(content)
    Path(handle.name).replace(note)


def _following(url: str, here: str, location: str) -> str:
    """Return where a redirect leads."""
    try:
        there = urljoin(here, location)
        insecure = here.startswith("https:") and urlsplit(there).scheme == "http"
    except ValueError:
        raise DataUnreadable(f"{shown_url(url)} redirects to what is not a URL") from None
    if insecure:
        raise NotAllowed(f"{shown_url(url)} redirects from https to http, which is not followed")
    return there


def _connect(parts: SplitResult, addresses: list[str]) -> http.client.HTTPConnection:
    """Connect to the first address that answers while speaking to the host by its name."""
    host, port = parts.hostname or "", parts.port or port_of(parts)
    plain = _reach(addresses, port)
    connection = http.client.HTTPConnection(host, port, timeout=_TIMEOUT)
    if parts.scheme == "https":
        connection = http.client.HTTPSConnection(host, port, timeout=_TIMEOUT)
        try:
            plain = ssl.create_default_context().wrap_socket(plain, server_hostname=host)
        except BaseException:
            plain.close()
            raise
    connection.sock = plain
    return connection


def _reach(addresses: list[str], port: int) -> socket.socket:
    for address in addresses[:-1]:
        with suppress(OSError):
            return socket.create_connection((address, port), timeout=_TIMEOUT)
    return socket.create_connection((addresses[-1], port), timeout=_TIMEOUT)


def _target(parts: SplitResult) -> str:
    text = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return quote(text, safe="/?%:@!$&'()*+,;=~-._[]|")


def _headers(kept: _Kept | None) -> dict[str, str]:
    headers = {"User-Agent": "refinery-mcp", "Accept": "*/*", "Accept-Encoding": "identity"}
    if kept is not None:
        headers |= {_ASKED[key]: value for key, value in kept.validators.items() if key in _ASKED}
    return headers


def _refused(url: str, answer: http.client.HTTPResponse) -> DataUnreadable | Unavailable:
    what = f"{shown_url(url)} answers {answer.status} {answer.reason}"
    if answer.status in {401, 403}:
        return DataUnreadable(f"{what}: the server wants a login; save the file under a root instead")
    if answer.status == 429 or answer.status >= 500:
        return Unavailable(f"{what}; try again later")
    return DataUnreadable(f"{what}; check the address")


def _suffix(url: str, headers: Message) -> str:
    """Return the suffix that says the format: of the path, else of the announced file name or type."""
    kind = headers.get_content_type()
    names = [unquote(urlsplit(url).path), headers.get_filename() or ""]
    suffix = next((_data_suffix(PurePosixPath(name)) for name in names if looks_like_data(PurePosixPath(name))), "")
    if kind in {"text/html", "application/xhtml+xml"}:
        raise DataUnreadable(
            f"{shown_url(url)} answers with a web page, not a table; look there for the address of the raw file"
        )
    suffix = suffix or _SUFFIX_OF.get(kind, "")
    if not suffix:
        raise DataUnreadable(
            f"{shown_url(url)} answers with {kind}, of which no table can be read; "
            "an address that ends in .csv, .json, .parquet or .xlsx says what it is"
        )
    packed = {"gzip": ".gz", "x-gzip": ".gz", "zstd": ".zst"}.get(headers.get("Content-Encoding", "").lower())
    return suffix + packed if packed and not suffix.endswith(packed) else suffix


def _data_suffix(path: PurePosixPath) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    return "".join(suffixes[-2:] if suffixes[-1] in PACKED_SUFFIXES else suffixes[-1:])
