"""Which columns belong together, what drives a target, and which columns decide others."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from pydantic import Field

from ..catalogue import action
from ..columns import profile_columns
from ..data.dataset import Dataset
from ..errors import BadRequest
from ..results import Evidence, Finding, Model, Result, worst_first
from ._association_columns import MOST_COLUMNS, Encoded, encode
from ._association_dependencies import Dependency, find_dependencies
from ._association_measures import (
    Correlations,
    Strength,
    correlation_ratio,
    correlations,
    cramers_v,
    mutual_information,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

# Below this a relation is of no use, however sure; beyond the chance, shared by all pairs compared, it may be luck.
_LEAST, _CHANCE = 0.1, 0.01
_SAME = 0.98
_BY_INFORMATION = 0.15
_TOLD = 10
# Breaks are told when a third of them look like slips of the pen, or when next to none are left.
_MISSPELT, _ALL_BUT_KEPT = 0.3, 0.99
_SYMMETRIC = {"pearson", "spearman", "cramers_v"}

_Compared = tuple[str, str, Strength]


class Pair(Model):
    """Two columns and how strongly they belong together; `value` has a sign where there is a direction."""

    left: str
    right: str
    measure: str
    value: float
    rows: int
    p_value: float
    note: str | None = None


class Relationships(Result):
    """Pairs of columns, the strongest first; `dependencies` are columns that decide others, the broken ones first."""

    pairs: list[Pair] = []
    dependencies: list[Dependency] = []
    target: str | None = None
    compared: int = Field(0, description="pairs of columns that were compared")
    left_out: dict[str, str] = Field(
        default_factory=dict, description="columns not compared, and of what kind they are"
    )
    notes: list[str] = []

    def headline(self) -> str:
        broken = sum(1 for dependency in self.dependencies if dependency.violations)
        what = f"drivers of {self.target!r}" if self.target else "related pairs"
        decided = f"; {len(self.dependencies)} dependencies, {broken} of them broken" if self.dependencies else ""
        return f"{len(self.pairs)} {what} of {self.compared:,} compared{decided}."

    def details(self) -> list[str]:
        lines = [_line(pair, self.target) for pair in self.pairs[:_TOLD]]
        return [*self.notes, *lines]

    def next_steps(self) -> list[str]:
        if any(dependency.violations for dependency in self.dependencies):
            return ["correct the cells that break a dependency, or look at them with query_dataset"]
        if self.pairs and not self.target:
            first = self.pairs[0]
            chart = {"cramers_v": "heatmap", "correlation_ratio": "box"}.get(first.measure, "scatter")
            return [f"create_visualization(chart_type={chart!r}, x={first.left!r}, y={first.right!r})"]
        return []


@action("Relationships")
def find_relationships(dataset: Dataset, target: str | None = None) -> Relationships:
    """Find which columns are related, which drive a target, and which decide others (with the rows that break it).

    Args:
        target: rank the columns by their association with this one

    Raises:
        BadRequest: the target does not exist, or has nothing that could be explained.
    """
    if target is not None:
        _check_target(dataset, target)
    encoding = encode(dataset, target)
    columns = encoding.columns
    strengths, compared = _compare(columns, target) if encoding.scanned.rows else ([], 0)
    pairs = _worth_telling(strengths, compared)
    whole = encoding.scanned.rows == dataset.rows
    dependencies = find_dependencies(dataset, columns, whole=whole) if target is None and dataset.rows else []
    return Relationships(
        dataset=dataset.name,
        scanned=encoding.scanned,
        findings=worst_first([*_broken(dependencies), *_same(pairs, dependencies, target)]),
        truncated=encoding.truncated,
        pairs=pairs,
        dependencies=dependencies,
        target=target,
        compared=compared,
        left_out=encoding.left_out,
        notes=encoding.notes,
    )


def _check_target(dataset: Dataset, target: str) -> None:
    dataset.require([target])
    profile = profile_columns(dataset, [target])[target]
    if profile.kind in {"constant", "empty", "other", "id"} and dataset.rows:
        raise BadRequest(
            f"column {target!r} can't be explained by others: it is {profile.kind} ({profile.storage}); "
            "name another target"
        )


def _compare(columns: list[Encoded], target: str | None) -> tuple[list[_Compared], int]:
    """Measure every pair that is compared, and count them; of many numbers only the related pairs are returned."""
    import numpy as np

    # In a sample of a nearly empty column there may be nothing at all.
    columns = [c for c in columns if c.numbers is None or np.isfinite(c.numbers).any()]
    numbers = [column for column in columns if column.numbers is not None]
    place = {column.name: index for index, column in enumerate(numbers)}
    matrix = [column.numbers for column in numbers if column.numbers is not None]
    known = correlations(np.column_stack(matrix)) if matrix else None
    if target is not None:
        aim = next((column for column in columns if column.name == target), None)
        chosen = [(column, aim) for column in columns if aim is not None and column is not aim]
    else:
        chosen = list(combinations(numbers[:MOST_COLUMNS] + [c for c in columns if c.numbers is None], 2))
    found = [(left.name, right.name, _strength(left, right, known, place)) for left, right in chosen]
    if target is not None or known is None or len(numbers) <= MOST_COLUMNS:
        return found, len(found)
    some = np.triu(np.maximum(abs(known.pearson), abs(known.spearman)) >= _LEAST, 1)
    some[:MOST_COLUMNS, :MOST_COLUMNS] = False
    found += [(numbers[a].name, numbers[b].name, known.strength(a, b)) for a, b in np.argwhere(some).tolist()]
    further = len(numbers) * (len(numbers) - 1) // 2 - MOST_COLUMNS * (MOST_COLUMNS - 1) // 2
    return found, len(chosen) + further


def _strength(left: Encoded, right: Encoded, known: Correlations | None, place: dict[str, int]) -> Strength:
    if left.bins is not None and right.bins is not None and known is not None:
        linear = known.strength(place[left.name], place[right.name])
        if abs(linear.value) > 0.8:
            return linear
        other = mutual_information(left.bins, right.bins)
        return other if other.value > abs(linear.value) + _BY_INFORMATION else linear
    if left.codes is not None and right.codes is not None:
        return cramers_v(left.codes, right.codes)
    codes = left.codes if left.codes is not None else right.codes
    numbers = left.numbers if left.numbers is not None else right.numbers
    if codes is None or numbers is None:
        return Strength("none", 0.0, 0, 1.0)
    return correlation_ratio(codes, numbers)


def _worth_telling(strengths: list[_Compared], compared: int) -> list[Pair]:
    """Keep what is strong enough and no luck, given how many pairs were tried (Bonferroni)."""
    least_chance = _CHANCE / max(1, compared)
    kept = [item for item in strengths if abs(item[2].value) >= _LEAST and item[2].chance <= least_chance]
    kept.sort(key=lambda item: -abs(item[2].value))
    return [
        Pair(
            left=left,
            right=right,
            measure=found.measure,
            value=round(found.value, 4),
            rows=found.rows,
            p_value=found.chance,
            note=found.note,
        )
        for left, right, found in kept
    ]


def _broken(dependencies: list[Dependency]) -> Iterable[Finding]:
    """One finding for each column that others decide, by the determinant with most to show."""
    best: dict[str, Dependency] = {}
    for dependency in dependencies:
        known = best.get(dependency.dependent)
        telling = dependency.misspelt >= _MISSPELT * dependency.violations or dependency.kept >= _ALL_BUT_KEPT
        if (
            dependency.examples
            and telling
            and (known is None or dependency.kept * dependency.rows > known.kept * known.rows)
        ):
            best[dependency.dependent] = dependency
    for dependency in sorted(best.values(), key=lambda d: -d.violations):
        first = dependency.examples[0]
        told = f": {first.given!r} has {first.usual!r} {first.usual_rows:,} times and {first.found!r} {first.rows:,}"
        yield Finding(
            severity="medium" if dependency.misspelt >= _MISSPELT * dependency.violations else "low",
            columns=[dependency.determinant, dependency.dependent],
            message=f"{dependency.violations:,} row{'s' if dependency.violations != 1 else ''} break "
            f"{dependency.determinant} → {dependency.dependent} (kept by {dependency.kept:.2%}){told}",
            metric="dependency_violations",
            value=dependency.violations,
            threshold=0,
            evidence=Evidence(
                rows=dependency.violations,
                query=_query(dependency),
                examples=[example.model_dump() for example in dependency.examples],
            ),
        )


def _same(pairs: list[Pair], dependencies: list[Dependency], target: str | None) -> Iterable[Finding]:
    decided = {frozenset((d.determinant, d.dependent)) for d in dependencies}
    for pair in pairs:
        same = abs(pair.value) >= _SAME and (target is not None or pair.measure in _SYMMETRIC)
        if same and frozenset((pair.left, pair.right)) not in decided:
            gives_away = (
                ": it may give the target away (check_leakage)"
                if target
                else ": keep both only if their difference matters"
            )
            yield Finding(
                severity="medium" if target else "low",
                columns=[pair.left, pair.right],
                message=f"{pair.left!r} and {pair.right!r} are all but the same "
                f"({pair.measure} {pair.value:+.3f}){gives_away}",
                metric=pair.measure,
                value=pair.value,
                threshold=_SAME,
                evidence=Evidence(rows=pair.rows),
            )


def _query(dependency: Dependency) -> str:
    a, b = ('"' + name.replace('"', '""') + '"' for name in (dependency.determinant, dependency.dependent))
    return (
        f"SELECT {a}, {b}, count(*) AS n FROM dataset GROUP BY ALL "  # noqa: S608
        f"QUALIFY count(*) OVER (PARTITION BY {a}) > 1 ORDER BY {a}, n DESC"
    )


def _line(pair: Pair, target: str | None) -> str:
    signed = f"{pair.value:+.2f}" if pair.measure in {"pearson", "spearman"} else f"{pair.value:.2f}"
    names = pair.left if target else f"{pair.left} ~ {pair.right}"
    return f"{names}: {pair.measure} {signed}" + (f" ({pair.note})" if pair.note else "")
