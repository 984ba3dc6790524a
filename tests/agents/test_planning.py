"""What a goal calls for when no language model plans."""

from __future__ import annotations

from typing import Any

import pytest
from refinery.agents.orchestrator.goals import without_name
from refinery.agents.orchestrator.planning import earlier_of, follow_up, numbered, owned, pipeline_name, plan_by_rules
from refinery.agents.orchestrator.records import Request, Step, StepResult

LOOKING = {"quality_report", "find_relationships", "detect_outliers", "suggest_rules", "missing_data_analysis",
           "statistical_summary"}  # fmt: skip
AGENTS = dict.fromkeys([*LOOKING, "check_drift", "check_rules", "save_fe_pipeline"], "quality")


def planned(goal: str | None = None, target: str | None = None, **more: Any) -> list[str]:
    options = {"earlier": None, "pipeline": "p", **more}
    return [step.action for step in plan_by_rules(Request(dataset="t.csv", goal=goal, target=target), **options)]


def test_without_a_goal_everything_is_looked_at_and_nothing_changed() -> None:
    assert set(planned()) == LOOKING


def test_a_target_is_given_to_what_takes_one() -> None:
    steps = plan_by_rules(Request(dataset="t.csv", target="y"), earlier=None, pipeline="p")
    told = {(step.action, step.arguments.get("target")) for step in steps}
    assert {("quality_report", "y"), ("find_relationships", "y"), ("find_relationships", None)} <= told


@pytest.mark.parametrize(
    ("goal", "features"),
    [
        ("is it fit to train a churn model?", ["assign_feature_roles"]),
        ("can we predict y?", ["assign_feature_roles"]),
        ("prepare it to predict y", "all"),
        ("bitte für ein Modell vorbereiten", "all"),
        ("what is wrong with it?", []),
    ],
)
def test_features_are_made_only_where_the_goal_asks_for_them(goal: str, features: Any) -> None:
    made = [name for name in planned(goal, "y") if name not in LOOKING]
    if features == "all":
        assert (made[0], made[-1]) == ("assign_feature_roles", "save_fe_pipeline")
        assert len(made) == 7
    else:
        assert made == features
    assert [name for name in planned(goal) if name not in LOOKING] == [], "without a target there is nothing to fit"


def test_feature_steps_wait_for_each_other() -> None:
    steps = plan_by_rules(Request(dataset="t.csv", goal="prepare", target="y"), earlier=None, pipeline="p")
    chain = [step for step in steps if step.id.startswith("f")]
    assert [step.after for step in chain] == [[], *([step.id] for step in chain[:-1])]


def test_what_was_asked_in_words_is_added_once() -> None:
    asked = [
        Step(action="detect_outliers", arguments={"dataset": "t.csv"}),
        Step(action="detect_outliers", arguments={"dataset": "t.csv", "method": "lof"}),
    ]
    assert planned(asked=asked).count("detect_outliers") == 2


SERIES = [
    ("orders_2026-05.csv", ["orders_2026-04.csv", "orders_2026-03.csv", "orders_2026-06.csv"], "orders_2026-04.csv"),
    ("orders_2026-01.csv", ["orders_2025-12.csv", "orders_2025-02.csv"], "orders_2025-12.csv"),
    ("week9.csv", ["week10.csv", "week8.csv"], "week8.csv"),
    ("orders_2026-05.csv", ["returns_2026-04.csv"], None),
    ("a/orders_2026-05.csv", ["b/orders_2026-04.csv"], None),
    ("orders_2026-05.csv", ["orders_2026-05.parquet"], None),
    ("orders.csv", ["orders.csv", "customers.csv"], None),
]


@pytest.mark.parametrize(("dataset", "others", "expected"), SERIES)
def test_the_table_before_is_the_last_earlier_one_of_the_series(
    dataset: str, others: list[str], expected: str | None
) -> None:
    assert earlier_of(dataset, others) == expected


def test_rules_that_a_few_rows_break_are_checked_strictly() -> None:
    suggested = StepResult(step=Step(id="s5", action="suggest_rules", arguments={"dataset": "t.csv"}), status="done")
    rules = [
        {"kind": "unique", "columns": ["id"], "tolerance": 0.006, "support": 0.99, "reason": "…", "worth_a_look": True},
        {"kind": "not_null", "columns": ["id"], "support": 1.0, "worth_a_look": False},
    ]
    (step,) = follow_up([suggested], {"s5": {"rules": rules}})
    assert step.arguments == {"dataset": "t.csv", "rules": [{"kind": "unique", "columns": ["id"]}]}
    assert follow_up([suggested], {"s5": {"rules": rules[1:]}}) == []
    checked = StepResult(step=Step(id="s6", action="check_rules"), status="done")
    assert follow_up([suggested, checked], {"s5": {"rules": rules}}) == []


def test_steps_get_ids_of_their_own_and_still_know_what_they_wait_for() -> None:
    taken = [Step(id="s1", action="infer_schema")]
    steps = [
        Step(id="s1", action="quality_report"),
        Step(action="check_drift"),
        Step(id="x", action="save_fe_pipeline", after=["s1"]),
        Step(action="forget"),
    ]
    made = numbered(steps, taken, AGENTS)
    assert [step.action for step in made] == ["quality_report", "check_drift", "save_fe_pipeline"]
    assert len({step.id for step in [*taken, *made]}) == 4
    assert made[2].after == [made[0].id]


@pytest.mark.parametrize(
    ("dataset", "target", "expected"),
    [
        ("data/Orders 2026.csv", "Returned?", "orders_2026_returned_0123abcd"),
        ("???", None, "features_0123abcd"),
        ("заказы.csv", "y", "y_0123abcd"),
        ("a" * 100 + ".csv", "y", "a" * 51 + "_0123abcd"),
    ],
)
def test_a_pipeline_gets_a_name_that_no_other_run_has(dataset: str, target: str | None, expected: str) -> None:
    assert pipeline_name(Request(dataset=dataset, target=target), "0123abcd4567") == expected


def test_what_a_model_plans_leaves_what_people_have_made_as_it_is() -> None:
    edit = Step(action="edit_pipeline", arguments={"pipeline": "victim", "step": 1, "remove": True})
    rules = Step(
        action="check_rules", arguments={"dataset": "t", "rules": [], "save_as": "contract", "overwrite": True}
    )
    assert owned(edit, "mine").arguments["pipeline"] == "mine"
    assert owned(rules, "mine").arguments == {"dataset": "t", "rules": []}
    assert owned(Step(action="assign_feature_roles"), "mine").arguments == {"pipeline": "mine"}


def test_the_name_of_a_file_says_nothing_of_its_columns() -> None:
    assert without_name("is customers.csv fit?", "/data/customers.csv") == "is this table fit?"
    assert without_name("which customers left?", "/data/customers.csv") == "which customers left?"
