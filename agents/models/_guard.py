"""The one way out to a model: budget, breaker, time limit, retries, span and record of every call."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, StatusCode
from purgatory import AsyncCircuitBreakerFactory
from purgatory.domain.model import HALF_OPENED, OpenedState
from purgatory.service._async.circuitbreaker import AsyncCircuitBreaker
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from ... import VERSION
from .errors import ModelUnavailable
from .failures import LONGEST_WAIT, asked_to_wait, explain, is_outage, is_passing, outcome_of
from .prices import price
from .settings import ModelSettings
from .usage import ModelCallRecord, RunUsage, Tokens

log = logging.getLogger(__name__)

Record = Callable[[ModelCallRecord], None]
Sleep = Callable[[float], Awaitable[None]]
Send = Callable[[], Awaitable[Any]]

_CHARACTERS_A_TOKEN = 4
_PROVIDERS = {
    "google_genai": "gcp.gen_ai",
    "google_vertexai": "gcp.vertex_ai",
    "bedrock": "aws.bedrock",
    "bedrock_converse": "aws.bedrock",
    "azure_openai": "azure.ai.openai",
    "mistralai": "mistral_ai",
    "xai": "x_ai",
}


class Guard:
    """Lets calls out, one record each.

    Args:
        settings: time, attempts and the model's name.
        record: told of every call.
        sleep: waits between attempts.
        failures: how many in a row open the breaker.
        rest: seconds that it then stays open.
    """

    def __init__(self, settings: ModelSettings, *, record: Record, sleep: Sleep, failures: int, rest: float) -> None:
        self._settings = settings
        self._record = record
        self._sleep = sleep
        self._failures = failures
        self._rest = rest
        self._breakers = AsyncCircuitBreakerFactory(default_threshold=failures, default_ttl=rest)
        self._tracer = trace.get_tracer("refinery", VERSION)

    async def call(self, send: Send, prompt: bytes, *, run: RunUsage, purpose: str) -> Any:
        """Call the model and return its message.

        Args:
            send: makes the call.
            prompt: what leaves, to be measured and hashed.
            run: what the call is counted on.
            purpose: what it is for, in a word.

        Raises:
            ModelUnavailable: whatever went wrong.
        """
        retrying = AsyncRetrying(
            retry=retry_if_exception(self._may_try_again),
            stop=stop_after_attempt(self._settings.attempts),
            wait=_wait,
            sleep=self._sleep,
            reraise=True,
        )
        try:
            return await retrying(self._attempt, send, prompt, run, purpose)
        except ModelUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - to clients of any provider: the run goes on
            log.warning("%s: %s was not answered: %s", self._settings.name, purpose, outcome_of(error))
            raise ModelUnavailable(explain(error, self._settings)) from None

    @staticmethod
    def _may_try_again(error: BaseException) -> bool:
        return is_passing(error) and (asked_to_wait(error) or 0) <= LONGEST_WAIT

    async def _attempt(self, send: Send, prompt: bytes, run: RunUsage, purpose: str) -> Any:
        with run.room(_tokens_of(prompt)):
            breaker = await self._breaker()
            try:
                async with breaker:
                    return await self._send(send, prompt, run, purpose)
            except OpenedState as opened:
                opened.__traceback__ = None  # the same error is raised for every call until the breaker closes
        raise ModelUnavailable(
            f"the language model {self._settings.name} failed {self._failures} times in a row "
            f"and is left alone for {self._rest:g} seconds"
        )

    async def _breaker(self) -> AsyncCircuitBreaker:
        breaker = await self._breakers.get_breaker(self._settings.name)

        def is_harmless(error: BaseException) -> bool:
            # A call cancelled while the breaker tries whether the service is back has told nothing of it.
            trying = breaker.context.state == HALF_OPENED and not isinstance(error, Exception)
            return not (is_outage(error) or trying)

        breaker.context.exclude_list = [(BaseException, is_harmless)]
        return breaker

    async def _send(self, send: Send, prompt: bytes, run: RunUsage, purpose: str) -> Any:
        """Make one call, with its span and its record."""
        record = ModelCallRecord(
            time=time.time(),
            run=run.run,
            purpose=purpose,
            model=self._settings.name,
            prompt_sha256=hashlib.sha256(prompt).hexdigest(),
            outcome="cancelled",
        )
        clock = time.perf_counter()
        with self._span() as span:
            try:
                async with asyncio.timeout(self._settings.seconds):
                    message = _message(await send())
                self._count(message, prompt, run, record)
                return message
            except Exception as error:
                record.outcome = outcome_of(error)
                raise
            finally:
                if record.outcome != "ok":
                    run.add_failed()
                record.seconds = round(time.perf_counter() - clock, 4)
                _tell(span, record)
                self._record(record)

    def _span(self) -> Any:
        return self._tracer.start_as_current_span(
            f"chat {self._settings.model}",
            kind=SpanKind.CLIENT,
            attributes={
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": _PROVIDERS.get(self._settings.provider, self._settings.provider),
                "gen_ai.request.model": self._settings.model,
            },
            record_exception=False,
            set_status_on_exception=False,
        )

    def _count(self, message: Any, prompt: bytes, run: RunUsage, record: ModelCallRecord) -> None:
        from ._langchain import canonical

        answer = canonical([message])
        tokens = _tokens(message, prompt, answer)
        run.add(tokens, price(self._settings, tokens))
        record.input_tokens, record.output_tokens = tokens.input, tokens.output
        record.answer_sha256 = hashlib.sha256(answer).hexdigest()
        record.outcome = "ok"


def _tell(span: Span, record: ModelCallRecord) -> None:
    if record.outcome == "ok":
        span.set_attribute("gen_ai.usage.input_tokens", record.input_tokens)
        span.set_attribute("gen_ai.usage.output_tokens", record.output_tokens)
    else:
        span.set_attribute("error.type", record.outcome)
        span.set_status(StatusCode.ERROR)


def _wait(state: RetryCallState) -> float:
    """Wait as long as the provider asks, else twice as long each time, give or take."""
    asked = asked_to_wait(state.outcome.exception()) if state.outcome is not None else None
    return asked if asked is not None else wait_exponential_jitter(multiplier=0.5, max=8, jitter=0.5)(state)


def _message(answer: Any) -> Any:
    """Return the message of an answer; a structured one carries it beside what was read from it."""
    message = answer.get("raw") if isinstance(answer, dict) else answer
    if not hasattr(message, "content"):
        raise TypeError("the model's client returned no message")
    return message


def _tokens_of(text: bytes) -> int:
    return len(text) // _CHARACTERS_A_TOKEN + 1


def _tokens(message: Any, prompt: bytes, answer: bytes) -> Tokens:
    """Read what a call has used; estimated where a server does not tell, so that a budget still ends."""
    usage = getattr(message, "usage_metadata", None)
    if not usage:
        return Tokens(_tokens_of(prompt), _tokens_of(answer), estimated=True)
    cached = (usage.get("input_token_details") or {}).get("cache_read") or 0
    return Tokens(usage["input_tokens"], usage["output_tokens"], cached)
