"""Names and texts inside SQL that the readers write for DuckDB."""

from __future__ import annotations

import glob
import re
from pathlib import Path

from ..errors import DataUnreadable


def identifier(name: str) -> str:
    """Quote a name.

    >>> identifier('a"b')
    '"a""b"'
    """
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Quote a text.

    >>> literal("it's")
    "'it''s'"
    """
    return "'" + text.replace("'", "''") + "'"


def file_literal(path: Path) -> str:
    """Quote a path for DuckDB's readers, which take any path for a pattern, so that it means this one file.

    >>> file_literal(Path("/data/j*.csv"))
    "'/data/j[*].csv'"

    Raises:
        DataUnreadable: the path can't be written so that nothing else is meant.
    """
    text = str(path)
    # A backslash in a pattern parts folders for DuckDB, also on systems where names may hold it.
    if glob.has_magic(text) and "\\" in text:
        raise DataUnreadable(
            f"{path.name!r} can't be read: its path holds a backslash and one of * ? [; rename the file or folder"
        )
    return literal(glob.escape(text))


def named_by_pattern(pattern: str) -> str:
    """Return the path that `file_literal` has made a pattern of.

    >>> named_by_pattern("/data/j[*].csv")
    '/data/j*.csv'
    """
    return re.sub(r"\[([*?[])\]", r"\1", pattern)
