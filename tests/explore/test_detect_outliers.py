from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from refinery.tools.data.dataset import Dataset
from refinery.tools.data.opening import open_dataset
from refinery.tools.errors import BadRequest
from refinery.tools.explore._outlier_fences import find_fences, medcouple
from refinery.tools.explore.detect_outliers import Outliers, detect_outliers

ROWS = 5_000


def draws(seed: int = 0, rows: int = ROWS) -> dict[str, np.ndarray[Any, Any]]:
    generator = np.random.default_rng(seed)
    return {
        "normal": generator.normal(size=rows),
        "uniform": generator.uniform(size=rows),
        "lognormal": generator.lognormal(3, 1, rows),
        "exponential": generator.exponential(5, rows),
        "pareto": generator.pareto(1.5, rows) + 1,
        "student": generator.standard_t(3, rows),
        "gamma": generator.gamma(2, 3, rows),
        "beta": generator.beta(8, 1, rows),
        "poisson": generator.poisson(3, rows).astype(float),
        "geometric": generator.geometric(0.4, rows).astype(float),
        "mostly_zero": np.where(generator.random(rows) < 0.7, 0.0, generator.lognormal(2, 0.7, rows)),
        "bimodal": np.concatenate([generator.normal(0, 1, rows // 2), generator.normal(20, 1, rows - rows // 2)]),
    }


def flagged(result: Outliers) -> set[str]:
    return {name for finding in result.findings for name in finding.columns}


@pytest.mark.parametrize("method", ["iqr", "mad"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_no_clean_column_is_accused_whatever_its_shape(method: Any, seed: int) -> None:
    result = detect_outliers(open_dataset(pa.table(draws(seed))), method=method)
    assert flagged(result) == set()


@pytest.mark.parametrize("method", ["iqr", "mad"])
@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("normal", 40.0),
        ("normal", -40.0),
        ("uniform", 30.0),
        ("lognormal", 1e8),
        ("lognormal", -5.0),
        ("poisson", 400.0),
        ("mostly_zero", 1e6),
        ("bimodal", 900.0),
        ("gamma", 9999.0),
    ],
)
def test_a_planted_stranger_is_found_in_its_column_alone_with_its_row(method: Any, column: str, value: float) -> None:
    data = draws()
    data[column][1234] = value
    result = detect_outliers(open_dataset(pa.table(data)), method=method)
    assert flagged(result) == {column}
    judged = next(item for item in result.columns if item.column == column)
    assert result.columns[0].column == column or value < 0
    assert (1235, value) in {(example.row, example.value) for example in judged.examples}
    assert result.findings[0].evidence.query


def test_counts_beyond_the_fences_are_exact_on_all_rows() -> None:
    generator = np.random.default_rng(5)
    values = generator.normal(size=120_000)
    (column,) = detect_outliers(open_dataset(pa.table({"v": values}))).columns
    assert column.outliers == int(((values < column.low) | (values > column.high)).sum())
    q1, q3 = np.quantile(values, [0.25, 0.75])
    assert column.low == pytest.approx(q1 - 1.5 * (q3 - q1), abs=0.05)
    assert column.high == pytest.approx(q3 + 1.5 * (q3 - q1), abs=0.05)
    assert (column.below, column.above) == (int((values < column.low).sum()), int((values > column.high).sum()))
    assert column.fraction == column.outliers / 120_000


def test_mad_fences_are_those_of_the_modified_z_score() -> None:
    from scipy.stats import median_abs_deviation

    values = np.random.default_rng(6).normal(10, 2, 20_000)
    (column,) = detect_outliers(open_dataset(pa.table({"v": values})), method="mad").columns
    spread = median_abs_deviation(values, scale="normal")
    assert column.high == pytest.approx(np.median(values) + 3.5 * spread, rel=0.02)


def test_medcouple_agrees_with_its_definition() -> None:
    values = np.random.default_rng(2).exponential(size=101)
    middle = np.median(values)
    upper, lower = values[values >= middle], values[values <= middle]
    kernel = [((u - middle) - (middle - w)) / (u - w) if u != w else 0.0 for u in upper for w in lower]
    assert medcouple(values) == pytest.approx(float(np.median(kernel)))


@given(st.integers(0, 10_000), st.floats(0.1, 1000), st.floats(-1000, 1000))
@settings(max_examples=30, deadline=None)
def test_fences_move_with_the_unit(seed: int, scale: float, shift: float) -> None:
    values = np.random.default_rng(seed).normal(size=200)
    plain, moved = find_fences(values, "iqr"), find_fences(values * scale + shift, "iqr")
    assert plain is not None
    if moved is not None and not moved.logarithmic and not plain.logarithmic:
        assert moved.high == pytest.approx(plain.high * scale + shift, rel=1e-6, abs=1e-6 * scale)


def test_many_far_values_are_a_group_rather_than_errors() -> None:
    values = np.concatenate([np.random.default_rng(0).normal(size=9_000), np.full(1_000, 500.0)])
    result = detect_outliers(open_dataset(pa.table({"v": values})))
    assert [finding.severity for finding in result.findings] == ["low"]


def test_dates_far_from_the_others_are_found_and_shown_as_dates() -> None:
    days = [dt.datetime(2024, 1, 1) + dt.timedelta(hours=i) for i in range(1000)]
    days[500] = dt.datetime(1900, 1, 1)
    result = detect_outliers(open_dataset(pa.table({"at": days})))
    assert flagged(result) == {"at"}
    assert result.columns[0].examples[0].value == "1900-01-01 00:00:00"


def test_ids_codes_constants_and_words_are_left_out() -> None:
    generator = np.random.default_rng(0)
    table = pa.table(
        {
            "order_id": np.arange(1000) * 7,
            "zip": [str(10_000 + i % 50) for i in range(1000)],
            "city": generator.choice(["Rome", "Oslo"], 1000),
            "constant": np.ones(1000),
            "amount": generator.normal(size=1000),
        }
    )
    result = detect_outliers(open_dataset(table))
    assert [column.column for column in result.columns] == ["amount"]
    assert set(result.left_out) == {"order_id", "zip", "city", "constant"}


def test_examples_carry_the_id_of_their_row() -> None:
    values = np.random.default_rng(0).normal(size=1000)
    values[41] = 99.0
    table = pa.table({"order_id": np.arange(1000) + 5000, "v": values})
    (example, *_) = detect_outliers(open_dataset(table), columns=["v"]).columns[0].examples
    assert (example.row, example.value, example.id) == (42, 99.0, 5041)


@pytest.mark.parametrize("method", ["isolation_forest", "lof"])
def test_a_cloud_without_strangers_has_none(method: Any) -> None:
    generator = np.random.default_rng(3)
    for table in (
        {f"x{i}": generator.normal(size=3000) for i in range(4)},
        {f"x{i}": generator.uniform(size=3000) for i in range(4)},
    ):
        result = detect_outliers(open_dataset(pa.table(table)), method=method)
        assert result.outlier_rows <= 3


@pytest.mark.parametrize("method", ["isolation_forest", "lof"])
def test_a_row_far_away_is_found_with_the_columns_that_make_it_strange(method: Any) -> None:
    generator = np.random.default_rng(3)
    data = {f"x{i}": generator.normal(size=3000) for i in range(4)}
    data["x1"][700], data["x2"][700] = 25.0, -25.0
    result = detect_outliers(open_dataset(pa.table(data)), method=method)
    assert result.rows[0].row == 701
    assert {cause.column for cause in result.rows[0].causes} == {"x1", "x2"}
    assert result.findings


def test_a_strange_combination_of_usual_values_is_found_and_said_to_be_one() -> None:
    generator = np.random.default_rng(4)
    x = generator.normal(size=3000)
    y = x + generator.normal(size=3000) * 0.05
    x[10], y[10] = 2.0, -2.0
    result = detect_outliers(open_dataset(pa.table({"x": x, "y": y})), method="lof")
    assert result.rows[0].row == 11
    assert {cause.column for cause in result.rows[0].causes} == {"x", "y"}
    assert all(cause.given_others for cause in result.rows[0].causes)


def test_contamination_is_the_most_that_can_be_outliers() -> None:
    generator = np.random.default_rng(4)
    values = np.concatenate([generator.normal(size=(980, 2)), generator.uniform(20, 60, size=(20, 2))])
    table = pa.table({"x": values[:, 0], "y": values[:, 1]})
    result = detect_outliers(open_dataset(table), method="lof", contamination=0.01)
    assert 1 <= result.outlier_rows <= 10
    assert all(row.row > 980 for row in result.rows)


def test_many_rows_are_sampled_and_that_is_said() -> None:
    generator = np.random.default_rng(4)
    table = pa.table({"x": generator.normal(size=40_000), "y": generator.normal(size=40_000)})
    scanned = detect_outliers(open_dataset(table), method="lof").scanned
    assert scanned.rows < 20_000 < scanned.of == 40_000
    assert "seed" in scanned.method


def test_taxi_fares_of_three_thousand_dollars_and_below_zero_are_found(shared_data: Path) -> None:
    import csv

    result = detect_outliers(open_dataset(str(shared_data / "taxi_2019-01.csv")))
    fare = next(column for column in result.columns if column.column == "fare_amount")
    with (shared_data / "taxi_2019-01.csv").open() as file:
        fares = [float(row["fare_amount"]) for row in csv.DictReader(file)]
    assert (fare.least, fare.greatest) == (min(fares), max(fares)) == (-52.0, 3004.0)
    assert fare.below + fare.above == sum(value < fare.low or value > fare.high for value in fares)
    assert {"fare_amount", "total_amount", "extra"} <= flagged(result)
    assert not {"pickup_location_id", "rate_code_id", "pickup_datetime"} & flagged(result)


ODD = [
    pa.table({"v": pa.array([], pa.float64())}),
    pa.table({"v": [1.0]}),
    pa.table({"v": pa.array([None] * 30, pa.float64())}),
    pa.table({"v": [float("nan"), float("inf"), 1.0] * 20}),
    pa.table({"v": [1e300, -1e300, 0.0, 5.0] * 10}),
    pa.table({"v": [[1]] * 20, "w": [{"a": 1}] * 20, "t": [b"x"] * 20}),
    pa.table({'a"b.c[0]': list(range(40)), "x; DROP": [float(i) for i in range(39)] + [1e9]}),
    pa.table({f"c{i}": np.random.default_rng(i).normal(size=50) for i in range(310)}),
]


@pytest.mark.parametrize("method", ["iqr", "mad", "isolation_forest", "lof"])
@pytest.mark.parametrize("table", ODD)
def test_odd_tables_are_judged_without_fuss(method: Any, table: pa.Table) -> None:
    result = detect_outliers(open_dataset(table), method=method)
    json.dumps(result.model_dump(mode="json"), allow_nan=False)


def test_a_column_that_holds_no_numbers_can_not_be_asked_for() -> None:
    dataset: Dataset = open_dataset(pa.table({"city": ["a", "b"] * 30, "v": np.arange(60.0)}))
    with pytest.raises(BadRequest, match="categorical"):
        detect_outliers(dataset, columns=["city"])
    with pytest.raises(BadRequest, match="did you mean 'city'"):
        detect_outliers(dataset, columns=["citi"])
