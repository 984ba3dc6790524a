"""Whatever is in a table: the steps with their defaults make numbers of it, none of them missing or infinite."""

from __future__ import annotations

import importlib
import subprocess
import sys
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

ROOT = Path(__file__).parents[2]


def _check(lab: Lab, dataset: str, target: str | None, steps: tuple[str, ...] = AUTO) -> None:
    """Prepare a table with every default, and apply what was saved to the table itself."""
    pipeline = lab.call("assign_feature_roles", dataset=dataset, target=target).pipeline
    for action in steps:
        lab.call(action, pipeline=pipeline)
    ready = lab.features(pipeline)
    features = ready.drop(columns=[name for name in ("split", target) if name])
    assert features.shape[1] > 0
    assert all(kind.kind == "f" for kind in features.dtypes)
    assert np.isfinite(features.to_numpy()).all()
    applied = lab.call("apply_fe_pipeline", pipeline=pipeline, dataset=dataset, output="applied.parquet")
    test = (ready["split"] == "test").to_numpy()
    made = pd.read_parquet(applied.output)
    np.testing.assert_array_equal(made[test].to_numpy(), features[test].to_numpy())


# What can't be prepared is refused by the first step, with the reason.
_REFUSED = {
    "nothing but nulls": "target 'y' is empty or infinite in 30 of 30 rows",
    "no rows": "has no rows, and at least two are needed",
    "one row": "has one row, and at least two are needed",
    "nested values": "no column of 'odd.parquet' can be a feature",
    "one far date": "no row of 'odd.parquet' is left for testing: each class of the target has one row",
}


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
        with pytest.raises(BadRequest, match=_REFUSED[name]):
            lab.call("assign_feature_roles", dataset="odd.parquet", target=target)
        return
    _check(lab, "odd.parquet", target, steps)


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
    _check(lab, "table.csv", target)


@pytest.mark.parametrize(
    "target", ["returned", *(pytest.param(name, marks=pytest.mark.slow) for name in ("amount", "category"))]
)
def test_the_demo_orders(lab: Lab, target: str) -> None:
    subprocess.run([sys.executable, "examples/orders.py", str(lab.folder), "--rows", "1500"], cwd=ROOT, check=True)
    path = lab.folder / "orders_2026-04.csv"
    orders = pd.read_csv(path, dtype=str, keep_default_na=False)
    orders[orders[target].str.strip() != ""].to_csv(path, index=False)
    _check(lab, path.name, target)


@pytest.fixture
def quality(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The benchmark of what models make of the features, imported as from the root of the repository."""
    monkeypatch.syspath_prepend(ROOT)
    return importlib.import_module("benchmarks.feature_quality")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["wine", "breast_cancer", "diabetes", "merchants", "reviews", "tickets"])
def test_the_tables_of_the_benchmark(lab: Lab, quality: Any, name: str) -> None:
    features, target, _ = quality.tables()[name]
    _check(lab, lab.table(features.assign(**{target.name: target})), target.name)


def test_the_benchmark_takes_the_same_steps_and_all_its_tables_are_tested(quality: Any) -> None:
    assert quality.STEPS == AUTO
    assert list(quality.tables()) == ["wine", "breast_cancer", "diabetes", "merchants", "reviews", "tickets"]
