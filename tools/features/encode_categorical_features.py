"""Categories as numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from ..catalogue import action
from ..context import Context
from ._answers import StepResult, step_result

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._reader import Kind
    from ._training import Plan, Training

Strategy = Literal["auto", "onehot", "ordinal", "target", "hash", "frequency"]


def plan(training: Training, *, strategy: Strategy = "auto", columns: Sequence[str] | None = None) -> Plan:
    """Decide how each category is encoded."""
    from ._encoders_choice import decide
    from ._training import Plan, warn

    kinds: tuple[Kind, ...] = ("category",) if columns is None else ("category", "text")
    names = training.choose(columns, kinds, what="encode_categorical_features")
    if not names:
        return Plan(warnings=[warn("there is no category column left, so nothing was encoded", [], "columns", 0)])
    return decide(training, strategy, names)


@action("Encode categorical features", pure=False, read_only=False)
def encode_categorical_features(
    pipeline: str,
    strategy: Strategy = "auto",
    columns: list[str] | None = None,
    *,
    context: Context,
) -> StepResult:
    """Turn categories into numbers: one-hot for few levels, leak-free cross-fitted target means for many.

    `auto` makes a flag for each of up to 20 levels, those in few rows grouped as rare. A column with more gets the
    mean of the target in each level, drawn to the mean of all rows as empirical Bayes says, without the row's own
    fold for training rows; beside it the level's frequency, and what its spelling has in common with others, where
    these tell the target of levels that were left out. Without a target, or with one of more than 20 classes, it gets
    the frequency alone. A missing value is a level of its own.

    What each strategy makes of a level that was not seen: `onehot` the flag of rare levels, else all flags 0;
    `ordinal` -1 (a missing value is -2); `target` the mean of all training rows; `frequency` 0; `hash` needs none.

    Args:
        pipeline: its name
        strategy: auto decides by levels and target
        columns: default all categories
        context: who calls

    Raises:
        BadRequest: a column is no category or text; target encoding without a target or with more than 20 classes.
        LimitExceeded: one-hot encoding of more than 200 levels.
    """
    from ._build import extend

    declared, number, changed = extend(
        context, pipeline, "encode_categorical_features", {"strategy": strategy, "columns": columns}
    )
    return step_result(declared, number, changed=changed)
