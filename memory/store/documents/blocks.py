"""Text to passages: blocks that stay whole where they can, and the lines that they stand in."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ..passages import LONGEST, Passage, cut


@dataclass(frozen=True)
class Block:
    """Part of a text that stays whole if it is short enough, and otherwise falls into its own parts."""

    start: int
    stop: int
    parts: Sequence[Block] = ()


@dataclass(frozen=True)
class Lines:
    """Where the lines of a text begin."""

    starts: list[int]

    @classmethod
    def of(cls, text: str) -> Lines:
        return cls([0, *(found.end() for found in re.finditer("\n", text))])

    def place(self, passage: Passage) -> str:
        first, last = (bisect_right(self.starts, place) for place in (passage.start, passage.stop - 1))
        return f"line {first}" if first == last else f"lines {first}–{last}"  # noqa: RUF001


def passages_of(text: str, blocks: Sequence[Block]) -> Iterator[Passage]:
    """Fill passages with neighbouring blocks as long as they fit; only what is too long by itself is cut."""
    packs: list[tuple[int, int]] = []
    for start, stop in _pieces(text, blocks):
        if packs and stop - packs[-1][0] <= LONGEST:
            packs[-1] = (packs[-1][0], stop)
        else:
            packs.append((start, stop))
    for start, stop in packs:
        yield from cut(text, start=start, stop=stop)


def _pieces(text: str, blocks: Sequence[Block]) -> Iterator[tuple[int, int]]:
    for block in blocks:
        whole = text[block.start : block.stop]
        start, stop = block.stop - len(whole.lstrip()), block.start + len(whole.rstrip())
        if stop - start > LONGEST and block.parts:
            yield from _pieces(text, block.parts)
        elif start < stop:
            yield start, stop


def paragraphs(text: str, start: int = 0, stop: int | None = None) -> list[Block]:
    """Take text apart at blank lines, and a paragraph at the lines that are no further in than its first."""
    stop = len(text) if stop is None else stop
    ends = [found.end() for found in re.compile(r"\n\s*\n").finditer(text, start, stop)]
    return [Block(a, b, _items(text, a, b)) for a, b in pairwise([start, *ends, stop])]


def _items(text: str, start: int, stop: int) -> list[Block]:
    lines = [found.span() for found in re.compile(r"^[ \t]*(?=\S)", re.MULTILINE).finditer(text, start, stop)]
    if not lines:
        return []
    depth = lines[0][1] - lines[0][0]
    begins = [begin for begin, words in lines[1:] if words - begin <= depth]
    return [Block(a, b) for a, b in pairwise([start, *begins, stop])]
