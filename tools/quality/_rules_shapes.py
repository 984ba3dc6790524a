"""The shape that most values of a text column have, as a regular expression: e-mail, date, `sku-[0-9]+` …"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

KNOWN = {
    "e-mail addresses": r"^[^@\s]+@[^@\s]+\.[A-Za-z]{2,}$",
    "web addresses": r"^https?://[^\s/]+\.[^\s]+$",
    "UUIDs": r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$",
    "IP addresses": r"^([0-9]{1,3}\.){3}[0-9]{1,3}$",
    "dates (ISO)": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
    "times (ISO)": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?"
    r"(Z|[+-][0-9]{2}:?[0-9]{2})?$",
}
# A shape held by fewer of the looked-at values than this is not the column's shape.
DOMINANT = 0.98
_FEWEST = 20
_LONGEST_SHAPE = 12
_RUN = re.compile(r"([0-9]+)|([A-Z]+)|([a-z]+)|([^0-9A-Za-z])", re.DOTALL)
_CLASSES = ("[0-9]", "[A-Z]", "[a-z]")
_HEX = re.compile(r"[0-9a-f]{8,}|[0-9A-F]{8,}")


@dataclass(frozen=True)
class Shape:
    """A regular expression (RE2), and what it stands for."""

    pattern: str
    of: str


def dominant_shape(values: Iterable[str]) -> Shape | None:
    """Return the shape of nearly all values, or None when they have none that tells right from wrong.

    >>> dominant_shape([f"sku-{number}" for number in range(1, 300)]).pattern
    '^sku-[0-9]+$'
    """
    texts = [value for value in values if value]
    if len(texts) < _FEWEST or len(set(texts)) < _FEWEST:
        return None
    for name, pattern in KNOWN.items():
        if _share(pattern, texts) >= DOMINANT:
            return Shape(pattern, name)
    return _hexadecimal(texts) or _runs(texts)


def _share(pattern: str, texts: Sequence[str]) -> float:
    found = re.compile(pattern)
    return sum(found.search(text) is not None for text in texts) / len(texts)


def _hexadecimal(texts: Sequence[str]) -> Shape | None:
    """Recognise digests, whose runs of digits and letters change from value to value."""
    length, count = Counter(len(text) for text in texts).most_common(1)[0]
    mixed = sum(_HEX.fullmatch(text) is not None and not text.isdigit() and not text.isalpha() for text in texts)
    if count < DOMINANT * len(texts) or mixed < 0.9 * len(texts):
        return None
    letters = "a-f" if all(text == text.lower() for text in texts) else "A-Fa-f"
    return Shape(f"^[0-9{letters}]{{{length}}}$", f"hexadecimal codes of {length} characters")


def _runs(texts: Sequence[str]) -> Shape | None:
    """Describe values as runs of digits, capitals and small letters between fixed marks."""
    split = [_RUN.findall(text) for text in texts if len(text) <= 80]
    signatures = Counter(tuple(_class(run) for run in runs) for runs in split)
    if not signatures:
        return None
    signature, count = signatures.most_common(1)[0]
    if count < DOMINANT * len(texts) or len(signature) > _LONGEST_SHAPE or any(mark is None for mark in signature):
        return None
    columns = list(zip(*(runs for runs in split if tuple(map(_class, runs)) == signature), strict=True))
    parts = [_part(str(mark), ["".join(run) for run in runs]) for mark, runs in zip(signature, columns, strict=True)]
    pattern = "".join(parts)
    # Letters of any length say nothing: a name is no shape.
    telling = any(part.endswith("}") or "[0-9]" in part for part in parts)
    if not telling or (len(signature) == 1 and parts[0].endswith("+")):
        return None
    return Shape(f"^{pattern}$", "one format")


def _class(run: tuple[str, ...]) -> str | None:
    """Name the class of a run: a mark is its own class, and letters of other scripts have none."""
    for piece, name in zip(run, _CLASSES, strict=False):
        if piece:
            return name
    mark = run[3]
    return None if mark.isalnum() or not mark.isprintable() or ord(mark) > 126 else mark


def _part(mark: str, runs: Sequence[str]) -> str:
    if mark not in _CLASSES:
        return re.sub(r"([.^$*+?()\[\]{}|\\])", r"\\\1", mark)
    different = set(runs)
    if len(different) == 1 and mark != "[0-9]":
        return runs[0]
    lengths = {len(run) for run in different}
    # One length among many values is a rule; one among few may be chance.
    if len(lengths) == 1 and len(different) >= _FEWEST // 2:
        length = lengths.pop()
        return f"{mark}{{{length}}}" if length > 1 else mark
    return f"{mark}+"
