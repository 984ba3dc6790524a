"""Chat models that answer from a script and remember what reached them; none can reach a network."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import Field

Line = AIMessage | BaseException | str | Callable[[list[BaseMessage]], AIMessage]


class ScriptedModel(BaseChatModel):
    """Answers one line of its script a call; the last one again and again.

    Attributes:
        script: messages, texts, errors to raise, or functions of what reached the model.
        seen: the messages of every call.
        tools: the tools that were bound when a call was made, as they were given.
        delay: seconds that an answer takes.
    """

    script: list[Any]
    seen: list[list[BaseMessage]] = Field(default_factory=list)
    tools: list[list[Any]] = Field(default_factory=list)
    delay: float = 0.0

    @property
    def _llm_type(self) -> str:
        return "scripted"

    @property
    def calls(self) -> int:
        return len(self.seen)

    @property
    def everything_seen(self) -> str:
        """All that reached the model, as one text."""
        return "\n".join(str(message.content) for messages in self.seen for message in messages)

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Any:
        return self.bind(tools=list(tools), **kwargs)

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        raise NotImplementedError

    async def _agenerate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        line = self.script[min(self.calls, len(self.script) - 1)]
        self.seen.append(list(messages))
        self.tools.append(list(kwargs.get("tools") or []))
        await asyncio.sleep(self.delay)
        if isinstance(line, BaseException):
            raise line
        if callable(line):
            line = line(messages)
        message = AIMessage(line) if isinstance(line, str) else line
        return ChatResult(generations=[ChatGeneration(message=message.model_copy())])


def form(name: str, /, *, tokens: tuple[int, int] = (100, 20), **arguments: Any) -> AIMessage:
    """An answer in a form, as models give it: the call of a tool that is called like the form."""
    return AIMessage(
        "",
        tool_calls=[{"name": name, "args": arguments, "id": "call_1", "type": "tool_call"}],
        usage_metadata={"input_tokens": tokens[0], "output_tokens": tokens[1], "total_tokens": sum(tokens)},
    )


def calls(*made: tuple[str, dict[str, Any]]) -> AIMessage:
    """Calls of tools."""
    return AIMessage(
        "",
        tool_calls=[
            {"name": name, "args": arguments, "id": f"call_{number}", "type": "tool_call"}
            for number, (name, arguments) in enumerate(made)
        ],
    )


def broken_form(name: str, text: str) -> AIMessage:
    """A call whose arguments are no JSON."""
    return AIMessage(
        "",
        invalid_tool_calls=[
            {"name": name, "args": text, "id": "call_1", "error": "not JSON", "type": "invalid_tool_call"}
        ],
    )


class HttpError(Exception):
    """An error as providers' clients raise it: a status, and a message that quotes the key."""

    def __init__(self, status: int, headers: dict[str, str] | None = None) -> None:
        super().__init__(f"Error code: {status} - incorrect API key provided: sk-secret-key")
        self.status_code = status
        self.response = type("Response", (), {"status_code": status, "headers": headers or {}})()


def as_json(**arguments: Any) -> str:
    return json.dumps(arguments)
