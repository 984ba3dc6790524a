from __future__ import annotations

import builtins
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from feature_engine.selection import DropCorrelatedFeatures
from refinery.tools.errors import BadRequest, Unavailable
from refinery.tools.features._reader import ROW, rank_rows
from refinery.tools.features._selection import METHODS, SUPERVISED, judged, scored
from refinery.tools.features._selection_models import fitted, permutation_importance
from refinery.tools.features._selection_scores import Look, correlation, redundant, spread
from refinery.tools.features._step import fold_of
from refinery.tools.features._training import Column, Plan, Training
from refinery.tools.features.select_features import plan
from scipy.stats import pearsonr
from sklearn import inspection
from sklearn.feature_selection import mutual_info_classif, mutual_info_regression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

Lab = Any
TASKS = ("binary", "classes", "regression")
LABELS = {"binary": ("no", "yes"), "classes": ("low", "middle", "high"), "regression": (), "none": ()}


def training(frame: pd.DataFrame, y: Any = None, task: str = "none", flags: tuple[str, ...] = ()) -> Training:
    """Training rows built by hand, in the order and with the folds that the reader gives them."""
    table = frame.astype(float).reset_index(drop=True)
    rows = rank_rows(table, y, None, 0)
    order = np.argsort(rows, kind="stable")
    table = table.iloc[order].reset_index(drop=True).assign(**{ROW: rows[order]})
    columns = {name: Column(name, "flag" if name in flags else "number", (name,)) for name in frame}
    target = None if y is None else np.asarray(y, dtype=float)[order]
    return Training(table, columns, target, task, LABELS[task], len(table), 0)


def target_of(signal: Any, task: str) -> Any:
    """A target of some task, from a number."""
    cuts = {"binary": [0.5], "classes": [1 / 3, 2 / 3]}.get(task)
    return signal if cuts is None else np.searchsorted(np.quantile(signal, cuts), signal).astype(float)


def signal_and_noise(task: str, rows: int = 600, seed: int = 0, noise: int = 8) -> Training:
    """Three columns that a target is made of, one of them a flag, and columns that have nothing to do with it."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"line": rng.normal(size=rows), "bend": rng.normal(size=rows)})
    frame["flag"] = (rng.random(rows) < 0.4).astype(float)
    for index in range(noise):
        frame[f"noise{index}"] = rng.normal(size=rows)
    frame["coin"] = (rng.random(rows) < 0.5).astype(float)
    score = 1.5 * frame["line"] + 2 * frame["bend"].abs() + 2 * frame["flag"] + rng.normal(size=rows)
    return training(frame, target_of(score.to_numpy(), task), task, flags=("flag", "coin"))


def kept(table: Training, method: Any, k: int | None = None) -> list[str]:
    dropped = plan(table, method=method, k=k).dropped
    return [name for name in table.columns if name not in dropped]


TREES = ("permutation", "shap")
JUDGED = [
    pytest.param(method, task, marks=pytest.mark.slow if method in TREES and task != "binary" else [])
    for method in SUPERVISED
    for task in TASKS
]


@pytest.mark.parametrize(("method", "task"), JUDGED)
def test_signal_is_kept_and_noise_dropped(method: str, task: str) -> None:
    table = signal_and_noise(task)
    found = kept(table, method)
    assert {"line", "bend", "flag"} <= set(found)
    assert len(found) <= 4
    assert set(kept(table, method, k=3)) == {"line", "bend", "flag"}


@pytest.mark.parametrize("task", TASKS)
def test_correlation_ranks_what_is_linear_above_noise(task: str) -> None:
    table = signal_and_noise(task)
    assert set(kept(table, "correlation", k=2)) == {"line", "flag"}


@pytest.mark.slow
@pytest.mark.parametrize(("task", "rows"), [("binary", 40), ("classes", 150), ("regression", 500), ("regression", 40)])
def test_of_two_hundred_noise_columns_hardly_one_is_kept(task: str, rows: int) -> None:
    rng = np.random.default_rng(rows)
    frame = pd.DataFrame(rng.normal(size=(rows, 200))).add_prefix("n")
    table = training(frame, target_of(rng.normal(size=rows), task), task)
    result = plan(table, method="mutual_information", k=None)
    assert 200 - len(result.dropped) <= 2


@pytest.mark.slow
@pytest.mark.parametrize("method", ["permutation", "shap"])
def test_of_two_hundred_noise_columns_trees_keep_hardly_one(method: Any) -> None:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(rng.normal(size=(120, 200))).add_prefix("n")
    table = training(frame, target_of(rng.normal(size=120), "binary"), "binary")
    assert len(kept(table, method)) <= 2


@pytest.mark.slow
def test_what_fools_a_selection_on_its_own_rows_does_not_fool_this_one() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(100, 300))
    y = (rng.random(100) < 0.5).astype(float)
    naive = np.argsort(-np.abs([pearsonr(column, y)[0] for column in values.T]))[:20]
    fooled = LogisticRegression().fit(values[:, naive], y).predict_proba(values[:, naive])[:, 1]
    assert roc_auc_score(y, fooled) > 0.9
    assert len(kept(training(pd.DataFrame(values).add_prefix("n"), y, "binary"), "mutual_information")) <= 2


def test_without_signal_one_column_stays_and_that_is_told() -> None:
    rng = np.random.default_rng(3)
    table = training(pd.DataFrame(rng.normal(size=(200, 4))).add_prefix("n"), (rng.random(200) < 0.5) * 1.0, "binary")
    result = plan(table, method="mutual_information", k=None)
    assert len(result.dropped) == 3
    assert [(warning.metric, warning.severity) for warning in result.warnings] == [("no_signal", "medium")]


def encoded_noise(task: str) -> tuple[Training, Training]:
    """A category of pure noise with 1,500 levels in 2,000 rows, as means of the target: cross-fitted, and naive."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=2_000), "level": rng.integers(0, 1_500, 2_000)})
    table = training(frame, target_of((frame["x"] + rng.normal(size=2_000)).to_numpy(), task), task)
    assert table.y is not None
    y, levels = pd.Series(table.y), table.frame["level"]
    folds = fold_of(table.frame[ROW].to_numpy())
    crossed = np.empty(2_000)
    for fold in np.unique(folds):
        out = folds == fold
        means = y[~out].groupby(levels[~out]).mean()
        crossed[out] = levels[out].map(means).fillna(y[~out].mean())
    naive = y.groupby(levels).transform("mean").to_numpy()
    return (
        replace(table, frame=table.frame.assign(level=crossed)),
        replace(table, frame=table.frame.assign(level=naive)),
    )


@pytest.mark.slow
@pytest.mark.parametrize("method", SUPERVISED)
@pytest.mark.parametrize("task", ["binary", "regression"])
def test_noise_of_many_levels_is_not_selected_once_it_is_cross_fitted(method: str, task: str) -> None:
    crossed, naive = encoded_noise(task)
    assert kept(crossed, method) == ["x"]
    assert kept(naive, method) == ["x", "level"]


@pytest.mark.parametrize("task", TASKS)
def test_mutual_information_is_that_of_scikit_learn_with_each_fold_left_out(task: str) -> None:
    table = signal_and_noise(task, rows=300, noise=2)
    rows = judged(table, list(table.columns), "mutual_information")
    found = scored(rows, "mutual_information").by_fold
    folds = fold_of(table.frame[ROW].to_numpy())
    values, y = table.frame.drop(columns=ROW).to_numpy(), table.y
    assert y is not None
    measure = mutual_info_regression if task == "regression" else mutual_info_classif
    for fold in range(5):
        expected = measure(values[folds != fold], y[folds != fold], discrete_features=rows.flags, random_state=0)
        # The noise that scikit-learn adds against ties is drawn for all columns at once.
        np.testing.assert_allclose(found[fold], expected, atol=2e-3)


def test_the_correlation_ratio_of_two_classes_is_pearsons_r() -> None:
    table = signal_and_noise("binary", rows=200)
    rows = judged(table, list(table.columns), "correlation")
    everything = np.arange(200)
    found = correlation(Look(rows.values, rows.flags, rows.y, True, everything, everything, 0))
    expected = [abs(pearsonr(column, rows.y)[0]) for column in rows.values.T]
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_the_correlation_ratio_of_classes_is_the_share_of_variance_between_them() -> None:
    # Means 1, 4, 10 around 5: between (16 + 1 + 25) · 2 = 84; within 6 · 1 = 6.
    values = np.array([[0.0], [2.0], [3.0], [5.0], [9.0], [11.0]])
    everything = np.arange(6)
    y = np.array([0.0, 0, 1, 1, 2, 2])
    found = correlation(Look(values, np.array([False]), y, True, everything, everything, 0))
    np.testing.assert_allclose(found**2, 84 / 90)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_the_scale_of_a_column_does_not_decide_its_variance(scale: float) -> None:
    everything = np.arange(1_000)
    even = np.linspace(-3, 8, 1_000) * scale
    half = np.tile([0.0, scale], 500)
    values = np.column_stack([even, half])
    found = spread(Look(values, np.array([False, False]), None, False, everything, everything, 0))
    # A uniform column cut at 0.5 % and 99.5 %: 2 (0.495³ / 3 + 0.005 · 0.495²) / 0.99² = 0.0850.
    np.testing.assert_allclose(found, [0.0850, 1 / 4], rtol=0.004)


def test_variance_drops_what_hardly_varies_and_a_few_extremes_do_not_decide() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "small": rng.normal(size=1_000) * 1e-9,
            "wild": np.where(np.arange(1_000) == 5, 1e12, rng.normal(size=1_000)),
            "rare": (np.arange(1_000) < 30).astype(float),
            "nearly": (np.arange(1_000) == 7) * 1e9,
            "still": 4.0,
        }
    )
    result = plan(training(frame, flags=("rare",)), method="variance", k=None)
    assert result.dropped == ["nearly", "still"]
    assert kept(training(frame), "variance", k=2) == ["small", "wild"]


@pytest.mark.parametrize("seed", [0, 1])
def test_of_columns_that_say_the_same_those_go_that_feature_engine_drops(seed: int) -> None:
    rng = np.random.default_rng(seed)
    base = rng.normal(size=(400, 6))
    noisy = base[:, rng.integers(0, 6, 30)] + rng.normal(size=(400, 30)) * rng.choice([0.02, 0.6, 2.0], 30)
    values = np.hstack([base, noisy])[:, rng.permutation(36)]
    everything = np.arange(400)
    found = redundant(values, [(everything, everything)], range(36))
    named = pd.DataFrame(values, columns=[f"{index:02d}" for index in range(36)])
    expected = DropCorrelatedFeatures(threshold=0.95).fit(named).features_to_drop_
    assert expected
    assert sorted(found) == sorted(int(name) for name in expected)


def test_many_columns_that_say_the_same_are_found_block_by_block() -> None:
    rng = np.random.default_rng(0)
    base = rng.normal(size=(100, 150))
    everything = np.arange(100)
    found = redundant(np.hstack([base, -base]), [(everything, everything)], range(300))
    assert {place: twin for place, (twin, _) in found.items()} == {150 + place: place for place in range(150)}


@pytest.mark.parametrize("task", TASKS)
def test_of_two_columns_that_say_the_same_the_one_closer_to_the_target_stays(task: str) -> None:
    rng = np.random.default_rng(0)
    close, other = rng.normal(size=(2, 500))
    frame = pd.DataFrame({"far": close + rng.normal(size=500) * 0.2, "close": close, "other": other})
    table = training(frame, target_of(close + rng.normal(size=500) * 0.1, task), task)
    result = plan(table, method="correlation", k=None)
    assert result.dropped == ["far"]
    assert "with 'close', which is kept" in result.reasons["far"]


def test_without_a_target_the_more_complete_of_two_columns_stays() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"holes": rng.normal(size=300)}).assign(whole=lambda table: table["holes"] * 2)
    frame.loc[:1, "holes"] = np.nan
    assert kept(training(frame), "correlation") == ["whole"]


def test_an_extreme_row_does_not_make_two_columns_say_the_same() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(200, 2)), columns=["a", "b"])
    frame.iloc[0] = 1e6
    assert pearsonr(frame["a"], frame["b"])[0] > 0.99
    assert kept(training(frame), "correlation") == ["a", "b"]


@pytest.mark.parametrize("task", TASKS)
def test_shap_values_explain_the_trees_exactly_missing_cells_too(task: str) -> None:
    import shap

    table = signal_and_noise(task, rows=200)
    values = table.frame.drop(columns=ROW).to_numpy()
    values[np.random.default_rng(0).random(values.shape) < 0.1] = np.nan
    assert table.y is not None
    with threadpool_limits(1):
        model = fitted(values, table.y, task != "regression", 0)
    explainer = shap.TreeExplainer(model)
    told = np.asarray(explainer.shap_values(values, check_additivity=False)).sum(axis=1) + explainer.expected_value
    raw = model.predict(values) if task == "regression" else model.decision_function(values)
    np.testing.assert_allclose(told.reshape(raw.shape), raw, atol=1e-6)


@pytest.mark.slow
def test_permutation_importance_is_that_of_scikit_learn_on_the_held_out_rows() -> None:
    table = signal_and_noise("regression", rows=300)
    assert table.y is not None
    values, folds = table.frame.drop(columns=ROW).to_numpy(), fold_of(table.frame[ROW].to_numpy())
    fit, held = np.flatnonzero(folds != 0), np.flatnonzero(folds == 0)
    found = permutation_importance(Look(values, np.zeros(12, dtype=bool), table.y, False, fit, held, 0))
    y = (table.y - table.y[fit].mean()) / table.y[fit].std()
    model = fitted(values[fit], y[fit], False, 0)
    told = inspection.permutation_importance(
        model, values[held], y[held], scoring="neg_mean_squared_error", n_repeats=3, random_state=0
    )
    np.testing.assert_allclose(found, told.importances_mean, atol=1e-9)
    assert found[:2].min() > 0.1


@pytest.mark.parametrize("method", SUPERVISED)
def test_a_column_that_differs_in_one_row_scores_nothing(method: str) -> None:
    table = signal_and_noise("regression")
    table.frame["zero"] = (np.arange(600) == 599) * 1.0
    columns = {**table.columns, "zero": Column("zero", "number", ("zero",))}
    rows = judged(replace(table, columns=columns), [*table.columns, "zero"], method)
    assert abs(scored(rows, method).mean[-1]) < 0.01


@pytest.mark.parametrize("method", list(METHODS))
def test_the_same_rows_give_the_same_plan(method: Any) -> None:
    table = signal_and_noise("binary", rows=150)
    first, second = plan(table, method=method, k=None), plan(table, method=method, k=None)
    assert first == second


@pytest.mark.parametrize("method", list(METHODS))
def test_k_columns_are_kept(method: Any) -> None:
    table = signal_and_noise("classes", rows=200)
    for k in (1, 5):
        assert len(kept(table, method, k)) == k


def test_k_beyond_the_columns_keeps_all_and_says_so() -> None:
    table = signal_and_noise("binary", rows=100, noise=1)
    result = plan(table, method="variance", k=40)
    assert result.dropped == []
    assert [warning.metric for warning in result.warnings] == ["k"]


def test_a_tie_at_k_is_told() -> None:
    flag = (np.arange(100) % 2).astype(float)
    frame = pd.DataFrame({"a": flag, "b": 1 - flag, "c": np.random.default_rng(0).normal(size=100)})
    result = plan(training(frame), method="variance", k=1)
    assert result.dropped == ["b", "c"]
    assert [(warning.metric, warning.columns) for warning in result.warnings] == [("tie", ["a", "b"])]


def test_kept_columns_that_are_no_better_than_chance_are_told() -> None:
    result = plan(signal_and_noise("binary"), method="mutual_information", k=6)
    [warning] = [warning for warning in result.warnings if warning.metric == "no_signal"]
    assert warning.value in {2, 3}


@pytest.mark.parametrize("method", list(METHODS))
def test_constant_columns_are_dropped_and_a_single_one_stays(method: Any) -> None:
    table = signal_and_noise("binary", rows=100, noise=1)
    still = table.frame.assign(still=3.0, empty=np.nan)
    columns = {**table.columns, **{name: Column(name, "number", (name,)) for name in ("still", "empty")}}
    result = plan(replace(table, frame=still, columns=columns), method=method, k=30)
    assert result.dropped == ["still", "empty"]
    assert result.reasons["still"].startswith("dropped: one value in all 100")
    assert "constant_columns" in {warning.metric for warning in result.warnings}
    only = {name: columns[name] for name in ("still", "empty")}
    assert kept(replace(table, frame=still, columns=only), method) == ["still"]


@pytest.mark.parametrize("method", list(METHODS))
@pytest.mark.parametrize("task", TASKS)
def test_missing_values_are_taken_and_told_where_they_were_filled(method: Any, task: str) -> None:
    table = signal_and_noise(task, rows=300, noise=2)
    table.frame.loc[::7, ["line", "noise0"]] = np.nan
    result = plan(table, method=method, k=3)
    assert "line" not in result.dropped or method == "variance"
    told = [warning.columns for warning in result.warnings if warning.metric == "missing_values"]
    assert told == ([] if method in {"permutation", "shap"} else [["line", "noise0"]])


@pytest.mark.parametrize("method", list(METHODS))
def test_extreme_values_do_not_break_the_scores(method: Any) -> None:
    table = signal_and_noise("regression", rows=100, noise=1)
    frame = table.frame.assign(line=table.frame["line"] * 1e300)
    assert table.y is not None
    result = plan(replace(table, frame=frame, y=table.y * 1e200), method=method, k=None)
    assert all("nan" not in reason for reason in result.reasons.values())
    assert "line" not in result.dropped


def test_reasons_give_score_spread_and_rank_the_best_first_and_are_bounded() -> None:
    table = signal_and_noise("binary", noise=60)
    result = plan(table, method="mutual_information", k=25)
    reasons = list(result.reasons.values())
    assert len(reasons) == 30
    ranks = [int(reason.split("rank ")[1].split(" of")[0]) for reason in reasons]
    assert ranks == [*range(1, 21), *range(26, 36)]
    assert reasons[0].startswith("kept, rank 1 of 64: mutual information 0.")
    assert all(reason.startswith("dropped, rank") for reason in reasons[20:])
    assert "± " in reasons[0]
    assert "over 5 folds" in reasons[0]


@pytest.mark.parametrize("method", SUPERVISED)
def test_without_a_target_the_methods_that_need_none_are_named(method: Any) -> None:
    table = training(pd.DataFrame({"a": [1.0, 2, 3], "b": [3.0, 1, 2]}))
    with pytest.raises(BadRequest, match=rf"'{method}'.*'variance' and 'correlation' need none"):
        plan(table, method=method, k=None)


def test_correlation_cannot_rank_without_a_target() -> None:
    with pytest.raises(BadRequest, match=r"k=1.*leave k out"):
        plan(training(pd.DataFrame({"a": [1.0, 2, 3], "b": [3.0, 1, 2]})), method="correlation", k=1)


@pytest.mark.parametrize(
    ("kind", "action"),
    [
        ("category", "encode_categorical_features"),
        ("datetime", "generate_datetime_features"),
        ("text", "vectorise_text_features"),
    ],
)
@pytest.mark.parametrize("method", list(METHODS))
def test_columns_that_are_no_numbers_yet_are_refused_with_the_action_that_makes_them_so(
    kind: Any, action: str, method: Any
) -> None:
    table = signal_and_noise("binary", rows=40)
    table.columns["odd"] = Column("odd", kind, ("odd",))
    with pytest.raises(BadRequest, match=f"{action} for 'odd'"):
        plan(table, method=method, k=None)


@pytest.mark.parametrize("method", SUPERVISED)
@pytest.mark.parametrize(
    ("rows", "y", "folds", "message"),
    [
        (6, "coin", None, "6 training rows are too few: it takes 10"),
        (40, "coin", 0, "one group"),
        (40, "same", None, "hardly varies"),
    ],
)
def test_rows_that_cannot_be_judged_on_are_refused(
    method: Any, rows: int, y: str, folds: int | None, message: str
) -> None:
    table = training(pd.DataFrame(np.random.default_rng(0).normal(size=(rows, 2)), columns=["a", "b"]))
    target = np.arange(rows) % 2 * 1.0 if y == "coin" else np.zeros(rows)
    frame = table.frame if folds is None else table.frame.assign(**{ROW: np.arange(rows) * 5 + folds})
    with pytest.raises(BadRequest, match=message):
        plan(replace(table, frame=frame, y=target, task="binary"), method=method, k=None)


@pytest.mark.parametrize("method", SUPERVISED)
def test_rare_classes_are_left_out_and_told(method: Any) -> None:
    table = signal_and_noise("classes", rows=120)
    assert table.y is not None
    y = table.y.copy()
    y[:2] = 7.0
    result = plan(replace(table, y=y), method=method, k=3)
    assert "rare_classes" in {warning.metric for warning in result.warnings}


def test_without_shap_another_method_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    known = builtins.__import__

    def absent(name: str, *rest: Any, **more: Any) -> Any:
        if name == "shap":
            raise ImportError("No module named 'shap'")
        return known(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(Unavailable, match=r"pip install shap.*permutation"):
        plan(signal_and_noise("binary", rows=60), method="shap", k=None)


def table_of(rows: int = 400, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(rows, 5)), columns=[f"x{index}" for index in range(5)])
    frame["y"] = (frame["x0"] + rng.normal(size=rows) * 0.5 > 0).astype(int)
    return frame


def test_a_pipeline_takes_the_step_once_and_loses_the_columns(lab: Lab) -> None:
    name = lab.start(table_of())
    first = lab.call("select_features", pipeline=name)
    assert first.changed
    assert "x0" not in first.dropped
    assert first.features == 5 - len(first.dropped)
    assert not lab.call("select_features", pipeline=name).changed
    assert list(lab.built(name).training.columns) == [f"x{i}" for i in range(5) if f"x{i}" not in first.dropped]


@pytest.mark.parametrize("method", list(METHODS))
def test_changing_the_test_rows_changes_nothing(lab: Lab, method: str) -> None:
    frame = table_of().assign(row=[f"row-{index:05d}" for index in range(400)])
    split = {"method": "group", "column": "row", "seed": 0}
    name = lab.start(frame, split=split, overrides={"row": "ignore"})
    before = lab.call("select_features", pipeline=name, method=method, k=2)
    rows = lab.built(name)
    train = set(lab.built(name).training.frame["x0"]) if "x0" not in before.dropped else set()
    assert train
    test = ~frame["x0"].isin(train)
    assert test.sum() == 400 - rows.training.rows
    # In the test rows another column is the target: a selection that looked at them would keep it.
    changed = frame.copy()
    for column in ("x1", "x2", "x3", "x4"):
        changed.loc[test, column] = frame.loc[test, "y"] * 100.0 + np.arange(test.sum()) * 1e-3
    assert mutual_info_classif(changed[["x1"]], changed["y"], random_state=0)[0] > 0.05
    other = lab.start(changed, name="changed", split=split, overrides={"row": "ignore"})
    after = lab.call("select_features", pipeline=other, method=method, k=2)
    assert after.dropped == before.dropped
    assert after.reasons == before.reasons


@pytest.mark.parametrize("arguments", [{"k": 0}, {"k": -1}, {"k": 2.5}, {"method": "mutual_info"}])
def test_arguments_out_of_range_are_refused(lab: Lab, arguments: dict[str, Any]) -> None:
    name = lab.start(table_of(60))
    with pytest.raises(BadRequest, match=next(iter(arguments))):
        lab.call("select_features", pipeline=name, **arguments)


def test_a_plan_drops_and_makes_nothing() -> None:
    result = plan(signal_and_noise("binary", rows=100), method="variance", k=2)
    assert isinstance(result, Plan)
    assert result.parts == []
