"""A boolean SQL expression over columns, turned into an Ibis expression node by node.

Nothing of the text reaches an engine: it is parsed, and only the operators and functions listed here have a
translation. A subquery, a table function, an aggregate or any other function is refused because it has none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..data.dataset import Dataset
from ..errors import BadRequest, nearest, unknown
from ._rules_nodes import (
    case,
    cast,
    compare,
    constant,
    contained,
    extract,
    floating,
    interval,
    is_state,
    literal,
    roundable,
    substring,
    subtract,
    wide,
)

if TYPE_CHECKING:
    import ibis.expr.types as ir

MAX_LENGTH = 2000
# Deep trees exhaust Python's stack in the parser and the compiler.
MAX_DEPTH = 60
_Translation = Callable[[Any, Callable[[Any], Any]], Any]


def boolean_expression(dataset: Dataset, text: str) -> ir.BooleanColumn:
    """Translate a boolean SQL expression (DuckDB's dialect) over the dataset's columns.

    Raises:
        BadRequest: it can't be parsed, uses what is not allowed or a column that does not exist, or is not boolean.
    """
    from ibis.common.annotations import ValidationError
    from ibis.common.exceptions import IbisError

    try:
        made = _Translator(dataset, text).visit(_parse(text))
    except RecursionError:
        raise _refused(text, "it is nested too deeply; split it into several rules") from None
    except (ValidationError, IbisError, TypeError, ValueError, ArithmeticError, AttributeError) as error:
        reason = str(error).strip().splitlines()
        raise _refused(text, f"{reason[0] if reason else error!r} (CAST a value whose type does not fit)") from None
    if not (hasattr(made, "type") and made.type().is_boolean()):
        raise _refused(text, "it is not a condition: it must be true or false for each row")
    result: ir.BooleanColumn = made
    return result


def columns_of(dataset: Dataset, text: str) -> list[str]:
    """Return the columns that an expression names, in order of appearance.

    Raises:
        BadRequest: as `boolean_expression`.
    """
    from sqlglot import exp

    found = [_resolve(dataset, node) for node in _parse(text).find_all(exp.Column, bfs=False)]
    return list(dict.fromkeys(found))


def _parse(text: str) -> Any:
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    if len(text) > MAX_LENGTH:
        raise _refused(text, f"it has {len(text)} characters; at most {MAX_LENGTH} are allowed")
    try:
        tree = exp.condition(text, dialect="duckdb", copy=False)
    except RecursionError:
        raise _refused(text, "it is nested too deeply; split it into several rules") from None
    except SqlglotError as error:
        reason = str(error).splitlines()[0]
        raise _refused(text, f"it is not a SQL expression ({reason})") from None
    if _depth(tree) > MAX_DEPTH:
        raise _refused(text, f"it is nested more than {MAX_DEPTH} levels deep; split it into several rules")
    return tree


def _depth(tree: Any) -> int:
    """Measure the height of the tree without recursion."""
    deepest, waiting = 0, [(tree, 1)]
    while waiting:
        node, level = waiting.pop()
        deepest = max(deepest, level)
        waiting.extend((child, level + 1) for child in node.iter_expressions())
    return deepest


def _refused(text: str, why: str) -> BadRequest:
    shown = text if len(text) <= 120 else text[:117] + "..."
    return BadRequest(f"expression {shown!r} cannot be used: {why}")


def _resolve(dataset: Dataset, node: Any) -> str:
    """Return the column that a name means: as written, else whatever its case."""
    if node.table:
        raise BadRequest(f"no column {node.sql('duckdb')!r}: write a name with dots or spaces in double quotes")
    name: str = node.name
    if name in dataset.columns:
        return name
    alike = [column for column in dataset.columns if column.casefold() == name.casefold()]
    if len(alike) != 1:
        raise unknown("column", name, dataset.columns, where=" in the expression")
    return alike[0]


class _Translator:
    """Walks a tree; a node without a translation is refused."""

    def __init__(self, dataset: Dataset, text: str) -> None:
        self._dataset = dataset
        self._text = text
        self._translations = _translations()

    def visit(self, node: Any) -> Any:
        from sqlglot import exp

        if isinstance(node, exp.Column):
            return self._dataset.table[_resolve(self._dataset, node)]
        translate = self._translations.get(type(node))
        if translate is None:
            raise self._not_allowed(node)
        return translate(node, self.visit)

    def _not_allowed(self, node: Any) -> BadRequest:
        from sqlglot import exp

        # sqlglot counts operators and syntax among the functions; they are named apart below.
        syntax = (exp.And, exp.Or, exp.Case, exp.Cast, exp.If)
        kinds = [kind for kind in self._translations if issubclass(kind, exp.Func) and not issubclass(kind, syntax)]
        names = sorted(kind.sql_names()[0].lower() for kind in kinds)  # type: ignore[no-untyped-call]
        called = node.name if isinstance(node, exp.Anonymous) else type(node).__name__
        match = nearest(called, names) if isinstance(node, exp.Anonymous) else None
        meant = f" (did you mean {match!r}?)" if match else ""
        return _refused(
            self._text,
            f"{called!r} is not allowed{meant}. Allowed: comparisons, AND, OR, NOT, IN (values), BETWEEN, LIKE, "
            f"IS NULL, arithmetic, CASE, CAST, and the functions {', '.join(names)}",
        )


def _translations() -> Mapping[type[Any], _Translation]:
    """Return the translation of every kind of node that is allowed."""
    return {**_conditions(), **_arithmetic(), **_text_functions(), **_time_functions()}


def _conditions() -> dict[type[Any], _Translation]:
    import ibis
    from sqlglot import exp

    return {
        exp.Paren: lambda n, v: v(n.this),
        exp.Boolean: lambda n, _: ibis.literal(bool(n.this)),
        exp.Null: lambda *_: ibis.null(),
        exp.Literal: lambda n, _: literal(n),
        exp.And: lambda n, v: v(n.this) & v(n.expression),
        exp.Or: lambda n, v: v(n.this) | v(n.expression),
        exp.Not: lambda n, v: ~v(n.this),
        exp.EQ: lambda n, v: compare("==", v(n.this), v(n.expression)),
        exp.NEQ: lambda n, v: compare("!=", v(n.this), v(n.expression)),
        exp.LT: lambda n, v: compare("<", v(n.this), v(n.expression)),
        exp.LTE: lambda n, v: compare("<=", v(n.this), v(n.expression)),
        exp.GT: lambda n, v: compare(">", v(n.this), v(n.expression)),
        exp.GTE: lambda n, v: compare(">=", v(n.this), v(n.expression)),
        exp.NullSafeEQ: lambda n, v: v(n.this).identical_to(v(n.expression)),
        exp.NullSafeNEQ: lambda n, v: ~v(n.this).identical_to(v(n.expression)),
        exp.Is: is_state,
        exp.In: contained,
        exp.Between: lambda n, v: (
            compare(">=", v(n.this), v(n.args["low"])) & compare("<=", v(n.this), v(n.args["high"]))
        ),
        exp.Case: case,
        exp.If: lambda n, v: v(n.this).ifelse(
            v(n.args["true"]), v(n.args["false"]) if n.args.get("false") else ibis.null()
        ),
        exp.Coalesce: lambda n, v: ibis.coalesce(v(n.this), *(v(item) for item in n.expressions)),
        exp.Nullif: lambda n, v: v(n.this).nullif(v(n.expression)),
    }


def _arithmetic() -> dict[type[Any], _Translation]:
    import ibis
    from sqlglot import exp

    return {
        exp.Add: lambda n, v: wide(v(n.this)) + wide(v(n.expression)),
        exp.Sub: lambda n, v: subtract(v(n.this), v(n.expression)),
        # Products of whole numbers overflow where products of floats do not.
        exp.Mul: lambda n, v: floating(v(n.this)) * floating(v(n.expression)),
        exp.Div: lambda n, v: floating(v(n.this)) / floating(v(n.expression)).nullif(0.0),
        exp.IntDiv: lambda n, v: roundable(floating(v(n.this)) / floating(v(n.expression)).nullif(0.0)).floor(),
        exp.Mod: lambda n, v: wide(v(n.this)) % wide(v(n.expression)).nullif(0),
        exp.Pow: lambda n, v: floating(v(n.this)) ** floating(v(n.expression)),
        exp.Neg: lambda n, v: -wide(v(n.this)),
        exp.Abs: lambda n, v: wide(v(n.this)).abs(),
        exp.Floor: lambda n, v: roundable(v(n.this)).floor(),
        exp.Ceil: lambda n, v: roundable(v(n.this)).ceil(),
        exp.Round: lambda n, v: (
            v(n.this).round(v(n.args["decimals"])) if n.args.get("decimals") else roundable(v(n.this)).round()
        ),
        exp.IsNan: lambda n, v: v(n.this).isnan(),
        exp.Greatest: lambda n, v: ibis.greatest(v(n.this), *(v(item) for item in n.expressions)),
        exp.Least: lambda n, v: ibis.least(v(n.this), *(v(item) for item in n.expressions)),
        exp.Cast: cast,
        exp.TryCast: cast,
    }


def _text_functions() -> dict[type[Any], _Translation]:
    from sqlglot import exp

    return {
        exp.Like: lambda n, v: v(n.this).like(constant(n.expression)),
        exp.ILike: lambda n, v: v(n.this).ilike(constant(n.expression)),
        exp.RegexpLike: lambda n, v: v(n.this).re_search(constant(n.expression)),
        exp.StartsWith: lambda n, v: v(n.this).startswith(v(n.expression)),
        exp.EndsWith: lambda n, v: v(n.this).endswith(v(n.expression)),
        exp.Contains: lambda n, v: v(n.this).contains(v(n.expression)),
        exp.Length: lambda n, v: v(n.this).length(),
        exp.Lower: lambda n, v: v(n.this).lower(),
        exp.Upper: lambda n, v: v(n.this).upper(),
        exp.Trim: lambda n, v: v(n.this).strip(),
        exp.Substring: substring,
        exp.DPipe: lambda n, v: v(n.this).cast("string") + v(n.expression).cast("string"),
    }


def _time_functions() -> dict[type[Any], _Translation]:
    import ibis
    from sqlglot import exp

    def part(name: str) -> _Translation:
        return lambda n, v: getattr(v(n.this), name)()

    return {
        exp.CurrentDate: lambda *_: ibis.today(),
        exp.CurrentTimestamp: lambda *_: ibis.now(),
        exp.Interval: interval,
        exp.Extract: extract,
        exp.Year: part("year"),
        exp.Month: part("month"),
        exp.Day: part("day"),
        exp.Hour: part("hour"),
        exp.Minute: part("minute"),
        exp.Second: part("second"),
        exp.DayOfWeek: lambda n, v: (v(n.this).day_of_week.index() + 1) % 7,
    }
