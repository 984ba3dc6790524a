"""Which action a request asks for: a linear model over meanings, words, letters and form."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from .columns import Chooser
from .features import hashed
from .joint import log_softmax
from .trees import imported

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from .features import Masked
    from .reading import Reading

# The text whose vector tells whether the embedder is the one that the weights were made with.
PROBE = "average price per city"
NONE = ""
_SAME = 0.98


@dataclass(frozen=True, eq=False)
class Linear:
    """One linear model: a row of weights per class for each part of the features."""

    meaning: npt.NDArray[np.float32]
    words: npt.NDArray[np.float32]
    letters: npt.NDArray[np.float32]
    form: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Classifier:
    """The trained weights.

    Attributes:
        classes: names of actions; `NONE` is the class of requests that no action answers.
        full: with the embeddings of the request; `plain`: without, for when there is no embedder or another.
        none_bias: added to the score of `NONE`.
        chooser: which columns are meant.
    """

    classes: tuple[str, ...]
    full: Linear
    plain: Linear
    probe: npt.NDArray[np.float32]
    none_bias: float
    digest: str
    chooser: Chooser

    def knows(self, vector: npt.NDArray[np.float32]) -> bool:
        """Tell whether a vector of `PROBE` comes from the model that the weights were made with."""
        return vector.shape == self.probe.shape and float(vector @ self.probe) > _SAME

    def scores(
        self,
        masked: Masked,
        reading: Reading,
        form: npt.NDArray[np.float32],
        vectors: npt.NDArray[np.float32] | None,
    ) -> npt.NDArray[np.float32]:
        """Return the logarithm of each class's probability.

        Args:
            vectors: of the request and of the masked request, one after the other; None without an embedder.
        """
        import numpy as np

        linear = self.plain if vectors is None else self.full
        words, letters = hashed(masked, reading)
        scores = linear.bias + linear.form @ form
        for weights, grams in ((linear.words, words), (linear.letters, letters)):
            places = np.fromiter(grams.keys(), dtype=np.int64, count=len(grams))
            scores = scores + weights[:, places] @ np.fromiter(grams.values(), dtype=np.float32, count=len(grams))
        if vectors is not None:
            scores = scores + linear.meaning @ vectors
        scores = scores + self.none_bias * np.array([name == NONE for name in self.classes])
        return log_softmax(scores)

    def among(self, scores: npt.NDArray[np.float32], allowed: frozenset[str]) -> dict[str, float]:
        """Return the probability of each class among those allowed, and of `NONE`.

        Args:
            scores: logarithms, one for each class.
            allowed: names of the actions that may be chosen.
        """
        import numpy as np

        chosen = [place for place, name in enumerate(self.classes) if name == NONE or name in allowed]
        grown = np.exp(scores[chosen] - scores[chosen].max())
        return dict(zip([self.classes[place] for place in chosen], (grown / grown.sum()).tolist(), strict=True))


@cache
def load_classifier() -> Classifier:
    """Read the weights that come with the package, once in a process."""
    import numpy as np

    data = (files("refinery.agents.routing") / "weights.npz").read_bytes()
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        known: dict[str, Any] = json.loads(arrays["about"].tobytes().decode())
        parts = ("meaning", "words", "letters", "form", "bias")
        full, plain = (
            Linear(*(arrays[f"{kind}_{part}"].astype(np.float32) for part in parts)) for kind in ("full", "plain")
        )
        probe = arrays["probe"].astype(np.float32)
        trees = imported(arrays, "trees"), imported(arrays, "plain_trees")
    classes = tuple(known["classes"])
    chooser = Chooser(classes, *trees, known["rates"], known["counts"])
    return Classifier(classes, full, plain, probe, known["none_bias"], known["digest"], chooser)
