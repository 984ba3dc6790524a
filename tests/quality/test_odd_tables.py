"""No quality check stumbles over a table because of what is in it: it answers, or says what it can't do."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from odd_tables import TABLES
from refinery.tools.data import open_dataset
from refinery.tools.data.dataset import Dataset
from refinery.tools.errors import RefineryError
from refinery.tools.quality._rules import Rule
from refinery.tools.quality.check_distributions import check_distributions
from refinery.tools.quality.check_drift import check_drift
from refinery.tools.quality.check_duplicates import check_duplicates
from refinery.tools.quality.check_leakage import check_leakage
from refinery.tools.quality.check_missing_values import check_missing_values
from refinery.tools.quality.check_rules import check_rules
from refinery.tools.quality.check_schema_consistency import check_schema_consistency
from refinery.tools.quality.quality_report import quality_report
from refinery.tools.quality.suggest_rules import suggest_rules


@pytest.fixture(scope="module", params=list(TABLES))
def table(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("odd") / "odd.parquet"
    made = TABLES[request.param]
    if isinstance(made, str):
        duckdb.sql(made).write_parquet(str(path))
    else:
        pq.write_table(made(), path)
    return path


def _rules(name: str, other: str) -> Iterator[dict[str, Any]]:
    yield {"kind": "range", "min": 0, "max": 5.5}
    yield {"kind": "set", "values": ["a", 1, None, True]}
    yield {"kind": "set", "values": [[1], {"x": 1}]}
    yield {"kind": "unique"}
    yield {"kind": "type", "type": "integer"}
    yield {"kind": "compare", "columns": [name, other], "op": "<="}


def _each_rule(data: Dataset) -> Iterator[Any]:
    yield lambda: check_rules(data, [Rule(kind="no_duplicate_rows")])
    for place, name in enumerate(data.columns):
        for rule in _rules(name, data.columns[place - 2]):
            yield lambda rule=rule, name=name: check_rules(data, [Rule.model_validate({"columns": [name]} | rule)])


def _distributions(data: Dataset) -> Iterator[Any]:
    yield lambda: check_distributions(data)
    for name in data.columns:
        if data.schema[name].is_numeric() or data.schema[name].is_string():
            yield lambda name=name: check_distributions(data, numeric_rules={name: {"min": 0, "max": 1}})
        yield lambda name=name: check_distributions(data, category_domains={name: ["1", 1]}, patterns={name: "^a"})


def _leakage(data: Dataset) -> Iterator[Any]:
    for name in data.columns:
        yield lambda name=name: check_leakage(data, name)
        yield lambda name=name: check_leakage(data, data.columns[-1], time_column=name)


def _schema(data: Dataset) -> Iterator[Any]:
    yield lambda: check_schema_consistency(data, reference=data)
    for kind in ("integer", "timestamp"):
        yield lambda kind=kind: check_schema_consistency(data, expected=dict.fromkeys(data.columns, kind))


def _duplicates(data: Dataset) -> Iterator[Any]:
    yield lambda: check_duplicates(data)
    yield lambda: check_duplicates(data, id_columns=data.columns[:1])
    yield lambda: check_duplicates(data, id_columns=data.columns)


_CHECKS: dict[str, Callable[[Dataset], Iterator[Any]]] = {
    "rules": _each_rule,
    "distributions": _distributions,
    "leakage": _leakage,
    "schema": _schema,
    "duplicates": _duplicates,
    "drift": lambda data: iter([lambda: check_drift(data, data)]),
    "missing values": lambda data: iter([lambda: check_missing_values(data)]),
    "suggestions": lambda data: iter([lambda: suggest_rules(data)]),
    "report": lambda data: iter([lambda: quality_report(data), lambda: quality_report(data, target=data.columns[-1])]),
}


@pytest.mark.parametrize("check", list(_CHECKS))
def test_a_check_answers_in_json_or_says_what_it_cannot_do(table: Path, check: str) -> None:
    answered = 0
    for call in _CHECKS[check](open_dataset(table)):
        try:
            result = call()
        except RefineryError:
            continue
        answered += 1
        json.dumps(result.model_dump(mode="json"), allow_nan=False)
        result.headline()
    assert answered or check == "leakage"
