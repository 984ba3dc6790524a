"""Rating insights: what is kept, replaced, refused, remembered, walled off and erased."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from refinery.agents.feedback.keeping import all_ratings, erase_runs, erase_session
from refinery.agents.orchestrator.orchestrator import Orchestrator
from refinery.agents.orchestrator.records import Request
from refinery.agents.orchestrator.runs import DatabaseRuns, Run
from refinery.agents.orchestrator.settings import AgentSettings
from refinery.agents.orchestrator.work import Tools
from refinery.agents.rate_insight import rate_insight
from refinery.memory.store.database import Database
from refinery.memory.store.erasing import forget_session
from refinery.memory.store.memory import Memory
from refinery.memory.store.notes import Note
from refinery.memory.store.settings import StoreSettings
from refinery.memory.store.writing import keep
from refinery.server.feedback_cli import app
from refinery.tools.catalogue import Catalogue, action_of
from refinery.tools.context import Caller
from refinery.tools.errors import BadRequest, Unavailable
from refinery.tools.executor import Executor, ExecutorLimits
from refinery.tools.pool import Pool
from refinery.tools.runtime import Runtime, RuntimeConfig
from stores import Hashing
from typer.testing import CliRunner

PHONE = 5551234567


def finding(severity: str, column: str, message: str, **evidence: Any) -> dict[str, Any]:
    return {"severity": severity, "columns": [column], "message": message, "metric": "m", "evidence": evidence}


def step(name: str, action: str, *findings: dict[str, Any], text: str = "") -> dict[str, Any]:
    return {"step": {"id": name, "action": action}, "status": "done", "text": text, "findings": list(findings)}


def insight(name: str, title: str, columns: list[str], text: str, step: str, severity: str = "high") -> dict[str, Any]:
    return {
        "id": name,
        "title": title,
        "severity": severity,
        "concerns": "data owner",
        "columns": columns,
        "text": text,
        "advice": "Ask where it comes from.",
        "evidence": [{"step": step, "numbers": [37]}],
        "origin": "rules",
    }


STATE = {
    "request": {"dataset": "orders.csv", "goal": "predict returns", "target": "returned", "session": "monday"},
    "steps": [
        step(
            "s1",
            "check_missing_values",
            finding("high", "amount", "amount lacks 37 of 100 values"),
            finding("medium", "city", "city lacks 20 of 100 values"),
        ),
        step("s2", "check_distributions", finding("low", "phone", f"{PHONE} fills 40 rows", examples=[PHONE])),
        step("s3", "find_relationships", text="returned goes with refund"),
        {**step("s4", "check_drift", text="no reference"), "status": "failed"},
    ],
    "insights": [
        insight("i1", "Missing values: amount", ["amount"], "amount lacks 37 of 100 values.", "s1"),
        insight("i2", "Missing values: city", ["city"], "city lacks 20 of 100 values.", "s1", "medium"),
        insight("i3", "One value dominates: phone", ["phone"], f"{PHONE} fills 40 rows.", "s2", "low"),
        insight("i4", "What goes with 'returned'", [], "refund goes with it most.", "s3", "low"),
    ],
}


@dataclass
class Desk:
    """Where insights are rated: the action behind the corridor, and the memory that it writes into."""

    executor: Executor
    memory: Memory

    async def run(self, name: str, tenant: str = "default", **changes: Any) -> str:
        runs, state = DatabaseRuns(self.memory), {**STATE, **changes}
        run = Run(name, tenant, Request(dataset="orders.csv", goal="predict returns", session="monday"), owner="o")
        await runs.add(run)
        await runs.note(Run(name, tenant, run.request, "done", state, "o"))
        return name

    async def rate(self, insight: str, verdict: str, *, run: str = "r1", who: str = "ann", **more: Any) -> Any:
        caller = Caller(more.pop("tenant", "default"), who, more.pop("session", None))
        arguments = {"run": run, "insight": insight, "verdict": verdict, **more}
        return (await self.executor.run("rate_insight", arguments, caller)).result

    async def known(self, tenant: str = "default") -> list[tuple[str, str, str, str | None]]:
        ratings = await all_ratings(self.memory, tenant)
        return [(one.run, one.insight, one.verdict, one.text) for one in ratings]

    async def knowledge(self, *, holds: bool = True, tenant: str = "default") -> list[str]:
        await self.memory.settle()
        which = "IS NULL" if holds else "IS NOT NULL"
        statement = f"SELECT content FROM memories WHERE valid_to {which} ORDER BY created_at, content"
        async with self.memory.transaction(tenant) as running:
            return [row["content"] for row in await (await running.connection.execute(statement)).fetchall()]


@pytest.fixture
async def desk(store: StoreSettings, tmp_path: Path) -> AsyncIterator[Desk]:
    config = RuntimeConfig(workspace=tmp_path / "w")
    pool = Pool(config, 1)
    embedder: Any = Hashing()
    memory = Memory(Database(store), embedder, pool)
    await memory.ready()
    executor = Executor(Catalogue([action_of(rate_insight)]), Runtime(config), pool, ExecutorLimits())
    executor.runtime.services[Orchestrator] = Orchestrator(Tools(executor, AgentSettings(actions={}), memory))
    memory.erasers.append(partial(erase_session, memory))
    desk = Desk(executor, memory)
    await desk.run("r1")
    yield desk
    await memory.close()
    await executor.close()


async def test_a_verdict_is_answered_with_what_was_noted_and_what_is_left_to_rate(desk: Desk) -> None:
    told = await desk.rate("i1", "edit", score=0.8, text="  37 amounts are missing since the move to Lyon.  ")
    assert told == {
        "run": "r1",
        "insight": "i1",
        "title": "Missing values: amount",
        "verdict": "edit",
        "score": 0.8,
        "text": "37 amounts are missing since the move to Lyon.",
        "replaced": False,
        "verdicts": {"approve": 0, "edit": 1, "reject": 0},
        "unrated": ["i2", "i3", "i4"],
        "total": 1,
    }


async def test_it_is_kept_with_all_that_is_needed_when_the_run_is_gone(desk: Desk) -> None:
    await desk.rate("i1", "approve", session="tuesday")
    (kept,) = await all_ratings(desk.memory, "default")
    assert kept.model_dump(mode="json") == {
        "run": "r1",
        "insight": "i1",
        "principal": "ann",
        "sessions": ["tuesday", "monday"],
        "request": {"dataset": "orders.csv", "goal": "predict returns", "target": "returned"},
        "evidence": [
            {
                "action": "check_missing_values",
                "severity": "high",
                "columns": ["amount"],
                "message": "amount lacks 37 of 100 values",
            }
        ],
        "given": {
            "title": "Missing values: amount",
            "severity": "high",
            "concerns": "data owner",
            "columns": ["amount"],
            "text": "amount lacks 37 of 100 values.",
            "advice": "Ask where it comes from.",
            "origin": "rules",
        },
        "verdict": "approve",
        "score": None,
        "text": None,
    }


async def test_what_stands_in_a_personal_column_is_masked_in_the_evidence_and_in_the_insight(desk: Desk) -> None:
    await desk.rate("i3", "approve")
    await desk.rate("i4", "approve")
    phone, related = await all_ratings(desk.memory, "default")
    assert phone.evidence[0].message == "***67 fills 40 rows"
    assert phone.given.text == "***67 fills 40 rows."
    assert [(one.action, one.message) for one in related.evidence] == [
        ("find_relationships", "returned goes with refund")
    ]


async def test_a_later_verdict_of_the_same_person_replaces_the_earlier_and_others_stand_beside_it(desk: Desk) -> None:
    await desk.rate("i1", "edit", text="better", score=0.1)
    await desk.rate("i1", "approve", who="bob")
    again = await desk.rate("i1", "reject", text="amounts of samples are never filled in")
    assert (again["replaced"], again["total"]) == (True, 2)
    assert again["verdicts"] == {"approve": 1, "edit": 0, "reject": 1}
    assert await desk.known() == [
        ("r1", "i1", "reject", "amounts of samples are never filled in"),
        ("r1", "i1", "approve", None),
    ]
    (first, _) = await all_ratings(desk.memory, "default")
    assert first.score is None, "the score went with the verdict that it belonged to"


async def test_one_person_who_answers_many_times_at_once_has_one_verdict(desk: Desk) -> None:
    await asyncio.gather(*(desk.rate("i1", verdict) for verdict in ["approve", "reject"] * 4))
    assert len(await desk.known()) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"run": "5f0a9be", "insight": "i1", "verdict": "approve"}, "no run '5f0a9be'; did you mean '5f0a9bc1'?"),
        (
            {"run": "r1", "insight": "i9", "verdict": "approve"},
            "no insight 'i9' in run r1. Known insights: i1, i2, i3, i4",
        ),
        ({"run": "r1", "insight": "I3", "verdict": "approve"}, "no insight 'I3' in run r1; did you mean 'i3'?"),
        ({"run": "r1", "insight": "i1", "verdict": "aprove"}, "did you mean 'approve'?"),
        ({"run": "r1", "insight": "i1", "verdict": "edit"}, "'edit' needs text"),
        ({"run": "r1", "insight": "i1", "verdict": "edit", "text": " \n"}, "'edit' needs text"),
        (
            {"run": "r1", "insight": "i1", "verdict": "edit", "text": "amount lacks 37 of 100 values."},
            "word for word that of insight i1",
        ),
        ({"run": "r1", "insight": "i1", "verdict": "approve", "score": 1.01}, "less than or equal to 1"),
        ({"run": "r1", "insight": "i1", "verdict": "approve", "score": -0.1}, "greater than or equal to 0"),
        ({"run": "r1", "insight": "i1", "verdict": "reject", "text": "x" * 4001}, "4000"),
        ({"run": "r1", "insight": "i1", "verdict": "reject", "text": "a\0b"}, "NUL character (at 1)"),
        ({"run": "empty", "insight": "i1", "verdict": "approve"}, "run empty is done and has no insights"),
    ],
)
async def test_what_is_wrong_is_named_and_nothing_is_kept(desk: Desk, arguments: dict[str, Any], message: str) -> None:
    await desk.run("empty", insights=[])
    await desk.run("5f0a9bc1")
    with pytest.raises(BadRequest) as raised:
        await desk.executor.run("rate_insight", arguments, Caller())
    assert message in str(raised.value)
    assert await desk.known() == []


async def test_where_the_memory_is_off_it_says_what_to_switch_on(desk: Desk) -> None:
    desk.executor.runtime.services[Orchestrator] = Orchestrator(Tools(desk.executor, AgentSettings(actions={})))
    with pytest.raises(Unavailable, match=r"memory\.enabled"):
        await desk.rate("i1", "approve")


async def test_tenants_see_neither_each_other_s_runs_nor_verdicts(desk: Desk) -> None:
    await desk.run("r9", "other")
    await desk.rate("i1", "approve", run="r9", tenant="other")
    with pytest.raises(BadRequest, match="no run 'r9'"):
        await desk.rate("i1", "approve", run="r9")
    assert (await desk.rate("i1", "approve"))["total"] == 1
    await erase_runs(desk.memory, "default", ["r9"])
    await erase_session(desk.memory, "default", "monday")
    assert await desk.known() == []
    assert await desk.known("other") == [("r9", "i1", "approve", None)]
    assert len(await desk.knowledge(tenant="other")) == 1
    with pytest.raises(Exception, match="row-level security"):
        async with desk.memory.transaction("default") as running:
            await running.connection.execute(
                "INSERT INTO feedback (tenant, run, insight, principal, request, evidence, given, verdict) "
                "VALUES ('other', 'r', 'i', 'p', '{}', '[]', '{}', 'approve')"
            )


async def test_a_session_that_is_forgotten_takes_its_verdicts_and_what_was_remembered_of_them_along(desk: Desk) -> None:
    await desk.run("r3")
    await keep(desk.memory, "default", Note("The analysis of r1 and r3", session="monday"))
    await desk.rate("i1", "approve", session="tuesday")
    await desk.rate("i2", "reject", run="r3", session="wednesday", text="fine so")
    assert len(await desk.knowledge()) == 3
    await forget_session(desk.memory, "default", "tuesday")
    assert await desk.known() == [("r3", "i2", "reject", "fine so")]
    assert len(await desk.knowledge()) == 2
    await forget_session(desk.memory, "default", "monday")
    assert await desk.known() == [], "it was given in another session, and is about a run of this one"
    assert await desk.knowledge() == []


async def test_what_is_erased_before_it_is_remembered_never_is(desk: Desk) -> None:
    busy = asyncio.Event()
    desk.memory.later(busy.wait)
    await desk.rate("i1", "approve")
    await erase_runs(desk.memory, "default", ["r1"])
    busy.set()
    assert await desk.knowledge() == []


async def test_the_last_word_on_the_same_thing_is_what_is_known(desk: Desk) -> None:
    later = {**STATE["insights"][0], "title": "Missing values: amount"}
    await desk.run("r3", insights=[later])
    await desk.rate("i1", "approve")
    assert await desk.knowledge() == [
        "The owner confirms of orders.csv: Missing values: amount. amount lacks 37 of 100 values. "
        "Ask where it comes from."
    ]
    await desk.rate("i1", "edit", text="37 amounts lack; ask jane@example.com.")
    assert await desk.knowledge() == [
        "The owner says of 'Missing values: amount' in orders.csv: 37 amounts lack; ask j***@example.com."
    ]
    await desk.rate("i1", "reject", run="r3", who="bob", text="samples have no price")
    known = ["The owner does not see 'Missing values: amount' in orders.csv as a problem: samples have no price"]
    assert await desk.knowledge() == known
    assert len(await desk.knowledge(holds=False)) == 2


def test_a_model_reads_little_of_the_tool() -> None:
    action = action_of(rate_insight)
    text = action.name + action.description + json.dumps(action.input_schema)
    assert len(text) / 4 <= 150
    assert (action.traits.read_only, action.traits.idempotent, action.traits.pure) == (False, True, False)


@pytest.fixture
def over(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """The command line over the test's database."""
    monkeypatch.setenv("REFINERY_MEMORY__ENABLED", "true")
    monkeypatch.setenv("REFINERY_DATABASE_URL", database_url)
    monkeypatch.setenv("REFINERY_WORKSPACE", str(tmp_path / "w"))
    return CliRunner()


async def _words(runner: CliRunner, *words: str) -> Any:
    # Commands bring a loop of their own.
    return await asyncio.to_thread(runner.invoke, app, [str(word) for word in words])


async def test_the_command_line_rates_and_exports(desk: Desk, over: CliRunner, tmp_path: Path) -> None:
    rated = await _words(over, "rate", "r1", "i1", "edit", "--score", "0.9", "--text", "37 amounts lack since May.")
    assert rated.exit_code == 0, rated.exception
    assert "Noted 'edit' of i1 (Missing values: amount), score 0.9." in rated.stdout
    assert len(await desk.knowledge()) == 1, "it waited until that was remembered"
    done = await _words(over, "export", tmp_path / "out", "--format", "instruct")
    assert done.exit_code == 0, done.exception
    assert "1 ratings of 1 insights" in done.stdout
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "instruct.jsonl",
        "quality.json",
        "quality.txt",
    ]
    again = await _words(over, "export", tmp_path / "out")
    assert isinstance(again.exception, BadRequest)
    assert "--overwrite" in str(again.exception)
    wrong = await _words(over, "export", tmp_path / "new", "--tenant", "nobody")
    assert "no feedback is kept for tenant 'nobody'" in str(wrong.exception)


def test_the_command_line_says_that_the_memory_is_off(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["export", str(tmp_path / "out")])
    assert isinstance(result.exception, Unavailable)
    assert "memory.enabled" in str(result.exception)
    assert not (tmp_path / "out").exists()
