from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from refinery.tools.data import open_dataset
from refinery.tools.explore.missing_data_analysis import (
    MissingColumnAnalysis,
    MissingDataAnalysis,
    missing_data_analysis,
)
from scipy import stats


def analyse(table: Any) -> tuple[MissingDataAnalysis, dict[str, MissingColumnAnalysis]]:
    result = missing_data_analysis(open_dataset(table))
    return result, {column.column: column for column in result.columns}


TOGETHER = ["vendor_id", "passenger_count", "rate_code_id", "store_and_fwd_flag", "payment_type"]


def test_the_five_taxi_columns_are_missing_together_in_803_rows(shared_data: Path) -> None:
    result, columns = analyse(shared_data / "taxi_2020-04.csv")
    assert [(set(item.columns), item.rows) for item in result.patterns] == [(set(TOGETHER), 803)]
    assert result.complete_rows == 10_000 - 803
    assert {column.mechanism for column in columns.values()} == {"together"}
    assert set(columns["vendor_id"].together_with) == set(TOGETHER) - {"vendor_id"}
    first = result.findings[0]
    assert (set(first.columns), first.value, first.evidence.rows) == (set(TOGETHER), 803, 803)


def test_the_congestion_surcharge_is_missing_by_date(shared_data: Path) -> None:
    result, columns = analyse(shared_data / "taxi_2019-01.csv")
    column = columns["congestion_surcharge"]
    assert (column.missing, column.disguised, result.complete_rows) == (6_327, 0, 3_673)
    assert column.mechanism == "determined"
    assert column.predictors[0].column == "pickup_datetime"
    assert column.predictors[0].most_fraction == 1
    assert "impute" not in column.recommendation


def test_placeholders_of_the_beers_count_as_missing(shared_data: Path) -> None:
    result, columns = analyse(shared_data / "beers_dirty.csv")
    assert (columns["ibu"].missing, columns["ibu"].disguised) == (0, 1_005)
    assert columns["state"].missing == 127
    assert columns["abv"].missing == 62
    frame = pd.read_csv(shared_data / "beers_dirty.csv", keep_default_na=False)
    gone = (frame[["ibu", "state", "abv", "style"]].isin(["", "N/A"])).any(axis=1)
    assert result.complete_rows == (~gone).sum()
    assert sum(pattern.rows for pattern in result.patterns) == gone.sum()


def random_table(seed: int, rows: int = 1_500) -> pa.Table:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(rows, 8)), columns=[f"x{i}" for i in range(8)])
    frame["city"] = rng.choice(["Rome", "Oslo", "Bonn", "Nice"], rows)
    frame["when"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 10**7, rows), "s")
    for name in ("x0", "x1", "x2", "city"):
        frame.loc[rng.random(rows) < 0.15, name] = None
    return pa.Table.from_pandas(frame, preserve_index=False)


@pytest.mark.parametrize("seed", range(12))
def test_values_missing_at_random_accuse_no_column(seed: int) -> None:
    result, columns = analyse(random_table(seed))
    assert {column.mechanism for column in columns.values()} == {"random"}
    assert result.correlations == []
    assert result.findings == []


def test_a_column_that_tells_of_missingness_is_found_with_its_effect() -> None:
    rng = np.random.default_rng(3)
    frame = random_table(3).to_pandas()
    old = frame["x5"] > 0.5
    frame["income"] = np.where(
        rng.random(len(frame)) < np.where(old, 0.5, 0.05), np.nan, 1.0 * rng.integers(0, 9, len(frame))
    )
    result, columns = analyse(pa.Table.from_pandas(frame, preserve_index=False))
    income = columns["income"]
    assert income.mechanism == "depends"
    assert [predictor.column for predictor in income.predictors] == ["x5"]
    assert income.predictors[0].most_fraction > 0.4
    assert income.predictors[0].least_fraction < 0.1
    assert [finding.columns for finding in result.findings] == [["income", "x5"]]
    assert "x5" in income.recommendation


def test_the_effect_is_cramers_v_as_scipy_has_it_but_for_the_correction_of_bias() -> None:
    rng = np.random.default_rng(4)
    group = rng.choice(["a", "b", "c"], 8_000)
    gone = rng.random(8_000) < pd.Series(group).map({"a": 0.1, "b": 0.3, "c": 0.6}).to_numpy()
    table = pa.table({"group": group, "x": pa.array(rng.normal(size=8_000), mask=gone)})
    _, columns = analyse(table)
    truth = stats.contingency.association(pd.crosstab(group, gone).to_numpy(), method="cramer")
    assert columns["x"].predictors[0].effect == pytest.approx(truth, abs=0.002)


def test_correlations_of_missingness_are_those_of_pandas() -> None:
    rng = np.random.default_rng(6)
    frame = pd.DataFrame(rng.normal(size=(3_000, 3)), columns=["a", "b", "c"])
    both = rng.random(3_000) < 0.2
    frame.loc[both, "a"] = None
    frame.loc[both ^ (rng.random(3_000) < 0.05), "b"] = None
    result, _ = analyse(pa.Table.from_pandas(frame, preserve_index=False))
    pair = result.correlations[0]
    gone = frame.isna()
    assert (pair.left, pair.right) in {("a", "b"), ("b", "a")}
    assert pair.r == pytest.approx(gone["a"].corr(gone["b"]))
    assert pair.rows == (gone["a"] & gone["b"]).sum()


def test_columns_of_which_one_or_the_other_is_missing_are_told() -> None:
    rows = 1_000
    first = np.random.default_rng(8).random(rows) < 0.5
    table = pa.table({"home": pa.array(range(rows), mask=first), "work": pa.array(range(rows), mask=~first)})
    assert analyse(table)[0].correlations[0].r == pytest.approx(-1)


def test_patterns_of_more_columns_than_an_integer_has_bits_are_counted() -> None:
    rng = np.random.default_rng(9)
    gone = rng.random((300, 130)) < 0.01
    table = pa.table({f"c{i}": pa.array(np.arange(300), mask=gone[:, i]) for i in range(130)})
    result, _ = analyse(table)
    truth = pd.Series([tuple(row) for row in gone]).value_counts()
    assert result.complete_rows == truth.get((False,) * 130, 0)
    assert sum(item.rows for item in result.patterns) == gone.any(axis=1).sum()
    names = {tuple(f"c{i}" for i in np.flatnonzero(row)) for row in gone if row.any()}
    assert {tuple(sorted(item.columns, key=lambda name: int(name[1:]))) for item in result.patterns} == names


def test_a_wide_table_with_as_many_patterns_as_rows_is_bounded() -> None:
    rng = np.random.default_rng(10)
    columns = {f"c{i}": pa.array(rng.normal(size=25_000), mask=rng.random(25_000) < 0.3) for i in range(40)}
    result, _ = analyse(pa.table(columns))
    assert result.complete_rows == sum(
        ~np.any([column.is_null().to_numpy(False) for column in columns.values()], axis=0)
    )
    assert result.findings == []


def test_recommendations_follow_from_how_much_is_missing() -> None:
    values = pa.array(range(1_000))
    table = pa.table(
        {
            "void": pa.array([None] * 1_000, pa.int64()),
            "rare": pa.array([1 if i % 40 == 0 else None for i in range(1_000)]),
            "full": values,
        }
    )
    _, columns = analyse(table)
    assert list(columns) == ["void", "rare"]
    assert columns["void"].recommendation.startswith("drop")
    assert columns["rare"].recommendation.startswith("drop")


@pytest.mark.parametrize("rows", [0, 1])
def test_tables_of_no_or_one_row_are_analysed(rows: int) -> None:
    table = pa.table({"a": pa.array([None], pa.int64()), 'b"; DROP': ["x"], "c": [[1]]}).slice(0, rows)
    result, columns = analyse(table)
    assert list(columns) == (["a"] if rows else [])
    assert result.headline()


def test_a_complete_table_has_nothing_to_tell() -> None:
    result, _ = analyse(pa.table({"a": [1, 2]}))
    assert result.headline() == "No missing values."
    assert (result.complete_rows, result.patterns, result.next_steps()) == (2, [], [])
