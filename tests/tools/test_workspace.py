"""What is kept, for whom, and for how long."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from refinery.tools.workspace import Workspace, tenant_key

KEY = "0123456789abcdef01234567"


def test_folders_are_closed_to_others(tmp_path: Path) -> None:
    folder = Workspace(tmp_path / "w").folder("results", "acme")
    for level in (folder, folder.parent, tmp_path / "w"):
        assert level.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("tenant", ["..", "a/b", "", "ä", "x" * 65, "~abc", "a\0b"])
def test_no_tenant_can_name_a_folder_outside_its_own(tenant: str) -> None:
    key = tenant_key(tenant)
    assert key.startswith("~")
    assert "/" not in key


def test_different_tenants_never_share_a_folder() -> None:
    tenants = ["a", "A", "a/b", "a-b", "..", "~", tenant_key("..")]
    assert len({tenant_key(tenant) for tenant in tenants}) == len(tenants)


@pytest.mark.parametrize("key", ["../../etc/passwd", "", "x" * 24, KEY + "/..", KEY.upper()])
def test_a_key_that_is_no_key_finds_nothing(tmp_path: Path, key: str) -> None:
    workspace = Workspace(tmp_path)
    workspace.keep_result("t", KEY, {"result": {}})
    assert workspace.result("t", key) is None


def test_old_files_expire_and_the_oldest_go_first_when_there_is_too_much(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    folder, now = workspace.folder("results", "t"), time.time()
    for name, days in {"old": 40, "older": 10, "newer": 1}.items():
        file = folder / name
        file.write_bytes(b"x" * 1_000_000)
        os.utime(file, (now - days * 86_400, now - days * 86_400))
    names = workspace.folder("names") / "default.json"
    names.write_text("{}")
    os.utime(names, (0, 0))
    assert workspace.sweep(max_age_days=30, max_mb=1.5) == 2
    assert [file.name for file in folder.iterdir()] == ["newer"]
    assert names.exists()
