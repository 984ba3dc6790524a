"""Plain text: paragraphs, placed by their lines."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from .blocks import Lines, paragraphs, passages_of
from .decoding import bounded, decoded
from .document import Document, title_of


def read_text(path: Path) -> Document:
    """Read a file of plain text."""
    text = bounded(decoded(path), path)
    lines = Lines.of(text)
    passages = [replace(passage, place=lines.place(passage)) for passage in passages_of(text, paragraphs(text))]
    return Document(title_of(None, path), text, passages)
