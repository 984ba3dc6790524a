"""From a declared pipeline to a fitted one: rows are read once, steps are fitted in turn, and both are kept.

What was fitted is found again by a key of all that it depends on (the data, roles, split and the steps so far), so
that a call fits its own step alone, and a changed step refits what follows.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd
from pyarrow.lib import ArrowInvalid

from ..catalogue import action_of
from ..context import Context
from ..data.dataset import Dataset
from ..errors import BadRequest, DataUnreadable, RefineryError, unknown
from . import _cells as cells
from . import _skops
from ._declared import DeclaredStep, Made, Pipeline, Pipelines, Roles, Told
from ._reader import ROW, Reader, as_frame, rank_rows
from ._repeating import repeating, unmoved
from ._rows import hash_values
from ._step import Step
from ._survey import MOST_ROWS, Survey, batches, survey
from ._training import FEWEST_ROWS, MOST_CELLS, Column, Plan, Training, warn

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)

STEPS = (
    "impute_missing_values",
    "scale_numeric_features",
    "encode_categorical_features",
    "generate_datetime_features",
    "vectorise_text_features",
    "generate_interactions",
    "select_features",
)
# Raised when what is fitted changes, so that nothing kept by an older version is used.
FITTING = 1
_PREVIEW_ROWS, _PREVIEW_COLUMNS = 3, 8
_LONGEST = 60
_Y = "__target__"


@dataclass(frozen=True, eq=False)
class Built:
    """A fitted pipeline: its steps, what each told, and the training rows after the last."""

    training: Training
    steps: list[Step] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)


@dataclass(eq=False)
class Builder:
    """Fits the steps of a declared pipeline over a dataset.

    Attributes:
        context: where things are kept, and whose they are.
        roles: of the columns, and the split.
        dataset: the rows.
    """

    context: Context
    roles: Roles
    dataset: Dataset
    _survey: Survey | None = None

    @property
    def survey(self) -> Survey:
        """The split of the dataset, drawn on first use."""
        if self._survey is None:
            self._survey = take_survey(self.dataset, self.roles, self.context)
        return self._survey

    def build(self, declared: Sequence[DeclaredStep], known: int = 0) -> Built:
        """Fit the steps that are not kept from before.

        Args:
            declared: the steps.
            known: how many of them were fitted with the same data before, and told so.

        Raises:
            BadRequest: a step does not fit the columns that it finds.
        """
        keys = self._keys(declared)
        try:
            return self._build(keys, declared, known)
        except (OSError, ArrowInvalid, DataUnreadable, KeyError, ValueError) as error:
            if not any(self._file(key, suffix).exists() for key in keys for suffix in ("arrow", "skops")):
                raise
            log.warning("what was kept of a pipeline can't be read (%s); it is fitted again", type(error).__name__)
            for key in keys:
                for suffix in ("arrow", "skops"):
                    self._file(key, suffix).unlink(missing_ok=True)
            return self._build(keys, declared, 0)

    def _build(self, keys: list[str], declared: Sequence[DeclaredStep], known: int) -> Built:
        start = next((n for n in range(known, -1, -1) if self._is_kept(keys, n)), None)
        if start is None:
            training, start = self._start(), 0
            self._keep_training(keys[0], training)
        else:
            training = self._kept_training(keys[start])
        steps = [cast("Step", _skops.load(self._file(key, "skops"))) for key in keys[1 : start + 1]]
        told = [step.told for step in declared[:start]]
        for number in range(start, len(declared)):
            self.context.progress(number - start, len(declared) - start, declared[number].action)
            step, training, words = fit_step(training, declared[number], number + 1)
            steps.append(step)
            told.append(words)
            self._keep(keys[number + 1], step)
        if start < len(declared):
            self._keep_training(keys[-1], training)
            for key in keys[:-1]:
                self._file(key, "arrow").unlink(missing_ok=True)
        return Built(training, steps, told)

    def _start(self) -> Training:
        with unmoved(self.dataset, self.context):
            return read_training(self.dataset, self.roles, self.survey, self.context)

    def _keys(self, declared: Sequence[DeclaredStep]) -> list[str]:
        roles = self.roles
        data = [self.dataset.fingerprint, roles.inputs, roles.target, roles.task, roles.split.model_dump()]
        keys = [_digest([FITTING, *data, roles.split_by])]
        for step in declared:
            keys.append(_digest([keys[-1], step.action, step.arguments]))
        return keys

    def _is_kept(self, keys: Sequence[str], number: int) -> bool:
        if not self.dataset.fingerprint:
            return False
        files = [self._file(keys[number], "arrow"), *(self._file(key, "skops") for key in keys[1 : number + 1])]
        return all(file.exists() for file in files)

    def _file(self, key: str, suffix: str) -> Path:
        return self.context.workspace.folder("stages", self.context.caller.tenant) / f"{key}.{suffix}"

    def _keep(self, key: str, step: Step) -> None:
        if self.dataset.fingerprint:
            with _written(self._file(key, "skops")) as path:
                _skops.dump(step, path)

    def _keep_training(self, key: str, training: Training) -> None:
        import pyarrow.feather

        if not self.dataset.fingerprint:
            return
        about = {
            "columns": [[c.name, c.kind, list(c.sources)] for c in training.columns.values()],
            "task": training.task,
            "classes": list(training.classes),
            "of": training.of,
            "seed": training.seed,
        }
        with _written(self._file(key, "arrow")) as path:
            table = to_arrow(training).replace_schema_metadata({"refinery": json.dumps(about)})
            pyarrow.feather.write_feather(table, path, compression="lz4")

    def _kept_training(self, key: str) -> Training:
        import pyarrow.feather

        table = pyarrow.feather.read_table(self._file(key, "arrow"))
        about = json.loads(table.schema.metadata[b"refinery"])
        arrays = {name: _array(table.column(name)) for name in table.column_names}
        y = arrays.pop(_Y, None)
        columns = {name: Column(name, kind, tuple(sources)) for name, kind, sources in about["columns"]}
        return Training(
            as_frame(arrays), columns, y, about["task"], tuple(about["classes"]), about["of"], about["seed"]
        )


def _digest(of: Any) -> str:
    return hashlib.blake2b(json.dumps(of, sort_keys=True).encode(), digest_size=16).hexdigest()


def take_survey(dataset: Dataset, roles: Roles, context: Context) -> Survey:
    """Draw the split that the roles say."""
    return survey(
        dataset,
        roles.target,
        roles.split,
        id_column=roles.split_by or None,
        task=roles.task if roles.target else None,
        progress=context.progress,
    )


@dataclass(frozen=True, eq=False)
class Fitted:
    """The training rows that are fitted on, in the order of the table: where they stand, their `ROW`, and the rows."""

    positions: npt.NDArray[np.int64]
    marks: npt.NDArray[np.int64]
    frame: pd.DataFrame
    y: npt.NDArray[np.float64] | None


def read_fitted(dataset: Dataset, roles: Roles, found: Survey) -> Fitted:
    """Read the training rows that are fitted on."""
    names = [column["name"] for column in roles.inputs]
    most = min(MOST_ROWS, max(FEWEST_ROWS, MOST_CELLS // max(1, len(names))))
    positions = found.sample(roles.split.seed, most)
    group = roles.split.column if roles.split.method == "group" else None
    raw = take_rows(dataset, list(dict.fromkeys([*names, *([group] if group else [])])), positions)
    frame = Reader(roles.inputs, seed=roles.split.seed).transform(raw)
    y = None if found.target is None else found.target.y[positions]
    groups = hash_values(cells.texts(raw[group])) if group else None
    return Fitted(positions, rank_rows(frame, y, groups, roles.split.seed), frame, y)


def read_training(dataset: Dataset, roles: Roles, found: Survey, context: Context) -> Training:
    """Read the training rows that are fitted on, in the order that their content decides."""
    rows = read_fitted(dataset, roles, found)
    order = np.argsort(rows.marks, kind="stable")
    arrays = {str(name): rows.frame[name].to_numpy()[order] for name in rows.frame.columns}
    arrays[ROW] = rows.marks[order]
    columns = {c["name"]: Column(c["name"], c["kind"], (c["name"],)) for c in roles.inputs}
    context.progress(len(found.keys), len(found.keys), "training rows read")
    return Training(
        as_frame(arrays),
        columns,
        None if rows.y is None else rows.y[order],
        roles.task,
        found.target.classes if found.target else (),
        found.train_rows,
        roles.split.seed,
    )


def take_rows(dataset: Dataset, columns: Sequence[str], positions: Any) -> pd.DataFrame:
    """Return the rows at some positions, in the order of the table, Arrow-backed."""
    import pyarrow as pa

    names = list(columns) or dataset.columns[:1]
    taken, start = [], 0
    for table in batches(dataset, names):
        end = start + table.num_rows
        low, high = np.searchsorted(positions, [start, end])
        if high - low == table.num_rows:
            taken.append(table)
        elif high > low:
            taken.append(table.take(pa.array(positions[low:high] - start)))
        start = end
    frame: pd.DataFrame = pa.concat_tables(taken).select(list(columns)).to_pandas(types_mapper=pd.ArrowDtype)
    return frame


def fit_step(training: Training, declared: DeclaredStep, number: int) -> tuple[Step, Training, Told]:
    """Plan and fit one step, and say what it did.

    Raises:
        BadRequest: it does not fit the columns that it finds; the message names the step.
        LimitExceeded: it would make too many columns.
    """
    try:
        plan = planned(training, declared)
        step = plan.step().fit(training.frame, training.y)
    except RefineryError as error:
        raise type(error)(f"step {number}, {declared.action}: {error}") from None
    after = training.after(step)
    return step, after, _tell(training, plan, step, after)


def planned(training: Training, declared: DeclaredStep) -> Plan:
    """Ask an action what it would do."""
    module = importlib.import_module(f".{declared.action}", __package__)
    plan: Plan = module.plan(training, **checked_arguments(declared.action, declared.arguments))
    return plan


def checked_arguments(action: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a step, defaults included.

    Raises:
        BadRequest: there is no such step or argument, or a value is not allowed.
    """
    if action not in STEPS:
        raise unknown("step", action, STEPS)
    function = getattr(importlib.import_module(f".{action}", __package__), action)
    if "pipeline" in arguments:
        raise BadRequest(f"a step stays in its pipeline; call {action}(pipeline={arguments['pipeline']!r}) for another")
    valid = action_of(function).validate({**arguments, "pipeline": "-"})
    return {name: value for name, value in valid.items() if name != "pipeline"}


def _tell(training: Training, plan: Plan, step: Step, after: Training) -> Told:
    outputs = [name for name, _, _ in step.outputs()]
    made = [made_of(after.columns[name]) for name in outputs]
    shown = [name for name in outputs if name in after.columns][:_PREVIEW_COLUMNS]
    warnings = list(plan.warnings)
    if after.rows < training.rows:
        warnings.append(
            warn(
                f"with {len(after.columns):,} columns the steps from here on are fitted on {after.rows:,} of "
                f"{training.of:,} training rows",
                [],
                "training_rows",
                after.rows,
            )
        )
    return Told(
        made=made,
        dropped=[name for name in step.gone if name not in outputs],
        reasons=plan.reasons,
        learned=_shortened(step.learned()),
        warnings=warnings,
        cross_fitted=step.cross_fitted,
        features=[made_of(column) for column in after.columns.values()],
        rows=training.rows,
        of=training.of,
        preview=preview(after, shown),
    )


def _shortened(value: Any) -> Any:
    """Return what was learned without long cells."""
    if isinstance(value, str):
        return value if len(value) <= _LONGEST else value[: _LONGEST - 1] + "…"
    if isinstance(value, dict):
        return {_shortened(key): _shortened(item) for key, item in value.items()}
    return [_shortened(item) for item in value] if isinstance(value, list) else value


def made_of(column: Column) -> Made:
    """Return a column as it is told."""
    return Made(column=column.name, kind=column.kind, sources=list(column.sources))


def preview(training: Training, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return the first training rows of some columns as JSON can hold them."""
    return [
        {name: _shown(training.frame[name].iloc[row]) for name in names}
        for row in range(min(_PREVIEW_ROWS, training.rows) if names else 0)
    ]


def _shown(value: Any) -> Any:
    if value is None or value is pd.NaT or (isinstance(value, float | np.floating) and not np.isfinite(value)):
        return None
    if isinstance(value, float | np.floating):
        return float(f"{value:.4g}")
    return _shortened(str(value))


def to_arrow(training: Training) -> pa.Table:
    """Return the training rows as an Arrow table, the target last."""
    import pyarrow as pa

    frame = training.frame
    arrays = [pa.array(frame[name].to_numpy(), from_pandas=True) for name in frame.columns]
    names = [str(name) for name in frame.columns]
    for index, name in enumerate(names):
        if arrays[index].type == pa.null():
            arrays[index] = arrays[index].cast(pa.string())
        elif name != ROW and pa.types.is_floating(arrays[index].type):
            arrays[index] = pa.array(frame[name].to_numpy())
    if training.y is not None:
        arrays.append(pa.array(training.y))
        names.append(_Y)
    return pa.Table.from_arrays(arrays, names=names)


def _array(column: pa.ChunkedArray) -> Any:
    import pyarrow as pa

    values = column.to_numpy()
    return np.array(values, dtype=object) if pa.types.is_string(column.type) else np.array(values)


@contextlib.contextmanager
def _written(path: Path) -> Any:
    """Yield a path to write to; the file has its name only once it is whole."""
    from ..data.unfinished import unfinished_prefix

    unfinished = path.with_name(f"{unfinished_prefix()}{path.name}")
    try:
        yield unfinished
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def check_storage(roles: Roles, dataset: Dataset) -> None:
    """Check that the columns of the roles are still there.

    Raises:
        BadRequest: some are gone.
    """
    about = [roles.target, roles.split.column, roles.split_by]
    needed = [*(column["name"] for column in roles.inputs), *(name for name in about if name)]
    gone = [name for name in needed if name not in dataset.columns]
    if gone:
        raise BadRequest(
            f"{dataset.name!r} no longer has {', '.join(map(repr, gone[:5]))}, on which the pipeline was built; "
            "bring the table back, or start a new pipeline with assign_feature_roles"
        )


def open_data(context: Context, roles: Roles) -> Dataset:
    """Open the dataset of a pipeline again."""
    dataset = context.opener.open(roles.dataset)
    check_storage(roles, dataset)
    return repeating(dataset, context)


def extend(context: Context, name: str, action: str, arguments: dict[str, Any]) -> tuple[Pipeline, int, bool]:
    """Append a step to a pipeline and fit it; the same step twice changes nothing.

    Returns:
        the pipeline, the number of the step from 1, and whether anything changed.
    """
    pipelines = Pipelines.of(context)
    with pipelines.changing(name):
        pipeline = pipelines.get(name)
        for number, step in enumerate(pipeline.steps, start=1):
            if (step.action, step.arguments) == (action, arguments):
                return pipeline, number, False
        asked = DeclaredStep(action=action, arguments=arguments)
        changed = refit(context, pipeline, [*pipeline.steps, asked], known=len(pipeline.steps))
        pipelines.keep(changed)
        return changed, len(changed.steps), True


def refit(context: Context, pipeline: Pipeline, steps: Sequence[DeclaredStep], known: int) -> Pipeline:
    """Return a pipeline with other steps, fitted; the first `known` are as they were.

    Raises:
        LimitExceeded: the table would become too wide.
    """
    dataset = open_data(context, pipeline.roles)
    moved = dataset.fingerprint != pipeline.fingerprint
    builder, roles = Builder(context, pipeline.roles, dataset), pipeline.roles
    built = builder.build(steps, 0 if moved else known)
    fitted = [step.model_copy(update={"told": told}) for step, told in zip(steps, built.told, strict=True)]
    if moved and fitted:
        message = f"{dataset.name!r} has changed since the roles were assigned: all steps were fitted again on its rows"
        fitted[-1].told.warnings.insert(0, warn(message, [], "changed_data", severity="medium"))
    if moved:
        found = builder.survey
        task = found.target.task if found.target else "none"
        if task != roles.task:
            raise BadRequest(
                f"the target of {dataset.name!r} has changed ({roles.task} before, {task} now), so that the pipeline "
                "no longer fits; start a new one with assign_feature_roles"
            )
        train = found.train_rows
        storage = {column: str(kind) for column, kind in dataset.schema.items()}
        counts = {"rows": dataset.rows, "train_rows": train, "test_rows": dataset.rows - train, "storage": storage}
        roles = roles.model_copy(update=counts)
    return pipeline.model_copy(update={"steps": fitted, "fingerprint": dataset.fingerprint, "roles": roles})
