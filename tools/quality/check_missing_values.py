"""The check for missing values, plain and disguised."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ..catalogue import action
from ..data.dataset import Dataset
from ..placeholders import is_placeholder
from ..results import Check, Evidence, Finding, Model, worst_first


class MissingColumn(Model):
    """One column: `missing` counts nulls, `disguised` values that stand for missing, `fraction` is of both."""

    column: str
    missing: int
    disguised: int
    fraction: float
    placeholders: dict[str, int] = {}


class MissingValues(Check):
    """What is missing, by column, the worst first."""

    columns: list[MissingColumn] = []
    over_threshold: list[str] = []


@action("Missing values")
def check_missing_values(
    dataset: Dataset,
    threshold: Annotated[float, Field(ge=0, le=1)] = 0.5,
    columns: list[str] | None = None,
) -> MissingValues:
    """Count nulls and disguised missing values (N/A, ?, -999, blanks) by column.

    Args:
        threshold: fraction of missing rows above which a column fails
        columns: the columns to look at; default all

    Raises:
        BadRequest: a column does not exist.
    """
    names = dataset.require(columns)
    expressions = {}
    for name in names:
        column = dataset.table[name]
        expressions[f"missing {name}"] = column.isnull().sum()
        if dataset.schema[name].is_string():
            expressions[f"disguised {name}"] = is_placeholder(column).sum()
    counts = dataset.aggregate(expressions)
    found = []
    for name in names:
        missing, disguised = int(counts[f"missing {name}"] or 0), int(counts.get(f"disguised {name}") or 0)
        fraction = (missing + disguised) / dataset.rows if dataset.rows else 0.0
        found.append(MissingColumn(column=name, missing=missing, disguised=disguised, fraction=fraction))
    found.sort(key=lambda column: -column.fraction)
    findings = [
        Finding(
            severity="high",
            columns=[column.column],
            message=f"{column.fraction:.0%} of {column.column!r} is missing",
            metric="missing_fraction",
            value=column.fraction,
            threshold=threshold,
            evidence=Evidence(rows=column.missing + column.disguised),
        )
        for column in found
        if column.fraction > threshold
    ]
    return MissingValues(
        dataset=dataset.name,
        scanned=dataset.everything,
        findings=worst_first(findings),
        columns=found,
        over_threshold=[column.column for column in found if column.fraction > threshold],
    )
