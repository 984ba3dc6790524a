"""The corridor, with real worker processes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from refinery.tools.context import Caller
from refinery.tools.errors import BadRequest, Defect, LimitExceeded, Unavailable
from refinery.tools.executor import Executor

ME = Caller()
Make = Callable[..., Executor]


async def _until(condition: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        await asyncio.sleep(0.02)


async def test_a_call_answers_with_a_result_a_text_and_an_address(make_executor: Make) -> None:
    outcome = await make_executor().run("count_rows", {"dataset": "orders.csv"}, ME)
    assert outcome.result["scanned"] == {"rows": 3, "of": 3, "method": "all"}
    assert outcome.text.startswith("count_rows on ")
    assert outcome.uri == outcome.result["uri"]
    assert outcome.uri is not None
    assert outcome.uri.startswith("refinery://results/")


async def test_lists_and_mappings_are_cut_to_fifty_and_the_whole_is_kept(make_executor: Make) -> None:
    executor = make_executor()
    outcome = await executor.run("count_rows", {"dataset": "orders.csv", "upto": 70}, ME)
    assert outcome.result["numbers"] == list(range(50))
    assert len(outcome.result["names"]) == 50
    assert outcome.result["truncated"] is True
    assert outcome.uri is not None
    kept = executor.runtime.workspace.result("default", outcome.uri.rsplit("/", 1)[-1])
    assert kept is not None
    assert kept["result"]["numbers"] == list(range(70))
    assert outcome.uri in outcome.text


async def test_personal_values_are_masked_in_result_and_text(make_executor: Make) -> None:
    outcome = await make_executor().run("count_rows", {"dataset": "orders.csv"}, ME)
    assert "jane.doe@example.com" not in json.dumps(outcome.result) + outcome.text


async def test_a_pure_action_is_answered_again_from_the_kept_result(make_executor: Make) -> None:
    executor = make_executor()
    first = await executor.run("count_rows", {"dataset": "orders.csv"}, ME)
    second = await executor.run("count_rows", {"dataset": "orders.csv"}, ME)
    assert (first.cached, second.cached) == (False, True)
    assert (second.result, second.text, second.uri) == (first.result, first.text, first.uri)


async def test_changed_data_other_arguments_and_other_tenants_are_computed_anew(
    make_executor: Make, data_folder: Path
) -> None:
    executor = make_executor()
    await executor.run("count_rows", {"dataset": "orders.csv"}, ME)
    assert not (await executor.run("count_rows", {"dataset": "orders.csv", "upto": 4}, ME)).cached
    assert not (await executor.run("count_rows", {"dataset": "orders.csv"}, Caller(tenant="other"))).cached
    with (data_folder / "orders.csv").open("a") as file:
        file.write("4,Rome,1\n")
    changed = await executor.run("count_rows", {"dataset": "orders.csv"}, ME)
    assert not changed.cached
    assert changed.result["scanned"]["rows"] == 4


async def test_a_result_is_invisible_to_another_tenant(make_executor: Make) -> None:
    executor = make_executor()
    outcome = await executor.run("count_rows", {"dataset": "orders.csv"}, ME)
    assert outcome.uri is not None
    assert executor.runtime.workspace.result("other", outcome.uri.rsplit("/", 1)[-1]) is None


async def test_with_the_cache_off_every_call_computes(make_executor: Make) -> None:
    executor = make_executor(cache=False)
    await executor.run("count_rows", {"dataset": "orders.csv"}, ME)
    assert not (await executor.run("count_rows", {"dataset": "orders.csv"}, ME)).cached


async def test_a_killed_worker_costs_its_call_alone(make_executor: Make, tmp_path: Path) -> None:
    executor = make_executor(workers=2)
    doomed = asyncio.create_task(executor.run("sleep_and_touch", {"seconds": 30, "file": str(tmp_path / "doomed")}, ME))
    await _until((tmp_path / "doomed").exists)
    victim = int((tmp_path / "doomed").read_text().split()[0])
    beside = asyncio.create_task(executor.run("sleep_and_touch", {"seconds": 1, "file": str(tmp_path / "fine")}, ME))
    await _until((tmp_path / "fine").exists)
    os.kill(victim, signal.SIGKILL)
    with pytest.raises(Unavailable, match="died during the call"):
        await doomed
    assert (await beside).result["said"] == "slept"
    assert (await executor.run("report_progress", {}, ME)).result["said"] == "default"


async def test_a_cancelled_call_stops_its_work_within_a_second(make_executor: Make, tmp_path: Path) -> None:
    executor = make_executor()
    file = tmp_path / "touched"
    call = asyncio.create_task(executor.run("sleep_and_touch", {"seconds": 30, "file": str(file)}, ME))
    await _until(file.exists)
    pid = int(file.read_text().split()[0])
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await _until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == "zombie", seconds=1)
    last = file.read_text()
    await asyncio.sleep(0.3)
    assert file.read_text() == last
    assert (await executor.run("report_progress", {}, ME)).result["said"] == "default"


async def test_a_call_over_its_time_ends_with_the_limit_named(make_executor: Make, tmp_path: Path) -> None:
    executor = make_executor(seconds=1)
    with pytest.raises(LimitExceeded, match=r"after 1 seconds.*limits\.seconds"):
        await executor.run("sleep_and_touch", {"seconds": 30, "file": str(tmp_path / "f")}, ME)


async def test_a_call_over_its_memory_ends_with_the_limit_named(make_executor: Make) -> None:
    executor = make_executor(memory_mb=600)
    with pytest.raises(LimitExceeded, match=r"600 MB.*limits\.memory_mb"):
        await executor.run("eat_memory", {"megabytes": 2000}, ME)


async def test_a_defect_becomes_an_incident_and_its_text_stays_in_the_log(
    make_executor: Make, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(Defect) as caught:
        await make_executor().run("crash", {}, ME)
    incident = str(caught.value).split("incident ")[1].split(",")[0]
    assert "secret-cell-value" not in str(caught.value)
    assert "ZeroDivisionError" in caplog.text
    assert incident in caplog.text


async def test_an_error_of_the_callers_crosses_the_process_border_whole(make_executor: Make) -> None:
    with pytest.raises(BadRequest, match="no, because of 'this'"):
        await make_executor().run("refuse", {}, ME)


async def test_what_a_library_prints_does_not_reach_the_answers(make_executor: Make) -> None:
    assert (await make_executor().run("print_noise", {}, ME)).result["said"] == "quiet"


async def test_progress_reaches_the_caller_in_order(make_executor: Make) -> None:
    steps: list[tuple[float, float | None, str | None]] = []
    await make_executor().run("report_progress", {}, ME, lambda *step: steps.append(step))
    assert steps == [(1, 3, "step 1"), (2, 3, "step 2"), (3, 3, "step 3")]


async def test_cheap_actions_run_in_the_process_itself(make_executor: Make) -> None:
    assert (await make_executor().run("whoami", {}, ME)).result["pid"] == os.getpid()


async def test_calls_wait_for_a_free_worker(make_executor: Make, tmp_path: Path) -> None:
    executor = make_executor(workers=1)
    calls = [executor.run("sleep_and_touch", {"seconds": 0.1, "file": str(tmp_path / "f")}, ME) for _ in range(3)]
    pids = {outcome.result["pid"] for outcome in await asyncio.gather(*calls)}
    assert len(pids) == 1


@pytest.mark.parametrize(
    ("action", "arguments", "message"),
    [
        ("count_row", {}, "no action 'count_row'; did you mean 'count_rows'"),
        ("count_rows", {"dataset": "orders.csv", "up_to": 1}, "no argument 'up_to'; did you mean 'upto'"),
        ("count_rows", {}, "'dataset' is missing"),
        ("count_rows", {"dataset": "orders.csv", "upto": "3"}, "upto: .*integer; got '3'"),
        ("count_rows", {"dataset": "ordrs.csv"}, "did you mean 'orders.csv'"),
    ],
)
async def test_a_wrong_call_names_what_is_wrong(
    make_executor: Make, action: str, arguments: dict[str, object], message: str
) -> None:
    with pytest.raises(Exception, match=message):
        await make_executor().run(action, arguments, ME)


async def test_every_call_is_recorded_without_values_of_cells(make_executor: Make, tmp_path: Path) -> None:
    executor = make_executor()
    await executor.run("count_rows", {"dataset": "orders.csv"}, Caller("acme", "ann", "s1"))
    await executor.run("count_rows", {"dataset": "orders.csv"}, Caller("acme", "ann", "s1"))
    with pytest.raises(BadRequest):
        await executor.run("refuse", {}, ME)
    (file,) = (tmp_path / "workspace" / "audit").iterdir()
    assert file.stat().st_mode & 0o077 == 0
    records = [json.loads(line) for line in file.read_text().splitlines()]
    assert [(r["tenant"], r["principal"], r["action"], r["outcome"]) for r in records] == [
        ("acme", "ann", "count_rows", "ok"),
        ("acme", "ann", "count_rows", "cached"),
        ("default", "local", "refuse", "bad_request"),
    ]
    assert records[0]["session"] == "s1"
    assert records[0]["fingerprints"][0]
    assert "Berlin" not in file.read_text()


async def test_observers_are_told_and_a_failing_one_harms_no_call(
    make_executor: Make, caplog: pytest.LogCaptureFixture
) -> None:
    executor, told = make_executor(), []

    async def good(record: object, outcome: object) -> None:
        told.append((record, outcome))

    def bad(record: object, outcome: object) -> None:
        raise RuntimeError("observer")

    executor.observers += [bad, good]
    await executor.run("count_rows", {"dataset": "orders.csv"}, ME)
    assert told[0][0].action == "count_rows"
    assert told[0][1].result["scanned"]["rows"] == 3
    assert "observer" in caplog.text


@pytest.fixture
def dripping_server() -> Iterator[str]:
    """Serve a file that never ends, a line now and then."""
    import http.server
    import threading

    ending = threading.Event()

    class Drip(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/csv")
            self.end_headers()
            while not ending.wait(0.2):
                try:
                    self.wfile.write(b"1,2\n")
                except OSError:
                    return

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Drip) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/slow.csv"
        ending.set()
        server.shutdown()
        thread.join()


async def test_a_server_that_never_ends_costs_its_call_alone_and_leaves_nothing(
    make_executor: Make, dripping_server: str, tmp_path: Path
) -> None:
    executor = make_executor(seconds=2, private_addresses=True, workers=2)
    slow = asyncio.create_task(executor.run("count_rows", {"dataset": dripping_server}, ME))
    assert (await executor.run("count_rows", {"dataset": "orders.csv"}, ME)).result["scanned"]["rows"] == 3
    with pytest.raises(LimitExceeded, match="after 2 seconds"):
        await slow
    await executor.close()
    assert list((tmp_path / "workspace" / "snapshots").glob(".unfinished-*")) == []


async def test_a_call_that_waits_while_the_pool_closes_starts_no_worker(make_executor: Make, tmp_path: Path) -> None:
    executor = make_executor(workers=1)
    running = asyncio.create_task(executor.run("sleep_and_touch", {"seconds": 30, "file": str(tmp_path / "f")}, ME))
    waiting = asyncio.create_task(executor.run("report_progress", {}, ME))
    await _until((tmp_path / "f").exists)
    await executor.close()
    for call in (running, waiting):
        with pytest.raises(Unavailable):
            await call


async def test_a_worker_that_died_while_idle_is_replaced_unnoticed(make_executor: Make, tmp_path: Path) -> None:
    executor = make_executor()
    first = await executor.run("sleep_and_touch", {"seconds": 0.1, "file": str(tmp_path / "f")}, ME)
    os.kill(first.result["pid"], signal.SIGKILL)
    await asyncio.sleep(0.2)
    second = await executor.run("sleep_and_touch", {"seconds": 0.1, "file": str(tmp_path / "f")}, ME)
    assert second.result["pid"] != first.result["pid"]
    await executor.close()
    assert list((tmp_path / "workspace" / "spill").iterdir()) == []


async def test_an_error_that_quotes_a_cell_is_masked(make_executor):
    with pytest.raises(BadRequest, match=r"\*\*\*@example.com' is no number") as caught:
        await make_executor().run("quote_cell", {}, Caller())
    assert "jane" not in str(caught.value)


async def test_an_action_that_waits_runs_in_the_server_and_gives_back_what_was_said(make_executor):
    outcome = await make_executor().run("quote_own_words", {"words": "ask jane.doe@example.com"}, Caller())
    assert outcome.result == {"said": "ask jane.doe@example.com", "pid": os.getpid()}


async def test_an_action_that_waits_finds_its_services_or_says_what_is_off(make_executor):
    from sample_actions.misbehaving import Greeter

    executor, steps = make_executor(), []
    with pytest.raises(Unavailable, match="greeter is switched off"):
        await executor.run("wait_for_service", {"seconds": 0}, Caller())
    executor.runtime.services[Greeter] = Greeter()
    outcome = await executor.run("wait_for_service", {"seconds": 0}, Caller(), lambda *step: steps.append(step))
    assert outcome.result["said"] == "hello"
    assert steps == [(1, 1, "asked")]


async def test_an_action_that_waits_too_long_is_stopped(make_executor):
    with pytest.raises(LimitExceeded, match=r"stopped after 0\.2 seconds"):
        await make_executor(seconds=0.2).run("wait_for_service", {"seconds": 60}, Caller())


async def test_a_function_of_ours_runs_in_a_worker(make_executor):
    from sample_actions.misbehaving import double

    pool = make_executor().pool
    two, four, pid = await pool.task(double, seconds=30, numbers=[1, 2])
    assert (two, four) == (2, 4)
    assert pid != os.getpid()
    with pytest.raises(BadRequest, match="no numbers"):
        await pool.task(double, seconds=30, numbers=[])


async def test_observers_are_told_what_was_known_of_the_data(make_executor):
    executor, told = make_executor(), []
    executor.observers.append(lambda record, outcome: told.append((record.outcome, outcome.datasets, outcome.cached)))
    for _ in range(2):
        await executor.run("count_rows", {"dataset": "orders.csv"}, Caller())
    (status, (facts,), cached), (_, again, kept) = told
    assert (status, cached, kept, again) == ("ok", False, True, ())
    assert (facts.name, facts.rows, list(facts.columns)) == ("orders.csv", 3, ["order_id", "city", "amount"])
    assert facts.fingerprint
