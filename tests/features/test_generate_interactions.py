from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pytest
from refinery.tools.errors import BadRequest, LimitExceeded
from refinery.tools.features._products import LARGEST, Products, candidates, count_products, exclusive_groups
from refinery.tools.features._reader import ROW, Kind, rank_rows
from refinery.tools.features._training import Column, Plan, Training
from refinery.tools.features.generate_interactions import CEILING, plan
from sklearn.base import clone
from sklearn.preprocessing import PolynomialFeatures

Lab = Any


def training(
    frame: pd.DataFrame, flags: dict[str, str] | None = None, y: Any = None, task: str = "none", classes: Any = ()
) -> Training:
    """Training rows built by hand; `flags` are columns of 0 and 1, and the column that each comes from."""
    sources = flags or {}
    table = frame.astype(float).assign(**{ROW: rank_rows(frame.astype(float), y, None, 0)})
    kinds: dict[str, Kind] = {name: "flag" if name in sources else "number" for name in map(str, frame)}
    columns = {name: Column(name, kind, (sources.get(name, name),)) for name, kind in kinds.items()}
    return Training(table, columns, y, task, classes, len(frame), 0)


def numbers(rows: int, columns: int, seed: int = 0) -> pd.DataFrame:
    values = np.random.default_rng(seed).normal(size=(rows, columns))
    return pd.DataFrame(values, columns=[f"x{index}" for index in range(columns)])


def planned(table: Training, **arguments: Any) -> Plan:
    return plan(table, **{"max_degree": 2, "limit": 100, "columns": None, **arguments})


def made(table: Training, **arguments: Any) -> pd.DataFrame:
    """The columns that a plan makes of the training rows."""
    [(part, columns, kept)] = planned(table, **arguments).parts
    assert kept
    fresh = clone(part).fit(table.frame[columns], table.y, None)
    return pd.DataFrame(fresh.transform(table.frame[columns]), columns=[name for name, _, _ in fresh.outputs()])


@pytest.mark.parametrize("degree", [2, 3, 4])
@pytest.mark.parametrize("rows", [2, 255, 256, 40_000])
def test_products_are_those_of_polynomial_features(degree: int, rows: int) -> None:
    frame = numbers(rows, 5)
    reference = PolynomialFeatures(degree, interaction_only=True, include_bias=False).fit(frame.to_numpy())
    found = made(training(frame), max_degree=degree)
    np.testing.assert_allclose(found, reference.transform(frame.to_numpy())[:, 5:], rtol=1e-15)
    named = [name.replace(" ", "*") for name in reference.get_feature_names_out(list(frame))[5:]]
    assert list(found) == named


@pytest.mark.parametrize("degree", [2, 3])
def test_a_row_alone_gives_the_same_bits_as_in_a_batch(degree: int) -> None:
    frame = numbers(1_000, 6) * 10.0 ** np.random.default_rng(1).integers(-80, 80, size=(1_000, 6))
    [(part, columns, _)] = planned(training(frame), max_degree=degree).parts
    part.fit(frame[columns], None, None)
    whole = part.transform(frame)
    alone = np.vstack([part.transform(frame.iloc[[row]]) for row in range(0, 1_000, 37)])
    assert whole[::37].tobytes() == alone.tobytes()
    np.testing.assert_array_equal(part.transform(frame.iloc[500:600]), whole[500:600])


@pytest.mark.parametrize(
    ("factors", "expected"),
    [
        ([1e200, 1e200], LARGEST),
        ([-1e200, 1e200], -LARGEST),
        ([1e308, 10.0, 0.0], 0.0),
        ([0.0, 1e308, 1e308], 0.0),
        ([1e-200, 1e-200], 0.0),
        ([2.0, -3.0, 0.5], -3.0),
        ([np.nan, 0.0], np.nan),
        ([np.nan, 1e300, 1e300], np.nan),
    ],
)
@pytest.mark.parametrize("rows", [1, 300])
def test_products_stay_finite_and_missing_only_where_a_factor_is(
    factors: list[float], expected: float, rows: int
) -> None:
    columns = [f"x{index}" for index in range(len(factors))]
    part = Products(np.arange(len(factors))[None, :], ["p"], columns, np.array([False]))
    found = part.fit(pd.DataFrame(), None, None).transform(pd.DataFrame([factors] * rows, columns=columns))
    assert found.shape == (rows, 1)
    np.testing.assert_array_equal(found[:, 0], [expected] * rows)


def test_squares_and_sums_of_the_largest_products_are_finite() -> None:
    assert np.isfinite(LARGEST**2 * 1e8)


@pytest.mark.parametrize(
    ("alone", "groups", "degree", "expected"),
    [
        (632, [], 2, 199_396),
        (200_000, [], 2, 19_999_900_000),
        # n = 10⁹: n(n-1)/2 + n(n-1)(n-2)/6 + n(n-1)(n-2)(n-3)/24, expanded.
        (10**9, [], 4, (10**36 - 2 * 10**27 + 11 * 10**18 - 10 * 10**9) // 24),
        (1, [], 4, 0),
        (0, [3], 2, 0),
        (0, [2, 3], 2, 6),
        (2, [3], 2, 1 + 6),
        (2, [3, 4], 3, (1 + 2 * 7 + 12) + (7 + 2 * 12)),
    ],
)
def test_products_are_counted_without_making_them(alone: int, groups: list[int], degree: int, expected: int) -> None:
    assert count_products(alone, groups, degree) == expected


@pytest.mark.parametrize("degree", [2, 3, 4])
@pytest.mark.parametrize("sizes", [[1, 1, 1], [2, 1, 3], [4], [1, 2, 2, 1, 3]])
def test_the_count_is_that_of_the_sets_without_two_of_a_group(sizes: list[int], degree: int) -> None:
    group_of = [group for group, size in enumerate(sizes) for _ in range(size)]
    groups = [[place for place, home in enumerate(group_of) if home == group] for group in range(len(sizes))]
    by_hand = [
        chosen
        for size in range(2, degree + 1)
        for chosen in combinations(range(len(group_of)), size)
        if len({group_of[place] for place in chosen}) == size
    ]
    assert candidates(groups, degree) == by_hand
    assert count_products(sizes.count(1), [size for size in sizes if size > 1], degree) == len(by_hand)


def colours(rows: int = 60) -> tuple[pd.DataFrame, dict[str, str]]:
    """Two numbers, and the flags of one category, each row with one of them at most."""
    colour = np.arange(rows) % 4
    frame = numbers(rows, 2).assign(**{f"c={index}": (colour == index).astype(float) for index in range(3)})
    return frame, {f"c={index}": "c" for index in range(3)}


def test_flags_of_one_category_are_not_multiplied_with_each_other() -> None:
    frame, flags = colours()
    found = made(training(frame, flags))
    assert list(found) == ["x0*x1", *[f"x{n}*c={c}" for n in range(2) for c in range(3)]]


def test_flags_of_one_column_that_occur_together_are_multiplied() -> None:
    frame, flags = colours()
    both = frame.assign(**{"c=1": ((np.arange(60) % 4 == 1) | (np.arange(60) % 8 == 0)).astype(float)})
    groups = exclusive_groups(training(both, flags), list(both))
    assert groups == [[0], [1], [2, 4], [3]]
    assert "c=0*c=1" in made(training(both, flags))


def test_flags_of_two_columns_are_multiplied_and_give_flags() -> None:
    frame, flags = colours()
    frame = frame.assign(late=(np.arange(60) % 3 == 0).astype(float))
    [(part, columns, _)] = planned(training(frame, {**flags, "late": "late"})).parts
    kinds = {name: kind for name, kind, _ in part.fit(frame[columns], None, None).outputs()}
    assert {name for name, kind in kinds.items() if kind == "flag"} == {f"c={index}*late" for index in range(3)}


def test_products_name_their_factors() -> None:
    frame = numbers(50, 3)
    [(part, columns, _)] = planned(training(frame), max_degree=3, columns=["x2", "x0", "x1"]).parts
    assert {name: sources for name, _, sources in part.outputs()}["x0*x1*x2"] == ["x0", "x1", "x2"]
    assert columns == ["x0", "x1", "x2"]


def test_constant_products_and_copies_are_left_out_with_a_reason() -> None:
    half = (np.arange(80) < 40).astype(float)
    frame = numbers(80, 1).assign(first=half, second=1 - half, ones_mostly=1.0, inner=half * (np.arange(80) % 2))
    table = training(frame, {name: name for name in ("first", "second", "ones_mostly", "inner")})
    result = planned(table)
    assert result.reasons["first*second"] == "left out: 0 in all 80 training rows"
    assert result.reasons["first*inner"] == "left out: equals 'inner' in all 80 training rows"
    assert result.reasons["x0*ones_mostly"] == "left out: equals 'x0' in all 80 training rows"
    assert set(made(table)) == {"x0*first", "x0*second", "x0*inner"}
    [warning] = result.warnings
    assert (warning.metric, warning.value) == ("useless_products", 10 - 3)


def test_a_product_that_differs_late_is_no_copy_and_not_constant() -> None:
    rows = 6_000
    early = (np.arange(rows) < 5_990).astype(float)
    frame = numbers(rows, 1).assign(flag=early, late=1 - early, other=1 - early * (np.arange(rows) != 3))
    table = training(frame, {name: name for name in ("flag", "late", "other")})
    assert set(made(table)) == {"x0*flag", "x0*late", "x0*other", "flag*other"}


def test_nothing_is_made_twice() -> None:
    frame = numbers(50, 3)
    table = training(frame)
    after = table.after(planned(table).step().fit(table.frame))
    assert list(made(after, columns=["x0", "x1", "x2", "x0*x1"])) == ["x0*x0*x1", "x1*x0*x1", "x2*x0*x1"]


def test_a_name_that_is_taken_gets_a_number() -> None:
    frame = numbers(50, 2).assign(**{"x0*x1": numbers(50, 1, seed=5)["x0"]})
    table = training(frame)
    result = planned(table, columns=["x0", "x1"])
    assert [name for name, _, _ in result.parts[0][0].outputs()] == ["x0*x1_2"]
    assert [warning.metric for warning in result.warnings] == ["renamed"]


def test_too_many_products_are_refused_before_any_is_made_with_columns_that_fit() -> None:
    frame = numbers(400, 20)
    y = (frame["x3"] + frame["x17"] - frame["x8"]).to_numpy()
    table = training(frame, y=y, task="regression")
    with pytest.raises(LimitExceeded) as caught:
        planned(table, limit=3)
    message = str(caught.value)
    assert "make 190 columns" in message
    assert "limit is 3 " in message
    assert "limit=190" in message
    assert f"at most {CEILING:,}" in message
    assert "columns=['x3', 'x8', 'x17'], the strongest by mutual information with the target, make 3" in message
    assert len(made(table, limit=3, columns=["x3", "x8", "x17"]).columns) == 3


def test_the_suggestion_without_a_target_is_by_variance_and_fits() -> None:
    frame = numbers(300, 6).assign(still=0.0)
    with pytest.raises(LimitExceeded, match=r"the strongest by variance, make 10") as caught:
        planned(training(frame), limit=10)
    assert "still" not in str(caught.value)


def test_the_suggestion_counts_flags_of_one_category_as_it_should() -> None:
    frame, flags = colours(200)
    y = (np.arange(200) % 4 == 0).astype(float)
    table = training(frame, flags, y=y, task="binary", classes=("no", "yes"))
    with pytest.raises(LimitExceeded, match="make 7 columns") as caught:
        planned(table, limit=6)
    suggested = str(caught.value).split("columns=[")[1].split("]")[0].replace("'", "").split(", ")
    assert f"make {len(made(table, limit=6, columns=suggested).columns)}" in str(caught.value)


@pytest.mark.parametrize(
    ("columns", "degree", "count"), [(632, 2, "199,396"), (200, 3, "1,333,300"), (120, 4, "8,502,550")]
)
def test_hundreds_of_thousands_of_products_are_refused(columns: int, degree: int, count: str) -> None:
    table = training(numbers(60, columns))
    with pytest.raises(LimitExceeded, match=f"make {count} columns.*more than the {CEILING:,} .*columns="):
        planned(table, max_degree=degree, limit=CEILING)


def test_a_lower_degree_is_offered_where_it_fits() -> None:
    with pytest.raises(LimitExceeded, match="max_degree=2 makes 45"):
        planned(training(numbers(60, 10)), max_degree=3)


def test_a_missing_factor_makes_the_product_missing_and_is_told() -> None:
    frame = numbers(50, 3)
    frame.loc[:9, "x1"] = np.nan
    found = made(training(frame))
    assert found["x0*x1"].isna().tolist() == frame["x1"].isna().tolist()
    assert not found["x0*x2"].isna().any()
    [warning] = planned(training(frame)).warnings
    assert (warning.severity, warning.columns, warning.value) == ("medium", ["x1"], 0.2)
    assert "impute first" in warning.message


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (["x0"], "two number or flag columns at least.*'x0'; columns can name 'x1'"),
        (["x0", "x9"], "no column 'x9'.*Known columns: x0, x1"),
        ([], "empty list"),
        (["c=0", "c=1"], "flags of one column.*always 0"),
        (["x0", "city"], "'city' is category"),
        (["c=0", "one"], "tells anything new"),
    ],
)
def test_what_cannot_be_multiplied_is_refused(columns: list[str], message: str) -> None:
    frame, flags = colours()
    table = training(frame.assign(one=1.0), flags)
    table.columns["city"] = Column("city", "category", ("city",))
    with pytest.raises(BadRequest, match=message):
        planned(table, columns=columns)


def test_the_order_in_which_columns_are_named_changes_nothing() -> None:
    table = training(numbers(50, 4))
    pd.testing.assert_frame_equal(made(table), made(table, columns=["x3", "x1", "x0", "x2"]))


def test_a_part_is_the_same_after_skops(tmp_path: Any) -> None:
    from refinery.tools.features import _skops

    frame, flags = colours()
    [(part, columns, _)] = planned(training(frame, flags), max_degree=3).parts
    part.fit(frame[columns], None, None)
    _skops.dump(part, tmp_path / "part.skops")
    again = _skops.load(tmp_path / "part.skops")
    np.testing.assert_array_equal(again.transform(frame[columns]), part.transform(frame[columns]))
    assert again.outputs() == part.outputs()


def test_a_pipeline_takes_the_step_once(lab: Lab) -> None:
    frame = numbers(200, 3).assign(y=lambda table: (table["x0"] * table["x1"] > 0).astype(int))
    name = lab.start(frame)
    first = lab.call("generate_interactions", pipeline=name)
    assert first.changed
    assert [item.column for item in first.made] == ["x0*x1", "x0*x2", "x1*x2"]
    assert first.made[0].sources == ["x0", "x1"]
    assert not lab.call("generate_interactions", pipeline=name).changed
    built = lab.built(name).training.frame
    np.testing.assert_array_equal(built["x0*x1"], built["x0"] * built["x1"])


@pytest.mark.parametrize(
    "arguments", [{"max_degree": 1}, {"max_degree": 5}, {"limit": 0}, {"limit": CEILING + 1}, {"limit": "many"}]
)
def test_arguments_out_of_range_are_refused(lab: Lab, arguments: dict[str, Any]) -> None:
    name = lab.start(numbers(60, 3), target=None)
    with pytest.raises(BadRequest, match=next(iter(arguments))):
        lab.call("generate_interactions", pipeline=name, **arguments)
