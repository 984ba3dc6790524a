"""The check for values that should not be there: against given rules, or by how the columns themselves look."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field, WithJsonSchema

from ..catalogue import action
from ..data.dataset import Dataset
from ..errors import BadRequest
from ..results import Check, Evidence, Finding, Scanned, worst_first
from ._column_shapes import ColumnShape, describe_columns
from ._expected import Expectation, Level, NumericRule, Violation, expectations, violating_rows, violations
from ._values import shared_sample


class Distributions(Check):
    """Rules that are broken, the worst first; and the columns, those with something to say first."""

    violations: list[Violation] = Field(default_factory=list)
    columns: list[ColumnShape] = Field(default_factory=list)

    def headline(self) -> str:
        if self.violations:
            return f"{len(self.violations)} rule(s) broken, the worst by {self.violations[0].count:,} rows."
        if self.findings:
            affected = len({name for finding in self.findings for name in finding.columns})
            return f"{affected} of {len(self.columns)} columns hold values that do not fit."
        return f"nothing out of place in {len(self.columns)} columns."

    def details(self) -> list[str]:
        return [f"{column.column}: {column.said}" for column in self.columns if column.said]

    def next_steps(self) -> list[str]:
        steps = []
        if any(finding.metric in {"spelling_variants", "typing_errors"} for finding in self.findings):
            steps.append("map each spelling to the level that was meant before grouping or encoding")
        if any(
            finding.metric in {"mixed_units", "mixed_formats", "mixed_types", "mixed_offsets"}
            for finding in self.findings
        ):
            steps.append("bring each of these columns to one format and unit before computing with it")
        if not self.violations and not self.findings:
            steps.append("suggest_rules proposes rules to hold later tables against")
        return steps


@action("Distributions and formats")
def check_distributions(
    dataset: Dataset,
    numeric_rules: dict[str, Annotated[NumericRule, WithJsonSchema({"type": "object"})]] | None = None,
    category_domains: dict[str, list[Level]] | None = None,
    patterns: dict[str, str] | None = None,
) -> Distributions:
    """Check values against ranges, domains and patterns; without rules, find odd values, mixed formats, misspellings.

    With rules, every broken one is a finding of high severity, and `columns` holds the columns that have rules; nulls
    break no rule. A pattern may match anywhere in the value, as in `check_rules`: anchor it with ^ and $. Without
    rules, what cannot be right (several formats or units, spellings of one level, broken e-mails) is medium, what may
    be meant is low, and mere shape (skew, outliers of a heavy tail) is told in `columns` and never a finding.

    Args:
        numeric_rules: e.g. {"age": {"min": 0, "max": 120}}
        category_domains: e.g. {"size": ["S", "M"]}
        patterns: regex (RE2) by column

    Raises:
        BadRequest: a column does not exist, or a rule makes no sense.
    """
    given = [numeric_rules, category_domains, patterns]
    if any(rules is not None and not rules for rules in given) and not any(given):
        raise BadRequest("a rule argument is empty; name at least one column in it, or leave it out")
    if not any(given):
        columns, findings = describe_columns(dataset, dataset.columns)
        return Distributions(
            dataset=dataset.name, scanned=_scanned(dataset), findings=worst_first(findings), columns=columns
        )
    rules = expectations(dataset, numeric_rules, category_domains, patterns)
    broken = violations(dataset, rules)
    columns, _ = describe_columns(dataset, list(dict.fromkeys(rule.column for rule in rules)))
    return Distributions(
        dataset=dataset.name,
        scanned=dataset.everything,
        findings=[_finding(dataset, violation, rules) for violation in broken],
        violations=broken,
        columns=columns,
    )


def _scanned(dataset: Dataset) -> Scanned:
    """All rows are counted; in a large table what to count is first looked for in a sample."""
    sample = shared_sample(dataset).scanned
    if sample.rows == dataset.rows:
        return dataset.everything
    return Scanned(rows=dataset.rows, of=dataset.rows, method=f"all; formats and fences found in {sample.rows:,} rows")


def _finding(dataset: Dataset, violation: Violation, rules: Sequence[Expectation]) -> Finding:
    rule = next(r for r in rules if (r.column, r.rule) == (violation.column, violation.rule))
    verb = "does" if violation.count == 1 else "do"
    shown = ", ".join(repr(example) for example in violation.examples[:3])
    expected = (
        violation.expected.replace("matches ", "match ", 1)
        if violation.rule == "pattern"
        else f"lie in {violation.expected}"
    )
    if violation.rule == "domain":
        expected = f"belong to {violation.expected}"
    return Finding(
        severity="high",
        columns=[violation.column],
        message=f"{violation.count:,} values of {violation.column!r} {verb} not {expected}: {shown}",
        metric=f"{violation.rule}_violations",
        value=violation.count,
        threshold=0,
        evidence=Evidence(
            rows=violation.count, query=dataset.query(violating_rows(dataset, rule)), examples=violation.examples
        ),
    )
