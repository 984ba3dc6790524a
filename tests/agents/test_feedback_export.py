"""Feedback as training data: what is written, what is left out and why, and that the counts add up."""

from __future__ import annotations

import json
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from refinery.agents.feedback.duplicates import distinct, normalised, shingles
from refinery.agents.feedback.examples import PAIRS_OF_RUN, label_of
from refinery.agents.feedback.exporting import agreed, check_file, export_feedback
from refinery.agents.feedback.keeping import note_rating
from refinery.agents.feedback.lines import Answered, InstructLine, PreferenceLine
from refinery.agents.feedback.quality import quality_of
from refinery.agents.feedback.ratings import Asked, Fact, Given, Rating
from refinery.agents.feedback.screening import suspicion
from refinery.memory.store.database import Database
from refinery.memory.store.memory import Memory
from refinery.memory.store.settings import StoreSettings
from refinery.tools.errors import BadRequest, Defect
from refinery.tools.pool import Pool
from refinery.tools.runtime import RuntimeConfig
from stores import Hashing

# Insights with no words in common, so that none is a duplicate of another by chance.
SAID = {
    "amount": "Every third amount is absent since the move to Lyon.",
    "city": "Berlin is written in seven ways, which splits its customers.",
    "refund": "refund is known only after the goods came back, and gives the answer away.",
    "weight": "Weights of parcels before March are in pounds, later ones in kilograms.",
    "age": "Nobody is older than 99: the form cuts the third digit off.",
    "channel": "Orders by fax ended in 2019; the level is dead.",
}


def rating(column: str, verdict: str, *, run: str = "r1", who: str = "ann", **more: Any) -> Rating:
    text, said = more.pop("text", None), SAID[column]
    given = {"title": f"About {column}", "severity": "high", "concerns": "data owner", "columns": [column]}
    given |= {"text": said, "advice": f"Ask who fills {column}.", "origin": "rules", **more.pop("given", {})}
    return Rating(
        run=run,
        insight=f"i-{column}",
        principal=who,
        request=more.pop("request", Asked(dataset="orders.csv", goal="predict returns", target="returned")),
        evidence=[Fact(action="quality_report", severity="high", columns=[column], message=f"seen: {said}")],
        given=Given(**given),
        verdict=verdict,
        text=text,
        **more,
    )


@pytest.fixture
async def memory(store: StoreSettings, tmp_path: Path) -> AsyncIterator[Memory]:
    embedder: Any = Hashing()
    memory = Memory(Database(store), embedder, Pool(RuntimeConfig(workspace=tmp_path / "w"), 1))
    await memory.ready()
    yield memory
    await memory.close()
    await memory.workers.close()


async def kept(memory: Memory, *ratings: Rating, tenant: str = "default") -> None:
    for one in ratings:
        await note_rating(memory, tenant, one)


def instruct(folder: Path) -> list[InstructLine]:
    return [InstructLine.model_validate_json(line) for line in (folder / "instruct.jsonl").read_text().splitlines()]


def preference(folder: Path) -> list[PreferenceLine]:
    return [PreferenceLine.model_validate_json(line) for line in (folder / "preference.jsonl").read_text().splitlines()]


def said(message: Any) -> Answered:
    return Answered.model_validate_json(message.content)


async def test_what_is_written_for_an_approval_an_edit_and_a_rejection(memory: Memory, tmp_path: Path) -> None:
    better = "A third of all amounts is absent, and all of these are orders from Lyon."
    await kept(
        memory,
        rating("amount", "edit", text=better, score=0.9),
        rating("city", "approve", score=0.7, given={"severity": "medium"}),
        rating("refund", "reject", score=0.2, text="we know", given={"severity": "low", "origin": "model"}),
    )
    report = await export_feedback(memory, "default", tmp_path / "out")
    edited, approved = instruct(tmp_path / "out")
    assert edited.messages[1].content == (
        "Dataset: orders.csv\nGoal: predict returns\nTarget: returned\n\nFindings:\n"
        f"- high, quality_report on amount: seen: {SAID['amount']}"
    )
    assert said(edited.messages[2]).model_dump() == {
        "title": "About amount",
        "severity": "high",
        "concerns": "data owner",
        "columns": ["amount"],
        "text": better,
        "advice": "Ask who fills amount.",
    }
    assert said(approved.messages[2]).text == SAID["city"]
    over_original, over_rejected = preference(tmp_path / "out")
    assert [said(over_original.chosen[0]).text, said(over_original.rejected[0]).text] == [better, SAID["amount"]]
    assert over_original.prompt == edited.messages[:2]
    assert [said(over_rejected.chosen[0]).text, said(over_rejected.rejected[0]).text] == [
        SAID["city"],
        SAID["refund"],
    ]
    assert over_rejected.prompt[1].content.split("Findings:\n")[1] == (
        f"- high, quality_report on city: seen: {SAID['city']}\n"
        f"- high, quality_report on refund: seen: {SAID['refund']}"
    )
    assert report.model_dump(exclude={"warnings"}) == {
        "ratings": 3,
        "insights": 3,
        "runs": 1,
        "people": 1,
        "datasets": 1,
        "verdicts": {"approve": 1, "edit": 1, "reject": 1},
        "severities": {"high": 1, "medium": 1, "low": 1},
        "origins": {"rules": 2, "model": 1},
        "scores": {
            "given": 3,
            "mean": 0.6,
            "minimum": 0.2,
            "maximum": 0.9,
            "bins": {"0.0-0.2": 0, "0.2-0.4": 1, "0.4-0.6": 0, "0.6-0.8": 1, "0.8-1.0": 1},
        },
        "agreement": {"rated_by_several": 0, "agreed": 0, "share": None},
        "left_out": {},
        "files": {
            name: {"candidates": 2, "exact_duplicates": 0, "near_duplicates": 0, "dropped": {}, "lines": 2}
            for name in ("instruct.jsonl", "preference.jsonl")
        },
    }
    assert report.warnings == [
        "instruct.jsonl holds 2, fewer than 50 examples: enough to look at, too few to tune a model with",
        "preference.jsonl holds 2, fewer than 50 examples: enough to look at, too few to tune a model with",
        "3 of 3 ratings are of one dataset: a model would learn it by heart",
    ]
    written = json.loads((tmp_path / "out" / "quality.json").read_text())
    assert written == report.model_dump(mode="json")
    assert "verdicts    1 approve, 1 edit, 1 reject" in (tmp_path / "out" / "quality.txt").read_text()
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "out").iterdir()} == {0o600}


async def test_what_is_personal_is_masked_and_what_may_be_is_left_out_and_counted(
    memory: Memory, tmp_path: Path
) -> None:
    card, mail = "4111 1111 1111 1111", "jane.doe@example.com"
    secret = Asked(dataset="postgresql://u:hunter2@db.example.com/shop/orders", goal="goal of jane (at) example.com")
    await kept(
        memory,
        rating("amount", "edit", text=f"Ask {mail} about card {card}."),
        rating("city", "edit", text="Berlin is +49 30 1234567 in seven ways."),
        rating("weight", "edit", text="Call 0049 30 12 34 56 78 9 for weights."),
        rating("age", "approve", request=secret),
        rating("channel", "approve", request=Asked(dataset="/home/jane/orders.csv")),
    )
    report = await export_feedback(memory, "default", tmp_path / "out")
    everything = "".join(path.read_text() for path in (tmp_path / "out").iterdir())
    for personal in (card, mail, "jane", "1234567", "hunter2", "0049", "4111"):
        assert personal not in everything
    amount, city, channel = instruct(tmp_path / "out")
    assert said(amount.messages[2]).text == "Ask j***@example.com about card ***1111."
    assert said(city.messages[2]).text == "Berlin is +49 ***67 in seven ways."
    assert channel.messages[1].content.startswith("Dataset: orders.csv\n")
    told = report.files["instruct.jsonl"]
    assert (told.candidates, told.lines) == (5, 3)
    assert told.dropped == {"may be personal: e-mail": 1, "may be personal: number": 1}
    assert report.files["preference.jsonl"].dropped == {"may be personal: number": 1}
    assert report.files["preference.jsonl"].lines == 2


async def test_an_edit_that_differs_only_in_what_is_masked_is_no_pair(memory: Memory, tmp_path: Path) -> None:
    given = {"text": "Ask jane@example.com about it."}
    await kept(memory, rating("amount", "edit", text="Ask joan@example.com about it.", given=given))
    report = await export_feedback(memory, "default", tmp_path / "out", form="preference")
    assert report.files["preference.jsonl"].model_dump() == {
        "candidates": 1,
        "exact_duplicates": 0,
        "near_duplicates": 0,
        "dropped": {"chosen equals rejected": 1},
        "lines": 0,
    }
    assert "preference.jsonl holds no example" in report.warnings
    assert (tmp_path / "out" / "preference.jsonl").read_text() == ""


async def test_repeats_are_removed_exact_and_near_and_counted(memory: Memory, tmp_path: Path) -> None:
    better = "Weights of parcels before the first of March are in pounds, the later ones in kilograms; convert them."
    await kept(
        memory,
        rating("amount", "approve"),
        rating("amount", "approve", who="bob"),
        rating("amount", "approve", run="r2", given={"text": SAID["amount"].upper().replace(" ", "  ")}),
        rating("weight", "edit", text=better),
        rating("weight", "edit", who="bob", text=better.replace("convert them.", "convert these.")),
        rating("weight", "edit", who="cid", text="Pounds and kilograms are mixed."),
    )
    report = await export_feedback(memory, "default", tmp_path / "out", form="instruct")
    assert report.files["instruct.jsonl"].model_dump() == {
        "candidates": 6,
        "exact_duplicates": 2,
        "near_duplicates": 1,
        "dropped": {},
        "lines": 3,
    }
    assert [said(line.messages[2]).text for line in instruct(tmp_path / "out")] == [
        SAID["amount"],
        better,
        "Pounds and kilograms are mixed.",
    ]
    assert report.agreement.model_dump() == {"rated_by_several": 2, "agreed": 2, "share": 1.0}
    assert (report.people, report.insights) == (3, 3)


async def test_where_people_disagree_the_most_decide_and_a_tie_gives_no_example(memory: Memory, tmp_path: Path) -> None:
    await kept(
        memory,
        rating("amount", "approve"),
        rating("amount", "reject", who="bob"),
        rating("city", "approve"),
        rating("city", "edit", who="bob", text="Berlin has seven spellings.", score=0.3),
        rating("city", "reject", who="cid"),
        rating("age", "reject"),
    )
    report = await export_feedback(memory, "default", tmp_path / "out")
    assert report.left_out == {"disputed": 2, "outvoted": 1}
    assert report.agreement.model_dump() == {"rated_by_several": 2, "agreed": 0, "share": 0.0}
    assert [said(line.messages[2]).text for line in instruct(tmp_path / "out")] == [
        SAID["city"],
        "Berlin has seven spellings.",
    ]
    pairs = [(said(line.chosen[0]).text, said(line.rejected[0]).text) for line in preference(tmp_path / "out")]
    assert pairs == [("Berlin has seven spellings.", SAID["city"]), (SAID["city"], SAID["age"])]
    assert "people agreed on 0 of 2 insights" in "\n".join(report.warnings)
    assert "1 approved or edited insights have a score below 0.5: look at them again" in report.warnings


async def test_the_same_feedback_gives_the_same_bytes(memory: Memory, tmp_path: Path) -> None:
    await kept(memory, *(rating(column, "approve") for column in SAID), rating("city", "reject", who="bob", run="r0"))
    for name in ("one", "two"):
        await export_feedback(memory, "default", tmp_path / name)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()
    assert [said(line.messages[2]).columns for line in instruct(tmp_path / "one")] == [[column] for column in SAID]


async def test_it_overwrites_only_when_told_and_leaves_other_files_alone(memory: Memory, tmp_path: Path) -> None:
    await kept(memory, rating("city", "approve"))
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    (folder / "quality.json").write_text("earlier")
    with pytest.raises(BadRequest, match=r"holds quality\.json already; pass --overwrite"):
        await export_feedback(memory, "default", folder)
    assert sorted(path.name for path in folder.iterdir()) == ["notes.txt", "quality.json"]
    assert (folder / "quality.json").read_text() == "earlier"
    await export_feedback(memory, "default", folder, overwrite=True)
    assert (folder / "quality.json").read_text() != "earlier"
    assert (folder / "notes.txt").read_text() == "mine"
    with pytest.raises(BadRequest, match="is a file; name a folder"):
        await export_feedback(memory, "default", folder / "notes.txt")


async def test_an_empty_store_says_so_and_writes_nothing_whoever_else_has_feedback(
    memory: Memory, tmp_path: Path
) -> None:
    await kept(memory, rating("city", "approve"), tenant="other")
    with pytest.raises(BadRequest, match="no feedback is kept for tenant 'default'"):
        await export_feedback(memory, "default", tmp_path / "out")
    assert not (tmp_path / "out").exists()


async def test_a_line_that_is_not_in_its_form_stops_the_export_before_anything_is_written(
    memory: Memory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await kept(memory, rating("city", "approve"))
    monkeypatch.setattr(InstructLine, "model_dump_json", lambda self: '{"messages": []}')
    with pytest.raises(Defect, match=r"line 1 of instruct\.jsonl is not in its form"):
        await export_feedback(memory, "default", tmp_path / "out", form="instruct")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_file_is_looked_through_for_personal_data_once_more(tmp_path: Path) -> None:
    answer = Answered(title="t", severity="low", concerns="c", columns=[], text="ask jane@example.com", advice="a")
    messages = [("system", "s"), ("user", "u"), ("assistant", answer.model_dump_json())]
    line = {"messages": [{"role": role, "content": content} for role, content in messages]}
    (tmp_path / "f").write_text(json.dumps(line) + "\n")
    with pytest.raises(Defect, match=r"line 1 of instruct\.jsonl may hold something personal"):
        check_file("instruct.jsonl", tmp_path / "f")


async def test_a_run_with_many_insights_gives_only_so_many_pairs(memory: Memory, tmp_path: Path) -> None:
    words = ["ox", "elm", "pear", "quartz", "violin", "harbour", "monsoon", "lantern", "gravel", "thimble"]
    texts = {word: f"{word} " * 6 + word[::-1] * 8 for word in words}
    ratings = [
        rating("city", "approve" if n < 5 else "reject").model_copy(
            update={"insight": word, "given": rating("city", "approve").given.model_copy(update={"text": texts[word]})}
        )
        for n, word in enumerate(words)
    ]
    await kept(memory, *ratings)
    report = await export_feedback(memory, "default", tmp_path / "out", form="preference")
    told = report.files["preference.jsonl"]
    assert (told.candidates, told.lines) == (25, PAIRS_OF_RUN)
    assert told.dropped == {"beyond 20 pairs of a run": 5}


def test_an_insight_without_words_gives_no_example() -> None:
    standing, left_out = agreed([rating("city", "approve", given={"text": " "})])
    assert (standing, left_out) == ([], {"incomplete": 1})


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("3,120,000,000 of 12 rows, 0.123456789 of all, since 2026-01-31 12:00:00", None),
        ("j***@example.com, +49 ***67, ***1111, ***-**-6789", None),
        ("- high, check_drift on password: 37 of 100 values differ; r = -0.25 p = 1.5e-10", None),
        ("seen at orders.csv, 99.5 % of 2026-11-26T09:43:03Z", None),
        ("jane@example.com", "not masked"),
        ("jane (at) example.com", "e-mail"),
        ("jane at example dot com", "e-mail"),
        ("jane@localhost", "e-mail"),
        ("jane\u200b@localhost", "e-mail"),
        ("call 030 12 34 56 789", "number"),
        ("call \uff10\uff13\uff10\uff11\uff12\uff13\uff14\uff15\uff16\uff17", "number"),
        ("4111,1111,1111,1112", "number"),
        ("4111 1111 1111 1112", "number"),
        ("AB12 3456 7890 1234 5678", "account"),
        ("from 10.0.0.17", "address on the network"),
        ("in /home/jane/orders.csv", "home folder"),
        ("s3://key:topsecret@bucket", "secret"),
        ("password: hunter2", "secret"),
        ("sk-abcdefghijklmnop1234", "secret"),
    ],
)
def test_the_second_look(text: str, found: str | None) -> None:
    assert suspicion(text) == found


@pytest.mark.parametrize(
    ("dataset", "label"),
    [
        ("orders", "orders"),
        ("sales/orders.csv", "sales/orders.csv"),
        ("shop:public/orders", "shop:public/orders"),
        ("/home/jane/orders.csv", "orders.csv"),
        ("~/orders.csv", "orders.csv"),
        ("C:\\Users\\jane\\orders.csv", "orders.csv"),
        ("https://u:p@example.com/a/orders.csv?sig=abc#x", "orders.csv"),
    ],
)
def test_a_label_does_not_say_where_a_dataset_lies(dataset: str, label: str) -> None:
    assert label_of(dataset) == label


TEXTS = st.lists(st.tuples(st.text("ab ", max_size=60), st.text("abc", max_size=40)), max_size=12)


@given(TEXTS)
def test_no_two_that_are_left_are_near_and_every_one_left_out_is_near_one_that_is_left(
    texts: list[tuple[str, str]],
) -> None:
    def near(one: tuple[str, str], other: tuple[str, str]) -> bool:
        sides = [(shingles(normalised(a)), shingles(normalised(b))) for a, b in zip(one, other, strict=True)]
        return all(10 * len(a & b) >= 9 * len(a | b) for a, b in sides)

    left = distinct(texts, lambda text: text)
    assert len(left.kept) + left.exact + left.near == len(texts)
    for number, one in enumerate(left.kept):
        assert not any(near(one, other) for other in left.kept[:number])
    assert all(any(near(one, other) for other in left.kept) for one in texts)


def test_scores_at_the_edges_fall_into_one_bin_each() -> None:
    ratings = [rating("city", "approve", who=str(n), score=n / 10) for n in range(11)]
    assert quality_of(ratings, {}, {}).scores.bins == {
        "0.0-0.2": 2,
        "0.2-0.4": 2,
        "0.4-0.6": 2,
        "0.6-0.8": 2,
        "0.8-1.0": 3,
    }
