"""Rules held against a table: one aggregate counts what breaks them, and a look at the broken ones follows.

Unique keys and duplicate rows are counted in that same aggregate, by distinct 64-bit hashes. Different hashes prove
different keys, so a full count of hashes is a proof; a smaller one may be a collision, and is settled by an exact
group-by, which fetches the examples at the same time. A key that is unique and never null also proves that no row is
repeated.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..data.dataset import Dataset
from ..data.values import as_python
from ..errors import BadRequest
from ._rules import Rule
from ._rules_predicates import breaks, columns_read

if TYPE_CHECKING:
    import ibis.expr.types as ir

EXAMPLES = 5
EACH_COLUMN = ("not_null", "range", "set", "pattern", "type")


@dataclass
class Outcome:
    """How a rule fared.

    Attributes:
        violations: rows that break it; 1 for a broken rule about the whole table.
        value: what was measured, for a rule about the whole table.
        examples: values or rows that break it, the same ones on every run.
        by_column: rows that each column breaks, where the rule is about each of several.
        query: SQL that counts the violations again.
    """

    rule: Rule
    rows: int
    violations: int = 0
    value: float | int | None = None
    examples: list[Any] = field(default_factory=list)
    by_column: dict[str, int] = field(default_factory=dict)
    query: str | None = None

    @property
    def passed(self) -> bool:
        """Whether no more rows break the rule than it tolerates."""
        return self.violations <= math.floor(self.rule.tolerance * self.rows + 1e-9)

    @property
    def fraction(self) -> float:
        return self.violations / self.rows if self.rows else 0.0


def hold(dataset: Dataset, rules: Sequence[Rule], *, examples: bool = True) -> list[Outcome]:
    """Hold rules against a dataset.

    Args:
        dataset: the rows.
        rules: the rules.
        examples: whether to look at the rows that break them, which takes a second pass.

    Raises:
        BadRequest: a rule names a column that does not exist, or does not go with its type.
    """
    from duckdb import DataError, NotSupportedError, ProgrammingError

    conditions = [_condition(dataset, rule) for rule in rules]
    try:
        return _hold(dataset, rules, conditions, examples)
    except (DataError, ProgrammingError, NotSupportedError) as error:
        # What only the engine can tell: a pattern it does not know, a number that overflows.
        reason = str(error).splitlines()[0]
        suspects = [str(rule) for rule in rules if rule.kind in {"expression", "pattern", "correlation", "compare"}]
        if not suspects:
            raise
        raise BadRequest(f"the engine cannot evaluate a rule: {reason}; look at {'; '.join(suspects[:5])}") from None


def _condition(dataset: Dataset, rule: Rule) -> ir.BooleanColumn | None:
    if rule.kind not in {"unique", "no_duplicate_rows", "row_count", "correlation"}:
        return breaks(dataset, rule)
    for name in columns_read(dataset, rule):
        if rule.kind == "correlation" and not dataset.schema[name].is_numeric():
            raise BadRequest(f"rule 'correlation' needs numbers; column {name!r} is {dataset.schema[name]}")
    return None


def _hold(dataset: Dataset, rules: Sequence[Rule], conditions: Sequence[Any], examples: bool) -> list[Outcome]:
    expressions = {"rows": dataset.table.count()}
    for index, (rule, condition) in enumerate(zip(rules, conditions, strict=True)):
        expressions.update(_counts(dataset, index, rule, condition, rules))
    values = dataset.aggregate(expressions)
    outcomes = [Outcome(rule, rows=int(values["rows"])) for rule in rules]
    for index, (outcome, condition) in enumerate(zip(outcomes, conditions, strict=True)):
        if condition is not None:
            outcome.violations = int(values[f"{index} broken"] or 0)
        elif outcome.rule.kind == "row_count":
            _measure(outcome, outcome.rows)
        elif outcome.rule.kind == "correlation":
            r = values[f"{index} r"]
            _measure(outcome, r if isinstance(r, float) and math.isfinite(r) else None)
    _settle_keys(dataset, outcomes, values)
    for outcome, condition in zip(outcomes, conditions, strict=True):
        if outcome.violations and condition is not None:
            outcome.query = dataset.query(dataset.table.filter(condition).count())
    if examples:
        _fetch_examples(dataset, outcomes, conditions)
    return outcomes


def _measure(outcome: Outcome, value: float | int | None) -> None:
    """Judge what was measured of the whole table; what is not defined keeps no bound."""
    low, high = outcome.rule.min, outcome.rule.max
    inside = value is not None and (low is None or value >= float(low)) and (high is None or value <= float(high))
    outcome.value, outcome.violations = value, 0 if inside else 1


def _counts(dataset: Dataset, index: int, rule: Rule, condition: Any, rules: Sequence[Rule]) -> dict[str, Any]:
    """Return the scalars that one rule needs from the pass."""
    if condition is not None:
        return {f"{index} broken": condition.sum()}
    if rule.kind == "unique":
        filled = _all_filled(dataset, rule.columns)
        return {f"{index} filled": filled.sum(), f"{index} distinct": _distinct(dataset, rule.columns, filled)}
    if rule.kind == "no_duplicate_rows" and _hashes(dataset) and not any(other.kind == "unique" for other in rules):
        return {f"{index} distinct": _hash(dataset, dataset.columns).nunique()}
    if rule.kind == "correlation":
        left, right = (dataset.table[name].cast("float64") for name in rule.columns)
        finite = ~(left.isnan() | left.isinf() | right.isnan() | right.isinf())
        return {f"{index} r": left.corr(right, how="pop", where=finite)}
    return {}


def _all_filled(dataset: Dataset, columns: Sequence[str]) -> Any:
    filled = dataset.table[columns[0]].notnull()
    for name in columns[1:]:
        filled &= dataset.table[name].notnull()
    return filled


def _hashes(dataset: Dataset) -> bool:
    """Tell whether the engine hashes whole rows."""
    return dataset.table.get_backend().name in {"duckdb", "pyspark"}


def _hash(dataset: Dataset, columns: Sequence[str]) -> Any:
    import ibis

    if len(columns) == 1:
        return dataset.table[columns[0]].hash()
    return ibis.struct({f"c{index}": dataset.table[name] for index, name in enumerate(columns)}).hash()


def _distinct(dataset: Dataset, columns: Sequence[str], filled: Any) -> Any:
    """Count distinct keys: numbers and times as they are, the rest by hash, as equal keys have equal ones."""
    column, dtype = dataset.table[columns[0]], dataset.schema[columns[0]]
    if len(columns) == 1 and (dtype.is_numeric() or dtype.is_temporal() or not _hashes(dataset)):
        return column.nunique()
    if not _hashes(dataset):
        return dataset.table.select(*columns).nunique(where=filled)
    return _hash(dataset, columns).nunique(where=filled)


def _settle_keys(dataset: Dataset, outcomes: list[Outcome], values: dict[str, Any]) -> None:
    """Judge unique keys and duplicate rows, exactly: by proof where the pass gave one, else by a group-by."""
    proven = False
    for index, outcome in enumerate(outcomes):
        if outcome.rule.kind == "unique":
            filled = int(values[f"{index} filled"] or 0)
            if int(values[f"{index} distinct"] or 0) < filled:
                _group(dataset, outcome)
            proven |= outcome.violations == 0 and filled == outcome.rows
    for index, outcome in enumerate(outcomes):
        distinct = values.get(f"{index} distinct")
        if outcome.rule.kind == "no_duplicate_rows" and not proven and (distinct is None or distinct < outcome.rows):
            _group(dataset, outcome)


def _group(dataset: Dataset, outcome: Outcome) -> None:
    """Count the rows after the first of each group, and keep the largest groups as examples."""
    import ibis

    columns = outcome.rule.columns or dataset.columns
    short = {f"c{index}": dataset.table[name] for index, name in enumerate(columns)}
    table = dataset.table.filter(_all_filled(dataset, columns)) if outcome.rule.columns else dataset.table
    table = table.select(**{key: table[name] for key, name in zip(short, columns, strict=True)})
    if outcome.rule.kind == "no_duplicate_rows" and _hashes(dataset) and len(columns) > 1:
        # Only rows whose hash comes twice can be repeated, so that few rows are held in memory whole.
        table = table.mutate(h=ibis.struct({key: table[key] for key in short}).hash())
        counts = table.group_by("h").aggregate(n=table.count())
        table = table.semi_join(counts.filter(counts.n > 1), "h").drop("h")
    groups = table.group_by(list(short)).aggregate(n=lambda t: t.count())
    groups = groups.filter(groups.n > 1)
    worst = groups.mutate(total=(groups.n - 1).sum().over(ibis.window()))
    found = as_python(worst.order_by(ibis.desc("n"), *short).limit(EXAMPLES).to_pyarrow())
    outcome.violations = int(found[0]["total"]) if found else 0
    outcome.query = dataset.query(groups.aggregate(n=(groups.n - 1).sum()))
    for row in found:
        record = {name: row[key] for key, name in zip(short, columns, strict=True)}
        outcome.examples.append({**_shown(record), "rows": int(row["n"])})


def _fetch_examples(dataset: Dataset, outcomes: list[Outcome], conditions: Sequence[Any]) -> None:
    """Fetch a few values or rows that break each rule, all rules in one pass.

    The least, the greatest, and those of least and greatest hash: aggregates, so that memory is bounded, and the
    same on every run. Of a rule about each of several columns, also how many rows each column breaks.
    """
    expressions: dict[str, Any] = {}
    for index, (outcome, condition) in enumerate(zip(outcomes, conditions, strict=True)):
        if condition is None or not outcome.violations:
            continue
        if outcome.rule.kind in EACH_COLUMN and len(outcome.rule.columns) > 1:
            expressions.update(_by_column(dataset, index, outcome.rule))
        elif outcome.rule.kind != "not_null":
            extremes = _extremes(dataset, columns_read(dataset, outcome.rule), condition)
            expressions.update({f"{index} {number} example": example for number, example in enumerate(extremes)})
    values = dataset.aggregate(expressions) if expressions else {}
    for key, value in values.items():
        position, place, what = key.split()
        _note(outcomes[int(position)], int(place), what, value)
    for outcome in outcomes:
        outcome.by_column = dict(sorted(outcome.by_column.items(), key=lambda item: -item[1]))
        del outcome.examples[EXAMPLES:]


def _by_column(dataset: Dataset, index: int, rule: Rule) -> dict[str, Any]:
    """Return, for each column of a rule, the number of rows that break it there, and two of the values."""
    expressions: dict[str, Any] = {}
    for place, name in enumerate(rule.columns):
        condition = breaks(dataset, rule.model_copy(update={"columns": [name]}))
        if condition is not None:
            expressions[f"{index} {place} count"] = condition.sum()
            if rule.kind != "not_null":
                column = dataset.table[name]
                expressions[f"{index} {place} least"] = column.min(where=condition)
                expressions[f"{index} {place} greatest"] = column.max(where=condition)
    return expressions


def _note(outcome: Outcome, place: int, what: str, value: Any) -> None:
    """Keep one value that came back from the second pass."""
    if what == "count":
        if value:
            outcome.by_column[outcome.rule.columns[place]] = int(value)
        return
    shown = _shown(value) if what == "example" else {outcome.rule.columns[place]: _shown(value)}
    if value is not None and shown not in outcome.examples:
        outcome.examples.append(shown)


def _extremes(dataset: Dataset, names: list[str], condition: Any) -> list[Any]:
    import ibis

    if len(names) == 1 and not dataset.schema[names[0]].is_nested():
        column = dataset.table[names[0]]
        extremes = [column.min(where=condition), column.max(where=condition)]
        if not _hashes(dataset):
            return extremes
        return [*extremes, column.argmin(column.hash(), where=condition), column.argmax(column.hash(), where=condition)]
    if not names or not _hashes(dataset):
        return []
    record = ibis.struct({name: dataset.table[name] for name in names[:8]})
    return [record.argmin(record.hash(), where=condition), record.argmax(record.hash(), where=condition)]


def _shown(value: Any) -> Any:
    """Make a value fit for JSON: no NaN, no long text, no bytes."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, str):
        return value if len(value) <= 120 else value[:119] + "…"
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if isinstance(value, dict):
        return {str(key): _shown(item) for key, item in list(value.items())[:12]}
    if isinstance(value, list | tuple):
        return [_shown(item) for item in value[:EXAMPLES]]
    return value
