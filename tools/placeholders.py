"""Values that stand for missing: `N/A`, `?`, `-`, `null`, blanks; `-999` or `1900-01-01` where they can't be meant."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ibis.expr.types as ir

BLANK = "(blank)"

# Compared after trimming and folding case. These words can also be a level of their own: a discount of kind "none".
AMBIGUOUS = frozenset({"none", "unknown", "not applicable", "unspecified", "undefined", "tbd", "tba"})
PLACEHOLDERS = AMBIGUOUS | frozenset(
    {
        *("", "n/a", "na", "n.a.", "n.a", "#n/a", "n\\a", "nan", "<na>", "nat"),
        *("null", "(null)", "<null>", "#null!", "\\n", "nil", "undef", "#value!", "#ref!", "#div/0!", "#name?"),
        *("missing", "not available", "not provided", "not specified", "not known", "no data", "no value"),
        *("empty", "(empty)", "blank", "(blank)", "?", "??", "???", "-", "--", "---", "–", "—", ".", "..", "..."),  # noqa: RUF001
        *("0000-00-00", "0000-00-00 00:00:00"),
        # German, French, Spanish, Italian, Portuguese, Dutch.
        *("k.a.", "k. a.", "k.a", "keine angabe", "n. v.", "n.v.", "non renseigné", "non disponible", "sin dato"),
        *("sin datos", "no disponible", "non disponibile", "não informado", "onbekend", "niet bekend"),
    }
)
# Nothing longer than this is a placeholder: long texts are then never folded.
_LONGEST = 24

# Codes for "no value" in numeric columns. Zero is never one, and 9 is too often a real count.
NEGATIVE_SENTINELS = (
    *(-1, -9, -99, -999, -9999, -99999, -999999, -9999999, -99999999, -999999999),
    *(-888, -8888, -32768, -2147483648, -9223372036854775808, -99.9, -999.9, -9999.9),
)
POSITIVE_SENTINELS = (
    *(99, 999, 9999, 99999, 999999, 9999999, 99999999, 999999999, 8888, 88888),
    *(32767, 65535, 2147483647, 4294967295, 9223372036854775807, 99.9, 999.9, 9999.9),
)
EARLY_DATES: tuple[str, ...] = (
    "0001-01-01",
    "1600-01-01",
    "1601-01-01",
    "1753-01-01",
    "1800-01-01",
    "1899-12-30",
    "1899-12-31",
    "1900-01-01",
)
EARLY_DATES += ("1901-01-01", "1904-01-01", "1970-01-01")
LATE_DATES = ("2099-12-31", "2199-12-31", "2999-12-31", "3000-01-01", "8888-12-31", "9999-01-01", "9999-12-31")

# "NA" is a value among these: North America as a region, Namibia as a country.
_REGIONS = frozenset({"eu", "emea", "apac", "latam", "amer", "oc", "sa", "anz"})
_STATES = frozenset(
    {
        *("al", "ak", "az", "ar", "ca", "co", "ct", "de", "fl", "ga", "hi", "id", "il", "in", "ia", "ks", "ky", "la"),
        *("me", "md", "ma", "mi", "mn", "ms", "mo", "mt", "ne", "nv", "nh", "nj", "nm", "ny", "nc", "nd", "oh", "ok"),
        *("or", "pa", "ri", "sc", "sd", "tn", "tx", "ut", "vt", "va", "wa", "wv", "wi", "wy", "dc", "pr", "gu", "vi"),
    }
)
_OPPOSITES = {"-": {"+"}, "empty": {"full"}, "missing": {"present", "found"}, "blank": {"printed"}}


def is_placeholder(column: ir.StringColumn) -> ir.BooleanColumn:
    """Tell, for each row of a text column, whether the value stands for missing (null where the value is null)."""
    import ibis

    folded = column.strip().lower().isin(sorted(PLACEHOLDERS))
    # Folding is dear and long texts are many, so only short ones get that far.
    return ibis.cases((column.length() <= _LONGEST, folded), (column.notnull(), False))


def fold(value: str) -> str:
    """Bring a text to the form in which `PLACEHOLDERS` are written."""
    return value.strip().lower()


def stands_for_missing(value: str, others: Collection[str] = ()) -> bool:
    """Tell whether a text stands for missing among the folded other values of its column.

    >>> stands_for_missing("N/A"), stands_for_missing("NA", {"de", "fr", "jp"}), stands_for_missing("-", {"+"})
    (True, False, False)
    """
    word = fold(value)
    if word not in PLACEHOLDERS or _OPPOSITES.get(word, set()) & set(others):
        return False
    return not (word == "na" and _is_code_list(others))


def _is_code_list(others: Collection[str]) -> bool:
    """Tell whether values are codes of countries or regions, in which `NA` has a meaning."""
    words = {word for word in others if word not in PLACEHOLDERS}
    if words & (_REGIONS - _STATES) and all(len(word) <= 5 for word in words):
        return True
    return len(words) >= 3 and all(len(word) == 2 and word.isalpha() for word in words) and not words <= _STATES
