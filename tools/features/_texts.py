"""Texts as numbers: TF-IDF, hashed words or embeddings by libraries, reduced to a few components."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ._reader import Kind
from ._step import Part

Floats32 = npt.NDArray[np.float32]

# Rows and characters that are learned from; an embedding of one text takes as long as TF-IDF of a thousand.
FITTED_ROWS = {"tfidf": 20_000, "hashing": 20_000, "embedding": 2_000}
_FITTED_CHARACTERS = 50_000_000
# Texts, and numbers of all their terms, that are held at once while the ones are turned into the others.
_TEXTS = 20_000
_CELLS = 10_000_000
# Of letters, repeated ones count in full; of words, their logarithm.
_TERMS: dict[str, dict[str, Any]] = {
    "letters": {"analyzer": "char_wb", "ngram_range": (3, 4)},
    "words": {"analyzer": "word", "ngram_range": (1, 1), "sublinear_tf": True},
    "pairs": {"analyzer": "word", "ngram_range": (1, 2), "sublinear_tf": True},
}
# Components that explain less than this part of the strongest are rounding.
_NOISE = 1e-4


class Words(Part):
    """A column of texts as numbers, and its length in characters.

    With `tfidf` the terms are those in at least two of the rows that were learned from: one that is in a single row
    tells nothing about others, and may be personal. They are in the fitted part and its file; nothing else of any
    cell is. A text that is missing, or of which nothing is known, has 0 everywhere.

    Args:
        column: the column.
        model: tfidf, hashing or embedding.
        terms: `letters` for 3 and 4 inside words, `words`, or `pairs` for words and pairs of neighbours.
        max_features: most terms of `tfidf`, or buckets of `hashing`.
        components: most columns to reduce to (truncated SVD; PCA for embeddings); None for no reduction.
        stem: what outputs are called, with a number behind it.
        length: name of the length, None to make none.
        seed: of the reduction.
    """

    def __init__(
        self,
        column: str,
        model: str = "tfidf",
        terms: str = "words",
        max_features: int = 5000,
        components: int | None = 30,
        stem: str = "text",
        length: str | None = None,
        seed: int = 0,
    ) -> None:
        self.column = column
        self.model = model
        self.terms = terms
        self.max_features = max_features
        self.components = components
        self.stem = stem
        self.length = length
        self.seed = seed

    def fit(self, X: pd.DataFrame, y: Any = None, rows: Any = None) -> Words:  # noqa: N803, ARG002
        """Learn terms, weights and reduction from the first rows."""
        texts = fitted_texts(X[self.column].to_numpy(), self.model)
        self.terms_, self.weights_ = self._learn_terms(texts) if self.model == "tfidf" else ("", np.zeros(0))
        self.__dict__.pop("_vectorizer", None)
        self._learn_reduction(texts)
        return self

    def transform(self, X: pd.DataFrame) -> Floats32:  # noqa: N803
        """Return the vectors of the texts, and their lengths."""
        codes, unique = pd.factorize(X[self.column].to_numpy(), use_na_sentinel=True)
        values = np.zeros((len(unique) + 1, len(self.outputs())), dtype=np.float32)
        chunk = _TEXTS if len(self.reduction_) else max(1, min(_TEXTS, _CELLS // max(1, self.width_)))
        for start in range(0, len(unique), chunk) if self.width_ else ():
            end = min(start + chunk, len(unique))
            values[start:end, : self.width_] = self._reduced(list(unique[start:end]))
        if self.length is not None:
            values[:-1, -1] = [len(text) for text in unique]
        return values[:-1] if len(unique) == len(codes) else values[codes]

    def outputs(self) -> list[tuple[str, Kind, list[str]]]:
        """Return name, kind and source of every output."""
        names = [f"{self.stem}_{number}" for number in range(1, self.width_ + 1)]
        return [(name, "number", [self.column]) for name in [*names, *([self.length] if self.length else [])]]

    def learned(self) -> dict[str, Any]:
        """Return how many terms and components there are, and how much of the vectors these keep."""
        told: dict[str, Any] = {"components": self.width_}
        if self.model == "tfidf":
            told = {"terms": len(self.weights_), **told}
        return {self.column: {**told, "kept": round(self.kept_, 3)}}

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the vectorizer, which is built from terms and weights again: dumping it takes most of a second."""
        return {name: value for name, value in self.__dict__.items() if name != "_vectorizer"}

    def _learn_terms(self, texts: Sequence[str]) -> tuple[str, npt.NDArray[np.float64]]:
        if not has_terms(texts, self.terms, twice=True):
            return "", np.zeros(0)
        vectorizer = _tfidf(self.terms, max_features=self.max_features, min_df=2).fit(texts)
        # One text, because skops would write a file of its own making for each of a list. No term has a line break.
        return "\n".join(vectorizer.get_feature_names_out()), np.asarray(vectorizer.idf_, dtype=np.float64)

    def _learn_reduction(self, texts: Sequence[str]) -> None:
        self.reduction_, self.center_ = np.zeros((0, 0), dtype=np.float32), np.zeros(0, dtype=np.float32)
        self.width_, self.kept_ = self._full_width(texts), 1.0
        if self.components is None or self.width_ <= self.components:
            return
        from sklearn.utils.extmath import randomized_svd

        matrix = self._vectors(texts)
        if self.model == "embedding":
            self.center_ = np.asarray(matrix.mean(axis=0), dtype=np.float32)
            matrix = matrix - self.center_
        most = min(self.components, *matrix.shape)
        _, strengths, directions = randomized_svd(matrix, most, random_state=self.seed)
        kept = strengths > _NOISE * max(1.0, float(strengths[0]))
        total = float(np.square(matrix if self.model == "embedding" else matrix.data, dtype=np.float64).sum())
        self.reduction_ = np.ascontiguousarray(directions[kept].T, dtype=np.float32)
        self.width_ = int(kept.sum())
        self.kept_ = min(1.0, float(np.square(strengths[kept], dtype=np.float64).sum()) / total) if total else 1.0

    def _full_width(self, texts: Sequence[str]) -> int:
        """Return how many columns there are without a reduction; none where there is nothing to learn from."""
        if self.model == "tfidf":
            return len(self.weights_)
        if self.model == "hashing":
            return self.max_features if has_terms(texts, self.terms, twice=False) else 0
        from ..embedding import DIMENSIONS

        return DIMENSIONS if texts else 0

    def _reduced(self, texts: Sequence[str]) -> Floats32:
        vectors = self._vectors(texts)
        if self.model == "embedding":
            return self._projected(np.asarray(vectors), [bool(text.strip()) for text in texts])
        return np.asarray(vectors @ self.reduction_ if len(self.reduction_) else vectors.toarray(), dtype=np.float32)

    def _projected(self, vectors: Floats32, filled: Sequence[bool]) -> Floats32:
        """Reduce dense vectors by sums along each: a product of matrices differs in the last bits with its size."""
        if len(self.reduction_):
            centred = vectors - self.center_
            vectors = np.empty((len(centred), self.width_), dtype=np.float32)
            for index, direction in enumerate(np.ascontiguousarray(self.reduction_.T)):
                vectors[:, index] = (centred * direction).sum(axis=1)
        return np.where(np.array(filled)[:, None], vectors, np.float32(0))

    def _vectors(self, texts: Sequence[str]) -> Any:
        """Return a row of numbers for every text: sparse for words, dense for embeddings."""
        if self.model == "embedding":
            from ..embedding import load_embedder

            return load_embedder().embed(texts)
        if "_vectorizer" not in self.__dict__:
            self._vectorizer = self._build()
        return self._vectorizer.transform(texts)

    def _build(self) -> Any:
        if self.model == "hashing":
            from sklearn.feature_extraction.text import HashingVectorizer

            ways = {name: way for name, way in _TERMS[self.terms].items() if name != "sublinear_tf"}
            return HashingVectorizer(n_features=self.max_features, dtype=np.float32, **ways)
        vectorizer = _tfidf(self.terms, vocabulary=self.terms_.split("\n"))
        vectorizer.idf_ = self.weights_
        return vectorizer


def fitted_texts(values: npt.NDArray[Any], model: str) -> list[str]:
    """Return the texts that are learned from: the first that are not blank."""
    texts = list(islice((text for text in values if text is not None and text.strip()), FITTED_ROWS[model]))
    ends = np.cumsum([len(text) for text in texts])
    return texts[: max(1, int(np.searchsorted(ends, _FITTED_CHARACTERS, side="right")))]


def has_terms(texts: Iterable[str], terms: str, *, twice: bool) -> bool:
    """Tell whether there is any term in the texts, or any that is in two of them."""
    terms_of = _tfidf(terms).build_analyzer()
    seen: set[str] = set()
    for text in texts:
        found = set(terms_of(text))
        if not found.isdisjoint(seen) or (found and not twice):
            return True
        seen |= found
    return False


def _tfidf(terms: str, **arguments: Any) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(dtype=np.float32, **_TERMS[terms], **arguments)
