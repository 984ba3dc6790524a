"""A `Dataset`: an Ibis table plus what is known of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..errors import unknown
from ..results import Scanned

if TYPE_CHECKING:
    import ibis.expr.datatypes as dt
    import ibis.expr.types as ir
    import pandas as pd
    import pyarrow as pa

# One aggregate over 1,200 columns takes DuckDB 33 times as long as one over 120, so wide ones are cut.
AGGREGATES_AT_ONCE = 600


@dataclass(frozen=True)
class Reading:
    """How a file was read: what was found out, and what could not be read."""

    encoding: str | None = None
    delimiter: str | None = None
    unreadable_rows: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sample:
    """Some rows of a dataset in memory, and how they were chosen."""

    arrow: pa.Table
    scanned: Scanned

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The same rows as a pandas table with NumPy types."""
        return self.arrow.to_pandas()


@dataclass(frozen=True, eq=False)
class Dataset:
    """A table that actions work on.

    Attributes:
        name: what the caller called it.
        table: the rows, as an Ibis expression bound to an engine.
        source: path, URI or a description of where the rows come from.
        format: `csv`, `parquet`, `json`, `excel`, `arrow`, `table` …
        fingerprint: changes whenever the content may have changed; empty when it can't be known.
        reading: how the file was read.
        memo: what one call has computed already and others may share, by a key of their own.
    """

    name: str
    table: ir.Table
    source: str = ""
    format: str = ""
    fingerprint: str = ""
    reading: Reading = field(default_factory=Reading)
    memo: dict[Any, Any] = field(default_factory=dict, repr=False)

    @cached_property
    def rows(self) -> int:
        """The exact number of rows."""
        return int(self.table.count().to_pyarrow().as_py())

    @property
    def columns(self) -> list[str]:
        """The names of the columns, in order."""
        return list(self.table.columns)

    @cached_property
    def schema(self) -> dict[str, dt.DataType]:
        """The Ibis type of every column."""
        return dict(self.table.schema().items())

    def require(self, columns: Iterable[str] | None) -> list[str]:
        """Return `columns`, or all columns when None.

        Raises:
            BadRequest: one of them does not exist; the message names the nearest that does.
        """
        if columns is None:
            return self.columns
        wanted = list(columns)
        for name in wanted:
            if name not in self.table.columns:
                raise unknown("column", name, self.columns, where=f" in {self.name!r}")
        return wanted

    def aggregate(self, expressions: Mapping[str, ir.Scalar]) -> dict[str, Any]:
        """Compute named scalar expressions over the table in as few passes as can be.

        Names are the caller's; the engine sees short ones, so any text will do.
        """
        names = list(expressions)
        values: dict[str, Any] = {}
        for start in range(0, len(names), AGGREGATES_AT_ONCE):
            batch = names[start : start + AGGREGATES_AT_ONCE]
            keyed = {f"a{index}": expressions[name] for index, name in enumerate(batch)}
            row = self.table.aggregate(**keyed).to_pyarrow().to_pylist()[0]
            values.update({name: row[f"a{index}"] for index, name in enumerate(batch)})
        return values

    def sample(self, rows: int, columns: Sequence[str] | None = None, *, seed: int = 0) -> Sample:
        """Bring at most about `rows` rows into memory: all of them when they fit, else a seeded Bernoulli sample."""
        table = self.table if columns is None else self.table.select(*self.require(columns))
        if self.rows <= rows:
            arrow = table.to_pyarrow()
            return Sample(arrow, Scanned(rows=arrow.num_rows, of=self.rows))
        arrow = table.sample(rows / self.rows, method="row", seed=seed).to_pyarrow()
        return Sample(arrow, Scanned(rows=arrow.num_rows, of=self.rows, method=f"random sample, seed {seed}"))

    @property
    def everything(self) -> Scanned:
        """The `scanned` of an action that looked at every row."""
        return Scanned(rows=self.rows, of=self.rows)

    def query(self, expression: ir.Expr) -> str:
        """Return the SQL of an expression, for evidence, with the table called `dataset`."""
        import ibis

        return str(ibis.to_sql(expression, dialect="duckdb"))
