"""Types for columns of text: decided over all rows, and only where nothing is lost.

Each value is put into a class by its form, in one pass that keeps for every column the set of classes seen.
A column gets a type only if all its values allow it. So a column with an `N/A` among its numbers stays text (a check
counts those), as do numbers with leading zeros or a plus sign (they name things), numbers too long for any exact
type, words other than true and false, dates that could be read day first or month first, and columns that mix
dates with timestamps or timestamps that have a zone with ones that have none.
"""

# ruff: noqa: S608 (all names and texts in SQL are quoted by `sql`)

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntFlag
from itertools import islice
from typing import TYPE_CHECKING

from .sql import identifier

if TYPE_CHECKING:
    import duckdb

# Enough to see that a column of text is text, and so to spare it the pass over all rows.
FIRST_CELLS = 30_000
COLUMNS_AT_ONCE = 100

# DECIMAL holds 38 digits; some are left for sums.
MOST_DIGITS = 30


class Form(IntFlag):
    """The forms a value can have."""

    INTEGER = 1
    LONG_INTEGER = 2
    FLOAT = 4
    LONG_DECIMAL = 8
    BOOLEAN = 16
    DATE = 32
    TIMESTAMP = 64
    NANOSECONDS = 128
    ZONED = 256
    DECIMAL_COMMA = 512
    THREE_AFTER_COMMA = 1024
    DAY_FIRST = 2048
    MONTH_FIRST = 4096
    EITHER_FIRST = 8192
    DAY_FIRST_DOTTED = 16384
    OTHER = 32768


NUMBERS = Form.INTEGER | Form.LONG_INTEGER | Form.FLOAT | Form.LONG_DECIMAL
TEMPORAL = Form.DATE | Form.TIMESTAMP | Form.NANOSECONDS | Form.ZONED
ANY = ~Form.OTHER

_WHOLE = "-?(0|[1-9][0-9]*)"
_NUMBER = r"[+-]?(0|[1-9][0-9]*)?\.[0-9]+|-?(0|[1-9][0-9]*)\."
# With a point or a signed exponent, as programs write floats; 12E4 may as well be a code.
_SCIENTIFIC = r"[+-]?([0-9]*\.[0-9]*[eE][+-]?|[0-9]+[eE][+-])[0-9]{1,3}"
_DATE = "[0-9]{4}(-[0-9]{1,2}-|/[0-9]{1,2}/)[0-9]{1,2}"
_MINUTE = rf"{_DATE}[ T][0-9]{{1,2}}:[0-9]{{2}}"
_SECOND = r"(:[0-9]{2}([.][0-9]{1,6}0*)?)?"
_ZONE = "(Z| ?UTC|[+-][0-9]{2}(:?[0-9]{2})?)"

# What a program writes for the double nearest to this text: then the text holds no more than the double.
_SHORTEST = "TRY_CAST($v AS DOUBLE)::VARCHAR = $v OR format('{:.17g}', TRY_CAST($v AS DOUBLE)) = $v"
_SIGNIFICANT = "length(ltrim(replace(ltrim($v, '+-'), '.', ''), '0'))"

_PLACES: tuple[tuple[Form, str], ...] = (
    (
        Form.INTEGER | Form.LONG_INTEGER,
        f"""WHEN regexp_full_match($v, '{_WHOLE}') THEN
        CASE WHEN length($v) <= 15 THEN {Form.INTEGER:d}
             WHEN TRY_CAST($v AS BIGINT) IS NOT NULL THEN {Form.LONG_INTEGER:d} ELSE {Form.OTHER:d} END""",
    ),
    (
        Form.FLOAT | Form.LONG_DECIMAL,
        f"""WHEN regexp_full_match($v, '{_NUMBER}') THEN
        CASE WHEN length($v) <= 16 OR {_SHORTEST} OR {_SIGNIFICANT} <= 15
             THEN {Form.FLOAT:d} ELSE {Form.LONG_DECIMAL:d} END
    WHEN regexp_full_match($v, '{_SCIENTIFIC}') THEN
        CASE WHEN isfinite(TRY_CAST($v AS DOUBLE)) THEN {Form.FLOAT:d} ELSE {Form.OTHER:d} END""",
    ),
    (Form.BOOLEAN, f"WHEN length($v) IN (4, 5) AND lower($v) IN ('true', 'false') THEN {Form.BOOLEAN:d}"),
    (
        Form.DATE,
        f"""WHEN length($v) <= 10 AND regexp_full_match($v, '{_DATE}') THEN
        CASE WHEN TRY_CAST($v AS DATE) IS NOT NULL THEN {Form.DATE:d} ELSE {Form.OTHER:d} END""",
    ),
    (
        Form.TIMESTAMP,
        f"""WHEN regexp_full_match($v, '{_MINUTE}{_SECOND}') THEN
        CASE WHEN TRY_CAST($v AS TIMESTAMP) IS NOT NULL THEN {Form.TIMESTAMP:d} ELSE {Form.OTHER:d} END""",
    ),
    (
        Form.ZONED,
        f"""WHEN regexp_full_match($v, '{_MINUTE}{_SECOND}{_ZONE}') THEN
        CASE WHEN TRY_CAST($v AS TIMESTAMPTZ) IS NOT NULL THEN {Form.ZONED:d} ELSE {Form.OTHER:d} END""",
    ),
    (
        Form.NANOSECONDS,
        f"""WHEN regexp_full_match($v, '{_MINUTE}:[0-9]{{2}}[.][0-9]{{7,9}}') THEN
        CASE WHEN TRY_CAST($v AS TIMESTAMP_NS) IS NOT NULL THEN {Form.NANOSECONDS:d} ELSE {Form.OTHER:d} END""",
    ),
    (
        Form.THREE_AFTER_COMMA | Form.DECIMAL_COMMA,
        f"""WHEN length($v) <= 16 AND regexp_full_match($v, '{_WHOLE},[0-9]+') THEN
        CASE WHEN regexp_full_match($v, '.*,[0-9]{{3}}')
             THEN {Form.THREE_AFTER_COMMA:d} ELSE {Form.DECIMAL_COMMA:d} END""",
    ),
    (
        Form.DAY_FIRST | Form.MONTH_FIRST | Form.EITHER_FIRST,
        f"""WHEN length($v) <= 10 AND regexp_full_match($v, '[0-9]{{1,2}}/[0-9]{{1,2}}/[0-9]{{4}}') THEN
        CASE WHEN TRY_STRPTIME($v, '%d/%m/%Y') IS NULL
             THEN CASE WHEN TRY_STRPTIME($v, '%m/%d/%Y') IS NULL THEN {Form.OTHER:d} ELSE {Form.MONTH_FIRST:d} END
             WHEN TRY_STRPTIME($v, '%m/%d/%Y') IS NULL THEN {Form.DAY_FIRST:d} ELSE {Form.EITHER_FIRST:d} END""",
    ),
    (
        Form.DAY_FIRST_DOTTED,
        f"""WHEN length($v) <= 10 AND regexp_full_match($v, '[0-9]{{1,2}}[.][0-9]{{1,2}}[.][0-9]{{4}}') THEN
        CASE WHEN TRY_STRPTIME($v, '%d.%m.%Y') IS NOT NULL THEN {Form.DAY_FIRST_DOTTED:d} ELSE {Form.OTHER:d} END""",
    ),
)


# Forms that can change the type of a column together.
_KIN = (NUMBERS | Form.THREE_AFTER_COMMA | Form.DECIMAL_COMMA, Form.TIMESTAMP | Form.NANOSECONDS)


def _place(value: str, seen: Form) -> str:
    """Return SQL for the form of a value.

    Where some forms were seen already, only they and their kin are told apart: any other makes the column text.
    """
    kin = seen
    for family in _KIN:
        kin |= family if family & seen else Form(0)
    cases = "\n".join(sql.replace("$v", value) for forms, sql in _PLACES if not seen or forms & kin)
    return f"CASE WHEN {value} IS NULL THEN 0\n{cases}\nELSE {Form.OTHER:d} END"


@dataclass(frozen=True)
class Untyped:
    """Files as a query over columns of which some are text that may yet get a type.

    Attributes:
        query: SQL that yields the rows.
        texts: the text columns, and for each the forms that may change its type.
        encoding, delimiter, unreadable_rows, notes: as in `Reading`.
    """

    query: str
    texts: Mapping[str, Form]
    encoding: str | None = None
    delimiter: str | None = None
    unreadable_rows: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cast:
    """What becomes of a text column: its SQL expression, and what a person should know of it."""

    expression: str
    note: str | None = None


def typed(connection: duckdb.DuckDBPyConnection, query: str, columns: Mapping[str, Form]) -> tuple[str, list[str]]:
    """Give types to text columns of a query, where all their values allow it.

    Args:
        connection: where the query runs.
        query: SQL whose rows are to be typed; it is run once or twice more.
        columns: the text columns, and for each the forms that may change its type.

    Returns:
        The query with the types, and notes on what is not plain to see.
    """
    forms = _forms(connection, query, columns)
    casts = {name: cast for name, seen in forms.items() if (cast := _cast(connection, query, name, seen))}
    notes = [f"column {name!r}: {cast.note}" for name, cast in casts.items() if cast.note]
    if not casts:
        return query, notes
    replaced = ", ".join(f"{cast.expression} AS {identifier(name)}" for name, cast in casts.items())
    return f"SELECT * REPLACE ({replaced}) FROM ({query})", notes


def _forms(connection: duckdb.DuckDBPyConnection, query: str, columns: Mapping[str, Form]) -> dict[str, Form]:
    """Return the set of forms of each column that holds values of allowed forms only."""
    seen = _first_forms(connection, query, columns)
    names = iter([name for name in columns if not seen[name] & ~columns[name]])
    forms: dict[str, Form] = {}
    while batch := list(islice(names, COLUMNS_AT_ONCE)):
        trimmed = ", ".join(f"trim({identifier(name)}) AS c{index}" for index, name in enumerate(batch))
        sets = ", ".join(f"bit_or({_place(f'c{index}', seen[name])})" for index, name in enumerate(batch))
        row = connection.execute(f"SELECT {sets} FROM (SELECT {trimmed} FROM ({query}))").fetchone() or ()
        forms.update({name: Form(found or 0) for name, found in zip(batch, row, strict=True)})
    return {name: found for name, found in forms.items() if found and not found & ~columns[name]}


def _first_forms(connection: duckdb.DuckDBPyConnection, query: str, columns: Mapping[str, Form]) -> dict[str, Form]:
    """Return the forms in the first rows: of one column below another, for one expression plans faster than many."""
    seen = dict.fromkeys(columns, Form(0))
    if not columns:
        return seen
    rows = max(FIRST_CELLS // len(columns), 10)
    trimmed = ", ".join(f"trim({identifier(name)}) AS c{index}" for index, name in enumerate(columns))
    found = connection.execute(
        f"SELECT name, bit_or({_place('v', Form(0))}) FROM (UNPIVOT "
        f"(SELECT {trimmed} FROM (SELECT * FROM ({query}) LIMIT {rows})) "
        "ON COLUMNS(*) INTO NAME name VALUE v) GROUP BY name"
    ).fetchall()
    names = list(columns)
    seen.update({names[int(name[1:])]: Form(forms) for name, forms in found})
    return seen


# The first set that holds all forms seen decides.
_TYPES: tuple[tuple[Form, str], ...] = (
    (Form.INTEGER | Form.LONG_INTEGER, "BIGINT"),
    (Form.INTEGER | Form.FLOAT, "DOUBLE"),
    (Form.BOOLEAN, "BOOLEAN"),
    (Form.DATE, "DATE"),
    (Form.TIMESTAMP, "TIMESTAMP"),
    (Form.TIMESTAMP | Form.NANOSECONDS, "TIMESTAMP_NS"),
)
_DAYS: tuple[tuple[Form, str, str], ...] = (
    (Form.DAY_FIRST_DOTTED, "%d.%m.%Y", "day first"),
    (Form.DAY_FIRST | Form.EITHER_FIRST, "%d/%m/%Y", "day first, as some days past the 12th show"),
    (Form.MONTH_FIRST | Form.EITHER_FIRST, "%m/%d/%Y", "month first, as some days past the 12th show"),
)


def _cast(connection: duckdb.DuckDBPyConnection, query: str, name: str, seen: Form) -> Cast | None:
    value = f"trim({identifier(name)})"
    for forms, dtype in _TYPES:
        if not seen & ~forms:
            return Cast(f"CAST({value} AS {dtype})")
    if not seen & ~NUMBERS:
        return _decimal(connection, query, value)
    if seen == Form.ZONED:
        return _instants(connection, query, value)
    if Form.DECIMAL_COMMA in seen and not seen & ~(Form.DECIMAL_COMMA | Form.THREE_AFTER_COMMA | Form.INTEGER):
        return Cast(f"CAST(replace({value}, ',', '.') AS DOUBLE)", "numbers have a decimal comma")
    for forms, pattern, order in _DAYS:
        if not seen & ~forms and seen != Form.EITHER_FIRST:
            return Cast(f"CAST(strptime({value}, '{pattern}') AS DATE)", f"dates are {order}")
    return None


def _decimal(connection: duckdb.DuckDBPyConnection, query: str, value: str) -> Cast | None:
    """Numbers with more digits than a double holds: exact decimals, if they fit."""
    digits = f"ltrim({value}, '+-')"
    row = connection.execute(
        f"SELECT max(length(split_part({digits}, '.', 1))), max(length(split_part({digits}, '.', 2))), "
        f"count_if(contains(lower({value}), 'e')) FROM ({query})"
    ).fetchone()
    whole, places, scientific = row or (MOST_DIGITS, 1, 0)
    if scientific or whole + places > MOST_DIGITS:
        return None
    return Cast(
        f"CAST({value} AS DECIMAL(38, {places}))", "numbers have more digits than a float holds, so they are decimals"
    )


def _instants(connection: duckdb.DuckDBPyConnection, query: str, value: str) -> Cast:
    """Timestamps with a zone: kept as instants, with a note where their offsets differ."""
    rows = connection.execute(
        f"SELECT DISTINCT regexp_extract({value}, '{_ZONE}$') AS zone FROM ({query}) "
        "WHERE zone <> '' ORDER BY zone LIMIT 5"
    ).fetchall()
    zones = ", ".join(zone.strip() for (zone,) in rows)
    note = f"its times had several offsets ({zones}) and are kept as instants in UTC" if len(rows) > 1 else None
    return Cast(f"CAST({value} AS TIMESTAMPTZ)", note)
