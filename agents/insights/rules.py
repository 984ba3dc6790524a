"""Insights without a model: findings of one kind become one insight, with its numbers and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any

from ...tools.results import Severity
from ..orchestrator.records import Insight, Quote, Request, StepResult
from .themes import ANALYST, MODELLER, THEMES, Theme

_RANK = {"high": 0, "medium": 1, "low": 2}
_NAMES, _MESSAGES = 4, 5
_DRIVERS = 5
# A pair of less association is no driver worth telling.
_WEAK = 0.1
# What a column means when values of it are measured rather than given: nothing else follows from such.
_NUMBERS = {"numeric", "currency", "percentage"}
_MEASURED = _NUMBERS | {"datetime", "text"}
_FAR_OUT = {"outlier_distance", "outlier_rows"}

Details = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class _Found:
    """A finding of a step."""

    result: StepResult
    severity: Severity
    columns: tuple[str, ...]
    message: str
    metric: str
    numbers: tuple[float, ...]

    @property
    def told(self) -> tuple[str, tuple[str, ...]]:
        return self.metric, tuple(sorted(self.columns))


def insights_by_rules(request: Request, results: Sequence[StepResult], details: Details) -> list[Insight]:
    """Turn what was found into insights, the most severe first.

    Args:
        request: what was asked for.
        results: the steps that were done.
        details: their whole results as JSON by the ids of their steps.
    """
    found = _distinct(_findings(results, details))
    kinds = _meanings(results, details)
    found = [_judged(one, kinds) for one in found if not _accidental(one, kinds)]
    insights, told = list[Insight](), set[str]()
    rest = list(found)
    for theme in THEMES.values():
        mine = [one for one in rest if _tells(one, theme)]
        rest = [one for one in rest if one not in mine]
        worth = [one for one in mine if _RANK[one.severity] <= _RANK[theme.lowest] and not _known(one, theme, told)]
        accused = {name for one in worth for name in one.columns}
        # What is far out tells how many rows there are of what is odd for another reason.
        worth += [one for one in mine if one.metric in _FAR_OUT and one not in worth and set(one.columns) <= accused]
        if worth:
            insights.append(_insight(theme, worth, request))
            told |= {name for one in worth for name in one.columns}
    left = [one for one in rest if one.severity != "low" and not set(one.columns) - {request.target} <= told]
    insights += [_other(one) for one in left]
    insights += _drivers(results, details, told)
    insights += _saved(results, details)
    return _numbered(insights)


def completed(by_model: Sequence[Insight], by_rules: Sequence[Insight]) -> list[Insight]:
    """Complete the insights of a model by those of the rules that it does not cover."""
    rest = [insight for insight in by_rules if not any(_covers(one, insight) for one in by_model)]
    return _numbered([*by_model, *rest])


def _covers(read: Insight, by_rules: Insight) -> bool:
    """Tell whether an insight of a model says of the same columns, by the same steps, what a rule says."""
    steps = {quote.step for quote in read.evidence}
    same = {quote.step for quote in by_rules.evidence} <= steps
    return same and bool(by_rules.columns) and set(by_rules.columns) <= set(read.columns)


def _numbered(insights: Sequence[Insight]) -> list[Insight]:
    """Put insights in order, the most severe first, and give each an id."""
    ordered = sorted(insights, key=lambda insight: _RANK[insight.severity])
    return [insight.model_copy(update={"id": f"i{number}"}) for number, insight in enumerate(ordered, start=1)]


def _findings(results: Sequence[StepResult], details: Details) -> Iterable[_Found]:
    checked = any(result.step.action == "check_rules" and result.status == "done" for result in results)
    for result in results:
        # What suggest_rules hints at, check_rules has counted.
        if result.status != "done" or (checked and result.step.action == "suggest_rules"):
            continue
        whole = details.get(result.step.id, {}).get("findings")
        for raw in whole if whole is not None else [finding.model_dump() for finding in result.findings]:
            numbers = (raw.get("value"), (raw.get("evidence") or {}).get("rows"))
            yield _Found(
                result,
                raw["severity"],
                tuple(raw.get("columns", ())),
                raw["message"],
                raw["metric"],
                tuple(float(n) for n in numbers if isinstance(n, int | float) and not isinstance(n, bool)),
            )


def _distinct(found: Iterable[_Found]) -> list[_Found]:
    """Leave out what another step has told already."""
    kept: dict[tuple[str, tuple[str, ...]], _Found] = {}
    for one in found:
        kept.setdefault(one.told, one)
    return list(kept.values())


def _meanings(results: Sequence[StepResult], details: Details) -> dict[str, str]:
    return {
        column["column"]: column["semantic"]
        for result in results
        if result.step.action == "infer_schema"
        for column in details.get(result.step.id, {}).get("columns", [])
    }


def _accidental(one: _Found, kinds: Mapping[str, str]) -> bool:
    """Tell whether a dependency hangs on a measured column, of which nothing follows, or a number is only a name."""
    if one.metric in _FAR_OUT:
        return bool(one.columns) and all(kinds.get(column, "numeric") not in _MEASURED for column in one.columns)
    return one.metric == "dependency_violations" and kinds.get(one.columns[0]) in _MEASURED


def _judged(one: _Found, kinds: Mapping[str, str]) -> _Found:
    """Take a finding as what it shows: what is far out may be honest, and so may an order of two measures."""
    by_chance = one.metric == "violations" and bool(one.columns) and all(kinds.get(c) in _NUMBERS for c in one.columns)
    if one.metric in _FAR_OUT or (by_chance and len(one.columns) > 1):
        return replace(one, severity="low")
    return one


def _tells(one: _Found, theme: Theme) -> bool:
    return (not theme.metrics or one.metric in theme.metrics) and (
        not theme.actions or one.result.step.action in theme.actions
    )


def _known(one: _Found, theme: Theme, told: set[str]) -> bool:
    """Tell whether other themes speak of all columns of a finding; one of whole rows is never told twice by a rule."""
    if theme.unless_told:
        return set(one.columns) <= told
    # What an outlier is, a placeholder explains.
    return one.metric == "outlier_distance" and theme is THEMES["numbers"] and set(one.columns) <= told


def _insight(theme: Theme, found: Sequence[_Found], request: Request) -> Insight:
    severity = min((one.severity for one in found), key=_RANK.__getitem__)
    if _RANK[severity] < _RANK[theme.most]:
        severity = theme.most
    columns = list(dict.fromkeys(name for one in found for name in one.columns))
    reference = PurePath(found[0].result.step.arguments.get("reference", "the table before")).name
    title = theme.title.format(reference=reference)
    if theme.of_target and request.target:
        title = f"Gives {request.target!r} away"
    return Insight(
        title=f"{title}: {_some(columns)}" if columns else title,
        severity=severity,
        concerns=theme.concerns,
        columns=columns,
        text=_told_together(found),
        advice=theme.advice,
        evidence=_quotes(found),
    )


def _other(one: _Found) -> Insight:
    return Insight(
        title=f"Worth a look: {_some(one.columns)}" if one.columns else "Worth a look",
        severity=one.severity,
        concerns=ANALYST,
        columns=list(one.columns),
        text=_told_together([one]),
        advice=f"See what {one.result.step.action} says of it.",
        evidence=_quotes([one]),
    )


def _quotes(found: Sequence[_Found]) -> list[Quote]:
    quotes: dict[str, Quote] = {}
    for one in found:
        quote = quotes.setdefault(one.result.step.id, Quote(step=one.result.step.id, result=one.result.result))
        quote.numbers = list(dict.fromkeys([*quote.numbers, *one.numbers]))
    return list(quotes.values())


def _drivers(results: Sequence[StepResult], details: Details, told: set[str]) -> list[Insight]:
    """Tell what goes with the target, without what gives it away."""
    for result in results:
        target = result.step.arguments.get("target")
        if result.step.action != "find_relationships" or result.status != "done" or not target:
            continue
        pairs = [
            (pair["left"] if pair["right"] == target else pair["right"], pair["measure"], pair["value"])
            for pair in details.get(result.step.id, {}).get("pairs", [])
        ]
        drivers = [pair for pair in pairs if pair[0] not in told and abs(pair[2]) >= _WEAK][:_DRIVERS]
        if not drivers:
            return []
        said = ", ".join(f"{name} ({measure} {value:.2f})" for name, measure, value in drivers)
        return [
            Insight(
                title=f"What goes with {target!r}: {_some([name for name, _, _ in drivers])}",
                severity="low",
                concerns=MODELLER,
                columns=[name for name, _, _ in drivers],
                text=f"Of all columns that do not give it away, these go with it most: {said}.",
                advice="Begin a model with these; association is no cause.",
                evidence=[
                    Quote(step=result.step.id, result=result.result, numbers=[round(value, 2) for *_, value in drivers])
                ],
            )
        ]
    return []


def _saved(results: Sequence[StepResult], details: Details) -> list[Insight]:
    """Tell where features were saved."""
    for result in results:
        whole = details.get(result.step.id, {})
        if result.step.action == "save_fe_pipeline" and result.status == "done" and whole.get("data_path"):
            return [
                Insight(
                    title="Features to train on are saved",
                    severity="low",
                    concerns=MODELLER,
                    text=f"Features and split: {whole['data_path']}. The fitted pipeline: {whole['pipeline_path']}.",
                    advice="Train on the rows whose split is train; apply_fe_pipeline makes the same of new rows.",
                    evidence=[Quote(step=result.step.id, result=result.result)],
                )
            ]
    return []


def _told_together(found: Sequence[_Found]) -> str:
    more = len(found) - _MESSAGES
    said = " ".join(_sentence(one) for one in found[:_MESSAGES])
    return f"{said} And {more} more." if more > 0 else said


def _sentence(one: _Found) -> str:
    """Put a message as a sentence; a name of a column at its beginning stays as it is."""
    text = one.message
    if not text.startswith(one.columns):
        text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "…", "!", "?")) else f"{text}."


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMES])
    return f"{shown} and {len(names) - _NAMES} more" if len(names) > _NAMES else shown
