"""Documents that a person wants remembered, as text cut into passages that know where in the document they stand."""

from __future__ import annotations

import codecs
import contextlib
import re
import struct
import tempfile
import warnings
import zlib
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...tools.data.text import compression, plain_text
from ...tools.errors import BadRequest, DataUnreadable, LimitExceeded, inert
from .passages import LONGEST, Passage, cut

if TYPE_CHECKING:
    from bs4 import BeautifulSoup
    from markdown_it.tree import SyntaxTreeNode
    from pypdf import PdfReader

MOST_CHARACTERS = 5_000_000
MOST_PAGES = 2_000
_LONGEST_TITLE = 200
_LONGEST_HEADING = 80

# Line ends, tabs, page breaks, backspaces and escapes (colours in logs) occur in text; these others do in no prose.
_JUNK = re.compile("[\x01-\x07\x0e-\x1a\x1c-\x1f\x7f\ufffd]")
_JUNK_SHARE, _SOME_JUNK = 0.02, 3

_FRONT_MATTER = re.compile(r"---[ \t]*\n(?=[^\n]*:)(.*?\n)(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_FRONT_TITLE = re.compile(r"^title:[ \t]*(\S.*)$", re.MULTILINE)

_NOT_PROSE = (
    *("script", "style", "nav", "noscript", "template", "button"),
    *("svg", "iframe", "object", "canvas", "video", "audio"),
)
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
# What ends where another begins, though nothing says so: `<li>one<li>two`.
_CELLS, _ROWS = ("td", "th"), ("thead", "tbody", "tfoot")
_ENDED_BY: dict[str, tuple[str, ...]] = {
    "p": ("p",),
    "li": ("li", "p"),
    **dict.fromkeys(("dt", "dd"), ("dt", "dd", "p")),
    **dict.fromkeys(_CELLS, (*_CELLS, "p")),
    "tr": ("tr", *_CELLS, "p"),
    **dict.fromkeys(_ROWS, (*_ROWS, "tr", *_CELLS, "p")),
}
_NO_BLOCKS = ("pre", "code", "kbd", "samp", "td", "th", *_HEADINGS)
_PERMALINKS = ("", "#", "¶", "§", "\N{LINK SYMBOL}")
# What begins a line of plain text in HTML, and would be a heading or a fence in Markdown.
_BLOCK_MARK = re.compile(r"^([ \t]*)(?=#{1,6}(?:\s|$)|`{3}|~{3}|={2,}[ \t]*$|-{2,}[ \t]*$)", re.MULTILINE)


@dataclass(frozen=True)
class Document:
    """A document as text; its passages lie in order in it, and leave out nothing but blanks."""

    title: str
    text: str
    passages: list[Passage]


def read_document(path: str) -> dict[str, Any]:
    """As `parse_document`, in what JSON can hold: a worker runs it by its name."""
    document = parse_document(Path(path))
    return {
        "title": document.title,
        "text": document.text,
        "passages": [[passage.start, passage.stop, passage.place] for passage in document.passages],
    }


def parse_document(path: Path) -> Document:
    """Read a Markdown, text, HTML or PDF file; its suffix tells which.

    Raises:
        BadRequest: the suffix is of no format that is read.
        DataUnreadable: the file is missing, empty, damaged, protected, packed or not text.
        LimitExceeded: it has more than 5,000,000 characters or 2,000 pages.
    """
    read = _READERS.get(path.suffix.lower())
    if read is None:
        known = ", ".join(filter(None, _READERS))
        raise BadRequest(
            f"{path.name!r} has the suffix {path.suffix!r}; documents are read from {known} or a file of plain text "
            "without suffix; save it as one of these, such as PDF, and name that"
        )
    if not path.is_file():
        raise DataUnreadable(f"no file {str(path)!r}; check the path, and name a file rather than a folder")
    document = read(path) if path.stat().st_size else None
    if document is None or not document.passages:
        raise DataUnreadable(f"{path.name!r} is empty: there is no text in it; name another file")
    return document


# Bytes to text


def _decoded(path: Path, declared: Callable[[bytes], str | None] = lambda _: None) -> str:
    """Return a file's text with LF line ends; `declared` finds what the file itself says of its encoding."""
    if path.stat().st_size > 4 * MOST_CHARACTERS + 4:  # whatever the encoding, no character takes more than 4 bytes
        raise _too_long(path)
    data = path.read_bytes()
    text = _clean(_as_declared(data, declared(data)) or _as_detected(data, path.name))
    if len(_JUNK.findall(text)) > _SOME_JUNK + _JUNK_SHARE * len(text):
        raise DataUnreadable(
            f"{path.name!r} is not text, whatever its suffix says: it is full of control characters or of bytes "
            "that no encoding explains; convert it to Markdown, text, HTML or PDF, or name another file"
        )
    return _unix(text)


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


def _clean(text: str) -> str:
    """Drop NULs, and make text valid Unicode: halves of characters are joined, lone ones replaced."""
    return text.replace("\0", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _unix(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _bounded(text: str, path: Path) -> str:
    if len(text) > MOST_CHARACTERS:
        raise _too_long(path)
    return text


def _too_long(path: Path) -> LimitExceeded:
    return LimitExceeded(
        f"{path.name!r} holds more than {MOST_CHARACTERS:,} characters, the most that a document may have; "
        "split it, or name a file with the part that matters"
    )


def _title(said: str | None, path: Path) -> str:
    return _line(said or "", _LONGEST_TITLE) or _line(_clean(path.name), _LONGEST_TITLE)


def _line(text: str, most: int) -> str:
    """Make text one line of at most `most` characters."""
    line = " ".join(inert(text).split())
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}…"


# Text to passages


@dataclass(frozen=True)
class _Block:
    """Part of a text that stays whole if it is short enough, and otherwise falls into its own parts."""

    start: int
    stop: int
    parts: Sequence[_Block] = ()


@dataclass(frozen=True)
class _Lines:
    """Where the lines of a text begin."""

    starts: list[int]

    @classmethod
    def of(cls, text: str) -> _Lines:
        return cls([0, *(found.end() for found in re.finditer("\n", text))])

    def place(self, passage: Passage) -> str:
        first, last = (bisect_right(self.starts, place) for place in (passage.start, passage.stop - 1))
        return f"line {first}" if first == last else f"lines {first}–{last}"  # noqa: RUF001


def _passages(text: str, blocks: Sequence[_Block]) -> Iterator[Passage]:
    """Fill passages with neighbouring blocks as long as they fit; only what is too long by itself is cut."""
    packs: list[tuple[int, int]] = []
    for start, stop in _pieces(text, blocks):
        if packs and stop - packs[-1][0] <= LONGEST:
            packs[-1] = (packs[-1][0], stop)
        else:
            packs.append((start, stop))
    for start, stop in packs:
        yield from cut(text, start=start, stop=stop)


def _pieces(text: str, blocks: Sequence[_Block]) -> Iterator[tuple[int, int]]:
    for block in blocks:
        whole = text[block.start : block.stop]
        start, stop = block.stop - len(whole.lstrip()), block.start + len(whole.rstrip())
        if stop - start > LONGEST and block.parts:
            yield from _pieces(text, block.parts)
        elif start < stop:
            yield start, stop


def _paragraphs(text: str, start: int = 0, stop: int | None = None) -> list[_Block]:
    """Take text apart at blank lines, and a paragraph at the lines that are no further in than its first."""
    stop = len(text) if stop is None else stop
    ends = [found.end() for found in re.compile(r"\n\s*\n").finditer(text, start, stop)]
    return [_Block(a, b, _items(text, a, b)) for a, b in pairwise([start, *ends, stop])]


def _items(text: str, start: int, stop: int) -> list[_Block]:
    lines = [found.span() for found in re.compile(r"^[ \t]*(?=\S)", re.MULTILINE).finditer(text, start, stop)]
    if not lines:
        return []
    depth = lines[0][1] - lines[0][0]
    begins = [begin for begin, words in lines[1:] if words - begin <= depth]
    return [_Block(a, b) for a, b in pairwise([start, *begins, stop])]


def _read_text(path: Path) -> Document:
    text = _bounded(_decoded(path), path)
    lines = _Lines.of(text)
    passages = [replace(passage, place=lines.place(passage)) for passage in _passages(text, _paragraphs(text))]
    return Document(_title(None, path), text, passages)


# Markdown


@dataclass
class _Section:
    """What stands under a heading, from the line of the heading on; `path` is that heading and those above it."""

    line: int
    path: list[tuple[int, str]]
    nodes: list[SyntaxTreeNode] = field(default_factory=list)

    def headings(self) -> str:
        return " › ".join(filter(None, (_line(heading, _LONGEST_HEADING) for _, heading in self.path)))  # noqa: RUF001


def _sections(text: str) -> list[_Section]:
    """Find the sections of a Markdown text; a heading right under a higher one belongs to one section with it."""
    from markdown_it import MarkdownIt
    from markdown_it.tree import SyntaxTreeNode

    # Of what stands in the lines only the headings matter, and all of it would take long.
    parser = MarkdownIt("commonmark").enable("table").disable(["inline", "text_join"])
    references: dict[str, Any] = {}
    tree = SyntaxTreeNode(parser.parse(text, references))
    sections = [_Section(0, [])]
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
            sections.append(_Section(_lines(node)[0], path))
    return sections


def _words(token: Any) -> str:
    if token.type in ("softbreak", "hardbreak"):
        return " "
    return str(token.content) if token.type in ("text", "text_special", "code_inline", "image") else ""


def _lines(node: SyntaxTreeNode) -> tuple[int, int]:
    """Return the first line of a block, counted from 0, and the one after its last."""
    assert node.map is not None
    return node.map


def _blocks(section: _Section, lines: _Lines, stop: int) -> list[_Block]:
    """Take a section apart; its heading belongs to the first block, and to the first part of that."""
    start = lines.starts[section.line]
    return _partition(section.nodes, lines, start, stop) or [_Block(start, stop)]


def _partition(nodes: Sequence[SyntaxTreeNode], lines: _Lines, start: int, stop: int) -> list[_Block]:
    """Cut a range where blocks begin, so that nothing between them is lost: not all text is in a block."""
    if not nodes:
        return []
    begins = [start, *(lines.starts[_lines(node)[0]] for node in nodes[1:]), stop]
    return [
        _Block(a, b, _partition(_parts(node), lines, a, b))
        for node, (a, b) in zip(nodes, pairwise(begins), strict=True)
    ]


def _parts(node: SyntaxTreeNode) -> list[SyntaxTreeNode]:
    """Return what a block may be cut into: items, rows (the first stays with the table's head), blocks of a quote."""
    if node.type == "table":
        return [node.children[0], *(row for body in node.children[1:] for row in body.children[1:])]
    return [part for part in node.children if part.map is not None and part.type != "inline"]


def _sectioned(text: str, sections: Sequence[_Section], place: Callable[[_Section, Passage], str]) -> list[Passage]:
    lines = _Lines.of(text)
    stops = [*(lines.starts[section.line] for section in sections[1:]), len(text)]
    return [
        replace(passage, place=place(section, passage))
        for section, stop in zip(sections, stops, strict=True)
        for passage in _passages(text, _blocks(section, lines, stop))
    ]


def _main_heading(sections: Sequence[_Section]) -> str | None:
    """Return the first heading of the highest level that titles have, else the first."""
    headings = [heading for section in sections for heading in section.path if heading[1]]
    return next((text for level, text in headings if level == 1), headings[0][1] if headings else None)


def _read_markdown(path: Path) -> Document:
    text = _bounded(_decoded(path), path)
    front = _FRONT_MATTER.match(text)
    # Its lower fence would make a heading of it; blank lines in its place keep the count.
    body = "\n" * front[0].count("\n") + text[front.end() :] if front else text
    sections, lines = _sections(body), _Lines.of(text)

    def place(section: _Section, passage: Passage) -> str:
        headings = section.headings()
        return f"{headings} ({lines.place(passage)})" if headings else lines.place(passage)

    titled = _FRONT_TITLE.search(front[1]) if front else None
    title = titled[1].strip("\"' ") if titled else _main_heading(sections)
    return Document(_title(title, path), text, _sectioned(text, sections, place))


# HTML


def _read_html(path: Path) -> Document:
    from bs4.dammit import EncodingDetector
    from bs4.exceptions import ParserRejectedMarkup

    html = _decoded(path, lambda data: EncodingDetector.find_declared_encoding(data, is_html=True))
    try:
        soup = _soup(html)
        said = _prose_alone(soup)
        text = _bounded(_clean(_as_markdown(soup)), path)
    except (ParserRejectedMarkup, RecursionError) as error:
        raise DataUnreadable(
            f"{path.name!r} cannot be read as HTML: its elements are damaged or nested too deeply; "
            "save it from a browser as PDF or text, and name that"
        ) from error
    sections = _sections(text)
    title = _title(said or _main_heading(sections), path)
    return Document(title, text, _sectioned(text, sections, lambda section, _: section.headings() or title))


def _soup(html: str) -> BeautifulSoup:
    from bs4 import BeautifulSoup, Tag

    class Soup(BeautifulSoup):
        def handle_starttag(self, name: str, *args: Any, **kwargs: Any) -> Tag | None:
            while (inner := self.currentTag) is not None and inner.name in _ENDED_BY.get(name, ()):
                self.handle_endtag(inner.name)
            return super().handle_starttag(name, *args, **kwargs)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of markup that looks like a file name or like XML
        return Soup(html, "html.parser")


def _prose_alone(soup: BeautifulSoup) -> str:
    """Drop what is not read in a page, and the addresses that lead nowhere outside of it; return the page's title."""
    from bs4.element import CData, PreformattedString

    for element in soup.find_all(_NOT_PROSE):
        element.decompose()
    for text in soup.find_all(string=lambda text: isinstance(text, PreformattedString)):
        if not isinstance(text, CData):
            text.extract()
    titles = [title.extract().get_text() for title in soup.find_all("title")]
    for image in soup.find_all("img"):
        image.replace_with(str(image.get("alt") or ""))
    for link in soup.find_all("a"):
        inside = link.find_parent(_HEADINGS) is not None
        if inside and link.get_text(strip=True) in _PERMALINKS:
            link.decompose()
        elif inside or link.find(_HEADINGS) or re.match(r"\s*(#|javascript:|data:)", str(link.get("href", "")), re.I):
            link.unwrap()
    return titles[0].strip() if titles else ""


def _as_markdown(soup: BeautifulSoup) -> str:
    from markdownify import ATX, MarkdownConverter

    for text in soup.find_all(string=_BLOCK_MARK):
        if not text.find_parent(_NO_BLOCKS):
            text.replace_with(_BLOCK_MARK.sub(r"\1\\", text))
    # Names such as unit_price stay as they are searched for.
    converter = MarkdownConverter(heading_style=ATX, escape_asterisks=False, escape_underscores=False)
    return str(converter.convert_soup(soup))


# PDF


def _read_pdf(path: Path) -> Document:
    from pypdf import PdfReader
    from pypdf.errors import DependencyError, FileNotDecryptedError, PyPdfError

    # What is damaged leads pypdf into errors of any of these types, as its documentation warns.
    damage = (PyPdfError, LookupError, ValueError, TypeError, AttributeError, ArithmeticError, RuntimeError)
    pages, length, title = list[str](), 0, ""
    try:
        with path.open("rb") as file:
            reader = PdfReader(file)
            _require_readable(reader, path)
            for page in reader.pages:
                pages.append(_unix(_clean(page.extract_text())))
                length += len(pages[-1])
                if length > MOST_CHARACTERS:
                    raise _too_long(path)
            with contextlib.suppress(*damage):
                title = str((reader.metadata and reader.metadata.title) or "")
    except (DependencyError, FileNotDecryptedError) as error:
        raise _protected(path) from error
    except (*damage, AssertionError, struct.error, zlib.error) as error:
        where = f"page {len(pages) + 1}" if pages else "its beginning"
        raise DataUnreadable(
            f"{path.name!r} is damaged or no PDF: {where} cannot be read ({_line(str(error), 120)}); "
            "copy or download the file again, or save it anew from a PDF viewer"
        ) from error
    return _paged(pages, title, path)


def _require_readable(reader: PdfReader, path: Path) -> None:
    # Many are encrypted with an empty password, which only forbids to change them.
    if reader.is_encrypted and not reader.decrypt(""):
        raise _protected(path)
    if len(reader.pages) > MOST_PAGES:
        raise LimitExceeded(
            f"{path.name!r} has {len(reader.pages):,} pages, over the {MOST_PAGES:,} that a document may have; "
            "split it, or name a file with the part that matters"
        )


def _protected(path: Path) -> DataUnreadable:
    return DataUnreadable(
        f"{path.name!r} is encrypted and cannot be opened without its password; "
        "save a copy without protection from a PDF viewer, and name that"
    )


def _paged(pages: Sequence[str], title: str, path: Path) -> Document:
    if not any(page.strip() for page in pages):
        raise DataUnreadable(
            f"{path.name!r} holds no text on its {len(pages):,} page(s), which are likely scanned images; "
            "run text recognition over it (for example `ocrmypdf`), and name the result"
        )
    text, start, passages = "\n\n".join(pages), 0, list[Passage]()
    for number, page in enumerate(pages, 1):
        place = f"page {number}"
        blocks = _paragraphs(text, start, start + len(page))
        passages += [replace(passage, place=place) for passage in _passages(text, blocks)]
        start += len(page) + 2
    return Document(_title(title, path), text, passages)


_READERS: dict[str, Callable[[Path], Document]] = {
    **dict.fromkeys((".md", ".markdown"), _read_markdown),
    **dict.fromkeys((".txt", ".rst", ".log", ""), _read_text),
    **dict.fromkeys((".html", ".htm"), _read_html),
    ".pdf": _read_pdf,
}
