"""check_schema_consistency: names of types, severities, renamed columns, references and the last known schema."""

# ruff: noqa: E501 (a case is read as one line)

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from refinery.tools.context import Caller, Context
from refinery.tools.data import Dataset, open_dataset
from refinery.tools.data.registry import Registry
from refinery.tools.errors import BadRequest
from refinery.tools.quality.check_schema_consistency import check_schema_consistency
from refinery.tools.workspace import Workspace

DAY, MOMENT = dt.date(2024, 1, 31), dt.datetime(2024, 1, 31, 12)
COLUMNS: dict[str, pa.Array] = {
    "int32": pa.array([1, None], pa.int32()),
    "int64": pa.array([1, None], pa.int64()),
    "float": pa.array([1.5, None], pa.float64()),
    "decimal": pa.array([Decimal("1.50"), None], pa.decimal128(10, 2)),
    "text": pa.array(["x", None], pa.string()),
    "numbers": pa.array(["1", "2"], pa.string()),
    "blank": pa.array([None, None], pa.string()),
    "flag": pa.array([True, None], pa.bool_()),
    "day": pa.array([DAY, None], pa.date32()),
    "moment": pa.array([MOMENT, None], pa.timestamp("us")),
    "zoned": pa.array([MOMENT, None], pa.timestamp("us", "UTC")),
    "list": pa.array([[1], None], pa.list_(pa.int64())),
}

# The stored column, the type as people write it, and how bad it is that they differ (None: they do not).
FITS: list[tuple[str, str, str | None]] = [
    *(("int64", name, None) for name in ("int", "Integer", "INT64", "bigint", "long", "number", "numeric", "any", "id", "categorical")),
    ("int64", "int32", "low"),
    ("int32", "int64", "low"),
    ("int32", "int", None),
    ("int64", "float", "low"),
    ("int64", "text", "medium"),
    ("int64", "date", "high"),
    *(("float", name, None) for name in ("float", "double", "float64", "double precision", "number", "currency")),
    ("float", "float32", "low"),
    ("float", "int", "medium"),
    ("float", "decimal(10,2)", "medium"),
    ("decimal", "decimal(10, 2)", None),
    ("decimal", "numeric(10,2)", None),
    ("decimal", "decimal", None),
    ("decimal", "decimal(12,2)", "low"),
    ("decimal", "float", "low"),
    *(("text", name, None) for name in ("str", "string", "text", "varchar(20)", "object", "email", "phone", "category", "geo")),
    ("text", "int", "high"),
    ("numbers", "int", "medium"),
    ("numbers", "id", None),
    ("blank", "int", "low"),
    ("flag", "boolean", None),
    ("flag", "bool", None),
    ("flag", "int", "high"),
    ("day", "date", None),
    ("day", "datetime", None),
    ("day", "timestamp", "low"),
    ("moment", "datetime", None),
    ("moment", "timestamp", None),
    ("moment", "datetime64[ns]", None),
    ("moment", "date", "medium"),
    ("moment", "timestamp with time zone", "medium"),
    ("zoned", "datetime", None),
    ("zoned", "timestamptz", None),
    ("zoned", "timestamp without time zone", "medium"),
    ("list", "list", None),
    ("list", "array<int64>", None),
    ("list", "array<string>", "medium"),
    ("list", "text", "medium"),
]  # fmt: skip


@pytest.fixture(scope="module")
def stored() -> Dataset:
    return open_dataset(pa.table(COLUMNS))


@pytest.mark.parametrize(("column", "kind", "severity"), FITS, ids=[f"{c}-{k}" for c, k, _ in FITS])
def test_a_stored_type_fits_a_written_one_or_differs_so_much(
    stored: Dataset, column: str, kind: str, severity: str | None
) -> None:
    result = check_schema_consistency(stored, expected={column: kind})
    assert [(m.column, m.expected, m.severity) for m in result.type_mismatches] == (
        [] if severity is None else [(column, kind, severity)]
    )
    assert result.missing_columns == []
    assert set(result.extra_columns) == set(COLUMNS) - {column}


def table(*names: str) -> Dataset:
    return open_dataset(pa.table({name: [1] for name in names} or {"a": [1]}))


# What is expected, what is there, and which names are paired.
RENAMES: list[tuple[list[str], list[str], list[tuple[str, str]]]] = [
    (["amount"], ["amuont"], [("amount", "amuont")]),
    (["Amount"], ["amount"], [("Amount", "amount")]),
    (["order_id"], ["Order ID"], [("order_id", "Order ID")]),
    (["customer_name"], ["customer_nme"], [("customer_name", "customer_nme")]),
    (["q1"], ["q2"], []),
    (["city"], ["amount"], []),
    (["amount"], ["amounts", "amuont"], [("amount", "amounts")]),
    (["name"], ["mean"], [("name", "mean")]),
    (["a", "b"], ["x", "y"], []),
]


@pytest.mark.parametrize(("expected", "actual", "pairs"), RENAMES)
def test_a_missing_column_is_paired_with_the_one_that_it_became(
    expected: list[str], actual: list[str], pairs: list[tuple[str, str]]
) -> None:
    result = check_schema_consistency(table(*actual), expected=dict.fromkeys(expected, "int"))
    assert [(rename.expected, rename.actual) for rename in result.renamed] == pairs
    assert result.missing_columns == expected
    assert result.extra_columns == actual


def test_a_name_is_not_paired_with_a_column_of_another_type() -> None:
    result = check_schema_consistency(open_dataset(pa.table({"amuont": ["x"]})), expected={"amount": "date"})
    assert result.renamed == []


def test_text_is_looked_into_to_say_what_does_not_read() -> None:
    dataset = open_dataset(pa.table({"abv": ["0.05", "5%", "7%", None]}))
    result = check_schema_consistency(dataset, expected={"abv": "float"})
    assert result.status == "failed"
    assert "2 of 3 values do not read as float, e.g. '5%', '7%'" in result.findings[0].message
    assert result.findings[0].evidence.rows == 2


def test_the_verdict_follows_the_worst_difference() -> None:
    dataset = table("a", "b")
    assert check_schema_consistency(dataset, expected={"a": "int", "b": "int"}).status == "passed"
    assert check_schema_consistency(dataset, expected={"a": "int"}).status == "passed"
    assert check_schema_consistency(dataset, expected={"A": "int", "b": "int"}).status == "warning"
    assert check_schema_consistency(dataset, expected={"a": "int", "b": "int", "c": "int"}).status == "failed"


def test_a_dataset_is_compared_with_a_reference() -> None:
    reference = open_dataset(pa.table({"a": pa.array([1], pa.int64()), "when": pa.array([MOMENT], pa.timestamp("us"))}))
    current = open_dataset(pa.table({"a": ["x"], "when": pa.array([MOMENT], pa.timestamp("us", "UTC")), "new": [1]}))
    result = check_schema_consistency(current, reference=reference)
    assert [(m.column, m.severity) for m in result.type_mismatches] == [("a", "high"), ("when", "medium")]
    assert result.extra_columns == ["new"]


@pytest.mark.parametrize("column", COLUMNS)
def test_a_table_agrees_with_itself(stored: Dataset, column: str) -> None:
    one = Dataset(name="one", table=stored.table.select(column))
    for result in (
        check_schema_consistency(one, reference=one),
        check_schema_consistency(one, expected=check_schema_consistency(one).actual_schema),
    ):
        assert (result.findings, result.type_mismatches) == ([], [])


def context_of(folder: Path) -> Context:
    folder.mkdir(parents=True, exist_ok=True)
    return Context(
        caller=Caller(),
        workspace=Workspace(folder),
        registry=Registry(folder, "default"),
        opener=None,  # type: ignore[arg-type]
    )


def test_without_anything_else_the_last_known_schema_of_the_name_counts(tmp_path: Path) -> None:
    context = context_of(tmp_path)
    context.registry.add(
        "orders", "/data/orders.csv", schema={"id": "int64", "total": "float64", "odd": "made_up_type"}
    )
    dataset = open_dataset(pa.table({"id": ["a"], "totl": [1.0], "odd": [1]}), name="orders")
    result = check_schema_consistency(dataset, context=context)
    assert result.compared_with.startswith("the last known schema")
    assert result.missing_columns == ["total"]
    assert [(r.expected, r.actual) for r in result.renamed] == [("total", "totl")]
    assert [m.column for m in result.type_mismatches] == ["id"]


@pytest.mark.parametrize("with_context", [True, False])
def test_with_nothing_to_compare_it_says_so_and_tells_the_schema(tmp_path: Path, with_context: bool) -> None:
    result = check_schema_consistency(table("a"), **({"context": context_of(tmp_path)} if with_context else {}))
    assert result.compared_with == "nothing"
    assert result.actual_schema == {"a": "int64"}
    assert "no last known schema" in result.headline()
    assert [finding.severity for finding in result.findings] == ["low"]


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"expected": {"a": "intger"}}, "did you mean 'integer'"),
    ({"expected": {}}, "expected is empty"),
]


@pytest.mark.parametrize(("arguments", "message"), REFUSED)
def test_what_can_not_be_compared_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(BadRequest, match=message):
        check_schema_consistency(table("a"), **arguments)


def test_expected_and_reference_together_are_refused() -> None:
    with pytest.raises(BadRequest, match="not both"):
        check_schema_consistency(table("a"), expected={"a": "int"}, reference=table("a"))


def test_a_wide_table_without_a_common_column_is_told_in_few_findings() -> None:
    dataset = open_dataset(pa.table({f"left_{i}": [1] for i in range(300)}))
    result = check_schema_consistency(dataset, expected={f"other_{i}_x": "int" for i in range(300)})
    assert len(result.missing_columns) == len(result.extra_columns) == 300
    assert len(result.findings) == 2


def test_an_empty_table_has_a_schema_too() -> None:
    dataset = open_dataset(pa.table({"a": pa.array([], pa.string()), "b": pa.array([], pa.int64())}))
    result = check_schema_consistency(dataset, expected={"a": "int", "b": "int"})
    assert [(m.column, m.severity) for m in result.type_mismatches] == [("a", "low")]


def test_two_months_of_taxi_trips_have_one_schema_and_dirty_beers_another(shared_data: Path) -> None:
    january, april = (open_dataset(shared_data / f"taxi_{month}.csv") for month in ("2019-01", "2020-04"))
    assert check_schema_consistency(april, reference=january).status == "passed"
    dirty = open_dataset(shared_data / "beers_dirty.csv")
    found = check_schema_consistency(dirty, expected={"abv": "float", "ibu": "number"})
    evidence = {finding.columns[0]: finding.evidence.rows for finding in found.findings if finding.metric == "type"}
    assert evidence == {"abv": 693, "ibu": 1005}
