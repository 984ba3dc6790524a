"""Where the features come from: the steps of a feature pipeline, what each column was made of, and what was saved."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import reading, words
from .figures import Source
from .reading import Record

_SOURCES, _MADE, _CUT_AT = 60, 60, 50
_STARTS, _SHOWS, _SAVES = "assign_feature_roles", "show_pipeline", "save_fe_pipeline"


@dataclass(frozen=True)
class FeatureStep:
    """A step of the pipeline, and how many columns it made and dropped."""

    action: str
    arguments: str
    made: str
    dropped: str


@dataclass(frozen=True)
class Origin:
    """Columns of the table and the features made from them; `more` were left out."""

    sources: tuple[str, ...]
    features: tuple[str, ...]
    more: int = 0


@dataclass
class Lineage:
    """A pipeline as the run left it."""

    pipeline: str
    places: list[int] = field(default_factory=list)
    facts: list[tuple[str, str]] = field(default_factory=list)
    steps: list[FeatureStep] = field(default_factory=list)
    origins: list[Origin] = field(default_factory=list)
    features: int = 0
    left: int = 0


def lineages(sources: Sequence[Source]) -> list[Lineage]:
    """Return the pipelines that the run made or showed."""
    by_name: dict[str, list[Source]] = {}
    for source in sources:
        if (name := reading.text(source.detail, "pipeline")) and _is_of_pipeline(source.detail):
            by_name.setdefault(name, []).append(source)
    return [_lineage(name, of_one) for name, of_one in by_name.items()]


def _is_of_pipeline(detail: Record) -> bool:
    return any(key in detail for key in ("made", "steps", "roles", "feature_hash"))


def _lineage(name: str, sources: list[Source]) -> Lineage:
    shown = next((source.detail for source in reversed(sources) if source.action == _SHOWS), None)
    lineage = Lineage(name, [source.place for source in sources])
    lineage.facts = _facts(sources)
    lineage.steps = _steps_shown(shown) if shown else _steps_made(sources)
    columns = reading.records(shown, "features") if shown else _columns_made(sources)
    told = [number for source in sources if (number := reading.amount(source.detail, "features")) is not None]
    lineage.features = max(len(columns), int(told[-1]) if told else 0)
    origins = list(_origins(columns))
    lineage.origins, lineage.left = origins[:_SOURCES], max(0, len(origins) - _SOURCES)
    return lineage


def _facts(sources: Sequence[Source]) -> list[tuple[str, str]]:
    facts: dict[str, str] = {}
    for source in sources:
        detail = source.detail
        if target := reading.text(detail, "target"):
            facts["Target"] = target + (f" ({task})" if (task := reading.text(detail, "task")) else "")
        if method := reading.text(reading.record(detail, "split"), "method"):
            facts["Split"] = method
        if train := reading.count(detail, "train_rows"):
            facts["Rows"] = f"{train:,} for training, {reading.count(detail, 'test_rows'):,} kept for testing"
        if source.action == _SAVES:
            facts |= _saved(detail)
    return list(facts.items())


def _saved(detail: Record) -> dict[str, str]:
    told = {
        "Saved as": reading.text(detail, "name"),
        "Features": words.number(reading.count(detail, "features")),
        "Data": reading.text(detail, "data_path"),
        "Pipeline": reading.text(detail, "pipeline_path"),
        "Feature hash": reading.text(detail, "feature_hash"),
        "Cross-fitted": words.listed(reading.texts(detail, "cross_fitted"), 12),
    }
    return {key: item for key, item in told.items() if item}


def _steps_shown(shown: Record) -> list[FeatureStep]:
    return [
        FeatureStep(
            reading.text(item, "action"),
            _arguments(reading.record(item, "arguments")),
            _length(shown, reading.texts(item, "made")),
            _length(shown, reading.texts(item, "dropped")),
        )
        for item in reading.records(shown, "steps")
    ]


def _steps_made(sources: Sequence[Source]) -> list[FeatureStep]:
    return [
        FeatureStep(
            source.action,
            "",
            _length(source.detail, reading.records(source.detail, "made")),
            _length(source.detail, reading.texts(source.detail, "dropped")),
        )
        for source in sources
        if "made" in source.detail
    ]


def _length(detail: Record, items: list[Any]) -> str:
    """Count a list; results that were cut for length keep at most so many of it."""
    cut = detail.get("truncated") is True and len(items) >= _CUT_AT
    return f"{len(items):,} or more" if cut else f"{len(items):,}"


def _arguments(arguments: Record) -> str:
    return ", ".join(f"{key}={words.argument(item)}" for key, item in arguments.items() if item is not None)


def _columns_made(sources: Sequence[Source]) -> list[Record]:
    """Follow the steps: what one made and none later dropped is there."""
    there: dict[str, Record] = {}
    for source in sources:
        for name in reading.texts(source.detail, "dropped"):
            there.pop(name, None)
        for item in reading.records(source.detail, "made"):
            there[reading.text(item, "column")] = item
    return list(there.values())


def _origins(columns: Sequence[Record]) -> Iterable[Origin]:
    by_sources: dict[tuple[str, ...], list[str]] = {}
    for item in columns:
        by_sources.setdefault(tuple(reading.texts(item, "sources")), []).append(reading.text(item, "column"))
    for sources, made in by_sources.items():
        yield Origin(sources, tuple(made[:_MADE]), max(0, len(made) - _MADE))
