"""Cells are the same numbers, texts and moments, to the last bit, however a table holds them."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from refinery.tools.features import _cells as cells

NAN = float("nan")
UTC = dt.UTC


def _arrow(values: list[Any], kind: pa.DataType) -> pd.Series[Any]:
    return pd.Series(pd.array(pa.array(values, kind), dtype=pd.ArrowDtype(kind)))


def _same(found: Any, wanted: Any) -> None:
    """Equal in type and to the last bit."""
    assert found.dtype == wanted.dtype
    if found.dtype == object:
        assert found.tolist() == wanted.tolist()
        assert [type(value) for value in found] == [type(value) for value in wanted]
    else:
        assert found.view(np.int64).tolist() == wanted.view(np.int64).tolist()


# The same whole numbers, with a gap and without.
CODES = [3, None, -7, 0]
CODE_BACKINGS = {
    "floats": pd.Series([3.0, NAN, -7.0, -0.0]),
    "narrow floats": pd.Series([3.0, NAN, -7.0, 0.0], dtype="float32"),
    "objects": pd.Series(CODES, dtype=object),
    "float objects": pd.Series([3.0, NAN, -7.0, -0.0], dtype=object),
    "NumPy objects": pd.Series([np.int64(3), pd.NA, np.int8(-7), np.float32(0)], dtype=object),
    "nullable": pd.Series(CODES, dtype="Int64"),
    "narrow nullable": pd.Series(CODES, dtype="Int8"),
    "nullable floats": pd.Series(CODES, dtype="Float64"),
    "Arrow": _arrow(CODES, pa.int64()),
    "narrow Arrow": _arrow(CODES, pa.int16()),
    "Arrow floats": _arrow(CODES, pa.float64()),
    "Arrow decimals": _arrow([Decimal("3.00"), None, Decimal("-7.00"), Decimal("0.00")], pa.decimal128(9, 2)),
    "decimals": pd.Series([Decimal(3), None, Decimal("-7.0"), Decimal("-0.0")], dtype=object),
    "categorical": pd.Series(CODES, dtype="category"),
    "texts": pd.Series(["3", None, "-7", "0"], dtype=object),
    "pandas texts": pd.Series(["3", None, "-7", "0"], dtype="str"),
    "nullable texts": pd.Series(["3", None, "-7", "0"], dtype="string"),
    "Arrow texts": _arrow(["3", None, "-7", "0"], pa.string()),
    "large Arrow texts": _arrow(["3", None, "-7", "0"], pa.large_string()),
    "categories of texts": pd.Series(["3", None, "-7", "0"], dtype="category"),
    "Arrow dictionary": pd.Series(
        pd.array(
            pa.array(["3", None, "-7", "0"]).dictionary_encode(), pd.ArrowDtype(pa.dictionary(pa.int32(), pa.string()))
        )
    ),
}


@pytest.mark.parametrize("series", CODE_BACKINGS.values(), ids=CODE_BACKINGS)
def test_codes_are_the_same_whatever_backs_them(series: pd.Series[Any]) -> None:
    _same(cells.texts(series), np.array(["3", None, "-7", "0"], dtype=object))
    _same(cells.numbers(series), np.array([3.0, NAN, -7.0, 0.0]))


@pytest.mark.parametrize("series", CODE_BACKINGS.values(), ids=CODE_BACKINGS)
def test_one_row_is_read_as_among_others(series: pd.Series[Any]) -> None:
    for row in range(len(series)):
        alone = series.iloc[row : row + 1]
        _same(cells.texts(alone), cells.texts(series)[row : row + 1])
        _same(cells.numbers(alone), cells.numbers(series)[row : row + 1])
    assert len(cells.texts(series.iloc[:0])) == 0
    _same(cells.numbers(series.iloc[:0]), np.array([], dtype=np.float64))


FLAG_BACKINGS = {
    "plain": pd.Series([True, False, True]),
    "objects": pd.Series([True, False, True], dtype=object),
    "nullable": pd.Series([True, False, True], dtype="boolean"),
    "Arrow": _arrow([True, False, True], pa.bool_()),
    "categorical": pd.Series([True, False, True], dtype="category"),
    "texts": pd.Series(["True", " FALSE", "true "], dtype=object),
}


@pytest.mark.parametrize("series", FLAG_BACKINGS.values(), ids=FLAG_BACKINGS)
def test_flags_are_the_same_whatever_backs_them(series: pd.Series[Any]) -> None:
    _same(cells.flags(series, {"true": 1.0, "false": 0.0}), np.array([1.0, 0.0, 1.0]))
    _same(cells.flags(series.iloc[1:2], {"true": 1.0, "false": 0.0}), np.array([0.0]))


def test_a_flag_of_two_words_is_read_by_its_words_and_all_else_is_missing() -> None:
    given_ = pd.Series(["Yes", "no", " NO ", None, "perhaps", True, 1], dtype=object)
    _same(cells.flags(given_, {"yes": 1.0, "no": 0.0}), np.array([1.0, 0.0, 0.0, NAN, NAN, NAN, NAN]))


def test_mixed_objects_are_each_what_they_are_alone() -> None:
    """To a table of hashes 1, 1.0, True and Decimal(1) are one value."""
    values = [True, 1, 1.0, Decimal(1), "1", False, 0, "x", None, 2.5, np.True_, dt.date(2025, 1, 2)]
    wanted = ["true", "1", "1", "1", "1", "false", "0", "x", None, "2.5", "true", "2025-01-02"]
    for order in (list(range(len(values))), list(range(len(values)))[::-1]):
        series = pd.Series([values[place] for place in order], dtype=object)
        assert cells.texts(series).tolist() == [wanted[place] for place in order]


# Numbers as texts write them: by hand.
WRITTEN = [
    ("12", 12.0),
    (" 12 ", 12.0),
    ("+5", 5.0),
    ("-0", 0.0),
    ("1e3", 1000.0),
    (".5", 0.5),
    ("5.", 5.0),
    ("1,200.5", 1200.5),
    ("1,200", 1200.0),
    ("-1,234,567.25", -1234567.25),
    ("12 %", 12.0),
    ("12%", 12.0),
    ("€ 5", 5.0),
    ("$1,000.00", 1000.0),
    ("£3", 3.0),
    ("¥ 700", 700.0),
    ("5 €", 5.0),
    ("12,5", NAN),  # a comma that groups no three digits may mean anything
    ("1,20,000", NAN),
    ("many", NAN),
    ("", NAN),
    ("  ", NAN),
    ("N/A", NAN),
    ("nan", NAN),
    ("inf", NAN),
    ("-Infinity", NAN),
    ("1e999", NAN),
    ("12 oz", NAN),
    ("0x10", NAN),
    ("True", NAN),
    ("9007199254740993", 9007199254740992.0),
    ("18446744073709551616", 18446744073709551616.0),
    ("0.1234567890123456789", 0.1234567890123456789),
]


@pytest.mark.parametrize(("text", "number"), WRITTEN)
@pytest.mark.parametrize("beside", [[], ["7", None], ["abc"], ["-1", "18446744073709551615"]])
def test_texts_are_read_as_numbers(text: str, number: float, beside: list[Any]) -> None:
    for dtype in ("object", "str", "string", "category"):
        found = cells.numbers(pd.Series([text, *beside], dtype=dtype))
        _same(found[:1], np.array([number]))


@given(st.lists(st.floats(), min_size=1, max_size=8))
def test_a_float_written_out_in_full_is_read_back_to_the_last_bit(values: list[float]) -> None:
    written = pd.Series([repr(value) for value in values], dtype=object)
    wanted = np.array([value + 0.0 if np.isfinite(value) else NAN for value in values])
    found = cells.numbers(written)
    assert (np.isnan(found) == np.isnan(wanted)).all()
    _same(found[~np.isnan(found)], wanted[~np.isnan(wanted)])


@given(st.lists(st.text(alphabet="0123456789.,eE+-% €xn_", max_size=9) | st.none(), min_size=2, max_size=8))
def test_whatever_a_text_is_it_reads_alone_as_among_others(values: list[str | None]) -> None:
    together = cells.numbers(pd.Series(values, dtype=object))
    alone = [cells.numbers(pd.Series([value], dtype=object))[0] for value in values]
    assert np.array_equal(together, alone, equal_nan=True)


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=6))
def test_integers_of_any_size_are_the_nearest_float_and_their_own_digits(values: list[int]) -> None:
    wanted = np.array([float(value) for value in values])
    for series in (pd.Series(values, dtype="int64"), pd.Series(values, dtype="Int64"), _arrow(values, pa.int64())):
        _same(cells.numbers(series), wanted)
        assert cells.texts(series).tolist() == [str(value) for value in values]


def test_integers_beside_a_gap_and_beyond_63_bits_are_the_same() -> None:
    values = [2**63 - 1, None, 2**53 + 1]
    for series in (pd.Series(values, dtype="Int64"), _arrow(values, pa.int64()), pd.Series(values, dtype=object)):
        _same(cells.numbers(series), np.array([2.0**63, NAN, 2.0**53]))
    large = [2**64 - 1, 0]
    for series in (pd.Series(large, dtype="uint64"), pd.Series(large, dtype="UInt64"), _arrow(large, pa.uint64())):
        _same(cells.numbers(series), np.array([2.0**64, 0.0]))
        assert cells.texts(series).tolist() == ["18446744073709551615", "0"]


@pytest.mark.parametrize("value", [10**14, 10**15, 10**15 + 1, 2**53])
def test_an_id_read_as_float_is_written_as_the_id(value: int) -> None:
    """A null beside it makes floats of integers, which hold them exactly up to here."""
    assert cells.texts(pd.Series([value])).tolist() == [str(value)]
    assert cells.texts(pd.Series([value, None])).tolist() == [str(value), None]


def test_what_is_infinite_is_missing_as_a_number() -> None:
    for series in (
        pd.Series([np.inf, -np.inf, 1.0]),
        pd.Series([np.inf, -np.inf, 1.0], dtype="float32"),
        pd.Series([np.inf, -np.inf, 1.0], dtype="Float64"),
        pd.Series([np.inf, -np.inf, 1.0], dtype=object),
        pd.Series([Decimal("Infinity"), Decimal("-Infinity"), Decimal(1)], dtype=object),
        _arrow([np.inf, -np.inf, 1.0], pa.float64()),
    ):
        _same(cells.numbers(series), np.array([NAN, NAN, 1.0]))


DECIMALS = [
    ("1.50", "1.5"),
    ("100", "100"),
    ("1E+3", "1000"),
    ("0.00", "0"),
    ("-0.10", "-0.1"),
    ("12345678901234567890.123456789012345", "12345678901234567890.123456789012345"),
]


@pytest.mark.parametrize(("value", "text"), DECIMALS)
def test_decimals_are_written_plainly_and_read_exactly(value: str, text: str) -> None:
    number = Decimal(value)
    for series in (pd.Series([number, None], dtype=object), _arrow([number, None], pa.decimal128(38, 15))):
        assert cells.texts(series).tolist() == [text, None]
        _same(cells.numbers(series), np.array([float(value), NAN]))


# Moments: with and without a zone, with and without a time of day.
NOON = np.array(["2025-07-01T10:00:00.250000", "NaT", "1931-12-31T23:59:59.999999"], dtype="datetime64[us]")
_MOMENTS = [dt.datetime(2025, 7, 1, 10, 0, 0, 250_000), None, dt.datetime(1931, 12, 31, 23, 59, 59, 999_999)]
_ZONED = [None if value is None else value.replace(tzinfo=UTC) for value in _MOMENTS]
_WRITTEN = [None if value is None else value.isoformat() for value in _MOMENTS]
MOMENT_BACKINGS = {
    "microseconds": pd.Series(_MOMENTS, dtype="datetime64[us]"),
    "nanoseconds": pd.Series(_MOMENTS, dtype="datetime64[ns]"),
    "objects": pd.Series(_MOMENTS, dtype=object),
    "Timestamps": pd.Series([pd.Timestamp(value) for value in _MOMENTS], dtype=object),
    "Arrow": _arrow(_MOMENTS, pa.timestamp("us")),
    "Arrow nanoseconds": _arrow(_MOMENTS, pa.timestamp("ns")),
    "Arrow in a zone": _arrow(_ZONED, pa.timestamp("us", "America/New_York")),
    "UTC": pd.Series(_MOMENTS, dtype="datetime64[us]").dt.tz_localize("UTC"),
    "another zone": pd.Series(_MOMENTS, dtype="datetime64[us]").dt.tz_localize("UTC").dt.tz_convert("Asia/Kolkata"),
    "objects in a zone": pd.Series(
        [
            None if value is None else value.astimezone(dt.timezone(dt.timedelta(hours=5, minutes=30)))
            for value in _ZONED
        ],
        dtype=object,
    ),
    "texts": pd.Series(_WRITTEN, dtype=object),
    "nullable texts": pd.Series(_WRITTEN, dtype="string"),
    "Arrow texts": _arrow(_WRITTEN, pa.string()),
    "categorical": pd.Series(_WRITTEN, dtype="category"),
}


@pytest.mark.parametrize("series", MOMENT_BACKINGS.values(), ids=MOMENT_BACKINGS)
def test_moments_are_the_same_whatever_backs_them(series: pd.Series[Any]) -> None:
    _same(cells.moments(series), NOON)
    for row in range(3):
        _same(cells.moments(series.iloc[row : row + 1]), NOON[row : row + 1])


@pytest.mark.parametrize(
    "series",
    [
        _arrow([dt.date(2025, 7, 1), None, dt.date(1, 1, 1)], pa.date32()),
        _arrow([dt.date(2025, 7, 1), None, dt.date(1, 1, 1)], pa.date64()),
        pd.Series([dt.date(2025, 7, 1), None, dt.date(1, 1, 1)], dtype=object),
        pd.Series(["2025-07-01", None, "0001-01-01"], dtype=object),
        pd.Series(np.array(["2025-07-01", "NaT", "0001-01-01"], dtype="datetime64[s]")),
    ],
    ids=["date32", "date64", "dates", "texts", "seconds"],
)
def test_days_are_their_midnight(series: pd.Series[Any]) -> None:
    _same(cells.moments(series), np.array(["2025-07-01", "NaT", "0001-01-01"], dtype="datetime64[us]"))


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York"])
def test_clocks_that_are_set_back_are_told_apart(zone: str) -> None:
    hours = pd.date_range("2025-10-25 22:00", periods=60, freq="30min", tz="UTC", unit="us")
    local = pd.Series(hours.tz_convert(zone))
    _same(cells.moments(local), hours.tz_localize(None).to_numpy())


@pytest.mark.parametrize(
    "series",
    [
        _arrow([2**63 - 1, -(2**63 - 1)], pa.int64()).astype(pd.ArrowDtype(pa.timestamp("us"))),
        pd.Series(
            pd.array(pa.array([2**31 - 1, -(2**31) + 1], pa.int32()).cast(pa.date32()), pd.ArrowDtype(pa.date32()))
        ),
        pd.Series(np.array([10**16, -(10**16)], dtype="datetime64[s]")),
        _arrow([10**16, -(10**16)], pa.int64()).astype(pd.ArrowDtype(pa.timestamp("s"))),
    ],
    ids=["DuckDB's infinity", "infinite days", "seconds", "Arrow seconds"],
)
def test_moments_without_end_or_too_far_away_are_missing(series: pd.Series[Any]) -> None:
    assert np.isnat(cells.moments(series)).all()


def test_nanoseconds_are_cut_downwards_on_both_sides_of_1970() -> None:
    counts = np.array([1_999, -1, -1_000, -1_001], dtype=np.int64)
    wanted = np.array([1, -1, -1, -2], dtype="datetime64[us]")
    _same(cells.moments(pd.Series(counts.view("datetime64[ns]"))), wanted)
    _same(cells.moments(_arrow(counts.tolist(), pa.int64()).astype(pd.ArrowDtype(pa.timestamp("ns")))), wanted)


def test_reading_changes_nothing_in_the_table_that_was_given() -> None:
    frame = pd.DataFrame({"a": pd.Series(["x", None, "1,200"], dtype=object), "b": [1.0, np.inf, -0.0]})
    before = frame.copy(deep=True)
    for name in frame:
        cells.texts(frame[name])
        cells.numbers(frame[name])
    pd.testing.assert_frame_equal(frame, before)
    assert np.isinf(frame["b"].iloc[1])


@given(st.lists(st.text(max_size=4) | st.none(), max_size=8))
def test_texts_stay_as_they_are(values: list[str | None]) -> None:
    for dtype in ("object", "string", "category"):
        assert cells.texts(pd.Series(values, dtype=dtype)).tolist() == values
