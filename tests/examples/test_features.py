"""The example of feature engineering runs as it is, against a real server in a second process."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_the_example_goes_through_all_nine_steps_and_applies_them_to_rows_held_back(demo: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(demo, tmp_path / "orders"))
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / "features.py", folder],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=400,
        env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONIOENCODING": "utf-8", "COLUMNS": "160"},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    for told in ("'refund_amount' gives 'returned' away", "step 7 of 'returns'", "feature_hash", "of 500 rows written"):
        assert told in done.stdout
    # Past returns tell of returns a little: what is learned from honest columns is more than chance, and no miracle.
    test, held = re.search(r"AUC (\d\.\d+) on test rows, (\d\.\d+) on the rows held back", done.stdout).groups()  # type: ignore[union-attr]
    assert 0.55 < float(test) < 0.9
    assert 0.55 < float(held) < 0.9


def test_the_readme_shows_the_steps_in_ten_lines() -> None:
    shown = re.search(r"```text\n(assign_feature_roles.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert shown is not None
    calls = [line.partition("(")[0] for line in shown[1].splitlines()]
    example = re.findall(r'Ask\("[^"]+", "(\w+)"', (ROOT / "examples" / "features.py").read_text())
    assert len(calls) == 10
    assert sorted(calls) == sorted(example)
