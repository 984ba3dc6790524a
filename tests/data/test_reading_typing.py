"""Types given to columns of text: over all rows, and only where nothing is lost."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from refinery.tools.data import Dataset, open_dataset

UTC = dt.timezone.utc  # noqa: UP017


def column(folder, values: list[str | None]) -> tuple[str, list, tuple[str, ...]]:
    """Write one column of a two-column CSV file and read it back: its type, values and notes."""
    path = folder / "table.csv"
    path.write_text(
        "".join(
            f'{line}|"{"" if value is None else value}"\n' for line, value in [("key", "value"), *enumerate(values)]
        )
    )
    dataset = open_dataset(path)
    return str(dataset.schema["value"]), dataset.table.value.to_pyarrow().to_pylist(), dataset.reading.notes


TYPED = [
    (["1", "-2", None], "int64", [1, -2, None]),
    (["0", "1"], "int64", [0, 1]),
    ([" 5", "6 "], "int64", [5, 6]),
    (["9007199254740993", "1"], "int64", [9007199254740993, 1]),
    (["1.5", "2", "-.25", "3."], "float64", [1.5, 2.0, -0.25, 3.0]),
    (["0.30000000000000004", "0.1"], "float64", [0.1 + 0.2, 0.1]),
    (["1.5e-3", "2E+2", "7"], "float64", [0.0015, 200.0, 7.0]),
    (["true", "False", "TRUE"], "boolean", [True, False, True]),
    (["2020-02-29", "2021-1-5"], "date", [dt.date(2020, 2, 29), dt.date(2021, 1, 5)]),
    (["2020/02/29"], "date", [dt.date(2020, 2, 29)]),
    (
        ["2020-01-01 10:30", "2020-01-01T10:30:15.25"],
        "timestamp(6)",
        [dt.datetime(2020, 1, 1, 10, 30), dt.datetime(2020, 1, 1, 10, 30, 15, 250000)],
    ),
    (["13/02/2020", "01/02/2020"], "date", [dt.date(2020, 2, 13), dt.date(2020, 2, 1)]),
    (["02/13/2020", "02/01/2020"], "date", [dt.date(2020, 2, 13), dt.date(2020, 2, 1)]),
    (["1.2.2020", "31.12.2020"], "date", [dt.date(2020, 2, 1), dt.date(2020, 12, 31)]),
    (["9007199254740993", "1.5"], "decimal(38, 1)", [Decimal("9007199254740993.0"), Decimal("1.5")]),
    (["12345678901234567.89"], "decimal(38, 2)", [Decimal("12345678901234567.89")]),
]

KEPT = [
    ["01234", "98765"],
    ["+491701234567", "+491707654321"],
    ["12345678901234567890123", "1"],
    ["N/A", "1"],
    ["nan", "1.5"],
    ["inf", "1.5"],
    ["  ", "1"],
    ["yes", "no"],
    ["t", "f"],
    ["12E4", "13E5"],
    ["1_000"],
    ["1e+999"],
    ["0x1F"],
    ["1,234", "5,678"],
    ["12 %", "13 %"],
    ["٣"],
    ["2020-02-30"],
    ["2020-01-01", "2020-01-01 10:00:00"],
    ["2020-01-01 10:00:00", "2020-01-01 10:00:00Z"],
    ["01/02/2020", "03/04/2020"],
    ["13/02/2020", "02/13/2020"],
    ["2020-01-01", "13/02/2020"],
    ["10:30", "11:00"],
    ["1.2.3", "1.2.4"],
    ["infinity"],
]


@pytest.mark.parametrize(("values", "dtype", "expected"), TYPED, ids=lambda value: str(value)[:40])
def test_a_column_gets_the_type_that_all_its_values_allow(tmp_path, values, dtype, expected):
    kind, got, _ = column(tmp_path, values)
    assert kind == dtype
    assert got == expected


@pytest.mark.parametrize("values", KEPT, ids=str)
def test_text_stays_where_a_type_would_lose_something_or_guess(tmp_path, values):
    kind, got, _ = column(tmp_path, values)
    assert kind == "string"
    assert got == values


def test_times_with_offsets_become_instants_and_the_offsets_are_told(tmp_path):
    kind, got, notes = column(
        tmp_path, ["2020-01-01T10:00:00Z", "2020-01-01T10:00:00+02:00", "2020-01-01 10:00:00+0530"]
    )
    assert kind.startswith("timestamp('UTC'")
    assert [value.astimezone(UTC).hour for value in got] == [10, 8, 4]
    assert "column 'value': its times had several offsets (+02:00, +0530, Z)" in notes[0]


def test_nanoseconds_are_kept(tmp_path):
    kind, got, _ = column(tmp_path, ["2020-01-01 10:00:00.123456789", "2020-01-01 10:00:00.000001"])
    assert kind == "timestamp(9)"
    assert [value.nanosecond for value in got] == [789, 0]


def test_an_empty_column_stays_text(tmp_path):
    assert column(tmp_path, [None, None])[:2] == ("string", [None, None])


def test_one_word_after_many_numbers_keeps_the_column_text(tmp_path):
    values = [str(number) for number in range(30_000)] + ["N/A"]
    kind, got, _ = column(tmp_path, values)
    assert (kind, got) == ("string", values)


def test_awkward_names_are_typed_too(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('"a""b";"c\'d";"select";"x.y";"ü ";"; DROP"\n1;2;3;4;5;6\n')
    dataset: Dataset = open_dataset(path)
    assert dataset.columns == ['a"b', "c'd", "select", "x.y", "ü", "; DROP"]
    assert {str(kind) for kind in dataset.schema.values()} == {"int64"}


NUMBERS = st.one_of(
    st.integers(-(2**63), 2**63 - 1).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=12).map(
        lambda d: format(d, "f")
    ),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(NUMBERS, min_size=1, max_size=6))
def test_whatever_the_type_no_number_changes(tmp_path, values):
    kind, got, _ = column(tmp_path, values)
    if kind == "string":
        assert got == values
    elif kind == "float64":
        assert got == [float(value) for value in values]
        assert all(
            Decimal(value) == int(value) == number
            for value, number in zip(values, got, strict=True)
            if value.lstrip("-").isdigit()
        )
    else:
        assert [Decimal(number) for number in got] == [Decimal(value) for value in values]
