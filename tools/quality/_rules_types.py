"""Type names as people write them (`int`, `text`, `decimal(10,2)`, `email`), and how well a stored type fits one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ..errors import unknown
from ..results import Severity

if TYPE_CHECKING:
    import ibis.expr.datatypes as dt

Family = Literal[
    "integer",
    "float",
    "decimal",
    "number",
    "string",
    "boolean",
    "date",
    "timestamp",
    "temporal",
    "time",
    "interval",
    "uuid",
    "json",
    "binary",
    "nested",
    "empty",
    "any",
]

_NAMES: dict[Family, str] = {
    "integer": "int integer long bigint smallint tinyint mediumint short byte hugeint serial bigserial count "
    "int2 int4 int8 int16 int32 int64 int128 uint uint8 uint16 uint32 uint64 uint128 "
    "ubigint uinteger usmallint utinyint uhugeint signed unsigned",
    "float": "float double real float2 float4 float8 float16 float32 float64 halffloat doubleprecision",
    "decimal": "decimal money bignumeric decimal128 decimal256",
    "number": "number numeric num",
    "string": "string str text varchar char character charactervarying nvarchar nchar utf8 object "
    "largestring largeutf8 stringview bpchar clob",
    "boolean": "bool boolean logical",
    "date": "date date32 date64",
    "timestamp": "timestamp timestamptz timestampwithtimezone timestampwithouttimezone timestampns timestampms "
    "timestamps datetime64 datetime64ns",
    "temporal": "datetime",
    "time": "time time32 time64",
    "interval": "interval duration timedelta timedelta64",
    "uuid": "uuid guid",
    "json": "json jsonb",
    "binary": "binary blob bytes bytea varbinary",
    "nested": "array list struct map nested record",
    "empty": "null",
    # What a value means says little of how it is stored: an id may be a number or a text.
    "any": "any unknown id identifier categorical category enum constant empty email phone url currency geo latitude "
    "longitude country city zip zipcode postcode postalcode address ip ipaddress percent percentage name other",
}
_FAMILIES: dict[str, Family] = {name: family for family, names in _NAMES.items() for name in names.split()}
# `int8` is eight bytes to PostgreSQL and eight bits to everyone else, so it is held to neither.
_BITS = {
    "tinyint": 8, "byte": 8, "smallint": 16, "short": 16, "int16": 16, "int2": 16, "int4": 32, "int32": 32,
    "bigint": 64, "long": 64, "int64": 64, "hugeint": 128, "int128": 128,
    "real": 32, "float4": 32, "float32": 32, "double": 64, "float8": 64, "float64": 64,
}  # fmt: skip
EXAMPLES = (
    "integer, float, decimal(10,2), number, string, boolean, date, timestamp, datetime, time, email, categorical, any"
)


@dataclass(frozen=True)
class TypeName:
    """A type as written: its family, and what the writer was precise about.

    Attributes:
        bits: width, where the name tells one.
        digits: precision and scale of a decimal, where told.
        zone: whether timestamps carry a zone, where told.
    """

    written: str
    family: Family
    bits: int | None = None
    digits: tuple[int, int] | None = None
    zone: bool | None = None


def parse_type(name: str, *, exact: bool = False) -> TypeName:
    """Read a type name.

    Args:
        name: what was written.
        exact: the name was recorded from a table, so that `timestamp` means one without a zone.

    Raises:
        BadRequest: there is no such type; the message names the nearest.
    """
    text = name.strip().lstrip("!").lower()
    base, parameters = re.match(r"([^(<\[]*)[(<\[]?(.*)", text, re.DOTALL).groups()  # type: ignore[union-attr]
    plain = re.sub(r"[^a-z0-9]", "", base)
    if text.endswith("[]") or plain in {"array", "list", "struct", "map"}:
        return TypeName(name, "nested")
    if plain not in _FAMILIES:
        raise unknown("type", name, [*EXAMPLES.split(", "), *_FAMILIES])
    family = _FAMILIES[plain]
    numbers = [int(number) for number in re.findall(r"\d+", parameters)]
    if family == "number" and numbers:
        family = "decimal"
    digits = (numbers[0], numbers[1] if len(numbers) > 1 else 0) if family == "decimal" and numbers else None
    zone: bool | None = None
    if family == "timestamp":
        zoned = plain in {"timestamptz", "timestampwithtimezone"} or "'" in parameters or "utc" in parameters
        zone = True if zoned else False if exact or plain == "timestampwithouttimezone" else None
    return TypeName(name, family, bits=_BITS.get(plain), digits=digits, zone=zone)


def type_of(dtype: dt.DataType) -> TypeName:
    """Return the type name of a stored column."""
    if dtype.is_unknown():
        return TypeName(str(dtype), "any")
    # UUID, INET and the like have names that need no reading; a nested name is long and its inside is not compared.
    if dtype.is_nested():
        return TypeName(str(dtype), "nested")
    plain = re.match(r"[a-z0-9]*", str(dtype).lstrip("!"))
    if plain is None or plain[0] not in _FAMILIES:
        return TypeName(str(dtype), "any")
    return parse_type(str(dtype), exact=True)


@dataclass(frozen=True)
class Misfit:
    """Why a stored type is not the expected one, and how bad that is."""

    severity: Severity
    why: str


_NUMBERS = {"integer", "float", "decimal", "number"}


def misfit(expected: TypeName, actual: TypeName) -> Misfit | None:
    """Compare a stored type with the expected one; None when it fits."""
    want, have = expected.family, actual.family
    if "any" in (want, have) or (want == "temporal" and have in {"date", "timestamp"}):
        return None
    if have == "temporal":
        have = "timestamp"
    if want == have:
        return _same_family(expected, actual)
    if want == "number" and have in _NUMBERS:
        return None
    if "empty" in (want, have):
        return Misfit("low", "the column has had no values to tell its type by")
    if want in _NUMBERS and have in _NUMBERS:
        return _other_number(want)
    if want in {"date", "timestamp", "temporal"} and have in {"date", "timestamp"}:
        if want == "date":
            return Misfit("medium", "it carries a time of day")
        return Misfit("low", "a date without a time of day")
    if want == "string":
        return Misfit("medium", "text is expected; leading zeros and formatting may be lost")
    return Misfit("high", "the two do not convert")


def _same_family(expected: TypeName, actual: TypeName) -> Misfit | None:
    if expected.family == "nested" and _inside(expected) and _inside(expected) != _inside(actual):
        return Misfit("medium", "the nested fields differ")
    if expected.zone is not None and actual.zone is not None and expected.zone != actual.zone:
        has, wants = ("a", "none") if actual.zone else ("no", "one")
        return Misfit("medium", f"it has {has} time zone where {wants} is expected")
    if expected.bits and actual.bits and expected.bits != actual.bits:
        return Misfit("low", "the same kind of number in another width")
    if expected.digits and actual.digits and expected.digits != actual.digits:
        return Misfit("low", "another precision or scale")
    return None


def _other_number(want: Family) -> Misfit:
    if want == "float":
        return Misfit("low", "a number that converts to floating point")
    if want == "integer":
        return Misfit("medium", "it can hold fractions")
    return Misfit("medium", "it does not hold decimal fractions exactly")


def _inside(name: TypeName) -> str:
    """Return the part of a nested name in brackets, without spaces and marks of nullability."""
    found = re.search(r"<(.*)>", name.written, re.DOTALL)
    return re.sub(r"[\s!]", "", found[1]).lower() if found else ""
