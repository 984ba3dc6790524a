"""Understanding a goal without a model: its target, and what else its words call for."""

from __future__ import annotations

import logging
import re
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from ...tools.errors import RefineryError
from .planning import speaks_of_model
from .records import Request, Step

if TYPE_CHECKING:
    from .work import Work

# A moment, an id or a text is not what a model of ours predicts, whatever word of the goal is like its name.
_PREDICTABLE = {"number", "category", "boolean"}

log = logging.getLogger(__name__)

# What the words of a goal may add to an analysis: looking. Making and keeping features is planned by itself.
_LOOKING = ("quality", "explore")
_NO_ADDITION = {"list_datasets", "load_dataset", "delete_dataset", "basic_info", "infer_schema"}


async def understand(work: Work, request: Request, seen: dict[str, Any]) -> tuple[Request, list[Step], list[str]]:
    """Find the target that a goal speaks of, and the calls that its words ask for.

    Args:
        work: whose goal it is.
        request: what was asked for.
        seen: the whole result of `infer_schema`.

    Returns:
        The request with its target, the calls, and notes for the reader.
    """
    from ..routing.router import find_target
    from .profile import table_of

    notes = list[str]()
    table = table_of(request.dataset, seen)
    goal = without_name(request.goal or "", request.dataset)
    target = find_target(goal, table) if request.target is None and speaks_of_model(goal) else None
    if target is not None and table[target].kind in _PREDICTABLE:
        request = request.model_copy(update={"target": target})
        notes.append(f"Taken as the target, from the words of the goal: {target!r}.")
    elif request.target is None and speaks_of_model(goal):
        notes.append("No column to predict was found in the words of the goal; name it as target.")
    asked = list[Step]()
    if work.tools.router is not None:
        try:
            # A goal adds to what is looked at anyway; it is not worth the wait of a question.
            routed = await work.tools.router.route(goal, table, work.catalogue, together=False)
            asked = [step for step in routed.steps if _adds(step, work)]
        except RefineryError as error:
            notes.append(f"The words of the goal could not be weighed: {error}")
        except Exception:  # the rules plan without it; a defect of reading must not take the analysis along
            log.exception("the goal of run %s could not be read", work.run)
            notes.append("The words of the goal could not be weighed, for a reason of ours; the server's log tells it.")
    return request, asked, notes


def without_name(text: str, dataset: str) -> str:
    """Take the name of the dataset out of a text about it: a file's name says nothing of its columns.

    Examples:
        >>> without_name("what is missing in data/customers.csv?", "data/customers.csv")
        'what is missing in this table?'
    """
    names = [name for name in (dataset, PurePath(dataset).name) if "." in name or "/" in name]
    for name in names:
        text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "this table", text, flags=re.IGNORECASE)
    return text


def _adds(step: Step, work: Work) -> bool:
    action = work.tools.executor.catalogue[step.action]
    return action.group in _LOOKING and action.traits.read_only and step.action not in _NO_ADDITION
