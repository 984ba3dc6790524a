"""What a provider's error means, whichever provider it is: told by its status and class, never by its words.

Its words are never repeated: they can quote a key or a prompt.
"""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from typing import Any

from .settings import ModelSettings

# Longer than this nobody waits: the run goes on without the model.
LONGEST_WAIT = 20.0

_PASSING = {408, 425, 429}
_PASSING_CLASSES = frozenset(
    (
        *("TimeoutError", "ConnectionError", "TransportError", "APIConnectionError", "RateLimitError"),
        *("OverloadedError", "InternalServerError", "ServiceUnavailableError", "ServiceUnavailable", "TooManyRequests"),
        *("ConnectTimeout", "ReadTimeout", "ConnectTimeoutError", "ReadTimeoutError", "EndpointConnectionError"),
        *("ClientConnectionError", "ServerDisconnectedError"),
    )
)


def status_of(error: BaseException) -> int | None:
    """Return the HTTP status behind an error, or None where there is none."""
    for holder in (error, getattr(error, "response", None)):
        for name in ("status_code", "http_status", "status", "code"):
            value = getattr(holder, name, None)
            if isinstance(value, int) and not isinstance(value, bool) and 100 <= value <= 599:
                return value
    response = getattr(error, "response", None)  # that of botocore is a dictionary
    if isinstance(response, dict):
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        return status if isinstance(status, int) else None
    return None


def is_passing(error: BaseException) -> bool:
    """Tell whether the same call may succeed a little later."""
    if not isinstance(error, Exception) or getattr(error, "code", None) == "insufficient_quota":
        return False
    status = status_of(error)
    if status is not None:
        return status in _PASSING or status >= 500
    retryable = getattr(error, "is_retryable", None)
    if isinstance(retryable, bool):
        return retryable
    return any(kind.__name__ in _PASSING_CLASSES for kind in type(error).__mro__)


def is_outage(error: BaseException) -> bool:
    """Tell whether an error speaks against the service or the key, rather than against this one request."""
    return isinstance(error, Exception) and (is_passing(error) or status_of(error) in {401, 402, 403, 404, 429})


def asked_to_wait(error: BaseException | None) -> float | None:
    """Return the seconds that `Retry-After` asks for, or None."""
    headers: Any = getattr(getattr(error, "response", None), "headers", None)
    if headers is None or not hasattr(headers, "get"):
        return None
    milliseconds, asked = headers.get("retry-after-ms"), headers.get("retry-after")
    try:
        if milliseconds:
            return max(0.0, float(milliseconds) / 1000)
        return max(0.0, float(asked)) if asked else None
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(asked).timestamp() - time.time())
    except (TypeError, ValueError):
        return None


def outcome_of(error: BaseException) -> str:
    """Name an error in a word, for records and spans."""
    if isinstance(error, TimeoutError) or type(error).__name__.endswith(("Timeout", "TimeoutError")):
        return "timeout"
    status = status_of(error)
    return f"http_{status}" if status is not None else type(error).__name__


def explain(error: BaseException, settings: ModelSettings) -> str:
    """Say what went wrong and what to do, in words of our own."""
    outcome, name = outcome_of(error), settings.name
    key = f"{settings.provider.upper()}_API_KEY"
    said = {
        "timeout": f"did not answer within {settings.seconds:g} seconds",
        "http_400": "refused the request as malformed (400); does it know tools, and is the prompt short enough?",
        "http_401": f"refused the key (401); check {key}",
        "http_402": "wants to be paid first (402); check the account",
        "http_403": "does not allow this key to use it (403); check the account",
        "http_404": "is not known to its provider (404); check its name",
        "http_429": "is asked too often or its quota is used up (429)",
    }.get(outcome)
    if said is None:
        status = status_of(error)
        said = f"failed on its side ({status})" if status is not None and status >= 500 else f"failed ({outcome})"
        if status is None and is_passing(error):
            said = f"could not be reached ({outcome}); is the network there, and the address right?"
    return f"the language model {name} {said}"
