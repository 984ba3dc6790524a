"""Changing or removing a step; what follows it is fitted again."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from ..catalogue import action
from ..context import Context
from ..errors import BadRequest, unknown
from ..results import Finding, worst_first
from ._answers import PipelineResult, open_end, scanned
from ._declared import DeclaredStep, Pipeline, Pipelines, Split


class EditedPipeline(PipelineResult):
    """The steps after the change, and what those that were fitted again warn of."""

    steps: list[str]
    role_changes: list[str] = Field(default_factory=list)
    refitted: int
    features: int
    changed: bool = True
    next_call: str = Field("", exclude=True)

    def headline(self) -> str:
        if not self.changed:
            return f"{self.pipeline!r} was so already; nothing changed."
        return (
            f"{self.pipeline!r} has {len(self.steps)} steps and {self.features:,} columns now, "
            f"{self.refitted} steps fitted again."
        )

    def details(self) -> list[str]:
        return [*self.role_changes, *self.steps]

    def next_steps(self) -> list[str]:
        return [self.next_call]


@action("Edit a pipeline", pure=False, read_only=False, idempotent=False)
def edit_pipeline(
    pipeline: str,
    step: Annotated[int, Field(ge=0)],
    remove: bool = False,
    arguments: dict[str, Any] | None = None,
    *,
    context: Context,
) -> EditedPipeline:
    """Change the arguments of a pipeline's step, or remove it, and refit what follows; step 0 is the roles.

    Args:
        pipeline: its name
        step: its number, as show_pipeline tells
        remove: take it out
        arguments: those to change; for step 0 overrides (merged; null takes one back), split or target; {} judges
            the roles of a changed table again
        context: whose pipeline

    Raises:
        BadRequest: there is no such pipeline, step or argument; or a later step does not fit the change.
    """
    if remove == (arguments is not None):
        raise BadRequest("say either remove=true or the arguments to change")
    pipelines = Pipelines.of(context)
    with pipelines.changing(pipeline):
        known = pipelines.get(pipeline)
        if step > len(known.steps):
            listed = "; ".join(_line(number, item) for number, item in enumerate(known.steps, start=1))
            raise BadRequest(f"{pipeline!r} has {len(known.steps)} steps, no step {step}. Steps: {listed or 'none'}")
        if step == 0:
            changed = _with_roles(context, known, remove, arguments or {})
        else:
            changed = _with_step(context, known, step, None if remove else arguments or {})
        if changed is not known:
            pipelines.keep(changed)
    refitted = len(changed.steps) - max(0, step - 1) if changed is not known else 0
    return _answer(known, changed, refitted)


def _with_step(context: Context, known: Pipeline, number: int, arguments: dict[str, Any] | None) -> Pipeline:
    from ._build import checked_arguments, refit

    steps = list(known.steps)
    if arguments is None:
        del steps[number - 1]
    else:
        old = steps[number - 1]
        new = DeclaredStep(action=old.action, arguments=checked_arguments(old.action, {**old.arguments, **arguments}))
        if new.arguments == old.arguments:
            return known
        steps[number - 1] = new
    return refit(context, known, steps, known=number - 1)


def _with_roles(context: Context, known: Pipeline, remove: bool, arguments: dict[str, Any]) -> Pipeline:
    from ..catalogue import action_of
    from ._build import refit
    from ._repeating import repeating
    from ._start import start
    from .assign_feature_roles import assign_feature_roles, checked_split, checked_target

    if remove:
        raise BadRequest("step 0, the roles, can't be removed; start another pipeline with assign_feature_roles")
    for name in arguments:
        if name not in {"target", "overrides", "split"}:
            raise unknown("argument", name, ["target", "overrides", "split"], where=" of step 0")
    asked = {**known.roles.asked, **arguments, "overrides": _merged(known.roles.asked["overrides"], arguments)}
    valid = action_of(assign_feature_roles).validate({**asked, "pipeline": known.name})
    split, overrides = valid["split"] or Split(), valid["overrides"] or {}
    asked = {**asked, "overrides": dict(sorted(overrides.items())), "split": split.model_dump()}
    dataset = repeating(context.opener.open(known.roles.dataset), context)
    if asked == known.roles.asked and dataset.fingerprint == known.fingerprint:
        return known
    target = checked_target(dataset, valid["target"], overrides)
    split = checked_split(dataset, target, split)
    fresh = start(context, dataset, known.name, target, overrides, split, asked)
    fresh = fresh.model_copy(update={"saved": known.saved})
    return refit(context, fresh, known.steps, known=0)


def _merged(known: dict[str, Any], arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the overrides with those that were given; null takes one back."""
    given = arguments.get("overrides") or {}
    if not isinstance(given, dict):
        raise BadRequest(f"overrides are {{column: role}}, not {given!r:.80}")
    return {column: role for column, role in {**known, **given}.items() if role is not None}


def _role_changes(before: Pipeline, after: Pipeline) -> list[str]:
    old = {role.column: role.role for role in before.roles.roles}
    changes = [f"{r.column}: {old.get(r.column)} → {r.role}" for r in after.roles.roles if old.get(r.column) != r.role]
    if before.roles.split_told != after.roles.split_told:
        changes.append(f"split: {after.roles.split_told}")
    return changes


def _line(number: int, step: DeclaredStep) -> str:
    asked = ", ".join(f"{key}={value!r}" for key, value in step.arguments.items() if value is not None)
    return f"{number}. {step.action}({asked})"


def _answer(before: Pipeline, pipeline: Pipeline, refitted: int) -> EditedPipeline:
    told = [item.told for item in pipeline.steps[len(pipeline.steps) - refitted :]] if refitted else []
    return EditedPipeline(
        dataset=pipeline.roles.dataset,
        scanned=scanned(pipeline.last),
        findings=_fresh(before, [warning for item in told for warning in item.warnings]),
        pipeline=pipeline.name,
        steps=[_line(number, item) for number, item in enumerate(pipeline.steps, start=1)],
        role_changes=_role_changes(before, pipeline),
        refitted=refitted,
        features=len(pipeline.features),
        changed=pipeline is not before,
        next_call=open_end(pipeline),
    )


def _fresh(before: Pipeline, findings: list[Finding]) -> list[Finding]:
    """Return what was not said before the change, the worst first."""
    said = {warning.message for step in before.steps for warning in step.told.warnings}
    return worst_first([finding for finding in findings if finding.message not in said])
