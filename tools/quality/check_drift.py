"""The check for drift between two tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from ..catalogue import action
from ..data.dataset import Dataset
from ..errors import unknown
from ..results import Check, Evidence, Finding, Model, Scanned, worst_first
from ._drift_columns import Comparison, Side, compare, family
from ._drift_statistics import MISSING_THRESHOLD, Shift, beyond_noise, missing_shift

if TYPE_CHECKING:
    import pyarrow as pa

# Every row up to here, a sample of this size above: it puts a Kolmogorov-Smirnov distance within 0.006 of that of all
# rows (99 %). Wide tables get fewer rows, so that the cells in memory stay bounded.
MOST_ROWS = 150_000
LEAST_ROWS = 20_000
MOST_CELLS = 12_000_000
# From here on a drift is high: a fifth of the rows sits elsewhere.
LARGE = {"ks_distance": 0.2, "wasserstein_normed": 0.5, "cramers_v": 0.25, "missing_share": 0.3}
HOURS_MOVED = 0.2


class ColumnDrift(Model):
    """One column: `effect` is in units of `measure`, drift from `threshold` on if also beyond sampling noise."""

    column: str
    kind: str
    test: str | None = None
    statistic: float | None = None
    p_value: float | None = None
    effect: float = 0.0
    measure: str | None = None
    threshold: float | None = None
    drifted: bool = False
    missing_reference: float = 0.0
    missing_current: float = 0.0
    note: str = ""
    new_values: list[str] = Field(default_factory=list)
    vanished_values: list[str] = Field(default_factory=list)


class Drift(Check):
    """Which columns have drifted; rows scanned are those of both tables together."""

    reference: str
    columns: list[ColumnDrift] = Field(default_factory=list)
    drifted_columns: list[str] = Field(default_factory=list)
    drift_share: float = 0.0
    severity: Literal["none", "low", "medium", "high"] = "none"
    missing_columns: list[str] = Field(default_factory=list)
    new_columns: list[str] = Field(default_factory=list)
    type_changes: dict[str, str] = Field(default_factory=dict)

    def headline(self) -> str:
        if not self.columns:
            return f"{self.dataset!r} and {self.reference!r}: no columns could be compared."
        moved = f"{len(self.drifted_columns)} of {len(self.columns)} columns have drifted"
        return f"{moved} from {self.reference!r} to {self.dataset!r} (severity: {self.severity})."

    def details(self) -> list[str]:
        moving = {"id", "datetime"}  # a shift of these is their nature, and so tells nothing here
        quiet = [item for item in self.columns if not item.drifted and item.effect and item.kind not in moving]
        near = [f"{item.column} {item.measure} {item.effect:.2f}" for item in quiet[:5]]
        lines = [f"Not drifted, the largest effects: {', '.join(near)}"] if near else []
        uncompared = [item.column for item in self.columns if item.kind in {"id", "other"}]
        if times := [item.column for item in self.columns if item.kind == "datetime"]:
            lines.append(f"Times move on by nature and are never drift: {', '.join(times[:10])}")
        if uncompared:
            lines.append(f"Only missing values compared (identifiers, nested): {', '.join(uncompared[:10])}")
        return lines

    def next_steps(self) -> list[str]:
        if not self.drifted_columns:
            return []
        first = self.drifted_columns[0]
        return [
            f"Compare {first!r} in both tables: create_visualization(chart_type='histogram', x={first!r}).",
            "If the change is meant, make the newer table the reference; if not, look for what changed at the source.",
        ]


@action("Drift")
def check_drift(reference: Dataset, current: Dataset, columns: list[str] | None = None) -> Drift:
    """Compare two tables column by column: which distributions moved more than noise and by an amount that matters.

    A column has drifted when its effect reaches the threshold and its p-value stands after Holm's correction over all
    columns. Numbers are judged by the Kolmogorov-Smirnov distance (the normalised Wasserstein distance where only tails
    moved), categories by Cramér's V corrected for chance, texts by length, words and characters, every kind by its
    share of missing values. Identifiers and timestamps move by nature: only their missing values count.

    Args:
        reference: the table that is as it should be
        current: the table to judge
        columns: the columns to look at; default all

    Raises:
        BadRequest: a column exists in neither table.
    """
    names = columns if columns is not None else list(dict.fromkeys([*reference.columns, *current.columns]))
    for name in names:
        if name not in reference.schema and name not in current.schema:
            raise unknown("column", name, reference.columns, where=f" in {reference.name!r} or {current.name!r}")
    shared = [name for name in dict.fromkeys(names) if name in reference.schema and name in current.schema]
    result = Drift(
        dataset=current.name,
        reference=reference.name,
        scanned=Scanned(rows=0, of=reference.rows + current.rows),
        missing_columns=[name for name in names if name not in current.schema],
        new_columns=[name for name in names if name not in reference.schema],
    )
    findings = _schema_findings(result)
    empty = [dataset for dataset in (reference, current) if not dataset.rows]
    findings += [_finding("high", [], f"{dataset.name!r} has no rows", "rows", 0, 1) for dataset in empty]
    if shared and not empty:
        left, right = _sides(reference, shared), _sides(current, shared)
        result.scanned = _scanned(left[1], right[1])
        compared = _compare_all(reference, current, left[0], right[0], result)
        findings += _type_findings(result, right[0]) + _judge(compared, left[0], right[0], result)
    result.findings = worst_first(findings)
    result.severity = _severity(result)
    return result


def _sides(dataset: Dataset, names: list[str]) -> tuple[dict[str, Side], Scanned]:
    """Bring what is compared of one table into memory: exact counts and spans, and the values of all or some rows."""
    expressions = {}
    for name in names:
        column, dtype = dataset.table[name], dataset.schema[name]
        empty = column.isnull() | column.isnan() if dtype.is_floating() else column.isnull()
        expressions[f"missing {name}"] = empty.sum()
        if dtype.is_numeric() or family(dtype) == "datetime":
            expressions[f"least {name}"], expressions[f"most {name}"] = column.min(), column.max()
    facts = dataset.aggregate(expressions)
    wanted = [name for name in names if family(dataset.schema[name]) != "other"]
    limit = max(LEAST_ROWS, min(MOST_ROWS, MOST_CELLS // max(len(wanted), 1)))
    sample = dataset.sample(limit, wanted) if wanted else None
    sides = {}
    for name in names:
        sides[name] = Side(
            values=_values(sample.arrow, name) if sample and name in wanted else _nothing(),
            rows=dataset.rows,
            missing=int(facts[f"missing {name}"] or 0),
            minimum=facts.get(f"least {name}"),
            maximum=facts.get(f"most {name}"),
        )
    return sides, sample.scanned if sample else dataset.everything


def _nothing() -> pa.ChunkedArray:
    import pyarrow as pa

    return pa.chunked_array([], type=pa.null())


def _values(table: pa.Table, name: str) -> pa.ChunkedArray:
    """Return the non-null values of a column, text of any width as one type."""
    import pyarrow as pa
    import pyarrow.types as kinds

    values = table.column(name)
    if kinds.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if kinds.is_string(values.type) or kinds.is_string_view(values.type):
        values = values.cast(pa.large_string())
    return values.drop_null()


def _scanned(reference: Scanned, current: Scanned) -> Scanned:
    rows, of = reference.rows + current.rows, reference.of + current.of
    if rows == of:
        return Scanned(rows=rows, of=of, method="all rows of both tables")
    error = 1.63 * (1 / reference.rows + 1 / current.rows) ** 0.5 if reference.rows and current.rows else 1.0
    method = f"distributions on a seeded sample (KS distances ± {error:.3f}, 99 %), missing values on all rows"
    return Scanned(rows=rows, of=of, method=method)


def _compare_all(
    reference: Dataset, current: Dataset, left: dict[str, Side], right: dict[str, Side], result: Drift
) -> dict[str, Comparison]:
    compared = {}
    for name, side in left.items():
        kinds = family(reference.schema[name]), family(current.schema[name])
        filled = side.missing < side.rows, right[name].missing < right[name].rows
        if all(filled) and kinds[0] != kinds[1]:
            result.type_changes[name] = f"{reference.schema[name]} → {current.schema[name]}"
        else:
            compared[name] = compare(name, kinds[0] if filled[0] else kinds[1], side, right[name])
    return compared


def _judge(
    compared: dict[str, Comparison], left: dict[str, Side], right: dict[str, Side], result: Drift
) -> list[Finding]:
    """Give every column its verdict, corrected for the number of columns, and fill the lists of the result."""
    missing = {
        name: missing_shift(left[name].missing, left[name].rows, right[name].missing, right[name].rows)
        for name in compared
    }
    chances: dict[tuple[str, str], float] = {}
    for name, comparison in compared.items():
        if left[name].missing + right[name].missing:
            chances[name, "missing"] = missing[name].p_value
        if comparison.shift:
            chances[name, "values"] = comparison.shift.p_value
    sure = {key for key, kept in zip(chances, beyond_noise(list(chances.values())), strict=True) if kept}
    findings = []
    for name, comparison in compared.items():
        gone = missing[name].matters and (name, "missing") in sure
        moved = bool(comparison.shift and comparison.shift.matters and (name, "values") in sure)
        drifted = gone or (moved and not comparison.moves_by_nature)
        deciding = missing[name] if gone and (not moved or comparison.moves_by_nature) else comparison.shift
        item = _item(name, comparison, deciding, left[name], right[name])
        item.drifted = drifted
        result.columns.append(item)
        if drifted:
            findings.append(_drift_finding(item, comparison, also_missing=gone))
        if (name, "missing") in sure and not gone:
            findings.append(_missing_finding(item))
        if moved and comparison.kind == "datetime" and item.effect >= HOURS_MOVED:
            findings.append(_hours_finding(item))
    result.columns.sort(key=lambda item: (not item.drifted, -(item.effect / item.threshold if item.threshold else 0)))
    result.drifted_columns = [item.column for item in result.columns if item.drifted]
    result.drift_share = len(result.drifted_columns) / len(result.columns) if result.columns else 0.0
    position = {item.column: index for index, item in enumerate(result.columns)}
    return _merged(sorted(findings, key=lambda finding: position[finding.columns[0]]))


def _item(name: str, comparison: Comparison, deciding: Shift | None, left: Side, right: Side) -> ColumnDrift:
    item = ColumnDrift(
        column=name,
        kind=comparison.kind,
        missing_reference=left.missing / left.rows,
        missing_current=right.missing / right.rows,
        note=comparison.note,
        new_values=comparison.new_values[:5],
        vanished_values=comparison.vanished_values[:5],
    )
    if deciding:
        item.effect, item.measure, item.threshold = deciding.effect, deciding.measure, deciding.threshold
        shown = comparison.shift or deciding
        item.test, item.statistic, item.p_value = shown.test, shown.statistic, deciding.p_value
    return item


def _drift_finding(item: ColumnDrift, comparison: Comparison, *, also_missing: bool) -> Finding:
    measure = item.measure or ""
    severity: Literal["medium", "high"] = "high" if item.effect >= LARGE[measure] else "medium"
    gone = f"missing in {_shares(item)} of rows"
    if measure == "missing_share":
        message = gone
    else:
        message = f"{item.column!r} has drifted: {measure} {item.effect:.2f} ({item.note})"
        message += f"; {gone}" if also_missing else ""
    if item.new_values:
        message += f"; new values {', '.join(map(repr, item.new_values[:3]))}"
    finding = _finding(severity, [item.column], message, measure, round(item.effect, 4), item.threshold)
    finding.evidence = Evidence(examples=list(comparison.examples))
    return finding


def _missing_finding(item: ColumnDrift) -> Finding:
    difference = round(abs(item.missing_current - item.missing_reference), 4)
    message = f"missing in {_shares(item)} of rows, short of drift"
    return _finding("low", [item.column], message, "missing_share", difference, MISSING_THRESHOLD)


def _shares(item: ColumnDrift) -> str:
    return f"{item.missing_reference:.1%} → {item.missing_current:.1%}"


def _hours_finding(item: ColumnDrift) -> Finding:
    message = (
        f"{item.column!r} falls at other hours of the day ({item.note}): another time zone, or other times of work?"
    )
    return _finding("low", [item.column], message, "cramers_v", round(item.effect, 4), HOURS_MOVED)


def _merged(findings: list[Finding]) -> list[Finding]:
    """Tell once what columns share: five columns that are empty in the same share of rows are one finding."""
    merged: dict[str, Finding] = {}
    for finding in findings:
        if finding.message in merged:
            merged[finding.message].columns.extend(finding.columns)
        else:
            merged[finding.message] = finding
    return list(merged.values())


def _schema_findings(result: Drift) -> list[Finding]:
    findings = []
    if result.missing_columns:
        message = f"columns of the reference that are gone: {_named(result.missing_columns)}{_renamed(result)}"
        findings.append(
            _finding("high", result.missing_columns, message, "missing_columns", len(result.missing_columns), 0)
        )
    if result.new_columns:
        message = f"columns that the reference lacks: {_named(result.new_columns)}"
        findings.append(_finding("low", result.new_columns, message, "new_columns", len(result.new_columns), 0))
    return findings


def _named(columns: list[str]) -> str:
    return ", ".join(columns[:6]) + (f" and {len(columns) - 6} more" if len(columns) > 6 else "")


def _renamed(result: Drift) -> str:
    """Say which vanished column may only be spelt in another way."""
    folded = {"".join(filter(str.isalnum, name)).casefold(): name for name in result.new_columns}
    pairs = [(name, folded.get("".join(filter(str.isalnum, name)).casefold())) for name in result.missing_columns]
    likely = [f"{old!r} may now be {new!r}" for old, new in pairs if new]
    return f"; {', '.join(likely[:3])}" if likely else ""


def _type_findings(result: Drift, current: dict[str, Side]) -> list[Finding]:
    findings = []
    for name, change in result.type_changes.items():
        finding = _finding(
            "high", [name], f"{name!r} changed its type, {change}: values not compared", "type", change, None
        )
        finding.evidence = Evidence(examples=_unlike_numbers(current[name].values))
        findings.append(finding)
    return findings


def _unlike_numbers(values: pa.ChunkedArray) -> list[str]:
    """Return a few texts that do not read as numbers: what made a numeric column text."""
    import pyarrow.compute as pc
    import pyarrow.types as kinds

    if not kinds.is_large_string(values.type):
        return []
    odd = values.filter(pc.invert(pc.match_substring_regex(values, r"^\s*[-+]?[0-9.]+([eE][-+]?[0-9]+)?\s*$")))
    return [text[:40] for text in pc.unique(odd)[:5].to_pylist()]


def _finding(
    severity: Literal["low", "medium", "high"],
    columns: list[str],
    message: str,
    metric: str,
    value: float | str | None,
    threshold: float | None,
) -> Finding:
    return Finding(
        severity=severity, columns=list(columns), message=message, metric=metric, value=value, threshold=threshold
    )


def _severity(result: Drift) -> Literal["none", "low", "medium", "high"]:
    """Return the worst finding's severity, raised to high when half of the columns have drifted (Evidently's share)."""
    if result.drift_share >= 0.5:
        return "high"
    return result.findings[0].severity if result.findings else "none"
