"""What happened: states of datasets, saved pipelines and calls over time; and what of it is worth remembering."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from .database import Row, Transaction, again_when_contended
from .memory import Memory
from .notes import Note, topic_of
from .writing import keep

if TYPE_CHECKING:
    from ...tools.audit import CallRecord
    from ...tools.data.dataset import Facts
    from ...tools.executor import Outcome

_FINDINGS = 6
_HISTORY = 50
# Calls that read or write the memory itself, and lists, are no history of the data.
_OWN = {"remember", "recall", "forget", "associate_memories", "list_datasets"}
_PIPELINE = ("pipeline", "feature_hash", "pipeline_path", "features")
_RUN = ("action", "datasets", "fingerprints", "outcome", "seconds", "session", "principal", "result")
_SEVERE = {"high": 0.8, "medium": 0.6}


@dataclass(frozen=True)
class _Seen:
    """What is noted of a call, without its result, which may be large and waits for nobody."""

    record: CallRecord
    datasets: tuple[Facts, ...]
    pipeline: dict[str, Any] | None
    note: Note | None


class Observer:
    """Told of every call by the executor; what it notes is written when there is time, and no call waits for it."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def __call__(self, record: CallRecord, outcome: Outcome | None) -> None:
        """Note a call; what an answer from the cache says may not have been remembered yet, and else merges."""
        if record.action in _OWN:
            return
        saved = outcome.result if outcome and record.action == "save_fe_pipeline" else None
        seen = _Seen(
            record,
            outcome.datasets if outcome else (),
            {name: saved.get(name) for name in _PIPELINE} if saved else None,
            experience(record, outcome) if outcome else None,
        )
        self._memory.later(lambda: _note_call(self._memory, seen))


@again_when_contended
async def _note_call(memory: Memory, seen: _Seen) -> None:
    """Write a call into the history, and into the memory what it found."""
    record = seen.record
    told = {name: getattr(record, name) for name in _RUN}
    async with memory.transaction(record.tenant) as running:
        await running.all("add_run", started=record.time, **told)
        for facts in seen.datasets:
            await _see(running, facts)
        if seen.pipeline is not None:
            await running.all("add_pipeline", session=record.session, **seen.pipeline)
    if seen.note is not None:
        await keep(memory, record.tenant, seen.note)


async def _see(running: Transaction, facts: Facts) -> None:
    columns = list(facts.columns.items())
    await running.all(
        "see_dataset",
        name=facts.name,
        fingerprint=facts.fingerprint,
        source=facts.source,
        schema_hash=hashlib.sha256(json.dumps(columns).encode()).hexdigest()[:16],
        columns=Jsonb(columns),
        rows=facts.rows,
    )


def experience(record: CallRecord, outcome: Outcome) -> Note | None:
    """Say in a few words what a check or a saved pipeline came to: names and numbers, never the value of a cell.

    The next result of the same action on the same dataset supersedes it.
    """
    result = outcome.result
    if record.action == "save_fe_pipeline":
        return _of_pipeline(record, result)
    if "status" not in result or "dataset" not in result:
        return None
    dataset = str(result["dataset"])
    score = f", score {result['score']:g} of 100" if isinstance(result.get("score"), int | float) else ""
    target = f" for target {result['target']}" if isinstance(result.get("target"), str) else ""
    compared = f" against {result['reference']}" if isinstance(result.get("reference"), str) else ""
    findings = result.get("findings", [])
    told = "; ".join(_finding(one) for one in findings[:_FINDINGS])
    more = f"; and {len(findings) - _FINDINGS} more" if len(findings) > _FINDINGS else ""
    rows = result["scanned"]["of"]
    verdict = f"{result['status']}{score}. {told or 'No findings'}{more}."
    return Note(
        f"{record.action} on {dataset} ({rows:,} rows){compared}{target}: {verdict}",
        kind="experience",
        importance=max((_SEVERE.get(one["severity"], 0.4) for one in findings), default=0.4),
        dataset=dataset,
        session=record.session,
        topic=topic_of(record.action, dataset + compared + target),
        source=record.result,
        fingerprint=" ".join(record.fingerprints) or None,
    )


def _finding(finding: dict[str, Any]) -> str:
    value = finding.get("value")
    number = f" {value:g}" if isinstance(value, int | float) and not isinstance(value, bool) else ""
    columns = finding.get("columns", [])
    some = ", ".join(columns[:5]) + (f" and {len(columns) - 5} more" if len(columns) > 5 else "")
    where = f" in {some}" if columns else ""
    return f"{finding['severity']}: {finding['metric'].replace('_', ' ')}{number}{where}"


def _of_pipeline(record: CallRecord, result: dict[str, Any]) -> Note:
    target = f" to predict {result['target']}" if isinstance(result.get("target"), str) else ""
    count = f" with {result['features']} features" if isinstance(result.get("features"), int) else ""
    dataset = result.get("dataset") if isinstance(result.get("dataset"), str) else None
    return Note(
        f"Saved the feature pipeline {result['pipeline']}{target}{count}; feature_hash {result['feature_hash']}.",
        kind="experience",
        importance=0.7,
        dataset=dataset,
        session=record.session,
        topic=topic_of("save_fe_pipeline", str(result["pipeline"])),
        fingerprint=" ".join(record.fingerprints) or None,
    )


async def history(memory: Memory, tenant: str, dataset: str) -> dict[str, list[Row]]:
    """Return the states in which a dataset was seen and the calls on it, the latest first."""
    async with memory.transaction(tenant) as running:
        return {
            "states": await running.all("history_of_dataset", name=dataset, limit=_HISTORY),
            "runs": await running.all("runs_of_dataset", name=dataset, limit=_HISTORY),
        }
