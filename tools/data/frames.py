"""Tables in memory, of pandas, polars, Arrow and whatever else speaks Arrow, as Arrow tables."""

from __future__ import annotations

import decimal
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..errors import BadRequest

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


def to_arrow(source: Any) -> tuple[pa.Table, list[str]] | None:
    """Return a table in memory as an Arrow table with notes on what was changed, or None if it is no table."""
    package = type(source).__module__.partition(".")[0]
    if package == "pandas":
        return _from_pandas(source)
    if package == "polars":
        return _from_polars(source), []
    return _from_arrow(source)


def _from_arrow(source: Any) -> tuple[pa.Table, list[str]] | None:
    import pyarrow as pa
    import pyarrow.dataset

    if isinstance(source, pa.Table):
        return source, []
    if isinstance(source, pa.RecordBatch):
        return pa.Table.from_batches([source]), []
    if isinstance(source, pa.RecordBatchReader):
        return source.read_all(), []
    if isinstance(source, pyarrow.dataset.Dataset):
        return source.to_table(), []
    if isinstance(source, pa.Array | pa.ChunkedArray) or not hasattr(source, "__arrow_c_stream__"):
        return None
    return pa.table(source), []


def _from_polars(source: Any) -> pa.Table | None:
    import polars as pl

    if isinstance(source, pl.Series):
        source = source.to_frame()
    if isinstance(source, pl.LazyFrame):
        source = source.collect()
    odd = [name for name, dtype in source.schema.items() if dtype == pl.Object]
    wide = [name for name, dtype in source.schema.items() if dtype in (pl.Int128, getattr(pl, "UInt128", None))]
    if odd:
        texts = [
            pl.Series(name, [None if v is None else str(v) for v in source[name].to_list()], pl.String) for name in odd
        ]
        source = source.with_columns(texts)
    return source.with_columns(pl.col(wide).cast(pl.Decimal(38, 0)) if wide else []).to_arrow()


def _from_pandas(source: Any) -> tuple[pa.Table, list[str]] | None:
    import pandas as pd
    import pyarrow as pa

    if isinstance(source, pd.Series):
        source = source.to_frame()
    if not isinstance(source, pd.DataFrame):
        return None
    frame, notes = _with_index(source)
    arrays, names = [], []
    for position, label in enumerate(frame.columns):
        name = _name(label)
        array, note = _array(frame.iloc[:, position])
        notes += [f"column {name!r}: {note}"] if note else []
        arrays.append(array)
        names.append(name)
    return pa.Table.from_arrays(arrays, names=names), notes


def _with_index(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Bring an index that means something among the columns: one with a name, or of anything but numbers."""
    import pandas as pd

    index = frame.index
    named = any(name is not None for name in index.names)
    if not named and not isinstance(index, pd.MultiIndex) and pd.api.types.is_integer_dtype(index.dtype):
        return frame, []
    levels = [index.get_level_values(level) for level in range(index.nlevels)]
    names = [_name(name) if name is not None else "index" for name in index.names]
    parts = [pd.Series(level, index=index, name=name) for level, name in zip(levels, names, strict=True)]
    columns = frame.set_axis([_name(label) for label in frame.columns], axis=1)
    return pd.concat([*parts, columns], axis=1), [f"the index is kept as column {', '.join(map(repr, names))}"]


def _name(label: Any) -> str:
    """Return a column's label as text; the levels of a multi-index are joined by underscores."""
    if isinstance(label, tuple):
        return "_".join(str(part) for part in label if str(part) != "")
    return str(label)


def _array(column: pd.Series) -> tuple[pa.Array, str | None]:
    import pandas as pd
    import pyarrow as pa

    dtype = column.dtype
    if isinstance(dtype, pd.SparseDtype):
        column = pd.Series(column.array.to_dense())
    if isinstance(dtype, pd.CategoricalDtype):
        column = column.astype(dtype.categories.dtype if dtype.categories.hasnans is False else object)
    if isinstance(dtype, pd.PeriodDtype | pd.IntervalDtype) or column.dtype.kind == "c":
        return _texts(column), f"{str(dtype).partition('[')[0]} values are given as text"
    try:
        return pa.Array.from_pandas(column), None
    except (pa.ArrowTypeError, pa.ArrowInvalid, pa.ArrowNotImplementedError, OverflowError) as error:
        values = [None if _missing(value) else value for value in column]
        if all(
            value is None or isinstance(value, int | float | decimal.Decimal) for value in values
        ) and not isinstance(error, OverflowError):
            return pa.array([None if value is None else float(value) for value in values], pa.float64()), None
        kinds = sorted({type(value).__name__ for value in values if value is not None})
        return _texts(column), f"values of several types ({', '.join(kinds[:4])}) are given as text"


def _texts(column: Iterable[Any]) -> pa.Array:
    import pyarrow as pa

    return pa.array([None if _missing(value) else str(value) for value in column], pa.string())


def _missing(value: Any) -> bool:
    import pandas as pd

    return value is None or (pd.api.types.is_scalar(value) and bool(pd.isna(value)))


def unknown_source(source: Any) -> BadRequest:
    """Build the error for what is no table."""
    kind = f"{type(source).__module__}.{type(source).__qualname__}".removeprefix("builtins.")
    hint = "; pandas.DataFrame(…) makes a table of it" if isinstance(source, dict | list | tuple) else ""
    return BadRequest(
        f"a dataset can't be made of a {kind}: give a path, a pattern of paths, a pandas, polars or Arrow table, "
        f"a DuckDB relation or an Ibis table{hint}"
    )
