"""What a person thinks of an insight."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ..tools.catalogue import action
from ..tools.context import Context
from ..tools.errors import BadRequest, Unavailable
from ..tools.results import Answer
from .feedback.keeping import count_ratings, erase_runs, note_rating, remember_later
from .feedback.ratings import LONGEST_TEXT, Verdict, rating_of
from .orchestrator.orchestrator import Orchestrator


class RatedInsight(Answer):
    """What was noted, and how many verdicts there are."""

    run: str
    insight: str
    title: str
    verdict: Verdict
    score: float | None = None
    text: str | None = None
    replaced: bool = Field(description="an earlier verdict of the same person")
    verdicts: dict[str, int] = Field(description="on the insights of this run")
    unrated: list[str] = Field(default_factory=list, description="insights of this run without a verdict")
    total: int = Field(description="verdicts on all runs")

    def headline(self) -> str:
        instead = " instead of an earlier verdict" if self.replaced else ""
        score = f", score {self.score:g}" if self.score is not None else ""
        return f"Noted {self.verdict!r} of {self.insight} ({self.title}){score}{instead}."

    def details(self) -> list[str]:
        counted = ", ".join(f"{count} {verdict}" for verdict, count in self.verdicts.items() if count)
        return [f"verdicts on run {self.run}: {counted}; {self.total:,} on all runs"]

    def next_steps(self) -> list[str]:
        if self.unrated:
            more = f" and {len(self.unrated) - 10} more" if len(self.unrated) > 10 else ""
            return [f"not rated yet: {', '.join(self.unrated[:10])}{more}"]
        return ["`refinery feedback export FOLDER` writes all verdicts as training data"]


@action("Rate insight", pure=False, read_only=False)
async def rate_insight(
    run: str,
    insight: str,
    verdict: Verdict,
    score: Annotated[float | None, Field(ge=0, le=1)] = None,
    text: Annotated[str | None, Field(max_length=LONGEST_TEXT)] = None,
    *,
    context: Context,
) -> RatedInsight:
    """Note a person's verdict on an insight; it replaces their earlier one.

    Args:
        run: its id
        insight: its id, as i2
        verdict: theirs, not your own
        score: how good
        text: for edit the better wording; else why
        context: who judges

    Raises:
        BadRequest: there is no such run or insight, or an edit comes without its wording.
        Unavailable: the memory, in which it is kept, is switched off or does not answer.
    """
    orchestrator, caller = context.service(Orchestrator), context.caller
    memory = orchestrator.tools.memory
    if memory is None:
        raise Unavailable(
            "feedback is kept in the memory, which is switched off: set memory.enabled to true in the settings "
            "(or REFINERY_MEMORY__ENABLED=true) and start the server again"
        )
    found = await orchestrator.find(run, caller)
    rating = rating_of(found, insight, caller, (verdict, score, text))
    await memory.ready(context.progress)
    noted = await note_rating(memory, caller.tenant, rating)
    try:
        await orchestrator.find(run, caller)
    except BadRequest:
        # Its session was forgotten meanwhile, and nothing of it must stay.
        await erase_runs(memory, caller.tenant, [run])
        raise
    remember_later(memory, caller.tenant, rating, noted)
    counts = await count_ratings(memory, caller.tenant, run)
    return RatedInsight(
        run=run,
        insight=insight,
        title=rating.given.title,
        verdict=verdict,
        score=score,
        text=rating.text,
        replaced=noted.replaced,
        verdicts=counts.by_verdict(),
        unrated=[one["id"] for one in found.state.get("insights", []) if one["id"] not in counts.rated],
        total=counts.total,
    )
