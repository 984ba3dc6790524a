"""A step of a pipeline: what is missing is filled, in a way that the missingness of the training rows decides."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from ..catalogue import action
from ..context import Context
from ..errors import BadRequest, LimitExceeded
from ._answers import StepResult, step_result

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ..results import Finding
    from ._missingness import Evidence
    from ._reader import Kind
    from ._step import Part
    from ._training import Plan, Training

    Floats = npt.NDArray[np.float64]

Strategy = Literal["auto", "mean", "median", "most_frequent", "constant", "knn", "iterative"]

_NUMERIC = ("mean", "median", "knn", "iterative")
# From this share on, that a value is missing is kept as a column of its own.
_FLAGGED_SHARE = 0.05
# Bulmer, Principles of Statistics (1979): a skewness within these is nearly symmetric.
_SYMMETRIC = 0.5
# With more missing than this there is too little to predict from.
_MOSTLY_KNOWN = 0.5
# Columns that a model may take part in.
_MOST_MODELLED = 300


@dataclass
class _Decided:
    """What is decided so far.

    Attributes:
        ways: by number or flag, how it is filled.
        levels: by category, the level; None: the most frequent.
        flags: columns whose missing values are told by a column of their own.
        dropped: columns without any value.
    """

    ways: dict[str, str] = field(default_factory=dict)
    levels: dict[str, str | None] = field(default_factory=dict)
    flags: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    reasons: dict[str, str] = field(default_factory=dict)
    warnings: list[Finding] = field(default_factory=list)


def plan(
    training: Training,
    *,
    strategy: Strategy = "auto",
    columns: list[str] | None = None,
    indicators: bool | None = None,
    fill_value: float | None = None,
) -> Plan:
    """Decide how each column is filled."""
    from ._training import Plan, nothing_to_do

    names = _choose(training, strategy, columns, fill_value)
    if not names:
        return nothing_to_do(
            f"no column at this point of the pipeline that strategy {strategy!r} could fill; dates and texts are taken "
            "care of by generate_datetime_features and vectorise_text_features"
        )
    shares = {name: float(training.frame[name].isna().mean()) for name in names}
    decided = _Decided()
    _drop_empty(names, shares, strategy, decided)
    names = [name for name in names if name not in decided.dropped]
    if strategy == "auto":
        _decide(training, names, shares, indicators, decided)
    else:
        _follow(training, names, shares, strategy, fill_value, decided)
    if indicators:
        decided.flags = [name for name in names if shares[name] > 0]
    if not indicators and (indicators is False or strategy != "auto"):
        _advise(names, shares, decided)
    parts = _parts(training, decided, fill_value)
    # The parts of a model keep what they predict from, and so their own columns have to go by name.
    replaced = [name for name, way in decided.ways.items() if way in {"knn", "iterative"}]
    reasons = dict(sorted(decided.reasons.items(), key=lambda item: -shares[item[0]]))
    return Plan(parts, [*decided.dropped, *replaced], reasons, decided.warnings)


def _choose(training: Training, strategy: Strategy, columns: list[str] | None, fill_value: float | None) -> list[str]:
    kinds: list[Kind] = ["number", "flag"] if strategy in _NUMERIC else ["number", "flag", "category"]
    if fill_value is not None and strategy != "constant":
        raise BadRequest(f"fill_value {fill_value!r} goes with strategy='constant'; strategy is {strategy!r}")
    for name in columns or []:
        if strategy in _NUMERIC and name in training.columns and training.columns[name].kind == "category":
            raise BadRequest(
                f"strategy={strategy!r} takes numbers, and {name!r} is a category: fill it by a call of its own with "
                "strategy 'auto', 'most_frequent' or 'constant', or make numbers of it first with "
                "encode_categorical_features"
            )
    names = training.choose(columns, kinds, what="impute_missing_values")
    if not _is_flag_value(fill_value):
        flags = [name for name in names if training.columns[name].kind == "flag"]
        if columns is not None and flags:
            raise BadRequest(f"fill_value {fill_value:g} can't fill {flags[0]!r}, which is a flag: give 0 or 1")
        names = [name for name in names if name not in flags]
    return names


def _is_flag_value(fill_value: float | None) -> bool:
    return fill_value is None or fill_value in {0, 1}


def _drop_empty(names: list[str], shares: dict[str, float], strategy: Strategy, decided: _Decided) -> None:
    from ._training import warn

    for name in names:
        if shares[name] == 1 and strategy != "constant":
            decided.dropped.append(name)
            decided.reasons[name] = "dropped: no value in the training rows"
            message = f"{name!r} has no value in the training rows and is dropped"
            decided.warnings.append(warn(message, [name], "missing", 1.0, "medium"))
        elif shares[name] > 0.5:
            message = f"{name!r} is missing in {shares[name]:.0%} of the training rows: most of it will be made up"
            decided.warnings.append(warn(message, [name], "missing", round(shares[name], 4)))


def _advise(names: list[str], shares: dict[str, float], decided: _Decided) -> None:
    from ._training import warn

    lost = [name for name in names if shares[name] >= _FLAGGED_SHARE and decided.levels.get(name) is None]
    if lost:
        shown = ", ".join(f"{name} ({shares[name]:.0%})" for name in lost[:5]) + (" …" if len(lost) > 5 else "")
        message = f"which rows were missing can't be seen any more in {shown}; indicators=true keeps it"
        decided.warnings.append(warn(message, lost, "missing", len(lost)))


def _follow(
    training: Training,
    names: list[str],
    shares: dict[str, float],
    strategy: Strategy,
    fill_value: float | None,
    decided: _Decided,
) -> None:
    """Do as was asked; a flag stays 0 or 1."""
    from ._training import warn

    for name in names:
        kind, way = training.columns[name].kind, str(strategy)
        if kind == "category":
            decided.levels[name] = _own_level(training, name) if strategy == "constant" else None
            way = repr(decided.levels[name]) if strategy == "constant" else "most frequent level"
        elif kind == "flag" and strategy in {"mean", "median"}:
            decided.ways[name] = way = "most_frequent"
        else:
            decided.ways[name] = way
            way = f"constant {fill_value or 0:g}" if way == "constant" else way
        decided.reasons[name] = f"{way}, as asked: {_missing(shares[name])}"
    left = [] if _is_flag_value(fill_value) else training.of_kind("flag")
    if left:
        message = f"fill_value {fill_value:g} does not fit flags, which are left as they are: {', '.join(left[:5])}"
        decided.warnings.append(warn(message, left, "flags", len(left)))


def _missing(share: float) -> str:
    return f"{100 * share:.3g} % missing" if share else "none missing"


def _decide(
    training: Training, names: list[str], shares: dict[str, float], indicators: bool | None, decided: _Decided
) -> None:
    """Decide by the missingness found."""
    from ._missingness import Evidence

    numeric = [name for name in names if training.columns[name].kind != "category"]
    evidence = Evidence.of(training, [name for name in numeric if shares[name] > 0])
    twins: dict[bytes, str] = {}
    for name in names:
        if training.columns[name].kind == "category":
            level = _own_level(training, name)
            decided.levels[name] = level
            decided.reasons[name] = f"a level of its own, {level!r}: {_missing(shares[name])}"
            continue
        way, why = _way(training, name, shares[name], evidence)
        decided.ways[name] = way
        relation = evidence.relations.get(name, "")
        if indicators is None and (relation or shares[name] >= _FLAGGED_SHARE):
            rows = training.frame[name].isna().to_numpy().tobytes()
            twin = twins.setdefault(rows, name)
            decided.flags.extend([name] if twin == name else [])
            why += f"; flagged{'' if twin == name else f' by {twin}, missing in the same rows'}"
        decided.reasons[name] = why + (f"; missing where {relation}" if relation else "")


def _way(training: Training, name: str, share: float, evidence: Evidence) -> tuple[str, str]:
    import numpy as np

    if training.columns[name].kind == "flag":
        return "most_frequent", f"most frequent: {_missing(share)}"
    if share == 0:
        return "median", "median for what new rows may miss: none missing"
    if name in evidence.relations and name in evidence.predictors and share <= _MOSTLY_KNOWN:
        other, r = evidence.predictors[name]
        return "iterative", f"iterative: {_missing(share)}, predicted by {other} (r {r:+.2f})"
    values = training.numbers([name])
    skew = _skewness(values[~np.isnan(values)])
    way = "mean" if abs(skew) <= _SYMMETRIC else "median"
    return way, f"{way}: {_missing(share)}, skew {skew:.1f}"


def _skewness(known: Floats) -> float:
    import numpy as np

    from ._scalers import units

    calm = known * units(known.min(), known.max())
    off = calm - calm.mean()
    spread = float(np.sqrt((off * off).mean()))
    # What is left of equal numbers by rounding has no form.
    alike = spread <= 1e-12 * float(np.abs(calm).max())
    return 0.0 if alike else float((off * off * off).mean()) / spread**3


def _own_level(training: Training, name: str) -> str:
    from ._imputers import OWN_LEVEL

    known = set(training.frame[name].dropna().unique())
    options = [OWN_LEVEL, *(f"{OWN_LEVEL} {number}" for number in range(2, len(known) + 3))]
    return next(option for option in options if option not in known)


def _parts(training: Training, decided: _Decided, fill_value: float | None) -> list[tuple[Part, list[str], bool]]:
    from ._imputers import MODELLED, FillCategories, FillMissing

    flags: dict[str, str] = {}
    for name in decided.flags:
        flags[name] = training.free_name(f"{name}_missing", list(flags.values()))
    parts: list[tuple[Part, list[str], bool]] = []
    for model in (None, *MODELLED):
        own = {name: way for name, way in decided.ways.items() if (way if way in MODELLED else None) == model}
        if not own:
            continue
        kinds = {name: training.columns[name].kind for name in own}
        told = {name: flags[name] for name in own if name in flags}
        part = FillMissing(own, kinds, fill_value or 0.0, told, training.seed)
        parts.append((part, [*own, *(_helpers(training, decided, own) if model else [])], model is not None))
    if decided.levels:
        parts.append((FillCategories(decided.levels), list(decided.levels), False))
    told = {name: flags[name] for name in decided.levels if name in flags}
    if told:
        parts.append((FillMissing({}, flags=told), list(told), True))
    return parts


def _helpers(training: Training, decided: _Decided, targets: dict[str, str]) -> list[str]:
    """Return the columns that others are predicted from."""
    if len(targets) > _MOST_MODELLED:
        raise LimitExceeded(
            f"strategy={next(iter(targets.values()))!r} over {len(targets):,} columns would take too long; the most is "
            f"{_MOST_MODELLED}: name fewer in columns, or choose 'auto', 'mean' or 'median'"
        )
    others = [n for n in training.of_kind("number", "flag") if n not in targets and n not in decided.dropped]
    return others[: _MOST_MODELLED - len(targets)]


@action("Impute missing values", pure=False, read_only=False)
def impute_missing_values(
    pipeline: str,
    strategy: Strategy = "auto",
    columns: list[str] | None = None,
    indicators: bool | None = None,
    fill_value: float | None = None,
    *,
    context: Context,
) -> StepResult:
    """Fill missing numbers, flags and categories; auto decides by how values are missing.

    With `auto` every column is taken, so that a gap in next month's rows has its place: a number gets its mean where it
    is nearly symmetric, else its median; where being missing goes along with another column or the target (rank
    correlation, or Cramér's V with few levels: significant, and at least 0.1) it gets a flag, and is predicted from the
    others where one of them correlates with it (|r| of 0.5 or more) and the table is narrow; from 5 % missing on it
    gets a flag. A flag gets its most frequent value, a category a level of its own, and a column without any value in
    the training rows is dropped. `knn` takes the mean of the five nearest of up to 5,000 training rows (Troyanskaya
    et al. 2001), `iterative` predicts columns from each other in up to ten rounds (van Buuren and Groothuis-Oudshoorn
    2011) and stays within the range of the training rows. A flag is always filled with 0 or 1.

    Flags named <column>_missing are added where auto decides so; `indicators=true` adds them for every column with
    something missing in the training rows, false for none. `constant` fills numbers and flags with `fill_value`, which
    is 0 by default, and categories with a level of their own.

    Args:
        pipeline: its name
        strategy: how
        columns: default all
        indicators: <column>_missing flags
        fill_value: for constant
        context: who calls

    Raises:
        BadRequest: a column is not there, or the strategy or the fill value does not fit it.
        LimitExceeded: a model over too many columns.
    """
    from ._build import extend

    arguments = {"strategy": strategy, "columns": columns, "indicators": indicators, "fill_value": fill_value}
    declared, number, changed = extend(context, pipeline, "impute_missing_values", arguments)
    return step_result(declared, number, changed=changed)
