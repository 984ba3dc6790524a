"""The prompts of `prompts/`: Markdown with a head that names the arguments, offered to MCP clients."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import Any

import yaml
from mcp.server.mcpserver.prompts import Prompt
from mcp.server.mcpserver.prompts.base import PromptArgument

_OPTIONAL = re.compile(r"\{(\w+):([^}]*\{\}[^}]*)\}")


@cache
def text(name: str) -> str:
    """Return a file of `prompts/` as it is."""
    return (files("refinery.prompts") / name).read_text(encoding="utf-8")


def load_prompts() -> list[Prompt]:
    """Read every prompt that has a head.

    Raises:
        ValueError: a head is malformed; a broken prompt stops the start.
    """
    names = sorted(file.name for file in files("refinery.prompts").iterdir() if file.name.endswith(".md"))
    return [_prompt(name) for name in names if text(name).startswith("---\n")]


def _prompt(name: str) -> Prompt:
    _, head, body = text(name).split("---\n", 2)
    facts: dict[str, Any] = yaml.safe_load(head)
    arguments = [PromptArgument(name=key, **value) for key, value in facts["arguments"].items()]

    def render(**values: str) -> str:
        return fill(body, {key: value for key, value in values.items() if value})

    return Prompt(
        name=name.removesuffix(".md"),
        title=facts["title"],
        description=facts["description"],
        arguments=arguments,
        fn=render,
        context_kwarg=None,
    )


def fill(body: str, values: dict[str, str]) -> str:
    """Put values into `{name}`, and into `{name: words `{}`}`, which vanishes where the value is not given."""
    body = _OPTIONAL.sub(lambda m: f" {m[2].strip().replace('{}', values[m[1]])}" if m[1] in values else "", body)
    return re.sub(r"\{(\w+)\}", lambda m: values.get(m[1], m[0]), body).strip()
