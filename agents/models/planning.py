"""A plan by the language model: calls of the catalogue, checked before any is made."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, Field

from ...tools.catalogue import Action, Catalogue
from ...tools.errors import BadRequest
from ..orchestrator.records import Recollection, Request, Step
from .bounds import harmless, out_of_reach, reachable, unknown_columns
from .chat import Chat
from .errors import ModelUnavailable
from .examples import Example, Examples
from .fencing import fenced, memory_block, request_block
from .prompts import text
from .usage import RunUsage

MAX_STEPS = 12


class PlannedStep(BaseModel):
    """One call."""

    action: str = Field(description="name of an action of the catalogue")
    arguments: dict[str, Any] = Field(default_factory=dict, description="as its schema says; dataset is filled in")
    why: str = Field("", description="what it is to find out, in a few words")


class Plan(BaseModel):
    """The calls to make, in this order."""

    steps: list[PlannedStep]


async def plan_with_model(
    chat: Chat,
    run: RunUsage,
    request: Request,
    profile: str,
    allowed: Catalogue,
    recalled: Sequence[Recollection] = (),
    examples: Examples | None = None,
    *,
    columns: Sequence[str] = (),
    max_steps: int = MAX_STEPS,
) -> list[Step]:
    """Plan an analysis.

    Args:
        chat: the model.
        run: what its calls are counted on.
        request: what was asked for.
        profile: the table in a few lines: rows, and columns with their kinds; no values of cells.
        allowed: the actions that the agents may use; those that destroy are left out, whatever it holds.
        recalled: memories that the run began with.
        examples: plans of other cases, of which the most alike are shown.
        columns: those of the table, so that a call that names another is refused; none: they are not looked at.
        max_steps: most calls.

    Returns:
        Steps with ids of their own (`m1` …) and the group of their action as the agent; what changes something comes
        after what changed something before. Calls that the catalogue refuses even when mended are left out.

    Raises:
        ModelUnavailable: no plan.
    """
    actions = harmless(allowed)
    judge = _Judge(actions, request, tuple(columns))
    shown = await examples.nearest(f"{request.goal or ''}\n{profile}") if examples is not None else []
    plan = await chat.structured(
        _messages(request, profile, actions, recalled, shown, max_steps, summaries_only=chat.settings.summaries_only),
        Plan,
        run=run,
        purpose="plan",
        check=judge.problems,
    )
    steps = judge.steps(plan)[:max_steps]
    if not steps:
        raise ModelUnavailable(f"the language model {chat.settings.name} made no plan that can be carried out")
    return steps


def _messages(
    request: Request,
    profile: str,
    actions: Catalogue,
    recalled: Sequence[Recollection],
    examples: Sequence[Example],
    max_steps: int,
    *,
    summaries_only: bool,
) -> list[Any]:
    catalogue = "\n".join(_line(item) for item in actions)
    blocks = [
        *(f"A good plan for another case:\n{example.model_dump_json()}" for example in examples),
        fenced("profile", profile),
        memory_block(recalled, summaries_only=summaries_only),
        request_block(request),
        f"Plan this, with at most {max_steps} steps.",
    ]
    return [
        ("system", f"{text('plan.md')}\n\n# Catalogue\n\n{catalogue}"),
        ("human", "\n\n".join(block for block in blocks if block)),
    ]


def _line(action: Action) -> str:
    """Write an action as a line of JSON; `dataset` is not shown, because it is filled in."""
    schema = action.input_schema
    shown = {name: value for name, value in schema.get("properties", {}).items() if name != "dataset"}
    required = [name for name in schema.get("required", []) if name != "dataset"]
    line = {"action": action.name, "does": action.description, "arguments": shown, "required": required}
    return json.dumps(line, ensure_ascii=False)


@dataclass(frozen=True)
class _Judge:
    """Tells which calls of a plan can be made."""

    actions: Catalogue
    request: Request
    columns: tuple[str, ...]

    def problems(self, plan: Plan) -> list[str]:
        """Say what is wrong with a plan."""
        if not plan.steps:
            return ["there are no steps"]
        numbered = enumerate(plan.steps, start=1)
        return [f"step {number}: {problem}" for number, step in numbered for problem in self._refused(step)]

    def _arguments(self, step: PlannedStep, action: Action) -> dict[str, Any]:
        filled = {"dataset": self.request.dataset} if "dataset" in action.datasets else {}
        return {**filled, **{name: value for name, value in step.arguments.items() if value is not None}}

    def _refused(self, step: PlannedStep) -> list[str]:
        """Say why a call cannot be made: there is no such action, or its arguments do not do."""
        try:
            action = self.actions[step.action]
            arguments = self._arguments(step, action)
            action.validate(arguments)
        except BadRequest as error:
            return [str(error)]
        found = out_of_reach(arguments, action.datasets, reachable(self.request))
        if self.columns and arguments.get("dataset") == self.request.dataset:
            found += unknown_columns(arguments, self.columns)
        return [f"{step.action}: {problem}" for problem in found]

    def steps(self, plan: Plan) -> list[Step]:
        """Return the calls that can be made, each once."""
        steps, told, last_change = list[Step](), set[str](), list[str]()
        for planned in plan.steps:
            if self._refused(planned):
                continue
            action = self.actions[planned.action]
            arguments = self._arguments(planned, action)
            call = json.dumps([action.name, arguments], sort_keys=True)
            if call in told:
                continue
            told.add(call)
            changes = not action.traits.read_only
            step = Step(
                id=f"m{len(steps) + 1}",
                agent=action.group,
                action=action.name,
                arguments=arguments,
                why=planned.why,
                after=last_change if changes else [],
            )
            steps.append(step)
            last_change = [step.id] if changes else last_change
        return steps
