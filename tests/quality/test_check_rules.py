"""check_rules: every kind of rule, exact counts, contracts, and what is refused."""

# ruff: noqa: E501 (a case is read as one line)

from __future__ import annotations

import json
import math
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from refinery.tools.catalogue import Action
from refinery.tools.context import Caller, Context
from refinery.tools.data import Dataset, open_dataset
from refinery.tools.data.registry import Registry
from refinery.tools.errors import BadRequest, DataUnreadable
from refinery.tools.quality import _rules_run
from refinery.tools.quality.check_rules import RulesKept, check_rules
from refinery.tools.workspace import Workspace

ODD = """a "b".c'; DROP TABLE x -- ü"""


def run(columns: Any, *rules: dict[str, Any], **more: Any) -> RulesKept:
    return check_rules(
        open_dataset(columns if isinstance(columns, pa.Table) else pa.table(columns)), list(rules), **more
    )


def context_of(folder: Path, tenant: str = "default") -> Context:
    return Context(
        caller=Caller(tenant=tenant),
        workspace=Workspace(folder),
        registry=Registry(folder / "names", tenant),
        opener=None,  # type: ignore[arg-type]
    )


def moments(*texts: str | None, zone: str | None = None) -> pa.Array:
    return pa.array([None if t is None else pd.Timestamp(t, tz=zone) for t in texts], pa.timestamp("us", tz=zone))


DATES = pa.array([pd.Timestamp("2024-01-01").date(), pd.Timestamp("2024-06-30").date(), None])
CASES: list[tuple[str, dict[str, Any], dict[str, Any], int]] = [
    ("nulls", {"a": [1, None, 3]}, {"kind": "not_null", "columns": ["a"]}, 1),
    ("nulls in any of two", {"a": [1, None, 3], "b": [None, None, 1]}, {"kind": "not_null", "columns": ["a", "b"]}, 2),
    ("repeated value", {"a": [1, 1, 1, 2, None, None]}, {"kind": "unique", "columns": ["a"]}, 2),
    ("repeated text", {"a": ["x", "x", "y", None]}, {"kind": "unique", "columns": ["a"]}, 1),
    ("key of two", {"a": [1, 1, 1, None], "b": ["x", "y", "x", "x"]}, {"kind": "unique", "columns": ["a", "b"]}, 1),
    ("repeated NaN", {"a": [math.nan, math.nan, 0.0, -0.0]}, {"kind": "unique", "columns": ["a"]}, 2),
    ("repeated list", {"a": [[1], [1], [2]]}, {"kind": "unique", "columns": ["a"]}, 1),
    ("whole rows", {"a": [1, 1, None, None], "b": ["x", "x", None, None]}, {"kind": "no_duplicate_rows"}, 2),
    ("range", {"a": [-1, 0, 5, 10, 11, None]}, {"kind": "range", "columns": ["a"], "min": 0, "max": 10}, 2),
    ("range of floats with NaN", {"a": [0.5, math.nan, math.inf, -1.0]}, {"kind": "range", "columns": ["a"], "min": 0}, 2),
    ("NaN keeps no range", {"a": [0.5, math.nan]}, {"kind": "range", "columns": ["a"], "max": 9}, 1),
    ("fraction as bound of integers", {"a": [1, 2, 3]}, {"kind": "range", "columns": ["a"], "min": 1.5, "max": 2.5}, 2),
    ("large integers compare exactly", {"a": [2**53, 2**53 + 1]}, {"kind": "range", "columns": ["a"], "max": 2**53}, 1),
    ("a bound beyond 64 bits", {"a": [1, 2]}, {"kind": "range", "columns": ["a"], "max": 10**30}, 0),
    ("decimals", {"a": [Decimal("0.10"), Decimal("0.11")]}, {"kind": "range", "columns": ["a"], "max": 0.1}, 1),
    ("dates", {"a": DATES}, {"kind": "range", "columns": ["a"], "min": "2024-02-01"}, 1),
    ("a day as bound of times", {"a": moments("2024-01-31T23:59", "2024-02-01T00:01")}, {"kind": "range", "columns": ["a"], "max": "2024-02-01"}, 1),
    ("zoned times", {"a": moments("2024-01-01T00:30", None, zone="Europe/Berlin")}, {"kind": "range", "columns": ["a"], "min": "2024-01-01T00:00:00+00:00"}, 1),
    ("text that should be numbers", {"a": ["0.5", "5%", "2", None]}, {"kind": "range", "columns": ["a"], "min": 0, "max": 1}, 2),
    ("text in its own order", {"a": ["b", "d", None]}, {"kind": "range", "columns": ["a"], "max": "c"}, 1),
    ("set", {"a": ["S", "M", "XXL", None]}, {"kind": "set", "columns": ["a"], "values": ["S", "M"]}, 1),
    ("set of numbers", {"a": [1, 2, 3]}, {"kind": "set", "columns": ["a"], "values": [1, 2.0]}, 1),
    ("set of booleans", {"a": [True, False, None]}, {"kind": "set", "columns": ["a"], "values": [True]}, 1),
    ("set of numbers over text", {"a": ["1", "2"]}, {"kind": "set", "columns": ["a"], "values": [1]}, 1),
    ("set of dates", {"a": DATES}, {"kind": "set", "columns": ["a"], "values": ["2024-01-01"]}, 1),
    ("a null in a set is no value", {"a": ["S", None]}, {"kind": "set", "columns": ["a"], "values": ["S", None]}, 0),
    ("pattern", {"a": ["sku-1", "sku-x", "xsku-1", None]}, {"kind": "pattern", "columns": ["a"], "pattern": "^sku-[0-9]+$"}, 2),
    ("pattern is found anywhere", {"a": ["a1b", "ab"]}, {"kind": "pattern", "columns": ["a"], "pattern": "[0-9]"}, 1),
    ("pattern over numbers", {"a": [12, 123]}, {"kind": "pattern", "columns": ["a"], "pattern": "^[0-9]{2}$"}, 1),
    ("type of text", {"a": ["1", "2.5", "x", "", None]}, {"kind": "type", "columns": ["a"], "type": "int"}, 3),
    ("number as text", {"a": ["1", "2.5", "x", None]}, {"kind": "type", "columns": ["a"], "type": "float"}, 1),
    ("date as text", {"a": ["2024-01-31", "31/01/2024", None]}, {"kind": "type", "columns": ["a"], "type": "date"}, 1),
    ("whole floats", {"a": [1.0, 2.5, math.nan, math.inf]}, {"kind": "type", "columns": ["a"], "type": "integer"}, 3),
    ("integers are numbers", {"a": [1, 2]}, {"kind": "type", "columns": ["a"], "type": "float"}, 0),
    ("times are no days", {"a": moments("2024-01-01", "2024-01-01T10:00")}, {"kind": "type", "columns": ["a"], "type": "date"}, 1),
    ("a number is no date", {"a": [1, None]}, {"kind": "type", "columns": ["a"], "type": "date"}, 1),
    ("semantic names fit any storage", {"a": [1, 2]}, {"kind": "type", "columns": ["a"], "type": "categorical"}, 0),
    ("too few rows", {"a": [1, 2]}, {"kind": "row_count", "min": 3}, 1),
    ("enough rows", {"a": [1, 2]}, {"kind": "row_count", "min": 1, "max": 2}, 0),
    ("order", {"a": [1, 5, None], "b": [2, 4, 1]}, {"kind": "compare", "columns": ["a", "b"], "op": "<="}, 1),
    ("order of dates and times", {"a": DATES[:2], "b": moments("2024-01-01T01:00", "2024-06-29")}, {"kind": "compare", "columns": ["a", "b"], "op": "<"}, 1),
    ("equality", {"a": ["x", "y"], "b": ["x", "z"]}, {"kind": "compare", "columns": ["a", "b"], "op": "=="}, 1),
    ("correlation", {"a": [1, 2, 3, 4], "b": [2, 4, 6, 8]}, {"kind": "correlation", "columns": ["a", "b"], "min": 0.9}, 0),
    ("weak correlation", {"a": [1, 2, 3, 4], "b": [1, -1, -1, 1]}, {"kind": "correlation", "columns": ["a", "b"], "min": 0.5}, 1),
    ("no correlation with a constant", {"a": [1, 1, 1], "b": [1, 2, 3]}, {"kind": "correlation", "columns": ["a", "b"], "max": 1}, 1),
    ("expression", {"a": [1, 5, None], "b": [2, 4, 1]}, {"kind": "expression", "expression": "a <= b OR b > 3"}, 0),
    ("expression with null", {"a": [1, 5, None]}, {"kind": "expression", "expression": "a < 3"}, 1),
    ("an odd column name", {ODD: [1, None]}, {"kind": "not_null", "columns": [ODD]}, 1),
    ("one column as text", {"a": [1, None]}, {"kind": "not_null", "column": "a"}, 1),
    ("tolerance", {"a": [1, None, 3, 4]}, {"kind": "not_null", "columns": ["a"], "tolerance": 0.25}, 1),
    ("all null", {"a": pa.array([None, None], pa.string())}, {"kind": "unique", "columns": ["a"]}, 0),
]  # fmt: skip


@pytest.mark.parametrize(("columns", "rule", "violations"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_a_rule_is_broken_by_so_many_rows(columns: dict[str, Any], rule: dict[str, Any], violations: int) -> None:
    result = run(columns, rule).rules[0]
    rows = len(next(iter(columns.values())))
    assert result.violations == violations
    assert result.passed is (violations <= rule.get("tolerance", 0) * rows)


def test_several_rules_are_told_the_broken_ones_first_with_examples() -> None:
    result = run(
        {"id": [1, 2, 2, 2], "size": ["S", "M", "L", "huge"], "low": [1, 2, 3, 4], "high": [2, 2, 2, 2]},
        {"kind": "not_null", "columns": ["id"]},
        {"kind": "unique", "columns": ["id"]},
        {"kind": "set", "columns": ["size"], "values": ["S", "M", "L"]},
        {"kind": "compare", "columns": ["low", "high"], "op": "<="},
    )
    assert [(r.rule.kind, r.passed, r.violations) for r in result.rules] == [
        ("unique", False, 2),
        ("compare", False, 2),
        ("set", False, 1),
        ("not_null", True, 0),
    ]
    assert result.rules[0].examples == [{"id": 2, "rows": 3}]
    assert all(example["low"] > example["high"] for example in result.rules[1].examples)
    assert result.rules[2].examples == ["huge"]
    assert result.status == "failed"
    assert "3 of 4 rules are broken" in result.headline()
    assert "low <= high: broken by 2 of 4 rows (50.00%)" in result.findings[1].message


def test_a_rule_about_several_columns_tells_which_of_them_break_it() -> None:
    columns = {"a": [1, None, 3], "b": [1, 2, 3], "c": [None, None, 1]}
    result = run(columns, {"kind": "not_null", "columns": ["a", "b", "c"]})
    assert result.rules[0].violations == 2
    assert result.rules[0].by_column == {"c": 2, "a": 1}
    assert result.findings[0].columns == ["c", "a"]


def test_the_query_of_a_finding_counts_the_same_rows() -> None:
    import duckdb

    dataset = pd.DataFrame({"a": [1, 2, 2, 30], "b": ["x", "y", "y", "z"]})
    rules = [
        {"kind": "range", "columns": ["a"], "max": 10},
        {"kind": "unique", "columns": ["a"]},
        {"kind": "no_duplicate_rows"},
        {"kind": "expression", "expression": "b <> 'z'"},
    ]
    for finding in check_rules(open_dataset(dataset), rules).findings:
        assert duckdb.sql(str(finding.evidence.query)).fetchone() == (finding.value,)


@pytest.mark.parametrize("rows", [0, 1])
def test_small_tables_are_checked_too(rows: int) -> None:
    table = pa.table({"a": pa.array([1] * rows, pa.int64()), "b": pa.array(["x"] * rows, pa.string())})
    result = run(
        table,
        {"kind": "not_null", "columns": ["a", "b"]},
        {"kind": "unique", "columns": ["a", "b"]},
        {"kind": "no_duplicate_rows"},
        {"kind": "range", "columns": ["a"], "min": 0},
        {"kind": "pattern", "columns": ["b"], "pattern": "x"},
        {"kind": "row_count", "min": rows, "max": rows},
    )
    assert result.status == "passed"


KEYS = st.lists(st.tuples(st.integers(0, 3) | st.none(), st.sampled_from(["x", "y", None])), max_size=12)


@settings(max_examples=25, deadline=None)
@given(KEYS)
def test_keys_and_rows_are_counted_as_pandas_counts_them(rows: list[tuple[int | None, str | None]]) -> None:
    frame = pd.DataFrame({"a": pd.array([r[0] for r in rows], "Int64"), "b": pd.array([r[1] for r in rows], "string")})
    result = run(
        pa.Table.from_pandas(frame, preserve_index=False),
        {"kind": "no_duplicate_rows"},
        {"kind": "unique", "columns": ["a"]},
        {"kind": "unique", "columns": ["b", "a"]},
    )
    counts = {str(r.rule): r.violations for r in result.rules}
    assert counts["no duplicate rows"] == frame.duplicated().sum()
    assert counts["a unique"] == frame["a"].dropna().duplicated().sum()
    assert counts["b, a unique"] == frame.dropna().duplicated().sum()


def test_equal_hashes_are_not_taken_for_equal_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Collisions are forced: every row gets one hash, and still only the real repetition counts."""
    monkeypatch.setattr(_rules_run, "_hash", lambda dataset, columns: dataset.table[columns[0]].isnull())
    columns = {"a": ["x", "y", "y", "z"], "b": [1, 2, 2, 3]}
    for rule in ({"kind": "unique", "columns": ["a"]}, {"kind": "no_duplicate_rows"}):
        assert run(columns, rule).rules[0].violations == 1


def test_a_unique_key_with_nulls_does_not_prove_that_rows_are_not_repeated() -> None:
    result = run(
        {"id": [1, None, None], "x": [1, 1, 1]}, {"kind": "unique", "columns": ["id"]}, {"kind": "no_duplicate_rows"}
    )
    assert {r.rule.kind: r.violations for r in result.rules} == {"unique": 0, "no_duplicate_rows": 1}


def test_correlation_is_that_of_numpy() -> None:
    rng = np.random.default_rng(1)
    a = rng.normal(size=500)
    b = a + rng.normal(size=500)
    result = run({"a": a, "b": b}, {"kind": "correlation", "columns": ["a", "b"], "min": 0.99})
    assert result.rules[0].value == pytest.approx(np.corrcoef(a, b)[0, 1])


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"kind": "not_nul", "columns": ["amount"]}, "no rule kind 'not_nul'; did you mean 'not_null'?"),
    ({"kind": "not_null", "columns": ["amuont"]}, "no column 'amuont' in 'table'; did you mean 'amount'?"),
    ({"kind": "range", "columns": ["amount"], "minimum": 1}, "no field 'minimum' in a rule; did you mean 'min'?"),
    ({"kind": "range", "columns": ["amount"]}, "rule 'range' needs 'min' or 'max'. Example: {"),
    ({"kind": "range", "columns": ["amount"], "min": 2, "max": 1}, "'min' 2 above 'max' 1"),
    ({"kind": "range", "columns": ["amount"], "min": "soon"}, "bound 'soon' is no number"),
    ({"kind": "range", "columns": ["when"], "min": "soon"}, "'soon' is no date or time"),
    ({"kind": "range", "columns": ["when"], "min": 5}, "5 is no date"),
    ({"kind": "range", "columns": ["flag"], "min": 0}, "column 'flag' is boolean"),
    ({"kind": "set", "columns": ["city"], "values": []}, "rule 'set' needs 'values'"),
    ({"kind": "set", "columns": ["city"], "values": ["x"], "min": 1}, "rule 'set' does not take 'min'"),
    ({"kind": "unique"}, "takes at least 1 column(s), got []"),
    ({"kind": "compare", "columns": ["amount"], "op": "<"}, "takes exactly 2 column(s)"),
    ({"kind": "compare", "columns": ["amount", "city"], "op": "<"}, "needs two columns of one sort"),
    ({"kind": "compare", "columns": ["amount", "city"], "op": "=<"}, "has no operator '=<'"),
    ({"kind": "correlation", "columns": ["amount", "city"], "min": 0}, "needs numbers; column 'city' is string"),
    ({"kind": "type", "columns": ["amount"], "type": "intger"}, "no type 'intger'; did you mean 'integer'?"),
    ({"kind": "row_count", "min": 1, "tolerance": 0.1}, "takes no tolerance"),
    ({"kind": "not_null", "columns": ["amount"], "tolerance": 2}, "less than or equal to 1"),
    ({"kind": "not_null", "columns": ["amount", "amount"]}, "names a column twice"),
    ({"kind": "pattern", "columns": ["city"], "pattern": "("}, "the engine cannot evaluate a rule"),
    ({"kind": "expression", "expression": "amuont > 1"}, "no column 'amuont' in the expression; did you mean 'amount'?"),
    ({"kind": "set", "columns": ["city"], "values": ["a\0b"]}, "NUL character"),
    ({}, "kind"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "message"), REFUSED, ids=[m[:50] for _, m in REFUSED])
def test_a_rule_that_makes_no_sense_is_refused_in_words_that_help(rule: dict[str, Any], message: str) -> None:
    columns = {"amount": [1], "city": ["x"], "flag": [True], "when": moments("2024-01-01")}
    with pytest.raises(BadRequest) as caught:
        run(columns, rule)
    assert message in str(caught.value)


def test_over_the_wire_the_same_words_reach_the_caller() -> None:
    action = Action(check_rules, check_rules.__refinery_action__, "quality")  # type: ignore[attr-defined]
    with pytest.raises(BadRequest, match="did you mean 'not_null'"):
        action.validate({"dataset": "x", "rules": [{"kind": "notnull", "columns": ["a"]}]})
    valid = action.validate(
        {"dataset": "x", "rules": [{"kind": "range", "columns": ["a"], "min": 2**60, "max": 2**60 + 1}]}
    )
    assert (valid["rules"][0].min, valid["rules"][0].max) == (2**60, 2**60 + 1)
    assert len(json.dumps(action.input_schema)) < 1300


def test_without_rules_there_is_advice() -> None:
    with pytest.raises(BadRequest, match="suggest_rules"):
        check_rules(open_dataset(pa.table({"a": [1]})))


def test_rules_can_be_kept_as_a_contract_and_run_again(tmp_path: Path) -> None:
    context = context_of(tmp_path)
    rules = [{"kind": "range", "columns": ["a"], "min": 0, "tolerance": 0.1}, {"kind": "unique", "columns": ["a"]}]
    first = run({"a": [1, 2]}, *rules, save_as="orders-v1", context=context)
    assert first.saved_as == "orders-v1"
    again = check_rules(open_dataset(pa.table({"a": [-1, -1, 2]})), contract="orders-v1", context=context)
    assert {r.rule.kind: r.violations for r in again.rules} == {"range": 2, "unique": 1}
    file = tmp_path / "contracts" / "default" / "orders-v1.json"
    assert json.loads(file.read_text())["rules"] == rules
    assert file.stat().st_mode & 0o077 == 0
    assert file.parent.stat().st_mode & 0o077 == 0


def test_a_contract_is_replaced_only_when_asked(tmp_path: Path) -> None:
    context = context_of(tmp_path)
    rule, other = {"kind": "not_null", "columns": ["a"]}, {"kind": "unique", "columns": ["a"]}
    run({"a": [1]}, rule, save_as="c", context=context)
    run({"a": [1]}, rule, save_as="c", context=context)
    with pytest.raises(BadRequest, match="overwrite=true"):
        run({"a": [1]}, other, save_as="c", context=context)
    run({"a": [1]}, other, save_as="c", overwrite=True, context=context)
    assert check_rules(open_dataset(pa.table({"a": [1]})), contract="c", context=context).rules[0].rule.kind == "unique"


def test_contracts_belong_to_a_tenant(tmp_path: Path) -> None:
    run({"a": [1]}, {"kind": "not_null", "columns": ["a"]}, save_as="mine", context=context_of(tmp_path, "one"))
    with pytest.raises(BadRequest, match="no contract 'mine'"):
        check_rules(open_dataset(pa.table({"a": [1]})), contract="mine", context=context_of(tmp_path, "two"))
    with pytest.raises(BadRequest, match="did you mean 'mine'"):
        check_rules(open_dataset(pa.table({"a": [1]})), contract="mein", context=context_of(tmp_path, "one"))


@pytest.mark.parametrize("name", ["", "../x", "a/b", "x" * 65, "ü", "a b", ".", ".."])
def test_a_contract_can_not_be_named_like_a_path(name: str, tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="name of a contract"):
        run({"a": [1]}, {"kind": "not_null", "columns": ["a"]}, save_as=name, context=context_of(tmp_path))
    assert not list(tmp_path.rglob("*.json"))


def test_a_damaged_contract_is_told(tmp_path: Path) -> None:
    context = context_of(tmp_path)
    run({"a": [1]}, {"kind": "not_null", "columns": ["a"]}, save_as="c", context=context)
    (tmp_path / "contracts" / "default" / "c.json").write_text('{"rules": [{"kind": "no such"}]}')
    with pytest.raises(DataUnreadable, match="damaged"):
        check_rules(open_dataset(pa.table({"a": [1]})), contract="c", context=context)


def test_the_answer_can_be_passed_back(tmp_path: Path) -> None:
    columns = {"a": [1, None], "b": ["x", "y"]}
    rules = [
        {"kind": "not_null", "columns": ["a"]},
        {"kind": "pattern", "columns": ["b"], "pattern": "x", "tolerance": 0.5},
    ]
    first = run(columns, *rules)
    document = first.model_dump(mode="json")
    assert [item["rule"] for item in document["rules"]] == rules
    again = run(columns, *document["rules"])
    assert again.rules == first.rules


def test_dirty_beers_break_the_rules_that_they_should(shared_data: Path) -> None:
    dataset = open_dataset(shared_data / "beers_dirty.csv")
    result = check_rules(
        dataset,
        [
            {"kind": "set", "columns": ["ibu"], "values": ["N/A"]},
            {"kind": "pattern", "columns": ["abv"], "pattern": "^[^%]*$"},
            {"kind": "not_null", "columns": ["state", "abv"]},
            {"kind": "unique", "columns": ["id"]},
        ],
    )
    counts = {r.rule.kind: r for r in result.rules}
    assert counts["set"].violations == 2410 - 1005
    assert counts["pattern"].violations == 693
    assert counts["not_null"].by_column == {"state": 127, "abv": 62}
    assert counts["unique"].passed


FRAME = pd.DataFrame(
    {
        "a": [1.0, 2.0, None],
        "n": [1, 0, 3],
        "text": ["x", "y1", None],
        "flag": [True, False, True],
        "start": pd.to_datetime(["2024-01-01", "2024-02-01", None]),
        "end": pd.to_datetime(["2024-01-02", "2024-02-11", None]),
        "We Ird": [1.5, 2.5, 3.5],
    }
)
# The expression, and the rows that break it: those where it is false, not those where it is null.
EXPRESSIONS = {
    "a > 1 AND text IS NOT NULL": 2,
    "a > 1 OR n = 3": 1,
    "NOT flag": 2,
    "A IN (1, 3)": 1,
    "a NOT IN (1)": 1,
    "a BETWEEN 2 AND 3": 1,
    "start < '2024-01-15'": 1,
    "start BETWEEN DATE '2024-01-01' AND current_date": 0,
    '"end" - start < INTERVAL 5 DAY': 1,
    '"end" <= start + INTERVAL 1 DAY': 1,
    'CAST("end" AS date) - CAST(start AS date) <= 3': 1,
    "year(start) = 2024 AND extract(month FROM start) = 1": 1,
    "text LIKE 'x%'": 1,
    "text ILIKE 'Y_'": 1,
    "regexp_matches(text, '[0-9]')": 1,
    "length(trim(text)) = 1": 1,
    "upper(substr(text, 1, 1)) = 'X'": 1,
    "starts_with(text, 'x') OR ends_with(text, '1')": 0,
    "text || '!' = 'x!'": 1,
    '"We Ird" > 2': 1,
    "abs(-a) >= 2": 1,
    'round("We Ird") >= 2 AND floor(a) = a': 0,
    "n * 4000000000000000000 * 9 >= 0": 0,
    "n / 0 > 1": 0,
    "a % 2 = 1": 1,
    "n // 2 = 0": 1,
    "coalesce(a, 0) > 0": 1,
    "nullif(n, 0) IS NOT NULL": 1,
    "greatest(a, n) > 1": 1,
    "CASE WHEN n > 0 THEN flag ELSE TRUE END": 0,
    "CASE n WHEN 3 THEN FALSE ELSE TRUE END": 1,
    "if(flag, n > 0, n = 0)": 0,
    "a IS NOT DISTINCT FROM n": 2,
    "text::int > 0": 0,
    "a > NULL": 0,
}


@pytest.fixture(scope="module")
def frame() -> Dataset:
    return open_dataset(FRAME)


@pytest.mark.parametrize(("expression", "violations"), EXPRESSIONS.items())
def test_an_expression_is_broken_where_it_is_false(frame: Dataset, expression: str, violations: int) -> None:
    result = check_rules(frame, [{"kind": "expression", "expression": expression}])
    assert result.rules[0].violations == violations


FORBIDDEN = {
    "(SELECT 1) > 0": "'Subquery' is not allowed",
    "EXISTS (SELECT 1)": "'Exists' is not allowed",
    "a IN (SELECT 1)": "list of values",
    "a IN (FROM range(3))": "cannot be used",
    "read_csv('/etc/passwd') = 1": "is not allowed",
    "read_text('/etc/passwd') = 'x'": "'read_text' is not allowed",
    "getenv('HOME') = 'x'": "'getenv' is not allowed",
    "count(*) > 1": "'Count' is not allowed",
    "sum(a) OVER () > 1": "'Window' is not allowed",
    "random() > 1": "'Rand' is not allowed",
    "a > 1; DROP TABLE dataset": "not a SQL expression",
    "COPY x TO '/tmp/y'": "cannot be used",
    "ATTACH 'x' AS y": "cannot be used",
    "a > 1 -- ": None,
    "CAST(text AS evil_type) IS NULL": "is not allowed",
    "CAST(text AS int[]) IS NULL": "is not allowed",
    "columns('.*') > 1": "is not allowed",
    "* > 1": "is not allowed",
    "a = $1": "'Placeholder' is not allowed",
    "dataset.a > 1": "double quotes",
    "lenght(text) > 1": "did you mean 'length'?",
    "text > 5": "string is compared with int8",
    "a IN (1, 'x')": "is compared with string",
    "flag = 1": "is compared with",
    "start > 'yesterday'": "cannot be used",
    "text LIKE text": "in single quotes",
    "regexp_matches(text, '(')": "cannot evaluate",
    "a": "not a condition",
    "a +": "not a SQL expression",
    "": "not a SQL expression",
    "(" * 400 + "flag" + ")" * 400: "too deeply",
    "NOT " * 400 + "flag": "too deeply",
    " AND ".join(["flag"] * 100): "levels deep",
    "a > 1" + " " * 3000: "at most 2000",
}


@pytest.mark.parametrize(("expression", "message"), FORBIDDEN.items(), ids=[key[:40] for key in FORBIDDEN])
def test_an_expression_is_held_to_what_is_allowed(frame: Dataset, expression: str, message: str | None) -> None:
    rules = [{"kind": "expression", "expression": expression}]
    if message is None:
        assert check_rules(frame, rules).rules[0].violations == 1
        return
    with pytest.raises(BadRequest) as caught:
        check_rules(frame, rules)
    assert message in str(caught.value)


@pytest.mark.parametrize("value", [[1], {"x": 1}])
def test_a_set_of_numbers_takes_only_numbers(value: object) -> None:
    with pytest.raises(BadRequest, match="is no number"):
        run({"a": [1, 2]}, {"kind": "set", "columns": ["a"], "values": [value]})


def test_decimals_of_which_none_has_room_for_both_are_compared() -> None:
    wide = pa.array([Decimal(10) ** 37, Decimal(1)], pa.decimal128(38, 0))
    narrow = pa.array([Decimal("1.10"), Decimal("1.10")], pa.decimal128(10, 2))
    result = run({"a": wide, "b": narrow}, {"kind": "compare", "columns": ["a", "b"], "op": "<="})
    assert result.rules[0].violations == 1


def test_far_moments_are_compared_with_nanoseconds_and_shown() -> None:
    far = pa.array([568_971_820_800_000_000, 0], pa.timestamp("us"))
    fine = pa.array([1, 1], pa.timestamp("ns"))
    result = run({"far": far, "fine": fine}, {"kind": "compare", "columns": ["far", "fine"], "op": "<="})
    assert result.rules[0].violations == 1
    assert "20000-01-01T00:00:00" in str(result.rules[0].examples)
