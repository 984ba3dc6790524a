"""The check for columns that give the target away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from ..catalogue import action
from ..data.dataset import Dataset, Sample
from ..data.values import as_python
from ..errors import BadRequest
from ..results import Check, Evidence, Finding, Model, Scanned, worst_first
from ._leakage_columns import LEAST_ROWS, Verdict, judge, read_target
from ._leakage_scores import LIMITS, Target
from ._leakage_time import judge_times, moves_with_time

if TYPE_CHECKING:
    pass

# Enough to tell an AUC of 0.995 from one of 0.99; fewer where there are hundreds of columns.
MOST_ROWS = 20_000
FEWEST_ROWS = 4_000
MOST_CELLS = 2_000_000
RARE_ROWS = 1_000


class SuspiciousColumn(Model):
    """A column that knows too much: `score` is in [0, 1] in the unit `measure`, on rows it was not learned from."""

    column: str
    score: float
    measure: str
    reason: str


class Leakage(Check):
    """The columns that give the target away, and for comparison the strongest that do not."""

    target: str
    task: Literal["binary", "classes", "regression"]
    suspicious: list[SuspiciousColumn] = Field(default_factory=list)
    strongest_others: list[SuspiciousColumn] = Field(default_factory=list)

    def headline(self) -> str:
        if not self.suspicious:
            return f"No single column gives {self.target!r} away ({self.task}); sums of several were not tried."
        accused = f"{len(self.suspicious)} column(s) seem to know {self.target!r} ({self.task})"
        return f"{accused}; a model would look better than it is."

    def details(self) -> list[str]:
        others = [
            f"{item.column} ({item.measure} {item.score:.2f})" for item in self.strongest_others if item.score > 0
        ]
        return [f"Not accused, the strongest: {', '.join(others)}"] if others else []

    def next_steps(self) -> list[str]:
        if not self.suspicious:
            return []
        names = [item.column for item in self.suspicious[:5]]
        return [
            f"Ask whether {', '.join(map(repr, names))} would be known when predicting; if not, leave out of the model."
        ]


@action("Target leakage")
def check_leakage(dataset: Dataset, target: str, time_column: str | None = None) -> Leakage:
    """Find columns that give the target away: copies, recodings, values entered after the event, ids in target order.

    Each column alone predicts the target on rows it was not learned from; only what no honest predictor reaches is
    accused, and only where the rows are enough to be sure of it.

    Args:
        target: the column to be predicted, of any kind
        time_column: when each row was known; later times are suspicious

    Raises:
        BadRequest: a column does not exist, or the target is constant, empty or all different.
    """
    dataset.require([target, *([time_column] if time_column else [])])
    if time_column is not None and not (
        dataset.schema[time_column].is_timestamp() or dataset.schema[time_column].is_date()
    ):
        raise BadRequest(
            f"time_column {time_column!r} is of type {dataset.schema[time_column]}; it must be a date or a timestamp"
        )
    known, sample = _draw(dataset, target)
    read = read_target(target, sample.arrow.column(target))
    result = Leakage(dataset=dataset.name, target=target, task=_task(read), scanned=sample.scanned)
    findings = _notes(dataset, target, known, read)
    if len(read.values) >= LEAST_ROWS:
        features = [name for name in sample.arrow.column_names if name != target]
        verdicts = {name: judge(name, sample.arrow.column(name), read) for name in features}
        if time_column is not None:
            later = judge_times(sample.arrow, read, time_column, features)
            verdicts.update({name: _worse(verdicts[name], verdict) for name, verdict in later.items()})
            findings += moves_with_time(sample.arrow, read, target, time_column)
        findings += _accuse(result, [verdict for verdict in verdicts.values() if verdict], len(read.values))
    result.findings = worst_first(findings)
    return result


def _draw(dataset: Dataset, target: str) -> tuple[int, Sample]:
    """Return how many rows have a target, and a sample of them in which a rare class of two is not too rare.

    Raises:
        BadRequest: the target is empty or constant.
    """
    import ibis

    dtype = dataset.schema[target]
    column = dataset.table[target]
    if dtype.is_nested() or dtype.is_json():
        raise BadRequest(f"target {target!r} is of type {dtype}; a target is a number, a category, a boolean or a time")
    there = column.notnull() & ~(column.isnan() | column.isinf()) if dtype.is_floating() else column.notnull()
    rows = dataset.table.filter(there)
    frequent = rows.group_by(value=column).aggregate(n=ibis._.count()).order_by(ibis.desc("n")).limit(3)
    counts = as_python(frequent.to_pyarrow())
    if len(counts) < 2:
        what = f"has one value only, {counts[0]['value']!r}" if counts else "has no values"
        raise BadRequest(f"target {target!r} {what}, so there is nothing to predict; choose a column that varies")
    names = [name for name in dataset.columns if name == target or not dataset.schema[name].is_nested()]
    limit = max(FEWEST_ROWS, min(MOST_ROWS, MOST_CELLS // len(names)))
    with_target = Dataset(name=dataset.name, table=rows)
    known = with_target.rows
    rare = counts[1]["n"]
    if len(counts) > 2 or known <= limit or rare * limit / known >= RARE_ROWS:
        # Drawing from the table itself is quicker than from a query over it.
        source = dataset if known == dataset.rows else with_target
        return known, _of(source.sample(limit, names), dataset)
    return known, _balanced(rows, target, counts, limit, names, dataset)


def _of(sample: Sample, dataset: Dataset) -> Sample:
    scanned = Scanned(rows=sample.scanned.rows, of=dataset.rows, method=sample.scanned.method)
    return Sample(sample.arrow, scanned)


def _balanced(
    rows: Any, target: str, counts: list[dict[str, Any]], limit: int, names: list[str], dataset: Dataset
) -> Sample:
    """Draw each of two classes by itself, so that the rare one is not missed; scores do not depend on their ratio."""
    import pyarrow as pa

    parts = []
    for entry, most in ((counts[0], limit), (counts[1], limit // 4)):
        one_class = Dataset(name=dataset.name, table=rows.filter(rows[target] == entry["value"]))
        parts.append(one_class.sample(most, names).arrow)
    arrow = pa.concat_tables(parts, promote_options="permissive")
    method = "random sample of each class of the target, seed 0"
    return Sample(arrow, Scanned(rows=arrow.num_rows, of=dataset.rows, method=method))


def _task(target: Target) -> Literal["binary", "classes", "regression"]:
    if target.kind == "numeric":
        return "regression"
    return "binary" if len(target.labels) == 2 else "classes"


def _worse(one: Verdict | None, other: Verdict) -> Verdict:
    return one if one and one.accused and one.severity == "high" else other


def _notes(dataset: Dataset, target: str, known: int, read: Target) -> list[Finding]:
    """Say what limits the check itself: rows without a target, too few rows."""
    notes = []
    if known < dataset.rows:
        message = f"{dataset.rows - known} rows have no {target!r} and were left out"
        notes.append(_finding("low", [target], message, "rows_without_target", dataset.rows - known, 0))
    if len(read.values) < LEAST_ROWS:
        message = f"only {len(read.values)} rows have a target: too few to tell a leak from a good predictor"
        notes.append(_finding("low", [target], message, "rows", len(read.values), LEAST_ROWS))
    return notes


def _accuse(result: Leakage, verdicts: list[Verdict], rows: int) -> list[Finding]:
    """Fill the lists of the result and return a finding for every accused column."""
    ranked = sorted(verdicts, key=lambda verdict: -verdict.score)
    items = {True: result.suspicious, False: result.strongest_others}
    findings = []
    for verdict in ranked:
        item = SuspiciousColumn(
            column=verdict.column, score=verdict.score, measure=verdict.measure, reason=verdict.reason
        )
        if verdict.accused:
            threshold = LIMITS.get(verdict.measure, (0.999, 0))[0]
            gives = "is" if verdict.measure == "share_later" else f"gives {result.target!r} away:"
            message = f"{verdict.column!r} {gives} {verdict.reason}"
            severity: Literal["medium", "high"] = "high" if verdict.severity == "high" else "medium"
            finding = _finding(severity, [verdict.column], message, verdict.measure, round(verdict.score, 4), threshold)
            finding.evidence = Evidence(rows=rows)
            findings.append(finding)
        else:
            item.reason = ""
            if verdict.doubtful:
                told = f"{verdict.column!r} tells {result.target!r} nearly without error"
                message = f"{told}, but {rows} rows are too few to accuse it"
                limit = LIMITS[verdict.measure][0]
                findings.append(
                    _finding("low", [verdict.column], message, verdict.measure, round(verdict.score, 4), limit)
                )
        items[verdict.accused].append(item)
    del result.strongest_others[5:]
    return findings


def _finding(
    severity: Literal["low", "medium", "high"],
    columns: list[str],
    message: str,
    metric: str,
    value: float,
    threshold: float,
) -> Finding:
    return Finding(severity=severity, columns=columns, message=message, metric=metric, value=value, threshold=threshold)
