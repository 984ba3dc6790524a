"""The charts of a report draw the numbers of real results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup, Tag
from refinery.agents.orchestrator.records import Request, RunReport, Step, StepResult
from refinery.agents.report import words
from refinery.agents.report.html import to_html
from refinery.tools.data import open_dataset
from refinery.tools.explore.create_visualization import create_visualization
from refinery.tools.explore.find_relationships import find_relationships
from refinery.tools.explore.statistical_summary import statistical_summary
from refinery.tools.quality.check_drift import check_drift
from refinery.tools.quality.check_missing_values import check_missing_values
from refinery.tools.quality.quality_report import quality_report

ROWS = 600


def _frame(shift: float = 0.0) -> pd.DataFrame:
    dice = np.random.default_rng(3)
    size = dice.normal(10, 2, ROWS).round(3)
    referrer = np.where(np.arange(ROWS) % 10 == 0, "N/A", np.where(np.arange(ROWS) % 2 == 0, "search", "mail"))
    return pd.DataFrame(
        {
            "size": size + shift,
            "price": (3 * size + dice.normal(0, 1, ROWS)).round(3),
            "fax": [None if row % 8 else f"f{row}" for row in range(ROWS)],
            "referrer": referrer,
            "day": pd.date_range("2026-04-01", periods=ROWS, freq="h"),
        }
    )


def _details() -> dict[str, dict[str, Any]]:
    table = open_dataset(_frame())
    results = {
        "quality_report": quality_report(table),
        "check_missing_values": check_missing_values(table),
        "statistical_summary": statistical_summary(table),
        "find_relationships": find_relationships(table),
        "check_drift": check_drift(table, open_dataset(_frame(4.0))),
        "create_visualization": create_visualization(table, chart_type="histogram", x="price"),
    }
    return {name: result.model_dump(mode="json", exclude_none=True) for name, result in results.items()}


@pytest.fixture(scope="module")
def details() -> dict[str, dict[str, Any]]:
    return _details()


def _report(details: dict[str, dict[str, Any]]) -> RunReport:
    steps = [StepResult(step=Step(id=name, action=name.split(":")[0]), status="done") for name in details]
    return RunReport(
        run="r",
        status="done",
        request=Request(dataset="t"),
        headline="h",
        started_at="2026-05-04T08:12:09Z",
        seconds=1.0,
        insights=[],
        steps=steps,
        details=details,
    )


def _figures(details: dict[str, dict[str, Any]]) -> dict[str, Tag]:
    page = BeautifulSoup(to_html(_report(details)), "html.parser")
    return {figure.h3.get_text(): figure for figure in page.select("figure") if figure.h3}


def _rows(figure: Tag) -> list[tuple[str, str, list[float]]]:
    """Return the label, the number in words and the widths of the parts of each bar."""
    found = []
    for row in figure.select(".bars > li"):
        label, told = (element.get_text() for element in row.select(".label, .told"))
        found.append((label, told, [float(str(part["width"]).rstrip("%")) for part in row.select("rect.fill")]))
    return found


def test_missing_values_are_drawn_as_they_were_counted(details: dict[str, dict[str, Any]]) -> None:
    columns = {item["column"]: item for item in details["check_missing_values"]["columns"] if item["fraction"]}
    rows = _rows(_figures(details)["Missing values"])
    assert {label for label, *_ in rows} == set(columns) == {"fax", "referrer"}
    for label, told, widths in rows:
        item = columns[label]
        assert told == words.share(item["fraction"])
        assert sum(widths) == pytest.approx(100 * item["fraction"], abs=0.01)
    assert "60 disguised ('N/A')" in _figures(details)["Missing values"].get_text()


def test_missing_values_are_drawn_from_findings_where_there_is_nothing_better(
    details: dict[str, dict[str, Any]],
) -> None:
    alone = {"quality_report": details["quality_report"]}
    assert ("fax", "87.5%", [87.5]) in _rows(_figures(alone)["Missing values"])


def test_points_lost_are_those_of_the_report_and_add_up(details: dict[str, dict[str, Any]]) -> None:
    taken = details["quality_report"]["deductions"]
    figure = _figures(details)["Where the points went"]
    assert [(label, told) for label, told, _ in _rows(figure)] == [
        (words.clipped(item["message"]), f"−{item['points']:.1f}")  # noqa: RUF001
        for item in taken
    ]
    total = sum(item["points"] for item in taken)
    told = f"took {total:.1f} points of 100: the score is {words.number(details['quality_report']['score'])}."
    assert told in figure.get_text()


def test_drift_is_drawn_by_its_effect_the_drifted_first(details: dict[str, dict[str, Any]]) -> None:
    effects = {item["column"]: item for item in details["check_drift"]["columns"]}
    rows = _rows(_figures(details)["Drift"])
    assert rows[0][0] == "size"
    for label, told, widths in rows:
        assert told == words.number(round(effects[label]["effect"], 4))
        assert sum(widths) == pytest.approx(100 * effects[label]["effect"], abs=0.01)


def test_relationships_are_drawn_by_their_strength(details: dict[str, dict[str, Any]]) -> None:
    strongest = details["find_relationships"]["pairs"][0]
    label, told, widths = _rows(_figures(details)["Related columns"])[0]
    assert label == f"{strongest['left']} – {strongest['right']}"  # noqa: RUF001
    assert told == words.number(strongest["value"])
    assert widths == [pytest.approx(100 * abs(strongest["value"]), abs=0.01)]


def test_a_histogram_is_drawn_again_with_as_many_bars(details: dict[str, dict[str, Any]]) -> None:
    chart = details["create_visualization"]
    figure = _figures(details)[chart["title"]]
    assert len(figure.select("svg.plot rect")) == len(chart["spec"]["data"]["values"])
    plot = figure.select_one("svg.plot")
    assert plot is not None
    assert str(plot["aria-label"]).startswith(chart["title"])


@pytest.mark.parametrize(
    ("arguments", "drawn"),
    [
        ({"chart_type": "bar", "x": "referrer"}, "svg.bar"),
        ({"chart_type": "box", "x": "referrer", "y": "size"}, "svg.boxplot"),
        ({"chart_type": "line", "x": "day", "y": "size"}, "polyline"),
        ({"chart_type": "heatmap", "x": "size", "y": "price"}, "figcaption"),
        ({"chart_type": "scatter", "x": "size", "y": "price"}, "figcaption"),
        ({"chart_type": "missing"}, "figcaption"),
        ({"chart_type": "histogram", "x": "size", "color": "referrer"}, "figcaption"),
    ],
)
def test_any_chart_is_drawn_again_or_told(arguments: dict[str, Any], drawn: str) -> None:
    chart = create_visualization(open_dataset(_frame()), **arguments).model_dump(mode="json", exclude_none=True)
    figures = _figures({"create_visualization": chart})
    assert figures[chart["title"]].select(drawn)


def test_columns_are_shown_with_their_quantiles_and_frequent_values(details: dict[str, dict[str, Any]]) -> None:
    page = BeautifulSoup(to_html(_report(details)), "html.parser")
    cards = {card.h3.get_text(): card for card in page.select(".column") if card.h3}
    columns = {item["column"]: item for item in details["statistical_summary"]["columns"]}
    assert set(cards) == set(columns)
    ends = [end.get_text() for end in cards["size"].select(".ends span")]
    assert ends == [words.number(columns["size"]["quantiles"][key], 4) for key in ("0.05", "0.5", "0.95")]
    assert [row[:2] for row in _rows(cards["referrer"])] == [
        (item["value"], words.share(item["fraction"])) for item in columns["referrer"]["top"][:4]
    ]


def test_the_same_chart_of_two_tables_names_them() -> None:
    column = {"column": "fax", "missing": 5, "disguised": 0, "fraction": 0.5}
    details = {
        f"check_missing_values:{name}": {"dataset": name, "scanned": {"rows": 10, "of": 10}, "columns": [column]}
        for name in ("april.csv", "may.csv")
    }
    assert set(_figures(details)) == {"Missing values: april.csv", "Missing values: may.csv"}


def test_a_list_that_was_cut_is_not_taken_for_the_whole() -> None:
    columns = [{"column": f"c{place}", "missing": 5, "disguised": 0, "fraction": 0.5} for place in range(50)]
    detail = {"dataset": "t", "scanned": {"rows": 10, "of": 10}, "columns": columns, "truncated": True}
    assert "at least 50 columns lack values" in _figures({"check_missing_values": detail})["Missing values"].get_text()


ODD: list[Any] = [None, "text", 3, [], [None, 1, "x"], {}, {"a": None}, [{}], float("nan"), True]


@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_results_of_another_shape_are_left_out(odd: Any) -> None:
    keys = ("columns", "pairs", "deductions", "findings", "scanned", "spec", "made", "steps", "features", "checks")
    actions = (
        *("quality_report", "check_missing_values", "check_drift", "find_relationships", "statistical_summary"),
        *("create_visualization", "show_pipeline", "save_fe_pipeline", "missing_data_analysis"),
    )
    details = {action: {"dataset": odd, "pipeline": "p", "title": odd} | dict.fromkeys(keys, odd) for action in actions}
    assert BeautifulSoup(to_html(_report(details)), "html.parser").select("#steps li.step")


def test_lineage_names_what_each_feature_was_made_of() -> None:
    steps = [
        {"action": "encode", "arguments": {"strategy": "auto", "columns": None}, "made": ["a_x", "a_y"], "dropped": []}
    ]
    features = [
        {"column": "a_x", "kind": "flag", "sources": ["a"]},
        {"column": "a_y", "kind": "flag", "sources": ["a"]},
        {"column": "gap", "kind": "number", "sources": ["a", "b"]},
    ]
    details: dict[str, dict[str, Any]] = {
        "show_pipeline": {"pipeline": "p1", "steps": steps, "features": features, "target": "y", "train_rows": 4000},
        "save_fe_pipeline": {"pipeline": "p1", "features": 3, "feature_hash": "abc", "name": "p1"},
    }
    page = BeautifulSoup(to_html(_report(details)), "html.parser")
    lineage = page.select_one(".lineage")
    assert lineage is not None
    origins = [[chip.get_text() for chip in origin.select("code")] for origin in lineage.select(".origins li")]
    assert origins == [["a", "a_x", "a_y"], ["a", "b", "gap"]]
    told = lineage.get_text(" ", strip=True)
    assert all(part in told for part in ("Pipeline p1 3 columns", 'strategy="auto"', "4,000 for training", "abc"))


def test_lineage_follows_the_steps_where_the_pipeline_was_not_shown() -> None:
    made = [{"column": f"a_{name}", "kind": "flag", "sources": ["a"]} for name in "xyz"]
    details: dict[str, dict[str, Any]] = {
        "encode_categorical_features": {"pipeline": "p", "made": made, "dropped": ["a"], "features": 3},
        "select_features": {"pipeline": "p", "made": [], "dropped": ["a_y"], "features": 2},
    }
    page = BeautifulSoup(to_html(_report(details)), "html.parser")
    origins = [[chip.get_text() for chip in origin.select("code")] for origin in page.select(".origins li")]
    assert origins == [["a", "a_x", "a_z"]]


def test_nothing_of_this_is_needed_from_a_heavy_library() -> None:
    import subprocess
    import sys

    code = (
        "import sys, refinery.agents.report.write; print(sorted({'pandas','duckdb','ibis','torch'} & set(sys.modules)))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path.cwd())
    assert shown.stdout.strip() == "[]"
