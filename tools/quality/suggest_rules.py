"""Suggestions: the rules that a table keeps, in the form that `check_rules` takes."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from ..catalogue import action
from ..columns import profile_columns
from ..data.dataset import Dataset
from ..results import Evidence, Finding, Result
from ._rules import Rule
from ._rules_pairs import pair_candidates
from ._rules_run import Outcome, hold
from ._rules_suggest import MAX_COLUMNS, Candidate, column_candidates
from ._values import column_levels, shared_sample, text_columns

# A list longer than this is cut on the wire, so no rule names more columns.
_COLUMNS_A_RULE = 40


class SuggestedRule(Rule):
    """A rule with its standing; `check_rules` takes it as it is."""

    support: float = Field(description="fraction of rows that keep it")
    rows: int = Field(description="rows that keep it")
    reason: str
    worth_a_look: bool = False

    @model_serializer(mode="wrap")
    def _with_standing(self, _: SerializerFunctionWrapHandler) -> dict[str, Any]:
        standing = {"support": self.support, "rows": self.rows, "reason": self.reason}
        return {**self.as_given(), **standing, **({"worth_a_look": True} if self.worth_a_look else {})}


class SuggestedRules(Result):
    """What the table keeps: first what hardly fails and so deserves a look, then the most telling rules."""

    rules: list[SuggestedRule] = Field(default_factory=list)

    def headline(self) -> str:
        look = sum(rule.worth_a_look for rule in self.rules)
        nearly = f", {look} of them broken by a few rows that are worth a look" if look else ""
        return f"{len(self.rules)} rules hold{nearly}."

    def details(self) -> list[str]:
        return [json.dumps(rule.as_given(), ensure_ascii=False, default=str) for rule in self.rules]

    def next_steps(self) -> list[str]:
        return ["check_rules with the rules you want (save_as=NAME keeps them as a contract)"] if self.rules else []


@action("Suggest rules")
def suggest_rules(dataset: Dataset) -> SuggestedRules:
    """Suggest the rules that a table keeps (keys, types, ranges, categories, formats, column order) for check_rules."""
    candidates = _candidates(dataset)
    outcomes = hold(dataset, [candidate.rule for candidate in candidates], examples=False) if candidates else []
    kept = [
        (candidate, outcome)
        for candidate, outcome in zip(candidates, outcomes, strict=True)
        if 1 - outcome.fraction >= candidate.least - 1e-12
    ]
    kept = _without_weaker(kept)
    rules = [
        *_merged(kept),
        *(_suggested(candidate, outcome) for candidate, outcome in kept if not _merges(candidate, outcome)),
    ]
    rules.sort(key=_rank)
    return SuggestedRules(
        dataset=dataset.name,
        scanned=dataset.everything,
        findings=_findings([rule for rule in rules if rule.worth_a_look], dataset.rows),
        rules=rules,
    )


def _candidates(dataset: Dataset) -> list[Candidate]:
    """Guess rules from one profile, the levels of text columns and one sample; of wide tables the first columns."""
    names = dataset.columns[:MAX_COLUMNS]
    if not dataset.rows or not names:
        return []
    profiles = profile_columns(dataset, names)
    texts = text_columns(dataset, names)
    levels = column_levels(dataset, texts)
    sample = shared_sample(dataset)
    found = [Candidate(Rule(kind="row_count", min=1), "the table is not empty")]
    for name, profile in profiles.items():
        values = sample.arrow.column(name).slice(0, 10_000).drop_null().to_pylist() if name in texts else []
        found += column_candidates(dataset, profile, levels.get(name), values)
    found.append(Candidate(Rule(kind="no_duplicate_rows"), "no row comes twice"))
    return found + pair_candidates(dataset, profiles, sample.frame)


def _merges(candidate: Candidate, outcome: Outcome) -> bool:
    return candidate.merge is not None and not outcome.violations


def _merged(kept: Sequence[tuple[Candidate, Outcome]]) -> list[SuggestedRule]:
    """Make one rule over several columns of those that say the same and hold without exception."""
    groups: dict[str, list[tuple[Candidate, Outcome]]] = {}
    for candidate, outcome in kept:
        if _merges(candidate, outcome):
            groups.setdefault(str(candidate.merge), []).append((candidate, outcome))
    rules = []
    for members in groups.values():
        for start in range(0, len(members), _COLUMNS_A_RULE):
            candidate, outcome = members[start]
            columns = [member.rule.columns[0] for member, _ in members[start : start + _COLUMNS_A_RULE]]
            whole = candidate.rule.model_copy(update={"columns": columns})
            rules.append(_suggested(Candidate(whole, candidate.reason), outcome))
    return rules


def _without_weaker(kept: list[tuple[Candidate, Outcome]]) -> list[tuple[Candidate, Outcome]]:
    """Leave out what another rule says better: `number` beside `integer`, no duplicate rows beside a key."""
    whole = {c.rule.columns[0] for c, _ in kept if c.rule.kind == "type" and c.rule.type == "integer"}
    keyed = any(c.rule.kind == "unique" and not o.violations for c, o in kept)
    return [
        (candidate, outcome)
        for candidate, outcome in kept
        if not (candidate.rule.type == "number" and candidate.rule.columns[0] in whole)
        and not (candidate.rule.kind == "no_duplicate_rows" and (keyed or outcome.rows < 2))
    ]


def _suggested(candidate: Candidate, outcome: Outcome) -> SuggestedRule:
    rule, tolerance, look = candidate.rule, candidate.rule.tolerance, False
    if not outcome.passed:
        # Rounded up to a tenth of a percent: what is broken today may stay so, and no more.
        tolerance, look = math.ceil(outcome.fraction * 1000) / 1000, True
    return SuggestedRule(
        **{**rule.as_given(), "tolerance": tolerance},
        support=1 - outcome.fraction,
        rows=outcome.rows - outcome.violations,
        reason=candidate.reason,
        worth_a_look=look,
    )


_ORDER = ("unique", "compare", "set", "pattern", "range", "not_null", "type", "no_duplicate_rows", "row_count")


def _rank(rule: SuggestedRule) -> tuple[bool, int]:
    return not rule.worth_a_look, _ORDER.index(rule.kind)


def _findings(rules: Sequence[SuggestedRule], rows: int) -> list[Finding]:
    """Tell of rules that nearly hold; those that say the same of several columns are told as one."""
    alike: dict[str, list[SuggestedRule]] = {}
    for rule in rules:
        plain = rule.as_given()
        columns, _ = plain.pop("columns", []), plain.pop("tolerance", None)
        alike.setdefault(json.dumps([plain, len(columns)] if len(columns) == 1 else [plain, columns]), []).append(rule)
    return [_finding(same, rows) for same in alike.values()]


def _finding(rules: Sequence[SuggestedRule], rows: int) -> Finding:
    columns = list(dict.fromkeys(name for rule in rules for name in rule.columns))
    worst = max(rows - rule.rows for rule in rules)
    plain = rules[0].model_copy(update={"tolerance": 0.0, "columns": columns})
    each = (
        f"up to {worst:,} of {rows:,} rows break it in each"
        if len(rules) > 1
        else f"{worst:,} of {rows:,} rows break it"
    )
    return Finding(
        severity="low",
        columns=columns,
        message=f"nearly a rule: {plain}; {each}",
        metric="violations",
        value=worst,
        threshold=0,
        evidence=Evidence(rows=worst),
    )
