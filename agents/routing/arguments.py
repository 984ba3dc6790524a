"""The arguments of an action, read out of a request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .arguments_explore import EXPLORE
from .arguments_features import FEATURES
from .arguments_memory import MEMORY
from .arguments_quality import QUALITY
from .asked import Asked

_MAKERS: dict[str, Callable[[Asked], dict[str, Any]]] = {**QUALITY, **EXPLORE, **FEATURES, **MEMORY}


def arguments_of(asked: Asked) -> dict[str, Any]:
    """Return the arguments that a request gives an action; an action that nothing is known of gets none.

    Raises:
        MissingArgument: the action cannot be called with what was said.
    """
    maker = _MAKERS.get(asked.action)
    return maker(asked) if maker else {}
