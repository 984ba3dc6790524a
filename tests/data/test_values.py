from __future__ import annotations

import datetime as dt
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from refinery.tools.data.values import as_python, microseconds, moment


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("TIMESTAMP '2024-01-31 10:00:00'", dt.datetime(2024, 1, 31, 10)),
        ("TIMESTAMP '20000-01-01 10:00:00.5'", "20000-01-01T10:00:00.500000"),
        ("TIMESTAMP '20000-01-01 10:00:00'", "20000-01-01T10:00:00"),
        ("TIMESTAMPTZ '20000-01-01 00:00:00+00'", "20000-01-01T00:00:00+00:00"),
        ("TIMESTAMP_S '20000-01-01'", "20000-01-01T00:00:00"),
        ("TIMESTAMP_MS '290000-01-01'", "290000-01-01T00:00:00"),
        ("DATE '0044-03-15 (BC)'", "-0043-03-15"),
        ("TIMESTAMP 'infinity'", "infinity"),
        ("TIMESTAMPTZ '-infinity'", "-infinity"),
        ("DATE '-infinity'", "-infinity"),
        ("[DATE '20000-01-01', NULL]", ["20000-01-01", None]),
        ("{'a': TIMESTAMP '20000-01-01', 'b': [1]}", {"a": "20000-01-01T00:00:00", "b": [1]}),
        ("map {'k': DATE '20000-01-01'}", [("k", "20000-01-01")]),
    ],
)
def test_what_python_has_no_value_for_becomes_iso_text(sql: str, expected: Any) -> None:
    table = duckdb.sql(f"SELECT {sql} AS a UNION ALL SELECT NULL").to_arrow_table()
    assert as_python(table["a"][0]) == expected
    assert as_python(table["a"]) == [expected, None]
    assert as_python(table) == [{"a": expected}, {"a": None}]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("TIMESTAMP '1970-01-01 00:00:01'", 1_000_000),
        ("TIMESTAMP_NS '1970-01-01 00:00:01.000002003'", 1_000_002),
        ("TIMESTAMP_S '1969-12-31 23:59:59'", -1_000_000),
        ("DATE '1970-01-03'", 2 * 86_400_000_000),
        ("TIMESTAMP 'infinity'", None),
        ("DATE '-infinity'", None),
        ("DATE '500000-01-01'", None),
    ],
)
def test_moments_are_counted_in_microseconds_where_that_is_possible(sql: str, expected: int | None) -> None:
    assert microseconds(duckdb.sql(f"SELECT {sql} AS a").to_arrow_table()["a"]).to_pylist() == [expected]


def test_a_count_of_microseconds_is_a_moment_again() -> None:
    assert moment(86_400_000_000.4) == dt.datetime(1970, 1, 2)
    assert moment(568_971_820_800_000_000, zone=True) == "20000-01-01T00:00:00+00:00"
    assert moment(0, zone=True) == dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    assert as_python(pa.scalar(None, pa.timestamp("us"))) is None
