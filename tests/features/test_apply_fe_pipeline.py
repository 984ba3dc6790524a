"""New rows through a saved pipeline: what fits, what is repaired and said, what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from feature_tables import mixed
from refinery.tools.errors import BadRequest, DataUnreadable, NotAllowed
from refinery.tools.features import load_pipeline

if TYPE_CHECKING:
    from conftest import Lab


@pytest.fixture
def saved(lab: Lab) -> Any:
    return lab.call("save_fe_pipeline", pipeline=lab.auto(mixed(), pipeline="shop"))


def _apply(lab: Lab, frame: pd.DataFrame, **arguments: Any) -> Any:
    return lab.call(
        "apply_fe_pipeline", pipeline="shop", dataset=lab.table(frame, "new"), output="out.parquet", **arguments
    )


def test_new_rows_get_what_the_loaded_pipeline_makes_of_them(lab: Lab, saved: Any) -> None:
    new = mixed(rows=250, seed=9).drop(columns="y")
    result = _apply(lab, new)
    made = pd.read_parquet(result.output)
    expected = load_pipeline(saved.pipeline_path).transform(new)
    assert list(made.columns) == list(expected.columns)
    np.testing.assert_array_equal(made.to_numpy(), expected.to_numpy())
    assert (result.rows, result.features) == (250, len(expected.columns))
    assert result.feature_hash == saved.feature_hash
    assert np.isfinite(made.to_numpy()).all()


def test_held_back_rows_get_the_test_rows_of_fe_ready(lab: Lab, saved: Any) -> None:
    frame, ready = mixed(), pd.read_parquet(saved.data_path)
    held = (ready["split"] == "test").to_numpy()
    made = pd.read_parquet(_apply(lab, frame[held]).output)
    np.testing.assert_array_equal(made.to_numpy(), ready.loc[held, made.columns].to_numpy())


def test_a_target_there_is_ignored_and_new_columns_are_told(lab: Lab, saved: Any) -> None:
    new = mixed(rows=100, seed=9)
    without = pd.read_parquet(_apply(lab, new.drop(columns="y")).output)
    result = _apply(lab, new.assign(y=1 - new["y"], colour="red"), overwrite=True)
    assert pd.read_parquet(result.output).equals(without)
    told = " ".join(finding.message for finding in result.findings)
    assert "target 'y' is there and was ignored" in told
    assert "1 column not known to the pipeline and ignored: colour" in told


def test_of_columns_that_no_feature_depends_on_nothing_is_said(lab: Lab) -> None:
    frame = mixed()
    pipeline = lab.auto(frame, pipeline="shop")
    lab.call("select_features", pipeline=pipeline, method="variance", k=1)
    lab.call("save_fe_pipeline", pipeline=pipeline)
    assert not [finding for finding in _apply(lab, frame).findings if finding.metric == "new_gaps"]


def test_unseen_levels_new_nulls_and_extremes_have_a_place(lab: Lab, saved: Any) -> None:
    new = mixed(rows=100, seed=9).drop(columns="y")
    new.loc[:20, "city"], new.loc[:20, "shop"], new.loc[:20, "note"] = "Atlantis", "shop-999", "zzz yyy"
    new.loc[21:30, ["city", "shop", "note", "pieces", "bought_at"]] = None
    new.loc[31, "amount"], new.loc[32, "amount"], new.loc[33, "amount"] = np.inf, 1e300, -1e300
    new.loc[34, "bought_at"] = pd.Timestamp("2200-01-01")
    made = pd.read_parquet(_apply(lab, new).output)
    assert np.isfinite(made.to_numpy()).all()


def test_columns_in_another_order_are_found_by_name(lab: Lab, saved: Any) -> None:
    new = mixed(rows=100, seed=9).drop(columns="y")
    one = pd.read_parquet(_apply(lab, new).output)
    assert pd.read_parquet(_apply(lab, new[new.columns[::-1]], overwrite=True).output).equals(one)


def test_a_missing_column_is_refused_with_the_nearest_name(lab: Lab, saved: Any) -> None:
    new = mixed(rows=100, seed=9).rename(columns={"amount": "amuont"})
    with pytest.raises(BadRequest, match=r"lacks 1 column .*'amount' \(is 'amuont' the same"):
        _apply(lab, new)
    assert not (lab.folder / "out.parquet").exists()


def test_a_column_that_no_feature_needs_may_be_missing(lab: Lab) -> None:
    frame = mixed()
    pipeline = lab.auto(frame, pipeline="shop")
    keep = lab.call("show_pipeline", pipeline=pipeline).features
    assert any("note" in column.sources for column in keep)
    lab.call("edit_pipeline", pipeline=pipeline, step=4, remove=True)
    lab.call("edit_pipeline", pipeline=pipeline, step=0, arguments={"overrides": {"note": "ignore"}})
    lab.call("save_fe_pipeline", pipeline=pipeline)
    assert _apply(lab, mixed(rows=50, seed=2).drop(columns=["note", "y"])).rows == 50


def test_numbers_and_dates_that_come_as_text_are_read_and_told(lab: Lab, saved: Any) -> None:
    new = mixed(rows=100, seed=9).drop(columns="y")
    as_text = new.assign(
        pieces=new["pieces"].astype(str),
        bought_at=new["bought_at"].dt.strftime("%Y-%m-%dT%H:%M:%S"),
    )
    plain = pd.read_parquet(_apply(lab, new).output)
    result = _apply(lab, as_text, overwrite=True)
    assert pd.read_parquet(result.output).equals(plain)
    assert {c for finding in result.findings for c in finding.columns} >= {"pieces", "bought_at"}


def test_a_few_values_that_are_no_numbers_are_told_and_many_are_refused(lab: Lab, saved: Any) -> None:
    new = mixed(rows=100, seed=9).drop(columns="y")
    few = new["pieces"].astype(str).where(np.arange(100) > 1, "several")
    result = _apply(lab, new.assign(pieces=few))
    (finding,) = [f for f in result.findings if f.metric == "unreadable_values"]
    assert finding.value == 2
    assert "'several'" in finding.message
    many = new["pieces"].astype(str).where(np.arange(100) > 30, "several")
    with pytest.raises(BadRequest, match="31 of its values \\(31%\\) can't be read"):
        _apply(lab, new.assign(pieces=many), overwrite=True)
    assert pd.read_parquet(result.output).shape[0] == 100


def test_a_column_of_another_kind_is_refused(lab: Lab, saved: Any) -> None:
    new = mixed(rows=100, seed=9).drop(columns="y")
    with pytest.raises(BadRequest, match="'amount' is of type timestamp"):
        _apply(lab, new.assign(amount=pd.Timestamp("2024-01-01")))


def test_no_rows_make_a_file_without_rows(lab: Lab, saved: Any) -> None:
    result = _apply(lab, mixed(rows=10).iloc[:0])
    assert result.rows == 0
    assert len(pd.read_parquet(result.output).columns) == saved.features


def test_a_pipeline_that_is_not_saved_is_told(lab: Lab) -> None:
    lab.start(mixed(), pipeline="shop")
    with pytest.raises(BadRequest, match="is not saved yet; save_fe_pipeline"):
        _apply(lab, mixed())
    with pytest.raises(BadRequest, match="no saved pipeline 'shoop'"):
        lab.call("apply_fe_pipeline", pipeline="shoop", dataset="new.parquet", output="out.parquet")


def test_files_are_neither_replaced_nor_written_elsewhere(lab: Lab, saved: Any, tmp_path: Path) -> None:
    new = mixed(rows=20, seed=9)
    _apply(lab, new)
    with pytest.raises(BadRequest, match="pass overwrite=true"):
        _apply(lab, new)
    dataset = lab.table(new, "new")
    for output in (str(tmp_path / "elsewhere.parquet"), "../out.parquet"):
        with pytest.raises(NotAllowed):
            lab.call("apply_fe_pipeline", pipeline="shop", dataset=dataset, output=output)
    with pytest.raises(NotAllowed, match="source"):
        lab.call("apply_fe_pipeline", pipeline="shop", dataset=dataset, output=dataset, overwrite=True)
    with pytest.raises(BadRequest, match=r"must end in \.parquet"):
        lab.call("apply_fe_pipeline", pipeline="shop", dataset=dataset, output="out.csv")


def test_rows_unlike_those_of_the_training_are_told(lab: Lab, saved: Any) -> None:
    new = mixed(rows=100, seed=9).drop(columns="y")
    new["city"] = "Spaceport"
    new.loc[:39, "pieces"] = 1_000
    new.loc[:69, "note"] = None
    told = {(f.columns[0], f.metric): f for f in _apply(lab, new).findings}
    assert told["city", "new_values"].value == pytest.approx(1.0)
    assert told["city", "new_values"].severity == "medium"
    assert told["pieces", "new_values"].value == pytest.approx(0.4)
    assert "note" in {column for column, metric in told if metric == "new_gaps"}
    assert ("shop", "new_values") not in told


def test_a_saved_pipeline_that_was_changed_since_is_told(lab: Lab, saved: Any) -> None:
    lab.call("edit_pipeline", pipeline="shop", step=5, remove=True)
    result = _apply(lab, mixed(rows=50, seed=2))
    assert any("has been changed since it was saved" in finding.message for finding in result.findings)


def test_neither_the_saved_files_nor_the_table_of_the_pipeline_are_replaced(lab: Lab, saved: Any) -> None:
    dataset = lab.table(mixed(rows=20, seed=9), "new")
    for output in ("shop/fe_ready.parquet", "shop/other.parquet", "table.parquet"):
        with pytest.raises(NotAllowed):
            lab.call("apply_fe_pipeline", pipeline="shop", dataset=dataset, output=output, overwrite=True)
    assert "y" in pd.read_parquet(saved.data_path).columns


def test_folders_that_merely_look_like_saved_pipelines_are_written_to(lab: Lab, saved: Any) -> None:
    dataset = lab.table(mixed(rows=20, seed=9), "new")
    for folder in ("site", "me@home"):
        (lab.folder / folder).mkdir()
        (lab.folder / folder / "manifest.json").write_text('{"name": "a web page"}')
        output = f"{folder}/out.parquet"
        assert lab.call("apply_fe_pipeline", pipeline="shop", dataset=dataset, output=output).rows == 20


def test_versions_that_lie_behind_a_name_are_neither_names_nor_written_to(lab: Lab, saved: Any) -> None:
    dataset = lab.table(mixed(rows=20, seed=9), "new")
    version = Path(saved.data_path).parent.resolve().name
    with pytest.raises(BadRequest) as caught:
        lab.call("apply_fe_pipeline", pipeline=version, dataset=dataset, output="out.parquet")
    assert "Known saved pipelines: shop" in str(caught.value)
    with pytest.raises(NotAllowed, match="lies in the folder of a saved pipeline"):
        lab.call("apply_fe_pipeline", pipeline="shop", dataset=dataset, output=f"{version}/out.parquet")


def test_a_version_that_is_replaced_while_it_is_read_is_read_anew(
    lab: Lab, saved: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from refinery.tools.features._saved import SavedPipeline

    lab.call("edit_pipeline", pipeline="shop", step=5, arguments={"method": "minmax"})
    read, saves = SavedPipeline.read, []

    def read_then_save(folder: Path) -> SavedPipeline:
        found = read(folder)
        if not saves:
            saves.append(found)
            saves.append(lab.call("save_fe_pipeline", pipeline="shop", overwrite=True))
        return found

    monkeypatch.setattr(SavedPipeline, "read", read_then_save)
    result = _apply(lab, mixed(rows=20, seed=9))
    assert result.feature_hash == saves[1].feature_hash != saved.feature_hash


def test_a_manifest_edited_by_hand_is_refused(lab: Lab, saved: Any) -> None:
    path = Path(saved.manifest_path)
    path.write_text(path.read_text().replace('"seed": 0', '"seed": 1'))
    with pytest.raises(DataUnreadable, match="was changed after it was written"):
        _apply(lab, mixed(rows=20, seed=9))
    assert not (lab.folder / "out.parquet").exists()


ROWS = 400
# A column as texts: a third or so stands for missing or, in the last three, can't be read at all.
GAPPED: dict[str, tuple[list[str], str]] = {
    "numbers with N/A": ([f"{row}.5" for row in range(ROWS)], "N/A"),
    "numbers with blanks": ([f"{row}.5" for row in range(ROWS)], "  "),
    "numbers with -999": ([f"{20 + row % 50}" for row in range(ROWS)], "-999"),
    "dates with N/A": ([f"2025-{row % 12 + 1:02}-{row % 28 + 1:02}" for row in range(ROWS)], "N/A"),
    "dates with 0000-00-00": ([f"2025-{row % 12 + 1:02}-{row % 28 + 1:02}" for row in range(ROWS)], "0000-00-00"),
    "dates with 1900-01-01": ([f"2025-{row % 12 + 1:02}-{row % 28 + 1:02}" for row in range(ROWS)], "1900-01-01"),
    "flags with a question mark": (["yes", "no"] * (ROWS // 2), "?"),
    "numbers with words": ([f"{row}.5" for row in range(ROWS)], "several"),
    "dates with words": ([f"2025-{row % 12 + 1:02}-{row % 28 + 1:02}" for row in range(ROWS)], "soon"),
    "flags with words": (["yes", "no"] * (ROWS // 2), "perhaps"),
}
ROLES = {"numbers": "numeric", "dates": "datetime", "flags": "boolean"}


def _gapped(values: list[str], gap: str) -> pd.DataFrame:
    dice = np.random.default_rng(0)
    column = np.where(dice.random(ROWS) < 0.33, gap, dice.permutation(np.array(values, dtype=object)))
    return pd.DataFrame({"x": column, "z": dice.normal(size=ROWS), "y": dice.integers(0, 2, ROWS)})


@pytest.mark.parametrize(("values", "gap"), GAPPED.values(), ids=GAPPED)
def test_every_saved_pipeline_applies_to_its_own_table(
    lab: Lab, request: pytest.FixtureRequest, values: list[str], gap: str
) -> None:
    frame = _gapped(values, gap)
    role = ROLES[request.node.callspec.id.split()[0]]
    saved = lab.call("save_fe_pipeline", pipeline=lab.auto(frame, pipeline="shop", overrides={"x": role}))
    result = _apply(lab, frame)
    ready = pd.read_parquet(saved.data_path)
    test = (ready["split"] == "test").to_numpy()
    made = pd.read_parquet(result.output)
    np.testing.assert_array_equal(made[test].to_numpy(), ready.loc[test, made.columns].to_numpy())
    told = [finding for finding in result.findings if finding.metric == "unreadable_values"]
    assert len(told) == (gap in {"several", "soon", "perhaps"}), "what stands for missing is not unreadable"


def test_more_unreadable_values_than_the_table_of_the_pipeline_had_are_refused(lab: Lab) -> None:
    frame = _gapped(*GAPPED["numbers with words"])
    lab.call("save_fe_pipeline", pipeline=lab.auto(frame, pipeline="shop", overrides={"x": "numeric"}))
    _apply(lab, frame.iloc[:1].assign(x="several"))
    _apply(lab, frame.assign(x=frame["x"].where(np.arange(ROWS) % 10 > 0, "several")), overwrite=True)
    with pytest.raises(BadRequest, match=r"of its values \(\d\d%\) can't be read as such: 'several'"):
        _apply(lab, frame.assign(x=frame["x"].where(np.arange(ROWS) % 2 > 0, "several")), overwrite=True)


def test_a_cell_in_a_refusal_is_masked(lab: Lab, saved: Any) -> None:
    new = mixed(rows=100, seed=9).drop(columns="y").assign(pieces="jane.doe@example.com")
    with pytest.raises(BadRequest, match="can't be read") as caught:
        _apply(lab, new)
    assert "jane.doe" not in str(caught.value)
    assert "example.com" in str(caught.value)
