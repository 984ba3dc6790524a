"""The graph of a run: recall → plan → specialists side by side → interpret → remember → report, and approval."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any, Literal

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command, Send, interrupt

from .records import Step, StepResult
from .state import State
from .work import Work


def build_graph(work: Work, saver: BaseCheckpointSaver[Any]) -> Any:
    """Return the graph of one run, to be run with `context=work`.

    A node is a method of `work` with its name. Every step of the plan is a task of its own under its agent's
    node, so that what is finished is in a checkpoint, whatever happens to the others.
    """
    return _compiled(tuple(work.agents)).copy({"checkpointer": saver})


@cache
def _compiled(agents: tuple[str, ...]) -> Any:
    """Compile the graph of all runs with these agents; to do it for each of them costs it more than its planning."""
    graph: Any = StateGraph(State, context_schema=Work)
    for name in ("recall", "plan", "deepen", "interpret", "remember", "report"):
        graph.add_node(name, _done_by(name))
    specialists = [_node(agent) for agent in agents]
    for name in specialists:
        graph.add_node(name, _specialist)
        graph.add_edge(name, "dispatch")
    graph.add_node("dispatch", _dispatch, destinations=(*specialists, "deepen", "interpret"))
    graph.add_node("approve", _approve, destinations=("dispatch",))
    graph.add_edge(START, "recall")
    graph.add_edge("recall", "plan")
    graph.add_edge("plan", "dispatch")
    graph.add_edge("deepen", "interpret")
    graph.add_edge("interpret", "remember")
    graph.add_edge("remember", "report")
    graph.add_conditional_edges("report", _after_report, ["approve", END])
    return graph.compile()


def _done_by(name: str) -> Callable[[State, Runtime[Work]], Awaitable[State]]:
    """Return the node that a method of the run's work is."""

    async def node(state: State, runtime: Runtime[Work]) -> State:
        update: State = await getattr(runtime.context, name)(state)
        return update

    return node


async def _specialist(task: dict[str, Any], runtime: Runtime[Work]) -> dict[str, Any]:
    work, step = runtime.context, Step.model_validate(task["step"])
    result = await work.act(step)
    if result.status == "failed" and step.action in work.tools.settings.approve:
        # What a person agreed to is not used up by a failure: it can be agreed to again.
        return {"approved": {step.id: None}, "notes": [f"{step.action} failed: {result.text}"]}
    return {"results": [result.model_dump(mode="json")]}


async def _dispatch(state: State, runtime: Runtime[Work]) -> Command[str]:
    work = runtime.context
    update, ready = await work.dispatch(state)
    if ready:
        return Command(update=update, goto=[Send(_node(step.agent), {"step": step.model_dump()}) for step in ready])
    return Command(update=update, goto="deepen" if work.wants_to_deepen(state) else "interpret")


async def _approve(state: State) -> Command[str]:
    steps = waiting(state)
    # What is above an interrupt runs again when it is answered: nothing but looking stands there.
    answer = interrupt({"steps": [step.model_dump() for step in steps]})
    return Command(update={"approved": {step.id: answer is True for step in steps}}, goto="dispatch")


def _after_report(state: State) -> Literal["approve", "__end__"]:
    return "approve" if waiting(state) else "__end__"


def _node(agent: str) -> str:
    """Return the name of an agent's node, which no other node has."""
    return f"agent {agent}"


def waiting(state: State) -> list[Step]:
    """Return the steps that nothing but a person's word keeps from being done."""
    results = {result.step.id: result for result in map(StepResult.model_validate, state.get("results", []))}
    plan = [Step.model_validate(step) for step in state.get("plan", [])]
    approved = state.get("approved", {})
    return [step for step in plan if step.id not in results and approved.get(step.id) is None]
