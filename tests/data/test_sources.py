"""Finding what a name means, and its fingerprint."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from refinery.tools.data.engine import Engine
from refinery.tools.data.fingerprints import WHOLE, Fingerprints
from refinery.tools.data.policy import Policy
from refinery.tools.data.registry import Registry
from refinery.tools.data.sources import Opener
from refinery.tools.errors import BadRequest, DataUnreadable, LimitExceeded, NotAllowed, Unavailable


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = (tmp_path / "root").resolve()
    (folder / "deep").mkdir(parents=True)
    (folder / "orders.csv").write_text("id,city\n1,Berlin\n2,Paris\n")
    (folder / "deep/late.csv").write_text("id,city\n3,Rome\n")
    (folder / "notes.md").write_text("# no table")
    for part in (1, 2, 10):
        (folder / f"part{part}.csv").write_text(f"id\n{part}\n")
    return folder


@pytest.fixture
def opener(tmp_path: Path, root: Path) -> Opener:
    workspace = tmp_path / "workspace"
    (workspace / "snapshots").mkdir(parents=True)
    return Opener(
        policy=Policy(roots=(root,), workspace=workspace),
        registry=Registry(workspace / "names", "default"),
        engine=Engine(threads=1),
        connections={"shop": "sqlite:///nowhere.db"},
        snapshots=workspace / "snapshots",
    )


@pytest.mark.parametrize("text", ["orders.csv", "./orders.csv", "deep/../orders.csv", "{root}/orders.csv"])
def test_a_path_is_found_and_opened(opener, root, text):
    text = text.format(root=root)
    source = opener.resolve(text)
    assert (source.name, source.uri, source.kind, source.format) == (text, str(root / "orders.csv"), "file", "csv")
    dataset = opener.open(text)
    assert (dataset.name, dataset.rows, dataset.columns) == (text, 2, ["id", "city"])
    assert (dataset.source, dataset.fingerprint) == (source.uri, source.fingerprint)


def test_a_registered_name_comes_first(opener, root):
    (root / "orders").write_text("x\n1\n")
    opener.registry.add("orders", str(root / "orders.csv"))
    assert opener.resolve("orders").uri == str(root / "orders.csv")
    assert opener.open("orders").name == "orders"


def test_a_registered_name_does_not_open_what_the_roots_no_longer_hold(opener, tmp_path):
    outside = tmp_path / "outside.csv"
    outside.write_text("a\n1\n")
    opener.registry.add("old", str(outside))
    with pytest.raises(NotAllowed, match=r"dataset 'old' stands for .*outside\.csv"):
        opener.resolve("old")


def test_a_registered_file_that_is_gone_is_named(opener, root):
    opener.registry.add("orders", str(root / "orders.csv"))
    (root / "orders.csv").rename(root / "orders-old.csv")
    with pytest.raises(DataUnreadable, match=r"'orders' stands for .*orders\.csv.*did you mean 'orders-old\.csv'"):
        opener.open("orders")


def test_a_pattern_reads_its_files_in_natural_order_as_one_table(opener, root):
    source = opener.resolve("part*.csv")
    assert [path.name for path in source.paths] == ["part1.csv", "part2.csv", "part10.csv"]
    assert source.uri == str(root / "part*.csv")
    assert opener.open("part*.csv").rows == 3
    assert opener.open(f"{root}/part?.csv").rows == 2
    assert opener.open("**/*.csv").rows == 6
    assert opener.open("deep/*").rows == 1
    assert opener.open("part[12].csv").rows == 2


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(opener, root):
    (root / "all[1].csv").write_text("id\n7\n")
    assert opener.resolve("all[1].csv").paths == (root / "all[1].csv",)


def test_hidden_files_match_only_patterns_that_name_them(opener, root):
    (root / "._part3.csv").write_text("junk")
    (root / ".hidden.csv").write_text("id\n1\n")
    assert all(not path.name.startswith(".") for path in opener.resolve("*.csv").paths)
    assert [path.name for path in opener.resolve(".hid*.csv").paths] == [".hidden.csv"]


def test_a_pattern_over_several_formats_names_them(opener, root):
    (root / "part3.json").write_text('[{"id": 1}]')
    with pytest.raises(BadRequest, match=r"mixes formats: .*is csv.*is json|mixes formats: .*is json.*is csv"):
        opener.resolve("part*")


@pytest.mark.parametrize(
    "pattern", ["/etc/*", "../*.csv", "/etc/**/passwd", "../outside/*.csv", "/*", "{root}/../*.csv"]
)
def test_patterns_do_not_leave_the_roots(opener, root, tmp_path, pattern):
    (tmp_path / "outside.csv").write_text("a\n1\n")
    with pytest.raises(NotAllowed, match="outside the folders"):
        opener.resolve(pattern.format(root=root))


def test_a_pattern_does_not_climb_after_its_wildcard(opener):
    with pytest.raises(BadRequest, match=r"'\.\.' can't follow"):
        opener.resolve("*/../../*.csv")


def test_a_pattern_that_meets_a_link_out_is_refused_and_not_cut(opener, root, tmp_path):
    (tmp_path / "outside.csv").write_text("id\n1\n")
    (root / "part99.csv").symlink_to(tmp_path / "outside.csv")
    with pytest.raises(NotAllowed, match="part99"):
        opener.resolve("part*.csv")
    (root / "way_out").symlink_to(tmp_path, target_is_directory=True)
    with pytest.raises(NotAllowed):
        opener.resolve("way*/*.csv")
    with pytest.raises(NotAllowed):
        opener.resolve("way_out/*.csv")


def test_a_search_that_would_not_end_is_cut_with_an_error(opener, monkeypatch):
    monkeypatch.setattr("refinery.tools.data.sources.Budget", lambda left=3: _Budget(3))
    with pytest.raises(LimitExceeded, match="deeper folder"):
        opener.resolve("**/*.csv")


class _Budget:
    def __init__(self, left: int) -> None:
        self.left = left

    @property
    def spent(self) -> bool:
        return self.left <= 0


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("ordrs", r"no dataset 'ordrs'; did you mean 'orders'\?"),
        ("ORDERS", r"did you mean 'orders'"),
        ("sales", r"did you mean 'sales_2024'"),
        ("oders.csv", r"did you mean 'orders\.csv'"),
        ("late", r"did you mean 'deep/late\.csv'"),
        ("deep/lat.csv", r"did you mean 'deep/late\.csv'"),
        ("qqqqqq", r"no dataset 'qqqqqq'\. There are: orders, sales_2024, .*list_datasets"),
        ("*.xyz", r"no file matches '\*\.xyz'"),
    ],
)
def test_a_name_that_means_nothing_gets_the_nearest_that_does(opener, root, text, says):
    opener.registry.add("orders", str(root / "orders.csv"))
    opener.registry.add("sales_2024", str(root / "part1.csv"))
    with pytest.raises(BadRequest, match=says):
        opener.resolve(text)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM '/etc/passwd'",
        "select 1",
        "(SELECT 1)",
        "orders; DROP TABLE orders",
        "read_csv('/etc/passwd')",
        "read_csv_auto('root/orders.csv')",
        "orders.csv' UNION SELECT 1 --",
        "COPY x TO '/tmp/x'",
        "ATTACH '/etc/passwd'",
    ],
)
def test_sql_in_place_of_a_name_is_never_run(opener, text):
    with pytest.raises(BadRequest, match=r"no (dataset|file matches)"):
        opener.open(text)


def test_sql_in_place_of_a_name_is_sent_to_the_right_tool(opener):
    with pytest.raises(BadRequest, match="SQL goes to query_dataset"):
        opener.open("SELECT * FROM orders")


@pytest.mark.parametrize(
    "text",
    [
        "file:///etc/passwd",
        "file:/etc/passwd",
        "s3://bucket/key.csv",
        "gs://b/k",
        "ftp://h/x.csv",
        "data:text/csv,a",
        "hf://x",
    ],
)
def test_other_addresses_are_refused_with_what_is_allowed(opener, text):
    with pytest.raises(NotAllowed, match=r"not opened; a dataset is a registered name, a path.*connection:NAME/table"):
        opener.open(text)


def test_a_database_url_is_refused_without_its_password(opener):
    with pytest.raises(NotAllowed, match=r"data\.connections") as caught:
        opener.open("postgresql://ann:hunter2@db/shop")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", " ", "a\0b", "x" * 5000, "~/x.csv", "/etc/passwd", "../x.csv", "\ud800", "*" * 5000, "a\n.csv"]
)
def test_odd_texts_are_answered_in_a_few_words(opener, text):
    with pytest.raises((BadRequest, NotAllowed, DataUnreadable)) as caught:
        opener.open(text)
    assert len(str(caught.value)) < 600


def test_urls_need_a_place_to_be_kept(opener, root, tmp_path):
    bare = Opener(opener.policy, opener.registry, opener.engine, {})
    with pytest.raises(Unavailable, match="workspace"):
        bare.resolve("https://example.com/a.csv")


def test_files_are_listed_relative_to_their_root_and_bounded(opener):
    files, more = opener.files(100)
    assert files == ["orders.csv", "part1.csv", "part10.csv", "part2.csv", "deep/late.csv"]
    assert not more
    assert opener.files(2) == (["orders.csv", "part1.csv"], True)
    for name in files:
        assert opener.resolve(name)


def test_resolving_needs_no_engine():
    heavy = ("duckdb", "ibis", "pandas", "pyarrow", "numpy", "psycopg")
    code = f"import sys, refinery.tools.data.sources; print([m for m in {heavy} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


# Fingerprints


def _age(path: Path) -> None:
    """Make a file look as if it were written a minute ago, so that its digest is kept."""
    then = time.time() - 60
    os.utime(path, (then, then))


def test_equal_content_under_two_names_has_one_fingerprint(opener, root):
    (root / "copy.csv").write_bytes((root / "orders.csv").read_bytes())
    assert opener.resolve("copy.csv").fingerprint == opener.resolve("orders.csv").fingerprint


def test_equal_bytes_read_as_another_format_are_another_table(opener, root):
    (root / "x.csv").write_text('{"a": 1}\n')
    (root / "x.ndjson").write_text('{"a": 1}\n')
    assert opener.resolve("x.csv").fingerprint != opener.resolve("x.ndjson").fingerprint


def test_one_changed_byte_of_equal_size_changes_the_fingerprint_at_once(opener, root):
    first = opener.resolve("orders.csv").fingerprint
    status = (root / "orders.csv").stat()
    (root / "orders.csv").write_text("id,city\n1,Berlin\n2,Praha\n")
    os.utime(root / "orders.csv", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert (root / "orders.csv").stat().st_size == status.st_size
    assert opener.resolve("orders.csv").fingerprint != first


def test_the_order_and_the_boundaries_of_several_files_count(tmp_path):
    for name, content in {"a": "12", "b": "3", "c": "1", "d": "23"}.items():
        (tmp_path / name).write_text(content)
    a, b, c, d = (tmp_path / name for name in "abcd")
    prints = {Fingerprints().of(paths) for paths in ([a, b], [b, a], [c, d], [a], [a, b, b])}
    assert len(prints) == 5


@pytest.mark.parametrize("place", [0, 1_000_000, -1])
def test_a_change_anywhere_in_a_large_file_is_seen_by_its_time_or_content(tmp_path, place):
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(WHOLE + 1_000_000)
    _age(path)
    prints = Fingerprints()
    first = prints.of([path])
    assert prints.of([path]) == first
    with path.open("r+b") as file:
        file.seek(place, os.SEEK_END if place < 0 else os.SEEK_SET)
        file.write(b"x")
    assert prints.of([path]) != first
    _age(path)
    assert Fingerprints().of([path]) != first


def test_a_large_file_that_grew_is_another(tmp_path):
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(WHOLE + 1)
    _age(path)
    first = Fingerprints().of([path])
    with path.open("r+b") as file:
        file.truncate(WHOLE + 2)
    _age(path)
    assert Fingerprints().of([path]) != first


def test_a_registered_source_is_kept_readable_for_people(opener, root):
    opener.registry.add("orders", str(root / "orders.csv"))
    assert json.loads(opener.registry.path.read_text())["datasets"]["orders"]["source"] == str(root / "orders.csv")
