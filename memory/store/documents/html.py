"""HTML: its prose made Markdown, in sections placed by their headings."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ....tools.errors import DataUnreadable
from .decoding import bounded, clean, decoded
from .document import Document, title_of
from .markdown import main_heading, sectioned, sections_of

if TYPE_CHECKING:
    from bs4 import BeautifulSoup

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


def read_html(path: Path) -> Document:
    """Read a page of HTML."""
    from bs4.dammit import EncodingDetector
    from bs4.exceptions import ParserRejectedMarkup

    html = decoded(path, lambda data: EncodingDetector.find_declared_encoding(data, is_html=True))
    try:
        soup = _soup(html)
        said = _prose_alone(soup)
        text = bounded(clean(_as_markdown(soup)), path)
    except (ParserRejectedMarkup, RecursionError) as error:
        raise DataUnreadable(
            f"{path.name!r} cannot be read as HTML: its elements are damaged or nested too deeply; "
            "save it from a browser as PDF or text, and name that"
        ) from error
    sections = sections_of(text)
    title = title_of(said or main_heading(sections), path)
    return Document(title, text, sectioned(text, sections, lambda section, _: section.headings() or title))


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
