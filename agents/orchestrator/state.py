"""What the graph keeps between steps: plain values, small enough for a checkpoint after each."""

from __future__ import annotations

import operator
from typing import Annotated, Any, TypedDict

Plain = dict[str, Any]


class State(TypedDict, total=False):
    """The state of a run, as JSON-like values of the records.

    Attributes:
        request: a `Request`, its target found.
        rows, columns: of the dataset, as first seen.
        recalled: `Recollection`s.
        plan: `Step`s in the order of planning.
        results: `StepResult`s in the order of finishing.
        insights: `Insight`s as last interpreted.
        interpreted: how many results the insights are of.
        approved: by the id of a step, what a person said; None: nothing (any more).
        notes: what the reader should know of how the run went.
        usage: a `Usage`.
        score: of `quality_report`.
        followed: whether what results call for was planned.
        deepened: whether specialists with a model have looked deeper.
    """

    request: Plain
    rows: int | None
    columns: int | None
    recalled: list[Plain]
    plan: Annotated[list[Plain], operator.add]
    results: Annotated[list[Plain], operator.add]
    insights: list[Plain]
    interpreted: int
    approved: Annotated[dict[str, bool | None], operator.or_]
    notes: Annotated[list[str], operator.add]
    usage: Plain
    score: float | None
    followed: bool
    deepened: bool
