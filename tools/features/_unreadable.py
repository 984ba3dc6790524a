"""Values of a table that can't be read as the kind of their column, and how many of them are usual."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..errors import BadRequest
from ..masking import mask
from ..placeholders import PLACEHOLDERS, fold
from ..results import Finding
from ._cells import texts
from ._reader import read_column
from ._training import warn

if TYPE_CHECKING:
    import ibis.expr.datatypes as dt

# With more lost than this of what could be read when the pipeline was saved, a column is not what it was.
MOST_LOST = 0.2
_EXAMPLES = 3
_WORDS = {"number": "numbers", "flag": "the two values of a flag", "datetime": "dates"}


def family(storage: str) -> str:
    """Return what a type of storage holds: `number`, `moment`, `text`, `boolean`, or the type itself."""
    plain = storage.removeprefix("!")
    families = {
        "number": ("int", "uint", "float", "decimal"),
        "moment": ("timestamp", "date"),
        "text": ("string", "uuid"),
        "boolean": ("boolean",),
    }
    return next((family for family, starts in families.items() if plain.startswith(starts)), plain)


class Unreadable:
    """Counts, batch by batch, values that are there, stand for nothing missing, and can't be read.

    Args:
        columns: the declarations of the input columns.
        schema: the types of the table; a column that its type keeps readable is not looked at.
    """

    def __init__(self, columns: Sequence[dict[str, Any]], schema: Mapping[str, dt.DataType]) -> None:
        self._columns = [
            column
            for column in columns
            if column["kind"] in _WORDS and (family(str(schema[column["name"]])) == "text" or column["kind"] == "flag")
        ]
        self._read = {column["name"]: 0 for column in self._columns}
        self._lost = {column["name"]: 0 for column in self._columns}
        self._examples: dict[str, list[str]] = {column["name"]: [] for column in self._columns}

    def count(self, raw: pd.DataFrame, read: pd.DataFrame) -> None:
        """Count in rows as they came and as the reader of the pipeline made them."""
        for column in self._columns:
            name = column["name"]
            gone = pd.isna(read[name]).to_numpy()
            lost = _lost(raw[name][gone], column)
            self._read[name] += int((~gone).sum())
            self._lost[name] += len(lost)
            self._examples[name] = [*self._examples[name], *lost[:_EXAMPLES]][:_EXAMPLES]

    def shares(self) -> dict[str, float]:
        """Return by column the share of its values that can't be read, of columns with such."""
        return {name: lost / (lost + self._read[name]) for name, lost in self._lost.items() if lost}

    def judge(self, usual: Mapping[str, float]) -> list[Finding]:
        """Say which values were lost.

        Args:
            usual: `shares` of the table that the pipeline was saved with.

        Raises:
            BadRequest: of some column many more than usual were.
        """
        found = []
        for column in self._columns:
            name, words = column["name"], _WORDS[column["kind"]]
            count, share = self._lost[name], self.shares().get(name, 0.0)
            if share > _most(usual.get(name, 0.0), count + self._read[name]):
                raise BadRequest(
                    f"{name!r} is to hold {words}, and {count:,} of its values ({share:.0%}) can't be read as such: "
                    f"{self._shown(name, masked=True)}. Nothing was written; mend the column, or fit a new pipeline on "
                    "such rows"
                )
            if count:
                message = f"{name!r}: {count:,} values are no {words} and were taken as missing: {self._shown(name)}"
                found.append(warn(message, [name], "unreadable_values", count, "medium"))
        return found

    def _shown(self, name: str, *, masked: bool = False) -> str:
        """Return examples; results are masked on their way out, and errors are not."""
        examples = self._examples[name]
        return ", ".join(map(repr, mask({"column": name, "examples": examples})["examples"] if masked else examples))


def _lost(raw: pd.Series[Any], column: dict[str, Any]) -> list[str]:
    """Return, cut short, those of some values read as missing that stand for nothing missing."""
    given = texts(raw)
    odd = given[np.array([value is not None and fold(value) not in PLACEHOLDERS for value in given], dtype=bool)]
    # Sentinels, in whatever form they are written, are read when none is declared.
    unread = pd.isna(read_column(pd.Series(odd, dtype=object), {**column, "missing": []}))
    return [value[:40] for value in odd[unread]]


def _most(usual: float, values: int) -> float:
    """Return the share from which on a column is refused: a fifth of what is readable, and what chance may add."""
    return usual + MOST_LOST * (1 - usual) + 3 * float(np.sqrt(usual * (1 - usual) / max(1, values)))
