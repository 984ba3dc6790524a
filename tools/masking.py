"""Hiding what looks personal in a result: e-mail addresses, phone numbers, cards, bank accounts, national ids.

Two things give a value away: its own form (an address has an `@`, a card number keeps Luhn's rule, an IBAN its
remainder of 1), or the column that it comes from, when the key above it or a `column` beside it is called so.
Counts and scores of such a column stay as they are.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise
from typing import Any

Kind = str  # "email", "phone", "card", "iban", "id" or "account"

# A text without any of these can hold nothing that is masked; most texts end here.
_WORTH_A_LOOK = re.compile(
    r"@|\+[1-9]|\d{14}|[A-Z]{2}\d\d ?[A-Z0-9]{4}|\d{3}[ /-]\d{3}|\d{3}\.\d{3}\.|\d{3}-\d\d-\d{4}|\d\)[ /-]?\d{3}"
)

_DOMAIN = re.compile(r"@((?:[\w-]{1,63}\.){1,40}[^\W\d_]{2,24})")
_LOCAL = frozenset("._%+'-")
_IBAN = re.compile(r"(?<![\w-])[A-Z]{2}\d\d(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![\w-])")
_CARD = re.compile(r"(?<![\w.+-])(?:\d{4}([ -])\d{4}\1\d{4}\1\d{4}|3\d{3}([ -])\d{6}\2\d{5}|\d{14,16})(?![\w-]|\.\d)")
_ISSUERS = re.compile(r"4|5[1-5]|2[2-7]|3[47]|3(?:0[0-5]|[689])|35|6(?:011|4|5|2)")
_CARD_LENGTHS = {"3": {14, 15, 16}, "2": {16}, "4": {16}, "5": {16}, "6": {16}}
_SSN = re.compile(r"(?<![\w.+-])(?!000|666|9)\d{3}-(?!00)\d\d-(?!0000)\d{4}(?![\w-]|\.\d)")
_PHONE = re.compile(
    r"(?<![\w.)*+-])(?<!\d )(?:"
    # +49 151 234567, +1 (555) 123-4567, +15551234567
    r"\+[1-9]\d{0,3}(?:[ .-]?\(\d{1,4}\))?(?:[ ./-]{0,2}\d{1,12}){1,6}"
    # (555) 123-4567, 555-123-4567, 1-555-123-4567, 555.123.4567
    r"|(?:1[ .-])?\(\d{3}\) ?\d{3}[ .-]\d{4}|(?:1([.-]))?\d{3}([.-])\d{3}\2\d{4}"
    # (030) 1234567, 0151 23456789, 020 7946 0958
    r"|\(0\d{1,4}\)[ /-]?\d{3,8}(?:[ -]\d{2,6}){0,2}|0[1-9]\d{1,3}[ /](?:\d{5,8}|\d{3,4} \d{3,4})"
    r")(?![\w*-]|[.:,/]\d)"
)

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_]+")
_BY_WORD: dict[str, Kind] = {
    **dict.fromkeys(("email", "mail", "emails"), "email"),
    **dict.fromkeys(
        ("phone", "phones", "mobile", "telephone", "cellphone", "fax", "msisdn", "tel", "whatsapp"), "phone"
    ),
    **dict.fromkeys(("ssn", "passport", "nino", "cpf", "aadhaar", "dni", "bsn", "pesel"), "id"),
    **dict.fromkeys(("iban",), "iban"),
    **dict.fromkeys(("creditcard", "cardnumber", "ccnumber", "pan"), "card"),
}
_BY_PAIR: dict[tuple[str, str], Kind] = {
    **dict.fromkeys(
        (("card", "number"), ("card", "no"), ("card", "num"), ("credit", "card"), ("debit", "card")), "card"
    ),
    **dict.fromkeys((("cc", "number"), ("cc", "num")), "card"),
    **dict.fromkeys((("social", "security"), ("national", "id"), ("national", "insurance"), ("tax", "id")), "id"),
    **dict.fromkeys((("id", "card"), ("identity", "number"), ("driver", "license"), ("drivers", "license")), "id"),
    **dict.fromkeys((("account", "number"), ("bank", "account"), ("account", "no")), "account"),
    **dict.fromkeys((("cell", "number"), ("contact", "number"), ("e", "mail")), "phone"),
    ("e", "mail"): "email",
}
# `phone_type` holds no phone numbers, and neither does `phone_count`.
_NOT_VALUES = frozenset(
    (
        *("count", "type", "kind", "has", "is", "verified", "status", "flag", "opt", "length", "len", "valid", "model"),
        *(
            "provider",
            "domain",
            "brand",
            "consent",
            "subscribed",
            "sent",
            "opened",
            "clicks",
            "plan",
            "os",
            "app",
            "hash",
        ),
    )
)
# Numbers and words about a column, not out of it.
_ABOUT = frozenset(
    (
        *("count", "counts", "rows", "of", "missing", "disguised", "distinct", "unique", "nulls", "fraction", "share"),
        *(
            "threshold",
            "metric",
            "severity",
            "statistic",
            "value",
            "effect",
            "length",
            "lengths",
            "violations",
            "pattern",
            "expression",
            "op",
            "score",
        ),
        *("bytes", "size", "mb", "points", "r", "std", "skew", "kurtosis", "outliers", "duplicates", "groups", "kind"),
        *("dataset", "uri", "query", "message", "column", "columns", "rule", "type", "format", "fingerprint", "reason"),
    )
)


def mask(value: Any, learned: dict[str, str] | None = None) -> Any:
    """Return JSON-like data with what looks personal made unreadable; masking it again changes nothing.

    Args:
        value: what to mask.
        learned: collects what was masked because of its column, so that a text about the same data, masked
            later with the same mapping, hides it too.

    >>> mask({"column": "contact", "top": ["jane@example.com", "+44 20 7946 0958"], "count": 2})
    {'column': 'contact', 'top': ['j***@example.com', '+44 ***58'], 'count': 2}
    """
    masked = _mask(value, None, learned)
    if isinstance(masked, str) and learned:
        for plain in sorted((plain for plain in learned if plain in masked), key=len, reverse=True):
            alone = re.compile(rf"(?<![\w.,]){re.escape(plain)}(?!\w|[.,]\d)")
            masked = alone.sub(learned[plain].replace("\\", "\\\\"), masked)
    return masked


def _mask(value: Any, kind: Kind | None, learned: dict[str, str] | None) -> Any:
    if isinstance(value, str):
        return _mask_text(value) if kind is None else _mask_known(value, kind, learned)
    if isinstance(value, dict):
        return _mask_record(value, kind, learned)
    if isinstance(value, list | tuple):
        return [_mask(item, kind, learned) for item in value]
    if kind is None or isinstance(value, bool) or not isinstance(value, int | float):
        return value
    whole = int(value) if isinstance(value, int) or value.is_integer() else None
    return value if whole is None else _mask_number(value, whole, kind, learned)


def _mask_record(record: dict[str, Any], inherited: Kind | None, learned: dict[str, str] | None) -> dict[str, Any]:
    kind, kinds = inherited, None
    column, columns = record.get("column"), record.get("columns")
    if isinstance(column, str):
        kind = kind_of(column) or inherited
    elif names := _names(columns):
        kinds = [kind_of(name) for name in names]
        kind = kinds[0] if None not in kinds else inherited
        kinds = kinds if len(kinds) > 1 and any(kinds) else None
    masked: dict[str, Any] = {}
    repeats: dict[str, int] = {}
    for key, item in record.items():
        own, name = _known_key(key)
        below = own or (None if kind is None or _is_about(key, item, measured="metric" in record) else kind)
        if inherited is not None and own is None:
            name = _mask_known(key, inherited, learned)
        if name != key:
            # The key was a value of the column, and what it leads to is about that.
            below = None
        while name in masked:
            repeats[name] = repeats.get(name, 1) + 1
            name = f"{name} ({repeats[name]})"
        if kinds is not None and isinstance(item, list):
            item = [_mask_row(row, kinds, learned) for row in item]
        plain = below is None and (item is None or isinstance(item, float | int))
        masked[name] = item if plain else _mask(item, below, learned)
    return masked


def _names(columns: Any) -> list[str]:
    """Return the names in a list of columns, given as texts or as records that are nothing but a name and a type."""
    if not isinstance(columns, list):
        return []
    names = [item["name"] if isinstance(item, dict) and item.keys() == {"name", "type"} else item for item in columns]
    return names if all(isinstance(name, str) for name in names) else []


@lru_cache(maxsize=4096)
def _known_key(key: str) -> tuple[Kind | None, str]:
    return kind_of(key), _mask_text(key)


def _is_about(key: str, item: Any, *, measured: bool) -> bool:
    """Tell whether something tells about a column rather than out of it; a finding's `value` is a measure."""
    if isinstance(item, dict) or (isinstance(item, list) and item and isinstance(item[0], dict | list)):
        return False
    return not _ABOUT.isdisjoint(_words(key)) and (measured or key != "value")


def _mask_row(row: Any, kinds: list[Kind | None], learned: dict[str, str] | None) -> Any:
    """Mask a row given as a list, whose places are those of the columns."""
    if not isinstance(row, list | tuple) or len(row) != len(kinds):
        return row
    return [_mask(cell, kind, learned) for cell, kind in zip(row, kinds, strict=True)]


def kind_of(name: str) -> Kind | None:
    """Tell by its name what personal thing a column holds, or None."""
    words = _words(name)
    if not words or len(name) > 128 or not _NOT_VALUES.isdisjoint(words):
        return None
    for pair in pairwise(words):
        if pair in _BY_PAIR:
            return _BY_PAIR[pair]
    return next((_BY_WORD[word] for word in words if word in _BY_WORD), None)


@lru_cache(maxsize=4096)
def _words(name: str) -> tuple[str, ...]:
    return tuple(word.lower() for word in _WORDS.findall(name))


def _mask_number(value: float, whole: int, kind: Kind, learned: dict[str, str] | None) -> Any:
    digits = str(abs(whole))
    least, most = {"phone": (7, 15), "card": (12, 19), "id": (7, 14), "account": (6, 18)}.get(kind, (99, 0))
    if not least <= len(digits) <= most or len(set(digits)) == 1:
        return value
    hidden = _tail(digits, kind)
    if learned is not None:
        learned |= {str(value): hidden, str(whole): hidden, f"{whole:,}": hidden}
    return hidden


def _mask_known(text: str, kind: Kind, learned: dict[str, str] | None) -> str:
    """Mask a value of a column that is known to hold something personal, whatever form it is in."""
    hidden = _hidden(text, kind)
    if hidden is None:
        return _mask_text(text)
    if learned is not None:
        learned[text] = hidden
    return hidden


_SHAPES: dict[Kind, re.Pattern[str]] = {
    "phone": re.compile(r"[+(]?\d[\d ().\-/]{5,22}(?: ?(?:x|ext\.?) ?\d{1,6})?"),
    "card": re.compile(r"\d[\d -]{10,22}\d(?:\.0)?"),
    "id": re.compile(r"(?=(?:[^\d]*\d){5})[A-Za-z0-9][A-Za-z0-9 ./-]{4,16}[A-Za-z0-9]"),
    "account": re.compile(r"\d[\d -]{4,22}\d(?:\.0)?"),
    "iban": re.compile(r"[A-Za-z]{2}\d{2}[A-Za-z0-9 -]{8,36}"),
    # Whatever stands in a column of addresses may be a broken one.
    "email": re.compile(r"(?!\S*\*\*\*)(?=\S*[@#.]|\S*\(at\)|\S*\[at\])\S{5,}"),
}
_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:[ T].*)?|\d\d?[./]\d\d?[./]\d{4}|\d+\.\d+")


def _hidden(text: str, kind: Kind) -> str | None:
    if not _SHAPES[kind].fullmatch(text):
        return None
    if kind == "email":
        masked = _mask_emails(text)
        return masked if masked != text else text[0] + "***" + "".join(re.findall(r"[@#].*", text)[:1])
    digits = "".join(c for c in text.removesuffix(".0") if c.isalnum())
    numerals = sum(c.isdigit() for c in digits)
    if (
        len(set(digits)) == 1
        or (kind == "phone" and not 7 <= numerals <= 20)
        or _DATE.fullmatch(text.removesuffix(".0"))
    ):
        return None
    return _tail(digits, kind)


def _tail(digits: str, kind: Kind) -> str:
    return "***" + digits[-4 if kind in {"card", "iban"} else -2 :]


def _mask_text(text: str) -> str:
    """Mask what gives itself away by its form."""
    while _WORTH_A_LOOK.search(text):
        masked = _mask_emails(text) if "@" in text else text
        masked = _IBAN.sub(_iban, masked)
        masked = _CARD.sub(_card, masked)
        masked = _SSN.sub(lambda match: f"***-**-{match[0][-4:]}", masked)
        masked = _PHONE.sub(_phone, masked)
        if masked == text:
            break
        # What was masked may have stood beside something that shows only now.
        text = masked
    return text


def _mask_emails(text: str) -> str:
    """Keep the first letter and the domain; looks back from each `@`, so that long texts cost no more than once."""
    pieces, done = [], 0
    for match in _DOMAIN.finditer(text):
        start = match.start()
        while start > done and text[start - 1] == "@":
            start -= 1
        at = start
        while start > done and (text[start - 1].isalnum() or text[start - 1] in _LOCAL or text[start - 1] == "_"):
            start -= 1
        if start == at:
            continue
        pieces += [text[done : start + 1], "***"]
        done = at
    return "".join([*pieces, text[done:]]) if pieces else text


def _iban(match: re.Match[str]) -> str:
    plain = match[0].replace(" ", "")
    number = int("".join(str(int(c, 36)) for c in plain[4:] + plain[:4]))
    return f"{plain[:2]}***{plain[-4:]}" if 15 <= len(plain) <= 34 and number % 97 == 1 else match[0]


def _card(match: re.Match[str]) -> str:
    digits = "".join(c for c in match[0] if c.isdigit())
    known = _ISSUERS.match(digits) and len(digits) in _CARD_LENGTHS[digits[0]]
    return f"***{digits[-4:]}" if known and _luhn(digits) and len(set(digits)) > 1 else match[0]


def _luhn(digits: str) -> bool:
    doubled = (sum(divmod(2 * int(c), 10)) for c in digits[-2::-2])
    return (sum(map(int, digits[-1::-2])) + sum(doubled)) % 10 == 0


def _phone(match: re.Match[str]) -> str:
    text = match[0]
    digits = sum(c.isdigit() for c in text)
    if not text.startswith("+"):
        return f"***{text[-2:]}" if 7 <= digits <= 15 else text
    separators = {c for c in text[1:] if not c.isdigit()}
    # A lone point is a decimal one, and two signs with points are a place on the globe.
    if text.count(".") == 1 or ("." in separators and len(separators) > 1 and "(" not in separators):
        return text
    if not (8 if separators else 10) <= digits <= 15:
        return text
    code = re.match(r"\+\d{1,3}(?=[^\d])", text)
    return f"{code[0] if code else '+'} ***{text[-2:]}" if code else f"+***{text[-2:]}"
