"""The bytes of a file as text, of which a document may have only so much."""

from __future__ import annotations

import codecs
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

from ....tools.data.text import compression, plain_text
from ....tools.errors import DataUnreadable, LimitExceeded

MOST_CHARACTERS = 5_000_000

# Line ends, tabs, page breaks, backspaces and escapes (colours in logs) occur in text; these others do in no prose.
_JUNK = re.compile("[\x01-\x07\x0e-\x1a\x1c-\x1f\x7f\ufffd]")
_JUNK_SHARE, _SOME_JUNK = 0.02, 3


def decoded(path: Path, declared: Callable[[bytes], str | None] = lambda _: None) -> str:
    """Return a file's text with LF line ends; `declared` finds what the file itself says of its encoding."""
    if path.stat().st_size > 4 * MOST_CHARACTERS + 4:  # whatever the encoding, no character takes more than 4 bytes
        raise _too_long(path)
    data = path.read_bytes()
    text = clean(_as_declared(data, declared(data)) or _as_detected(data, path.name))
    if len(_JUNK.findall(text)) > _SOME_JUNK + _JUNK_SHARE * len(text):
        raise DataUnreadable(
            f"{path.name!r} is not text, whatever its suffix says: it is full of control characters or of bytes "
            "that no encoding explains; convert it to Markdown, text, HTML or PDF, or name another file"
        )
    return unix(text)


def _as_declared(data: bytes, encoding: str | None) -> str | None:
    """Decode by an encoding that a file declares, unless its bytes show another."""
    if encoding is None or data.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return None
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    else:
        return None
    try:
        name = codecs.lookup(encoding).name
        # As browsers do: who declares ISO-8859-1 writes Windows-1252.
        return data.decode("cp1252" if name == "iso8859-1" else name, errors="replace")
    except (LookupError, ValueError):
        return None


def _as_detected(data: bytes, name: str) -> str:
    if not data:
        return ""
    if packed := compression(data[:8]):
        raise DataUnreadable(f"{name!r} is packed with {packed}; unpack it and name the unpacked file")
    with tempfile.TemporaryDirectory(prefix="refinery-") as folder:
        source = Path(folder, "document")
        source.write_bytes(data)
        try:
            found = plain_text(source, Path(folder))
        except DataUnreadable:  # zero bytes that are no half of UTF-16: stray ones, such as a crash leaves in a log
            return _as_detected(data.replace(b"\0", b""), name)
        return found.path.read_text(encoding="utf-8-sig", errors="replace")


def clean(text: str) -> str:
    """Drop NULs, and make text valid Unicode: halves of characters are joined, lone ones replaced."""
    return text.replace("\0", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def unix(text: str) -> str:
    """Make all line ends LF."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def bounded(text: str, path: Path) -> str:
    """Return a file's text unless it is too long."""
    require_length(len(text), path)
    return text


def require_length(characters: int, path: Path) -> None:
    """Refuse a file of more characters than a document may have."""
    if characters > MOST_CHARACTERS:
        raise _too_long(path)


def _too_long(path: Path) -> LimitExceeded:
    return LimitExceeded(
        f"{path.name!r} holds more than {MOST_CHARACTERS:,} characters, the most that a document may have; "
        "split it, or name a file with the part that matters"
    )
