"""What an action may need besides its arguments: who calls, where things are kept, and how to tell progress."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from .errors import Unavailable

if TYPE_CHECKING:
    from .data.registry import Registry
    from .data.sources import Opener
    from .workspace import Workspace


Service = TypeVar("Service")


@dataclass(frozen=True)
class Caller:
    """Who calls: from the settings over stdio, from the token over HTTP, never from an argument."""

    tenant: str = "default"
    principal: str = "local"
    session: str | None = None


class Progress(Protocol):
    """Called as work goes on: `done` of `total`, and what is being done."""

    def __call__(self, done: float, total: float | None = None, message: str | None = None) -> None: ...


def silent(done: float, total: float | None = None, message: str | None = None) -> None:
    """Tell nobody of progress."""


@dataclass(frozen=True, eq=False)
class Context:
    """Handed to an action that declares a parameter of this type.

    Attributes:
        caller: whose names, results and contracts these are.
        workspace: the folder for all that is kept.
        registry: the names of this tenant's datasets.
        opener: opens a name, path or URI as the caller may.
        progress: call with `(done, total, message)` as work goes on.
        services: what the server offers to actions that wait for it, by type.
    """

    caller: Caller
    workspace: Workspace
    registry: Registry
    opener: Opener
    progress: Progress = silent
    services: Mapping[type, Any] = field(default_factory=dict)

    def service(self, kind: type[Service]) -> Service:
        """Return a service of the server by its type.

        Raises:
            Unavailable: this process does not offer it.
        """
        if kind not in self.services:
            raise Unavailable(f"{kind.__name__.lower()} is switched off in the settings of this server")
        found: Service = self.services[kind]
        return found
