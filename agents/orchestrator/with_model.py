"""What a language model adds to a run; whatever it fails at, the rules have done or will do."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...tools.catalogue import Catalogue
from ..insights.rules import completed
from ..models.bounds import harmless
from ..models.deepening import deepen
from ..models.errors import ModelUnavailable
from ..models.interpreting import answer_with_model, interpret_with_model
from ..models.planning import plan_with_model
from .records import Insight, Recollection, Request, Step, StepResult
from .state import State

if TYPE_CHECKING:
    from ...tools.executor import Outcome
    from ..models.chat import Chat
    from ..models.usage import RunUsage
    from .work import Work

# Memories are for people and for the run to keep; a plan is about the data.
_PLANNING = ("quality", "explore", "features")
# What gives names that people use is for people to ask for.
_NAMING = {"load_dataset", "list_datasets", "apply_fe_pipeline"}
_MOST_STEPS = 12
_PROFILED = 200


async def planned(
    work: Work, request: Request, profile: str, columns: Sequence[str], recalled: Sequence[Recollection]
) -> tuple[list[Step], list[str]]:
    """Plan with the model.

    Returns:
        Its steps, which are none when it fails, and notes for the reader.
    """
    chat, usage = _of(work)
    allowed = Catalogue(
        action for action in harmless(work.catalogue) if action.group in _PLANNING and action.name not in _NAMING
    )
    try:
        steps = await plan_with_model(
            chat,
            usage,
            request,
            profile,
            allowed,
            recalled,
            work.tools.examples,
            columns=columns,
            max_steps=_MOST_STEPS,
        )
    except ModelUnavailable as error:
        return [], [f"Planned without the language model: {error.reason}"]
    return steps, []


async def look_deeper(work: Work, state: State) -> State:
    """Let every specialist that found something make some calls of its own."""
    chat, usage = _of(work)
    request = Request.model_validate(state["request"])
    results = [StepResult.model_validate(result) for result in state.get("results", [])]
    more, notes, numbers = list[StepResult](), list[str](), itertools.count(1)
    agents = [agent for agent in _PLANNING if any(result.step.agent == agent for result in results)]
    # What a run may use is divided: its steps and its time are no fewer bounds for a model than for the rules.
    room = (work.tools.settings.steps - len(state.get("plan", []))) // max(1, len(agents))
    most, seconds = min(work.tools.settings.model_calls, room), work.seconds_left

    async def one(agent: str) -> None:
        mine = [result for result in results if result.step.agent == agent]
        actions = [action for action in harmless(work.catalogue) if work.agents_by_action().get(action.name) == agent]
        try:
            tools = _tools(work, actions, more, numbers)
            with work.spans.agent(agent):
                await deepen(chat, usage, agent, request, mine, tools, most, seconds=seconds)
        except ModelUnavailable as error:
            notes.append(f"{agent} did not look deeper: {error.reason}")

    await asyncio.gather(*(one(agent) for agent in agents))
    return {
        "plan": [result.step.model_dump() for result in more],
        "results": [result.model_dump(mode="json") for result in more],
        "notes": notes,
        "deepened": True,
    }


def _tools(work: Work, actions: Sequence[Any], made: list[StepResult], numbers: Iterator[int]) -> list[Any]:
    """Return tools whose calls are steps of the run."""
    from ..langchain_tools import tools_of

    async def call(action: str, arguments: dict[str, Any]) -> Outcome:
        agent = work.agents_by_action()[action]
        step = Step(id=f"d{next(numbers)}", agent=agent, action=action, arguments=arguments, why="looking deeper")
        return await work.act_for(step, made)

    return tools_of(actions, call)


async def interpreted(
    work: Work, state: State, by_rules: Sequence[Insight], details: Mapping[str, Mapping[str, Any]]
) -> tuple[list[Insight], list[str]]:
    """Say what results mean with the model, and complete it by what rules say.

    Returns:
        Insights, those of rules alone when the model fails, and notes for the reader.
    """
    chat, usage = _of(work)
    results = [StepResult.model_validate(result) for result in state.get("results", [])]
    recalled = [Recollection.model_validate(one) for one in state.get("recalled", [])]
    request = Request.model_validate(state["request"])
    try:
        read = await interpret_with_model(
            chat, usage, request, results, recalled, details={name: dict(whole) for name, whole in details.items()}
        )
    except ModelUnavailable as error:
        return list(by_rules), [f"Interpreted without the language model: {error.reason}"]
    return completed(read, by_rules), []


async def answered(
    work: Work, question: str, results: Sequence[StepResult], details: Mapping[str, Mapping[str, Any]]
) -> tuple[str | None, list[str]]:
    """Say the answer to a question with the model; None when it fails."""
    chat, usage = _of(work)
    try:
        whole = {name: dict(found) for name, found in details.items()}
        return await answer_with_model(chat, usage, question, results, details=whole), []
    except ModelUnavailable as error:
        return None, [f"Said without the language model: {error.reason}"]


def profile_of(seen: Mapping[str, Any], rows: int | None) -> str:
    """Say in a few lines what a table is like: rows, and columns with their kinds; no values."""
    columns = seen.get("columns", [])
    lines = [f"{rows:,} rows" if rows is not None else "rows not counted", f"{len(columns)} columns"]
    lines += [
        f"{column['column']}: {column['storage']}, {column['semantic']}" + (", nullable" if column["nullable"] else "")
        for column in columns[:_PROFILED]
    ]
    return "\n".join(lines)


def _of(work: Work) -> tuple[Chat, RunUsage]:
    assert work.tools.chat is not None
    assert work.usage is not None
    return work.tools.chat, work.usage
