"""What needs LangChain, which takes half a second to import: messages, the provider's client, the guarded model."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage, convert_to_messages
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.runnables.config import var_child_runnable_config
from langsmith import tracing_context
from pydantic import Field

from ...tools.masking import mask
from .errors import ModelUnavailable
from .failures import outcome_of
from .fencing import fenced_answer
from .settings import EXTRAS, ModelSettings

Ask = Callable[[Runnable[Any, Any], list[BaseMessage]], Awaitable[AIMessage]]


@contextlib.contextmanager
def apart() -> Iterator[None]:
    """Run what is asked apart from the graph around: what was masked on its way out must not leave by a side door.

    A tracer, a callback or a stream of the graph around would be told every message, and its checkpoints keep them.
    """
    token = var_child_runnable_config.set(None)
    try:
        with tracing_context(enabled=False):
            yield
    finally:
        var_child_runnable_config.reset(token)


def build_model(settings: ModelSettings) -> BaseChatModel:
    """Build the provider's client.

    Raises:
        ModelUnavailable: its package is not installed, the provider is unknown, or its settings do not do.
    """
    from langchain.chat_models import init_chat_model

    try:
        model: BaseChatModel = init_chat_model(
            settings.model, model_provider=settings.provider, **settings.client_options()
        )
        return model
    except ImportError:
        package = (
            f"'refinery-mcp[{settings.provider}]'"
            if settings.provider in EXTRAS
            else f"langchain-{settings.provider.replace('_', '-')}"
        )
        raise ModelUnavailable(
            f"the language model {settings.name} needs a package that is not installed: pip install {package}"
        ) from None
    except Exception as error:  # noqa: BLE001 - each client has errors of its own, which may quote a key
        what = f"unknown provider {settings.provider!r}" if "nsupported" in str(error) else outcome_of(error)
        raise ModelUnavailable(
            f"the language model {settings.name} cannot be set up ({what}); "
            f"is {settings.provider.upper()}_API_KEY set, and the name right?"
        ) from None


def leaving(messages: Sequence[Any], *, summaries_only: bool) -> list[BaseMessage]:
    """Return messages as they leave: masked, and what tools answered between marks as data."""
    return [_leaving(message, summaries_only) for message in convert_to_messages(messages)]


def _leaving(message: BaseMessage, summaries_only: bool) -> BaseMessage:
    if isinstance(message, AIMessage):
        return message  # the model's own words, which providers want back unchanged
    if isinstance(message, ToolMessage):
        answer = fenced_answer(
            message.name or "the tool",
            message.text,
            message.artifact,
            failed=message.status == "error",
            summaries_only=summaries_only,
        )
        # The whole result stays here, whatever a provider's client does with it.
        return message.model_copy(update={"content": answer, "artifact": None})
    return message.model_copy(update={"content": mask(message.content)})


def canonical(messages: Sequence[BaseMessage]) -> bytes:
    """Return messages as bytes that are the same for the same words and calls, to be hashed."""
    told = [
        [message.type, message.content, [[call["name"], call["args"]] for call in getattr(message, "tool_calls", [])]]
        for message in messages
    ]
    return json.dumps(told, sort_keys=True, default=str).encode()


class GuardedModel(BaseChatModel):
    """A chat model of which every call goes through the guard: for `create_agent`, which binds tools to it."""

    ask: Ask = Field(exclude=True)
    inner: Any = Field(exclude=True)

    @property
    def _llm_type(self) -> str:
        return "refinery-guarded"

    def bind_tools(self, tools: Sequence[Any], *, tool_choice: Any = None, **kwargs: Any) -> Any:
        """Return the same guard over the model with tools."""
        choice = {"tool_choice": tool_choice} if tool_choice else {}
        return self.model_copy(update={"inner": self.inner.bind_tools(tools, **choice, **kwargs)})

    def _generate(self, messages: list[BaseMessage], *_args: Any, **_kwargs: Any) -> ChatResult:
        raise NotImplementedError("the guarded model is asked with ainvoke")

    async def _agenerate(self, messages: list[BaseMessage], *_args: Any, **_kwargs: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=await self.ask(self.inner, messages))])
