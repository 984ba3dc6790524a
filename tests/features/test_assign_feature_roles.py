"""Roles and split: what every column is for, how sure that is, and what is refused."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from refinery.tools.errors import BadRequest
from refinery.tools.features._declared import Pipelines

if TYPE_CHECKING:
    from conftest import Lab

ROWS = 400


def _assign(lab: Lab, frame: pd.DataFrame | pa.Table, target: str | None = "y", **arguments: Any) -> Any:
    name = arguments.pop("name", "table")
    if isinstance(frame, pd.DataFrame):
        lab.table(frame, name)
    else:
        pq.write_table(frame, lab.folder / f"{name}.parquet")
    return lab.call("assign_feature_roles", dataset=f"{name}.parquet", target=target, **arguments)


def _roles(result: Any) -> dict[str, str]:
    return {item.column: item.role for item in result.roles}


def _inputs(lab: Lab, result: Any) -> dict[str, dict[str, Any]]:
    return {item["name"]: item for item in Pipelines.of(lab.context).get(result.pipeline).roles.inputs}


def _plain(rows: int = ROWS, seed: int = 0) -> pd.DataFrame:
    dice = np.random.default_rng(seed)
    return pd.DataFrame({"x": dice.normal(size=rows), "z": dice.normal(size=rows), "y": dice.integers(0, 2, rows)})


def _mixed_formats(days: pd.DatetimeIndex) -> list[str]:
    formats = ("%Y-%m-%d", "%d.%m.%Y", "%d %b %Y")
    return [day.strftime(formats[place % 3]) for place, day in enumerate(days)]


def _of_every_role() -> tuple[pd.DataFrame, dict[str, tuple[str, str | None]]]:
    """A table, and the role and cardinality of each column as a person would say them."""
    dice = np.random.default_rng(0)
    y = dice.integers(0, 2, ROWS)
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(dice.integers(0, 700, ROWS), unit="D")
    prices = dice.lognormal(3, 1, ROWS)
    words = ["fast", "late", "broken", "lovely", "parcel", "colour", "again"]
    columns: dict[str, tuple[Any, str, str | None]] = {
        "order_id": ([f"o{row:05}" for row in range(ROWS)], "id", None),
        "row_number": (np.arange(ROWS), "id", None),
        "email": ([f"person{row}@example.com" for row in range(ROWS)], "id", None),
        "amount": (np.where(dice.random(ROWS) < 0.1, np.nan, prices), "numeric", None),
        "exact": ([Decimal(round(price * 100)).scaleb(-2) for price in prices], "numeric", None),
        "pieces": (dice.integers(1, 90, ROWS), "numeric", None),
        "price": ([f"€ {price:.2f}" for price in prices], "numeric", None),
        "fee": ([f"€{price:.2f}" for price in prices], "numeric", None),
        "discount": ([f"{share:.1f} %" for share in dice.random(ROWS) * 100], "numeric", None),
        "visits": ([f"{price * 1000:,.0f}" for price in prices], "numeric", None),
        "city": (dice.choice(["Rome", "Oslo", "Paris"], ROWS), "categorical", "low"),
        "shop": ([f"shop-{one}" for one in dice.integers(0, 80, ROWS)], "categorical", "high"),
        "product_code": (np.where(dice.random(ROWS) < 0.1, np.nan, dice.integers(0, 8, ROWS)), "categorical", "low"),
        "zip": ([f"{code:05}" for code in dice.integers(1_000, 99_999, ROWS)], "categorical", "high"),
        "only_if": (np.where(dice.random(ROWS) < 0.3, "x", None), "categorical", "low"),
        "day": (days, "datetime", None),
        "birthday": ([day.date() for day in days], "datetime", None),
        "zoned": (days.tz_localize("Europe/Rome"), "datetime", None),
        "written": (_mixed_formats(days), "datetime", None),
        "created_ts": ([int(day.timestamp()) for day in days], "datetime", None),
        "note": ([" ".join(dice.choice(words, 6)) for _ in range(ROWS)], "text", None),
        "yes_no": (dice.choice(["Yes", "no"], ROWS), "boolean", None),
        "yes_no_na": (dice.choice(["yes", "no", "N/A"], ROWS), "boolean", None),
        "zero_one": (dice.integers(0, 2, ROWS), "boolean", None),
        "flag": (dice.random(ROWS) < 0.5, "boolean", None),
        "constant": (["k"] * ROWS, "constant", None),
        "empty": (pd.Series([None] * ROWS, dtype=object), "ignore", None),
        "copy_of_y": (y * 3 + dice.normal(0, 0.01, ROWS), "leaking", None),
        "y": (y, "target", None),
    }
    frame = pd.DataFrame({name: values for name, (values, _, _) in columns.items()})
    return frame, {name: (role, size) for name, (_, role, size) in columns.items()}


def test_every_column_gets_the_role_that_a_person_would_give_it(lab: Lab) -> None:
    frame, wanted = _of_every_role()
    result = _assign(lab, frame)
    assert {item.column: (item.role, item.cardinality) for item in result.roles} == wanted
    assert [item.column for item in result.roles] == list(frame.columns)
    for item in result.roles:
        assert 0 <= item.confidence <= 1
        assert item.reason.strip()
    assert (result.task, result.train_rows, result.test_rows) == ("binary", 320, 80)


def test_what_is_read_is_what_was_written(lab: Lab) -> None:
    frame, _ = _of_every_role()
    _assign(lab, frame, pipeline="p")
    training = lab.built("p").training.frame
    assert not {"order_id", "row_number", "email", "constant", "empty", "copy_of_y", "y"} & set(training.columns)
    by_amount = frame.dropna(subset="amount").set_index("amount")
    for _, row in training.dropna(subset="amount").iterrows():
        raw = by_amount.loc[row["amount"]]
        assert row["price"] == float(raw["price"].removeprefix("€ "))
        assert row["discount"] == float(raw["discount"].removesuffix(" %"))
        assert row["visits"] == float(raw["visits"].replace(",", ""))
        assert row["exact"] == float(raw["exact"])
        assert row["yes_no"] == float(raw["yes_no"] == "Yes")
        assert row["flag"] == float(raw["flag"])
        assert row["day"] == row["written"] == row["created_ts"] == row["birthday"] == raw["day"]
        assert row["zoned"] == raw["zoned"].tz_convert("UTC").tz_localize(None)
        assert row["zip"] == raw["zip"]


@pytest.mark.parametrize(
    ("texts", "day_first"),
    [
        (["03/04/2024", "25/12/2024", "31/01/2024"], True),
        (["03/04/2024", "12/25/2024", "01/31/2024"], False),
        (["03.04.2024", "25.12.2024", "31.01.2024"], False),  # points are day first whatever is told
    ],
)
def test_the_dates_that_can_be_read_in_one_way_decide_for_those_that_can_be_in_two(
    lab: Lab, texts: list[str], day_first: bool
) -> None:
    frame = _plain(300).assign(at=texts * 100)
    result = _assign(lab, frame)
    assert _roles(result)["at"] == "datetime"
    assert _inputs(lab, result)["at"]["day_first"] is day_first
    third_of_april = day_first or "." in texts[0]
    seen = set(lab.built(result.pipeline).training.frame["at"].dt.strftime("%m-%d"))
    assert ("04-03" in seen, "03-04" in seen) == (third_of_april, not third_of_april)


OVERRIDES = [
    ("x", "categorical"),
    ("x", "ignore"),
    ("x", "id"),
    ("x", "leaking"),
    ("x", "constant"),
    ("x", "text"),
    ("city", "text"),
    ("city", "ignore"),
    ("leak", "numeric"),
    ("order_id", "categorical"),
]


@pytest.mark.parametrize(("column", "role"), OVERRIDES)
def test_an_override_wins(lab: Lab, column: str, role: str) -> None:
    frame = _plain().assign(city=["Rome", "Oslo"] * 200, order_id=[f"o{row}" for row in range(ROWS)])
    frame["leak"] = frame["y"] + 0.0001 * frame["z"]
    found = next(item for item in _assign(lab, frame, overrides={column: role}).roles if item.column == column)
    assert (found.role, found.confidence) == (role, 1.0)
    assert found.reason.startswith("as told")
    assert ("gives the target away" in found.reason) == (column == "leak"), "a leak that is kept is named as one"


def test_an_override_that_its_values_do_not_bear_is_told(lab: Lab) -> None:
    frame = _plain().assign(city=["Rome", "Oslo", "7", "8"] * 100)
    result = _assign(lab, frame, overrides={"city": "numeric"})
    found = next(item for item in result.findings if item.metric == "unreadable_values")
    assert found.columns == ["city"]
    assert found.severity == "medium"
    assert found.value == pytest.approx(0.5, abs=0.08)
    assert not [item for item in _assign(lab, frame).findings if item.metric == "unreadable_values"]


def test_an_override_may_name_the_target(lab: Lab) -> None:
    result = _assign(lab, _plain(), target=None, overrides={"y": "target"})
    assert (result.target, result.task) == ("y", "binary")
    assert _roles(result) == {"x": "numeric", "z": "numeric", "y": "target"}


HIDDEN: list[tuple[str, Any, list[Any]]] = [
    ("age", lambda dice: np.where(dice.random(ROWS) < 0.1, -999, dice.integers(18, 90, ROWS)), [-999.0]),
    ("age", lambda dice: np.where(dice.random(ROWS) < 0.1, -999.0, dice.normal(50, 9, ROWS)), [-999.0]),
    (
        "age",
        lambda dice: np.where(dice.random(ROWS) < 0.1, "-999", dice.integers(18, 90, ROWS).astype(str)),
        [-999.0],
    ),
    (
        "count",
        lambda dice: np.where(dice.random(ROWS) < 0.1, 2**63 - 1, dice.integers(18, 900, ROWS)),
        [float(2**63 - 1)],
    ),
    ("city", lambda dice: dice.choice(["Rome", "Oslo", "?", "n/a"], ROWS), ["?", "n/a"]),
    ("city", lambda dice: dice.choice(["Rome", "Oslo", "  ", " ? "], ROWS), ["(blank)", "?"]),
    (
        "at",
        lambda dice: np.where(
            dice.random(ROWS) < 0.1,
            np.datetime64("1900-01-01", "us"),
            np.datetime64("2024-01-01", "us") + dice.integers(0, 900, ROWS) * np.timedelta64(1, "D"),
        ),
        ["1900-01-01"],
    ),
]


@pytest.mark.parametrize(("name", "make", "missing"), HIDDEN)
def test_values_that_stand_for_missing_are_declared_so_and_told(
    lab: Lab, name: str, make: Any, missing: list[Any]
) -> None:
    frame = _plain().assign(**{name: make(np.random.default_rng(3))})
    result = _assign(lab, frame)
    assert _inputs(lab, result)[name]["missing"] == missing
    assert any(finding.metric == "missing" and finding.columns == [name] for finding in result.findings)
    read = lab.built(result.pipeline).training.frame[name]
    assert 0.02 < read.isna().mean() < 0.7
    assert not set(read.dropna()) & {-999.0, float(2**63 - 1), "?", "n/a", " ? ", "  ", pd.Timestamp("1900-01-01")}


def test_words_for_missing_among_numbers_and_flags_are_told(lab: Lab) -> None:
    frame = _plain().assign(
        age=["31", "40", "55", "N/A"] * 100, member=["yes", "no", "?", "yes"] * 100, clean=["1", "2", "3", "4"] * 100
    )
    result = _assign(lab, frame, overrides={"age": "numeric", "member": "boolean", "clean": "numeric"})
    told = {finding.columns[0]: finding.message for finding in result.findings if finding.metric == "missing"}
    assert told.keys() == {"age", "member"}
    assert "'N/A' stand for missing and are read as such" in told["age"]
    assert "'?' stand for missing" in told["member"]


def test_a_word_that_may_be_a_level_of_its_own_is_left_one(lab: Lab) -> None:
    frame = _plain().assign(rebate=["none", "summer", "winter", "unknown"] * 100)
    result = _assign(lab, frame)
    assert _inputs(lab, result)["rebate"]["missing"] == []
    assert set(lab.built(result.pipeline).training.frame["rebate"]) == {"none", "summer", "winter", "unknown"}


def test_nan_and_infinity_are_missing_and_no_value(lab: Lab) -> None:
    """Parquet that pandas did not write has them as numbers, not as nulls."""
    dice = np.random.default_rng(0)
    holes = dice.normal(size=ROWS)
    holes[:40] = np.nan
    holes[40:44] = [np.inf, -np.inf] * 2
    table = pa.table(
        {
            "holes": pa.array(holes),
            "never": pa.array([float("nan")] * ROWS),
            "endless": pa.array([float("inf")] * ROWS),
            "y": dice.integers(0, 2, ROWS),
        }
    )
    result = _assign(lab, table)
    assert _roles(result) == {"holes": "numeric", "never": "ignore", "endless": "ignore", "y": "target"}
    lab.call("impute_missing_values", pipeline=result.pipeline)
    assert np.isfinite(lab.built(result.pipeline).training.frame["holes"]).all()


FLAGS: list[tuple[list[Any], dict[Any, float]]] = [
    (["yes", "no"], {"yes": 1.0, "no": 0.0}),
    (["Y", "N"], {"Y": 1.0, "N": 0.0}),
    (["on", "off"], {"on": 1.0, "off": 0.0}),
    (["t", "f"], {"t": 1.0, "f": 0.0}),
    ([0, 1], {0: 0.0, 1: 1.0}),
    ([True, False], {True: 1.0, False: 0.0}),
]


@pytest.mark.parametrize(("values", "wanted"), FLAGS)
def test_a_flag_is_1_where_it_says_yes(lab: Lab, values: list[Any], wanted: dict[Any, float]) -> None:
    frame = _plain().assign(flag=values * 200)
    pipeline = lab.start(frame)
    read = lab.built(pipeline).training.frame
    assert _roles(lab.call("assign_feature_roles", dataset="table.parquet", target="y"))["flag"] == "boolean"
    by_x = frame.set_index("x")["flag"]
    assert read["flag"].tolist() == [wanted[by_x[x]] for x in read["x"]]


def test_a_column_told_to_be_a_flag_has_the_later_of_two_words_as_1(lab: Lab) -> None:
    frame = _plain().assign(side=["left", "right", "?", "left"] * 100)
    pipeline = lab.start(frame, overrides={"side": "boolean"})
    read = lab.built(pipeline).training.frame.set_index("x")["side"]
    raw = frame.set_index("x")["side"][read.index]
    assert (read[raw == "right"] == 1).all()
    assert (read[raw == "left"] == 0).all()
    assert read[raw == "?"].isna().all()


SPLITS = [
    {"method": "time", "column": "at"},
    {"method": "group", "column": "shop"},
    {"method": "stratified"},
    {"method": "random"},
]


@pytest.mark.parametrize("split", SPLITS, ids=lambda split: split["method"])
def test_what_the_test_rows_hold_changes_no_role_and_nothing_that_is_read(lab: Lab, split: dict[str, str]) -> None:
    frame, _ = _of_every_role()
    frame = frame.drop(columns=["row_number", "email"]).assign(
        at=pd.date_range("2025-01-01", periods=ROWS, freq="h"), shop=[f"s{row % 50}" for row in range(ROWS)]
    )
    first = _assign(lab, frame, split=split, pipeline="first")
    survey_columns = {"time": "at", "group": "shop"}.get(split["method"], "order_id")
    test = _test_rows(lab, "first")
    assert test.sum() == first.test_rows
    other = frame.copy()
    other.loc[test, "amount"] = -999.0
    other.loc[test, "pieces"] = 10**9
    other.loc[test, "price"] = "not told"
    other.loc[test, "city"] = [f"city {row}" for row in range(test.sum())]
    other.loc[test, "constant"] = "another"
    other.loc[test, "empty"] = "filled"
    other.loc[test, "written"] = "when it was done"
    other.loc[test, "yes_no"] = "perhaps"
    other.loc[test, "note"] = "n/a"
    other.loc[test, "copy_of_y"] = 7.0
    assert (other[survey_columns] == frame[survey_columns]).all()
    second = _assign(lab, other, split=split, pipeline="second", name="other")
    assert (_test_rows(lab, "second") == test).all()
    assert second.roles == first.roles
    kept = [Pipelines.of(lab.context).get(name).roles for name in ("first", "second")]
    assert kept[0].inputs == kept[1].inputs
    pd.testing.assert_frame_equal(lab.built("first").training.frame, lab.built("second").training.frame)


def _test_rows(lab: Lab, pipeline: str) -> Any:
    from refinery.tools.features._build import Builder, open_data

    roles = Pipelines.of(lab.context).get(pipeline).roles
    return Builder(lab.context, roles, open_data(lab.context, roles)).survey.test


def test_neither_the_order_of_rows_nor_of_columns_changes_roles_or_sides(lab: Lab) -> None:
    frame, _ = _of_every_role()
    first = _assign(lab, frame, pipeline="first")
    order = np.random.default_rng(5).permutation(ROWS)
    other = _assign(lab, frame.iloc[order][frame.columns[::-1]], pipeline="other", name="other")
    assert other.roles == first.roles[::-1]
    assert other.split_by == first.split_by
    assert (_test_rows(lab, "other") == _test_rows(lab, "first")[order]).all()


def test_the_split_is_drawn_from_the_column_that_names_the_rows(lab: Lab) -> None:
    frame = _plain().assign(order_id=[f"o{row}" for row in range(ROWS)])
    assert _assign(lab, frame).split_by == "order_id"
    assert _assign(lab, frame, overrides={"order_id": "ignore"}).split_by == "the content of each row"
    assert _assign(lab, frame.drop(columns="order_id"), name="other").split_by == "the content of each row"
    named = frame.drop(columns="order_id").assign(plate=[f"{row:x}-{row % 7}" for row in range(ROWS)])
    assert _assign(lab, named, overrides={"plate": "id"}, name="third").split_by == "plate"


def test_of_several_columns_that_name_the_rows_the_one_that_is_told_or_called_so_is_taken(lab: Lab) -> None:
    numbers = np.random.default_rng(1).permutation(ROWS)
    frame = _plain().assign(barcode=[f"b{row}" for row in numbers], order_id=[f"o{row}" for row in range(ROWS)])
    assert set(_roles(_assign(lab, frame)).values()) == {"numeric", "id", "target"}
    assert _assign(lab, frame).split_by == "order_id"
    assert _assign(lab, frame, overrides={"barcode": "id"}).split_by == "barcode"


def test_many_equal_rows_are_told_with_what_follows(lab: Lab) -> None:
    twice = pd.concat([_plain(), _plain().iloc[:10]])
    told = [item for item in _assign(lab, twice).findings if item.metric == "duplicate_rows"]
    assert [item.severity for item in told] == ["low"]
    many = pd.concat([_plain(), _plain().iloc[:100]])
    told = [item for item in _assign(lab, many, name="many").findings if item.metric == "duplicate_rows"]
    assert [item.severity for item in told] == ["medium"]
    assert told[0].value == pytest.approx(100 / 500, abs=1e-4)
    assert "both sides" in told[0].message


# What is refused: the table, the arguments, and what the message says.
REFUSED: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({}, {"target": "yy"}, "no column 'yy' in 'table.parquet'; did you mean 'y'"),
    ({}, {"overrides": {"xx": "numeric"}}, "no column 'xx' in 'table.parquet'; did you mean 'x'"),
    ({}, {"overrides": {"x": "numerical"}}, "did you mean 'numeric'|numeric.*categorical"),
    ({}, {"split": {"method": "tiem"}}, "did you mean 'time'|stratified.*random.*time.*group"),
    ({}, {"split": {"method": "time", "column": "when"}}, "no column 'when'"),
    ({}, {"split": {"method": "group", "column": "grp"}}, "no column 'grp'"),
    ({}, {"split": {"test_fraction": 1.0}}, "less than 1|test_fraction"),
    ({}, {"split": {"method": "time"}}, "split by time needs its column"),
    ({}, {"split": {"method": "group"}}, "split by group needs its column"),
    ({}, {"split": {"method": "time", "column": "x"}}, "'x' is of type float64, without a time. Columns with one: at"),
    ({}, {"split": {"method": "group", "column": "y"}}, "can't be split by the target 'y' itself"),
    ({}, {"split": {"column": "x"}}, "a stratified split takes no column; for 'x' say method 'group'"),
    ({"at": None}, {"split": {"method": "time", "column": "at"}}, "without a time|'at' is empty"),
    ({"x": "one"}, {"split": {"method": "group", "column": "x"}}, "'x' has one value only"),
    ({}, {"overrides": {"x": "target"}}, "one target only; target is 'y' and overrides name x"),
    ({}, {"target": None, "overrides": {"x": "target", "y": "target"}}, "one target only"),
    ({}, {"overrides": {"y": "numeric"}}, "'y' is the target, and overrides make it 'numeric'"),
    ({"y": 1}, {}, "target 'y' has one value only, 1,"),
    ({"y": "churned"}, {}, "target 'y' has one value only, 'churned'"),
    ({"y": [None, *[0, 1] * 24, 1]}, {}, "target 'y' is empty or infinite in 1 of 50 rows"),
    ({"y": [None, *["a", "b"] * 24, "a"]}, {}, "target 'y' is empty in 1 of 50 rows"),
    ({"y": ["", " ", *["a", "b"] * 24]}, {}, "target 'y' is empty in 2 of 50 rows"),
    ({"y": [None] * 50}, {}, "target 'y' is empty or infinite in 50 of 50 rows"),
    ({"y": [float("inf"), *np.arange(49) / 7]}, {}, "target 'y' is empty or infinite in 1 of 50 rows"),
    ({"y": [f"text {row}" for row in range(50)]}, {}, "50 different texts in 50 rows: too many for classes"),
    ({"y": [dt.datetime(2025, 1, 1, row % 24) for row in range(50)]}, {}, "a target is a number, a category or a boo"),
    ({"y": [[1, 2]] * 50}, {}, "a target is a number, a category or a boolean"),
    ({"y": [b"\xff"] * 50}, {}, "a target is a number, a category or a boolean"),
    ({"__row__": 1}, {}, "a column is called '__row__', which Refinery needs for itself; rename it"),
    ({"__target__": 1}, {}, "a column is called '__target__'"),
    ({"tags": [["a"]] * 50}, {"overrides": {"tags": "categorical"}}, "'tags' is of type array<string>, which can't"),
    ({}, {"pipeline": "a/b"}, "'a/b' can't be the name of a pipeline: at most 64 letters, digits"),
    ({}, {"pipeline": "../up"}, "can't be the name of a pipeline"),
    ({}, {"pipeline": "x" * 65}, "can't be the name of a pipeline"),
    ({}, {"pipeline": ".hidden"}, "the first a letter, digit or '_'"),
    ({}, {"overrides": {"x": "id", "z": "ignore", "at": "ignore"}}, "no column of 'table.parquet' can be a feature"),
]


@pytest.mark.parametrize(("columns", "arguments", "message"), REFUSED, ids=lambda value: str(value)[:40])
def test_what_can_t_be_done_is_told_with_what_can(
    lab: Lab, columns: dict[str, Any], arguments: dict[str, Any], message: str
) -> None:
    dice = np.random.default_rng(0)
    table = {
        "x": dice.normal(size=50),
        "z": dice.normal(size=50),
        "at": pd.date_range("2025-01-01", periods=50),
        "y": dice.integers(0, 2, 50),
    }
    table.update({name: value if isinstance(value, list) else [value] * 50 for name, value in columns.items()})
    with pytest.raises(BadRequest, match=message):
        _assign(lab, pa.table({name: pa.array(values) for name, values in table.items()}), **arguments)
    assert Pipelines.of(lab.context).names() == []


def test_a_time_with_holes_is_refused(lab: Lab) -> None:
    frame = _plain(50).assign(at=pd.Series(pd.date_range("2025-01-01", periods=50)).where(np.arange(50) != 7))
    with pytest.raises(BadRequest, match="'at' is empty in 1 of 50 rows, which can be neither before nor after"):
        _assign(lab, frame, split={"method": "time", "column": "at"})


def test_ids_alone_are_no_features(lab: Lab) -> None:
    frame = pd.DataFrame({"order_id": [f"o{row}" for row in range(100)], "y": [0, 1] * 50})
    with pytest.raises(BadRequest, match=r"no column of 'table.parquet' can be a feature; overrides="):
        _assign(lab, frame)


@pytest.mark.parametrize("rows", [0, 1])
def test_a_table_of_one_row_or_none_is_refused(lab: Lab, rows: int) -> None:
    for target in ("y", None):
        with pytest.raises(BadRequest, match="at least two are needed"):
            _assign(lab, _plain(5).iloc[:rows], target)


TASKS: list[tuple[Any, str]] = [
    ([0, 1], "binary"),
    ([0.25, 0.75], "binary"),
    ([True, False], "binary"),
    (["no", "yes"], "binary"),
    ([1, 2, 3], "classes"),
    (["a", "b", "c"], "classes"),
    (list(range(20)), "classes"),
    (list(range(40)), "regression"),
    ([0.5, 1.5, 2.5], "regression"),
    ([Decimal("0.1"), Decimal("0.2"), Decimal("0.4")], "regression"),
]


@pytest.mark.parametrize(("values", "task"), TASKS, ids=str)
def test_the_task_is_judged_from_the_target(lab: Lab, values: list[Any], task: str) -> None:
    frame = _plain(200).assign(y=values * (200 // len(values)) + values[: 200 % len(values)])
    assert _assign(lab, frame).task == task
    assert _assign(lab, frame, None, name="other").task == "none"


def test_the_same_call_twice_changes_nothing_and_says_so(lab: Lab) -> None:
    first = _assign(lab, _plain(), overrides={"x": "numeric", "z": "ignore"})
    path = lab.context.workspace.folder("pipelines", "default") / f"{first.pipeline}.json"
    before = path.read_bytes()
    second = lab.call(
        "assign_feature_roles", dataset="table.parquet", target="y", overrides={"z": "ignore", "x": "numeric"}
    )
    assert (first.changed, second.changed) == (True, False)
    assert "nothing changed" in second.headline()
    assert "nothing changed" not in first.headline()
    assert path.read_bytes() == before
    assert (second.roles, second.pipeline, second.train_rows) == (first.roles, first.pipeline, first.train_rows)


def test_the_same_call_after_steps_leaves_them(lab: Lab) -> None:
    pipeline = lab.start(_plain())
    lab.call("scale_numeric_features", pipeline=pipeline)
    assert not lab.call("assign_feature_roles", dataset="table.parquet", target="y").changed
    assert len(Pipelines.of(lab.context).get(pipeline).steps) == 1


def test_other_arguments_take_another_name_only_where_there_are_steps(lab: Lab) -> None:
    first = lab.start(_plain())
    assert first == "table_y"
    again = _assign(lab, _plain(), overrides={"z": "ignore"})
    assert (again.pipeline, _roles(again)["z"]) == (first, "ignore")
    lab.call("scale_numeric_features", pipeline=first)
    other = _assign(lab, _plain(), overrides={"z": "categorical"})
    assert other.pipeline == "table_y_2"
    assert _assign(lab, _plain(), overrides={"z": "ignore"}).pipeline == first
    assert _assign(lab, _plain(), overrides={"z": "categorical"}).pipeline == "table_y_2"
    assert Pipelines.of(lab.context).names() == ["table_y", "table_y_2"]


def test_a_name_that_has_steps_is_refused_with_the_way_out(lab: Lab) -> None:
    lab.start(_plain(), pipeline="churn")
    lab.call("scale_numeric_features", pipeline="churn")
    with pytest.raises(BadRequest, match=r"'churn' has 1 steps already; choose another name.*edit_pipeline"):
        _assign(lab, _plain(), pipeline="churn", overrides={"z": "ignore"})
    assert len(Pipelines.of(lab.context).get("churn").steps) == 1


@pytest.mark.parametrize(
    ("file", "target", "pipeline"),
    [("orders", "y", "orders_y"), ("größe", "y", "groe_y"), ("注文", "目標", "features"), ("-é.v2", "y", "e_y")],
)
def test_a_legal_name_is_made_of_any(lab: Lab, file: str, target: str, pipeline: str) -> None:
    assert _assign(lab, _plain(60).rename(columns={"y": target}), target, name=file).pipeline == pipeline


def test_a_changed_table_is_judged_anew(lab: Lab) -> None:
    first = _assign(lab, _plain())
    second = _assign(lab, _plain().assign(x=["a", "b"] * 200))
    assert (second.pipeline, second.changed) == (first.pipeline, True)
    assert _roles(second)["x"] == "categorical"


def test_odd_columns_are_left_out_and_odd_names_are_kept(lab: Lab) -> None:
    dice = np.random.default_rng(0)
    names = ["a", "a ", " a", "q\"uo'te", "new\nline", "😀", "a.b", "select", "%s", "{x}"]
    table = pa.table(
        {
            **{name: dice.normal(size=ROWS) for name in names},
            "list": [[1, 2]] * ROWS,
            "struct": [{"a": 1}] * ROWS,
            "bytes": [b"\xff"] * ROWS,
            "clock": [dt.time(row % 24) for row in range(ROWS)],
            "big": pa.array(dice.integers(0, 2**62, ROWS)),
            "unsigned": pa.array([2**64 - 1, *dice.integers(0, 2**60, ROWS - 1).tolist()], pa.uint64()),
            "y": dice.random(ROWS) < 0.5,
        }
    )
    result = _assign(lab, table)
    roles = _roles(result)
    assert {name for name, role in roles.items() if role == "ignore"} == {"list", "struct", "bytes", "clock"}
    assert all(roles[name] == "numeric" for name in [*names, "big", "unsigned"])
    training = lab.built(result.pipeline).training.frame
    assert np.isfinite(training[[*names, "big", "unsigned"]]).all(axis=None)


def test_names_that_differ_in_case_alone_are_told_apart(lab: Lab) -> None:
    dice = np.random.default_rng(0)
    frame = pd.DataFrame({"a": dice.normal(size=ROWS), "A": ["u", "v"] * 200, "y": dice.integers(0, 2, ROWS)})
    roles = _assign(lab, frame).roles
    assert [item.role for item in roles] == ["numeric", "categorical", "target"]
    assert len({item.column.lower() for item in roles}) == 3


def test_five_hundred_columns_are_judged(lab: Lab) -> None:
    dice = np.random.default_rng(0)
    frame = pd.DataFrame(dice.normal(size=(300, 500)), columns=[f"c{place}" for place in range(500)])
    result = _assign(lab, frame.assign(y=dice.integers(0, 2, 300)))
    assert sum(role.role == "numeric" for role in result.roles) == 500
    assert result.train_rows == 240


def test_one_column_will_do_without_a_target(lab: Lab) -> None:
    result = _assign(lab, _plain()[["x"]], None)
    assert (_roles(result), result.split.method, result.test_rows) == ({"x": "numeric"}, "random", 80)


def test_a_table_of_nulls_has_no_features(lab: Lab) -> None:
    frame = pd.DataFrame({"a": pd.Series([None] * 30, dtype=object), "b": pd.Series([None] * 30, dtype="float")})
    with pytest.raises(BadRequest, match="can be a feature"):
        _assign(lab, frame, None)


def test_a_class_of_one_row_is_learned_and_told_of(lab: Lab) -> None:
    frame = _plain().assign(y=["rare", *np.random.default_rng(0).choice(["a", "b"], ROWS - 1)])
    result = _assign(lab, frame)
    assert result.task == "classes"
    told = [item for item in result.findings if item.metric == "classes_without_test_rows"]
    assert "'rare'" in told[0].message
    assert lab.built(result.pipeline).training.classes == ("a", "b", "rare")


def test_classes_that_come_later_only_are_told(lab: Lab) -> None:
    frame = _plain(100).assign(at=pd.date_range("2025-01-01", periods=100), y=[*["a", "b"] * 45, *["c"] * 10])
    told = [
        item.message
        for item in _assign(lab, frame, split={"method": "time", "column": "at"}).findings
        if item.metric == "classes_without_training_rows"
    ]
    assert told == ["no training row is of class 'c'"]


def test_twelve_classes_in_two_dozen_rows_are_too_few_to_find_leaks_and_no_error(lab: Lab) -> None:
    frame = _plain(30).assign(y=[f"c{row % 18}" for row in range(30)])
    assert _assign(lab, frame).task == "classes"


def test_the_answer_is_short_and_says_what_is_next(lab: Lab) -> None:
    frame, _ = _of_every_role()
    result = _assign(lab, frame)
    told = "\n".join([result.headline(), *result.details(), *result.next_steps()])
    assert len(told) < 2_000
    assert "320 training and 80 test rows" in told
    assert "categorical (high cardinality): shop, zip" in told
    assert "leaking: copy_of_y" in told
    assert "encode_categorical_features(pipeline='table_y')" in told


# A few columns of each real table, and what a person who reads it would say they are.
REAL: list[tuple[str, str | None, dict[str, str]]] = [
    (
        "taxi_2019-01.csv",
        "tip_amount",
        {
            "pickup_datetime": "datetime",
            "dropoff_datetime": "datetime",
            "trip_distance": "numeric",
            "fare_amount": "numeric",
            "store_and_fwd_flag": "boolean",
            "pickup_location_id": "categorical",
            "tip_amount": "target",
        },
    ),
    (
        "beers_clean.csv",
        None,
        {"id": "id", "abv": "numeric", "ibu": "numeric", "state": "categorical", "city": "categorical"},
    ),
    ("beers_dirty.csv", None, {"brewery_name": "categorical", "state": "categorical", "ibu": "numeric"}),
    (
        "hospital_clean.csv",
        "HospitalOwner",
        {
            "index": "id",
            "Address2": "constant",
            "State": "categorical",
            "EmergencyService": "boolean",
            "MeasureName": "categorical",
        },
    ),
]


@pytest.mark.parametrize(("file", "target", "wanted"), REAL, ids=[row[0] for row in REAL])
def test_real_tables_are_judged_as_a_reader_would(
    lab: Lab, shared_data: Path, file: str, target: str, wanted: dict[str, str]
) -> None:
    (lab.folder / file).write_bytes((shared_data / file).read_bytes())
    result = lab.call("assign_feature_roles", dataset=file, target=target)
    roles = _roles(result)
    assert {name: roles[name] for name in wanted} == wanted
    assert abs(result.test_rows / (result.test_rows + result.train_rows) - 0.2) < 0.001


def test_the_demo_orders_are_judged_by_what_was_planted(lab: Lab, tmp_path: Path) -> None:
    """`examples/orders.py` says what is in the table."""
    import subprocess
    import sys

    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "examples/orders.py", str(lab.folder), "--rows", "2000"], cwd=root, check=True)
    result = lab.call("assign_feature_roles", dataset="orders_2026-04.csv", target="returned")
    roles = _roles(result)
    wanted = {
        "order_id": "id",
        "refund_amount": "leaking",
        "last_status": "leaking",
        "source_system": "constant",
        "returned": "target",
        "amount": "numeric",
        "customer_age": "numeric",
        "city": "categorical",
        "country": "categorical",
        "ordered_at": "datetime",
        "invoice_date": "datetime",
        "paid_at": "datetime",
        "discount_pct": "numeric",
    }
    assert {name: roles[name] for name in wanted} == wanted
    assert result.split_by == "order_id"
    assert _inputs(lab, result)["customer_age"]["missing"] == [-999.0]


def test_a_key_that_looks_unique_in_a_sample_and_comes_again_in_the_table_is_a_category(lab: Lab) -> None:
    """150,000 rows of 50,000 customers: among the rows that are judged few customers come twice."""
    dice = np.random.default_rng(0)
    customer = [f"c{one:06}" for one in dice.integers(0, 50_000, 150_000)]
    order = [f"o{one:06}" for one in dice.permutation(150_000)]
    frame = pd.DataFrame({"customer": customer, "order": order, "y": dice.integers(0, 2, 150_000)})
    lab.table(frame)
    roles = {role.column: role for role in lab.call("assign_feature_roles", dataset="table.parquet", target="y").roles}
    assert (roles["customer"].role, roles["customer"].cardinality) == ("categorical", "high")
    assert roles["order"].role == "id"
