"""Markdown: sections, placed by their headings and lines."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..passages import Passage
from .blocks import Block, Lines, passages_of
from .decoding import bounded, decoded
from .document import Document, one_line, title_of

if TYPE_CHECKING:
    from markdown_it.tree import SyntaxTreeNode

_LONGEST_HEADING = 80

_FRONT_MATTER = re.compile(r"---[ \t]*\n(?=[^\n]*:)(.*?\n)(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_FRONT_TITLE = re.compile(r"^title:[ \t]*(\S.*)$", re.MULTILINE)


@dataclass
class Section:
    """What stands under a heading, from the line of the heading on; `path` is that heading and those above it."""

    line: int
    path: list[tuple[int, str]]
    nodes: list[SyntaxTreeNode] = field(default_factory=list)

    def headings(self) -> str:
        return " › ".join(filter(None, (one_line(heading, _LONGEST_HEADING) for _, heading in self.path)))  # noqa: RUF001


def sections_of(text: str) -> list[Section]:
    """Find the sections of a Markdown text; a heading right under a higher one belongs to one section with it."""
    from markdown_it import MarkdownIt
    from markdown_it.tree import SyntaxTreeNode

    # Of what stands in the lines only the headings matter, and all of it would take long.
    parser = MarkdownIt("commonmark").enable("table").disable(["inline", "text_join"])
    references: dict[str, Any] = {}
    tree = SyntaxTreeNode(parser.parse(text, references))
    sections = [Section(0, [])]
    for node in tree.children:
        last = sections[-1]
        if node.type != "heading":
            last.nodes.append(node)
            continue
        level = int(node.tag[1])
        written: list[Any] = []
        parser.inline.parse(node.children[0].content[: 10 * _LONGEST_HEADING], parser, references, written)
        path = [above for above in last.path if above[0] < level]
        path.append((level, "".join(map(_words, written)).strip()))
        if last.path and not last.nodes and level > last.path[-1][0]:
            last.path = path
        else:
            sections.append(Section(_lines(node)[0], path))
    return sections


def _words(token: Any) -> str:
    if token.type in ("softbreak", "hardbreak"):
        return " "
    return str(token.content) if token.type in ("text", "text_special", "code_inline", "image") else ""


def _lines(node: SyntaxTreeNode) -> tuple[int, int]:
    """Return the first line of a block, counted from 0, and the one after its last."""
    assert node.map is not None
    return node.map


def _blocks(section: Section, lines: Lines, stop: int) -> list[Block]:
    """Take a section apart; its heading belongs to the first block, and to the first part of that."""
    start = lines.starts[section.line]
    return _partition(section.nodes, lines, start, stop) or [Block(start, stop)]


def _partition(nodes: Sequence[SyntaxTreeNode], lines: Lines, start: int, stop: int) -> list[Block]:
    """Cut a range where blocks begin, so that nothing between them is lost: not all text is in a block."""
    if not nodes:
        return []
    begins = [start, *(lines.starts[_lines(node)[0]] for node in nodes[1:]), stop]
    return [
        Block(a, b, _partition(_parts(node), lines, a, b)) for node, (a, b) in zip(nodes, pairwise(begins), strict=True)
    ]


def _parts(node: SyntaxTreeNode) -> list[SyntaxTreeNode]:
    """Return what a block may be cut into: items, rows (the first stays with the table's head), blocks of a quote."""
    if node.type == "table":
        return [node.children[0], *(row for body in node.children[1:] for row in body.children[1:])]
    return [part for part in node.children if part.map is not None and part.type != "inline"]


def sectioned(text: str, sections: Sequence[Section], place: Callable[[Section, Passage], str]) -> list[Passage]:
    """Cut a text into the passages of its sections; `place` says where one stands."""
    lines = Lines.of(text)
    stops = [*(lines.starts[section.line] for section in sections[1:]), len(text)]
    return [
        replace(passage, place=place(section, passage))
        for section, stop in zip(sections, stops, strict=True)
        for passage in passages_of(text, _blocks(section, lines, stop))
    ]


def main_heading(sections: Sequence[Section]) -> str | None:
    """Return the first heading of the highest level that titles have, else the first."""
    headings = [heading for section in sections for heading in section.path if heading[1]]
    return next((text for level, text in headings if level == 1), headings[0][1] if headings else None)


def read_markdown(path: Path) -> Document:
    """Read a Markdown file."""
    text = bounded(decoded(path), path)
    front = _FRONT_MATTER.match(text)
    # Its lower fence would make a heading of it; blank lines in its place keep the count.
    body = "\n" * front[0].count("\n") + text[front.end() :] if front else text
    sections, lines = sections_of(body), Lines.of(text)

    def place(section: Section, passage: Passage) -> str:
        headings = section.headings()
        return f"{headings} ({lines.place(passage)})" if headings else lines.place(passage)

    titled = _FRONT_TITLE.search(front[1]) if front else None
    title = titled[1].strip("\"' ") if titled else main_heading(sections)
    return Document(title_of(title, path), text, sectioned(text, sections, place))
