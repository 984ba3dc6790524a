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
from refinery.tools.placeholders import stands_for_missing
from refinery.tools.quality.check_missing_values import MissingColumn, MissingValues, check_missing_values

ROWS = 2_000


def check(table: dict[str, Any], **arguments: Any) -> MissingValues:
    return check_missing_values(open_dataset(pa.table(table)), **arguments)


def column(result: MissingValues, name: str) -> MissingColumn:
    return next(item for item in result.columns if item.column == name)


def spiked(values: Any, sentinel: Any, rows: int) -> np.ndarray:
    """Overwrite some values, seeded, with a sentinel."""
    values = np.array(values)
    values[np.random.default_rng(7).choice(len(values), rows, replace=False)] = sentinel
    return values


def test_the_beers_have_the_missing_values_that_pandas_counts(shared_data: Path) -> None:
    path = shared_data / "beers_dirty.csv"
    raw = pd.read_csv(path, dtype=str, keep_default_na=False)
    result = check_missing_values(open_dataset(path))
    assert column(result, "ibu").placeholders == {"N/A": 1005} == {"N/A": int((raw.ibu == "N/A").sum())}
    assert column(result, "state").missing == 127 == (raw.state == "").sum()
    assert column(result, "abv").missing == 62 == (raw.abv == "").sum()
    assert column(result, "ibu").fraction == pytest.approx(1005 / 2410)
    assert result.status == "warning"


def test_the_hospitals_say_empty_for_missing(shared_data: Path) -> None:
    path = shared_data / "hospital_dirty.csv"
    raw = pd.read_csv(path, dtype=str, keep_default_na=False)
    result = check_missing_values(open_dataset(path))
    for name in ("address_2", "address_3", "score", "sample"):
        assert column(result, name).disguised == (raw[name] == "empty").sum()
    assert set(result.over_threshold) == {"address_2", "address_3"}
    assert result.status == "failed"


def test_five_columns_of_a_lockdown_month_are_empty_together(shared_data: Path) -> None:
    result = check_missing_values(open_dataset(shared_data / "taxi_2020-04.csv"))
    assert sum(item.missing == 803 for item in result.columns) == 5
    # The rate code 99 is "null or unknown" in the commission's own dictionary.
    assert column(result, "rate_code_id").placeholders == {"99": 1}


def test_a_full_column_of_a_normal_month_is_over_the_threshold(shared_data: Path) -> None:
    result = check_missing_values(open_dataset(shared_data / "taxi_2019-01.csv"))
    assert column(result, "congestion_surcharge").missing == 6_327
    assert result.over_threshold == ["congestion_surcharge"]
    assert result.findings[0].severity == "high"


@pytest.mark.parametrize(
    ("values", "counted"),
    [
        (["a", " N/A ", "n/a", "b"], {"N/A": 1, "n/a": 1}),
        (["a", "", "  ", "\t"], {"(blank)": 3}),
        (["x", "?", "-", "NULL", "#N/A"], {"?": 1, "-": 1, "NULL": 1, "#N/A": 1}),
        (["+", "-", "+", "-"], {}),
        (["DE", "NA", "FR", "JP"], {}),
        (["CA", "NA", "NY"], {"NA": 1}),
        (["EMEA", "NA", "APAC"], {}),
        (["full", "empty"], {}),
        (["Nagel", "Nantes", "nano"], {}),
        (["none", "gold"], {"none": 1}),
    ],
)
def test_words_stand_for_missing_unless_the_column_gives_them_a_meaning(
    values: list[str], counted: dict[str, int]
) -> None:
    assert column(check({"word": values}), "word").placeholders == counted


def _numbers() -> dict[str, tuple[Any, dict[str, int]]]:
    r = np.random.default_rng(0)
    ages, temperatures = r.integers(18, 90, ROWS), r.normal(5, 10, ROWS)
    return {
        "ages with -1": (spiked(ages, -1, 15), {"-1": 15}),
        "ages with 999": (spiked(ages, 999, 15), {"999": 15}),
        "temperatures with -999": (spiked(temperatures, -999.0, 20), {"-999": 20}),
        "scores with -1": (spiked(r.random(ROWS), -1.0, 8), {"-1": 8}),
        "years with 9999": (spiked(r.integers(1990, 2025, ROWS), 9999, 9), {"9999": 9}),
        "one -99 among percentages": (spiked(r.random(ROWS) * 100, -99.0, 1), {"-99": 1}),
        "flags with 9999": (spiked(r.integers(0, 2, ROWS), 9999, 20), {"9999": 20}),
        "temperatures": (temperatures, {}),
        "codes -1, 0, 1": (r.integers(-1, 2, ROWS), {}),
        "counts that reach below zero": (r.poisson(3, ROWS) - 1, {}),
        "zeros": (spiked(ages, 0, 500), {}),
        "running numbers": (np.arange(ROWS), {}),
        "running numbers to 999999": (np.arange(1_000_000 - ROWS, 1_000_000), {}),
        "numbers 1 to 999": (np.resize(np.arange(1, 1000), ROWS), {}),
        "amounts": (r.lognormal(3, 1.5, ROWS).round(2), {}),
        "balances around zero": (spiked(r.normal(0, 2000, ROWS).round(), -999.0, 1), {}),
        "prices that reach 99": (spiked(r.lognormal(3, 1, ROWS).round(), 99.0, 30), {}),
        "correlations": (np.append(r.uniform(-1, 1, ROWS - 2), [-1.0, -1.0]), {}),
        "years": (r.integers(1900, 2025, ROWS), {}),
        "ordinals": (np.resize([1, 2, 3, 4, 5, 9], ROWS), {}),
    }


@pytest.mark.parametrize("name", _numbers())
def test_a_number_stands_for_missing_only_where_the_others_make_it_implausible(name: str) -> None:
    values, counted = _numbers()[name]
    assert column(check({"x": values}), "x").placeholders == counted


def test_two_codes_in_one_column_are_both_counted() -> None:
    values = np.random.default_rng(0).integers(18, 90, ROWS)
    values[:10], values[10:25] = -999, -1
    assert column(check({"x": values}), "x").placeholders == {"-1": 15, "-999": 10}


def test_numbers_written_as_text_are_judged_as_numbers() -> None:
    values = [str(i % 77) if i % 40 else "-999" for i in range(ROWS)]
    assert column(check({"x": values}), "x").placeholders == {"-999": 50}


@pytest.mark.parametrize(
    ("start", "days", "sentinel", "expected"),
    [
        (dt.date(2023, 1, 1), 700, dt.date(1900, 1, 1), True),
        (dt.date(2023, 1, 1), 700, dt.date(1970, 1, 1), True),
        (dt.date(2023, 1, 1), 700, dt.date(9999, 12, 31), True),
        (dt.date(1940, 1, 1), 27_000, dt.date(1970, 1, 1), False),
        (dt.date(1900, 1, 2), 40_000, dt.date(1900, 1, 1), False),
    ],
)
@pytest.mark.parametrize("stamped", [False, True])
def test_a_date_stands_for_missing_when_it_lies_far_from_the_others(
    start: dt.date, days: int, sentinel: dt.date, *, expected: bool, stamped: bool
) -> None:
    dates = [start + dt.timedelta(days=int(day)) for day in np.linspace(0, days, 300)] + [sentinel] * 5
    array = pa.array(dates, pa.date32()).cast(pa.timestamp("us")) if stamped else pa.array(dates, pa.date32())
    placeholders = column(check({"d": array}), "d").placeholders
    assert placeholders == ({str(sentinel): 5 + (sentinel in dates[:300])} if expected else {})


def test_not_a_number_is_disguised_and_null_is_missing() -> None:
    found = column(check({"x": pa.array([1.5, float("nan"), None, 2.5])}), "x")
    assert (found.missing, found.disguised, found.placeholders, found.fraction) == (1, 1, {"NaN": 1}, 0.5)


@pytest.mark.parametrize(
    ("values", "threshold", "severity"),
    [
        ([None] * 6 + ["a"] * 4, 0.5, "high"),
        (["N/A"] * 6 + ["a"] * 4, 0.5, "high"),
        ([None] * 5 + ["a"] * 5, 0.5, "low"),
        ([None] * 1 + ["a"] * 9, 0.5, "low"),
        ([None] * 1 + ["a"] * 9, 0.05, "high"),
        (["N/A"] * 1 + ["a"] * 9, 0.5, "medium"),
        (["none"] * 6 + ["vip"] * 4, 0.5, "low"),
        (["unknown"] * 6 + ["vip"] * 4, 0.5, "medium"),
        (["none"] * 2 + ["vip"] * 8, 0.5, "low"),
        ([None] * 10, 1.0, "low"),
    ],
)
def test_severity_follows_share_kind_and_threshold(values: list[Any], threshold: float, severity: str) -> None:
    result = check({"x": pa.array(values, pa.string())}, threshold=threshold)
    assert [finding.severity for finding in result.findings] == [severity]


def test_a_lone_placeholder_in_many_rows_is_a_low_finding_and_few_nulls_are_none() -> None:
    result = check({"a": ["x"] * 999 + ["N/A"], "b": [1] * 990 + [None] * 10})
    assert [(finding.columns, finding.severity) for finding in result.findings] == [(["a"], "low")]
    assert result.status == "passed"


def test_columns_with_equally_many_nulls_make_one_finding() -> None:
    values = [None] * 10 + [1] * 90
    assert [finding.columns for finding in check({"a": values, "b": values, "c": values}).findings] == [["a", "b", "c"]]


def test_columns_narrow_the_check_and_a_wrong_name_is_refused() -> None:
    assert [item.column for item in check({"a": [1], "b": [2]}, columns=["b"]).columns] == ["b"]
    with pytest.raises(BadRequest, match="did you mean 'amount'"):
        check({"amount": [1]}, columns=["amuont"])


@pytest.mark.parametrize(
    "table",
    [
        {"a": pa.array([], pa.int64()), "b": pa.array([], pa.string())},
        {"a": [1]},
        {'a "q"': ["x", "N/A"], "it's; drop": [1, 2], "a.b": [1.0, None], "ünï": ["?", "y"]},
        {"list": [[1], [2]], "struct": [{"a": 1}, {"a": None}], "bytes": [b"x", b"y"]},
        {"null": pa.array([None, None], pa.string()), "stamp": pa.array([None, None], pa.timestamp("us", "UTC"))},
        {f"c{i}": ["a", "N/A"] if i % 2 else [1, 2] for i in range(320)},
    ],
)
def test_odd_tables_are_counted_without_fuss(table: dict[str, Any]) -> None:
    result = check(table)
    assert {item.column for item in result.columns} == set(table)
    assert all(0 <= item.fraction <= 1 for item in result.columns)
    assert result.headline()


def test_a_column_of_many_different_texts_is_counted_like_one_of_few() -> None:
    texts = [f"row {i} of many" for i in range(60_000)]
    texts[5], texts[50_000] = "N/A", " null "
    assert column(check({"x": texts}), "x").placeholders == {"N/A": 1, "null": 1}


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from([None, "", "N/A", "a", "b", "-", "north"]), min_size=1, max_size=60))
def test_missing_and_disguised_add_up_to_what_plain_python_counts(values: list[str | None]) -> None:
    found = column(check({"x": pa.array(values, pa.string())}), "x")
    filled = [value for value in values if value is not None]
    assert found.missing == len(values) - len(filled)
    assert found.disguised == sum(found.placeholders.values()) == sum(value in {"", "N/A", "-"} for value in filled)


def test_text_for_the_model_is_short_and_tells_what_stands_for_missing() -> None:
    result = check({f"c{i}": ["N/A", "x", None, "y"] for i in range(5)})
    assert "5 of 5 columns have missing values, 5 of them disguised" in result.headline()
    assert result.details()[0] == "c0: 1 null, 1 disguised ('N/A' 1) = 50.0%"
    assert any("null before computing" in step for step in result.next_steps())


@pytest.mark.parametrize("word", ["", " ", "N/A", "None", "#REF!", "0000-00-00", "—"])
def test_placeholders_are_known_in_any_case_and_with_blanks(word: str) -> None:
    assert stands_for_missing(word)
    assert stands_for_missing(f" {word.upper()} ")


def test_a_column_may_hold_the_greatest_whole_number() -> None:
    numbers = pa.array([2**63 - 1] * 5 + [-999] * 5 + list(range(90)))
    found = check_missing_values(open_dataset(pa.table({"i": numbers}))).columns
    assert found[0].placeholders.get("-999") == 5
