"""`analyze_dataset` without a model on the demo table: every planted defect in its insights, and none invented."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from houses import finished, opened_house
from refinery.agents.orchestrator.records import Insight

# In which rows a defect is not counted by what a reader is told of it.
UNCOUNTED = {"copy", "typo", "mixed_types", "constant", "leak_amount", "leak_status", "mostly_missing"}
BETWEEN_MONTHS = {"shift", "share_shift", "renamed", "retyped"}


@pytest.fixture(scope="module")
def analyses(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    async def analyze() -> dict[str, Any]:
        found = {}
        async with opened_house(demo, tmp_path_factory.mktemp("w") / "workspace") as house:
            for month in ("2026-04", "2026-05"):
                live = await finished(house, f"orders_{month}.csv", target="returned")
                assert {step["status"] for step in live.run.state["steps"]} == {"done"}
                found[f"headline {month}"] = live.run.state["headline"]
                found[month] = [Insight.model_validate(insight) for insight in live.run.state["insights"]]
        return found

    return asyncio.run(analyze())


@pytest.mark.parametrize("month", ["2026-04", "2026-05"])
def test_every_planted_defect_is_in_an_insight(month: str, orders: ModuleType, analyses: Any) -> None:
    missed = []
    for defect in orders.PLANTED:
        if month not in defect.months:
            continue
        about = [insight for insight in analyses[month] if set(defect.columns) <= set(insight.columns)]
        if defect.key == "duplicate_rows":
            about = [insight for insight in about if "repeat an earlier row" in insight.text]
        if defect.key not in UNCOUNTED | BETWEEN_MONTHS:
            # The 15 exact duplicates carry their ids once more as well.
            rows = defect.rows + (15 if defect.key == "repeated_ids" else 0)
            numbers = {number for insight in about for quote in insight.evidence for number in quote.numbers}
            about = about if rows in numbers else []
        if not about:
            missed.append(defect.key)
    assert missed == []


@pytest.mark.parametrize("month", ["2026-04", "2026-05"])
def test_no_insight_accuses_a_clean_column(month: str, orders: ModuleType, analyses: Any) -> None:
    clean = set(orders.clean_columns())
    accused = [insight for insight in analyses[month] if insight.severity != "low"]
    assert [insight.title for insight in accused if insight.columns and set(insight.columns) <= clean] == []


def test_may_is_compared_with_april_and_april_with_nothing(analyses: Any) -> None:
    assert any("Moved since" in insight.title for insight in analyses["2026-05"])
    assert not any("Moved since" in insight.title for insight in analyses["2026-04"])


def test_the_readme_shows_the_real_verdict_and_its_first_reason(analyses: Any) -> None:
    shown = " ".join((Path(__file__).resolve().parents[2] / "README.md").read_text().split())
    first = analyses["2026-05"][0]
    assert analyses["headline 2026-05"] in shown
    assert f"high {first.title} {first.text.split(' without error.')[0]} without error. … → {first.advice}" in shown


def test_an_honest_table_is_found_fit(orders: ModuleType, tmp_path: Path) -> None:
    people = orders.customers(2_000, 11)
    frame = orders.month_of_orders("2026-04", 4_000, 680, people, 11)
    folder = tmp_path / "honest"
    folder.mkdir()
    frame.drop(columns=["amount_cents", "source_system", "refund_amount", "last_status"]).to_csv(
        folder / "orders.csv", index=False
    )

    async def analyze() -> tuple[str, list[Any]]:
        async with opened_house(folder, tmp_path / "workspace") as house:
            live = await finished(house, target="returned")
            return live.run.state["headline"], live.run.state["insights"]

    headline, insights = asyncio.run(analyze())
    assert [insight["title"] for insight in insights if insight["severity"] != "low"] == []
    assert headline.startswith("Fit to predict 'returned'")
