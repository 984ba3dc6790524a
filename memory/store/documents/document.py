"""What every format is read into: a titled text and its passages."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ....tools.errors import inert
from ..passages import Passage
from .decoding import clean

_LONGEST_TITLE = 200


@dataclass(frozen=True)
class Document:
    """A document as text; its passages lie in order in it, and leave out nothing but blanks."""

    title: str
    text: str
    passages: list[Passage]


def title_of(said: str | None, path: Path) -> str:
    """Return what a document says is its title, else the name of its file."""
    return one_line(said or "", _LONGEST_TITLE) or one_line(clean(path.name), _LONGEST_TITLE)


def one_line(text: str, most: int) -> str:
    """Make text one line of at most `most` characters."""
    line = " ".join(inert(text).split())
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}…"
