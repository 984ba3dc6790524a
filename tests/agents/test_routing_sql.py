"""The statements that questions become, run on a small table against what pandas says."""

from __future__ import annotations

from typing import Any

import duckdb
import pandas as pd
import pytest
from refinery.agents.routing.asked import Asked
from refinery.agents.routing.mentions import mentions
from refinery.agents.routing.reading import names_of, read
from refinery.agents.routing.sql import query
from refinery.agents.routing.tables import Column, Table

ROWS = pd.DataFrame(
    {
        "boat_id": [1, 2, 3, 4, 5, 6],
        "harbour": ["Kiel", "Kiel", "O'Grady", "Sète", "Sète", "Kiel"],
        "hull": ["steel", "wood", "wood", "steel", "steel", "wood"],
        "berth_fee": [120.0, 80.0, 40.0, 200.0, 60.0, None],
        "crew_size": [4, 2, 1, 9, 3, 2],
        "moored_at": pd.to_datetime(
            ["2023-04-02", "2023-05-10", "2023-05-20", "2024-01-03", "2024-01-09", "2024-02-01"]
        ),
        "left_at": pd.to_datetime(["2023-04-05", "2023-05-11", "2023-05-30", None, "2024-01-10", "2024-02-03"]),
        "insured": [True, False, True, True, False, False],
    }
)
TABLE = Table(
    "boats",
    (
        Column("boat_id", "id"),
        Column("harbour", "category", ("Kiel", "O'Grady", "Sète")),
        Column("hull", "category", ("steel", "wood")),
        Column("berth_fee", "number"),
        Column("crew_size", "number"),
        Column("moored_at", "datetime"),
        Column("left_at", "datetime"),
        Column("insured", "boolean"),
    ),
)


def answer(question: str, *columns: str) -> tuple[list[tuple[Any, ...]], str]:
    reading = read(question, names_of(TABLE))
    asked = Asked(
        reading, TABLE, "query_dataset", tuple(TABLE[name] for name in columns), tuple(mentions(reading, TABLE))
    )
    sql = str(query(asked)["sql"])
    with duckdb.connect() as engine:
        engine.register("dataset", ROWS)
        return engine.execute(sql).fetchall(), sql


BY_HARBOUR = ROWS.groupby("harbour")

CASES: list[tuple[str, tuple[str, ...], Any]] = [
    ("how many boats per harbour?", ("harbour",), BY_HARBOUR.size().sort_values(ascending=False).items()),
    (
        "average berth fee by harbour, top two",
        ("harbour", "berth_fee"),
        BY_HARBOUR.berth_fee.mean().nlargest(2).items(),
    ),
    ("median berth fee", ("berth_fee",), [(ROWS.berth_fee.median(),)]),
    (
        "sum of the berth fees of boats in Kiel",
        ("harbour", "berth_fee"),
        [(ROWS[ROWS.harbour == "Kiel"].berth_fee.sum(),)],
    ),
    ("what share of the boats is insured?", ("insured",), [(ROWS.insured.mean() * 100,)]),
    ("how many are not insured", ("insured",), [((~ROWS.insured).sum(),)]),
    ("how many different harbours are there", ("harbour",), [(ROWS.harbour.nunique(),)]),
    ("how many boats have a crew size of more than 2?", ("crew_size",), [((ROWS.crew_size > 2).sum(),)]),
    ("count boats with a crew size between 2 and 4", ("crew_size",), [(ROWS.crew_size.between(2, 4).sum(),)]),
    ("how many boats have a crew size of at least nine", ("crew_size",), [((ROWS.crew_size >= 9).sum(),)]),
    ("how many boats moored in January 2024", ("moored_at",), [(2,)]),
    ("how many boats moored before 2024", ("moored_at",), [(3,)]),
    ("how many boats moored since 2024-01-09?", ("moored_at",), [(2,)]),
    ("which harbour has the most boats?", ("harbour",), [("Kiel", 3)]),
    ("highest berth fee", ("berth_fee",), [(200.0,)]),
    ("how many boats have no berth fee", ("berth_fee",), [(1,)]),
    ("number of boats that are not in Kiel", ("harbour",), [(3,)]),
    ("wie viele Boote in Kiel?", ("harbour",), [(3,)]),
    ("how many boats from O'Grady", ("harbour",), [(1,)]),
    (
        "when was the first and when the last boat moored?",
        ("moored_at",),
        [(ROWS.moored_at.min(), ROWS.moored_at.max())],
    ),
    ("berth fee per crew size head, in sum for each harbour", ("berth_fee", "crew_size", "harbour"), None),
]


@pytest.mark.parametrize(("question", "columns", "expected"), CASES, ids=[case[0] for case in CASES])
def test_a_question_gets_the_answer_that_pandas_gives(question: str, columns: tuple[str, ...], expected: Any) -> None:
    rows, sql = answer(question, *columns)
    if expected is None:
        assert rows, sql
        return
    wanted = [tuple(row) for row in expected]
    assert len(rows) == len(wanted), sql
    for row, other in zip(sorted(rows, key=str), sorted(wanted, key=str), strict=True):
        for left, right in zip(row, other, strict=True):
            if isinstance(right, str | pd.Timestamp):
                assert left == right, sql
            else:
                assert left == pytest.approx(float(right)), sql


def test_rows_are_listed_with_all_that_is_known_of_them() -> None:
    rows, sql = answer("list the boats with a berth fee over 100", "berth_fee")
    assert {row[0] for row in rows} == {1, 4}, sql
    assert len(rows[0]) == len(ROWS.columns)


def test_the_three_largest_are_rows_in_order() -> None:
    rows, sql = answer("the three highest berth fees", "berth_fee")
    assert [row[0] for row in rows] == [4, 1, 2], sql


def test_months_are_in_their_order() -> None:
    rows, sql = answer("boats per month", "moored_at")
    assert [row[1] for row in rows] == [1, 2, 2, 1], sql


def test_two_dates_and_a_duration_are_the_days_between_them() -> None:
    rows, sql = answer("how long do boats stay on average?", "moored_at", "left_at")
    stays = (ROWS.left_at - ROWS.moored_at).dt.days
    assert rows[0][0] == pytest.approx(stays.mean()), sql


def test_every_case_uses_the_columns_it_was_given() -> None:
    for question, columns, _ in CASES:
        _, sql = answer(question, *columns)
        assert all(f'"{name}"' in sql for name in columns), (question, sql)


HOSTILE = [
    'x"; DROP TABLE dataset; --',
    "'; DELETE FROM dataset; --",
    "Robert'); DROP TABLE students;--",
    'a"b',
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_and_values_stay_names_and_values(name: str) -> None:
    table = Table("t", (Column(name, "category", (name, "plain")), Column("n", "number")))
    question = f"how many rows per {name} where it is {name}?"
    reading = read(question, names_of(table))
    asked = Asked(reading, table, "query_dataset", table.columns, tuple(mentions(reading, table)))
    sql = str(query(asked)["sql"])
    with duckdb.connect() as engine:
        engine.register("dataset", pd.DataFrame({name: [name, "plain"], "n": [1, 2]}))
        assert len(duckdb.extract_statements(sql)) == 1
        engine.execute(sql).fetchall()
        assert engine.execute("SELECT count(*) FROM dataset").fetchall() == [(2,)]
