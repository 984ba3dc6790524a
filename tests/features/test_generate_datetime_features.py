"""Moments as numbers."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
import skops.io
from hypothesis import given
from hypothesis import strategies as st
from refinery.tools.errors import BadRequest
from refinery.tools.features._datetimes import CALENDAR, CYCLES, HOLIDAYS, Moments, known_country, look_up
from refinery.tools.features._training import Column, Training
from refinery.tools.features.generate_datetime_features import plan
from sklearn.base import clone

WAVES = [f"{cycle}_{function}" for cycle in CYCLES for function in ("sin", "cos")]
ALL = [*CALENDAR, *WAVES, "elapsed_days", *HOLIDAYS, "missing"]


def moments(*texts):
    return np.array(texts, dtype="datetime64[us]")


def training(task="binary", **columns):
    frame = pd.DataFrame({name: moments(*values) for name, values in columns.items()})
    known = {name: Column(name, "datetime", (name,)) for name in columns}
    return Training(frame, known, np.zeros(len(frame)) if task != "none" else None, task, (), len(frame), 0)


def planned(table, country=None, columns=None):
    return plan(table, country=country, columns=columns)


def made(table, new=None, **arguments):
    """Fit what is planned on a table and apply it, by default to the table itself."""
    found = planned(table, **arguments)
    [(part, columns, kept)] = found.parts
    assert not kept
    part = clone(part).fit(table.frame[columns], table.y, None)
    new = table.frame if new is None else pd.DataFrame({name: moments(*values) for name, values in new.items()})
    return pd.DataFrame(part.transform(new[columns]), columns=[name for name, _, _ in part.outputs()])


def part_of(fitted_on, what=tuple(ALL), country=None):
    part = Moments([[name, name, "when"] for name in what], country)
    return part.fit(pd.DataFrame({"when": moments(*fitted_on)}), None, None)


def applied(part, *texts):
    names = [name for name, _, _ in part.outputs()]
    return pd.DataFrame(part.transform(pd.DataFrame({"when": moments(*texts)})), columns=names)


HOURS = np.arange("2019-11-20T05:30", "2026-03-01", 10_007, dtype="datetime64[m]").astype("datetime64[us]")


def test_parts_are_those_of_pandas():
    found = applied(part_of(HOURS), *HOURS)
    expected = pd.Series(HOURS).dt
    for what, values in {
        "year": expected.year,
        "month": expected.month,
        "day": expected.day,
        "weekday": expected.day_of_week,
        "hour": expected.hour,
        "is_weekend": expected.day_of_week >= 5,
        "elapsed_days": (pd.Series(HOURS) - HOURS.min()).dt.total_seconds() / 86_400,
        "dayofyear_sin": np.sin((expected.day_of_year - 1) * 2 * np.pi / 366),
        "month_cos": np.cos((expected.month - 1) * 2 * np.pi / 12),
        "weekday_sin": np.sin(expected.day_of_week * 2 * np.pi / 7),
        "hour_cos": np.cos((expected.hour * 60 + expected.minute) * 2 * np.pi / 1440),
    }.items():
        np.testing.assert_allclose(found[what], values, atol=1e-12, err_msg=what)


def test_parts_are_those_of_skrub_where_both_have_them():
    from skrub import DatetimeEncoder

    encoder = DatetimeEncoder(add_weekday=True, add_day_of_year=True)
    expected = encoder.fit_transform(pd.Series(HOURS, name="when"))
    found = applied(part_of(HOURS), *HOURS)
    for what in ("year", "month", "day", "hour"):
        assert (found[what] == expected[f"when_{what}"]).all(), what
    assert (found["weekday"] == expected["when_weekday"] - 1).all()
    seconds = expected["when_total_seconds"] - expected["when_total_seconds"].min()
    np.testing.assert_allclose(found["elapsed_days"] * 86_400, seconds, atol=200)  # skrub keeps 32 bits


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2024-02-29T18:45", {"year": 2024, "month": 2, "day": 29, "weekday": 3, "hour": 18, "is_weekend": 0}),
        ("2024-03-02T00:00", {"month": 3, "day": 2, "weekday": 5, "hour": 0, "is_weekend": 1, "hour_sin": 0}),
        ("1969-12-31T23:59:59.999999", {"year": 1969, "month": 12, "day": 31, "weekday": 2, "hour": 23}),
        ("1900-01-01", {"year": 1900, "month": 1, "weekday": 0, "dayofyear_sin": 0, "dayofyear_cos": 1}),
        ("2024-07-01T06:00", {"month_sin": 0, "month_cos": -1, "weekday_sin": 0, "hour_sin": 1, "hour_cos": 0}),
        ("0001-01-01", {"year": 1, "month": 1, "day": 1, "weekday": 0}),
        ("-0040-03-15", {"year": -40, "month": 3, "day": 15}),
        ("9999-12-31", {"year": 9999, "month": 12, "day": 31, "weekday": 4}),
    ],
)
def test_a_moment_is_taken_apart(moment, expected):
    found = applied(part_of(["2020-01-01"]), moment).iloc[0]
    for what, value in expected.items():
        assert found[what] == pytest.approx(value, abs=1e-12), what


@pytest.mark.parametrize(
    ("country", "day", "expected"),
    [
        ("DE", "2024-12-25", [1, 0, 0]),
        ("DE", "2024-12-24", [0, 1, 30]),  # the last was on October 3rd, 82 days before
        ("DE", "2024-12-28", [0, 4, 2]),
        ("DE", "2024-01-06", [0, 30, 5]),
        ("DE-BY", "2024-01-06", [1, 0, 0]),
        ("US", "2024-07-04T23:59", [1, 0, 0]),
        ("US", "2024-07-05", [0, 30, 1]),
        ("FR", "2024-07-14", [1, 0, 0]),
        ("DE", "9999-12-25", [0, 30, 30]),
        ("DE", "-0040-12-25", [0, 30, 30]),
    ],
)
def test_holidays_are_those_of_the_country(country, day, expected):
    assert applied(part_of(["2020-01-01"], HOLIDAYS, country), day).to_numpy().tolist() == [expected]


def test_holidays_agree_with_the_library():
    import holidays

    days = np.arange("2021-01-01", "2025-01-01", dtype="datetime64[D]")
    found = applied(part_of(["2020-01-01"], ["is_holiday"], "US"), *days)["is_holiday"]
    known = holidays.country_holidays("US", years=range(2021, 2025))
    assert [bool(flag) for flag in found] == [day in known for day in days.astype(object)]


def test_the_weekend_is_the_country_s_own():
    friday, saturday, sunday = "2024-03-01", "2024-03-02", "2024-03-03"
    for country, expected in ((None, [0, 1, 1]), ("US", [0, 1, 1]), ("SA", [1, 1, 0])):
        found = applied(part_of([friday], ["is_weekend"], country), friday, saturday, sunday)
        assert found["is_weekend"].tolist() == expected


def test_a_missing_moment_has_the_median_or_the_most_common_of_the_training_rows_and_no_place_in_a_cycle():
    fitted = part_of(
        ["2024-01-01T08:00", "2024-01-01T08:00", "2024-01-02T08:00", "2024-02-06T09:00", "2023-12-31T08:00", "NaT"]
    )
    found = applied(fitted, "NaT", "2024-01-02T08:00").iloc[0]
    expected = {"year": 2024, "month": 1, "day": 1, "weekday": 0, "hour": 8, "is_weekend": 0, "missing": 1}
    assert {what: found[what] for what in expected} == expected
    assert found["elapsed_days"] == 1.0  # of 0, 1, 1, 2 and 37.04 days
    assert not found[WAVES].any()


def test_a_column_that_was_always_missing_gives_zeros():
    found = applied(part_of(["NaT", "NaT"]), "NaT")
    assert found.drop(columns="missing").to_numpy().tolist() == [[0.0] * (len(ALL) - 1)]


moment_numbers = st.integers(-(2**63), 2**63 - 1) | st.integers(-(10**16), 10**16)


@given(st.lists(moment_numbers, min_size=1, max_size=20), st.lists(moment_numbers, min_size=1, max_size=20))
def test_every_moment_gives_finite_numbers_the_same_alone_as_in_a_batch(fitted_on, new):
    table = pd.DataFrame({"a": np.array(fitted_on).view("datetime64[us]"), "b": moments("2024-01-05")[0]})
    whats = [[what, what, "a"] for what in ALL] + [["between", "between", "a", "b"]]
    part = Moments(whats, "DE").fit(table, None, None)
    rows = pd.DataFrame({"a": np.array(new).view("datetime64[us]"), "b": moments("NaT", "2024-01-05")[len(new) % 2]})
    together = part.transform(rows)
    assert np.isfinite(together).all()
    alone = np.vstack([part.transform(rows.iloc[[index]]) for index in range(len(rows))])
    assert (together == alone).all()


def test_only_what_varies_in_the_training_rows_is_made():
    found = made(training(when=["2024-01-05", "2024-01-12", "2024-12-27"]))  # Fridays of one year, no times
    assert list(found) == ["when_month", "when_day", "when_dayofyear_sin", "when_dayofyear_cos", "when_elapsed_days"]
    assert found["when_elapsed_days"].tolist() == [0, 7, 357]


def test_of_a_year_of_which_little_was_seen_there_is_neither_month_nor_cycle():
    """In another season they would lie where no training row did."""
    found = made(training(when=["2024-01-05", "2024-01-12", "2024-02-02"]))
    assert list(found) == ["when_day", "when_elapsed_days"]


def test_months_without_days_have_a_cycle_of_months():
    found = made(training(when=["2024-01-01", "2024-02-01", "2024-12-01"]))
    assert [name for name in found if name.endswith("_sin")] == ["when_month_sin", "when_weekday_sin"]


def test_hours_are_made_when_times_of_day_vary():
    found = made(training(when=["2024-01-05T08:00", "2024-01-05T17:15"]))
    assert list(found) == ["when_hour", "when_hour_sin", "when_hour_cos", "when_elapsed_days"]


def test_a_column_of_one_moment_gives_nothing_but_whether_it_is_missing():
    alone = training(when=["2024-01-05", "2024-01-05"])
    assert made(alone).shape == (2, 0)
    assert [finding.metric for finding in planned(alone).warnings] == ["constant"]
    assert made(training(when=["2024-01-05", "NaT"]))["when_missing"].tolist() == [0, 1]
    assert made(training(when=["NaT", "NaT"])).shape == (2, 0)


def test_missing_moments_are_flagged_where_the_training_rows_had_some():
    table = training(some=["2024-01-05", "NaT", "2024-02-05"], whole=["2024-01-05", "2024-01-06", "2024-01-09"])
    found = made(table, new={"some": ["2024-01-07", "NaT"], "whole": ["NaT", "2024-01-09"]})
    assert found["some_missing"].tolist() == [0, 1]
    assert "whole_missing" not in found
    assert np.isfinite(found.to_numpy()).all()


def test_days_between_columns_are_made_for_every_pair():
    table = training(
        start=["2024-01-01", "2024-01-02", "2024-01-03T12:00"],
        end=["2024-01-02", "2024-01-05", "2024-01-03"],
        due=["2024-01-02", "2024-01-03", "2024-01-04T12:00"],
    )
    found = made(
        table, new={"start": ["2024-03-01", "NaT"], "end": ["2024-03-02", "2024-03-02"], "due": ["NaT", "NaT"]}
    )
    assert "start_to_due_days" not in found  # always one day
    assert found["start_to_end_days"].tolist() == [1, 1]  # the median of 1, 3 and -0.5 where one is missing
    assert found["end_to_due_days"].tolist() == [0, 0]  # the median of 0, -2 and 1.5


def test_pairs_of_many_columns_are_those_with_the_first():
    rng = np.random.default_rng(0)
    columns = {f"c{n}": moments("2024-01-01") + rng.integers(0, 10**13, 50) for n in range(6)}
    found = planned(training(**columns))
    names = [name for name, what, *_ in found.parts[0][0].made if what == "between"]
    assert names == [f"c0_to_c{n}_days" for n in range(1, 6)]
    [finding] = [finding for finding in found.warnings if finding.metric == "pairs"]
    assert "15 pairs" in finding.message


def test_names_that_are_taken_get_a_number():
    table = training(a=["2024-01-05", "2025-02-07"], a_year=["2024-01-05", "2024-02-06"])
    assert "a_year_2" in made(table, columns=["a"])


def test_flags_are_flags_and_columns_know_their_sources():
    table = training(a=["2024-01-05", "NaT", "2024-02-06"], b=["2024-01-05", "2024-01-06", "2024-02-10"])
    [(part, columns, _)] = planned(table, country="de").parts
    outputs = {name: (kind, sources) for name, kind, sources in part.fit(table.frame[columns], None, None).outputs()}
    assert outputs["a_missing"] == ("flag", ["a"])
    assert outputs["b_is_weekend"] == ("flag", ["b"])
    assert outputs["b_day"] == ("number", ["b"])
    assert outputs["a_to_b_days"] == ("number", ["a", "b"])


@pytest.mark.parametrize(
    ("country", "told"),
    [
        ("ZZ", "no holidays for country 'ZZ'"),
        ("Germany", "did you mean 'DE' (Germany)"),
        ("United States", "did you mean 'US'"),
        ("DE-Augsbrg", "did you mean 'DE-Augsburg'"),
        ("FI-XX", "no holidays for part 'XX' of country 'FI'"),
        ("", "ISO code"),
    ],
)
def test_an_unknown_country_is_refused_with_the_nearest(country, told):
    with pytest.raises(BadRequest) as caught:
        planned(training(when=["2024-01-05", "2024-02-05"]), country=country)
    assert told in str(caught.value)


@pytest.mark.parametrize(("asked", "code"), [("de", "DE"), ("US-ny", "US-NY"), ("GBR", "GBR"), (" DE-BY ", "DE-BY")])
def test_a_country_is_known_however_it_is_written(asked, code):
    found = planned(training(when=["2024-01-01", "2024-02-05"]), country=asked)
    assert found.parts[0][0].country == code


def test_every_country_of_the_library_can_be_used():
    import holidays

    counts = {}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for country in holidays.list_supported_countries(include_aliases=False):
            counts[country] = len(look_up(known_country(country))[0])
    deserted = {"AQ", "BV", "HM", "IO", "TF", "UM"}  # nobody lives there
    assert {country for country, count in counts.items() if count < 100} <= deserted


@pytest.mark.parametrize(
    ("columns", "metric"),
    [
        ({"a": ["2024-01-05T08:00", "2024-01-05T09:00"]}, "one_day"),
        ({"a": ["2024-01-05", "2024-01-06", "9999-12-31"]}, "far_moments"),
        ({"a": ["2024-01-05", "2024-03-06"], "b": ["2024-01-07", "2024-03-07"]}, "later_than_others"),
        ({"a": ["2024-01-02", "2024-01-03"]}, "holidays"),
    ],
)
def test_what_a_colleague_would_mention_is_mentioned(columns, metric):
    found = planned(training(**columns), country="DE" if metric == "holidays" else None)
    assert [finding.metric for finding in found.warnings] == [metric]


def test_times_that_are_later_are_no_matter_where_nothing_is_predicted():
    table = training("none", a=["2024-01-05", "2024-03-06"], b=["2024-01-07", "2024-03-07"])
    assert planned(table).warnings == []


def test_reasons_give_the_numbers():
    found = planned(training(when=["2024-01-05", "2024-02-06", "2025-03-03", "NaT"]), country="DE")
    assert found.reasons["when"] == (
        "2024-01-05 to 2025-03-03 UTC; hour, is_weekend the same in all rows: not made; 25.0% missing: flagged; "
        "holidays of DE"
    )


def test_a_fitted_part_is_the_same_after_saving(tmp_path):
    part = part_of(HOURS, ALL, "DE-BY")
    skops.io.dump(part, tmp_path / "part.skops")
    types = skops.io.get_untrusted_types(file=tmp_path / "part.skops")
    assert types == ["refinery.tools.features._datetimes.Moments"]
    loaded = skops.io.load(tmp_path / "part.skops", trusted=types)
    assert (applied(loaded, *HOURS, "NaT") == applied(part, *HOURS, "NaT")).all(axis=None)
    assert loaded.learned() == part.learned()


def test_the_step_is_made_on_a_table_of_mixed_formats_and_zones(lab):
    rng = np.random.default_rng(0)
    starts = pd.Timestamp("2023-01-01T12:00") + pd.to_timedelta(rng.integers(0, 700 * 1440, 400), unit="min")
    forms = ["%Y-%m-%dT%H:%M:00Z", "%d.%m.%Y %H:%M", "%b %d, %Y %H:%M UTC", None]
    texts = [
        (start + pd.Timedelta(hours=2)).strftime("%Y-%m-%d %H:%M:00+02:00") if form is None else start.strftime(form)
        for start, form in zip(starts, forms * 100, strict=True)
    ]
    frame = pd.DataFrame({"start": texts, "end": starts + pd.Timedelta(days=3), "y": rng.integers(0, 2, 400)})
    pipeline = lab.start(frame, overrides={"start": "datetime"})
    result = lab.call("generate_datetime_features", pipeline=pipeline, country="DE")
    table = lab.built(pipeline).training
    assert {"start", "end"}.isdisjoint(table.columns)
    assert set(table.frame["start_year"]) == {2023.0, 2024.0}
    assert "start_to_end_days" not in table.columns  # three days for every row: all formats are of the same moments
    assert not table.frame.isna().any(axis=None)
    assert result.changed
    assert not lab.call("generate_datetime_features", pipeline=pipeline, country="DE").changed


def test_columns_that_hold_no_moments_are_refused(lab):
    frame = pd.DataFrame({"size": np.arange(100) % 7, "y": np.arange(100) % 2})
    pipeline = lab.start(frame)
    assert "no datetime columns" in lab.call("generate_datetime_features", pipeline=pipeline).findings[0].message
    with pytest.raises(BadRequest, match="takes datetime columns, and 'size' is"):
        lab.call("generate_datetime_features", pipeline=pipeline, columns=["size"])
