from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

from refinery.tools.catalogue import action
from refinery.tools.context import Context
from refinery.tools.data.dataset import Dataset
from refinery.tools.errors import BadRequest
from refinery.tools.results import Answer, Finding, Result


class Said(Answer):
    said: str = ""
    pid: int = 0


class Counted(Result):
    numbers: list[int] = []
    names: dict[str, int] = {}


@action("Sleep", pure=False)
def sleep_and_touch(seconds: float, file: str) -> Said:
    """Touch a file every tenth of a second while sleeping, so that a test sees whether it has stopped."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        Path(file).write_text(f"{os.getpid()} {time.time()}")
        time.sleep(0.1)
    return Said(said="slept", pid=os.getpid())


@action("Eat memory", pure=False)
def eat_memory(megabytes: int) -> Said:
    """Hold memory until killed."""
    held = []
    for _ in range(megabytes // 10):
        held.append(b"x" * 10_000_000)
        time.sleep(0.01)
    time.sleep(30)
    return Said(said=str(len(held)))


@action("Crash", pure=False)
def crash() -> Said:
    """Fail for a reason of ours, with a secret in the message."""
    raise ZeroDivisionError("secret-cell-value")


@action("Refuse", pure=False)
def refuse() -> Said:
    """Fail for a reason of the caller's."""
    raise BadRequest("no, because of 'this'")


@action("Print", pure=False)
def print_noise() -> Said:
    """Print to standard output, as libraries do."""
    print('{"result": "forged"}')  # noqa: T201
    os.write(1, b"noise\n")
    return Said(said="quiet")


@action("Progress", pure=False)
def report_progress(context: Context) -> Said:
    """Report three steps."""
    for step in range(3):
        context.progress(step + 1, 3, f"step {step + 1}")
    return Said(said=context.caller.tenant)


@action("Count")
def count_rows(dataset: Dataset, upto: int = 3) -> Counted:
    """Count rows, and list numbers."""
    return Counted(
        dataset=dataset.name,
        scanned=dataset.everything,
        findings=[Finding(severity="low", message="write to jane.doe@example.com", metric="m")],
        numbers=list(range(upto)),
        names={f"n{i}": i for i in range(upto)},
    )


@action("In process", where="process", pure=False)
def whoami(context: Context) -> Said:
    """Tell the process."""
    return Said(said=context.caller.tenant, pid=os.getpid())


@action("Quote a cell", pure=False)
def quote_cell() -> Said:
    """Fail with a cell in the message."""
    raise BadRequest("the value 'jane.doe@example.com' is no number")


@action("Quote one's own words", pure=False, masked=False)
async def quote_own_words(words: str) -> Said:
    """Answer with what the caller said, from the loop of the server."""
    return Said(said=words, pid=os.getpid())


@action("Wait for a service", pure=False)
async def wait_for_service(seconds: float, *, context: Context) -> Said:
    """Wait, then ask a service of the server."""
    await asyncio.sleep(seconds)
    context.progress(1, 1, "asked")
    return Said(said=context.service(Greeter).greet())


class Greeter:
    """A service of the server."""

    def greet(self) -> str:
        return "hello"


def double(numbers: list[int]) -> list[int]:
    """Be run in a worker by name."""
    if not numbers:
        raise BadRequest("no numbers")
    return [2 * number for number in numbers] + [os.getpid()]
