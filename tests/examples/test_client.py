"""The demo client talks to a real server in a second process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def test_the_demo_client_asks_a_server_over_stdio_and_ends_cleanly(demo: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, EXAMPLES / "client.py", demo],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=240,
        env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONIOENCODING": "utf-8"},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    for told in ("over stdio", "FAILED check_missing_values", "'fax'", "15 duplicate rows", "'refund_amount'",
                 "broken by 9 of 5,000 rows", "loyalty_tier", "shipping_cost", "bytes of image/png"):  # fmt: skip
        assert told in done.stdout
    assert len(done.stdout.splitlines()) <= 100
    assert list(tmp_path.iterdir()) == [], "the temporary workspace is still there"
