"""Settings: defaults, the user's file, the environment, and what is refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from refinery.server.settings import load_settings
from refinery.tools.errors import BadRequest


def test_the_environment_wins_over_the_file_and_the_file_over_the_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("limits: {seconds: 7}\nworkers: 3\ndata: {connections: {shop: 'postgresql://u:p@h/d'}}\n")
    monkeypatch.setenv("REFINERY_WORKERS", "2")
    monkeypatch.setenv("REFINERY_DATA__ROOTS", '["/data"]')
    settings = load_settings(file)
    assert settings.limits.seconds == 7
    assert settings.limits.memory_mb is None
    assert settings.workers == 2
    assert settings.data.roots == [Path("/data")]
    assert settings.data.connections["shop"].get_secret_value() == "postgresql://u:p@h/d"


def test_secrets_do_not_show_when_settings_are_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REFINERY_AUTH__TOKEN", "hush")
    monkeypatch.setenv("REFINERY_DATA__CONNECTIONS", '{"a": "postgresql://u:hush@h/d"}')
    assert "hush" not in repr(load_settings())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("limit: {seconds: 1}", "unknown setting 'limit'; did you mean 'limits'"),
        ("limits: {second: 1}", "unknown setting 'limits.second'; did you mean 'limits.seconds'"),
        ("limits: {seconds: soon}", "setting 'limits.seconds'"),
        ("memory.enabled: false", r"unknown setting 'memory.enabled'; write it nested, memory: {enabled: …}"),
        ("workers: 0", "setting 'workers'"),
        ("engine: spark", "setting 'engine'"),
        ("a: [", "is not YAML"),
        ("- a", "must hold keys and values"),
    ],
)
def test_a_bad_key_is_named_at_start(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(content)
    with pytest.raises(BadRequest, match=message):
        load_settings(file)


def test_a_misspelt_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REFINERY_LIMIT__SECONDS", "1")
    with pytest.raises(BadRequest, match="REFINERY_LIMITS__SECONDS"):
        load_settings()


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="no settings file"):
        load_settings(tmp_path / "none.yaml")


def test_every_default_is_explained_in_the_file() -> None:
    file = Path(__file__).resolve().parents[2] / "config.yaml"
    keys = [line for line in file.read_text().splitlines() if re.match(r"(  )?[a-z_]+:", line)]
    assert len(keys) > 40
    for line in keys:
        if not line.endswith(":"):
            assert "#" in line, f"no comment on {line!r}"
