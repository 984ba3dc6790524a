"""One pass over a dataset: the key of every row, its side of the split, and the target."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..context import Progress, silent
from ..data.dataset import Dataset
from ..data.values import microseconds
from ..errors import BadRequest
from ._declared import Split, Task
from ._reader import tenths
from ._rows import (
    Keys,
    digest,
    draw_groups,
    draw_stratified,
    hash_column,
    hash_table,
    mixed,
    numbered,
    repeated_share,
)
from ._target import Target, read_target

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS = 200_000
BATCH_CELLS = 8_000_000
# Training rows that are fitted on; where there are more, those of the lowest keys.
MOST_ROWS = 1_000_000
_SPLIT_SALT, _SAMPLE_SALT = 1, 3
# With more rows than this equal to another one, equal rows are no copies: there are just few columns.
MOST_COPIES = 0.05


@dataclass(frozen=True, eq=False)
class Survey:
    """What one pass found; arrays are in the order of the rows.

    Attributes:
        keys: one for each row, all different.
        test: whether a row is for testing.
        target: the target of every row, its task and classes judged by the training rows; None without one.
        digest: of all rows, whatever their order.
        copies: share of rows that equal an earlier one.
        told: the split in words.
    """

    keys: Keys
    test: npt.NDArray[np.bool_]
    target: Target | None
    digest: str
    copies: float
    told: str = ""

    @property
    def train_rows(self) -> int:
        return int((~self.test).sum())

    def sample(self, seed: int, limit: int = MOST_ROWS) -> npt.NDArray[np.int64]:
        """Return the positions of the training rows to fit on, in the order of the table."""
        train = np.flatnonzero(~self.test)
        if len(train) <= limit:
            return train
        spread = mixed(self.keys[train], 4 * seed + _SAMPLE_SALT)
        return np.sort(train[np.argpartition(spread, limit - 1)[:limit]])


def batches(dataset: Dataset, columns: Sequence[str]) -> Iterator[pa.Table]:
    """Yield a dataset in Arrow tables of bounded size, always in the same order."""
    import pyarrow as pa

    rows = max(1_000, min(BATCH_ROWS, BATCH_CELLS // max(1, len(columns))))
    reader = dataset.table.select(*columns).to_pyarrow_batches(chunk_size=rows)
    while (batch := _next_batch(reader)) is not None:
        if batch.num_rows:
            yield pa.Table.from_batches([batch])


def _next_batch(reader: pa.RecordBatchReader) -> pa.RecordBatch | None:
    with warnings.catch_warnings():
        # Ibis reads batches by a name that DuckDB has given another since.
        warnings.filterwarnings("ignore", message="fetch_record_batch", category=DeprecationWarning)
        try:
            return reader.read_next_batch()
        except StopIteration:
            return None


def survey(
    dataset: Dataset,
    target: str | None,
    split: Split,
    *,
    id_column: str | None,
    task: Task | None = None,
    progress: Progress = silent,
) -> Survey:
    """Read a dataset once and draw its split.

    Args:
        dataset: the rows.
        target: the column to be predicted.
        split: how to part them.
        id_column: what names a row; the split is drawn from it, so that a row stays on its side when it changes.
        task: what is to be learned; None: to be judged.
        progress: told how many rows were read.

    Raises:
        BadRequest: the target or the split does not fit the data.
    """
    import pyarrow as pa

    # Whole columns of texts would be dear, so of what names rows or groups only the keys are kept.
    by = split.column if split.method == "group" else id_column
    moment = split.column if split.method == "time" else None
    parts: list[Keys] = []
    named: list[Keys] = []
    kept: dict[str, list[pa.Array]] = {name: [] for name in (target, moment) if name}
    done = 0
    for table in batches(dataset, dataset.columns):
        parts.append(hash_table(table))
        named += [hash_column(table.column(by))] if by else []
        for name, chunks in kept.items():
            chunks.extend(_own(table.column(name)))
        done += table.num_rows
        progress(done, None, "reading rows")
    if done < 2:
        what = "one row" if done else "no rows"
        raise BadRequest(f"{dataset.name!r} has {what}, and at least two are needed, one to train and one to test")
    rows = np.concatenate(parts)
    whole = {name: pa.chunked_array(chunks) for name, chunks in kept.items()}
    # The split needs the classes of all rows; what is learned only those of the training rows.
    drawn = read_target(target, whole[target], task) if target else None
    copies = repeated_share(rows)
    # A copy on the other side would tell its twin's target.
    keys = np.concatenate(named) if named else rows if copies <= MOST_COPIES else numbered(rows)
    test = _latest(dataset, split, whole[moment]) if moment else _drawn(dataset, keys, drawn, split)
    _check_sides(dataset, drawn, test, split)
    known = read_target(target, whole[target], task, ~test) if target else None
    told = _told(split, test, drawn, whole.get(moment or ""), keys if split.method == "group" else None, id_column)
    return Survey(numbered(rows), test, known, digest(rows), copies, told)


def _own(column: pa.ChunkedArray) -> list[pa.Array]:
    """Return a column in memory of its own: as it came, it would keep all columns of its batch there."""
    return list(column.take(np.arange(len(column))).chunks)


def _told(
    split: Split,
    test: npt.NDArray[np.bool_],
    target: Target | None,
    moments: pa.ChunkedArray | None,
    groups: Keys | None,
    id_column: str | None,
) -> str:
    """Say how the rows were parted."""
    import pyarrow.compute as pc

    if moments is not None:
        first = pc.min(moments.filter(test)).as_py()
        return f"by time: rows with {split.column} before {first} train, those from then on test"
    if groups is not None:
        sides = [len(np.unique(groups[rows])) for rows in (~test, test)]
        return f"by group: {sides[0]:,} values of {split.column} train, {sides[1]:,} others test"
    alike = "" if target is None else ", classes alike" if target.classes else ", tenths of the target alike"
    drawn = f"drawn from {id_column}" if id_column else "drawn from what the rows hold"
    return f"{split.method}: {drawn}{alike if split.method == 'stratified' else ''}"


def _drawn(dataset: Dataset, keys: Keys, target: Target | None, split: Split) -> npt.NDArray[np.bool_]:
    salt = 4 * split.seed + _SPLIT_SALT
    if split.method == "group":
        if len(np.unique(keys)) < 2:
            raise BadRequest(
                f"split by group: {split.column!r} has one value only in {dataset.name!r}; "
                "choose a column of several groups"
            )
        return draw_groups(keys, split.test_fraction, salt)
    if target is None or split.method != "stratified":
        strata = np.zeros(len(keys), dtype=np.int64)
    else:
        strata = target.y.astype(np.int64) if target.classes else tenths(target.y)
    return draw_stratified(keys, strata, split.test_fraction, salt)


def _latest(dataset: Dataset, split: Split, column: Any) -> npt.NDArray[np.bool_]:
    """Return the latest rows, those of the same time together: as near to the wanted share as that allows."""
    import pyarrow as pa

    times = microseconds(column).cast(pa.float64(), safe=False).to_numpy()
    there = np.isfinite(times)
    if not there.all():
        raise BadRequest(
            f"split by time: {split.column!r} is empty in {int((~there).sum()):,} of {len(times):,} rows, which can be "
            "neither before nor after; leave these rows out of the file, or split by another column"
        )
    moments, counts = np.unique(times, return_counts=True)
    if len(moments) < 2:
        raise BadRequest(
            f"split by time: all rows of {dataset.name!r} share one value of {split.column!r}, so none is later; "
            "choose another column, or split by group"
        )
    later = len(times) - np.cumsum(counts)[:-1]
    last = moments[np.argmin(np.abs(later - split.test_fraction * len(times)))]
    return np.asarray(times > last)


def _check_sides(dataset: Dataset, target: Target | None, test: npt.NDArray[np.bool_], split: Split) -> None:
    """Check that there are rows for testing, and different targets to learn from.

    Raises:
        BadRequest: there are not.
    """
    if not test.any():
        raise BadRequest(
            f"no row of {dataset.name!r} is left for testing: each class of the target has one row, or only equal "
            f"rows. Give more rows, or split={{'method': 'random'}}"
        )
    if target is not None and np.ptp(target.y[~test]) == 0:
        value = target.classes[int(target.y[~test][0])] if target.classes else f"{target.y[~test][0]:g}"
        raise BadRequest(
            f"the target has one value only, {value!r}, in the {int((~test).sum()):,} training rows that the split by "
            f"{split.method} leaves, so there is nothing to learn; split by another column, or 'stratified'"
        )
