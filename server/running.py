"""`refinery run`: from words on the command line to a call and its picture on the terminal."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..tools.catalogue import Action
from ..tools.errors import BadRequest, unknown
from .settings import Settings
from .wiring import build, catalogue


async def run_action(
    settings: Settings, action: str, dataset: str | None, words: Sequence[str], *, as_json: bool
) -> int:
    """Run one action and print its result.

    Returns:
        0, or 1 when it is a check that failed.

    Raises:
        RefineryError: as `Executor.run`.
    """
    arguments = parse_words(catalogue()[action], dataset, words)
    house = build(settings, _folders(build(settings).roots, arguments))
    async with house.running():
        outcome = await house.executor.run(action, arguments, house.caller)
        house.sweep_if_due()
    if as_json:
        print(json.dumps(outcome.result, indent=2))  # noqa: T201 - the answer itself
    else:
        from .display import show_outcome

        show_outcome(outcome, house.executor.runtime.workspace.folder("results", house.caller.tenant))
    return 1 if outcome.result.get("status") == "failed" else 0


def parse_words(action: Action, dataset: str | None, words: Sequence[str]) -> dict[str, Any]:
    """Read `--parameter value` pairs by the action's schema; lists may be JSON, comma-separated, or `@file`.

    Raises:
        BadRequest: a word is no known parameter, has no value, or is no JSON where JSON is needed.
    """
    properties: dict[str, Any] = action.input_schema.get("properties", {})
    arguments: dict[str, Any] = {}
    words = list(words)
    if dataset is not None and dataset.startswith("--"):
        words.insert(0, dataset)
        dataset = None
    if dataset is not None:
        if not properties:
            raise BadRequest(f"{action.name} takes no dataset")
        arguments[action.datasets[0] if action.datasets else next(iter(properties))] = dataset
    rest, further = list(words), [name for name in action.datasets if name not in arguments]
    while rest:
        word = rest.pop(0)
        if not word.startswith("--") and further:
            arguments[further.pop(0)] = word
            continue
        if not word.startswith("--"):
            raise BadRequest(f"expected --parameter value, not {word!r}; quote a value that holds spaces")
        name, equals, value = word.removeprefix("--").partition("=")
        name = name.replace("-", "_")
        if name not in properties:
            raise unknown("parameter", f"--{name}", [f"--{key}" for key in properties], where=f" of {action.name}")
        if not equals:
            if properties[name].get("type") == "boolean" and (not rest or rest[0].startswith("--")):
                value = "true"
            elif rest:
                value = rest.pop(0)
            else:
                raise BadRequest(f"--{name} needs a value")
        arguments[name] = _value(name, value, properties[name])
    return arguments


def _value(name: str, text: str, schema: dict[str, Any]) -> Any:
    kind = schema.get("type")
    if kind == "string":
        return text
    if text.startswith("@"):
        return _read(name, Path(text[1:]))
    if kind == "array" and not text.lstrip().startswith("["):
        return [part.strip() for part in text.split(",")]
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        if kind in {None, "array", "object"} and not schema.get("anyOf"):
            raise BadRequest(f"--{name} must be JSON, such as {_example(kind)}; got {text!r}") from None
        return text


def _read(name: str, file: Path) -> Any:
    """Read a value from a JSON file, or the part of that name in a whole result that was kept in one."""
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadRequest(f"--{name} @{file}: {error}") from None
    return value[name] if isinstance(value, dict) and name in value else value


def _example(kind: str | None) -> str:
    return {"array": '\'["a", "b"]\'', "object": '\'{"column": "value"}\''}.get(kind or "", "a number or a quoted text")


def _folders(roots: Sequence[Path], arguments: dict[str, Any]) -> list[Path]:
    """Let the person at the terminal read what they name: the folders of the paths among the arguments."""
    named = [Path(value).expanduser() for value in arguments.values() if isinstance(value, str) and len(value) < 1000]
    return [*roots, *(path.resolve().parent for path in named if "\0" not in str(path) and path.is_file())]
