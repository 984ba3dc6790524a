"""Which memories answer a question best: meaning, words and context, fused.

The score of a passage is

    (cos + C * cos_context) / (1 + C) + W * coverage ** P

where `cos` is the cosine of question and passage (Reimers & Gurevych, Sentence-BERT, 2019), `cos_context` that of
question and passage with what came before it (where nothing did: `cos`), and `coverage` the BM25 score (Robertson &
Zaragoza, 2009) as a part of what a passage with every word of the question would have. Scaled so, a question that
shares but its common words with anything is decided by meaning, and one that shares its rare words by words; ranks
(RRF) or scores scaled to the best hit cannot tell the two apart. What stands near good answers is likelier to be one:
by how much a neighbour in the session passes the twentieth best score of all, 0.3 of that is added, of those beyond
0.15, and of the mean of the session's three best 0.4. Recency and importance multiply the sum by at most 1.05 and at
least 0.95 each. The constants were chosen on `benchmarks/retrieval.py`, where they lie on a wide plateau.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

CONTEXT, WORDS, POWER = 0.75, 2.0, 1.5
NEIGHBOURS, SESSION, BEST, GOOD = (0.3, 0.15), 0.4, 3, 20
RECENCY, IMPORTANCE, HALF_LIFE_DAYS = 0.05, 0.05, 90


@dataclass(frozen=True)
class Candidate:
    """A passage that may answer a question: where it stands, and what speaks for it."""

    passage: int
    memory: str
    thread: str
    ordinal: int
    importance: float
    created_at: datetime
    meaning: float
    context: float | None
    words: float


@dataclass(frozen=True)
class Ranked:
    """A memory with its best passage, its score, and the parts that the score was made of."""

    memory: str
    passage: int
    score: float
    why: dict[str, float]


def rank(candidates: Iterable[Candidate], now: datetime, limit: int | None = None) -> list[Ranked]:
    """Order memories by how well they answer, the best first; of equal ones the later first."""
    best = _best_passages(candidates)
    own = {memory: _own(candidate) for memory, candidate in best.items()}
    around = _around(best, own)
    scores = {
        memory: (own[memory] + around[memory]) * _recency(candidate, now) * _importance(candidate)
        for memory, candidate in best.items()
    }
    order = sorted(best, key=lambda memory: (-scores[memory], -best[memory].created_at.timestamp(), memory))
    return [_ranked(best[memory], scores[memory], own[memory] + around[memory], now) for memory in order[:limit]]


def _ranked(candidate: Candidate, score: float, found: float, now: datetime) -> Ranked:
    """Say of what parts a score is made: (meaning + words + context) * recency * importance."""
    words = WORDS * candidate.words**POWER
    why = {
        "meaning": candidate.meaning,
        "words": words,
        "context": found - candidate.meaning - words,
        "recency": _recency(candidate, now),
        "importance": _importance(candidate),
    }
    return Ranked(candidate.memory, candidate.passage, score, {name: round(part, 4) for name, part in why.items()})


def _best_passages(candidates: Iterable[Candidate]) -> dict[str, Candidate]:
    best: dict[str, Candidate] = {}
    for candidate in candidates:
        known = best.get(candidate.memory)
        if known is None or _own(candidate) > _own(known):
            best[candidate.memory] = candidate
    return best


def _own(candidate: Candidate) -> float:
    context = candidate.meaning if candidate.context is None else candidate.context
    return float((candidate.meaning + CONTEXT * context) / (1 + CONTEXT) + WORDS * candidate.words**POWER)


def _around(best: dict[str, Candidate], own: dict[str, float]) -> dict[str, float]:
    """What the neighbours in the thread add, and the best of the thread: by how much they pass what is merely good."""
    good = min(sorted(own.values(), reverse=True)[:GOOD], default=0.0)
    at = {(c.thread, c.ordinal): max(0.0, own[memory] - good) for memory, c in best.items()}
    threads: dict[str, list[float]] = defaultdict(list)
    for (thread, _), score in at.items():
        threads[thread].append(score)
    of_thread = {thread: sum(sorted(scores)[-BEST:]) / BEST for thread, scores in threads.items()}
    return {
        memory: SESSION * of_thread[c.thread]
        + sum(
            weight * at.get((c.thread, c.ordinal + step), 0.0)
            for distance, weight in enumerate(NEIGHBOURS, 1)
            for step in (-distance, distance)
        )
        for memory, c in best.items()
    }


def _recency(candidate: Candidate, now: datetime) -> float:
    days = max(0.0, (now - candidate.created_at).total_seconds() / 86_400)
    return float(1 + RECENCY * (2 * 0.5 ** (days / HALF_LIFE_DAYS) - 1))


def _importance(candidate: Candidate) -> float:
    return 1 + IMPORTANCE * (2 * candidate.importance - 1)
