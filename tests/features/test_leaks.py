"""Nothing of a row's own target, and nothing of the test rows, gets into what is fitted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from feature_tables import mixed
from refinery.tools.features import load_pipeline
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

if TYPE_CHECKING:
    from conftest import Lab

NOISE_LEVELS = 10_000


def _noise(rows: int = 60_000, seed: int = 0) -> pd.DataFrame:
    dice = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "code": [f"c{one:05}" for one in dice.integers(0, NOISE_LEVELS, rows)],
            "number": dice.normal(size=rows),
            "y": dice.integers(0, 2, rows),
        }
    )


def _auc(ready: pd.DataFrame, side: str, model: Any, columns: list[str]) -> float:
    rows = ready[ready["split"] == side]
    return float(roc_auc_score(rows["y"], model.predict_proba(rows[columns])[:, 1]))


@pytest.fixture(scope="module")
def noise() -> pd.DataFrame:
    return _noise()


@pytest.mark.parametrize("narrow", [False, True], ids=["beside a number", "nothing but the category"])
def test_noise_of_10_000_levels_stays_noise_in_training_and_test_rows(
    lab: Lab, noise: pd.DataFrame, narrow: bool
) -> None:
    frame = noise[["code", "y"]] if narrow else noise
    pipeline = lab.start(frame, overrides={"code": "categorical"})
    lab.call("encode_categorical_features", pipeline=pipeline, strategy="target")
    ready = lab.features(pipeline)
    train = ready[ready["split"] == "train"]
    for model in (LogisticRegression(), HistGradientBoostingClassifier(max_iter=5, max_leaf_nodes=4, random_state=0)):
        model.fit(train[["code_target"]], train["y"])
        assert abs(_auc(ready, "train", model, ["code_target"]) - 0.5) <= 0.02
        assert abs(_auc(ready, "test", model, ["code_target"]) - 0.5) <= 0.02


# Draws in which levels differ by a hair more than rows do, as in half of all; in the others nothing is encoded.
@pytest.mark.parametrize("seed", [5, 7])
def test_noise_stays_noise_when_its_levels_are_really_encoded(
    lab: Lab, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the test that finds noise to be noise and makes one value of it: what is left is the cross-fitting."""
    from refinery.tools.features import _encoders_target

    noise = _noise(seed=seed)
    monkeypatch.setattr(_encoders_target, "CHANCE", 2.0)
    pipeline = lab.start(noise, overrides={"code": "categorical"})
    lab.call("encode_categorical_features", pipeline=pipeline, strategy="target")
    lab.call("scale_numeric_features", pipeline=pipeline)
    ready = lab.features(pipeline)
    train = ready[ready["split"] == "train"]
    assert train["code_target"].nunique() > 20, "as many values as levels have counts and sums"
    for model in (LogisticRegression(), HistGradientBoostingClassifier(max_iter=5, max_leaf_nodes=4, random_state=0)):
        model.fit(train[["code_target"]], train["y"])
        assert abs(_auc(ready, "train", model, ["code_target"]) - 0.5) <= 0.02
        assert abs(_auc(ready, "test", model, ["code_target"]) - 0.5) <= 0.02
    found_out = load_pipeline(Path(lab.context.workspace.folder("exports", "default")) / pipeline)
    naive = found_out.transform(noise)["code_target"][(ready["split"] == "train").to_numpy()]
    assert roc_auc_score(train["y"], naive) > 0.6, "the values for other rows, given to training rows, would leak"


def test_the_same_noise_encoded_with_the_own_label_would_be_found_out(noise: pd.DataFrame) -> None:
    """That the test above can fail: means over all training rows look like knowledge."""
    naive = noise.groupby("code")["y"].transform("mean")
    assert roc_auc_score(noise["y"], naive) > 0.6


def test_a_real_signal_in_the_levels_is_kept(lab: Lab) -> None:
    dice = np.random.default_rng(1)
    chance = dice.beta(2, 2, 500)
    level = dice.integers(0, 500, 20_000)
    y = (dice.random(20_000) < chance[level]).astype(int)
    frame = pd.DataFrame({"code": [f"c{one}" for one in level], "number": dice.normal(size=20_000), "y": y})
    pipeline = lab.start(frame)
    lab.call("encode_categorical_features", pipeline=pipeline, strategy="target")
    ready = lab.features(pipeline)
    best = roc_auc_score(y, chance[level])
    for side in ("train", "test"):
        rows = ready[ready["split"] == side]
        assert roc_auc_score(rows["y"], rows["code_target"]) > best - 0.03


def _with_other_test_rows(frame: pd.DataFrame, test: np.ndarray) -> pd.DataFrame:
    """Change everything but the id in the test rows, and what they are to predict."""
    other = frame.copy()
    swapped = frame[test].sample(frac=1, random_state=5)
    for name in frame.columns.drop("order_id"):
        other.loc[test, name] = swapped[name].to_numpy()
    other.loc[test, "amount"] = other.loc[test, "amount"] * 100
    other.loc[test, "shop"] = "shop-of-the-test-rows"
    other.loc[test, "y"] = 1 - frame.loc[test, "y"]
    return other


def _arrays(thing: Any, path: str = "") -> dict[str, Any]:
    """All that is fitted in a pipeline, by its place."""
    if isinstance(thing, np.ndarray):
        return {path: thing.tolist()}
    if isinstance(thing, list | tuple):
        return {k: v for i, item in enumerate(thing) for k, v in _arrays(item, f"{path}[{i}]").items()}
    if isinstance(thing, dict):
        return {k: v for key, item in thing.items() for k, v in _arrays(item, f"{path}.{key}").items()}
    if hasattr(thing, "__dict__"):
        return _arrays(vars(thing), path)
    return {path: str(thing)}


def test_changing_the_test_rows_changes_nothing_that_was_fitted(lab: Lab) -> None:
    frame = mixed(rows=1_000).assign(order_id=[f"o-{one:05}" for one in np.random.default_rng(4).permutation(1_000)])
    split = {"method": "random"}
    first = lab.call("save_fe_pipeline", pipeline=lab.auto(frame, pipeline="first", split=split))
    ready = pd.read_parquet(first.data_path)
    test = (ready["split"] == "test").to_numpy()
    other = _with_other_test_rows(frame, test)
    second = lab.call(
        "save_fe_pipeline", pipeline=lab.auto(other, pipeline="second", split=split, name="other"), name="second"
    )
    again = pd.read_parquet(second.data_path)
    assert again["split"].tolist() == ready["split"].tolist()
    pd.testing.assert_frame_equal(again[~test], ready[~test])
    assert _arrays(load_pipeline(second.pipeline_path)) == _arrays(load_pipeline(first.pipeline_path))


@pytest.mark.parametrize(
    ("known", "later"),
    [(["a", "b"], "c"), ([0, 1], 7), (list(range(20)), 20), (["a", "b", "d"], "c"), ([0.5, 1.5], 9.5)],
    ids=str,
)
def test_a_class_that_only_test_rows_have_changes_nothing_that_is_fitted(
    lab: Lab, known: list[Any], later: Any
) -> None:
    frame = mixed(rows=1_000).drop(columns=["bought_at"])
    frame["at"] = pd.date_range("2025-01-01", periods=1_000, freq="h")
    frame["y"] = np.array(known, dtype=object)[np.random.default_rng(0).integers(0, len(known), 1_000)]
    frame["y"] = frame["y"].infer_objects()
    other = frame.copy()
    other.loc[900:, "y"] = later
    saved = {}
    for name, table in (("one", frame), ("other", other)):
        split = {"method": "time", "column": "at"}
        pipeline = lab.start(table, pipeline=name, name=name, split=split, overrides={"at": "ignore"})
        lab.call("encode_categorical_features", pipeline=pipeline, strategy="target", columns=["shop", "city"])
        lab.call("vectorise_text_features", pipeline=pipeline)
        saved[name] = lab.call("save_fe_pipeline", pipeline=pipeline)
    one, other_one = (load_pipeline(saved[name].pipeline_path) for name in ("one", "other"))
    assert _arrays(other_one) == _arrays(one)
    assert lab.built("other").training.task == lab.built("one").training.task
    assert pd.read_parquet(saved["other"].data_path)["y"].tolist() == other["y"].tolist()


def test_shuffling_the_rows_changes_neither_split_nor_hash_nor_what_is_fitted(lab: Lab) -> None:
    frame = mixed(rows=1_000)
    first = lab.call("save_fe_pipeline", pipeline=lab.auto(frame, pipeline="first"))
    order = np.random.default_rng(1).permutation(1_000)
    pipeline = lab.auto(frame.iloc[order], pipeline="second", name="shuffled")
    second = lab.call("save_fe_pipeline", pipeline=pipeline)
    assert second.feature_hash == first.feature_hash
    one = pd.read_parquet(first.data_path).iloc[order].reset_index(drop=True)
    pd.testing.assert_frame_equal(pd.read_parquet(second.data_path), one)
    assert _arrays(load_pipeline(second.pipeline_path)) == _arrays(load_pipeline(first.pipeline_path))


def test_the_scaler_s_statistics_are_those_of_the_training_rows(lab: Lab) -> None:
    frame = mixed(rows=1_000)
    pipeline = lab.start(frame)
    for action in ("impute_missing_values", "scale_numeric_features", "encode_categorical_features"):
        lab.call(action, pipeline=pipeline)
    for action in ("generate_datetime_features", "vectorise_text_features"):
        lab.call(action, pipeline=pipeline)
    ready = lab.features(pipeline)
    train = ready["split"] == "train"
    pieces = frame["pieces"].astype(float)
    mean, std = pieces[train].mean(), pieces[train].std(ddof=0)
    np.testing.assert_allclose(ready["pieces"], (pieces - mean) / std, rtol=1e-6)
    assert abs(pieces.mean() - mean) > 1e-6, "the test must tell all rows from training rows"


def test_cells_are_not_in_the_files_but_where_they_must_be(lab: Lab) -> None:
    """Levels of target encodings are kept as hashes: a name in a column does not travel with the pipeline."""
    frame = mixed()
    saved = lab.call("save_fe_pipeline", pipeline=lab.auto(frame))
    assert b"shop-017" not in Path(saved.pipeline_path).read_bytes()
    assert "shop-017" not in Path(saved.manifest_path).read_text()
    assert json.loads(Path(saved.manifest_path).read_text())["target"] == "y"
