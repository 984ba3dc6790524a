"""Which rows lack which values, as masks: grouped into patterns, correlated, and held against the other columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from ..columns import glance_at_columns
from ..data.dataset import Dataset
from ..data.values import as_python, microseconds, moment
from ..placeholders import stands_for_missing

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

# Columns beyond these, those with the least missing first, are counted but not held against each other.
MOST_COLUMNS = 240
MOST_PATTERNS = 20_000
MOST_PREDICTORS = 100
SAMPLE_ROWS = 20_000
# Bits of a signed 64-bit integer that can be used without a sign.
_BITS = 62
_BINS = 10
_LEVELS = 30
# Fewer missing (or present) rows than this show nothing.
ENOUGH = 20
_FORMS = 2_000


@dataclass(frozen=True)
class Missing:
    """How many values of a column are null, and how many stand for missing."""

    column: str
    nulls: int
    disguised: int
    words: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """Rows without a value."""
        return self.nulls + self.disguised


def find_missing(dataset: Dataset) -> dict[str, Missing]:
    """Count what is missing in each column in one pass; placeholders are those met in the profile's sample."""
    words = {name: _placeholders(dataset, name) for name in dataset.columns if dataset.schema[name].is_string()}
    expressions: dict[Any, Any] = {}
    for name in dataset.columns:
        column: Any = dataset.table[name]
        expressions["nulls", name] = column.isnull().sum()
        if words.get(name):
            expressions["disguised", name] = column.isin(words[name]).sum()
    counts: dict[Any, Any] = dataset.aggregate(expressions)
    return {
        name: Missing(
            name,
            int(counts["nulls", name] or 0),
            int(counts.get(("disguised", name)) or 0),
            tuple(words.get(name, ())),
        )
        for name in dataset.columns
    }


def _placeholders(dataset: Dataset, name: str) -> list[str]:
    values = glance_at_columns(dataset, dataset.columns)[name].values.slice(0, _FORMS).to_pylist()
    folded = {value.strip().lower() for value in values}
    return [value for value in values if stands_for_missing(value, folded)]


def is_missing(dataset: Dataset, missing: Missing) -> ir.BooleanColumn:
    """Tell for each row whether the column has no value."""
    column: Any = dataset.table[missing.column]
    absent: ir.BooleanColumn = column.isnull()
    return absent | column.isin(missing.words).fill_null(False) if missing.words else absent


@dataclass(frozen=True)
class Patterns:
    """Different combinations of missing columns, the most frequent first, with the rows that have them."""

    columns: tuple[str, ...]
    masks: npt.NDArray[np.bool_]
    rows: npt.NDArray[np.int64]
    complete: bool

    def correlations(self) -> npt.NDArray[np.float64]:
        """Return the correlations (phi) of being missing between all columns; NaN where a column has no say."""
        import numpy as np

        masks, weights = self.masks.astype(np.float64), self.rows.astype(np.float64)
        total = weights.sum()
        shares = weights @ masks / total
        joint = (masks * weights[:, None]).T @ masks / total
        spread = np.sqrt(shares * (1 - shares))
        with np.errstate(divide="ignore", invalid="ignore"):
            matrix: npt.NDArray[np.float64] = (joint - np.outer(shares, shares)) / np.outer(spread, spread)
        return matrix

    def all_seen(self, columns: int) -> bool:
        """Tell whether these are all patterns of that many columns."""
        return self.complete and len(self.columns) == columns

    def whole_rows(self) -> int:
        """Return the rows in which nothing is missing."""
        return int(self.rows[~self.masks.any(axis=1)].sum())

    def joint_rows(self, left: int, right: int) -> int:
        """Return the rows in which both columns are missing."""
        return int(self.rows[self.masks[:, left] & self.masks[:, right]].sum())


def count_complete(dataset: Dataset, missing: Sequence[Missing]) -> int:
    """Count the rows in which no column is missing."""
    import ibis

    present = ibis.and_(*(~is_missing(dataset, item) for item in missing))
    return int(dataset.table.aggregate(rows=present.sum()).to_pyarrow()["rows"][0].as_py() or 0)


def find_patterns(dataset: Dataset, missing: Sequence[Missing], *, sampled: bool = False) -> Patterns:
    """Group rows by what is missing in them, all of them or a sample: the masks go into one or a few integers."""
    import ibis
    import numpy as np

    keys = {}
    for start in range(0, len(missing), _BITS):
        bits = [
            is_missing(dataset, item).ifelse(ibis.literal(1 << place, "int64"), ibis.literal(0, "int64"))
            for place, item in enumerate(missing[start : start + _BITS])
        ]
        keys[f"k{start // _BITS}"] = _total(bits)
    masked = dataset.table.select(**keys)
    if sampled and dataset.rows > SAMPLE_ROWS:
        masked = masked.sample(SAMPLE_ROWS / dataset.rows, method="row", seed=0)
    grouped = masked.group_by(list(keys)).aggregate(rows=masked.count()).order_by([ibis.desc("rows"), *keys])
    arrow = grouped.limit(MOST_PATTERNS + 1).to_pyarrow()
    complete = arrow.num_rows <= MOST_PATTERNS
    words = [arrow[key].to_numpy() for key in keys]
    places = [(index // _BITS, index % _BITS) for index in range(len(missing))]
    masks = np.column_stack([(words[word] >> place) & 1 == 1 for word, place in places])
    return Patterns(tuple(item.column for item in missing), masks, arrow["rows"].to_numpy(), complete)


def _total(terms: Sequence[Any]) -> Any:
    """Add up as a balanced tree: a chain of hundreds is too deep for a parser."""
    if len(terms) == 1:
        return terms[0]
    middle = len(terms) // 2
    return _total(terms[:middle]) + _total(terms[middle:])


@dataclass(frozen=True)
class Predictor:
    """A column as a few levels: those of a category, or tenths of a number's or a moment's range of ranks."""

    column: str
    codes: npt.NDArray[np.int64]
    labels: tuple[str, ...]


def as_predictor(name: str, values: pa.Array, absent: npt.NDArray[np.bool_]) -> Predictor | None:
    """Return a column as levels, -1 where it has no value itself; None for a column that has nothing to say."""
    import numpy as np
    import pyarrow as pa

    dictionary = values.dictionary_encode() if not pa.types.is_dictionary(values.type) else values
    codes = dictionary.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    codes[absent] = -1
    levels = len(dictionary.dictionary)
    if levels < 2:
        return None
    ordered = pa.types.is_temporal(values.type) or pa.types.is_floating(values.type) or pa.types.is_integer(values.type)
    if (ordered or pa.types.is_decimal(values.type)) and levels > _BINS:
        return _bins(name, values, codes < 0)
    return _levels(name, codes, dictionary.dictionary)


def _bins(name: str, values: pa.Array, absent: npt.NDArray[np.bool_]) -> Predictor | None:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    numeric = values
    if pa.types.is_temporal(values.type):
        if pa.types.is_time(values.type) or pa.types.is_duration(values.type):
            return None
        numeric = microseconds(values)
    numbers = pc.cast(numeric, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    present = ~absent & np.isfinite(numbers)
    if present.sum() < 2 * ENOUGH:
        return None
    bins = max(2, min(_BINS, int(present.sum()) // 60))
    edges = np.unique(np.quantile(numbers[present], np.arange(1, bins) / bins))
    codes = np.where(present, np.searchsorted(edges, np.where(present, numbers, 0.0), side="left"), -1)
    shown = [_edge(edge, values.type) for edge in edges]
    labels = [
        f"≤ {shown[0]}",
        *(f"{low} to {high}" for low, high in pairwise(shown)),
        f"> {shown[-1]}",
    ]
    return Predictor(name, codes.astype(np.int64), tuple(labels))


def _edge(edge: float, dtype: pa.DataType) -> str:
    import pyarrow as pa

    if pa.types.is_temporal(dtype):
        day, _, time = str(moment(edge)).replace("T", " ").partition(" ")
        return day if pa.types.is_date(dtype) else f"{day} {time[:5]}"
    return f"{edge:.6g}"


def _levels(name: str, codes: npt.NDArray[np.int64], values: pa.Array) -> Predictor | None:
    """Keep the frequent levels; the others become one, and a column of hardly any repeats none."""
    import numpy as np

    counts = np.bincount(codes[codes >= 0], minlength=len(values))
    frequent = np.argsort(-counts, kind="stable")[:_LEVELS]
    frequent = frequent[counts[frequent] >= ENOUGH]
    if not len(frequent) or counts[frequent].sum() < 0.3 * counts.sum():
        return None
    new = np.full(len(values) + 1, len(frequent), dtype=np.int64)
    new[frequent] = np.arange(len(frequent))
    new[-1] = -1
    labels = [str(as_python(values[int(index)]))[:40] for index in frequent]
    return Predictor(name, new[codes], (*labels, "any other"))


@dataclass(frozen=True)
class Link:
    """How far one column's levels tell that another is missing: Cramér's V, and the share missing by level."""

    column: str
    effect: float
    p_value: float
    rates: Mapping[str, float]
    levels: Mapping[str, int]


def link(predictor: Predictor, absent: npt.NDArray[np.bool_]) -> Link | None:
    """Hold missingness against the levels of a column (chi-squared test, V corrected for bias).

    Source: Bergsma, "A bias-correction for Cramér's V and Tschuprow's T", 2013.
    """
    import numpy as np
    from scipy import stats

    known = predictor.codes >= 0
    codes, target = predictor.codes[known], absent[known]
    gone, rows = int(target.sum()), len(target)
    if min(gone, rows - gone) < ENOUGH:
        return None
    sizes = np.bincount(codes, minlength=len(predictor.labels))
    missing = np.bincount(codes, weights=target, minlength=len(predictor.labels))
    # The test wants at least one row to be expected in each cell.
    used = (sizes >= 5) & (sizes * min(gone, rows - gone) >= rows)
    sizes, missing = sizes[used], missing[used]
    if len(sizes) < 2 or not 0 < missing.sum() < sizes.sum():
        return None
    share = missing.sum() / sizes.sum()
    chi = float((((missing - sizes * share) ** 2) / (sizes * share * (1 - share))).sum())
    phi = max(0.0, chi / rows - (len(sizes) - 1) / (rows - 1))
    labels = [label for label, kept in zip(predictor.labels, used, strict=True) if kept]
    rates = missing / sizes
    return Link(
        predictor.column,
        min(1.0, phi**0.5),
        float(stats.chi2.sf(chi, len(sizes) - 1)),
        {label: float(rate) for label, rate in zip(labels, rates, strict=True)},
        {label: int(size) for label, size in zip(labels, sizes, strict=True)},
    )
