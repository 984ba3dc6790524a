"""quality_report: all checks in one, and a score that keeps its laws."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from refinery.tools.context import Caller, Context
from refinery.tools.data import Dataset, Reading, open_dataset
from refinery.tools.data.registry import Registry
from refinery.tools.errors import BadRequest
from refinery.tools.quality import quality_report as module
from refinery.tools.quality._score import deductions, score
from refinery.tools.quality.quality_report import quality_report
from refinery.tools.results import Finding
from refinery.tools.workspace import Workspace

ROWS = 600
SEVERITIES = ("low", "medium", "high")
CHECKS = ("check_missing_values", "check_distributions", "check_duplicates")


def finding(severity: str, column: str = "a", message: str = "m", metric: str = "x") -> Finding:
    return Finding(severity=severity, columns=[column], message=message, metric=metric)  # type: ignore[arg-type]


def scored(found: dict[str, list[str]]) -> float:
    return score(deductions({check: [finding(item) for item in items] for check, items in found.items()}))


# By hand: 12, 5 and 1 points, each further one of a check 0.8 of that.
SCORES: list[tuple[dict[str, list[str]], float]] = [
    ({}, 100.0),
    ({"a": []}, 100.0),
    ({"a": ["low"]}, 99.0),
    ({"a": ["medium"]}, 95.0),
    ({"a": ["high"]}, 88.0),
    ({"a": ["low", "high"]}, 87.2),
    ({"a": ["high", "high", "medium"]}, 100 - 12 - 9.6 - 3.2),
    ({"a": ["high"], "b": ["high"]}, 76.0),
    ({"a": ["high"] * 500}, 40.0),
    ({"a": ["low"] * 500}, 95.0),
    ({"a": ["high"] * 500, "b": ["high"] * 500}, 0.0),
]


@pytest.mark.parametrize(("found", "expected"), SCORES)
def test_the_score_is_a_hundred_less_what_findings_take(found: dict[str, list[str]], expected: float) -> None:
    assert scored(found) == pytest.approx(expected, abs=0.051)


FOUND = st.dictionaries(st.sampled_from("abc"), st.lists(st.sampled_from(SEVERITIES), max_size=12), max_size=3)


@given(FOUND, st.sampled_from("abc"), st.sampled_from(SEVERITIES))
def test_another_finding_never_raises_the_score(found: dict[str, list[str]], check: str, severity: str) -> None:
    more = {**found, check: [*found.get(check, []), severity]}
    assert 0 <= scored(more) <= scored(found) <= 100


@given(FOUND, st.data())
def test_a_worse_finding_never_raises_the_score(found: dict[str, list[str]], data: st.DataObject) -> None:
    places = [(check, i) for check, items in found.items() for i, item in enumerate(items) if item != "high"]
    if not places:
        return
    check, place = data.draw(st.sampled_from(places))
    worse = {name: list(items) for name, items in found.items()}
    worse[check][place] = SEVERITIES[SEVERITIES.index(worse[check][place]) + 1]
    assert scored(worse) <= scored(found)


def clean(seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "order_id": np.arange(ROWS) + 1,
            "city": rng.choice(["Berlin", "Paris", "Rome"], ROWS),
            "amount": rng.gamma(5.0, 10.0, ROWS).round(2),
            "quantity": rng.integers(1, 9, ROWS),
            "created": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 10**6, ROWS), unit="s"),
            "returned": rng.random(ROWS) < 0.3,
        }
    )


def spoiled(**changes: Any) -> pd.DataFrame:
    return clean().assign(**changes)


def context_of(folder: Path, told: list[Any]) -> Context:
    return Context(
        caller=Caller(),
        workspace=Workspace(folder),
        registry=Registry(folder, "default"),
        opener=None,  # type: ignore[arg-type]
        progress=lambda done, total=None, message=None: told.append((done, total, message)),
    )


@pytest.mark.parametrize("seed", range(3))
def test_a_clean_table_has_a_hundred_points(seed: int) -> None:
    report = quality_report(open_dataset(clean(seed)))
    assert [(f.severity, f.message) for f in report.findings] == []
    assert report.score == 100
    assert report.checks == dict.fromkeys(CHECKS, "passed")
    assert report.status == "passed"


def test_each_defect_costs_points_and_is_told_where() -> None:
    frame = clean()
    frame.loc[: ROWS // 2 + 60, "amount"] = None
    frame["city"] = frame["city"].where(frame.index != 7, "Berln")
    frame = pd.concat([frame, frame.head(80)], ignore_index=True)
    report = quality_report(open_dataset(frame))
    accused = {(d.check, column) for d in report.deductions for column in d.columns}
    assert ("check_missing_values", "amount") in accused
    assert report.checks["check_missing_values"] == "failed"
    assert report.checks["check_duplicates"] != "passed"
    assert report.score < 85
    assert report.status == "failed"


def test_the_parts_agree_with_each_other() -> None:
    frame = spoiled(empty=None, same="x", amount=[None, *range(ROWS - 1)], city=["N/A"] * 50 + ["Rome"] * (ROWS - 50))
    report = quality_report(open_dataset(frame))
    assert len(report.deductions) == len(report.findings) > 0
    assert report.score == pytest.approx(100 - sum(d.points for d in report.deductions), abs=0.051)
    points = [d.points for d in report.deductions]
    assert points == sorted(points, reverse=True)
    severities = [SEVERITIES.index(f.severity) for f in report.findings]
    assert severities == sorted(severities, reverse=True)
    assert set(report.checks) == set(CHECKS)


def test_more_defects_never_raise_the_score() -> None:
    frame, scores = clean(), []
    for change in ({}, {"city": None}, {"quantity": -999}, {"amount": None}):
        frame = frame.assign(**change)
        scores.append(quality_report(open_dataset(frame)).score)
    assert scores == sorted(scores, reverse=True)
    assert scores[-1] < scores[0]


def test_a_target_adds_the_search_for_leakage() -> None:
    frame = clean()
    leaking = frame.assign(refund=np.where(frame["returned"], frame["amount"], 0.0))
    report = quality_report(open_dataset(leaking), "returned")
    assert report.checks["check_leakage"] == "failed"
    assert "refund" in {column for d in report.deductions if d.check == "check_leakage" for column in d.columns}
    assert quality_report(open_dataset(frame), "returned").checks["check_leakage"] == "passed"


def test_a_target_that_does_not_exist_is_refused_before_anything_is_computed() -> None:
    with pytest.raises(BadRequest, match="did you mean 'returned'"):
        quality_report(open_dataset(clean()), "retuned")


def test_a_registered_name_is_held_to_its_last_known_schema(tmp_path: Path) -> None:
    told: list[Any] = []
    context = context_of(tmp_path, told)
    dataset = open_dataset(clean(), name="orders")
    assert "check_schema_consistency" not in quality_report(dataset, context=context).checks
    schema = {name: str(dtype) for name, dtype in dataset.schema.items()}
    context.registry.add("orders", "/data/orders.csv", schema=schema)
    assert quality_report(dataset, context=context).checks["check_schema_consistency"] == "passed"
    changed = open_dataset(clean().rename(columns={"amount": "total_price"}), name="orders")
    report = quality_report(changed, context=context)
    assert report.checks["check_schema_consistency"] == "failed"
    assert any("'amount'" in d.message for d in report.deductions if d.check == "check_schema_consistency")


def test_progress_is_told(tmp_path: Path) -> None:
    told: list[Any] = []
    quality_report(open_dataset(clean().head(50)), context=context_of(tmp_path, told))
    assert [message for _, _, message in told] == [*CHECKS, "score"]
    assert [done for done, _, _ in told] == [0, 1, 2, 3]


@pytest.mark.parametrize(("unreadable", "severity"), [(1, "medium"), (20, "high")])
def test_rows_that_could_not_be_read_are_told(unreadable: int, severity: str) -> None:
    dataset = replace(open_dataset(clean()), reading=Reading(unreadable_rows=unreadable))
    report = quality_report(dataset)
    assert [(f.severity, f.value) for f in report.findings] == [(severity, unreadable)]
    assert report.score < 100


def test_what_two_checks_say_of_the_same_columns_counts_once_and_at_its_worst() -> None:
    found = {
        "one": [finding("low", "a", "first"), finding("low", "b", "other"), finding("low", "a", "again")],
        "two": [finding("high", "a", "second"), finding("medium", "c", "third")],
    }
    kept = module._without_repeats(found)
    assert [(f.severity, f.message) for f in kept["one"]] == [("high", "second"), ("low", "other"), ("low", "again")]
    assert [f.message for f in kept["two"]] == ["third"]


TABLES = {
    "no rows": pa.table({"a": pa.array([], pa.int64()), "b": pa.array([], pa.string())}),
    "one row": pa.table({"a": [1], "b": ["x"]}),
    "only nulls": pa.table({"a": pa.array([None] * 30, pa.string())}),
    "one column": pa.table({"a": list(range(30))}),
    "nested": pa.table({"a": [[1], [2]] * 30, "b": [{"x": 1}, {"x": 2}] * 30}),
    "odd names": pa.table({'"; DROP TABLE x; --': list(range(30)), "a b.c": ["ü"] * 30, "": list(range(30))}),
    "wide": pa.table({f"c{i}": list(range(i, i + 40)) for i in range(300)}),
}


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES.keys())
def test_any_table_gets_a_report(table: pa.Table) -> None:
    report = quality_report(open_dataset(table))
    assert 0 <= report.score <= 100
    assert set(report.checks) == set(CHECKS)


def report_of(folder: Path, name: str) -> Any:
    return quality_report(open_dataset(folder / f"{name}.csv"))


def test_dirty_tables_score_below_their_clean_versions(shared_data: Path) -> None:
    for name in ("beers", "hospital"):
        assert report_of(shared_data, f"{name}_dirty").score < report_of(shared_data, f"{name}_clean").score


def test_the_text_for_a_model_is_short(shared_data: Path) -> None:
    from refinery.tools.rendering import compact_text

    text = compact_text(report_of(shared_data, "hospital_dirty"), action="quality_report")
    assert "FAILED quality_report" in text
    assert "check_missing_values: failed" in text
    assert len(text) <= 2000


def test_a_dataset_is_left_as_it_was() -> None:
    dataset: Dataset = open_dataset(clean())
    before = dataset.columns
    quality_report(dataset)
    assert dataset.columns == before
