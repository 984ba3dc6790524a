"""`refinery analyze` and `refinery chat`: the agents at work, and questions in words, on the terminal."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..agents.orchestrator.records import Request, RunReport
from ..tools.errors import BadRequest, RefineryError, Unavailable
from .settings import Settings
from .wiring import House, build

if TYPE_CHECKING:
    from ..agents.orchestrator.attempt import Live
    from ..agents.orchestrator.orchestrator import Orchestrator

_REMEMBERING = 45.0


async def analyze(
    settings: Settings,
    dataset: str | None,
    *,
    goal: str | None,
    target: str | None,
    resume: str | None,
    output: Path | None,
    agreed: bool,
    as_json: bool,
) -> int:
    """Analyze a dataset, or go on with a run, and show how it goes.

    Args:
        settings: the settings.
        dataset: what to analyze; None with `resume`.
        goal, target: what it is for.
        resume: a run to go on with.
        output: where a copy of the report goes.
        agreed: whether steps that ask for approval have it.
        as_json: print the outcome as JSON, and nothing else on standard output.

    Returns:
        0; 1 when the run did not come to its end.

    Raises:
        RefineryError: the dataset cannot be read, or there is no such run.
    """
    if output is not None and (output.exists() or not output.parent.is_dir()):
        why = "exists already" if output.exists() else "is in a folder that does not exist"
        raise BadRequest(f"--output {output} {why}; name a new file")
    if dataset is not None and Path(dataset).expanduser().is_file():
        dataset = str(Path(dataset).expanduser().resolve())  # whoever goes on with the run may stand elsewhere
    named = dataset if resume is None else await _dataset_of(settings, resume)
    house = _house(settings, [named] if named else [])
    async with house.running():
        house.begin_to_remember()
        orchestrator = _orchestrator(house)
        live = await _started(orchestrator, house, dataset, goal, target, resume, agreed)
        show = _quiet if as_json else _shown
        await show(live)
        asked = list[str]()
        while new := _asks(live, asked):
            if not agreed and (as_json or not _can_ask() or not _agrees(live.run.state)):
                break
            asked += new
            live = await orchestrator.answer(live.run.id, house.caller, approved=True)
            await show(live)
        _tell(house, orchestrator, live, output, as_json)
        await _remember(house, as_json)
        house.sweep_if_due()
    return 0 if live.run.status in {"done", "waiting"} else 1


async def _started(
    orchestrator: Orchestrator,
    house: House,
    dataset: str | None,
    goal: str | None,
    target: str | None,
    resume: str | None,
    agreed: bool,
) -> Live:
    if resume is not None:
        run = await orchestrator.find(resume, house.caller)
        if run.status == "waiting":
            if not agreed and not _can_ask():
                raise BadRequest(
                    f"run {resume} waits for a person's word: --yes gives it, and "
                    f"`refinery run manage_run --run {resume} --do decline` declines"
                )
            return await orchestrator.answer(resume, house.caller, approved=agreed or _agrees(run.state))
        return await orchestrator.resume(resume, house.caller)
    if dataset is None:
        raise BadRequest("name what to analyze: refinery analyze FILE, or --resume RUN")
    request = Request(dataset=dataset, goal=goal, target=target)
    await orchestrator.require(request, house.caller)
    return await orchestrator.start(request, house.caller)


async def _quiet(live: Live) -> None:
    await live.ended.wait()


async def _shown(live: Live) -> None:
    from .display_runs import AgentsAtWork

    with AgentsAtWork(live.run.id) as display:
        live.events.listen(display.tell)
        await live.ended.wait()


async def _dataset_of(settings: Settings, name: str) -> str:
    """Return the dataset of a run: whoever named it once at this terminal may have it read again."""
    house = build(settings)
    async with house.running():
        return (await _orchestrator(house).find(name, house.caller)).request.dataset


def _asks(live: Live, asked: Sequence[str]) -> list[str]:
    """Return the steps that a run waits with and was not asked for before: one that failed is not tried for ever."""
    waiting = live.run.state.get("waiting", []) if live.run.status == "waiting" else []
    return [step["id"] for step in waiting if step["id"] not in asked]


def _can_ask() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _agrees(state: Mapping[str, Any]) -> bool:
    """Ask the person at the terminal."""
    steps = [f"{step['action']} {json.dumps(step['arguments'])}" for step in state.get("waiting", [])]
    import typer

    return typer.confirm(f"The agents ask to do: {'; '.join(steps)}. Shall they?", default=False)


def _tell(house: House, orchestrator: Orchestrator, live: Live, output: Path | None, as_json: bool) -> None:
    path = orchestrator.folder(live.run.id, house.caller) / "report.html"
    if output is not None and path.is_file():
        shutil.copyfile(path, output)
        path = output
    if as_json:
        print(json.dumps({"run": live.run.id, "status": live.run.status, **live.run.state}, indent=2))  # noqa: T201
        return
    from .display_runs import show_run

    kept = orchestrator.folder(live.run.id, house.caller) / "report.json"
    report = RunReport.model_validate_json(kept.read_text(encoding="utf-8")) if kept.is_file() else None
    show_run(live.run, report, path)


async def _remember(house: House, quiet: bool) -> None:
    """Wait until what was found is remembered: the model that reads it may still be starting."""
    if house.memory is None or not house.memory.database.up:
        return
    if not quiet and sys.stdout.isatty():
        print("remembering it … (Ctrl-C leaves without)", file=sys.stderr)  # noqa: T201
    try:
        await house.memory.settle(_REMEMBERING)
    except Unavailable as error:
        print(f"refinery: {error}", file=sys.stderr)  # noqa: T201


async def chat(settings: Settings, dataset: str, read: Callable[[str], str] = input) -> int:
    """Answer questions about a dataset until an empty line or the end of input.

    Args:
        settings: the settings.
        dataset: what is asked about.
        read: returns the next line that the person writes; EOFError ends.

    Raises:
        RefineryError: the dataset cannot be read.
    """
    from .display_runs import show_answer

    house = _house(settings, [dataset])
    async with house.running():
        house.begin_to_remember()
        await _orchestrator(house).require(Request(dataset=dataset), house.caller)
        print(f"Ask about {dataset}; an empty line ends.")  # noqa: T201
        before = ""
        while question := await _next(read):
            asked = {"dataset": dataset, "question": question, "before": before}
            try:
                outcome = await house.run("ask_dataset", asked)
                show_answer(outcome.result)
                before = outcome.result["question"] if outcome.result["plan"] else ""
            except RefineryError as error:
                print(f"  {error}")  # noqa: T201
    return 0


async def _next(read: Callable[[str], str]) -> str:
    try:
        return (await asyncio.to_thread(read, "> ")).strip()
    except EOFError:
        return ""


def _house(settings: Settings, named: Sequence[str]) -> House:
    """Build a house that may read what the person at the terminal names."""
    folders = [Path(name).expanduser().resolve().parent for name in named if Path(name).expanduser().is_file()]
    return build(settings, [*build(settings).roots, *folders])


def _orchestrator(house: House) -> Orchestrator:
    orchestrator = house.orchestrator
    assert orchestrator is not None
    return orchestrator
