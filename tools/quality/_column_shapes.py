"""What each column looks like, and what in it cannot be right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field

from ..data.dataset import Dataset
from ..data.values import as_python
from ..placeholders import POSITIVE_SENTINELS, is_placeholder, stands_for_missing
from ..results import Evidence, Finding, Model, Severity
from ._formats import Departure, departures, recounted
from ._numbers import Measured, expect, impossible_dates, measure, negatives, stray_dates
from ._spellings import Spelling, has_levels, mixed_truth, typing_errors, variants
from ._values import column_levels, plain_columns, shared_sample, text_columns

# Below this a table is too small for a single value to be odd.
_ENOUGH = 10
_DOMINANT, _RARE = 0.95, 0.01
_FEW_LEVELS = 50
_MAX_SHOWN = 5


class LevelCount(Model):
    """A value and the rows that hold it."""

    value: str
    count: int
    meant: str | None = None


class ColumnShape(Model):
    """One column: what applies to its kind is filled in.

    `skew` and `kurtosis` (excess) are of the population; `outliers` lie beyond Tukey's fences; `formats` are the ways
    in which the values are written; `spellings` are levels that another level is spelt like, `typos` likely errors.
    """

    column: str
    kind: str
    constant: bool = False
    skew: float | None = None
    kurtosis: float | None = None
    outliers: int | None = None
    outlier_fraction: float | None = None
    fences: list[float] | None = None
    dominant: LevelCount | None = None
    rare: list[LevelCount] | None = None
    formats: list[LevelCount] | None = None
    spellings: list[LevelCount] | None = None
    typos: list[LevelCount] | None = None
    notes: list[str] = Field(default_factory=list)

    @property
    def said(self) -> str:
        """What is worth telling beside the findings."""
        return "; ".join(self.notes)


def describe_columns(dataset: Dataset, names: Sequence[str]) -> tuple[list[ColumnShape], list[Finding]]:
    """Describe columns, and find what is wrong with them; columns with findings come first, then those with notes."""
    if "quality shapes" not in dataset.memo:
        dataset.memo["quality shapes"] = {}
    known: dict[str, tuple[ColumnShape, list[Finding]]] = dataset.memo["quality shapes"]
    wanted = [name for name in names if name not in known]
    plain = plain_columns(dataset, wanted)
    numeric = [name for name in plain if dataset.schema[name].is_numeric()]
    dates = [name for name in plain if dataset.schema[name].is_date() or dataset.schema[name].is_timestamp()]
    if dataset.rows:
        known |= _numeric(dataset, numeric) | _dates(dataset, dates) | _texts(dataset, text_columns(dataset, plain))
    for name in wanted:
        known.setdefault(name, (ColumnShape(column=name, kind=str(dataset.schema[name])), []))
    chosen = [known[name] for name in names]
    chosen.sort(key=lambda item: (not item[1], not item[0].notes))
    return [shape for shape, _ in chosen], [finding for _, findings in chosen for finding in findings]


def _found(
    dataset: Dataset, name: str, severity: Severity, what: str, metric: str, rows: int, examples: Sequence[Any] = ()
) -> Finding:
    share = rows / dataset.rows
    shown = f": {', '.join(map(repr, examples[:3]))}" if examples else ""
    return Finding(
        severity=severity,
        columns=[name],
        message=f"{name!r}: {what}{shown}",
        metric=metric,
        value=share,
        evidence=Evidence(rows=rows, examples=list(examples[:_MAX_SHOWN])),
    )


def _values(rows: int) -> str:
    return "1 value" if rows == 1 else f"{rows:,} values"


def _constant(dataset: Dataset, name: str, rows: int, value: Any) -> list[Finding]:
    if rows < _ENOUGH or rows < 0.5 * dataset.rows:
        return []
    return [_found(dataset, name, "low", f"holds one value only, {value!r}", "constant", rows)]


def _numeric(dataset: Dataset, names: list[str]) -> dict[str, tuple[ColumnShape, list[Finding]]]:
    expected = expect(dataset, names)
    measured = measure(dataset, expected)
    described = {}
    for name, found in measured.items():
        constant = found.rows > 0 and found.minimum == found.maximum and not found.infinite
        outliers = found.below + found.above
        shape = ColumnShape(
            column=name,
            kind="numeric",
            constant=constant,
            skew=found.skew,
            kurtosis=found.kurtosis,
            outliers=outliers,
            outlier_fraction=outliers / dataset.rows,
            fences=[expected[name].low, expected[name].high],
        )
        if found.skew is not None and abs(found.skew) > 2 and not constant:
            shape.notes.append(f"skewed ({found.skew:.1f})")
        if outliers and expected[name].low < expected[name].high:
            shape.notes.append(f"{outliers:,} outside {expected[name].low:.4g} to {expected[name].high:.4g}")
        described[name] = (shape, _numeric_findings(dataset, name, found, expected[name].other_scale))
        if constant:
            described[name][1].extend(_constant(dataset, name, found.rows, found.minimum))
    return described


def _numeric_findings(dataset: Dataset, name: str, found: Measured, other_scale: float | None) -> list[Finding]:
    findings = []
    if found.infinite:
        findings.append(
            _found(dataset, name, "medium", f"{_values(found.infinite)} infinite", "infinite", found.infinite)
        )
    if other_scale is not None and found.other_scale:
        what = f"{_values(found.other_scale)} apart from the rest, across {other_scale:.4g}, as if in another unit"
        findings.append(_found(dataset, name, "medium", what, "second_scale", found.other_scale))
    elif 0 < found.extreme <= max(1, 0.001 * found.rows) and found.maximum not in POSITIVE_SENTINELS:
        what = f"{_values(found.extreme)} over 50 times the 99th percentile, up to {found.maximum:.4g}"
        findings.append(_found(dataset, name, "medium", what, "extreme_values", found.extreme))
    if below := negatives(dataset, name, found):
        rows, never = below
        what = f"{_values(rows)} below zero in a column otherwise above it"
        findings.append(_found(dataset, name, "medium" if never else "low", what, "negative_values", rows))
    return findings


def _dates(dataset: Dataset, names: list[str]) -> dict[str, tuple[ColumnShape, list[Finding]]]:
    import pyarrow.compute as pc

    described = {name: (ColumnShape(column=name, kind="datetime"), list[Finding]()) for name in names}
    sample = shared_sample(dataset)
    for name in names:
        column = sample.arrow.column(name).drop_null()
        edges = as_python(pc.min_max(column)) if len(column) else {"min": None, "max": None}
        if len(column) and edges["min"] == edges["max"] and sample.scanned.rows == dataset.rows:
            described[name][0].constant = True
            described[name][1].extend(_constant(dataset, name, len(column), str(edges["min"])))
    for name, rows in impossible_dates(dataset, names).items():
        what = f"{_values(rows)} before year 1, past year 9999 or infinite, as if in another unit"
        described[name][1].append(_found(dataset, name, "medium", what, "impossible_dates", rows))
    for name, rows in stray_dates(dataset, names).items():
        what = f"{_values(rows)} years away from the rest"
        described[name][1].append(_found(dataset, name, "medium", what, "stray_dates", rows))
    return described


def _texts(dataset: Dataset, names: list[str]) -> dict[str, tuple[ColumnShape, list[Finding]]]:
    levels = column_levels(dataset, names)
    counts, whole = {}, {}
    for name in names:
        # An engine hands out groups in any order; the same table must be described in the same words.
        found = sorted(levels.get(name, {}).items(), key=lambda item: (-item[1], item[0]))
        counts[name] = dict(found) or _sampled(dataset, name)
        whole[name] = name in levels or shared_sample(dataset).scanned.rows == dataset.rows
    written = _recount(dataset, {name: departures(counts[name]) for name in names}, whole)
    return {name: _text(dataset, name, counts[name], written[name], exact=name in levels) for name in names}


def _sampled(dataset: Dataset, name: str) -> dict[str, int]:
    """Different values of a column in the shared sample, with their counts there."""
    import pyarrow.compute as pc

    column = shared_sample(dataset).arrow.column(name).drop_null()
    if not len(column):
        return {}
    counted = pc.value_counts(column.combine_chunks())
    return dict(zip(counted.field(0).to_pylist(), counted.field(1).to_pylist(), strict=True))


def _recount(
    dataset: Dataset, written: Mapping[str, list[Departure]], whole: Mapping[str, bool]
) -> dict[str, list[Departure]]:
    """Count on all rows what was found in some: one pass for all columns."""
    expressions: dict[str, Any] = {}
    for name, found in written.items():
        if whole[name]:
            continue
        column = dataset.table[name]
        for place, departure in enumerate(found):
            for way, form in enumerate(departure.forms):
                expressions[f"{place} {way} {name}"] = column.re_search(rf"^(?:{form.pattern})$").sum()
            if departure.pattern:
                hit = column.re_search(rf"^(?:{departure.pattern})$")
                expressions[f"{place} {name}"] = ((~hit & ~is_placeholder(column)) if departure.usual else hit).sum()
    counted = dataset.aggregate(expressions) if expressions else {}
    result: dict[str, list[Departure]] = {}
    for name, found in written.items():
        result[name] = []
        for place, departure in enumerate(found):
            forms = [int(counted.get(f"{place} {way} {name}") or 0) for way in range(len(departure.forms))]
            exact = counted.get(f"{place} {name}") if departure.pattern else sum(forms) - max(forms, default=0)
            again = not whole[name] and bool(departure.pattern or forms)
            result[name].append(recounted(departure, int(exact or 0), forms) if again else departure)
    return result


def _text(
    dataset: Dataset, name: str, counts: Mapping[str, int], written: list[Departure], *, exact: bool
) -> tuple[ColumnShape, list[Finding]]:
    shape = ColumnShape(column=name, kind="text")
    findings = [_departure(dataset, name, shape, departure) for departure in written]
    real = {value: rows for value, rows in counts.items() if not stands_for_missing(value)}
    if exact and real:
        findings += _levels(dataset, name, shape, real, {departure.kind for departure in written})
    return shape, findings


def _departure(dataset: Dataset, name: str, shape: ColumnShape, departure: Departure) -> Finding:
    if departure.forms:
        ways = [LevelCount(value=form.label, count=form.rows) for form in departure.forms]
        shape.formats = (shape.formats or []) + ways
    severity: Severity = "low" if departure.severity == "low" else "medium"
    what = departure.said
    return _found(
        dataset, name, severity, what, departure.kind, departure.rows, departure.examples if not departure.forms else ()
    )


def _levels(
    dataset: Dataset, name: str, shape: ColumnShape, levels: Mapping[str, int], explained: set[str]
) -> list[Finding]:
    """Judge the levels of a categorical column."""
    rows = sum(levels.values())
    top = max(levels, key=lambda value: levels[value])
    shape.constant = len(levels) == 1
    if shape.constant:
        return _constant(dataset, name, rows, top)
    if not has_levels(levels):
        return []
    shape.kind = "categorical"
    if levels[top] >= _DOMINANT * rows:
        shape.dominant = LevelCount(value=top, count=levels[top])
        shape.notes.append(f"{top!r} in {levels[top] / rows:.1%}")
    rare = sorted((value for value in levels if levels[value] < _RARE * rows), key=lambda value: levels[value])
    if rare and not explained and len(levels) <= _FEW_LEVELS and len(rare) <= max(3, len(levels) // 2):
        shape.rare = [LevelCount(value=value, count=levels[value]) for value in rare[:_MAX_SHOWN]]
        shape.notes.append(f"{len(rare)} rare: " + ", ".join(repr(value) for value in rare[:3]))
    findings = []
    if mixed_truth(levels):
        said = ", ".join(map(repr, sorted(levels, key=lambda value: -levels[value])[:6]))
        minority = rows - levels[top]
        findings.append(
            _found(
                dataset, name, "medium", f"yes and no are written in several ways: {said}", "mixed_formats", minority
            )
        )
    elif not explained & {"mixed_units", "mixed_types", "mixed_formats", "broken_values"}:
        findings += _spelling_findings(dataset, name, shape, levels)
    return findings


def _spelling_findings(dataset: Dataset, name: str, shape: ColumnShape, levels: Mapping[str, int]) -> list[Finding]:
    findings = []
    same = variants(levels)
    errors = typing_errors(levels, ignore={spelling.value for spelling in same})
    for spellings, metric, what in (
        (same, "spelling_variants", "a level in another spelling"),
        (errors, "typing_errors", "what looks like a misspelt level"),
    ):
        if not spellings:
            continue
        listed = [LevelCount(value=s.value, count=s.rows, meant=s.meant) for s in spellings]
        shape.spellings, shape.typos = (
            (listed, shape.typos) if metric == "spelling_variants" else (shape.spellings, listed)
        )
        rows = sum(spelling.rows for spelling in spellings)
        several = f" ({len(spellings)} spellings)" if len(spellings) > 1 else ""
        holders = f"{rows:,} rows hold" if rows > 1 else "1 row holds"
        said = f"{holders} {what}{several}"
        finding = _found(dataset, name, "medium", f"{said}: {_said(spellings)}", metric, rows)
        finding.evidence.examples = [spelling.value for spelling in spellings[:_MAX_SHOWN]]
        findings.append(finding)
    return findings


def _said(spellings: Sequence[Spelling]) -> str:
    return ", ".join(f"{spelling.value!r} for {spelling.meant!r}" for spelling in spellings[:3])
