"""The wheel holds what the folders hold."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HOUSE = ("server", "agents", "tools", "memory", "prompts")


def test_the_packages_of_the_wheel_are_the_folders_of_the_house() -> None:
    folders = {"refinery"}
    for top in HOUSE:
        for init in (ROOT / top).rglob("__init__.py"):
            folders.add(".".join(("refinery", *init.parent.relative_to(ROOT).parts)))
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    assert sorted(listed) == sorted(folders)


def test_every_pinned_version_is_exact() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert all("==" in line for line in lines)
    assert "torch==2.13.0" in lines


def test_nothing_imports_across_the_floors_by_an_absolute_name() -> None:
    for top in HOUSE:
        for file in (ROOT / top).rglob("*.py"):
            assert not re.search(r"^\s*(?:import|from) tools\b", file.read_text(), re.MULTILINE), file


def test_the_readme_lists_every_action_as_it_describes_itself() -> None:
    from refinery.server.wiring import catalogue

    text = (ROOT / "README.md").read_text()
    missing = [i.name for i in catalogue() if f"| `{i.name}` | {i.description.rstrip('.')} |" not in text]
    assert missing == []


def test_the_makefile_lists_its_commands() -> None:
    import subprocess

    shown = subprocess.run(["make", "-C", str(ROOT), "help"], capture_output=True, text=True, check=True).stdout
    assert all(command in shown for command in ("demo", "test", "lint", "bench", "format"))
