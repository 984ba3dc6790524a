from __future__ import annotations

import datetime as dt
import doctest
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from refinery.tools.data import open_dataset
from refinery.tools.edit_distance import distance
from refinery.tools.errors import BadRequest
from refinery.tools.quality import _formats, _repeats, _spellings
from refinery.tools.quality._column_shapes import ColumnShape
from refinery.tools.quality._formats import departures
from refinery.tools.quality._spellings import is_typing_error, key, typing_errors, variants
from refinery.tools.quality.check_distributions import Distributions, check_distributions

ROWS = 4_000


def check(columns: dict[str, Any], **rules: Any) -> Distributions:
    return check_distributions(open_dataset(pa.table(columns)), **rules)


def shape(result: Distributions, name: str) -> ColumnShape:
    return next(item for item in result.columns if item.column == name)


def found(result: Distributions) -> set[tuple[str, str]]:
    return {(finding.columns[0], finding.metric) for finding in result.findings}


# ── rules


@pytest.mark.parametrize(
    ("rule", "count"),
    [
        ({"min": 0}, 1),
        ({"max": 10}, 2),
        ({"min": 0, "max": 10}, 3),
        ({"min": -5, "max": 1e9}, 0),
        ({"min": 3, "max": 3}, 5),
    ],
)
def test_a_range_counts_the_values_outside_of_it_ends_included(rule: dict[str, float], count: int) -> None:
    result = check({"x": pa.array([-1.0, 0.0, 3.0, 10.0, 11.0, 12.0, None, float("nan")])}, numeric_rules={"x": rule})
    assert sum(violation.count for violation in result.violations) == count
    assert result.status == ("failed" if count else "passed")


def test_text_that_is_no_number_breaks_a_range() -> None:
    result = check({"x": ["1", "2%", "7", None]}, numeric_rules={"x": {"min": 0, "max": 5}})
    assert [(violation.count, violation.fraction, violation.examples) for violation in result.violations] == [
        (2, 0.5, ["2%", "7"])
    ]


@pytest.mark.parametrize(
    ("values", "allowed", "count"),
    [
        (["S", "M", "XXL", "s", None], ["S", "M"], 2),
        ([1, 2, 3, None], [1, 2], 1),
        ([1.0, 2.5], [1, 2.5], 0),
        ([1, 2], ["1", "2"], 0),
        ([True, False, None], [True], 1),
        ([dt.date(2024, 1, 1), dt.date(2024, 1, 2)], ["2024-01-01"], 1),
        (["'; DROP TABLE x; --", "a"], ["a"], 1),
    ],
)
def test_a_domain_counts_the_values_that_are_not_in_it(values: list[Any], allowed: list[Any], count: int) -> None:
    result = check({"x": values}, category_domains={"x": allowed})
    assert sum(violation.count for violation in result.violations) == count


@pytest.mark.parametrize(
    ("pattern", "count"),
    [(r"^sku-\d+$", 2), (r"\d", 1), ("sku", 1), ("(?i)^sku", 0), (r"^(a|b)$", 4)],
)
def test_a_pattern_matches_anywhere_unless_it_is_anchored(pattern: str, count: int) -> None:
    values = ["sku-1", "sku-22", "SKU-3", "sku-", None]
    result = check({"x": values}, patterns={"x": pattern})
    assert sum(violation.count for violation in result.violations) == count


def test_a_pattern_that_ruins_other_engines_is_answered_at_once() -> None:
    result = check({"x": ["a" * 5_000 + "!"]}, patterns={"x": r"^(a+)+$"})
    assert result.violations[0].count == 1


def test_violations_come_worst_first_with_the_most_frequent_examples_and_a_query() -> None:
    result = check(
        {"a": [1, 9, 9, 8], "b": ["x", "y", "x", "x"]},
        numeric_rules={"a": {"max": 5}},
        category_domains={"b": ["x"]},
        patterns={"b": "^[xy]$"},
    )
    assert [(v.column, v.rule, v.count, v.examples) for v in result.violations] == [
        ("a", "range", 3, [9, 8]),
        ("b", "domain", 1, ["y"]),
    ]
    assert [finding.severity for finding in result.findings] == ["high", "high"]
    assert "SELECT" in (result.findings[0].evidence.query or "")
    assert {item.column for item in result.columns} == {"a", "b"}


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"numeric_rules": {"amuont": {"min": 0}}}, "did you mean 'amount'"),
        ({"category_domains": {"nothing": ["a"]}}, "no column 'nothing'"),
        ({"patterns": {"nothing": "a"}}, "no column 'nothing'"),
        ({"numeric_rules": {"amount": {"min": 5, "max": 1}}}, "min 5 is greater than max 1"),
        ({"numeric_rules": {"amount": {}}}, "neither min nor max"),
        ({"numeric_rules": {"amount": {"minimum": 1}}}, "minimum"),
        ({"numeric_rules": {"amount": {"min": float("nan")}}}, "not a number"),
        ({"numeric_rules": {"day": {"min": 1}}}, "not numeric"),
        ({"category_domains": {"amount": ["a lot"]}}, "'a lot' is no number"),
        ({"category_domains": {"city": []}}, "is empty"),
        ({"patterns": {"city": "("}}, "no regular expression"),
        ({"patterns": {"city": "(?=x)"}}, "no lookaround"),
        ({"patterns": {"city": "[z-a]"}}, "no regular expression"),
        ({"patterns": {"tags": "a"}}, "single values"),
        ({"patterns": {}}, "empty"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_with_the_reason(rules: dict[str, Any], message: str) -> None:
    table = {"amount": [1, 2], "city": ["a", "b"], "day": [dt.date(2024, 1, 1)] * 2, "tags": [["a"], ["b"]]}
    with pytest.raises(BadRequest, match=re.escape(message)):
        check(table, **rules)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32) | st.none(), min_size=1, max_size=40),
    st.floats(-1e6, 1e6),
    st.floats(0, 1e6),
)
def test_range_violations_are_what_plain_python_counts(values: list[float | None], low: float, width: float) -> None:
    result = check({"x": pa.array(values, pa.float64())}, numeric_rules={"x": {"min": low, "max": low + width}})
    outside = sum(value is not None and not low <= value <= low + width for value in values)
    assert sum(violation.count for violation in result.violations) == outside


# ── columns without rules


def test_the_beers_have_six_spellings_of_ounces_and_percent_signs_among_plain_numbers(shared_data: Path) -> None:
    path = shared_data / "beers_dirty.csv"
    raw = pd.read_csv(path, dtype=str, keep_default_na=False)
    result = check_distributions(open_dataset(path))
    units = raw.ounces.str.replace(r"^[\d.]+ ?", "", regex=True).value_counts()
    assert {f"# {unit}": int(rows) for unit, rows in units.items()} == {
        form.value: form.count for form in shape(result, "ounces").formats or []
    }
    assert len(shape(result, "ounces").formats or []) == 6
    percent = next(form.count for form in shape(result, "abv").formats or [] if form.value == "# %")
    assert percent == 693 == raw.abv.str.endswith("%").sum()
    assert {("ounces", "mixed_units"), ("abv", "mixed_units")} <= found(result)


def test_the_clean_beers_are_only_told_of_what_is_spelt_twice_in_them(shared_data: Path) -> None:
    result = check_distributions(open_dataset(shared_data / "beers_clean.csv"))
    assert found(result) == {("brewery-name", "spelling_variants"), ("city", "spelling_variants")}


def test_hospital_errors_are_found_with_full_precision_and_good_recall(shared_data: Path) -> None:
    dirty = pd.read_csv(shared_data / "hospital_dirty.csv", dtype=str, keep_default_na=False)
    clean = pd.read_csv(shared_data / "hospital_clean.csv", dtype=str, keep_default_na=False)
    hits = alarms = errors = 0
    for name, clean_name in zip(dirty, clean, strict=True):
        counts = {str(value): int(rows) for value, rows in dirty[name].value_counts().items()}
        wrong = dirty[name] != clean[clean_name]
        errors += int(wrong.sum())
        suspects = {spelling.value for spelling in typing_errors(counts)} if len(counts) < 500 else set()
        odd = [departure for departure in departures(counts) if departure.kind == "mixed_types"]
        patterns = [re.compile(departure.pattern) for departure in odd]
        flagged = dirty[name].map(
            lambda value, suspects=suspects, patterns=patterns: (
                value in suspects or (value != "empty" and any(not p.fullmatch(value) for p in patterns))
            )
        )
        hits, alarms = hits + int((flagged & wrong).sum()), alarms + int((flagged & ~wrong).sum())
    assert errors == 509
    assert alarms == 0
    assert hits / errors > 0.6


def test_the_clean_hospitals_have_no_misspelling_and_no_mixed_format(shared_data: Path) -> None:
    result = check_distributions(open_dataset(shared_data / "hospital_clean.csv"))
    assert found(result) == {("HospitalType", "constant")}


def test_refunds_and_a_fare_in_the_thousands_are_told_of_the_taxis(shared_data: Path) -> None:
    path = shared_data / "taxi_2019-01.csv"
    fares = pd.read_csv(path).fare_amount
    result = check_distributions(open_dataset(path))
    assert ("fare_amount", "extreme_values") in found(result)
    negative = next(f for f in result.findings if f.metric == "negative_values" and f.columns == ["fare_amount"])
    assert negative.evidence.rows == (fares < 0).sum()
    assert negative.severity == "low"


@pytest.mark.parametrize("rows", [500, 60_000])
def test_shape_is_what_scipy_says(rows: int) -> None:
    values = np.random.default_rng(1).lognormal(3, 0.6, rows)
    found_shape = shape(check({"x": values}), "x")
    assert found_shape.skew == pytest.approx(scipy.stats.skew(values), rel=1e-6)
    assert found_shape.kurtosis == pytest.approx(scipy.stats.kurtosis(values), rel=1e-6)
    low, high = found_shape.fences or [0, 0]
    assert found_shape.outliers == int(((values < low) | (values > high)).sum())
    q1, q3 = np.quantile(values, (0.25, 0.75))
    assert [low, high] == pytest.approx([q1 - 1.5 * (q3 - q1), q3 + 1.5 * (q3 - q1)], rel=0.05)


def _clean(rows: int, seed: int) -> dict[str, Any]:
    r = np.random.default_rng(seed)
    names = ["Anna", "Maria", "Marie", "John", "Jon", "Mark", "Marc", "Sara", "Sarah", "Eric", "Erik"]
    return {
        "order_id": np.arange(100_000, 100_000 + rows),
        "amount": r.lognormal(3.5, 1, rows).round(2),
        "quantity": r.integers(1, 9, rows),
        "temperature": r.normal(8, 9, rows).round(1),
        "normal": r.normal(3, 1, rows),
        "pareto": r.pareto(1, rows) + 1,
        "waiting": r.exponential(10, rows),
        "profit": r.normal(20, 15, rows).round(2),
        "flag": r.integers(0, 2, rows),
        "longitude": r.uniform(-1, 15, rows),
        "city": r.choice(["Berlin", "Hamburg", "Munich", "Vienna", "Bern"], rows, p=[0.5, 0.3, 0.15, 0.04, 0.01]),
        "first_name": r.choice(names, rows),
        "grade": r.choice(["A", "A+", "A-", "C", "C++"], rows),
        "quarter": r.choice(["Q1", "Q2", "Q3", "Q4"], rows),
        "side": r.choice(["North", "South"], rows, p=[0.99, 0.01]),
        "email": [f"user{i}@example.com" for i in range(rows)],
        "url": [f"https://example.com/p/{i}" for i in range(rows)],
        "sku": [f"SKU-{i:05d}" for i in r.integers(0, 3_000, rows)],
        "house": [
            f"{i}{letter}" for i, letter in zip(r.integers(1, 200, rows), r.choice(["", "A", "B"], rows), strict=True)
        ],
        "zip": [f"{i:05d}" for i in r.integers(1_000, 99_999, rows)],
        "version": r.choice(["1.0", "1.1", "2.0.1"], rows),
        "ordinal": r.choice(["1st", "2nd", "3rd"], rows),
        "comment": [" ".join(r.choice(names, 8)) for _ in range(rows)],
        "created": [dt.datetime(2024, 3, 1) + dt.timedelta(seconds=int(s)) for s in r.integers(0, 2_600_000, rows)],
        "iso": [
            f"2024-0{m}-1{d}T10:00:00Z" for m, d in zip(r.integers(1, 9, rows), r.integers(0, 9, rows), strict=True)
        ],
    }


@pytest.mark.parametrize(("rows", "seed"), [(150, 1), (1_000, 2), (5_000, 3), (60_000, 4)])
def test_clean_columns_of_every_kind_are_not_accused(rows: int, seed: int) -> None:
    result = check(_clean(rows, seed))
    assert found(result) == set()
    assert result.status == "passed"


DEFECTS: dict[str, tuple[str, dict[Any, int], str]] = {
    "variants of case and blanks": (
        "spelling_variants",
        {"New York": 900, "new york ": 20, "New-York": 9, "Boston": 800},
        "medium",
    ),
    "a swapped pair of letters": ("typing_errors", {"Berlin": 900, "Paris": 800, "Brelin": 3}, "medium"),
    "a lost letter": ("typing_errors", {"cancelled": 300, "shipped": 800, "canceled": 5}, "medium"),
    "yes and no in two ways": ("mixed_formats", {"yes": 500, "no": 400, "Y": 60, "N": 40}, "medium"),
    "kilograms and grams": ("mixed_units", {f"{i} kg": 9 for i in range(40)} | {"500 g": 30}, "medium"),
    "two currencies": ("mixed_units", {f"$ {i}.50": 9 for i in range(40)} | {"€ 12.00": 30}, "medium"),
    "words among numbers": ("mixed_types", {str(i): 9 for i in range(40)} | {"twelve": 3}, "medium"),
    "decimal commas": ("mixed_formats", {f"{i}.5": 9 for i in range(40)} | {"7,5": 30}, "medium"),
    "dates in two formats": (
        "mixed_formats",
        {f"2024-03-{i:02}": 9 for i in range(1, 29)} | {"17/03/2024": 9},
        "medium",
    ),
    "day first and month first": ("mixed_formats", {"17/03/2024": 50, "03/17/2024": 40, "03/04/2024": 10}, "medium"),
    "several offsets": ("mixed_offsets", {"2024-03-01T10:00:00Z": 50, "2024-03-01T10:00:00+02:00": 40}, "medium"),
    "broken e-mails": (
        "broken_values",
        {f"u{i}@example.com": 3 for i in range(60)} | {"u7 at example.com": 4},
        "medium",
    ),
    "broken links": (
        "broken_values",
        {f"https://example.com/{i}": 3 for i in range(60)} | {"htps:/example": 4},
        "medium",
    ),
    "a wrong encoding": ("broken_encoding", {"Köln": 300, "MÃ¼nchen": 3}, "medium"),
    "replacement characters": ("broken_encoding", {"Köln": 300, "M\ufffdnchen": 3}, "medium"),
    "blanks at the end": ("blanks_at_edges", {f"name {i}": 5 for i in range(60)} | {"name x ": 2}, "low"),
    "another shape of code": ("unusual_shape", {f"sku-{i}": 3 for i in range(200)} | {"SKU 7": 2}, "low"),
    "one value only": ("constant", {"EUR": 500}, "low"),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_each_kind_of_defect_in_text_is_found(defect: str) -> None:
    metric, counts, severity = DEFECTS[defect]
    values = [value for value, rows in counts.items() for _ in range(rows)]
    result = check({"x": values})
    assert (metric, severity) in {(finding.metric, finding.severity) for finding in result.findings}


@pytest.mark.parametrize(
    "defect", [name for name, (metric, _, _) in DEFECTS.items() if metric not in {"unusual_shape"}]
)
def test_a_defect_seen_through_a_sample_is_counted_on_all_rows(defect: str) -> None:
    metric, counts, _ = DEFECTS[defect]
    values = [value for value, rows in counts.items() for _ in range(rows)]
    few = check({"x": values})
    many = check({"x": values * (60_000 // len(values) + 1)})
    times = 60_000 // len(values) + 1
    rows = {f.metric: f.evidence.rows or 0 for f in few.findings}[metric]
    assert {f.metric: f.evidence.rows for f in many.findings}[metric] == rows * times


def test_a_rare_form_among_many_different_values_is_counted_on_all_rows() -> None:
    values = [f"user{i}@example.com" for i in range(80_000)]
    values[::100] = [f"user{i} at example.com" for i in range(800)]
    result = check({"email": values})
    assert [(f.metric, f.evidence.rows) for f in result.findings] == [("broken_values", 800)]
    assert "sample" not in result.findings[0].message
    assert "formats and fences found in" in result.scanned.method


def _planted(kind: str) -> tuple[str, np.ndarray]:
    r = np.random.default_rng(3)
    quantity, weight = r.integers(1, 10, ROWS), r.lognormal(1, 0.4, ROWS)
    if kind == "negative_values":
        quantity[:6] = -3
        return "quantity", quantity
    if kind == "second_scale":
        weight[:60] *= 1_000
        return "weight", weight
    if kind == "extreme_values":
        weight[0] = 25_000.0
        return "weight", weight
    weight[:3] = np.inf
    return "weight", weight


@pytest.mark.parametrize(
    ("metric", "rows"), [("negative_values", 6), ("second_scale", 60), ("extreme_values", 1), ("infinite", 3)]
)
def test_impossible_numbers_are_found(metric: str, rows: int) -> None:
    name, values = _planted(metric)
    result = check({name: values})
    assert [(f.metric, f.severity, f.evidence.rows) for f in result.findings] == [(metric, "medium", rows)]


def test_a_date_a_century_late_is_found() -> None:
    dates = [dt.datetime(2024, 3, 1) + dt.timedelta(hours=i) for i in range(700)]
    dates[3] = dates[3].replace(year=2124)
    assert found(check({"when": dates})) == {("when", "stray_dates")}


@pytest.mark.parametrize(
    "table",
    [
        {"a": pa.array([], pa.int64()), "b": pa.array([], pa.string()), "c": pa.array([], pa.timestamp("us"))},
        {"a": [1], "b": ["x"], "c": [dt.date(2024, 1, 1)], "d": [True]},
        {'a "q"': ["x", "X"], "it's; drop": [1, 2], "a.b": [1.0, float("nan")], "value": ["a", "b"], "rows": [1, 2]},
        {"list": [[1], [2]], "struct": [{"a": 1}, {"a": None}], "bytes": [b"x", b"y"]},
        {
            "t": pa.array([None] * 3, pa.string()),
            "n": pa.array([None] * 3, pa.float64()),
            "d": pa.array([None] * 3, pa.date32()),
        },
        {"i": [float("inf"), float("-inf")], "n": [float("nan")] * 2},
        {f"c{i}": [f"v{j % 3}" for j in range(50)] if i % 2 else list(range(50)) for i in range(320)},
    ],
)
def test_odd_tables_are_described_without_fuss(table: dict[str, Any]) -> None:
    result = check(table)
    assert {item.column for item in result.columns} == set(table)
    assert result.headline()
    result.model_dump_json()


# ── spellings and formats by themselves


@pytest.mark.parametrize(
    ("value", "meant", "expected"),
    [
        ("Brelin", "Berlin", True),
        ("birminghxm", "birmingham", True),
        ("acute care hosxitals", "acute care hospitals", True),
        ("heart attaxk", "heart attack", True),
        ("South Dakota", "North Dakota", False),
        ("Iraq", "Iran", False),
        ("Slovakia", "Slovenia", False),
        ("Gambia", "Zambia", False),
        ("Q2", "Q1", False),
        ("scip-inf-2", "scip-inf-1", False),
        ("ak_hf-1", "al_hf-1", False),
        ("female", "male", False),
        ("Monday", "Sunday", False),
        ("order 1234", "order 1235", False),
    ],
)
def test_typing_errors_are_told_from_other_words(value: str, meant: str, *, expected: bool) -> None:
    assert is_typing_error(value, meant) is expected


def test_a_long_tail_of_names_is_not_called_misspelt() -> None:
    tail = {
        f"{stem}{end}": 1 for stem in ("Brook", "Spring", "Clay", "Green") for end in ("ville", "field", "wood", "land")
    }
    assert typing_errors({"Greenville": 100, "Portland": 90, "Cortland": 1, **tail}) == []


def test_variants_point_at_the_most_frequent_spelling() -> None:
    found_variants = variants({"New York": 90, "new york": 9, "NEW-YORK ": 1, "Newark": 50})
    assert [(v.value, v.meant) for v in found_variants] == [("new york", "New York"), ("NEW-YORK ", "New York")]


@settings(max_examples=200, deadline=None)
@given(st.text("abc", max_size=7), st.text("abc", max_size=7))
def test_distance_is_symmetric_and_bounded_by_levenshtein(left: str, right: str) -> None:
    ours = distance(left, right, 20)
    plain = _levenshtein(left, right)
    assert ours == distance(right, left, 20)
    assert (plain + 1) // 2 <= ours <= plain
    assert (ours == 0) == (left == right)


def _levenshtein(left: str, right: str) -> int:
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        row, before = [i], row
        for j, b in enumerate(right, 1):
            row.append(min(before[j] + 1, row[-1] + 1, before[j - 1] + (a != b)))
    return row[-1]


@settings(max_examples=100, deadline=None)
@given(st.text("abc XY-_", min_size=1, max_size=12))
def test_the_key_of_a_spelling_ignores_case_and_blanks_at_the_ends(text: str) -> None:
    assert key(text) == key(f"  {text.upper()} ")


@pytest.mark.parametrize("module", [_formats, _repeats, _spellings])
def test_the_examples_in_the_helpers_hold(module: Any) -> None:
    assert doctest.testmod(module).failed == 0


def test_dates_that_no_calendar_has_are_told() -> None:
    moments = pa.array([568_971_820_800_000_000, 2**63 - 1, None, *range(97)], pa.timestamp("us"))
    found = {
        finding.metric: finding for finding in check_distributions(open_dataset(pa.table({"t": moments}))).findings
    }
    assert found["impossible_dates"].evidence.rows == 2
    assert "stray_dates" not in found
