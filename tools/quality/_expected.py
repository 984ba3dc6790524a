"""What a caller expects of columns: a range, a list of values, a pattern; and the rows that break it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, ValidationError, WithJsonSchema

from ..data.dataset import Dataset
from ..data.values import as_python
from ..errors import BadRequest
from ..results import Model

if TYPE_CHECKING:
    import ibis.expr.types as ir

Level = Annotated[bool | int | float | str, WithJsonSchema({})]
_EXAMPLES = 5


class NumericRule(Model):
    """The range that values must lie in, ends included; one end may be left open."""

    min: float | None = None
    max: float | None = None


class Violation(Model):
    """A rule and the rows that break it; nulls break none. `rule` is `range`, `domain` or `pattern`."""

    column: str
    rule: str
    expected: str
    count: int
    fraction: float
    examples: list[Any] = Field(default_factory=list)


@dataclass(frozen=True)
class Expectation:
    """One rule in the engine's terms: `broken` is true for the rows that break it."""

    column: str
    rule: str
    expected: str
    broken: ir.BooleanColumn


def expectations(
    dataset: Dataset,
    numeric_rules: Mapping[str, NumericRule | Mapping[str, float]] | None,
    category_domains: Mapping[str, Sequence[Level]] | None,
    patterns: Mapping[str, str] | None,
) -> list[Expectation]:
    """Turn rules into expressions.

    Raises:
        BadRequest: a column does not exist or is of the wrong type, or a rule makes no sense.
    """
    for rules in (numeric_rules, category_domains, patterns):
        dataset.require(rules or ())
    return [
        *(_range(dataset, name, _numeric_rule(name, rule)) for name, rule in (numeric_rules or {}).items()),
        *(_domain(dataset, name, values) for name, values in (category_domains or {}).items()),
        *(_pattern(dataset, name, pattern) for name, pattern in (patterns or {}).items()),
    ]


def violations(dataset: Dataset, expected: Sequence[Expectation]) -> list[Violation]:
    """Count the rows that break each rule, in one pass, and show some for the rules that are broken."""
    counted = dataset.aggregate({f"{index}": rule.broken.sum() for index, rule in enumerate(expected)})
    found = []
    for index, rule in enumerate(expected):
        count = int(counted[f"{index}"] or 0)
        if count:
            fraction = count / dataset.rows
            examples = _examples(dataset, rule)
            found.append(
                Violation(
                    column=rule.column,
                    rule=rule.rule,
                    expected=rule.expected,
                    count=count,
                    fraction=fraction,
                    examples=examples,
                )
            )
    return sorted(found, key=lambda violation: -violation.count)


def violating_rows(dataset: Dataset, rule: Expectation) -> ir.IntegerScalar:
    """The expression that counts the rows breaking a rule, for evidence."""
    return dataset.table.filter(rule.broken).count()


def _examples(dataset: Dataset, rule: Expectation) -> list[Any]:
    """The values that break a rule most often."""
    import ibis

    broken = dataset.table.filter(rule.broken).select(value=dataset.table[rule.column])
    counted = broken.group_by("value").aggregate(rows=lambda t: t.count())
    frequent = counted.order_by(ibis.desc("rows"), "value").limit(_EXAMPLES)
    return [_plain(value) for value in as_python(frequent.to_pyarrow().column("value"))]


def _plain(value: Any) -> Any:
    return value if isinstance(value, bool | int | float | str) else str(value)


def _numeric_rule(name: str, rule: NumericRule | Mapping[str, float]) -> NumericRule:
    """Take a rule as the wire brings it or as a plain mapping, which is how it is written in a notebook."""
    try:
        return NumericRule.model_validate(rule)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        field = ".".join(map(str, problem["loc"]))
        raise BadRequest(
            f"numeric_rules of {name!r}: {field}: {problem['msg']}; give min, max or both as numbers"
        ) from None


def _range(dataset: Dataset, name: str, rule: NumericRule) -> Expectation:
    low, high = rule.min, rule.max
    if low is None and high is None:
        raise BadRequest(f"numeric_rules of {name!r} has neither min nor max; give one or both")
    if any(end is not None and math.isnan(end) for end in (low, high)):
        raise BadRequest(f"numeric_rules of {name!r}: an end is not a number; give finite numbers")
    if low is not None and high is not None and low > high:
        raise BadRequest(f"numeric_rules of {name!r}: min {low:g} is greater than max {high:g}; swap them")
    dtype, column = dataset.schema[name], dataset.table[name]
    if dtype.is_string():
        numbers = column.try_cast("float64")
        # Text that is no number cannot lie in a range, so it breaks the rule rather than passing unseen.
        unreadable = column.notnull() & numbers.isnull()
    elif dtype.is_numeric() and not dtype.is_boolean():
        # The engine would give the decimal as many places as the bound has, for which it may have no room.
        numbers, unreadable = column.cast("float64") if dtype.is_decimal() else column, None
    else:
        raise BadRequest(
            f"numeric_rules: column {name!r} is {dtype}, not numeric; use category_domains or patterns for it"
        )
    broken = _outside(numbers, low, high)
    if numbers.type().is_floating():
        # Not-a-number is a way to be missing, which breaks no rule.
        broken = broken & ~numbers.isnan()
    if unreadable is not None:
        broken = unreadable | (numbers.notnull() & broken)
    expected = (
        f"from {low:.15g}" if high is None else f"up to {high:.15g}" if low is None else f"{low:.15g} to {high:.15g}"
    )
    return Expectation(name, "range", expected, broken)


def _outside(numbers: ir.NumericColumn, low: float | None, high: float | None) -> ir.BooleanColumn:
    if low is None:
        return numbers > high
    return numbers < low if high is None else (numbers < low) | (numbers > high)


def _domain(dataset: Dataset, name: str, values: Sequence[Level]) -> Expectation:
    if not values:
        raise BadRequest(f"category_domains of {name!r} is empty; list the values that are allowed")
    dtype, column = dataset.schema[name], dataset.table[name]
    if dtype.is_nested():
        raise BadRequest(f"category_domains: column {name!r} is {dtype}; only columns of single values have a domain")
    if dtype.is_boolean():
        allowed: list[Any] = [_boolean(name, value) for value in values]
    elif dtype.is_numeric():
        allowed = [_number(name, value, str(dtype)) for value in values]
    else:
        allowed = [str(value) for value in values]
        column = column if dtype.is_string() else column.cast("string")
    shown = ", ".join(repr(value) for value in values[:5]) + (f" and {len(values) - 5} more" if len(values) > 5 else "")
    return Expectation(name, "domain", f"one of {shown}", ~column.isin(allowed))


def _boolean(name: str, value: Level) -> bool:
    word = str(value).casefold()
    if word not in {"true", "false", "1", "0"}:
        raise BadRequest(f"category_domains of {name!r}: {value!r} is no boolean; allowed are true and false")
    return word in {"true", "1"}


def _number(name: str, value: Level, kind: str) -> int | float:
    try:
        number = float(value)
    except ValueError:
        raise BadRequest(f"category_domains of {name!r}: {value!r} is no number, and the column is {kind}") from None
    return int(value) if isinstance(value, int) else int(number) if number.is_integer() else number


def _pattern(dataset: Dataset, name: str, pattern: str) -> Expectation:
    dtype, column = dataset.schema[name], dataset.table[name]
    if dtype.is_nested():
        raise BadRequest(f"patterns: column {name!r} is {dtype}; only columns of single values have a pattern")
    _require_regex(dataset, name, pattern)
    text = column if dtype.is_string() else column.cast("string")
    return Expectation(name, "pattern", f"matches {pattern}", ~text.re_search(pattern))


def _require_regex(dataset: Dataset, name: str, pattern: str) -> None:
    """Let the engine itself try the pattern, because its dialect (RE2) lacks lookaround and backreferences.

    Raises:
        BadRequest: the pattern is no regular expression of that dialect.
    """
    import duckdb
    import ibis

    try:
        dataset.table.get_backend().to_pyarrow(ibis.literal("x").re_search(pattern))
    except duckdb.Error as error:
        reason = str(error).splitlines()[0]
        advice = "the dialect is RE2: no lookaround, no backreferences"
        raise BadRequest(f"patterns of {name!r}: {pattern!r} is no regular expression: {reason}; {advice}") from None
