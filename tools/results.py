"""What an action answers: findings with their evidence, and the fields that every result carries."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, computed_field

Severity = Literal["low", "medium", "high"]
_RANK: dict[str, int] = {"high": 0, "medium": 1, "low": 2}


class Model(BaseModel):
    """Base of every model on the wire: unknown fields refused, built on first use so that starting is quick."""

    model_config = ConfigDict(extra="forbid", defer_build=True, ser_json_inf_nan="null")


class Evidence(Model):
    """What shows a finding: the query that computed it, the rows it looked at, and a few masked examples."""

    rows: int | None = Field(None, description="rows that show the finding")
    query: str | None = Field(None, description="SQL that computes the value again")
    examples: list[Any] = Field(default_factory=list, description="a few values or rows, masked where personal")


class Finding(Model):
    """One thing worth knowing: how bad, where, in words, and the number behind it."""

    severity: Severity
    columns: list[str] = Field(default_factory=list)
    message: str
    metric: str
    value: float | int | str | None = None
    threshold: float | int | str | None = None
    evidence: Evidence = Field(default_factory=lambda: Evidence())


class Scanned(Model):
    """How much of the data was looked at: `rows` of `of`, and by which method (`all`, or how it was sampled)."""

    rows: int
    of: int
    method: str = "all"


class Answer(Model):
    """What any action answers: a record that can also say itself in words."""

    # Fields that make no sense in part: sent whole when small, else only kept behind `uri`.
    indivisible: ClassVar[tuple[str, ...]] = ()

    def headline(self) -> str:
        """Say the verdict in one sentence; the first line of the text that a model reads."""
        return "Done."

    def details(self) -> list[str]:
        """Return short lines for the model to read after the findings, the most telling first."""
        return []

    def next_steps(self) -> list[str]:
        """Return what to do next, each a call or an instruction."""
        return []


class Result(Answer):
    """The fields that every result of an action on a dataset carries."""

    dataset: str
    scanned: Scanned
    findings: list[Finding] = Field(default_factory=list)
    truncated: bool = False
    uri: str | None = None

    def headline(self) -> str:
        return f"{len(self.findings)} finding(s)." if self.findings else "Nothing to report."


class Check(Result):
    """The result of a quality check: a `Result` with a verdict drawn from its findings."""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def status(self) -> Literal["passed", "warning", "failed"]:
        """`failed` with a finding of high severity, `warning` with one of medium, else `passed`."""
        severities = {finding.severity for finding in self.findings}
        return "failed" if "high" in severities else "warning" if "medium" in severities else "passed"


def worst_first(findings: list[Finding]) -> list[Finding]:
    """Sort findings by severity, keeping the given order within each."""
    return sorted(findings, key=lambda finding: _RANK[finding.severity])
