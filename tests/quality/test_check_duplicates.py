from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from refinery.tools.data import open_dataset
from refinery.tools.errors import BadRequest
from refinery.tools.quality._repeats import named_like_id
from refinery.tools.quality.check_duplicates import Duplicates, check_duplicates


def check(columns: dict[str, Any] | pd.DataFrame, **arguments: Any) -> Duplicates:
    return check_duplicates(
        open_dataset(columns if isinstance(columns, pd.DataFrame) else pa.table(columns)), **arguments
    )


def orders(rows: int = 1_000, seed: int = 0) -> pd.DataFrame:
    r = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "order_id": np.arange(1, rows + 1),
            "customer_id": r.integers(1, rows // 5, rows),
            "amount": r.lognormal(3, 1, rows).round(2),
            "city": r.choice(["Berlin", "Paris", "Rome"], rows),
        }
    )


def test_rows_after_the_first_of_each_group_are_counted_and_nulls_are_equal() -> None:
    result = check({"a": [1, 1, None, None, None, 2], "b": ["x", "x", None, None, None, "y"]})
    assert result.duplicate_rows == 3
    assert [(group.values, group.count) for group in result.groups] == [
        ({"a": None, "b": None}, 3),
        ({"a": 1, "b": "x"}, 2),
    ]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2) | st.none(), st.sampled_from(["a", "A ", "b", None])), max_size=40))
def test_duplicate_rows_are_what_pandas_counts(rows: list[tuple[int | None, str | None]]) -> None:
    table = {"a": pa.array([a for a, _ in rows], pa.int64()), "b": pa.array([b for _, b in rows], pa.string())}
    expected = pd.DataFrame(rows, columns=["a", "b"]).astype(object).duplicated().sum()
    assert check(table).duplicate_rows == expected


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3) | st.none(), st.integers(0, 1)), max_size=40))
def test_a_row_with_a_null_in_its_key_is_counted_apart(rows: list[tuple[int | None, int]]) -> None:
    table = {"a": pa.array([a for a, _ in rows], pa.int64()), "b": pa.array([b for _, b in rows], pa.int64())}
    result = check(table, id_columns=["a", "b"])
    filled = [row for row in rows if row[0] is not None]
    assert result.duplicate_ids == len(filled) - len(set(filled))
    assert result.null_ids == len(rows) - len(filled)


def test_given_keys_that_repeat_are_a_high_finding_with_the_worst_groups_first() -> None:
    result = check({"id": [1, 1, 2, 2, 2, 3, None], "x": list("abcdefg")}, id_columns=["id"])
    assert (result.duplicate_rows, result.duplicate_ids, result.null_ids, result.status) == (0, 3, 1, "failed")
    assert [(group.values["id"], group.count) for group in result.groups] == [(2, 3), (1, 2)]
    assert "COUNT(DISTINCT" in (result.findings[0].evidence.query or "").upper()


def test_a_composite_key_is_compared_as_a_whole() -> None:
    table = {"day": [1, 1, 2, 2], "shop": ["a", "b", "a", "a"]}
    result = check(table, id_columns=["day", "shop"])
    assert result.duplicate_ids == 1
    assert result.groups[-1].values == {"day": 2, "shop": "a"} or result.groups[0].values == {"day": 2, "shop": "a"}


@pytest.mark.parametrize(
    ("columns", "message"),
    [(["ordr_id"], "did you mean 'order_id'"), ([], "one column or more"), (["order_id", "order_id"], "each once")],
)
def test_a_key_that_makes_no_sense_is_refused(columns: list[str], message: str) -> None:
    with pytest.raises(BadRequest, match=message):
        check(orders(50), id_columns=columns)


def test_clean_orders_pass_and_their_foreign_key_is_not_accused() -> None:
    result = check(orders())
    assert (result.findings, result.duplicate_rows, result.duplicate_ids, result.correlated_pairs) == ([], 0, 0, [])


@pytest.mark.parametrize("rows", [1_000, 60_000])
def test_repeats_of_a_nearly_unique_id_are_noticed_without_being_asked(rows: int) -> None:
    table = orders(rows)
    table.loc[table.index[-5:], "order_id"] = 7
    result = check(table)
    assert (result.duplicate_ids, result.id_columns, result.status) == (5, ["order_id"], "warning")
    assert [(f.columns, f.severity) for f in result.findings] == [(["order_id"], "medium")]


def test_whole_rows_that_come_again_are_told_as_such() -> None:
    table = orders()
    result = check(pd.concat([table, table.iloc[:12]], ignore_index=True))
    assert (result.duplicate_rows, result.duplicate_ids) == (12, 12)
    assert any("12 of them whole rows" in finding.message for finding in result.findings)


def test_rows_that_differ_in_case_and_blanks_alone_are_told_as_nearly_repeated() -> None:
    table = orders()
    again = table.iloc[:8].assign(city=lambda t: " " + t.city.str.upper())
    result = check(pd.concat([table, again], ignore_index=True))
    assert (result.duplicate_rows, result.near_duplicate_rows) == (0, 8)
    assert "near_duplicate_rows" in {finding.metric for finding in result.findings}


@pytest.mark.parametrize(("share", "severity"), [(0.01, "medium"), (0.2, "high")])
def test_many_repeated_rows_are_worse_than_few(share: float, severity: str) -> None:
    table = orders().drop(columns="order_id")
    again = table.iloc[: int(share * len(table))]
    result = check(pd.concat([table, again], ignore_index=True))
    assert next(f.severity for f in result.findings if f.metric == "duplicate_rows") == severity


def test_rows_of_a_table_that_mostly_repeats_may_be_meant() -> None:
    result = check({"answer": ["yes", "no"] * 50})
    assert [(f.severity, "may not be meant" in f.message) for f in result.findings] == [("medium", True)]


@pytest.mark.parametrize("rows", [500, 60_000])
def test_correlation_is_what_pandas_computes_over_the_rows_where_both_are_present(rows: int) -> None:
    r = np.random.default_rng(2)
    x = r.normal(0, 1, rows)
    table = pd.DataFrame(
        {"x": x, "near": x + r.normal(0, 0.2, rows), "minus": -3 * x + 1e6, "other": r.normal(0, 1, rows)}
    )
    table.loc[::7, "near"] = None
    result = check(table)
    pairs = {(pair.left, pair.right): pair.r for pair in result.correlated_pairs}
    expected = table.corr()
    assert set(pairs) == {("x", "near"), ("x", "minus"), ("near", "minus")}
    for (left, right), value in pairs.items():
        assert value == pytest.approx(expected.loc[left, right], abs=1e-6)


@pytest.mark.parametrize("rows", [200, 60_000])
def test_identical_columns_of_any_type_are_found_and_constants_are_not(rows: int) -> None:
    words = [f"w{i % 90}" for i in range(rows)]
    result = check({"a": words, "b": list(words), "c": [*words[:-1], "x"], "one": ["k"] * rows, "same": ["k"] * rows})
    assert [(p.left, p.right, p.identical) for p in result.correlated_pairs] == [("a", "b", True)]
    assert [f.columns for f in result.findings if f.metric == "correlation"] == [["a", "b"]]


def test_fares_and_totals_of_the_taxis_go_together(shared_data: Path) -> None:
    path = shared_data / "taxi_2019-01.csv"
    frame = pd.read_csv(path)
    result = check_duplicates(open_dataset(path))
    assert result.duplicate_rows == frame.duplicated().sum()
    pairs = {(pair.left, pair.right): pair.r for pair in result.correlated_pairs}
    assert pairs["fare_amount", "total_amount"] == pytest.approx(frame.fare_amount.corr(frame.total_amount), abs=1e-9)


def test_the_beers_repeat_nothing(shared_data: Path) -> None:
    result = check_duplicates(open_dataset(shared_data / "beers_dirty.csv"))
    assert (result.duplicate_rows, result.duplicate_ids, result.findings) == (0, 0, [])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("order_id", True),
        ("ID", True),
        ("ProviderNumber", True),
        ("id", True),
        ("paid", False),
        ("grid", False),
        ("ideal", False),
    ],
)
def test_names_of_identifiers_are_known(name: str, *, expected: bool) -> None:
    assert named_like_id(name) is expected


@pytest.mark.parametrize(
    ("table", "rows"),
    [
        ({"a": pa.array([], pa.int64())}, 0),
        ({"a": [1]}, 0),
        ({"list": [[1, 2], [1, 2], [3]], "struct": [{"a": 1}, {"a": 1}, {"a": None}]}, 1),
        ({"a": pa.array([None, None], pa.string())}, 1),
        ({'a "q"': ["x", "x"], "it's; drop": [1, 1], "row_hash": [1.5, 1.5], "ünï": [True, True]}, 1),
        ({"d": [dt.date(2024, 1, 1)] * 2, "f": [float("nan")] * 2, "b": [b"x"] * 2}, 1),
        ({f"c{i}": [1, 2, 2] for i in range(320)}, 1),
    ],
)
def test_odd_tables_are_compared_without_fuss(table: dict[str, Any], rows: int) -> None:
    result = check(table)
    assert result.duplicate_rows == rows
    assert result.headline()
    result.model_dump_json()


def test_a_wide_table_is_answered_in_seconds() -> None:
    r = np.random.default_rng(0)
    table = {f"c{i}": r.normal(0, 1, 300) for i in range(400)}
    table["twin"] = table["c7"] * 2
    assert [(p.left, p.right) for p in check(table).correlated_pairs] == [("c7", "twin")]
