"""The check for rows, keys and columns that are there more than once."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from ..catalogue import action
from ..data.dataset import Dataset
from ..errors import BadRequest
from ..results import Check, Evidence, Finding, Model, worst_first
from ._repeats import (
    Repeated,
    count_null_keys,
    count_repeated_keys,
    count_repeated_rows,
    likely_ids,
    repeated_keys,
    repeated_rows,
    same_but_for_spelling,
)
from ._twins import correlations

# From here on one column says what the other says.
REDUNDANT = 0.999
# Repeated rows weigh on every count from a twentieth on; where most repeat, the table is one of events without a key.
MANY, MOSTLY_REPEATED = 0.05, 0.5


class Group(Model):
    """Rows that are alike: as a whole (`row`) or in their key (`id`); `count` is how many they are."""

    kind: Literal["row", "id"]
    values: dict[str, Any]
    count: int


class CorrelatedPair(Model):
    """Two columns of which one nearly tells the other; `identical` ones agree in every row, nulls included."""

    left: str
    right: str
    r: float
    identical: bool = False


class Duplicates(Check):
    """What is there more than once; `duplicate_rows` and `duplicate_ids` count rows after the first of each group."""

    duplicate_rows: int = 0
    duplicate_ids: int = 0
    near_duplicate_rows: int = 0
    null_ids: int = 0
    id_columns: list[str] = Field(default_factory=list)
    groups: list[Group] = Field(default_factory=list)
    correlated_pairs: list[CorrelatedPair] = Field(default_factory=list)

    def headline(self) -> str:
        key = f", {self.duplicate_ids:,} rows repeat {' + '.join(self.id_columns)}" if self.id_columns else ""
        twins = f", {len(self.correlated_pairs)} pairs of columns say the same" if self.correlated_pairs else ""
        return f"{self.duplicate_rows:,} duplicate rows{key}{twins}."

    def details(self) -> list[str]:
        lines = [
            f"{group.count} times " + ", ".join(f"{name}={value!r}" for name, value in list(group.values.items())[:4])
            for group in self.groups[:5]
        ]
        return lines + [
            f"{pair.left} ~ {pair.right}: " + ("identical" if pair.identical else f"r = {pair.r:.3f}")
            for pair in self.correlated_pairs[:5]
        ]

    def next_steps(self) -> list[str]:
        steps = []
        if self.duplicate_rows:
            steps.append("drop the repeated rows, unless the table has lost a column that told them apart")
        if self.duplicate_ids > self.duplicate_rows:
            steps.append("compare the rows of a repeated key: the later one may be a correction")
        return steps


@action("Duplicates")
def check_duplicates(
    dataset: Dataset,
    id_columns: Annotated[list[str], Field(min_length=1)] | None = None,
) -> Duplicates:
    """Count duplicate rows and repeated ids, and find columns that say the same (r beyond ±0.95, or identical).

    Rows are duplicates when all columns agree, nulls with nulls. A key with a null in it identifies nothing: such rows
    are counted as `null_ids`, never as duplicates. Without `id_columns`, a column that is named like an id and nearly
    unique is held to be one; a foreign key, which repeats by nature, is not.

    Args:
        id_columns: the columns that together identify a row

    Raises:
        BadRequest: a column does not exist or is named twice.
    """
    if id_columns is not None and (not id_columns or len(set(id_columns)) < len(id_columns)):
        raise BadRequest(f"id_columns {id_columns!r} must name one column or more, each once")
    given = id_columns is not None
    keys = [Repeated(dataset.require(id_columns))] if given else likely_ids(dataset)
    keys = [count_repeated_keys(dataset, key.columns) if given else key for key in keys]
    repeated = [key for key in keys if key.rows]
    rows = 0 if any(key.exactly_unique for key in keys) else count_repeated_rows(dataset)
    near = same_but_for_spelling(dataset, rows) if not any(key.exactly_unique for key in keys) else 0
    nulls = count_null_keys(dataset, keys[0].columns) if given else 0
    groups = [
        Group(kind="row", values=values, count=count) for values, count in (repeated_rows(dataset) if rows else [])
    ]
    for key in repeated:
        groups += [
            Group(kind="id", values=values, count=count) for values, count in repeated_keys(dataset, key.columns)
        ]
    pairs = [CorrelatedPair(left=a, right=b, r=r, identical=same) for a, b, r, same in correlations(dataset)]
    findings = [
        *_row_findings(dataset, rows, near, groups),
        *_key_findings(repeated, groups, rows, given=given),
    ]
    findings += [*_null_findings(dataset, keys, nulls), *_pair_findings(pairs)]
    chosen = repeated[:1] or (keys[:1] if given else [])
    return Duplicates(
        dataset=dataset.name,
        scanned=dataset.everything,
        findings=worst_first(findings),
        duplicate_rows=rows,
        duplicate_ids=chosen[0].rows if chosen else 0,
        near_duplicate_rows=near,
        null_ids=nulls,
        id_columns=chosen[0].columns if chosen else [],
        groups=sorted(groups, key=lambda group: (group.kind, -group.count)),
        correlated_pairs=pairs,
    )


def _rows(count: int) -> str:
    return "row repeats" if count == 1 else "rows repeat"


def _row_findings(dataset: Dataset, rows: int, near: int, groups: list[Group]) -> list[Finding]:
    findings = []
    if rows:
        share = rows / dataset.rows
        meant = "; rows may not be meant to be unique here" if share > MOSTLY_REPEATED else ""
        findings.append(
            Finding(
                severity="high" if MANY <= share <= MOSTLY_REPEATED else "medium",
                message=f"{rows:,} {_rows(rows)} an earlier row in every column ({share:.2%}){meant}",
                metric="duplicate_rows",
                value=rows,
                evidence=Evidence(rows=rows, examples=[group.values for group in groups if group.kind == "row"][:2]),
            )
        )
    if near:
        message = f"{near:,} more {_rows(near)} an earlier one but for upper case and blanks"
        findings.append(
            Finding(
                severity="medium",
                message=message,
                metric="near_duplicate_rows",
                value=near,
                evidence=Evidence(rows=near),
            )
        )
    return findings


def _key_findings(repeated: list[Repeated], groups: list[Group], rows: int, *, given: bool) -> list[Finding]:
    findings = []
    for key in repeated:
        said = " + ".join(repr(name) for name in key.columns)
        unique = 1 - key.rows / max(1, key.filled)
        why = "" if given else f", which is unique in {unique:.1%} of the rows and so looks like an id"
        also = f" ({rows:,} of them whole rows)" if rows and rows <= key.rows else ""
        values = [group.values for group in groups if group.kind == "id" and list(group.values) == key.columns]
        findings.append(
            Finding(
                severity="high" if given else "low" if key.doubtful else "medium",
                columns=key.columns,
                message=f"{key.rows:,} {_rows(key.rows)} an earlier value of {said}{why}{also}",
                metric="duplicate_ids",
                value=key.rows,
                evidence=Evidence(
                    rows=key.rows, examples=[list(value.values()) for value in values[:5]], query=key.query
                ),
            )
        )
    return findings


def _null_findings(dataset: Dataset, keys: list[Repeated], nulls: int) -> list[Finding]:
    if not nulls:
        return []
    message = f"{nulls:,} {'row has' if nulls == 1 else 'rows have'} no value in the key ({nulls / dataset.rows:.2%})"
    evidence = Evidence(rows=nulls)
    return [
        Finding(
            severity="medium",
            columns=keys[0].columns,
            message=message,
            metric="null_ids",
            value=nulls,
            evidence=evidence,
        )
    ]


def _pair_findings(pairs: list[CorrelatedPair]) -> list[Finding]:
    """Redundant columns are worth a word each; a close relation is told in the result, and here in one line."""
    findings = []
    for pair in [pair for pair in pairs if pair.identical or abs(pair.r) >= REDUNDANT][:10]:
        alike = "are identical" if pair.identical else f"are linear in each other (r = {pair.r:.4f})"
        findings.append(
            Finding(
                severity="medium" if pair.identical else "low",
                columns=[pair.left, pair.right],
                message=f"{pair.left!r} and {pair.right!r} {alike}; one of them is enough",
                metric="correlation",
                value=pair.r,
                threshold=REDUNDANT,
            )
        )
    return findings
