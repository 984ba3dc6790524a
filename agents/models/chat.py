"""The language model as the agents see it: asked for a form or a text, it gives one that holds, or raises."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pydantic import BaseModel, ValidationError

from ..orchestrator.records import Usage
from .errors import ModelUnavailable
from .settings import ModelSettings
from .usage import ModelCallRecord, RunUsage

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessage, BaseMessage

    from ._guard import Guard, Record, Sleep

Message = tuple[Literal["system", "human", "ai"], str]
Form = TypeVar("Form", bound=BaseModel)

_FENCE = re.compile(r"^```(?:json)?\s*\n(.*?)\n?```$", re.DOTALL)
_MOST_PROBLEMS = 12


def _unrecorded(record: ModelCallRecord) -> None:
    """Record nothing."""


class Chat:
    """A language model with its limits. Nothing is imported or connected before it is first asked.

    Args:
        settings: which model, and how far it may go.
        model: a ready chat model, instead of the one that the settings name.
        audit: told of every call that was made, by hash and count.
        sleep: waits between attempts.
        failures: how many in a row open the circuit breaker.
        rest: seconds that it then stays open, before one call tries again.
    """

    def __init__(
        self,
        settings: ModelSettings,
        model: BaseChatModel | None = None,
        *,
        audit: Record = _unrecorded,
        sleep: Sleep = asyncio.sleep,
        failures: int = 5,
        rest: float = 30.0,
    ) -> None:
        self.settings = settings
        self._model = model
        self._make_guard = partial(_guard, settings, record=audit, sleep=sleep, failures=failures, rest=rest)
        self._guard: Guard | None = None
        self._opening = asyncio.Lock()

    def usage(self, run: str, so_far: Usage | None = None) -> RunUsage:
        """Begin to count a run, or go on where it was.

        Args:
            run: its id.
            so_far: what it had used before it was taken up again.
        """
        return RunUsage(run, self.settings.tokens, model=self.settings.name, so_far=so_far)

    async def structured(
        self,
        messages: Sequence[Message],
        schema: type[Form],
        *,
        run: RunUsage,
        purpose: str,
        check: Callable[[Form], list[str]] | None = None,
    ) -> Form:
        """Ask for an answer in a form.

        An answer that is not in the form, or in which `check` finds problems, is sent back once with what is wrong.
        What then comes back is in the form; it may still have problems, which the caller leaves out.

        Args:
            messages: the conversation so far.
            schema: the form; its docstring and descriptions are read by the model.
            run: what the calls are counted on.
            purpose: what they are for, in a word.
            check: returns what is wrong with an answer, for the model to read.

        Raises:
            ModelUnavailable: no answer in the form.
        """
        asked = self._in_form(await self._opened(), schema)
        answer = await self._ask(asked, messages, run=run, purpose=purpose)
        value, wrong = _read(answer, schema)
        if value is not None:
            wrong = check(value) if check is not None else []
            if not wrong:
                return value
        try:
            answer = await self._ask(asked, _sent_back(messages, answer, wrong), run=run, purpose=purpose)
        except ModelUnavailable:
            if value is None:
                raise
            return value
        again, wrong = _read(answer, schema)
        if again is not None:
            return again
        if value is not None:
            return value
        raise ModelUnavailable(f"the language model {self.settings.name} answered twice in no form that can be read")

    async def text(
        self,
        messages: Sequence[Message],
        *,
        run: RunUsage,
        purpose: str,
        check: Callable[[str], list[str]] | None = None,
    ) -> str:
        """Ask for a text; as `structured`, but a second text with problems is not accepted either.

        Raises:
            ModelUnavailable: no text, or one in which `check` finds problems twice.
        """
        model = await self._opened()
        for _ in range(2):
            answer = await self._ask(model, messages, run=run, purpose=purpose)
            said = answer.text.strip()
            wrong = ["there is no text"] if not said else check(said) if check is not None else []
            if not wrong:
                return said
            messages = _sent_back(messages, answer, wrong)
        raise ModelUnavailable(f"the language model {self.settings.name} answered twice with what does not hold")

    def _in_form(self, model: BaseChatModel, schema: type[Form]) -> Any:
        try:
            return model.with_structured_output(schema, method=self.settings.structured_by, include_raw=True)
        except (NotImplementedError, TypeError, ValueError):
            raise ModelUnavailable(
                f"the language model {self.settings.name} cannot answer in a form; choose one that knows tools"
            ) from None

    async def bound(self, *, run: RunUsage, purpose: str) -> BaseChatModel:
        """Return the model for `create_agent`: every call that is made of it is guarded, counted and recorded.

        Raises:
            ModelUnavailable: it cannot be set up.
        """
        from ._langchain import GuardedModel

        model = await self._opened()
        return GuardedModel(ask=partial(self._ask, run=run, purpose=purpose), inner=model)

    async def _ask(
        self, asked: Any, messages: Sequence[Message] | Sequence[BaseMessage], *, run: RunUsage, purpose: str
    ) -> AIMessage:
        """Let messages out to a model, bound to whatever it may be, and return its message."""
        from ._langchain import apart, canonical, leaving

        if self._guard is None:
            self._guard = self._make_guard()
        prompt = leaving(messages, summaries_only=self.settings.summaries_only)

        async def send() -> Any:
            with apart():
                return await asked.ainvoke(prompt)

        message: AIMessage = await self._guard.call(send, canonical(prompt), run=run, purpose=purpose)
        return message

    async def _opened(self) -> BaseChatModel:
        async with self._opening:
            if self._model is None:
                # In a thread: its imports take a second, in which a server must go on.
                self._model = await asyncio.to_thread(_built, self.settings)
            return self._model


def _built(settings: ModelSettings) -> BaseChatModel:
    from ._langchain import build_model

    return build_model(settings)


def _guard(settings: ModelSettings, **options: Any) -> Guard:
    from ._guard import Guard

    return Guard(settings, **options)


def _sent_back(messages: Sequence[Message], answer: AIMessage, wrong: Sequence[str]) -> list[Message]:
    """Return the conversation with an answer and what is wrong with it."""
    listed = "\n".join(f"- {problem}" for problem in wrong[:_MOST_PROBLEMS])
    complaint = f"That cannot be used as it is:\n{listed}\nAnswer again, in the same form, with this put right."
    return [*messages, ("ai", _said(answer) or "(nothing)"), ("human", complaint)]


def _said(answer: AIMessage) -> str:
    """Return what was said: the arguments of a tool call, however broken, or the text."""
    if answer.tool_calls:
        return json.dumps(answer.tool_calls[0]["args"], ensure_ascii=False)
    if answer.invalid_tool_calls:
        return answer.invalid_tool_calls[0]["args"] or ""
    said = answer.text.strip()
    inside = _FENCE.match(said)
    return inside[1] if inside else said


def _read(answer: AIMessage, schema: type[Form]) -> tuple[Form | None, list[str]]:
    """Return an answer in its form, or None and why it is not in it."""
    try:
        return schema.model_validate_json(_said(answer)), []
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False, include_context=False)
        return None, [f"{'.'.join(map(str, problem['loc'])) or 'the answer'}: {problem['msg']}" for problem in problems]
