"""Naming sources, listing and forgetting them, and the first look at a table."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from refinery.tools.catalogue import action_of
from refinery.tools.context import Caller, Context
from refinery.tools.data.opening import open_dataset
from refinery.tools.errors import BadRequest, DataUnreadable, NotAllowed
from refinery.tools.explore.basic_info import basic_info
from refinery.tools.explore.delete_dataset import delete_dataset
from refinery.tools.explore.list_datasets import list_datasets
from refinery.tools.explore.load_dataset import load_dataset
from refinery.tools.rendering import render
from refinery.tools.runtime import Runtime, RuntimeConfig

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="the shared tables are not here")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = (tmp_path / "root").resolve()
    (folder / "2024").mkdir(parents=True)
    (folder / "orders.csv").write_text("id;city\n1;Berlin\n2;Köln\n3;\n", encoding="latin-1")
    (folder / "2024/01.csv").write_text("id\n1\n")
    (folder / "2024/02.csv").write_text("id\n2\n")
    (folder / "bad.csv").write_text("a,b\n" + "1,2\n" * 20 + "1,2,3,4\n")
    return folder


@pytest.fixture
def context(tmp_path: Path, root: Path) -> Context:
    config = RuntimeConfig(
        workspace=tmp_path / "workspace", roots=(root,), connections={"shop": "postgresql://ann:hunter2@db/shop"}
    )
    return Runtime(config).context(Caller())


def test_a_file_gets_a_name_and_is_described(context, root):
    loaded = load_dataset("orders.csv", "shop_orders", context=context)
    assert (loaded.name, loaded.dataset, loaded.source) == ("shop_orders", "shop_orders", str(root / "orders.csv"))
    assert (loaded.rows, loaded.columns) == (3, ["id", "city"])
    assert loaded.actual_schema == {"id": "int64", "city": "string"}
    assert loaded.delimiter == ";"
    assert loaded.encoding
    assert loaded.findings == []
    assert context.opener.open("shop_orders").rows == 3
    entry = context.registry.get("shop_orders")
    assert (entry.rows, entry.columns, entry.format, entry.schema) == (3, 2, "csv", loaded.actual_schema)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("orders.csv", "orders"),
        ("2024/01.csv", "01"),
        ("2024/*.csv", "2024"),
        ("2024/0?.csv", "0"),
        ("{root}/orders.csv", "orders"),
    ],
)
def test_the_name_is_made_of_the_source_when_none_is_given(context, root, source, name):
    assert load_dataset(source.format(root=root), context=context).name == name
    assert context.registry.get(name)


def test_to_load_again_changes_nothing(context):
    first = load_dataset("orders.csv", context=context)
    assert load_dataset("orders.csv", context=context) == first
    assert load_dataset("orders", context=context) == first
    assert len(context.registry.entries()) == 1


def test_a_taken_name_is_not_moved_without_asking(context):
    load_dataset("orders.csv", "orders", context=context)
    with pytest.raises(BadRequest, match=r"taken by .*orders\.csv.*overwrite=true"):
        load_dataset("2024/01.csv", "orders", context=context)
    assert context.opener.open("orders").rows == 3
    assert load_dataset("2024/01.csv", "orders", overwrite=True, context=context).rows == 1
    assert context.opener.open("orders").rows == 1


def test_an_illegal_name_is_refused_before_anything_is_read(context):
    with pytest.raises(BadRequest, match="'my_orders' would do"):
        load_dataset("orders.csv", "my orders", context=context)
    assert context.registry.entries() == []


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("ordrs.csv", BadRequest),
        ("/etc/passwd", NotAllowed),
        ("file:///etc/passwd", NotAllowed),
        ("connection:shp/x", BadRequest),
    ],
)
def test_what_cannot_be_opened_gets_no_name(context, source, error):
    with pytest.raises(error):
        load_dataset(source, "x", context=context)
    assert context.registry.entries() == []


def test_an_empty_file_gets_no_name_and_one_without_rows_a_finding(context, root):
    (root / "nothing.csv").write_text("")
    with pytest.raises(DataUnreadable):
        load_dataset("nothing.csv", context=context)
    (root / "header.csv").write_text("a,b\n")
    assert [finding.metric for finding in load_dataset("header.csv", context=context).findings] == ["rows"]


def test_rows_that_cannot_be_read_are_counted_and_found(context):
    loaded = load_dataset("bad.csv", context=context)
    assert (loaded.rows, loaded.unreadable_rows) == (20, 1)
    assert [(finding.metric, finding.value, finding.severity) for finding in loaded.findings] == [
        ("unreadable_rows", 1, "high")
    ]


def test_columns_that_changed_since_the_last_time_are_found(context, root):
    load_dataset("orders.csv", context=context)
    (root / "orders.csv").write_text("id;town\nx;Berlin\ny;Rome\n")
    finding = load_dataset("orders.csv", context=context).findings[0]
    assert finding.metric == "changed_columns"
    assert finding.columns == ["city", "town", "id"]
    assert "city gone; town new; id of another type" in finding.message
    assert load_dataset("orders.csv", context=context).findings == []


def test_names_files_and_databases_are_listed_without_passwords(context, root):
    load_dataset("orders.csv", "orders", context=context)
    load_dataset("2024/*.csv", "months", context=context)
    listed = list_datasets(context)
    assert [(known.name, known.rows, known.columns, known.available) for known in listed.datasets] == [
        ("months", 2, 1, True),
        ("orders", 3, 2, True),
    ]
    assert listed.files == ["bad.csv", "orders.csv", "2024/01.csv", "2024/02.csv"]
    assert listed.connections == ["connection:shop/TABLE"]
    assert "hunter2" not in listed.model_dump_json()
    (root / "orders.csv").unlink()
    assert [known.available for known in list_datasets(context).datasets] == [True, False]


def test_tenants_see_their_own_names_only(tmp_path, root):
    runtime = Runtime(RuntimeConfig(workspace=tmp_path / "workspace", roots=(root,)))
    ann, bob = (runtime.context(Caller(tenant)) for tenant in ("ann", "bob"))
    load_dataset("orders.csv", "mine", context=ann)
    assert list_datasets(bob).datasets == []
    with pytest.raises(BadRequest, match="no dataset 'mine'"):
        bob.opener.open("mine")
    with pytest.raises(BadRequest, match="no dataset name 'mine'"):
        delete_dataset("mine", bob)
    assert [known.name for known in list_datasets(ann).datasets] == ["mine"]


def test_a_forgotten_name_leaves_the_file(context, root):
    before = (root / "orders.csv").read_bytes()
    load_dataset("orders.csv", context=context)
    gone = delete_dataset("orders", context)
    assert (gone.name, gone.source) == ("orders", str(root / "orders.csv"))
    assert (root / "orders.csv").read_bytes() == before
    assert context.registry.get("orders") is None
    with pytest.raises(BadRequest, match=r"no dataset name 'orders'"):
        delete_dataset("orders", context)


def test_only_the_name_is_ever_deleted_whatever_is_given(context, root):
    for name in ("orders.csv", str(root / "orders.csv"), "../root/orders.csv", "*"):
        with pytest.raises(BadRequest, match="no dataset name"):
            delete_dataset(name, context)
    assert (root / "orders.csv").exists()


def test_the_hints_for_clients_say_what_each_does():
    load, listing, delete, info = map(action_of, (load_dataset, list_datasets, delete_dataset, basic_info))
    assert (load.traits.read_only, load.traits.idempotent, load.traits.destructive, load.traits.pure) == (
        False,
        True,
        False,
        False,
    )
    assert (listing.traits.where, listing.traits.read_only, listing.traits.pure) == ("process", True, False)
    assert (delete.traits.where, delete.traits.read_only, delete.traits.destructive) == ("process", False, True)
    assert info.traits.pure
    assert set(load.input_schema["properties"]) == {"source", "name", "overwrite"}
    assert listing.input_schema.get("properties", {}) == {}
    assert all(
        len(item.description) + len(json.dumps(item.input_schema)) < 600 for item in (load, listing, delete, info)
    )


def test_the_first_look_counts_and_previews_with_personal_values_masked():
    frame = pd.DataFrame(
        {
            "id": range(8),
            "email": [f"user{number}@example.com" for number in range(8)],
            "phone": [2053258100 + number for number in range(8)],
            "note": ["x" * 200, None] * 4,
        }
    )
    info = basic_info(open_dataset(frame, name="people"))
    assert (info.rows, [column.column for column in info.columns]) == (8, ["id", "email", "phone", "note"])
    assert [column.nulls for column in info.columns] == [0, 0, 0, 4]
    assert len(info.preview) == 5
    sent = render(info, action="basic_info", uri="refinery://results/1")
    assert sent.bounded["preview"][1] == {"id": 1, "email": "u***@example.com", "phone": "***01", "note": None}
    assert len(info.preview[0]["note"]) == 80
    assert "user1@" not in sent.text
    assert "2053258101" not in sent.text
    unmasked = render(info, action="basic_info", uri="refinery://results/1", masked=False)
    assert unmasked.bounded["preview"][1]["email"] == "user1@example.com"
    assert info.file_bytes is None
    arrow = pa.Table.from_pandas(frame).nbytes
    assert info.memory_bytes == pytest.approx(arrow, rel=0.5)


def test_dates_past_the_year_9999_are_shown_as_text():
    far = pa.table({"t": pa.array([568971820800000000, 0], pa.timestamp("us"))})  # 20000-01-01
    assert [row["t"] for row in basic_info(open_dataset(far)).preview] == [
        "20000-01-01T00:00:00",
        "1970-01-01 00:00:00",
    ]


def test_the_size_of_a_pattern_is_that_of_its_files(context, root):
    info = basic_info(context.opener.open("2024/*.csv"))
    assert info.file_bytes == sum(file.stat().st_size for file in (root / "2024").iterdir())
    assert basic_info(context.opener.open("orders.csv")).file_bytes == (root / "orders.csv").stat().st_size


ODD = ['a "quoted" name', "a.b", "sp ace", "ünï", "select * from x; --", "it's"]


@pytest.mark.parametrize(
    "table",
    [
        pa.table({"a": pa.array([], pa.int64()), "b": pa.array([], pa.string())}),
        pa.table({"a": [None, None]}),
        pa.table({"a": pa.array([None], pa.string())}),
        pa.table({name: [1, None] for name in ODD}),
        pa.table({"list": [[1, 2], None], "struct": [{"x": 1, "y": ["a"]}, None], "raw": [b"\x00\xff", None]}),
        pa.table({"f": [float("nan"), float("inf"), None]}),
        pa.table({"d": pa.array(["1.10", None]).cast(pa.decimal128(10, 2))}),
        pa.table({"t": pa.array([0, None], pa.timestamp("us", "Europe/Berlin")), "day": pa.array([0, 1], pa.date32())}),
        pa.table({"time": pa.array([1, None], pa.time64("us")), "flag": [True, None]}),
        pa.table({f"c{number}": [number] for number in range(320)}),
    ],
    ids=[
        "no rows",
        "all null",
        "one row",
        "odd names",
        "nested",
        "not finite",
        "decimal",
        "times",
        "time of day",
        "wide",
    ],
)
def test_the_first_look_works_on_any_table(table):
    info = basic_info(open_dataset(table))
    assert (info.rows, len(info.columns)) == table.shape
    assert [column.nulls for column in info.columns] == [table[name].null_count for name in table.column_names]
    assert len(info.preview) == min(5, table.num_rows)
    assert json.loads(info.model_dump_json())["rows"] == table.num_rows
    assert len("\n".join([info.headline(), *info.details()])) < 2_500


@needs_shared
def test_the_taxi_table_is_loaded_whole(tmp_path):
    context = Runtime(RuntimeConfig(workspace=tmp_path, roots=(SHARED,))).context(Caller())
    loaded = load_dataset("taxi_2019-01.csv", "taxi", context=context)
    assert (loaded.rows, len(loaded.columns), loaded.unreadable_rows) == (10_000, 18, 0)
    nulls = {column.column: column.nulls for column in basic_info(context.opener.open("taxi")).columns}
    expected = pd.read_csv(SHARED / "taxi_2019-01.csv", low_memory=False).isna().sum()
    assert nulls == expected.to_dict()
    assert nulls["congestion_surcharge"] == 6_327
