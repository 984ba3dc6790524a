"""The one free query: a read-only SELECT over the table `dataset`."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from ..catalogue import action
from ..data.dataset import Dataset
from ..results import Model, Result
from ._sql_engines import run_select
from ._sql_guard import check_select

MAX_ROWS = 1000
_SHOWN = 20


class QueryColumn(Model):
    """A column of the answer with the engine's name for its type."""

    name: str
    type: str


class QueryAnswer(Result):
    """The rows of a query, each a list in the order of `columns`."""

    columns: list[QueryColumn] = []
    rows: list[list[Any]] = []
    row_count: int = 0

    def headline(self) -> str:
        if self.truncated:
            return f"the first {self.row_count:,} rows; there are more."
        return f"{self.row_count:,} row{'' if self.row_count == 1 else 's'}."

    def details(self) -> list[str]:
        lines = [" | ".join(column.name for column in self.columns)]
        lines += [" | ".join(_text(cell) for cell in row) for row in self.rows[:_SHOWN]]
        if self.row_count > _SHOWN:
            lines.append(f"… {self.row_count - _SHOWN:,} more rows in the structured result")
        return lines

    def next_steps(self) -> list[str]:
        return ["aggregate, filter or order in SQL rather than reading more rows"] if self.truncated else []


# A query may ask for the time or for chance (now(), random(), TABLESAMPLE): a kept answer would be an old one.
@action("Query with SQL", pure=False)
def query_dataset(
    dataset: Dataset,
    sql: str,
    limit: Annotated[int, Field(ge=1, le=MAX_ROWS)] = 50,
) -> QueryAnswer:
    """Run one read-only SELECT (DuckDB SQL) over the table `dataset` and return the first rows.

    Args:
        sql: e.g. SELECT city, avg(amount) FROM dataset GROUP BY city
        limit: most rows to return

    Raises:
        BadRequest: the query can't be parsed, or does not fit the table.
        NotAllowed: it does more than select from `dataset`.
        LimitExceeded: it is too long, or needs too much memory.
    """
    query = check_select(sql)
    columns, rows = run_select(dataset, query, limit + 1)
    return QueryAnswer(
        dataset=dataset.name,
        scanned=dataset.everything,
        truncated=len(rows) > limit,
        columns=[QueryColumn(name=name, type=kind) for name, kind in columns],
        rows=rows[:limit],
        row_count=min(len(rows), limit),
    )


def _text(cell: Any) -> str:
    text = "null" if cell is None else f"{cell:.6g}" if isinstance(cell, float) else str(cell)
    text = " ".join(text.split())
    return text if len(text) <= 60 else text[:59] + "…"
