"""The summary of every column: counts, moments, quantiles, frequent values, lengths, spans of time."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from ..catalogue import action
from ..data.dataset import Dataset
from ..results import Evidence, Finding, Model, Result, worst_first
from ._summaries import Summarised, summarise


class ValueCount(Model):
    """A value and the rows it is in."""

    value: Any
    count: int
    fraction: float


class Lengths(Model):
    """Lengths of texts in characters."""

    min: int
    max: int
    mean: float


class Gap(Model):
    """A stretch of time without a row."""

    start: str
    end: str
    seconds: float


class ColumnSummary(Model):
    """One column; fields that its kind does not call for are null. `kurtosis` is in excess of the normal's."""

    column: str
    kind: str
    storage: str
    missing: int
    distinct: int
    distinct_exact: bool = True
    minimum: Any = None
    maximum: Any = None
    mean: float | None = None
    std: float | None = None
    skew: float | None = None
    kurtosis: float | None = None
    zeros: int | None = None
    negatives: int | None = None
    not_finite: int | None = None
    quantiles: dict[str, Any] = Field(default_factory=dict)
    quantiles_exact: bool = True
    top: list[ValueCount] = Field(default_factory=list)
    lengths: Lengths | None = None
    span_seconds: float | None = None
    gaps: list[Gap] = Field(default_factory=list)


class Summary(Result):
    """All columns in the order of the table, and how what is not exact was estimated."""

    rows: int
    columns: list[ColumnSummary] = Field(default_factory=list)
    methods: dict[str, str] = Field(default_factory=dict)

    def headline(self) -> str:
        kinds: dict[str, int] = {}
        for column in self.columns:
            kinds[column.kind] = kinds.get(column.kind, 0) + 1
        mix = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items(), key=lambda item: -item[1]))
        return (
            f"{self.rows:,} rows, {len(self.columns)} columns: {mix}." if kinds else f"{self.rows:,} rows, no columns."
        )

    def details(self) -> list[str]:
        shown = [_line(column, self.rows) for column in self.columns[:20]]
        rest = len(self.columns) - len(shown)
        return [*shown, *([f"… and {rest} more columns"] if rest else []), *self.methods.values()]


def _line(column: ColumnSummary, rows: int) -> str:
    """Say one column in one line."""
    parts = [f"{column.column} ({column.kind})"]
    if column.missing:
        parts.append(f"missing {column.missing / rows:.1%}")
    if column.kind == "numeric":
        middle = column.quantiles.get("0.5")
        parts.append(f"mean {_short(column.mean)}, median {_short(middle)}, std {_short(column.std)}")
    if column.kind in {"numeric", "datetime"} and column.minimum is not None:
        parts.append(f"{_short(column.minimum)} to {_short(column.maximum)}")
    elif column.kind in {"categorical", "boolean", "constant"} and column.top:
        most = ", ".join(f"{str(item.value)[:24]} {item.fraction:.0%}" for item in column.top[:3])
        few = column.kind != "categorical" or column.top[0].fraction >= 0.005
        parts.append(
            (f"{column.distinct:,} values" if column.kind == "categorical" else "") + (f": {most}" if few else "")
        )
    elif column.kind not in {"empty", "boolean"}:
        parts.append(f"{column.distinct:,} different")
        if column.lengths:
            parts.append(f"{column.lengths.min}–{column.lengths.max} characters")  # noqa: RUF001
    return "; ".join(parts)


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


@action("Statistical summary")
def statistical_summary(dataset: Dataset, columns: list[str] | None = None) -> Summary:
    """Summarise columns: mean, std, extremes, quantiles, distinct and top values, text lengths, time span and gaps.

    Rows, nulls, minimum, maximum and mean are exact whatever the size.

    Args:
        dataset: a name, path or URI
        columns: the columns to look at; default all

    Raises:
        BadRequest: a column does not exist.
    """
    names = list(dict.fromkeys(dataset.require(columns)))
    summarised = summarise(dataset, names)
    found = [ColumnSummary.model_validate(summarised.columns[name]) for name in names]
    return Summary(
        dataset=dataset.name,
        scanned=dataset.everything,
        findings=worst_first([finding for column in found for finding in _findings(column, dataset.rows)]),
        rows=dataset.rows,
        columns=found,
        methods=_methods(summarised),
    )


def _methods(summarised: Summarised) -> dict[str, str]:
    methods = {}
    if summarised.quantile_rows:
        methods["quantiles"] = (
            f"Quantiles of columns of very many values are from a seeded sample of {summarised.quantile_rows:,} rows: "
            f"within {summarised.quantile_error:.2%} of rank with 99 % confidence (Dvoretzky–Kiefer–Wolfowitz)."  # noqa: RUF001
        )
    if summarised.estimated:
        methods["distinct"] = (
            "Distinct counts of such columns are from a sample of their hashed values (standard error 0.5 %)."
        )
    return methods


def _findings(column: ColumnSummary, rows: int) -> list[Finding]:
    """Tell what makes a column useless or its figures doubtful; the checks judge the rest."""
    name = column.column

    def finding(message: str, metric: str, value: float, shown: int) -> Finding:
        return Finding(
            severity="low", columns=[name], message=message, metric=metric, value=value, evidence=Evidence(rows=shown)
        )

    if not rows:
        return []
    if column.kind == "empty":
        return [finding(f"{name!r} has no value at all", "missing", column.missing, column.missing)]
    if column.kind == "constant" and rows > 1:
        only = str(column.top[0].value)[:40] if column.top else "?"
        return [finding(f"{name!r} has one value only ({only})", "distinct", 1, rows - column.missing)]
    if column.not_finite:
        what = "dates that are infinite or too far away" if column.kind == "datetime" else "NaN or infinite values"
        text = f"{name!r} holds {column.not_finite:,} {what}; its figures leave them out"
        return [finding(text, "not_finite", column.not_finite, column.not_finite)]
    return []
