"""Pipelines as they are kept: the same call twice, showing, editing, other processes, other tenants."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from feature_tables import mixed
from refinery.tools.context import Caller
from refinery.tools.errors import BadRequest, DataUnreadable
from refinery.tools.features._declared import Pipelines
from refinery.tools.rendering import render
from refinery.tools.runtime import Runtime, RuntimeConfig

if TYPE_CHECKING:
    from conftest import Lab


def _document(lab: Lab, pipeline: str) -> dict[str, object]:
    path = lab.context.workspace.folder("pipelines", "default") / f"{pipeline}.json"
    found: dict[str, object] = json.loads(path.read_text())
    return found


def test_the_same_step_twice_changes_nothing_and_says_so(lab: Lab) -> None:
    pipeline = lab.start(mixed())
    first = lab.call("impute_missing_values", pipeline=pipeline)
    before = _document(lab, pipeline)
    second = lab.call("impute_missing_values", pipeline=pipeline)
    assert (first.changed, second.changed) == (True, False)
    assert second.made == first.made
    assert "nothing changed" in second.headline()
    assert _document(lab, pipeline) == before


def test_the_same_step_after_others_says_how_it_is_done_for_what_they_made(lab: Lab) -> None:
    pipeline = lab.start(mixed())
    lab.call("impute_missing_values", pipeline=pipeline, strategy="median")
    lab.call("scale_numeric_features", pipeline=pipeline)
    assert "columns=" not in " ".join(lab.call("scale_numeric_features", pipeline=pipeline).next_steps())
    lab.call("generate_interactions", pipeline=pipeline, columns=["amount", "pieces"])
    again = lab.call("scale_numeric_features", pipeline=pipeline)
    (product,) = lab.call("generate_interactions", pipeline=pipeline, columns=["amount", "pieces"]).made
    assert not again.changed
    assert again.next_steps()[0].startswith("scale_numeric_features(columns=[…]) does it again")
    assert product.column in again.next_steps()[0]
    assert lab.call("scale_numeric_features", pipeline=pipeline, columns=[product.column]).changed


def test_a_whole_conversation_replayed_changes_nothing(lab: Lab) -> None:
    frame = mixed()
    pipeline = lab.auto(frame)
    before = _document(lab, pipeline)
    assert lab.auto(frame) == pipeline
    assert _document(lab, pipeline) == before


def test_show_names_every_step_and_where_each_column_comes_from(lab: Lab) -> None:
    pipeline = lab.auto(mixed())
    shown = lab.call("show_pipeline", pipeline=pipeline)
    assert [step.action for step in shown.steps][:2] == ["impute_missing_values", "encode_categorical_features"]
    inputs = {"amount", "pieces", "city", "shop", "member", "bought_at", "note"}
    assert {source for column in shown.features for source in column.sources} == inputs
    assert all(column.kind in {"number", "flag"} for column in shown.features)
    by_name = {column.column: column.sources for column in shown.features}
    assert by_name["shop_target"] == ["shop"]
    assert shown.target == "y"
    assert shown.train_rows == 480


def test_show_tells_what_each_step_learned_and_warned_of_within_bounds(lab: Lab) -> None:
    frame = mixed().assign(**{f"n{number}": np.arange(600.0) for number in range(30)}, flat=[1.0, *[2.0] * 599])
    pipeline = lab.start(frame, overrides={"flat": "numeric"})
    imputed = lab.call("impute_missing_values", pipeline=pipeline, strategy="median")
    scaled = lab.call("scale_numeric_features", pipeline=pipeline, method="robust")
    shown = lab.call("show_pipeline", pipeline=pipeline)
    assert [step.learned for step in shown.steps] == [imputed.learned, scaled.learned]
    assert [step.warnings for step in shown.steps] == [imputed.findings, scaled.findings]
    told = "\n".join(line for step in shown.steps for line in step.lines())
    assert str(imputed.learned["amount"]["fill"]) in told
    assert scaled.findings[0].message[:60] in told
    assert "; and 30 more" in told
    assert max(map(len, told.splitlines())) < 500


def test_cells_in_the_preview_of_a_step_are_masked_on_their_way_out(lab: Lab) -> None:
    contacts = np.array([f"jane.doe{number}@example.com" for number in range(30)], dtype=object)[np.arange(600) % 30]
    frame = mixed().assign(contact=np.where(np.arange(600) % 9, contacts, None))
    pipeline = lab.start(frame, overrides={"contact": "categorical"})
    result = lab.call("impute_missing_values", pipeline=pipeline, strategy="most_frequent", columns=["contact"])
    assert any("jane.doe" in str(row["contact"]) for row in result.preview), "there is something to mask"
    sent = render(result, action="impute_missing_values", uri=None)
    assert len(sent.bounded["preview"]) == len(result.preview)
    assert "jane.doe" not in json.dumps([sent.whole, sent.bounded, sent.text])
    shown = render(lab.call("show_pipeline", pipeline=pipeline), action="show_pipeline", uri=None)
    assert "jane.doe" not in json.dumps([shown.whole, shown.bounded, shown.text])


def test_show_without_a_name_lists_them(lab: Lab) -> None:
    assert lab.call("show_pipeline").headline() == "no pipelines yet."
    one, two = lab.start(mixed()), lab.start(mixed(seed=1), pipeline="other")
    assert [item.pipeline for item in lab.call("show_pipeline").pipelines] == sorted([one, two])


def test_an_unknown_pipeline_is_named_with_the_nearest(lab: Lab) -> None:
    with pytest.raises(BadRequest, match="assign_feature_roles starts one"):
        lab.call("impute_missing_values", pipeline="churn")
    lab.start(mixed(), pipeline="churn")
    with pytest.raises(BadRequest, match="did you mean 'churn'"):
        lab.call("impute_missing_values", pipeline="chrun")


def test_removing_a_step_refits_what_follows(lab: Lab) -> None:
    frame = mixed()
    pipeline = lab.auto(frame)
    edited = lab.call("edit_pipeline", pipeline=pipeline, step=5, remove=True)
    assert edited.refitted == 0
    assert len(edited.steps) == 4
    other = lab.start(frame, pipeline="other")
    for action in ("impute_missing_values", "encode_categorical_features", "generate_datetime_features"):
        lab.call(action, pipeline=other)
    lab.call("vectorise_text_features", pipeline=other)
    pd.testing.assert_frame_equal(lab.built(pipeline).training.frame, lab.built(other).training.frame)


def test_changing_an_early_step_gives_what_a_fresh_pipeline_with_it_gives(lab: Lab) -> None:
    frame = mixed()
    pipeline = lab.auto(frame)
    edited = lab.call("edit_pipeline", pipeline=pipeline, step=1, arguments={"strategy": "mean"})
    assert edited.refitted == 5
    fresh = lab.start(frame, pipeline="fresh")
    lab.call("impute_missing_values", pipeline=fresh, strategy="mean")
    for action in ("encode_categorical_features", "generate_datetime_features"):
        lab.call(action, pipeline=fresh)
    for action in ("vectorise_text_features", "scale_numeric_features"):
        lab.call(action, pipeline=fresh)
    pd.testing.assert_frame_equal(lab.built(pipeline).training.frame, lab.built(fresh).training.frame)


def test_the_roles_can_be_edited_as_step_0(lab: Lab) -> None:
    pipeline = lab.auto(mixed())
    lab.call("edit_pipeline", pipeline=pipeline, step=0, arguments={"overrides": {"shop": "ignore"}})
    shown = lab.call("show_pipeline", pipeline=pipeline)
    assert len(shown.steps) == 5
    assert not any("shop" in column.sources for column in shown.features)


def test_an_edit_that_later_steps_cannot_bear_changes_nothing(lab: Lab) -> None:
    pipeline = lab.start(mixed())
    lab.call("impute_missing_values", pipeline=pipeline)
    lab.call("encode_categorical_features", pipeline=pipeline, columns=["city"])
    before = _document(lab, pipeline)
    with pytest.raises(BadRequest, match="step 2, encode_categorical_features: no column 'city'"):
        lab.call("edit_pipeline", pipeline=pipeline, step=0, arguments={"overrides": {"city": "ignore"}})
    assert _document(lab, pipeline) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"step": 7, "remove": True}, "has 1 steps, no step 7"),
        ({"step": 1}, "either remove=true or the arguments"),
        ({"step": 1, "remove": True, "arguments": {}}, "either remove=true or the arguments"),
        ({"step": 1, "arguments": {"stratgy": "mean"}}, "did you mean 'strategy'"),
        ({"step": 1, "arguments": {"strategy": "men"}}, "did you mean 'mean'"),
        ({"step": 1, "arguments": {"pipeline": "other"}}, "a step stays in its pipeline"),
        ({"step": 0, "remove": True}, "can't be removed"),
        ({"step": 0, "arguments": {"dataset": "x"}}, "no argument 'dataset' of step 0"),
    ],
)
def test_a_bad_edit_is_told(lab: Lab, arguments: dict[str, object], message: str) -> None:
    pipeline = lab.start(mixed())
    lab.call("impute_missing_values", pipeline=pipeline)
    with pytest.raises(BadRequest, match=message):
        lab.call("edit_pipeline", pipeline=pipeline, **arguments)


def test_pipelines_survive_a_restart_and_belong_to_a_tenant(lab: Lab) -> None:
    pipeline = lab.auto(mixed())
    config = RuntimeConfig(workspace=lab.context.workspace.root, roots=(lab.folder,))
    again = Pipelines.of(Runtime(config).context(Caller()))
    assert again.names() == [pipeline]
    assert len(again.get(pipeline).steps) == 5
    assert Pipelines.of(Runtime(config).context(Caller(tenant="other"))).names() == []


def test_kept_stages_may_expire_and_are_made_again(lab: Lab) -> None:
    pipeline = lab.auto(mixed())
    before = lab.built(pipeline).training.frame
    for file in lab.context.workspace.folder("stages", "default").iterdir():
        file.unlink()
    pd.testing.assert_frame_equal(lab.built(pipeline).training.frame, before)


def test_a_table_that_has_changed_refits_all_steps_and_says_so(lab: Lab) -> None:
    frame = mixed()
    pipeline = lab.start(frame)
    lab.call("impute_missing_values", pipeline=pipeline, strategy="mean")
    lab.table(frame.assign(amount=frame["amount"] * 1000))
    result = lab.call("scale_numeric_features", pipeline=pipeline)
    assert any("has changed" in finding.message for finding in result.findings)
    fill = _document(lab, pipeline)["steps"][0]["told"]["learned"]["amount"]  # type: ignore[index]
    assert float(str(fill.get("fill", fill.get("value")))) > 5_000


def test_a_table_that_lost_a_column_is_refused_and_the_pipeline_stays(lab: Lab) -> None:
    frame = mixed()
    pipeline = lab.start(frame)
    lab.table(frame.drop(columns="shop"))
    with pytest.raises(BadRequest, match="no longer has 'shop'"):
        lab.call("impute_missing_values", pipeline=pipeline)


@pytest.mark.parametrize("text", ["{", "[]", '{"version": 99}', '{"version": 1, "name": "x"}'])
def test_a_pipeline_file_changed_by_hand_is_told(lab: Lab, text: str) -> None:
    pipeline = lab.start(mixed())
    path: Path = lab.context.workspace.folder("pipelines", "default") / f"{pipeline}.json"
    path.write_text(text)
    with pytest.raises(DataUnreadable, match="can't be read"):
        lab.call("impute_missing_values", pipeline=pipeline)


def test_two_calls_at_once_wait_for_each_other(lab: Lab) -> None:
    from concurrent.futures import ThreadPoolExecutor

    pipeline = lab.start(mixed())
    with ThreadPoolExecutor(2) as pool:
        calls = [
            pool.submit(lab.call, "impute_missing_values", pipeline=pipeline, strategy="median"),
            pool.submit(lab.call, "generate_datetime_features", pipeline=pipeline),
        ]
        for call in calls:
            call.result()
    shown = lab.call("show_pipeline", pipeline=pipeline)
    assert sorted(step.action for step in shown.steps) == ["generate_datetime_features", "impute_missing_values"]


def test_overrides_of_an_edit_join_those_before_and_null_takes_one_back(lab: Lab) -> None:
    pipeline = lab.start(mixed(), overrides={"note": "ignore", "shop": "ignore"})
    edited = lab.call("edit_pipeline", pipeline=pipeline, step=0, arguments={"overrides": {"city": "ignore"}})
    assert edited.role_changes == ["city: categorical → ignore"]
    lab.call("edit_pipeline", pipeline=pipeline, step=0, arguments={"overrides": {"shop": None}})
    roles = {role.column: role.role for role in lab.call("show_pipeline", pipeline=pipeline).roles}
    assert (roles["note"], roles["city"], roles["shop"]) == ("ignore", "ignore", "categorical")


@pytest.mark.parametrize("suffix", ["arrow", "skops"])
def test_damaged_stages_are_fitted_again(lab: Lab, suffix: str) -> None:
    pipeline = lab.auto(mixed())
    before = lab.built(pipeline).training.frame
    for file in lab.context.workspace.folder("stages", "default").glob(f"*.{suffix}"):
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    pd.testing.assert_frame_equal(lab.built(pipeline).training.frame, before)


def test_rows_of_a_view_that_come_in_any_order_keep_their_targets(lab: Lab) -> None:
    """A grouping gives its rows in another order each time; what is joined by place must not notice."""
    import duckdb
    from refinery.tools.runtime import Runtime, RuntimeConfig

    path = lab.folder / "shops.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("SELECT setseed(0.3)")
        connection.execute("CREATE TABLE t AS SELECT (random() * 40000)::INT AS u, random() AS x FROM range(200000)")
        connection.execute(
            "CREATE VIEW v AS SELECT u AS shop, avg(x) AS mean, (avg(x) > 0.5)::INT AS y FROM t GROUP BY u"
        )
    config = RuntimeConfig(
        workspace=lab.context.workspace.root,
        roots=(lab.folder,),
        connections={"shops": f"duckdb:///{path}"},
        threads=2,
    )
    lab.context = Runtime(config).context(Caller())
    roles = {"mean": "numeric", "shop": "ignore"}
    lab.call("assign_feature_roles", dataset="connection:shops/v", target="y", pipeline="v", overrides=roles)
    training = lab.built("v").training
    assert training.y is not None
    assert ((training.frame["mean"] > 0.5) == (training.y == 1)).all()
    ready = pd.read_parquet(lab.call("save_fe_pipeline", pipeline="v").data_path)
    assert ((ready["mean"] > 0.5) == (ready["y"] == 1)).all()
