"""A workspace for benchmarks, in which the feature actions are called as a worker calls them."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from refinery.tools.catalogue import action_of
from refinery.tools.context import Caller
from refinery.tools.runtime import Runtime, RuntimeConfig


class Lab:
    """Calls actions over the tables of some folders; what is made is kept in the first."""

    def __init__(self, folder: Path, *tables: Path) -> None:
        self.folder = folder
        config = RuntimeConfig(workspace=folder / "workspace", roots=(folder, *tables), memory_mb=2048, threads=2)
        self.context = Runtime(config).context(Caller())

    def call(self, action: str, **arguments: Any) -> Any:
        function = getattr(importlib.import_module(f"refinery.tools.features.{action}"), action)
        found = action_of(function)
        validated = found.validate(arguments)
        for name in found.datasets:
            validated[name] = self.context.opener.open(validated[name])
        return function(**validated, context=self.context)
