"""The report as Markdown, for a pull request, a chat or a wiki."""

from __future__ import annotations

from collections.abc import Iterator

from ..orchestrator.records import RunReport, Step
from . import words
from .figures import Figure
from .findings import by_severity
from .lineage import Lineage
from .marks import code, escaped, facts, fenced, table
from .view import Done, Shown, Told, View, arguments

_FINDINGS, _ROWS = 60, 15


def to_markdown(report: RunReport) -> str:
    """Return the report as Markdown; what comes from data is text in it and can be neither markup nor a link."""
    view = View(report)
    parts = [_head(view), _approval(view), _insights(view), _findings(view), _charts(view), _features(view)]
    parts += [_steps(view), _memory(view), _run(view)]
    return words.fit("\n".join(line for part in parts for line in part).rstrip() + "\n")


def _head(view: View) -> Iterator[str]:
    report = view.report
    yield f"# {escaped(view.name)}: analysis report"
    yield ""
    if view.status[1]:
        yield f"**{view.status[0]}.** {view.status[1]}"
        yield ""
    if report.score is not None:
        word, told = words.band(report.score)
        yield f"**Score {words.number(report.score)} of 100: {word}.** {told}"
        yield ""
    yield escaped(report.headline) or "Nothing was concluded."
    yield ""
    yield "Findings: " + ", ".join(f"{count:,} {severity}" for severity, count in view.tallies) + "."
    yield ""
    if view.checks:
        rows = [(code(name), escaped(status), lost) for name, status, lost in view.checks]
        yield from table(("Check", "Verdict", "Points lost"), rows)
    for note in report.notes:
        yield f"> {escaped(note)}"
        yield ""


def _approval(view: View) -> Iterator[str]:
    if view.report.waiting:
        yield "## Waiting for approval"
        yield ""
        for step in view.report.waiting:
            yield f"- {_call(step)}{f': {escaped(step.why)}' if step.why else ''}"
        yield ""


def _call(step: Step) -> str:
    told = "; ".join(f"{escaped(name)} = {code(words.clipped(item, 400))}" for name, item in arguments(step))
    return f"{code(step.action)}{f' with {told}' if told else ''}"


def _insights(view: View) -> Iterator[str]:
    yield "## Insights"
    yield ""
    if not view.insights:
        yield "The run drew no insights."
        yield ""
    for severity, items in view.insights:
        for told in items:
            yield from _insight(severity, told)


def _insight(severity: str, told: Told) -> Iterator[str]:
    insight = told.insight
    yield f"### {severity.capitalize()}: {escaped(insight.title)}"
    yield ""
    yield escaped(insight.text)
    yield ""
    yield f"- What to do: {escaped(insight.advice)}"
    yield f"- For: {escaped(insight.concerns)}"
    if insight.columns:
        yield f"- Columns: {', '.join(map(code, insight.columns))}"
    yield f"- Evidence: {'; '.join(map(_evidence, told.evidence)) or 'none given'}"
    if insight.origin == "model":
        yield "- Worded by a language model; its numbers were checked against the results."
    yield ""


def _evidence(shown: Shown) -> str:
    step = f"step {shown.place} {code(shown.step)}" if shown.place else f"{code(shown.step)} (not in this report)"
    return step + (f" ({', '.join(map(escaped, shown.numbers))})" if shown.numbers else "")


def _findings(view: View) -> Iterator[str]:
    if not view.findings:
        return
    yield "## Findings"
    yield ""
    for severity, items in by_severity(view.findings):
        yield f"### {severity.capitalize()}"
        yield ""
        for item in items[:_FINDINGS]:
            steps = f"{'steps' if len(item.steps) > 1 else 'step'} {', '.join(map(str, item.steps))}"
            yield f"- {escaped(item.finding.message)} ({steps})"
        if len(items) > _FINDINGS:
            yield f"- {words.counted(len(items) - _FINDINGS, 'finding')} more in the results of the steps"
        yield ""


def _charts(view: View) -> Iterator[str]:
    if not view.figures:
        return
    yield "## Charts in numbers"
    yield ""
    for figure in view.figures:
        yield from _figure(figure)


def _figure(figure: Figure) -> Iterator[str]:
    steps = ", ".join(map(str, figure.places))
    yield f"### {escaped(figure.title)}"
    yield ""
    yield f"{escaped(figure.about)} From step {steps}."
    yield ""
    rows = [*figure.rows, *figure.folded]
    if rows:
        told = [(escaped(row.label), escaped(row.told), escaped(row.note)) for row in rows[:_ROWS]]
        yield from table(("What", "How much", "More"), told)
    if len(rows) > _ROWS or figure.left:
        yield "More in the result of the step."
        yield ""


def _features(view: View) -> Iterator[str]:
    if view.lineages:
        yield "## Features"
        yield ""
    for lineage in view.lineages:
        yield from _lineage(lineage)


def _lineage(lineage: Lineage) -> Iterator[str]:
    yield f"### Pipeline {escaped(lineage.pipeline)}: {words.counted(lineage.features, 'column')}"
    yield ""
    yield from facts(lineage.facts)
    if lineage.steps:
        rows = [
            (f"{code(step.action)} {escaped(step.arguments)}".strip(), step.made, step.dropped)
            for step in lineage.steps
        ]
        yield from table(("Step", "Made", "Dropped"), rows)
    if lineage.origins:
        told = [
            (", ".join(map(code, origin.sources)), ", ".join(map(code, origin.features))) for origin in lineage.origins
        ]
        yield from table(("From", "Features"), told)


def _steps(view: View) -> Iterator[str]:
    yield "## What was run"
    yield ""
    if not view.steps:
        yield "No step was run."
        yield ""
    for done in view.steps:
        yield from _step(done)


def _step(done: Done) -> Iterator[str]:
    result = done.result
    yield f"### {done.place}\\. {code(result.step.action)}: {result.status}"
    yield ""
    if result.step.why:
        yield escaped(result.step.why)
        yield ""
    told = [("How", done.facts)] if done.facts else []
    told += [("Error", result.error)] if result.error else []
    told += [(name, words.clipped(item, 1_000)) for name, item in done.arguments]
    told += [("Whole result", result.result)] if result.result else []
    yield from facts(told)
    if result.text:
        yield fenced(result.text)
        yield ""
    for query in done.queries:
        yield fenced(query, "sql")
        yield ""


def _memory(view: View) -> Iterator[str]:
    if view.report.recalled:
        yield "## Remembered from before"
        yield ""
        for memory in view.report.recalled:
            yield f"- {escaped(memory.content)} ({escaped(memory.kind)}, relevance {words.number(memory.score)})"
        yield ""


def _run(view: View) -> Iterator[str]:
    yield "## About the run"
    yield ""
    yield from facts(view.facts)
    if view.usage:
        yield from facts(view.usage)
    else:
        yield "No language model was asked."
