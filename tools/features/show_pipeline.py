"""What a pipeline is made of, as it was declared and fitted."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from ..catalogue import action
from ..context import Context
from ..results import Answer, Finding, Model, worst_first
from ._answers import open_end
from ._declared import ColumnRole, Made, Pipeline, Pipelines, Split

# Of a step so much is told in words; the structured answer has all.
_LEARNED, _WARNED, _LONGEST = 3, 2, 120


class ShownStep(Model):
    """A step: what was asked, what it made and dropped, what it learned by column, and what it warned of."""

    step: int
    action: str
    arguments: dict[str, Any]
    made: list[str]
    dropped: list[str]
    learned: dict[str, Any] = Field(default_factory=dict)
    warnings: list[Finding] = Field(default_factory=list)

    def lines(self) -> list[str]:
        """Return the step in words, with a few of what it learned and warned of."""
        asked = ", ".join(f"{key}={value!r}" for key, value in self.arguments.items() if value is not None)
        lines = [f"{self.step}. {self.action}({asked}): {len(self.made):,} made, {len(self.dropped):,} dropped"]
        if self.learned:
            told = "; ".join(f"{name}: {_brief_of(what)}" for name, what in list(self.learned.items())[:_LEARNED])
            more = len(self.learned) - _LEARNED
            lines.append(f"learned: {told}" + (f"; and {more:,} more" if more > 0 else ""))
        lines += [f"{warning.severity}: {_clipped(warning.message)}" for warning in self.warnings[:_WARNED]]
        if len(self.warnings) > _WARNED:
            lines.append(f"and {len(self.warnings) - _WARNED:,} more warnings")
        return lines


class PipelineInBrief(Model):
    """A pipeline among others."""

    pipeline: str
    dataset: str
    target: str | None
    steps: int
    features: int
    saved: str | None


class PipelineShown(Answer):
    """One pipeline with its steps and the lineage of its columns, or all in brief."""

    pipeline: str | None = None
    dataset: str | None = None
    target: str | None = None
    task: str | None = None
    split: Split | None = None
    train_rows: int | None = None
    test_rows: int | None = None
    roles: list[ColumnRole] = Field(default_factory=list)
    steps: list[ShownStep] = Field(default_factory=list)
    features: list[Made] = Field(default_factory=list)
    saved: str | None = None
    pipelines: list[PipelineInBrief] = Field(default_factory=list)
    truncated: bool = False
    uri: str | None = None
    next_call: str = Field("", exclude=True)

    def headline(self) -> str:
        if self.pipeline is None:
            return f"{len(self.pipelines)} pipelines." if self.pipelines else "no pipelines yet."
        what = f"to predict {self.target!r} " if self.target else ""
        return (
            f"{self.pipeline!r} on {self.dataset} {what}has {len(self.steps)} steps and {len(self.features):,} "
            f"columns, fitted on {self.train_rows:,} training rows; {self.test_rows:,} are kept for testing."
        )

    def details(self) -> list[str]:
        lines = [
            f"{item.pipeline}: {item.dataset}, target {item.target}, {item.steps} steps, {item.features:,} columns"
            + (f", saved at {item.saved}" if item.saved else "")
            for item in self.pipelines[:20]
        ]
        lines += [line for step in self.steps for line in step.lines()]
        lines += [
            f"{item.column} ({item.kind}) from {', '.join(item.sources)}"
            for item in self.features[:30]
            if item.sources != [item.column]
        ]
        same = [item.column for item in self.features if item.sources == [item.column]]
        if same:
            lines.append(f"under their own names: {', '.join(same[:40])}{' …' if len(same) > 40 else ''}")
        return lines

    def next_steps(self) -> list[str]:
        if self.pipeline is None:
            return [] if self.pipelines else ["assign_feature_roles(dataset=…, target=…) starts one"]
        return [self.next_call]


@action("Show a pipeline", pure=False, where="process")
def show_pipeline(pipeline: str | None = None, *, context: Context) -> PipelineShown:
    """Show a feature pipeline: its steps, their columns and the lineage of each; without a name, list all pipelines.

    Args:
        pipeline: its name
        context: whose pipelines

    Raises:
        BadRequest: there is no such pipeline.
    """
    pipelines = Pipelines.of(context)
    if pipeline is not None:
        return shown(pipelines.get(pipeline))
    known = [pipelines.find_readable(name) for name in pipelines.names()]
    return PipelineShown(pipelines=[_brief(item) for item in known if item is not None])


def shown(pipeline: Pipeline) -> PipelineShown:
    """Return a pipeline as it is shown."""
    roles = pipeline.roles
    return PipelineShown(
        pipeline=pipeline.name,
        dataset=roles.dataset,
        target=roles.target,
        task=roles.task,
        split=roles.split,
        train_rows=roles.train_rows,
        test_rows=roles.test_rows,
        roles=roles.roles,
        steps=[
            ShownStep(
                step=number,
                action=step.action,
                arguments={key: value for key, value in step.arguments.items() if value is not None},
                made=[item.column for item in step.told.made],
                dropped=step.told.dropped,
                learned=step.told.learned,
                warnings=worst_first(step.told.warnings),
            )
            for number, step in enumerate(pipeline.steps, start=1)
        ],
        features=pipeline.features,
        saved=pipeline.saved.folder if pipeline.saved else None,
        uri=f"refinery://pipelines/{pipeline.name}",
        next_call=open_end(pipeline),
    )


def _brief_of(learned: Any) -> str:
    pairs = learned.items() if isinstance(learned, dict) else [("", learned)]
    return _clipped(", ".join(f"{name} {value}".strip() for name, value in pairs))


def _clipped(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _brief(pipeline: Pipeline) -> PipelineInBrief:
    return PipelineInBrief(
        pipeline=pipeline.name,
        dataset=pipeline.roles.dataset,
        target=pipeline.roles.target,
        steps=len(pipeline.steps),
        features=len(pipeline.features),
        saved=pipeline.saved.folder if pipeline.saved else None,
    )
