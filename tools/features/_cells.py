"""Cells in one form, however a table holds them: plain, nullable, Arrow-backed, categorical or of mixed objects."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from ..data.values import microseconds

if TYPE_CHECKING:
    from collections.abc import Callable

Texts = npt.NDArray[np.object_]
Floats = npt.NDArray[np.float64]

_NAT = np.iinfo(np.int64).min
_MARKS = re.compile(r"[\s%$€£¥]")
_GROUPED = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?")


def texts(series: pd.Series[Any]) -> Texts:
    """Return values as texts, None where there is none; whole numbers are written without a point.

    >>> texts(pd.Series([1.0, None, 2.5])).tolist()
    ['1', None, '2.5']
    """
    dtype = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return _of_each(series.cat.codes.to_numpy(), texts(pd.Series(series.cat.categories)))
    values: Texts = series.to_numpy(dtype=object, na_value=cast("Any", None))
    if isinstance(dtype, pd.StringDtype) or pd.api.types.infer_dtype(values, skipna=True) in {"string", "empty"}:
        return values
    if isinstance(dtype, np.dtype) and dtype.kind == "O":
        # One by one: to a table of hashes 1, 1.0, True and Decimal(1) are the same value.
        return np.array([None if value is None else _text(value) for value in values], dtype=object)
    return by_value(values, _text)


def numbers(series: pd.Series[Any]) -> Floats:
    """Return values as 64-bit floats, NaN where there is none, where it is infinite, and where a text is no number.

    >>> numbers(pd.Series(["1,200.5", "12 %", "many"])).tolist()
    [1200.5, 12.0, nan]
    """
    found = _numbers(series)
    # One zero, so that what is made of it is the same to the last bit.
    return np.where(np.isfinite(found), found, np.nan) + 0.0


def _numbers(series: pd.Series[Any]) -> Floats:
    dtype = series.dtype
    if isinstance(dtype, np.dtype) and dtype.kind in "fiub":
        return series.to_numpy(dtype=np.float64)
    if pd.api.types.is_numeric_dtype(dtype) or pd.api.types.is_bool_dtype(dtype):
        return series.to_numpy(dtype=np.float64, na_value=np.nan)
    values = texts(series)
    if len(values) > 1:
        found = pd.to_numeric(pd.Series(values, dtype=object), errors="coerce").to_numpy(dtype=np.float64, copy=True)
        odd = np.isnan(found) & (values != None)  # noqa: E711 - element by element
        found[odd] = by_value(values[odd], _number).astype(np.float64)
        return found
    return np.array([_number(value) for value in values], dtype=np.float64)


def moments(series: pd.Series[Any], *, day_first: bool = False) -> npt.NDArray[np.datetime64]:
    """Return dates and times as microseconds of UTC, NaT where there is none; those without a zone are taken as UTC."""
    dtype = series.dtype
    if isinstance(dtype, pd.ArrowDtype) and (dtype.kind == "M" or pa.types.is_date(dtype.pyarrow_dtype)):
        return _of_arrow(pa.chunked_array(series.array.__arrow_array__()))
    if isinstance(dtype, pd.DatetimeTZDtype):
        series = series.dt.tz_convert("UTC").dt.tz_localize(None)
    if series.dtype.kind == "M":
        return _of_arrow(pa.array(series.to_numpy()))
    from ._moments import parse_moments

    return parse_moments(texts(series), day_first=day_first)


def _of_arrow(values: pa.Array | pa.ChunkedArray) -> npt.NDArray[np.datetime64]:
    """Return dates or moments as microseconds; NaT where they are infinite, as in DuckDB, or too far away for these."""
    if pa.types.is_timestamp(values.type) and values.type.unit == "ns":
        counts = values.cast(pa.int64()).fill_null(_NAT).to_numpy()
        # NumPy rounds down, as cutting digits of a text does; Arrow rounds to zero.
        return np.where(counts == -_NAT - 1, _NAT, counts).view("datetime64[ns]").astype("datetime64[us]")
    return np.asarray(microseconds(values).fill_null(_NAT).to_numpy(), dtype=np.int64).view("datetime64[us]")


def flags(series: pd.Series[Any], labels: dict[str, float]) -> Floats:
    """Return values as 1 and 0 by their labels, NaN for every other value."""
    if isinstance(series.dtype, np.dtype) and series.dtype.kind == "b" and {"true", "false"} <= labels.keys():
        return np.where(series.to_numpy(), labels["true"], labels["false"])
    return by_value(texts(series), lambda value: labels.get(value.strip().lower(), np.nan)).astype(np.float64)


def by_value(values: Texts, function: Callable[[Any], Any]) -> Texts:
    """Apply a function to each different value once; None stays None."""
    if len(values) == 1:
        return np.array([None if values[0] is None else function(values[0])], dtype=object)
    codes, unique = pd.factorize(values, use_na_sentinel=True)
    made: Texts = np.empty(len(unique) + 1, dtype=object)
    made[:-1] = [function(value) for value in unique]
    return made[codes]


def _of_each(codes: npt.NDArray[Any], made: Texts) -> Texts:
    return np.asarray(np.append(made, [None]).astype(object)[codes], dtype=object)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, float | np.floating):
        number = float(value)
        # Up to here floats hold every whole number, so that ids read as floats are written as ids read as integers.
        return str(int(number)) if number.is_integer() and abs(number) <= 2**53 else repr(number)
    if isinstance(value, Decimal):
        plain = format(value, "f")
        plain = plain.rstrip("0").rstrip(".") if "." in plain else plain
        return "0" if plain == "-0" else plain
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _number(value: str | None) -> float:
    if value is None:
        return np.nan
    plain = _MARKS.sub("", value)
    if _GROUPED.fullmatch(plain):
        plain = plain.replace(",", "")
    try:
        return float(plain)
    except ValueError:
        return np.nan
