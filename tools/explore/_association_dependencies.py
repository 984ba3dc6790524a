"""Dependencies: columns that decide others (zip → city), and the rows that break them."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

from ..data.dataset import Dataset
from ..data.values import as_python
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
_VERIFIED = 12
_EXAMPLES, _LOOKED_AT = 5, 200
_ALIKE = 0.75
# A third column explains breaks when this share of them goes away, and most rows still have others of their kind.
_EXPLAINED, _STILL_SHOWN, _FEW_LEVELS = 0.6, 0.8, 30


class Break(Model):
    """A value of the determinant with what it usually goes with, and what it goes with in a few rows."""

    given: Any
    usual: Any
    usual_rows: int
    found: Any
    rows: int


class Dependency(Model):
    """One column decides another: `rows` can show it (their determinant repeats), `violations` of them break it.

    Of these, `misspelt` hold what looks like another spelling of the usual value; where there are many, a part stands
    for all.
    """

    determinant: str
    dependent: str
    rows: int
    violations: int
    kept: float
    misspelt: int = 0
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
    by_name = {column.name: column for column in keyed}
    found = [item for item in found if not (item.violations and _explained(item, by_name))]
    found.sort(key=_order)
    if whole:
        return found
    verified = [_counted(dataset, candidate) for candidate in _spread(found)]
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


def _explained(dependency: Dependency, columns: dict[str, Encoded]) -> bool:
    """Tell whether the breaks are none because a third column decides as well: (state, measure) → state's average."""
    import numpy as np

    given, then = columns[dependency.determinant], columns[dependency.dependent]
    for other in columns.values():
        if (
            other in (given, then)
            or len(other.values) > _FEW_LEVELS
            or given.keys is None
            or then.keys is None
            or other.keys is None
        ):
            continue
        kept = (given.keys >= 0) & (then.keys >= 0) & (other.keys >= 0)
        group, value, third = given.keys[kept], then.keys[kept], other.keys[kept]
        breaking = _breaking(group, value, len(then.values))
        levels = np.bincount(third[breaking], minlength=len(other.values))
        top = int(np.argmax(levels))
        # The rows that break are all those of one kind: Alaska's averages among Alabama's are no slips.
        if levels[top] >= max(3, _EXPLAINED * breaking.sum()) and levels[top] >= _STILL_SHOWN * (third == top).sum():
            return True
        _, joint = np.unique(group * len(other.values) + third, return_inverse=True)
        alone = np.bincount(joint)[joint] < 2
        left = int(_breaking(joint, value, len(then.values)).sum()) + alone.sum() / 2
        if left <= (1 - _EXPLAINED) * breaking.sum() and (~alone).sum() >= _STILL_SHOWN * len(group):
            return True
    return False


def _breaking(group: Codes, value: Codes, width: int) -> NDArray[np.bool_]:
    """Tell of each row whether it lacks the most frequent value of its group."""
    import numpy as np

    pairs, place, counts = np.unique(group * width + value, return_inverse=True, return_counts=True)
    owner = pairs // width
    order = np.lexsort((-counts, owner))
    _, first = np.unique(owner[order], return_index=True)
    usual = np.zeros(len(pairs), dtype=bool)
    usual[order[first]] = True
    breaking: NDArray[np.bool_] = ~usual[place]
    return breaking


def _judged(determinant: Encoded, dependent: Encoded, pairs: _Counts, *, swap: bool) -> Dependency | None:
    import numpy as np

    # That amounts agree to the cent is a coincidence, not a key.
    if determinant.numbers is not None and not determinant.whole:
        return None
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
    breaks = list(_broken(determinant, dependent, given, then, pairs.counts))
    return Dependency(
        determinant=determinant.name,
        dependent=dependent.name,
        rows=rows,
        violations=violations,
        kept=1 - violations / rows,
        misspelt=_misspelt(breaks),
        examples=breaks[:_EXAMPLES],
    )


def _misspelt(breaks: list[Break]) -> int:
    return sum(item.rows for item in breaks if _alike(str(item.usual), str(item.found)))


def _alike(usual: str, found: str) -> bool:
    """Tell whether one text is likely a slip in writing the other; short ones must have the same length."""
    if usual.casefold().split() == found.casefold().split():
        return True
    if min(len(usual), len(found)) < 3:
        return False
    if abs(len(usual) - len(found)) <= 1 and min(len(usual), len(found)) <= 5:
        return sum(a != b for a, b in zip(usual, found, strict=False)) <= 1
    return difflib.SequenceMatcher(None, usual, found, autojunk=False).ratio() >= _ALIKE


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
    for _, group, other, rows in sorted(breaks, key=lambda b: -b[0])[:_LOOKED_AT]:
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
    breaks = []
    if kept < rows:
        torn = groups.filter(groups.most < groups.total)
        joined = pairs.join(torn, "a")
        odd = joined.filter(joined.b != joined.usual).mutate(against=lambda t: t.most / t.n)
        breaks = [
            Break(
                given=_plain(row["a"]),
                usual=_plain(row["usual"]),
                usual_rows=row["most"],
                found=_plain(row["b"]),
                rows=row["n"],
            )
            for row in as_python(odd.order_by([odd.against.desc(), odd.a]).limit(_LOOKED_AT).to_pyarrow())
            if row["most"] > row["n"]
        ]
    return Dependency(
        determinant=candidate.determinant,
        dependent=candidate.dependent,
        rows=rows,
        violations=rows - kept,
        kept=kept / rows if rows else 0.0,
        misspelt=_misspelt(breaks),
        examples=breaks[:_EXAMPLES],
    )


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return value if len(value) <= 80 else value[:79] + "…"
    return value if value is None or isinstance(value, bool | int | float) else str(value)
