"""Arrow values as Python has them, and moments as numbers, however far away in time they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa

__all__ = ["as_python", "microseconds", "moment", "seconds"]

_INT64, _INT32 = 2**63 - 1, 2**31 - 1
_MICROSECONDS = {"s": 1_000_000, "ms": 1_000, "us": 1}


def as_python(values: pa.Table | pa.ChunkedArray | pa.Array | pa.Scalar) -> Any:
    """Return a scalar as a value, an array as a list and a table as a list of rows.

    A moment before year 1 or past year 9999 becomes ISO text such as `20000-01-01T00:00:00` or `-0043-03-15`, an
    infinite one `infinity` or `-infinity`; all other values are what Arrow itself makes of them.
    """
    import pyarrow as pa

    try:
        return values.as_py() if isinstance(values, pa.Scalar) else values.to_pylist()
    except (OverflowError, ValueError):
        # The value that Python can't hold is one among many, so it is looked for.
        pass
    if isinstance(values, pa.Table):
        columns = [as_python(column) for column in values.columns]
        return [dict(zip(values.column_names, row, strict=True)) for row in zip(*columns, strict=True)]
    return _scalar(values) if isinstance(values, pa.Scalar) else [as_python(value) for value in values]


def _scalar(value: pa.Scalar) -> Any:
    import pyarrow as pa

    if isinstance(value, pa.StructScalar):
        return {name: as_python(part) for name, part in value.items()}
    if isinstance(value, pa.MapScalar):
        return [tuple(as_python(part) for part in entry.values()) for entry in value.values]
    if isinstance(value, pa.ListScalar | pa.LargeListScalar | pa.FixedSizeListScalar):
        return [as_python(part) for part in value.values]
    if isinstance(value, pa.DictionaryScalar | pa.ExtensionScalar):
        return as_python(value.value)
    if isinstance(value, pa.Date32Scalar):
        return _iso(value.value, "D", _INT32)
    if isinstance(value, pa.Date64Scalar):
        return _iso(value.value // 86_400_000, "D", _INT64)
    if isinstance(value, pa.TimestampScalar):
        text = _iso(value.value, value.type.unit, _INT64)
        return f"{text}+00:00" if value.type.tz and not text.endswith("infinity") else text
    if isinstance(value, pa.DurationScalar):
        return f"{value.value} {value.type.unit}"
    return str(value)


def _iso(count: int, unit: Any, greatest: int) -> str:
    """Write units since 1970; engines keep infinity as the greatest number there is."""
    import numpy as np

    if abs(count) >= greatest:
        return "infinity" if count > 0 else "-infinity"
    whole, _, fraction = str(np.datetime64(count, unit)).partition(".")
    year, month, rest = whole.rsplit("-", 2)
    # NumPy writes `-043`.
    early = f"-{int(year[1:]):04d}" if year.startswith("-") else year
    return f"{early}-{month}-{rest}" + (f".{fraction}" if fraction.strip("0") else "")


def microseconds(values: Any) -> Any:
    """Return dates or timestamps as microseconds since 1970; null where infinite or too far away to be counted so."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = values.type
    if pa.types.is_date32(kind):
        counts, factor = values.cast(pa.int32()).cast(pa.int64()), 86_400_000_000
    else:
        counts, factor = values.cast(pa.int64()), 1_000 if pa.types.is_date64(kind) else _MICROSECONDS.get(kind.unit, 0)
    limit = (_INT64 - 1) // max(1, factor)
    inside = pc.and_(pc.greater_equal(counts, -limit), pc.less_equal(counts, limit))
    counts = pc.if_else(inside, counts, pa.scalar(None, pa.int64()))
    return pc.multiply(counts, factor) if factor else pc.divide(counts, 1_000)


def moment(count: float, *, zone: bool = False) -> Any:
    """Return microseconds since 1970 as a `datetime`, or as text where Python has none."""
    import pyarrow as pa

    inside = max(1 - _INT64, min(_INT64 - 1, round(count)))
    return as_python(pa.scalar(inside, pa.timestamp("us", "UTC" if zone else None)))


def seconds(column: ir.Column) -> ir.IntegerColumn:
    """Return a column of dates or timestamps as seconds since 1970; null where infinite."""
    values: Any = column
    if values.type().is_date() and values.get_backend().name == "duckdb":
        # A date may lie further away than any timestamp, and DuckDB casts before it counts.
        values = values.try_cast("timestamp")
    found: ir.IntegerColumn = values.cast("timestamp").epoch_seconds()
    return found
