"""Names of datasets: kept between processes, never lost, never mixed between tenants."""

from __future__ import annotations

import json
import multiprocessing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from refinery.tools.data.registry import Registry, checked_name, legal_name
from refinery.tools.errors import BadRequest, DataUnreadable


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path, "default")


def test_a_name_is_found_by_another_registry_over_the_same_folder(registry, tmp_path):
    registry.add("orders", "/data/orders.csv", format="csv", rows=3, columns=2, schema={"a": "int64"}, fingerprint="f")
    entry = Registry(tmp_path, "default").get("orders")
    assert entry is not None
    assert (entry.source, entry.format, entry.rows, entry.columns) == ("/data/orders.csv", "csv", 3, 2)
    assert entry.schema == {"a": "int64"}
    assert entry.added_at
    assert entry.added_at == entry.seen_at


def test_an_unknown_name_is_none_also_without_a_file(registry):
    assert registry.get("orders") is None
    assert registry.entries() == []


def test_tenants_do_not_see_each_other_however_alike_their_names(tmp_path):
    tenants = ["ann", "Ann", "a/nn", "a\\nn", "../ann", "", "~ann", "ann.json", "ä" * 300]
    for tenant in tenants:
        Registry(tmp_path, tenant).add("mine", f"/of/{tenant}")
    for tenant in tenants:
        entry = Registry(tmp_path, tenant).get("mine")
        assert entry is not None
        assert entry.source == f"/of/{tenant}"
    assert all(file.parent == tmp_path for file in tmp_path.rglob("*"))


def test_the_same_source_again_only_refreshes_what_is_known(registry):
    first = registry.add("orders", "/a.csv", rows=1)
    second = registry.add("orders", "/a.csv", rows=2)
    assert second.rows == 2
    assert second.added_at == first.added_at
    assert len(registry.entries()) == 1


def test_a_taken_name_moves_only_when_asked(registry):
    registry.add("orders", "/a.csv", rows=1)
    with pytest.raises(BadRequest, match=r"taken by /a\.csv.*overwrite=true"):
        registry.add("orders", "/b.csv")
    moved = registry.add("orders", "/b.csv", overwrite=True)
    assert (moved.source, moved.rows) == ("/b.csv", None)


def test_a_removed_name_is_gone_and_an_unknown_one_names_the_nearest(registry):
    registry.add("orders", "/a.csv")
    with pytest.raises(BadRequest, match="did you mean 'orders'"):
        registry.remove("ordrs")
    assert registry.remove("orders").source == "/a.csv"
    assert registry.get("orders") is None


def test_the_last_known_schema_is_remembered_for_registered_names_only(registry, tmp_path):
    registry.remember_schema("orders", {"a": "int64"}, "f1", 3)
    assert registry.entries() == []
    registry.add("orders", "/a.csv")
    registry.remember_schema("orders", {"a": "int64", "b": "string"}, "f1", 3)
    entry = Registry(tmp_path, "default").get("orders")
    assert entry is not None
    assert (entry.schema, entry.fingerprint, entry.rows, entry.columns) == ({"a": "int64", "b": "string"}, "f1", 3, 2)


def test_remembering_what_is_known_already_writes_nothing(registry):
    registry.add("orders", "/a.csv")
    registry.remember_schema("orders", {"a": "int64"}, "f1", 3)
    before = registry.path.stat()
    registry.remember_schema("orders", {"a": "int64"}, "f1", 3)
    assert registry.path.stat().st_ino == before.st_ino


@pytest.mark.parametrize("name", ["orders", "Orders_2024-01.v2", "заказы", "7", "_x", "a" * 64])
def test_legal_names_are_accepted(name):
    assert checked_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "a" * 65, "a b", "a/b", "../a", ".hidden", "-x", "a;drop", "a'b", "a\n", "a\0", "connection:x", "*"]
)
def test_other_names_are_refused_with_one_that_would_do(registry, name):
    with pytest.raises(BadRequest, match="would do") as caught:
        registry.add(name, "/a.csv")
    assert len(str(caught.value)) < 400


@given(st.text(max_size=200))
def test_any_text_can_be_made_a_legal_name(text):
    assert checked_name(legal_name(text))


def test_a_change_of_equal_size_by_another_registry_is_seen_at_once(registry, tmp_path):
    other = Registry(tmp_path, "default")
    registry.add("orders", "/0.csv")
    for number in range(1, 10):
        other.add("orders", f"/{number}.csv", overwrite=True)
        entry = registry.get("orders")
        assert entry is not None
        assert entry.source == f"/{number}.csv"


def _add_many(folder: str, worker: int) -> None:
    registry = Registry(Path(folder), "default")
    for number in range(15):
        registry.add(f"w{worker}-{number}", "/a.csv")


def test_processes_that_write_at_once_lose_nothing(tmp_path):
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_add_many, args=(str(tmp_path), worker)) for worker in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    assert len(Registry(tmp_path, "default").entries()) == 45
    assert not list(tmp_path.glob("*.tmp"))


@pytest.mark.parametrize("content", ["", "{", "[]", '{"datasets": []}', '{"datasets": {"a": {"name": "a"}}}'])
def test_a_damaged_file_is_named_and_not_overwritten(registry, content):
    registry.path.write_text(content)
    with pytest.raises(DataUnreadable, match="damaged"):
        registry.get("a")
    with pytest.raises(DataUnreadable, match="damaged"):
        registry.add("a", "/a.csv")
    assert registry.path.read_text() == content


def test_fields_of_a_later_version_are_passed_over(registry):
    registry.add("orders", "/a.csv")
    document = json.loads(registry.path.read_text())
    document["datasets"]["orders"]["colour"] = "green"
    registry.path.write_text(json.dumps(document))
    assert registry.get("orders").source == "/a.csv"
