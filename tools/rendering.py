"""From a result to what goes over the wire: bounded lists, masked examples, and a short text for the model."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any

from .data.dataset import Facts
from .errors import inert
from .masking import mask
from .results import Answer, Check, Result, Scanned

MAX_ITEMS = 50
# A model pays by the token, some four characters each: 500 tokens.
MAX_TEXT = 2000
MAX_INDIVISIBLE = 8000
_MAX_FINDINGS = 8


@dataclass(frozen=True)
class Rendered:
    """A result three ways: `whole` for keeping, `bounded` for the wire, `text` for the model; and its picture.

    `datasets` are those that it was computed from.
    """

    whole: dict[str, Any]
    bounded: dict[str, Any]
    text: str
    image: bytes | None = None
    datasets: list[Facts] = field(default_factory=list)


def render(result: Answer, *, action: str, uri: str | None, masked: bool = True) -> Rendered:
    """Turn what an action returned into what is kept and sent."""
    if isinstance(result, Result) and uri is not None:
        result = result.model_copy(update={"uri": uri})
    whole = result.model_dump(mode="json", exclude_none=True)
    image = base64.b64decode(whole.pop("png")) if whole.get("png") else None
    learned: dict[str, str] = {}
    if masked:
        whole = mask(whole, learned)
    indivisible = [name for name in result.indivisible if name in whole]
    bounded, cut = bound({name: value for name, value in whole.items() if name not in indivisible})
    for name in indivisible:
        if len(json.dumps(whole[name])) <= MAX_INDIVISIBLE:
            bounded[name] = whole[name]
        else:
            cut = True
    if cut and "truncated" in bounded:
        bounded["truncated"] = True
    text = compact_text(result, action=action, cut=bool(bounded.get("truncated")))
    return Rendered(whole, bounded, mask(text, learned) if masked else text, image)


def bound(value: Any) -> tuple[Any, bool]:
    """Cut every list and mapping in JSON-like data to its first 50 items, and tell whether anything was cut."""
    if isinstance(value, dict):
        pairs = [(key, bound(item)) for key, item in list(value.items())[:MAX_ITEMS]]
        return {key: item for key, (item, _) in pairs}, len(value) > MAX_ITEMS or any(cut for _, (_, cut) in pairs)
    if isinstance(value, list):
        items = [bound(item) for item in value[:MAX_ITEMS]]
        return [item for item, _ in items], len(value) > MAX_ITEMS or any(cut for _, cut in items)
    return value, False


def compact_text(result: Answer, *, action: str, cut: bool = False) -> str:
    """Say the verdict first, then the findings that matter, then details, then what to do next."""
    verdict = f"{result.status.upper()} " if isinstance(result, Check) else ""
    subject = f" on {_clip(result.dataset, 80)} ({_rows(result.scanned)})" if isinstance(result, Result) else ""
    findings = result.findings if isinstance(result, Result) else []
    lines = [f"{verdict}{action}{subject}: {_clip(result.headline(), 300)}"]
    lines += [f"- {finding.severity}: {_clip(finding.message, 220)}" for finding in findings[:_MAX_FINDINGS]]
    if len(findings) > _MAX_FINDINGS:
        columns = dict.fromkeys(name for finding in findings[_MAX_FINDINGS:] for name in finding.columns)
        about = f", about {', '.join(columns)}" if columns else ""
        lines.append(_clip(f"- and {len(findings) - _MAX_FINDINGS} more in the structured result{about}", 220))
    closing = [f"Next: {_clip(step, 200)}" for step in result.next_steps()[:3]]
    if cut and isinstance(result, Result):
        closing.append(f"Cut for length; the whole result: {result.uri}")
    room = MAX_TEXT - sum(len(line) + 1 for line in lines + closing)
    for line in result.details():
        room -= len(line) + 3
        if room < 6:
            lines.append("  …")
            break
        # Set in, so that a name or a cell at the start of a line is not taken for a verdict or a next step.
        lines.append(f"  {line}")
    return _clip("\n".join(map(inert, lines + closing)), MAX_TEXT)


def _rows(scanned: Scanned) -> str:
    return f"{scanned.rows:,} rows" if scanned.rows == scanned.of else f"{scanned.rows:,} of {scanned.of:,} rows"


def _clip(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
