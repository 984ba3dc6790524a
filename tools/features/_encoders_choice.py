"""Which encoding a category gets, from its levels and from what they tell of the target in the training rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..errors import BadRequest, LimitExceeded, inert
from ._declared import RESERVED
from ._encoders import HASHED_COLUMNS, LONGEST_LABEL, LONGEST_STEM, Frequency, Hashed, OneHot, Ordinal, least_rows
from ._encoders_findings import FEW_LEVELS, Levels, look, warnings_of
from ._encoders_levels import grouped, keys_of
from ._encoders_spelling import COMPONENTS, Spelled, evidence
from ._encoders_target import MOST_CLASSES, TargetMean
from ._step import Part
from ._training import Plan, Training

MOST_ONEHOT = 200
MOST_VALUES = 2_500_000
# With more levels than this their characters would take seconds for every million rows.
MOST_SPELLED = 50_000
# Standard errors by which a property of levels must tell the target of other levels.
SURE = 4.0
_LOOKED_AT, _LOOKED_AT_IN_ALL, _FEWEST_ROWS = 10_000, 200_000, 2_000
_OTHERS = "strategy 'frequency' (one column), 'hash' (16) or 'ordinal' (one, in natural order)"


def decide(training: Training, strategy: str, names: Sequence[str]) -> Plan:
    """Plan the encoding of some columns.

    Raises:
        BadRequest: target encoding without a target, or with one of too many classes.
        LimitExceeded: too many levels for one-hot or target encoding.
    """
    plan, ways = Plan(), {}
    found = [look(training, name) for name in names]
    many = sum(levels.count > FEW_LEVELS for levels in found)
    rows = min(_LOOKED_AT, max(_FEWEST_ROWS, _LOOKED_AT_IN_ALL // max(1, many)))
    for levels in found:
        if strategy == "auto":
            ways[levels.column], reason = _choose(training, levels, rows)
        else:
            ways[levels.column], reason = _asked(training, levels, strategy)
        plan.reasons[levels.column] = reason
        plan.warnings.extend(warnings_of(levels))
    plan.parts.extend(_parts(training, ways))
    return plan


def _choose(training: Training, levels: Levels, rows: int) -> tuple[list[str], str]:
    if levels.count <= FEW_LEVELS:
        return _asked(training, levels, "onehot")
    if training.y is None:
        return ["frequency"], f"frequency: {levels.count:,} levels, and no target to tell them apart by"
    if len(training.classes) > MOST_CLASSES or _values(training, levels) > MOST_VALUES:
        return ["frequency"], f"frequency: {levels.count:,} levels, {len(training.classes)} classes to predict"
    ways, reason = _asked(training, levels, "target")
    common, spelled = _properties(training, levels, rows)
    if common > SURE:
        ways.append("frequency")
        reason += f"; frequency: how common a level is tells of the target ({common:.1f} standard errors)"
    if spelled > SURE:
        ways.append("spelling")
        reason += f"; spelling: levels written alike have alike targets ({spelled:.1f} standard errors)"
    return ways, reason


def _asked(training: Training, levels: Levels, strategy: str) -> tuple[list[str], str]:
    count, column = levels.count, levels.column
    reason = f"{strategy}: {count:,} level{'' if count == 1 else 's'}"
    if strategy == "onehot":
        if count > MOST_ONEHOT:
            raise LimitExceeded(
                f"one-hot encoding of {column!r} with {count:,} levels; at most {MOST_ONEHOT} are allowed. "
                f"Use strategy 'target' (one column, needs a target), {_OTHERS}, or 'auto'"
            )
        least = least_rows(levels.rows)
        rare = int((levels.counts < least).sum())
        reason += f", {rare} of them in fewer than {least} rows and grouped as rare" if rare else ""
    if strategy == "target":
        _check_target(training, levels)
        reason += " (cross-fitted)"
    return [strategy], reason


def _check_target(training: Training, levels: Levels) -> None:
    if training.y is None:
        raise BadRequest(
            "target encoding needs a target, and this pipeline has none; start one with "
            f"assign_feature_roles(dataset, target=…), or use {_OTHERS}"
        )
    if len(training.classes) > MOST_CLASSES:
        raise BadRequest(
            f"target encoding makes a column for each class, and the target has {len(training.classes)} classes; "
            f"at most {MOST_CLASSES} are allowed. Use {_OTHERS}"
        )
    if _values(training, levels) > MOST_VALUES:
        raise LimitExceeded(
            f"target encoding of {levels.column!r}: {levels.count:,} levels times {len(training.classes)} classes are "
            f"{_values(training, levels):,} values; at most {MOST_VALUES:,} are allowed. Use {_OTHERS}"
        )


def _width(training: Training) -> int:
    return len(training.classes) if len(training.classes) > 2 else 1


def _values(training: Training, levels: Levels) -> int:
    return levels.count * _width(training)


def _properties(training: Training, levels: Levels, rows: int) -> tuple[float, float]:
    """Return how surely the frequency of a level, and its characters, tell the target of other levels."""
    assert training.y is not None
    table = training.frame[[levels.column]].iloc[:rows]
    texts = table[levels.column].to_numpy()
    keys, codes = grouped(keys_of(texts))
    y = training.y[:rows]
    wanted = [y] if _width(training) == 1 else [y == code for code in range(len(training.classes))]
    sums = np.column_stack([np.bincount(codes, one - one.mean()) for one in wanted]).astype(np.float64)
    counts = np.bincount(codes)
    common = evidence(keys, counts, sums, np.log(counts)[:, None])
    if levels.count > MOST_SPELLED:
        return common, 0.0
    first = np.empty(len(keys), dtype=np.int64)
    first[codes[::-1]] = np.arange(len(codes))[::-1]
    part = Spelled([""] * COMPONENTS).fit(table)
    return common, evidence(keys, counts, sums, part.transform(table.iloc[first]).astype(np.float64))


_WAYS = ("onehot", "ordinal", "target", "hash", "frequency", "spelling")


def _parts(training: Training, ways: dict[str, list[str]]) -> list[tuple[Part, list[str], bool]]:
    taken: list[str] = []

    def free(name: str) -> str:
        taken.append(training.free_name(name, taken))
        return taken[-1]

    by_way = {way: [name for name, chosen in ways.items() if way in chosen] for way in _WAYS}
    made: list[tuple[Part, list[str]]] = []
    for name in by_way["target"]:
        labels = [f"_{inert(label)[:LONGEST_LABEL]}" for label in training.classes] if _width(training) > 1 else [""]
        names = [free(f"{name}_target{label}") for label in labels]
        made.append((TargetMean(names, len(training.classes)), [name]))
    for name in by_way["spelling"]:
        made.append((Spelled([free(f"{name}_spelling_{place}") for place in range(COMPONENTS)]), [name]))  # noqa: PERF401
    if columns := by_way["ordinal"]:
        made.append((Ordinal([free(f"{name}_ordinal") for name in columns]), columns))
    if columns := by_way["frequency"]:
        made.append((Frequency([free(f"{name}_frequency") for name in columns]), columns))
    if columns := by_way["hash"]:
        names = [free(f"{name}_hash_{place}") for name in columns for place in range(HASHED_COLUMNS)]
        made.append((Hashed(names), columns))
    if columns := by_way["onehot"]:
        stems = tuple(inert(f"{name[:LONGEST_STEM]}_") for name in columns)
        near = sorted(name for name in {*training.columns, *taken} if name.startswith(stems))
        made.append((OneHot(taken=[*near, *RESERVED]), columns))
    return [(part, columns, False) for part, columns in made]
