"""Requests that are made from phrases."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import pytest
from refinery.agents.routing.drills import drills
from refinery.agents.routing.examples import Example
from refinery.tools.catalogue import Catalogue

from benchmarks.routing import catalogue

BOOK: dict[str, Any] = json.loads(
    (files("refinery.prompts") / "routing" / "phrasebook.json").read_text(encoding="utf-8")
)


@pytest.fixture(scope="module")
def made() -> list[Example]:
    return drills(1_000)


def test_every_column_of_a_drill_is_spoken_of_in_it(made: list[Example]) -> None:
    for one in made:
        assert one.columns <= {column.name for column in one.table.columns}
        for name in one.columns:
            column = BOOK["tables"][one.table.name]["columns"][name]
            ways = [
                str(way) for key in ("said", "most", "that", "not", "when", "values") for way in column.get(key) or []
            ]
            assert any(way in one.request for way in ways), (one.request, name)
        assert "{" not in one.request


def test_drills_ask_for_what_can_be_planned(made: list[Example]) -> None:
    actions = catalogue()
    assert isinstance(actions, Catalogue)
    assert {one.action for one in made} <= {action.name for action in actions}
    assert len({one.table.name for one in made}) > 50
    assert len({one.request for one in made}) > 900


def test_the_same_seed_gives_the_same_drills(made: list[Example]) -> None:
    assert drills(100) == made[:100]
    assert drills(100, seed=1) != made[:100]
