"""What `statistical_summary` tells of each column, by the cheapest way that is exact enough.

A small table is brought into memory. In a large one, a column of few different values is grouped, and everything about
it follows exactly from its values and their counts; of a column of many, sums, extremes and lengths are computed in one
pass over all such columns, different values are counted by their hashes, and quantiles come from a sample.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ..columns import Glance, glance_of, value_counts
from ..data.dataset import Dataset
from ..data.values import as_python, microseconds, moment
from ..kinds import judge
from ._frequencies import Frequencies, Numbers, frequencies
from ._sketches import count_distinct, drawn_numbers, neighbours, power_sums, rank_error, scalars, texts, widest_gaps

if TYPE_CHECKING:
    import ibis.expr.datatypes as dts
    import pyarrow as pa

WHOLE_ROWS = 100_000
WHOLE_CELLS = 4_000_000
QUANTILE_ROWS = 100_000
# Of wide tables fewer rows: still within 1 % of rank.
QUANTILE_ROWS_WIDE = 40_000
# Up to this many different values, grouping a column costs less than estimating what grouping tells.
FEW_VALUES = 100_000
TOP = 10
# Rows looked at to choose how a text column is summarised: so many runs of so many neighbours.
_PIECES, _PIECE = 5, 3_000
# A gap in time shorter than this share of the span is no gap.
_NOTABLE = 1 / 1_000


@dataclass
class Summarised:
    """The fields of every column's summary, and what was estimated."""

    columns: dict[str, dict[str, Any]] = field(default_factory=dict)
    quantile_rows: int = 0
    quantile_error: float = 0.0
    estimated: bool = False


def summarise(dataset: Dataset, names: Sequence[str]) -> Summarised:
    """Summarise columns."""
    summarised = Summarised()
    if not names:
        return summarised
    if dataset.rows <= min(WHOLE_ROWS, WHOLE_CELLS // len(names)):
        arrow = dataset.table.select(*names).to_pyarrow()
        for index, name in enumerate(names):
            array = arrow.column(index).combine_chunks()
            found = Frequencies(*value_counts(array), array.null_count)
            summarised.columns[name] = _from_frequencies(dataset, name, found, glance_of(dataset, name, array))
        return summarised
    drawn = _draw(dataset, names)
    many = {}
    for name in names:
        glance = glance_of(dataset, name, drawn.arrays[name])
        if _groups_well(dataset, glance):
            summarised.columns[name] = _from_frequencies(dataset, name, frequencies(dataset, name), glance)
        else:
            many[name] = glance
    ManyValued(dataset, many, drawn).add_to(summarised)
    return summarised


@dataclass(frozen=True)
class Drawn:
    """Values to choose the way by, and of numbers and moments so random a sample that quantiles can be read from it."""

    arrays: dict[str, pa.Array]
    rows: int


def _draw(dataset: Dataset, names: Sequence[str]) -> Drawn:
    texts = [name for name in names if dataset.schema[name].is_string()]
    others = [name for name in names if name not in texts]
    arrays: dict[str, pa.Array] = {}
    rows = 0
    if others:
        sample = dataset.sample(max(QUANTILE_ROWS_WIDE, min(QUANTILE_ROWS, WHOLE_CELLS // len(others))), others)
        rows = sample.scanned.rows
        arrays |= {name: sample.arrow.column(index).combine_chunks() for index, name in enumerate(others)}
    if texts:
        look = (
            _slices(dataset, texts)
            if dataset.rows >= _PIECES * _PIECE
            else dataset.sample(_PIECES * _PIECE, texts).arrow
        )
        arrays |= {name: look.column(index).combine_chunks() for index, name in enumerate(texts)}
    return Drawn(arrays, rows)


def _slices(dataset: Dataset, columns: Sequence[str]) -> pa.Table:
    """Return runs of neighbouring rows from all over a table, which costs next to nothing in a Parquet file.

    Good for choosing how to compute something, never for what is answered: neighbours are alike.
    """
    import pyarrow as pa

    table = dataset.table.select(*columns)
    step = (dataset.rows - _PIECE) // (_PIECES - 1)
    return pa.concat_tables([table.limit(_PIECE, offset=piece * step).to_pyarrow() for piece in range(_PIECES)])


def _groups_well(dataset: Dataset, glance: Glance) -> bool:
    filled = dataset.rows - round(dataset.rows * glance.nulls / max(1, glance.rows))
    return not dataset.schema[glance.name].is_nested() and glance.distinct(filled) <= FEW_VALUES


def _role(dataset: Dataset, name: str) -> str:
    """Return `number`, `moment`, `text` or `other`: what can be computed of a column."""
    dtype = dataset.schema[name]
    if dtype.is_numeric():
        return "number"
    if dtype.is_timestamp() or dtype.is_date():
        return "moment"
    return "text" if dtype.is_string() and not dtype.is_json() else "other"


# --- few values -------------------------------------------------------------------------------------------------------


def _from_frequencies(dataset: Dataset, name: str, found: Frequencies, glance: Glance) -> dict[str, Any]:
    """Summarise a column whose values are all at hand."""
    dtype, role = dataset.schema[name], _role(dataset, name)
    fields: dict[str, Any] = {
        "column": name,
        "storage": str(dtype),
        "missing": found.nulls,
        "distinct": len(found.values),
    }
    if role == "number" and found.filled:
        fields |= _numbers(found)
    elif role == "moment" and found.filled:
        fields |= _moments(found, dtype)
    elif role == "text" and found.filled:
        fields["lengths"] = _lengths(found)
    extremes = (fields.get("minimum"), fields.get("maximum"))
    fields["kind"] = judge(glance.facts(dtype, found.filled, len(found.values), *extremes))
    if fields["kind"] in {"categorical", "boolean", "constant"}:
        fields["top"] = _top(found, dataset.rows)
    return fields


def _numbers(found: Frequencies) -> dict[str, Any]:
    numbers = found.numbers()
    fields: dict[str, Any] = {"quantiles": numbers.quantiles(), "not_finite": numbers.not_finite or None}
    fields |= numbers.power_sums().shape()
    if numbers.rows:
        extremes = found.values if not numbers.not_finite else None
        low, high = _ends(extremes) if extremes is not None else (float(numbers.values[0]), float(numbers.values[-1]))
        fields |= {"minimum": plain(low), "maximum": plain(high)}
        fields["zeros"] = int(numbers.counts[numbers.values == 0].sum())
        fields["negatives"] = int(numbers.counts[numbers.values < 0].sum())
    return fields


def _ends(values: Any) -> tuple[Any, Any]:
    import pyarrow.compute as pc

    both = pc.min_max(values)
    return as_python(both["min"]), as_python(both["max"])


def _moments(found: Frequencies, dtype: dts.DataType) -> dict[str, Any]:
    numbers = found.moments_in_time()
    fields: dict[str, Any] = {"not_finite": numbers.not_finite or None}
    if numbers.rows:
        low, high = _ends(found.values.filter(microseconds(found.values).is_valid()))
        ends = int(numbers.values[0]), int(numbers.values[-1])
        fields |= {"minimum": plain(low), "maximum": plain(high)}
        fields |= _span(ends, numbers, neighbours(numbers.values, numbers.values), dtype)
    return fields


def _span(ends: tuple[int, int], numbers: Numbers, gaps: list[tuple[int, int]], dtype: dts.DataType) -> dict[str, Any]:
    return {
        "span_seconds": (ends[1] - ends[0]) / 1e6,
        "quantiles": {at: _written(value, dtype) for at, value in numbers.quantiles().items()},
        "gaps": [
            {"start": _written(start, dtype), "end": _written(end, dtype), "seconds": (end - start) / 1e6}
            for start, end in gaps
        ],
    }


def _written(count: float, dtype: dts.DataType) -> str:
    """Write microseconds since 1970 as the column writes its moments: dates as dates."""
    text = str(plain(moment(count, zone=getattr(dtype, "timezone", None) is not None)))
    return text.partition("T")[0] if dtype.is_date() else text


def _lengths(found: Frequencies) -> dict[str, Any]:
    import pyarrow.compute as pc

    lengths = pc.utf8_length(found.values)
    both = pc.min_max(lengths)
    total = pc.sum(pc.multiply(pc.cast(lengths, "int64"), found.counts)).as_py()
    return {"min": both["min"].as_py(), "max": both["max"].as_py(), "mean": total / found.filled}


def _top(found: Frequencies, rows: int) -> list[dict[str, Any]]:
    pairs = zip(as_python(found.values.slice(0, TOP)), found.counts.slice(0, TOP).to_pylist(), strict=True)
    return [{"value": plain(value), "count": count, "fraction": count / rows} for value, count in pairs]


def plain(value: Any) -> Any:
    """Return a value as JSON has it: moments as ISO text, decimals as numbers, bytes and the like as text."""
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | int | bool) else str(value)


# --- many values ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ManyValued:
    """The columns of too many values to group them."""

    dataset: Dataset
    glances: Mapping[str, Glance]
    drawn: Drawn

    def add_to(self, summarised: Summarised) -> None:
        """Summarise the columns."""
        if not self.glances:
            return
        roles = {name: _role(self.dataset, name) for name in self.glances}
        sampled = {
            name: drawn_numbers(self.drawn.arrays[name]) for name in roles if roles[name] in {"number", "moment"}
        }
        if sampled:
            summarised.quantile_rows = self.drawn.rows
            summarised.quantile_error = rank_error(self.drawn.rows, self.dataset.rows)
        values = self._scalars(roles, sampled)
        for name, role in roles.items():
            fields = self._text(name) if role == "text" else self._counted(name, values)
            if role == "number":
                fields |= self._number(name, sampled[name], values)
            elif role == "moment":
                fields |= self._moment(name, sampled[name], values)
            filled = self.dataset.rows - fields["missing"]
            extremes = (values.get(("minimum", name)), values.get(("maximum", name)))
            facts = self.glances[name].facts(self.dataset.schema[name], filled, fields["distinct"], *extremes)
            fields |= {"kind": judge(facts), "quantiles_exact": not fields.get("quantiles")}
            summarised.columns[name] = fields
        summarised.estimated = True

    def _scalars(self, roles: Mapping[str, str], sampled: Mapping[str, Numbers]) -> dict[Any, Any]:
        of = {role: [name for name in roles if roles[name] == role] for role in ("number", "moment", "other")}
        centres = {name: sampled[name].power_sums().centre() for name in of["number"]}
        keys = [name for name in of["number"] if self._is_key(name)]
        values = scalars(self.dataset, centres, of["moment"], [], counted=of["other"], keys=keys)
        unbounded = {name: centre for name, centre in centres.items() if not _is_finite(values["second", name])}
        endless = [name for name in of["moment"] if _is_endless(values, name)]
        if unbounded or endless:
            values |= scalars(self.dataset, unbounded, endless, [], keys=keys, finite=True)
        return values | {("centre", name): centre for name, centre in centres.items()}

    def _is_key(self, name: str) -> bool:
        """Tell by the sample whether numbers name rows."""
        glance = self.glances[name]
        filled = glance.rows - glance.nulls
        whole = round(self.dataset.rows * filled / max(1, glance.rows))
        facts = glance.facts(self.dataset.schema[name], whole, glance.distinct(whole), glance.minimum, glance.maximum)
        return judge(facts) == "id"

    def _counted(self, name: str, values: Mapping[Any, Any]) -> dict[str, Any]:
        filled = int(values["filled", name])
        distinct = min(filled, count_distinct(self.dataset, name, self.glances[name].distinct(filled)))
        return self._fields(name, filled, distinct)

    def _text(self, name: str) -> dict[str, Any]:
        glance = self.glances[name]
        filled = round(self.dataset.rows * (1 - glance.nulls / max(1, glance.rows)))
        found = texts(self.dataset, name, glance.distinct(filled))
        fields = self._fields(name, found.filled, min(found.filled, found.distinct))
        return fields | {"lengths": {"min": found.shortest, "max": found.longest, "mean": found.length}}

    def _fields(self, name: str, filled: int, distinct: int) -> dict[str, Any]:
        fields = {"column": name, "storage": str(self.dataset.schema[name]), "missing": self.dataset.rows - filled}
        return fields | {"distinct": distinct, "distinct_exact": False}

    def _number(self, name: str, sampled: Numbers, values: Mapping[Any, Any]) -> dict[str, Any]:
        filled = int(values["filled", name])
        finite = int(values.get(("finite", name), filled))
        fields: dict[str, Any] = {"not_finite": filled - finite or None, "quantiles": sampled.quantiles()}
        if finite:
            fields |= {key: plain(values[key, name]) for key in ("minimum", "maximum")}
            fields |= {key: int(values[key, name]) for key in ("zeros", "negatives") if (key, name) in values}
            fields |= power_sums(name, values["centre", name], values, finite).shape()
        return fields

    def _moment(self, name: str, sampled: Numbers, values: Mapping[Any, Any]) -> dict[str, Any]:
        filled = int(values["filled", name])
        finite = int(values.get(("finite", name), filled))
        fields: dict[str, Any] = {"not_finite": filled - finite or None}
        if finite:
            low, high = values["minimum", name], values["maximum", name]
            ends = _microseconds(low), _microseconds(high)
            gaps = _gaps(self.dataset, name, sampled.values, *ends)
            fields |= {"minimum": plain(low), "maximum": plain(high)}
            fields |= _span(ends, sampled, gaps, self.dataset.schema[name])
        return fields


def _is_finite(value: Any) -> bool:
    return value is not None and math.isfinite(value)


def _is_endless(values: Mapping[Any, Any], name: str) -> bool:
    return any(str(values[end, name]).endswith("infinity") for end in ("minimum", "maximum"))


def _microseconds(value: Any) -> int:
    """Return a moment, which is text where Python has none, as microseconds since 1970."""
    import numpy as np

    if isinstance(value, dt.datetime) and value.tzinfo is not None:
        value = value.astimezone(dt.UTC).replace(tzinfo=None)
    plain_text = value.removesuffix("+00:00") if isinstance(value, str) else value
    return int(np.datetime64(plain_text, "us").astype(np.int64))


def _gaps(dataset: Dataset, name: str, sampled: Any, low: int, high: int) -> list[tuple[int, int]]:
    """Look for gaps where there can be one: no gap is longer than the longest between sampled moments."""
    import numpy as np

    seen = np.concatenate([[low], sampled, [high]])
    widest = max((end - start for start, end in neighbours(seen, seen, 1)), default=0)
    return widest_gaps(dataset, name, low, high) if widest > (high - low) * _NOTABLE else []
