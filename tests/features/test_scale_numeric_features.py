from __future__ import annotations

from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from refinery.tools.errors import BadRequest
from refinery.tools.features import _skops
from refinery.tools.features._scalers import MOST, Scaled
from refinery.tools.features._training import Column, Training
from refinery.tools.features.scale_numeric_features import plan
from sklearn.base import clone
from sklearn.preprocessing import MinMaxScaler, PowerTransformer, QuantileTransformer, RobustScaler, StandardScaler

METHODS = ["standard", "minmax", "robust", "quantile", "power"]
THEIRS = {
    "standard": StandardScaler(),
    "minmax": MinMaxScaler(),
    "robust": RobustScaler(),
    "quantile": QuantileTransformer(n_quantiles=1_000, output_distribution="normal", subsample=None),
    "power": PowerTransformer(),
}


def numbers(rows: int = 1_500) -> pd.DataFrame:
    rng = np.random.default_rng(7)
    frame = pd.DataFrame(
        {
            "bell": rng.normal(50, 10, rows),
            "skewed": rng.lognormal(2, 1, rows),
            "whole": rng.integers(0, 6, rows).astype(float),
            "signed": rng.standard_t(4, rows) * 1e6,
            "mostly_one": np.where(rng.random(rows) < 0.9, 3.0, rng.normal(size=rows)),
        }
    )
    frame.loc[::11, "skewed"] = np.nan
    frame.loc[5:40, "whole"] = np.nan
    return frame


def fitted(method: str, frame: pd.DataFrame) -> Scaled:
    return Scaled(method).fit(frame, None, None)


def training(frame: pd.DataFrame, **kinds: Any) -> Training:
    columns = {name: Column(name, kinds.get(name, "number"), (name,)) for name in frame.columns}
    return Training(frame, columns, None, "none", (), len(frame), 0)


@pytest.mark.parametrize("method", METHODS)
def test_training_and_new_rows_get_the_values_that_scikit_learns_own_scaler_gives_them(method: str) -> None:
    frame, new = numbers(), numbers(1_700).iloc[1_500:]
    if method == "quantile":
        # Apart from a least or largest value that many rows share, which has a test of its own.
        frame, new = (part.drop(columns=["whole", "mostly_one"]) for part in (frame, new))

    ours, theirs = fitted(method, frame), clone(THEIRS[method]).fit(frame.to_numpy())

    np.testing.assert_allclose(ours.transform(frame), theirs.transform(frame.to_numpy()), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(ours.transform(new), theirs.transform(new.to_numpy()), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("method", "facts"),
    [
        ("standard", lambda x: {"mean": x.mean(), "std": x.std(ddof=0)}),
        ("minmax", lambda x: {"min": x.min(), "max": x.max()}),
        ("robust", lambda x: {"median": x.median(), "iqr": x.quantile(0.75) - x.quantile(0.25)}),
    ],
)
def test_what_was_learned_is_told_as_pandas_computes_it(method: str, facts: Any) -> None:
    frame = numbers()[["bell", "skewed", "signed"]]

    learned = fitted(method, frame).learned()

    assert learned == {name: pytest.approx(facts(frame[name]), rel=1e-9) for name in frame.columns}


@pytest.mark.parametrize("method", METHODS)
def test_a_missing_value_stays_missing_and_no_other_becomes_so(method: str) -> None:
    frame = numbers()

    made = fitted(method, frame).transform(frame)

    assert (np.isnan(made) == frame.isna().to_numpy()).all()


@pytest.mark.parametrize("method", METHODS)
def test_a_row_gets_the_same_bits_alone_as_in_any_batch(method: str) -> None:
    frame = numbers()
    part = fitted(method, frame)
    whole = part.transform(frame)

    for size in (1, 2, 3, 7, 64):
        pieces = [part.transform(frame.iloc[start : start + size]) for start in range(0, 300, size)]
        assert np.concatenate(pieces)[:300].tobytes() == np.ascontiguousarray(whole[:300]).tobytes()


@pytest.mark.parametrize("method", METHODS)
def test_rows_beyond_one_block_of_work_are_scaled_like_the_first(method: str) -> None:
    frame = numbers()
    part = fitted(method, frame)
    many = pd.concat([frame] * 40, ignore_index=True)

    np.testing.assert_array_equal(part.transform(many), np.tile(part.transform(frame), (40, 1)))


@pytest.mark.parametrize("method", METHODS)
def test_a_column_of_one_value_or_none_becomes_zero_whatever_new_rows_hold(method: str) -> None:
    frame = pd.DataFrame({"one": [4.0] * 6, "some": [4.0, np.nan] * 3, "none": [np.nan] * 6, "real": np.arange(6.0)})
    part = fitted(method, frame)

    new = pd.DataFrame({"one": [4.0, -1e9, np.nan], "some": [9.0] * 3, "none": [1.0] * 3, "real": [1.0] * 3})
    made = part.transform(new)

    np.testing.assert_array_equal(made[:, :3], [[0, 0, 0], [0, 0, 0], [np.nan, 0, 0]])
    assert part.learned()["one"] == {"constant": 4.0}


EXTREMES: dict[str, list[float]] = {
    "huge": [1e300, -1e300, 5e299, 0.0, 1e200],
    "whole_range": [1.7e308, -1.7e308, 1.0, 2.0, 3.0],
    "tiny": [1e-300, 2e-300, 5e-300, -1e-300, 0.0],
    "subnormal": [5e-324, 1e-323, 0.0, 5e-324, 2e-323],
    "one_far_out": [0.0, 1.0, 2.0, 3.0, 1e300],
    "all_but_equal": [1.0, 1.0 + 2e-16, 1.0, 1.0, 1.0],
    "far_from_zero": [1e15, 1e15 + 1, 1e15 + 2, 1e15 + 3, 1e15 + 4],
    "long_tail": [1.0, 1e10, 1e20, 1e50, 1e100],
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", EXTREMES)
def test_extreme_columns_and_extreme_new_values_stay_finite(method: str, name: str) -> None:
    part = fitted(method, pd.DataFrame({"x": EXTREMES[name]}))

    new = [*EXTREMES[name], 1.7e308, -1.7e308, 5e-324, 0.0, 1.0]
    made = part.transform(pd.DataFrame({"x": new}))

    assert np.isfinite(made).all()
    assert np.abs(made).max() <= MOST
    assert all(np.isfinite(value) for value in part.learned()["x"].values())


@given(
    known=st.lists(st.floats(allow_nan=True, allow_infinity=False), min_size=1, max_size=30),
    new=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=5),
    method=st.sampled_from(METHODS),
)
@settings(max_examples=150, deadline=None)
def test_no_numbers_at_all_make_an_infinite_one(known: list[float], new: list[float], method: str) -> None:
    part = fitted(method, pd.DataFrame({"x": np.array(known, dtype=float)}))

    assert np.isfinite(part.transform(pd.DataFrame({"x": np.array(new, dtype=float)}))).all()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("unit", [2.0**-90, 2.0**900])
def test_the_unit_of_an_extreme_column_does_not_matter(method: str, unit: float) -> None:
    plain = pd.DataFrame({"x": np.random.default_rng(1).normal(0.75, 0.05, 400).clip(0.55, 0.95)})

    np.testing.assert_allclose(
        fitted(method, plain * unit).transform(plain * unit),
        fitted(method, plain).transform(plain),
        rtol=1e-9,
        atol=1e-12,
    )


def test_with_minmax_new_values_beyond_the_range_can_be_told_from_its_ends() -> None:
    part = fitted("minmax", pd.DataFrame({"x": [0.0, 10.0]}))

    assert part.transform(pd.DataFrame({"x": [-10.0, 0.0, 5.0, 20.0]})).ravel().tolist() == [-1, 0, 0.5, 2]


def test_with_quantile_new_values_beyond_the_range_are_held_at_its_ends() -> None:
    part = fitted("quantile", numbers()[["bell"]])

    made = part.transform(pd.DataFrame({"bell": [-1e9, 1e9]})).ravel()

    # The one-in-ten-million points of the normal distribution.
    assert made.tolist() == pytest.approx([-5.1993376, 5.1993376])


@pytest.mark.parametrize(("value", "middle"), [(0.0, 0.30), (1.0, 0.75), (2.0, 0.95)])
def test_with_quantile_what_many_rows_share_gets_the_middle_of_its_ranks(value: float, middle: float) -> None:
    part = fitted("quantile", pd.DataFrame({"x": [0.0] * 600 + [1.0] * 300 + [2.0] * 100}))

    made = part.transform(pd.DataFrame({"x": [value]}))[0, 0]

    assert made == pytest.approx(NormalDist().inv_cdf(middle), abs=0.01)


@pytest.mark.parametrize("method", METHODS)
def test_a_fitted_scale_comes_back_from_disk_the_same(method: str, tmp_path: Path) -> None:
    frame = numbers()
    part = fitted(method, frame)
    _skops.dump(part, tmp_path / "part.skops")

    again = _skops.load(tmp_path / "part.skops")

    assert again.transform(frame).tobytes() == part.transform(frame).tobytes()
    assert again.learned() == part.learned()


def test_a_clone_has_the_method_and_nothing_that_was_learned() -> None:
    copy = clone(fitted("robust", numbers()))

    assert vars(copy) == {"method": "robust"}


def test_all_numbers_are_scaled_and_flags_and_others_left() -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [5.0, 7.0], "f": [0.0, 1.0], "c": ["x", "y"]})

    made = plan(training(frame, f="flag", c="category"), method="minmax")

    [(part, names, kept)] = made.parts
    assert (part.get_params(), names, kept) == ({"method": "minmax"}, ["a", "b"], False)
    assert made.reasons == {"a": "minmax: 0 to 1, as asked; 1 to 2", "b": "minmax: 0 to 1, as asked; 5 to 7"}
    assert made.warnings == []


def test_a_scaled_column_keeps_its_name_kind_and_source() -> None:
    assert fitted("standard", numbers()[["bell"]]).outputs() == [("bell", "number", ["bell"])]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (["f"], "takes number columns, and 'f' is flag. Columns that fit: amount"),
        (["amuont"], "did you mean 'amount'"),
        ([], "empty list"),
    ],
)
def test_columns_that_do_not_fit_are_refused(columns: list[str], message: str) -> None:
    frame = pd.DataFrame({"amount": [1.0, 2.0], "f": [0.0, 1.0]})

    with pytest.raises(BadRequest, match=message):
        plan(training(frame, f="flag"), columns=columns)


def test_in_a_table_without_numbers_there_is_nothing_to_do() -> None:
    planned = plan(training(pd.DataFrame({"f": [0.0, 1.0]}), f="flag"))
    assert planned.parts == []
    assert "no number column" in planned.warnings[0].message


@pytest.mark.parametrize(
    ("method", "values", "metric", "severity"),
    [
        ("standard", [2.0] * 8, "constant", "medium"),
        ("power", [np.nan] * 8, "constant", "medium"),
        ("quantile", [1.0, 2.0, 3.0, np.nan], "missing", "low"),
        ("standard", [*range(20), 10_000.0], "span", "low"),
        ("minmax", [*range(20), 10_000.0], "span", "low"),
        ("robust", [1.0] * 9 + [2.0], "interquartile_range", "low"),
    ],
)
def test_what_a_careful_colleague_would_mention_is_mentioned(
    method: Any, values: list[float], metric: str, severity: str
) -> None:
    made = plan(training(pd.DataFrame({"x": np.array(values, dtype=float)})), method=method)

    [warning] = made.warnings
    assert (warning.metric, warning.severity, warning.columns) == (metric, severity, ["x"])


@pytest.mark.parametrize(
    ("method", "values"),
    [("robust", [*range(20), 10_000]), ("quantile", [*range(20), 10_000]), ("standard", range(20))],
)
def test_nothing_is_mentioned_where_there_is_nothing(method: Any, values: Any) -> None:
    assert plan(training(pd.DataFrame({"x": np.array(values, dtype=float)})), method=method).warnings == []


def by_time(last: float) -> pd.DataFrame:
    """A table whose last fifth, in time, is for testing."""
    rng = np.random.default_rng(3)
    x = rng.normal(20, 4, 500)
    x[400:] *= last
    when = pd.date_range("2025-01-01", periods=500, freq="h")
    return pd.DataFrame({"when": when, "x": x, "z": rng.normal(size=500), "y": rng.random(500) < 0.5})


SPLIT = {"method": "time", "column": "when"}


def test_the_statistics_are_those_of_the_training_rows(lab: Any) -> None:
    frame = by_time(last=50)
    name = lab.start(frame, split=SPLIT)

    result = lab.call("scale_numeric_features", pipeline=name)

    rows = frame["x"].iloc[:400]
    assert result.learned["x"] == pytest.approx({"mean": rows.mean(), "std": rows.std(ddof=0)}, rel=1e-9)
    scaled = lab.built(name).training.frame["x"].to_numpy()
    np.testing.assert_allclose(np.sort(scaled), np.sort((rows - rows.mean()) / rows.std(ddof=0)), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_other_test_rows_change_nothing_that_was_learned(lab: Any, method: str) -> None:
    learned = []
    for number, last in enumerate((1.0, -1_000.0)):
        name = lab.start(by_time(last), split=SPLIT, name=f"table{number}")
        learned.append(lab.call("scale_numeric_features", pipeline=name, method=method).learned)

    assert learned[0] == learned[1]


def test_the_same_call_twice_changes_nothing(lab: Any) -> None:
    name = lab.start(by_time(1.0))
    first = lab.call("scale_numeric_features", pipeline=name, method="robust", columns=["x"])

    again = lab.call("scale_numeric_features", pipeline=name, method="robust", columns=["x"])

    assert (first.changed, again.changed, again.step) == (True, False, first.step)
    assert [item.column for item in first.made] == ["x"]


def test_an_unknown_method_names_the_allowed(lab: Any) -> None:
    name = lab.start(by_time(1.0))

    with pytest.raises(BadRequest, match="did you mean 'robust'"):
        lab.call("scale_numeric_features", pipeline=name, method="robst")
