"""What is to be remembered, and what a text or a label of it may be."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ...tools.errors import BadRequest, LimitExceeded
from .passages import Passage, words_of

Kind = Literal["reasoning", "experience", "knowledge"]
Relation = Literal["supports", "contradicts", "derived_from", "supersedes", "similar_to"]

LONGEST = 1_000_000
_LONGEST_LABEL = 400
_LONGEST_TOPIC = 200


@dataclass(frozen=True)
class Note:
    """What is to be remembered.

    Attributes:
        content: the text; of a document the whole of it.
        importance: 0 to 1.
        dataset: name or any label of what it is about.
        session: label of the conversation or run that it belongs to.
        topic: what this is the latest word on: what was said on it before no longer holds.
        document: path of the document that it was read from.
        source: address of the result that it tells of.
        fingerprint: of the dataset's content at that time.
        passages: how the content is cut; empty: by length.
        past: what an export knows beyond that: id, times, counts.
    """

    content: str
    kind: Kind = "reasoning"
    importance: float = 0.5
    dataset: str | None = None
    session: str | None = None
    topic: str | None = None
    document: str | None = None
    source: str | None = None
    fingerprint: str | None = None
    passages: Sequence[Passage] = ()
    past: dict[str, Any] = field(default_factory=dict)

    @property
    def thread(self) -> str:
        """Where it stands in order: the session, else the dataset, else the rest."""
        if self.session is not None:
            return f"session {self.session}"
        return f"dataset {self.dataset}" if self.dataset is not None else ""

    @property
    def digest(self) -> bytes:
        """What the same note has as well: of content, kind and labels."""
        told = [self.content, self.kind, self.dataset, self.session, self.topic, self.document]
        return hashlib.sha256(json.dumps(told).encode()).digest()

    def words(self, passage: Passage) -> str:
        """Return what full text finds a passage by: its own words, its headings, and the label of the dataset."""
        text = self.content[passage.start : passage.stop]
        return words_of(" ".join(filter(None, (text, passage.place, self.dataset))))

    def check(self) -> None:
        """Check that it can be stored.

        Raises:
            BadRequest: the text is empty or no text, or a label is too long.
            LimitExceeded: the text is longer than a million characters and no document.
        """
        if not self.content.strip():
            raise BadRequest("content is empty; give the text to remember")
        if len(self.content) > LONGEST and self.document is None:
            raise LimitExceeded(
                f"content has {len(self.content):,} characters, more than the {LONGEST:,} that one memory may hold; "
                "cut it, or put it into a file under the roots and pass that as document"
            )
        check_text("content", self.content)
        for name in ("dataset", "session", "topic"):
            check_label(name, getattr(self, name))


def topic_of(*parts: str) -> str:
    """Return a topic of some words; a long one is cut, and told apart by a digest of the whole."""
    whole = " ".join(parts)
    if len(whole) <= _LONGEST_TOPIC:
        return whole
    return f"{whole[:_LONGEST_TOPIC]} {hashlib.blake2b(whole.encode(), digest_size=8).hexdigest()}"


def check_label(name: str, text: str | None) -> None:
    """Check an id or a label that a caller gave; None is none.

    Raises:
        BadRequest: it is empty, too long, or no text; the message calls it by `name`.
    """
    if text is None:
        return
    check_text(name, text)
    if not 0 < len(text) <= _LONGEST_LABEL:
        raise BadRequest(f"{name} must have 1 to {_LONGEST_LABEL} characters; this has {len(text):,}")


def check_text(name: str, text: str) -> None:
    """Check that a text can be stored.

    Raises:
        BadRequest: it holds NUL or half a character; the message calls it by `name`.
    """
    if "\0" in text:
        raise BadRequest(f"{name} holds a NUL character (at {text.index(chr(0)):,}), which no text does; take it out")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BadRequest(
            f"{name} is not valid Unicode: half a character (U+{ord(text[error.start]):04X}) stands at {error.start:,}"
        ) from None
