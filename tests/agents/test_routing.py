"""Questions in words of their own, and what the router makes of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest
from refinery.agents.routing.classifier import load_classifier
from refinery.agents.routing.examples import digest, load_examples, read_examples
from refinery.agents.routing.joint import digest_of_joint
from refinery.agents.routing.router import Column, Router, Table, find_columns, find_target
from refinery.agents.routing.spelling import load_speller
from refinery.agents.routing.training import vocabulary
from refinery.tools.catalogue import Catalogue
from refinery.tools.errors import Unavailable
from stores import Embedding

from benchmarks.routing import EXAMINATION, TARGET, catalogue, measure, routes

TABLE = Table(
    "parcels_may.csv",
    (
        Column("parcel_id", "id", ("PX-1001", "PX-1002")),
        Column("sender_name", "category", ("Iris Vance", "Otto Blum")),
        Column("depot", "category", ("Malmö", "Split", "Turku")),
        Column("weight_kg", "number"),
        Column("postage_eur", "number"),
        Column("sent_on", "datetime"),
        Column("received_on", "datetime"),
        Column("lost", "boolean", ("true", "false")),
        Column("courier_note", "text", ("left it with the neighbour on the second floor",)),
    ),
    others=("parcels_april.csv", "depots.parquet"),
)


@pytest.fixture(scope="module")
def actions() -> Catalogue:
    found = catalogue()
    assert isinstance(found, Catalogue)
    return found


@pytest.fixture(scope="module")
def router() -> Router:
    made = Embedding()
    return Router(made.embed, made.compute)


CASES: list[tuple[str, str, dict[str, Any]]] = [
    ("are any parcel ids used twice?", "check_duplicates", {"id_columns": ["parcel_id"]}),
    ("which columns have more than 30 % blanks?", "check_missing_values", {"threshold": 0.3}),
    (
        "how does May differ from April in its distributions?",
        "check_drift",
        {"reference": "parcels_april.csv", "current": "parcels_may.csv"},
    ),
    ("does some column leak whether a parcel gets lost?", "check_leakage", {"target": "lost"}),
    (
        "weight should be between 0 and 31.5 kilos, anything outside?",
        "check_distributions",
        {"numeric_rules": {"weight_kg": {"min": 0, "max": 31.5}}},
    ),
    (
        "verify that received_on is never before sent_on",
        "check_rules",
        {"rules": [{"kind": "compare", "columns": ["received_on", "sent_on"], "op": ">="}]},
    ),
    (
        "find outliers in the weight with an isolation forest",
        "detect_outliers",
        {"method": "isolation_forest", "columns": ["weight_kg"]},
    ),
    ("draw a histogram of the postage", "create_visualization", {"chart_type": "histogram", "x": "postage_eur"}),
    ("scatter plot of weight against postage", "create_visualization", {"chart_type": "scatter"}),
    (
        "fill missing weights with the median",
        "impute_missing_values",
        {"pipeline": "parcels_may", "strategy": "median", "columns": ["weight_kg"]},
    ),
    ("one-hot encode the depot", "encode_categorical_features", {"strategy": "onehot", "columns": ["depot"]}),
    ("keep the 12 best features", "select_features", {"k": 12}),
    ("drop step 3 of the pipeline", "edit_pipeline", {"step": 3, "remove": True}),
    ("load june/parcels.parquet as june", "load_dataset", {"source": "june/parcels.parquet", "name": "june"}),
    ("give me a full quality report", "quality_report", {}),
    ("describe the postage statistically", "statistical_summary", {"columns": ["postage_eur"]}),
]


def within(expected: Any, found: Any) -> bool:
    if isinstance(expected, dict):
        return isinstance(found, dict) and all(
            name in found and within(one, found[name]) for name, one in expected.items()
        )
    return bool(expected == found)


@pytest.mark.parametrize(("question", "action", "arguments"), CASES, ids=[case[0] for case in CASES])
async def test_a_question_becomes_a_call(
    question: str, action: str, arguments: dict[str, Any], router: Router, actions: Catalogue
) -> None:
    routed = await router.route(question, TABLE, actions)
    assert [step.action for step in routed.steps] == [action]
    assert within(arguments, routed.steps[0].arguments), routed.steps[0].arguments


async def test_an_average_per_group_becomes_a_query(router: Router, actions: Catalogue) -> None:
    routed = await router.route("mean postage per depot, top five", TABLE, actions)
    assert routed.steps[0].action == "query_dataset"
    assert routed.steps[0].arguments == {
        "dataset": "parcels_may.csv",
        "sql": 'SELECT "depot", avg("postage_eur") AS "avg_postage_eur" FROM dataset '
        "GROUP BY 1 ORDER BY 2 DESC NULLS LAST LIMIT 5",
        "limit": 5,
    }


async def test_a_compound_request_becomes_steps_in_its_order(router: Router, actions: Catalogue) -> None:
    routed = await router.route("check for duplicates, then draw a histogram of the weight", TABLE, actions)
    assert [step.action for step in routed.steps] == ["check_duplicates", "create_visualization"]
    assert [step.id for step in routed.steps] == ["s1", "s2"]


async def test_other_languages_are_understood(router: Router, actions: Catalogue) -> None:
    for question in ("Gibt es doppelte Zeilen?", "y a-t-il des doublons ?", "¿hay filas duplicadas?"):
        routed = await router.route(question, TABLE, actions)
        assert [step.action for step in routed.steps] == ["check_duplicates"], question


@pytest.mark.parametrize(
    "question", ["what is the capital of Peru?", "write a poem about parcels", "phone the sender and apologise"]
)
async def test_what_no_action_answers_gets_no_plan_but_proposals(
    question: str, router: Router, actions: Catalogue
) -> None:
    routed = await router.route(question, TABLE, actions)
    assert routed.steps == []
    assert 2 <= len(routed.instead) <= 4
    assert any(column.name in " ".join(routed.instead) for column in TABLE.columns)


async def test_what_is_missing_is_said(router: Router, actions: Catalogue) -> None:
    alone = Table("t", (Column("a", "number"), Column("b", "number")))
    routed = await router.route("has the distribution drifted since last month?", alone, actions)
    assert routed.steps == []
    assert "compare with" in routed.instead[0]


@pytest.mark.parametrize(
    "question",
    [
        "",
        "   ",
        "?!",
        "🙂🙂🙂",
        "'; DROP TABLE dataset; --",
        "\x00\x01",
        "a" * 100_000,
        "average " * 12_500,
        '"""',
        "((((",
        "\\",
    ],
    ids=lambda text: repr(text[:12]),
)
async def test_no_text_breaks_it(question: str, router: Router, actions: Catalogue) -> None:
    routed = await router.route(question, TABLE, actions)
    assert 0 <= routed.confidence <= 1
    for step in routed.steps:
        actions[step.action].validate(step.arguments)


async def test_a_table_without_columns_is_no_error(router: Router, actions: Catalogue) -> None:
    routed = await router.route("average price per city", Table("empty", ()), actions)
    assert routed.steps or routed.instead


async def test_only_actions_of_the_catalogue_are_planned(router: Router, actions: Catalogue) -> None:
    some = actions.only(["quality"])
    for question, _, _ in CASES:
        routed = await router.route(question, TABLE, some)
        assert all(step.action in some for step in routed.steps)


@pytest.mark.parametrize("every", [803, pytest.param(47, marks=pytest.mark.slow)])
async def test_every_step_that_is_planned_for_the_examples_is_a_valid_call(
    router: Router, actions: Catalogue, every: int
) -> None:
    for example in load_examples()[::every]:
        routed = await router.route(example.request, example.table, actions)
        for step in routed.steps:
            actions[step.action].validate(step.arguments)
            assert step.agent == actions[step.action].group
            assert step.why


async def test_the_same_question_gets_the_same_plan(router: Router, actions: Catalogue) -> None:
    first = await router.route("mean postage per depot", TABLE, actions)
    assert await router.route("mean postage per depot", TABLE, actions) == first


async def test_without_an_embedder_words_alone_route(actions: Catalogue) -> None:
    async def gone(texts: Sequence[str]) -> Any:
        raise Unavailable("no embedder")

    routed = await Router(gone).route("are any parcel ids duplicated?", TABLE, actions)
    assert [step.action for step in routed.steps] == ["check_duplicates"]


async def test_vectors_of_another_model_are_not_used(actions: Catalogue) -> None:
    import numpy as np

    calls = []

    async def other(texts: Sequence[str]) -> Any:
        calls.append(len(texts))
        return np.ones((len(texts), 8), dtype=np.float32) / 8**0.5

    router = Router(other)
    for _ in range(2):
        routed = await router.route("are any parcel ids duplicated?", TABLE, actions)
        assert [step.action for step in routed.steps] == ["check_duplicates"]
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("weightKg and POSTAGE EUR", ["weight_kg", "postage_eur"]),
        ("the depots", ["depot"]),
        ("postge", ["postage_eur"]),
        ("nothing of the kind", []),
        ("", []),
    ],
)
def test_columns_are_found_in_any_spelling(text: str, expected: list[str]) -> None:
    assert find_columns(text, TABLE) == expected


@pytest.mark.parametrize(
    ("goal", "expected"),
    [
        ("predict which parcels get lost", "lost"),
        ("train a model for the postage", "postage_eur"),
        ("clean this table up", None),
        ("", None),
    ],
)
def test_the_target_of_a_goal_is_found(goal: str, expected: str | None) -> None:
    assert find_target(goal, TABLE) == expected


def test_a_churn_model_is_about_whoever_left() -> None:
    bank = Table("bank", (Column("CustomerId", "id"), Column("Balance", "number"), Column("Exited", "boolean")))
    assert find_target("train a churn model", bank) == "Exited"
    assert find_target("predict whether a customer leaves", bank) == "Exited"


def test_the_weights_were_made_from_the_examples_as_they_are() -> None:
    assert load_classifier().digest == digest_of_joint() == digest(), "run: python -m refinery.agents.routing.training"
    assert "duplicates" in load_speller()
    assert len(vocabulary(load_examples())) > 10_000


@pytest.fixture(scope="module")
def parts() -> dict[str, float]:
    examples = read_examples(json.loads(EXAMINATION.read_text(encoding="utf-8")))
    return measure(examples, asyncio.run(routes(examples)))


@pytest.mark.slow
@pytest.mark.parametrize("part", ["action", "columns", "none"])
def test_the_examination_is_passed(parts: dict[str, float], part: str) -> None:
    assert parts[part] >= TARGET
