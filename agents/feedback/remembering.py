"""A verdict as knowledge: what the owner of the data says of it outweighs what was computed."""

from __future__ import annotations

import re

from ...memory.store.notes import Note, topic_of
from ...tools.masking import mask
from .ratings import Rating

_IMPORTANCE = {"approve": 0.7, "edit": 0.85, "reject": 0.8}
_NUMBERS = re.compile(r"\d+(?:[.,]\d+)*")
_LONGEST_LABEL = 400


def note_of(rating: Rating) -> Note:
    """Say a verdict in words, as of the session it was given in.

    The next one on the same insight about the same dataset supersedes it.
    """
    dataset = rating.request.dataset[:_LONGEST_LABEL]
    return Note(
        mask(_said(rating)),
        kind="knowledge",
        importance=_IMPORTANCE[rating.verdict],
        dataset=dataset,
        session=rating.sessions[0] if rating.sessions else None,
        topic=topic_of("verdict on", dataset, "that", _stable(rating.given.title)),
    )


def _said(rating: Rating) -> str:
    given, dataset = rating.given, rating.request.dataset
    if rating.verdict == "reject":
        why = f": {rating.text}" if rating.text else "."
        return f"The owner does not see {given.title!r} in {dataset} as a problem{why}"
    if rating.verdict == "edit":
        return f"The owner says of {given.title!r} in {dataset}: {rating.text}"
    remark = f" The owner adds: {rating.text}" if rating.text else ""
    return f"The owner confirms of {dataset}: {given.title}. {given.text} {given.advice}{remark}"


def _stable(title: str) -> str:
    """Return a title without its numbers: next month's run finds the same thing with others."""
    return " ".join(_NUMBERS.sub("#", title.casefold()).split())
