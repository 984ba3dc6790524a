"""Names of files, datasets and pipelines that stand in a request."""

from __future__ import annotations

import re

from .asked import Asked
from .words import pieces

_FILE = re.compile(
    r"(?:https?://[^\s\"'<>]+|connection:[\w.-]+/[\w./-]+|[\w./*?~:\\-]*[\w*]\.(?:csv|tsv|parquet|xlsx?|jsonl?|ndjson|feather|arrow)"
    r"(?:\.(?:gz|zst))?)",
    re.I,
)
QUOTES = "\"'`\u201c\u201d\u201e\u00ab\u00bb\u2018\u2019"
_QUOTED = re.compile(f"[{QUOTES}]([^{QUOTES}]{{1,80}})[{QUOTES}]")
_IDENTIFIER = re.compile(
    r"(?<![\w./:])[A-Za-z][A-Za-z0-9-]*(?:_[A-Za-z0-9-]+)+(?![\w./])|(?<![\w./:-])[A-Za-z]+\d+\w*(?![\w./])"
)


def files(text: str) -> list[str]:
    """Return the paths and addresses in a text."""
    return [match[0].rstrip(".,;") for match in _FILE.finditer(text)]


def named(text: str, *, after: str = "") -> list[str]:
    """Return the quoted texts and identifiers (`leads_v1`, `q3`) in a text, those after some words alone if wanted."""
    found = [(match.start(), match[1]) for match in _QUOTED.finditer(text)]
    found += [(match.start(), match[0]) for match in _IDENTIFIER.finditer(text)]
    if after:
        found = [(start, name) for start, name in found if re.search(rf"(?:{after})\W*$", text[:start], re.I)]
    return list(dict.fromkeys(name for _, name in sorted(found)))


def other_names(asked: Asked) -> list[str]:
    """Return what names something else than columns, values and the table itself, in the order of the text."""
    text = asked.reading.text
    own = {column.name.lower() for column in asked.table.columns} | {asked.table.name.lower()}
    own |= {value.lower() for column in asked.table.columns for value in column.values}
    found = [(text.find(one), one) for one in (*files(text), *named(text)) if one.lower() not in own]
    found += [(text.lower().find(one.lower()), one) for one in asked.table.others if _says(text, one)]
    inside = [one for one in found if not any(one[1] != other and one[1] in other for _, other in found)]
    return list(dict.fromkeys(name for _, name in sorted(inside) if name))


def _says(text: str, name: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.I) is not None


def stem_of(dataset: str) -> str:
    """Return a dataset's name without folders and ending, fit for a name.

    >>> stem_of("data/orders may.csv")
    'orders_may'
    """
    last = re.split(r"[/\\:]", dataset.rstrip("/"))[-1]
    plain = re.sub(r"(?:\.\w{1,8}){1,2}$", "", last)
    return re.sub(r"\W+", "_", plain).strip("_") or "table"


def alike(name: str, others: tuple[str, ...]) -> list[str]:
    """Return the other datasets whose name begins like this one, the likest first: other months of the same table."""
    own = {piece.stem for piece in pieces(stem_of(name)) if not piece.stem.isdecimal()}
    scored = []
    for other in others:
        words = {piece.stem for piece in pieces(stem_of(other)) if not piece.stem.isdecimal()}
        if other != name and own & words:
            scored.append((-len(own & words) / len(own | words), other))
    return [other for _, other in sorted(scored)]
