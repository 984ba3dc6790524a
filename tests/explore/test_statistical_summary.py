from __future__ import annotations

import datetime as dt
import decimal
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from refinery.tools.data import open_dataset
from refinery.tools.errors import BadRequest
from refinery.tools.explore._sketches import count_distinct, rank_error, texts
from refinery.tools.explore.statistical_summary import ColumnSummary, Summary, statistical_summary
from scipy import stats

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def summary(table: Any, columns: list[str] | None = None) -> dict[str, ColumnSummary]:
    return {column.column: column for column in statistical_summary(open_dataset(table), columns).columns}


ROWS = 250_000


@pytest.fixture(scope="module")
def large_table() -> pa.Table:
    rng = np.random.default_rng(2)
    seconds = rng.integers(0, 10**8, ROWS).astype("datetime64[s]")
    # A quarter of a year without a row.
    seconds = seconds[(seconds < np.datetime64("1971-01-01")) | (seconds > np.datetime64("1971-04-01"))]
    when = pa.array(np.resize(seconds, ROWS).astype("datetime64[us]"))
    skewed = np.exp(rng.normal(0, 2, ROWS))
    return pa.table(
        {
            "id": rng.permutation(ROWS),
            "skewed": pa.array(skewed, mask=rng.random(ROWS) < 0.1),
            "signed": rng.normal(1e6, 3, ROWS),
            "whole": rng.integers(-3, 9, ROWS),
            "zipf": np.minimum(rng.zipf(1.3, ROWS), 10**12),
            "when": when,
            "city": pa.array(rng.choice(["Rome", "Oslo", "Bonn"], ROWS, p=[0.6, 0.3, 0.1])),
            "text": pa.array([f"{i:x}ü" * (1 + i % 3) if i % 10 else None for i in range(ROWS)]),
            "sorted": np.arange(ROWS) // 3,
            "unbounded": pa.array(np.where(np.arange(ROWS) % 1000 == 0, np.inf, rng.normal(size=ROWS))),
        }
    )


@pytest.fixture(scope="module")
def large_file(large_table: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("summary") / "large.parquet"
    pq.write_table(large_table, path, row_group_size=40_000)
    return path


@pytest.fixture(scope="module", params=["parquet", "memory"])
def found(request: pytest.FixtureRequest, large_table: pa.Table, large_file: Path) -> dict[str, ColumnSummary]:
    return summary(large_file if request.param == "parquet" else large_table)


@pytest.fixture(scope="module")
def frame(large_table: pa.Table) -> pd.DataFrame:
    return large_table.to_pandas()


@pytest.mark.parametrize("name", ["id", "skewed", "signed", "whole", "zipf", "sorted"])
def test_counts_extremes_and_moments_of_a_large_table_are_those_of_pandas(
    found: dict[str, ColumnSummary], frame: pd.DataFrame, name: str
) -> None:
    column, truth = found[name], frame[name]
    assert column.missing == truth.isna().sum()
    assert (column.minimum, column.maximum) == (truth.min(), truth.max())
    assert column.mean == pytest.approx(truth.mean(), rel=1e-12)
    assert column.std == pytest.approx(truth.std(), rel=1e-9)
    if column.kind == "numeric":
        assert column.zeros == (truth == 0).sum()
        assert column.negatives == (truth < 0).sum()
        assert column.skew == pytest.approx(stats.skew(truth.dropna()), rel=1e-6, abs=1e-9)
        assert column.kurtosis == pytest.approx(stats.kurtosis(truth.dropna()), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("name", ["id", "skewed", "signed", "whole", "zipf", "sorted"])
def test_quantiles_of_a_large_table_are_within_a_hundredth_of_rank(
    found: dict[str, ColumnSummary], frame: pd.DataFrame, name: str
) -> None:
    values = np.sort(frame[name].dropna())
    assert list(found[name].quantiles) == [str(q) for q in QUANTILES]
    for q, value in found[name].quantiles.items():
        below = np.searchsorted(values, value, side="left") / len(values)
        up_to = np.searchsorted(values, value, side="right") / len(values)
        assert below - 0.01 <= float(q) <= up_to + 0.01


def test_distinct_counts_of_a_large_table_are_within_three_hundredths(
    found: dict[str, ColumnSummary], frame: pd.DataFrame
) -> None:
    for name, column in found.items():
        assert column.distinct == pytest.approx(frame[name].nunique(), rel=0.03), name
    assert found["city"].distinct_exact
    assert not found["id"].distinct_exact


def test_categories_of_a_large_table_are_counted_exactly(found: dict[str, ColumnSummary], frame: pd.DataFrame) -> None:
    truth = frame["city"].value_counts()
    assert [(item.value, item.count) for item in found["city"].top] == list(truth.items())
    assert found["city"].top[0].fraction == truth.iloc[0] / ROWS


def test_lengths_of_a_large_table_are_in_characters(found: dict[str, ColumnSummary], frame: pd.DataFrame) -> None:
    lengths, column = frame["text"].dropna().str.len(), found["text"].lengths
    assert column is not None
    assert (column.min, column.max) == (lengths.min(), lengths.max())
    assert column.mean == pytest.approx(lengths.mean())


def test_the_widest_gap_of_a_large_table_is_found(found: dict[str, ColumnSummary], frame: pd.DataFrame) -> None:
    column = found["when"]
    moments = np.sort(frame["when"].unique())
    widest = int(np.argmax(np.diff(moments)))
    assert column.gaps[0].start == pd.Timestamp(moments[widest]).isoformat()
    assert column.gaps[0].end == pd.Timestamp(moments[widest + 1]).isoformat()
    assert column.span_seconds == (frame["when"].max() - frame["when"].min()).total_seconds()


def test_infinite_values_are_counted_and_left_out(found: dict[str, ColumnSummary], frame: pd.DataFrame) -> None:
    finite = frame["unbounded"][np.isfinite(frame["unbounded"])]
    column = found["unbounded"]
    assert column.not_finite == 250
    assert column.mean == pytest.approx(finite.mean(), abs=1e-12)
    assert column.maximum == finite.max()


def test_a_summary_of_a_file_is_the_same_twice(large_file: Path) -> None:
    first, again = (statistical_summary(open_dataset(large_file)) for _ in range(2))
    # Sums of floats depend on the order in which threads come, in the last digit.
    moments = {"mean", "std", "skew", "kurtosis"}
    for one, other in zip(first.columns, again.columns, strict=True):
        assert one.model_dump(exclude=moments) == other.model_dump(exclude=moments)
        assert one.mean == other.mean or one.mean == pytest.approx(other.mean, rel=1e-13)
    assert "99 % confidence" in first.methods["quantiles"]


@pytest.mark.parametrize("guess", [10, 50_000, 75_000, 130_000, 10**9])
def test_different_values_are_counted_closely_however_wrong_the_guess(large_file: Path, guess: int) -> None:
    dataset = open_dataset(large_file)
    assert count_distinct(dataset, "id", guess) == pytest.approx(ROWS, rel=0.03)
    assert count_distinct(dataset, "whole", guess) == 12
    assert texts(dataset, "text", guess).distinct == pytest.approx(225_000, rel=0.03)


@pytest.mark.parametrize("rows", [100_001, 110_000, 150_000, 200_000])
def test_tables_a_little_too_large_for_memory_are_sampled(tmp_path: Path, rows: int) -> None:
    path = tmp_path / "table.parquet"
    pq.write_table(pa.table({"x": np.arange(rows, dtype=float)}), path)
    column = summary(path)["x"]
    assert (column.mean, column.maximum) == ((rows - 1) / 2, rows - 1)
    assert column.distinct == pytest.approx(rows, rel=0.03)
    assert column.quantiles["0.5"] == pytest.approx(rows / 2, abs=0.01 * rows)


def test_the_error_of_quantiles_is_that_of_dvoretzky_kiefer_and_wolfowitz() -> None:
    # P(sup |F_n - F| > e) <= 2 exp(-2 n e^2): at n = 100,000 and 1 % this is e = 0.005147.
    assert rank_error(100_000, 10**7) == pytest.approx(0.005147, abs=1e-6)
    assert rank_error(500, 500) == 0


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(-1000, 1000) | st.none(), min_size=1, max_size=60))
def test_a_small_table_is_summarised_as_pandas_does(values: list[int | None]) -> None:
    column = summary(pa.table({"x": pa.array(values, pa.int64())}))["x"]
    truth = pd.Series([value for value in values if value is not None], dtype=float)
    assert column.missing == len(values) - len(truth)
    assert column.distinct == truth.nunique()
    if len(truth):
        assert column.mean == pytest.approx(truth.mean())
        assert list(column.quantiles.values()) == pytest.approx(truth.quantile(list(QUANTILES)).tolist())
    if len(truth) > 1:
        assert column.std == pytest.approx(truth.std(), abs=1e-9)


def test_the_taxi_table_has_the_figures_that_pandas_counts(shared_data: Path) -> None:
    path = shared_data / "taxi_2019-01.csv"
    found, frame = summary(path), pd.read_csv(path)
    assert found["congestion_surcharge"].missing == 6_327
    assert found["trip_distance"].mean == pytest.approx(frame["trip_distance"].mean())
    assert found["trip_distance"].quantiles["0.5"] == pytest.approx(frame["trip_distance"].median())
    assert found["pickup_datetime"].minimum == "2019-01-01T00:00:50"
    assert found["payment_type"].kind == "categorical"
    assert found["payment_type"].top[0].count == (frame["payment_type"] == 1).sum()


def test_dates_decimals_times_and_zones_are_written_as_json_has_them() -> None:
    zone = pa.timestamp("us", "Europe/Berlin")
    table = pa.table(
        {
            "day": [dt.date(2024, 1, 1), dt.date(2024, 1, 4), dt.date(2024, 1, 5)],
            "zoned": pa.array([dt.datetime(2024, 1, d, tzinfo=dt.UTC) for d in (1, 2, 4)], zone),
            "money": [decimal.Decimal("1.50"), decimal.Decimal("2"), decimal.Decimal("2.5")],
            "clock": [dt.time(1), dt.time(2), None],
            "nested": [{"a": 1}, {"a": 1}, {"a": 2}],
            "list": [[1], [], None],
            "blob": [b"x", b"y", b"y"],
            "nan": [float("nan"), 1.0, 2.0],
        }
    )
    result = statistical_summary(open_dataset(table))
    found = {column.column: column for column in result.columns}
    assert found["day"].gaps[0].model_dump() == {"start": "2024-01-01", "end": "2024-01-04", "seconds": 259_200.0}
    assert found["day"].quantiles["0.5"] == "2024-01-04"
    assert found["zoned"].maximum.startswith("2024-01-04T0")
    assert found["money"].mean == 2.0
    assert found["money"].minimum == 1.5
    assert found["nested"].distinct == 2
    assert found["list"].missing == 1
    assert found["nan"].mean == 1.5
    assert found["nan"].not_finite == 1
    json.loads(result.model_dump_json())


@pytest.mark.parametrize("rows", [0, 1])
def test_tables_of_no_or_one_row_are_summarised(rows: int) -> None:
    table = pa.table({"a": [1], "b": ["x"], "c": [1.5], 'd"; DROP': [None], "e": [dt.datetime(2024, 1, 1)]})
    table = table.set_column(3, 'd"; DROP', pa.array([None], pa.string())).slice(0, rows)
    result = statistical_summary(open_dataset(table))
    assert result.rows == rows
    assert len(result.columns) == 5
    assert result.headline()
    assert all(column.std is None for column in result.columns)


def test_a_wide_table_keeps_its_order_and_a_short_text() -> None:
    table = pa.table({f"c{i}": [i, i + 1, None] for i in range(320)})
    result = statistical_summary(open_dataset(table))
    assert [column.column for column in result.columns] == table.column_names
    assert sum(map(len, result.details())) < 2_000


def test_only_the_columns_asked_for_are_summarised_and_an_unknown_one_is_refused() -> None:
    table = pa.table({"amount": [1, 2], "city": ["x", "y"]})
    assert list(summary(table, ["city"])) == ["city"]
    with pytest.raises(BadRequest, match="did you mean 'amount'"):
        summary(table, ["amuont"])


def test_empty_constant_and_infinite_columns_are_told() -> None:
    table = pa.table({"void": pa.array([None, None], pa.int64()), "same": ["x", "x"], "inf": [math.inf, 1.0]})
    result: Summary = statistical_summary(open_dataset(table))
    assert [finding.columns for finding in result.findings] == [["void"], ["same"], ["inf"]]


def test_infinite_values_of_both_signs_are_counted_and_left_out() -> None:
    found = summary(pa.table({"x": [math.inf, -math.inf, 1.0, 2.0, 6.0]}))["x"]
    assert (found.not_finite, found.mean, found.minimum, found.maximum) == (2, 3.0, 1.0, 6.0)


def test_the_shape_of_values_near_the_greatest_float_is_that_of_small_ones() -> None:
    small = [1.0, 2.0, 3.0, 10.0] * 5
    found = summary(pa.table({"x": [value * 2.0**1020 for value in small]}))["x"]
    assert found.mean == 4 * 2.0**1020
    assert found.std == pytest.approx(np.std(small, ddof=1) * 2.0**1020)
    assert found.skew == pytest.approx(stats.skew(small))
    assert found.kurtosis == pytest.approx(stats.kurtosis(small))
    opposite = summary(pa.table({"x": [1e308, -1e308] * 10}))["x"]
    assert (opposite.mean, opposite.quantiles["0.5"]) == (0.0, 0.0)


@pytest.mark.parametrize("rows", [40, 250_000])
def test_moments_that_python_cannot_hold_are_summarised_and_infinite_ones_left_out(rows: int) -> None:
    # Days from 2020-01-01 on, one in the year 20000 and one that is infinite.
    start, far = 1_577_836_800_000_000, 568_971_820_800_000_000
    counts = [start + i * 86_400 for i in range(rows - 2)]
    table = pa.table({"t": pa.array([*counts, far, 2**63 - 1], pa.timestamp("us"))})
    found = summary(table)["t"]
    assert (found.minimum, found.maximum) == ("2020-01-01T00:00:00", "20000-01-01T00:00:00")
    assert found.not_finite == 1
    assert found.span_seconds == (far - start) / 1e6
    assert [gap.end for gap in found.gaps][:1] == ["20000-01-01T00:00:00"]
