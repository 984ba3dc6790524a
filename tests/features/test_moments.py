"""Texts that are dates, as moments of UTC."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from refinery.tools.features._moments import parse_moments
from refinery.tools.readings import datetime_format


def read(*texts, day_first=False):
    return parse_moments(np.array(texts, dtype=object), day_first=day_first).tolist()


def moment(*parts):
    return dt.datetime(*parts)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-01-05", moment(2024, 1, 5)),
        ("2024/1/5", moment(2024, 1, 5)),
        ("2024-01-05 10:30", moment(2024, 1, 5, 10, 30)),
        ("2024-01-05T10:30:15", moment(2024, 1, 5, 10, 30, 15)),
        ("2024-01-05T10:30:15.25", moment(2024, 1, 5, 10, 30, 15, 250_000)),
        ("2024-01-05T10:30:15,123456789", moment(2024, 1, 5, 10, 30, 15, 123_456)),
        ("2024-01-05T10:30:15Z", moment(2024, 1, 5, 10, 30, 15)),
        ("2024-01-05T10:30:15+02:00", moment(2024, 1, 5, 8, 30, 15)),
        ("2024-01-05 10:30:15 -0530", moment(2024, 1, 5, 16, 0, 15)),
        ("2024-01-05 10:30:15+01", moment(2024, 1, 5, 9, 30, 15)),
        ("2024-01-01T00:30:00+01:00", moment(2023, 12, 31, 23, 30)),
        ("2024-01-05T10:30:15+01:00[Europe/Berlin]", moment(2024, 1, 5, 9, 30, 15)),
        ("2024-01-05+02:00", moment(2024, 1, 4, 22)),
        ("2024-01-05T24:00", moment(2024, 1, 6)),
        ("2024-01-05T23:59:60", moment(2024, 1, 6)),
        ("20240105", moment(2024, 1, 5)),
        ("20240105T103000Z", moment(2024, 1, 5, 10, 30)),
        ("202401051030", moment(2024, 1, 5, 10, 30)),
        ("2024-05", moment(2024, 5, 1)),
        ("31.12.2024", moment(2024, 12, 31)),
        ("03.04.2024", moment(2024, 4, 3)),
        ("3.4.24 9:05", moment(2024, 4, 3, 9, 5)),
        ("01.01.69", moment(1969, 1, 1)),
        ("01.01.68", moment(2068, 1, 1)),
        ("12/31/2024", moment(2024, 12, 31)),
        ("31/12/2024 23:59:59", moment(2024, 12, 31, 23, 59, 59)),
        ("03/04/2024", moment(2024, 3, 4)),
        ("03-04-2024 12:30 AM", moment(2024, 3, 4, 0, 30)),
        ("3/4/2024, 12:30:01 pm", moment(2024, 3, 4, 12, 30, 1)),
        ("3/4/2024 5 p.m.", moment(2024, 3, 4, 17)),
        ("5 Jan 2024", moment(2024, 1, 5)),
        ("5. January 2024, 10:00", moment(2024, 1, 5, 10)),
        ("05-JAN-24", moment(2024, 1, 5)),
        ("5th of September 2024", moment(2024, 9, 5)),
        ("Jan 5, 2024", moment(2024, 1, 5)),
        ("Sept. 5th, 2024 at 10:00", moment(2024, 9, 5, 10)),
        ("2024-Jan-05", moment(2024, 1, 5)),
        ("May 2024", moment(2024, 5, 1)),
        ("Fri, 05 Jan 2024 10:00:00 +0200", moment(2024, 1, 5, 8)),
        ("Friday, January 5, 2024", moment(2024, 1, 5)),
        ("Fri Jan  5 10:00:00 UTC 2024", moment(2024, 1, 5, 10)),
        ("Wed Aug 27 13:08:45 +0000 2008", moment(2008, 8, 27, 13, 8, 45)),
        ("1700000000", moment(2023, 11, 14, 22, 13, 20)),
        ("1700000000123", moment(2023, 11, 14, 22, 13, 20, 123_000)),
        ("1700000000123456", moment(2023, 11, 14, 22, 13, 20, 123_456)),
        ("  2024-01-05\n", moment(2024, 1, 5)),
        ("0001-01-01", moment(1, 1, 1)),
        ("9999-12-31T23:59:59.999999", moment(9999, 12, 31, 23, 59, 59, 999_999)),
    ],
)
def test_dates_are_read_in_whatever_way_they_are_written(text, expected):
    assert read(text) == [expected]


@pytest.mark.parametrize(
    ("zone", "hours"),
    [
        *[("UTC", 0), ("GMT", 0), ("Z", 0), ("CET", 1), ("CEST", 2), ("BST", 1), ("EET", 2), ("MSK", 3), ("JST", 9)],
        *[("EST", -5), ("EDT", -4), ("CST", -6), ("CDT", -5), ("MST", -7), ("MDT", -6), ("PST", -8), ("PDT", -7)],
        *[("UTC+3", 3), ("GMT-03:30", -3.5), ("est", -5)],
    ],
)
def test_a_zone_by_name_is_taken_into_account(zone, hours):
    noon = moment(2024, 1, 5, 12)
    assert read(f"2024-01-05 12:00 {zone}", f"5 Jan 2024 12:00:00 {zone}") == [noon - dt.timedelta(hours=hours)] * 2


def test_a_zone_without_a_known_meaning_is_left_aside():
    assert read("2024-01-05 12:00 IST", "05.01.2024 12:00 Uhr") == [moment(2024, 1, 5, 12)] * 2


@pytest.mark.parametrize(
    "text",
    [
        *["2024-02-30", "2023-02-29", "31.02.2024", "13/13/2024", "00.01.2024", "2024-13-01", "0000-01-01", "20241301"],
        *["2024-01-05 25:00", "2024-01-05 10:60", "2024-01-05 24:01", "2024-01-05 10:00:61", "2024-01-05 10:00+99:00"],
        *["now", "today", "NaT", "", " ", "12", "2024", "12:30", "n/a", "5 Foo 2024", "Mayday 5, 2024", "1.2.3", "0"],
        *["9999999999", "0000000001", "²²²²²²²²²²", "2024-01-05 and more words", "x" * 10_000, "1/2/3/2024", "-1"],
    ],
)
def test_what_is_no_date_is_missing(text):
    assert read(text) == [None]


def test_day_and_month_that_could_be_exchanged_go_by_the_order_of_the_column():
    texts = ("03/04/2024", "03-04-24", "03.04.2024", "25/04/2024", "04/25/2024")
    day, april = moment(2024, 4, 3), moment(2024, 4, 25)
    assert read(*texts, day_first=True) == [day, day, day, april, april]
    assert read(*texts, day_first=False) == [moment(2024, 3, 4), moment(2024, 3, 4), day, april, april]


def test_formats_and_zones_can_be_mixed_in_a_column():
    texts = [None, "2024-01-05", "5 Jan 2024 01:00 CET", "01/05/2024", "n/a", "2024-01-04T19:00:00-05:00", "20240105"]
    day = moment(2024, 1, 5)
    assert read(*texts) == [None, day, day, day, None, day, day]


MIXED = [
    *["2024-01-05", "2024-01-05T10:00:00.123+02:00", "2024-01-05 10:00:00Z", "2024-02-30", "2999-12-31T23:59:59-14:59"],
    *["0999-01-01", "5 Jan 2024", "03/04/2024", "now", "", "2024-01-05T10:00:00.123456789", "2024-01-05 10:00:60"],
]


def test_a_text_is_read_alike_alone_and_among_many():
    texts = [*MIXED, None] * 20
    assert read(*texts) == [read(text)[0] for text in [*MIXED, None]] * 20


def test_a_column_of_dates_that_do_not_exist_is_missing():
    assert read(*["2024-02-30"] * 200) == [None] * 200


OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: dt.timezone(dt.timedelta(minutes=minutes)))


@given(
    st.datetimes(timezones=st.none() | st.timezones() | OFFSETS),
    st.sampled_from("T "),
    st.sampled_from(["auto", "minutes", "seconds", "milliseconds", "microseconds"]),
)
def test_iso_moments_are_read_as_python_reads_them(drawn, separator, timespec):
    text = drawn.isoformat(separator, timespec)
    reference = dt.datetime.fromisoformat(text)
    offset = reference.utcoffset() or dt.timedelta()
    assume(offset % dt.timedelta(minutes=1) == dt.timedelta())  # before 1900, zones were ahead by odd seconds
    expected = np.datetime64(reference.replace(tzinfo=None), "us") - np.timedelta64(offset)
    assert (parse_moments(np.array([text] * 150, dtype=object)) == expected).all()
    assert parse_moments(np.array([text], dtype=object))[0] == expected


@given(st.lists(st.none() | st.text(max_size=40) | st.text("0123456789-/.:T+ ZaepmJn,", max_size=30), max_size=20))
def test_no_text_raises_or_depends_on_the_others(texts):
    found = parse_moments(np.array([*texts, *MIXED * 10], dtype=object))[: len(texts)]
    alone = [parse_moments(np.array([text], dtype=object))[0] for text in texts]
    assert np.array_equal(found, np.array(alone, dtype="datetime64[us]"), equal_nan=True)


def test_a_broken_text_hides_no_other():
    assert read(*["2024-01-05"] * 200, "\ud800")[-2:] == [moment(2024, 1, 5), None]


@pytest.mark.parametrize(
    "text",
    [
        *["2024-01-05", "2024/01/05 10:00", "2024.01.05", "5.1.2024", "05/01/2024", "05-01-24 10:00 PM", "20240105"],
        *[
            "5 January 2024",
            "Jan 5 2024 10:00",
            "2024-01-05T10:00:00Z",
            "2024-01-05 10:00 GMT",
            "2024-01-05 10:00 +0100",
        ],
    ],
)
def test_what_a_schema_takes_for_a_date_can_be_read(text):
    assert datetime_format(text) is not None
    assert read(text)[0] is not None


def test_no_rows_are_no_moments():
    assert parse_moments(np.array([], dtype=object)).dtype == np.dtype("datetime64[us]")
