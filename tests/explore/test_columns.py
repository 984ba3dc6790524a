from __future__ import annotations

import datetime as dt
import decimal
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from refinery.tools.columns import profile_columns
from refinery.tools.data import open_dataset
from refinery.tools.errors import BadRequest
from refinery.tools.readings import datetime_format, reads_as_number

N = 400
RNG = np.random.default_rng(5)


def kind(name: str, values: Any) -> str:
    return profile_columns(open_dataset(pa.table({name: values})))[name].kind


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("order_id", list(range(1000, 1000 + N)), "id"),
        ("row", list(range(N)), "id"),
        ("account", [10_000_000 + 7_919 * i for i in range(N)], "id"),
        ("revenue", RNG.permutation(N * 1000)[:N].tolist(), "numeric"),
        ("score", RNG.random(N).tolist(), "numeric"),
        ("id", RNG.random(N).tolist(), "numeric"),
        ("customer_id", [i % 90 for i in range(N)], "categorical"),
        ("rate_code_id", [float(i % 6) for i in range(N)], "categorical"),
        ("payment_type", [1 + i % 4 for i in range(N)], "categorical"),
        ("passenger_count", [i % 7 for i in range(N)], "numeric"),
        ("num_type", [i % 7 for i in range(N)], "numeric"),
        ("returned", [i % 2 for i in range(N)], "boolean"),
        ("ok", [i % 3 == 0 for i in range(N)], "boolean"),
        ("city", [["Berlin", "Paris"][i % 2] for i in range(N)], "categorical"),
        ("key", [f"k-{i}" for i in range(N)], "id"),
        ("name", [f"Mister number {i}" for i in range(N)], "text"),
        ("price", [f"{i}.5" for i in range(N)], "text"),
        ("day", [dt.date(2024, 1, 1) + dt.timedelta(days=i) for i in range(N)], "datetime"),
        ("same", ["x"] * N, "constant"),
        ("void", pa.array([None] * N, pa.string()), "empty"),
        ("tags", [["a"], ["b"]] * (N // 2), "other"),
        ("blob", [b"a", b"b"] * (N // 2), "other"),
        ("amount", [decimal.Decimal(i) / 4 for i in range(N)], "numeric"),
        ("short", ["a", "b", "c"], "categorical"),
    ],
)
def test_a_column_is_of_the_kind_that_an_analyst_would_say(name: str, values: Any, expected: str) -> None:
    assert kind(name, values) == expected


def test_uuids_are_ids_and_long_prose_is_text() -> None:
    assert kind("u", [str(uuid.UUID(int=i)) for i in range(N)]) == "id"
    assert kind("p", [f"the {i % 250} quick brown foxes jump over it" for i in range(N)]) == "text"


def test_counts_and_extremes_of_a_small_table_are_exact() -> None:
    table = pa.table({"a": [3, None, 1, 3], "b": ["1", "x", None, "2024-05-01"]})
    profile = profile_columns(open_dataset(table))
    assert (profile["a"].nulls, profile["a"].distinct, profile["a"].minimum, profile["a"].maximum) == (1, 2, 1, 3)
    assert profile["b"].numeric_share == pytest.approx(1 / 3)
    assert profile["b"].datetime_share == pytest.approx(1 / 3)
    assert profile["a"].numeric_share is None


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = 150_000
    rng = np.random.default_rng(1)
    path = tmp_path_factory.mktemp("large") / "large.parquet"
    columns = {
        "id": np.arange(rows),
        "twice": np.repeat(np.arange(rows // 2), 2),
        "few": rng.integers(0, 12, rows),
        "some": rng.integers(0, 3_000, rows),
        "text": pa.array([None if i % 4 == 0 else f"t{i % 7}" for i in range(rows)]),
        "x": rng.normal(size=rows),
    }
    pq.write_table(pa.table(columns), path, row_group_size=30_000)
    return path


def test_in_a_large_table_nulls_and_extremes_are_exact_and_distinct_is_close(large: Path) -> None:
    profile = profile_columns(open_dataset(large))
    truth = {"id": 150_000, "twice": 75_000, "few": 12, "some": 3_000, "text": 7, "x": 150_000}
    for name, distinct in truth.items():
        assert profile[name].distinct == pytest.approx(distinct, rel=0.15), name
    assert profile["text"].nulls == 37_500
    assert (profile["id"].minimum, profile["id"].maximum) == (0, 149_999)
    assert profile["id"].kind == "id"
    assert profile["twice"].kind == "numeric"


def test_the_same_profile_comes_out_twice_and_is_computed_once(large: Path) -> None:
    dataset = open_dataset(large)
    first = profile_columns(dataset)
    again = profile_columns(dataset, ["few"])
    assert again["few"] is first["few"]
    assert profile_columns(open_dataset(large)) == first


def test_strange_names_and_empty_tables_are_profiled() -> None:
    table = pa.table({'a"b; DROP TABLE x --': [1], "ü . [x]": ["y"]})
    assert set(profile_columns(open_dataset(table))) == set(table.column_names)
    empty = profile_columns(open_dataset(table.slice(0, 0)))
    assert {item.kind for item in empty.values()} == {"empty"}


def test_an_unknown_column_is_refused_with_the_nearest() -> None:
    with pytest.raises(BadRequest, match="did you mean 'amount'"):
        profile_columns(open_dataset(pa.table({"amount": [1]})), ["amuont"])


def test_a_table_of_many_columns_is_profiled() -> None:
    table = pa.table({f"c{i}": [i, i + 1, None] for i in range(400)})
    assert len(profile_columns(open_dataset(table))) == 400


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-02-29", "Y-M-D"),
        ("2023-02-29", None),
        ("2024-01-01T10:00:00Z", "Y-M-D time zone"),
        ("31/12/2024", "D/M/Y"),
        ("12/31/24", "M/D/Y"),
        ("05/06/2024", "D/M/Y or M/D/Y"),
        ("3.1.2024 10:30", "D.M.Y or M.D.Y time"),
        ("5 Jan 2024", "D Mon Y"),
        ("January 5, 2024", "Mon D, Y"),
        ("20240105", "YYYYMMDD"),
        ("1.2.3", None),
        ("12345678901", None),
    ],
)
def test_dates_are_told_by_their_format(text: str, expected: str | None) -> None:
    assert datetime_format(text) == expected


@settings(max_examples=60, deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers())
def test_every_number_that_python_writes_reads_as_a_number(value: float) -> None:
    assert reads_as_number(str(value))
