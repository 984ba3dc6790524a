"""What a goal calls for when no language model plans: the calls that an analyst would make first."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

from .records import Request, Step, StepResult

_MODEL = re.compile(
    r"\b(model\w*|predict\w*|train\w*|classif\w*|regress\w*|forecast\w*|learn\w*|target|modell\w*|vorhers\w+|"
    r"prédi\w+|entra[iî]n\w+|prever|predecir|entrenar)\b",
    re.IGNORECASE,
)
_FEATURES = re.compile(
    r"\b(prepare\w*|features?|engineer\w*|fe_ready|pipelines?|encode\w*|vorbereit\w+|aufbereit\w+|prépar\w+|prepar\w+)\b",
    re.IGNORECASE,
)
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9]+")
_DIGITS = re.compile(r"\d+")
_LONGEST_NAME = 60


def first_look(dataset: str) -> Step:
    """Return the call that everything else is planned on."""
    return Step(
        id="s1", agent="explore", action="infer_schema", arguments={"dataset": dataset}, why="see what is there"
    )


def plan_by_rules(request: Request, *, earlier: str | None, asked: Sequence[Step] = (), pipeline: str) -> list[Step]:
    """Plan an analysis.

    Args:
        request: what was asked for; its target, if any, is a column of the table.
        earlier: another dataset of the same series to compare with, such as last month's file.
        asked: what the words of the goal themselves call for.
        pipeline: the name of the feature pipeline, should one be made.
    """
    data = {"dataset": request.dataset}
    target = {"target": request.target} if request.target else {}
    steps = [
        _step("quality_report", {**data, **target}, "find what is missing, odd, doubled or leaking, and score it"),
        _step("find_relationships", data, "find which columns hang together, and rows that break it"),
        _step("detect_outliers", data, "find values far out"),
        _step("suggest_rules", data, "find rules that nearly all rows keep"),
        _step("missing_data_analysis", data, "find out why values are missing"),
        _step("statistical_summary", data, "see how values are distributed"),
    ]
    if target:
        steps.append(_step("find_relationships", {**data, **target}, f"see what goes with {request.target!r}"))
    if earlier:
        steps += compare(request.dataset, earlier)
    known = {_told(step) for step in steps}
    steps += [step for step in asked if _told(step) not in known]
    return steps + _features(request, pipeline)


def speaks_of_model(goal: str) -> bool:
    """Tell whether a goal is about predicting something."""
    return bool(_MODEL.search(goal))


def compare(dataset: str, earlier: str) -> list[Step]:
    """Compare a dataset with an earlier one of its series."""
    return [
        _step(
            "check_schema_consistency",
            {"dataset": dataset, "reference": earlier},
            f"see whether it is built like {earlier}",
        ),
        _step("check_drift", {"reference": earlier, "current": dataset}, f"see what moved since {earlier}"),
    ]


def _features(request: Request, pipeline: str) -> list[Step]:
    """Plan the roles where a model is spoken of, and all up to the saved features where they are asked for."""
    goal, target = request.goal or "", request.target
    wants_features = bool(_FEATURES.search(goal))
    if target is None or not (wants_features or speaks_of_model(goal)):
        return []
    begin = _step(
        "assign_feature_roles",
        {"dataset": request.dataset, "target": target, "pipeline": pipeline},
        "find the role of every column, and set test rows aside",
        id="f1",
    )
    if not wants_features:
        return [begin]
    on = {"pipeline": pipeline}
    rest = [
        ("impute_missing_values", "fill what is missing, with what training rows tell"),
        ("encode_categorical_features", "turn categories into numbers"),
        ("generate_datetime_features", "turn moments into numbers"),
        ("vectorise_text_features", "turn texts into numbers"),
        ("scale_numeric_features", "put numbers on one scale"),
        ("save_fe_pipeline", "save the features to train on"),
    ]
    steps = [begin]
    for number, (name, why) in enumerate(rest, start=2):
        steps.append(_step(name, on, why, id=f"f{number}", after=[steps[-1].id]))
    return steps


def follow_up(results: Sequence[StepResult], details: dict[str, dict[str, Any]]) -> list[Step]:
    """Plan what results call for: rules that a few rows break are checked, so that the rows are shown."""
    done = {result.step.action for result in results}
    if "check_rules" in done:
        return []
    for result in results:
        if result.step.action != "suggest_rules" or result.status != "done":
            continue
        rules = [_strict(rule) for rule in details.get(result.step.id, {}).get("rules", []) if rule.get("worth_a_look")]
        if rules:
            arguments = {"dataset": result.step.arguments["dataset"], "rules": rules[:20]}
            return [_step("check_rules", arguments, "look at the rows that break what nearly all keep")]
    return []


def _strict(rule: dict[str, Any]) -> dict[str, Any]:
    """Return a suggested rule without what it forgives and without what was noted beside it."""
    noted = {"tolerance", "support", "rows", "reason", "worth_a_look"}
    return {name: value for name, value in rule.items() if name not in noted and value is not None}


def earlier_of(dataset: str, others: Sequence[str]) -> str | None:
    """Return the last one before a dataset in its series: names that differ in their numbers alone.

    Examples:
        >>> earlier_of("orders_2026-05.csv", ["orders_2026-03.csv", "orders_2026-04.csv", "customers.csv"])
        'orders_2026-04.csv'
    """
    shape, mine = _series(dataset)
    if not mine:
        return None
    before = [other for other in others if _series(other)[0] == shape and _series(other)[1] < mine]
    return max(before, key=lambda other: _series(other)[1], default=None)


def _series(name: str) -> tuple[str, list[int]]:
    path = PurePath(name)
    return str(path.parent / _DIGITS.sub("#", path.name)), [int(number) for number in _DIGITS.findall(path.name)]


def pipeline_name(request: Request, run: str) -> str:
    """Return a name for the feature pipeline of a run that no other run has."""
    stem = PurePath(request.dataset).name.split(".")[0]
    name = (
        _NOT_PLAIN.sub("_", f"{stem}_{request.target or 'features'}").strip("_").lower()[:_LONGEST_NAME] or "features"
    )
    return f"{name[: _LONGEST_NAME - 9]}_{run[:8]}"


def owned(step: Step, pipeline: str) -> Step:
    """Return a step that somebody else than the rules planned as it may be done unasked.

    It works on the run's own pipeline, and keeps nothing under a name: what people have made stays as it is.
    """
    arguments = {name: value for name, value in step.arguments.items() if name not in {"save_as", "overwrite"}}
    if "pipeline" in arguments or step.action == "assign_feature_roles":
        arguments["pipeline"] = pipeline
    return step.model_copy(update={"arguments": arguments})


def numbered(steps: Sequence[Step], taken: Sequence[Step], agents: dict[str, str]) -> list[Step]:
    """Give every step an id of its own and its agent; those that no agent may do are left out."""
    count, named = len(taken), {step.id for step in taken}
    made, called = list[Step](), dict[str, str]()
    for step in steps:
        if step.action not in agents:
            continue
        name = step.id
        while not name or name in named:
            count += 1
            name = f"s{count}"
        named.add(name)
        called[step.id] = name
        after = [called.get(other, other) for other in step.after]
        made.append(step.model_copy(update={"id": name, "agent": agents[step.action], "after": after}))
    return made


def _step(action: str, arguments: dict[str, Any], why: str, **more: Any) -> Step:
    return Step(action=action, arguments=dict(arguments), why=why, **more)


def _told(step: Step) -> str:
    return repr((step.action, sorted(step.arguments.items(), key=lambda pair: pair[0])))
