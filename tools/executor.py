"""The one corridor: every door calls `Executor.run`, and nothing else runs an action."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import inspect
import json
import logging
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from opentelemetry import metrics, trace
from opentelemetry.trace import StatusCode

from .. import VERSION
from .audit import Audit, CallRecord, record_of
from .calls import Call, perform, perform_waiting, result_uri
from .catalogue import Action, Catalogue
from .context import Caller, Progress, silent
from .data.dataset import Facts
from .data.sources import Opener
from .errors import Defect, LimitExceeded, RefineryError
from .masking import mask
from .pool import Pool, WorkerDefect, error_of
from .runtime import Runtime

log = logging.getLogger(__name__)

Observer = Callable[[CallRecord, "Outcome | None"], Awaitable[None] | None]


@dataclass(frozen=True)
class Outcome:
    """What a call came to: the bounded result, the text for a model, and where the whole of it is kept.

    `datasets` are those that it was computed from; none when it was found among the kept answers.
    """

    action: str
    result: dict[str, Any]
    text: str
    uri: str | None = None
    image: bytes | None = None
    cached: bool = False
    seconds: float = 0.0
    datasets: tuple[Facts, ...] = ()


@dataclass(frozen=True)
class ExecutorLimits:
    """Seconds that one call may take, and whether kept answers may be used."""

    seconds: float = 900
    cache: bool = True


class Executor:
    """Validates, finds the data, looks among the kept answers, computes, records.

    Args:
        catalogue: what can be called.
        runtime: opens datasets for this process.
        pool: the workers.
        limits: time per call, and the cache switch.
    """

    def __init__(
        self, catalogue: Catalogue, runtime: Runtime, pool: Pool, limits: ExecutorLimits | None = None
    ) -> None:
        self.catalogue = catalogue
        self.runtime = runtime
        self.pool = pool
        self.limits = limits or ExecutorLimits()
        self.observers: list[Observer] = []
        self._audit = Audit(runtime.workspace)
        self._tracer = trace.get_tracer("refinery", VERSION)
        self._duration = metrics.get_meter("refinery", VERSION).create_histogram(
            "refinery.action.duration", unit="s", description="Time of a call, by action and outcome"
        )

    async def run(
        self, action: str, arguments: Mapping[str, Any], caller: Caller, progress: Progress = silent
    ) -> Outcome:
        """Run an action for a caller.

        Raises:
            BadRequest: unknown action or argument, or a value that is not allowed.
            DataUnreadable: a dataset cannot be read.
            NotAllowed: a policy refuses.
            LimitExceeded: over its time or memory; the work has been stopped.
            Unavailable: a worker or service died.
            Defect: an error of ours, logged under the incident that it names.
        """
        started, clock = time.time(), time.perf_counter()
        datasets, fingerprints = list[str](), list[str]()
        outcome: Outcome | None = None
        status, name = "cancelled", action if action in self.catalogue else "unknown"
        with self._tracer.start_as_current_span(
            f"refinery.{name}",
            attributes={"refinery.action": name, "refinery.tenant": caller.tenant},
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                outcome = await self._run(self.catalogue[action], arguments, caller, progress, datasets, fingerprints)
                status = "cached" if outcome.cached else "ok"
            except RefineryError as error:
                status = error.kind
                raise self._fit_to_tell(name, error) from error
            except Exception as error:
                status = Defect.kind
                raise self._defect(name, error) from error
            finally:
                seconds = time.perf_counter() - clock
                span.set_attributes({"refinery.outcome": status, "refinery.cache_hit": status == "cached"})
                if status not in {"ok", "cached"}:
                    span.set_attribute("error.type", status)
                    span.set_status(StatusCode.ERROR)
                self._duration.record(seconds, {"refinery.action": name, "refinery.outcome": status})
                await self._record(caller, name, datasets, fingerprints, status, started, outcome)
        return outcome

    async def _run(
        self,
        action: Action,
        arguments: Mapping[str, Any],
        caller: Caller,
        progress: Progress,
        given: list[str],
        fingerprints: list[str],
    ) -> Outcome:
        clock = time.perf_counter()
        validated = action.validate(arguments)
        opener = self.runtime.opener(caller.tenant)
        given += [validated[name] for name in action.datasets if validated[name] is not None]
        for name in action.datasets:
            if validated[name] is None:
                continue
            if opener.is_remote(validated[name]):
                # Fetched by the worker, within the limits of the call; what it holds is not known before.
                fingerprints.append("")
                continue
            fingerprints.append(await self._fingerprint(opener, validated[name]))
        keepable = action.traits.pure and bool(fingerprints) and all(fingerprints)
        key = self._key(action, arguments, fingerprints, caller) if keepable else uuid.uuid4().hex[:24]
        kept = self._kept(action, caller, key, clock) if keepable and self.limits.cache else None
        if kept is not None:
            return kept
        call = Call.of(action, dict(arguments), caller, key)
        if action.waits:
            async with self._time_limit(action.name):
                rendered = await perform_waiting(self.runtime, call, progress)
            result, text, image, datasets = rendered.bounded, rendered.text, rendered.image, rendered.datasets
        elif action.traits.where == "process":
            # In the loop itself: a hop to a thread would cost more than a lookup does.
            rendered = perform(self.runtime, call, progress)
            result, text, image, datasets = rendered.bounded, rendered.text, rendered.image, rendered.datasets
        else:
            answer = await self.pool.run(call.model_dump(), progress, seconds=self.limits.seconds)
            if "result" not in answer:
                raise error_of(answer)
            result, text = answer["result"], answer["text"]
            datasets = [Facts(**facts) for facts in answer["datasets"]]
            fingerprints[:] = [facts.fingerprint for facts in datasets]
            image = self.runtime.workspace.result_image(caller.tenant, key) if answer["image"] else None
        uri = result_uri(key) if "scanned" in result else None
        return Outcome(
            action.name, result, text, uri, image, seconds=time.perf_counter() - clock, datasets=tuple(datasets)
        )

    @contextlib.asynccontextmanager
    async def _time_limit(self, action: str) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self.limits.seconds):
                yield
        except TimeoutError:
            raise LimitExceeded(
                f"{action} was stopped after {self.limits.seconds:g} seconds; "
                "try again, or raise limits.seconds in the settings"
            ) from None

    async def _fingerprint(self, opener: Opener, dataset: str) -> str:
        """Find a dataset in a thread: a disk that does not answer must hold up neither the server nor the call."""
        try:
            async with asyncio.timeout(self.limits.seconds):
                return (await asyncio.to_thread(opener.resolve, dataset)).fingerprint
        except TimeoutError:
            raise LimitExceeded(
                f"{dataset!r} could not be looked at within {self.limits.seconds:g} seconds; is its disk there?"
            ) from None

    def _key(self, action: Action, arguments: Mapping[str, Any], fingerprints: list[str], caller: Caller) -> str:
        """Return the id of a pure action's result: the same for the same question about the same data."""
        question = [
            VERSION,
            action.name,
            action.traits.version,
            dict(arguments),
            fingerprints,
            caller.tenant,
            self.runtime.config.mask_personal,
        ]
        return hashlib.blake2b(json.dumps(question, sort_keys=True).encode(), digest_size=12).hexdigest()

    def _kept(self, action: Action, caller: Caller, key: str, clock: float) -> Outcome | None:
        document = self.runtime.workspace.result(caller.tenant, key)
        if document is None:
            return None
        image = self.runtime.workspace.result_image(caller.tenant, key) if document["image"] else None
        seconds = time.perf_counter() - clock
        return Outcome(
            action.name, document["bounded"], document["text"], result_uri(key), image, cached=True, seconds=seconds
        )

    def _fit_to_tell(self, action: str, error: RefineryError) -> RefineryError:
        """Return an error as a client may see it: a message can quote a cell, in which what is personal is masked."""
        if not self.runtime.config.mask_personal or (
            action in self.catalogue and not self.catalogue[action].traits.masked
        ):
            return error
        message = mask(str(error))
        return error if message == str(error) else type(error)(message)

    def _defect(self, action: str, error: Exception) -> Defect:
        incident = uuid.uuid4().hex[:12]
        trace_text = error.trace if isinstance(error, WorkerDefect) else None
        log.error(
            "incident %s in %s: %s",
            incident,
            action,
            trace_text or type(error).__name__,
            exc_info=None if trace_text else error,
        )
        return Defect(
            f"{action} failed for a reason of ours, not yours: incident {incident}, logged with its trace. "
            "Other actions still work; please report the incident."
        )

    async def _record(
        self,
        caller: Caller,
        action: str,
        datasets: list[str],
        fingerprints: list[str],
        status: str,
        started: float,
        outcome: Outcome | None,
    ) -> None:
        span = trace.get_current_span().get_span_context()
        record = record_of(
            caller,
            action,
            datasets,
            fingerprints,
            status,
            started,
            result=outcome.uri if outcome else None,
            trace=f"{span.trace_id:032x}" if span.is_valid else None,
        )
        self._audit.write(record)
        for observer in self.observers:
            try:
                told = observer(record, outcome)
                if inspect.isawaitable(told):
                    await told
            except Exception:
                log.exception("an observer of %s failed; the call itself is not affected", action)

    async def close(self) -> None:
        """End the workers."""
        await self.pool.close()
        self._audit.close()
