"""Requests that are read together with the columns of their table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from refinery.agents.routing.classifier import load_classifier
from refinery.agents.routing.columns import blended
from refinery.agents.routing.drills import drills
from refinery.agents.routing.joint import (
    FARTHEST,
    LONGEST,
    LOWEST,
    WIDTH,
    Read,
    layout,
    load_heads,
    load_network,
    matrices,
    read_together,
    spoken,
    vectors_of,
)
from refinery.agents.routing.joint_training import in_steps, learn, scores
from refinery.agents.routing.reading import names_of, read
from refinery.agents.routing.router import Router
from refinery.agents.routing.tables import Column, Table
from refinery.agents.routing.training import facts_of, lessons, see
from refinery.tools.catalogue import Catalogue
from refinery.tools.embedding import load_encoder
from refinery.tools.embedding_service import EmbeddingService
from refinery.tools.errors import LimitExceeded, Unavailable
from refinery.tools.pool import Pool, WorkerDefect
from refinery.tools.runtime import RuntimeConfig
from stores import Embedding

from benchmarks.routing import catalogue

TABLE = Table(
    "vineyards",
    (
        Column("plot_id", "id", ("P-1", "P-2")),
        Column("grape", "category", ("Riesling", "Merlot")),
        Column("yield_hl", "number"),
        Column("slope_deg", "number"),
        Column("picked_on", "datetime"),
    ),
)

WORKS = Table(
    "works",
    (
        Column("job_id", "id", ("J-1", "J-2")),
        Column("trade", "category", ("Roofing", "Plumbing")),
        Column("site", "category", ("Old Mill", "Quay 4")),
        Column("crew_avg", "number", ("4.5", "12")),
        Column("invoiced_eur", "number", ("1200", "87000")),
        Column("paid_eur", "number", ("1200", "50000")),
        Column("plan_start", "datetime", ("2024-01-02",)),
        Column("act_start", "datetime", ("2024-01-09",)),
        Column("rain_days", "number", ("0", "3")),
        Column("cancelled", "boolean", ("true", "false")),
        Column("remarks", "text", ("left the scaffold for the painters to take down",)),
    ),
)


def wide(count: int) -> list[tuple[str, int]]:
    return [(f"reading of sensor {place} in the cellar", 1) for place in range(count)]


def test_what_was_learned_is_added_to_the_published_network_and_to_nothing_else() -> None:
    published, _ = load_encoder()
    adapted = load_network().encoder
    changed = {name for name, _ in matrices(adapted)}
    before, after = dict(published.named_parameters()), dict(adapted.named_parameters())
    moved = [
        name for name in before if before[name].shape != after[name].shape or not torch.equal(before[name], after[name])
    ]
    assert len(moved) == len(changed) + 1  # and the kinds of columns
    assert all(int(name.split(".")[2]) >= LOWEST for name in moved if name.startswith("encoder.layer"))


def test_a_change_is_kept_to_half_a_step_of_its_row() -> None:
    change = torch.randn(40, 60, generator=torch.Generator().manual_seed(0)) * torch.logspace(-3, 1, 40)[:, None]
    change[3] = 0
    moved, step = in_steps(change)
    assert (moved.dtype, step.dtype, np.abs(moved).max()) == (np.int8, np.float16, 7)
    kept = moved * step.astype(np.float32)[:, None]
    largest = np.abs(change.numpy()).max(axis=1)
    # Half a step, and what 16 bits lose of the size of one, seven times.
    assert (np.abs(kept - change.numpy()).max(axis=1) <= largest / 14 + largest * 2**-11).all()
    assert not kept[3].any()


def test_a_training_makes_the_arrays_that_are_shipped() -> None:
    chooser, seen = load_classifier().chooser, [see(drill) for drill in drills(4)]
    facts = facts_of(seen, chooser.actions, chooser.rates, None)
    made = learn(lessons(seen, chooser.actions, facts), len(chooser.actions))
    with np.load(Path(str(files("refinery.agents.routing") / "joint.npz")), allow_pickle=False) as shipped:
        assert {name: array.shape for name, array in made.items()} == {
            name: shipped[name].shape for name in shipped.files if name != "digest"
        }
        assert all(shipped[name].dtype == made[name].dtype for name in made if name.startswith(("moved", "step")))
    assert any(made[name].any() for name in made if name.startswith("moved"))


def test_a_request_alone_is_laid_out_as_the_tokenizer_of_the_model_does() -> None:
    network = load_network()
    text = "Which vineyard yields most?"
    assert layout(network.pieces, text, [])[0] == network.tokenizer.encode(text).ids


def test_each_column_has_a_vector_however_many_there_are() -> None:
    network = load_network()
    rows = network.read("which sensor is broken", wide(150))
    assert rows.shape == (151, WIDTH)
    assert np.isfinite(rows).all()
    assert len(layout(network.pieces, "which sensor is broken", wide(150))[0]) <= LONGEST
    first = max(layout(network.pieces, "which sensor is broken", wide(150))[2]) + 1
    assert 0 < first < 150
    np.testing.assert_array_equal(rows[first + 1 :], network.read("which sensor is broken", wide(150)[first:])[1:])
    np.testing.assert_array_equal(rows[: first + 1], network.read("which sensor is broken", wide(first)))


def test_words_that_look_like_borders_are_words() -> None:
    network = load_network()
    tokens, _, owners = layout(network.pieces, "average [SEP] price [PAD] \udcff", [("a [CLS] b", 1)])
    assert tokens.count(102) == 2
    assert 0 not in tokens
    assert owners.count(0) > 3


@pytest.mark.parametrize(("one", "other", "expected"), [(0.3, 0.3, 0.3), (0.8, 0.2, 0.365), (0.9, 0.5, 0.659)])
def test_odds_lie_between_two_judges_nearer_to_the_second(one: float, other: float, expected: float) -> None:
    assert blended(np.array([one]), np.log(np.array([other / (1 - other)])))[0] == pytest.approx(expected, abs=1e-3)
    assert np.isfinite(blended(np.array([0.0, 1.0]), np.array([1e9, -1e9]))).all()


def test_a_request_is_read_as_far_as_there_is_room() -> None:
    assert load_network().read("why " * 2_000, wide(3)).shape == (4, WIDTH)
    assert load_network().read("", []).shape == (1, WIDTH)


async def test_a_worker_reads_as_this_process_does(tmp_path: Path) -> None:
    asked = [
        (read(text, names_of(TABLE)), TABLE) for text in ("freak harvests?", "plot yield by grape", "freak harvests?")
    ]
    service = EmbeddingService(Pool(RuntimeConfig(workspace=tmp_path, threads=1), 1))
    try:
        there = await read_together(service.compute, asked)
    finally:
        await service.close()
    here = await read_together(Embedding().compute, asked[:1])
    for one in (there[0], there[2]):
        np.testing.assert_array_equal(one.request, here[0].request)
        np.testing.assert_array_equal(one.columns, here[0].columns)
    assert there[1].columns.shape == (5, WIDTH)


def test_what_was_trained_is_what_is_asked() -> None:
    """A batch through the way of the training, in torch and padded, against one request at a time in numpy."""
    heads, network = load_heads(), load_network()
    layers: dict[str, Any] = {
        name: torch.nn.Linear(*reversed(heads.weights[f"{name}.weight"].shape)) for name in ("act", "fx", "h", "o", "n")
    }
    layers["emb"] = torch.nn.Embedding(*heads.weights["emb.weight"].shape)
    modules = torch.nn.ModuleDict(layers)
    modules.load_state_dict({name: torch.from_numpy(array) for name, array in heads.weights.items()})
    asked = [
        ("how much do the slopes matter?", [spoken(column) for column in TABLE.columns]),
        ("dates", [spoken(TABLE["picked_on"])]),
    ]
    raw = np.random.default_rng(0).normal(size=(2, 5, len(heads.middle))).astype("f4") * 9
    cut = np.clip((raw - heads.middle) / heads.spread, -FARTHEST, FARTHEST)
    with torch.no_grad():
        laid = [layout(network.pieces, *one) for one in asked]
        columns, actions, numbers = scores(
            network.encoder, modules, laid, torch.tensor([3, 7]), torch.from_numpy(cut), dropped=0.0
        )
    for row, (request, spoken_of) in enumerate(asked):
        vectors = network.read(request, spoken_of)
        seen, facts = Read(vectors[0], vectors[1:]), raw[row, : len(spoken_of)]
        np.testing.assert_allclose(heads.columns(seen, (3, 7)[row], facts), columns[row, : len(spoken_of)], atol=1e-3)
        np.testing.assert_allclose(heads.actions(seen), torch.log_softmax(actions[row], -1), atol=1e-3)
        heard = heads.numbers(seen, (3, 7)[row])
        np.testing.assert_allclose(heard, torch.log_softmax(numbers[row], -1), atol=1e-3)
    assert actions.shape[1] == len(load_classifier().classes)


async def test_reading_together_finds_columns_that_words_alone_do_not() -> None:
    made, actions = Embedding(), catalogue()
    assert isinstance(actions, Catalogue)
    together, alone = Router(made.embed, made.compute), Router(made.embed)
    asked = {
        "average crew size per craft": ["crew_avg", "trade"],
        "bar chart of jobs by craft": ["trade"],
        "one-hot the profession": ["trade"],
        "how many jobs did not go ahead?": ["cancelled"],
    }
    missed = []
    for question, columns in asked.items():
        assert (await together.route(question, WORKS, actions)).columns == columns
        missed.append((await alone.route(question, WORKS, actions)).columns != columns)
        left_out = await together.route(question, WORKS, actions, together=False)
        assert left_out == await alone.route(question, WORKS, actions)
    assert any(missed)


@pytest.mark.xfail(reason="takes one column more since it learned from requests with several", strict=True)
async def test_a_chart_of_counts_takes_what_is_counted_by_alone() -> None:
    made = Embedding()
    assert (await Router(made.embed, made.compute).route("bars: jobs by craft", WORKS, catalogue())).columns == [
        "trade"
    ]


async def test_what_sells_best_is_a_question_about_the_product() -> None:
    made = Embedding()
    shop = Table(
        "orders",
        (
            Column("order_id", "id", ("1", "2")),
            Column("product_name", "category", ("Tent", "Lamp")),
            Column("quantity", "number", ("1", "3")),
            Column("city", "category", ("Bonn", "Lyon")),
        ),
    )
    routed = await Router(made.embed, made.compute).route("which product sells best?", shop, catalogue())
    assert [(step.action, routed.columns) for step in routed.steps] == [("query_dataset", ["product_name"])]


@pytest.mark.parametrize("error", [Unavailable("no network"), LimitExceeded("too slow"), WorkerDefect("a trace")])
async def test_where_the_network_is_not_there_questions_are_routed_without_it(error: Exception) -> None:
    made, actions = Embedding(), catalogue()
    assert isinstance(actions, Catalogue)

    async def gone(function: Callable[..., Any], /, *, seconds: float, **arguments: Any) -> Any:
        raise error

    for question in ("average yield per grape", "are plot ids used twice?"):
        routed = await Router(made.embed, gone).route(question, TABLE, actions)
        assert routed == await Router(made.embed).route(question, TABLE, actions)
        assert len(routed.steps) == 1


def test_what_comes_back_is_plain_text() -> None:
    sent: Sequence[Any] = vectors_of([("how many", [("grape such as Riesling", 2)])])
    assert isinstance(sent, str)
    assert sent.isascii()


FLATS = Table(
    "flats",
    (
        Column("flat_id", "id", ("F-1", "F-2")),
        Column("district", "category", ("Harbour", "Hill")),
        Column("year_built", "number", ("1932", "1978")),
        Column("monthly_fee", "number", ("120", "340")),
        Column("listed_on", "datetime", ("2024-01-02",)),
    ),
)


@pytest.mark.parametrize(
    ("question", "columns"),
    [
        ("how many flats were built before 1940?", ["year_built"]),
        ("average monthly fee by district", ["monthly_fee", "district"]),
        ("average monthly fee per month of listing", ["monthly_fee", "listed_on"]),
    ],
)
async def test_a_date_is_added_only_where_nothing_chosen_tells_the_time(question: str, columns: list[str]) -> None:
    made = Embedding()
    assert (await Router(made.embed, made.compute).route(question, FLATS, catalogue())).columns == columns
