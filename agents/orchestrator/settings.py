"""What the agents may do and use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict


class AgentSettings(BaseModel):
    """Which agent has which actions, and what a run may use.

    Attributes:
        actions: the names of actions by agent.
        approve: actions that a person is asked about first.
        steps: most steps of a run.
        seconds: longest time of a run, waiting for approval not counted.
        model_calls: most calls of its own that a specialist with a model may make.
        keep_days: how long runs and their reports are kept after they were last touched.
    """

    model_config = ConfigDict(frozen=True)

    actions: Mapping[str, Sequence[str]]
    approve: Sequence[str] = ()
    steps: int = 40
    seconds: float = 3600
    model_calls: int = 12
    keep_days: float = 30
