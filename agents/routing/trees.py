"""Boosted trees as plain arrays, so that predicting needs no scikit-learn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

PARTS = ("feature", "threshold", "left", "right", "value")


@dataclass(frozen=True, eq=False)
class Trees:
    """Trees of one depth, as matrices of a row per tree and a column per node; a leaf leads to itself."""

    start: float
    depth: int
    feature: npt.NDArray[np.int64]
    threshold: npt.NDArray[np.float32]
    left: npt.NDArray[np.int64]
    right: npt.NDArray[np.int64]
    value: npt.NDArray[np.float32]

    def probabilities(self, rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return the probability of each row."""
        import numpy as np

        trees = np.arange(len(self.feature))[None, :]
        places = np.arange(len(rows))[:, None]
        nodes = np.zeros((len(rows), len(self.feature)), dtype=np.int64)
        for _ in range(self.depth):
            goes_left = rows[places, self.feature[trees, nodes]] <= self.threshold[trees, nodes]
            nodes = np.where(goes_left, self.left[trees, nodes], self.right[trees, nodes])
        score = self.start + self.value[trees, nodes].sum(axis=1)
        result: npt.NDArray[np.float32] = 1 / (1 + np.exp(-score))
        return result


def exported(models: Sequence[Any]) -> dict[str, Any]:
    """Return the arrays of fitted `GradientBoostingClassifier`s for two classes; their scores are averaged."""
    import numpy as np

    trees = [(one.tree_, model.learning_rate / len(models)) for model in models for one in model.estimators_[:, 0]]
    size = max(tree.node_count for tree, _ in trees)
    arrays = {part: np.zeros((len(trees), size), dtype=np.float32) for part in PARTS}
    for row, (tree, rate) in enumerate(trees):
        count = tree.node_count
        leaf = tree.children_left < 0
        itself = np.arange(count)
        arrays["feature"][row, :count] = np.where(leaf, 0, tree.feature)
        arrays["threshold"][row, :count] = tree.threshold
        arrays["left"][row, :count] = np.where(leaf, itself, tree.children_left)
        arrays["right"][row, :count] = np.where(leaf, itself, tree.children_right)
        arrays["value"][row, :count] = np.where(leaf, rate * tree.value[:, 0, 0], 0)
    prior = models[0].init_.class_prior_[1]
    arrays["start"] = np.array([np.log(prior / (1 - prior)), models[0].max_depth], dtype=np.float32)
    return {
        name: array if name in ("threshold", "value", "start") else array.astype(np.int16)
        for name, array in arrays.items()
    }


def imported(arrays: Any, prefix: str) -> Trees:
    """Return the trees whose arrays were saved under names with a prefix."""
    import numpy as np

    start, depth = arrays[f"{prefix}_start"].tolist()
    parts = (
        arrays[f"{prefix}_{part}"].astype(np.float32 if part in ("threshold", "value") else np.int64) for part in PARTS
    )
    return Trees(float(start), int(depth), *parts)
