"""Outliers by column: fences from a sample, exact counts from one pass over all rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..columns import ColumnProfile, profile_columns
from ..data.dataset import Dataset
from ..data.values import as_python, moment, seconds
from ..errors import BadRequest
from ..readings import name_words
from ..results import Evidence, Finding, Model, Scanned, Severity
from ._outlier_fences import Fences, Method, find_fences

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

SAMPLE_ROWS, _SAMPLE_CELLS = 50_000, 6_000_000
_READABLE = 0.8
_EXAMPLES = 5
_LABELS = frozenset(
    (
        "id",
        "key",
        "code",
        "zip",
        "zipcode",
        "postcode",
        "postal",
        "phone",
        "fax",
        "number",
        "no",
        "nr",
        "num",
        "index",
        "type",
        "sku",
    )
)
_DETAILED, _SEARCHED = 20, 300
# In interquartile ranges beyond the quartile. In ten million normal values the greatest lies at some 3.4.
_WORTH_TELLING, _MEDIUM, _HIGH = 4.0, 5.5, 10.0


class OutlierValue(Model):
    """A value with the number of its row (the first is 1), and the row's id where there is one."""

    row: int
    value: Any
    id: Any = None


class OutlierColumn(Model):
    """A column's usual range, `low` to `high`, and the exact number of rows beyond; `far` of them are far out.

    `tail` tells that those are the end of a long tail rather than strangers: none is farther out than it would reach.
    """

    column: str
    outliers: int
    fraction: float
    low: Any = None
    high: Any = None
    below: int = 0
    above: int = 0
    far: int = 0
    least: Any = None
    greatest: Any = None
    distance: float | None = None
    tail: bool = False
    scale: str = "linear"
    note: str | None = None
    examples: list[OutlierValue] = []


@dataclass(frozen=True, eq=False)
class Number:
    """A column as numbers; moments are seconds since 1970."""

    name: str
    moments: bool = False

    def read(self, table: ir.Table) -> Any:
        """Return the column of a table as finite numbers, null where there is none."""
        column: Any = table[self.name]
        if self.moments:
            return seconds(column).cast("float64")
        number = column.try_cast("float64") if column.type().is_string() else column.cast("float64")
        return (number.isnan() | number.isinf()).ifelse(None, number)

    def say(self, value: float | None) -> Any:
        """Return a number as the column writes it."""
        if value is None or not math.isfinite(value):
            return None
        if not self.moments:
            return float(f"{value:.6g}")
        return str(moment(math.floor(value) * 1_000_000)).replace("T", " ")


def numbers_of(
    dataset: Dataset, columns: Sequence[str] | None, *, moments: bool
) -> tuple[list[Number], dict[str, str]]:
    """Return the columns that can be judged, and why the others can't.

    Raises:
        BadRequest: a column was named that holds no numbers.
    """
    found: list[Number] = []
    left_out: dict[str, str] = {}
    names = dataset.require(columns)
    for name, profile in profile_columns(dataset, names).items():
        dtype = dataset.schema[name]
        named, varied = columns is not None, profile.kind not in {"empty", "constant"}
        digits = dtype.is_string() and (profile.numeric_share or 0) >= _READABLE and (named or not _coded(profile))
        if digits or (dtype.is_numeric() and varied and (named or profile.kind == "numeric")):
            found.append(Number(name))
        elif profile.kind == "datetime" and moments and (dtype.is_timestamp() or dtype.is_date()):
            found.append(Number(name, moments=True))
        elif named and varied:
            raise BadRequest(
                f"column {name!r} is {profile.kind} ({profile.storage}): outliers are looked for in numbers and dates"
            )
        else:
            left_out[name] = profile.kind
    return found, left_out


def column_outliers(dataset: Dataset, numbers: list[Number], method: Method) -> list[OutlierColumn]:
    """Judge each column on its own; those with the farthest values come first."""
    if not numbers or not dataset.rows:
        return []
    small = Dataset(name=dataset.name, table=as_numbers(dataset.table, numbers))
    sample, _ = sample_numbers(dataset, numbers, max(2_000, min(SAMPLE_ROWS, _SAMPLE_CELLS // len(numbers))))
    fences = [find_fences(_finite(sample.column(index)), method, dataset.rows) for index in range(len(numbers))]
    counts = small.aggregate(_counts(small.table, fences))
    judged = [
        _judged(number, fence, dict(counts), index, dataset.rows)
        for index, (number, fence) in enumerate(zip(numbers, fences, strict=True))
    ]
    order = sorted(
        range(len(judged)),
        key=lambda place: (judged[place].tail, -(judged[place].distance or 0), -judged[place].outliers),
    )
    for place in order[:_DETAILED]:
        fence = fences[place]
        if fence is not None and judged[place].outliers:
            judged[place].examples = _examples(dataset, numbers[place], fence)
    return [judged[place] for place in order]


def as_numbers(table: ir.Table, numbers: list[Number]) -> ir.Table:
    """Return the columns of a table as numbers, called `v0`, `v1` …"""
    return table.select(**{f"v{index}": number.read(table) for index, number in enumerate(numbers)})


def sample_numbers(dataset: Dataset, numbers: list[Number], rows: int) -> tuple[pa.Table, Scanned]:
    """Return the columns of some rows as numbers, called `v0`, `v1` …"""
    import ibis

    sample = dataset.sample(rows, [number.name for number in numbers])
    return as_numbers(ibis.memtable(sample.arrow), numbers).to_pyarrow(), sample.scanned


def findings_of(columns: list[OutlierColumn], rows: int, contamination: float, dataset: Dataset) -> list[Finding]:
    """Return a finding for each column that has values too far away to belong to its tail."""
    found = []
    for column in columns:
        distance = column.distance or 0.0
        if not column.outliers or column.tail or distance < _WORTH_TELLING:
            continue
        severity: Severity = "high" if distance >= _HIGH else "medium" if distance >= _MEDIUM else "low"
        share = (column.far or column.outliers) / rows
        if share > contamination:
            # So many are a part of the column, not strangers in it.
            severity = "low"
        elif share > contamination / 5 and severity == "high":
            severity = "medium"
        count = column.far or column.outliers
        reach = [f"as low as {_say(column.least)}"] if column.below else []
        reach += [f"as high as {_say(column.greatest)}"] if column.above else []
        found.append(
            Finding(
                severity=severity,
                columns=[column.column],
                message=f"{count:,} row{'s' if count != 1 else ''} of {column.column!r} far out of the usual "
                f"{_say(column.low)} to {_say(column.high)}: {', '.join(reach)}",
                metric="outlier_distance",
                value=round(distance, 2),
                threshold=_WORTH_TELLING,
                evidence=Evidence(
                    rows=count,
                    query=_query(dataset, column),
                    examples=[value.model_dump(exclude_none=True) for value in column.examples],
                ),
            )
        )
    return found


def _coded(profile: ColumnProfile) -> bool:
    """Tell by its name whether a text of digits is a label rather than a number."""
    words = name_words(profile.name)
    return profile.kind == "id" or (bool(words) and words[-1] in _LABELS)


def id_column(dataset: Dataset) -> str | None:
    """Return the first column that names rows; a very wide table is not searched for one."""
    if len(dataset.columns) > _SEARCHED:
        return None
    return next((name for name, profile in profile_columns(dataset).items() if profile.kind == "id"), None)


def _finite(column: Any) -> NDArray[np.float64]:
    import numpy as np

    values = np.asarray(column.drop_null().to_numpy(), dtype=float)
    finite: NDArray[np.float64] = values[np.isfinite(values)]
    return finite


def _counts(table: ir.Table, fences: list[Fences | None]) -> dict[str, Any]:
    expressions: dict[str, Any] = {}
    for index, fence in enumerate(fences):
        values: Any = table[f"v{index}"]
        expressions |= {f"least {index}": values.min(), f"greatest {index}": values.max()}
        if fence is not None:
            strange = _strange(values, fence)
            expressions |= {
                f"below {index}": (strange & (values < fence.low)).sum(),
                f"above {index}": (strange & (values > fence.high)).sum(),
                f"far {index}": (strange & ((values < fence.far_low) | (values > fence.far_high))).sum(),
            }
    return expressions


def _strange(values: Any, fence: Fences) -> Any:
    beyond = (values < fence.low) | (values > fence.high)
    return beyond if fence.apart is None else beyond & (values != fence.apart)


def _judged(number: Number, fence: Fences | None, counts: dict[str, Any], index: int, rows: int) -> OutlierColumn:
    least, greatest = counts[f"least {index}"], counts[f"greatest {index}"]
    if fence is None:
        note = "too few different values to judge" if least is not None else "no values"
        ends = {"least": number.say(least), "greatest": number.say(greatest)}
        return OutlierColumn(column=number.name, outliers=0, fraction=0.0, note=note, **ends)
    below, above = int(counts[f"below {index}"] or 0), int(counts[f"above {index}"] or 0)
    notes = []
    if fence.apart is not None:
        notes.append(f"{number.say(fence.apart)} is so frequent that the others were judged on their own")
    if fence.logarithmic:
        notes.append("skewed, so judged by ratios")
    far = int(counts[f"far {index}"] or 0)
    beyond = [value for value, count in ((least, below), (greatest, above)) if count]
    # Among positive values zero and less have no ratio to the others: a surprise, but no order of magnitude.
    distance = max(
        (min(d, 1e6) if math.isfinite(d := fence.distance(value)) else _MEDIUM for value in beyond), default=0.0
    )
    # Densities fall along a tail: where more lie far out than between the fences, those are a group of their own.
    tail = bool(beyond) and not any(fence.beyond_tail(value) for value in beyond) and far <= below + above - far
    if tail and far:
        notes.append("a long tail")
    return OutlierColumn(
        column=number.name,
        outliers=below + above,
        fraction=(below + above) / rows,
        low=number.say(fence.low),
        high=number.say(fence.high),
        below=below,
        above=above,
        far=far,
        least=number.say(least),
        greatest=number.say(greatest),
        distance=round(distance, 3),
        tail=tail,
        scale="logarithmic" if fence.logarithmic else "linear",
        note="; ".join(notes) or None,
    )


def _examples(dataset: Dataset, number: Number, fence: Fences) -> list[OutlierValue]:
    """Return the farthest values with their rows."""
    import ibis

    key = id_column(dataset)
    chosen = {"row": ibis.row_number() + 1, "value": number.read(dataset.table)} | (
        {"id": dataset.table[key]} if key else {}
    )
    table = dataset.table.select(**chosen)
    middle = fence.median
    away = (
        ibis.greatest(table.value - middle, middle - table.value)
        if not fence.logarithmic
        else _ratio(table.value, middle)
    )
    found = table.filter(_strange(table.value, fence)).order_by([ibis.desc(away), table.row]).limit(_EXAMPLES)
    return [
        OutlierValue(row=row["row"], value=number.say(row["value"]), id=row.get("id"))
        for row in as_python(found.to_pyarrow())
    ]


def _ratio(values: Any, middle: float) -> Any:
    """Order by ratio to the middle, what is not positive first."""
    import ibis

    positive = (values > 0).ifelse(values, None)
    return ibis.greatest(positive / middle, middle / positive).fill_null(math.inf)


def _query(dataset: Dataset, column: OutlierColumn) -> str | None:
    if isinstance(column.low, str) or column.column not in dataset.columns:
        return None
    if not dataset.schema[column.column].is_numeric():
        return None
    name = '"' + column.column.replace('"', '""') + '"'
    return f"SELECT {name} FROM dataset WHERE {name} < {column.low} OR {name} > {column.high}"  # noqa: S608


def _say(value: Any) -> str:
    return f"{value:,.6g}" if isinstance(value, float) else str(value)
