"""The agent card: what this agent can do, where and how it is asked. It holds no data, so anybody may read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from a2a.server.routes import create_agent_card_routes
from a2a.types.a2a_pb2 import (
    AgentCapabilities,
    AgentCard,
    AgentInterface,
    AgentSkill,
    HTTPAuthSecurityScheme,
    SecurityRequirement,
    SecurityScheme,
    StringList,
)
from a2a.utils.constants import PROTOCOL_VERSION_1_0, TransportProtocol

from ... import VERSION

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from ...tools.catalogue import Catalogue

_DESCRIPTION = (
    "Analyzes tables: data quality, exploration, features. Every number is computed, with its evidence. Send text that "
    'names a dataset, or data: {"dataset", "goal"?, "target"?} analyzes, {"dataset", "question"} answers, '
    '{"action", "params"} runs one action. An analysis that asks for approval goes on with "approve" or "decline".'
)
_TEXT, _JSON = "text/plain", "application/json"
_WHOLE = {
    "analyze_dataset": (
        "Analyze a dataset for a goal",
        "Plans and runs checks and explorations of a table for a goal, and answers with insights and their evidence.",
        ["analyze orders.csv for churn", '{"dataset": "orders.csv", "goal": "predict churn", "target": "churned"}'],
    ),
    "ask_dataset": (
        "Ask a question about a dataset",
        "Answers a question about a table: it becomes calls of actions, and those are run.",
        [
            "which columns of orders.csv have missing values?",
            '{"dataset": "orders.csv", "question": "any duplicates?"}',
        ],
    ),
}


def agent_card(actions: Catalogue, url: str, *, token: bool) -> AgentCard:
    """Build the card.

    Args:
        actions: what is offered.
        url: where this agent is asked, over JSON-RPC and over REST.
        token: whether a bearer token must be sent.
    """
    card = AgentCard(
        name="Refinery",
        description=_DESCRIPTION,
        version=VERSION,
        supported_interfaces=[
            AgentInterface(url=url, protocol_binding=binding.value, protocol_version=PROTOCOL_VERSION_1_0)
            for binding in (TransportProtocol.JSONRPC, TransportProtocol.HTTP_JSON)
        ],
        capabilities=AgentCapabilities(streaming=True, push_notifications=False, extended_agent_card=False),
        default_input_modes=[_TEXT, _JSON],
        default_output_modes=[_TEXT, _JSON],
        skills=_skills(actions),
    )
    if token:
        scheme = HTTPAuthSecurityScheme(scheme="bearer", description="the header 'Authorization: Bearer TOKEN'")
        card.security_schemes["bearer"].CopyFrom(SecurityScheme(http_auth_security_scheme=scheme))
        card.security_requirements.append(SecurityRequirement(schemes={"bearer": StringList()}))
    return card


async def serve_card(card: AgentCard, request: Request) -> Response:
    """Answer with the card, or that it is still the one that the caller has."""
    answer: Response = await create_agent_card_routes(card)[0].endpoint(request)
    return answer


def _skills(actions: Catalogue) -> list[AgentSkill]:
    skills = [
        AgentSkill(id=name, name=title, description=description, tags=["data", "agents"], examples=examples)
        for name, (title, description, examples) in _WHOLE.items()
        if name in actions
    ]
    groups: dict[str, list[str]] = {}
    for action in actions:
        groups.setdefault(action.group, []).append(action.name)
    return skills + [_group(group, names) for group, names in groups.items()]


def _group(group: str, names: list[str]) -> AgentSkill:
    described = f"Runs one of: {', '.join(names)}. GET /actions lists their parameters."
    example = f'{{"action": "{names[0]}", "params": {{…}}}}'
    modes = [_TEXT, _JSON, "image/png"] if "create_visualization" in names else []
    return AgentSkill(
        id=group,
        name=f"Run one action of {group}",
        description=described,
        tags=["data", group],
        examples=[example],
        input_modes=[_JSON],
        output_modes=modes,
    )
