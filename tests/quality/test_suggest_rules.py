"""suggest_rules: what is suggested holds, what nearly holds is told, and chance is not taken for a rule."""

# ruff: noqa: E501 (a case is read as one line)

from __future__ import annotations

import datetime as dt
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from refinery.tools.data import open_dataset
from refinery.tools.quality._rules_shapes import dominant_shape
from refinery.tools.quality.check_rules import check_rules
from refinery.tools.quality.suggest_rules import SuggestedRules, suggest_rules

ROWS = 1_000
RNG = np.random.default_rng(7)


def suggest(columns: Any) -> SuggestedRules:
    return suggest_rules(open_dataset(columns if isinstance(columns, pa.Table) else pa.table(columns)))


def rules_of(columns: Any, kind: str) -> list[dict[str, Any]]:
    return [rule.as_given() for rule in suggest(columns).rules if rule.kind == kind]


def orders(seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    start = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 90 * 24 * 60, ROWS), unit="min")
    price = rng.gamma(2.0, 20.0, ROWS).round(2)
    return pd.DataFrame(
        {
            "order_id": np.arange(ROWS) + 5_000,
            "sku": [f"sku-{i}" for i in rng.integers(1, 400, ROWS)],
            "email": [f"u{i}@example.org" for i in rng.integers(1, 500, ROWS)],
            "size": rng.choice(["S", "M", "L"], ROWS),
            "price": price,
            "total": (price * rng.uniform(1.0, 1.4, ROWS)).round(2),
            "share": rng.uniform(0, 1, ROWS),
            "rating": rng.integers(1, 6, ROWS),
            "month": rng.integers(1, 13, ROWS),
            "temperature": rng.normal(0, 10, ROWS),
            "pickup": start,
            "dropoff": start + pd.to_timedelta(rng.integers(1, 200, ROWS), unit="min"),
            "zip": [f"{i:05d}" for i in rng.integers(0, 99_999, ROWS)],
            "comment": ["".join(rng.choice(list("abc de"), 12)) for _ in range(ROWS)],
            "coupon": pd.array([None if i % 5 else "yes" for i in range(ROWS)], dtype="string"),
        }
    )


@pytest.fixture(scope="module")
def suggested() -> SuggestedRules:
    return suggest_rules(open_dataset(orders()))


EXPECTED: list[dict[str, Any]] = [
    {"kind": "unique", "columns": ["order_id"]},
    {"kind": "pattern", "columns": ["sku"], "pattern": "^sku-[0-9]+$"},
    {"kind": "pattern", "columns": ["email"], "pattern": r"^[^@\s]+@[^@\s]+\.[A-Za-z]{2,}$"},
    {"kind": "pattern", "columns": ["zip"], "pattern": "^[0-9]{5}$"},
    {"kind": "compare", "columns": ["pickup", "dropoff"], "op": "<="},
    {"kind": "compare", "columns": ["price", "total"], "op": "<="},
    {"kind": "range", "columns": ["share"], "min": 0, "max": 1},
    {"kind": "range", "columns": ["rating"], "min": 1, "max": 5},
    {"kind": "range", "columns": ["month"], "min": 1, "max": 12},
    {"kind": "range", "columns": ["price", "total"], "min": 0},
    {"kind": "type", "columns": ["order_id", "rating", "month"], "type": "integer"},
    {"kind": "type", "columns": ["pickup", "dropoff"], "type": "timestamp"},
    {"kind": "row_count", "min": 1},
]


@pytest.mark.parametrize("rule", EXPECTED, ids=lambda rule: f"{rule['kind']} {rule.get('columns')}")
def test_what_an_analyst_would_write_down_is_suggested(suggested: SuggestedRules, rule: dict[str, Any]) -> None:
    assert rule in [found.as_given() for found in suggested.rules]


def test_what_an_analyst_would_not_write_down_is_not_suggested(suggested: SuggestedRules) -> None:
    named = {(rule.kind, column) for rule in suggested.rules for column in rule.columns}
    for kind in ("range", "pattern", "set", "compare"):
        assert (kind, "temperature") not in named
        assert (kind, "comment") not in named
    # Leading zeros mean a code and no number; floats are unique by chance; half empty is no rule.
    assert ("type", "zip") not in named
    assert ("unique", "share") not in named
    assert ("not_null", "coupon") not in named
    # A key says more than that rows are not repeated.
    assert "no_duplicate_rows" not in {rule.kind for rule in suggested.rules}
    assert suggested.findings == []


def test_categories_are_told_without_regard_to_order(suggested: SuggestedRules) -> None:
    [sizes] = [rule for rule in suggested.rules if rule.kind == "set"]
    assert (sizes.columns, set(sizes.values or [])) == (["size"], {"S", "M", "L"})
    assert (sizes.support, sizes.rows) == (1.0, ROWS)


def test_bounds_are_not_the_extremes_that_were_seen() -> None:
    """The next delivery of the same kind keeps what was suggested from this one."""
    first, second = orders(1), orders(2)
    rules = [rule.model_dump() for rule in suggest_rules(open_dataset(first)).rules]
    assert check_rules(open_dataset(second), rules).status == "passed"


NEARLY: list[tuple[str, list[Any], dict[str, Any], int]] = [
    ("a few negative", [-1.5] * 3 + list(RNG.gamma(2, 2, ROWS - 3)), {"kind": "range", "columns": ["x"], "min": 0, "tolerance": 0.003}, 3),
    ("a few nulls", [None] * 2 + list(RNG.gamma(2, 2, ROWS - 2)), {"kind": "not_null", "columns": ["x"], "tolerance": 0.002}, 2),
    ("a repeated key", [1, *range(ROWS - 1)], {"kind": "unique", "columns": ["x_id"], "tolerance": 0.001}, 1),
    ("a misspelt category", ["Berlin"] * 500 + ["Paris"] * 497 + ["Berln"] * 3, {"kind": "set", "columns": ["x"], "values": ["Berlin", "Paris"], "tolerance": 0.003}, 3),
    ("a placeholder", ["yes"] * 500 + ["no"] * 496 + ["N/A"] * 4, {"kind": "set", "columns": ["x"], "values": ["yes", "no"], "tolerance": 0.004}, 4),
    ("a broken format", [f"sku-{i % 300}" for i in range(ROWS - 2)] + ["??", "sku 7"], {"kind": "pattern", "columns": ["x"], "pattern": "^sku-[0-9]+$", "tolerance": 0.002}, 2),
    ("a word among numbers", [str(i % 77) for i in range(ROWS - 1)] + ["seven"], {"kind": "type", "columns": ["x"], "type": "integer", "tolerance": 0.001}, 1),
]  # fmt: skip


@pytest.mark.parametrize(("values", "rule", "broken"), [case[1:] for case in NEARLY], ids=[case[0] for case in NEARLY])
def test_a_rule_that_nearly_holds_is_told_as_worth_a_look(values: list[Any], rule: dict[str, Any], broken: int) -> None:
    result = suggest({rule["columns"][0]: values})
    found = next(item for item in result.rules if item.as_given() == rule)
    assert found.worth_a_look
    assert found.rows == ROWS - broken
    assert any(f"{broken:,} of {ROWS:,} rows break it" in finding.message for finding in result.findings)


def test_an_order_of_two_columns_that_chance_explains_is_no_rule() -> None:
    columns = {
        "year": RNG.integers(1990, 2020, ROWS),
        "cents": RNG.integers(5_000, 90_000, ROWS),
        "x": RNG.normal(size=ROWS),
    }
    assert rules_of(columns, "compare") == []


def test_columns_that_are_the_same_are_told_as_equal() -> None:
    x = RNG.normal(size=ROWS)
    assert rules_of({"x": x, "y": x}, "compare") == [{"kind": "compare", "columns": ["x", "y"], "op": "="}]


def test_an_open_list_of_categories_is_no_rule() -> None:
    names = [f"city {i}" for i in RNG.zipf(1.3, ROWS) % 200]
    assert rules_of({"city": names}, "set") == []


def test_a_code_that_may_be_a_slip_for_another_makes_no_list() -> None:
    assert rules_of({"state": ["al"] * 950 + ["ak"] * 20 + ["xl"] * 15 + ["ax"] * 15}, "set") == []


def test_a_wide_table_is_bounded() -> None:
    columns = {f"c{i}": RNG.integers(0, 50, 60) for i in range(700)}
    result = suggest(columns)
    assert len(result.rules) < 60
    assert all(len(rule.columns) <= 40 for rule in result.rules)


SHAPES: list[tuple[str, list[str], str | None]] = [
    ("numbered", [f"INV-{i:04d}" for i in range(200)], "^INV-[0-9]{4}$"),
    ("of any length", [f"a{i}" for i in range(200)], "^a[0-9]+$"),
    ("plates", [f"{chr(65 + i % 26)}{chr(65 + i // 26)} {i:03d}" for i in range(200)], "^[A-Z]{2} [0-9]{3}$"),
    ("marks with a meaning", [f"{i}.{i % 7}+(x)" for i in range(200)], r"^[0-9]+\.[0-9]+\+\(x\)$"),
    ("digests", [f"{i * 2654435761 % 2**32:08x}f0" for i in range(1, 200)], "^[0-9a-f]{10}$"),
    ("dates", [f"2024-{1 + i % 12:02d}-{1 + i % 28:02d}" for i in range(200)], "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"),
    ("words", ["".join(chr(97 + (i * k) % 26) for k in range(1, 3 + i % 9)) for i in range(200)], None),
    ("other scripts", [f"größe-{i}" for i in range(200)], None),
    ("few", ["A1", "A2", "A3"], None),
    ("all kinds", [("x" * (i % 5)) + "-" * (i % 3) + str(i) for i in range(200)], None),
]


@pytest.mark.parametrize(("values", "pattern"), [case[1:] for case in SHAPES], ids=[case[0] for case in SHAPES])
def test_the_shape_of_texts_is_found(values: list[str], pattern: str | None) -> None:
    found = dominant_shape(values)
    assert (found.pattern if found else None) == pattern


TEXT = st.sampled_from(
    ["x", "y", "N/A", "", "a1", "b22", "2024-01-01", "7", "007", "1e3", "nan", "Ü", "o'k", 'q"', None]
)
CELLS: dict[str, tuple[st.SearchStrategy[Any], pa.DataType]] = {
    "int": (st.integers(-3, 300) | st.none(), pa.int64()),
    "id": (st.integers(-(2**63), 2**63 - 1) | st.none(), pa.int64()),
    "float": (st.sampled_from([0.0, -0.0, 0.5, 1.0, -1e300, math.nan, math.inf, None]), pa.float64()),
    "text": (TEXT, pa.string()),
    "word": (st.text(max_size=4) | st.none(), pa.string()),
    "flag": (st.booleans() | st.none(), pa.bool_()),
    "when": (st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2100, 1, 1)) | st.none(), pa.timestamp("us")),
    "zoned": (st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2100, 1, 1)) | st.none(), pa.timestamp("us", "UTC")),
    "day": (st.dates(dt.date(1900, 1, 1), dt.date(2100, 1, 1)) | st.none(), pa.date32()),
    "price": (st.decimals(-9, 99, places=2) | st.none(), pa.decimal128(10, 2)),
    "list": (st.lists(st.integers(0, 3), max_size=2) | st.none(), pa.list_(pa.int64())),
    "nothing": (st.none(), pa.null()),
}


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    kinds = draw(st.lists(st.sampled_from(sorted(CELLS)), min_size=1, max_size=5))
    rows, repeats = draw(st.integers(0, 12)), draw(st.sampled_from([1, 1, 20, 60]))
    arrays = []
    for kind in kinds:
        cells, dtype = CELLS[kind]
        values = draw(st.lists(cells, min_size=rows, max_size=rows))
        arrays.append(pa.array(values * repeats, dtype))
    names = [f"{kind}{'' if position % 2 else chr(34) + '. '}{position}" for position, kind in enumerate(kinds)]
    return pa.table(arrays, names=names)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(tables())
def test_whatever_is_suggested_for_a_table_holds_on_it(table: pa.Table) -> None:
    dataset = open_dataset(table)
    rules = [rule.model_dump(mode="json") for rule in suggest_rules(dataset).rules]
    if rules:
        result = check_rules(dataset, rules)
        assert [(str(item.rule), item.violations) for item in result.rules if not item.passed] == []
        assert sum(item.violations for item in result.rules) == sum(table.num_rows - rule["rows"] for rule in rules)


def test_values_with_nul_characters_make_no_rule_that_the_engine_refuses() -> None:
    assert rules_of({"x": ["a\0", "b"] * 100}, "set") == []


def test_an_empty_table_has_no_rules() -> None:
    assert suggest(pa.table({"a": pa.array([], pa.int64())})).rules == []


TABLES = ("beers_clean", "beers_dirty", "hospital_clean", "hospital_dirty", "taxi_2019-01", "taxi_2020-04")


@pytest.mark.parametrize("name", TABLES)
def test_real_tables_keep_what_is_suggested_for_them(shared_data: Path, name: str) -> None:
    dataset = open_dataset(shared_data / f"{name}.csv")
    rules = [rule.model_dump(mode="json") for rule in suggest_rules(dataset).rules]
    assert check_rules(dataset, rules).status == "passed"


def test_taxi_trips_end_after_they_begin_and_fares_are_seldom_negative(shared_data: Path) -> None:
    result = suggest_rules(open_dataset(shared_data / "taxi_2019-01.csv"))
    found = [rule.as_given() for rule in result.rules]
    assert {"kind": "compare", "columns": ["pickup_datetime", "dropoff_datetime"], "op": "<="} in found
    frame = pd.read_csv(shared_data / "taxi_2019-01.csv")
    fares = next(rule for rule in result.rules if rule.kind == "range" and rule.columns == ["fare_amount"])
    assert fares.worth_a_look
    assert ROWS * 10 - fares.rows == (frame["fare_amount"] < 0).sum()
