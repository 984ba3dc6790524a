"""Dependencies: columns that decide others (zip → city), and the rows that break them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

from ..data.dataset import Dataset
from ..results import Model
from ._association_columns import MOST_COLUMNS, Encoded

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Codes = NDArray[np.int64]

_KEPT = 0.95
# Of the errors of always guessing the most frequent value, knowing the determinant must save this share.
_SAVED = 0.85
_ENOUGH_ROWS, _ENOUGH_GROUPS = 20, 3
_VERIFIED = 20
_EXAMPLES = 5


class Break(Model):
    """A value of the determinant with what it usually goes with, and what it goes with in a few rows."""

    given: Any
    usual: Any
    usual_rows: int
    found: Any
    rows: int


class Dependency(Model):
    """One column decides another: `rows` can show it (their determinant repeats), `violations` of them break it."""

    determinant: str
    dependent: str
    rows: int
    violations: int
    kept: float
    examples: list[Break] = []


@dataclass(frozen=True)
class _Counts:
    """Counts of the pairs of values of two columns in the rows that have both."""

    left: Codes
    right: Codes
    counts: Codes


def find_dependencies(dataset: Dataset, columns: list[Encoded], *, whole: bool) -> list[Dependency]:
    """Return what decides what, the broken ones first.

    Of a sample, candidates are judged there and then counted over all rows.
    """
    keyed = [column for column in columns if column.keys is not None][:MOST_COLUMNS]
    found: list[Dependency] = []
    for left, right in combinations(keyed, 2):
        pairs = _paired(left, right)
        if pairs is None:
            continue
        for a, b, swap in ((left, right, False), (right, left, True)):
            dependency = _judged(a, b, pairs, swap=swap)
            if dependency is not None:
                found.append(dependency)
    found.sort(key=_order)
    if whole:
        return found
    verified = [_counted(dataset, dependency) for dependency in _spread(found)]
    return sorted((dependency for dependency in verified if dependency.kept >= _KEPT), key=_order)


def _order(dependency: Dependency) -> tuple[bool, float, int]:
    return not dependency.violations, -dependency.kept, -dependency.rows


def _spread(found: list[Dependency]) -> Iterator[Dependency]:
    """Choose whom to count over all rows: for each dependent column the determinants that keep best."""
    seen: dict[str, int] = {}
    chosen = 0
    for dependency in sorted(found, key=lambda d: -d.kept):
        seen[dependency.dependent] = seen.get(dependency.dependent, 0) + 1
        if seen[dependency.dependent] <= 2 and chosen < _VERIFIED:
            chosen += 1
            yield dependency


def _paired(left: Encoded, right: Encoded) -> _Counts | None:
    import numpy as np

    if left.keys is None or right.keys is None:
        return None
    kept = (left.keys >= 0) & (right.keys >= 0)
    if kept.sum() < _ENOUGH_ROWS:
        return None
    width = len(right.values)
    pairs, counts = np.unique(left.keys[kept] * width + right.keys[kept], return_counts=True)
    return _Counts(pairs // width, pairs % width, counts)


def _judged(determinant: Encoded, dependent: Encoded, pairs: _Counts, *, swap: bool) -> Dependency | None:
    import numpy as np

    given, then = (pairs.right, pairs.left) if swap else (pairs.left, pairs.right)
    total = np.bincount(given, weights=pairs.counts, minlength=len(determinant.values))
    most = np.zeros(len(determinant.values))
    np.maximum.at(most, given, pairs.counts)
    # A value that occurs once keeps any dependency, and shows none.
    repeated = total >= 2
    rows, groups = int(total[repeated].sum()), int(repeated.sum())
    if rows < _ENOUGH_ROWS or groups < _ENOUGH_GROUPS or rows < 0.3 * total.sum():
        return None
    violations = int(rows - most[repeated].sum())
    shown = repeated[given]
    ordinary = np.bincount(then[shown], weights=pairs.counts[shown])
    guessing = rows - int(ordinary.max())
    if rows - violations < _KEPT * rows or guessing == 0 or violations > (1 - _SAVED) * guessing:
        return None
    # Of groups of two rows that differ nobody can say which is wrong, nor whether one decides the other.
    if int((ordinary >= 2).sum()) < 2:
        return None
    return Dependency(
        determinant=determinant.name,
        dependent=dependent.name,
        rows=rows,
        violations=violations,
        kept=1 - violations / rows,
        examples=list(_broken(determinant, dependent, given, then, pairs.counts)),
    )


def _broken(determinant: Encoded, dependent: Encoded, given: Codes, then: Codes, counts: Codes) -> Iterator[Break]:
    """Yield the breaks against which most rows speak."""
    import numpy as np

    order = np.lexsort((-counts, given))
    best: dict[int, tuple[int, int]] = {}
    breaks = []
    for place in order:
        group = int(given[place])
        if group not in best:
            best[group] = int(then[place]), int(counts[place])
        elif best[group][1] > counts[place]:
            breaks.append((best[group][1] / counts[place], group, int(then[place]), int(counts[place])))
    for _, group, other, rows in sorted(breaks, key=lambda b: -b[0])[:_EXAMPLES]:
        usual, usual_rows = best[group]
        yield Break(
            given=_plain(determinant.values[group]),
            usual=_plain(dependent.values[usual]),
            usual_rows=usual_rows,
            found=_plain(dependent.values[other]),
            rows=rows,
        )


def _counted(dataset: Dataset, candidate: Dependency) -> Dependency:
    """Count a dependency over all rows in the engine."""
    table = dataset.table.select(a=dataset.table[candidate.determinant], b=dataset.table[candidate.dependent])
    table = table.filter(table.a.notnull() & table.b.notnull())
    pairs = table.group_by(["a", "b"]).aggregate(n=table.count())
    groups = pairs.group_by("a").aggregate(total=pairs.n.sum(), most=pairs.n.max(), usual=pairs.b.argmax(pairs.n))
    groups = groups.filter(groups.total >= 2)
    sums = groups.aggregate(rows=groups.total.sum(), kept=groups.most.sum()).to_pyarrow().to_pylist()[0]
    rows, kept = int(sums["rows"] or 0), int(sums["kept"] or 0)
    examples = []
    if kept < rows:
        torn = groups.filter(groups.most < groups.total)
        joined = pairs.join(torn, "a")
        odd = joined.filter(joined.b != joined.usual).mutate(against=lambda t: t.most / t.n)
        for row in odd.order_by([odd.against.desc(), odd.a]).limit(_EXAMPLES).to_pyarrow().to_pylist():
            examples.append(
                Break(given=_plain(row["a"]), usual=_plain(row["usual"]), usual_rows=row["most"], found=_plain(row["b"]), rows=row["n"])
            )
    return candidate.model_copy(
        update={"rows": rows, "violations": rows - kept, "kept": kept / rows if rows else 0.0, "examples": examples}
    )


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return value if len(value) <= 80 else value[:79] + "…"
    return value if value is None or isinstance(value, bool | int | float) else str(value)
