"""Insights and answers by the language model, of which only those leave whose numbers were computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, Field

from ...tools.errors import inert
from ...tools.results import Severity
from ..insights.checking import problems, problems_of_text
from ..orchestrator.records import Insight, Quote, Recollection, Request, StepResult
from .chat import Chat
from .fencing import fenced, memory_block, request_block, results_block
from .prompts import text
from .usage import RunUsage

Details = Mapping[str, dict[str, Any]]


class QuotedStep(BaseModel):
    """A result that an insight rests on."""

    step: str = Field(description="id of the step")
    numbers: list[float] = Field(default_factory=list, description="numbers quoted from its result")


class ReadInsight(BaseModel):
    """Something worth acting on."""

    title: str
    severity: Severity
    concerns: str = Field(description="who it is for, such as data owner, analyst or modeller")
    columns: list[str] = Field(default_factory=list)
    text: str = Field(description="what is the case, in one or two sentences, with its numbers")
    advice: str = Field(description="what to do")
    evidence: list[QuotedStep] = Field(min_length=1)


class Reading(BaseModel):
    """What the results mean."""

    insights: list[ReadInsight]


async def interpret_with_model(
    chat: Chat,
    run: RunUsage,
    request: Request,
    results: Sequence[StepResult],
    recalled: Sequence[Recollection] = (),
    *,
    details: Details | None = None,
) -> list[Insight]:
    """Say what results mean.

    Args:
        chat: the model.
        run: what its calls are counted on.
        request: what was asked for.
        results: the steps of the run.
        recalled: memories that the run began with.
        details: whole results as JSON by the ids of their steps; the check looks numbers up in them.

    Returns:
        The insights that hold, without ids; those that do not are sent back once and then left out.

    Raises:
        ModelUnavailable: no answer.
    """
    by_step, whole = {result.step.id: result for result in results}, details or {}
    kept: list[Insight] = []

    def check(reading: Reading) -> list[str]:
        """Keep what holds, and say what does not."""
        wrong = []
        for read in reading.insights:
            insight = _insight(read, by_step)
            found = problems(insight, by_step, whole, request=request)
            if not found:
                kept.append(insight)
            wrong += [f"insight {insight.title!r}: {problem}" for problem in found]
        if wrong:
            wrong.append(
                "the other insights are kept; answer with these alone, mended, or without those that cannot be"
            )
        return wrong

    summaries_only = chat.settings.summaries_only
    blocks = [
        memory_block(recalled, summaries_only=summaries_only),
        results_block(results, whole, summaries_only=summaries_only),
        request_block(request),
        "Say what these results mean.",
    ]
    messages: list[Any] = [("system", text("interpret.md")), ("human", "\n\n".join(block for block in blocks if block))]
    reading = await chat.structured(messages, Reading, run=run, purpose="interpret", check=check)
    check(reading)
    return _distinct(kept)


def _insight(read: ReadInsight, by_step: Mapping[str, StepResult]) -> Insight:
    quotes = []
    for quote in read.evidence:
        result = by_step[quote.step].result if quote.step in by_step else None
        quotes.append(Quote(step=quote.step, result=result, numbers=quote.numbers))
    words = {name: inert(getattr(read, name)).strip() for name in ("title", "concerns", "text", "advice")}
    return Insight(severity=read.severity, columns=read.columns, evidence=quotes, origin="model", **words)


def _distinct(insights: Sequence[Insight]) -> list[Insight]:
    by_title = {insight.title.casefold().strip(): insight for insight in insights}
    return list(by_title.values())


async def answer_with_model(
    chat: Chat,
    run: RunUsage,
    question: str,
    results: Sequence[StepResult],
    *,
    details: Details | None = None,
) -> str:
    """Answer a question in words from results.

    Args:
        chat: the model.
        run: what its calls are counted on.
        question: as it was asked; its own numbers may be repeated.
        results: what was computed for it.
        details: whole results as JSON by the ids of their steps.

    Raises:
        ModelUnavailable: no answer, or one with numbers that nothing computed, twice.
    """
    whole = details or {}
    blocks = [
        results_block(results, whole, summaries_only=chat.settings.summaries_only),
        fenced("question", question),
        "Answer the question.",
    ]
    said = await chat.text(
        [("system", text("answer.md")), ("human", "\n\n".join(blocks))],
        run=run,
        purpose="answer",
        check=lambda said: problems_of_text(said, results, whole, question=question),
    )
    return "\n".join(inert(line) for line in said.splitlines())
