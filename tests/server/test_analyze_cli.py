"""`refinery analyze` and `refinery chat`, as a person at a terminal runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from houses import ORDERS


@pytest.fixture
def table(data_folder: Path) -> Path:
    path = data_folder / "orders.csv"
    path.write_text(ORDERS)
    return path


# Each action that is not done saves seconds.
ONLY = {"quality": ["quality_report"], "explore": ["infer_schema", "query_dataset"], "features": [], "memory": []}


def refinery(
    *words: str, workspace: Path, said: str = "", only: dict[str, list[str]] = ONLY
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "refinery", *words],
        input=said,
        capture_output=True,
        text=True,
        timeout=180,
        env={**os.environ, "REFINERY_WORKSPACE": str(workspace), "REFINERY_AGENTS__ACTIONS": json.dumps(only)},
        check=False,
    )


def test_analyze_shows_the_steps_the_verdict_and_where_the_report_is(table: Path, tmp_path: Path) -> None:
    output = tmp_path / "report.html"
    words = ("analyze", str(table), "--target", "returned", "--output", str(output))
    done = refinery(*words, workspace=tmp_path / "workspace")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    for told in ("quality_report", "Not fit to predict 'returned' yet", "Gives 'returned' away: refund", "→ Ask",
                 f"Report: {output}"):  # fmt: skip
        assert told in done.stdout
    assert "Gives &#39;returned&#39; away: refund" in output.read_text()
    again = refinery(*words, workspace=tmp_path / "workspace")
    assert again.returncode != 0
    assert "exists already; name a new file" in again.stderr


def test_analyze_for_programs_prints_json_alone_and_bad_input_is_said_in_a_line(table: Path, tmp_path: Path) -> None:
    done = refinery("analyze", str(table), "--json", workspace=tmp_path / "workspace")
    told = json.loads(done.stdout)
    assert told["status"] == "done"
    assert told["insights"]
    wrong = refinery("analyze", str(table), "--target", "return", workspace=tmp_path / "workspace")
    assert wrong.returncode != 0
    assert "did you mean 'returned'" in wrong.stderr
    assert "Traceback" not in wrong.stderr


@pytest.mark.slow
def test_agreeing_to_what_fails_every_time_comes_to_an_end(data_folder: Path, tmp_path: Path, monkeypatch: Any) -> None:
    table = data_folder / "constant.csv"
    table.write_text("a,b\n" + "1,2\n" * 30)
    monkeypatch.setenv("REFINERY_AGENTS__APPROVE", '["assign_feature_roles"]')
    only = {**ONLY, "features": ["assign_feature_roles"]}  # which takes no target of one value
    words = ("analyze", str(table), "--target", "b", "--goal", "train a model", "--yes", "--json")
    done = refinery(*words, workspace=tmp_path / "workspace", only=only)
    told = json.loads(done.stdout)
    assert told["status"] == "waiting"
    assert [note for note in told["notes"] if note.startswith("assign_feature_roles failed")]


def test_chat_answers_line_by_line_and_says_when_nothing_answers(table: Path, tmp_path: Path) -> None:
    said = "how many orders per city?\nwrite a poem about the sea\nhow many orders in Berlin?\nand in Paris?\n\n"
    done = refinery("chat", str(table), workspace=tmp_path / "workspace", said=said)
    assert done.returncode == 0, done.stderr
    assert "GROUP BY" in done.stdout
    assert "Berlin | 60" in done.stdout or "Paris | 60" in done.stdout
    assert "No action answers that." in done.stdout
    assert "you could ask:" in done.stdout
    assert "read as: how many orders in Paris?" in done.stdout
