from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from refinery.tools.catalogue import action_of
from refinery.tools.data import open_dataset
from refinery.tools.explore.infer_schema import InferredColumn, InferredSchema, infer_schema

N = 120
BEERS = {
    "index": "id",
    "id": "id",
    "beer_name": "text",
    "style": "categorical",
    "ounces": "numeric",
    "abv": "percentage",
    "ibu": "numeric",
    "brewery_id": "categorical",
    "brewery_name": "categorical",
    "city": "geo",
    "state": "geo",
}
HOSPITAL = {
    "index": "id",
    "name": "categorical",
    "address_1": "categorical",
    "address_2": "constant",
    "city": "geo",
    "state": "geo",
    "zip": "postal_code",
    "phone": "phone",
    "type": "categorical",
    "emergency_service": "boolean",
    "measure_code": "categorical",
    "score": "percentage",
    "sample": "numeric",
}
TAXI = {
    "vendor_id": "categorical",
    "pickup_datetime": "datetime",
    "passenger_count": "numeric",
    "trip_distance": "numeric",
    "rate_code_id": "categorical",
    "store_and_fwd_flag": "boolean",
    "payment_type": "categorical",
    "fare_amount": "currency",
    "total_amount": "currency",
    "extra": "numeric",
    "congestion_surcharge": "constant",
}


def infer(table: Any, **arguments: Any) -> tuple[InferredSchema, dict[str, InferredColumn]]:
    result = infer_schema(open_dataset(table), **arguments)
    return result, {column.column: column for column in result.columns}


@pytest.mark.parametrize(
    ("file", "truth"), [("beers_dirty.csv", BEERS), ("hospital_dirty.csv", HOSPITAL), ("taxi_2019-01.csv", TAXI)]
)
def test_real_columns_mean_what_a_reader_sees(shared_data: Path, file: str, truth: dict[str, str]) -> None:
    _, columns = infer(shared_data / file)
    assert {name: columns[name].semantic for name in truth} == truth


def test_the_texts_of_the_beers_that_are_numbers_are_told_with_their_form(shared_data: Path) -> None:
    result, columns = infer(shared_data / "beers_dirty.csv")
    assert {name for name, column in columns.items() if column.suggested == "float64"} == {"ounces", "abv", "ibu"}
    assert columns["ibu"].placeholders == 1_005
    assert "oz" in columns["ounces"].format
    assert "%" in columns["abv"].format
    assert columns["state"].nullable
    assert not columns["city"].nullable
    assert {finding.columns[0] for finding in result.findings} == {"ounces", "abv", "ibu"}


TEXTS = [
    ("mail", [f"user{i}@example.org" for i in range(N)], "email"),
    ("contact", [f"user{i}@example.org" if i % 20 else "broken" for i in range(N)], "email"),
    ("page", [f"https://example.org/{i}" for i in range(N)], "url"),
    ("client", [f"10.0.{i % 7}.{i}" for i in range(N)], "ip"),
    ("host", [f"2001:db8::{i:x}" for i in range(N)], "ip"),
    ("key", [f"{i:08x}-1234-4123-8123-123456789abc" for i in range(N)], "uuid"),
    ("price", [f"${i}.99" for i in range(N)], "currency"),
    ("kosten", [f"{i},50 €" for i in range(N)], "currency"),
    ("progress", [f"{i % 100}%" for i in range(N)], "percentage"),
    ("payload", [f'{{"a": {i}}}' for i in range(N)], "json"),
    ("when", [f"{1 + i % 28}/{1 + i % 12}/2024" for i in range(N)], "datetime"),
    ("happened", [f"2024-01-{1 + i % 28:02} 10:00:00" if i % 9 else "n/a" for i in range(N)], "datetime"),
    ("tel", [f"+49 30 {100_000 + i}" for i in range(N)], "phone"),
    ("cell", [f"({200 + i}) 555-{1000 + i}" for i in range(N)], "phone"),
    ("zip", [f"{10_000 + i % 90}" for i in range(N)], "postal_code"),
    ("land", [["Germany", "France", "Spain", "Italy"][i % 4] for i in range(N)], "geo"),
    ("country", [["DE", "FR", "ES", "IT"][i % 4] for i in range(N)], "geo"),
    ("weight", [f"{i} kg" for i in range(N)], "numeric"),
    ("volume", [f"{i},{i:03}" for i in range(N)], "numeric"),
    ("serial", [f"{i:09}" for i in range(N)], "id"),
    ("active", [["yes", "no"][i % 2] for i in range(N)], "boolean"),
    ("address", [f"{i} Main Street" for i in range(N)], "text"),
    ("ssn", [f"{100 + i}-{10 + i % 80}-{1000 + i}" for i in range(N)], "id"),
    ("version", [f"1.{i % 9}.{i % 3}" for i in range(N)], "categorical"),
    ("code", [["DE", "FR", "ES", "XX"][i % 4] for i in range(N)], "categorical"),
    ("comment", [f"this is remark number {i}" for i in range(N)], "text"),
]


@pytest.mark.parametrize(("name", "values", "expected"), TEXTS, ids=[case[0] for case in TEXTS])
def test_texts_mean_what_their_form_and_name_say(name: str, values: list[str], expected: str) -> None:
    result, columns = infer(pa.table({name: values}))
    assert columns[name].semantic == expected
    assert columns[name].confidence >= 0.8
    assert result.uncertain == []


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("latitude", [i / 3 for i in range(N)], "geo"),
        ("longitude", [i / 3 for i in range(N)], "geo"),
        ("zip_code", [10_000 + i % 90 for i in range(N)], "postal_code"),
        ("created_at", [1_700_000_000 + 977 * i for i in range(N)], "datetime"),
        ("date", [20_240_101 + i % 28 for i in range(N)], "datetime"),
        ("is_new", [i % 2 for i in range(N)], "boolean"),
        ("ticket_price", [i * 0.5 for i in range(N)], "currency"),
        ("width", [i * 0.5 for i in range(N)], "numeric"),
    ],
)
def test_numbers_mean_what_their_range_and_name_say(name: str, values: list[float], expected: str) -> None:
    _, columns = infer(pa.table({name: values}))
    assert columns[name].semantic == expected


def test_a_few_small_integers_are_uncertain_and_the_threshold_decides_how_much() -> None:
    table = pa.table({"grade": [1 + i % 4 for i in range(N)]})
    result, _ = infer(table)
    assert [item.column for item in result.uncertain] == ["grade"]
    assert [option.semantic for option in result.uncertain[0].alternatives] == ["numeric", "categorical"]
    assert infer(table, confidence_threshold=0.5)[0].uncertain == []


def test_the_schema_is_on_the_wire_under_that_name_with_the_types_of_the_engine() -> None:
    table = pa.table({"a": [1], "b": ["x"], "c": [1.5], "d": [True], 'e"; DROP': [[1]]})
    result, _ = infer(table)
    wire = json.loads(result.model_dump_json())
    assert wire["schema"] == {"a": "int64", "b": "string", "c": "float64", "d": "boolean", 'e"; DROP': "array<int64>"}
    assert "types" not in wire
    assert "schema" in action_of(infer_schema).output_schema["properties"]


@pytest.mark.parametrize("rows", [0, 1])
def test_tables_of_no_or_one_row_have_a_schema(rows: int) -> None:
    result, columns = infer(pa.table({"a": [1], "b": ["x"]}).slice(0, rows))
    assert result.types == {"a": "int64", "b": "string"}
    assert {column.semantic for column in columns.values()} == ({"empty"} if not rows else {"constant"})


def test_a_wide_table_is_inferred_and_its_text_stays_short() -> None:
    result, columns = infer(pa.table({f"c{i}": [i, i + 1, None] for i in range(320)}))
    assert len(columns) == 320
    assert sum(map(len, result.details())) < 3_000
