"""Columns as numbers or codes in memory, from a seeded sample: what associations are measured on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from ..columns import ColumnProfile, profile_columns
from ..data.dataset import Dataset
from ..data.values import as_python, microseconds
from ..results import Scanned
from ._association_measures import binned

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Codes = NDArray[np.int64]

_ROWS, _CELLS = 20_000, 8_000_000
MOST_COLUMNS, MOST_NUMBERS = 60, 1_000
_READABLE = 0.8
# Beyond these many, the rare levels of a category count as one.
_LEVELS = 50
# Columns with more levels than this share of the rows tell rows apart rather than group them.
_GROUPING = 0.5


@dataclass(frozen=True, eq=False)
class Encoded:
    """A column in memory.

    Attributes:
        numbers: finite values, nan where missing; for numbers and moments.
        codes: levels as integers, -1 where missing; rare levels are one.
        keys: levels as integers without any made one, for dependencies; None where hardly any value repeats.
        values: what each key stands for.
        whole: numbers are stored as integers.
        bins: numbers in equal parts, -1 where missing.
    """

    name: str
    kind: Literal["number", "category"]
    numbers: Array | None = None
    codes: Codes | None = None
    keys: Codes | None = None
    values: Sequence[Any] = ()
    whole: bool = False
    bins: Codes | None = None


@dataclass(frozen=True)
class Encoding:
    """The columns that can be related, how rows were chosen, and what was left out."""

    columns: list[Encoded]
    scanned: Scanned
    left_out: dict[str, str]
    notes: list[str]

    @property
    def truncated(self) -> bool:
        return bool(self.notes)


def encode(dataset: Dataset, target: str | None) -> Encoding:
    """Read the columns that can be related to others; in wide tables as many as can be compared with each other."""
    profiles = profile_columns(dataset)
    left_out: dict[str, str] = {
        name: p.kind for name, p in profiles.items() if not _usable(dataset, p) and name != target
    }
    names = [name for name in dataset.columns if name not in left_out]
    numeric = {name for name in names if _numeric(dataset, profiles[name])}
    names, notes = (names, []) if target is not None else _narrowed(names, numeric, profiles)
    rows = max(2_000, min(_ROWS, _CELLS // max(1, len(names))))
    sample = dataset.sample(rows, names or None)
    columns = [
        _encoded(name, sample.arrow.column(index).combine_chunks(), number=name in numeric)
        for index, name in enumerate(names)
    ]
    return Encoding(columns, sample.scanned, left_out, notes)


def _usable(dataset: Dataset, profile: ColumnProfile) -> bool:
    if profile.kind in {"numeric", "categorical", "datetime", "boolean"}:
        return True
    grouping = 2 <= profile.distinct <= _GROUPING * max(1, profile.rows - profile.nulls)
    return profile.kind in {"text", "id"} and (grouping or _numeric(dataset, profile))


def _numeric(dataset: Dataset, profile: ColumnProfile) -> bool:
    dtype = dataset.schema[profile.name]
    if profile.kind in {"numeric", "datetime"}:
        return bool(dtype.is_numeric() or dtype.is_timestamp() or dtype.is_date())
    measured = dtype.is_string() and (profile.numeric_share or 0) >= _READABLE
    return measured and profile.kind == "text"


def _narrowed(names: list[str], numeric: set[str], profiles: dict[str, ColumnProfile]) -> tuple[list[str], list[str]]:
    """Keep as many columns as can be compared, those with the fewest missing values and levels first."""
    numbers = sorted((n for n in names if n in numeric), key=lambda n: profiles[n].nulls)
    groups = sorted((n for n in names if n not in numeric), key=lambda n: (profiles[n].nulls, profiles[n].distinct))
    kept = {*numbers[:MOST_NUMBERS], *groups[:MOST_COLUMNS]}
    fewest = "compared, those with the fewest missing values"
    notes = []
    if len(numbers) > MOST_NUMBERS:
        notes.append(f"{MOST_NUMBERS:,} of {len(numbers):,} numeric columns {fewest}")
    if len(groups) > MOST_COLUMNS:
        notes.append(f"{MOST_COLUMNS} of {len(groups):,} categorical columns {fewest} and levels")
    if len(numbers) > MOST_COLUMNS and groups:
        notes.append(f"with categories {MOST_COLUMNS} of {len(numbers):,} numeric columns {fewest}")
    return [name for name in names if name in kept], notes


def _encoded(name: str, array: pa.Array, *, number: bool) -> Encoded:
    import numpy as np
    import pyarrow as pa

    keys, values = _factorised(array)
    repeated = keys if 2 <= len(values) <= _GROUPING * max(1, int((keys >= 0).sum())) else None
    if number:
        numbers = _numbers(array)
        whole = pa.types.is_integer(array.type)
        return Encoded(name, "number", numbers=numbers, keys=repeated, values=values, whole=whole, bins=binned(numbers))
    counts = np.bincount(keys[keys >= 0], minlength=len(values)) if len(values) else np.zeros(0, dtype=int)
    codes = keys
    if len(values) > _LEVELS:
        kept = np.argsort(-counts, kind="stable")[:_LEVELS]
        renamed = np.full(len(values), _LEVELS, dtype=np.int64)
        renamed[kept] = np.arange(len(kept))
        codes = np.where(keys >= 0, renamed[keys], -1)
    return Encoded(name, "category", codes=codes, keys=repeated, values=values)


def _factorised(array: pa.Array) -> tuple[Codes, list[Any]]:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    encoded = pc.dictionary_encode(array)
    codes = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    return codes, as_python(encoded.dictionary)


def _numbers(array: pa.Array) -> Array:
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_temporal(array.type):
        array = microseconds(array)
    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        values = pd.to_numeric(pd.Series(array.to_pylist(), dtype=object), errors="coerce").to_numpy(dtype=float)
    else:
        values = pc.cast(array, pa.float64(), safe=False).to_numpy(zero_copy_only=False).astype(float)
    values = np.where(np.isfinite(values), values, np.nan)
    # Associations do not depend on the unit, but the squares of very large numbers would overflow.
    largest = float(np.max(np.abs(values), initial=0.0, where=np.isfinite(values)))
    return values / largest if largest > 1e100 else values
