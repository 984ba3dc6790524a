"""Compound requests taken apart: "count the gaps, and then draw them" is two."""

from __future__ import annotations

import re
from functools import cache

_MOST_PARTS = 4
_SHORTEST = 2

# What surely joins two requests: in English, de, fr, es, it, pt, nl, pl, sv.
_SURE = (
    r"\s*[;,.:]?\s+(?:(?:and|but)\s+)?(?:then(?! (?:is|are|do|it|how|that|there)\b)|afterwards?|after "
    r"(?:that|this|which)|"
    r"subsequently|following that|thereafter|in addition|once (?:that is|that's|it's|it is) done|"
    r"when (?:that is|that's) done)(?: also| please)?,?\s+",
    r"[;,.:]?\s+(?:and|but)\s+(?:next|finally|also|additionally|besides|while you'?re at it|second|secondly)\s+",
    r"[;,.]?\s+(?:also|plus)\s+(?=(?:{verbs})\b)",
    r"[;,.]?\s+und\s+(?:auch|dann|danach|anschließend|anschliessend|außerdem|zusätzlich)\s+",
    r"[;,.]\s+(?:dann|danach|anschließend|anschliessend|außerdem|ausserdem|im anschluss)\s+",
    r"[;,.]?\s+(?:et\s+)?(?:puis|ensuite|après cela)\s+",
    r"[;,.]?\s+(?:y\s+)?(?:luego|después de eso|a continuación|además)\s+|[;,.]?\s+y\s+(?:después|despues|también)\s+",
    r"[;,.]?\s+(?:e\s+)?(?:poi|successivamente|inoltre)\s+|[;,.]?\s+e\s+dopo\s+",
    r"[;,.]?\s+(?:e\s+)?(?:em seguida|a seguir|além disso)\s+|[;,.]?\s+e\s+(?:depois|também)\s+",
    r"[;,.]?\s+(?:en\s+)?(?:daarna|vervolgens)\s+(?:dan\s+)?",
    r"[;,.]?\s+(?:[ia]\s+)?(?:potem|następnie|nastepnie)\s+",
    r"[;,.]?\s+(?:och\s+)?(?:sedan|därefter)\s+",
)
# What joins two requests if both can be told on their own.
_PERHAPS = (
    r"\s*;\s+",
    r"[,.]?\s+(?:and|&|plus)\s+(?=(?:{verbs})\b)",
    r"[.!?]\s+(?=(?:also|next|{verbs})\b)",
    r",\s+(?=(?:{verbs}) )",
    r",?\s+(?:und|et|y|e|en|i|och)\s+(?=(?:zeig|zeichne|mach|prüf|gib|fülle|montre|dessine|affiche|vérifie|donne|muestra|"
    r"dibuja|dime|comprueba|mostra|disegna|dimmi|verifica|desenha|mostre|toon|teken|geef|pokaż|narysuj|sprawdź|policz))",
    r",?\s+(?:and|plus|&)\s+(?={asks})",
)
# How the second of two requests begins that has no verb of its own: a bare name is the last of a list.
_ASKS = (
    r"(?:what|which|who|where|when|why|how|are|is|do|does|did|has|have|can|(?:a|an|the)?\s*(?:[\w-]+ )?"
    r"(?:chart|plot|graph|histogram|picture|overview|summary|report|list|box ?plots?|scatter\w*|heat ?map|pie|bars))\b"
)
_VERBS = (
    "check|draw|plot|chart|show|tell|describe|list|give|count|fill|impute|encode|scale|standardi[sz]e|normali[sz]e|"
    "select|keep|drop|remove|save|store|export|apply|run|summari[sz]e|compare|find|look|detect|search|visuali[sz]e|"
    "graph|verify|validate|test|propose|suggest|compute|calculate|report|explain|generate|create|build|vectori[sz]e|"
    "one.hot|audit|score|see|load|forget|delete|name|rank|bring|derive|extract|assign|split|set|are there|is there|"
    "start|remember|recall|link|how many|do the|make|could you|can you|say|display|print|note|get"
)


@cache
def _joints(sure: bool) -> re.Pattern[str]:
    joints = _SURE if sure else _PERHAPS
    return re.compile(
        "|".join(f"(?:{joint.replace('{verbs}', _VERBS).replace('{asks}', _ASKS)})" for joint in joints), re.IGNORECASE
    )


def split(text: str) -> list[str]:
    """Return the requests that a text surely is made of, in their order; one that is not compound stays whole.

    >>> split("count the gaps per column, and then draw them; after that save it")
    ['count the gaps per column', 'draw them', 'save it']
    """
    parts: list[str] = []
    start = 0
    for match in _joints(sure=True).finditer(text):
        before, after = text[start : match.start()], text[match.end() :]
        if len(parts) < _MOST_PARTS - 1 and _whole(before) and _whole(after):
            parts.append(before)
            start = match.end()
    parts.append(text[start:])
    return [part.strip(" ,;") for part in parts]


def halves(text: str) -> list[tuple[str, str]]:
    """Return the ways in which a text may be two requests: to be believed if both are understood.

    >>> halves("describe the prices and draw them")
    [('describe the prices', 'draw them')]
    """
    found = []
    for match in _joints(sure=False).finditer(text):
        before, after = text[: match.start()].strip(" ,;"), text[match.end() :].strip(" ,;")
        if _whole(before) and _whole(after):
            found.append((before, after))
    return found


def _whole(part: str) -> bool:
    """Tell whether a part can stand alone."""
    return len(part.split()) >= _SHORTEST
