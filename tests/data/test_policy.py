"""What may be read and written: every way out of the roots is refused, every mistake gets a way on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from refinery.tools.data.policy import Policy
from refinery.tools.errors import BadRequest, DataUnreadable, LimitExceeded, NotAllowed
from refinery.tools.workspace import Workspace


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A folder with a root, a second root, a secret beside them, and a workspace."""
    for name in ("root/deep", "other", "outside/inner", "workspace/results", "workspace/uploads"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "root/orders.csv").write_text("a\n1\n")
    (tmp_path / "root/deep/more.csv").write_text("a\n2\n")
    (tmp_path / "other/late.csv").write_text("a\n3\n")
    (tmp_path / "outside/secret.csv").write_text("a\n4\n")
    (tmp_path / "outside/inner/secret.csv").write_text("a\n5\n")
    (tmp_path / "workspace/results/kept.json").write_text("[]")
    (tmp_path / "workspace/uploads/mine.csv").write_text("a\n6\n")
    return tmp_path.resolve()


@pytest.fixture
def policy(house: Path) -> Policy:
    return Policy(roots=(house / "root", house / "other"), workspace=house / "workspace")


@pytest.mark.parametrize(
    ("path", "leads_to"),
    [
        ("orders.csv", "root/orders.csv"),
        ("./orders.csv", "root/orders.csv"),
        ("deep/more.csv", "root/deep/more.csv"),
        ("deep/../orders.csv", "root/orders.csv"),
        ("late.csv", "other/late.csv"),
        ("mine.csv", "workspace/uploads/mine.csv"),
    ],
)
def test_relative_paths_are_tried_under_each_root_and_the_uploads(policy, house, path, leads_to):
    assert policy.readable(path) == house / leads_to


def test_absolute_paths_under_a_root_or_the_uploads_are_read(policy, house):
    assert policy.readable(house / "other/late.csv") == house / "other/late.csv"
    assert policy.readable(str(house / "workspace/uploads/mine.csv")) == house / "workspace/uploads/mine.csv"


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "../outside/secret.csv",
        "deep/../../outside/secret.csv",
        "../outside/nothing-there.csv",
        "{house}/outside/secret.csv",
        "{house}/root/../outside/secret.csv",
        "{house}/root-like/secret.csv",
        "{house}/workspace/results/kept.json",
        "{house}/workspace/nothing.json",
        "../workspace/results/kept.json",
        "..",
        "/",
    ],
)
def test_what_lies_outside_is_refused_whether_it_exists_or_not(policy, house, path):
    with pytest.raises(NotAllowed, match=r"outside the folders .*root.*data\.roots"):
        policy.readable(path.format(house=house))


def test_a_link_to_a_file_outside_is_refused(policy, house):
    (house / "root/link.csv").symlink_to(house / "outside/secret.csv")
    with pytest.raises(NotAllowed):
        policy.readable("link.csv")


def test_a_link_to_a_folder_outside_is_refused(policy, house):
    (house / "root/way_out").symlink_to(house / "outside", target_is_directory=True)
    for path in ("way_out/secret.csv", "way_out/inner/secret.csv", "deep/../way_out/inner/../secret.csv"):
        with pytest.raises(NotAllowed):
            policy.readable(path)


def test_a_link_to_nowhere_outside_is_refused_like_any_other(policy, house):
    (house / "root/dangling.csv").symlink_to(house / "outside/never.csv")
    with pytest.raises(NotAllowed):
        policy.readable("dangling.csv")


def test_a_link_that_stays_inside_is_followed(policy, house):
    (house / "root/same.csv").symlink_to(house / "other/late.csv")
    assert policy.readable("same.csv") == house / "other/late.csv"


def test_a_root_that_is_a_link_is_a_root(house):
    (house / "alias").symlink_to(house / "root", target_is_directory=True)
    policy = Policy(roots=(house / "alias",), workspace=house / "workspace")
    assert policy.readable("orders.csv") == house / "root/orders.csv"
    assert policy.readable(house / "alias/orders.csv") == house / "root/orders.csv"


def test_a_circle_of_links_is_said_to_be_one(policy, house):
    (house / "root/a.csv").symlink_to(house / "root/b.csv")
    (house / "root/b.csv").symlink_to(house / "root/a.csv")
    with pytest.raises(DataUnreadable, match=r"a\.csv"):
        policy.readable("a.csv")


def test_the_workspace_stays_closed_inside_a_root_that_holds_it(house):
    policy = Policy(roots=(house,), workspace=house / "workspace")
    assert policy.readable("root/orders.csv") == house / "root/orders.csv"
    with pytest.raises(NotAllowed):
        policy.readable("workspace/results/kept.json")
    assert policy.readable("workspace/uploads/mine.csv")


def test_a_root_inside_the_workspace_was_opened_on_purpose(house):
    (house / "workspace/tables").mkdir()
    (house / "workspace/tables/t.csv").write_text("a\n")
    policy = Policy(roots=(house / "workspace/tables",), workspace=house / "workspace")
    assert policy.readable("t.csv")
    with pytest.raises(NotAllowed):
        policy.readable(house / "workspace/results/kept.json")


def test_uploads_of_another_tenant_are_not_readable(house):
    workspace = Workspace(house / "workspace")
    for tenant in ("ann", "bob"):
        (workspace.folder("uploads", tenant) / "u.csv").write_text("a\n")
    policy = Policy(roots=(), workspace=house / "workspace", tenant="ann")
    assert policy.readable("u.csv") == workspace.folder("uploads", "ann") / "u.csv"
    with pytest.raises(NotAllowed):
        policy.readable(workspace.folder("uploads", "bob") / "u.csv")


def test_without_roots_the_message_says_so(house):
    with pytest.raises(NotAllowed, match=r"\(none\).*data\.roots"):
        Policy(roots=(), workspace=house / "workspace").readable("/etc/passwd")


@pytest.mark.parametrize(
    ("path", "error", "says"),
    [
        ("", BadRequest, "empty"),
        ("   ", BadRequest, "empty"),
        ("a\0b.csv", BadRequest, "NUL"),
        ("x" * 5000, BadRequest, "too long.*5,000"),
        ("x" * 300 + ".csv", BadRequest, "too long"),
        ("ü" * 200 + ".csv", BadRequest, "too long"),
        ("~/orders.csv", BadRequest, "'~' is not expanded"),
        ("~root/orders.csv", BadRequest, "'~' is not expanded"),
        ("file:///etc/passwd", NotAllowed, "file: addresses"),
        ("FILE:/etc/passwd", NotAllowed, "file: addresses"),
        ("ordres.csv", DataUnreadable, r"did you mean 'orders\.csv'"),
        ("deep/mroe.csv", DataUnreadable, r"did you mean 'more\.csv'"),
        ("zzz", DataUnreadable, r"The folder holds: orders\.csv"),
        ("orders.csv/x", DataUnreadable, "no file"),
        ("deep", BadRequest, r"is a folder; it holds more\.csv.*deep/\*\.csv"),
        ("\ud800.csv", DataUnreadable, "can't be looked up|no file"),
    ],
)
def test_each_mistake_is_named_with_what_to_do(policy, path, error, says):
    with pytest.raises(error, match=says) as caught:
        policy.readable(path)
    assert len(str(caught.value)) < 500


def test_a_pipe_is_not_waited_on(policy, house):
    os.mkfifo(house / "root/pipe.csv")
    with pytest.raises(DataUnreadable, match="not a plain file"):
        policy.readable("pipe.csv")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_named(policy, house):
    (house / "root/orders.csv").chmod(0)
    with pytest.raises(DataUnreadable, match="permission"):
        policy.readable("orders.csv")


def test_a_file_over_the_limit_is_refused_with_both_sizes(house):
    policy = Policy(roots=(house / "root",), workspace=house / "workspace", max_file_mb=1)
    with (house / "root/big.csv").open("wb") as file:
        file.truncate(2_000_001)
    with pytest.raises(LimitExceeded, match=r"2 MB.*1 MB.*data\.max_file_mb"):
        policy.readable("big.csv")
    assert policy.readable("orders.csv")


def test_a_new_file_may_be_written_under_a_root_or_the_exports(policy, house):
    assert policy.writable("new.csv") == house / "root/new.csv"
    assert policy.writable(house / "other/new.csv") == house / "other/new.csv"
    assert policy.writable(house / "workspace/exports/new.csv") == house / "workspace/exports/new.csv"
    assert not (house / "root/new.csv").exists()


def test_without_roots_relative_files_go_to_the_tenants_exports(house):
    policy = Policy(roots=(), workspace=house / "workspace", tenant="ann")
    assert policy.writable("new.csv") == house / "workspace/exports/ann/new.csv"


@pytest.mark.parametrize(
    "path",
    [
        "/tmp/x.csv",
        "../x.csv",
        "{house}/outside/x.csv",
        "{house}/workspace/names/default.json",
        "{house}/workspace/x.csv",
    ],
)
def test_writing_outside_or_among_what_is_kept_is_refused(policy, house, path):
    with pytest.raises(NotAllowed):
        policy.writable(path.format(house=house), overwrite=True)


def test_writing_through_a_link_that_points_out_is_refused(policy, house):
    (house / "root/out.csv").symlink_to(house / "outside/secret.csv")
    (house / "root/way_out").symlink_to(house / "outside", target_is_directory=True)
    for path in ("out.csv", "way_out/new.csv"):
        with pytest.raises(NotAllowed):
            policy.writable(path, overwrite=True)


def test_an_existing_file_is_replaced_only_when_asked(policy, house):
    with pytest.raises(BadRequest, match="overwrite=true"):
        policy.writable("orders.csv")
    assert policy.writable("orders.csv", overwrite=True) == house / "root/orders.csv"


def test_a_source_is_never_overwritten_by_whatever_name(policy, house):
    source = house / "root/orders.csv"
    (house / "root/link.csv").symlink_to(source)
    (house / "root/hard.csv").hardlink_to(source)
    for path in ("orders.csv", "deep/../orders.csv", "link.csv", "hard.csv"):
        with pytest.raises(NotAllowed, match="source"):
            policy.writable(path, overwrite=True, sources=[house / "gone.csv", source])


def test_a_folder_or_a_missing_parent_is_named(policy):
    with pytest.raises(BadRequest, match="is a folder"):
        policy.writable("deep")
    with pytest.raises(BadRequest, match=r"nowhere' does not exist"):
        policy.writable("nowhere/new.csv")
