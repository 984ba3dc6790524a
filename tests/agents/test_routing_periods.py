"""Periods that are told from today."""

from __future__ import annotations

from datetime import date

import duckdb
import pandas as pd
import pytest
from refinery.agents.routing.asked import Asked
from refinery.agents.routing.mentions import mentions
from refinery.agents.routing.quantities import periods
from refinery.agents.routing.reading import names_of, read
from refinery.agents.routing.sql import query
from refinery.agents.routing.tables import Column, Table

# A Tuesday, the last of a month that is longer than the one before.
TODAY = date(2026, 3, 31)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("orders of today", ("2026-03-31", "2026-04-01")),
        ("yesterday's orders", ("2026-03-30", "2026-03-31")),
        ("revenue this week", ("2026-03-30", "2026-04-06")),
        ("revenue last week", ("2026-03-23", "2026-03-30")),
        ("revenue this month", ("2026-03-01", "2026-04-01")),
        ("revenue last month", ("2026-02-01", "2026-03-01")),
        ("revenue this quarter", ("2026-01-01", "2026-04-01")),
        ("revenue in the previous quarter", ("2025-10-01", "2026-01-01")),
        ("revenue last year", ("2025-01-01", "2026-01-01")),
        ("in the last 7 days", ("2026-03-25", "2026-04-01")),
        ("in the past month", ("2026-03-01", "2026-04-01")),
        ("over the last three months", ("2026-01-01", "2026-04-01")),
        ("in the last 1000 days", ("2023-07-06", "2026-04-01")),
        ("revenue month last", ("2026-02-01", "2026-03-01")),  # as it is put in English from French
        ("in latest 7 day", ("2026-03-25", "2026-04-01")),  # and from German
        ("total revenue last year of each city", ("2025-01-01", "2026-01-01")),
        ("last quarter of 2024", ("2024-10-01", "2025-01-01")),
    ],
)
def test_a_period_is_counted_from_today(text: str, expected: tuple[str, str]) -> None:
    assert [(one.since, one.until) for one in periods(text, TODAY)] == [expected]


@pytest.mark.parametrize(
    "text",
    [
        "the last month of the lease",
        "compare with last month's file",
        "compare with last month\u2019s file",
        "compare with last month file",
        "the last 5 orders",
        "the last 5 year olds",
        "the last zero days",
        "the last week of the term",
    ],
)
def test_what_is_last_of_something_else_is_no_period(text: str) -> None:
    assert periods(text, TODAY) == []


@pytest.mark.parametrize("text", ["the last 999 years", "the last million weeks", "the past 999 quarters"])
def test_a_period_before_the_calendar_ends_somewhere(text: str) -> None:
    assert len(periods(text, TODAY)) == 1


def test_a_question_about_last_month_counts_its_rows() -> None:
    now = pd.Timestamp.today().normalize()
    month = pd.Period(now, "M") - 1
    days = [month.start_time, month.end_time, month.start_time - pd.Timedelta("1s"), (month + 1).start_time, now]
    table = Table("orders", (Column("order_id", "id"), Column("ordered_at", "datetime")))
    reading = read("how many orders last month?", names_of(table))
    asked = Asked(reading, table, "query_dataset", (table["ordered_at"],), tuple(mentions(reading, table)))
    with duckdb.connect() as engine:
        engine.register("dataset", pd.DataFrame({"order_id": range(5), "ordered_at": days}))
        assert engine.execute(str(query(asked)["sql"])).fetchall() == [(2,)]


def rows(question: str, columns: tuple[str, ...], days: list[pd.Timestamp]) -> list[tuple[object, ...]]:
    """Ask about orders of these days, each worth 1."""
    table = Table(
        "orders", (Column("order_id", "id"), Column("ordered_at", "datetime"), Column("sales_last_month", "number"))
    )
    reading = read(question, names_of(table))
    asked = Asked(
        reading, table, "query_dataset", tuple(table[name] for name in columns), tuple(mentions(reading, table))
    )
    with duckdb.connect() as engine:
        frame = pd.DataFrame({"order_id": range(len(days)), "ordered_at": days, "sales_last_month": 1.0})
        engine.register("dataset", frame)
        return engine.execute(str(query(asked)["sql"])).fetchall()


NOW = pd.Timestamp.today().normalize()
THIS, LAST = pd.Period(NOW, "M"), pd.Period(NOW, "M") - 1


def test_two_months_that_are_compared_are_two_figures() -> None:
    days = [THIS.start_time, LAST.start_time, LAST.end_time, (LAST - 1).start_time]
    found = rows("how many orders this month vs last month?", ("ordered_at",), days)
    assert sorted(found, key=str) == [("last month", 2), ("this month", 1)]


def test_rows_of_either_of_two_months_are_counted() -> None:
    days = [pd.Timestamp(day) for day in ("2024-05-01", "2024-06-30", "2024-07-01", "2024-04-30")]
    assert rows("how many orders in May 2024 and June 2024?", ("ordered_at",), days) == [(2,)]


def test_up_to_today_is_all_until_now() -> None:
    days = [NOW - pd.Timedelta("400D"), NOW, NOW + pd.Timedelta("1D")]
    assert rows("how many orders up to today", ("ordered_at",), days) == [(2,)]


def test_the_last_days_are_no_limit_of_rows() -> None:
    assert len(rows("list the orders of the last 3 days", ("ordered_at",), [NOW] * 5)) == 5


def test_a_column_that_is_called_like_a_period_sets_none() -> None:
    assert rows("total sales last month", ("sales_last_month", "ordered_at"), [NOW, LAST.start_time])[0][0] == 2
