"""The lines of the training files, as chat messages; what is written is read back through the same models."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ...tools.results import Severity


class Strict(BaseModel):
    """No field more, none less, none of another type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Message(Strict):
    """What one side says."""

    role: Literal["system", "user", "assistant"]
    content: str = Field(min_length=1)


class Answered(Strict):
    """What the assistant says of a table: an insight, as JSON in the content of its message."""

    title: str = Field(min_length=1)
    severity: Severity
    concerns: str
    columns: list[str]
    text: str = Field(min_length=1)
    advice: str


class InstructLine(Strict):
    """An example to imitate: system, user, assistant."""

    messages: list[Message]

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        _require_roles(self.messages, "system", "user", "assistant")
        return self

    def texts(self) -> tuple[str, ...]:
        """Return what was asked, and the answer; the system's words are always the same."""
        return self.messages[1].content, self.messages[2].content


class PreferenceLine(Strict):
    """Of two answers to one question, the better and the worse."""

    prompt: list[Message]
    chosen: list[Message]
    rejected: list[Message]

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        _require_roles(self.prompt, "system", "user")
        _require_roles(self.chosen, "assistant")
        _require_roles(self.rejected, "assistant")
        if self.chosen[0].content == self.rejected[0].content:
            raise ValueError("chosen and rejected are the same")
        return self

    def texts(self) -> tuple[str, ...]:
        """Return what was asked, and both answers."""
        return self.prompt[1].content, self.chosen[0].content, self.rejected[0].content


Line = InstructLine | PreferenceLine


def _require_roles(messages: list[Message], *roles: str) -> None:
    seen = [message.role for message in messages]
    if seen != list(roles):
        raise ValueError(f"the roles are {seen}, and must be {list(roles)}")
    for message in messages:
        if message.role == "assistant":
            Answered.model_validate_json(message.content)
