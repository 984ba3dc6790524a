"""Arguments of the checks."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from .asked import Asked, MissingArgument
from .names import alike, other_names
from .quantities import fraction
from .rules import allowed, bounds_of, pattern_of, rules
from .tables import Column
from .targets import target_of

_TYPES = {
    r"int(?:eger)?s?|whole numbers?": "int",
    r"floats?|decimals?|real|double|numeric|numbers?": "float",
    r"text|strings?|varchar|character": "text",
    r"bool(?:ean)?s?": "boolean",
    r"timestamps?|date ?times?": "timestamp",
    r"dates?": "date",
}


def _missing_values(asked: Asked) -> dict[str, Any]:
    arguments: dict[str, Any] = {"columns": asked.names} if asked.names else {}
    share = fraction(asked.text)
    bounded = asked.has(r"\b(more|over|above|exceed\w*|than|at least|threshold|beyond|under|below|fail\w*|counts)\b")
    if share is not None and 0 <= share <= 1 and bounded:
        arguments["threshold"] = share
    return arguments


def _duplicates(asked: Asked) -> dict[str, Any]:
    return {"id_columns": asked.names} if asked.names else {}


def _distributions(asked: Asked) -> dict[str, Any]:
    """Rules only where they are stated: without them the check looks for everything that is odd."""
    ranges, domains, patterns = {}, {}, {}
    for column in asked.columns:
        if column.kind == "number" and (bounds := bounds_of(asked, column)):
            ranges[column.name] = bounds
        elif column.kind != "number" and (values := allowed(asked, column)):
            domains[column.name] = values
        elif column.kind in ("text", "category", "id") and (pattern := pattern_of(asked)):
            patterns[column.name] = pattern
    stated = {"numeric_rules": ranges, "category_domains": domains, "patterns": patterns}
    return {key: rules_of for key, rules_of in stated.items() if rules_of}


def _rules(asked: Asked) -> dict[str, Any]:
    contract = re.search(
        r"\b(?:contract|rules (?:we )?(?:saved|kept|keep) as|called|named)\s+[\"']?([A-Za-z]\w*[_\d]\w*|\w+_contract)",
        asked.reading.text,
    )
    if contract and not asked.columns:
        return {"contract": contract[1]}
    arguments: dict[str, Any] = {"rules": rules(asked)}
    if not arguments["rules"]:
        raise MissingArgument('say the rule, such as "order_id is unique" or "end is not before start"')
    kept = re.search(r"\b(?:keep|save|store)\b.*\b(?:as|under|name|contract)\s+[\"']?(\w+)", asked.reading.text, re.I)
    if kept:
        arguments["save_as"] = kept[1]
    return arguments


def _leakage(asked: Asked) -> dict[str, Any]:
    target = target_of(asked)
    if target is None:
        raise MissingArgument("name the column to predict")
    moments = [column for column in asked.of("datetime") if column != target]
    return {"target": target.name, **({"time_column": moments[0].name} if len(moments) == 1 else {})}


def _drift(asked: Asked) -> dict[str, Any]:
    names = other_names(asked) or alike(asked.table.name, asked.table.others)[:1]
    if not names and len(asked.table.others) == 1:
        names = list(asked.table.others)
    if not names:
        raise MissingArgument("name the table to compare with, such as last month's file")
    own = asked.table.name
    if len(names) > 1:
        reference, current = _earlier_first(names[0], names[1])
        if asked.has(
            rf"\b(baseline|reference|compared (?:with|to)|against|versus|vs|differ from|"
            rf"as)\W+(?:\w+\W+)?{re.escape(names[1].lower())}"
        ):
            reference, current = names[1], names[0]
    else:
        reference, current = names[0], own
    arguments: dict[str, Any] = {"reference": reference, "current": current}
    return arguments | ({"columns": asked.names} if asked.names else {})


_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def _earlier_first(left: str, right: str) -> tuple[str, str]:
    """Put two tables in order of the year, quarter or month in their names."""
    return (left, right) if _when(left) <= _when(right) else (right, left)


def _when(name: str) -> tuple[int, int, int]:
    lowered = name.lower()
    year = re.search(r"(?:19|20)\d\d", lowered)
    month = next((place for place, word in enumerate(_MONTHS, 1) if re.search(rf"(?<![a-z]){word}", lowered)), 0)
    rest = re.search(r"(\d{1,2})(?!\d)", lowered.replace(year[0], "") if year else lowered)
    return int(year[0]) if year else 0, month, int(rest[1]) if rest else 0


def _schema(asked: Asked) -> dict[str, Any]:
    expected = {column.name: kind for column in asked.columns if (kind := _type_said(asked, column))}
    if expected:
        return {"expected": expected}
    names = other_names(asked)
    if not names and asked.has(r"\b(reference|last (month|week|year|quarter)|previous|old|other)\b"):
        names = alike(asked.table.name, asked.table.others)
    return {"reference": names[0]} if names else {}


def _type_said(asked: Asked, column: Column) -> str | None:
    """Return the type that is named next after a column, or anywhere if there is one column."""
    span = asked.place(column.name)
    start = span[1] if span else 0
    for text in (asked.text[start : start + 40], asked.text if len(asked.columns) == 1 else ""):
        found = [
            (match.start(), kind)
            for pattern, kind in _TYPES.items()
            if (match := re.search(rf"\b(?:{pattern})\b", text))
        ]
        if found:
            return min(found)[1]
    return None


def _report(asked: Asked) -> dict[str, Any]:
    target = target_of(asked) if asked.columns else None
    return {"target": target.name} if target else {}


QUALITY: dict[str, Callable[[Asked], dict[str, Any]]] = {
    "check_missing_values": _missing_values,
    "check_duplicates": _duplicates,
    "check_distributions": _distributions,
    "check_rules": _rules,
    "check_leakage": _leakage,
    "check_drift": _drift,
    "check_schema_consistency": _schema,
    "quality_report": _report,
}
