"""What the nodes of a SQL expression mean in Ibis: comparisons that hold types together, casts that never fail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_UNITS = {"SECOND": "s", "MINUTE": "m", "HOUR": "h", "DAY": "D", "WEEK": "W", "MONTH": "M", "YEAR": "Y"}


def literal(node: Any) -> Any:
    import ibis

    if node.is_string:
        return ibis.literal(node.this)
    number = float(node.this)
    return ibis.literal(int(node.this) if str(node.this).isdigit() and abs(number) < 2**63 else number)


def constant(node: Any) -> str:
    """Return a text that stands in the expression itself, as patterns must."""
    from sqlglot import exp

    if not (isinstance(node, exp.Literal) and node.is_string):
        raise TypeError("the pattern must be a text in single quotes")
    return str(node.this)


def compare(operator: str, left: Any, right: Any) -> Any:
    """Compare two values; a text constant beside a date or time is read as one, other mixtures are refused."""
    import operator as operators

    left, right = as_time(left, right), as_time(right, left)
    if left.type().is_interval() and right.type().is_interval():
        left, right = in_seconds(left), in_seconds(right)
    families = {family_of(left), family_of(right)} - {"null"}
    if len(families) > 1:
        raise TypeError(f"{left.type()} is compared with {right.type()}")
    functions = {"==": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}
    return getattr(operators, functions[operator])(left, right)


def family_of(value: Any) -> str:
    dtype = value.type()
    if dtype.is_timestamp() or dtype.is_date():
        return "time"
    return "number" if dtype.is_numeric() and not dtype.is_boolean() else type(dtype).__name__.lower()


def as_time(value: Any, beside: Any) -> Any:
    import ibis
    import ibis.expr.operations as ops

    operation, dtype = value.op(), beside.type()
    if not isinstance(operation, ops.Literal) or not isinstance(operation.value, str):
        return value
    if dtype.is_timestamp():
        return ibis.literal(operation.value, type=dtype)
    return ibis.literal(operation.value, type=dtype) if dtype.is_date() or dtype.is_time() else value


def in_seconds(value: Any) -> Any:
    """Give an interval that stands in the expression the unit that differences of timestamps have."""
    import ibis
    import ibis.expr.operations as ops

    seconds = {"s": 1, "m": 60, "h": 3600, "D": 86_400, "W": 604_800}
    unit = value.type().unit.short
    if not isinstance(value.op(), ops.Literal):
        return value
    if unit not in seconds:
        raise TypeError("an interval of months or years has no fixed length: use days")
    return ibis.interval(int(value.op().value) * seconds[unit], unit="s")


def subtract(left: Any, right: Any) -> Any:
    """Subtract; two dates give whole days, as in SQL."""
    if left.type().is_date() and right.type().is_date():
        return left.delta(right, unit="day")
    return wide(left) - wide(right)


def wide(value: Any) -> Any:
    """Widen whole numbers, so that their sums do not overflow."""
    dtype = value.type()
    return value.cast("int64") if dtype.is_integer() and dtype.nbytes < 8 else value


def roundable(value: Any) -> Any:
    """Make null what does not fit a whole number, which rounding would fail on."""
    import ibis

    if not value.type().is_floating():
        return value
    return (value.abs() < 2.0**62).ifelse(value, ibis.null())


def floating(value: Any) -> Any:
    return value.cast("float64") if value.type().is_numeric() else value


def is_state(node: Any, visit: Callable[[Any], Any]) -> Any:
    from sqlglot import exp

    value = visit(node.this)
    if isinstance(node.expression, exp.Null):
        return value.isnull()
    if isinstance(node.expression, exp.Boolean):
        return value.identical_to(bool(node.expression.this))
    raise TypeError("IS takes NULL, TRUE or FALSE")


def contained(node: Any, visit: Callable[[Any], Any]) -> Any:
    if not node.expressions or node.args.get("query") or node.args.get("unnest") or node.args.get("field"):
        raise TypeError("IN takes a list of values in parentheses")
    value = visit(node.this)
    found = None
    for item in node.expressions:
        equal = compare("==", value, visit(item))
        found = equal if found is None else found | equal
    return found


def case(node: Any, visit: Callable[[Any], Any]) -> Any:
    import ibis

    subject = visit(node.this) if node.this is not None else None
    branches = []
    for branch in node.args["ifs"]:
        condition = visit(branch.this)
        if subject is not None:
            condition = compare("==", subject, condition)
        branches.append((condition, visit(branch.args["true"])))
    default = node.args.get("default")
    return ibis.cases(*branches, else_=visit(default) if default is not None else ibis.null())


def cast(node: Any, visit: Callable[[Any], Any]) -> Any:
    """Cast; what does not convert is null instead of an error, since one bad cell must not stop the check."""
    from ibis.backends.sql.datatypes import DuckDBType

    dtype = DuckDBType.to_ibis(node.to)
    if not (dtype.is_numeric() or dtype.is_string() or dtype.is_temporal()):
        raise TypeError(f"CAST to {dtype} is not allowed")
    return visit(node.this).try_cast(dtype)


def substring(node: Any, visit: Callable[[Any], Any]) -> Any:
    length = node.args.get("length")
    start = visit(node.args["start"]) - 1
    return visit(node.this).substr(start, visit(length)) if length is not None else visit(node.this).substr(start)


def unit_of(node: Any) -> str:
    unit = str(node.name).upper().removesuffix("S") if node is not None else ""
    if unit not in _UNITS:
        raise TypeError(f"no unit {unit!r}; allowed: {', '.join(_UNITS)}")
    return unit


def extract(node: Any, visit: Callable[[Any], Any]) -> Any:
    unit = unit_of(node.this)
    return getattr(visit(node.expression), "week_of_year" if unit == "WEEK" else unit.lower())()


def interval(node: Any, _: Callable[[Any], Any]) -> Any:
    import ibis

    return ibis.interval(int(node.this.name), unit=_UNITS[unit_of(node.args.get("unit"))])
