"""The first step of every pipeline: from a table as it comes to columns of four plain kinds."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin

from ..errors import BadRequest, unknown
from . import _cells as cells
from ._declared import ROW
from ._rows import FOLDS, draw_folds, hash_frame, hash_values, mixed, numbered

__all__ = ["ROW", "Kind", "Reader", "as_frame", "codes_of", "rank_rows", "read_column", "tenths"]

Kind = Literal["number", "flag", "category", "datetime", "text"]

# In the column `ROW` a training row carries rank * FOLDS + fold, so that what is fitted across folds knows it again.
# Rows that were not fitted on have no such column, or -1 in it.
_FOLD_SALT = 2
# A target of more different numbers than this is a measure.
MOST_NUMERIC_CLASSES = 20
MOST_CLASSES = 1_000
_NUMBERS = frozenset({"integer", "floating", "mixed-integer-float", "boolean", "decimal"})


class Reader(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Reads the input columns of a pandas table: floats, texts, or moments of UTC, whatever backs them.

    Args:
        columns: of each input column `name`, `kind` and, where they apply, `missing` (texts or numbers that stand for
            missing), `labels` (texts of a flag to 1 and 0), `day_first`.
        optional: names of input columns on which no output depends; they may be absent.
        group: a column of the training table whose rows are kept in one fold.
        seed: of the folds.
    """

    def __init__(
        self,
        columns: list[dict[str, Any]],
        optional: list[str] | None = None,
        group: str | None = None,
        seed: int = 0,
    ) -> None:
        self.columns = columns
        self.optional = optional
        self.group = group
        self.seed = seed

    def fit(self, X: pd.DataFrame, y: Any = None) -> Reader:  # noqa: N803, ARG002 - the names are scikit-learn's
        """Learn nothing: the columns were declared."""
        self.fitted_ = True
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:  # noqa: N803
        """Return the input columns in one form.

        Raises:
            BadRequest: a column is absent.
        """
        if not isinstance(X, pd.DataFrame):
            raise BadRequest(f"a pipeline takes a pandas DataFrame, not {type(X).__name__}; pd.DataFrame(…) makes one")
        if not X.columns.is_unique:
            raise BadRequest(f"two columns have one name: {X.columns[X.columns.duplicated()].tolist()[:5]}")
        optional = set(self.optional or ())
        made = {}
        for column in self.columns:
            name = column["name"]
            if name in X.columns:
                made[name] = read_column(X[name], column)
            elif name in optional:
                made[name] = read_column(pd.Series([None] * len(X), dtype=object), column)
            else:
                raise unknown("column", name, [str(known) for known in X.columns], where=" in these rows")
        return as_frame(made, X.index)

    def fit_transform(self, X: pd.DataFrame, y: Any = None, **_: Any) -> pd.DataFrame:  # noqa: N803
        """Return the training rows in one form, each with its rank and fold."""
        frame = self.fit(X, y).transform(X)
        groups = None
        if self.group is not None and self.group in X.columns:
            groups = hash_values(cells.texts(X[self.group]))
        frame[ROW] = rank_rows(frame, y, groups, self.seed)
        return frame

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[Any]:  # noqa: ARG002
        """Return the names of the input columns."""
        return np.array([column["name"] for column in self.columns], dtype=object)


def rank_rows(frame: pd.DataFrame, y: Any, groups: npt.NDArray[np.uint64] | None, seed: int) -> npt.NDArray[np.int64]:
    """Return rank and fold of training rows, drawn from what they hold; rows of a group share a fold.

    A target of labels and one of their codes give the same.
    """
    keys = hash_frame(frame)
    strata = None
    if y is not None:
        codes, strata = _strata(np.asarray(y))
        # With the target: rows equal but for it would else be dealt out by the order in which they stand.
        keys = mixed(keys ^ hash_values(codes))
    keys = numbered(keys)
    folds = draw_folds(keys, strata, groups, 2 * seed + _FOLD_SALT)
    ranks = np.empty(len(keys), dtype=np.int64)
    ranks[np.argsort(keys, kind="stable")] = np.arange(len(keys))
    return ranks * FOLDS + folds


def _strata(target: npt.NDArray[Any]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the place of each row's target among the different ones, and its stratum.

    That is the value where values come often, and else the tenth of the range that it is in.
    """
    unique, codes = _ranked(target)
    often = len(unique) <= min(MOST_CLASSES, len(codes) / 4)
    return codes, codes if often else tenths(codes.astype(np.float64))


def codes_of(target: npt.NDArray[Any]) -> tuple[npt.NDArray[np.int64], int]:
    """Return classes as codes in the order of their values, and how many there are; 0 for a target of many numbers."""
    unique, codes = _ranked(target)
    many = unique.dtype.kind == "f" and len(unique) > MOST_NUMERIC_CLASSES
    return codes, 0 if many else len(unique)


def _ranked(target: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    """Return the different values of a target in order, floats or texts, and the place of each row among them."""
    if target.dtype.kind not in "iufb" and pd.api.types.infer_dtype(target) in _NUMBERS:
        target = target.astype(np.float64)
    if target.dtype.kind in "iufb":
        unique, places = np.unique(target.astype(np.float64), return_inverse=True)
        return unique, places.astype(np.int64)
    # NumPy would give every text the room of the longest.
    codes, labels = pd.factorize(np.array([str(value) for value in target], dtype=object), sort=True)
    return labels, codes.astype(np.int64)


def tenths(target: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Return the tenth of its distribution that each number is in; of fewer rows than 200, in fewer parts."""
    bins = max(1, min(10, len(target) // 20))
    edges = np.quantile(target, np.arange(1, bins) / bins)
    return np.searchsorted(edges, target, side="right").astype(np.int64)


def read_column(series: pd.Series[Any], column: dict[str, Any]) -> npt.NDArray[Any]:
    """Return one column in the form of its kind, with what stands for missing made missing."""
    kind, missing = column["kind"], column.get("missing") or []
    if kind == "number":
        found = cells.numbers(series)
        values = [float(value) for value in missing if not isinstance(value, str)]
        return np.where(np.isin(found, values), np.nan, found) if values else found
    if kind == "flag":
        return cells.flags(series, column["labels"])
    if kind == "datetime":
        read = cells.moments(series, day_first=bool(column.get("day_first")))
        days = [np.datetime64(value, "D") for value in missing]
        return np.where(np.isin(read.astype("datetime64[D]"), days), np.datetime64("NaT"), read) if days else read
    return _without(cells.texts(series), {str(value) for value in missing} | {""})


def _without(texts: cells.Texts, absent: set[str]) -> cells.Texts:
    """Return texts with None for those that, blanks around them aside, stand for missing."""
    if len(texts) == 1:
        return np.array([None if texts[0] is None or texts[0].strip() in absent else texts[0]], dtype=object)
    return cells.by_value(texts, lambda value: None if value.strip() in absent else value)


def as_frame(columns: dict[str, npt.NDArray[Any]], index: pd.Index[Any] | None = None) -> pd.DataFrame:
    """Build a table of plain arrays; texts stay Python objects."""
    series = {
        name: pd.Series(values, dtype=object, index=index, copy=False) if values.dtype.kind == "O" else values
        for name, values in columns.items()
    }
    return pd.DataFrame(series, index=index, copy=False)
