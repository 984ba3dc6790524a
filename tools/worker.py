"""The far side of the corridor: a process that runs one action at a time, and can be killed without harm.

Started as `python -m refinery.tools.worker`. It reads one JSON message a line from standard input (the first
is the configuration) and answers on standard output; nothing is ever pickled. When its parent goes, it goes.
"""

from __future__ import annotations

import importlib
import json
import os
import queue
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from .calls import Call, perform
from .errors import DataUnreadable, LimitExceeded, RefineryError, Unavailable
from .runtime import Runtime, RuntimeConfig


def main() -> None:
    """Serve calls until standard input closes."""
    answers = _take_stdout()
    messages: queue.Queue[dict[str, Any]] = queue.Queue()
    threading.Thread(target=_read, args=(messages,), daemon=True).start()
    first = messages.get()
    runtime = Runtime(RuntimeConfig.model_validate(first["config"]), spill=Path(first["spill"]))
    importlib.import_module("ibis.backends.duckdb")  # warm: the first call would wait for it anyway
    _send(answers, {"ready": os.getpid()})
    while True:
        _send(answers, _answer(runtime, messages.get(), answers))


def _answer(runtime: Runtime, message: dict[str, Any], answers: BinaryIO) -> dict[str, Any]:
    def progress(done: float, total: float | None = None, message: str | None = None) -> None:
        _send(answers, {"progress": [done, total, message]})

    try:
        if "task" in message:
            return {"value": _task(message["task"])(**message["arguments"])}
        rendered = perform(runtime, Call.model_validate(message), progress)
    except RefineryError as error:
        return {"error": error.kind, "message": str(error)}
    except Exception as error:  # noqa: BLE001 - the outermost boundary of the worker: the parent logs the trace
        known = _translate(error)
        if known is not None:
            return {"error": known.kind, "message": str(known)}
        return {"defect": traceback.format_exc(), "type": type(error).__name__}
    return {
        "result": rendered.bounded,
        "text": rendered.text,
        "image": rendered.image is not None,
        "datasets": [facts.model_dump() for facts in rendered.datasets],
    }


def _task(name: str) -> Callable[..., Any]:
    """Find a function by the `module:function` that our own code named; what a client says never gets here."""
    module, _, function = name.partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), function)
    return found


def _translate(error: Exception) -> RefineryError | None:
    """Name who must act on what the engine raises for reasons outside our code."""
    import duckdb

    reason = str(error).splitlines()[0][:300] if str(error) else type(error).__name__
    if isinstance(error, duckdb.OutOfMemoryException | MemoryError):
        return LimitExceeded(
            f"the memory limit was reached ({reason}); narrow the request to fewer columns or rows, "
            "or raise limits.memory_mb in the settings"
        )
    if isinstance(error, OSError) and error.errno == 28:
        return Unavailable(f"the disk of the workspace is full ({reason}); free some space and try again")
    psycopg = sys.modules.get("psycopg")
    if psycopg is not None and isinstance(error, psycopg.OperationalError):
        return Unavailable(f"the database did not answer ({reason}); try again when it does")
    if isinstance(error, duckdb.IOException):
        return DataUnreadable(f"the file could not be read to its end: {reason}")
    return None


def _take_stdout() -> BinaryIO:
    """Keep the real standard output for answers, and send whatever libraries print to standard error."""
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    return answers


def _read(messages: queue.Queue[dict[str, Any]]) -> None:
    for line in sys.stdin.buffer:
        messages.put(json.loads(line))
    os._exit(0)


def _send(answers: BinaryIO, message: dict[str, Any]) -> None:
    data = memoryview(json.dumps(message, separators=(",", ":")).encode() + b"\n")
    while data:
        data = data[answers.write(data) :]


if __name__ == "__main__":
    main()
