"""A step of a pipeline: parts that each take some columns of a table and put what they make of them in their place."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin, clone

from ._reader import ROW, Kind
from ._rows import FOLDS


class Part(BaseEstimator):  # type: ignore[misc]
    """What a step is made of: an estimator over a few columns that says what it makes of each.

    `fit` and `transform` get a table of the part's columns alone. A part whose values for the rows it was fitted on
    differ from those for other rows (cross-fitting) sets `cross_fitted` and overrides `transform_training`.
    """

    cross_fitted = False

    def fit(self, X: pd.DataFrame, y: Any, rows: npt.NDArray[np.int64] | None) -> Part:  # noqa: N803
        """Learn from training rows.

        Args:
            X: the columns of the part.
            y: the target as floats or class codes, None where there is none.
            rows: rank and fold of every row, as `rank * FOLDS + fold`.
        """
        raise NotImplementedError

    def transform(self, X: pd.DataFrame) -> npt.NDArray[Any]:  # noqa: N803
        """Return what the part makes: an array of rows x `len(outputs())`, numbers alone."""
        raise NotImplementedError

    def transform_training(
        self,
        X: pd.DataFrame,  # noqa: N803
        rows: npt.NDArray[np.int64],  # noqa: ARG002 - for those that are cross-fitted
    ) -> npt.NDArray[Any]:
        """Return the same for rows some of which may have been fitted on (`rows` of -1: not)."""
        return self.transform(X)

    def outputs(self) -> list[tuple[str, Kind, list[str]]]:
        """Return name, kind and the columns it is made from, for every column that is made."""
        raise NotImplementedError

    def learned(self) -> dict[str, Any]:
        """Return what was learned, in short, by column."""
        return {}

    def forget_training(self) -> None:
        """Drop what only the training rows need."""


class Step(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """One step of a pipeline over a canonical table.

    Args:
        parts: (part, its columns, whether these stay in the table), applied side by side.
        dropped: columns to take out besides.
    """

    def __init__(self, parts: list[tuple[Part, list[str], bool]], dropped: list[str] | None = None) -> None:
        self.parts = parts
        self.dropped = dropped

    def fit(self, X: pd.DataFrame, y: Any = None) -> Step:  # noqa: N803
        """Fit every part on the rows of `X`, which are training rows."""
        rows = _rows(X)
        self.fitted_: list[tuple[Part, list[str], bool]] = []
        # In the order of their rank, so that what is learned from the first rows is learned from rows drawn at random.
        order = None if rows is None or bool((np.diff(rows) > 0).all()) else np.argsort(rows, kind="stable")
        if order is not None and rows is not None:
            rows, y = rows[order], None if y is None else np.asarray(y)[order]
        for part, columns, kept in self.parts:
            fresh = clone(part)
            own = X[columns] if order is None else X[columns].iloc[order]
            fresh.fit(own, y, rows)
            self.fitted_.append((fresh, list(columns), bool(kept)))
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:  # noqa: N803
        """Return the table with what the parts make of it."""
        rows = _rows(X)
        frames, gone = [], set(self.dropped or ())
        for part, columns, kept in self.fitted_:
            own = X[columns]
            values = part.transform(own) if rows is None else part.transform_training(own, rows)
            names = [name for name, _, _ in part.outputs()]
            if names:
                kind = object if values.dtype.kind == "O" else None
                frames.append(pd.DataFrame(values, columns=names, index=X.index, dtype=kind, copy=False))
            gone.update(() if kept else columns)
        rest = X[[name for name in X.columns if name not in gone]] if gone else X
        return pd.concat([rest, *frames], axis=1) if frames else rest

    def get_feature_names_out(self, input_features: Any) -> npt.NDArray[Any]:
        """Return the names of the columns after the step."""
        made, gone = [name for name, _, _ in self.outputs()], set(self.gone)
        return np.array([*(name for name in input_features if name not in gone), *made], dtype=object)

    def outputs(self) -> list[tuple[str, Kind, list[str]]]:
        """Return name, kind and direct sources of every column that the parts make."""
        return [output for part, _, _ in self.fitted_ for output in part.outputs()]

    @property
    def gone(self) -> list[str]:
        """The columns that are taken out of the table."""
        used = [name for _, columns, kept in self.parts if not kept for name in columns]
        return list(dict.fromkeys([*used, *(self.dropped or ())]))

    @property
    def cross_fitted(self) -> list[str]:
        """The columns whose values differ between the rows that were fitted on and all others."""
        return [name for part, _, _ in self.fitted_ if part.cross_fitted for name, _, _ in part.outputs()]

    def learned(self) -> dict[str, Any]:
        """Return what the parts learned, by column."""
        return {name: told for part, _, _ in self.fitted_ for name, told in part.learned().items()}

    def forget_training(self) -> None:
        """Drop what only the training rows need."""
        for part, _, _ in self.fitted_:
            part.forget_training()


class Finish(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """The last step: the features in their order, numbers alone.

    Args:
        columns: of the table.
        names: what they are called outside.
    """

    def __init__(self, columns: list[str], names: list[str]) -> None:
        self.columns = columns
        self.names = names

    def fit(self, X: pd.DataFrame, y: Any = None) -> Finish:  # noqa: N803, ARG002
        """Learn nothing."""
        self.fitted_ = True
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:  # noqa: N803
        """Return the features."""
        return X[self.columns].set_axis(self.names, axis=1)

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[Any]:  # noqa: ARG002
        """Return the names of the features."""
        return np.array(self.names, dtype=object)


def _rows(table: pd.DataFrame) -> npt.NDArray[np.int64] | None:
    return table[ROW].to_numpy() if ROW in table.columns else None


def fold_of(rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the folds of training rows."""
    return rows % FOLDS


def rank_of(rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the ranks of training rows; -1 for rows that were not fitted on."""
    return np.where(rows < 0, -1, rows // FOLDS)
