"""The first step of every pipeline: declared columns, from a table however it is backed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from refinery.tools.errors import BadRequest
from refinery.tools.features import _skops
from refinery.tools.features._reader import ROW, Reader, as_frame, codes_of, rank_rows, read_column
from refinery.tools.features._rows import FOLDS, hash_values
from refinery.tools.features._step import fold_of, rank_of

COLUMNS: list[dict[str, Any]] = [
    {"name": "age", "kind": "number", "missing": [-999.0]},
    {"name": "price", "kind": "number", "missing": []},
    {"name": "city", "kind": "category", "missing": ["N/A", "?"]},
    {"name": "code", "kind": "category", "missing": []},
    {"name": "note", "kind": "text", "missing": ["(blank)"]},
    {"name": "member", "kind": "flag", "labels": {"yes": 1.0, "no": 0.0}},
    {"name": "at", "kind": "datetime", "missing": ["1900-01-01"], "day_first": True},
]
RAW = {
    "age": [31, -999, None, 40],
    "price": ["€ 5", "1,200.5", "12 %", "free"],
    "city": ["Rome", " N/A ", "", None],
    "code": [1, 2, None, 1],
    "note": ["so late", "  ", "?", None],
    "member": ["Yes", "no", "N/A", None],
    "at": ["03/04/2025", "1900-01-01 00:00", "2025-04-03T10:00:00+02:00", None],
}
DAY = np.datetime64("2025-04-03T00:00:00", "us")
NAN, NAT = float("nan"), np.datetime64("NaT", "us")
READ: dict[str, list[Any]] = {
    "age": [31.0, NAN, NAN, 40.0],
    "price": [5.0, 1200.5, 12.0, NAN],
    "city": ["Rome", None, None, None],
    "code": ["1", "2", None, "1"],
    "note": ["so late", None, "?", None],
    "member": [1.0, 0.0, NAN, NAN],
    "at": [DAY, NAT, DAY + np.timedelta64(8, "h"), NAT],
}


def _raw() -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in RAW.items()})


BACKINGS: dict[str, pd.DataFrame] = {
    "objects": _raw(),
    "inferred": pd.DataFrame(RAW),
    "nullable": pd.DataFrame(RAW).convert_dtypes(),
    "Arrow": pa.table(RAW).to_pandas(types_mapper=pd.ArrowDtype),
    "categorical": pd.DataFrame(RAW).astype("category"),
}


def _check(frame: pd.DataFrame, rows: slice = slice(None)) -> None:
    assert list(frame.columns) == list(READ)
    for name, wanted in READ.items():
        found = frame[name].to_numpy()
        if name in {"city", "code", "note"}:
            assert found.dtype == object
            assert found.tolist() == wanted[rows]
        else:
            np.testing.assert_array_equal(found, np.array(wanted[rows]))
            assert found.dtype == np.array(wanted).dtype


@pytest.mark.parametrize("frame", BACKINGS.values(), ids=BACKINGS)
def test_the_same_rows_give_the_same_columns_whatever_backs_them(frame: pd.DataFrame) -> None:
    reader = Reader(COLUMNS).fit(frame)
    _check(reader.transform(frame))
    _check(reader.transform(frame[frame.columns[::-1]].assign(more=1)))


@pytest.mark.parametrize("frame", BACKINGS.values(), ids=BACKINGS)
def test_one_row_is_read_as_among_others(frame: pd.DataFrame) -> None:
    for row in range(4):
        _check(Reader(COLUMNS).transform(frame.iloc[row : row + 1]), slice(row, row + 1))
    _check(Reader(COLUMNS).transform(frame.iloc[:0]), slice(0))


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "age": st.none() | st.floats() | st.integers(-(2**63), 2**63 - 1),
                "price": st.none() | st.text(max_size=6),
                "city": st.none() | st.sampled_from(["Rome", " ?", "N/A", "", "n/a"]),
                "code": st.none() | st.integers(0, 3) | st.booleans() | st.floats(0, 2),
                "note": st.none() | st.text(max_size=6),
                "member": st.none() | st.sampled_from(["YES", "no ", True, 1, "maybe"]),
                "at": st.none() | st.datetimes().map(str) | st.dates() | st.text("0123456789-/: TZ", max_size=12),
            }
        ),
        min_size=1,
        max_size=6,
    )
)
def test_whatever_is_in_a_row_it_is_read_alone_as_among_others(rows: list[dict[str, Any]]) -> None:
    frame = pd.DataFrame({name: pd.Series([row[name] for row in rows], dtype=object) for name in RAW})
    together = Reader(COLUMNS).transform(frame)
    alone = pd.concat([Reader(COLUMNS).transform(frame.iloc[row : row + 1]) for row in range(len(rows))])
    for name in RAW:
        left, right = together[name].to_numpy(), alone[name].to_numpy()
        same = (left == right) | (pd.isna(left) & pd.isna(right))
        assert same.all(), name
    for name in ("age", "price", "member"):
        assert not np.isinf(together[name]).any()


def test_the_index_of_the_table_is_kept_even_when_it_repeats() -> None:
    frame = _raw().set_axis(["a", "a", "b", "a"])
    found = Reader(COLUMNS).transform(frame)
    assert found.index.tolist() == ["a", "a", "b", "a"]
    _check(found)


def test_the_given_table_is_left_as_it_is() -> None:
    frame, before = _raw(), _raw()
    Reader(COLUMNS).fit_transform(frame, np.array([0, 1, 0, 1]))
    pd.testing.assert_frame_equal(frame, before)


def test_a_missing_column_is_named_with_the_nearest() -> None:
    frame = _raw().rename(columns={"city": "citty"})
    with pytest.raises(BadRequest, match="no column 'city' in these rows; did you mean 'citty'"):
        Reader(COLUMNS).transform(frame)


def test_a_column_on_which_no_output_depends_may_be_absent() -> None:
    frame = _raw()
    for column in COLUMNS:
        name = column["name"]
        found = Reader(COLUMNS, optional=[name]).transform(frame.drop(columns=name))
        assert found[name].isna().all()
        assert found[name].dtype == Reader(COLUMNS).transform(frame)[name].dtype
        for other in found.columns.drop(name):
            pd.testing.assert_series_equal(found[other], Reader(COLUMNS).transform(frame)[other])


def test_a_sentinel_is_missing_at_any_time_of_its_day() -> None:
    column = {"name": "at", "kind": "datetime", "missing": ["1900-01-01"]}
    moments = pd.Series(np.array(["1900-01-01T00:00", "1900-01-01T06:00", "1900-01-02T00:00"], dtype="datetime64[us]"))
    assert np.isnat(read_column(moments, column)).tolist() == [True, True, False]


def test_placeholders_told_by_text_do_not_touch_numbers() -> None:
    column = {"name": "x", "kind": "number", "missing": ["-999"]}
    assert read_column(pd.Series([-999.0, 1.0]), column).tolist() == [-999.0, 1.0]


def test_fit_transform_marks_every_row_and_transform_none() -> None:
    frame = pd.concat([_raw()] * 10, ignore_index=True)
    made = Reader(COLUMNS).fit_transform(frame, np.tile([0, 1], 20))
    assert sorted(rank_of(made[ROW].to_numpy())) == list(range(40))
    assert np.bincount(fold_of(made[ROW].to_numpy())).tolist() == [8] * FOLDS
    assert ROW not in Reader(COLUMNS).transform(frame)


@pytest.mark.parametrize("frame", BACKINGS.values(), ids=BACKINGS)
def test_folds_are_the_same_whatever_backs_the_rows(frame: pd.DataFrame) -> None:
    y = np.tile([0, 1, 1, 0], 10)
    many = pd.concat([frame] * 10, ignore_index=True)
    first = Reader(COLUMNS).fit_transform(pd.concat([_raw()] * 10, ignore_index=True), y)
    made = Reader(COLUMNS).fit_transform(many, y)
    assert sorted(made[ROW]) == sorted(first[ROW])
    for place in range(4):
        # Equal rows may change places among themselves.
        assert sorted(made[ROW].iloc[place::4]) == sorted(first[ROW].iloc[place::4])


def _numbers(rows: int = 400) -> pd.DataFrame:
    return as_frame({"x": np.random.default_rng(0).normal(size=rows)})


LABELS: dict[str, Any] = {
    "floats": lambda codes: codes.astype(float),
    "integers": lambda codes: codes,
    "other numbers": lambda codes: codes * 3 + 5,
    "NumPy objects": lambda codes: np.array([int(code) for code in codes], dtype=object),
    "texts": lambda codes: np.array([f"c{code:03}" for code in codes]),
    "text objects": lambda codes: np.array([f"c{code:03}" for code in codes], dtype=object),
    "pandas texts": lambda codes: pd.Series([f"c{code:03}" for code in codes], dtype="str"),
    "nullable": lambda codes: pd.Series(codes, dtype="Int64"),
    "Arrow": lambda codes: pd.Series(codes, dtype=pd.ArrowDtype(pa.int64())),
    "Arrow texts": lambda codes: pd.Series([f"c{code:03}" for code in codes], dtype=pd.ArrowDtype(pa.string())),
    "categories": lambda codes: pd.Series([f"c{code:03}" for code in codes], dtype="category"),
}


@pytest.mark.parametrize("label", LABELS.values(), ids=LABELS)
@pytest.mark.parametrize("classes", [2, 12, 20, 21, 80])
def test_a_notebook_that_gives_labels_gets_the_folds_of_their_codes(classes: int, label: Any) -> None:
    """A pipeline is fitted with codes; who fits it again gives what is in the table."""
    codes = np.random.default_rng(1).permutation(np.arange(400) % classes)
    fitted = rank_rows(_numbers(), codes.astype(float), None, seed=0)
    assert (rank_rows(_numbers(), label(codes), None, seed=0) == fitted).all()


@pytest.mark.parametrize("classes", [2, 21, 80])
def test_every_class_is_in_every_fold_as_often(classes: int) -> None:
    codes = np.arange(1_600) % classes
    folds = fold_of(rank_rows(_numbers(1_600), codes.astype(float), None, seed=0))
    counts = pd.crosstab(codes, folds)
    assert (counts.max(axis=1) - counts.min(axis=1)).max() <= 1


def test_every_tenth_of_a_regression_is_in_every_fold_as_often() -> None:
    y = np.random.default_rng(2).normal(size=1_000)
    folds = fold_of(rank_rows(_numbers(1_000), y, None, seed=0))
    assert (pd.crosstab(pd.qcut(y, 10, labels=False), folds) == 20).to_numpy().all()


def test_few_different_numbers_do_not_get_folds_by_their_rank() -> None:
    """Twenty rows with a number each: were each its own stratum, every fifth in order would share a fold."""
    y = np.arange(20.0)
    folds = {tuple(fold_of(rank_rows(_numbers(20), y, None, seed=seed))[:5]) for seed in range(6)}
    assert len(folds) > 1


def test_another_seed_is_other_folds() -> None:
    y = np.arange(400) % 2
    first, second = (fold_of(rank_rows(_numbers(), y, None, seed=seed)) for seed in (0, 1))
    assert 40 < (first == second).sum() < 120  # a fifth of 400 by chance


def test_rows_of_a_group_share_a_fold() -> None:
    frame = pd.DataFrame({"x": np.arange(300) / 7, "shop": [f"s{row % 40}" for row in range(300)]})
    reader = Reader([{"name": "x", "kind": "number"}], group="shop")
    made = reader.fit_transform(frame, np.arange(300) % 2)
    folds = pd.Series(fold_of(made[ROW].to_numpy()))
    assert (folds.groupby(frame["shop"]).nunique() == 1).all()
    assert folds.nunique() == FOLDS
    arrow = frame.astype({"shop": pd.ArrowDtype(pa.string())})
    assert (reader.fit_transform(arrow, np.arange(300) % 2)[ROW] == made[ROW]).all()


@pytest.mark.parametrize(
    ("target", "codes", "classes"),
    [
        ([3, 1, 3], [1, 0, 1], 2),
        (["b", "a", "b"], [1, 0, 1], 2),
        ([10, 9, 100], [1, 0, 2], 3),
        ([True, False, True], [1, 0, 1], 2),
        (np.array([10, 9, 100], dtype=object), [1, 0, 2], 3),
        (np.arange(21), list(range(21)), 0),
        ([f"c{code:02}" for code in range(21)], list(range(21)), 21),
    ],
)
def test_classes_are_coded_in_the_order_of_their_values(target: Any, codes: list[int], classes: int) -> None:
    found, count = codes_of(np.asarray(target))
    assert (found.tolist(), count) == (codes, classes)


def test_a_text_that_no_encoding_holds_has_a_key_all_the_same() -> None:
    odd = np.array(["\ud800", "a", None], dtype=object)
    assert len(set(hash_values(odd).tolist())) == 3
    assert hash_values(odd)[1:].tolist() == hash_values(odd[1:]).tolist()


def test_a_reader_is_the_same_after_saving(tmp_path: Any) -> None:
    _skops.dump(Reader(COLUMNS, optional=["note"], group="city", seed=3).fit(_raw()), tmp_path / "reader.skops")
    again = _skops.load(tmp_path / "reader.skops")
    _check(again.transform(_raw()))
    assert again.get_params() == {"columns": COLUMNS, "optional": ["note"], "group": "city", "seed": 3}
