"""What is derived from an action's function."""

from __future__ import annotations

import subprocess
import sys
from typing import Literal

import pytest
import sample_actions
from refinery.server.wiring import catalogue
from refinery.tools.catalogue import Catalogue, action, action_of
from refinery.tools.data.dataset import Dataset
from refinery.tools.errors import BadRequest
from refinery.tools.results import Answer


class Drawn(Answer):
    """Nothing."""


@action("Draw", pure=False)
def draw(
    dataset: Dataset, kind: Literal["bar", "line"] = "bar", other: Dataset | None = None, limit: int | None = None
) -> Drawn:
    """Draw a
    table.

    More that no model needs.

    Args:
        kind: how
            it looks
        limit: at most
    """
    return Drawn()


def test_the_schema_has_what_a_model_needs_and_no_more() -> None:
    assert action_of(draw).input_schema == {
        "type": "object",
        "additionalProperties": False,
        "required": ["dataset"],
        "properties": {
            "dataset": {"type": "string"},
            "kind": {"type": "string", "enum": ["bar", "line"], "default": "bar", "description": "how it looks"},
            "other": {"type": "string"},
            "limit": {"type": "integer", "description": "at most"},
        },
    }
    assert action_of(draw).description == "Draw a table."
    assert action_of(draw).datasets == ["dataset", "other"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dataset": "x", "kind": "bra"}, "no kind 'bra'; did you mean 'bar'? Allowed: 'bar' or 'line'"),
        ({"dataset": "x", "kinds": "bar"}, "did you mean 'kind'?"),
        ({"dataset": "x", "limit": "3"}, "limit: .*got '3'"),
        ({"dataset": "x", "limit": True}, "limit: .*got True"),
        ({"dataset": 3}, "dataset: .*got 3"),
        ({"kind": "bar"}, "argument 'dataset' is missing"),
        ({"dataset": object()}, "not JSON"),
    ],
)
def test_wrong_arguments_are_named_with_what_is_allowed(arguments: dict[str, object], message: str) -> None:
    import re

    with pytest.raises(BadRequest) as caught:
        action_of(draw).validate(arguments)
    assert re.search(message.replace("?", r"\?") if "?" in message else message, str(caught.value))


def test_defaults_and_nulls_are_accepted() -> None:
    validated = action_of(draw).validate({"dataset": "x", "other": None})
    assert validated == {"dataset": "x", "kind": "bar", "other": None, "limit": None}


def test_two_actions_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two actions are named 'draw'"):
        Catalogue([action_of(draw), action_of(draw)])


def test_a_module_that_defines_no_action_stops_the_collection() -> None:
    from refinery.tools import data

    with pytest.raises(TypeError, match="defines no action"):
        Catalogue.from_packages(data)


def test_printing_a_catalogue_lists_it() -> None:
    assert "count_rows" in repr(Catalogue.from_packages(sample_actions))


def test_every_parameter_of_every_action_but_the_dataset_is_described() -> None:
    undescribed = [
        f"{item.name}.{name}"
        for item in catalogue()
        for name, schema in item.input_schema["properties"].items()
        if name not in item.datasets and "description" not in schema and "enum" not in schema
    ]
    assert undescribed == []


def test_listing_the_tools_costs_a_model_at_most_150_tokens_each() -> None:
    import json

    items = list(catalogue())
    shown = [{"name": i.name, "description": i.description, "inputSchema": i.input_schema} for i in items]
    assert len(json.dumps(shown)) / 4 / len(items) <= 150


def test_collecting_the_actions_imports_no_heavy_library() -> None:
    code = (
        "import sys; from refinery.server.wiring import catalogue; catalogue();"
        "print([n for n in ('ibis','duckdb','pandas','numpy','pyarrow','sklearn','scipy','altair','rich','fastapi')"
        " if n in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
