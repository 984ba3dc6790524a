"""The columns of a chart: how each is read, and which are worth drawing when the caller names none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from ..columns import ColumnProfile, profile_columns
from ..data.dataset import Dataset
from ..errors import BadRequest

if TYPE_CHECKING:
    import ibis.expr.types as ir

AxisKind = Literal["numeric", "datetime", "category"]
# A wide table is not profiled whole to choose two columns.
_LOOKED_AT = 60
_FEW_LEVELS = 12
_READABLE = 0.5


@dataclass(frozen=True, eq=False)
class Axis:
    """A column as a chart reads it: finite numbers, instants or labels, null where it can't be read so.

    Attributes:
        values: the Ibis column to compute with.
        unread: non-null values that can't be read so, such as words in a column of numbers.
        whole: the numbers are all whole.
        levels: approximate number of distinct values.
    """

    name: str
    kind: AxisKind
    values: ir.Column
    unread: int = 0
    whole: bool = False
    levels: int = 0


class Axes:
    """Reads and chooses the columns of one dataset, profiling each once."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self._profiles: dict[str, ColumnProfile] = {}

    def read(self, name: str) -> Axis:
        """Return a column as its natural axis.

        Raises:
            BadRequest: there is no such column, or it holds no value, or none that can be drawn.
        """
        profile = self._filled(name)
        column: Any = self.dataset.table[name]
        dtype = self.dataset.schema[name]
        if dtype.is_numeric():
            number = column.cast("float64")
            finite = (number.isnan() | number.isinf()).ifelse(None, number)
            return Axis(name, "numeric", finite, whole=dtype.is_integer(), levels=profile.distinct)
        if dtype.is_timestamp() or dtype.is_date():
            return self._parsed(name, "datetime", _drawable(column), profile)
        if dtype.is_string() and (profile.datetime_share or 0) >= _READABLE:
            return self._parsed(name, "datetime", _drawable(column), profile)
        if dtype.is_string() and (profile.numeric_share or 0) >= _READABLE and profile.distinct > 2:
            number = column.try_cast("float64")
            return self._parsed(name, "numeric", (number.isnan() | number.isinf()).ifelse(None, number), profile)
        return Axis(name, "category", column.cast("string"), levels=profile.distinct)

    def natural(self, name: str) -> Axis:
        """Return a column as its axis, codes and flags stored as numbers as labels."""
        coded = self._profile([name])[name].kind in {"categorical", "boolean"}
        axis = self.read(name)
        return self.category(name) if coded and axis.kind == "numeric" else axis

    def category(self, name: str) -> Axis:
        """Return a column as labels, whatever it holds.

        Raises:
            BadRequest: it holds no value.
        """
        profile = self._filled(name)
        return Axis(name, "category", self.dataset.table[name].cast("string"), levels=profile.distinct)

    def number(self, name: str, use: str) -> Axis:
        """Return a column as numbers.

        Raises:
            BadRequest: it holds none.
        """
        axis = self.read(name)
        if axis.kind != "numeric":
            known = [column for column, kind in self.kinds().items() if kind == "numeric"]
            hint = f" Numeric columns: {', '.join(known[:8])}" if known else " The table has no numeric column."
            raise BadRequest(f"{use} needs numbers, and column {name!r} holds {axis.kind} values.{hint}")
        return axis

    def kinds(self) -> dict[str, AxisKind]:
        """Return what the first columns hold that are worth drawing, in their order."""
        kinds: dict[str, AxisKind] = {}
        for name, profile in self._profile(self.dataset.columns[:_LOOKED_AT]).items():
            if profile.kind == "numeric" or profile.kind == "datetime":
                kinds[name] = profile.kind
            elif (profile.datetime_share or 0) >= _READABLE:
                kinds[name] = "datetime"
            elif (profile.numeric_share or 0) >= _READABLE and profile.distinct > 2:
                kinds[name] = "numeric"
            elif profile.kind in {"categorical", "boolean"}:
                kinds[name] = "category"
        return kinds

    def first(self, *wanted: AxisKind, without: Iterable[str | None] = ()) -> str | None:
        """Return the column to draw of the kinds wanted: numbers with many values, labels with few, come first."""
        taken = set(without)
        for kinds in (self.kinds(), self._spare()):
            for kind in wanted:
                names = [name for name, found in kinds.items() if found == kind and name not in taken]
                if names:
                    return min(names, key=self._dullness)
        return None

    def numbers(self, most: int) -> list[str]:
        """Return the numeric columns worth drawing, in their order, at most so many."""
        return [name for name, kind in self.kinds().items() if kind == "numeric"][:most]

    def _spare(self) -> dict[str, AxisKind]:
        """Return the columns that are drawn only where there is nothing better: identifiers, texts and constants."""
        kinds: dict[str, AxisKind] = {}
        for name, profile in self._profile(self.dataset.columns[:_LOOKED_AT]).items():
            dtype = self.dataset.schema[name]
            if profile.kind in {"id", "text", "constant"}:
                moment = dtype.is_timestamp() or dtype.is_date()
                kinds[name] = "numeric" if dtype.is_numeric() else "datetime" if moment else "category"
        return kinds

    def _dullness(self, name: str) -> int:
        profile = self._profile([name])[name]
        many = profile.distinct > _FEW_LEVELS
        return 0 if many == (self.kinds().get(name) == "numeric") else 1

    def _parsed(self, name: str, kind: AxisKind, values: Any, profile: ColumnProfile) -> Axis:
        read = int(self.dataset.aggregate({"read": values.count()})["read"])
        if not read and not self.dataset.schema[name].is_string():
            raise BadRequest(f"column {name!r} holds no date of the years 1 to 9999 to draw; choose another")
        if not read:
            return Axis(name, "category", self.dataset.table[name].cast("string"), levels=profile.distinct)
        return Axis(name, kind, values, unread=profile.rows - profile.nulls - read, levels=profile.distinct)

    def _filled(self, name: str) -> ColumnProfile:
        profile = self._profile([name])[name]
        if profile.nulls >= profile.rows:
            raise BadRequest(f"column {name!r} holds no values to draw; choose another")
        return profile

    def _profile(self, names: Sequence[str]) -> dict[str, ColumnProfile]:
        missing = [name for name in names if name not in self._profiles]
        if missing:
            self._profiles.update(profile_columns(self.dataset, missing))
        return {name: self._profiles[name] for name in names}


def _drawable(column: Any) -> Any:
    """Return the moments that calendars here know: neither Python nor a picture has years before 1 or past 9999."""
    import ibis

    dtype = column.type()
    # Dates, seconds and milliseconds reach further than what they are drawn as, so they are cut before the cast.
    further = dtype.is_date() or (dtype.is_timestamp() and dtype.scale in {0, 3})
    moments = column if further else column.try_cast("timestamp")
    first, last = (ibis.timestamp(edge).cast(moments.type()) for edge in ("0001-01-01 00:00:00", "9999-12-31 23:59:59"))
    return moments.between(first, last).ifelse(moments, None).cast("timestamp")
