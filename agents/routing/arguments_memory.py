"""Arguments of the memory's actions."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from .asked import Asked, MissingArgument
from .names import named

_LEAD = re.compile(
    r"^\W*(?:please|pls|could you|can you)?\W*(?:remember|note|keep in mind|bear in mind|memori[sz]e|write "
    r"down|jot down|make a note|"
    r"store the finding|log|record|fyi|for the (?:future|next time|record)|don'?t forget|dont let me "
    r"forget)\b\W*(?:that|the fact that|this)?\W*",
    re.IGNORECASE,
)
_ID = re.compile(
    r"\b(?:memory|memories|note|notes|finding|findings|nr\.?|no\.?|number|with|and|to)?\s*#?(\d+|m_?\d+|[0-9a-f]{8}-[0-9a-f-]{27})\b",
    re.I,
)
_RELATIONS = {
    "contradicts": r"\bcontradict\w*|\bdisagree\w*|\bconflict\w*",
    "supersedes": r"\bsupersed\w*|\breplac\w*|\boutdated\b|\bout of date\b|\bovertak\w*",
    "derived_from": r"\bderiv\w*|\bstems? from\b|\bfollows? from\b|\bcomes? from\b|\bbased on\b",
    "supports": r"\bsupport\w*|\bbacks? up\b|\bconfirm\w*|\bexplain\w*",
}


def _remember(asked: Asked) -> dict[str, Any]:
    text = asked.reading.text
    document = re.search(r"[\w./-]+\.(?:pdf|md|txt|html?)\b", text, re.I)
    if document:
        return {"document": document[0], "dataset": asked.table.name}
    content = _LEAD.sub("", text).strip()
    return {"content": content or text, "dataset": asked.table.name}


def _recall(asked: Asked) -> dict[str, Any]:
    return {"query": asked.reading.text}


def _forget(asked: Asked) -> dict[str, Any]:
    text = asked.reading.text
    session = re.search(r"\bsession\s+[\"'“]?([\w-]+)", text, re.I)
    if session:
        return {"session": session[1]}
    found = _ID.search(text)
    if not found:
        raise MissingArgument("say the id of the memory to forget, or the session; recall shows ids")
    return {"memory": found[1]}


def _associate(asked: Asked) -> dict[str, Any]:
    found = list(dict.fromkeys([match[1] for match in _ID.finditer(asked.reading.text)]))
    if len(found) < 2:
        found = named(asked.reading.text)
    if len(found) < 2:
        raise MissingArgument("say the ids of the two memories; recall shows them")
    relation = next((relation for relation, pattern in _RELATIONS.items() if asked.has(pattern)), "similar_to")
    return {"source": found[0], "target": found[1], "relation": relation}


MEMORY: dict[str, Callable[[Asked], dict[str, Any]]] = {
    "remember": _remember,
    "recall": _recall,
    "forget": _forget,
    "associate_memories": _associate,
}
