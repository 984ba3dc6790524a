"""The training rows at one point of a pipeline, and what an action plans to do with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..errors import BadRequest, unknown
from ..results import Finding
from ._declared import RESERVED
from ._reader import Kind
from ._step import Part, Step

# Rows times columns of the training table in memory: with more columns, fewer rows are fitted on.
MOST_CELLS = 60_000_000
MOST_COLUMNS = 20_000
FEWEST_ROWS = 2_000


@dataclass(frozen=True)
class Column:
    """A column of the table at some point of the pipeline: its kind, and the input columns that it comes from."""

    name: str
    kind: Kind
    sources: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Training:
    """The training rows at one point of a pipeline, in an order that their content decides.

    Attributes:
        frame: one canonical column for each of `columns` (floats; object arrays of texts and None; `datetime64[us]`),
            and `ROW`.
        columns: what is known of them, by name.
        y: the target, as floats for a regression, as codes of `classes` for a classification; None without a target.
        task: what is to be learned.
        classes: the labels, in the order of their codes.
        of: how many training rows there are in all; `frame` may hold fewer.
        seed: of everything that is drawn.
    """

    frame: pd.DataFrame
    columns: dict[str, Column]
    y: npt.NDArray[np.float64] | None
    task: str
    classes: tuple[str, ...]
    of: int
    seed: int

    @property
    def rows(self) -> int:
        return len(self.frame)

    def of_kind(self, *kinds: Kind) -> list[str]:
        """Return the names of the columns of some kinds, in order."""
        return [column.name for column in self.columns.values() if column.kind in kinds]

    def choose(self, wanted: Sequence[str] | None, kinds: Sequence[Kind], *, what: str) -> list[str]:
        """Return the wanted columns once they are of a kind that is allowed; all of these kinds when None.

        Raises:
            BadRequest: a column is not there, or is of another kind; the message says what to do.
        """
        if wanted is None:
            return self.of_kind(*kinds)
        if not wanted:
            raise BadRequest(f"{what}: columns is an empty list; leave it out for all that fit, or name some")
        for name in wanted:
            if name not in self.columns:
                raise unknown("column", name, self.columns, where=" at this point of the pipeline")
            kind = self.columns[name].kind
            if kind not in kinds:
                raise BadRequest(
                    f"{what} takes {' or '.join(kinds)} columns, and {name!r} is {kind}. "
                    f"Columns that fit: {', '.join(self.of_kind(*kinds)[:12]) or 'none'}"
                )
        return list(dict.fromkeys(wanted))

    def numbers(self, names: Sequence[str], rows: int | None = None) -> npt.NDArray[np.float64]:
        """Return some columns as an array, of the first rows only if so many are wanted."""
        return self.frame[list(names)].iloc[:rows].to_numpy(dtype=np.float64)

    def after(self, step: Step) -> Training:
        """Return the training rows after a fitted step, fewer of them if the table has become wide."""
        columns = {name: column for name, column in self.columns.items() if name not in step.gone}
        for name, kind, direct in step.outputs():
            sources = dict.fromkeys(source for one in direct for source in self.columns[one].sources)
            columns[name] = Column(name, kind, tuple(sources))
        most = max(FEWEST_ROWS, MOST_CELLS // max(1, len(columns)))
        if most >= self.rows:
            return replace(self, frame=step.transform(self.frame), columns=columns)
        y = None if self.y is None else self.y[:most]
        return replace(self, frame=step.transform(self.frame.iloc[:most]), columns=columns, y=y)

    def free_name(self, name: str, taken: Sequence[str] = ()) -> str:
        """Return a name that no column has, by adding a number where there must be one."""
        known = {*self.columns, *taken, *RESERVED}
        numbers = (f"{name}_{number}" for number in range(2, len(known) + 3))
        return name if name not in known else next(option for option in numbers if option not in known)


@dataclass(frozen=True)
class Plan:
    """What an action is going to do: the parts to fit, and why.

    Attributes:
        parts: (part, its columns, whether they stay).
        dropped: columns to take out besides.
        reasons: by column, what was decided and why, in a few words.
        warnings: what the caller should know.
    """

    parts: list[tuple[Part, list[str], bool]] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    reasons: dict[str, str] = field(default_factory=dict)
    warnings: list[Finding] = field(default_factory=list)

    def step(self) -> Step:
        """Return the step, not fitted yet."""
        return Step(self.parts, self.dropped)


def warn(message: str, columns: Sequence[str], metric: str, value: Any = None, severity: Any = "low") -> Finding:
    """Return a warning about columns."""
    return Finding(severity=severity, columns=list(columns), message=message, metric=metric, value=value)


def nothing_to_do(why: str) -> Plan:
    """Return a plan that does nothing and says so: a table without texts has no need of a step for texts."""
    return Plan(warnings=[warn(f"nothing to do: {why}", [], "columns", 0)])
