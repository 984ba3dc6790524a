"""How well `recall` finds: by meaning alone, by words alone, by both as ranks (RRF), and as it fuses them.

The examinations were written by hand, with the memories that answer each question marked, before and without sight of
what they examine: notes of analysts in 28 sessions (`retrieval.json`), and two long conversations, turn by turn
(`conversations/`). Questions share words with their answer (`overlap`), avoid all of them (`none`), or are put as they
come (`natural`). Recall@k is the part of a question's answers among the first k. Target: the fusion beats the better of
meaning and words by five points at 5 and at 10, over all questions of an examination.

    python -m benchmarks retrieval
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

MARGIN = 0.05
_HERE = Path(__file__).parent
EXAMINATIONS = (_HERE / "retrieval.json", *sorted((_HERE / "conversations").glob("*.json")))
_GROUPS = {True: "overlap", False: "none", None: "natural"}
_RRF = 60


async def remember_all(memory: Any, tenant: str, sessions: list[dict[str, Any]]) -> dict[str, str]:
    """Remember every turn in order; return the turn of every memory."""
    from refinery.memory.store.notes import Note
    from refinery.memory.store.writing import keep

    turns = {}
    for session in sessions:
        for turn in session["turns"]:
            content = turn.get("content") or f"{turn['speaker']}: {turn['text']}"
            note = Note(content, turn.get("kind", "experience"), dataset=turn.get("dataset"), session=session["id"])
            turns[(await keep(memory, tenant, note)).id] = turn["id"]
    return turns


async def orders(memory: Any, tenant: str, question: str) -> dict[str, list[str]]:
    """Return the memories in the order of each way of ranking."""
    from pgvector import HalfVector
    from refinery.memory.store.finding import Filter, in_words, search
    from refinery.memory.store.ranking import rank

    vector = HalfVector((await memory.embedder.embed([question]))[0])
    async with memory.transaction(tenant) as running:
        candidates = await search(running, vector, await in_words(running, question, Filter()), Filter(), exact=True)
    meaning = _by(candidates, lambda one: -one.meaning)
    words = _by([one for one in candidates if one.words > 0], lambda one: -one.words)
    ranks: dict[str, float] = defaultdict(float)
    for order in (meaning, words):
        for place, name in enumerate(order, 1):
            ranks[name] += 1 / (_RRF + place)
    return {
        "meaning": meaning,
        "words": words,
        "rrf": sorted(ranks, key=lambda name: -ranks[name]),
        "fusion": [one.memory for one in rank(candidates, datetime.now(UTC))],
    }


def _by(candidates: list[Any], key: Callable[[Any], float]) -> list[str]:
    return list(dict.fromkeys(one.memory for one in sorted(candidates, key=key)))


async def examine(memory: Any, file: Path) -> dict[str, dict[str, list[tuple[float, float]]]]:
    """Return recall@5 and @10 of every question, by group and way of ranking."""
    document = json.loads(file.read_text(encoding="utf-8"))
    turns = await remember_all(memory, file.stem, document["sessions"])
    found: dict[str, dict[str, list[tuple[float, float]]]] = defaultdict(lambda: defaultdict(list))
    for question in document["questions"]:
        relevant = set(question["relevant"])
        for way, order in (await orders(memory, file.stem, question["question"])).items():
            hits = [turns[name] for name in order[:10]]
            scores = tuple(len(relevant & set(hits[:k])) / len(relevant) for k in (5, 10))
            for group in (_GROUPS[question.get("overlap")], "all"):
                found[group][way].append(scores)  # type: ignore[arg-type]
    return found


def _means(scores: list[tuple[float, float]]) -> tuple[float, float]:
    return sum(five for five, _ in scores) / len(scores), sum(ten for _, ten in scores) / len(scores)


async def run(folder: Path) -> int:
    from refinery.memory.store.database import Database
    from refinery.memory.store.memory import Memory
    from refinery.memory.store.settings import StoreSettings
    from refinery.tools.embedding_service import EmbeddingService
    from refinery.tools.pool import Pool
    from refinery.tools.runtime import RuntimeConfig

    pool = Pool(RuntimeConfig(workspace=folder, threads=2), 1)
    memory = Memory(Database(StoreSettings(folder / "postgres" / "data")), EmbeddingService(pool), pool)
    missed = False
    try:
        for file in EXAMINATIONS:
            found = await examine(memory, file)
            print(f"{file.stem}: recall@5 / @10")
            for group, ways in found.items():
                shown = "  ".join("{} {:.3f} / {:.3f}".format(way, *_means(scores)) for way, scores in ways.items())
                print(f"  {group:8} {len(ways['fusion']):4} questions  {shown}", flush=True)
            means = {way: _means(scores) for way, scores in found["all"].items()}
            missed |= any(means["fusion"][k] < max(means["meaning"][k], means["words"][k]) + MARGIN for k in (0, 1))
    finally:
        await memory.close()
    print(
        f"target: fusion beats the better of meaning and words by {MARGIN} in each: {'missed' if missed else 'reached'}"
    )
    return int(missed)


def main(arguments: list[str] | None = None) -> int:
    """Print the figures; the exit status is 1 when a target is missed."""
    argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0]).parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(run(Path(folder)))


if __name__ == "__main__":
    sys.exit(main())
