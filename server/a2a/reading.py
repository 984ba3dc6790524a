"""What a message asks for. Data is exact; text is understood by a few rules that a caller can foresee."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any, Literal

from ...tools.data.files import looks_like_data
from ...tools.errors import BadRequest

HOW_TO_ASK = (
    'send text that names a dataset ("analyze orders.csv for churn"; a question is answered), or data: '
    '{"dataset", "goal"?, "target"?}, {"dataset", "question"} or {"action", "params"}'
)
_INTERROGATIVE = re.compile(
    r"(who|whom|whose|what|which|where|when|why|how|is|are|was|were|do|does|did|has|have)\b", re.IGNORECASE
)
_READ = 4000  # characters of a text in which a dataset is looked for; goals and questions are no longer either
_ENDS_OF_QUESTIONS = ("?", "\uff1f", "\u061f")
_QUOTES = "\"'`\u201c\u201d\u2018\u2019\u00ab\u00bb()[]<>,;:!?"
_ANSWERS: dict[str, Literal["approve", "decline", "resume"]] = {
    **dict.fromkeys(("approve", "approved", "yes"), "approve"),
    **dict.fromkeys(("decline", "declined", "no"), "decline"),
    "resume": "resume",
}


@dataclass(frozen=True)
class Asked:
    """What the parts of a message hold: its texts joined, its data merged."""

    text: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Known:
    """The datasets that can be named: registered names, and files by their path under a root."""

    names: Sequence[str] = ()
    files: Sequence[str] = ()


@dataclass(frozen=True)
class Call:
    """The action that a message comes to."""

    action: str
    arguments: dict[str, Any]


def merged(texts: Iterable[str], data: Iterable[Any]) -> Asked:
    """Join the parts of a message, or of several that belong together; what comes later wins.

    Raises:
        BadRequest: a data part is no object.
    """
    together: dict[str, Any] = {}
    for part in data:
        if not isinstance(part, dict):
            raise BadRequest(f"a data part must be an object, not {type(part).__name__}; {HOW_TO_ASK}")
        together |= whole_numbers(part)
    return Asked("\n".join(text.strip() for text in texts if text.strip()), together)


def whole_numbers(value: Any) -> Any:
    """Give integers back what they lost on the way: a data part knows no others than floats.

    >>> whole_numbers({"limit": 5.0, "share": 0.5})
    {'limit': 5, 'share': 0.5}
    """
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: whole_numbers(item) for key, item in value.items()}
    return [whole_numbers(item) for item in value] if isinstance(value, list) else value


def understand(asked: Asked, known: Known) -> Call | None:
    """Return the call that a message comes to; None when it names no dataset.

    Whatever data holds beyond the dataset is an argument, for the action itself to accept or refuse.

    Raises:
        BadRequest: the message holds nothing, or an action that is not in the form `{"action", "params"}`.
    """
    if "action" in asked.data:
        return _action(asked.data)
    if not asked.text and not asked.data:
        raise BadRequest(f"the message holds neither text nor data; {HOW_TO_ASK}")
    rest = dict(asked.data)
    dataset = rest.pop("dataset", None) or find_dataset(asked.text, known)
    if dataset is None:
        return None
    if "question" in rest or ("goal" not in rest and is_question(asked.text)):
        return Call("ask_dataset", {"dataset": dataset, "question": asked.text, **rest})
    return Call("analyze_dataset", {"dataset": dataset, "goal": asked.text or None, **rest})


def _action(data: Mapping[str, Any]) -> Call:
    extra = sorted(set(data) - {"action", "params"})
    action, params = data["action"], data.get("params", {})
    if extra or not isinstance(action, str) or not isinstance(params, dict):
        wrong = f"unknown: {', '.join(extra)}" if extra else "action is a name, params an object"
        raise BadRequest(f'an action is asked for by {{"action": name, "params": {{…}}}}; {wrong}')
    return Call(action, dict(params))


def find_dataset(text: str, known: Known) -> str | None:
    """Find the dataset that a text names: a known file, else a known name, else what looks like a file or address.

    Of several the first counts. A file can be named without its folder where no other is called the same.

    >>> find_dataset("profile sales, then orders.csv", Known(["sales"], ["2024/orders.csv"]))
    '2024/orders.csv'
    """
    text = text[:_READ]
    counted = Counter(PurePath(file).name for file in known.files)
    files = {PurePath(file).name: file for file in known.files if counted[PurePath(file).name] == 1}
    files |= {file: file for file in known.files}
    return _first(text, files) or _first(text, {name: name for name in known.names}) or _address(text)


def _first(text: str, candidates: Mapping[str, str]) -> str | None:
    found = []
    for spelled, meant in candidates.items():
        # Neither a part of a longer word, nor of a path, nor of a file name; the end of a sentence may follow.
        match = re.search(rf"(?<![\w./\\-]){re.escape(spelled)}(?![\w/\\-]|\.\w)", text, re.IGNORECASE)
        if match:
            found.append((match.start(), -len(spelled), meant))
    return min(found)[2] if found else None


def _address(text: str) -> str | None:
    for word in text.split():
        bare = word.strip(_QUOTES).rstrip(".")
        if "://" in bare or bare.startswith("connection:") or looks_like_data(PurePath(bare)):
            return bare
    return None


def is_question(text: str) -> bool:
    """Tell whether a line of a text ends with a question mark or begins with an interrogative.

    >>> is_question("which values are missing"), is_question("find what drives churn")
    (True, False)
    """
    lines = [line.strip() for line in text.splitlines()]
    return any(line.endswith(_ENDS_OF_QUESTIONS) or _INTERROGATIVE.match(line) for line in lines)


def answer_to_run(asked: Asked) -> Literal["approve", "decline", "resume"] | None:
    """Return what a message says to a run that waits: one word, or `{"approve": true}`; None for anything else."""
    if isinstance(said := asked.data.get("approve"), bool):
        return "approve" if said else "decline"
    return _ANSWERS.get(asked.text.strip(" \n\t.!\"'").casefold())
