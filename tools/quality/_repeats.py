"""Repeated rows and keys, counted by hashes in the engine and confirmed on the few rows that share one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..data.dataset import Dataset
from ..data.values import as_python
from ._values import plain_columns, shared_sample, text_columns

if TYPE_CHECKING:
    import ibis.expr.types as ir

_MAX_GROUPS = 20
# A column named like an id is one when this share of its values is different; a second one needs more.
_NEARLY_UNIQUE, _SURELY = 0.9, 0.98
_ENOUGH = 20
_ID_NAME = re.compile(
    r"(?:^|[_\W])(?:id|ids|uuid|guid|key|pk|no|nr|number|code|identifier|ref|reference|sku|isbn|ean)$"
)
_SURE_NAME = re.compile(r"(?:^|[_\W])(?:id|uuid|guid|pk)$")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@dataclass(frozen=True)
class Repeated:
    """A key and how many rows repeat an earlier one; `doubtful` where another column is unique and may be the key."""

    columns: list[str]
    rows: int = 0
    filled: int = 0
    exactly_unique: bool = False
    doubtful: bool = False
    query: str | None = None


def row_hash(table: ir.Table, columns: Sequence[str]) -> ir.IntegerValue:
    """One number for the values of several columns, nulls being equal."""
    import ibis

    return ibis.struct({f"c{index}": table[name] for index, name in enumerate(columns)}).hash()


def count_repeated_rows(dataset: Dataset) -> int:
    """Count rows after the first of each group that agrees in every column, exactly.

    Different hashes prove rows different; rows that share one are few, and are compared in full.
    """
    if dataset.rows < 2:
        return 0
    hashed = dataset.table.select(h=row_hash(dataset.table, dataset.columns))
    distinct = int(hashed.h.nunique().to_pyarrow().as_py())
    if distinct == dataset.rows:
        return 0
    suspects = _sharing_a_hash(dataset)
    different = suspects.select(*dataset.columns).distinct().count()
    values = suspects.aggregate(rows=suspects.count()).to_pyarrow().to_pylist()[0]
    return int(values["rows"]) - int(different.to_pyarrow().as_py())


def _sharing_a_hash(dataset: Dataset) -> ir.Table:
    table = dataset.table.mutate(**{_fresh(dataset): row_hash(dataset.table, dataset.columns)})
    hashed = table[_fresh(dataset)]
    shared = table.group_by(h=hashed).aggregate(n=lambda t: t.count()).filter(lambda t: t.n > 1)
    return table.filter(hashed.isin(shared.h))


def _fresh(dataset: Dataset) -> str:
    """A name that no column of the table has."""
    name = "row_hash"
    while name in dataset.schema:
        name += "_"
    return name


def repeated_rows(dataset: Dataset) -> list[tuple[dict[str, Any], int]]:
    """The most repeated rows with their counts."""
    return _most_repeated(_sharing_a_hash(dataset), dataset.columns, 5)


def repeated_keys(dataset: Dataset, columns: Sequence[str]) -> list[tuple[dict[str, Any], int]]:
    """The most repeated keys with their counts, keys with a null left out."""
    return _most_repeated(_with_key(dataset, columns), list(columns), _MAX_GROUPS)


def _most_repeated(table: ir.Table, columns: list[str], limit: int) -> list[tuple[dict[str, Any], int]]:
    import ibis

    named = table.select(**{f"c{index}": table[name] for index, name in enumerate(columns)})
    keys = list(named.columns)
    counted = named.group_by(keys).aggregate(rows=lambda t: t.count()).filter(lambda t: t.rows > 1)
    sortable = [key for key in keys if not counted[key].type().is_nested()][:3]
    found = as_python(counted.order_by(ibis.desc("rows"), *sortable).limit(limit).to_pyarrow())
    return [({name: _plain(row[key]) for name, key in zip(columns, keys, strict=True)}, row["rows"]) for row in found]


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _with_key(dataset: Dataset, columns: Sequence[str]) -> ir.Table:
    return dataset.table.filter([dataset.table[name].notnull() for name in columns])


def count_repeated_keys(dataset: Dataset, columns: list[str]) -> Repeated:
    """Count rows after the first of each group with the same key, exactly; keys with a null are left out."""
    kept = _with_key(dataset, columns)
    key = kept[columns[0]] if len(columns) == 1 else row_hash(kept, columns)
    single = len(columns) == 1 and not dataset.schema[columns[0]].is_nested()
    distinct = key.nunique() if single else kept.select(*columns).distinct().count()
    expression = kept.count() - distinct
    if single:
        values = kept.aggregate(filled=kept.count(), distinct=distinct).to_pyarrow().to_pylist()[0]
        filled, different = int(values["filled"]), int(values["distinct"])
    else:
        filled, different = int(kept.count().to_pyarrow().as_py()), int(distinct.to_pyarrow().as_py())
    query = dataset.query(expression) if single else None
    unique = filled == different == dataset.rows and dataset.rows > 0
    return Repeated(columns, filled - different, filled, unique, query=query)


def count_null_keys(dataset: Dataset, columns: Sequence[str]) -> int:
    """Count rows with a null in the key."""
    import functools
    import operator

    empty = functools.reduce(operator.or_, [dataset.table[name].isnull() for name in columns])
    return int(dataset.aggregate({"rows": empty.sum()})["rows"] or 0)


def named_like_id(name: str) -> bool:
    """Tell whether a name is that of an identifier.

    >>> named_like_id("order_id"), named_like_id("ProviderNumber"), named_like_id("paid")
    (True, True, False)
    """
    return bool(_ID_NAME.search(_CAMEL.sub("_", name).strip().lower()))


def _surely_id(name: str) -> bool:
    return bool(_SURE_NAME.search(_CAMEL.sub("_", name).strip().lower()))


def likely_ids(dataset: Dataset) -> list[Repeated]:
    """Find the columns that are meant to identify rows, by name and near-uniqueness; the most unique come first.

    In a sample even a column that repeats looks more unique than it is, so the sample only rules columns out.
    """
    import pyarrow.compute as pc

    sample = shared_sample(dataset).arrow
    found = []
    for name in plain_columns(dataset):
        dtype = dataset.schema[name]
        if not named_like_id(name) or not (dtype.is_integer() or dtype.is_string() or dtype.is_uuid()):
            continue
        column = sample.column(name)
        filled = len(column) - column.null_count
        if filled < _ENOUGH or pc.count_distinct(column).as_py() < _NEARLY_UNIQUE * filled:
            continue
        key = count_repeated_keys(dataset, [name])
        if key.rows <= (1 - _NEARLY_UNIQUE) * key.filled:
            found.append(key)
    if not any(key.exactly_unique for key in found):
        return sorted(found, key=lambda key: key.rows)
    # One column identifies the rows, so another that repeats is an id only if hardly ever it does.
    sure = [k for k in found if k.rows <= (1 - _SURELY) * k.filled and (not k.rows or _surely_id(k.columns[0]))]
    return [Repeated(k.columns, k.rows, k.filled, k.exactly_unique, bool(k.rows), k.query) for k in sure]


def same_but_for_spelling(dataset: Dataset, repeated: int) -> int:
    """Count the further rows that repeat an earlier one once case and blanks at the ends of texts are ignored."""
    texts = [name for name in text_columns(dataset) if dataset.rows > 1]
    if not texts or _unique_in_sample(dataset, texts):
        return 0
    folded = dataset.table.mutate(**{name: dataset.table[name].lower().strip() for name in texts})
    hashed = folded.select(h=row_hash(folded, dataset.columns))
    return max(0, dataset.rows - int(hashed.h.nunique().to_pyarrow().as_py()) - repeated)


def _unique_in_sample(dataset: Dataset, texts: Sequence[str]) -> bool:
    """Tell whether a column that folding leaves alone sets every row of the sample apart, so that none can be alike."""
    import pyarrow.compute as pc

    sample = shared_sample(dataset)
    others = [name for name in sample.arrow.column_names if name not in texts]
    whole = sample.scanned.rows == dataset.rows
    for name in others if not whole else ():
        column = sample.arrow.column(name)
        if pc.count_distinct(column).as_py() > 0.999 * len(column):
            return True
    return False
