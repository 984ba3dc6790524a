"""Runs from their start to their end: what is kept, resumed, cancelled, approved, forgotten."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
from houses import ORDERS, finished, opened_house, orchestrator_of, started
from refinery.agents.orchestrator.records import Request
from refinery.memory.store.erasing import forget_session
from refinery.server.wiring import House
from refinery.tools.context import Caller
from refinery.tools.errors import BadRequest

Open = Callable[..., AbstractAsyncContextManager[House]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "tables"
    folder.mkdir()
    (folder / "orders.csv").write_text(ORDERS)
    return folder


@pytest.fixture
def open_house(folder: Path, tmp_path: Path, database_url: str) -> Open:
    return partial(opened_house, folder, tmp_path / "workspace", database_url=database_url, WORKERS="1")


# What most tests need: each action that is not done saves seconds.
FEW_ALONE = {
    "AGENTS__ACTIONS": json.dumps(
        {"quality": ["quality_report"], "explore": ["infer_schema", "find_relationships"], "features": [], "memory": []}
    )
}


@pytest.fixture
async def small(open_house: Open) -> AsyncIterator[House]:
    """A house whose agents do little."""
    async with open_house(**FEW_ALONE) as house:
        yield house


@pytest.fixture
async def house(open_house: Open) -> AsyncIterator[House]:
    async with open_house() as house:
        yield house


def done(live: Any) -> dict[str, str]:
    return {step["step"]["action"]: step["status"] for step in live.run.state["steps"]}


async def test_a_run_ends_with_insights_a_score_and_a_report_and_leaves_no_checkpoint(house: House) -> None:
    live = await finished(house, target="returned")
    assert live.run.status == "done"
    assert set(done(live).values()) == {"done"}
    assert {"quality_report", "find_relationships", "detect_outliers", "statistical_summary"} <= set(done(live))
    titles = [insight["title"] for insight in live.run.state["insights"]]
    assert "Gives 'returned' away: refund" in titles
    assert "Placeholders stand for missing values: age" in titles
    folder = orchestrator_of(house).folder(live.run.id, house.caller)
    assert sorted(path.name for path in folder.iterdir()) == ["report.html", "report.json", "report.md"]
    assert json.loads((folder / "report.json").read_text())["score"] == live.run.state["score"]
    async with house.memory.transaction("default") as running:  # type: ignore[union-attr]
        for table in ("checkpoints", "checkpoint_blobs", "checkpoint_writes"):
            count = await (await running.connection.execute(f"SELECT count(*) AS n FROM {table}")).fetchone()
            assert count == {"n": 0}, table


async def test_the_next_run_recalls_what_the_last_one_found(small: House) -> None:
    await finished(small, target="returned")
    await small.memory.settle()  # type: ignore[union-attr]
    second = await finished(small, target="returned")
    told = " ".join(one["content"] for one in second.run.state["recalled"])
    assert "orders.csv" in told
    assert "refund" in told


async def test_state_and_checkpoints_hold_no_table(small: House, folder: Path) -> None:
    rows = ORDERS.splitlines()
    (folder / "large.csv").write_text("\n".join([rows[0], *(rows[1:] * 200)]))
    small, large = await finished(small), await finished(small, "large.csv")
    size = [len(json.dumps(live.run.state)) for live in (small, large)]
    assert size[1] < 1.5 * size[0] < 200_000


async def test_every_step_is_told_of_as_it_begins_and_ends(small: House) -> None:
    live = await finished(small)
    begun = [event.step.id for event in live.events.said if event.step and not event.result]
    ended = [event.result.step.id for event in live.events.said if event.result]
    assert sorted(set(begun)) == sorted(ended) == sorted(step["id"] for step in live.run.state["plan"])
    assert [event.stage for event in live.events.said][-1] == "ended"


async def test_a_step_that_fails_is_told_of_and_the_rest_goes_on(house: House, folder: Path) -> None:
    (folder / "one.csv").write_text("a,b\n" + "1,2\n" * 3)
    live = await finished(house, "one.csv", target="b")
    failed = [step for step in live.run.state["steps"] if step["status"] == "failed"]
    assert live.run.status == "done"
    assert failed
    assert all(step["error"] == "bad_request" and step["text"] for step in failed)


async def test_a_table_that_cannot_be_read_fails_the_run_with_the_reason_and_can_be_tried_again(
    house: House, folder: Path
) -> None:
    (folder / "broken.parquet").write_bytes(b"PAR1 not really PAR1")
    live = await finished(house, "broken.parquet")
    assert live.run.status == "failed"
    assert live.events.said[-1].error == live.run.state["error"] == "data_unreadable"
    answer = (await house.run("manage_run", {"run": live.run.id})).result["of"]
    assert "broken.parquet" in answer["headline"]
    (folder / "orders.csv").rename(folder / "kept.csv")
    import pandas as pd

    pd.read_csv(folder / "kept.csv").to_parquet(folder / "broken.parquet")
    again = await orchestrator_of(house).resume(live.run.id, house.caller)
    await again.ended.wait()
    assert again.run.status == "done"


async def test_what_does_not_exist_is_refused_before_a_run_begins(small: House) -> None:
    with pytest.raises(BadRequest, match=r"did you mean 'orders\.csv'"):
        await small.run("analyze_dataset", {"dataset": "order.csv"})
    with pytest.raises(BadRequest, match="did you mean 'returned'"):
        await small.run("analyze_dataset", {"dataset": "orders.csv", "target": "return"})
    assert await orchestrator_of(small).latest(small.caller) == []


async def test_a_long_run_goes_on_and_is_asked_for_later(small: House) -> None:
    first = (await small.run("analyze_dataset", {"dataset": "orders.csv", "wait": 0})).result
    assert first["status"] == "running"
    later = (await small.run("manage_run", {"run": first["run"]})).result["of"]
    assert (later["status"], later["run"]) == ("done", first["run"])
    listed = (await small.run("manage_run", {})).result["runs"]
    assert [one["run"] for one in listed] == [first["run"]]


async def test_cancelling_ends_the_work_within_a_second_and_resuming_repeats_nothing(
    house: House, folder: Path
) -> None:
    rows = ORDERS.splitlines()
    (folder / "large.csv").write_text("\n".join([rows[0], *(rows[1:] * 4000)]))
    live = await started(house, "large.csv")
    while not [event for event in live.events.said if event.result]:
        await asyncio.sleep(0.02)
    begun = time.monotonic()
    answer = (await house.run("manage_run", {"run": live.run.id, "do": "cancel"})).result["of"]
    assert time.monotonic() - begun < 2
    assert answer["status"] == "cancelled"
    assert house.executor.pool.busy_pids == []
    finished_before = {step["id"] for step in answer["plan"] if step["status"] == "done"}
    assert finished_before
    resumed = (await house.run("manage_run", {"run": live.run.id, "do": "resume", "wait": 120})).result["of"]
    assert resumed["status"] == "done"
    calls = Counter(_audited(house))
    assert calls["infer_schema"] == 1
    assert all(step["status"] == "done" for step in resumed["plan"])


def _audited(house: House, *outcomes: str) -> list[str]:
    """The actions of the calls that came to their end, as the audit has them."""
    wanted = outcomes or ("ok", "cached")
    lines = [
        json.loads(line)
        for file in house.executor.runtime.workspace.folder("audit").glob("2*.jsonl")
        for line in file.read_text().splitlines()
    ]
    return [line["action"] for line in lines if line["outcome"] in wanted]


async def test_of_two_servers_one_works_on_a_run_and_the_other_can_cancel_it(open_house: Open, folder: Path) -> None:
    rows = ORDERS.splitlines()
    (folder / "large.csv").write_text("\n".join([rows[0], *(rows[1:] * 4000)]))
    async with open_house() as one, open_house() as other:
        live = await started(one, "large.csv")
        while not live.run.state.get("plan"):
            await asyncio.sleep(0.02)
        seen = await orchestrator_of(other).find(live.run.id, other.caller)
        assert seen.status == "running"
        with pytest.raises(BadRequest, match="is running"):
            await orchestrator_of(other).resume(live.run.id, other.caller)
        await orchestrator_of(other).cancel(live.run.id, other.caller)
        # The first has not heard of it yet, and still works: nobody may begin beside it.
        with pytest.raises(BadRequest, match="worked on already"):
            await orchestrator_of(other).resume(live.run.id, other.caller)
        await asyncio.wait_for(live.ended.wait(), 10)
        assert (await orchestrator_of(one).find(live.run.id, one.caller)).status == "cancelled"
        first, second = (orchestrator_of(house).resume(live.run.id, house.caller) for house in (one, other))
        told = await asyncio.gather(first, second, return_exceptions=True)
        assert [type(one) for one in told].count(BadRequest) == 1


async def test_a_session_that_another_server_works_in_is_forgotten_all_the_same(open_house: Open, folder: Path) -> None:
    rows = ORDERS.splitlines()
    (folder / "large.csv").write_text("\n".join([rows[0], *(rows[1:] * 4000)]))
    async with open_house() as one, open_house() as other:
        live = await started(one, "large.csv", session="secret")
        while not live.run.state.get("plan"):
            await asyncio.sleep(0.02)
        await forget_session(other.memory, "default", "secret")  # type: ignore[arg-type]
        await asyncio.wait_for(live.ended.wait(), 10)
        await one.memory.settle()  # type: ignore[union-attr]
        assert not orchestrator_of(one).folder(live.run.id, one.caller).exists()
        async with one.memory.transaction("default") as running:  # type: ignore[union-attr]
            for table in ("analyses", "checkpoints", "checkpoint_writes"):
                count = await (await running.connection.execute(f"SELECT count(*) AS n FROM {table}")).fetchone()
                assert count == {"n": 0}, table
            notes = await (await running.connection.execute("SELECT content FROM memories")).fetchall()
            assert not [note for note in notes if "Analysis of" in note["content"]]


async def test_a_run_that_was_killed_before_its_first_checkpoint_begins_when_it_is_resumed(small: House) -> None:
    from refinery.agents.orchestrator.runs import Run

    runs, note = await orchestrator_of(small)._runs()
    assert note is None
    run = Run("0123456789ab", "default", Request(dataset="orders.csv"), owner="a process that is gone")
    await runs.add(run)
    async with small.memory.transaction("default") as running:  # type: ignore[union-attr]
        await running.connection.execute("UPDATE analyses SET alive_at = now() - interval '1 minute'")
    live = await orchestrator_of(small).resume(run.id, small.caller)
    await live.ended.wait()
    assert live.run.status == "done"


async def test_characters_that_the_database_cannot_keep_end_no_run(small: House, folder: Path) -> None:
    import pandas as pd

    cities = ["Berlin", "Paris", "Berl\0in", "Hamburg"] * 30
    pd.DataFrame({"city": cities, "n": range(120)}).to_parquet(folder / "nul.parquet")
    assert (await finished(small, "nul.parquet")).run.status == "done"
    for wrong in ({"goal": "a\0b"}, {"session": "s\0"}, {"session": "s" * 500}):
        with pytest.raises(BadRequest, match=r"NUL|400 characters"):
            await small.run("analyze_dataset", {"dataset": "orders.csv", **wrong})


async def test_an_address_is_kept_without_its_secrets(small: House) -> None:
    with pytest.raises(BadRequest, match=r"user|password"):
        await small.run("analyze_dataset", {"dataset": "http://alice:s3cretpw@127.0.0.1:1/x.csv"})
    await small.run("analyze_dataset", {"dataset": "http://127.0.0.1:1/x.csv?sig=s3cretpw", "wait": 60})
    told = (await small.run("manage_run", {})).result
    assert [one["status"] for one in told["runs"]] == ["failed"]
    assert "s3cretpw" not in json.dumps(told)
    kept = small.executor.runtime.workspace.folder("reports")
    assert not [file for file in kept.rglob("*.*") if "s3cretpw" in file.read_text()]


async def test_two_runs_at_once_make_features_of_their_own(open_house: Open, folder: Path) -> None:
    for name, rows in (("a", 121), ("b", 81)):
        (folder / name).mkdir()
        (folder / name / "orders.csv").write_text("\n".join(ORDERS.splitlines()[:rows]))
    async with open_house() as house:
        one, other = await asyncio.gather(
            finished(house, "a/orders.csv", **PREPARE), finished(house, "b/orders.csv", **PREPARE)
        )
        assert one.run.status == other.run.status == "waiting"
        answer = (await house.run("manage_run", {"run": one.run.id, "do": "approve", "wait": 120})).result["of"]
        saved = next(step for step in answer["plan"] if step["action"] == "save_fe_pipeline")
        whole = house.executor.runtime.workspace.result("default", saved["result"].rpartition("/")[2])
        assert whole is not None
        assert whole["result"]["dataset"] == "a/orders.csv"


async def test_a_run_that_is_answered_the_moment_it_waits_is_still_known_to_be_at_work(
    folder: Path, tmp_path: Path
) -> None:
    async with opened_house(folder, tmp_path / "workspace", WORKERS="1") as house:
        live = await finished(house, **PREPARE)
        again = await orchestrator_of(house).answer(live.run.id, house.caller, approved=True)
        await asyncio.sleep(0.05)  # the task of the first attempt has ended now
        assert orchestrator_of(house).live(live.run.id, house.caller) is again
        await again.ended.wait()


async def test_a_sign_of_life_that_comes_too_late_does_not_keep_a_waiting_run_from_its_answer(
    open_house: Open,
) -> None:
    async with open_house() as house:
        live = await finished(house, **PREPARE)
        await live.runs.alive(live.run.tenant, live.run.owner, [live.run.id])
        again = await orchestrator_of(house).answer(live.run.id, house.caller, approved=False)
        await again.ended.wait()
        assert again.run.status == "done"


async def test_of_several_answers_at_once_one_counts(open_house: Open) -> None:
    async with open_house() as house:
        live = await finished(house, **PREPARE)
        words = ["approve", "approve", "decline"]
        told = await asyncio.gather(
            *(house.run("manage_run", {"run": live.run.id, "do": do, "wait": 60}) for do in words),
            return_exceptions=True,
        )
        assert sum(isinstance(one, BadRequest) for one in told) == 2
        assert _audited(house).count("save_fe_pipeline") <= 1


async def test_what_fails_after_approval_can_be_approved_again(open_house: Open, folder: Path) -> None:
    async with open_house() as house:
        live = await finished(house, **PREPARE)
        (folder / "orders.csv").rename(folder / "away.csv")
        answer = (await house.run("manage_run", {"run": live.run.id, "do": "approve", "wait": 60})).result["of"]
        assert answer["status"] == "waiting"
        assert any("save_fe_pipeline failed" in note for note in answer["notes"])
        (folder / "away.csv").rename(folder / "orders.csv")
        answer = (await house.run("manage_run", {"run": live.run.id, "do": "approve", "wait": 60})).result["of"]
        assert answer["status"] == "done"


async def test_a_run_that_waited_and_is_cancelled_says_so_in_its_report(open_house: Open) -> None:
    async with open_house() as house:
        live = await finished(house, **PREPARE)
        await house.run("manage_run", {"run": live.run.id, "do": "cancel"})
        report = orchestrator_of(house).folder(live.run.id, house.caller) / "report.json"
        assert json.loads(report.read_text())["status"] == "cancelled"


async def test_a_call_that_may_take_less_than_it_waits_still_answers_with_its_run(open_house: Open) -> None:
    async with open_house(LIMITS__SECONDS="3") as house:
        answer = (await house.run("analyze_dataset", {"dataset": "orders.csv", "wait": 50})).result
        assert answer["run"]


@pytest.mark.parametrize("wrong", ['["save_pipeline"]', '["save_fe_pipeline", "nothing"]'])
async def test_a_misspelt_action_to_approve_is_refused_rather_than_done_unasked(open_house: Open, wrong: str) -> None:
    with pytest.raises(BadRequest, match=r"agents\.approve"):
        async with open_house(AGENTS__APPROVE=wrong) as house:
            await finished(house)


async def test_agents_may_be_called_what_the_graph_calls_its_own_nodes(open_house: Open) -> None:
    names = {"report": ["quality_report"], "plan": ["infer_schema"], "quality": [], "explore": [], "features": []}
    async with open_house(AGENTS__ACTIONS=json.dumps(names)) as house:
        assert (await finished(house)).run.status == "done"


async def test_tables_that_are_numbered_for_other_reasons_are_not_compared(small: House, folder: Path) -> None:
    (folder / "table1.csv").write_text(ORDERS)
    (folder / "table2.csv").write_text("x,y\n" + "".join(f"{i},{i % 7}\n" for i in range(50)))
    live = await finished(small, "table2.csv")
    assert any("table1.csv comes before it by name, but has other columns" in note for note in live.run.state["notes"])


async def test_another_tenant_sees_no_run(small: House) -> None:
    live = await finished(small)
    stranger = Caller(tenant="other")
    assert await orchestrator_of(small).latest(stranger) == []
    with pytest.raises(BadRequest, match="no run"):
        await orchestrator_of(small).find(live.run.id, stranger)


async def test_forgetting_a_session_erases_its_runs_and_their_reports(small: House) -> None:
    live = await finished(small, session="s1")
    kept = await finished(small, session="s2")
    orchestrator = orchestrator_of(small)
    await forget_session(small.memory, "default", "s1")  # type: ignore[arg-type]
    assert [run.id for run in await orchestrator.latest(small.caller)] == [kept.run.id]
    assert not orchestrator.folder(live.run.id, small.caller).exists()
    assert orchestrator.folder(kept.run.id, small.caller).exists()


async def test_old_runs_are_pruned(small: House) -> None:
    live = await finished(small)
    async with small.memory.transaction("default") as running:  # type: ignore[union-attr]
        await running.connection.execute("UPDATE analyses SET updated_at = now() - interval '31 days'")
    fresh = await finished(small)
    await orchestrator_of(small).prune("default")
    assert [run.id for run in await orchestrator_of(small).latest(small.caller)] == [fresh.run.id]
    assert not orchestrator_of(small).folder(live.run.id, small.caller).exists()


async def test_a_budget_of_steps_cuts_the_plan_and_says_so(open_house: Open) -> None:
    async with open_house(AGENTS__STEPS="3") as house:
        live = await finished(house)
    assert live.run.status == "done"
    assert len(live.run.state["plan"]) == 3
    assert any("over the limit of 3" in note for note in live.run.state["notes"])


async def test_a_budget_of_time_ends_a_run_with_what_there_is(open_house: Open, folder: Path) -> None:
    rows = ORDERS.splitlines()
    (folder / "large.csv").write_text("\n".join([rows[0], *(rows[1:] * 4000)]))
    for seconds in ("2.5", "3.5", "5", "7"):  # enough for a plan, also on a slow machine, and for no more than that
        async with open_house(AGENTS__SECONDS=seconds) as house:
            live = await finished(house, "large.csv")
        if live.run.status == "done":
            break
    statuses = Counter(step["status"] for step in live.run.state["steps"])
    assert live.run.status == "done"
    assert statuses["skipped"] >= 1
    assert any("agents.seconds" in step["text"] for step in live.run.state["steps"] if step["status"] == "skipped")


async def test_who_is_stopped_again_while_it_ends_is_cancelled_all_the_same(house: House) -> None:
    live = await started(house)
    while not [event for event in live.events.said if event.step]:
        await asyncio.sleep(0.01)
    await live.runs.mark(live.run, "cancelled")
    while not live.ended.is_set():
        live.stop()  # as whoever cancels it does, and the sign of life that learns of it
        await asyncio.sleep(0)
    assert (await orchestrator_of(house).find(live.run.id, house.caller)).status == "cancelled"


async def test_an_agent_does_only_what_the_settings_give_it(open_house: Open) -> None:
    async with open_house(**FEW_ALONE) as house:
        live = await finished(house, target="returned")
    assert set(done(live)) == {"infer_schema", "quality_report", "find_relationships"}
    with pytest.raises(BadRequest, match=r"agents\.actions\.quality.*did you mean 'quality_report'"):
        async with open_house(AGENTS__ACTIONS='{"quality": ["quality_reports"]}') as house:
            await finished(house)


async def test_without_a_memory_runs_are_kept_in_the_process(folder: Path, tmp_path: Path) -> None:
    async with opened_house(folder, tmp_path / "workspace") as house:
        live = await finished(house, target="returned")
        assert live.run.status == "done"
        assert [run.id for run in await orchestrator_of(house).latest(house.caller)] == [live.run.id]


async def test_a_database_that_does_not_come_up_is_said_and_the_run_goes_on(folder: Path, tmp_path: Path) -> None:
    nowhere = "postgresql://nobody:pw@127.0.0.1:9/none"
    async with opened_house(folder, tmp_path / "workspace", database_url=nowhere) as house:
        live = await finished(house)
    assert live.run.status == "done"
    assert any("memory is not available" in note for note in live.run.state["notes"])


# Features are saved only when somebody agrees.

PREPARE = {"goal": "prepare features to predict returned", "target": "returned"}


async def test_saving_waits_for_approval_in_its_checkpoint_and_across_a_restart(open_house: Open) -> None:
    async with open_house() as house:
        live = await finished(house, **PREPARE)
        assert live.run.status == "waiting"
        answer = (await house.run("manage_run", {"run": live.run.id})).result["of"]
        waiting = [step["action"] for step in answer["plan"] if step["id"] in answer["waiting"]]
        assert waiting == ["save_fe_pipeline"]
        assert answer["insights"]
        assert answer["report"]["path"]
    async with open_house() as house:
        before = Counter(_audited(house))
        answer = (await house.run("manage_run", {"run": live.run.id, "do": "approve", "wait": 120})).result["of"]
        assert answer["status"] == "done"
        assert Counter(_audited(house)) - before == Counter(["save_fe_pipeline", "manage_run"])
        saved = next(step for step in answer["plan"] if step["action"] == "save_fe_pipeline")
        assert saved["status"] == "done"
    with pytest.raises(BadRequest, match="done and waits for no approval"):
        async with open_house() as house:
            await house.run("manage_run", {"run": live.run.id, "do": "approve"})


async def test_what_is_declined_is_not_done(open_house: Open, tmp_path: Path) -> None:
    async with open_house() as house:
        live = await finished(house, **PREPARE)
        answer = (await house.run("manage_run", {"run": live.run.id, "do": "decline"})).result["of"]
        assert answer["status"] == "done"
        saved = next(step for step in answer["plan"] if step["action"] == "save_fe_pipeline")
        assert (saved["status"], saved["error"]) == ("skipped", "declined")
        assert "save_fe_pipeline" not in _audited(house, "ok")


async def test_a_plan_alone_runs_nothing_but_a_look(house: House) -> None:
    answer = (await house.run("analyze_dataset", {"dataset": "orders.csv", "plan_only": True})).result
    assert {"quality_report", "detect_outliers"} <= {step["action"] for step in answer["plan"]}
    assert all(step["why"] for step in answer["plan"])
    assert set(_audited(house)) <= {"infer_schema", "analyze_dataset"}
    assert await orchestrator_of(house).latest(house.caller) == []


# Killed in the middle.


@pytest.mark.parametrize("after", [4, pytest.param(1, marks=pytest.mark.slow)])
async def test_a_killed_run_is_resumed_by_another_process_without_repeating_a_finished_step(
    open_house: Open, folder: Path, tmp_path: Path, database_url: str, after: int
) -> None:
    rows = ORDERS.splitlines()
    (folder / "large.csv").write_text("\n".join([rows[0], *(rows[1:] * 2000)]))
    environment = {
        **os.environ,
        "REFINERY_WORKSPACE": str(tmp_path / "workspace"),
        "REFINERY_MEMORY__ENABLED": "true",
        "REFINERY_DATABASE_URL": database_url,
        "REFINERY_CACHE__ENABLED": "false",
        "REFINERY_WORKERS": "1",
    }
    command = [sys.executable, "-m", "refinery", "analyze", str(folder / "large.csv"), "--json"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    async with open_house(CACHE__ENABLED="false") as house:
        orchestrator = orchestrator_of(house)
        run = await _with_steps(orchestrator, house.caller, after, process)
        family = psutil.Process(process.pid).children(recursive=True)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        psutil.wait_procs(family, timeout=10)
        noted = {step["step"]["id"] for step in (await orchestrator.find(run, house.caller)).state["steps"]}
        before = Counter(_audited(house))
        while (await orchestrator.find(run, house.caller)).status != "interrupted":
            await asyncio.sleep(0.2)
        live = await orchestrator.resume(run, house.caller)
        await live.ended.wait()
        assert live.run.status == "done"
        steps = {step["step"]["id"]: step for step in live.run.state["steps"]}
        assert len(steps) == len(live.run.state["steps"]) == len(live.run.state["plan"])
        assert set(_outcomes(live)) == {"done"}
        repeated = Counter(_audited(house)) - before
        finished_before = Counter(steps[name]["step"]["action"] for name in noted)
        planned = Counter(step["action"] for step in live.run.state["plan"])
        # What the checkpoint held as finished is not among the calls that were made after.
        assert all(repeated[name] <= planned[name] - finished_before[name] for name in planned)


def _outcomes(live: Any) -> list[str]:
    return [step["status"] for step in live.run.state["steps"]]


async def _with_steps(orchestrator: Any, caller: Caller, count: int, process: Any) -> str:
    """Wait until a run of another process has so many steps in its checkpoints."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        assert process.poll() is None, "it ended before"
        for run in await orchestrator.latest(caller):
            if len(run.state.get("steps", [])) >= count:
                return str(run.id)
        await asyncio.sleep(0.02)
    raise AssertionError("no such run")


def test_the_tables_of_the_checkpointer_are_those_that_the_library_knows() -> None:
    from langgraph.checkpoint.postgres.base import BasePostgresSaver

    # Ten migrations of theirs are in ours: when there are more, ours must follow.
    assert len(BasePostgresSaver.MIGRATIONS) == 10


def test_a_request_is_refused_with_fields_that_it_does_not_have() -> None:
    with pytest.raises(ValueError, match="extra"):
        Request(dataset="a", other=1)  # type: ignore[call-arg]
