"""Scores of columns by what a model makes of them: gradient-boosted trees, judged on rows that they have not seen."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ..errors import Unavailable
from ._selection_scores import Floats, Look, Rows

# Trees in all, shared by the classes; and no fewer rounds than this.
_TREES, _ROUNDS = 150, 15
_MOST_ROUNDS = 60
# Held-out rows that are looked at, and cells of these where the table is wide.
_HELD, _HELD_CELLS = 1_000, 2_000_000
_REPEATS = 3
# Columns that a split chooses from, so that one does not hide all that say nearly the same.
_OFFERED, _MOST_OFFERED = 100, 0.5


def permutation_importance(look: Look) -> Floats:
    """Return by how much the loss on held-out rows rises when a column is shuffled among them.

    The loss is the log loss for classes, and the squared error in units of the target's variance for numbers.
    Source: Breiman 2001; Fisher, Rudin and Dominici 2019; as in scikit-learn.
    """
    from sklearn.inspection import permutation_importance as importance

    target, model = _learned(look)
    seen = _looked_at(look)
    if look.classes:
        seen = seen[np.isin(target[seen], model.classes_)]
    made = np.zeros(look.values.shape[1])
    used = _used(model)
    if not len(used) or not len(seen):
        return made
    whole = look.values[seen]

    # scikit-learn copies its table for every column: it is given those that the trees use, and no others matter.
    def score(model: Any, some: Floats, known: Floats) -> float:
        whole[:, used] = some
        return -_loss(model, whole, known, look.classes)

    told = importance(model, whole[:, used], target[seen], scoring=score, n_repeats=_REPEATS, random_state=look.seed)
    made[used] = told.importances_mean
    return made


def shap_importance(look: Look) -> Floats:
    """Return the mean |SHAP value| of columns on held-out rows, over the classes where there are several.

    Source: Lundberg et al. 2020, as in `shap`.

    Raises:
        Unavailable: `shap` is not installed.
    """
    explain = _explainer()
    _, model = _learned(look)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        values = np.asarray(explain(model).shap_values(look.values[_looked_at(look)], check_additivity=False))
    absolute = np.abs(values).mean(axis=0)
    return np.asarray(absolute if absolute.ndim == 1 else absolute.mean(axis=1))


def _explainer() -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from shap import TreeExplainer
    except ImportError as error:
        raise Unavailable(
            f"method 'shap' needs the library shap, which can't be imported ({error}): pip install shap; "
            "or choose method='permutation', which needs nothing more"
        ) from None
    return TreeExplainer


def fitted(X: Floats, y: Floats, classes: bool, seed: int) -> Any:  # noqa: N803
    """Return trees fitted on rows in which values may be missing."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    labels = len(np.unique(y)) if classes else 1
    estimator = HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
    model = estimator(
        max_iter=max(_ROUNDS, min(_MOST_ROUNDS, _TREES // (labels if labels > 2 else 1))),
        max_leaf_nodes=15,
        min_samples_leaf=max(3, min(20, len(y) // 20)),
        max_features=min(_MOST_OFFERED, _OFFERED / X.shape[1]) if X.shape[1] > 1 else 1.0,
        l2_regularization=1.0,
        early_stopping=False,
        random_state=seed,
    )
    return model.fit(X, y.astype(np.int64) if classes else y)


def _used(model: Any) -> Rows:
    """Return the columns that some tree splits by; scikit-learn says this nowhere else."""
    nodes = [tree.nodes for round_ in model._predictors for tree in round_]
    return np.unique(np.concatenate([node["feature_idx"][node["is_leaf"] == 0] for node in nodes])).astype(np.int64)


def _loss(model: Any, X: Floats, y: Floats, classes: bool) -> float:  # noqa: N803
    if not classes:
        return float(np.mean((model.predict(X) - y) ** 2))
    chances = model.predict_proba(X)[np.arange(len(y)), np.searchsorted(model.classes_, y)]
    return float(-np.log(np.maximum(chances, np.finfo(float).tiny)).mean())


def _looked_at(look: Look) -> Rows:
    return look.held[: max(100, min(_HELD, _HELD_CELLS // look.values.shape[1]))]


def _learned(look: Look) -> tuple[Floats, Any]:
    """Return the target, numbers in units of their deviation, and a model of it."""
    target = look.target
    if not look.classes:
        known = target[look.fit]
        target = (target - known.mean()) / (known.std() or 1.0)
    return target, fitted(look.values[look.fit], target[look.fit], look.classes, look.seed)
