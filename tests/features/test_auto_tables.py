"""Whatever is in a table: the steps with their defaults make numbers of it, none of them missing or infinite."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from feature_tables import AUTO
from odd_tables import TABLES
from refinery.tools.errors import BadRequest

if TYPE_CHECKING:
    from conftest import Lab


def _prepare(lab: Lab, dataset: str, target: str | None, steps: tuple[str, ...] = AUTO) -> pd.DataFrame:
    pipeline = lab.call("assign_feature_roles", dataset=dataset, target=target).pipeline
    for action in steps:
        lab.call(action, pipeline=pipeline)
    ready = lab.features(pipeline)
    return ready.drop(columns=[name for name in ("split", target) if name])


def _check(features: pd.DataFrame) -> None:
    assert features.shape[1] > 0
    assert all(kind.kind == "f" for kind in features.dtypes)
    assert np.isfinite(features.to_numpy()).all()


# What can't be prepared is refused with the reason: no rows, or nothing that varies.
_REFUSED = {"nothing but nulls", "no rows", "one row", "nested values", "one far date"}


@pytest.mark.parametrize("name", list(TABLES))
@pytest.mark.parametrize("steps", [AUTO, AUTO[::-1]], ids=["in order", "in reverse"])
def test_odd_tables(lab: Lab, name: str, steps: tuple[str, ...]) -> None:
    made: Any = TABLES[name]
    path = lab.folder / "odd.parquet"
    if isinstance(made, str):
        duckdb.sql(made).write_parquet(str(path))
    else:
        pq.write_table(made(), path)
    target = "y" if "y" in pq.read_schema(path).names else None
    if name in _REFUSED:
        with pytest.raises(BadRequest):
            _prepare(lab, "odd.parquet", target, steps)
        return
    _check(_prepare(lab, "odd.parquet", target, steps))


SHARED = [
    ("beers_clean.csv", "ounces"),
    ("beers_dirty.csv", "brewery_id"),
    ("hospital_clean.csv", "EmergencyService"),
    ("hospital_dirty.csv", "condition"),
    ("taxi_2019-01.csv", "tip_amount"),
    ("taxi_2020-04.csv", "tip_amount"),
]


@pytest.mark.parametrize(("file", "target"), SHARED)
def test_shared_tables(lab: Lab, shared_data: Path, file: str, target: str) -> None:
    lines = (shared_data / file).read_text().splitlines()[:2_001]
    (lab.folder / "table.csv").write_text("\n".join(lines))
    _check(_prepare(lab, "table.csv", target))
