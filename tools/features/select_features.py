"""Keep the columns that are worth keeping, judged across folds of the training rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from ..catalogue import action
from ..context import Context
from ..errors import BadRequest
from ._answers import StepResult, step_result

if TYPE_CHECKING:
    from ..results import Finding
    from ._selection import Judged, Scored
    from ._training import Plan, Training

Method = Literal["mutual_information", "permutation", "shap", "variance", "correlation"]
_WAYS = {
    "category": "encode_categorical_features",
    "datetime": "generate_datetime_features",
    "text": "vectorise_text_features",
}
# Reasons in all, and those of them that are for dropped columns at least, where there are so many.
_REASONS, _REASONS_DROPPED = 30, 10
# With fewer rows weak signals are dropped with the noise.
_FEW_ROWS = 1_000


@action("Select features", pure=False, read_only=False)
def select_features(
    pipeline: str,
    method: Method = "mutual_information",
    k: Annotated[int, Field(ge=1)] | None = None,
    *,
    context: Context,
) -> StepResult:
    """Keep the k best number columns, scored across folds of the training rows, and drop the others.

    - mutual_information: with the target (scikit-learn, nearest neighbours), each fold left out in turn.
    - permutation: by how much the loss of gradient-boosted trees on the held-out fold rises when a column is shuffled.
    - shap: mean |SHAP value| of such trees on the held-out fold.
    - variance: of each column with its middle 99 % scaled to 0 … 1, so that scale does not decide.
    - correlation: drops one of each pair with |r| > 0.95 whichever fold is left out, that less related to the target;
      then ranks by |r| with the target (the correlation ratio for classes).

    Without k, the first three keep what scores above shuffled copies of the columns, in most folds and by a margin of
    a quarter of the copies' span (after Kursa and Rudnicki 2010, "Boruta"); variance drops columns of which 99 % are
    one value; correlation drops nothing beyond the pairs. One column always stays. Columns that say
    the same share their permutation and SHAP scores: drop them by correlation before.

    Args:
        pipeline: its name
        method: variance and correlation need no target
        k: columns to keep; default those that beat chance
        context: who calls

    Raises:
        BadRequest: there is no target to judge by; columns are no numbers yet; there are too few rows.
        Unavailable: method is shap, and shap is not installed.
    """
    from ._build import extend

    declared, number, changed = extend(context, pipeline, "select_features", {"method": method, "k": k})
    return step_result(declared, number, changed=changed)


def plan(training: Training, *, method: Method, k: int | None) -> Plan:
    """Score the columns and choose which to keep."""
    from ._selection import constants, judged, scored
    from ._training import Plan

    names = _numbers(training)
    _check_target(training, method, k)
    still = constants(training, names)
    if len(still) == len(names):
        return _nothing_varies(training, names)
    rows = judged(training, [name for name in names if name not in set(still)], method)
    result = scored(rows, method)
    twins = _twins(rows, result) if method == "correlation" else {}
    order = [int(place) for place in (-result.mean).argsort(kind="stable")]
    left = [place for place in order if place not in twins]
    chosen = left[:k] if k is not None else _by_chance(result, left, method)
    reasons = _reasons(rows, result, order, set(chosen), twins, method)
    for name in still[: max(0, _REASONS - len(reasons))]:
        reasons[name] = f"dropped: one value in all {training.rows:,} training rows"
    kept = {rows.names[place] for place in chosen}
    warnings = _warnings(training, rows, result, left, chosen, still, method, k)
    return Plan(dropped=[name for name in names if name not in kept], reasons=reasons, warnings=warnings)


def _numbers(training: Training) -> list[str]:
    others = {kind: training.of_kind(kind) for kind in ("category", "datetime", "text")}
    if any(others.values()):
        ways = [f"{_WAYS[kind]} for {_listed(names)}" for kind, names in others.items() if names]
        raise BadRequest(
            f"select_features judges numbers, and some columns are no numbers yet: call {', '.join(ways)}; then select"
        )
    names = training.of_kind("number", "flag")
    if not names:
        raise BadRequest("there are no columns to select from; remove the step that dropped them with edit_pipeline")
    return names


def _check_target(training: Training, method: Method, k: int | None) -> None:
    from ._selection import SUPERVISED

    if training.y is not None:
        return
    if method in SUPERVISED:
        raise BadRequest(
            f"method {method!r} judges columns by the target, and this pipeline has none; "
            "'variance' and 'correlation' need none"
        )
    if method == "correlation" and k is not None:
        raise BadRequest(
            f"k={k} with method 'correlation' ranks columns by their relation to the target, and there is none; "
            "leave k out to drop one of each pair that says the same, or use method='variance'"
        )


def _nothing_varies(training: Training, names: Sequence[str]) -> Plan:
    from ._training import Plan, warn

    message = f"all {len(names):,} columns hold one value in the {training.rows:,} training rows; {names[0]!r} is kept"
    return Plan(
        dropped=list(names[1:]),
        reasons={names[0]: "kept: one column always is"},
        warnings=[warn(message, names[:12], "constant_columns", len(names), "medium")],
    )


def _twins(rows: Judged, result: Scored) -> dict[int, tuple[int, float]]:
    """Return the columns that say the same as one that is more related to the target, or else more complete."""
    import numpy as np

    from ._selection_scores import redundant

    missing = np.isnan(rows.values).mean(axis=0)
    order = np.lexsort((np.arange(len(rows.names)), missing, -result.mean))
    return redundant(rows.values, rows.splits(), [int(place) for place in order])


def _by_chance(result: Scored, left: Sequence[int], method: Method) -> list[int]:
    """Return what is kept without k; the best at least."""
    if method == "correlation":
        return list(left)
    good = result.by_fold.max(axis=0) > 0 if method == "variance" else result.beats_noise
    return [place for place in left if good[place]] or list(left[:1])


def _reasons(
    rows: Judged,
    result: Scored,
    order: Sequence[int],
    kept: set[int],
    twins: dict[int, tuple[int, float]],
    method: Method,
) -> dict[str, str]:
    """Return score, spread and rank of the kept columns and of the strongest that were dropped, the best first."""
    from ._selection import METHODS

    dropped = [place for place in order if place not in kept]
    first = _REASONS - min(_REASONS_DROPPED, len(dropped))
    shown = {*[place for place in order if place in kept][:first]}
    shown.update(dropped[: _REASONS - len(shown)])
    mean, deviation, noise = result.mean, result.deviation, result.noise
    reasons = {}
    for rank, place in enumerate(order, start=1):
        if place not in shown:
            continue
        if place in twins:
            twin, strength = twins[place]
            reasons[rows.names[place]] = f"dropped: |r| {strength:.3f} or more with {rows.names[twin]!r}, which is kept"
            continue
        told = f"{METHODS[method][3]} {mean[place]:.3g} ± {deviation[place]:.2g} over {len(result.by_fold)} folds"
        chance = f", chance up to {noise[place]:.2g}" if result.copies.size else ""
        verdict = "kept" if place in kept else "dropped"
        reasons[rows.names[place]] = f"{verdict}, rank {rank} of {len(order)}: {told}{chance}"
    return reasons


def _warnings(
    training: Training,
    rows: Judged,
    result: Scored,
    left: Sequence[int],
    chosen: Sequence[int],
    still: Sequence[str],
    method: Method,
    k: int | None,
) -> list[Finding]:
    from ._training import warn

    warnings = []
    if still:
        message = f"{_listed(still)} hold one value in all training rows and are dropped"
        warnings.append(warn(message, still[:12], "constant_columns", len(still)))
    warnings += _about_k(rows, result, left, chosen, k)
    warnings += _about_chance(rows, result, chosen, k)
    holes = [name for name, column in zip(rows.names, rows.values.T, strict=True) if (column != column).any()]
    if holes and method not in {"permutation", "shap"}:
        message = f"{_listed(holes)} have missing values; for scoring alone these were filled with the median"
        warnings.append(warn(message, holes[:12], "missing_values", len(holes)))
    if rows.left_out:
        message = (
            f"{rows.left_out:,} rows of classes with one or two rows were not judged on: they can't be in several folds"
        )
        warnings.append(warn(message, [], "rare_classes", rows.left_out))
    if len(rows.folds) + rows.left_out < training.rows:
        message = f"scored on {len(rows.folds):,} of {training.rows:,} training rows, drawn at random"
        warnings.append(warn(message, [], "scored_rows", len(rows.folds)))
    return warnings


def _about_k(rows: Judged, result: Scored, left: Sequence[int], chosen: Sequence[int], k: int | None) -> list[Finding]:
    from ._training import warn

    if k is None:
        return []
    if k > len(left):
        return [warn(f"k is {k:,}, and there are {len(left):,} columns to choose from: all are kept", [], "k", k)]
    if k == len(left):
        return []
    last = result.mean[chosen[-1]]
    tied = [rows.names[place] for place in left if result.mean[place] == last]
    if result.mean[left[k]] != last:
        return []
    message = (
        f"k={k} ends in a tie: {_listed(tied)} all score {last:.3g}, and those that come first in the table are kept"
    )
    return [warn(message, tied[:12], "tie", len(tied))]


def _about_chance(rows: Judged, result: Scored, chosen: Sequence[int], k: int | None) -> list[Finding]:
    from ._training import warn

    if not result.copies.size:
        return []
    weak = [rows.names[place] for place in chosen if not result.beats_noise[place]]
    if not weak and k is None and len(rows.folds) < _FEW_ROWS and len(chosen) < len(rows.names):
        message = (
            f"{len(rows.folds):,} training rows tell only strong signals from chance: what was dropped may still help "
            "a model a little; k=… keeps more"
        )
        return [warn(message, [], "few_rows", len(rows.folds))]
    if not weak:
        return []
    if k is None:
        message = f"no column tells more of the target than shuffled copies do; the best, {weak[0]!r}, is kept"
        return [warn(message, weak, "no_signal", len(rows.names), "medium")]
    message = f"{len(weak):,} of the {len(chosen):,} kept columns score no better than shuffled copies: {_listed(weak)}"
    return [warn(message, weak[:12], "no_signal", len(weak))]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:6])) + (f" and {len(names) - 6:,} more" if len(names) > 6 else "")
