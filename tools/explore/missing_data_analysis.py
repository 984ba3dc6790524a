"""Why values are missing: which columns lack them together, and what tells that they are missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from ..catalogue import action
from ..columns import profile_columns
from ..data.dataset import Dataset
from ..results import Evidence, Finding, Model, Result, worst_first
from ._missingness import (
    ENOUGH,
    MOST_COLUMNS,
    MOST_PREDICTORS,
    SAMPLE_ROWS,
    Link,
    Missing,
    Patterns,
    Predictor,
    as_predictor,
    count_complete,
    find_missing,
    find_patterns,
    link,
)

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Mechanism = Literal["random", "depends", "determined", "together", "unknown"]

# Cramér's V from which on a column is said to tell of missingness; a smaller one changes nothing that is done about it.
EFFECT = 0.1
_SURE = 0.0001
# Above this, what is missing all but follows from the other column.
_DETERMINED = 0.9
_CORRELATED, _TOGETHER = 0.3, 0.95
_JOINT_ROWS = 5


class Pattern(Model):
    """A combination of columns that are missing in the same rows, and no other with them."""

    columns: list[str]
    rows: int
    fraction: float


class NullityCorrelation(Model):
    """How being missing goes together in two columns: 1 always, -1 one or the other."""

    left: str
    right: str
    r: float
    rows: int = Field(description="rows in which both are missing")


class MissingnessPredictor(Model):
    """A column that tells of missingness: Cramér's V, and where most and least is missing."""

    column: str
    effect: float
    p_value: float = Field(description="corrected for the number of comparisons")
    most: str
    most_fraction: float
    least: str
    least_fraction: float


class MissingColumnAnalysis(Model):
    """One column; `missing` counts nulls and `disguised` placeholders.

    `mechanism` is `random` where no column tells of missingness, which does not rule out that the missing value itself
    does; `depends` or `determined` where another column's values do; `together` where others are missing with it.
    """

    column: str
    missing: int
    disguised: int
    fraction: float
    mechanism: Mechanism
    together_with: list[str] = Field(default_factory=list)
    predictors: list[MissingnessPredictor] = Field(default_factory=list)
    recommendation: str


class MissingDataAnalysis(Result):
    """What is missing where, the worst first."""

    complete_rows: int = 0
    columns: list[MissingColumnAnalysis] = Field(default_factory=list)
    patterns: list[Pattern] = Field(default_factory=list)
    correlations: list[NullityCorrelation] = Field(default_factory=list)

    def headline(self) -> str:
        if not self.columns:
            return "No missing values."
        rows = max(1, self.scanned.of)
        return (
            f"{len(self.columns)} column(s) have missing values; {self.complete_rows:,} of {self.scanned.of:,} rows "
            f"({self.complete_rows / rows:.0%}) are complete."
        )

    def details(self) -> list[str]:
        lines = [f"{item.rows:,} rows ({item.fraction:.1%}) lack {_some(item.columns)}" for item in self.patterns[:5]]
        told = [f"{c.column}: {c.fraction:.1%} missing, {c.mechanism}; {c.recommendation}" for c in self.columns[:15]]
        return [*lines, *told]

    def next_steps(self) -> list[str]:
        if any(item.mechanism in {"random", "depends"} for item in self.columns):
            return [
                "Before modelling, fill them and keep a flag column of what was missing: the flag may tell something."
            ]
        return []


@action("Missing data analysis")
def missing_data_analysis(dataset: Dataset) -> MissingDataAnalysis:
    """Explain missing values: which columns are missing together, which columns predict it, what to do about each."""
    counted = find_missing(dataset)
    affected = sorted((item for item in counted.values() if item.rows), key=lambda item: -item.rows)
    if not affected:
        return MissingDataAnalysis(dataset=dataset.name, scanned=dataset.everything, complete_rows=dataset.rows)
    patterns = find_patterns(dataset, affected[:MOST_COLUMNS])
    related = patterns if patterns.complete else find_patterns(dataset, affected[:MOST_COLUMNS], sampled=True)
    correlations = _correlations(related)
    groups = _groups(correlations)
    links = _links(dataset, affected[:MOST_COLUMNS], counted)
    columns = [_analyse(dataset, item, groups.get(item.column, []), links.get(item.column, [])) for item in affected]
    told = [
        _pattern(patterns, index, dataset.rows) for index in range(len(patterns.rows)) if patterns.masks[index].any()
    ]
    return MissingDataAnalysis(
        dataset=dataset.name,
        scanned=dataset.everything,
        findings=worst_first([*_group_findings(groups, patterns), *map(_finding, _telling(columns))]),
        complete_rows=patterns.whole_rows() if patterns.all_seen(len(affected)) else count_complete(dataset, affected),
        columns=columns,
        patterns=told,
        correlations=correlations,
    )


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:6])
    return shown if len(names) <= 6 else f"{shown} and {len(names) - 6} more"


def _pattern(patterns: Patterns, index: int, rows: int) -> Pattern:
    names = [name for name, gone in zip(patterns.columns, patterns.masks[index], strict=True) if gone]
    count = int(patterns.rows[index])
    return Pattern(columns=names, rows=count, fraction=count / rows)


def _correlations(patterns: Patterns) -> list[NullityCorrelation]:
    """Return pairs whose missingness is related beyond chance, the strongest first."""
    import numpy as np

    matrix = np.nan_to_num(patterns.correlations())
    rows = float(patterns.rows.sum())
    found = []
    pairs = np.argwhere(np.triu(np.abs(matrix) >= _CORRELATED, 1)).tolist()
    for left, right in pairs:
        r = float(matrix[left, right])
        # Five standard errors: of 30,000 pairs of a wide table none gets there by chance.
        if abs(r) * rows**0.5 < 5:
            continue
        both = patterns.joint_rows(left, right)
        if r > 0 and both < _JOINT_ROWS:
            continue
        pair = NullityCorrelation(left=patterns.columns[left], right=patterns.columns[right], r=min(1.0, r), rows=both)
        found.append(pair)
    return sorted(found, key=lambda pair: -abs(pair.r))


def _groups(correlations: list[NullityCorrelation]) -> dict[str, list[str]]:
    """Return for each column those that are missing in all but the same rows."""
    together: dict[str, list[str]] = {}
    for pair in correlations:
        if pair.r >= _TOGETHER:
            together.setdefault(pair.left, []).append(pair.right)
            together.setdefault(pair.right, []).append(pair.left)
    return together


def _links(
    dataset: Dataset, affected: list[Missing], counted: dict[str, Missing]
) -> dict[str, list[tuple[Link, float]]]:
    """Hold the missingness of each column against the values of the others, in a sample; p-values are Bonferroni's."""
    profiles = profile_columns(dataset)
    usable = [
        name for name in dataset.columns if profiles[name].kind in {"numeric", "categorical", "datetime", "boolean"}
    ]
    usable = usable[:MOST_PREDICTORS]
    targets = [item for item in affected if min(item.rows, dataset.rows - item.rows) >= ENOUGH]
    if not usable or not targets:
        return {}
    masks, predictors = _in_memory(dataset, targets, usable, counted)
    found: dict[str, list[tuple[Link, float]]] = {}
    comparisons = max(1, len({mask.tobytes() for mask in masks.values()}) * len(predictors))
    for name, mask in masks.items():
        links = [link(predictor, mask) for predictor in predictors if predictor.column != name]
        sure = [(item, min(1.0, item.p_value * comparisons)) for item in links if item is not None]
        found[name] = sorted(
            ((item, p) for item, p in sure if p < _SURE and item.effect >= EFFECT), key=lambda pair: -pair[0].effect
        )
    return found


def _in_memory(
    dataset: Dataset, targets: list[Missing], usable: list[str], counted: dict[str, Missing]
) -> tuple[dict[str, npt.NDArray[np.bool_]], list[Predictor]]:
    import pyarrow as pa
    import pyarrow.compute as pc

    names = list(dict.fromkeys([*(item.column for item in targets), *usable]))
    arrow = dataset.sample(max(2_000, min(SAMPLE_ROWS, 4_000_000 // len(names))), names).arrow
    absent = {}
    for index, name in enumerate(names):
        column = arrow.column(index).combine_chunks()
        gone = column.is_null()
        if counted[name].words:
            gone = pc.or_(gone, pc.is_in(column, value_set=pa.array(counted[name].words, column.type)))
        absent[name] = gone.to_numpy(zero_copy_only=False)
    predictors = [as_predictor(name, arrow.column(names.index(name)).combine_chunks(), absent[name]) for name in usable]
    return {item.column: absent[item.column] for item in targets}, [item for item in predictors if item is not None]


def _analyse(
    dataset: Dataset, missing: Missing, together: list[str], links: list[tuple[Link, float]]
) -> MissingColumnAnalysis:
    fraction = missing.rows / dataset.rows
    mechanism = _mechanism(missing, dataset.rows, together, links)
    return MissingColumnAnalysis(
        column=missing.column,
        missing=missing.nulls,
        disguised=missing.disguised,
        fraction=fraction,
        mechanism=mechanism,
        together_with=together,
        predictors=[_predictor(item, p_value) for item, p_value in links[:5]],
        recommendation=_recommend(mechanism, fraction, together, links),
    )


def _mechanism(missing: Missing, rows: int, together: list[str], links: list[tuple[Link, float]]) -> Mechanism:
    if links and links[0][0].effect >= _DETERMINED:
        return "determined"
    if together:
        return "together"
    if links:
        return "depends"
    return "random" if min(missing.rows, rows - missing.rows) >= ENOUGH else "unknown"


def _predictor(item: Link, p_value: float) -> MissingnessPredictor:
    # A level of a few rows says little, however extreme.
    least_rows = max(5, 0.01 * sum(item.levels.values()))
    rates = {label: rate for label, rate in item.rates.items() if item.levels[label] >= least_rows} or item.rates
    most, least = max(rates, key=lambda label: rates[label]), min(rates, key=lambda label: rates[label])
    return MissingnessPredictor(
        column=item.column,
        effect=item.effect,
        p_value=p_value,
        most=most,
        most_fraction=rates[most],
        least=least,
        least_fraction=rates[least],
    )


def _recommend(mechanism: Mechanism, fraction: float, together: list[str], links: list[tuple[Link, float]]) -> str:
    """Say what to do about a column; the order is from what leaves no choice to what is a matter of taste."""
    if fraction == 1:
        return "drop: it has no value"
    if mechanism == "determined":
        cause = links[0][0].column
        return f"investigate: it follows from {cause}, so it may be 'not applicable'; give it a level of its own"
    if fraction >= 0.95:
        return "drop, or keep only whether it is there"
    if mechanism == "together":
        return f"investigate the source that {_some(together)} come from too; impute with one indicator for all of them"
    if mechanism == "depends":
        return f"impute from other columns ({', '.join(item.column for item, _ in links[:3])}) with an indicator"
    if fraction > 0.5:
        return "drop or impute with an indicator: more is missing than there is"
    if mechanism == "unknown":
        return "too few rows to tell why; impute simply"
    return (
        "impute simply; leaving the rows out biases nothing seen here"
        if fraction < 0.05
        else "impute, with an indicator"
    )


def _telling(columns: list[MissingColumnAnalysis]) -> list[MissingColumnAnalysis]:
    """Return one column of each group whose missingness other columns tell of."""
    told: list[MissingColumnAnalysis] = []
    for column in columns:
        if column.predictors and not any(other.column in column.together_with for other in told):
            told.append(column)
    return told


def _finding(column: MissingColumnAnalysis) -> Finding:
    best = column.predictors[0]
    names = [column.column, *column.together_with]
    return Finding(
        severity="medium" if best.effect >= 0.3 else "low",
        columns=[*names, best.column],
        message=(
            f"{_some(names)} missing depends on {best.column!r}: {best.most_fraction:.0%} where it is {best.most}, "
            f"{best.least_fraction:.0%} where it is {best.least}"
        ),
        metric="cramers_v",
        value=best.effect,
        threshold=EFFECT,
        evidence=Evidence(rows=column.missing + column.disguised),
    )


def _group_findings(groups: dict[str, list[str]], patterns: Patterns) -> list[Finding]:
    """Tell each group of columns that are missing together once."""
    findings = []
    for members in {frozenset([name, *others]) for name, others in groups.items()}:
        places = [index for index, name in enumerate(patterns.columns) if name in members]
        names = [patterns.columns[place] for place in places]
        both = int(patterns.rows[patterns.masks[:, places].all(axis=1)].sum())
        findings.append(
            Finding(
                severity="medium",
                columns=names,
                message=f"{len(names)} columns are missing together in {both:,} rows: {_some(names)}",
                metric="rows_missing_together",
                value=both,
                evidence=Evidence(rows=both),
            )
        )
    return sorted(findings, key=lambda finding: (-int(finding.value or 0), finding.columns))
