"""The check for drift."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from refinery.tools.data import open_dataset
from refinery.tools.data.dataset import Dataset
from refinery.tools.errors import BadRequest
from refinery.tools.quality._drift_statistics import beyond_noise, category_shift, numeric_shift, two_share_p
from refinery.tools.quality.check_drift import ColumnDrift, Drift, check_drift
from scipy import stats
from scipy.spatial.distance import jensenshannon

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"
real_tables = pytest.mark.skipif(not SHARED.exists(), reason="the shared tables are not here")
WORDS = np.array(
    ["der", "die", "das", "ein", "und", "oder", "nicht", "mit", "auf", "bei", "von", "wir", "sie", "man", "hat"]
)
Tables = Callable[..., Dataset]


@pytest.fixture(scope="module")
def table() -> Tables:
    """Make datasets on one shared connection: a new one for each of hundreds of tables costs more than the check."""
    backend = ibis.duckdb.connect()

    def make(columns: dict[str, Any] | pa.Table, name: str = "t", slot: int = 0) -> Dataset:
        arrow = columns if isinstance(columns, pa.Table) else pa.table(columns)
        return Dataset(name=name, table=backend.create_table(f"slot{slot}", arrow, overwrite=True))

    return make


def both(table: Tables, reference: dict[str, Any], current: dict[str, Any], columns: list[str] | None = None) -> Drift:
    return check_drift(table(reference, "before", 0), table(current, "after", 1), columns)


def column(result: Drift, name: str) -> ColumnDrift:
    return next(item for item in result.columns if item.column == name)


def mixed(rng: np.random.Generator, rows: int) -> pa.Table:
    zipf = 1 / np.arange(1, 501)
    steep = 1 / np.arange(1, 11) ** 2
    ten = rng.choice(list("abcdefghij"), rows, p=steep / steep.sum())
    lengths = rng.integers(3, 20, rows)
    cuts = np.split(rng.choice(WORDS, lengths.sum()), np.cumsum(lengths)[:-1])
    return pa.table(
        {
            "normal": rng.normal(size=rows),
            "lognormal": rng.lognormal(0, 1.5, rows),
            "zero_inflated": np.where(rng.random(rows) < 0.85, 0, rng.lognormal(3, 1, rows)),
            "discrete": rng.poisson(2, rows),
            "outliers": np.where(rng.random(rows) < 0.004, 1e6, rng.normal(size=rows)),
            "two": rng.choice(["yes", "no"], rows, p=[0.3, 0.7]),
            "ten": ten,
            "five_hundred": np.char.add("k", rng.choice(500, rows, p=zipf / zipf.sum()).astype(str)),
            "fifty_thousand": np.char.add("level ", rng.integers(0, 50_000, rows).astype(str)),
            "flag": rng.random(rows) < 0.1,
            "when": pa.array(rng.integers(0, 86_400 * 60, rows) + 1_700_000_000, pa.timestamp("s")),
            "note": [" ".join(words) for words in cuts],
            "gaps": pa.array(rng.normal(size=rows), mask=rng.random(rows) < 0.3),
            "gappy_text": pa.array(ten, mask=rng.random(rows) < 0.2),
        }
    )


def flagged_halves(table: Tables, rows: int, share: float, seeds: int) -> list[list[str]]:
    """Return what was flagged, for each seed in which anything was."""
    flagged = []
    for seed in range(seeds):
        whole = mixed(np.random.default_rng(seed), rows)
        cut = int(share * rows)
        result = check_drift(table(whole.slice(0, cut), slot=0), table(whole.slice(cut), slot=1))
        flagged.append(result.drifted_columns)
    return [columns for columns in flagged if columns]


@pytest.mark.parametrize(
    ("rows", "share", "seeds"), [(500, 0.5, 30), (500, 0.9, 30), (50_000, 0.5, 2), (50_000, 0.9, 2)]
)
def test_random_halves_of_a_table_have_not_drifted(table: Tables, rows: int, share: float, seeds: int) -> None:
    assert flagged_halves(table, rows, share, seeds) == []


@pytest.mark.slow
@pytest.mark.parametrize("rows", [500, 50_000])
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_random_halves_have_drifted_in_at_most_one_of_200_seeds(table: Tables, rows: int, share: float) -> None:
    assert len(flagged_halves(table, rows, share, 200)) <= 1


def test_two_samples_of_half_a_million_levels_have_not_drifted(table: Tables) -> None:
    rng = np.random.default_rng(0)
    first, second = (rng.integers(0, 500_000, 500_000) for _ in range(2))
    counts = [np.bincount(sample, minlength=500_000) for sample in (first, second)]
    assert jensenshannon(*counts, base=2) > 0.4
    shift = category_shift(counts[0], counts[1])
    assert shift.effect < 0.02
    assert shift.p_value > 0.01
    names = [np.char.add("user ", sample.astype(str)) for sample in (first, second)]
    assert both(table, {"x": names[0]}, {"x": names[1]}).drifted_columns == []


@pytest.mark.parametrize(("rows", "shift"), [(500, 0.5), (5_000, 0.2), (50_000, 0.2)])
@pytest.mark.parametrize("shape", ["normal", "lognormal", "uniform"])
def test_a_moved_mean_is_drift(table: Tables, rows: int, shift: float, shape: str) -> None:
    for seed in range(5 if rows < 10_000 else 1):
        rng = np.random.default_rng(seed)
        draw = getattr(rng, shape)
        before, after = draw(size=rows), draw(size=rows)
        still = rng.normal(size=(6, 2, rows))
        others = [{f"n{i}": still[i, side] for i in range(6)} for side in (0, 1)]
        deviation = {"normal": 1.0, "lognormal": 2.161, "uniform": 12**-0.5}[shape]
        result = both(table, {"x": before} | others[0], {"x": after + shift * deviation} | others[1])
        assert result.drifted_columns == ["x"]


@pytest.mark.parametrize(("levels", "share"), [(2, 0.45), (2, 0.1), (5, 0.2), (10, 0.1), (200, 0.005)])
@pytest.mark.parametrize("rows", [1_000, 5_000])
def test_a_category_that_gained_ten_points_is_drift(table: Tables, levels: int, share: float, rows: int) -> None:
    def draw(first: float) -> list[str]:
        rest = np.floor(np.linspace(1, levels - 1e-9, rows - int(first * rows)))
        return ["v0"] * int(first * rows) + [f"v{int(level)}" for level in rest]

    result = both(table, {"x": draw(share)}, {"x": draw(share + 0.1)})
    assert result.drifted_columns == ["x"]
    assert "'v0'" in result.findings[0].message


@pytest.mark.parametrize("factor", [1, 3, 100])
def test_more_rows_of_the_same_are_not_drift(table: Tables, factor: int) -> None:
    values = np.random.default_rng(0).normal(size=400)
    letters = list("aabbbc") * 60
    before = {"x": values[:360], "c": letters}
    result = both(table, before, {name: np.tile(column, factor) for name, column in before.items()})
    assert result.drifted_columns == []
    assert all(item.effect < 1e-9 for item in result.columns)


@real_tables
def test_the_taxi_months_drift_where_scipy_sees_it() -> None:
    result = check_drift(open_dataset(SHARED / "taxi_2019-01.csv"), open_dataset(SHARED / "taxi_2020-04.csv"))
    assert {"congestion_surcharge", "extra"} <= set(result.drifted_columns)
    assert not {"mta_tax", "rate_code_id", "improvement_surcharge"} & set(result.drifted_columns)
    assert not {"pickup_datetime", "dropoff_datetime"} & set(result.drifted_columns)
    expected = {
        "congestion_surcharge": 0.77,
        "extra": 0.33,
        "mta_tax": 0.02,
        "rate_code_id": 0.02,
        "improvement_surcharge": 0.01,
    }
    assert {name: round(column(result, name).statistic or 0, 2) for name in expected} == expected
    together = next(finding for finding in result.findings if finding.metric == "missing_share")
    assert {"vendor_id", "passenger_count", "rate_code_id", "store_and_fwd_flag", "payment_type"} == set(
        together.columns
    )
    assert result.status == "failed"


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.integers(-20, 20), min_size=2, max_size=60),
    st.lists(st.floats(-20, 20), min_size=2, max_size=60),
)
def test_distance_and_rank_sum_agree_with_scipy(first: list[float], second: list[float]) -> None:
    a, b = np.array(first, float), np.array(second, float)
    shift = numeric_shift(a, b)
    assert shift.statistic == pytest.approx(stats.ks_2samp(a, b, method="asymp").statistic)
    ranks = (
        stats.mannwhitneyu(a, b, use_continuity=False, method="asymptotic").pvalue if len({*first, *second}) > 1 else 1
    )
    assert shift.p_value <= 2 * ranks + 1e-9


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40), st.integers(0, 40))
def test_two_shares_agree_with_the_hypergeometric_distribution(a: int, b: int, c: int, d: int) -> None:
    if not (a + b and c + d and a + c):
        return
    law = stats.hypergeom(a + b + c + d, a + c, a + b)
    expected = min(1, 2 * min(law.cdf(a), law.sf(a - 1)))
    mean = (a + c) * (a + b) / (a + b + c + d)
    if a != mean:
        assert two_share_p(a, a + c, a + b, a + b + c + d) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("p_values", "kept"),
    [
        ([0.01], [True]),
        ([0.01, 0.04], [True, True]),
        ([0.03, 0.04], [False, False]),
        ([0.2, 0.001, 0.02], [False, True, True]),
    ],
)
def test_holm_keeps_what_stands_after_all_looks(p_values: list[float], kept: list[bool]) -> None:
    assert beyond_noise(p_values, 0.05) == kept


def test_effects_of_categories_are_those_of_the_formula() -> None:
    # V² = ½ Σ (p - q)²/(p + q) = ½ (0.01/1.1 + 0.01/0.9), less what chance gives, here next to nothing.
    shift = category_shift(np.array([500_000, 500_000]), np.array([600_000, 400_000]))
    assert shift.effect == pytest.approx((0.5 * (0.01 / 1.1 + 0.01 / 0.9)) ** 0.5, abs=1e-4)
    table = np.array([[500_000, 500_000], [600_000, 400_000]])
    assert shift.statistic == pytest.approx(stats.chi2_contingency(table, correction=False).statistic)


def test_levels_that_are_all_replaced_are_drift_though_each_is_rare(table: Tables) -> None:
    rng = np.random.default_rng(0)
    before = [f"a{i}" for i in rng.integers(0, 2_000, 6_000)]
    after = [f"b{i}" for i in rng.integers(0, 2_000, 6_000)]
    result = both(table, {"sku": before}, {"sku": after})
    assert result.drifted_columns == ["sku"]


@pytest.mark.parametrize("filled", [0, 300])
@pytest.mark.parametrize(
    "values", [list(range(1000)), ["x", "y"] * 500, [True, False] * 500, [f"text {i:04} of many" for i in range(1000)]]
)
def test_a_column_that_becomes_null_has_drifted(table: Tables, values: list[Any], filled: int) -> None:
    kind = pa.array(values).type
    now = pa.array([*values[:filled], *[None] * (1000 - filled)], kind)
    result = both(table, {"x": pa.array(values)}, {"x": now})
    assert result.drifted_columns == ["x"]
    assert column(result, "x").measure == "missing_share"
    assert column(result, "x").missing_current == pytest.approx(1 - filled / 1000)


def test_ids_and_timestamps_move_by_nature(table: Tables) -> None:
    def month(first: int) -> dict[str, Any]:
        order = np.arange(first, first + 2000)
        return {
            "order_id": order,
            "row": order,
            "code": [f"ORD-{i}" for i in order],
            "customer_id": order // 3 * 7,
            "created_at": pa.array(order * 1200 + 1_700_000_000, pa.timestamp("s")),
            "day": pa.array(order // 50 + 19_000, pa.int32()).cast(pa.date32()),
        }

    result = both(table, month(1), month(5001))
    assert result.drifted_columns == []
    assert Counter(item.kind for item in result.columns) == {"id": 4, "datetime": 2}
    assert "2023-11-14" in column(result, "created_at").note


def test_hours_of_another_time_zone_are_told_but_are_no_drift(table: Tables) -> None:
    rng = np.random.default_rng(0)
    seconds = (rng.integers(0, 30, 4000) * 24 + rng.normal(12, 2, 4000)) * 3600
    shifted = [pa.array((seconds + offset).astype(int), pa.timestamp("s")) for offset in (0, 8 * 3600)]
    result = both(table, {"at": shifted[0]}, {"at": shifted[1]})
    assert result.drifted_columns == []
    assert [finding.severity for finding in result.findings] == ["low"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("the order came late again", "die Lieferung kam wieder zu spät"),
        ("short words here", "short words here and many more of them than there were"),
    ],
)
def test_texts_that_change_are_drift(table: Tables, before: str, after: str) -> None:
    tables = [{"note": [f"{text} {i * 37} {i}" for i in range(800)]} for text in (before, after)]
    assert both(table, *tables).drifted_columns == ["note"]


def test_a_few_rows_far_out_are_drift_but_one_wrong_cell_is_not(table: Tables) -> None:
    rng = np.random.default_rng(0)
    zeros = np.zeros(20_000)
    before, after, broken = zeros.copy(), zeros.copy(), zeros.copy()
    before[:1000], after[:2000], broken[:1000] = (
        rng.normal(50, 5, 1000),
        rng.normal(80, 5, 2000),
        rng.normal(50, 5, 1000),
    )
    broken[-1] = 1e9
    assert both(table, {"x": before}, {"x": after}).drifted_columns == ["x"]
    assert both(table, {"x": before}, {"x": broken}).drifted_columns == []


def test_a_column_next_to_constant_is_not_judged_by_its_small_spread(table: Tables) -> None:
    before, after = np.full(10_000, 0.3), np.full(10_000, 0.3)
    before[:20], after[:80] = 0, 0
    assert both(table, {"x": before}, {"x": after}).drifted_columns == []


def test_new_and_vanished_categories_are_named(table: Tables) -> None:
    result = both(table, {"c": ["a", "b", "old"] * 300}, {"c": ["a", "b", "new"] * 300})
    assert column(result, "c").new_values == ["new"]
    assert column(result, "c").vanished_values == ["old"]


def test_columns_on_one_side_and_changed_types_are_findings(table: Tables) -> None:
    result = both(
        table,
        {"Unit Price": [1, 2], "x": [1, 2], "gone": [1, 2]},
        {"unit_price": [1, 2], "x": ["1", "N/A"], "new": [1, 2]},
    )
    assert result.missing_columns == ["Unit Price", "gone"]
    assert result.new_columns == ["unit_price", "new"]
    assert set(result.type_changes) == {"x"}
    messages = " ".join(finding.message for finding in result.findings)
    assert "'Unit Price' may now be 'unit_price'" in messages
    assert next(finding for finding in result.findings if finding.columns == ["x"]).evidence.examples == ["N/A"]
    assert result.status == "failed"
    assert result.columns == []


def test_an_unknown_column_is_refused_with_the_nearest(table: Tables) -> None:
    with pytest.raises(BadRequest, match="did you mean 'amount'"):
        both(table, {"amount": [1]}, {"amount": [1]}, ["amuont"])


@pytest.mark.parametrize("rows", [0, 1])
def test_an_empty_side_is_a_finding(table: Tables, rows: int) -> None:
    result = both(table, {"x": pa.array([1.5] * 100)}, {"x": pa.array([1.5] * rows, pa.float64())})
    assert result.drifted_columns == []
    assert result.status == ("passed" if rows else "failed")


def test_odd_columns_are_looked_at_without_harm(table: Tables) -> None:
    rng = np.random.default_rng(0)

    def odd() -> dict[str, Any]:
        infinite = rng.normal(size=200)
        infinite[:5] = [np.inf, -np.inf, np.nan, 1, 2]
        return {
            'a "quoted" column': infinite,
            "; drop table x --": pa.nulls(200, pa.int64()),
            "list": [[1, 2]] * 200,
            "struct": [{"a": 1}] * 200,
            "decimal": pa.array([None, *range(199)], pa.decimal128(9, 2)),
            "zoned": pa.array(range(200), pa.timestamp("us", tz="Europe/Berlin")),
            "time": pa.array([1] * 200, pa.time64("us")),
            "category": pa.array(["x", "y"] * 100).dictionary_encode(),
            "bytes": [b"x"] * 200,
            "größe.€ x": [True, None] * 100,
            "nothing": pa.nulls(200, pa.string()),
        }

    result = both(table, odd(), odd())
    assert len(result.columns) == 11
    assert result.drifted_columns == []
    assert column(result, "category").kind == "categorical"


def test_a_large_table_is_sampled_and_says_so(table: Tables) -> None:
    rng = np.random.default_rng(0)
    result = both(table, {"x": rng.normal(size=400_000)}, {"x": rng.normal(0.2, 1, size=400_000)})
    assert result.drifted_columns == ["x"]
    assert result.scanned.rows < result.scanned.of == 800_000
    assert "sample" in result.scanned.method
    # For a normal column moved by d standard deviations the distance is 2Φ(d/2) - 1.
    assert column(result, "x").statistic == pytest.approx(2 * stats.norm.cdf(0.1) - 1, abs=0.01)


def test_dates_written_as_text_in_several_ways_move_by_nature() -> None:
    import pandas as pd

    def month(number: int) -> pd.DataFrame:
        days = pd.Series(pd.date_range(f"2026-{number:02}-01", periods=28).repeat(20))
        written = days.dt.strftime("%Y-%m-%d").where(days.index % 10 > 0, days.dt.strftime("%d.%m.%Y"))
        return pd.DataFrame({"invoiced": written})

    result = check_drift(open_dataset(month(4)), open_dataset(month(5)))
    assert result.drifted_columns == []
    assert result.columns[0].kind == "datetime"
