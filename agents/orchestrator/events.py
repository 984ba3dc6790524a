"""What a run tells of itself while it goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from .records import Step, StepResult

Stage = Literal["recall", "plan", "work", "interpret", "remember", "report", "approve", "ended"]


@dataclass(frozen=True)
class Event:
    """One thing that happened: a stage that began, a step that began or ended; `done` of `total` steps so far.

    `error` is the kind of the error that ended a run.
    """

    stage: Stage
    text: str
    done: int = 0
    total: int = 0
    step: Step | None = None
    result: StepResult | None = None
    error: str | None = None


Listener = Callable[[Event], None]


@dataclass
class Events:
    """Tells listeners of a run; who comes late is told what was said before."""

    said: list[Event] = field(default_factory=list)
    listeners: list[Listener] = field(default_factory=list)

    def tell(self, event: Event) -> None:
        """Tell all."""
        self.said.append(event)
        for listener in list(self.listeners):
            listener(event)

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Tell a listener what was said, and from now on all; the answer ends it."""
        for event in self.said:
            listener(event)
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener)
