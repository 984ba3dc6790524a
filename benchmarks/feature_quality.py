"""What a model makes of the `auto` pipeline's features, against skrub's `tabular_pipeline`, cross-validated.

In every fold the actions see the training rows alone: roles and strategies are decided, then the pipeline is fitted on
all training rows of the fold. The model behind both is the one that `tabular_pipeline` chooses. Scores are ROC AUC (one
against the rest) and R². Target: at least skrub's mean score less 0.01 on every table.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks._generated import merchants, reviews, tickets
from benchmarks._lab import Lab

TOLERANCE = 0.01
STEPS = (
    "impute_missing_values",
    "encode_categorical_features",
    "generate_datetime_features",
    "vectorise_text_features",
    "scale_numeric_features",
)


def tables() -> dict[str, tuple[pd.DataFrame, pd.Series, str]]:
    """Return the tables by name: features, target, and what to learn."""
    from sklearn import datasets

    bundled = {"wine": "classifier", "breast_cancer": "classifier", "diabetes": "regressor"}
    found = {}
    for name, task in bundled.items():
        data = getattr(datasets, f"load_{name}")(as_frame=True)
        found[name] = (data.data, data.target.rename("y"), task)
    return {**found, "merchants": merchants(), "reviews": reviews(), "tickets": tickets()}


def auto_pipeline(frame: pd.DataFrame, y: pd.Series, folder: Path) -> Any:
    """Let the actions decide on training rows, and return the scikit-learn pipeline that they made."""
    from refinery.tools.features import load_pipeline

    lab = Lab(folder)
    target = str(y.name)
    frame.assign(**{target: y}).to_parquet(folder / "train.parquet", index=False)
    name = lab.call("assign_feature_roles", dataset="train.parquet", target=target).pipeline
    for action in STEPS:
        lab.call(action, pipeline=name)
    return load_pipeline(lab.call("save_fe_pipeline", pipeline=name).pipeline_path)


def score(frame: pd.DataFrame, y: pd.Series, task: str) -> dict[str, list[float]]:
    """Return the scores of both on the same folds."""
    from sklearn.base import clone
    from sklearn.model_selection import KFold, StratifiedKFold
    from skrub import tabular_pipeline

    folds = (StratifiedKFold if task == "classifier" else KFold)(5, shuffle=True, random_state=0)
    scores: dict[str, list[float]] = {"refinery": [], "skrub": []}
    for train, test in folds.split(frame, y):
        peer = tabular_pipeline(task)
        model = clone(peer.steps[-1][1])
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ours = clone(auto_pipeline(frame.iloc[train], y.iloc[train], Path(folder)))
            model.fit(ours.fit_transform(frame.iloc[train], y.iloc[train].to_numpy()), y.iloc[train])
            peer.fit(frame.iloc[train], y.iloc[train])
            scores["refinery"].append(_score(model, ours.transform(frame.iloc[test]), y.iloc[test], task))
            scores["skrub"].append(_score(peer, frame.iloc[test], y.iloc[test], task))
    return scores


def _score(model: Any, features: Any, y: pd.Series, task: str) -> float:
    from sklearn.metrics import r2_score, roc_auc_score

    if task == "regressor":
        return float(r2_score(y, model.predict(features)))
    chances = model.predict_proba(features)
    if chances.shape[1] == 2:
        return float(roc_auc_score(y, chances[:, 1]))
    return float(roc_auc_score(y, chances, multi_class="ovr"))


def main(arguments: list[str] | None = None) -> int:
    """Print the table; the exit status is 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    known = tables()
    parser.add_argument("tables", nargs="*", choices=[[], *known], help="default: all")
    options = parser.parse_args(arguments)
    print(f"{'table':15} {'rows':>6} {'columns':>7} {'measure':>8} {'refinery':>16} {'skrub':>16} {'difference':>10}")
    missed = 0
    for name in options.tables or known:
        frame, y, task = known[name]
        found = {who: np.array(values) for who, values in score(frame, y, task).items()}
        difference = found["refinery"].mean() - found["skrub"].mean()
        missed += difference < -TOLERANCE
        told = [f"{values.mean():.4f} ± {values.std():.4f}" for values in found.values()]
        measure = "R²" if task == "regressor" else "AUC"
        print(
            f"{name:15} {len(frame):6} {frame.shape[1]:7} {measure:>8} {told[0]:>16} {told[1]:>16} {difference:+10.4f}",
            flush=True,
        )
    print(f"{missed} of {len(options.tables or known)} tables below skrub's score by more than {TOLERANCE}")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
