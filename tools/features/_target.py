"""The target: what is to be learned from it, and its values as numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..errors import BadRequest
from ._declared import Task
from ._reader import MOST_CLASSES, MOST_NUMERIC_CLASSES
from ._rows import texts_of

if TYPE_CHECKING:
    import pyarrow as pa


_LARGEST = 1e100


@dataclass(frozen=True, eq=False)
class Target:
    """A target.

    Attributes:
        y: numbers, or codes of `classes`; NaN where a row's class is none of these.
        task: what is to be learned.
        classes: the labels, by value; none for a regression.
        others: labels of rows that are not learned from alone.
    """

    y: npt.NDArray[np.float64]
    task: Task
    classes: tuple[str, ...]
    others: tuple[str, ...] = ()


def read_target(
    name: str, values: pa.ChunkedArray, task: Task | None = None, learned: npt.NDArray[np.bool_] | None = None
) -> Target:
    """Read a target: texts, booleans and few whole numbers are classes, other numbers measures.

    Args:
        name: of the column.
        values: of all rows.
        task: what it was judged to be before; None: to be judged.
        learned: which rows task and classes are judged by; default all.

    Raises:
        BadRequest: it has nulls, one value only, a value of its own in most rows, or a type that can't be predicted.
    """
    import pyarrow as pa

    kind = values.type
    learned = np.ones(len(values), dtype=bool) if learned is None else learned
    if pa.types.is_temporal(kind) or pa.types.is_nested(kind) or pa.types.is_binary(kind):
        raise BadRequest(f"target {name!r} is of type {kind}; a target is a number, a category or a boolean")
    plain = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    if plain:
        numbers = values.cast(pa.float64(), safe=False).to_numpy()
        _check_filled(name, np.isfinite(numbers), "empty or infinite")
        return _of_numbers(name, numbers, task, learned)
    return _of_texts(name, values, learned)


def _check_filled(name: str, filled: npt.NDArray[np.bool_], what: str) -> None:
    gone = int((~filled).sum())
    if gone:
        raise BadRequest(
            f"target {name!r} is {what} in {gone:,} of {len(filled):,} rows, from which nothing can be learned: "
            "leave them out of the table, then assign the roles again"
        )


def _of_numbers(
    name: str, numbers: npt.NDArray[np.float64], task: Task | None, learned: npt.NDArray[np.bool_]
) -> Target:
    unique = np.sort(pd.unique(numbers[learned]))
    if len(unique) < 2:
        raise _one_class(name, f"{unique[0]:g}" if len(unique) else "none")
    whole = bool((unique == np.floor(unique)).all())
    few = len(unique) <= MOST_NUMERIC_CLASSES and len(unique) <= learned.sum() / 5
    if (len(unique) == 2 or (whole and few)) and task != "regression":
        places = np.searchsorted(unique, numbers)
        known = unique[np.minimum(places, len(unique) - 1)] == numbers
        others = tuple(map(_label, np.unique(numbers[~known])))
        return Target(np.where(known, places, np.nan), _task(len(unique)), tuple(map(_label, unique)), others)
    if float(np.abs(unique[[0, -1]]).max()) > _LARGEST:
        raise BadRequest(
            f"target {name!r} has values beyond ±{_LARGEST:g}, of which no mean can be taken; use another unit, or "
            "look for a code that stands for missing"
        )
    return Target(numbers + 0.0, "regression", ())


def _label(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))


def _of_texts(name: str, values: pa.ChunkedArray, learned: npt.NDArray[np.bool_]) -> Target:
    """Read labels by Arrow's codes for them: a text for each row would be many times as large."""
    import pyarrow as pa

    if pa.types.is_boolean(values.type):
        values = values.cast(pa.string())
    elif not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
        values = pa.chunked_array([pa.array(texts_of(values), pa.string())])
    encoded = values.dictionary_encode().combine_chunks()
    labels: list[str] = encoded.dictionary.to_pylist()
    codes = encoded.indices.fill_null(len(labels)).to_numpy()
    _check_filled(name, np.array([*(bool(label.strip()) for label in labels), False])[codes], "empty")
    order = sorted(range(len(labels)), key=labels.__getitem__)
    known = np.bincount(codes[learned], minlength=len(labels)) > 0
    classes = tuple(labels[place] for place in order if known[place])
    if len(classes) < 2:
        raise _one_class(name, repr(classes[0]) if classes else "none")
    if len(classes) > max(MOST_NUMERIC_CLASSES, min(MOST_CLASSES, int(learned.sum()) // 5)):
        raise BadRequest(
            f"target {name!r} has {len(classes):,} different texts in {int(learned.sum()):,} rows: too many for "
            "classes; choose a column with fewer categories, or with numbers"
        )
    places = {label: float(place) for place, label in enumerate(classes)}
    y = np.array([places.get(label, np.nan) for label in labels])[codes]
    return Target(y, _task(len(classes)), classes, tuple(labels[place] for place in order if not known[place]))


def _task(classes: int) -> Task:
    return "binary" if classes == 2 else "classes"


def _one_class(name: str, value: str) -> BadRequest:
    return BadRequest(
        f"target {name!r} has one value only, {value}, so there is nothing to predict; choose a column that varies"
    )
