"""Why the language model could not help; whoever asked goes on without it."""

from __future__ import annotations

from ...tools.errors import Unavailable


class ModelUnavailable(Unavailable):
    """The language model did not give a usable answer; the message says why, without a prompt, an answer or a key."""

    @property
    def reason(self) -> str:
        """The whole message, for the notes of a run."""
        return str(self)


class BudgetSpent(ModelUnavailable):
    """The tokens that a run may use are spent: no further call was made."""
