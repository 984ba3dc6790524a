from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from feature_tables import AUTO
from refinery.tools.context import Caller, Context
from refinery.tools.features._build import Builder, Built, open_data
from refinery.tools.features._declared import Pipelines
from refinery.tools.runtime import Runtime, RuntimeConfig


@dataclass
class Lab:
    """A workspace of a test's own, and a folder of tables."""

    folder: Path
    context: Context

    def table(self, frame: pd.DataFrame, name: str = "table") -> str:
        """Write a table as Parquet; its name as a dataset."""
        frame.to_parquet(self.folder / f"{name}.parquet", index=False)
        return f"{name}.parquet"

    def start(self, frame: pd.DataFrame, target: str | None = "y", **arguments: Any) -> str:
        """Assign roles; the name of the pipeline."""
        dataset = self.table(frame, arguments.pop("name", "table"))
        return str(self.call("assign_feature_roles", dataset=dataset, target=target, **arguments).pipeline)

    def call(self, action: str, **arguments: Any) -> Any:
        """Call an action as the corridor does: wire arguments, checked, datasets opened."""
        from refinery.tools.catalogue import action_of

        module = importlib.import_module(f"refinery.tools.features.{action}")
        found = action_of(getattr(module, action))
        validated = found.validate(arguments)
        for name in found.datasets:
            validated[name] = self.context.opener.open(validated[name])
        return found.function(**validated, context=self.context)

    def auto(self, frame: pd.DataFrame, target: str | None = "y", **arguments: Any) -> str:
        """Roles and every step that makes numbers, each with its defaults; the name of the pipeline."""
        pipeline = self.start(frame, target, **arguments)
        for action in AUTO:
            self.call(action, pipeline=pipeline)
        return pipeline

    def features(self, pipeline: str, **arguments: Any) -> pd.DataFrame:
        """Save a pipeline; its features."""
        return pd.read_parquet(self.call("save_fe_pipeline", pipeline=pipeline, **arguments).data_path)

    def built(self, pipeline: str) -> Built:
        """The fitted steps of a pipeline, and the training rows after the last."""
        declared = Pipelines.of(self.context).get(pipeline)
        return Builder(self.context, declared.roles, open_data(self.context, declared.roles)).build(
            declared.steps, len(declared.steps)
        )


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    folder = tmp_path / "data"
    folder.mkdir()
    config = RuntimeConfig(workspace=tmp_path / "workspace", roots=(folder,))
    return Lab(folder, Runtime(config).context(Caller()))
