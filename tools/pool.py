"""Worker processes: started on demand, kept warm, watched, and killed when a call is cancelled or over its limits."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import shutil
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .context import Progress, silent
from .data.unfinished import remove_unfinished
from .errors import KINDS, LimitExceeded, Unavailable
from .runtime import RuntimeConfig

log = logging.getLogger(__name__)

# One answer is one line: a chart with its data is some hundred kilobytes.
_LONGEST_LINE = 64 * 1024 * 1024
_WATCH_EVERY = 0.1
# A worker that holds more than this part of its limit after a call is replaced rather than kept.
_KEEP_BELOW = 0.5


class Worker:
    """One process, one call at a time."""

    def __init__(self, process: asyncio.subprocess.Process, spill: Path, snapshots: Path) -> None:
        self._process = process
        self._spill = spill
        self._snapshots = snapshots
        self.pid = process.pid

    @classmethod
    async def start(cls, config: RuntimeConfig) -> Worker:
        """Start a worker; it can take a call once it is `ready`."""
        spill = config.workspace / "spill" / uuid.uuid4().hex
        spill.mkdir(mode=0o700, parents=True)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # the current folder may be one of data: no module is ever imported from it
            "-m",
            "refinery.tools.worker",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_LONGEST_LINE,
            # Left to itself, each numeric library would start a thread per core in every worker.
            env={**os.environ, **{name: str(config.threads) for name in _THREAD_COUNTS}},
        )
        return cls(process, spill, config.workspace / "snapshots")

    async def ready(self, config: RuntimeConfig) -> None:
        """Tell the process what it must know and wait until it can take a call.

        Raises:
            Unavailable: it ended before.
        """
        await self._send({"config": config.model_dump(mode="json"), "spill": str(self._spill)})
        await self._receive()

    async def run(self, call: dict[str, Any], report: Progress) -> dict[str, Any]:
        """Run one call and return the worker's answer.

        Raises:
            Unavailable: the worker died.
        """
        await self._send(call)
        while True:
            answer = await self._receive()
            if "progress" not in answer:
                return answer
            report(*answer["progress"])

    def resident_mb(self) -> float:
        """Return the memory that the process and its children hold, in MB; 0 when it is gone."""
        import psutil

        try:
            process = psutil.Process(self.pid)
            family = [process, *process.children(recursive=True)]
            return float(sum(member.memory_info().rss for member in family)) / 1e6
        except psutil.NoSuchProcess:
            return 0.0

    @property
    def alive(self) -> bool:
        assert self._process.stdout is not None
        return self._process.returncode is None and not self._process.stdout.at_eof()

    def kill(self) -> None:
        """End the process at once and remove what it spilt and left unfinished; the call it runs is lost."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        if self._process.stdin is not None:
            self._process.stdin.close()
        shutil.rmtree(self._spill, ignore_errors=True)
        remove_unfinished(self._snapshots, self.pid)

    async def gone(self) -> None:
        """Wait until the killed process has ended and its pipes are closed."""
        await self._process.wait()
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                await self._process.stdin.wait_closed()

    async def _send(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            await self._process.stdin.drain()
        except (BrokenPipeError, ConnectionResetError):
            raise self._died() from None

    async def _receive(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line.endswith(b"\n"):
            raise self._died()
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _died(self) -> Unavailable:
        return Unavailable(f"the worker process {self.pid} died during the call; nothing else is affected, try again")


class WorkerDefect(Exception):
    """A defect inside a worker, with the trace that it sent."""

    def __init__(self, trace: str) -> None:
        super().__init__("defect in a worker")
        self.trace = trace


def error_of(answer: dict[str, Any]) -> Exception:
    """Return the error that a worker answered with."""
    if "defect" in answer:
        return WorkerDefect(answer["defect"])
    return KINDS[answer["error"]](answer["message"])


_THREAD_COUNTS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Pool:
    """At most `size` workers; a call waits for one, and memory is divided among them by the configuration."""

    def __init__(self, config: RuntimeConfig, size: int) -> None:
        self._config = config
        self._idle: list[Worker] = []
        self._busy: set[Worker] = set()
        self._ending: set[asyncio.Future[None]] = set()
        self._slots = asyncio.Semaphore(size)
        self._closed = False
        self.size = size

    async def run(self, call: dict[str, Any], report: Progress, *, seconds: float) -> dict[str, Any]:
        """Run a call in a worker; a cancelled call ends its worker, so that the work stops as well.

        Raises:
            LimitExceeded: over its time or memory.
            Unavailable: the worker died.
        """
        async with self._slots:
            worker = await self._take()
            try:
                answer = await self._within_limits(worker, call, report, seconds)
            except BaseException:
                self._end(worker)
                raise
            finally:
                self._busy.discard(worker)
            if worker.resident_mb() > _KEEP_BELOW * self._config.memory_mb:
                self._end(worker)
            else:
                self._idle.append(worker)
            return answer

    async def task(self, function: Callable[..., Any], /, *, seconds: float, **arguments: Any) -> Any:
        """Run a function of a module of ours in a worker, with arguments and an answer that JSON can hold.

        Raises:
            RefineryError: what the function raised, or the limits of `run`.
        """
        message = {"task": f"{function.__module__}:{function.__name__}", "arguments": arguments}
        answer = await self.run(message, silent, seconds=seconds)
        if "value" not in answer:
            raise error_of(answer)
        return answer["value"]

    async def _take(self) -> Worker:
        while self._idle:
            worker = self._idle.pop()
            if worker.alive and not self._closed:
                self._busy.add(worker)
                return worker
            self._end(worker)
        if self._closed:
            raise Unavailable("the server is closing; try again when it is back")
        worker = await Worker.start(self._config)
        # Busy from here on: a pool that closes meanwhile ends it and waits for it as for all others.
        self._busy.add(worker)
        try:
            await worker.ready(self._config)
        except BaseException:
            self._busy.discard(worker)
            self._end(worker)
            raise
        return worker

    async def _within_limits(
        self, worker: Worker, call: dict[str, Any], report: Progress, seconds: float
    ) -> dict[str, Any]:
        work = asyncio.ensure_future(worker.run(call, report))
        deadline = asyncio.get_running_loop().time() + seconds
        try:
            while True:
                done, _ = await asyncio.wait({work}, timeout=_WATCH_EVERY)
                if done:
                    return work.result()
                if asyncio.get_running_loop().time() > deadline:
                    raise LimitExceeded(
                        f"stopped after {seconds:g} seconds; narrow the request to fewer columns or rows, "
                        "or raise limits.seconds in the settings"
                    )
                if (held := worker.resident_mb()) > self._config.memory_mb:
                    raise LimitExceeded(
                        f"stopped at {held:,.0f} MB of memory, over the {self._config.memory_mb:,} MB a call may use; "
                        "narrow the request to fewer columns or rows, or raise limits.memory_mb in the settings"
                    )
        finally:
            work.cancel()

    async def warm(self) -> None:
        """Have a worker ready, so that the next call does not wait for one to start."""
        async with self._slots:
            worker = await self._take()
            self._busy.discard(worker)
            self._idle.append(worker)

    @property
    def busy_pids(self) -> list[int]:
        """Return the process ids of the workers that run a call now."""
        return [worker.pid for worker in self._busy]

    def _end(self, worker: Worker) -> None:
        worker.kill()
        ending = asyncio.ensure_future(worker.gone())
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)

    async def close(self) -> None:
        """End all workers and wait until they have; whoever still waits for one gets `Unavailable`."""
        self._closed = True
        for worker in [*self._idle, *self._busy]:
            self._end(worker)
        self._idle.clear()
        while self._ending:  # a call that ends meanwhile may end its worker once more
            await asyncio.gather(*self._ending)
