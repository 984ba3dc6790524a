"""A `Dataset`: an Ibis table plus what is known of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from ..errors import unknown
from ..results import Scanned
from .values import as_python

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


class Facts(BaseModel):
    """What was known of a dataset when a call had used it; `rows` is None where nobody counted them."""

    name: str
    source: str
    fingerprint: str
    rows: int | None
    columns: dict[str, str]


@dataclass(frozen=True)
class Sample:
    """Some rows of a dataset in memory, and how they were chosen."""

    arrow: pa.Table
    scanned: Scanned

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The same rows as a pandas table with NumPy types: decimals as floats, dates as `datetime64`."""
        import pyarrow as pa

        types = [pa.float64() if pa.types.is_decimal(kind) else kind for kind in self.arrow.schema.types]
        schema = pa.schema(list(zip(self.arrow.column_names, types, strict=True)))
        frame: pd.DataFrame = self.arrow.cast(schema).to_pandas(date_as_object=False)
        return frame


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

    def facts(self) -> Facts:
        """What is worth noting of it for later; nothing is computed for it."""
        return Facts(
            name=self.name,
            source=self.source,
            fingerprint=self.fingerprint,
            rows=vars(self).get("rows"),
            columns={name: str(kind) for name, kind in self.schema.items()},
        )

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

        Returns:
            A plain Python value for each name, in the given order: None for null; a moment that Python
            can't hold (`infinity`, years past 9999) as text.
        """
        names = list(expressions)
        values: dict[str, Any] = {}
        for start in range(0, len(names), AGGREGATES_AT_ONCE):
            batch = names[start : start + AGGREGATES_AT_ONCE]
            keyed = {f"a{index}": expressions[name] for index, name in enumerate(batch)}
            row = self.table.aggregate(**keyed).to_pyarrow()
            values.update({name: as_python(row.column(f"a{index}")[0]) for index, name in enumerate(batch)})
        return values

    def sample(self, rows: int, columns: Sequence[str] | None = None, *, seed: int = 0) -> Sample:
        """Bring `rows` random rows into memory in the order of the table, or all of them when there are no more.

        On DuckDB they are exactly as many, and for a seed the same ones whatever columns are asked for and
        however many threads run. Other engines draw each row for itself, so that there may be a fifth more or
        fewer, but some if the table has any.

        Raises:
            BadRequest: a column does not exist.
        """
        names = self.require(columns)
        if self.rows <= rows:
            return Sample(_fetched(self.table, names), self.everything)
        if self.table.get_backend().name == "duckdb":
            arrow = self._drawn(rows, names, seed)
        else:
            arrow = _fetched(self._thinned(min(1.0, rows / self.rows), seed), names)
            arrow = arrow.slice(0, rows + rows // 5) if arrow.num_rows else _fetched(self.table.limit(rows), names)
        return Sample(arrow, Scanned(rows=arrow.num_rows, of=self.rows, method=f"random sample, seed {seed}"))

    def _thinned(self, fraction: float, seed: int) -> ir.Table:
        """Draw each row for itself; only a table proper, no view or query, can be told to on every engine."""
        import ibis
        import ibis.expr.operations as ops

        if isinstance(self.table.op(), ops.DatabaseTable):
            return self.table.sample(fraction, method="row", seed=seed)
        backend = self.table.get_backend()
        if backend.name == "postgres":
            backend.con.execute("SELECT setseed(%s)", (seed % 1000 / 1000,))
        return self.table.filter(ibis.random() < fraction)

    def _drawn(self, rows: int, names: Sequence[str], seed: int) -> pa.Table:
        import ibis
        import numpy as np
        import pyarrow as pa

        from .views import numbered_rows

        number = next(name for name in ("row", "row_number", "_row_number_") if name not in self.columns)
        drawn = np.sort(np.random.default_rng(seed).choice(self.rows, size=rows, replace=False))
        keys = ibis.memtable(pa.table({number: drawn}))
        chosen = numbered_rows(self.table, number).semi_join(keys, number)
        return _fetched(chosen, [*names, number]).sort_by(number).drop_columns(number)

    @property
    def everything(self) -> Scanned:
        """The `scanned` of an action that looked at every row."""
        return Scanned(rows=self.rows, of=self.rows)

    def query(self, expression: ir.Expr) -> str:
        """Return the SQL of an expression over this table, for evidence: one line of DuckDB's dialect.

        The table is called `dataset` in it, whatever the engine knows it by, so that `query_dataset` can run it.
        """
        from .evidence import readable_sql

        return readable_sql(expression, self.table)


def _fetched(table: ir.Table, names: Sequence[str]) -> pa.Table:
    """Bring columns into memory; none of them too, which engines have no words for."""
    import pyarrow as pa

    if not names:
        return pa.table({"_": pa.nulls(int(table.count().to_pyarrow().as_py()))}).select([])
    return table.select(*names).to_pyarrow()
