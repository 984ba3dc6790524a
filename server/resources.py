"""What clients may read over MCP: kept results, registered datasets, feature pipelines, memories."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ResourceNotFoundError
from mcp_types import Resource

from ..tools.errors import RefineryError
from .wiring import House

if TYPE_CHECKING:
    from ..memory.store.memory import Memory
    from ..tools.data.registry import Registry
    from ..tools.features._declared import Pipelines

_JSON = "application/json"
_RUN = re.compile(r"[0-9a-f]{12}")


def registry_of(house: House) -> Registry:
    """Return the names of the caller's datasets."""
    return house.executor.runtime.opener(house.caller.tenant).registry


def pipelines_of(house: House) -> Pipelines:
    """Return the caller's feature pipelines."""
    from ..tools.features._declared import Pipelines

    return Pipelines(house.executor.runtime.workspace, house.caller.tenant)


def listed_resources(house: House) -> list[Resource]:
    """Return the registered datasets and the feature pipelines of the caller."""
    datasets = [
        Resource(
            uri=f"refinery://datasets/{quote(entry.name, safe='')}",
            name=entry.name,
            description=f"{entry.rows:,} rows" if entry.rows is not None else None,
            mime_type=_JSON,
        )
        for entry in registry_of(house).entries()
    ]
    pipelines = [
        Resource(
            uri=f"refinery://pipelines/{quote(name, safe='')}",
            name=name,
            description="a feature pipeline: roles, steps, lineage",
            mime_type=_JSON,
        )
        for name in pipelines_of(house).names()
    ]
    return [*datasets, *pipelines]


def offer_resources(server: MCPServer[None], house: House) -> None:
    """Add the templates of all resources to a server."""
    _offer_results(server, house)
    _offer_data(server, house)
    _offer_runs(server, house)
    if house.settings.memory.enabled:
        _offer_memories(server, house)


def _offer_results(server: MCPServer[None], house: House) -> None:
    @server.resource(
        "refinery://results/{id}", name="result", description="the whole of a result, as JSON", mime_type=_JSON
    )
    def result(id: str) -> str:  # noqa: A002 - the name in the URI
        document = house.executor.runtime.workspace.result(house.caller.tenant, id)
        if document is None:
            raise ResourceNotFoundError(f"no result {id!r}; it may have expired: call the tool again")
        return json.dumps(document["result"])

    @server.resource(
        "refinery://results/{id}/chart", name="chart", description="the chart of a result", mime_type="image/png"
    )
    def chart(id: str) -> bytes:  # noqa: A002
        image = house.executor.runtime.workspace.result_image(house.caller.tenant, id)
        if image is None:
            raise ResourceNotFoundError(f"no chart {id!r}; it may have expired: call the tool again")
        return image


def _offer_data(server: MCPServer[None], house: House) -> None:
    @server.resource(
        "refinery://datasets/{name}",
        name="dataset",
        description="what is known of a registered dataset, as JSON",
        mime_type=_JSON,
    )
    def dataset(name: str) -> str:
        entry = registry_of(house).get(name)
        if entry is None:
            raise ResourceNotFoundError(f"no dataset {name!r}; list_datasets shows the names")
        return json.dumps(asdict(entry))

    @server.resource(
        "refinery://pipelines/{name}",
        name="pipeline",
        description="a feature pipeline with its roles, steps and the lineage of every column, as JSON",
        mime_type=_JSON,
    )
    def pipeline(name: str) -> str:
        from ..tools.features.show_pipeline import shown

        try:
            found = pipelines_of(house).get(name)
        except RefineryError as error:
            raise ResourceNotFoundError(str(error)) from None
        return shown(found).model_dump_json(exclude_none=True)


def _offer_runs(server: MCPServer[None], house: House) -> None:
    def written(id: str, name: str) -> str:  # noqa: A002
        with _said_plainly():
            if house.orchestrator is None or not _RUN.fullmatch(id):
                raise ResourceNotFoundError(f"no run {id!r}; manage_run lists them")
            path = house.orchestrator.folder(id, house.caller) / name
            if not path.is_file():
                raise ResourceNotFoundError(f"run {id!r} has no report yet; manage_run tells how far it is")
            return path.read_text(encoding="utf-8")

    @server.resource(
        "refinery://runs/{id}", name="run", description="the whole of a run and its report, as JSON", mime_type=_JSON
    )
    def run(id: str) -> str:  # noqa: A002
        return written(id, "report.json")

    @server.resource(
        "refinery://runs/{id}/report", name="report", description="the report of a run, a page", mime_type="text/html"
    )
    def report(id: str) -> str:  # noqa: A002
        return written(id, "report.html")

    @server.resource(
        "refinery://runs/{id}/report.md",
        name="report as text",
        description="the report of a run, as Markdown",
        mime_type="text/markdown",
    )
    def markdown(id: str) -> str:  # noqa: A002
        return written(id, "report.md")


def _offer_memories(server: MCPServer[None], house: House) -> None:
    @server.resource(
        "refinery://memories/{id}", name="memory", description="the whole of a memory, as JSON", mime_type=_JSON
    )
    async def memory(id: str) -> str:  # noqa: A002
        from ..memory.store.finding import one_memory

        with _said_plainly():
            found = await one_memory(_memory(house), house.caller.tenant, id)
        if found is None:
            raise ResourceNotFoundError(f"no memory {id!r}; recall shows the ids of memories")
        return _told(found)

    @server.resource(
        "refinery://datasets/{name}/memories",
        name="memories of a dataset",
        description="what was remembered of a dataset last, as JSON",
        mime_type=_JSON,
    )
    async def memories(name: str) -> str:
        from ..memory.store.finding import recent

        with _said_plainly():
            return _told(await recent(_memory(house), house.caller.tenant, name))

    @server.resource(
        "refinery://datasets/{name}/history",
        name="history of a dataset",
        description="the states in which a dataset was seen, and the calls on it, as JSON",
        mime_type=_JSON,
    )
    async def history(name: str) -> str:
        from ..memory.store.history import history

        with _said_plainly():
            return _told(await history(_memory(house), house.caller.tenant, name))


@contextlib.contextmanager
def _said_plainly() -> Iterator[None]:
    """Say why something can't be read; what the SDK does not know, it hides."""
    try:
        yield
    except RefineryError as error:
        raise ResourceNotFoundError(str(error)) from None


def _memory(house: House) -> Memory:
    if house.memory is None:
        raise ResourceNotFoundError("this server was started without the memory")
    return house.memory


def _told(found: Any) -> str:
    """Write rows of the database as JSON; moments in ISO form."""
    return json.dumps(found, default=lambda moment: moment.isoformat())
