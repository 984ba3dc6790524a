"""The command line, as a person and as a program use it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from refinery.server.running import parse_words
from refinery.server.wiring import catalogue
from refinery.tools.errors import BadRequest

Refinery = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def refinery(tmp_path: Path, data_folder: Path) -> Refinery:
    def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "REFINERY_WORKSPACE": str(tmp_path / "workspace"), "COLUMNS": "120", **environment}
        return subprocess.run(
            [sys.executable, "-m", "refinery", *words], cwd=data_folder, env=env, capture_output=True, text=True
        )

    return run


def test_run_prints_the_verdict_and_a_table_for_people(refinery: Refinery) -> None:
    done = refinery("run", "check_missing_values", "orders.csv")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("PASSED check_missing_values on orders.csv (3 rows)")
    assert "amount" in done.stdout


def test_run_prints_json_for_programs(refinery: Refinery) -> None:
    done = refinery("run", "check_missing_values", "orders.csv", "--json", "--columns", "amount,city")
    columns = json.loads(done.stdout)["columns"]
    assert {column["column"]: column["missing"] for column in columns} == {"amount": 1, "city": 0}


def test_a_failed_check_is_told_by_the_exit_code(refinery: Refinery) -> None:
    assert refinery("run", "check_missing_values", "orders.csv", "--threshold", "0.1").returncode == 1


def test_a_file_outside_the_folder_may_be_named_by_the_person_at_the_terminal(
    refinery: Refinery, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "x.csv").write_text("a\n1\n2\n")
    done = refinery("run", "basic_info", str(tmp_path / "elsewhere" / "x.csv"), "--json")
    assert json.loads(done.stdout)["scanned"]["rows"] == 2


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("run", "check_missing", "orders.csv"), 64, "did you mean 'check_missing_values'"),
        (("run", "check_missing_values", "orders.csv", "--treshold", "1"), 64, "did you mean '--threshold'"),
        (("run", "check_missing_values", "orders.csv", "--threshold"), 64, "--threshold needs a value"),
        (("run", "check_missing_values", "orders.csv", "--threshold", "high"), 64, "threshold"),
        (("run", "basic_info", "ordrs.csv"), None, "orders.csv"),
        (("actions", "--agents", "qualty"), 64, "did you mean 'quality'"),
        (("serve", "nowhere"), 64, "is not a folder"),
    ],
)
def test_a_wrong_command_says_what_is_right(
    refinery: Refinery, words: tuple[str, ...], code: int | None, message: str
) -> None:
    done = refinery(*words)
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.returncode == code if code is not None else done.returncode != 0


def test_actions_lists_every_action(refinery: Refinery) -> None:
    listed = json.loads(refinery("actions", "--json").stdout)
    assert {item["action"] for item in listed} == {item.name for item in catalogue()}
    shown = refinery("actions").stdout
    assert all(item.name in shown for item in catalogue())


def test_doctor_finds_a_healthy_installation_healthy(refinery: Refinery) -> None:
    done = refinery("doctor")
    assert done.returncode == 0, done.stdout
    assert "fails" not in done.stdout


def test_doctor_says_what_to_do_about_an_open_workspace(refinery: Refinery, tmp_path: Path) -> None:
    (tmp_path / "workspace").mkdir()
    (tmp_path / "workspace").chmod(0o755)
    done = refinery("doctor")
    assert done.returncode == 1
    assert "chmod 700" in done.stdout


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), {"dataset": "d"}),
        (("--threshold", "0.2"), {"dataset": "d", "threshold": 0.2}),
        (("--threshold=0.2",), {"dataset": "d", "threshold": 0.2}),
        (("--columns", "a, b"), {"dataset": "d", "columns": ["a", "b"]}),
        (("--columns", '["a,b"]'), {"dataset": "d", "columns": ["a,b"]}),
    ],
)
def test_words_become_typed_arguments(words: tuple[str, ...], expected: dict[str, object]) -> None:
    assert parse_words(catalogue()["check_missing_values"], "d", words) == expected


def test_json_that_is_none_is_refused_with_an_example() -> None:
    with pytest.raises(BadRequest, match=r"--numeric_rules must be JSON, such as '\{"):
        parse_words(catalogue()["check_distributions"], "d", ("--numeric_rules", "x > 1"))


def test_no_module_is_imported_from_the_folder_of_the_data(refinery: Refinery, data_folder: Path) -> None:
    for name in ("ibis.py", "duckdb.py", "pyarrow.py"):
        (data_folder / name).write_text("raise SystemExit('code out of the data folder was run')")
    script = Path(sys.executable).with_name("refinery")
    done = subprocess.run(
        [script, "run", "basic_info", "orders.csv", "--json"],
        cwd=data_folder,
        env={**os.environ, "REFINERY_WORKSPACE": str(data_folder.parent / "w")},
        capture_output=True,
        text=True,
    )
    assert json.loads(done.stdout)["scanned"]["rows"] == 3


def test_what_has_expired_is_removed_by_the_command_line_too(refinery: Refinery, tmp_path: Path) -> None:
    old = tmp_path / "workspace" / "results" / "default" / "old.json"
    old.parent.mkdir(parents=True)
    old.write_text("{}")
    os.utime(old, (0, 0))
    assert refinery("run", "basic_info", "orders.csv").returncode == 0
    assert not old.exists()
