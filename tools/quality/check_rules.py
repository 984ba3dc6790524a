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
    examples: list[Any] = []


class RulesKept(Check):
    """Which rules hold, the broken ones first."""

    rules: list[RuleResult] = []
    contract: str | None = None
    saved_as: str | None = None

    def headline(self) -> str:
        broken = sum(not rule.passed for rule in self.rules)
        saved = f" Kept as contract {self.saved_as!r}." if self.saved_as else ""
        if not broken:
            return f"all {len(self.rules)} rules hold.{saved}"
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
    """Check rules: not null, unique, range, set, pattern, type, compare, SQL expression … (suggest_rules proposes some).

    A null keeps every rule but `not_null`. `pattern` is found anywhere in the value unless anchored with ^ and $.
    `type` asks whether values are, or read as, a type. `unique` takes its columns together; other kinds take each.

    Args:
        dataset: name, path or URI
        rules: the rules
        contract: run the rules kept under this name
        save_as: keep the rules under this name
        overwrite: replace a kept contract

    Raises:
        BadRequest: a rule, column or contract does not exist or does not fit.
    """
    wanted = as_rules(rules or [])
    if contract is not None:
        wanted = [*load_contract(_needed(context), contract), *wanted]
    if not wanted:
        raise BadRequest("no rules to check: pass rules, or contract=NAME; suggest_rules proposes rules for this dataset")
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
    rule = outcome.rule
    if rule.kind in WHOLE_TABLE:
        seen = f"{outcome.value:,.6g}" if outcome.value is not None else "not defined (a column is constant or empty)"
        message = f"{rule}: it is {seen}"
    else:
        # The share is cut, not rounded, so that "0 %" and "100 %" are never said of a part.
        shown = ", ".join(str(example) for example in outcome.examples[:3])
        message = f"{rule}: broken by {outcome.violations:,} of {outcome.rows:,} rows ({_percent(outcome.fraction)})"
        message += f", e.g. {shown}" if shown else ""
    return Finding(
        severity="high",
        columns=rule.columns,
        message=message,
        metric="violations",
        value=outcome.value if rule.kind in WHOLE_TABLE else outcome.violations,
        threshold=int(rule.tolerance * outcome.rows) if rule.kind not in WHOLE_TABLE else None,
        evidence=Evidence(
            rows=outcome.violations if rule.kind not in WHOLE_TABLE else None,
            query=outcome.query,
            examples=outcome.examples,
        ),
    )


def _percent(fraction: float) -> str:
    return f"{fraction:.2%}" if 0.0001 <= fraction <= 0.9999 else "under 0.01%" if fraction < 0.5 else "over 99.99%" if fraction < 1 else "100%"
