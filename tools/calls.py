"""Running one call in the process at hand: open the datasets, run the function, render and keep the result."""

from __future__ import annotations

import importlib
from dataclasses import replace
from typing import Any

from pydantic import BaseModel

from .catalogue import Action, action_of
from .context import Caller, Progress
from .rendering import Rendered, render
from .results import Result
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
    action = action_of(getattr(importlib.import_module(call.module), call.function))
    caller = Caller(call.tenant, call.principal, call.session)
    context = runtime.context(caller, progress)
    arguments = action.validate(call.arguments)
    given = [name for name in action.datasets if arguments[name] is not None]
    for name in given:
        arguments[name] = context.opener.open(arguments[name])
    fingerprints = [arguments[name].fingerprint for name in given]
    if action.context_parameter:
        arguments[action.context_parameter] = context
    result = action.function(**arguments)
    kept = isinstance(result, Result)
    rendered = render(
        result,
        action=action.name,
        uri=result_uri(call.key) if kept else None,
        masked=runtime.config.mask_personal,
    )
    rendered = replace(rendered, fingerprints=fingerprints)
    if kept:
        document = {
            "action": action.name,
            "result": rendered.whole,
            "bounded": rendered.bounded,
            "text": rendered.text,
            "image": rendered.image is not None,
        }
        runtime.workspace.keep_result(caller.tenant, call.key, document, rendered.image)
    return rendered
