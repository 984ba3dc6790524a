"""Refinery's actions for a graph or notebook of one's own, without a server."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ...tools.catalogue import Catalogue
from ...tools.context import Caller
from ...tools.errors import BadRequest
from ...tools.executor import Executor
from ...tools.pool import Pool
from ...tools.runtime import Runtime, RuntimeConfig, share_of_memory
from .making import langchain_tools

if TYPE_CHECKING:
    from langchain_core.tools import StructuredTool


@contextlib.asynccontextmanager
async def open_toolbox(
    *folders: str | Path, agents: Sequence[str] = (), workspace: str | Path | None = None
) -> AsyncIterator[list[StructuredTool]]:
    """Open the actions of quality, exploration and features as LangChain tools; their workers end with the block.

    Args:
        folders: folders that may be read and written; default the current one.
        agents: the groups of actions, of `quality`, `explore` and `features`; default all.
        workspace: folder for all that is kept; default the user's data folder.

    Raises:
        BadRequest: a folder does not exist or is too much to open by accident, or there is no such group.

    Examples:
        In a notebook, with a model of your choice::

            async with refinery.agents.toolbox("data") as tools:
                agent = create_agent("openai:gpt-5.5", tools)
                await agent.ainvoke({"messages": [("human", "What is wrong with orders.csv?")]})
    """
    config = _config(_roots(folders), workspace)
    executor = Executor(_catalogue(agents), Runtime(config), Pool(config, os.cpu_count() or 1))
    try:
        yield langchain_tools(executor, Caller())
    finally:
        await executor.close()


def _catalogue(agents: Sequence[str]) -> Catalogue:
    # Late: every action is imported here.
    from ...tools import explore, features, quality

    actions = Catalogue.from_packages(quality, explore, features)
    return actions.only(agents) if agents else actions


def _roots(folders: Sequence[str | Path]) -> tuple[Path, ...]:
    chosen = [Path(folder).expanduser().resolve() for folder in folders]
    for folder in chosen:
        if not folder.is_dir():
            raise BadRequest(f"{str(folder)!r} is not a folder; name one that holds the data")
    here = Path.cwd().resolve()
    if not chosen and here in {Path(here.anchor), Path.home().resolve()}:
        raise BadRequest(f"{str(here)!r} is not opened by accident; name the folder that holds the data")
    return tuple(chosen) or (here,)


def _config(roots: tuple[Path, ...], workspace: str | Path | None) -> RuntimeConfig:
    from platformdirs import user_data_path

    cores = os.cpu_count() or 1
    return RuntimeConfig(
        workspace=Path(workspace).expanduser().resolve() if workspace is not None else user_data_path("refinery"),
        roots=roots,
        memory_mb=share_of_memory(cores),
        threads=cores,
    )
