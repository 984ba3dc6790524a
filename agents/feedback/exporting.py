"""Feedback as training data: examples to imitate and pairs to prefer, masked, checked, without repeats."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from ...memory.store.memory import Memory
from ...tools.errors import BadRequest, Defect
from .duplicates import distinct
from .examples import Examples, instruct_examples, preference_examples
from .files import require_free, write_files
from .keeping import all_ratings
from .lines import InstructLine, Line, PreferenceLine
from .quality import FileQuality, QualityReport, as_text, by_insight, quality_of
from .ratings import Rating
from .screening import suspicion

Format = Literal["instruct", "preference", "both"]
INSTRUCT, PREFERENCE = "instruct.jsonl", "preference.jsonl"
QUALITY, QUALITY_TEXT = "quality.json", "quality.txt"
_MODELS: dict[str, type[Line]] = {INSTRUCT: InstructLine, PREFERENCE: PreferenceLine}
_MAKERS = {INSTRUCT: instruct_examples, PREFERENCE: preference_examples}
_FILES: dict[Format, tuple[str, ...]] = {
    "instruct": (INSTRUCT,),
    "preference": (PREFERENCE,),
    "both": (INSTRUCT, PREFERENCE),
}


async def export_feedback(
    memory: Memory, tenant: str, folder: Path, *, form: Format = "both", overwrite: bool = False
) -> QualityReport:
    """Write a tenant's feedback as training data, with a report on its quality; the same feedback gives the same bytes.

    Args:
        memory: where it is kept.
        tenant: whose.
        folder: where to; `instruct.jsonl`, `preference.jsonl`, `quality.json` and `quality.txt` are written.
        form: which of the first two.
        overwrite: whether files of these names are replaced.

    Raises:
        BadRequest: there is no feedback, or files are there already, or the folder can't be written to.
        Defect: a line did not pass the check when it was read back; nothing was written.
    """
    names = _FILES[form]
    require_free(folder, [*names, QUALITY, QUALITY_TEXT], overwrite=overwrite)
    ratings = await all_ratings(memory, tenant)
    if not ratings:
        raise BadRequest(
            f"no feedback is kept for tenant {tenant!r}: rate insights of a run first, with rate_insight or "
            "`refinery feedback rate`"
        )
    return await asyncio.to_thread(_export, ratings, folder, names, overwrite)


def _export(ratings: Sequence[Rating], folder: Path, names: Sequence[str], overwrite: bool) -> QualityReport:
    texts, files = dict[str, str](), dict[str, FileQuality]()
    standing, left_out = agreed(ratings)
    for name in names:
        lines, files[name] = screened(_MAKERS[name](standing))
        texts[name] = "".join(f"{line.model_dump_json()}\n" for line in lines)
    report = quality_of(ratings, left_out, files)
    texts[QUALITY], texts[QUALITY_TEXT] = report.model_dump_json(indent=2) + "\n", as_text(report)
    write_files(folder, texts, check_file, overwrite=overwrite)
    return report


def agreed(ratings: Sequence[Rating]) -> tuple[list[Rating], dict[str, int]]:
    """Return the ratings on the side of most people, and how many are left out: outvoted, of a tie, or incomplete."""
    left_out: dict[str, int] = {}
    sides: dict[tuple[str, str], bool | None] = {}
    for group in by_insight(ratings):
        holds = sum(one.holds for one in group)
        against = len(group) - holds
        sides[group[0].run, group[0].insight] = None if holds == against else holds > against
        reason, count = ("disputed", len(group)) if holds == against else ("outvoted", min(holds, against))
        if count:
            left_out[reason] = left_out.get(reason, 0) + count
    standing = [one for one in ratings if sides[one.run, one.insight] is one.holds]
    complete = [one for one in standing if one.given.title.strip() and one.given.text.strip()]
    if len(complete) < len(standing):
        left_out["incomplete"] = len(standing) - len(complete)
    return complete, left_out


def screened(made: Examples) -> tuple[list[Line], FileQuality]:
    """Leave out what may be personal, then what repeats an earlier line; tell how much that was."""
    candidates, clean = made.candidates, list[Line]()
    for line in made.lines:
        found = next(filter(None, map(suspicion, line.texts())), None)
        if found is None:
            clean.append(line)
        else:
            made.drop(f"may be personal: {found}")
    left = distinct(clean, lambda line: line.texts())
    told = FileQuality(
        candidates=candidates,
        exact_duplicates=left.exact,
        near_duplicates=left.near,
        dropped=dict(sorted(made.dropped.items())),
        lines=len(left.kept),
    )
    return left.kept, told


def check_file(name: str, path: Path) -> None:
    """Read a file back, and check every line of it as whoever trains with it will read it.

    Raises:
        Defect: a line is not in its form, or holds what may be personal.
    """
    text = path.read_text(encoding="utf-8")
    if name not in _MODELS:
        return
    for number, written in enumerate(text.split("\n")[:-1], start=1):
        try:
            line = _MODELS[name].model_validate_json(written)
        except ValidationError as error:
            told = error.errors(include_url=False, include_input=False)[0]
            raise Defect(f"line {number} of {name} is not in its form ({told['msg']}); nothing was written") from None
        if found := next(filter(None, map(suspicion, line.texts())), None):
            raise Defect(f"line {number} of {name} may hold something personal ({found}); nothing was written")
