"""A question as it is read: its words, its language, each word in English, and the things that its phrases may name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .lexicon import language_of, load_lexicon
from .spelling import COMMON, load_speller
from .tables import Table
from .words import LONGEST, Piece, pieces, plain, stem

# Longest phrase that the synonyms know, in words.
_PHRASE = 4
# In a name these are abbreviations (`cust_no`), in a text they are not.
_NO_NAMES = frozenset(
    {"no", "at", "on", "in", "is", "has", "as", "or", "by", "to", "a", "i", "it", "us", "am", "so", "do", "be", "me"}
)


@dataclass(frozen=True)
class Token:
    """A word in English, spelt right: its stem, the piece of the question it comes from, its place in English."""

    word: str
    stem: str
    piece: int
    start: int
    end: int


@dataclass(frozen=True)
class Unit:
    """A phrase of a question: the first and last of its tokens, and the things that it may name."""

    first: int
    last: int
    phrase: str
    names: frozenset[str]


@dataclass(frozen=True)
class Reading:
    """A question, read.

    Attributes:
        text: the question, cut to what is read of it.
        language: as guessed; `en` where nothing speaks for another.
        english: the question with what the glossary knows put in English, and slips made right; else as it was.
        tokens: the words of that.
        units: its words and known phrases.
    """

    text: str
    language: str
    english: str
    pieces: tuple[Piece, ...]
    tokens: tuple[Token, ...]
    units: tuple[Unit, ...]


def read(text: str, names: Iterable[str] = (), language: str | None = None) -> Reading:
    """Read a question.

    Args:
        text: what was asked.
        names: of columns and values, whose words are no slips of others.
        language: saves the guess.
    """
    text = " ".join(text[:LONGEST].split())
    parts = tuple(pieces(text))
    named = {piece.plain for name in names for piece in pieces(name)}
    speller = load_speller()

    def is_english(word: str) -> bool:
        """Tell whether a word speaks for English: a rare one that is a name or value of the table does not."""
        return word in speller and (word not in named or speller.uses(word) >= COMMON)

    language = language or language_of(list(parts), is_english)
    english, tokens = _translate(text, parts, language, named)
    return Reading(text, language, english, parts, tuple(tokens), tuple(_units(tuple(tokens))))


def _translate(text: str, parts: tuple[Piece, ...], language: str, named: set[str]) -> tuple[str, list[Token]]:
    """Put a text in English, word by word."""
    tokens: list[Token] = []
    place, read_to, written = 0, 0, ""
    speller = load_speller()
    while place < len(parts):
        size, english = _meaning(parts, place, language) if language != "en" else (1, None)
        part, last = parts[place], parts[place + size - 1]
        if english is None and not {part.plain, part.stem} & named:
            english = speller.meant(part.plain)
        written += text[read_to : part.start]
        for word in plain(english).split() if english else [part.plain]:
            shown = word if english else part.text
            written += " " if tokens and tokens[-1].piece == place else ""
            tokens.append(
                Token(word, stem(word) if english else part.stem, place, len(written), len(written) + len(shown))
            )
            written += shown
        place, read_to = place + size, last.end
    return written + text[read_to:], tokens


def _meaning(parts: tuple[Piece, ...], place: int, language: str) -> tuple[int, str | None]:
    """Return how many words from here on have a meaning together, and the meaning."""
    lexicon = load_lexicon()
    for size in (3, 2):
        phrase = " ".join(part.plain for part in parts[place : place + size])
        english = lexicon.foreign.get(language, ({}, {}))[0].get(phrase)
        if english and place + size <= len(parts):
            return size, english
    return 1, lexicon.meaning(parts[place].plain, language)


def _units(tokens: tuple[Token, ...]) -> list[Unit]:
    lexicon = load_lexicon()
    found = []
    for first in range(len(tokens)):
        for last in range(first, min(first + _PHRASE, len(tokens))):
            phrase = " ".join(token.stem for token in tokens[first : last + 1])
            names = frozenset((phrase,)) if phrase in _NO_NAMES else lexicon.names(phrase)
            if names:
                found.append(Unit(first, last, phrase, names))
    return found


def names_of(table: Table) -> list[str]:
    """Return the names and values of a table's columns: words that are no slips of others."""
    return [text for column in table.columns for text in (column.name, *column.values)]
