"""What the actions on a pipeline answer."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from ..results import Result, Scanned, worst_first
from ._declared import DeclaredStep, Made, Pipeline, Told

_SHOWN = 12


class PipelineResult(Result):
    """An answer about a pipeline."""

    pipeline: str


class StepResult(PipelineResult):
    """What a step made, from what, and what it learned; `features` counts the columns after it."""

    step: int
    action: str
    changed: bool = True
    made: list[Made] = Field(default_factory=list)
    dropped: list[str] = Field(default_factory=list)
    features: int
    reasons: dict[str, str] = Field(default_factory=dict)
    learned: dict[str, Any] = Field(default_factory=dict)
    preview: list[dict[str, Any]] = Field(default_factory=list)

    def headline(self) -> str:
        if not self.changed:
            return f"already step {self.step} of {self.pipeline!r}; nothing changed."
        made, dropped = len(self.made), len(set(self.dropped) - {item.column for item in self.made})
        return (
            f"step {self.step} of {self.pipeline!r}: {made:,} columns made, {dropped:,} dropped, {self.features:,} now."
        )

    def details(self) -> list[str]:
        lines = [f"{name}: {reason}" for name, reason in list(self.reasons.items())[:_SHOWN]]
        if len(self.reasons) > _SHOWN:
            lines.append(f"and {len(self.reasons) - _SHOWN} more")
        names = [item.column for item in self.made]
        if not names and self.dropped and self.kept:
            more = f" … and {len(self.kept) - 60:,} more" if len(self.kept) > 60 else ""
            lines.insert(0, f"kept: {', '.join(self.kept[:60])}{more}")
        if names:
            more = f" … and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
            lines.append(f"made: {', '.join(names[:_SHOWN])}{more}")
        return lines

    def next_steps(self) -> list[str]:
        again = f"{self.action}(columns=[…]) does it again, for columns that later steps made: {_listed(self.later)}"
        return [*([again] if self.later else []), *([self.open_end] if self.open_end else [])]

    open_end: str = Field("", exclude=True)
    later: list[str] = Field(default_factory=list, exclude=True)
    kept: list[str] = Field(default_factory=list, exclude=True)


def step_result(pipeline: Pipeline, number: int, *, changed: bool = True) -> StepResult:
    """Return the answer about one step, counted from 1."""
    step: DeclaredStep = pipeline.steps[number - 1]
    told = step.told
    return StepResult(
        dataset=pipeline.roles.dataset,
        scanned=scanned(told),
        findings=worst_first(told.warnings),
        pipeline=pipeline.name,
        step=number,
        action=step.action,
        changed=changed,
        made=told.made,
        dropped=told.dropped,
        features=len(told.features),
        reasons=told.reasons,
        learned=told.learned,
        preview=told.preview,
        kept=[item.column for item in told.features],
        open_end=open_end(pipeline),
        later=[] if changed else _made_later(pipeline, number),
    )


def _made_later(pipeline: Pipeline, number: int) -> list[str]:
    """Return the columns that are there, and were made after a step that can be told its columns."""
    if "columns" not in pipeline.steps[number - 1].arguments:
        return []
    there = {item.column for item in pipeline.features}
    return [item.column for step in pipeline.steps[number:] for item in step.told.made if item.column in there]


def _listed(names: list[str]) -> str:
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")


def scanned(told: Told) -> Scanned:
    """Say how many of the training rows were fitted on."""
    method = "training rows" if told.rows == told.of else "training rows with the lowest keys, drawn from content"
    return Scanned(rows=told.rows, of=told.of, method=method)


_WAYS = {
    "category": "encode_categorical_features",
    "datetime": "generate_datetime_features",
    "text": "vectorise_text_features",
}


def open_end(pipeline: Pipeline) -> str:
    """Say what is left to do before the pipeline can be saved, or that it can."""
    for kind, action in _WAYS.items():
        names = [item.column for item in pipeline.features if item.kind == kind]
        if names:
            return f"{action}(pipeline={pipeline.name!r}), for what is not yet numbers: {_listed(names)}"
    done = {step.action for step in pipeline.steps}
    may = [action for action in ("scale_numeric_features", "select_features") if action not in done]
    first = f"{' and '.join(may)} if the model needs them, then " if may and pipeline.steps else ""
    return f"{first}save_fe_pipeline(pipeline={pipeline.name!r}) when it is as you want it"
