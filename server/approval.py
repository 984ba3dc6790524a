"""Asking the person at an MCP client whether agents may do what needs a person's word."""

from __future__ import annotations

import json
import logging
import re
from typing import TYPE_CHECKING, Any

from mcp.server.elicitation import AcceptedElicitation, DeclinedElicitation, render_elicitation_schema
from mcp.server.mcpserver import Context
from mcp.shared.exceptions import MCPError
from mcp_types import (
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    InputRequiredResult,
)
from pydantic import BaseModel, Field

if TYPE_CHECKING:
    from ..tools.executor import Outcome

log = logging.getLogger(__name__)

# Since this revision a question is the answer to a call, and the call is made again with what the person said.
_ASKED_IN_RESULTS = "2026-07-28"
_KEY = "approval"
_RUN = re.compile(r"[0-9a-f]{12}")
_MAY_WAIT = {"analyze_dataset", "manage_run"}
McpContext = Context[None, Any]


class Agreement(BaseModel):
    """What the person is asked for."""

    agree: bool = Field(description="let the agents do it")


def answered(context: McpContext | None) -> tuple[str, bool | None] | None:
    """Return the run that a repeated call is about and the word of the person on it; None where there is no word."""
    if context is None or not context.input_responses or not _RUN.fullmatch(context.request_state or ""):
        return None
    run, said = context.request_state or "", context.input_responses.get(_KEY)
    if not isinstance(said, ElicitResult) or said.action == "cancel":
        return run, None
    agree = (said.content or {}).get("agree")
    if said.action == "accept" and not isinstance(agree, bool):
        return run, None  # neither yes nor no: the run goes on waiting
    return run, said.action == "accept" and agree is True


def run_of(outcome: Outcome) -> str:
    """Return the id of the run that an answer tells of."""
    return str((outcome.result.get("of") or outcome.result)["run"])


async def ask(outcome: Outcome, context: McpContext | None) -> bool | InputRequiredResult | None:
    """Ask the person at the client, where a run waits and the client can ask.

    Returns:
        What the person said; the result that makes the client ask; None when nothing is to be asked, the client
        can't, or the person would not say.
    """
    waiting = _waiting(outcome)
    if waiting is None or context is None or not _can_ask(context) or answered(context) is not None:
        return None
    run, message = waiting
    if (context.protocol_version or "") >= _ASKED_IN_RESULTS:
        schema = render_elicitation_schema(Agreement)
        form = ElicitRequest(params=ElicitRequestFormParams(message=message, requested_schema=schema))
        return InputRequiredResult(input_requests={_KEY: form}, request_state=run)
    try:
        said = await context.elicit(message, Agreement)
    except (ValueError, MCPError) as error:
        log.info("the client gave no answer that can be read: %s", error)
        return None
    if isinstance(said, AcceptedElicitation):
        return said.data.agree
    return False if isinstance(said, DeclinedElicitation) else None


def _waiting(outcome: Outcome) -> tuple[str, str] | None:
    """Return the run that waits and what it asks, if one does."""
    if outcome.action not in _MAY_WAIT:
        return None
    told = outcome.result.get("of") or outcome.result
    if told.get("status") != "waiting":
        return None
    steps = [step for step in told["plan"] if step["id"] in told["waiting"]]
    asked = "; ".join(f"{step['action']} {json.dumps(step['arguments'], ensure_ascii=False)}" for step in steps)
    return told["run"], f"The agents of run {told['run']} ask to do: {asked}. Shall they?"


def _can_ask(context: McpContext) -> bool:
    capabilities = context.client_capabilities
    asking = capabilities.elicitation if capabilities is not None else None
    return asking is not None and (asking.form is not None or asking.url is None)
