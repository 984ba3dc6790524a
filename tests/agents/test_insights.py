"""Findings become insights: of one kind one, with its numbers; what one explains is not told again."""

from __future__ import annotations

from typing import Any

import pytest
from refinery.agents.insights.rules import insights_by_rules
from refinery.agents.insights.themes import THEMES
from refinery.agents.insights.verdict import verdict
from refinery.agents.orchestrator.records import Insight, Request, Step, StepResult

REQUEST = Request(dataset="t.csv", target="y")


def finding(metric: str, columns: list[str], severity: str = "medium", value: Any = 3, message: str = "") -> Any:
    told = message or f"{', '.join(columns)}: {metric} {value}"
    return {"severity": severity, "columns": columns, "message": told, "metric": metric, "value": value}


def insights(*steps: tuple[str, list[Any]], **details: Any) -> list[Insight]:
    results, whole = [], {}
    for number, (action, findings) in enumerate(steps, start=1):
        step = Step(id=f"s{number}", action=action, arguments={"dataset": "t.csv", "target": "y", "reference": "u.csv"})
        results.append(StepResult(step=step, status="done", result=f"refinery://results/{number}"))
        whole[f"s{number}"] = {"findings": findings, **details.get(action, {})}
    return insights_by_rules(REQUEST, results, whole)


def titles(found: list[Insight]) -> list[str]:
    return [insight.title for insight in found]


def test_findings_of_one_kind_become_one_insight_with_every_number_and_its_result() -> None:
    (one,) = insights(("quality_report", [finding("disguised_missing", ["a"], value=5),
                                          finding("disguised_missing", ["b"], value=7)]))  # fmt: skip
    assert one.title == "Placeholders stand for missing values: a, b"
    assert one.columns == ["a", "b"]
    assert [(quote.step, quote.result, quote.numbers) for quote in one.evidence] == [
        ("s1", "refinery://results/1", [5.0, 7.0])
    ]
    assert one.advice
    assert one.concerns


def test_the_worst_comes_first_and_ids_follow_the_order() -> None:
    found = insights(
        ("quality_report", [finding("constant", ["c"], "low"), finding("missing_fraction", ["m"], "high"),
                            finding("typing_errors", ["t"])])
    )  # fmt: skip
    assert [insight.severity for insight in found] == ["high", "medium", "low"]
    assert [insight.id for insight in found] == ["i1", "i2", "i3"]


def test_what_two_steps_say_is_told_once() -> None:
    same = finding("duplicate_rows", [], value=15)
    (one,) = insights(("quality_report", [same]), ("check_duplicates", [same]))
    assert len(one.evidence) == 1


def test_an_optional_column_is_no_insight() -> None:
    assert insights(("quality_report", [finding("missing_fraction", ["phone"], "low", 0.2)])) == []


def test_an_outlier_that_a_placeholder_explains_is_not_told_again() -> None:
    found = insights(
        ("quality_report", [finding("disguised_missing", ["age"]), finding("negative_values", ["quantity"])]),
        ("detect_outliers", [finding("outlier_distance", ["age"]), finding("outlier_distance", ["quantity"], value=8)]),
    )
    assert titles(found) == ["Placeholders stand for missing values: age", "Numbers that can hardly be: quantity"]
    assert [quote.numbers for quote in found[1].evidence] == [[3.0], [8.0]]


def test_a_broken_rule_is_told_only_of_columns_that_nothing_else_accuses() -> None:
    found = insights(
        ("quality_report", [finding("duplicate_ids", ["id"])]),
        ("suggest_rules", [finding("violations", ["id"], "low"), finding("violations", ["from", "to"], "low", 9)]),
        ("check_rules", [finding("violations", ["id"], "high"), finding("violations", ["from", "to"], "high", 9)]),
    )
    assert titles(found) == ["The same more than once: id", "Nearly a rule, but for a few rows: from, to"]
    assert found[1].severity == "medium", "nobody has said yet that the rule is meant"
    assert [quote.step for quote in found[1].evidence] == ["s3"]


def test_nothing_follows_from_a_measured_column() -> None:
    kinds = [{"column": "cents", "semantic": "numeric"}, {"column": "city", "semantic": "geo"}]
    found = insights(
        ("infer_schema", []),
        ("find_relationships", [finding("dependency_violations", ["cents", "price"], "medium", 96),
                                finding("dependency_violations", ["city", "country"], "low", 14)]),
        infer_schema={"columns": kinds},
    )  # fmt: skip
    assert titles(found) == ["Rows that contradict the others: city, country"]


def test_the_target_and_the_other_table_are_named() -> None:
    found = insights(("check_leakage", [finding("auc", ["x"], "high", 1.0)]), ("check_drift", [finding("ks", ["p"])]))
    assert titles(found) == ["Gives 'y' away: x", "Moved since u.csv: p"]


def test_what_no_theme_knows_is_told_all_the_same_unless_its_columns_are() -> None:
    found = insights(
        ("check_leakage", [finding("auc", ["x"], "high", 1.0)]),
        ("find_relationships", [finding("cramers_v", ["x", "y"]), finding("cramers_v", ["z", "y"]),
                                finding("cramers_v", ["w", "y"], "low")]),
    )  # fmt: skip
    assert titles(found) == ["Gives 'y' away: x", "Worth a look: z, y"]


def test_drivers_leave_out_what_gives_the_target_away() -> None:
    pairs = [{"left": "leak", "right": "y", "measure": "auc", "value": 1.0},
             {"left": "y", "right": "rate", "measure": "eta", "value": 0.257},
             {"left": "noise", "right": "y", "measure": "eta", "value": 0.02}]  # fmt: skip
    found = insights(
        ("check_leakage", [finding("auc", ["leak"], "high", 1.0)]),
        ("find_relationships", []),
        find_relationships={"pairs": pairs},
    )
    assert found[-1].columns == ["rate"]
    assert found[-1].evidence[0].numbers == [0.26]


def test_a_step_that_failed_tells_nothing() -> None:
    failed = StepResult(step=Step(id="s1", action="quality_report"), status="failed", text="no", error="bad_request")
    assert insights_by_rules(REQUEST, [failed], {}) == []


def test_a_sentence_does_not_change_the_name_of_a_column() -> None:
    (one,) = insights(("quality_report", [finding("broken_values", ["email"], message="email holds 3 odd values")]))
    assert one.text == "email holds 3 odd values."


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_every_theme_says_what_to_do_and_for_whom(theme: Any) -> None:
    assert theme.title[0].isupper()
    assert theme.advice.endswith(".")
    assert theme.concerns


SEVERE = Insight(title="Mostly missing: fax", severity="high", concerns="", text="", advice="", evidence=[])
VERDICTS = [
    ([SEVERE], 25.8, "Not fit to predict 'y' yet: mostly missing: fax. Score 25.8 of 100."),
    ([SEVERE.model_copy(update={"severity": "medium"})] * 2, 80.0,
     "Usable to predict 'y' once 2 things are put right. Score 80 of 100."),
    ([SEVERE.model_copy(update={"severity": "medium"})], 90.0,
     "Usable to predict 'y' once 1 thing is put right. Score 90 of 100."),
    ([], 97.5, "Fit to predict 'y': nothing severe was found. Score 97.5 of 100."),
]  # fmt: skip


@pytest.mark.parametrize(("found", "score", "expected"), VERDICTS)
def test_the_verdict_says_whether_it_is_fit_and_why_not(found: list[Insight], score: float, expected: str) -> None:
    done = StepResult(step=Step(action="quality_report"), status="done", rows=5000)
    assert verdict(REQUEST, found, [done.model_copy(update={"score": score})], "done") == expected


NO_VERDICT = [
    ("running", "done", 5000, "No verdict: the run is running, after 1 step."),
    ("done", "skipped", 5000, "No verdict: took too long"),
    ("done", "done", 0, "No verdict: no rows are too few to judge."),
    ("done", "done", 1, "No verdict: 1 row are too few to judge."),
]


@pytest.mark.parametrize(("run", "check", "rows", "expected"), NO_VERDICT)
def test_no_verdict_is_given_of_what_was_not_checked(run: Any, check: Any, rows: int, expected: str) -> None:
    result = StepResult(step=Step(action="quality_report"), status=check, rows=rows, text="took too long", score=99)
    assert verdict(REQUEST, [], [result], run).startswith(expected[:30])


def test_steps_that_were_not_done_are_named_beside_the_verdict() -> None:
    done = StepResult(step=Step(action="quality_report"), status="done", rows=50, score=99.0)
    failed = StepResult(step=Step(action="check_drift"), status="failed", text="no")
    assert verdict(REQUEST, [], [done, failed], "done").endswith("Score 99 of 100. Not looked at: check_drift.")


def test_what_is_far_out_may_be_honest_and_an_id_is_no_number() -> None:
    kinds = [{"column": "abv", "semantic": "numeric"}, {"column": "provider", "semantic": "id"}]
    found = insights(
        ("infer_schema", []),
        ("detect_outliers", [finding("outlier_distance", ["abv"], "high"), finding("outlier_distance", ["provider"])]),
        infer_schema={"columns": kinds},
    )
    assert found == []


def test_an_order_of_two_measures_is_no_rule_but_one_of_two_moments_is() -> None:
    kinds = [{"column": c, "semantic": k} for c, k in
             [("points", "numeric"), ("compactness", "numeric"), ("from", "datetime"), ("to", "datetime")]]  # fmt: skip
    found = insights(
        ("infer_schema", []),
        ("check_rules", [finding("violations", ["points", "compactness"], "high"),
                         finding("violations", ["from", "to"], "high")]),
        infer_schema={"columns": kinds},
    )  # fmt: skip
    assert [(one.severity, one.columns) for one in found] == [("medium", ["points", "compactness", "from", "to"])]
