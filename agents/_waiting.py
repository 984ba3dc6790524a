"""Waiting for a run, and telling how it goes meanwhile."""

from __future__ import annotations

import asyncio

from ..tools.context import Progress
from .orchestrator.attempt import Live
from .orchestrator.events import Event

# Of the time that a call may take, this much is left to answer in.
_TO_ANSWER = 0.8


async def wait_for(live: Live, seconds: float, progress: Progress) -> None:
    """Wait until a run has ended or wants something, but not for longer than so many seconds; it goes on after.

    Nor for longer than a call may take: its time limit is not the run's.
    """
    seconds = min(seconds, _TO_ANSWER * live.work.tools.executor.limits.seconds)

    def tell(event: Event) -> None:
        progress(float(len(live.events.said)), None, f"{event.text} ({event.done}/{event.total})")

    quiet = live.events.listen(tell)
    try:
        await asyncio.wait_for(live.ended.wait(), seconds)
    except TimeoutError:
        pass
    finally:
        quiet()
