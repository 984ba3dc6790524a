from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from refinery.agents.insights._numbers import numbers_in
from refinery.agents.insights.checking import problems, problems_of_text
from refinery.agents.orchestrator.records import Insight, Quote, Request, Step, StepResult
from refinery.tools.results import Evidence, Finding

TEXT = """WARNING check_missing_values on orders.csv (2,130 rows): 2 of 9 columns have missing values.
- medium: 'city': 686 values stand for missing ('N/A' 686), 34.30% of the rows
  amount (numeric); mean 100.04, std 19.96; 22.61 to 167.4; first seen 2024-01-31"""
DETAILS: dict[str, dict[str, Any]] = {
    "s1": {
        "scanned": {"rows": 2130, "of": 2130},
        "columns": [
            {"column": "city", "missing": 0, "disguised": 686, "fraction": 0.343, "placeholders": {"N/A": 686}},
            {"column": "q1_sales", "missing": 263, "fraction": 0.1234, "skew": -1.2345, "p_value": 3.2e-9},
            {"column": "revenue", "total": 1_234_567, "largest": 12_345.0, "growth": 1.5},
            {"column": "2019", "missing": 7, "fraction": 0.0033},
        ],
        "span": {"from": "2023-05-01T00:00:00", "to": "2024-12-31T23:59:59"},
    }
}
RESULTS = {
    "s1": StepResult(
        step=Step(id="s1", action="check_missing_values", arguments={"dataset": "orders.csv", "threshold": 0.4}),
        status="done",
        text=TEXT,
        result="refinery://results/a",
        findings=[
            Finding(
                severity="medium",
                columns=["city"],
                message="'city': 686 values stand for missing",
                metric="disguised_missing",
                value=686,
                evidence=Evidence(rows=686, examples=["N/A"]),
            )
        ],
        score=87.5,
        rows=2130,
    ),
    "s2": StepResult(step=Step(id="s2", action="check_duplicates"), status="failed", text="57 broken"),
    "s3": StepResult(step=Step(id="s3", action="detect_outliers"), status="done", text="4,711 outliers"),
}


def insight(text: str = "", **more: Any) -> Insight:
    fields = {"title": "T", "severity": "low", "concerns": "analyst", "advice": "Mend it.", "columns": []}
    return Insight(**{**fields, "text": text, "evidence": [Quote(step="s1")], **more})


@pytest.mark.parametrize(
    "text",
    [
        "686 of 2,130 rows stand for missing (34.3 %).",
        "686 of 2130 rows stand for missing (34 percent).",
        "About 12 % of q1_sales is missing: 12.3 %, or 0.1234, or 0.12.",
        "Roughly a third is missing in two columns.",
        "Total revenue is 1.2M, or 1,234,567, or about 1.2 million, or more than 1.2 million.",
        "The largest is 12.3k, about 12,000, over 12,000, nearly 13,000, or 12345.",
        "Skew is -1.23, and the skew is strongly negative at 1.2345.",
        "The effect is clear (p < 0.001).",
        "Growth was 150 %.",
        "In q1_sales and in '2019' values are missing; the latter in 0.33 % of rows.",
        "Since 2024-01-31, that is since 31 January 2024, or January 2024, or Jan 31, 2024, or 31/01/2024, or in 2024.",
        "It ends on 2024-12-31 and begins in May 2023.",
        "1. Look at city.\n2. Look at amount.\n3) Done, see step s1 and step 2; it is the 3rd case (1).",
        "The score is 87.5 of 100, or 88/100.",
        "Four columns are listed, and 4 of them are in the result.",
        "Values lie between 22.61 and 167.4, mean 100.",
        "The threshold was 0.4, or 40 %.",
        "1.234.567 insgesamt, 34,3 % davon fehlen.",
        "0 are plain nulls.",
        "The columns city, amount and 5 more have gaps.",
        "H2O, v2.0 and utf8 are no numbers here.",
    ],
)
def test_numbers_that_stand_in_the_evidence_hold(text: str) -> None:
    assert problems(insight(text), RESULTS, DETAILS) == []


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("687 rows stand for missing.", "687"),
        ("35 % of the rows stand for missing.", "35 %"),
        ("12.4 % of q1_sales is missing.", "12.4 %"),
        ("About 11 % of q1_sales is missing.", "11 %"),
        ("That are 1,444 good rows.", "1,444"),
        ("Revenue is 1.3M.", "1.3M"),
        ("Revenue is 1M.", "1M"),
        ("Revenue is about 2 million.", "2 million"),
        ("Skew is 1.3.", "1.3"),
        ("City has 686 % of it.", "686 %"),
        ("It grew by 250 %.", "250 %"),
        ("It began on 2024-02-01.", "2024-02-01"),
        ("It began in March 2021.", "March 2021"),
        ("It began in 2021.", "2021"),
        ("r = -0.343", "-0.343"),
        ("Every 5th row, 17 of them.", "17"),
        ("None of it: 1 % is missing.", "1 %"),
        ("It takes 9.99e5 rows.", "9.99e5"),
        ("4,711 outliers.", "4,711"),
    ],
)
def test_numbers_that_stand_nowhere_in_the_evidence_are_named(text: str, named: str) -> None:
    (problem,) = problems(insight(text), RESULTS, DETAILS)
    assert repr(named) in problem


@pytest.mark.parametrize("field", ["title", "text", "advice"])
def test_every_part_of_an_insight_is_checked(field: str) -> None:
    assert len(problems(insight(**{field: "See 555 rows."}), RESULTS, DETAILS)) == 1


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"evidence": []}, "names no step"),
        ({"evidence": [Quote(step="s9")]}, "there is no step 's9'; there are s1, s2, s3"),
        ({"evidence": [Quote(step="s2")]}, "step 's2' is no evidence: it failed"),
        ({"columns": ["ctiy"]}, "there is no column 'ctiy'"),
        ({"columns": [""]}, "there is no column ''"),
        ({"evidence": [Quote(step="s1", numbers=[686, 34.3, 0.343, 999])]}, "the number 999 is in none"),
    ],
)
def test_what_an_insight_rests_on_must_exist(more: dict[str, Any], said: str) -> None:
    (problem,) = problems(insight(**more), RESULTS, DETAILS)
    assert said in problem


def test_columns_may_stand_in_details_texts_or_the_request() -> None:
    request = Request(dataset="orders.csv", target="churned")
    named = insight(columns=["city", "q1_sales", "amount", "churned"])
    assert problems(named, RESULTS, DETAILS, request=request) == []
    assert len(problems(insight(columns=["churned", "mount"]), RESULTS, DETAILS)) == 2


def test_the_columns_of_an_insight_may_be_counted() -> None:
    columns = ["city", "q1_sales", "amount", "revenue", "2019"]
    assert problems(insight("It is so in 5 columns.", columns=columns), RESULTS, DETAILS) == []
    assert len(problems(insight("It is so in 5 columns.", columns=columns[:4]), RESULTS, DETAILS)) == 1


def test_without_details_texts_and_findings_are_the_evidence() -> None:
    assert problems(insight("686 values, 34.3 %, of 2,130 rows."), RESULTS, {}) == []
    assert len(problems(insight("263 values of q1_sales."), RESULTS, {})) == 1


def test_evidence_is_all_steps_that_are_named() -> None:
    both = [Quote(step="s1"), Quote(step="s3")]
    assert problems(insight("686 and 4,711.", evidence=both), RESULTS, DETAILS) == []


def test_an_answer_may_repeat_the_numbers_of_the_question_and_no_failed_step() -> None:
    results = list(RESULTS.values())
    assert problems_of_text("686 rows are above 5,000.", results, DETAILS, question="How many are above 5000?") == []
    assert len(problems_of_text("57 are broken.", results, DETAILS)) == 1


@pytest.mark.parametrize(
    "text", ["See https://evil.example/?a=x.", "![x](https://evil.example/x)", "[x](//evil.example)"]
)
def test_an_address_that_nobody_gave_is_left_out(text: str) -> None:
    assert "evil.example" in problems(insight(text), RESULTS, DETAILS)[0]
    assert len(problems_of_text(text, list(RESULTS.values()), DETAILS)) == 1
    known = {"s1": {"top": ["https://evil.example/?a=x", "//evil.example", "https://evil.example/x"]}}
    assert problems(insight(text), RESULTS, known) == []


@given(st.integers(min_value=0, max_value=10**9))
def test_a_whole_number_quotes_itself_however_it_is_grouped(value: int) -> None:
    details = {"s1": {"count": value}}
    for written in (f"{value}", f"{value:,}", f"{value:,}".replace(",", "\u202f")):
        assert problems(insight(f"There are {written} rows."), RESULTS, details) == []


@given(st.floats(min_value=0.0001, max_value=1, exclude_max=True), st.integers(min_value=0, max_value=4))
def test_a_share_is_quoted_by_its_percentage_at_any_rounding(share: float, decimals: int) -> None:
    details = {"s1": {"fraction": share}}
    written = f"{100 * share:.{decimals}f}"
    if float(written):
        assert problems(insight(f"It is {written} %."), RESULTS, details) == []


@given(st.text(alphabet="0123456789.,%-kM ", max_size=30))
def test_any_scrawl_can_be_read(text: str) -> None:
    numbers_in(text, ["a1"])
    problems(insight(text), RESULTS, DETAILS)


IDS = st.from_regex(r"refinery://results/[0-9a-f]{24}", fullmatch=True)
LONG = st.from_regex(r"[0-9]{1,3}[eE][0-9]{1,20}|1[0-9]{0,400}", fullmatch=True)


@given(IDS | LONG)
def test_ids_of_results_and_endless_numbers_are_read_as_they_are_written(text: str) -> None:
    said = f"about {text} and {text}"
    assert all(number.written in said for number in numbers_in(said))


def test_an_id_that_reads_like_a_power_of_ten_is_no_error() -> None:
    assert [number.written for number in numbers_in("see 3e4711, 12 rows")] == ["3e4711", "12"]
