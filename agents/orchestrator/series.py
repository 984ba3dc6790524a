"""The table before in a series, such as last month's file: found by its name, and believed by its columns."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ...tools.errors import RefineryError
from .planning import earlier_of
from .profile import whole_of

if TYPE_CHECKING:
    from .work import Work

# Names of files are given for many reasons: two tables are of one series when most of their columns are the same.
_ALIKE = 0.5
_MOST_FILES = 500


async def table_before(work: Work, dataset: str, columns: Sequence[str]) -> tuple[str | None, list[str]]:
    """Find an earlier dataset of the same series among the names and files that can be opened.

    Args:
        work: who looks.
        dataset: whose series.
        columns: what it has.

    Returns:
        Its name, and notes for the reader where one looked like it and is not.
    """
    executor, caller = work.tools.executor, work.caller
    earlier = await asyncio.to_thread(_by_name, work, dataset)
    if earlier is None:
        return None, []
    try:
        seen = whole_of(executor, caller, await executor.run("infer_schema", {"dataset": earlier}, caller))
    except RefineryError as error:
        return None, [f"{earlier} comes before it by name, and could not be compared with: {error}"]
    theirs, mine = set(seen.get("schema", {})), set(columns)
    if len(mine & theirs) < _ALIKE * len(mine | theirs):
        return None, [f"{earlier} comes before it by name, but has other columns: not compared with."]
    return earlier, []


def _by_name(work: Work, dataset: str) -> str | None:
    opener = work.tools.executor.runtime.opener(work.caller.tenant)
    if Path(dataset).is_absolute():
        # As its neighbours would be named the same way; whether they may be read is asked when they are.
        beside = [str(path) for path in Path(dataset).parent.glob(f"*{Path(dataset).suffix}")]
        return earlier_of(dataset, sorted(beside)[:_MOST_FILES])
    names = [entry.name for entry in opener.registry.entries()]
    return earlier_of(dataset, [*names, *opener.files(_MOST_FILES)[0]])
