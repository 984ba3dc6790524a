"""Running one call in the process at hand: open the datasets, run the function, render and keep the result."""

from __future__ import annotations

import importlib
from dataclasses import replace
from typing import Any

from pydantic import BaseModel

from .catalogue import Action, action_of
from .context import Caller, Progress
from .data.dataset import Dataset
from .rendering import Rendered, render
from .results import Answer, Result
from .runtime import Runtime


class Call(BaseModel):
    """A call as it travels to a worker: the function by name, the wire arguments, and the id of its result."""

    module: str
    function: str
    arguments: dict[str, Any]
    tenant: str
    principal: str
    session: str | None
    key: str

    @classmethod
    def of(cls, action: Action, arguments: dict[str, Any], caller: Caller, key: str) -> Call:
        return cls(
            module=action.function.__module__,
            function=action.name,
            arguments=arguments,
            tenant=caller.tenant,
            principal=caller.principal,
            session=caller.session,
            key=key,
        )


def result_uri(key: str) -> str:
    """Return the address of a kept result."""
    return f"refinery://results/{key}"


def perform(runtime: Runtime, call: Call, progress: Progress) -> Rendered:
    """Run a call here and now.

    Raises:
        RefineryError: any of its kinds, as the action or the opening of a dataset says.
    """
    action, arguments, datasets = _prepare(runtime, call, progress)
    return _finish(runtime, call, action, action.function(**arguments), datasets)


async def perform_waiting(runtime: Runtime, call: Call, progress: Progress) -> Rendered:
    """Run a call of an `async` action in the loop of the server; as `perform` otherwise."""
    action, arguments, datasets = _prepare(runtime, call, progress)
    return _finish(runtime, call, action, await action.function(**arguments), datasets)


def _prepare(runtime: Runtime, call: Call, progress: Progress) -> tuple[Action, dict[str, Any], list[Dataset]]:
    action = action_of(getattr(importlib.import_module(call.module), call.function))
    context = runtime.context(Caller(call.tenant, call.principal, call.session), progress)
    arguments = action.validate(call.arguments)
    given = [name for name in action.datasets if arguments[name] is not None]
    for name in given:
        arguments[name] = context.opener.open(arguments[name])
    datasets = [arguments[name] for name in given]
    if action.context_parameter:
        arguments[action.context_parameter] = context
    return action, arguments, datasets


def _finish(runtime: Runtime, call: Call, action: Action, result: Answer, datasets: list[Dataset]) -> Rendered:
    kept = isinstance(result, Result)
    rendered = render(
        result,
        action=action.name,
        uri=result_uri(call.key) if kept else None,
        masked=runtime.config.mask_personal and action.traits.masked,
    )
    rendered = replace(rendered, datasets=[dataset.facts() for dataset in datasets])
    if kept:
        document = {
            "action": action.name,
            "result": rendered.whole,
            "bounded": rendered.bounded,
            "text": rendered.text,
            "image": rendered.image is not None,
        }
        runtime.workspace.keep_result(call.tenant, call.key, document, rendered.image)
    return rendered
