"""What a column's values are to an analyst, judged from a few facts about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from .readings import name_words

if TYPE_CHECKING:
    import ibis.expr.datatypes as dt

Kind = Literal["numeric", "categorical", "datetime", "boolean", "text", "id", "constant", "empty", "other"]

# A column with this share of different values identifies rows; less than all, as keys get repeated by accident.
UNIQUE = 0.95
# Fewer rows than this say nothing about uniqueness.
_ENOUGH = 50
_MANY_CODES = 1_000
_ID_WORDS = frozenset({"id", "ids", "key", "uuid", "guid", "pk", "fk", "sku", "isbn", "ean", "hash", "token"})
# The last word of names whose digits are labels.
CODE_WORDS = _ID_WORDS | {
    *("code", "type", "class", "category", "cat", "status", "flag", "zip", "zipcode", "postcode", "postal"),
    *("group", "cluster", "label", "gender", "sex", "region", "zone", "segment", "pclass", "phone", "fax"),
}
_NUMBERED = frozenset({"index", "idx", "number", "no", "nr", "num", "row", "rownum", "seq", "code", "account", "phone"})
_MOMENTS = frozenset({"time", "timestamp", "ts", "date", "epoch", "created", "updated", "at"})


@dataclass(frozen=True)
class Facts:
    """What the kind is judged from.

    Attributes:
        filled: values that are not null.
        distinct: different values among them, exact or estimated.
        whole: for floats, every value looked at is a whole number.
        length: mean length of texts.
        words: mean number of words of texts.
        numeric_share: share of texts that read as numbers.
        datetime_share: share of texts that read as dates.
    """

    name: str
    dtype: dt.DataType
    filled: int
    distinct: int
    minimum: Any = None
    maximum: Any = None
    whole: bool = False
    length: float = 0.0
    words: float = 1.0
    numeric_share: float = 0.0
    datetime_share: float = 0.0

    @property
    def unique(self) -> bool:
        """Whether the values, being enough to tell, are all but all different."""
        return self.distinct >= UNIQUE * self.filled and self.filled > (8 if self.named_id else _ENOUGH)

    @property
    def named_id(self) -> bool:
        """Whether the name says that this identifies something."""
        words = name_words(self.name)
        return bool(words) and words[-1] in _ID_WORDS

    @property
    def named_code(self) -> bool:
        """Whether the name says that the values are labels, even when they are digits."""
        words = name_words(self.name)
        counted = bool(words) and words[0] in {"num", "number", "count", "n", "total", "avg", "mean", "sum"}
        return bool(words) and words[-1] in CODE_WORDS and not counted


def judge(facts: Facts) -> Kind:
    """Return the kind of a column.

    The name is a witness where digits are ambiguous: a code or a key of another table is no measure.
    """
    dtype = facts.dtype
    if dtype.is_null() or not facts.filled:
        return "empty"
    if dtype.is_nested() or dtype.is_json() or dtype.is_binary():
        return "other"
    if facts.distinct <= 1:
        return "constant"
    if dtype.is_boolean():
        return "boolean"
    if dtype.is_timestamp() or dtype.is_date():
        return "datetime"
    if dtype.is_numeric():
        return _numeric(facts)
    if dtype.is_string() or dtype.is_uuid():
        return _text(facts)
    return "other"


def _numeric(facts: Facts) -> Kind:
    integer = facts.dtype.is_integer() or (facts.dtype.is_decimal() and getattr(facts.dtype, "scale", None) == 0)
    if integer and facts.distinct == 2 and (facts.minimum, facts.maximum) == (0, 1):
        return "boolean"
    if integer and facts.unique and _identifies(facts):
        return "id"
    # A key of another table or a code: its digits are names, and neither a mean nor an outlier has a meaning.
    if (integer or facts.whole) and facts.named_code and (integer or facts.distinct <= _MANY_CODES):
        return "categorical"
    return "numeric"


def _identifies(facts: Facts) -> bool:
    """Tell whether different integers are names of rows rather than measures that happen to differ."""
    words = set(name_words(facts.name))
    if facts.named_id or words & _NUMBERED:
        return True
    if words & _MOMENTS or facts.minimum is None:
        return False
    low, high = int(facts.minimum), int(facts.maximum)
    dense = high - low < 1.5 * facts.filled
    same_length = low >= 100_000 and len(str(low)) == len(str(high))
    return dense or same_length


def _text(facts: Facts) -> Kind:
    measured = facts.numeric_share >= 0.5 or facts.datetime_share >= 0.5
    if facts.unique and facts.words < 1.2 and (facts.named_id or not measured):
        return "id"
    if facts.filled <= _ENOUGH:
        return "text" if facts.words >= 4 and facts.distinct > 0.5 * facts.filled else "categorical"
    if facts.distinct > 0.5 * facts.filled:
        return "text"
    prose = facts.words >= 4 or facts.length > 60
    return "text" if prose and facts.distinct > max(100, 0.1 * facts.filled) else "categorical"
