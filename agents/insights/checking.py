"""Whether what a language model says holds: every number must stand in a result that it names as its evidence.

A number is quoted when it is a number of the evidence, rounded as it is written: `12.3 %` quotes 0.1234, `1.2M` quotes
1,234,567, and `about 12,000` quotes 12,345. Counts of what a result lists are in it as well. Nothing is derived:
a sum or a share that no engine computed is not quoted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..orchestrator.records import Insight, Request, StepResult
from ._numbers import Number, numbers_in
from ._quotable import Quotable, quotable

_ADDRESS = re.compile(r"[a-zA-Z][\w+.-]*://[^\s)>\]\"'`]+|(?<=\()//[^\s)]+")


def problems(
    insight: Insight,
    results: Mapping[str, StepResult],
    details: Mapping[str, dict[str, Any]],
    *,
    request: Request | None = None,
) -> list[str]:
    """Say what is wrong with an insight, in words for whoever wrote it; nothing when it holds.

    Args:
        insight: what is claimed.
        results: the steps of the run by their ids.
        details: whole results as JSON by the ids of their steps, where they are known.
        request: what was asked for; its target is a column.
    """
    found, evidence = list[str](), list[StepResult]()
    for quote in insight.evidence:
        result = results.get(quote.step)
        if result is None:
            found.append(f"there is no step {quote.step!r}; there are {', '.join(results) or 'none'}")
        elif result.status != "done":
            found.append(
                f"step {quote.step!r} is no evidence: it {'failed' if result.status == 'failed' else 'was left out'}"
            )
        else:
            evidence.append(result)
    if not insight.evidence:
        found.append("it names no step as its evidence")
    if found:
        return found
    source = quotable(evidence, details, request=request)
    found += _unknown_columns(insight, source)
    source.add_number(len(insight.columns))
    found += _unquoted((insight.title, insight.text, insight.advice), source, insight.columns)
    found += _unknown_addresses((insight.title, insight.text, insight.advice), source)
    listed = {number for quote in insight.evidence for number in quote.numbers}
    found += [f"the number {number:g} is in none of its steps" for number in sorted(listed) if not source.has(number)]
    return found


def problems_of_text(
    text: str, results: Sequence[StepResult], details: Mapping[str, dict[str, Any]], *, question: str = ""
) -> list[str]:
    """Say which numbers of an answer stand neither in a result nor in the question.

    Args:
        text: the answer.
        results: the steps that it rests on; those that were not done are no evidence.
        details: whole results as JSON by the ids of their steps, where they are known.
        question: what was asked.
    """
    source = quotable([result for result in results if result.status == "done"], details)
    source.add_text(question)
    return _unquoted((text,), source, ()) + _unknown_addresses((text,), source)


def _unknown_columns(insight: Insight, source: Quotable) -> list[str]:
    return [f"there is no column {name!r} in its evidence" for name in insight.columns if not source.knows_column(name)]


def _unknown_addresses(texts: Iterable[str], source: Quotable) -> list[str]:
    """Name addresses that stand in no result: a client that shows one as a picture sends to it what it says."""
    found = dict.fromkeys(match.rstrip(".,;") for text in texts for match in _ADDRESS.findall(text))
    return [
        f"the address {address!r} stands in none of its results; leave it out"
        for address in found
        if not any(address in text for text in source.texts)
    ]


def _unquoted(texts: Iterable[str], source: Quotable, columns: Sequence[str]) -> list[str]:
    """Name the numbers and dates of texts that stand in no result."""
    found: dict[str, str] = {}
    for text in texts:
        for number in numbers_in(text, [*source.columns, *columns]):
            if not _holds(number, source):
                found[number.written] = f"{number.written!r} stands in none of its results; quote it as it is there"
    return list(found.values())


def _holds(number: Number, source: Quotable) -> bool:
    if number.date is not None:
        return source.has_date(number.date)
    return any(source.quotes(reading) for reading in number.readings)
