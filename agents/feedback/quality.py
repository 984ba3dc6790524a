"""How good a set of training examples is: what it holds, what was left out and why, and what to mind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from statistics import fmean

from pydantic import Field

from ...tools.results import Model
from .ratings import Rating

FEW = 50
_MUCH, _MOST, _LITTLE = 0.8, 0.9, 0.7
_BAD_SCORE = 0.5
_BINS = ("0.0-0.2", "0.2-0.4", "0.4-0.6", "0.6-0.8", "0.8-1.0")


class FileQuality(Model):
    """What became of a file's candidates: `lines` and all that was left out add up to `candidates`."""

    candidates: int
    exact_duplicates: int
    near_duplicates: int
    dropped: dict[str, int] = Field(default_factory=dict)
    lines: int


class Scores(Model):
    """How scores are spread; a bin holds its lower edge, the last one both."""

    given: int
    mean: float | None = None
    minimum: float | None = None
    maximum: float | None = None
    bins: dict[str, int]


class Agreement(Model):
    """Of the insights that several people judged, those on which all said the same: worth saying, or not."""

    rated_by_several: int
    agreed: int
    share: float | None = None


class QualityReport(Model):
    """All that is told of an export."""

    ratings: int
    insights: int
    runs: int
    people: int
    datasets: int
    verdicts: dict[str, int]
    severities: dict[str, int]
    origins: dict[str, int]
    scores: Scores
    agreement: Agreement
    left_out: dict[str, int] = Field(default_factory=dict, description="ratings of which no example is made")
    files: dict[str, FileQuality]
    warnings: list[str] = Field(default_factory=list)


def quality_of(
    ratings: Sequence[Rating], left_out: Mapping[str, int], files: Mapping[str, FileQuality]
) -> QualityReport:
    """Describe an export.

    Args:
        ratings: all that are kept.
        left_out: how many of them gave no example, by reason.
        files: what became of the candidates of each file.
    """
    report = QualityReport(
        ratings=len(ratings),
        insights=len({(one.run, one.insight) for one in ratings}),
        runs=len({one.run for one in ratings}),
        people=len({one.principal for one in ratings}),
        datasets=len({one.request.dataset for one in ratings}),
        verdicts=_counted((one.verdict for one in ratings), ("approve", "edit", "reject")),
        severities=_counted((one.given.severity for one in ratings), ("high", "medium", "low")),
        origins=_counted((one.given.origin for one in ratings), ("rules", "model")),
        scores=_scores([one.score for one in ratings if one.score is not None]),
        agreement=_agreement(ratings),
        left_out=dict(left_out),
        files=dict(files),
    )
    return report.model_copy(update={"warnings": _warnings(report, ratings)})


def _counted(seen: Iterable[str], names: Sequence[str]) -> dict[str, int]:
    counts = Counter(seen)
    return {name: counts[name] for name in names}


def _scores(scores: Sequence[float]) -> Scores:
    bins = Counter(_BINS[min(int(score * len(_BINS)), len(_BINS) - 1)] for score in scores)
    counted = {name: bins[name] for name in _BINS}
    if not scores:
        return Scores(given=0, bins=counted)
    return Scores(
        given=len(scores), mean=round(fmean(scores), 3), minimum=min(scores), maximum=max(scores), bins=counted
    )


def by_insight(ratings: Iterable[Rating]) -> list[list[Rating]]:
    """Put the ratings of each insight together."""
    ordered = sorted(ratings, key=lambda one: (one.run, one.insight))
    return [list(group) for _, group in groupby(ordered, key=lambda one: (one.run, one.insight))]


def _agreement(ratings: Sequence[Rating]) -> Agreement:
    several = [group for group in by_insight(ratings) if len(group) > 1]
    agreed = sum(len({one.holds for one in group}) == 1 for group in several)
    share = round(agreed / len(several), 3) if several else None
    return Agreement(rated_by_several=len(several), agreed=agreed, share=share)


def _warnings(report: QualityReport, ratings: Sequence[Rating]) -> list[str]:
    warnings = [_of_size(name, file) for name, file in report.files.items() if file.lines < FEW]
    kinds = {"verdict": report.verdicts, "severity": report.severities, "origin": report.origins}
    for what, counts in kinds.items():
        name, most = max(counts.items(), key=lambda item: item[1])
        limit = _MOST if what == "origin" else _MUCH
        if most > limit * report.ratings:
            warnings.append(
                f"{most} of {report.ratings} ratings have the {what} {name!r}: a model would learn little else"
            )
    most = max(Counter(one.request.dataset for one in ratings).values())
    if most > _MUCH * report.ratings:
        warnings.append(f"{most} of {report.ratings} ratings are of one dataset: a model would learn it by heart")
    if report.agreement.share is not None and report.agreement.share < _LITTLE:
        warnings.append(
            f"people agreed on {report.agreement.agreed} of {report.agreement.rated_by_several} insights that several "
            "judged: settle with them what a good insight is"
        )
    bad = sum(one.holds and one.score is not None and one.score < _BAD_SCORE for one in ratings)
    if bad:
        warnings.append(f"{bad} approved or edited insights have a score below {_BAD_SCORE:g}: look at them again")
    return warnings


def _of_size(name: str, file: FileQuality) -> str:
    if not file.lines:
        return f"{name} holds no example"
    return f"{name} holds {file.lines}, fewer than {FEW} examples: enough to look at, too few to tune a model with"


def as_text(report: QualityReport) -> str:
    """Say a report in words, for people."""
    scores, agreement = report.scores, report.agreement
    lines = [
        f"{report.ratings} ratings of {report.insights} insights, by {report.people} people, of {report.runs} runs on "
        f"{report.datasets} datasets",
        f"verdicts    {_listed(report.verdicts)}",
        f"severities  {_listed(report.severities)}",
        f"origins     {_listed(report.origins)}",
        f"scores      {scores.given} given"
        + (f", {scores.minimum:g} to {scores.maximum:g}, mean {scores.mean:g}" if scores.mean is not None else "")
        + (f" ({_listed(scores.bins)})" if scores.given else ""),
        f"agreement   {agreement.agreed} of {agreement.rated_by_several} insights that several people judged",
    ]
    if report.left_out:
        lines.append(f"left out    {_listed(report.left_out)}")
    for name, file in report.files.items():
        removed = {"exact duplicates": file.exact_duplicates, "near duplicates": file.near_duplicates, **file.dropped}
        lines.append(f"{name}: {file.lines} lines of {file.candidates} candidates; removed: {_listed(removed)}")
    return "\n".join([*lines, *(f"mind: {warning}" for warning in report.warnings)]) + "\n"


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "none"
