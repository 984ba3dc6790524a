"""What a run has cost, and what is recorded of each call: hashes and counts, never a text."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import BaseModel

from ..orchestrator.records import Usage
from .errors import BudgetSpent


class ModelCallRecord(BaseModel):
    """One call of a model, each attempt being a call: who asked for what, and what became of it.

    Attributes:
        prompt_sha256: of the messages as they left.
        answer_sha256: of the text and the tool calls that came back; None when nothing did.
        outcome: `ok`, `cancelled`, `timeout`, `http_429` …, or the class of the error.
    """

    time: float
    run: str
    purpose: str
    model: str
    prompt_sha256: str
    answer_sha256: str | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    seconds: float = 0.0
    outcome: str


@dataclass(frozen=True)
class Tokens:
    """What one call has used; `estimated` where the provider did not tell."""

    input: int
    output: int
    cached: int = 0
    estimated: bool = False


class RunUsage:
    """Adds up the calls of one run, and says when its tokens are spent.

    Args:
        run: id of the run.
        tokens: most tokens of the run.
        model: name of the model.
        so_far: what the run had used before it was taken up again.
    """

    def __init__(self, run: str, tokens: int, *, model: str | None = None, so_far: Usage | None = None) -> None:
        self.run = run
        self.budget = tokens
        self._usage = so_far.model_copy() if so_far is not None else Usage()
        self._usage.model = self._usage.model or model
        self._promised = 0

    @property
    def spent(self) -> int:
        """The tokens used so far."""
        return self._usage.input_tokens + self._usage.output_tokens

    @contextlib.contextmanager
    def room(self, expected: int) -> Iterator[None]:
        """Hold tokens for a call while it runs, so that calls side by side do not spend them twice.

        Raises:
            BudgetSpent: there are not so many left.
        """
        if self.spent + self._promised + expected > self.budget:
            raise BudgetSpent(
                f"the run may use {self.budget:,} tokens of the language model and has used {self.spent:,}; "
                f"the next call needs about {expected:,}. Raise the limit in the settings or ask for less"
            )
        self._promised += expected
        try:
            yield
        finally:
            self._promised -= expected

    def add(self, tokens: Tokens, dollars: float | None) -> None:
        """Count a call; `dollars` is None where its price is not known, and then the run's is not either."""
        usage = self._usage
        known = dollars is not None and (usage.calls == 0 or usage.dollars is not None)
        usage.dollars = (usage.dollars or 0.0) + dollars if known and dollars is not None else None
        usage.calls += 1
        usage.input_tokens += tokens.input
        usage.output_tokens += tokens.output

    def add_failed(self) -> None:
        """Count a call that came to nothing: what the provider charges for it is not told."""
        self.add(Tokens(0, 0), 0.0)

    def to_usage(self) -> Usage:
        """Return what the run has cost so far, to be kept."""
        return self._usage.model_copy()
