"""From a rule to the rows that break it: an Ibis condition that is true for those, and false or null for the others."""

from __future__ import annotations

import datetime as dt
import functools
import operator
from typing import TYPE_CHECKING, Any

from ..data.dataset import Dataset
from ..errors import BadRequest
from ._rules import Rule
from ._rules_expression import boolean_expression, columns_of
from ._rules_types import TypeName, misfit, parse_type, type_of

if TYPE_CHECKING:
    import ibis.expr.datatypes as dts
    import ibis.expr.types as ir

# Beyond this a whole number is no int64, and a literal of it would not compile.
_INT64 = 2**63
_NANOSECONDS = 9


def columns_read(dataset: Dataset, rule: Rule) -> list[str]:
    """Return the columns that a rule looks at.

    Raises:
        BadRequest: a column does not exist.
    """
    if rule.kind == "expression":
        return columns_of(dataset, str(rule.expression))
    return dataset.require(rule.columns)


def breaks(dataset: Dataset, rule: Rule) -> ir.BooleanColumn | None:
    """Return the condition of the rows that break a rule about rows; None when no row can.

    Raises:
        BadRequest: a column does not exist, or the rule does not go with the column's type.
    """
    if rule.kind == "expression":
        return ~boolean_expression(dataset, str(rule.expression))
    dataset.require(rule.columns)
    if rule.kind == "compare":
        return _compares(dataset, rule)
    each = {"not_null": _is_null, "range": _out_of_range, "set": _outside, "pattern": _no_match, "type": _other_type}
    conditions = [each[rule.kind](dataset, rule, name) for name in rule.columns]
    some = [condition for condition in conditions if condition is not None]
    # `coalesce` so that a null in one column does not hide what another one breaks.
    return functools.reduce(operator.or_, (c.fill_null(False) for c in some)) if len(some) > 1 else (some or [None])[0]


def _is_null(dataset: Dataset, _: Rule, name: str) -> Any:
    return dataset.table[name].isnull()


def _out_of_range(dataset: Dataset, rule: Rule, name: str) -> Any:
    column, dtype = dataset.table[name], dataset.schema[name]
    bounds = [bound for bound in (rule.min, rule.max) if bound is not None]
    if dtype.is_string() and any(isinstance(bound, int | float) for bound in bounds):
        number = column.try_cast("float64")
        return column.notnull() & (number.isnull() | _beyond(number, rule, float) | number.isnan())
    if dtype.is_string():
        return _beyond(column, rule, str)
    if dtype.is_numeric() and not dtype.is_boolean():
        if dtype.is_decimal() and any(isinstance(bound, float) for bound in bounds):
            # The engine would give the decimal as many places as the bound has, for which it may have no room.
            column = column.cast("float64")
        beyond = _beyond(column, rule, functools.partial(_number, dtype, name))
        return beyond | column.isnan() if dtype.is_floating() else beyond
    if dtype.is_timestamp() or dtype.is_date() or dtype.is_time():
        return _beyond(column, rule, functools.partial(_moment, dtype, name))
    raise BadRequest(f"rule 'range' needs numbers, dates or text; column {name!r} is {dtype}")


def _beyond(column: Any, rule: Rule, read: Any) -> Any:
    low = column < read(rule.min) if rule.min is not None else None
    high = column > read(rule.max) if rule.max is not None else None
    return low | high if low is not None and high is not None else low if high is None else high


def _number(dtype: dts.DataType, name: str, bound: Any) -> Any:
    """Read a bound for a column of numbers; whole ones stay whole, so that large ids compare exactly."""
    try:
        number = float(bound)
    except (TypeError, ValueError):
        raise BadRequest(f"bound {bound!r} is no number, but column {name!r} is {dtype}") from None
    if isinstance(bound, int) and abs(bound) < _INT64:
        return bound
    return int(number) if number.is_integer() and abs(number) < _INT64 and dtype.is_integer() else number


def _moment(dtype: dts.DataType, name: str, bound: Any) -> Any:
    """Read a bound, or a value of a set, for a column of dates or times."""
    import ibis

    if not isinstance(bound, str):
        raise BadRequest(f"{bound!r} is no date; column {name!r} is {dtype}: write one like '2024-01-31'")
    try:
        if dtype.is_time():
            return ibis.literal(dt.time.fromisoformat(bound))
        moment = dt.datetime.fromisoformat(bound)
    except ValueError:
        raise BadRequest(
            f"{bound!r} is no date or time; column {name!r} is {dtype}: write it like '2024-01-31'"
        ) from None
    zone = getattr(dtype, "timezone", None)
    if zone is not None:
        aware = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
        return ibis.literal(aware.astimezone(dt.UTC), type="timestamp('UTC')")
    plain = moment.astimezone(dt.UTC).replace(tzinfo=None) if moment.tzinfo else moment
    if dtype.is_date() and plain.time() == dt.time():
        return ibis.literal(plain.date())
    return ibis.literal(plain, type="timestamp")


def _outside(dataset: Dataset, rule: Rule, name: str) -> Any:
    column, dtype = dataset.table[name], dataset.schema[name]
    values = [value for value in rule.values or [] if value is not None]
    if dtype.is_string():
        return ~column.isin([_as_text(value) for value in values])
    if dtype.is_boolean():
        allowed = {str(value).strip().lower() for value in values}
        return ~column.cast("string").isin(sorted(allowed))
    if dtype.is_numeric():
        inside = column.isin([_number(dtype, name, value) for value in values])
        return ~inside
    if dtype.is_timestamp() or dtype.is_date() or dtype.is_time():
        return ~column.isin([_moment(dtype, name, value) for value in values])
    if dtype.is_nested():
        raise BadRequest(f"rule 'set' needs single values; column {name!r} is {dtype}")
    return ~column.cast("string").isin([_as_text(value) for value in values])


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _no_match(dataset: Dataset, rule: Rule, name: str) -> Any:
    column, dtype = dataset.table[name], dataset.schema[name]
    if dtype.is_nested() or dtype.is_binary():
        raise BadRequest(f"rule 'pattern' needs text; column {name!r} is {dtype}")
    text = column if dtype.is_string() else column.cast("string")
    return ~text.re_search(str(rule.pattern))


def _other_type(dataset: Dataset, rule: Rule, name: str) -> Any:
    return not_of_type(dataset, name, parse_type(str(rule.type)))


def not_of_type(dataset: Dataset, name: str, expected: TypeName) -> ir.BooleanColumn | None:
    """Return the condition of the values that neither are nor read as a type; None when all do by their storage."""
    column, actual = dataset.table[name], type_of(dataset.schema[name])
    if actual.family == "string" and expected.family not in {"string", "any"}:
        return _unreadable(column, expected)
    if actual.family in {"float", "decimal"} and expected.family == "integer":
        return column.notnull() & ~_is_whole(column)
    if actual.family == "timestamp" and expected.family == "date":
        return column != column.truncate("D")
    found = misfit(expected, actual)
    return column.notnull() if found is not None and (found.severity == "high" or expected.family == "string") else None


def _unreadable(column: Any, expected: TypeName) -> Any:
    """Tell which texts do not read as a type."""
    casts = {"float": "float64", "decimal": "float64", "number": "float64", "temporal": "timestamp"}
    if expected.family == "integer":
        # Engines round "1.5" to fit, so the number is read first and then looked at.
        return column.notnull() & ~_is_whole(column.try_cast("float64")).fill_null(False)
    if expected.family in {"nested", "binary", "interval", "empty"}:
        return column.notnull()
    return column.notnull() & column.try_cast(casts.get(expected.family, expected.family)).isnull()


def _is_whole(number: Any) -> Any:
    """Tell whole numbers; the remainder of infinity and NaN is NaN, and rounding them is an error in some engines."""
    return number % 1 == 0


def _compares(dataset: Dataset, rule: Rule) -> Any:
    left, right = (dataset.table[name] for name in rule.columns)
    types = [dataset.schema[name] for name in rule.columns]
    if {_sort(dtype) for dtype in types} == {"other"} or _sort(types[0]) != _sort(types[1]):
        names = " and ".join(f"{name!r} ({dtype})" for name, dtype in zip(rule.columns, types, strict=True))
        raise BadRequest(
            f"rule 'compare' needs two columns of one sort; {names} are not. Try kind 'expression' with CAST"
        )
    if {getattr(dtype, "scale", None) == _NANOSECONDS for dtype in types if _sort(dtype) == "time"} == {True, False}:
        # The engine would bring both to nanoseconds, in which far dates can't be counted.
        left, right = (
            column.cast(dtype.copy(scale=6)) if getattr(dtype, "scale", None) == _NANOSECONDS else column
            for column, dtype in zip((left, right), types, strict=True)
        )
    if all(dtype.is_decimal() for dtype in types) and not any(a.castable(b) for a, b in (types, types[::-1])):
        # No decimal has room for the digits of both.
        left, right = left.cast("float64"), right.cast("float64")
    functions = {"<": "lt", "<=": "le", "=": "eq", "!=": "ne", ">=": "ge", ">": "gt"}
    return ~getattr(operator, functions[str(rule.op)])(left, right)


def _sort(dtype: dts.DataType) -> str:
    if dtype.is_numeric() and not dtype.is_boolean():
        return "number"
    if dtype.is_timestamp() or dtype.is_date():
        return "time"
    return "text" if dtype.is_string() else "boolean" if dtype.is_boolean() else "other"
