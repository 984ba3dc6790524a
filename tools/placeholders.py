"""Values that stand for missing: `N/A`, `?`, `-`, `null`, blanks …"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ibis.expr.types as ir

# Compared after trimming and folding case.
PLACEHOLDERS = frozenset(
    ("", "n/a", "na", "#n/a", "nan", "null", "none", "nil", "missing", "unknown", "undefined", "not available", "?", "-", "--", ".", "empty")
)


def is_placeholder(column: ir.StringColumn) -> ir.BooleanColumn:
    """Tell, for each row of a text column, whether the value stands for missing (null where the value is null)."""
    return column.strip().lower().isin(sorted(PLACEHOLDERS))
