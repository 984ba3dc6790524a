"""The check for missing values, plain and disguised."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from ..catalogue import action
from ..data.dataset import Dataset
from ..placeholders import AMBIGUOUS, BLANK, fold, is_placeholder, stands_for_missing
from ..results import Check, Evidence, Finding, Model, Severity, worst_first
from ._sentinels import date_sentinels, merge, number_sentinels
from ._values import column_levels, first_look, text_columns, value_counts

if TYPE_CHECKING:
    import ibis.expr.types as ir

# Nulls from a twentieth of the rows on are worth a word; an optional column is no defect below the threshold.
NOTED = 0.05
# Disguised values are read as values by every tool, so a hundredth already falsifies what is computed.
DISGUISED_SUBSTANTIAL = 0.01
# A text column in which this share of the first rows are numbers is judged as numbers too.
_MOSTLY_NUMBERS = 0.9


class MissingColumn(Model):
    """One column: `missing` counts nulls, `disguised` values that stand for missing, `fraction` is of both."""

    column: str
    missing: int
    disguised: int
    fraction: float
    placeholders: dict[str, int] = Field(default_factory=dict)

    @property
    def only_ambiguous(self) -> bool:
        """All placeholders are words that can be a level of their own."""
        return all(fold(word) in AMBIGUOUS for word in self.placeholders)

    @property
    def only_none(self) -> bool:
        """All placeholders say that there is nothing, which is often meant."""
        return all(fold(word) in {"none", "not applicable"} for word in self.placeholders)

    @property
    def shown(self) -> str:
        """The placeholders in words, the most frequent first."""
        words = [f"{word!r} {rows:,}" for word, rows in list(self.placeholders.items())[:4]]
        return ", ".join(words) + (f" and {len(self.placeholders) - 4} more" if len(self.placeholders) > 4 else "")


class MissingValues(Check):
    """What is missing, by column, the worst first."""

    columns: list[MissingColumn] = Field(default_factory=list)
    over_threshold: list[str] = Field(default_factory=list)

    def headline(self) -> str:
        affected = [column for column in self.columns if column.fraction > 0]
        if not affected:
            return f"no missing values in {len(self.columns)} columns."
        disguised = sum(column.disguised > 0 for column in affected)
        return (
            f"{len(affected)} of {len(self.columns)} columns have missing values, {disguised} of them disguised; "
            f"{len(self.over_threshold)} over the threshold."
        )

    def details(self) -> list[str]:
        return [
            f"{column.column}: {column.missing:,} null"
            + (f", {column.disguised:,} disguised ({column.shown})" if column.disguised else "")
            + f" = {column.fraction:.1%}"
            for column in self.columns
            if column.fraction > 0
        ]

    def next_steps(self) -> list[str]:
        steps = []
        if any(column.disguised for column in self.columns):
            steps.append("make the disguised values null before computing anything with these columns")
        if sum(column.fraction > 0 for column in self.columns) > 1:
            steps.append("missing_data_analysis tells which columns are missing together, and why")
        return steps


@action("Missing values")
def check_missing_values(
    dataset: Dataset,
    threshold: Annotated[float, Field(ge=0, le=1)] = 0.5,
    columns: list[str] | None = None,
) -> MissingValues:
    """Count nulls and disguised missing values (N/A, ?, -999, blanks) by column.

    A column over the threshold is of high severity (medium when only words such as "none" put it there, which may be
    meant). Below it, disguised values are medium from 1 % of the rows on, and whenever they are numbers or dates that
    occur more than once; otherwise low. Plain nulls are low from 5 % on.

    Args:
        threshold: fraction of missing rows above which a column fails
        columns: the columns to look at; default all

    Raises:
        BadRequest: a column does not exist.
    """
    names = dataset.require(columns)
    filled, edges, hidden = _first_pass(dataset, names)
    placeholders = merge(
        _placeholder_words(dataset, names, hidden),
        number_sentinels(dataset, _numbers(dataset, names), edges, first_look(dataset)),
        _not_numbers(dataset, edges),
        date_sentinels(
            dataset, {name: edges[name] for name in names if dataset.schema[name].is_temporal() and name in edges}
        ),
        names=names,
    )
    found = []
    for name in names:
        missing, counts = dataset.rows - filled[name], placeholders[name]
        disguised = sum(counts.values())
        fraction = (missing + disguised) / dataset.rows if dataset.rows else 0.0
        ordered = dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
        found.append(
            MissingColumn(column=name, missing=missing, disguised=disguised, fraction=fraction, placeholders=ordered)
        )
    found.sort(key=lambda column: -column.fraction)
    together = _empty_together(dataset, found, threshold)
    alone = [
        column for column in found if column.column not in {name for finding in together for name in finding.columns}
    ]
    findings = together + [finding for column in alone if (finding := _judge(dataset, column, threshold))]
    return MissingValues(
        dataset=dataset.name,
        scanned=dataset.everything,
        findings=worst_first(findings),
        columns=found,
        over_threshold=[column.column for column in found if column.fraction > threshold],
    )


def _first_pass(
    dataset: Dataset, names: list[str]
) -> tuple[dict[str, int], dict[str, tuple[Any, Any]], dict[str, int]]:
    """One pass: values that are not null, least and greatest, and placeholders in text too varied to be grouped."""
    numbers = _numbers(dataset, names)
    varied = _varied(dataset, names)
    expressions: dict[str, Any] = {}
    for name in names:
        column, dtype = dataset.table[name], dataset.schema[name]
        expressions[f"filled {name}"] = column.count()
        if name in numbers:
            expressions[f"low {name}"], expressions[f"high {name}"] = numbers[name].min(), numbers[name].max()
        elif dtype.is_date() or dtype.is_timestamp():
            # As text, because an engine knows dates that Python does not.
            expressions[f"low {name}"], expressions[f"high {name}"] = (
                column.min().cast("string"),
                column.max().cast("string"),
            )
        if name in varied:
            expressions[f"hidden {name}"] = is_placeholder(column).sum()
    found = dataset.aggregate(expressions)
    edges = {name: (found[f"low {name}"], found[f"high {name}"]) for name in names if f"low {name}" in found}
    filled = {name: int(found[f"filled {name}"] or 0) for name in names}
    return filled, edges, {name: int(found[f"hidden {name}"] or 0) for name in varied}


def _varied(dataset: Dataset, names: list[str]) -> list[str]:
    texts = text_columns(dataset, names)
    levels = column_levels(dataset, texts)
    return [name for name in texts if name not in levels]


def _numbers(dataset: Dataset, names: list[str]) -> dict[str, ir.NumericColumn]:
    """The numeric columns, and the text columns that are mostly numbers, as numbers."""
    if "quality numbers" not in dataset.memo:
        found: dict[str, Any] = {n: dataset.table[n] for n, dtype in dataset.schema.items() if dtype.is_numeric()}
        look = first_look(dataset)
        for name in text_columns(dataset):
            values = [value for value in look.column(name).slice(0, 500).to_pylist() if value is not None]
            words = [value for value in values if fold(value) not in AMBIGUOUS and not stands_for_missing(value)]
            if words and sum(_is_number(value) for value in words) >= _MOSTLY_NUMBERS * len(words):
                found[name] = dataset.table[name].try_cast("float64")
        dataset.memo["quality numbers"] = found
    numbers: dict[str, Any] = dataset.memo["quality numbers"]
    return {name: numbers[name] for name in names if name in numbers}


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _placeholder_words(dataset: Dataset, names: list[str], hidden: dict[str, int]) -> dict[str, dict[str, int]]:
    """Count the words that stand for missing: from the levels, or by a query where there are too many."""
    counted = {name: dict(levels) for name, levels in column_levels(dataset, text_columns(dataset, names)).items()}
    others = {name: {fold(value) for value in levels} for name, levels in counted.items()}
    suspected = [name for name, rows in hidden.items() if rows]
    look = first_look(dataset)
    for name in suspected:
        counted[name] = {}
        others[name] = {fold(value) for value in look.column(name).unique().to_pylist() if value is not None}
    for name, value, rows in value_counts(dataset, suspected, 1_000, is_placeholder):
        counted[name][value] = rows
    found: dict[str, dict[str, int]] = {}
    for name, levels in counted.items():
        for value, rows in levels.items():
            if stands_for_missing(value, others[name]):
                words = found.setdefault(name, {})
                word = value.strip() or BLANK
                words[word] = words.get(word, 0) + rows
    return found


def _not_numbers(dataset: Dataset, edges: dict[str, tuple[Any, Any]]) -> dict[str, dict[str, int]]:
    """Count NaN in columns whose greatest value, by the engine's order, is NaN."""
    suspected = [name for name, (_, high) in edges.items() if isinstance(high, float) and high != high]
    numbers = _numbers(dataset, suspected)
    counted = dataset.aggregate({name: numbers[name].cast("float64").isnan().sum() for name in suspected})
    return {name: {"NaN": int(counted[name] or 0)} for name in suspected}


def _empty_together(dataset: Dataset, columns: list[MissingColumn], threshold: float) -> list[Finding]:
    """Say once what is true of several columns with equally many nulls, which are mostly one cause."""
    groups: dict[int, list[MissingColumn]] = {}
    for column in columns:
        if not column.disguised and column.fraction <= threshold and column.fraction >= NOTED:
            groups.setdefault(column.missing, []).append(column)
    findings = []
    for missing, group in groups.items():
        if len(group) < 3:
            continue
        names, fraction = [column.column for column in group], missing / dataset.rows
        shown = ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
        findings.append(
            Finding(
                severity="low",
                columns=names,
                message=f"{len(names)} columns are {fraction:.1%} null each, {missing:,} rows: {shown}",
                metric="missing_fraction",
                value=fraction,
                evidence=Evidence(rows=missing),
            )
        )
    return findings


def _judge(dataset: Dataset, column: MissingColumn, threshold: float) -> Finding | None:
    name, rows = column.column, dataset.rows
    meant = f"; {column.shown} may be a level of its own" if column.disguised and column.only_ambiguous else ""
    standing = f" ({column.disguised:,} disguised: {column.shown})" if column.disguised and not meant else meant
    severity: Severity
    if column.fraction > threshold:
        severity = "high" if not meant or column.missing / rows > threshold else "low" if column.only_none else "medium"
        message = f"{column.fraction:.1%} of {name!r} is missing{standing}"
    elif column.disguised:
        severity = _severity_of_disguised(dataset, column)
        value = "value stands" if column.disguised == 1 else "values stand"
        share = f"{column.disguised / rows:.2%} of the rows"
        message = f"{name!r}: {column.disguised:,} {value} for missing ({column.shown}), {share}"
        message += meant and "; the word may be a level of its own"
        message += f"; with {column.missing:,} nulls {column.fraction:.1%}" if column.missing else ""
    elif column.fraction >= NOTED:
        severity = "low"
        message = f"{column.fraction:.1%} of {name!r} is null"
    else:
        return None
    over = column.fraction > threshold
    return Finding(
        severity=severity,
        columns=[name],
        message=message,
        metric="missing_fraction" if over or not column.disguised else "disguised_missing",
        value=column.fraction if over or not column.disguised else column.disguised,
        threshold=threshold if over else None,
        evidence=Evidence(rows=column.missing + column.disguised, examples=list(column.placeholders)[:5]),
    )


def _severity_of_disguised(dataset: Dataset, column: MissingColumn) -> Severity:
    if column.only_ambiguous:
        return "low"
    coded = not dataset.schema[column.column].is_string() and column.disguised > 1
    return "medium" if coded or column.disguised >= DISGUISED_SUBSTANTIAL * dataset.rows else "low"
