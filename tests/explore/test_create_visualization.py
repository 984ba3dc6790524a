from __future__ import annotations

import base64
import datetime as dt
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from refinery.tools.catalogue import Catalogue
from refinery.tools.data.dataset import Dataset
from refinery.tools.data.opening import open_dataset
from refinery.tools.errors import BadRequest
from refinery.tools.explore._charts_data import Span, bins
from refinery.tools.explore.create_visualization import Chart, create_visualization

KINDS = ["histogram", "bar", "line", "scatter", "box", "heatmap", "density", "missing"]


def shop(rows: int = 400) -> pa.Table:
    generator = np.random.default_rng(1)
    return pa.table(
        {
            "price": generator.lognormal(3, 0.5, rows),
            "weight": generator.normal(50, 5, rows),
            "city": generator.choice(["Rome", "Oslo", "Bonn", "Kyiv"], rows, p=[0.5, 0.3, 0.15, 0.05]),
            "sold": pa.array([dt.datetime(2024, 1, 1) + dt.timedelta(hours=6 * i) for i in range(rows)]),
            "left": pa.array([None if i % 4 == 0 else float(i) for i in range(rows)]),
        }
    )


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return open_dataset(shop(), name="shop")


def values(chart: Chart) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = chart.spec["data"]["values"]
    return found


def size(chart: Chart) -> tuple[int, int]:
    png = base64.b64decode(chart.png)
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    return width, height


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_drawn_without_naming_a_column(dataset: Dataset, kind: Any) -> None:
    import altair

    chart = create_visualization(dataset, kind)
    altair.Chart.from_dict(chart.spec, validate=True)
    width, height = size(chart)
    assert 600 <= width <= 1400
    assert 60 <= height <= 1200
    assert chart.points == len(values(chart)) > 0
    assert len(json.dumps(chart.spec)) < 200_000
    assert chart.scanned.of == 400


def test_a_histogram_counts_as_numpy_does(dataset: Dataset) -> None:
    chart = create_visualization(dataset, "histogram", x="weight")
    data = sorted(values(chart), key=lambda row: row["x"])
    weight = shop()["weight"].to_numpy()
    for row in data:
        assert row["n"] == int(((weight >= row["x"]) & (weight < row["x2"])).sum())
    assert sum(row["n"] for row in data) == 400


def test_a_few_stray_values_do_not_flatten_a_histogram_and_are_told() -> None:
    table = pa.table({"v": [*np.linspace(0, 10, 1000).tolist(), 9e9, -5e8]})
    chart = create_visualization(open_dataset(table), "histogram", x="v")
    assert max(row["x2"] for row in values(chart)) <= 20
    assert any("2 rows beyond" in note and "9e+09" in note.replace("9,000,000,000", "9e+09") for note in chart.notes)
    assert "1,000 of 1,002 rows" in chart.notes[0]


def test_whole_numbers_stand_amid_their_bin() -> None:
    table = pa.table({"n": [1, 2, 2, 3, 3, 3]})
    found = {
        (row["x"], row["x2"]): row["n"] for row in values(create_visualization(open_dataset(table), "histogram", x="n"))
    }
    assert found == {(0.5, 1.5): 1, (1.5, 2.5): 2, (2.5, 3.5): 3}


def test_colours_are_stacked_within_each_bin(dataset: Dataset) -> None:
    chart = create_visualization(dataset, "histogram", x="weight", color="city")
    tops: dict[float, int] = {}
    for row in values(chart):
        assert row["top"] - row["base"] == row["n"]
        tops[row["x"]] = max(tops.get(row["x"], 0), row["top"])
    plain = {row["x"]: row["n"] for row in values(create_visualization(dataset, "histogram", x="weight"))}
    assert tops == plain


def test_dates_are_counted_by_a_unit_of_the_calendar(dataset: Dataset) -> None:
    chart = create_visualization(dataset, "histogram", x="sold")
    first = values(chart)[0]
    assert (first["x"], first["x2"]) == ("2024-01-01T00:00:00Z", "2024-01-08T00:00:00Z")
    assert first["n"] == 28


def test_bars_count_the_largest_categories_and_put_the_rest_together() -> None:
    table = pa.table({"c": [f"v{i}" for i in range(40) for _ in range(60 - i)]})
    chart = create_visualization(open_dataset(table), "bar", x="c")
    counts = {row["x"]: row["n"] for row in values(chart)}
    assert counts["v0"] == 60
    assert counts["v19"] == 41
    assert "v20" not in counts
    assert any("others, 610 rows together, are not drawn" in note for note in chart.notes)


def test_bars_of_a_number_are_means_as_pandas_has_them(dataset: Dataset) -> None:
    chart = create_visualization(dataset, "bar", x="city", y="weight")
    expected = shop().to_pandas().groupby("city")["weight"].mean()
    assert {row["x"]: row["m"] for row in values(chart)} == pytest.approx(dict(expected), rel=1e-5)


def test_missing_categories_have_a_bar_of_their_own() -> None:
    chart = create_visualization(open_dataset(pa.table({"c": ["a", None, "a", "b", None, "a"]})), "bar", x="c")
    assert {row["x"]: row["n"] for row in values(chart)} == {"a": 3, "(missing)": 2, "b": 1}


def test_a_line_is_the_mean_of_each_day(dataset: Dataset) -> None:
    chart = create_visualization(dataset, "line", x="sold", y="price")
    frame = shop().to_pandas()
    expected = frame.groupby(frame["sold"].dt.floor("D"))["price"].mean()
    assert [row["n"] for row in values(chart)] == pytest.approx(expected.tolist(), rel=1e-5)
    assert values(chart)[0]["x"] == "2024-01-01T00:00:00Z"


def test_a_small_scatter_draws_every_row_and_a_large_one_counts_them_in_cells(dataset: Dataset) -> None:
    small = create_visualization(dataset, "scatter", x="price", y="weight")
    assert small.spec["mark"]["type"] == "circle"
    large = create_visualization(open_dataset(shop(20_000)), "scatter", x="price", y="weight")
    assert large.spec["mark"]["type"] == "rect"
    drawn = sum(row["n"] for row in values(large))
    assert 19_800 <= drawn <= 20_000
    assert large.scanned.rows == 20_000


def test_a_coloured_scatter_of_many_rows_is_a_sample_that_says_so() -> None:
    chart = create_visualization(open_dataset(shop(20_000)), "scatter", x="price", y="weight", color="city")
    assert chart.scanned.rows < 4_000 < chart.scanned.of
    assert any("at random" in note for note in chart.notes)


def test_boxes_are_the_quartiles_of_each_category(dataset: Dataset) -> None:
    chart = create_visualization(dataset, "box", x="city", y="weight")
    quartiles = shop().to_pandas().groupby("city")["weight"].quantile([0.25, 0.5, 0.75]).unstack()
    for row in values(chart):
        if row["x"] in quartiles.index:
            assert [row["q1"], row["q2"], row["q3"]] == pytest.approx(quartiles.loc[row["x"]].tolist(), rel=1e-4)


def test_a_heatmap_of_nothing_named_shows_correlations(dataset: Dataset) -> None:
    chart = create_visualization(dataset, "heatmap")
    frame = shop().to_pandas()
    found = {frozenset((row["x"], row["y"])): row["n"] for row in values(chart)}
    assert found[frozenset(("price", "weight"))] == pytest.approx(frame["price"].corr(frame["weight"]), abs=1e-3)


def test_a_heatmap_of_categories_is_a_crosstab() -> None:
    table = pa.table({"a": ["x", "x", "y"], "b": ["p", "q", "p"]})
    found = {
        (row["x"], row["y"]): row["n"]
        for row in values(create_visualization(open_dataset(table), "heatmap", x="a", y="b"))
    }
    assert found == {("x", "p"): 1, ("x", "q"): 1, ("y", "p"): 1}


def test_a_density_has_the_area_one_and_scipys_shape(dataset: Dataset) -> None:
    from scipy.stats import gaussian_kde

    data = values(create_visualization(dataset, "density", x="weight"))
    x, y = np.array([row["x"] for row in data]), np.array([row["n"] for row in data])
    assert np.trapezoid(y, x) == pytest.approx(1, abs=0.03)
    expected = gaussian_kde(shop()["weight"].to_numpy(), bw_method="silverman")(x)
    assert np.abs(y - expected).max() < 0.15 * expected.max()


def test_missing_values_are_drawn_by_column_and_place(dataset: Dataset) -> None:
    chart = create_visualization(dataset, "missing")
    assert {row["y"] for row in values(chart)} == {"left 25.0%"}
    assert sum(row["n"] * (row["x2"] - row["x"]) for row in values(chart)) == pytest.approx(100)


def test_words_for_missing_count_as_missing(shared_data: Path) -> None:
    chart = create_visualization(open_dataset(str(shared_data / "beers_dirty.csv")), "missing")
    # 1,005 of 2,410 in ibu are N/A; 127 states and 62 alcohol contents are empty.
    assert {"ibu 41.7%", "state 5.3%", "abv 2.6%"} <= {row["y"] for row in values(chart)}


def test_numbers_kept_as_text_are_drawn_and_the_rest_is_told(shared_data: Path) -> None:
    chart = create_visualization(open_dataset(str(shared_data / "beers_dirty.csv")), "histogram", x="abv")
    assert any("693 values of 'abv' can't be read as numeric" in note for note in chart.notes)


NAMES = [
    "a.b",
    "a[0]",
    'say "hi"',
    "it's",
    "x\\y",
    "{{x}}",
    "datum.x",
    "ünï 名",
    "SELECT *; --",
    "<b>bold</b>",
    "a\nb",
    "x" * 300,
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["histogram", "box"])
def test_names_and_cells_are_plain_text_on_the_chart(name: str, kind: Any) -> None:
    number, other = np.arange(50.0), f"{name}2"
    table = pa.table({name: number, other: number * 2, f"{name}3": [name, "b"] * 25})
    across = {"histogram": name, "scatter": name, "box": f"{name}3", "line": name}[kind]
    chart = create_visualization(open_dataset(table), kind, x=across, y=None if kind == "histogram" else other)
    assert size(chart)[0] > 300
    fields = set(_fields(chart.spec))
    assert fields <= {"x", "x2", "y", "y2", "n", "m", "c", "o", "top", "base", "p5", "q1", "q2", "q3", "p95", "far"}


def _fields(node: Any) -> list[str]:
    if isinstance(node, list):
        return [name for item in node for name in _fields(item)]
    if not isinstance(node, dict):
        return []
    own = [node["field"]] if isinstance(node.get("field"), str) else []
    return own + [name for key, item in node.items() if key != "values" for name in _fields(item)]


@given(st.lists(st.floats(-1e6, 1e6, allow_nan=False), min_size=1, max_size=60), st.booleans())
@settings(max_examples=200, deadline=None)
def test_bins_hold_every_value_once(numbers: list[float], whole: bool) -> None:
    numbers = [float(round(value)) for value in numbers] if whole else numbers
    low, high = min(numbers), max(numbers)
    if 0 < high - low < 1e-9:
        return
    cut = bins(Span(low, high, low, high, len(numbers)), 30, whole=whole)
    assert 1 <= cut.count <= 70
    for value in numbers:
        place = np.floor((value - cut.start) / cut.step)
        assert 0 <= place < cut.count


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "table",
    [
        pa.table({"v": [1.5]}),
        pa.table({"v": [2.0, 2.0, 2.0]}),
        pa.table(
            {"v": [1.0, None, float("nan"), float("inf"), 3.0], "w": [1.0, 2.0, 3.0, 4.0, 5.0], "c": list("abcab")}
        ),
        pa.table({"v": [1e300, -1e300, 5.0], "w": [1.0, 2.0, 3.0]}),
        pa.table({"v": pa.array([None, None], pa.float64())}),
        pa.table({"v": pa.array([], pa.float64())}),
        pa.table({"v": [[1], [2]], "w": [{"a": 1}, {"a": 2}]}),
    ],
)
def test_odd_tables_are_drawn_or_refused_in_words(kind: Any, table: pa.Table) -> None:
    try:
        chart = create_visualization(open_dataset(table), kind)
    except BadRequest as error:
        message = str(error)
    else:
        message = ""
        assert size(chart)[0] > 100
        json.dumps(chart.model_dump(mode="json"), allow_nan=False)
    assert not message or len(message) > 20


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"chart_type": "histogram", "x": "citi"}, "did you mean 'city'?"),
        ({"chart_type": "histogram", "x": "city"}, "chart_type='bar'"),
        ({"chart_type": "line", "x": "sold", "y": "city"}, "Numeric columns: price, weight"),
        ({"chart_type": "scatter", "x": "city", "y": "price"}, "'box'"),
    ],
)
def test_what_can_not_be_drawn_says_what_to_do(dataset: Dataset, arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(BadRequest) as error:
        create_visualization(dataset, **arguments)
    assert words in str(error.value)


def test_an_unknown_chart_type_names_the_nearest() -> None:
    from refinery.tools import explore

    action = Catalogue.from_packages(explore)["create_visualization"]
    with pytest.raises(BadRequest, match="did you mean 'histogram'"):
        action.validate({"dataset": "x", "chart_type": "histgram"})


def test_personal_labels_are_masked_in_the_picture_too() -> None:
    table = pa.table({"email": ["jane@example.com", "joe@example.com", "jane@example.com"]})
    chart = create_visualization(open_dataset(table), "bar", x="email")
    assert "jane@" not in json.dumps(chart.spec)


def test_labels_that_become_equal_when_cut_stay_apart() -> None:
    table = pa.table({"c": ["x" * 80 + "1", "x" * 80 + "2", "b"]})
    chart = create_visualization(open_dataset(table), "bar", x="c")
    assert len({row["x"] for row in values(chart)}) == 3


def test_the_chart_of_many_rows_stays_small() -> None:
    rows = 300_000
    frame = pd.DataFrame({"v": np.random.default_rng(0).normal(size=rows), "w": np.arange(rows) % 1000})
    chart = create_visualization(open_dataset(pa.Table.from_pandas(frame)), "scatter", x="v", y="w")
    assert len(json.dumps(chart.spec)) < 200_000
    assert chart.scanned.rows == rows
