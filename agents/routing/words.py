"""Texts and names as words: without accents and case, cut at separators and humps, singular, and near in spelling."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from ...tools.edit_distance import distance

# A request is read up to here; nobody's question is longer, but somebody may paste a file.
LONGEST = 2_000
_PIECE = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z]{2})")
# Units and the like are no two words: `pH`, `kW`, `kWh`.
_ONE = re.compile(r"[a-z][A-Z][a-z]?")
_SPECIAL = str.maketrans({"ß": "ss", "ø": "o", "ł": "l", "æ": "ae", "œ": "oe", "đ": "d", "\u0131": "i"})
_WHOLE_WORDS = (
    "is was has this us bus gas plus status analysis basis class loss miss pass less address access "
    "process business process various always his its as yes thus axis bias campus census focus bonus "
    "virus lens news series species canvas corpus radius across towards besides perhaps sometimes "
    "afterwards iris atlas christmas texas paris"
)
_WHOLE = frozenset(_WHOLE_WORDS.split())


@dataclass(frozen=True)
class Piece:
    """A word or number of a text: as written, from where to where, and without case, accents and plural."""

    text: str
    start: int
    end: int
    plain: str
    stem: str


def plain(text: str) -> str:
    """Return a text in lower case without accents; its length may change.

    >>> plain("Größe")
    'grosse'
    """
    lowered = unicodedata.normalize("NFKD", text.lower().translate(_SPECIAL))
    return "".join(letter for letter in lowered if not unicodedata.combining(letter))


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """Return an English word without its plural.

    >>> [stem(word) for word in ("cities", "boxes", "status", "orders")]
    ['city', 'box', 'status', 'order']
    """
    if len(word) < 4 or word in _WHOLE or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "xes", "ches", "shes", "zzes", "tzes")):
        return word[:-2]
    return word[:-1]


def pieces(text: str) -> list[Piece]:
    """Cut a text into words and numbers; `orderDate`, `order_date` and `order date` give the same two.

    >>> [piece.stem for piece in pieces("orderDate per cust_id2, 1,500.5")]
    ['order', 'date', 'per', 'cust', 'id', '2', '1,500.5']
    """
    found = []
    for match in _PIECE.finditer(text[:LONGEST]):
        start = match.start()
        for part in [match[0]] if _ONE.fullmatch(match[0]) else _HUMP.split(match[0]):
            lowered = plain(part)
            found.append(
                Piece(
                    part, start, start + len(part), lowered, _short(lowered) if part[0].isdecimal() else stem(lowered)
                )
            )
            start += len(part)
    return found


def _short(digits: str) -> str:
    """Return a short number without its point: `PM2.5` is the column `pm25`."""
    bare = digits.replace(".", "").replace(",", "")
    return bare if len(bare) <= 2 else digits


def similar(word: str, other: str) -> bool:
    """Tell whether one word may be a misspelling of the other: one slip from four letters on, two from eight on."""
    shorter = min(len(word), len(other))
    if shorter < 4 or (word[0] != other[0] and word[1:2] != other[1:2]):
        return False
    most = 1 if shorter < 8 else 2
    return distance(word, other, most) <= most
