"""From verdicts to examples: what was asked and found is the question, the insight that people stand by the answer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby, product

from ...tools.masking import mask
from ...tools.results import Severity
from .lines import Answered, InstructLine, Line, Message, PreferenceLine
from .ratings import Asked, Fact, Rating

SYSTEM = (
    "You are a careful data analyst. From what was asked about a table and what was computed on it, give the one "
    "insight most worth acting on, as a JSON object with title, severity, concerns, columns, text and advice. "
    "Use no number that is not among the findings."
)
# A run with many insights must not outweigh all others.
PAIRS_OF_RUN = 20
TOO_MANY, SAME = f"beyond {PAIRS_OF_RUN} pairs of a run", "chosen equals rejected"
_RANK: dict[Severity | None, int] = {"high": 0, "medium": 1, "low": 2, None: 3}
# The folder of a file, and the host and query of a URL, tell of people and keys, and nothing of the data.
_PLACE = re.compile(r"^(?:[a-z][a-z0-9+.-]*://|/|~|[A-Za-z]:[\\/]).*?([^/\\?#]+)[/\\]?(?:[?#].*)?$", re.DOTALL)


@dataclass
class Examples:
    """What verdicts gave: lines in order, and how many possible ones were left out, by reason."""

    lines: list[Line] = field(default_factory=list)
    dropped: dict[str, int] = field(default_factory=dict)

    def drop(self, reason: str, count: int = 1) -> None:
        """Count what is left out."""
        if count:
            self.dropped[reason] = self.dropped.get(reason, 0) + count

    @property
    def candidates(self) -> int:
        """All that there could have been."""
        return len(self.lines) + sum(self.dropped.values())


def instruct_examples(ratings: Iterable[Rating]) -> Examples:
    """Return an example for every insight that was approved or edited."""
    made = Examples()
    for rating in filter(lambda one: one.holds, ratings):
        prompt = _prompt(rating.request, rating.evidence)
        made.lines.append(InstructLine(messages=[*prompt, _answer(rating)]))
    return made


def preference_examples(ratings: Sequence[Rating]) -> Examples:
    """Return a pair for every edit, over the original, and for approved insights of a run over its rejected ones."""
    made = Examples()
    for rating in ratings:
        if rating.verdict == "edit":
            prompt = _prompt(rating.request, rating.evidence)
            _add(made, prompt, _answer(rating), _answer(rating, original=True))
    for _, run in groupby(sorted(ratings, key=lambda one: one.run), key=lambda one: one.run):
        pairs = _pairs(list(run))
        made.drop(TOO_MANY, len(pairs) - PAIRS_OF_RUN if len(pairs) > PAIRS_OF_RUN else 0)
        for better, worse in pairs[:PAIRS_OF_RUN]:
            # Sorted, so that the order of the findings gives nothing away.
            facts = sorted({fact.message: fact for fact in better.evidence + worse.evidence}.values(), key=_order)
            _add(made, _prompt(better.request, facts), _answer(better), _answer(worse, original=True))
    return made


def _add(made: Examples, prompt: list[Message], chosen: Message, rejected: Message) -> None:
    if chosen == rejected:
        made.drop(SAME)
        return
    made.lines.append(PreferenceLine(prompt=prompt, chosen=[chosen], rejected=[rejected]))


def _pairs(ratings: list[Rating]) -> list[tuple[Rating, Rating]]:
    """Pair approved insights of a run with rejected ones, those that rest on the same first; each pair once."""
    approved = {one.insight: one for one in ratings if one.verdict == "approve"}
    rejected = {one.insight: one for one in ratings if one.verdict == "reject"}
    pairs = [(approved[a], rejected[b]) for a, b in product(sorted(approved), sorted(rejected))]
    return sorted(pairs, key=lambda pair: not _shares_evidence(*pair))


def _shares_evidence(one: Rating, other: Rating) -> bool:
    return bool({fact.message for fact in one.evidence} & {fact.message for fact in other.evidence})


def _order(fact: Fact) -> tuple[int, str, str]:
    return _RANK[fact.severity], fact.action, fact.message


def _prompt(asked: Asked, facts: Sequence[Fact]) -> list[Message]:
    lines = [f"Dataset: {_plain(label_of(asked.dataset))}"]
    lines += [f"Goal: {_plain(asked.goal)}"] if asked.goal else []
    lines += [f"Target: {_plain(asked.target)}"] if asked.target else []
    lines += ["", "Findings:", *(_line(fact) for fact in facts)] if facts else []
    return [Message(role="system", content=SYSTEM), Message(role="user", content="\n".join(lines))]


def _line(fact: Fact) -> str:
    severity = f"{fact.severity}, " if fact.severity else ""
    columns = f" on {', '.join(map(_plain, fact.columns))}" if fact.columns else ""
    return f"- {severity}{fact.action}{columns}: {_plain(fact.message)}"


def _answer(rating: Rating, *, original: bool = False) -> Message:
    given = rating.given
    edited = rating.text if rating.verdict == "edit" and not original else None
    answered = Answered(
        title=_plain(given.title),
        severity=given.severity,
        concerns=given.concerns,
        columns=[_plain(name) for name in given.columns],
        text=_plain(edited or given.text),
        advice=_plain(given.advice),
    )
    return Message(role="assistant", content=answered.model_dump_json())


def _plain(text: str) -> str:
    """Mask a text, and keep it on one line: a name or a cell in it must not begin a finding of its own."""
    masked: str = mask(text)
    return " ".join(masked.split())


def label_of(dataset: str) -> str:
    """Return what a dataset is called, without the place where it lies.

    >>> label_of("/home/jane/sales/orders.csv"), label_of("sales/orders.csv"), label_of("s3://b/o.parquet?sig=x")
    ('orders.csv', 'sales/orders.csv', 'o.parquet')
    """
    return _PLACE.sub(r"\1", dataset.strip())
