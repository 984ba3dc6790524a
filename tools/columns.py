"""What kind of thing a column holds: the profile that checks and explorations share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from .data.dataset import Dataset

Kind = Literal["numeric", "categorical", "datetime", "boolean", "text", "id", "constant", "empty", "other"]


@dataclass(frozen=True)
class ColumnProfile:
    """One column in short: counts are of rows, `distinct` is approximate (HyperLogLog) and leaves nulls out.

    Attributes:
        storage: the engine's type, such as `int64` or `string`.
        kind: what the values are to an analyst.
        numeric_share: for text, the fraction of non-null values that read as numbers, else None.
    """

    name: str
    storage: str
    kind: Kind
    rows: int
    nulls: int
    distinct: int
    minimum: Any = None
    maximum: Any = None
    numeric_share: float | None = None


def profile_columns(dataset: Dataset, columns: Sequence[str] | None = None) -> dict[str, ColumnProfile]:
    """Profile columns in one pass over the data.

    Raises:
        BadRequest: a column does not exist.
    """
    names = dataset.require(columns)
    expressions: dict[str, Any] = {}
    for name in names:
        column, dtype = dataset.table[name], dataset.schema[name]
        expressions[f"nulls {name}"] = column.isnull().sum()
        expressions[f"distinct {name}"] = column.approx_nunique()
        if not (dtype.is_nested() or dtype.is_json()):
            expressions[f"min {name}"], expressions[f"max {name}"] = column.min(), column.max()
        if dtype.is_string():
            expressions[f"length {name}"] = column.length().mean()
            expressions[f"numbers {name}"] = column.try_cast("float64").notnull().sum()
    values = dataset.aggregate(expressions)
    profiles = {}
    for name in names:
        nulls, distinct = int(values[f"nulls {name}"] or 0), int(values[f"distinct {name}"] or 0)
        filled = dataset.rows - nulls
        numbers = values.get(f"numbers {name}")
        profiles[name] = ColumnProfile(
            name=name,
            storage=str(dataset.schema[name]),
            kind=_kind(dataset, name, filled, distinct, values.get(f"length {name}")),
            rows=dataset.rows,
            nulls=nulls,
            distinct=min(distinct, filled),
            minimum=values.get(f"min {name}"),
            maximum=values.get(f"max {name}"),
            numeric_share=None if numbers is None or not filled else numbers / filled,
        )
    return profiles


def _kind(dataset: Dataset, name: str, filled: int, distinct: int, length: float | None) -> Kind:
    dtype = dataset.schema[name]
    if not filled:
        return "empty"
    if distinct <= 1:
        return "constant"
    if dtype.is_boolean():
        return "boolean"
    if dtype.is_temporal():
        return "datetime"
    if dtype.is_numeric():
        return "id" if dtype.is_integer() and distinct >= 0.95 * filled and filled > 50 else "numeric"
    if dtype.is_string():
        if distinct >= 0.95 * filled and filled > 50:
            return "text" if (length or 0) > 40 else "id"
        return "text" if (length or 0) > 60 or distinct > 0.5 * filled else "categorical"
    return "other"
