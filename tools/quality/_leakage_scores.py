"""How well one column alone tells the target, on rows it was not learned from: the arithmetic of the leakage check.

The idea is that of the predictive power score (Wetschoreck et al. 2020, also in deepchecks); in place of a tree stand
neighbours along a number and the rows of the same category, both cross-fitted, which is exact enough and takes
milliseconds. What is learned from other rows cannot profit from a column that merely numbers or names every row.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Codes = NDArray[np.int64]

FOLDS = 5
NEIGHBOURS = {"classes": 5, "numeric": 3}
# A score, and the least that chance leaves of it (95 %, one-sided), from which on a column is accused. The best honest
# columns of classic tables stay below: AUC 0.98, skill 0.93 (petal width of iris), R² 0.95 (fare of a taxi's total).
LIMITS = {"auc": (0.995, 0.99), "skill": (0.97, 0.93), "r2": (0.99, 0.98), "correlation_ratio": (0.99, 0.98)}
_Z = 1.645


@dataclass(frozen=True)
class Target:
    """What is to be told: `values` are class codes (0 …) or numbers, for the rows of the sample."""

    kind: str
    values: Any
    labels: tuple[str, ...] = ()

    def only(self, rows: Any) -> Target:
        """Return the target of some rows, classes that do not occur among them dropped."""
        import numpy as np

        if self.kind == "numeric":
            return Target("numeric", self.values[rows])
        kept, codes = np.unique(self.values[rows], return_inverse=True)
        return Target("classes", codes, tuple(self.labels[code] for code in kept))


@dataclass(frozen=True)
class Score:
    """A score in [0, 1] in the unit `measure`, the lower end of its confidence, and how it was got."""

    value: float
    least: float
    measure: str
    how: str = ""

    @property
    def accuses(self) -> bool:
        """Whether this is more than an honest predictor reaches, even at the lower end."""
        value, least = LIMITS[self.measure]
        return self.value >= value and self.least >= least

    @property
    def closeness(self) -> float:
        """How much of the way to the limit is gone: what different measures are compared by."""
        return min(1e6, (1 - LIMITS[self.measure][0]) / max(1 - self.value, 1e-9))


def best(scores: list[Score]) -> Score:
    """Return the score that accuses, or else the one that comes closest; among equals the first, the most telling."""
    return max(scores, key=lambda score: (score.accuses, score.closeness))


def score_numbers(x: Floats, target: Target) -> list[Score]:
    """Score a column of numbers without gaps by its neighbours, by its order and by a straight line."""
    import numpy as np

    order = np.argsort(x, kind="stable")
    rows, values = x[order], target.values[order]
    if target.kind == "classes":
        scores = _class_scores(
            lambda train, test: _near(rows, _one_hot(values), train, test), Target("classes", values, target.labels)
        )
        if len(target.labels) == 2:
            scores.append(_auc(rows, values, "its order"))
        return [_correlation_ratio(rows, values), *scores]
    found = {}
    for how, y in (("neighbours", values), ("neighbours by rank", _ranks(values))):
        found[how] = _r2(*_cross_fit(lambda train, test, y=y: _near(rows, y[:, None], train, test)[:, 0], y), how)
    by_rank = _line(_ranks(rows), _ranks(values), "monotone")
    straight = _line(rows, values, "linear")
    # A line alone may follow one far value that both share.
    follows = max(score.value for score in (*found.values(), by_rank)) >= 0.9
    return [*([straight] if follows else []), by_rank, *found.values()]


def score_categories(codes: Codes, target: Target) -> list[Score]:
    """Score a column of categories (codes 0 …) by the other rows of the same category."""
    levels = int(codes.max()) + 1
    if target.kind == "classes":
        one_hot = _one_hot(target.values)
        scores = _class_scores(lambda train, test: _same(codes, levels, one_hot, train, test), target)
        one_to_one = _one_to_one(codes, levels, target)
        return [*([one_to_one] if one_to_one else []), *scores]
    scores = []
    for how, y in (("categories", target.values), ("categories by rank", _ranks(target.values))):
        scores.append(
            _r2(*_cross_fit(lambda train, test, y=y: _same(codes, levels, y[:, None], train, test)[:, 0], y), how)
        )
    return scores


def score_flag(flag: Any, target: Target) -> list[Score]:
    """Score a yes or no, such as whether a value is there."""
    import numpy as np

    return score_categories(np.asarray(flag).astype(np.int64), target) if 0 < np.sum(flag) < len(flag) else []


def _one_hot(codes: Codes) -> Floats:
    import numpy as np

    return np.eye(int(codes.max()) + 1)[codes]


def _ranks(values: Floats) -> Floats:
    import numpy as np

    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[inverse].astype(float)


def _folds(rows: int) -> Codes:
    import numpy as np

    return np.random.default_rng(0).permutation(np.arange(rows) % FOLDS)


def _cross_fit(predict: Any, y: Any) -> tuple[Any, Any]:
    """Predict the rows of each fold from the others; a first fold that is far from accusing stands for all."""
    import numpy as np

    folds = _folds(len(y))
    guesses, truths = [], []
    for fold in range(FOLDS):
        test = folds == fold
        guesses.append(predict(~test, test))
        truths.append(y[test])
        if fold == 0 and len(y) >= 2000 and _far(guesses[0], truths[0]):
            break
    return np.concatenate(guesses), np.concatenate(truths)


def _far(guess: Any, truth: Any) -> bool:
    """Tell whether a fold leaves no doubt that the column is no leak."""
    import numpy as np

    if guess.ndim == 1:
        return bool(_square(guess, truth) < 0.9)
    if guess.shape[1] == 2:
        return bool(_area(guess[:, 1], truth) < 0.95)
    return bool((guess.argmax(axis=1) == truth).mean() - np.bincount(truth).max() / len(truth) < 0.3)


def _near(x: Floats, y: Floats, train: Any, test: Any) -> Floats:
    """Predict by the mean of `y` over the nearest training rows; `x` is sorted, equal values go together."""
    import numpy as np

    k = NEIGHBOURS["classes" if y.shape[1] > 1 else "numeric"]
    known, at = x[train], x[test]
    sums = np.concatenate([np.zeros((1, y.shape[1])), np.cumsum(y[train], axis=0)])
    first, last = np.searchsorted(known, at, "left"), np.searchsorted(known, at, "right")
    middle = (first + last) // 2
    wide = last - first >= 2 * k
    low = np.where(wide, first, np.minimum(first, np.maximum(middle - k, 0)))
    high = np.where(wide, last, np.maximum(last, np.minimum(middle + k, len(known))))
    means: Floats = (sums[high] - sums[low]) / np.maximum(high - low, 1)[:, None]
    return means


def _same(codes: Codes, levels: int, y: Floats, train: Any, test: Any) -> Floats:
    """Predict by the mean of `y` over the training rows of the same category, drawn a little to the mean of all."""
    import numpy as np

    overall = y[train].mean(axis=0)
    width = y.shape[1]
    sums = np.stack([np.bincount(codes[train], weights=y[train, j], minlength=levels) for j in range(width)], axis=1)
    counts = np.bincount(codes[train], minlength=levels)[codes[test], None]
    weight = 1.0 if width > 1 else 0.1
    means: Floats = (sums[codes[test]] + weight * overall) / (counts + weight)
    return means


def _class_scores(predict: Any, target: Target) -> list[Score]:
    import numpy as np

    chances, truth = _cross_fit(predict, target.values)
    base = float(np.bincount(truth).max() / len(truth))
    right = float((chances.argmax(axis=1) == truth).mean())
    scores = []
    if base < 1:
        least = _wilson(right, len(truth))
        scores.append(Score(max(0.0, (right - base) / (1 - base)), (least - base) / (1 - base), "skill", "its values"))
    if chances.shape[1] == 2:
        scores.append(_auc(chances[:, 1], truth, "its values"))
    return scores or [Score(0.0, 0.0, "skill")]


def _wilson(share: float, rows: int) -> float:
    """Return the lower end of Wilson's interval of a share."""
    centre = share + _Z * _Z / (2 * rows)
    return (centre - _Z * math.sqrt(share * (1 - share) / rows + (_Z / (2 * rows)) ** 2)) / (1 + _Z * _Z / rows)


def _area(score: Floats, truth: Codes) -> float:
    import numpy as np

    positive = int(np.sum(truth == 1))
    if positive in (0, len(truth)):
        return 0.5
    wins = float(_ranks(score)[truth == 1].sum()) - positive * (positive + 1) / 2
    return wins / (positive * (len(truth) - positive))


def _auc(score: Floats, truth: Codes, how: str) -> Score:
    """Return the area under the ROC curve, in either direction, with the interval of Hanley and McNeil (1982).

    A perfect area in few rows is taken for one with a single error, or its interval would be empty.
    """
    area = _area(score, truth)
    area = max(area, 1 - area)
    one = int((truth == 1).sum())
    none = len(truth) - one
    if not (one and none):
        return Score(0.5, 0.0, "auc", how)
    at = min(area, 1 - 1 / min(one, none)) if min(one, none) > 1 else 0.5
    first, second = at / (2 - at), 2 * at * at / (1 + at)
    variance = (at * (1 - at) + (one - 1) * (first - at * at) + (none - 1) * (second - at * at)) / (one * none)
    return Score(area, area - _Z * math.sqrt(max(variance, 0.0)), "auc", how)


def _square(guess: Floats, truth: Floats) -> float:
    spread = float(((truth - truth.mean()) ** 2).sum())
    return max(0.0, 1 - float(((truth - guess) ** 2).sum()) / spread) if spread > 0 else 0.0


def _r2(guess: Floats, truth: Floats, how: str) -> Score:
    square = _square(guess, truth)
    return Score(square, _fisher(square, len(truth)), "r2", how)


def _line(x: Floats, y: Floats, how: str) -> Score:
    import numpy as np

    x, y = x - x.mean(), y - y.mean()
    spread = float(np.sqrt((x * x).sum()) * np.sqrt((y * y).sum()))
    square = min(1.0, (float((x * y).sum()) / spread) ** 2) if spread > 0 else 0.0
    return Score(square, _fisher(square, len(x)), "r2", how)


def _fisher(square: float, rows: int) -> float:
    """Return the lower end of the interval of a squared correlation (Fisher's z)."""
    if rows <= 4:
        return 0.0
    r = min(math.sqrt(square), 1 - 1e-12)
    return math.tanh(max(0.0, math.atanh(r) - _Z / math.sqrt(rows - 3))) ** 2


def _correlation_ratio(x: Floats, codes: Codes) -> Score:
    """Return the share of the column's variance between the classes: next to all of it is the target plus noise."""
    import numpy as np

    counts = np.bincount(codes)
    if counts.min() < 5 or len(counts) > len(x) / 10:
        return Score(0.0, 0.0, "correlation_ratio")
    centred = x - x.mean()
    means = np.bincount(codes, weights=centred) / counts
    spread = float((centred**2).sum())
    ratio = min(1.0, float((counts * means**2).sum()) / spread) if spread > 0 else 0.0
    return Score(ratio, _fisher(ratio, len(x)), "correlation_ratio", "the target in numbers")


def _one_to_one(codes: Codes, levels: int, target: Target) -> Score | None:
    """Return a full score when categories and classes are each other's names.

    Twenty rows, five of them beyond the largest class, are enough for so strict a relation.
    """
    import numpy as np

    classes = len(target.labels)
    used = int((np.bincount(codes, minlength=levels) > 0).sum())
    if used != classes or len(codes) < max(20, 2 * classes) or len(codes) - np.bincount(target.values).max() < 5:
        return None
    pairs = len(np.unique(codes * classes + target.values))
    return Score(1.0, 1.0, "skill", "one-to-one") if pairs == classes else None
