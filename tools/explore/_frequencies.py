"""A column as its different values with their counts: everything about it follows exactly."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..data.dataset import Dataset
from ..data.values import microseconds

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

# The fourth powers of smaller numbers can be added up.
_LARGE = 1e70
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True)
class Frequencies:
    """Different non-null values, the most frequent first, their counts, and the number of nulls."""

    values: pa.Array
    counts: pa.Array
    nulls: int

    @cached_property
    def filled(self) -> int:
        """The number of rows that are not null."""
        import pyarrow.compute as pc

        return int(pc.sum(self.counts).as_py() or 0)

    def numbers(self) -> Numbers:
        """Return the values as floats, sorted; what is not finite is left out."""
        import pyarrow as pa
        import pyarrow.compute as pc

        values = pc.cast(self.values, pa.float64(), safe=False)
        return Numbers.sort(values.to_numpy(zero_copy_only=False), self.counts.to_numpy(zero_copy_only=False))

    def moments_in_time(self) -> Numbers:
        """Return dates or timestamps as microseconds since 1970, sorted; infinite ones are left out."""
        counted = microseconds(self.values)
        there = counted.is_valid()
        rows = self.counts.filter(there).to_numpy(zero_copy_only=False)
        numbers = Numbers.sort(counted.filter(there).to_numpy(zero_copy_only=False), rows)
        return replace(numbers, not_finite=self.filled - numbers.rows)


def frequencies(dataset: Dataset, name: str) -> Frequencies:
    """Count the different values of a column, exactly, with one grouping of it."""
    import pyarrow as pa
    import pyarrow.compute as pc

    column = dataset.table.select(value=dataset.table[name])
    grouped = column.group_by("value").aggregate(rows=column.count()).to_pyarrow().combine_chunks()
    grouped = grouped.sort_by([("rows", "descending"), ("value", "ascending")])
    missing = grouped.filter(pc.is_null(grouped["value"]))
    kept = grouped.filter(pc.is_valid(grouped["value"]))
    values, counts = (kept[side].combine_chunks() for side in ("value", "rows"))
    if isinstance(values, pa.ChunkedArray):
        values, counts = pa.concat_arrays(values.chunks), pa.concat_arrays(counts.chunks)
    return Frequencies(values, counts, int(pc.sum(missing["rows"]).as_py() or 0))


@dataclass(frozen=True)
class Numbers:
    """Different finite numbers in ascending order with their counts."""

    values: npt.NDArray[np.float64]
    counts: npt.NDArray[np.int64]
    not_finite: int = 0

    @classmethod
    def sort(cls, values: npt.NDArray[Any], counts: npt.NDArray[Any]) -> Numbers:
        """Build from values in any order."""
        import numpy as np

        finite = np.isfinite(values)
        order = np.argsort(values[finite], kind="stable")
        return cls(values[finite][order], counts[finite][order], int(counts[~finite].sum()))

    @cached_property
    def rows(self) -> int:
        """The number of rows with a finite value."""
        return int(self.counts.sum())

    def quantiles(self, at: Sequence[float] = QUANTILES) -> dict[str, float]:
        """Return quantiles, interpolated as pandas and NumPy do by default."""
        import numpy as np

        if not self.rows:
            return {}
        ends = np.cumsum(self.counts)
        places = np.asarray(at) * (self.rows - 1)
        lower = np.floor(places).astype(np.int64)
        upper = np.minimum(lower + 1, self.rows - 1)
        low = self.values[np.searchsorted(ends, lower, side="right")].astype(float)
        high = self.values[np.searchsorted(ends, upper, side="right")].astype(float)
        part = places - lower
        with np.errstate(over="ignore", invalid="ignore"):
            found = low + (high - low) * part
        # Two numbers may lie further apart than the greatest there is.
        found = np.where(np.isfinite(found), found, low * (1 - part) + high * part)
        return {str(q): float(value) for q, value in zip(at, found, strict=True)}

    def power_sums(self) -> PowerSums:
        """Return the exact mean and the sums of powers about it."""
        import numpy as np

        if not self.rows:
            return PowerSums(0, 0.0, 0.0, 0.0, 0.0, 0.0)
        values, counts = self.values.astype(np.float64), self.counts.astype(np.float64)
        largest = float(np.abs(values).max())
        # A power of two, so that nothing is rounded; the fourth power of larger numbers would overflow.
        unit = 2.0 ** (math.frexp(largest)[1] - 1) if largest > _LARGE else 1.0
        values = values / unit
        mean = math.fsum(values * counts) / self.rows
        about = values - mean
        square = about * about
        first, second, third, fourth = (
            float(np.dot(power, counts)) for power in (about, square, square * about, square * square)
        )
        return PowerSums(self.rows, mean * unit, first, second, third, fourth, unit)


@dataclass(frozen=True)
class PowerSums:
    """Mean, and sums of the first to fourth power of the distances, in `unit`s, from a centre near it."""

    rows: int
    mean: float
    first: float
    second: float
    third: float
    fourth: float
    unit: float = 1.0

    def centre(self) -> float:
        """Return a number near the mean of so few binary digits that distances from it are hardly ever rounded."""
        spread = math.sqrt(self.second / self.rows) * self.unit if self.rows else 0.0
        if not spread or not math.isfinite(spread):
            return self.mean
        step = 2.0 ** (math.floor(math.log2(spread)) - 3)
        return round(self.mean / step) * step

    def shape(self) -> dict[str, float | None]:
        """Return `mean`, `std` (of a sample), `skew` and excess `kurtosis` (of a population, as SciPy's default)."""
        if not self.rows:
            return {}
        n, shift = self.rows, self.first / self.rows
        shape: dict[str, float | None] = {"mean": self.mean, "std": None}
        # Sums that an engine let overflow tell nothing.
        if math.isfinite(self.second) and abs(shift) < _LARGE:
            second = max(0.0, self.second / n - shift**2)
            if n > 1:
                shape["std"] = math.sqrt(second * n / (n - 1)) * self.unit
            # Below this the values differ by rounding alone, and a ratio of such powers is noise.
            noise = (1e-12 * max(1e-300, min(_LARGE, abs(self.mean / self.unit)))) ** 2
            if second > max(noise, 1e-140) and math.isfinite(self.fourth):
                third = self.third / n - 3 * shift * self.second / n + 2 * shift**3
                fourth = self.fourth / n - 4 * shift * self.third / n + 6 * shift**2 * self.second / n - 3 * shift**4
                shape["skew"] = third / second**1.5
                shape["kurtosis"] = fourth / second**2 - 3
        return {key: value if value is None or math.isfinite(value) else None for key, value in shape.items()}
