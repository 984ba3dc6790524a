"""Starting a pipeline: the split is drawn, and roles are judged on training rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ..columns import profile_columns
from ..context import Context
from ..data.dataset import Dataset
from ..data.opening import open_dataset
from ..errors import BadRequest
from ..results import Finding
from ._build import Builder, made_of, take_rows
from ._declared import Pipeline, Role, Roles, Split, Told
from ._repeating import unmoved
from ._roles import Judged, judge_columns
from ._survey import MOST_COPIES, Survey, survey
from ._training import Training, warn

# Training rows that roles are judged on.
JUDGED_ROWS = 50_000
# What rows are split by must name all but all of them.
_NAMING = 0.95
# With more of its values unreadable than this, a column may be something else.
_LOST = 0.2


def start(
    context: Context,
    dataset: Dataset,
    name: str,
    target: str | None,
    overrides: Mapping[str, Role],
    split: Split,
    asked: dict[str, Any],
) -> Pipeline:
    """Return a new pipeline with roles and split, without steps.

    Raises:
        BadRequest: no column can be a feature, or the split does not fit.
        DataUnreadable: the dataset changed meanwhile.
    """
    with unmoved(dataset, context):
        return _start(context, dataset, name, target, overrides, split, asked)


def _start(
    context: Context,
    dataset: Dataset,
    name: str,
    target: str | None,
    overrides: Mapping[str, Role],
    split: Split,
    asked: dict[str, Any],
) -> Pipeline:
    split_by = _naming_column(dataset, target, overrides) if split.method in {"stratified", "random"} else ""
    found = survey(dataset, target, split, id_column=split_by or None, progress=context.progress)
    judged = _judge(dataset, _training(dataset, found, split.seed), target, overrides, found.train_rows)
    inputs = [item.input for item in judged if item.input is not None]
    if not inputs:
        raise BadRequest(
            f"no column of {dataset.name!r} can be a feature; overrides={{column: role}} may say otherwise"
        )
    roles = Roles(
        dataset=dataset.name,
        target=target,
        overrides=dict(overrides),
        split=split,
        task=found.target.task if found.target else "none",
        roles=[item.role for item in judged],
        inputs=inputs,
        storage={column: str(kind) for column, kind in dataset.schema.items()},
        rows=dataset.rows,
        train_rows=found.train_rows,
        test_rows=dataset.rows - found.train_rows,
        split_by=split_by,
        split_told=found.told,
        asked=asked,
    )
    training = Builder(context, roles, dataset, found).build([]).training
    roles.told = Told(
        features=[made_of(column) for column in training.columns.values()],
        rows=training.rows,
        of=training.of,
        warnings=_warnings(roles, judged, found, training),
    )
    return Pipeline(name=name, roles=roles, fingerprint=dataset.fingerprint)


def _judge(
    dataset: Dataset, training: Dataset, target: str | None, overrides: Mapping[str, Role], of: int
) -> list[Judged]:
    """Judge the columns under the names that they have in memory, and return them under their own."""
    there = dict(zip(dataset.columns, training.columns, strict=True))  # a blank name is given another
    told = {there[name]: role for name, role in overrides.items()}
    judged = judge_columns(training, None if target is None else there[target], told, of)
    for name, item in zip(dataset.columns, judged, strict=True):
        item.role.column = name
        if item.input is not None:
            item.input["name"] = name
    return judged


def _training(dataset: Dataset, found: Survey, seed: int) -> Dataset:
    import pyarrow as pa

    positions = found.sample(seed, JUDGED_ROWS)
    # In an order that the order of the file does not decide.
    frame = take_rows(dataset, dataset.columns, positions).iloc[np.argsort(found.keys[positions], kind="stable")]
    arrays = [_without_infinite(pa.array(frame[name].array)) for name in frame.columns]
    return open_dataset(pa.Table.from_arrays(arrays, names=list(frame.columns)), name=dataset.name)


def _without_infinite(values: Any) -> Any:
    """Return values with nulls for what the pipeline's reader takes as missing: NaN, and numbers without end."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_floating(values.type):
        return values
    return pc.if_else(pc.is_finite(values), values, pa.scalar(None, values.type))


def _naming_column(dataset: Dataset, target: str | None, overrides: Mapping[str, Role]) -> str:
    """Return the column that names the rows, or an empty text; of several, not the order of the columns decides."""
    candidates = [
        (profile.name not in overrides, not profile.name.lower().endswith("id"), profile.name)
        for profile in profile_columns(dataset).values()
        if profile.name != target
        and overrides.get(profile.name, "id" if profile.kind == "id" else "") == "id"
        and profile.nulls == 0
        and profile.distinct >= _NAMING * profile.rows
    ]
    return min(candidates)[-1] if candidates else ""


def _warnings(roles: Roles, judged: list[Judged], found: Survey, training: Training) -> list[Finding]:
    warnings = []
    for item in judged:
        role = item.role
        if role.role == "leaking":
            message = f"{role.column!r} gives {roles.target!r} away and is left out: {role.reason}"
            warnings.append(warn(message, [role.column], "leaking", role.confidence, "medium"))
        if "although it gives" in role.reason:
            message = f"{role.column!r} is kept {role.reason}"
            warnings.append(warn(message, [role.column], "leaking", None, "medium"))
        if item.absent:
            told = ", ".join(repr(value) for value in item.absent[:4])
            message = f"{role.column!r}: {told} stand for missing and are read as such"
            warnings.append(warn(message, [role.column], "missing"))
        warnings += _unread(item, training)
    return [*warnings, *_of_names(roles), *_of_copies(roles, found), *_of_classes(found)]


def _of_names(roles: Roles) -> list[Finding]:
    """Say that rows of one id may lie on both sides of the split."""
    told = [name for name, role in roles.overrides.items() if role == "id" and name != roles.split_by]
    if not told or roles.split.method not in {"stratified", "random"}:
        return []
    message = (
        f"{told[0]!r} does not name each row, so rows of one {told[0]} may lie on both sides of the split; "
        f"split={{'method': 'group', 'column': {told[0]!r}}} keeps them together"
    )
    return [warn(message, told, "id", severity="medium")]


def _unread(item: Judged, training: Training) -> list[Finding]:
    """Say that most values of a column can't be read as what it was told to be."""
    name, role = item.role.column, item.role.role
    if item.input is None or item.filled == 0:
        return []
    lost = float(pd.isna(training.frame[name]).mean()) - (1 - item.filled)
    if lost <= _LOST * item.filled:
        return []
    message = f"{name!r} as {role}: {lost / item.filled:.0%} of its values can't be read so and are taken as missing"
    return [warn(message, [name], "unreadable_values", round(lost / item.filled, 4), "medium")]


def _of_copies(roles: Roles, found: Survey) -> list[Finding]:
    if not found.copies or roles.split_by:
        return []
    message = f"{found.copies:.1%} of the rows equal an earlier one"
    apart = roles.split.method in {"stratified", "random"} and found.copies > MOST_COPIES
    if apart:
        message += (
            "; so many are taken for different things that look alike, and lie on both sides of the split. If they "
        )
        message += "are copies, take them out first: a test row that was trained on tells nothing"
    return [warn(message, [], "duplicate_rows", round(found.copies, 4), "medium" if apart else "low")]


def _of_classes(found: Survey) -> list[Finding]:
    target = found.target
    if target is None or not target.classes:
        return []
    tested = np.isin(np.arange(len(target.classes)), target.y[found.test])
    absent = {
        "training": target.others,
        "test": [label for label, there in zip(target.classes, tested, strict=True) if not there],
    }
    warnings = []
    for side, labels in absent.items():
        if labels:
            told = ", ".join(map(repr, labels[:5])) + (f" and {len(labels) - 5} more" if len(labels) > 5 else "")
            message = f"no {side} row is of class {told}"
            warnings.append(warn(message, [], f"classes_without_{side}_rows", len(labels), "medium"))
    return warnings
