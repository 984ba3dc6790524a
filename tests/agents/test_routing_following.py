"""Questions that lean on the one before."""

from __future__ import annotations

import pytest
from refinery.agents.routing.following import completed
from refinery.agents.routing.tables import Column, Table

TABLE = Table(
    "orders",
    (
        Column("order_id", "id"),
        Column("city", "category", ("Berlin", "Munich", "Sao Paulo")),
        Column("carrier", "category", ("DHL", "UPS")),
        Column("price", "number"),
        Column("weight", "number"),
        Column("ordered_at", "datetime"),
    ),
)


@pytest.mark.parametrize(
    ("before", "question", "expected"),
    [
        ("average price in Berlin", "and in Munich?", "average price in Munich"),
        ("average price in Berlin?", "What about Sao Paulo?", "average price in Sao Paulo?"),
        ("how many orders in May 2024", "and in June 2024?", "how many orders in June 2024"),
        ("how many orders last month?", "how about this month?", "how many orders this month?"),
        ("average price per city, top five", "and by carrier?", "average price by carrier, top five"),
        ("average price per city", "and the weight?", "average weight per city"),
        ("average price in Berlin", "and for DHL?", "average price in Berlin for DHL"),
        ("average price", "and per city?", "average price per city"),
        ("average price", "now only Berlin", "average price for Berlin"),
        ("orders in 2023", "and before 2024?", "orders before 2024"),
        ("orders in May 2024", "and since June 2024?", "orders since June 2024"),
        ("how many orders shipped by DHL per city", "and per carrier?", "how many orders shipped by DHL per carrier"),
        ("average price per month", "and per year?", "average price per year"),
        ("average price per month", "and by city?", "average price by city"),
    ],
)
def test_what_is_left_out_comes_from_the_question_before(before: str, question: str, expected: str) -> None:
    assert completed(question, before, TABLE) == expected


BEFORE = "average price in Berlin"


@pytest.mark.parametrize(
    ("before", "question"),
    [
        ("", "and in Munich?"),
        (BEFORE, ""),
        (BEFORE, "and?"),
        (BEFORE, "are there duplicate order ids?"),
        (BEFORE, "and then show me all the orders that weigh more than the others"),
        (BEFORE, "now plot the weight"),
        (BEFORE, "and how many orders are there?"),
        (BEFORE, "what about outliers?"),
        (BEFORE, "and missing values?"),
        (BEFORE, "now the duplicates"),
        (BEFORE, "now train a model"),
        (BEFORE, "now delete the rows"),
        (BEFORE, "now normalize the price"),
        (BEFORE, "how about a histogram of the price?"),
        (BEFORE, "and average weight per city"),
        (BEFORE, "Only Berlin orders per month"),
        (BEFORE, "and not in Berlin?"),
        (BEFORE, "but without Berlin"),
        (BEFORE, "only missing prices"),
        (BEFORE, "but in Munich and Berlin"),
        ("average price in Berlin in 2023", "and in Munich in 2024?"),
        ("orders in Berlin and Munich", "and in Sao Paulo?"),
        ("orders between May 2024 and June 2024", "and in July 2024?"),
    ],
)
def test_a_question_that_stands_for_itself_stays_as_it_is(before: str, question: str) -> None:
    assert completed(question, before, TABLE) == question


def test_questions_can_lean_on_one_another() -> None:
    second = completed("and in Munich?", "average price in Berlin", TABLE)
    assert completed("and the weight?", second, TABLE) == "average weight in Munich"
