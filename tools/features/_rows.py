"""Which rows train, and in which fold: drawn from what a row holds, never from where it stands.

Every row gets a 64-bit key from its content; equal rows are told apart by their number among their equals, so that
the draws are the same whatever the order of the rows, and the same on every machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

Keys = npt.NDArray[np.uint64]

FOLDS = 5
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_NULL = np.uint64(0x6A09E667F3BCC909)


def mixed(keys: Keys, salt: int = 0) -> Keys:
    """Return keys spread over all 64 bits, differently for every salt.

    Source: the finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
    """
    with np.errstate(over="ignore"):
        z = keys + _GOLDEN * np.uint64(2 * salt + 1)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return np.asarray(z ^ (z >> np.uint64(31)), dtype=np.uint64)


def hash_values(values: npt.NDArray[Any]) -> Keys:
    """Return a key for each value of a column: numbers, moments, or an object array of texts, bytes and None."""
    from pandas.util import hash_array

    if values.dtype.kind == "f":
        values = values.astype(np.float64) + 0.0  # one zero
        keys = np.asarray(hash_array(values, categorize=False), dtype=np.uint64)
        return np.where(np.isnan(values), _NULL, keys)
    if values.dtype.kind in "mM":
        keys = np.asarray(hash_array(values.view(np.int64), categorize=False), dtype=np.uint64)
        return np.where(np.isnat(values), _NULL, keys)
    if values.dtype.kind in "iub":
        return np.asarray(hash_array(values.astype(np.int64, copy=False), categorize=False), dtype=np.uint64)
    absent = values == None  # noqa: E711 - element by element
    try:
        keys = np.asarray(hash_array(values, categorize=False), dtype=np.uint64)
    except UnicodeEncodeError:  # half of a character, which Python can hold and UTF-8 can't
        whole = [value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value for value in values]
        keys = np.asarray(hash_array(np.array(whole, dtype=object), categorize=False), dtype=np.uint64)
    # pandas gives None the key of the text "None".
    return np.where(absent, _NULL, keys) if absent.any() else keys


def hash_name(name: str) -> np.uint64:
    """Return the key of a name."""
    return np.uint64(hash_values(np.array([name], dtype=object))[0])


def hash_rows(columns: Mapping[str, Keys], rows: int) -> Keys:
    """Return one key for each row from the keys of its cells, whatever the order of the columns."""
    total = np.zeros(rows, dtype=np.uint64)
    with np.errstate(over="ignore"):
        for name, keys in columns.items():
            total += mixed(keys ^ hash_name(name))
    return mixed(total)


def hash_table(table: pa.Table) -> Keys:
    """Return one key for each row of an Arrow table."""
    return hash_rows({name: hash_column(table.column(name)) for name in table.column_names}, table.num_rows)


def hash_frame(frame: pd.DataFrame) -> Keys:
    """Return one key for each row of a canonical table."""
    return hash_rows({str(name): hash_values(frame[name].to_numpy()) for name in frame.columns}, len(frame))


def hash_column(column: pa.ChunkedArray) -> Keys:
    """Return a key for each value of an Arrow column; the same values have the same keys in batches of any size."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = column.type
    if pa.types.is_floating(kind):
        return hash_values(column.cast(pa.float64()).to_numpy())
    if pa.types.is_timestamp(kind):
        return _or_null(_hash_moments(column), column)
    if pa.types.is_uint64(kind):
        return _or_null(hash_values(pc.fill_null(column, 0).to_numpy().view(np.int64)), column)
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return _or_null(hash_values(pc.fill_null(column.cast(pa.int64()), 0).to_numpy()), column)
    if pa.types.is_temporal(kind) and not pa.types.is_interval(kind):
        whole = column.cast(pa.int32()) if kind.bit_width == 32 else column
        return _or_null(hash_values(pc.fill_null(whole.cast(pa.int64()), 0).to_numpy()), column)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _hash_texts(column)
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return hash_values(np.asarray(column.to_numpy(), dtype=object))
    return hash_values(texts_of(column))


def _or_null(keys: Keys, column: pa.ChunkedArray) -> Keys:
    return np.where(column.is_null().to_numpy(), _NULL, keys) if column.null_count else keys


def _hash_moments(column: pa.ChunkedArray) -> Keys:
    """Return keys of moments, the same in whatever unit they are counted."""
    import pyarrow as pa
    import pyarrow.compute as pc

    counts = pc.fill_null(column.cast(pa.int64()), 0).to_numpy()
    if column.type.unit != "ns":
        factor = {"s": 1_000_000, "ms": 1_000, "us": 1}[column.type.unit]
        with np.errstate(over="ignore"):
            return hash_values(counts * np.int64(factor))
    rest = (counts % 1_000).astype(np.uint64)
    return hash_values(counts // 1_000) ^ np.where(rest, mixed(rest), np.uint64(0))


def _hash_texts(column: pa.ChunkedArray) -> Keys:
    """Return keys of texts, hashing each different one once."""
    encoded = column.dictionary_encode().combine_chunks()
    keys = np.append(hash_values(np.asarray(encoded.dictionary.to_numpy(zero_copy_only=False), dtype=object)), _NULL)
    places = encoded.indices.fill_null(len(keys) - 1).to_numpy(zero_copy_only=False)
    return np.asarray(keys[places], dtype=np.uint64)


def texts_of(column: pa.ChunkedArray) -> npt.NDArray[Any]:
    """Return any column as texts, None where it is null."""
    import pyarrow as pa

    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        try:
            column = column.cast(pa.string())
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            from ..data.values import as_python

            values = [None if value is None else str(value) for value in as_python(column)]
            return np.array(values, dtype=object)
    return np.asarray(column.to_numpy(), dtype=object)


def numbered(keys: Keys) -> Keys:
    """Return keys that differ between equal rows: each is given its number among those of its key."""
    order = np.argsort(keys, kind="stable")
    ranked = keys[order]
    starts = np.flatnonzero(np.concatenate(([True], ranked[1:] != ranked[:-1])))
    counts = np.diff(np.append(starts, len(keys)))
    place = np.empty(len(keys), dtype=np.uint64)
    place[order] = np.arange(len(keys)) - np.repeat(starts, counts)
    with np.errstate(over="ignore"):
        return mixed(keys + place * _GOLDEN)


def repeated_share(keys: Keys) -> float:
    """Return the share of rows that equal an earlier one."""
    ordered = np.sort(keys)
    return float((ordered[1:] == ordered[:-1]).sum() / len(keys)) if len(keys) else 0.0


def draw_stratified(keys: Keys, strata: npt.NDArray[Any], fraction: float, salt: int) -> npt.NDArray[np.bool_]:
    """Return which rows are drawn: in every stratum those of the lowest keys, equal keys together.

    Of each stratum a share is drawn that is less than one row from the wanted one, and so of all rows; strata of which
    none would be drawn go first where a row is to spare. None is drawn whole.
    """
    drawn = np.zeros(len(keys), dtype=bool)
    spread = mixed(keys, salt)
    order = np.argsort(strata, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(strata[order])) + 1)
    for rows, wanted in zip(parts, _shares([len(rows) for rows in parts], fraction), strict=True):
        if wanted:
            drawn[rows[_lowest(spread[rows], wanted)]] = True
    return drawn


def _shares(sizes: Sequence[int], fraction: float) -> list[int]:
    """Return how many rows to draw of each stratum, by the method of the largest remainders."""
    fair = fraction * np.array(sizes, dtype=np.float64)
    # Not a hair below the whole number that is meant: 0.07 * 100 is 7.000000000000001, 0.29 * 100 28.999999999999996.
    wanted = np.floor(fair + 1e-9).astype(np.int64)
    rest = np.where(np.array(sizes) > np.maximum(wanted, 1), fair - wanted, -1.0)
    spare = max(round(float(fair.sum())), 1) - int(wanted.sum())
    first = np.lexsort((-rest, wanted > 0))
    wanted[[place for place in first if rest[place] > 1e-9][: max(spare, 0)]] += 1
    return [min(int(count), size - 1) for count, size in zip(wanted, sizes, strict=True)]


def _lowest(values: Keys, wanted: int) -> npt.NDArray[np.bool_]:
    """Return which of some values are the lowest: about as many as wanted, equal ones together, never all of them."""
    limit = np.partition(values, wanted - 1)[wanted - 1]
    upto, below = values <= limit, values < limit
    nearer = upto.all() or wanted - below.sum() < upto.sum() - wanted
    return np.asarray(below if nearer else upto, dtype=bool)


def draw_groups(groups: Keys, fraction: float, salt: int) -> npt.NDArray[np.bool_]:
    """Return which rows are drawn: whole groups, until they hold about the wanted share of the rows."""
    unique, inverse, counts = np.unique(groups, return_inverse=True, return_counts=True)
    order = np.argsort(mixed(unique, salt), kind="stable")
    sizes, wanted, left = counts[order].tolist(), fraction * len(groups), len(unique) - 1
    chosen: list[int] = []
    taken = 0
    for place, size in enumerate(sizes):
        if taken + size <= wanted and len(chosen) < left:
            chosen.append(place)
            taken += size
    # One more, of which a part is too much, may still come nearer.
    others = np.setdiff1d(np.arange(len(sizes)), chosen, assume_unique=True)
    off = np.abs(taken + counts[order][others] - wanted)
    if len(chosen) < left and (not chosen or off.min() < wanted - taken):
        chosen.append(int(others[np.argmin(off)]))
    drawn = np.zeros(len(unique), dtype=bool)
    drawn[order[chosen]] = True
    return np.asarray(drawn[inverse])


def draw_folds(keys: Keys, strata: npt.NDArray[Any] | None, groups: Keys | None, salt: int) -> npt.NDArray[np.int64]:
    """Return the fold of every row: equally many of each stratum in each; or groups whole, and folds about as large."""
    if groups is not None:
        unique, inverse, counts = np.unique(groups, return_inverse=True, return_counts=True)
        rank = np.empty(len(unique), dtype=np.int64)
        # Like sizes side by side, so that each fold gets as many of them.
        rank[np.lexsort((mixed(unique, salt), -counts))] = np.arange(len(unique))
        return np.asarray(rank[inverse] % FOLDS, dtype=np.int64)
    spread = mixed(keys, salt)
    order = np.lexsort((spread, strata)) if strata is not None else np.argsort(spread, kind="stable")
    folds = np.empty(len(keys), dtype=np.int64)
    folds[order] = np.arange(len(keys)) % FOLDS
    return folds


def digest(keys: Keys) -> str:
    """Return a digest of rows whatever their order: their number and two sums over them."""
    import hashlib

    with np.errstate(over="ignore"):
        sums = (int(keys.sum(dtype=np.uint64)), int(mixed(keys, 1).sum(dtype=np.uint64)))
    return hashlib.blake2b(f"{len(keys)} {sums[0]} {sums[1]}".encode(), digest_size=16).hexdigest()
