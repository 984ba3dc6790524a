"""What the orchestrator costs: `analyze_dataset` of 1M x 12 rows against its actions run one after the other.

With the cache off, an embedded database for the checkpoints, and two workers or as many as there are cores.
Targets: ≤ 1.1 of the sum of its actions, and ≤ 100 ms in which no action is at work.

    python -m benchmarks analysis
"""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.features import make_table

ROUNDS, ROWS = 3, 1_000_000
RATIO, OWN_MS = 1.1, 100


async def _measure(folder: Path, workspace: Path) -> None:
    from refinery.agents.orchestrator.records import Request
    from refinery.server.settings import load_settings
    from refinery.server.wiring import build

    os.environ |= {"REFINERY_WORKSPACE": str(workspace), "REFINERY_CACHE__ENABLED": "false"}
    house = build(load_settings(), [folder])
    async with house.running():
        house.begin_to_remember()
        orchestrator = house.orchestrator
        assert orchestrator is not None
        request = Request(dataset="table.parquet", target="returned")
        await _run(orchestrator, request, house)  # workers, imports, the database
        ratios, own = [], []
        for _ in range(ROUNDS):
            begun = time.perf_counter()
            live = await _run(orchestrator, request, house)
            whole = time.perf_counter() - begun
            steps = [step["step"] for step in live.run.state["steps"]]
            alone = 0.0
            for step in steps:
                begun = time.perf_counter()
                await house.executor.run(step["action"], step["arguments"], house.caller)
                alone += time.perf_counter() - begun
            ratios.append(whole / alone)
            own.append(_own(live))
            print(f"  {len(steps)} steps: the run {whole:.2f} s, its actions one by one {alone:.2f} s")
    print(f"analyze_dataset, 1M x 12: {statistics.median(ratios):.2f} of its actions one by one (target {RATIO})")
    print(f"the orchestrator itself: {statistics.median(own) * 1000:.0f} ms (target {OWN_MS})")


async def _run(orchestrator: Any, request: Any, house: Any) -> Any:
    live = await orchestrator.start(request, house.caller)
    live.clock = [time.perf_counter()]
    moments: list[tuple[float, str, bool]] = []
    live.events.listen(lambda event: moments.append((time.perf_counter(), event.text, _working(event))))
    await live.ended.wait()
    live.moments = moments
    live.clock.append(time.perf_counter())
    return live


def _working(event: Any) -> bool | None:
    if event.step is None or (event.result is None and ": " in event.text.partition(": ")[2]):
        return None
    return event.result is None


def _own(live: Any) -> float:
    """The time of a run in which no step of it was at work."""
    at_work, idle, last = 0, 0.0, live.clock[0]
    for moment, _, begins in live.moments:
        if at_work == 0:
            idle += moment - last
        if begins is not None:
            at_work += 1 if begins else -1
        last = moment
    return float(idle + live.clock[1] - last)


def main(_: Any = None) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        (path / "data").mkdir()
        make_table(ROWS, path / "data").rename(path / "data" / "table.parquet")
        asyncio.run(_measure(path / "data", path / "workspace"))


if __name__ == "__main__":
    main()
