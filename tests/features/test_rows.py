"""Which rows are for testing, and in which fold: by what rows hold, never by where they stand."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from refinery.tools.data.opening import open_dataset
from refinery.tools.errors import BadRequest
from refinery.tools.features._declared import Split
from refinery.tools.features._reader import rank_rows
from refinery.tools.features._rows import (
    FOLDS,
    digest,
    draw_folds,
    draw_groups,
    draw_stratified,
    hash_column,
    hash_frame,
    hash_table,
    mixed,
    numbered,
    repeated_share,
)
from refinery.tools.features._step import fold_of
from refinery.tools.features._survey import Survey, survey
from scipy import stats


def _survey(frame: Any, target: str | None = "y", id_column: str | None = None, **split: Any) -> Survey:
    return survey(open_dataset(frame), target, Split(**split), id_column=id_column)


def _wide(rows: int = 1_000, seed: int = 0) -> pd.DataFrame:
    dice = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "amount": dice.normal(size=rows),
            "city": dice.choice(["Rome", "Oslo", None], rows),
            "pieces": dice.integers(0, 9, rows),
            "at": pd.Timestamp("2025-01-01") + pd.to_timedelta(dice.integers(0, 10**7, rows), unit="s"),
            "member": dice.random(rows) < 0.5,
            "y": dice.choice(["a", "b", "c"], rows, p=[0.5, 0.4, 0.1]),
        }
    )


def _keys(count: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).integers(0, 2**64, count, dtype=np.uint64)


# What is drawn of classes of some sizes, worked out by hand: a fifth of each, rounded so that a fifth of all results.
SHARES = [
    ((100, 50, 10), (20, 10, 2)),
    ((500, 500), (100, 100)),
    ((5,), (1,)),
    ((2,), (1,)),
    ((99, 1), (20, 0)),  # 19.8 and 0.2: a row alone in its class is needed to learn it
    ((998, 2), (199, 1)),  # 199.6 and 0.4: the class of which there would be none goes first
    ((13, 7), (3, 1)),  # 2.6 and 1.4
    ((3, 3, 3, 3, 3), (1, 1, 1, 0, 0)),  # 0.6 each are 3 together
]


@pytest.mark.parametrize(("sizes", "drawn"), SHARES)
def test_a_fifth_of_every_class_is_drawn_as_nearly_as_can_be(sizes: tuple[int, ...], drawn: tuple[int, ...]) -> None:
    strata = np.repeat(np.arange(len(sizes)), sizes)
    test = draw_stratified(_keys(len(strata)), strata, 0.2, salt=1)
    assert tuple(np.bincount(strata[test], minlength=len(sizes))) == drawn


def test_many_small_classes_are_a_fifth_together() -> None:
    strata = np.repeat(np.arange(500), 2)
    test = draw_stratified(_keys(1_000), strata, 0.2, salt=1)
    assert test.sum() == 200
    assert np.bincount(strata[test]).max() == 1


@given(
    sizes=st.lists(st.integers(1, 60), min_size=1, max_size=12),
    fraction=st.sampled_from([0.05, 0.1, 0.2, 0.29, 0.5, 0.9]),
    seed=st.integers(0, 99),
)
def test_no_class_is_a_row_or_more_away_from_its_share_nor_wholly_drawn(
    sizes: list[int], fraction: float, seed: int
) -> None:
    strata = np.repeat(np.arange(len(sizes)), sizes)
    test = draw_stratified(_keys(len(strata), seed), strata, fraction, salt=seed)
    for code, size in enumerate(sizes):
        drawn = test[strata == code].sum()
        assert drawn <= size - 1
        assert abs(drawn - fraction * size) < 1 or drawn == size - 1


@pytest.mark.parametrize("classes", [3, 20, 21, 150])
def test_every_class_of_texts_is_split_80_20_however_many_there_are(classes: int) -> None:
    dice = np.random.default_rng(0)
    frame = pd.DataFrame({"x": dice.normal(size=classes * 10), "y": [f"c{one}" for one in range(classes)] * 10})
    found = _survey(frame)
    assert set(frame["y"][found.test].value_counts()) == {2}
    assert frame["y"][found.test].nunique() == classes


@pytest.mark.parametrize("values", ["float", "integer"])
def test_a_regression_is_split_80_20_in_every_tenth_of_its_range(values: str) -> None:
    dice = np.random.default_rng(0)
    y = dice.permutation(1_000) if values == "integer" else dice.permutation(np.exp(np.linspace(0, 9, 1_000)))
    found = _survey(pd.DataFrame({"x": dice.normal(size=1_000), "y": y}))
    tenth = pd.qcut(y, 10, labels=False)
    assert np.bincount(tenth[found.test]).tolist() == [20] * 10


def test_a_regression_of_few_rows_all_different_has_test_rows_too() -> None:
    frame = pd.DataFrame({"x": np.arange(20) / 7, "y": np.arange(20)})
    assert _survey(frame).test.sum() == 4


@pytest.mark.parametrize("method", ["stratified", "random"])
def test_without_a_target_a_fifth_is_drawn(method: str) -> None:
    assert _survey(_wide(), None, method=method).test.sum() == 200


def test_another_seed_is_another_split_and_the_same_seed_the_same() -> None:
    frame = _wide()
    tests = [_survey(frame, seed=seed).test for seed in (0, 0, 1, 2)]
    assert (tests[0] == tests[1]).all()
    for other in tests[2:]:
        # Of two independent splits 0.2 * 0.2 of the rows are test rows in both.
        assert 20 <= (tests[0] & other).sum() <= 60


@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.5])
def test_the_fraction_is_the_one_that_was_asked_for(fraction: float) -> None:
    assert _survey(_wide(), test_fraction=fraction).test.sum() == round(fraction * 1_000)


# Values of a time column, and which rows are the latest fifth, those of the same time together.
TIMES = [
    ([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], [9, 10]),
    ([10, 9, 8, 7, 6, 5, 4, 3, 2, 1], [9, 10]),
    ([1, 2, 3, 4, 5, 6, 7, 9, 9, 9], [9]),  # 3 rows are nearer to 2 than none
    ([1, 1, 1, 1, 1, 1, 1, 1, 2, 3], [2, 3]),
    ([1, 1, 1, 1, 1, 1, 1, 1, 1, 3], [3]),
    ([1, 1, 1, 1, 1, 1, 8, 8, 8, 9], [9]),  # 1 row, or 4
    ([5, 9], [9]),
]


@pytest.mark.parametrize(("days", "latest"), TIMES)
@pytest.mark.parametrize("storage", ["timestamp", "date", "zoned"])
def test_by_time_the_latest_fifth_is_for_testing(days: list[int], latest: list[int], storage: str) -> None:
    moments: Any = [dt.datetime(2025, 3, day, 7) for day in days]
    if storage == "date":
        moments = [moment.date() for moment in moments]
    elif storage == "zoned":
        moments = pd.Series(moments).dt.tz_localize("Europe/Rome")
    frame = pd.DataFrame({"at": moments, "x": np.arange(len(days)) / 3})
    test = _survey(frame, None, method="time", column="at").test
    assert sorted({day for day, one in zip(days, test, strict=True) if one}) == latest
    assert all(one == (day in latest) for day, one in zip(days, test, strict=True))


@pytest.mark.parametrize(
    ("moments", "message"),
    [
        ([dt.datetime(2025, 1, 1)] * 10, "all rows of 'table' share one value of 'at'"),
        ([dt.datetime(2025, 1, 1), None, *[dt.datetime(2025, 1, 2)] * 8], "'at' is empty in 1 of 10 rows"),
    ],
)
def test_a_time_that_does_not_part_the_rows_is_refused(moments: list[Any], message: str) -> None:
    frame = pd.DataFrame({"at": moments, "x": np.arange(10) / 3})
    with pytest.raises(BadRequest, match=message):
        _survey(frame, None, method="time", column="at")


def test_no_group_is_on_both_sides_and_a_fifth_of_the_rows_is_for_testing() -> None:
    frame = _wide(2_000).assign(shop=np.random.default_rng(1).integers(0, 150, 2_000))
    test = _survey(frame, method="group", column="shop").test
    assert frame["shop"].groupby(test).unique().map(set).agg(lambda sides: sides[False] & sides[True]) == set()
    assert abs(test.mean() - 0.2) < 0.01
    assert (test != _survey(frame, method="group", column="shop", seed=1).test).any()


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("law", ["lognormal", "one giant", "zipf"])
def test_groups_of_very_different_size_are_a_fifth_all_the_same(law: str, seed: int) -> None:
    dice = np.random.default_rng(seed)
    sizes = {
        "lognormal": dice.lognormal(2, 2, 200),
        "one giant": np.append(dice.integers(1, 9, 100), 2_000),
        "zipf": 1_000 / np.arange(1, 100),
    }[law].astype(int) + 1
    groups = np.repeat(_keys(len(sizes), seed), sizes)
    test = draw_groups(groups, 0.2, salt=4 * seed + 1)
    best = sum(sorted(sizes)[:-1]) / sizes.sum()  # all that there is beside the giant
    assert abs(test.mean() - min(0.2, best)) < 0.02
    assert len(set(groups[test]) & set(groups[~test])) == 0


@given(sizes=st.lists(st.integers(1, 40), min_size=2, max_size=15), seed=st.integers(0, 99))
def test_both_sides_have_groups_and_one_more_would_not_come_nearer(sizes: list[int], seed: int) -> None:
    names = _keys(len(sizes), seed)
    groups = np.repeat(names, sizes)
    test = draw_groups(groups, 0.2, salt=seed)
    inside = {name: bool(test[groups == name].all()) for name in names}
    assert all(test[groups == name].any() == inside[name] for name in names)
    assert 0 < sum(inside.values()) < len(sizes)
    off = abs(test.sum() - 0.2 * len(groups))
    if sum(inside.values()) < len(sizes) - 1:
        for name, size in zip(names, sizes, strict=True):
            assert inside[name] or abs(test.sum() + size - 0.2 * len(groups)) >= off - 1e-9


def test_a_million_groups_take_no_longer_than_sorting_them() -> None:
    """Not timed: a loop in which each group looks at all would not come back."""
    groups = np.repeat(_keys(300_000), 2)
    assert abs(draw_groups(groups, 0.2, salt=1).mean() - 0.2) < 1e-5


def test_one_group_alone_is_refused() -> None:
    with pytest.raises(BadRequest, match="'shop' has one value only"):
        _survey(_wide().assign(shop="a"), method="group", column="shop")


SPLITS: list[dict[str, Any]] = [
    {},
    {"method": "random"},
    {"method": "time", "column": "at"},
    {"method": "group", "column": "pieces"},
    {"test_fraction": 0.37, "seed": 5},
]


@pytest.mark.parametrize("split", SPLITS, ids=str)
def test_neither_the_order_of_the_rows_nor_of_the_columns_changes_a_row_s_side(split: dict[str, Any]) -> None:
    frame = _wide()
    first = _survey(frame, **split)
    order = np.random.default_rng(3).permutation(len(frame))
    other = _survey(frame.iloc[order].reset_index(drop=True), **split)
    assert (other.test == first.test[order]).all()
    assert (other.keys == first.keys[order]).all()
    turned = _survey(frame[frame.columns[::-1]], **split)
    assert (turned.test == first.test).all()
    assert first.digest == other.digest == turned.digest


@pytest.mark.parametrize("task", ["binary", "many classes", "regression", "none"])
@pytest.mark.parametrize("grouped", [False, True])
def test_neither_the_order_of_the_rows_nor_of_the_columns_changes_a_row_s_rank_and_fold(
    task: str, grouped: bool
) -> None:
    dice = np.random.default_rng(0)
    frame = pd.DataFrame({"a": dice.normal(size=600), "b": dice.choice(np.array(["u", "v", None], dtype=object), 600)})
    y = {
        "binary": dice.integers(0, 2, 600).astype(float),
        "many classes": np.array([f"c{one}" for one in dice.integers(0, 60, 600)]),
        "regression": dice.normal(size=600),
        "none": None,
    }[task]
    groups = dice.integers(0, 50, 600).astype(np.uint64) if grouped else None
    first = rank_rows(frame, y, groups, seed=0)
    order = dice.permutation(600)
    shuffled = rank_rows(
        frame.iloc[order].reset_index(drop=True),
        None if y is None else y[order],
        None if groups is None else groups[order],
        seed=0,
    )
    assert (shuffled == first[order]).all()
    assert (rank_rows(frame[["b", "a"]], y, groups, seed=0) == first).all()
    assert sorted(first // FOLDS) == list(range(600))


def test_the_same_rows_in_csv_and_parquet_are_split_alike(tmp_path: Path) -> None:
    frame = _wide()
    frame.to_csv(tmp_path / "rows.csv", index=False)
    frame.to_parquet(tmp_path / "rows.parquet", index=False)
    frame.astype({"pieces": "int16"}).to_parquet(tmp_path / "narrower.parquet", index=False)
    first, *others = [_survey(tmp_path / name) for name in ("rows.csv", "rows.parquet", "narrower.parquet")]
    for other in others:
        assert (other.test == first.test).all()
        assert other.digest == first.digest


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_moments_count_the_same_in_every_unit(unit: str) -> None:
    moments = pa.array([dt.datetime(2025, 1, 2, 3, 4, 5), None, dt.datetime(1931, 1, 1)], pa.timestamp("us"))
    one = hash_column(pa.chunked_array([moments]))
    assert (hash_column(pa.chunked_array([moments.cast(pa.timestamp(unit))])) == one).all()


def test_a_nanosecond_is_a_difference() -> None:
    moments = pa.chunked_array([pa.array([0, 1, 1_000, None], pa.timestamp("ns"))])
    assert len(set(hash_column(moments).tolist())) == 4


def test_with_an_id_a_row_keeps_its_side_when_its_other_values_change() -> None:
    frame = _wide().assign(order_id=[f"o{one}" for one in range(1_000)])
    first = _survey(frame, id_column="order_id")
    changed = frame.assign(amount=frame["amount"] * 3, city="Bern", at=frame["at"] + pd.Timedelta(days=9))
    assert (_survey(changed, id_column="order_id").test == first.test).all()
    assert (_survey(changed).test != _survey(frame).test).any(), "without an id the content decides"
    for y in ("a", "b", "c"):
        size = (frame["y"] == y).sum()
        assert abs(first.test[frame["y"] == y].sum() - 0.2 * size) < 1


@pytest.mark.parametrize("ids", ["text", "number"])
def test_new_rows_leave_most_of_the_old_ones_where_they_are(ids: str) -> None:
    names = [f"o{one}" for one in range(1_100)] if ids == "text" else list(range(1_100))
    frame = _wide(1_100).assign(order_id=names)
    before = _survey(frame.iloc[:1_000], id_column="order_id").test
    after = _survey(frame, id_column="order_id").test[:1_000]
    assert (before != after).sum() < 20


def test_a_few_equal_rows_are_kept_on_one_side() -> None:
    frame = _wide(1_000)
    twice = pd.concat([frame, frame.iloc[:40]], ignore_index=True)
    for seed in range(5):
        test = _survey(twice, seed=seed).test
        assert (test[:40] == test[1_000:]).all()
        assert 0 < test[:40].sum() < 40
        assert abs(test.mean() - 0.2) < 0.005


def test_equal_rows_do_not_swell_a_small_class() -> None:
    dice = np.random.default_rng(0)
    frame = pd.DataFrame({"x": dice.normal(size=2_000), "y": ["usual"] * 1_950 + ["rare"] * 50})
    frame.loc[1_950:1_979, "x"] = 7.0  # 30 of the 50 are one row again and again
    for seed in range(8):
        rare = _survey(frame, seed=seed).test[1_950:]
        assert rare.sum() <= 20
        assert rare[:30].sum() == 0


def test_in_a_narrow_table_equal_rows_are_spread_and_each_class_is_split_80_20() -> None:
    dice = np.random.default_rng(0)
    frame = pd.DataFrame({"category": dice.choice(list("abc"), 3_000), "y": dice.choice(["no", "yes"], 3_000)})
    found = _survey(frame)
    assert found.copies > 0.99
    for y, rows in frame.groupby("y"):
        assert abs(found.test[rows.index].sum() - 0.2 * len(rows)) < 1, y
    share = pd.Series(found.test).groupby([frame["category"], frame["y"]]).mean()
    assert share.between(0.1, 0.3).all()


def test_the_share_of_copies_is_that_of_pandas() -> None:
    frame = pd.DataFrame({"a": [1, 1, 1, 2, 3, 3], "b": list("xxxyzz")})
    assert repeated_share(hash_table(pa.Table.from_pandas(frame))) == pytest.approx(frame.duplicated().mean())


CHANGES: list[tuple[str, Any]] = [
    ("amount", 0.1 + 1e-12),
    ("amount", None),
    ("city", "rome"),
    ("city", None),
    ("city", "None"),
    ("pieces", 8),
    ("member", False),
    ("at", pd.Timestamp("2025-01-01 00:00:00.000001")),
]


@pytest.mark.parametrize(("column", "value"), CHANGES)
def test_one_changed_cell_is_another_digest(column: str, value: Any) -> None:
    rows = [
        {"amount": 0.1, "city": "Rome", "pieces": 7, "member": True, "at": pd.Timestamp("2025-01-01")},
        {"amount": None, "city": None, "pieces": 2, "member": False, "at": pd.Timestamp("2025-01-03")},
    ]
    schema = pa.schema(
        [
            ("amount", pa.float64()),
            ("city", pa.string()),
            ("pieces", pa.int64()),
            ("member", pa.bool_()),
            ("at", pa.timestamp("us")),
        ]
    )

    def of(rows: list[dict[str, Any]]) -> str:
        return digest(hash_table(pa.Table.from_pylist(rows, schema=schema)))

    assert of(rows) == of(rows[::-1])
    assert of(rows) != of([{**rows[0], column: value}, rows[1]])
    assert of(rows) != of([*rows, rows[1]])
    assert of([rows[0]] * 2) != of([rows[1]] * 2)


def test_null_and_the_text_none_are_different() -> None:
    texts = pa.chunked_array([["None", None, "nan", ""]])
    assert len(set(hash_column(texts).tolist())) == 4
    frame = pd.DataFrame({"a": pd.Series(["None", None, "nan"], dtype=object)})
    assert len(set(hash_frame(frame).tolist())) == 3


def test_the_same_value_in_another_column_is_another_row() -> None:
    rows = pa.table({"a": ["x", "y"], "b": ["y", "x"]})
    assert len(set(hash_table(rows).tolist())) == 2


ODD_COLUMNS = [
    pa.array([b"\xff\x00", b"text", None, b"\xff\x00"]),
    pa.array([[1, 2], [], None, [1, 2]]),
    pa.array([{"a": 1}, {"a": None}, None, {"a": 1}]),
    pa.array([dt.time(1), dt.time(2), None, dt.time(1)]),
    pa.array([dt.date(2025, 1, 1), dt.date(1, 1, 1), None, dt.date(2025, 1, 1)]),
    pa.array([(1, 2, 3), (0, 0, 0), None, (1, 2, 3)], pa.month_day_nano_interval()),
    pa.array([2**64 - 1, 0, None, 2**64 - 1], pa.uint64()),
    pa.array(["x", "y", None, "x"]).dictionary_encode(),
    pa.array(["x", "y", None, "x"], pa.large_string()),
    pa.array([1.5, np.nan, None, 1.5], pa.float32()),
]


@pytest.mark.parametrize("column", ODD_COLUMNS, ids=lambda column: str(column.type))
def test_columns_of_every_type_have_keys_the_same_in_batches_of_any_size(column: pa.Array) -> None:
    whole = hash_column(pa.chunked_array([column])).tolist()
    assert whole[0] == whole[3]
    assert len(set(whole[:3])) == (2 if pa.types.is_floating(column.type) else 3)
    one_by_one = [hash_column(pa.chunked_array([column.slice(row, 1)]))[0] for row in range(4)]
    assert one_by_one == whole


@given(values=st.lists(st.integers(0, 4), max_size=40), seed=st.integers(0, 99))
def test_equal_rows_get_different_keys_and_their_multiset_is_that_of_any_order(values: list[int], seed: int) -> None:
    keys = mixed(np.array(values, dtype=np.uint64))
    made = numbered(keys)
    assert len(set(made.tolist())) == len(values)
    order = np.random.default_rng(seed).permutation(len(values))
    again = numbered(keys[order])
    for value in set(keys.tolist()):
        assert sorted(again[keys[order] == value]) == sorted(made[keys == value])


@pytest.mark.parametrize("salt", [0, 1, 2, 7])
@pytest.mark.parametrize(
    "column",
    [pa.array(range(20_000)), pa.array([f"c{one}" for one in range(20_000)]), pa.array(np.arange(20_000) / 8)],
    ids=["numbers", "texts", "floats"],
)
def test_keys_are_uniform_in_their_high_and_low_bits(column: pa.Array, salt: int) -> None:
    keys = mixed(hash_table(pa.table({"a": column, "b": pa.nulls(20_000, pa.string())})), salt)
    for place in (keys >> np.uint64(58), keys & np.uint64(63), keys % np.uint64(FOLDS)):
        assert stats.chisquare(np.bincount(place.astype(int))).pvalue > 1e-4


def test_salts_draw_independently() -> None:
    keys = _keys(20_000)
    table = np.histogram2d(
        (mixed(keys, 1) >> np.uint64(61)).astype(int), (mixed(keys, 2) >> np.uint64(61)).astype(int), bins=8
    )[0]
    assert stats.chi2_contingency(table).pvalue > 1e-4


def _tails(frame: pd.DataFrame, drawn: Any) -> float:
    """The chance of what is drawn being as far from the target, given the category, as it is."""
    statistic, freedom = 0.0, 0
    for _, rows in frame.groupby("category"):
        counts = pd.crosstab(drawn[rows.index], rows["y"])
        if min(counts.shape) > 1:
            found = stats.chi2_contingency(counts, correction=False)
            statistic, freedom = statistic + found.statistic, freedom + found.dof
    assert freedom > 20
    return float(stats.chi2.sf(statistic, freedom))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("levels", [40, 400])
def test_fold_and_side_of_a_row_in_a_narrow_table_do_not_tell_its_target(levels: int, seed: int) -> None:
    """Neither does a category's target gather in a fold, nor is it dealt out so evenly that the others give it away."""
    dice = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {"category": [f"c{one}" for one in dice.integers(0, levels, 8_000)], "y": dice.integers(0, 2, 8_000)}
    )
    canonical = pd.DataFrame({"category": frame["category"].to_numpy(dtype=object)}).astype(object)
    folds = fold_of(rank_rows(canonical, frame["y"].to_numpy(dtype=float), None, seed))
    assert 1e-3 < _tails(frame, folds) < 1 - 1e-3
    assert 1e-3 < _tails(frame, _survey(frame, seed=seed).test) < 1 - 1e-3


@pytest.mark.parametrize("target", ["classes", "numbers"])
def test_in_a_narrow_table_the_order_of_the_rows_changes_no_number_in_any_fold(target: str) -> None:
    """Rows that differ in the target alone are told apart, and equal ones are as many in each fold."""
    dice = np.random.default_rng(0)
    frame = pd.DataFrame({"category": pd.Series(dice.choice(list("abc"), 900), dtype=object)})
    y = dice.integers(0, 2, 900).astype(float) if target == "classes" else dice.normal(size=900).round(2)
    order = dice.permutation(900)
    counts = [
        pd.Series(fold_of(rank_rows(frame.iloc[rows], y[rows], None, seed=0)))
        .groupby([frame["category"].to_numpy()[rows], y[rows]])
        .value_counts()
        .sort_index()
        for rows in (np.arange(900), order)
    ]
    pd.testing.assert_series_equal(*counts)


def test_folds_hold_equally_many_of_every_class() -> None:
    strata = np.repeat([0, 1, 2], [100, 55, 7])
    folds = draw_folds(_keys(162), strata, None, salt=2)
    for code, size in enumerate([100, 55, 7]):
        counts = np.bincount(folds[strata == code], minlength=FOLDS)
        assert counts.max() - counts.min() <= 1
        assert counts.sum() == size


def test_groups_stay_in_one_fold_and_folds_are_about_as_large() -> None:
    sizes = np.random.default_rng(0).lognormal(3, 1.5, 300).astype(int) + 1
    groups = np.repeat(_keys(300), sizes)
    folds = draw_folds(_keys(len(groups)), None, groups, salt=2)
    assert (pd.Series(folds).groupby(groups).nunique() == 1).all()
    counts = np.bincount(folds, minlength=FOLDS)
    assert counts.max() - counts.min() <= sizes.max()
    assert counts.min() > 0


def test_what_is_fitted_on_of_many_rows_does_not_depend_on_their_order() -> None:
    frame = _wide(3_000)
    first = _survey(frame)
    order = np.random.default_rng(0).permutation(3_000)
    other = _survey(frame.iloc[order])
    chosen = first.sample(seed=0, limit=500)
    assert len(chosen) == 500
    assert not first.test[chosen].any()
    assert set(order[other.sample(seed=0, limit=500)]) == set(chosen)
    assert set(first.sample(seed=1, limit=500)) != set(chosen)
    assert stats.kstest(frame["amount"].to_numpy()[chosen], frame["amount"]).pvalue > 1e-3


@pytest.mark.parametrize(
    ("rows", "message"), [(0, "has no rows, and at least two"), (1, "has one row, and at least two")]
)
def test_fewer_than_two_rows_can_t_be_split(rows: int, message: str) -> None:
    with pytest.raises(BadRequest, match=message):
        _survey(_wide(5).iloc[:rows], None)


def test_classes_of_one_row_each_leave_none_for_testing_and_that_is_told() -> None:
    frame = pd.DataFrame({"x": [1.5, 2.5, 3.5, 4.5], "y": list("abcd")})
    with pytest.raises(BadRequest, match=r"no row of 'table' is left for testing.*'method': 'random'"):
        _survey(frame)
    assert _survey(frame, method="random").test.sum() == 1


def test_training_rows_of_one_class_are_refused() -> None:
    frame = pd.DataFrame({"at": pd.date_range("2025-01-01", periods=10), "y": ["no"] * 8 + ["yes"] * 2})
    with pytest.raises(BadRequest, match="one value only, 'no', in the 8 training rows that the split by time leaves"):
        _survey(frame, method="time", column="at")
