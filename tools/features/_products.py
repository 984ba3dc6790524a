"""Products of columns: how many there would be, which are worth making, and the part that makes them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from itertools import combinations, product
from math import comb
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ._reader import Kind
from ._step import Part
from ._training import Training

Floats = npt.NDArray[np.float64]

# No product is larger, so that squares of it, and sums of these over a hundred million rows, are still finite.
LARGEST = 1e150
# Rows that fit the processor's cache; and below how many all products are made at once, not one after the other.
_BLOCK, _FEW = 16_384, 256
# Rows on which most columns that are constant or alike are told from the others.
_GLANCE = 4_096


class Products(Part):
    """Products of two or more columns; a missing factor makes the product missing.

    Args:
        factors: of each product the positions of its columns, -1 after the last; those of fewer factors first.
        names: of the products.
        columns: of the table, in their order.
        flags: whether all factors of a product are flags.
    """

    def __init__(
        self, factors: npt.NDArray[np.int64], names: list[str], columns: list[str], flags: npt.NDArray[np.bool_]
    ) -> None:
        self.factors = factors
        self.names = names
        self.columns = columns
        self.flags = flags

    def fit(self, X: pd.DataFrame, y: Any, rows: npt.NDArray[np.int64] | None) -> Products:  # noqa: N803, ARG002
        """Learn nothing: the products were chosen."""
        self.fitted_ = True
        return self

    def transform(self, X: pd.DataFrame) -> Floats:  # noqa: N803
        """Return the products, one column after the other in memory."""
        values = X.to_numpy(dtype=np.float64).T
        made = np.empty((len(self.names), values.shape[1]))
        for start in range(0, values.shape[1], _BLOCK):
            block = slice(start, start + _BLOCK)
            self._fill(np.ascontiguousarray(values[:, block]), made[:, block])
        return made.T

    def _fill(self, values: Floats, made: Floats) -> None:
        sizes = (self.factors >= 0).sum(axis=1)
        largest = np.fmax.reduce(np.abs(values), axis=None)
        calm = bool(largest < LARGEST ** (1 / self.factors.shape[1]))
        if values.shape[1] >= _FEW:
            for row, (size, factors) in enumerate(zip(sizes.tolist(), self.factors.tolist(), strict=True)):
                multiplied([values[position] for position in factors[:size]], made[row], calm=calm)
            return
        for size in np.unique(sizes):
            first, last = np.searchsorted(sizes, [size, size + 1])
            factors = self.factors[first:last, :size].T
            multiplied([values[positions] for positions in factors], made[first:last], calm=calm)

    def outputs(self) -> list[tuple[str, Kind, list[str]]]:
        """Return the products with their factors."""
        return [
            (name, "flag" if flag else "number", [self.columns[position] for position in factors if position >= 0])
            for name, factors, flag in zip(self.names, self.factors.tolist(), self.flags.tolist(), strict=True)
        ]


def multiplied(factors: Sequence[Floats], out: Floats | None = None, *, calm: bool = False) -> Floats:
    """Return a product from left to right, kept finite: cut at `LARGEST` before it meets the next factor.

    Args:
        factors: two or more.
        out: where to put it.
        calm: the factors are too small to be cut.
    """
    made = factors[0]
    with np.errstate(over="ignore", under="ignore"):
        for factor in factors[1:]:
            made = out = np.multiply(made, factor, out=out)
            if not calm:
                np.clip(made, -LARGEST, LARGEST, out=made)
    return made


def count_products(alone: int, groups: Sequence[int], degree: int) -> int:
    """Return how many products of 2 to `degree` different columns there are.

    Args:
        alone: columns that go with every other one.
        groups: sizes of groups of columns, no two of which go into one product.
        degree: the most factors of a product.

    >>> count_products(632, [], 2)
    199396
    """
    # Coefficients of (1 + x)^alone · Π (1 + size · x): each group gives one column or none.
    ways = [comb(alone, size) for size in range(degree + 1)]
    for members in groups:
        ways = [more + members * fewer for more, fewer in zip(ways, [0, *ways], strict=False)]
    return sum(ways[2:])


def exclusive_groups(training: Training, names: Sequence[str]) -> list[list[int]]:
    """Return the columns in groups: together are the flags of one source of which a row has one at most."""
    groups: list[list[int]] = []
    known: dict[tuple[str, ...], tuple[list[int], npt.NDArray[np.bool_]]] = {}
    for position, name in enumerate(names):
        column = training.columns[name]
        if column.kind != "flag":
            groups.append([position])
            continue
        there = training.frame[name].to_numpy() != 0
        members, taken = known.get(column.sources, ([], np.zeros_like(there)))
        if (taken & there).any():
            groups.append([position])
            continue
        if not members:
            groups.append(members)
        members.append(position)
        known[column.sources] = (members, taken | there)
    return groups


def candidates(groups: Sequence[Sequence[int]], degree: int) -> list[tuple[int, ...]]:
    """Return the products that `count_products` counts, as positions; those of fewer factors first."""
    made = (
        tuple(sorted(members))
        for size in range(2, degree + 1)
        for chosen in combinations(groups, size)
        for members in product(*chosen)
    )
    return sorted(made, key=lambda members: (len(members), members))


def useless(
    training: Training, names: Sequence[str], wanted: Sequence[tuple[int, ...]]
) -> Iterator[tuple[tuple[int, ...], str]]:
    """Yield the products that tell nothing new in the training rows, each with why.

    A glance at the first rows clears most; only those that look useless there are made in full.
    """
    glance = training.numbers(names, _GLANCE).T
    known: dict[bytes, list[tuple[int, ...] | str]] = {}
    for name in training.of_kind("number", "flag"):
        known.setdefault(_key(training.frame[name].iloc[:_GLANCE].to_numpy(dtype=np.float64)), []).append(name)

    def whole(item: tuple[int, ...] | str) -> Floats:
        factors = [item] if isinstance(item, str) else [names[position] for position in item]
        return multiplied([training.frame[name].to_numpy(dtype=np.float64) for name in factors])

    for item in wanted:
        seen = multiplied([glance[position] for position in item])
        if is_constant(seen) and is_constant(full := whole(item)):
            yield item, f"left out: {full[0]:g} in all {training.rows:,} training rows"
            continue
        alike = known.setdefault(_key(seen), [])
        twin = next((other for other in alike if np.array_equal(whole(other), whole(item), equal_nan=True)), None)
        if twin is None:
            alike.append(item)
        else:
            same = twin if isinstance(twin, str) else product_name(names, twin)
            yield item, f"left out: equals {same!r} in all {training.rows:,} training rows"


def product_name(names: Sequence[str], factors: Sequence[int]) -> str:
    """Return the name of a product."""
    return "*".join(names[position] for position in factors)


def is_constant(values: Floats) -> bool:
    """Tell whether there is one value only, or none; missing beside a value tells something."""
    missing = np.isnan(values)
    if missing.any():
        return bool(missing.all())
    return len(values) == 0 or bool(values.min() == values.max())


def _key(values: Floats) -> bytes:
    plain = np.where(np.isnan(values), np.nan, values + 0.0)  # there is one zero, and one missing
    return hashlib.blake2b(plain.tobytes(), digest_size=16).digest()
