"""The shape of numeric and date columns: moments, fences, and the few values that cannot belong."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..data.dataset import Dataset
from ..data.values import microseconds, seconds
from ..placeholders import EARLY_DATES, LATE_DATES, NEGATIVE_SENTINELS, POSITIVE_SENTINELS
from ._values import shared_sample

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Numbers = npt.NDArray[np.float64]

# What these words name is never below zero.
_NEVER_NEGATIVE = re.compile(
    r"(?:^|[^a-z])(?:qty|quantity|quantities|count|age|price|distance|duration|weight|height|length|width|year|size|stock)"
    r"(?:$|[^a-z])"
)
_FEW = 0.005
YEARS_1_TO_9999 = (-62_135_596_800, 253_402_300_799)
# A second scale starts at a gap of this factor within the values.
_GAP = 8.0


@dataclass(frozen=True)
class Expected:
    """What a sample says about a numeric column, to be measured on all rows.

    Attributes:
        centre, scale: about the mean and the standard deviation, to keep the sums of powers small.
        low, high: Tukey's fences, 1.5 interquartile ranges beyond the quartiles.
        beyond: values above cannot belong to the bulk, or infinity.
        other_scale: values on the far side of this belong to a second scale (`above` tells which side), or None.
    """

    centre: float
    scale: float
    low: float
    high: float
    beyond: float = math.inf
    other_scale: float | None = None
    above: bool = True


@dataclass(frozen=True)
class Measured:
    """A numeric column measured on all rows; `skew` and `kurtosis` are of the population, the normal's being 0."""

    rows: int
    minimum: float | None = None
    maximum: float | None = None
    mean: float | None = None
    skew: float | None = None
    kurtosis: float | None = None
    below: int = 0
    above: int = 0
    negative: int = 0
    infinite: int = 0
    extreme: int = 0
    other_scale: int = 0


def expect(dataset: Dataset, names: list[str]) -> dict[str, Expected]:
    """Read centre, scale and fences of numeric columns from the shared sample."""
    import numpy as np

    found = {}
    for name in names:
        values = sampled(dataset, name)
        if not len(values):
            continue
        q01, q1, q2, q3, q99 = (float(q) for q in np.quantile(values, (0.01, 0.25, 0.5, 0.75, 0.99)))
        reach = 1.5 * (q3 - q1)
        with np.errstate(over="ignore"):
            centre, scale = float(values.mean()), float(values.std())
        tame = q01 >= 0 and 0 < q99 < 10 * q2
        gap = _second_scale(values)
        found[name] = Expected(
            centre=centre if math.isfinite(centre) else q2,
            scale=scale if math.isfinite(scale) and scale > 0 else max(abs(q2), 1.0),
            low=q1 - reach,
            high=q3 + reach,
            beyond=50 * q99 if tame else math.inf,
            other_scale=gap[0] if gap else None,
            above=gap[1] if gap else True,
        )
    return found


def sampled(dataset: Dataset, name: str) -> Numbers:
    """The finite numbers of a column in the shared sample."""
    import numpy as np

    column = shared_sample(dataset).arrow.column(name).drop_null().cast("float64", safe=False)
    values: Numbers = column.to_numpy()
    return values[np.isfinite(values)]


def _second_scale(values: Numbers) -> tuple[float, bool] | None:
    """Find a gap of a factor of eight that cuts off a small part: grams among kilograms, cents among euros.

    The extremes of a heavy tail lie far apart as well, but singly: the part cut off must be five values or more.
    """
    import numpy as np

    positive = np.sort(values[values > 0])
    positive = positive[~np.isin(positive, POSITIVE_SENTINELS)]
    if len(positive) < 100 or len(positive) < 0.9 * len(values):
        return None
    steps = np.diff(np.log(positive))
    at = int(np.argmax(steps))
    lower, upper = at + 1, len(positive) - at - 1
    minority = min(lower, upper)
    if steps[at] < math.log(_GAP) or minority < 5 or minority > 0.2 * len(positive):
        return None
    main = positive[at + 1 :] if lower < upper else positive[: at + 1]
    part = positive[: at + 1] if lower < upper else positive[at + 1 :]
    if len(np.unique(main)) < 20 or len(np.unique(part)) < 3:
        return None
    return float(math.sqrt(positive[at]) * math.sqrt(positive[at + 1])), lower >= upper


def measure(dataset: Dataset, expected: Mapping[str, Expected]) -> dict[str, Measured]:
    """Measure numeric columns on all rows: in memory where the sample is the whole table, else in the engine."""
    if shared_sample(dataset).scanned.rows == dataset.rows:
        found = {name: _sums_in_memory(dataset, name, item) for name, item in expected.items()}
    else:
        found = _sums_in_engine(dataset, expected)
    return {name: _measured(sums, expected[name]) for name, sums in found.items()}


def _sums_in_memory(dataset: Dataset, name: str, item: Expected) -> dict[str, Any]:
    import numpy as np

    column = shared_sample(dataset).arrow.column(name).drop_null().cast("float64", safe=False)
    values = column.to_numpy()
    values = values[~np.isnan(values)]
    finite = values[np.isfinite(values)]
    with np.errstate(over="ignore", invalid="ignore"):
        unit = (finite - item.centre) / item.scale
        square = unit**2
        sums = {"s1": unit, "s2": square, "s3": unit * square, "s4": square**2}
        found: dict[str, Any] = {key: float(power.sum()) for key, power in sums.items()}
    found |= {"rows": len(finite), "infinite": len(values) - len(finite), "negative": int((finite < 0).sum())}
    found |= {"below": int((finite < item.low).sum()), "above": int((finite > item.high).sum())}
    found |= {
        "extreme": int((finite > item.beyond).sum()),
        "minimum": float(finite.min()),
        "maximum": float(finite.max()),
    }
    if item.other_scale is not None:
        far = finite > item.other_scale if item.above else (finite < item.other_scale) & (finite > 0)
        found["other_scale"] = int(far.sum())
    return found


def _sums_in_engine(
    dataset: Dataset, expected: Mapping[str, Expected], *, finite: bool = False
) -> dict[str, dict[str, Any]]:
    """Sum powers of the distance from the centre, and count; infinite values are left out in a second go."""
    expressions: dict[str, Any] = {}
    for name, item in expected.items():
        column = dataset.table[name].cast("float64")
        kept = (~column.isnan() & ~column.isinf()) if finite else None
        value = kept.ifelse(column, None) if kept is not None else column
        unit = (value - item.centre) / item.scale
        square = unit * unit
        parts = {"s1": unit.sum(), "s2": square.sum(), "s3": (square * unit).sum(), "s4": (square * square).sum()}
        parts |= {"rows": value.count(), "minimum": value.min(), "maximum": value.max()}
        parts |= {"below": (value < item.low).sum(), "above": (value > item.high).sum()}
        if finite:
            parts["infinite"] = column.isinf().sum()
        if math.isfinite(item.beyond):
            parts["extreme"] = (value > item.beyond).sum()
        if item.other_scale is not None:
            far = value > item.other_scale if item.above else (value < item.other_scale) & (value > 0)
            parts["other_scale"] = far.sum()
        expressions |= {f"{key} {name}": part for key, part in parts.items()}
    values = dataset.aggregate(expressions)
    keys = (
        "s1",
        "s2",
        "s3",
        "s4",
        "rows",
        "minimum",
        "maximum",
        "below",
        "above",
        "infinite",
        "extreme",
        "other_scale",
    )
    found = {name: {key: values.get(f"{key} {name}") for key in keys} for name in expected}
    spoiled = {} if finite else {n: expected[n] for n, sums in found.items() if not _is_finite(sums)}
    return found | (_sums_in_engine(dataset, spoiled, finite=True) if spoiled else {})


def _is_finite(sums: Mapping[str, Any]) -> bool:
    return all(sums[key] is None or math.isfinite(sums[key]) for key in ("s1", "minimum", "maximum"))


def _measured(sums: Mapping[str, Any], item: Expected) -> Measured:
    """Turn sums of powers about the centre into moments about the mean."""
    rows = int(sums["rows"] or 0)
    counts = {
        key: int(sums.get(key) or 0) for key in ("below", "above", "negative", "infinite", "extreme", "other_scale")
    }
    if not rows:
        return Measured(rows=0, **counts)
    m1, m2, m3, m4 = (float(sums[key] or 0) / rows for key in ("s1", "s2", "s3", "s4"))
    variance = m2 - m1**2
    skew = kurtosis = None
    if variance > 1e-12 and math.isfinite(m4):
        skew = (m3 - 3 * m1 * m2 + 2 * m1**3) / variance**1.5
        kurtosis = (m4 - 4 * m1 * m3 + 6 * m1**2 * m2 - 3 * m1**4) / variance**2 - 3
    return Measured(
        rows=rows,
        minimum=float(sums["minimum"]),
        maximum=float(sums["maximum"]),
        mean=item.centre + item.scale * m1,
        skew=skew,
        kurtosis=kurtosis,
        **counts,
    )


def negatives(dataset: Dataset, name: str, measured: Measured) -> tuple[int, bool] | None:
    """Count values below zero that look like errors: few, and in a column that does not tail off towards zero.

    Returns:
        The count, and whether the name of the column says that it is never negative; None when nothing is odd.
    """
    import numpy as np

    if measured.minimum is None or measured.minimum >= 0:
        return None
    values = sampled(dataset, name)
    share = float((values < 0).mean())
    if share > _FEW:
        return None
    never = bool(_NEVER_NEGATIVE.search(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()))
    positive = values[values > 0]
    if len(positive) < 50:
        return None
    step = float(np.median(positive)) / 4
    first, second = int((positive < step).sum()), int(((positive >= step) & (positive < 2 * step)).sum())
    hard_edge = first >= 0.5 * second
    if not (never or hard_edge or (measured.skew or 0) > 1):
        return None
    column = dataset.table[name]
    coded = column.isin([s for s in NEGATIVE_SENTINELS if isinstance(s, int) and s >= measured.minimum])
    rows = int(dataset.aggregate({"rows": ((column < 0) & ~coded).sum()})["rows"] or 0)
    return (rows, never) if 0 < rows <= _FEW * measured.rows else None


def stray_dates(dataset: Dataset, names: list[str]) -> dict[str, int]:
    """Count dates that lie three times the usual span, and a year at least, outside of it, within years 1 to 9999."""
    import ibis
    import numpy as np

    expressions: dict[str, Any] = {}
    for name in names:
        column = shared_sample(dataset).arrow.column(name).drop_null()
        if len(column) < 50:
            continue
        counted = microseconds(column).drop_null()
        if not len(counted):
            continue
        q01, q99 = (float(q) / 1e6 for q in np.quantile(counted.to_numpy(), (0.01, 0.99)))
        reach = max(3 * (q99 - q01), 366 * 86_400)
        moment = seconds(dataset.table[name])
        stand_ins = [ibis.literal(day).cast("date") for day in (*EARLY_DATES, *LATE_DATES)]
        outside = ((moment < int(q01 - reach)) | (moment > int(q99 + reach))) & moment.between(*YEARS_1_TO_9999)
        expressions[name] = (outside & ~dataset.table[name].cast("date").isin(stand_ins)).sum()
    counted = dataset.aggregate(expressions)
    return {name: int(rows) for name, rows in counted.items() if rows and rows <= 0.01 * dataset.rows}


def impossible_dates(dataset: Dataset, names: list[str]) -> dict[str, int]:
    """Count dates before year 1, past year 9999 or infinite: mostly numbers that were read in the wrong unit."""
    expressions: dict[str, Any] = {}
    for name in names:
        possible = seconds(dataset.table[name]).between(*YEARS_1_TO_9999).fill_null(False)
        expressions[name] = (dataset.table[name].notnull() & ~possible).sum()
    counted = dataset.aggregate(expressions) if expressions else {}
    return {name: int(rows) for name, rows in counted.items() if rows}
