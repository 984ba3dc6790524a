"""Ranges, allowed values, patterns and comparisons that a request states."""

from __future__ import annotations

import re
from typing import Any

from .asked import Asked
from .names import QUOTES, named
from .quantities import Number, numbers, plainly
from .sql_filters import BETWEEN, compared
from .tables import Column

_LATER = re.compile(
    r"end|clos|settl|deliver|arriv|ship|due|sold|harvest|drop|finish|report|pay|updat|last|return|"
    r"depart(?:ure date)|resolv|complet"
)
_NOT_NULL = (
    r"\b(not (?:be )?(?:null|empty|missing|blank)|never (?:be )?(?:null|empty|missing|blank)|no (?:nulls?|"
    r"blanks?|gaps?)|filled( in)?|required|mandatory|always (?:there|given|set|present)|present|non.?null|"
    r"without gaps|not nul|must exist)\b"
)
_UNIQUE = r"\b(unique|no duplicates?|only once|never repeat\w*|distinct|primary key|once each)\b"


def bounds_of(asked: Asked, column: Column) -> dict[str, int | float]:
    """Return the least and greatest value that a request allows a column: `{"min": 0, "max": 120}`."""
    text = asked.text
    seen = numbers(text)
    for match in BETWEEN.finditer(text):
        pair = [one for one in seen if match.start() <= one.start < match.end()]
        if len(pair) == 2 and _nearest_is(asked, match.start(), column):
            low, high = sorted(one.value for one in pair)
            return {"min": plainly(low), "max": plainly(high)}
    found: dict[str, int | float] = {}
    for sign, value, start in compared(text, seen):
        if _nearest_is(asked, start, column):
            found.update(_bound(asked, sign, value))
    if not found and asked.has(r"\b(negative|below zero|under zero|less than zero|non.?negative|minus)\b"):
        return {"min": 0}
    if not found and asked.has(r"\b(positive)\b"):
        return {"min": 0}
    return found


def _nearest_is(asked: Asked, place: int, column: Column) -> bool:
    rivals = [one for one in asked.columns if one.kind == column.kind or one.kind == "number"]
    return len(rivals) < 2 or asked.nearest(place, rivals) == column


def _bound(asked: Asked, sign: str, value: Number) -> dict[str, int | float]:
    """A bound that is asked for as broken (`any over 130?`) is the bound of what is allowed."""
    amount = plainly(value.value)
    demanded = asked.has(
        r"\b(must|should|has to|have to|needs? to|be|always|is|are|rule|verify|ensure|make sure|stays?)\b"
    ) and not asked.has(
        r"\b(any|anything|anyone|find|are there|is there|which|who|impossible|outside|beyond|exceed\w*|"
        r"never|not|cannot|can'?t|no)\b"
    )
    if sign in (">", ">="):
        return {"min": amount} if demanded or sign == ">=" else {"max": amount}
    if sign in ("<", "<="):
        return {"max": amount} if demanded or sign == "<=" else {"min": amount}
    return {}


def allowed(asked: Asked, column: Column) -> list[str]:
    """Return the only values that a request allows a column."""
    if not asked.has(
        r"\b(only|allowed|valid|nothing (?:but|else)|anything else|other than|one of|either|may (?:only "
        r")?be|must be|should be|permitted|legal|exclusively|other words|hold(s)?|domain|set)\b"
    ):
        return []
    listed = [value for value, _ in asked.values(column.name)]
    quoted = [
        name for name in named(asked.reading.text) if re.search(f"[{QUOTES}]{re.escape(name)}", asked.reading.text)
    ]
    values = list(dict.fromkeys([*listed, *quoted]))
    written = _enumeration(asked.reading.text)
    if len(written) > len(values) and set(listed) <= set(written):
        values = written
    return values if len(values) > 1 else []


def _enumeration(text: str) -> list[str]:
    """Return the items of a list such as `A, B, C or D`."""
    match = re.search(
        r"((?:[\w-]+,\s*)+[\w-]+,?\s+(?:and|or|und|oder|et|ou|y|o|e)\s+[\w-]+|[\w-]+\s+(?:or|oder|ou)\s+[\w-]+)", text
    )
    return re.split(r",\s*(?:and |or )?|\s+(?:and|or|und|oder|et|ou|y|o|e)\s+", match[1]) if match else []


def pattern_of(asked: Asked) -> str | None:
    """Return the regular expression that a request describes: `five digits`, `C- plus five digits`."""
    text = asked.text
    written = re.search(r"(\^\S+\$)", asked.reading.text)
    if written:
        return written[1]
    match = re.search(r"\b(\w+)(?:[ -]|\s+\w+\s+)digits?\b", text)
    if not match:
        return None
    found = numbers(match[1])
    prefix = re.search(r"\b(?:like|with|starts? with|begins? with|be)\s+([A-Z]{1,4}-?)(?=\s|$)", asked.reading.text)
    digits = f"[0-9]{{{int(found[0].value)}}}" if found else "[0-9]+"
    return f"^{re.escape(prefix[1]) if prefix else ''}{digits}$"


def rules(asked: Asked) -> list[dict[str, Any]]:
    """Return the rules that a request states of its columns, in the form of `check_rules`."""
    found: list[dict[str, Any]] = []
    left = list(asked.columns)
    pair = _comparison(asked, left)
    if pair:
        found.append(pair)
        left = [column for column in left if column.name not in pair["columns"]]
    for column in left:
        found += _of_one(asked, column, alone=len(asked.columns) == 1)
    if not asked.columns and asked.has(r"\bduplicate"):
        found.append({"kind": "no_duplicate_rows"})
    return found


def _comparison(asked: Asked, columns: list[Column]) -> dict[str, Any] | None:
    """Two dates or two numbers in one sentence are compared, unless each has a bound of its own."""
    for kind in ("datetime", "number"):
        pair = [column for column in columns if column.kind == kind]
        if len(pair) == 2 and not any(bounds_of(asked, column) for column in pair):
            first, second = _in_order(asked, pair)
            return {"kind": "compare", "columns": [first.name, second.name], "op": _operator(asked, first, second)}
    return None


def _in_order(asked: Asked, pair: list[Column]) -> tuple[Column, Column]:
    first, second = sorted(pair, key=lambda column: asked.place(column.name) or (10_000, 0))
    return first, second


def _operator(asked: Asked, first: Column, second: Column) -> str:
    text = asked.text
    sign = re.search(r"(<=|>=|<|>)", text)
    if sign:
        return sign[1]
    negated = asked.has(r"\b(never|not|cannot|can'?t|no|nobody|none|mustn'?t|impossible|don'?t|any|aren'?t)\b")
    before = asked.has(r"\b(before|earlier|precede\w*|prior|less|smaller|lower|under|below|fewer|at most|up to)\b")
    after = asked.has(
        r"\b(after|later|follow\w*|more|greater|larger|higher|above|over|exceed\w*|bigger|beyond|at least)\b"
    )
    if before or after:
        return "<=" if before != negated else ">="
    if first.kind == "datetime":
        return ">=" if _LATER.search(first.name.lower()) and not _LATER.search(second.name.lower()) else "<="
    return "<="


def _of_one(asked: Asked, column: Column, *, alone: bool) -> list[dict[str, Any]]:
    text = _clause(asked, column)
    found: list[dict[str, Any]] = []
    if re.search(_UNIQUE, text):
        found.append({"kind": "unique", "columns": [column.name]})
    if re.search(_NOT_NULL, text):
        found.append({"kind": "not_null", "columns": [column.name]})
    bounds = bounds_of(asked, column) if column.kind == "number" else {}
    if bounds:
        found.append({"kind": "range", "columns": [column.name], **bounds})
    values = allowed(asked, column)
    if values:
        found.append({"kind": "set", "columns": [column.name], "values": values})
    if column.kind in ("text", "category", "id") and (pattern := pattern_of(asked)):
        found.append({"kind": "pattern", "columns": [column.name], "pattern": pattern})
    if not found and not alone:
        found.append({"kind": "not_null", "columns": [column.name]})
    if not found:
        found.append({"kind": "unique" if column.kind == "id" else "not_null", "columns": [column.name]})
    return found


def _clause(asked: Asked, column: Column) -> str:
    """Return the part of the text that speaks of a column, up to the next one."""
    span = asked.place(column.name)
    if span is None or len(asked.columns) == 1:
        return asked.text
    later = [place[0] for other in asked.columns if (place := asked.place(other.name)) and place[0] > span[0]]
    return asked.text[max(span[0] - 12, 0) : min(later, default=len(asked.text))]
