"""Text files made plain: unpacked, and in UTF-8, so that every reader after this sees the same bytes."""

from __future__ import annotations

import codecs
import gzip
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, cast

from ..errors import DataUnreadable, LimitExceeded

CHUNK = 4 << 20
GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"

# A real table packs 5 to 50 times; beyond this, past a size that no disk minds, it is a bomb.
MOST_EXPANSION = 200
HARMLESS_BYTES = 1 << 30

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# What the detector calls any text of Western or Central Europe, more by chance than by evidence.
_LATIN = re.compile(
    r"(?i)^(windows-125[02478]|cp125[02478]|iso-8859-(1|2|3|4|9|10|13|14|15|16)|mac.*|cp(437|85\d)|hp.*)$"
)
_SINGLE_BYTE = re.compile(r"(?i)^(windows-125|cp125|cp[78]\d\d|iso-8859|koi8|mac|tis|hp)")
_SIGN_IN_WORD = re.compile(
    r"(?<=[^\W\d_])([^\w\s\x00-\x7f\u2018\u2019\u00b4\u00b7\u2013\u2014]|[\u00b3\u00b9])(?=[^\W\d_])"
)


@dataclass(frozen=True)
class Text:
    """A text file ready to be parsed: `path` holds UTF-8 lines that end in LF or CRLF; `encoding` is what it was."""

    path: Path
    encoding: str
    notes: tuple[str, ...] = ()


def compression(head: bytes) -> str | None:
    """Tell by the first bytes whether a file is packed: `gzip`, `zstd` or None."""
    return "gzip" if head.startswith(GZIP) else "zstd" if head.startswith(ZSTD) else None


@contextmanager
def unpacked(path: Path) -> Iterator[BinaryIO]:
    """Open a file for reading, through gzip or zstd where its first bytes say so.

    Raises:
        DataUnreadable: the packed data is damaged or cut off.
    """
    with path.open("rb") as file:
        packed = compression(file.read(8))
    try:
        if packed == "gzip":
            with gzip.open(path) as stream:
                yield cast(BinaryIO, stream)
        elif packed == "zstd":
            import pyarrow as pa

            with pa.CompressedInputStream(pa.OSFile(str(path)), "zstd") as stream:
                yield stream
        else:
            with path.open("rb") as file:
                yield file
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _damaged(path, "gzip", error) from error
    except OSError as error:
        if packed is None or error.errno is not None:
            raise
        raise _damaged(path, "zstd", error) from error


def _damaged(path: Path, packed: str, error: Exception) -> DataUnreadable:
    return DataUnreadable(
        f"{path.name!r} is cut off or damaged: {packed} says {error}; copy or download the file again"
    )


def plain_text(path: Path, folder: Path) -> Text:
    """Bring a text file into UTF-8, in `folder` where it has to be written anew.

    Raises:
        DataUnreadable: the file is empty, binary, cut off or damaged.
        LimitExceeded: it unpacks to far more than any table does.
    """
    with path.open("rb") as file:
        packed = compression(file.read(8))
    source = _unpack(path, folder) if packed else path
    with source.open("rb") as file:
        head = file.read(64 << 10)
    if not head:
        raise DataUnreadable(f"{path.name!r} is empty (0 bytes{' once unpacked' if packed else ''}); name another file")
    encoding, notes = _encoding(source, head, path.name)
    old_mac = b"\r" in head and b"\n" not in head and not encoding.startswith("utf-16") and not _has(source, b"\n")
    text = Text(source, encoding, notes)
    if encoding == "utf-8" and not old_mac and not notes:
        return text
    return replace(text, path=_transcode(source, folder, encoding, old_mac=old_mac))


def _unpack(path: Path, folder: Path) -> Path:
    target = folder / f"{path.stem}.{len(list(folder.iterdir()))}.unpacked"
    most = max(HARMLESS_BYTES, MOST_EXPANSION * path.stat().st_size)
    written = 0
    with unpacked(path) as stream, target.open("wb") as out:
        while chunk := stream.read(CHUNK):
            written += out.write(chunk)
            if written > most:
                raise LimitExceeded(
                    f"{path.name!r} unpacks to more than {most >> 20:,} MB, over {MOST_EXPANSION} times its size, "
                    "as no table does; if it is one, unpack it yourself and name the unpacked file"
                )
    return target


def _has(path: Path, byte: bytes) -> bool:
    with path.open("rb") as file:
        return any(byte in chunk for chunk in iter(lambda: file.read(CHUNK), b""))


def _encoding(path: Path, head: bytes, name: str) -> tuple[str, tuple[str, ...]]:
    """Find the encoding: a byte-order mark, then UTF-8 if all of the file is, then what the bytes are like."""
    marked = next((encoding for mark, encoding in _MARKS if head.startswith(mark)), None)
    if marked and marked != "utf-8":
        return marked, ()
    if b"\0" in head and not marked:
        even, odd = head[0::2].count(0), head[1::2].count(0)
        if max(even, odd) > 0.3 * len(head) / 2 and min(even, odd) < 0.05 * len(head) / 2:
            return "utf-16-le" if odd > even else "utf-16-be", ()
        raise DataUnreadable(
            f"{name!r} is not text: it holds zero bytes, the first at byte {head.index(0)}; "
            "known formats are CSV, TSV, JSON, NDJSON, Parquet, Arrow and Excel"
        )
    broken, invalid, beyond = _utf8_faults(path)
    if not invalid:
        return "utf-8", ()
    if marked or beyond > 20 * invalid:
        note = f"{invalid} byte(s) are not UTF-8 and became \N{REPLACEMENT CHARACTER}, the first in line {broken[0]}"
        return "utf-8", (note,)
    guess = _likely(broken[1])
    return guess, (f"not UTF-8 (line {broken[0]}); read as {guess}, the likeliest encoding",)


def _utf8_faults(path: Path) -> tuple[tuple[int, bytes], int, int]:
    """Return where a file stops being UTF-8 (line, some bytes), how many bytes are amiss, how many beyond ASCII."""
    where, invalid, beyond, lines, rest = (0, b""), 0, 0, 0, b""
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            data = rest + chunk
            if data.isascii():
                rest = b""
            else:
                decoded, used = codecs.utf_8_decode(data, "surrogateescape", False)
                rest = data[used:]
                faults = [m.start() for m in re.finditer("[\udc80-\udcff]", decoded)] if _escaped(decoded) else []
                if faults and not invalid:
                    where = (lines + 1 + decoded.count("\n", 0, faults[0]), _telling(data))
                invalid += len(faults)
                beyond += len(data[:used]) - len(decoded)
            lines += data.count(b"\n")
    return (where, invalid + len(rest), beyond) if where[0] or not rest else ((lines + 1, rest), len(rest), beyond)


def _escaped(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def _telling(data: bytes) -> bytes:
    """Return the lines that hold more than ASCII, as far as a detector needs them."""
    return b"\n".join(line for line in data.split(b"\n") if not line.isascii())[: 64 << 10]


def _likely(sample: bytes) -> str:
    """Guess the encoding of bytes that are not UTF-8: Windows-1252 unless something speaks against it."""
    import chardet

    found = chardet.detect(sample)
    guess, sure = str(found["encoding"] or "cp1252"), float(found["confidence"] or 0)
    if _SINGLE_BYTE.match(guess) and not _LATIN.match(guess) and _within_latin_words(sample):
        guess = "cp1250"
    if _LATIN.match(guess):
        # In another Latin alphabet its letters turn into signs, which then stand inside words (Polish ł is ³).
        western = sample.decode("cp1252", errors="replace")
        beyond = sum(not character.isascii() for character in western)
        guess = guess if len(_SIGN_IN_WORD.findall(western)) > 0.1 * beyond else "cp1252"
    elif sure < 0.1 and not _foreign(sample):
        guess = "cp1252"
    if guess == "cp1252" and re.search(rb"[\x81\x8d\x8f\x90\x9d]", sample):
        guess = "latin-1"
    return codecs.lookup(guess).name


def _within_latin_words(sample: bytes) -> bool:
    """Tell whether bytes beyond ASCII stand beside ASCII letters, as in no word of another alphabet."""
    beside = len(re.findall(rb"(?<=[A-Za-z])[\x80-\xff]+|[\x80-\xff]+(?=[A-Za-z])", sample))
    return beside > 0.3 * len(re.findall(rb"[\x80-\xff]+", sample))


def _foreign(sample: bytes) -> bool:
    """Tell whether most letters lie beyond ASCII, as in no language of the Latin alphabet."""
    beyond = len(sample) - len(sample.decode("ascii", errors="ignore"))
    return beyond >= 12 and beyond > len(re.findall(rb"[A-Za-z]", sample))


def _transcode(path: Path, folder: Path, encoding: str, *, old_mac: bool) -> Path:
    target = folder / f"{path.name}.{len(list(folder.iterdir()))}.utf8"
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    with path.open("rb") as file, target.open("w", encoding="utf-8", newline="") as out:
        while chunk := file.read(CHUNK):
            text = decoder.decode(chunk)
            out.write(text.replace("\r", "\n") if old_mac else text)
        out.write(decoder.decode(b"", final=True))
    return target


def count_records(path: Path, quote: str) -> int:
    """Count the records of a delimited UTF-8 file by its line ends outside quotes, blank lines left out.

    It knows nothing of fields, and is therefore a witness against any reader of them: where the two
    disagree, something was misread.
    """
    import numpy as np

    records, offset, last, open_quotes, before = 0, 0, -1, 0, 0
    with path.open("rb") as file:
        if file.read(3) == codecs.BOM_UTF8:
            last = 2
        file.seek(0)
        while chunk := file.read(CHUNK):
            data = np.frombuffer(chunk, dtype=np.uint8)
            ends = np.flatnonzero(data == 10)
            if quote.encode() in chunk or open_quotes:
                quotes = np.flatnonzero(data == ord(quote))
                ends = ends[(np.searchsorted(quotes, ends) + open_quotes) % 2 == 0]
                open_quotes = (open_quotes + len(quotes)) % 2
            if len(ends):
                lengths = np.diff(ends, prepend=last - offset) - 1
                returns = data[ends - 1] == 13
                if ends[0] == 0:
                    returns[0] = before == 13
                records += int(np.count_nonzero((lengths > 1) | ((lengths == 1) & ~returns)))
                last = offset + int(ends[-1])
            offset, before = offset + len(chunk), chunk[-1]
    rest = offset - 1 - last
    return records + (rest > 1 or (rest == 1 and before != 13))
