"""Values and rows that do not belong with the others."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ..catalogue import action
from ..data.dataset import Dataset
from ..results import Evidence, Finding, Result, worst_first
from ._outlier_columns import OutlierColumn, column_outliers, findings_of, numbers_of
from ._outlier_rows import OutlierRow, row_outliers

_TOLD = 12


class Outliers(Result):
    """Outliers by column (`columns`: iqr, mad) or by row (`rows`: isolation_forest, lof), the strangest first."""

    method: str
    columns: list[OutlierColumn] = []
    rows: list[OutlierRow] = []
    outlier_rows: int = 0
    left_out: dict[str, str] = Field(default_factory=dict, description="columns not judged, and of what kind they are")

    def headline(self) -> str:
        if self.method in {"isolation_forest", "lof"}:
            return f"{self.outlier_rows:,} rows stand out ({self.method})."
        if not self.columns:
            kinds = "; ".join(f"{name}: {why}" for name, why in list(self.left_out.items())[:8])
            return f"no column holds numbers to judge ({kinds}); infer_schema tells which hold numbers as text."
        some = sum(1 for column in self.columns if column.outliers)
        far = len(self.findings)
        judged = f"{far} of {len(self.columns)} columns have values far out"
        return f"{judged}, {some} have any beyond the fences ({self.method})."

    def details(self) -> list[str]:
        if self.rows:
            return [_row(row) for row in self.rows[:_TOLD]]
        lines = [
            f"{column.column}: {column.outliers:,} beyond {column.low} … {column.high}, {column.far:,} far"
            + (f" ({column.note})" if column.note else "")
            for column in self.columns
            if column.outliers
        ]
        return lines[:_TOLD]

    def next_steps(self) -> list[str]:
        if self.method in {"iqr", "mad"} and self.findings:
            return ["look at whole rows with query_dataset; method='isolation_forest' finds strange combinations"]
        return []


@action("Outliers")
def detect_outliers(
    dataset: Dataset,
    method: Literal["iqr", "mad", "isolation_forest", "lof"] = "iqr",
    contamination: Annotated[float, Field(gt=0, le=0.5)] = 0.05,
    columns: list[str] | None = None,
) -> Outliers:
    """Find outliers by column (iqr, mad) or by row (isolation_forest, lof), with examples and their cause.

    Args:
        method: by column or by row
        contamination: most of the rows that can be outliers, as a fraction
        columns: default all numbers and dates but ids and codes

    Raises:
        BadRequest: a column does not exist, or holds no numbers.
    """
    by_column = method == "iqr" or method == "mad"
    numbers, left_out = numbers_of(dataset, columns, moments=by_column)
    if method == "iqr" or method == "mad":
        judged = column_outliers(dataset, numbers, method)
        return Outliers(
            dataset=dataset.name,
            scanned=dataset.everything,
            method=method,
            columns=judged,
            findings=worst_first(findings_of(judged, dataset.rows, contamination, dataset)),
            left_out=left_out,
        )
    rows, scanned = row_outliers(dataset, numbers, method, contamination)
    return Outliers(
        dataset=dataset.name,
        scanned=scanned,
        method=method,
        rows=rows,
        outlier_rows=len(rows),
        findings=_finding(rows, scanned.rows),
        left_out=left_out,
    )


def _finding(rows: list[OutlierRow], looked_at: int) -> list[Finding]:
    if not rows:
        return []
    few = len(rows) <= 0.01 * looked_at
    return [
        Finding(
            severity="medium" if few else "low",
            columns=list(dict.fromkeys(cause.column for row in rows[:5] for cause in row.causes)),
            message=f"{len(rows):,} of {looked_at:,} rows looked at stand out from the others",
            metric="outlier_rows",
            value=len(rows),
            evidence=Evidence(rows=len(rows), examples=[_row(row) for row in rows[:5]]),
        )
    ]


def _row(row: OutlierRow) -> str:
    told = [
        f"{cause.column} {cause.value} ({'for its row, ' if cause.given_others else ''}usual {cause.usual})"
        for cause in row.causes
    ]
    name = f"row {row.row:,}" + (f" (id {row.id})" if row.id is not None else "")
    return f"{name}: {', '.join(told) or 'an unusual combination'}; score {row.score:.2f}"
