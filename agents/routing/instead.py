"""What one could ask of a table, said where a question has no answer here."""

from __future__ import annotations

from .tables import Table

_MOST = 4


def suggestions(table: Table, missing: list[str] | None = None) -> list[str]:
    """Return two to four things that can be asked of this very table, what is missing from the question first."""
    number = next((column.name for column in table.of_kind("number")), None)
    group = next((column.name for column in table.of_kind("category", "boolean")), None)
    moment = next((column.name for column in table.of_kind("datetime")), None)
    key = next((column.name for column in table.of_kind("id")), None)
    flag = next((column.name for column in table.of_kind("boolean")), None)
    found = list(missing or ())
    if number and group:
        found.append(f"average {number} per {group}, top five")
    elif group:
        found.append(f"how many rows per {group}?")
    if key:
        found.append(f"is {key} unique?")
    if flag:
        found.append(f"which columns are related to {flag}?")
    elif number:
        found.append(f"are there outliers in {number}?")
    if moment and number:
        found.append(f"plot {number} over {moment}")
    found += ["which columns have missing values?", "give me a quality report of this table"]
    return list(dict.fromkeys(found))[:_MOST]
