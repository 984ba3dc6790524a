from __future__ import annotations

import io
import zipfile
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from refinery.tools.catalogue import action_of
from refinery.tools.errors import BadRequest, LimitExceeded
from refinery.tools.features import _encoders_target
from refinery.tools.features._encoders import Frequency, Hashed, OneHot, Ordinal, least_rows
from refinery.tools.features._encoders_levels import keys_of, natural_order
from refinery.tools.features._encoders_spelling import Spelled, evidence
from refinery.tools.features._encoders_target import TargetMean, smoothing
from refinery.tools.features._reader import ROW, Kind, rank_rows
from refinery.tools.features._rows import FOLDS
from refinery.tools.features._step import Part
from refinery.tools.features._training import Column, Training
from refinery.tools.features.encode_categorical_features import encode_categorical_features, plan
from scipy.stats import f_oneway, ks_2samp
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.feature_extraction import FeatureHasher
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import r2_score, roc_auc_score
from sklearn.preprocessing import OneHotEncoder

FEW_LEAVES: dict[str, Any] = {"max_leaf_nodes": 4, "max_iter": 10, "early_stopping": False, "random_state": 0}


def table(**columns: Any) -> pd.DataFrame:
    """A canonical table of texts."""
    return pd.DataFrame({name: pd.Series(list(values), dtype=object) for name, values in columns.items()})


def ranked(texts: Any, y: np.ndarray, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Category, target and rank-and-fold as the builder hands them to a step: in the order of their ranks."""
    frame = table(c=texts)
    rows = rank_rows(frame, y, None, seed)
    order = np.argsort(rows)
    return frame.iloc[order].reset_index(drop=True), y[order], rows[order]


def training(
    frame: pd.DataFrame,
    y: Any = None,
    task: str = "none",
    classes: tuple[str, ...] = (),
    kinds: dict[str, Kind] | None = None,
) -> Training:
    target = None if y is None else np.asarray(y, dtype=np.float64)
    columns = {name: Column(name, (kinds or {}).get(name, "category"), (name,)) for name in frame.columns}
    rows = np.arange(len(frame)) * FOLDS + np.arange(len(frame)) % FOLDS
    return Training(frame.assign(**{ROW: rows}), columns, target, task, classes, len(frame), 0)


def names_of(levels: np.ndarray) -> np.ndarray:
    return np.array([f"level {level}" for level in levels], dtype=object)


def scaled(values: np.ndarray) -> np.ndarray:
    return (values - values.mean(axis=0)) / (values.std(axis=0) + 1e-12)


def auc(model: Any, values: np.ndarray, y: np.ndarray, new: np.ndarray, new_y: np.ndarray) -> tuple[float, float]:
    """Score on the rows that the model was fitted on, and on others."""
    model.fit(values, y)
    return tuple(float(roc_auc_score(t, model.predict_proba(x)[:, 1])) for x, t in ((values, y), (new, new_y)))  # type: ignore[return-value]


# --- target means: what a level's value is


def test_values_are_those_worked_out_by_hand() -> None:
    # Levels a: 1 2 3 and b: 7 8 9. Between 54, within 1, so m = 3 / 53, and 1 is the least there is. The prior is 5.
    frame, y = table(c="aaabbb"), np.array([1.0, 2, 3, 7, 8, 9])
    rows = np.arange(6) * FOLDS + np.array([0, 1, 1, 4, 4, 4])
    part = TargetMean(["c_target"]).fit(frame, y, rows)
    assert part.transform(table(c=["a", "b", "never seen"])).ravel().tolist() == pytest.approx([11 / 4, 29 / 4, 5])
    # The first row is alone in its fold: (2 + 3 + 5) / 3. The next two leave 1: (1 + 5) / 2. Fold 4 leaves no b.
    assert part.transform_training(frame, rows).ravel().tolist() == pytest.approx([10 / 3, 3, 3, 5, 5, 5])


def test_smoothing_is_the_ratio_of_the_variances_within_and_between_levels() -> None:
    # Twenty rows each of a (0 and 4 in turn) and b (2 and 6): within 160 / 38, between (40 - 80 / 19) / 20 = 34 / 19.
    a, b = np.tile([0.0, 4], 10), np.tile([2.0, 6], 10)
    m, chance = smoothing(
        np.array([20, 20]), np.array([a.sum(), b.sum()]) - 60, float(((a - 3) ** 2 + (b - 3) ** 2).sum())
    )
    assert m == pytest.approx(float(Fraction(80, 34)))
    assert chance == pytest.approx(f_oneway(a, b).pvalue)
    part = TargetMean(["c_target"]).fit(table(c="a" * 20 + "b" * 20), np.concatenate([a, b]))
    assert part.transform(table(c="ab")).ravel() == pytest.approx([(40 + 3 * m) / (20 + m), (80 + 3 * m) / (20 + m)])


def test_smoothing_knows_the_variances_that_unequal_levels_were_drawn_with() -> None:
    dice = np.random.default_rng(5)
    levels = dice.choice(2_000, 60_000, p=dice.dirichlet(np.full(2_000, 2.0)))
    y = dice.normal(0, 0.5, 2_000)[levels] + dice.normal(0, 2, 60_000)
    _, codes = np.unique(levels, return_inverse=True)
    above = y - y.mean()
    m, _ = smoothing(np.bincount(codes), np.bincount(codes, above), float(above @ above))
    assert m == pytest.approx(2**2 / 0.5**2, rel=0.1)


@pytest.mark.parametrize("classes", [0, 2, 3])
def test_a_training_row_has_the_value_of_its_level_among_the_rows_of_other_folds(classes: int) -> None:
    dice = np.random.default_rng(1)
    levels = dice.integers(0, 12, 400)
    y = levels % max(classes, 1) if classes else levels + dice.normal(size=400)
    y = np.where(dice.random(400) < 0.2, dice.permutation(y), y).astype(float)
    frame, y, rows = ranked(names_of(levels), y)
    part = TargetMean([f"t{n}" for n in range(classes if classes > 2 else 1)], classes).fit(frame, y, rows)
    made = part.transform_training(frame, rows)
    texts = frame["c"].to_numpy()
    for row in range(len(frame)):
        others = (texts == texts[row]) & (rows % FOLDS != rows[row] % FOLDS)
        for column in range(made.shape[1]):
            label = y if classes == 0 else (y == (1 if classes == 2 else column)).astype(float)
            m, prior = part.smoothing_[column], label.mean()
            assert np.isfinite(m)
            assert made[row, column] == pytest.approx((label[others].sum() + m * prior) / (others.sum() + m))


@pytest.mark.parametrize("classes", [0, 2])
def test_labels_of_a_fold_leave_no_trace_in_its_values(classes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_encoders_target, "smoothing", lambda *_: (4.0, 0.0))
    dice = np.random.default_rng(2)
    folds = np.tile(np.arange(5), 40)
    frame, rows = table(c=names_of(np.repeat(np.arange(8), 25))), np.arange(200) * FOLDS + folds
    y = dice.integers(0, 2, 200).astype(float)
    swapped = y.copy()
    swapped[folds == 3] = dice.permutation(y[folds == 3])
    made, after = (
        TargetMean(["t"], classes).fit(frame, one, rows).transform_training(frame, rows) for one in (y, swapped)
    )
    assert (made[folds == 3] == after[folds == 3]).all()
    assert (made[folds != 3] != after[folds != 3]).any()


@pytest.mark.parametrize("given", [["no", "yes"], [False, True], [3, 7], [0, 1], [0.0, 1.0]])
def test_labels_of_a_notebook_are_coded_in_their_order(given: list[Any]) -> None:
    codes = np.tile([0, 0, 1, 1, 1, 0], 10)
    frame = table(c=["a", "a", "b", "b", "b", "b"] * 10)
    made = TargetMean(["t"], 2).fit(frame, pd.Series([given[code] for code in codes])).transform(frame)
    assert (made == TargetMean(["t"], 2).fit(frame, codes.astype(float)).transform(frame)).all()
    assert made[2, 0] > made[0, 0]


def test_codes_stay_codes_when_a_class_is_absent_from_the_training_rows() -> None:
    frame, y = table(c=["a"] * 20 + ["b"] * 20), np.repeat([0.0, 2.0], 20)
    made = TargetMean(["t0", "t1", "t2"], 3).fit(frame, y).transform(table(c="ab"))
    assert (made[:, 1] == 0).all()
    assert made[0, 0] > 0.9 < made[1, 2]


def test_other_classes_than_declared_are_refused() -> None:
    with pytest.raises(BadRequest, match="has 3 classes here and had 2"):
        TargetMean(["t"], 2).fit(table(c="abc"), np.array(["x", "y", "z"]))
    with pytest.raises(BadRequest, match="needs the target"):
        TargetMean(["t"], 2).fit(table(c="abc"), None)


def test_unseen_levels_and_nulls_have_their_place() -> None:
    y = np.array([1.0] * 10 + [5.0] * 10 + [9.0] * 10)
    part = TargetMean(["t"]).fit(table(c=["a"] * 10 + ["b"] * 10 + [None] * 10), y)
    unseen, null, text = part.transform(table(c=["zzz", None, "None"])).ravel()
    assert unseen == y.mean() == text
    assert null == pytest.approx((90 + 5) / 11)
    without = TargetMean(["t"]).fit(table(c=["a"] * 10 + ["b"] * 10), y[:20])
    assert without.transform(table(c=[None])).item() == y[:20].mean()


def test_the_order_of_the_rows_does_not_matter() -> None:
    dice = np.random.default_rng(3)
    texts, y = names_of(dice.integers(0, 300, 5_000)), dice.normal(size=5_000) * 1e3
    y += pd.Series(texts).map(hash).to_numpy() % 1_000
    frame, y, rows = ranked(texts, y)
    part = TargetMean(["t"]).fit(frame, y, rows)
    made = part.transform_training(frame, rows)
    order = dice.permutation(len(y))
    again = TargetMean(["t"]).fit(frame.iloc[order], y[order], rows[order])
    assert (again.transform_training(frame, rows) == made).all()
    assert (part.transform_training(frame.iloc[order], rows[order]) == made[order]).all()


def test_only_rows_that_were_fitted_on_get_values_without_their_fold() -> None:
    frame, y = table(c="aaaabbbb"), np.array([0.0, 1, 0, 1, 8, 9, 8, 9])
    rows = np.arange(8) * FOLDS + np.arange(8) % FOLDS
    part = TargetMean(["t"]).fit(frame, y, rows)
    full, own = part.transform(frame), part.transform_training(frame, rows)
    assert (own != full).any(axis=1).all()
    assert (part.transform_training(frame, np.full(8, -1)) == full).all()
    assert (part.transform_training(frame, rows + 8 * FOLDS) == full).all()
    part.forget_training()
    assert (part.transform_training(frame, rows) == full).all()
    assert (TargetMean(["t"]).fit(frame, y, None).transform_training(frame, rows) == full).all()


# --- target means: no leak


def no_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every column through whose levels differ at all, so that what is tested is the cross-fitting itself."""
    monkeypatch.setattr(_encoders_target, "CHANCE", 2.0)


@pytest.mark.parametrize("gate", [True, False])
@pytest.mark.parametrize("shape", ["spread", "singletons", "skewed"])
def test_noise_stays_noise_on_the_training_rows(gate: bool, shape: str, monkeypatch: pytest.MonkeyPatch) -> None:
    dice = np.random.default_rng(1)
    count = 60_000
    levels = {
        "spread": dice.integers(0, 10_000, count),
        "singletons": np.arange(count),
        "skewed": np.minimum(dice.zipf(1.2, count), 10_000),
    }[shape]
    y = (dice.random(count) < 0.3).astype(float)
    if not gate:
        no_gate(monkeypatch)
    train = np.arange(count) < 45_000
    frame, own_y, rows = ranked(names_of(levels[train]), y[train])
    part = TargetMean(["t"], 2).fit(frame, own_y, rows)
    own, new = part.transform_training(frame, rows), part.transform(table(c=names_of(levels[~train])))
    spread = own.std() + 1e-12
    for model in (LogisticRegression(), HistGradientBoostingClassifier(**FEW_LEAVES)):
        found = auc(model, (own - own.mean()) / spread, own_y, (new - own.mean()) / spread, y[~train])
        assert found == pytest.approx((0.5, 0.5), abs=0.02), model
    if shape != "skewed":
        naive = pd.Series(own_y).groupby(frame["c"].to_numpy()).transform("mean").to_numpy()
        assert roc_auc_score(own_y, naive) > 0.65


def test_equal_rows_in_one_fold_would_leak_and_are_not_in_one_fold(monkeypatch: pytest.MonkeyPatch) -> None:
    no_gate(monkeypatch)
    dice = np.random.default_rng(0)
    levels, y = dice.integers(0, 1_000, 40_000), (dice.random(40_000) < 0.5).astype(float)
    frame, y, rows = ranked(names_of(levels), y)
    naive = np.arange(len(y)) * FOLDS + (keys_of(frame["c"].to_numpy()) + y.astype(np.uint64)) % FOLDS
    found = {}
    for name, folds in (("ours", rows), ("naive", naive.astype(np.int64))):
        values = scaled(TargetMean(["t"], 2).fit(frame, y, folds).transform_training(frame, folds))
        found[name] = auc(HistGradientBoostingClassifier(**FEW_LEAVES), values, y, values, y)[0]
    assert found["ours"] == pytest.approx(0.5, abs=0.02)
    assert found["naive"] > 0.9


def test_a_prior_for_each_fold_would_tell_the_fold_and_so_its_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    # Groups are whole in folds and have rates of their own; each level lies in one group, so none is left out of fold.
    no_gate(monkeypatch)
    dice = np.random.default_rng(1)
    group = dice.integers(0, 30, 10_000)
    y = (dice.random(10_000) < np.clip(dice.normal(0.3, 0.1, 30), 0.02, 0.9)[group]).astype(float)
    folds = dice.permutation(30)[group] % FOLDS
    frame = table(c=names_of(group * 20 + dice.integers(0, 20, 10_000)))
    rows = np.arange(10_000) * FOLDS + folds
    values = TargetMean(["t"], 2).fit(frame, y, rows).transform_training(frame, rows)
    assert len(np.unique(values)) == 1
    naive = np.array([y[folds != fold].mean() for fold in range(FOLDS)])[folds]
    assert 1 - roc_auc_score(y, naive) > 0.52


@pytest.mark.parametrize("gate", [True, False])
@pytest.mark.parametrize("levels", [10_000, None])
def test_noise_explains_no_number(gate: bool, levels: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    dice = np.random.default_rng(2)
    chosen = np.arange(50_000) if levels is None else dice.integers(0, levels, 50_000)
    y = dice.lognormal(0, 1, 50_000)
    if not gate:
        no_gate(monkeypatch)
    frame, y, rows = ranked(names_of(chosen), y)
    values = scaled(TargetMean(["t"]).fit(frame, y, rows).transform_training(frame, rows))
    for model in (LinearRegression(), HistGradientBoostingRegressor(**FEW_LEAVES)):
        assert r2_score(y, model.fit(values, y).predict(values)) <= 0.01
    if levels:
        naive = scaled(pd.Series(y).groupby(frame["c"].to_numpy()).transform("mean").to_numpy()[:, None])
        assert r2_score(y, LinearRegression().fit(naive, y).predict(naive)) > 0.1


def test_a_signal_is_kept_and_looks_alike_in_training_and_new_rows() -> None:
    dice = np.random.default_rng(4)
    levels = dice.integers(0, 500, 40_000)
    chances = 1 / (1 + np.exp(-dice.normal(0, 1, 500)))
    y = (dice.random(40_000) < chances[levels]).astype(float)
    train = np.arange(40_000) < 30_000
    frame, own_y, rows = ranked(names_of(levels[train]), y[train])
    part = TargetMean(["t"], 2).fit(frame, own_y, rows)
    own, new = part.transform_training(frame, rows), part.transform(table(c=names_of(levels[~train])))
    best = roc_auc_score(y[~train], chances[levels[~train]])
    assert roc_auc_score(y[~train], new) > best - 0.01
    assert roc_auc_score(own_y, own) == pytest.approx(roc_auc_score(y[~train], new), abs=0.02)
    assert own.mean() == pytest.approx(new.mean(), abs=0.005)
    assert ks_2samp(own.ravel(), new.ravel()).statistic < 0.03


def test_levels_that_tell_nothing_all_get_the_mean_and_it_is_said() -> None:
    dice = np.random.default_rng(0)
    frame, y = table(c=names_of(dice.integers(0, 100, 2_000))), dice.normal(size=2_000)
    part = TargetMean(["c_target"]).fit(frame, y)
    assert (part.transform(frame) == y.mean()).all()
    assert "none beyond chance" in part.learned()["c"]["relation"]


def test_values_stay_finite_for_a_target_of_any_size() -> None:
    frame, y = table(c="aabbcc"), np.array([1e300, 1e300, -1e300, -1e300, 5.0, 0.0])
    rows = np.arange(6) * FOLDS + np.arange(6) % FOLDS
    part = TargetMean(["t"]).fit(frame, y, rows)
    assert np.isfinite(part.transform(frame)).all()
    assert np.isfinite(part.transform_training(frame, rows)).all()


# --- flags


@pytest.mark.parametrize(
    ("texts", "most"),
    [
        (["a"] * 50 + ["b"] * 30 + ["c"] * 20, 50),
        (["a"] * 500 + ["b"] * 300 + ["c"] * 200 + ["d"] * 3 + ["e"], 50),
        (["a"] * 500 + ["b"] * 300 + [None] * 200 + ["d"] * 3, 50),
        (["a"] * 50 + ["b"] * 40 + ["c"] * 30 + ["d"] * 20 + ["e"] * 10, 3),
    ],
    ids=["none rare", "rare", "null", "too many"],
)
def test_flags_are_those_of_scikit_learn(texts: list[str | None], most: int) -> None:
    frame, new = table(c=texts), table(c=["b", "never seen", "d", None, "a"])
    if None not in texts:
        new = new.dropna().reset_index(drop=True)
    part = OneHot(most).fit(frame)
    peer = OneHotEncoder(
        handle_unknown="infrequent_if_exist",
        min_frequency=least_rows(len(texts)),
        max_categories=most,
        sparse_output=False,
    ).fit(frame.to_numpy(dtype=object))
    assert (part.transform(frame) == peer.transform(frame.to_numpy(dtype=object))).all()
    assert (part.transform(new) == peer.transform(new.to_numpy(dtype=object))).all()


@pytest.mark.parametrize(
    ("texts", "names", "new"),
    [
        (["no"] * 9 + ["yes"] * 9, ["c_yes"], {"yes": 1, "no": 0, "else": 0, None: 0}),
        (["no"] * 9 + [None] * 9, ["c_(missing)"], {"no": 0, None: 1, "else": 0}),
        (["no"] * 90 + ["yes"], ["c_rare"], {"no": 0, "yes": 1, "else": 1, None: 1}),
        (["no"] * 9, ["c_no"], {"no": 1, "else": 0, None: 0}),
        (["a", "b", "c"], ["c_rare"], {"a": 1, "else": 1}),
    ],
    ids=["two levels", "one level and nulls", "one rare", "one level", "all rare"],
)
def test_opposite_flags_are_one(texts: list[str | None], names: list[str], new: dict[str | None, float]) -> None:
    part = OneHot().fit(table(c=texts))
    assert [name for name, _, _ in part.outputs()] == names
    assert part.transform(table(c=list(new))).ravel().tolist() == list(new.values())


@pytest.mark.parametrize(("rows", "least"), [(3, 2), (400, 2), (1_000, 5), (6_000, 30), (1_000_000, 30)])
def test_a_level_is_rare_by_share_in_small_tables_and_by_rows_in_large_ones(rows: int, least: int) -> None:
    assert least_rows(rows) == least


def test_names_of_flags_are_short_different_and_on_one_line() -> None:
    levels = ["x" * 80, "x" * 80 + "y", "a\nb", "(missing)", None, "rare", "1", "free", "only here"]
    texts = [level for level in levels[:-1] for _ in range(5)] + levels[-1:]
    part = OneHot(taken=["c_1"]).fit(table(c=texts))
    names = [name for name, _, _ in part.outputs()]
    assert len(set(names)) == len(names) == len(levels)
    assert max(map(len, names)) <= 60
    assert "c_a b" in names
    assert "c_1" not in names


def test_two_columns_share_a_part_and_keep_their_flags_apart() -> None:
    frame = table(a=["x", "y", "z"] * 5, b=["z", "y", "x"] * 5)
    part = OneHot().fit(frame)
    assert part.outputs() == [(f"{c}_{level}", "flag", [c]) for c in "ab" for level in "xyz"]
    assert part.transform(frame[:1]).tolist() == [[1, 0, 0, 0, 0, 1]]


# --- ranks, frequencies, hashes, spelling


@pytest.mark.parametrize(
    ("texts", "ordered"),
    [
        (["10", "9", "-1.5", "1e1"], ["-1.5", "9", "10", "1e1"]),
        (["size 10", "size 9", "Size 2"], ["Size 2", "size 9", "size 10"]),
        (["b", "C", "a"], ["a", "b", "C"]),
        (["nan", "2", "1"], ["1", "2", "nan"]),
        (["9" * 5_000, "1" * 5_001, "x"], ["9" * 5_000, "1" * 5_001, "x"]),
    ],
)
def test_levels_have_a_natural_order(texts: list[str], ordered: list[str]) -> None:
    assert [texts[place] for place in natural_order(texts)] == ordered


def test_ranks_of_levels_with_a_place_for_unseen_and_missing() -> None:
    part = Ordinal(["c_ordinal"]).fit(table(c=["10", "2", None, "2", "1"]))
    assert part.transform(table(c=["1", "2", "10", "3", None])).ravel().tolist() == [0, 1, 2, -1, -2]
    assert Ordinal(["n"]).fit(table(c=["1"])).transform(table(c=[None])).item() == -2


def test_frequency_is_the_share_of_training_rows() -> None:
    frame = table(c=["a", "a", "b", None], d=["x"] * 4)
    part = Frequency(["c_frequency", "d_frequency"]).fit(frame)
    assert part.transform(table(c=["a", "b", None, "z"], d=["x", "y", "x", "x"])).tolist() == [
        [0.5, 1],
        [0.25, 0],
        [0.25, 1],
        [0, 1],
    ]


def test_hashes_are_those_of_scikit_learn() -> None:
    levels = ["Berlin", "Paris", "", "Zürich", "Berlin"]
    part = Hashed([f"h{n}" for n in range(16)]).fit(table(c=levels))
    peer = FeatureHasher(16, input_type="string").transform([[level] for level in levels]).toarray()
    assert (part.transform(table(c=[*levels, None])) == np.vstack([peer, np.zeros(16)])).all()


def test_levels_written_alike_lie_together_seen_or_not() -> None:
    codes = [f"{family}-{number}" for family in ("AXT", "BRQ", "CLM") for number in range(100, 160)]
    part = Spelled([f"s{n}" for n in range(5)]).fit(table(c=codes))
    new = part.transform(table(c=["AXT-999", "AXT-888", "BRQ-999", None]))
    near, far = np.linalg.norm(new[0] - new[1]), np.linalg.norm(new[0] - new[2])
    assert near < far / 2
    assert (new[3] == 0).all()


@pytest.mark.parametrize("texts", [[None, None], ["a", "a"], ["", "b"], ["!", None]])
def test_spelling_of_next_to_nothing_is_finite(texts: list[str | None]) -> None:
    made = Spelled(["s0", "s1", "s2"]).fit(table(c=texts)).transform(table(c=[*texts, "something else"]))
    assert made.shape == (3, 3)
    assert np.isfinite(made).all()


def test_evidence_is_about_levels_that_were_left_out() -> None:
    dice = np.random.default_rng(0)
    keys, counts = dice.integers(0, 2**63, 400).astype(np.uint64), dice.integers(1, 40, 400)
    properties = dice.normal(size=(400, 3))
    told, untold = properties[:, :1] + dice.normal(size=(400, 1)), dice.normal(size=(400, 1))
    assert evidence(keys, counts, told * counts[:, None], properties) > 10
    assert evidence(keys, counts, untold * counts[:, None], properties) < 3


# --- every part

PARTS: list[Part] = [
    OneHot(),
    Ordinal(["o"]),
    Frequency(["f"]),
    Hashed([f"h{n}" for n in range(16)]),
    Spelled([f"s{n}" for n in range(6)]),
    TargetMean(["t"], 2),
    TargetMean(["t0", "t1", "t2"], 3),
]


def fitted(part: Part) -> tuple[Part, pd.DataFrame, np.ndarray]:
    dice = np.random.default_rng(0)
    levels = dice.integers(0, 30, 600)
    y = (levels % getattr(part, "classes", 2)).astype(float)
    frame, y, rows = ranked(np.where(levels == 3, None, names_of(levels)), y)
    fresh = clone(part)
    fresh.fit(frame, y, rows)
    return fresh, frame, rows


@pytest.mark.parametrize("part", PARTS, ids=lambda part: type(part).__name__)
def test_a_row_is_the_same_alone_and_among_others(part: Part) -> None:
    part, frame, _ = fitted(part)
    new = pd.concat([frame[:40], table(c=["never seen", "None", "", None])], ignore_index=True)
    whole = part.transform(new)
    assert whole.shape == (44, len(part.outputs()))
    assert whole.dtype.kind == "f"
    assert np.isfinite(whole).all()
    for row in range(44):
        assert (part.transform(new.iloc[[row]]) == whole[row]).all()
    assert part.transform(new[:0]).shape == (0, whole.shape[1])


@pytest.mark.parametrize("part", PARTS, ids=lambda part: type(part).__name__)
def test_a_part_is_saved_with_no_type_but_ours_and_is_the_same_after(part: Part) -> None:
    part, frame, rows = fitted(part)
    data = skops.io.dumps(part)
    untrusted = skops.io.get_untrusted_types(data=data)
    assert [name for name in untrusted if not name.startswith("refinery.tools.features.")] in ([], ["numpy.dtype"])
    again = skops.io.loads(data, trusted=untrusted)
    assert (again.transform(frame) == part.transform(frame)).all()
    assert (again.transform_training(frame, rows) == part.transform_training(frame, rows)).all()
    assert again.outputs() == part.outputs()


@pytest.mark.parametrize("part", [*PARTS[2:]], ids=lambda part: type(part).__name__)
def test_no_cell_lies_in_the_file(part: Part) -> None:
    part, _, _ = fitted(part)
    with zipfile.ZipFile(io.BytesIO(skops.io.dumps(part))) as archive:
        assert not any(b"level 1" in archive.read(name) for name in archive.namelist())


# --- the plan


def many(rows: int = 400) -> pd.DataFrame:
    return table(few=["a", "b", "c", "d"] * (rows // 4), many=[f"m{n % 40}" for n in range(rows)])


def parts_of(found: Any) -> dict[str, list[str]]:
    return {type(part).__name__: columns for part, columns, _ in found.parts}


@pytest.mark.parametrize(
    ("y", "task", "classes", "expected"),
    [
        (None, "none", (), {"OneHot": ["few"], "Frequency": ["many"]}),
        (2, "binary", ("no", "yes"), {"OneHot": ["few"], "TargetMean": ["many"]}),
        (400, "regression", (), {"OneHot": ["few"], "TargetMean": ["many"]}),
        (3, "classes", ("x", "y", "z"), {"OneHot": ["few"], "TargetMean": ["many"]}),
        (25, "classes", tuple(map(str, range(25))), {"OneHot": ["few"], "Frequency": ["many"]}),
    ],
)
def test_auto_decides_by_levels_and_target(
    y: int | None, task: str, classes: tuple[str, ...], expected: dict[str, list[str]]
) -> None:
    target = None if y is None else np.random.default_rng(1).integers(0, y, 400)
    found = plan(training(many(), target, task, classes))
    assert parts_of(found) == expected
    assert "4 levels" in found.reasons["few"]
    assert "40 levels" in found.reasons["many"]
    for part, columns, kept in found.parts:
        assert not kept
        if isinstance(part, TargetMean):
            assert len(part.names) == (3 if y == 3 else 1)
            part.fit(many()[columns], target.astype(float), None)  # type: ignore[union-attr]


def test_auto_takes_spelling_and_frequency_where_they_tell_of_the_target() -> None:
    dice = np.random.default_rng(0)
    families = dice.integers(0, 4, 1_000)
    codes = [f"{['AXT', 'BRQ', 'CLM', 'DVW'][family]}-{dice.integers(100, 999)}" for family in families]
    common = dice.choice(200, 1_000, p=dice.dirichlet(np.full(200, 0.5)))
    opaque = np.argsort(dice.random(200))[common]
    frame = table(
        code=codes, shop=[f"{one:03}" for one in opaque], noise=[f"{n:03}" for n in dice.integers(0, 300, 1_000)]
    )
    y = families * 1.0 + np.log(np.bincount(common, minlength=200)[common]) + dice.normal(0, 0.3, 1_000)
    found = plan(training(frame, y, "regression"))
    ways = {(type(part).__name__, column) for part, columns, _ in found.parts for column in columns}
    assert ways == {
        (way, c) for way, c in (("TargetMean", "code"), ("TargetMean", "shop"), ("TargetMean", "noise"))
    } | {
        ("Spelled", "code"),
        ("Frequency", "shop"),
    }
    assert "standard errors" in found.reasons["code"]
    assert plan(training(frame, y, "regression")).reasons == found.reasons


@pytest.mark.parametrize(
    ("strategy", "name", "made"),
    [
        ("onehot", "OneHot", None),
        ("ordinal", "Ordinal", ["few_ordinal", "many_ordinal"]),
        ("frequency", "Frequency", ["few_frequency", "many_frequency"]),
        ("hash", "Hashed", [f"{c}_hash_{n}" for c in ("few", "many") for n in range(16)]),
    ],
)
def test_a_strategy_is_for_all_columns(strategy: Any, name: str, made: list[str] | None) -> None:
    found = plan(training(many()), strategy=strategy)
    assert parts_of(found) == {name: ["few", "many"]}
    assert found.reasons["few"] == f"{strategy}: 4 levels"
    if made:
        assert found.parts[0][0].names == made


def test_names_give_way_to_columns_that_are_there() -> None:
    frame = many().assign(few_target=1.0, few_ordinal=1.0, few_a=1.0)
    kinds: dict[str, Kind] = {"few_target": "number", "few_ordinal": "number", "few_a": "number"}
    base = training(frame, np.tile([0, 1, 2, 0], 100), "classes", ("a", "b", "c"), kinds)
    assert plan(base, strategy="ordinal").parts[0][0].names == ["few_ordinal_2", "many_ordinal"]
    assert plan(base, strategy="target").parts[0][0].names == ["few_target_a", "few_target_b", "few_target_c"]
    flags = plan(base, strategy="onehot", columns=["few"]).parts[0][0].fit(many()[["few"]], None, None)
    assert [name for name, _, _ in flags.outputs()] == ["few_a_2", "few_b", "few_c", "few_d"]


def test_texts_are_encoded_when_they_are_named() -> None:
    base = training(many(), kinds={"many": "text", "few": "text"})
    assert plan(base).parts == []
    assert plan(base).warnings[0].metric == "columns"
    assert parts_of(plan(base, strategy="hash", columns=["many"])) == {"Hashed": ["many"]}


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"strategy": "target"}, BadRequest, "needs a target.*assign_feature_roles"),
        ({"columns": ["mny"]}, BadRequest, "did you mean 'many'"),
        ({"columns": ["size"]}, BadRequest, "'size' is number"),
        ({"strategy": "onehot", "columns": ["ids"]}, LimitExceeded, "'ids' with 400 levels; at most 200"),
    ],
)
def test_what_does_not_fit_is_refused(arguments: Any, error: type[Exception], message: str) -> None:
    frame = many().assign(size=1.0, ids=[f"i{n}" for n in range(400)])
    with pytest.raises(error, match=message):
        plan(training(frame, kinds={"size": "number"}), **arguments)


def test_target_encoding_for_many_classes_is_refused() -> None:
    base = training(many(), np.arange(400) % 25, "classes", tuple(map(str, range(25))))
    with pytest.raises(BadRequest, match="25 classes; at most 20"):
        plan(base, strategy="target")


@pytest.mark.parametrize(
    ("texts", "metric", "value", "severity"),
    [
        ([f"id{n}" for n in range(100)], "levels", 100, "medium"),
        (["a"] * 50 + ["b", "c"], "levels_seen_once", 2, "low"),
        (["Rome"] * 50 + [" rome"] * 50 + ["Oslo"] * 9, "levels_alike", 1, "low"),
        (["a"] * 50, "levels", 1, "low"),
    ],
)
def test_what_is_odd_about_levels_is_said(texts: list[str], metric: str, value: int, severity: str) -> None:
    (found,) = plan(training(table(c=texts))).warnings
    assert (found.metric, found.value, found.severity, found.columns) == (metric, value, severity, ["c"])


def test_levels_in_order_are_nothing_to_mention() -> None:
    assert plan(training(many())).warnings == []


# --- the action


def orders() -> pd.DataFrame:
    dice = np.random.default_rng(0)
    shop = dice.integers(0, 60, 1_200)
    chance = 1 / (1 + np.exp(-dice.normal(0, 2, 60)[shop]))
    city = dice.choice(["Rome", "Oslo", "Paris"], 1_200)
    return pd.DataFrame(
        {
            "shop": [f"shop-{one:03}" for one in shop],
            "city": np.where(dice.random(1_200) < 0.1, None, city),
            "amount": dice.lognormal(3, 1, 1_200),
            "y": (dice.random(1_200) < chance).astype(int),
        }
    )


def test_a_pipeline_gets_flags_and_cross_fitted_means(lab: Any) -> None:
    name = lab.start(orders(), overrides={"shop": "categorical"})
    result = lab.call("encode_categorical_features", pipeline=name)
    made = [item.column for item in result.made]
    assert made == ["shop_target", "city_Oslo", "city_Paris", "city_Rome", "city_(missing)"]
    assert sorted(result.dropped) == ["city", "shop"]
    assert result.learned["shop"]["levels"] == 60
    built = lab.built(name)
    assert built.told[-1].cross_fitted == ["shop_target"]
    assert built.training.frame[made].isna().sum().sum() == 0
    (step,) = built.steps
    part = next(part for part, _, _ in step.fitted_ if isinstance(part, TargetMean))
    kept = set(part.values_.ravel())
    assert len(set(built.training.frame["shop_target"]) - kept) > 100
    again = lab.call("encode_categorical_features", pipeline=name)
    assert not again.changed


def test_one_strategy_after_another_for_other_columns(lab: Any) -> None:
    name = lab.start(orders(), overrides={"shop": "categorical"})
    lab.call("encode_categorical_features", pipeline=name, strategy="frequency", columns=["shop"])
    result = lab.call("encode_categorical_features", pipeline=name, strategy="ordinal")
    assert [item.column for item in result.made] == ["city_ordinal"]
    assert {item.column for item in lab.call("show_pipeline", pipeline=name).features} >= {"shop_frequency"}


def test_a_model_can_read_the_tool_at_the_price_of_a_tool() -> None:
    found = action_of(encode_categorical_features)
    assert len(found.name) + len(found.description) + len(str(found.input_schema)) <= 600
