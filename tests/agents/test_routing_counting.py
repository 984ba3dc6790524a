"""Ordinary questions through the whole router, run on a small table against what pandas says."""

from __future__ import annotations

from typing import Any

import duckdb
import pandas as pd
import pytest
from refinery.agents.routing.counted import settled
from refinery.agents.routing.mentions import mentions
from refinery.agents.routing.reading import names_of, read
from refinery.agents.routing.router import Router
from refinery.agents.routing.tables import Column, Table
from refinery.server.wiring import catalogue
from stores import Embedding

ROWS = pd.DataFrame(
    {
        "order_id": [f"O{i}" for i in range(12)],
        "customer_id": [1, 1, 1, 2, 2, 3, 3, 3, 3, 4, 5, 6],
        "ordered_at": pd.to_datetime(["2026-04-01"] * 5 + ["2026-04-02"] * 7),
        "city": ["Berlin", "Paris", "Berlin", "Rome", "Berlin", "Paris", "Berlin", "Rome", "Paris", "Rome", "Berlin",
                 "Paris"],
        "carrier": ["DHL", "UPS", "DHL", "DHL", "UPS", "DHL", "UPS", "DHL", "UPS", "UPS", "DHL", "UPS"],
        "quantity": [1, 2, 1, 3, 1, 1, 2, 1, 1, 4, 1, 1],
        "amount": [10.0, 600.0, 30.0, 40.0, 550.0, 60.0, 70.0, 80.0, 90.0, 100.0, 110.0, 700.0],
        "weight": ["1.5 kg", "2 kg", "1 kg", "3 kg", "2.5 kg", "1 kg", "1 kg", "2 kg", "2 kg", "1 kg", "1 kg", "3 kg"],
        "returned": [True, False, True, False, False, False, True, False, False, True, False, False],
    }
)  # fmt: skip
TABLE = Table(
    "orders_2026-04.csv",
    (
        Column("order_id", "id"),
        Column("customer_id", "id"),
        Column("ordered_at", "datetime"),
        Column("city", "category", ("Berlin", "Paris", "Rome")),
        Column("carrier", "category", ("DHL", "UPS")),
        Column("quantity", "number"),
        Column("amount", "number"),
        Column("weight", "number", stored_as_text=True),
        Column("returned", "boolean"),
    ),
)
BY_CITY = ROWS.groupby("city")

CASES: list[tuple[str, Any]] = [
    ("how many orders are there?", [(12,)]),
    ("how many orders were returned?", [(4,)]),
    ("how many orders with amount > 500?", [(3,)]),
    ("number of orders from Berlin", [(5,)]),
    ("how many cities are there?", [(3,)]),
    ("count of orders by carrier", {("DHL", 6), ("UPS", 6)}),
    ("how many orders per city?", {("Berlin", 5), ("Paris", 4), ("Rome", 3)}),
    ("how many orders did we get each day?", {("2026-04-01", 5), ("2026-04-02", 7)}),
    ("top two cities by amount", list(BY_CITY["amount"].sum().nlargest(2).items())),
    ("average amount for DHL in Berlin", [(50.0,)]),
    ("average weight", [(pytest.approx(21 / 12),)]),
    ("which customers ordered most?", [(3, 4)]),
    ("which city has the most orders?", [("Berlin", 5)]),
    ("how many different customers do we have?", [(6,)]),
    ("percent of returned orders", [(pytest.approx(100 * 4 / 12),)]),
]


@pytest.fixture(scope="module")
def router() -> Router:
    made = Embedding()
    return Router(made.embed, made.compute)


@pytest.mark.parametrize(("question", "expected"), CASES)
async def test_ordinary_questions_are_answered_with_the_right_numbers(
    router: Router, question: str, expected: Any
) -> None:
    routed = await router.route(question, TABLE, catalogue())
    assert [step.action for step in routed.steps] == ["query_dataset"]
    with duckdb.connect() as engine:
        engine.register("dataset", ROWS)
        found = [
            tuple(str(cell) if hasattr(cell, "isoformat") else cell for cell in row)
            for row in engine.execute(routed.steps[0].arguments["sql"]).fetchall()
        ]
    assert (set(found) if isinstance(expected, set) else found) == expected


BEERS = Table(
    "beers",
    (
        Column("brewery_id", "id"),
        Column("brewery_name", "category", ("Alesmith", "Lost Coast")),
        Column("product_name", "category", ("Old Numbskull",)),
        Column("sku", "category", ("A-1",)),
        Column("city", "category", ("Eureka", "San Diego")),
        Column("rating", "number"),
    ),
)


@pytest.mark.parametrize(
    ("question", "chosen", "expected"),
    [
        ("which brewery has the most beers?", ["brewery_id", "brewery_name"], ["brewery_name"]),
        ("which brewery_id has the most beers?", ["brewery_id", "brewery_name"], ["brewery_id"]),
        ("which product sells best?", ["rating"], ["product_name"]),
        ("beers from Colorado", ["city"], []),
        ("beers from Eureka", ["city"], ["city"]),
        ("which city has the best rating?", ["city", "rating"], ["city", "rating"]),
    ],
)
def test_what_nobody_spoke_of_or_one_word_names_twice_is_left_out(
    question: str, chosen: list[str], expected: list[str]
) -> None:
    reading = read(question, names_of(BEERS))
    columns = settled(reading, BEERS, [BEERS[name] for name in chosen], mentions(reading, BEERS))
    assert [column.name for column in columns] == expected
