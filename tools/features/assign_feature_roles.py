"""The first step: what every column is for, and which rows are for testing."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from pydantic import Field

from ..catalogue import action
from ..context import Context
from ..data.dataset import Dataset
from ..data.registry import legal_name
from ..errors import BadRequest, unknown
from ..results import worst_first
from ._answers import PipelineResult, open_end, scanned
from ._declared import READ_ROLES, RESERVED, ColumnRole, Pipeline, Pipelines, Role, Split


class FeatureRoles(PipelineResult):
    """The role of every column, and how the rows were split."""

    target: str | None
    task: str
    roles: list[ColumnRole]
    split: Split
    split_by: str
    train_rows: int
    test_rows: int
    split_told: str = ""
    replaced: str = ""
    changed: bool = True
    next_call: str = Field("", exclude=True)

    def headline(self) -> str:
        what = f"to predict {self.target!r} ({self.task})" if self.target else "without a target"
        same = "" if self.changed else "; it was there already, nothing changed"
        return (
            f"pipeline {self.pipeline!r} {what}: {self.train_rows:,} training and {self.test_rows:,} test rows "
            f"({self.split_told or self.split.method}){same}{self.replaced}."
        )

    def details(self) -> list[str]:
        grouped: dict[str, list[str]] = {}
        for role in self.roles:
            label = f"{role.role} ({role.cardinality} cardinality)" if role.cardinality else role.role
            grouped.setdefault(label, []).append(role.column)
        lines = [
            f"{label}: {', '.join(names[:15])}{' …' if len(names) > 15 else ''}" for label, names in grouped.items()
        ]
        unsure = [f"{r.column} {r.role} {r.confidence:.0%} ({r.reason})" for r in self.roles if r.confidence < 0.8]
        return lines + ([f"unsure: {'; '.join(unsure[:5])}"] if unsure else [])

    def next_steps(self) -> list[str]:
        return [
            "overrides={column: role} corrects a role",
            f"impute_missing_values(pipeline={self.pipeline!r}), then {self.next_call}",
        ]


@action("Assign feature roles", pure=False, read_only=False)
def assign_feature_roles(
    dataset: Dataset,
    target: str | None = None,
    overrides: dict[str, Role] | None = None,
    split: Split | None = None,
    pipeline: str | None = None,
    *,
    context: Context,
) -> FeatureRoles:
    """Start a feature pipeline: the role of each column, leaks, and a train/test split that all later fitting respects.

    Rows are split 80/20 by default: with a target so that its classes (or tenths of its range) are alike on both sides,
    drawn from an id column where there is one, else from what the row holds.

    Args:
        dataset: a name, path or URI
        target: the column to predict
        overrides: {column: role}
        split: by time or group with its column
        pipeline: a name for it; default from dataset and target
        context: who calls

    Raises:
        BadRequest: a column does not exist; the target is constant, or empty in some rows; the split does not fit.
    """
    from ._repeating import repeating

    dataset = repeating(dataset, context)
    asked = {
        "dataset": dataset.name,
        "target": target,
        "overrides": dict(sorted((overrides or {}).items())),
        "split": (split or Split()).model_dump(),
    }
    target = checked_target(dataset, target, overrides or {})
    wish = checked_split(dataset, target, split or Split())
    pipelines = Pipelines.of(context)
    name = pipeline or _free_name(pipelines, dataset, target, asked)
    with pipelines.changing(name):
        known = pipelines.find_readable(name)
        if known is not None and known.roles.asked == asked and known.fingerprint == dataset.fingerprint:
            return _answer(known, changed=False)
        if known is not None and known.steps:
            raise _has_steps(known, moved=known.roles.asked == asked)
        from ._start import start

        made = start(context, dataset, name, target, overrides or {}, wish, asked)
        pipelines.keep(made)
    replaced = f"; it replaced one without steps on {known.roles.dataset}" if known is not None else ""
    return _answer(made, replaced=replaced)


def checked_target(dataset: Dataset, target: str | None, overrides: Mapping[str, Role]) -> str | None:
    """Return the target once it and the overrides fit the dataset.

    Raises:
        BadRequest: a column does not exist, or two targets are named.
    """
    named = [column for column, role in overrides.items() if role == "target"]
    dataset.require([*overrides, *([target] if target else [])])
    if len({*named, *([target] if target else [])}) > 1:
        raise BadRequest(f"there can be one target only; target is {target!r} and overrides name {', '.join(named)}")
    if "split" in (target, *named):
        raise BadRequest(
            "a target called 'split' would stand beside the column 'split' of fe_ready.parquet, which tells train from "
            "test; rename it"
        )
    for name in RESERVED:
        if name in dataset.columns:
            raise BadRequest(f"a column is called {name!r}, which Refinery needs for itself; rename it")
    if target is not None and overrides.get(target, "target") != "target":
        raise BadRequest(f"{target!r} is the target, and overrides make it {overrides[target]!r}; leave one out")
    for column, role in overrides.items():
        kind = dataset.schema[column]
        if role in READ_ROLES and (kind.is_nested() or kind.is_binary() or kind.is_json()):
            raise BadRequest(
                f"{column!r} is of type {kind}, which can't be read as {role}; bring it into columns of its own first, "
                "or override it as 'ignore' or 'id'"
            )
    return target or (named[0] if named else None)


def checked_split(dataset: Dataset, target: str | None, split: Split) -> Split:
    """Return the split once it fits the dataset.

    Raises:
        BadRequest: its column is missing, superfluous, the target, or without a time.
    """
    if split.method in {"time", "group"}:
        if split.column is None:
            raise BadRequest(
                f"split by {split.method} needs its column: split={{'method': {split.method!r}, 'column': …}}"
            )
        dataset.require([split.column])
        if split.column == target:
            raise BadRequest(f"the rows can't be split by the target {target!r} itself; choose another column")
        kind = dataset.schema[split.column]
        if split.method == "time" and not (kind.is_timestamp() or kind.is_date()):
            times = [name for name, dtype in dataset.schema.items() if dtype.is_timestamp() or dtype.is_date()]
            raise BadRequest(
                f"split by time: {split.column!r} is of type {kind}, without a time. "
                f"Columns with one: {', '.join(times[:8]) or 'none'}"
            )
        return split
    if split.column is not None:
        raise BadRequest(
            f"a {split.method} split takes no column; for {split.column!r} say method 'group' (its rows stay together) "
            "or 'time' (the latest rows are for testing)"
        )
    return split if target or split.method == "random" else split.model_copy(update={"method": "random"})


def _free_name(pipelines: Pipelines, dataset: Dataset, target: str | None, asked: dict[str, Any]) -> str:
    stem = legal_name(dataset.name.rpartition("/")[2].partition(".")[0])
    plain = unicodedata.normalize("NFKD", f"{stem}_{target}" if target else stem).encode("ascii", "ignore").decode()
    base = legal_name(plain)[:58] if re.search(r"[A-Za-z0-9]", plain) else "features"
    for number in range(1, 1_000):
        name = base if number == 1 else f"{base}_{number}"
        known = pipelines.find_readable(name)
        same = known is not None and known.roles.asked == asked and known.fingerprint == dataset.fingerprint
        if known is None or same or not known.steps:
            return name
    raise unknown("free name for a pipeline", base, [])


def _has_steps(known: Pipeline, *, moved: bool) -> BadRequest:
    """Build the error for a name whose steps would be lost, with the way to keep them."""
    edit = f"edit_pipeline(pipeline={known.name!r}, step=0, arguments={{{'' if moved else '…'}}})"
    way = f"judge its changed table again with {edit}" if moved else f"change its roles with {edit}"
    return BadRequest(
        f"pipeline {known.name!r} has {len(known.steps)} steps already; choose another name, or {way}, which fits the "
        "steps again"
    )


def _answer(pipeline: Pipeline, *, changed: bool = True, replaced: str = "") -> FeatureRoles:
    roles = pipeline.roles
    return FeatureRoles(
        dataset=roles.dataset,
        scanned=scanned(roles.told),
        findings=worst_first(roles.told.warnings),
        pipeline=pipeline.name,
        target=roles.target,
        task=roles.task,
        roles=roles.roles,
        split=roles.split,
        split_by=roles.split_by or roles.split.column or "the content of each row",
        train_rows=roles.train_rows,
        test_rows=roles.test_rows,
        split_told=roles.split_told,
        replaced=replaced,
        changed=changed,
        next_call=open_end(pipeline),
    )
