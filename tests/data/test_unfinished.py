"""What is left of files that were being written: removed once nobody can be writing it any more."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from refinery.tools.data.unfinished import remove_unfinished, sweep_unfinished, unfinished_prefix

TWO_DAYS_AGO = time.time() - 2 * 86_400


def _leave(folder: Path, pid: int, old: bool) -> None:
    """Leave a file, a folder, a link to a folder that is kept, and one that leads nowhere."""
    (folder / "kept").mkdir(exist_ok=True)
    (folder / "kept" / "data").write_text("data")
    prefix = unfinished_prefix(pid)
    (folder / f"{prefix}file").write_text("half")
    (folder / f"{prefix}folder").mkdir()
    (folder / f"{prefix}folder" / "part").write_text("half")
    (folder / f"{prefix}link").symlink_to("kept", target_is_directory=True)
    (folder / f"{prefix}dangling").symlink_to("gone", target_is_directory=True)
    if old:
        for left in folder.glob(f"{prefix}*"):
            os.utime(left, (TWO_DAYS_AGO, TWO_DAYS_AGO), follow_symlinks=False)


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_what_a_process_left_is_removed_but_not_where_its_links_lead(tmp_path: Path) -> None:
    _leave(tmp_path, 7, old=False)
    remove_unfinished(tmp_path, 8)
    assert len(_names(tmp_path)) == 5
    remove_unfinished(tmp_path, 7)
    assert _names(tmp_path) == {"kept"}
    assert (tmp_path / "kept" / "data").read_text() == "data"


def test_what_was_left_a_day_ago_is_swept_and_what_is_fresh_stays(tmp_path: Path) -> None:
    _leave(tmp_path, 7, old=True)
    _leave(tmp_path, 8, old=False)
    sweep_unfinished(tmp_path)
    assert len(_names(tmp_path)) == 5
    assert (tmp_path / "kept" / "data").read_text() == "data"


def test_what_gets_its_name_while_it_is_looked_at_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file listed as unfinished is renamed by its writer before its age is asked."""
    _leave(tmp_path, 7, old=True)
    listed = sorted(tmp_path.glob(".unfinished-*"))
    listed[0].rename(tmp_path / "finished")
    monkeypatch.setattr(Path, "glob", lambda *_: iter(listed))
    sweep_unfinished(tmp_path)
    assert _names(tmp_path) == {"kept", "finished"}
