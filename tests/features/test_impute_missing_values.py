from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from refinery.tools.errors import BadRequest, LimitExceeded
from refinery.tools.features import _skops
from refinery.tools.features._imputers import DONORS, FillCategories, FillMissing
from refinery.tools.features._training import Column, Plan, Training
from refinery.tools.features.impute_missing_values import plan
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.preprocessing import StandardScaler

STATISTICS = ["mean", "median", "most_frequent"]
WAYS = [*STATISTICS, "constant", "knn", "iterative"]


def related(rows: int = 600, share: float = 0.2, seed: int = 5) -> pd.DataFrame:
    """Five columns that go along with each other, in units of their own, each with gaps."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(rows, 2)) @ rng.normal(size=(2, 5)) + rng.normal(size=(rows, 5)) / 3
    values = values * [1, 10, 0.01, 1e4, 3] + [0, 50, 1, -1e5, 7]
    values[rng.random(values.shape) < share] = np.nan
    return pd.DataFrame(values, columns=list("abcde"))


def fitted(frame: pd.DataFrame, way: str, **parameters: Any) -> FillMissing:
    return FillMissing(dict.fromkeys(map(str, frame.columns), way), **parameters).fit(frame, None, None)


@pytest.mark.parametrize("way", STATISTICS)
def test_a_gap_gets_the_statistic_that_scikit_learn_computes(way: str) -> None:
    frame = related().round(1)
    new = pd.DataFrame(np.nan, index=range(2), columns=frame.columns)

    theirs = SimpleImputer(strategy=way).fit(frame.to_numpy())

    np.testing.assert_allclose(fitted(frame, way).transform(frame), theirs.transform(frame.to_numpy()), rtol=1e-12)
    np.testing.assert_allclose(fitted(frame, way).transform(new), theirs.transform(new.to_numpy()), rtol=1e-12)


def test_values_that_are_there_are_left_as_they_are() -> None:
    frame = related()
    known = frame.notna().to_numpy()

    for way in WAYS:
        assert (fitted(frame, way).transform(frame)[known] == frame.to_numpy()[known]).all()


def test_the_nearest_rows_are_those_of_scikit_learns_imputer_on_standard_numbers() -> None:
    frame, new = related(), related(seed=6)
    scaler = StandardScaler().fit(frame.to_numpy())

    theirs = KNNImputer(n_neighbors=5).fit(scaler.transform(frame.to_numpy()))

    for rows in (frame.dropna(how="all"), new.dropna(how="all")):
        expected = scaler.inverse_transform(theirs.transform(scaler.transform(rows.to_numpy())))
        np.testing.assert_allclose(fitted(frame, "knn").transform(rows), expected, rtol=1e-9, atol=1e-9)


def test_predictions_are_those_of_scikit_learns_imputer_on_standard_numbers() -> None:
    frame, new = related(), related(seed=6)
    scaler = StandardScaler().fit(frame.to_numpy())
    low, high = scaler.transform([frame.min(), frame.max()])

    theirs = IterativeImputer(max_iter=10, skip_complete=True, min_value=low, max_value=high, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        theirs.fit(scaler.transform(frame.to_numpy()))

    for rows in (frame, new):
        expected = scaler.inverse_transform(theirs.transform(scaler.transform(rows.to_numpy())))
        np.testing.assert_allclose(fitted(frame, "iterative").transform(rows), expected, rtol=1e-6, atol=1e-9)


def test_a_row_that_is_as_near_as_the_fifth_counts_too() -> None:
    # Six donors at the same place: scikit-learn would take any five of them.
    frame = pd.DataFrame({"x": [0.0] * 6 + [10.0] * 6, "y": [0.0, 1, 2, 3, 4, 5] + [100.0] * 6})

    made = fitted(frame, "knn").transform(pd.DataFrame({"x": [0.0], "y": [np.nan]}))

    assert made.tolist() == [[0.0, 2.5]]


def test_predictions_stay_within_the_range_of_the_training_rows() -> None:
    x = np.linspace(0, 10, 200)
    frame = pd.DataFrame({"x": x, "y": np.where(np.arange(200) % 5 == 0, np.nan, 3 * x + 1)})

    made = fitted(frame, "iterative").transform(pd.DataFrame({"x": [4.0, 1e6, -1e300], "y": [np.nan] * 3}))

    # 3 * 4 + 1, and the largest and the least y that are known.
    assert made[:, 1].tolist() == pytest.approx([13.0, frame["y"].max(), frame["y"].min()], rel=1e-3)
    assert frame["y"].min() <= made[2, 1] < made[1, 1] <= frame["y"].max()


def test_other_columns_help_to_predict_and_are_not_made() -> None:
    x = np.linspace(0, 10, 200)
    frame = pd.DataFrame({"y": np.where(np.arange(200) % 5 == 2, np.nan, 3 * x + 1), "x": x})

    part = FillMissing({"y": "iterative"}).fit(frame, None, None)

    assert part.outputs() == [("y", "number", ["y", "x"])]
    np.testing.assert_allclose(part.transform(frame), (3 * x + 1)[:, None], atol=0.05)


@pytest.mark.parametrize("way", WAYS)
def test_a_row_gets_the_same_bits_alone_as_in_any_batch(way: str) -> None:
    rng = np.random.default_rng(0)
    for frame in (related(), related().round(), pd.DataFrame(rng.normal(size=(600, 40))).add_prefix("c")):
        frame = frame.mask(rng.random(frame.shape) < 0.1)
        part = fitted(frame, way)
        whole = part.transform(frame)
        for size in (1, 2, 5, 33):
            pieces = [part.transform(frame.iloc[start : start + size]) for start in range(0, 200, size)]
            assert np.concatenate(pieces)[:200].tobytes() == np.ascontiguousarray(whole[:200]).tobytes()


def test_rounds_that_do_not_settle_are_no_warning() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(300, 3)) @ rng.normal(size=(3, 10)) + rng.normal(size=(300, 10)) / 10
    frame = pd.DataFrame(values).add_prefix("c")
    frame = frame.mask(rng.random(frame.shape) < 0.3)

    with pytest.warns(ConvergenceWarning):
        IterativeImputer(max_iter=10, skip_complete=True).fit(StandardScaler().fit_transform(frame))
    assert np.isfinite(fitted(frame, "iterative").transform(frame)).all()


@pytest.mark.parametrize("way", WAYS)
def test_a_column_complete_in_the_training_rows_has_a_place_for_new_gaps(way: str) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"whole": rng.normal(5, 1, 100), "other": rng.normal(size=100)})
    frame.loc[::7, "other"] = np.nan

    made = fitted(frame, way, constant=5.0).transform(pd.DataFrame({"whole": [np.nan], "other": [0.0]}))[0, 0]

    assert frame["whole"].min() <= made <= frame["whole"].max()


@pytest.mark.parametrize("way", WAYS)
def test_a_flag_stays_zero_or_one(way: str) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"f": (rng.random(400) < 0.3) * 1.0, "x": rng.normal(size=400)})
    frame.loc[rng.random(400) < 0.2, "f"] = np.nan

    part = fitted(frame, way, kinds={"f": "flag", "x": "number"})

    assert set(part.transform(frame)[:, 0]) == {0.0, 1.0}
    assert part.outputs()[0][:2] == ("f", "flag")


def test_a_flag_that_another_column_tells_is_predicted_by_it() -> None:
    x = np.linspace(-1, 1, 300)
    frame = pd.DataFrame({"f": np.where(np.arange(300) % 4 == 0, np.nan, (x > 0) * 1.0), "x": x})
    new = pd.DataFrame({"f": [np.nan, np.nan], "x": [-0.8, 0.8]})

    for way in ("knn", "iterative"):
        assert fitted(frame, way, kinds={"f": "flag"}).transform(new)[:, 0].tolist() == [0.0, 1.0]


def test_what_was_missing_is_told_by_a_column_of_its_own() -> None:
    frame = pd.DataFrame({"a": [1.0, np.nan, 3.0], "b": [np.nan, 5.0, 5.0]})

    part = FillMissing({"a": "mean", "b": "median"}, flags={"b": "b_missing"}).fit(frame, None, None)

    assert part.transform(frame).tolist() == [[1, 5, 1], [2, 5, 0], [3, 5, 0]]
    assert part.outputs() == [("a", "number", ["a"]), ("b", "number", ["b"]), ("b_missing", "flag", ["b"])]
    assert part.learned() == {"a": {"fill": 2.0, "missing": 0.333333}, "b": {"fill": 5.0, "missing": 0.333333}}


def test_a_part_that_fills_nothing_tells_the_gaps_of_texts() -> None:
    frame = pd.DataFrame({"c": pd.Series(["x", None], dtype=object), "d": pd.Series([None, "y"], dtype=object)})

    made = FillMissing({}, flags={"d": "d_missing", "c": "c_missing"}).fit(frame, None, None).transform(frame)

    assert made.tolist() == [[1, 0], [0, 1]]


@pytest.mark.parametrize("way", WAYS)
def test_rows_of_gaps_alone_get_finite_numbers(way: str) -> None:
    frame = related()
    nothing = pd.DataFrame(np.nan, index=range(3), columns=frame.columns)

    made = fitted(frame, way).transform(nothing)

    assert np.isfinite(made).all()
    assert (made == made[0]).all()


def test_a_row_that_shares_no_column_with_any_other_gets_the_medians() -> None:
    frame = related()

    made = fitted(frame, "knn").transform(pd.DataFrame(np.nan, index=[0], columns=frame.columns))

    np.testing.assert_allclose(made[0], frame.median(), rtol=1e-12)


ODD: dict[str, pd.DataFrame] = {
    "no value": pd.DataFrame({"x": [np.nan] * 30, "z": np.arange(30.0)}),
    "one value": pd.DataFrame({"x": [2.0, np.nan] * 15, "z": np.arange(30.0)}),
    "one known": pd.DataFrame({"x": [2.0] + [np.nan] * 29, "z": np.arange(30.0)}),
    "one column": pd.DataFrame({"x": [2.0, 5.0, np.nan] * 10}),
    "one row": pd.DataFrame({"x": [np.nan], "z": [1.0]}),
    "huge": pd.DataFrame({"x": [1.7e308, -1.7e308, np.nan] * 20, "z": [1e300, 1e-300, 3.0] * 20}),
    "all huge": pd.DataFrame({"x": [1.7e308, 1.6e308, np.nan] * 20, "z": [1.7e308, 1.5e308, 1.6e308] * 20}),
    "tiny": pd.DataFrame({"x": [5e-324, 1e-320, np.nan] * 20, "z": [1e-300, 3e-300, 2e-300] * 20}),
    "the same twice": pd.DataFrame({"x": [1.0, 2.0, np.nan] * 20, "z": [1.0, 2.0, np.nan] * 20}),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ODD)
def test_odd_columns_are_filled_with_finite_numbers(way: str, name: str) -> None:
    part = fitted(ODD[name], way)
    new = pd.DataFrame({column: [np.nan, 1.7e308, -1.7e308, 0.0] for column in ODD[name]})
    new.iloc[1:, 0] = np.nan

    for rows in (ODD[name], new):
        assert np.isfinite(part.transform(rows)).all()


cells = st.floats(allow_nan=True, allow_infinity=False)


@given(known=st.lists(st.tuples(cells, cells), min_size=1, max_size=40), way=st.sampled_from(WAYS))
@settings(max_examples=150, deadline=None)
def test_whatever_comes_in_no_gap_and_no_infinity_goes_out(known: list[tuple[float, float]], way: str) -> None:
    frame = pd.DataFrame(known, columns=["x", "z"], dtype=float)
    crossed = frame.assign(x=frame["z"], z=np.nan)

    part = fitted(frame, way)

    assert np.isfinite(part.transform(frame)).all()
    assert np.isfinite(part.transform(crossed)).all()


def test_donors_are_bounded_in_number() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=DONORS + 500), "z": rng.normal(size=DONORS + 500)})
    frame.loc[DONORS:, "z"] = 1e3
    row = pd.DataFrame({"x": [frame["x"].iloc[-1]], "z": [np.nan]})

    assert fitted(frame, "knn").transform(row)[0, 1] < 10


def test_categories_get_the_most_frequent_level_or_the_one_that_was_given() -> None:
    frame = pd.DataFrame({"c": ["b", "a", None, "b", "a", "c"], "d": ["x", None, "x", "y", "z", "z"]}, dtype=object)

    part = FillCategories({"c": None, "d": "(missing)"}).fit(frame, None, None)

    # Of a and b, equally frequent, the first in the alphabet.
    assert part.transform(frame)[:, 0].tolist() == ["b", "a", "a", "b", "a", "c"]
    assert part.transform(frame)[:, 1].tolist() == ["x", "(missing)", "x", "y", "z", "z"]
    assert part.learned()["c"] == {"fill": "a", "missing": 0.166667}
    assert part.outputs() == [("c", "category", ["c"]), ("d", "category", ["d"])]


def test_categories_new_gaps_new_levels_and_columns_without_any_have_a_place() -> None:
    frame = pd.DataFrame({"c": ["b", "b"], "none": [None, None]}, dtype=object)
    part = FillCategories({"c": None, "none": None}).fit(frame, None, None)

    made = part.transform(pd.DataFrame({"c": [None, "new"], "none": [None, "x"]}, dtype=object))

    assert made.tolist() == [["b", "(missing)"], ["new", "x"]]


def test_filling_categories_leaves_the_rows_that_came_in_as_they_were() -> None:
    frame = pd.DataFrame({"c": ["b", None]}, dtype=object)

    FillCategories({"c": None}).fit(frame, None, None).transform(frame)

    assert frame["c"].tolist() == ["b", None]


@pytest.mark.parametrize("way", WAYS)
def test_what_was_fitted_comes_back_from_disk_the_same(way: str, tmp_path: Path) -> None:
    frame = related()
    part = fitted(frame, way, flags={"a": "a_missing"})
    _skops.dump(part, tmp_path / "part.skops")

    again = _skops.load(tmp_path / "part.skops")

    assert again.transform(frame).tobytes() == part.transform(frame).tobytes()
    assert (again.learned(), again.outputs()) == (part.learned(), part.outputs())


def test_a_clone_has_the_parameters_and_nothing_that_was_learned() -> None:
    part = fitted(related(), "knn", seed=3)

    assert vars(clone(part)) == part.get_params()


def table(rows: int = 2_000) -> pd.DataFrame:
    """Nothing missing yet: a and b go along with each other, nothing else does."""
    rng = np.random.default_rng(11)
    a = rng.normal(50, 10, rows)
    return pd.DataFrame(
        {
            "a": a,
            "b": 2 * a + rng.normal(0, 5, rows),
            "bell": rng.normal(size=rows),
            "skewed": rng.lognormal(0, 1, rows),
            "done": (rng.random(rows) < 0.3) * 1.0,
            "city": rng.choice(np.array(["x", "y", "z"], dtype=object), rows),
        }
    )


def without(frame: pd.DataFrame, column: str, share: Any) -> pd.DataFrame:
    """Take values away: a share of them, or each with a probability of its own."""
    drawn = np.random.default_rng(sum(map(ord, column))).random(len(frame))
    return frame.assign(**{column: frame[column].mask(drawn < share, None if column == "city" else np.nan)})


def training(frame: pd.DataFrame, y: Any = None, task: str = "none", **kinds: Any) -> Training:
    kinds = {"done": "flag", "city": "category", **kinds}
    columns = {name: Column(name, kinds.get(name, "number"), (name,)) for name in frame.columns}
    return Training(frame, columns, None if y is None else np.asarray(y, dtype=float), task, (), len(frame), 0)


def ways(made: Plan) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for part, _, _ in made.parts:
        found.update(part.ways if isinstance(part, FillMissing) else part.fills)
    return found


def flags(made: Plan) -> list[str]:
    return [flag for part, _, _ in made.parts if isinstance(part, FillMissing) for flag in (part.flags or {})]


def test_auto_takes_every_number_flag_and_category_also_complete_ones() -> None:
    made = plan(training(table()))

    assert ways(made) == {
        **dict.fromkeys(["a", "b", "bell", "skewed"], "median"),
        "done": "most_frequent",
        "city": "(missing)",
    }
    assert (made.warnings, made.dropped, flags(made)) == ([], [], [])
    assert made.reasons["a"] == "median for what new rows may miss: none missing"


@pytest.mark.parametrize(("column", "way"), [("bell", "mean"), ("skewed", "median"), ("done", "most_frequent")])
def test_auto_fills_what_is_missing_here_and_there_by_the_form_of_the_column(column: str, way: str) -> None:
    frame = without(table(), column, 0.03)

    made = plan(training(frame))

    assert ways(made)[column] == way
    assert flags(made) == []
    assert f"{100 * frame[column].isna().mean():.3g} % missing" in made.reasons[column]


def test_auto_says_the_skewness_that_pandas_computes() -> None:
    frame = without(table(), "skewed", 0.03)

    assert plan(training(frame)).reasons["skewed"].endswith(f"skew {float(str(frame['skewed'].skew())):.1f}")


@pytest.mark.parametrize(("share", "expected"), [(0.03, []), (0.08, ["bell"])])
def test_auto_keeps_in_a_flag_what_is_missing_often(share: float, expected: list[str]) -> None:
    assert flags(plan(training(without(table(), "bell", share)))) == expected


def test_auto_predicts_a_column_whose_gaps_and_values_go_along_with_another() -> None:
    frame = table()
    frame = without(frame, "b", np.where(frame["a"] > 60, 0.15, 0.005))

    made = plan(training(frame))

    assert (ways(made)["b"], flags(made)) == ("iterative", ["b"])
    assert "predicted by a (r +0.9" in made.reasons["b"]
    assert "missing where a is high" in made.reasons["b"]
    step = made.step().fit(frame)
    error = (step.transform(frame)["b"] - table()["b"])[frame["b"].isna()]
    # The noise of b around a has a standard deviation of 5; the median would be off by some 30.
    assert np.sqrt((error**2).mean()) < 7


def test_auto_predicts_nothing_that_is_missing_by_chance_or_mostly() -> None:
    by_chance = without(table(), "b", 0.2)
    frame = table()
    mostly = without(frame, "b", np.where(frame["a"] > 45, 0.9, 0.3))

    assert ways(plan(training(by_chance)))["b"] == "mean"
    assert ways(plan(training(mostly)))["b"] in {"mean", "median"}
    assert mostly["b"].isna().mean() > 0.5


def test_auto_predicts_nothing_in_a_wide_table() -> None:
    frame = table()
    frame = without(frame, "b", np.where(frame["a"] > 60, 0.3, 0.01))
    more = pd.DataFrame(np.random.default_rng(0).normal(size=(len(frame), 60))).add_prefix("c")

    assert ways(plan(training(pd.concat([frame, more], axis=1))))["b"] == "mean"


@pytest.mark.parametrize("task", ["regression", "binary"])
def test_auto_keeps_in_a_flag_that_being_missing_goes_along_with_the_target(task: str) -> None:
    measure = np.random.default_rng(0).normal(size=2_000)
    y: Any = measure if task == "regression" else (measure > 0) * 1.0
    frame = without(table(), "bell", np.where(y > 0, 0.07, 0.005))

    made = plan(training(frame, y, task))

    assert flags(made) == ["bell"]
    assert "the target" in made.reasons["bell"]
    assert frame["bell"].isna().mean() < 0.05


def test_auto_keeps_in_a_flag_that_being_missing_goes_along_with_a_category() -> None:
    frame = table()
    frame = without(frame, "bell", np.where(frame["city"] == "x", 0.1, 0.005))

    made = plan(training(frame))

    assert flags(made) == ["bell"]
    assert "missing where city differs" in made.reasons["bell"]


@pytest.mark.parametrize("rows", [600, 3_000])
def test_auto_sees_no_relation_between_columns_of_noise(rows: int) -> None:
    # With 600 rows, one in seventy of the 3,600 pairs has an r of 0.1 or more.
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(rows, 60))).add_prefix("c")
    frame = frame.mask(rng.random(frame.shape) < 0.04)

    made = plan(training(frame, rng.random(rows) < 0.5, "binary"))

    assert [reason for reason in made.reasons.values() if "missing where" in reason] == []


def test_auto_takes_a_relation_that_is_sure_but_weak_for_none() -> None:
    # A correlation of some 0.05 over 20,000 rows: p is below 1e-9, and nothing is gained by it.
    frame = table(20_000)
    frame = without(frame, "bell", np.where(frame["a"] > 50, 0.04, 0.022))

    assert flags(plan(training(frame))) == []


def test_auto_makes_one_flag_for_columns_missing_in_the_same_rows() -> None:
    frame = without(table(), "bell", 0.1)
    frame["skewed"] = frame["skewed"].mask(frame["bell"].isna())

    made = plan(training(frame))

    assert flags(made) == ["bell"]
    assert "flagged by bell" in made.reasons["skewed"]


def test_auto_drops_a_column_without_any_value_and_says_so() -> None:
    frame = table().assign(none=np.nan, nobody=pd.Series([None] * 2_000, dtype=object))

    made = plan(training(frame, nobody="category"))

    assert made.dropped == ["none", "nobody"]
    assert [(w.severity, w.columns, w.metric) for w in made.warnings] == [
        ("medium", ["none"], "missing"),
        ("medium", ["nobody"], "missing"),
    ]
    assert not {"none", "nobody"} & ways(made).keys()


def test_auto_gives_missing_categories_a_level_that_none_of_them_has() -> None:
    frame = table()
    frame.loc[0, "city"] = "(missing)"

    assert ways(plan(training(without(frame, "city", 0.1))))["city"] == "(missing) 2"


def test_a_column_that_is_mostly_missing_is_mentioned() -> None:
    [warning] = plan(training(without(table(), "bell", 0.7))).warnings

    assert (warning.columns, warning.metric) == (["bell"], "missing")
    assert warning.value == pytest.approx(0.7, abs=0.05)


def test_indicators_can_be_asked_for_and_are_made_where_something_was_missing() -> None:
    frame = without(without(without(table(), "bell", 0.01), "city", 0.01), "done", 0.01)

    for strategy in ("auto", "most_frequent"):
        assert flags(plan(training(frame), strategy=strategy, indicators=True)) == ["bell", "done", "city"]


def test_indicators_can_be_forbidden_and_what_is_lost_is_mentioned() -> None:
    made = plan(training(without(table(), "bell", 0.3)), indicators=False)

    assert flags(made) == []
    [warning] = made.warnings
    assert "indicators=true" in warning.message


def test_a_strategy_by_name_makes_no_indicators_unless_asked() -> None:
    frame = without(table(), "bell", 0.3)

    assert flags(plan(training(frame), strategy="median")) == []
    assert flags(plan(training(frame), strategy="median", indicators=True)) == ["bell"]


def test_the_name_of_an_indicator_is_one_that_no_column_has() -> None:
    frame = without(table(), "bell", 0.3).assign(bell_missing=1.0)

    made = plan(training(frame))

    names = [name for name, _, _ in made.step().fit(frame).outputs()]
    assert "bell_missing_2" in names
    assert len(names) == len(set(names))


@pytest.mark.parametrize("strategy", ["mean", "median", "knn", "iterative"])
def test_strategies_for_numbers_leave_categories(strategy: Any) -> None:
    made = plan(training(without(table(), "city", 0.1)), strategy=strategy)

    assert "city" not in ways(made)
    with pytest.raises(BadRequest, match=f"{strategy}.*'city' is a category.*encode_categorical_features"):
        plan(training(table()), strategy=strategy, columns=["a", "city"])


@pytest.mark.parametrize("strategy", ["mean", "median", "most_frequent", "constant", "knn", "iterative"])
def test_a_strategy_by_name_is_done_as_asked_on_the_columns_named(strategy: Any) -> None:
    frame = without(without(table(), "b", 0.1), "skewed", 0.1)

    made = plan(training(frame), strategy=strategy, columns=["b"])

    assert ways(made) == {"b": strategy}
    after = made.step().fit(frame).transform(frame)
    assert sorted(after.columns) == sorted(frame.columns)
    assert after["b"].notna().all()
    pd.testing.assert_frame_equal(after[["a", "skewed"]], frame[["a", "skewed"]])


@pytest.mark.parametrize("strategy", ["knn", "iterative"])
def test_a_column_named_alone_is_predicted_from_all_other_numbers(strategy: Any) -> None:
    frame = without(table(), "b", 0.2)

    after = plan(training(frame), strategy=strategy, columns=["b"]).step().fit(frame).transform(frame)

    error = (after["b"] - table()["b"])[frame["b"].isna()]
    assert np.sqrt((error**2).mean()) < 12


def test_constant_takes_the_value_that_is_given() -> None:
    frame = without(without(table(), "a", 0.1), "city", 0.1)

    made = plan(training(frame), strategy="constant", columns=["a", "city"], fill_value=-1.0)

    after = made.step().fit(frame).transform(frame)
    assert set(after["a"][frame["a"].isna()]) == {-1.0}
    assert set(after["city"][frame["city"].isna()]) == {"(missing)"}


@pytest.mark.parametrize(("value", "expected"), [(None, 0.0), (0, 0.0), (1, 1.0)])
def test_a_flag_takes_a_constant_of_zero_or_one(value: float | None, expected: float) -> None:
    frame = without(table(), "done", 0.1)

    made = plan(training(frame), strategy="constant", fill_value=value)

    assert set(made.step().fit(frame).transform(frame)["done"][frame["done"].isna()]) == {expected}


def test_flags_are_left_by_a_constant_that_does_not_fit_them() -> None:
    made = plan(training(without(table(), "done", 0.01)), strategy="constant", fill_value=-1.0)

    assert "done" not in ways(made)
    assert [w.columns for w in made.warnings] == [["done"]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"columns": ["bel"]}, "did you mean 'bell'"),
        ({"columns": ["when"]}, "takes number or flag or category columns, and 'when' is datetime"),
        ({"columns": []}, "empty list"),
        ({"strategy": "median", "fill_value": 3.0}, "goes with strategy='constant'"),
        ({"strategy": "constant", "fill_value": 3.0, "columns": ["done"]}, "'done', which is a flag: give 0 or 1"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(arguments: dict[str, Any], message: str) -> None:
    frame = table(50).assign(when=pd.Timestamp("2025-01-01"))

    with pytest.raises(BadRequest, match=message):
        plan(training(frame, when="datetime"), **arguments)


def test_in_a_table_of_dates_alone_there_is_nothing_to_do() -> None:
    frame = pd.DataFrame({"when": [pd.Timestamp("2025-01-01")] * 3})
    planned = plan(training(frame, when="datetime"))
    assert planned.parts == []
    assert "generate_datetime_features" in planned.warnings[0].message


def test_a_model_over_hundreds_of_columns_is_refused_with_the_number() -> None:
    frame = pd.DataFrame(np.zeros((10, 301))).add_prefix("c")

    with pytest.raises(LimitExceeded, match=r"301 columns.*most is 300"):
        plan(training(frame), strategy="iterative")


def test_the_same_rows_give_the_same_plan() -> None:
    frame = without(without(table(), "b", 0.2), "city", 0.1)

    first, second = (plan(training(frame.copy())) for _ in range(2))

    assert (first.reasons, ways(first), flags(first)) == (second.reasons, ways(second), flags(second))


def by_time(last: float) -> pd.DataFrame:
    """A table whose last fifth, in time, is for testing."""
    rng = np.random.default_rng(3)
    frame = without(without(without(table(500), "bell", 0.1), "b", 0.2), "city", 0.1)
    frame["done"] = frame["done"].astype(bool)
    frame.loc[400:, ["a", "b", "bell", "skewed"]] *= last
    return frame.assign(when=pd.date_range("2025-01-01", periods=500, freq="h"), y=rng.random(500) < 0.5)


SPLIT = {"method": "time", "column": "when"}


def test_the_fill_is_that_of_the_training_rows(lab: Any) -> None:
    frame = by_time(last=1_000.0)
    name = lab.start(frame, split=SPLIT)

    result = lab.call("impute_missing_values", pipeline=name, strategy="median", columns=["bell"])

    rows = frame["bell"].iloc[:400]
    told = {"fill": pytest.approx(rows.median(), rel=1e-9), "missing": pytest.approx(rows.isna().mean())}
    assert result.learned == {"bell": told}


@pytest.mark.parametrize("strategy", ["auto", "knn", "iterative"])
def test_other_test_rows_change_nothing_that_was_learned(lab: Any, strategy: str) -> None:
    learned, rows = [], []
    for number, last in enumerate((1.0, -1_000.0)):
        name = lab.start(by_time(last), split=SPLIT, name=f"table{number}")
        result = lab.call("impute_missing_values", pipeline=name, strategy=strategy)
        learned.append((result.learned, result.reasons))
        rows.append(lab.built(name).training.frame)

    assert learned[0] == learned[1]
    pd.testing.assert_frame_equal(rows[0], rows[1])


def test_auto_leaves_no_gap_in_numbers_flags_and_categories(lab: Any) -> None:
    name = lab.start(by_time(1.0))

    result = lab.call("impute_missing_values", pipeline=name)

    after = lab.built(name).training
    filled = after.of_kind("number", "flag", "category")
    assert {"a", "b", "bell", "skewed", "done", "city", "bell_missing"} <= set(filled)
    assert after.frame[filled].notna().all().all()
    assert result.reasons.keys() >= {"a", "b", "bell", "skewed", "done", "city"}
    assert next(item.sources for item in result.made if item.column == "bell_missing") == ["bell"]


def test_the_same_call_twice_changes_nothing(lab: Any) -> None:
    name = lab.start(by_time(1.0))
    first = lab.call("impute_missing_values", pipeline=name)

    again = lab.call("impute_missing_values", pipeline=name)

    assert (first.changed, again.changed, again.step) == (True, False, first.step)


def test_an_unknown_strategy_names_the_allowed(lab: Any) -> None:
    name = lab.start(by_time(1.0))

    with pytest.raises(BadRequest, match="did you mean 'median'"):
        lab.call("impute_missing_values", pipeline=name, strategy="medain")
