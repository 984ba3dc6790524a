"""The second look for personal data and secrets, after masking: it would rather leave out an example too many.

`tools.masking` changes only what it is sure of, since answers must stay readable. Here nothing is changed, so the
patterns are wide: a number that may be a telephone's is reason enough.
"""

from __future__ import annotations

import re
import unicodedata

from ...tools.masking import mask

# Times, dates and decimals are long runs of digits too; they are taken out before.
_HARMLESS = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?"
    r"|(?<![\w.+-])-?\d{1,8}\.\d+(?:e[+-]?\d+)?(?![\w.-]|[ -]\d)",
    re.IGNORECASE,
)
_SIGNS: dict[str, re.Pattern[str]] = {
    "secret": re.compile(
        r"://[^\s/:@]+:[^\s/@]+@"
        r"|\b(?:sk|pk|rk|gh[opsu]|glpat|xox[abps])[-_][A-Za-z0-9_-]{16,}|\bAKIA[0-9A-Z]{16}\b|-----BEGIN [A-Z ]*KEY"
        r"|\b(?:password|passwd|secret|api[_ -]?key|access[_ -]?token)\b[\"']?\s*(?:[:=]|\bis\b)\s*[\"']?"
        r"(?=[^\s\"']*[\d!#$%^&*_])[^\s\"']{6,}",
        re.IGNORECASE,
    ),
    "e-mail": re.compile(
        # What masking leaves has a star before the sign.
        r"[^\s*@\"]@[^\s@]"
        r"|[\w.-]\s?[(\[{]\s?at\s?[)\]}]\s?\w"
        r"|\w\s+at\s+[\w-]+\s+dot\s+\w",
        re.IGNORECASE,
    ),
    "account": re.compile(r"\b[A-Z]{2}\d\d(?:[ -]?[A-Z0-9]{4}){3,}"),
    "number": re.compile(r"(?<![\w*,])\+?\(?\d(?:[ ./()\u2010-\u2015-]{0,3}\d){8,}|\d{4}(?:[,;:_|]\d{4}){2,}"),
    "address on the network": re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.])"),
    "home folder": re.compile(r"/(?:home|Users)/[^\s/]+|[A-Za-z]:\\{1,2}Users\\{1,2}[^\s\\]+"),
}
NOT_MASKED = "not masked"


def suspicion(text: str) -> str | None:
    """Return what in a text may be personal or a secret, by the name of the pattern, or None.

    >>> suspicion("3,120 rows since 2026-01-31 12:00:00; j***@example.com"), suspicion("jane (at) example.com")
    (None, 'e-mail')
    """
    if mask(text) != text:
        return NOT_MASKED
    looked_at = _HARMLESS.sub("#", _visible(text))
    return next((name for name, pattern in _SIGNS.items() if pattern.search(looked_at)), None)


def _visible(text: str) -> str:
    """Return what a reader sees: signs in one form, without those of no width."""
    return "".join(sign for sign in unicodedata.normalize("NFKC", text) if unicodedata.category(sign) != "Cf")
