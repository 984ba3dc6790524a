"""The words given to the model, which are files of `prompts/`."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def text(name: str) -> str:
    """Return a file of `prompts/` as it is."""
    return (files("refinery.prompts") / name).read_text(encoding="utf-8").strip()
