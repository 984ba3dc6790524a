"""What a report shows, in order and in words: one view that the page and the Markdown are both written from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from ...tools.results import Severity
from ..orchestrator.records import Insight, Quote, RunReport, Step, StepResult
from . import findings, reading, words
from .distributions import Distributions, distributions
from .figures import Figure, Source, figures
from .findings import SEVERITIES, Found
from .lineage import Lineage, lineages

_QUERIES = 40
# As `tools.rendering` begins a text: the step tells the action, its data and its rows already.
_FIRST_LINE = re.compile(
    r"(?:(?P<verdict>PASSED|WARNING|FAILED) )?(?P<action>\w+)(?: on .{1,80}? \([\d,]+(?: of [\d,]+)? rows\))?: "
)
_STATUSES = {
    "running": ("Still running", "This is what the run has found so far."),
    "waiting": ("Waiting for approval", "Some steps wait for a decision; the rest is below."),
    "done": ("Done", ""),
    "failed": ("Failed", "The run could not be finished; what it had found by then is below."),
    "cancelled": ("Cancelled", "The run was stopped; what it had found by then is below."),
    "interrupted": ("Interrupted", "The run was cut off and can be resumed; what it had found by then is below."),
}


@dataclass(frozen=True)
class Shown:
    """What an insight quotes: the place of the step if it is in the report, its numbers, and the findings with them."""

    step: str
    place: int | None
    numbers: tuple[str, ...]
    findings: tuple[Found, ...]


@dataclass(frozen=True)
class Told:
    """An insight with its place and its evidence."""

    anchor: str
    insight: Insight
    evidence: tuple[Shown, ...]


@dataclass(frozen=True)
class Done:
    """A step that was run: its place, its call, its findings and the queries that compute them again."""

    place: int
    result: StepResult
    arguments: tuple[tuple[str, str], ...]
    verdict: str
    answer: str
    found: tuple[Found, ...]
    queries: tuple[str, ...]
    left: int

    @property
    def facts(self) -> str:
        """Who did it, over how many rows, and how long it took."""
        agent = [self.result.step.agent] if self.result.step.agent else []
        if self.result.status == "skipped":
            return " · ".join(agent)
        rows = [words.counted(self.result.rows, "row")] if self.result.rows is not None else []
        cached = ["from the cache"] if self.result.cached else []
        return " · ".join([*agent, *rows, words.duration(self.result.seconds), *cached])

    @property
    def more(self) -> bool:
        """The answer has more than is shown of it at once."""
        return not self.result.text.strip().endswith(self.answer)

    @property
    def inside(self) -> str:
        """What there is to unfold."""
        queries = [words.counted(len(self.queries), "query")] if self.queries else []
        parts = ["call", *queries, *(["answer"] if self.more else [])]
        return (", ".join(parts[:-1]) + " and " + parts[-1] if parts[1:] else parts[0]).capitalize()


@dataclass(frozen=True)
class View:
    """A report with all that its forms have in common."""

    report: RunReport

    @property
    def name(self) -> str:
        """The table without its folder."""
        return words.base_name(self.report.request.dataset)

    @property
    def status(self) -> tuple[str, str]:
        """What became of the run, in a word and in a sentence."""
        return _STATUSES[self.report.status]

    @property
    def facts(self) -> list[tuple[str, str]]:
        """What was looked at, when and for what."""
        report = self.report
        size = [words.counted(report.rows, "row")] if report.rows is not None else []
        size += [words.counted(report.columns, "column")] if report.columns is not None else []
        told = {
            "Table": report.request.dataset,
            "Size": ", ".join(size),
            "Goal": report.request.goal,
            "Target": report.request.target,
            "Session": report.request.session,
            "Started": words.moment(report.started_at),
            "Took": words.duration(report.seconds),
            "Run": report.run,
        }
        return [(name, item) for name, item in told.items() if item]

    @cached_property
    def places(self) -> dict[str, int]:
        """The places of the steps by their ids."""
        return {result.step.id: place for place, result in enumerate(self.report.steps, 1)}

    @cached_property
    def sources(self) -> list[Source]:
        """The whole results of the steps that are done."""
        return [
            Source(place, result.step.action, self.report.details[result.step.id])
            for place, result in enumerate(self.report.steps, 1)
            if result.status == "done" and result.step.id in self.report.details
        ]

    @cached_property
    def findings(self) -> list[Found]:
        """All findings, the worst first."""
        return findings.gather(self.report)

    @cached_property
    def insights(self) -> list[tuple[Severity, list[Told]]]:
        """The insights by severity, in their own order within each."""
        told = [
            Told(f"insight-{place}", insight, tuple(self._shown(quote, insight) for quote in insight.evidence))
            for place, insight in enumerate(self.report.insights, 1)
        ]
        groups = [(severity, [item for item in told if item.insight.severity == severity]) for severity in SEVERITIES]
        return [(severity, items) for severity, items in groups if items]

    def _shown(self, quote: Quote, insight: Insight) -> Shown:
        place = self.places.get(quote.step)
        found = findings.shown_by(quote, insight.columns, place, self.findings) if place else []
        return Shown(self._name(quote.step, place), place, tuple(map(words.number, quote.numbers)), tuple(found[:3]))

    def _name(self, step: str, place: int | None) -> str:
        return self.report.steps[place - 1].step.action if place else step

    @cached_property
    def steps(self) -> list[Done]:
        """The steps in the order in which they were run."""
        return [self._done(place, result) for place, result in enumerate(self.report.steps, 1)]

    def _done(self, place: int, result: StepResult) -> Done:
        queries = dict.fromkeys(
            finding.evidence.query for finding in findings.of_step(result, self.report) if finding.evidence.query
        )
        verdict, answer = _said(result)
        return Done(
            place=place,
            result=result,
            arguments=arguments(result.step),
            verdict=verdict.lower(),
            answer=words.clipped(answer, 400),
            found=tuple(item for item in self.findings if place in item.steps),
            queries=tuple(queries)[:_QUERIES],
            left=max(0, len(queries) - _QUERIES),
        )

    @cached_property
    def figures(self) -> list[Figure]:
        """The charts."""
        return figures(self.sources)

    @cached_property
    def distributions(self) -> list[Distributions]:
        """The columns at a glance."""
        return distributions(self.sources)

    @cached_property
    def lineages(self) -> list[Lineage]:
        """The feature pipelines."""
        return lineages(self.sources)

    @property
    def checks(self) -> list[tuple[str, str, str]]:
        """The checks of the score, what became of each, and the points it cost."""
        scored = next((source.detail for source in reversed(self.sources) if source.action == "quality_report"), {})
        lost: dict[str, float] = {}
        for item in reading.records(scored, "deductions"):
            check = reading.text(item, "check")
            lost[check] = lost.get(check, 0.0) + (reading.amount(item, "points") or 0.0)
        checks = reading.record(scored, "checks")
        return [(name, str(status), f"{lost.get(name, 0.0):.1f}") for name, status in checks.items()]

    @property
    def tallies(self) -> list[tuple[Severity, int]]:
        """How many findings there are of each severity."""
        return [(name, sum(found.severity == name for found in self.findings)) for name in SEVERITIES]

    @property
    def usage(self) -> list[tuple[str, str]]:
        """What the language model has cost, empty where none was asked."""
        usage = self.report.usage
        if not usage.calls:
            return []
        told = [("Model", usage.model)] if usage.model else []
        dollars = "not known" if usage.dollars is None else f"${usage.dollars:,.4f}".rstrip("0").rstrip(".")
        return [
            *told,
            ("Calls", words.number(usage.calls)),
            ("Tokens read", words.number(usage.input_tokens)),
            ("Tokens written", words.number(usage.output_tokens)),
            ("Cost", dollars),
        ]


def arguments(step: Step) -> tuple[tuple[str, str], ...]:
    """Return the arguments of a call, as they were given."""
    return tuple((name, words.argument(item)) for name, item in step.arguments.items())


def _said(result: StepResult) -> tuple[str, str]:
    """Split the first line of an answer into the verdict of a check and what else it says."""
    line = result.text.strip().split("\n")[0]
    found = _FIRST_LINE.match(line)
    if found is None or found["action"] != result.step.action:
        return "", line
    return found["verdict"] or "", line[found.end() :]
