"""What the command line shows of runs and of questions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.live import Live
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from ..agents.orchestrator.events import Event
from ..agents.orchestrator.records import RunReport
from ..agents.orchestrator.runs import Run
from ..tools.errors import inert
from .display import terminal

_SEVERITY = {"high": "red", "medium": "yellow", "low": "dim"}
_MARKS = {"done": "[green]✓[/green]", "failed": "[red]✗[/red]", "skipped": "[yellow]-[/yellow]"}


class AgentsAtWork:
    """The agents of a run on the terminal, as they work; a line a step where the terminal can't be redrawn."""

    def __init__(self, run: str) -> None:
        self._run = run
        self._console = terminal()
        self._steps: dict[str, tuple[str, str, str, str]] = {}
        self._stage = "beginning"
        self._live = Live(self._drawn(), console=self._console, refresh_per_second=8, transient=True)

    def __enter__(self) -> AgentsAtWork:
        told = f"run {self._run}; should it be stopped, `refinery analyze --resume {self._run}` goes on with it"
        self._console.print(f"[dim]{told}[/dim]", highlight=False)
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._console.is_terminal:
            self._live.stop()
            self._console.print(self._drawn())

    def tell(self, event: Event) -> None:
        """Take note of what happened."""
        self._stage = event.text
        step, result = event.step, event.result
        if step is not None:
            mark = _MARKS[result.status] if result else "[cyan]…[/cyan]"
            told = f"{result.seconds:.1f} s" if result and result.status == "done" else ""
            if result and result.status != "done":
                told = escape(result.text[:100])
            self._steps[step.id] = (mark, step.agent, step.action, told)
            if result and not self._console.is_terminal:
                self._console.print(f"  {mark} {step.agent:9} {step.action:28} {told}", highlight=False)
        if self._console.is_terminal:
            self._live.update(self._drawn())

    def _drawn(self) -> Table:
        table = Table(box=None, show_header=False, padding=(0, 1))
        for mark, agent, action, told in self._steps.values():
            table.add_row(mark, f"[dim]{agent}[/dim]", action, f"[dim]{told}[/dim]")
        table.add_row("", "", f"[dim]{escape(inert(self._stage))}[/dim]", "")
        return table


def show_run(run: Run, report: RunReport | None, path: Path) -> None:
    """Print what a run came to: the verdict, the insights with what to do, and where the report is."""
    console = terminal()
    headline = run.state.get("headline", "")
    console.print(f"\n[bold]{escape(inert(headline))}[/bold]\n" if headline else f"\nThe run is {run.status}.\n")
    for insight in report.insights if report else []:
        color, title = _SEVERITY[insight.severity], escape(inert(insight.title))
        told = f"[{color}]{insight.severity:6}[/{color}] [bold]{title}[/bold] [dim]{insight.id}[/dim]"
        console.print(told, highlight=False)
        console.print(
            Padding(f"{escape(inert(insight.text))}\n[dim]→ {escape(insight.advice)}[/dim]", (0, 0, 0, 7), expand=False)
        )
    for note in report.notes if report else []:
        console.print(f"[dim]{escape(inert(note))}[/dim]")
    if run.status == "waiting":
        steps = ", ".join(step["action"] for step in run.state.get("waiting", []))
        how = f"refinery analyze --resume {run.id} --yes"
        console.print(f"\n{steps} waits for your word: {how}", highlight=False)
    elif run.status in {"interrupted", "cancelled", "failed"}:
        console.print(f"\nrefinery analyze --resume {run.id} goes on where it stopped", highlight=False)
    if path.is_file():
        console.print(f"\nReport: {path}", highlight=False, soft_wrap=True)


def show_answer(result: Mapping[str, Any]) -> None:
    """Print what a question came to: the calls, then what they say."""
    console = terminal()
    for step in result["plan"]:
        told = ", ".join(f"{name}={value!r}" for name, value in step["arguments"].items() if name != "dataset")
        console.print(f"  [dim]{step['action']}({escape(told)})[/dim]", highlight=False)
    for note in result.get("notes", []):
        console.print(f"  [dim]{escape(inert(note))}[/dim]", highlight=False)
    for line in result.get("answer", "").splitlines():
        console.print(f"  {escape(inert(line))}", highlight=False)
    if not result["plan"]:
        console.print("  No action answers that.")
    for one in result.get("instead", []):
        console.print(f"  [dim]you could ask: {escape(inert(one))}[/dim]", highlight=False)
