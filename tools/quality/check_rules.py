"""The check of rules that a table must keep, given with the call or kept as a contract."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from ..catalogue import action
from ..context import Context
from ..data.dataset import Dataset
from ..errors import BadRequest
from ..results import Check, Evidence, Finding, Model
from ._contracts import keep_contract, load_contract
from ._rules import WHOLE_TABLE, Rule, as_rules
from ._rules_run import Outcome, hold


class RuleResult(Model):
    """One rule: `violations` counts the rows that break it (1 for a broken rule about the whole table)."""

    rule: Rule
    passed: bool
    violations: int
    fraction: float
    value: float | int | None = Field(None, description="what was measured, of a row count or correlation")
    examples: list[Any] = Field(default_factory=list)
    by_column: dict[str, int] = Field(default_factory=dict, description="rows that each of several columns breaks")


class RulesKept(Check):
    """Which rules hold, the broken ones first."""

    rules: list[RuleResult] = Field(default_factory=list)
    contract: str | None = None
    saved_as: str | None = None

    def headline(self) -> str:
        broken = sum(not rule.passed for rule in self.rules)
        saved = f" Kept as contract {self.saved_as!r}." if self.saved_as else ""
        if not broken:
            tolerated = sum(bool(rule.violations) for rule in self.rules)
            within = f", {tolerated} of them only within their tolerance" if tolerated else ""
            return f"all {len(self.rules)} rules hold{within}.{saved}"
        return f"{broken} of {len(self.rules)} rules are broken.{saved}"

    def details(self) -> list[str]:
        tolerated = [rule for rule in self.rules if rule.passed and rule.violations]
        lines = [f"tolerated: {rule.rule}: broken by {rule.violations:,} rows" for rule in tolerated[:5]]
        kept = [str(rule.rule) for rule in self.rules if rule.passed and not rule.violations]
        if kept:
            more = f" and {len(kept) - 12} more" if len(kept) > 12 else ""
            lines.append(f"kept: {'; '.join(kept[:12])}{more}")
        return lines

    def next_steps(self) -> list[str]:
        if self.contract is None and self.saved_as is None and self.rules:
            return ["check_rules with save_as=NAME keeps these rules; contract=NAME runs them again on new data"]
        return []


@action("Rules", pure=False, read_only=False)
def check_rules(
    dataset: Dataset,
    rules: list[Rule] | None = None,
    contract: str | None = None,
    save_as: str | None = None,
    overwrite: bool = False,
    context: Context = None,  # type: ignore[assignment]  # injected by the executor; not needed without contracts
) -> RulesKept:
    """Check rules: not null, unique, range, set, pattern, type, compare, SQL expression …; suggest_rules proposes some.

    A null keeps every rule but `not_null`. `pattern` is found anywhere in the value unless anchored with ^ and $.
    `type` asks whether values are, or read as, a type. `unique` takes its columns together; other kinds take each.

    Args:
        dataset: a name, path or URI
        rules: each about the columns it names
        contract: run the rules kept under this name
        save_as: keep the rules under this name
        overwrite: replace what is kept
        context: injected; knows where contracts are kept

    Raises:
        BadRequest: a rule, column or contract does not exist or does not fit.
    """
    wanted = as_rules(rules or [])
    if contract is not None:
        wanted = [*load_contract(_needed(context), contract), *wanted]
    if not wanted:
        raise BadRequest(
            "no rules to check: pass rules, or contract=NAME; suggest_rules proposes rules for this dataset"
        )
    outcomes = hold(dataset, wanted)
    if save_as is not None:
        keep_contract(_needed(context), save_as, wanted, overwrite=overwrite)
    outcomes.sort(key=lambda outcome: (outcome.passed, -outcome.fraction))
    results = [
        RuleResult(
            rule=outcome.rule,
            passed=outcome.passed,
            violations=outcome.violations,
            fraction=outcome.fraction,
            value=outcome.value,
            examples=outcome.examples,
            by_column=outcome.by_column,
        )
        for outcome in outcomes
    ]
    return RulesKept(
        dataset=dataset.name,
        scanned=dataset.everything,
        findings=[_finding(outcome) for outcome in outcomes if not outcome.passed],
        rules=results,
        contract=contract,
        saved_as=save_as,
    )


def _needed(context: Context | None) -> Context:
    if context is None:
        raise BadRequest("contracts need a workspace: call check_rules through the server or pass a context")
    return context


def _finding(outcome: Outcome) -> Finding:
    rule, whole = outcome.rule, outcome.rule.kind in WHOLE_TABLE
    return Finding(
        severity="high",
        columns=list(outcome.by_column) or rule.columns,
        message=_whole(outcome) if whole else _rows(outcome),
        metric="violations",
        value=outcome.value if whole else outcome.violations,
        threshold=None if whole else int(rule.tolerance * outcome.rows),
        evidence=Evidence(
            rows=None if whole else outcome.violations,
            query=outcome.query,
            examples=outcome.examples,
        ),
    )


def _whole(outcome: Outcome) -> str:
    if outcome.value is None:
        return f"{outcome.rule}: it is not defined (a column is constant or has too few numbers)"
    seen = f"{outcome.value:,}" if isinstance(outcome.value, int) else f"{outcome.value:.4g}"
    return f"{outcome.rule}: it is {seen}"


def _rows(outcome: Outcome) -> str:
    """Say how many rows break a rule, where, and with what."""
    worst = ", ".join(f"{name} {count:,}" for name, count in list(outcome.by_column.items())[:4])
    examples = "; ".join(_example(example) for example in outcome.examples[:3])
    return (
        f"{_named(outcome)}: broken by {outcome.violations:,} of {outcome.rows:,} rows ({_percent(outcome.fraction)})"
        + (f": {worst}" if worst else "")
        + (f", e.g. {examples}" if examples else "")
    )


def _named(outcome: Outcome) -> str:
    """Say the rule of the columns that break it: a rule may be about many more."""
    broken = list(outcome.by_column)[:6]
    return str(outcome.rule.model_copy(update={"columns": broken}) if broken else outcome.rule)


def _example(example: Any) -> str:
    if not isinstance(example, dict):
        return str(example)
    return ", ".join(
        f"{name}={value:.6g}" if isinstance(value, float) else f"{name}={value}" for name, value in example.items()
    )


def _percent(fraction: float) -> str:
    """Say a share; a part of the rows is never said to be none or all of them."""
    if fraction == 1:
        return "100%"
    return "under 0.01%" if fraction < 0.0001 else "over 99.99%" if fraction > 0.9999 else f"{fraction:.2%}"
