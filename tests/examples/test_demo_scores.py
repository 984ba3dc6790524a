"""The checks scored against the demo table: every planted defect is found, and no clean column is accused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from refinery.tools.data import Dataset, open_dataset
from refinery.tools.explore.find_relationships import find_relationships
from refinery.tools.quality.check_distributions import check_distributions
from refinery.tools.quality.check_drift import check_drift
from refinery.tools.quality.check_duplicates import check_duplicates
from refinery.tools.quality.check_leakage import check_leakage
from refinery.tools.quality.check_missing_values import check_missing_values
from refinery.tools.quality.check_rules import check_rules
from refinery.tools.quality.check_schema_consistency import check_schema_consistency
from refinery.tools.quality.quality_report import quality_report
from refinery.tools.quality.suggest_rules import suggest_rules
from refinery.tools.results import Finding

APRIL, MAY = "2026-04", "2026-05"
# What an analyst knows and no table tells: the order of two moments, and how much one can buy.
DELIVERY: list[Any] = [{"kind": "compare", "columns": ["delivered_at", "ordered_at"], "op": ">="}]
QUANTITY: dict[str, Any] = {"quantity": {"min": 1, "max": 100}}

# How an analyst would call each check over one month …
OVER_ONE: dict[str, Callable[[Dataset], Any]] = {
    "check_missing_values": check_missing_values,
    "check_duplicates": lambda orders: check_duplicates(orders, id_columns=["order_id"]),
    "check_distributions": check_distributions,
    "check_distributions with a rule": lambda orders: check_distributions(orders, numeric_rules=QUANTITY),
    "check_leakage": lambda orders: check_leakage(orders, target="returned"),
    "check_rules": lambda orders: check_rules(orders, rules=DELIVERY),
    "suggest_rules": suggest_rules,
    "find_relationships": find_relationships,
    "quality_report": lambda orders: quality_report(orders, target="returned"),
}
# … and over May with April to compare with.
OVER_BOTH: dict[str, Callable[[Dataset, Dataset], Any]] = {
    "check_drift": lambda april, may: check_drift(april, may),
    "check_schema_consistency": lambda april, may: check_schema_consistency(may, reference=april),
}
CALLS = [*((call, month) for call in OVER_ONE for month in (APRIL, MAY)), *((call, MAY) for call in OVER_BOTH)]


class Answers:
    """What the checks say of the demo table, asked once each."""

    def __init__(self, folder: Path) -> None:
        self.months = {month: open_dataset(folder / f"orders_{month}.csv") for month in (APRIL, MAY)}
        self._known: dict[tuple[str, str], Any] = {}

    def of(self, call: str, month: str) -> Any:
        if (call, month) not in self._known:
            both = self.months[APRIL], self.months[MAY]
            answer = OVER_BOTH[call](*both) if call in OVER_BOTH else OVER_ONE[call](self.months[month])
            self._known[call, month] = answer
        return self._known[call, month]


@pytest.fixture(scope="module")
def answers(demo: Path) -> Answers:
    return Answers(demo)


def about(result: Any, *columns: str) -> list[Finding]:
    """Findings that speak of all of these columns."""
    return [finding for finding in result.findings if set(columns) <= set(finding.columns)]


def told(result: Any, defect: Any) -> bool:
    """Whether some finding speaks of the columns of the defect."""
    return bool(about(result, *defect.columns))


def counted(result: Any, defect: Any) -> bool:
    """Whether some finding speaks of the columns of the defect and of as many rows as were planted."""
    return any(defect.rows in (finding.value, finding.evidence.rows) for finding in about(result, *defect.columns))


def missing(result: Any, defect: Any, kind: str) -> bool:
    counts = next(item for item in result.columns if item.column == defect.columns[0])
    return told(result, defect) and getattr(counts, kind) == defect.rows


def copied(result: Any, *columns: str) -> bool:
    pairs = [pair for pair in result.correlated_pairs if {pair.left, pair.right} == set(columns)]
    return bool(about(result, *columns)) and all(pair.r > 0.9999 for pair in pairs)


# For each defect, whether the answer of its action tells of it, with the right count where the answer has one.
TOLD: dict[str, Callable[[Any, Any], bool]] = {
    "duplicate_rows": lambda result, defect: bool(result.findings) and result.duplicate_rows == defect.rows,
    # The 15 exact duplicates carry their ids once more as well.
    "repeated_ids": lambda result, defect: told(result, defect) and result.duplicate_ids == defect.rows + 15,
    "copy": lambda result, defect: copied(result, "amount_cents", "amount"),
    "sentinel_age": lambda result, defect: missing(result, defect, "disguised"),
    "blank_referrer": lambda result, defect: missing(result, defect, "disguised"),
    "mostly_missing": lambda result, defect: missing(result, defect, "missing") and result.over_threshold == ["fax"],
    "spellings": counted,
    "typo": lambda result, defect: any("Pairs" in finding.model_dump_json() for finding in about(result, "city")),
    "mojibake": counted,
    "broken_emails": counted,
    "mixed_dates": told,
    "mixed_zones": told,
    "mixed_units": told,
    "mixed_types": told,
    "impossible": counted,
    "constant": told,
    "leak_amount": told,
    "leak_status": told,
    "early_delivery": counted,
    "wrong_country": lambda result, defect: bool(about(result, "country", "city")),
    "shift": lambda result, defect: told(result, defect) and "shipping_cost" in result.drifted_columns,
    "share_shift": lambda result, defect: told(result, defect) and "device" in result.drifted_columns,
    "renamed": lambda result, _: (result.missing_columns, result.extra_columns) == (["loyalty_tier"], ["tier"]),
    "retyped": lambda result, _: [item.column for item in result.type_mismatches] == ["warehouse"],
}
# Defects that a check can find only with a rule.
CALLED_FOR = {"impossible": "check_distributions with a rule"}


def test_every_planted_defect_is_scored(orders: ModuleType) -> None:
    assert [defect.key for defect in orders.PLANTED] == list(TOLD)


@pytest.mark.parametrize("month", [APRIL, MAY])
@pytest.mark.parametrize("key", TOLD)
def test_each_planted_defect_is_found(key: str, month: str, orders: ModuleType, answers: Answers) -> None:
    defect = next(defect for defect in orders.PLANTED if defect.key == key)
    if month in defect.months:
        assert TOLD[key](answers.of(CALLED_FOR.get(key, defect.action), month), defect)


def accused(result: Any) -> list[Finding]:
    """Findings of medium or high severity."""
    return [finding for finding in result.findings if finding.severity != "low"]


@pytest.mark.parametrize(("call", "month"), CALLS)
def test_no_clean_column_is_accused(call: str, month: str, orders: ModuleType, answers: Answers) -> None:
    clean = set(orders.clean_columns())
    found = accused(answers.of(call, month))
    assert [finding for finding in found if finding.columns and set(finding.columns) <= clean] == []


# For the checks that judge whole columns: all that they may accuse, so that nothing is right for the wrong reason.
ACCUSED: Mapping[str, set[str]] = {
    "check_missing_values": {"fax", "customer_age", "referrer"},
    "check_duplicates": {"order_id", "amount", "amount_cents"},
    "check_leakage": {"refund_amount", "last_status"},
    "check_drift": {"shipping_cost", "device", "warehouse", "loyalty_tier", "tier"},
    "check_schema_consistency": {"warehouse", "loyalty_tier", "tier"},
}


@pytest.mark.parametrize("call", ACCUSED)
def test_a_column_is_accused_only_of_what_is_wrong_with_it(call: str, answers: Answers) -> None:
    assert {name for finding in accused(answers.of(call, MAY)) for name in finding.columns} <= ACCUSED[call]


HONEST: dict[str, Callable[[Dataset], Any]] = {
    call: OVER_ONE[call]
    for call in (
        "check_missing_values",
        "check_duplicates",
        "check_distributions",
        "check_leakage",
        "find_relationships",
    )
}


@pytest.fixture(scope="module", params=[11, 12])
def honest(request: pytest.FixtureRequest, orders: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """The webshop's own table before anything is planted, less the columns that are defects as a whole."""
    people = orders.customers(2_000, request.param)
    frame = orders.month_of_orders(APRIL, 4_000, 680, people, request.param)
    path = tmp_path_factory.mktemp("honest") / "orders.csv"
    frame.drop(columns=["amount_cents", "source_system", "refund_amount", "last_status"]).to_csv(path, index=False)
    return open_dataset(path)


@pytest.mark.parametrize("call", HONEST)
def test_an_honest_table_passes(call: str, honest: Dataset) -> None:
    assert accused(HONEST[call](honest)) == []


def test_an_honest_table_scores_high_and_the_demo_table_does_not(honest: Dataset, answers: Answers) -> None:
    assert answers.of("quality_report", APRIL).score + 20 < quality_report(honest, target="returned").score
