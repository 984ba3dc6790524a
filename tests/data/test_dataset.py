"""What a `Dataset` computes: counts, aggregates, samples and the SQL that shows them."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from refinery.tools.data import Dataset, open_dataset
from refinery.tools.data.engine import Engine
from refinery.tools.errors import BadRequest

ROWS = 200_000


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A Parquet file whose `id` is the row's number, in many row groups."""
    path = tmp_path_factory.mktemp("large") / "large.parquet"
    ids = np.arange(ROWS)
    pq.write_table(pa.table({"id": ids, "half": ids % 2, "text": [f"t{n}" for n in ids]}), path, row_group_size=7_000)
    return path


@pytest.fixture(params=["file", "memory", "several files"])
def dataset(request, large, tmp_path):
    if request.param == "file":
        return open_dataset(large)
    table = pq.read_table(large)
    if request.param == "memory":
        return open_dataset(table)
    pq.write_table(table.slice(0, 90_000), tmp_path / "1.parquet")
    pq.write_table(table.slice(90_000), tmp_path / "2.parquet")
    return open_dataset(str(tmp_path / "*.parquet"))


@pytest.mark.parametrize("wanted", [1, 3, 10_000, ROWS - 1])
def test_a_sample_has_exactly_the_rows_asked_for_each_once(dataset, wanted):
    sample = dataset.sample(wanted, ["id"])
    ids = sample.arrow["id"].to_pylist()
    assert len(set(ids)) == len(ids) == wanted
    assert ids == sorted(ids)
    assert (sample.scanned.rows, sample.scanned.of, sample.scanned.method) == (wanted, ROWS, "random sample, seed 0")


def test_a_table_that_fits_is_taken_whole(dataset):
    sample = dataset.sample(ROWS)
    assert sample.arrow.num_rows == ROWS
    assert sample.scanned.method == "all"


def test_a_sample_is_the_same_for_any_number_of_threads_and_any_columns(large):
    samples = [open_dataset(large, engine=Engine(threads=threads)).sample(500) for threads in (1, 2, 7)]
    assert samples[0].arrow.equals(samples[1].arrow)
    assert samples[0].arrow.equals(samples[2].arrow)
    narrow = open_dataset(large).sample(500, ["text"])
    assert narrow.arrow["text"].equals(samples[0].arrow["text"])


def test_a_seed_chooses_other_rows(large):
    dataset = open_dataset(large)
    assert dataset.sample(500, seed=1).arrow["id"] != dataset.sample(500).arrow["id"]


def test_a_sample_is_spread_evenly(large):
    ids = np.array(open_dataset(large).sample(20_000, ["id"], seed=3).arrow["id"])
    counts = np.histogram(ids, bins=10, range=(0, ROWS))[0]
    # Each bin is hypergeometric around 2,000 with a standard deviation of 40.
    assert abs(counts - 2_000).max() < 200
    assert abs((ids % 2).mean() - 0.5) < 0.02


def test_a_sample_of_a_missing_column_or_of_none(large):
    dataset = open_dataset(large)
    with pytest.raises(BadRequest, match="no column 'txet' in 'large'; did you mean 'text'"):
        dataset.sample(5, ["txet"])
    assert dataset.sample(5, []).arrow.shape == (5, 0)
    assert dataset.sample(0).arrow.shape == (0, 3)


def test_a_column_called_like_a_row_number_is_no_trouble(tmp_path):
    table = pa.table({"row": range(100), "file_row_number": range(100, 200)})
    pq.write_table(table, tmp_path / "t.parquet")
    sample = open_dataset(tmp_path / "t.parquet").sample(10).arrow.to_pydict()
    assert [value + 100 for value in sample["row"]] == sample["file_row_number"]


def test_the_frame_of_a_sample_has_numpy_types():
    table = pa.table(
        {
            "price": pa.array([Decimal("1.50"), None], pa.decimal128(10, 2)),
            "day": pa.array([dt.date(2020, 1, 1), None]),
            "n": [1, 2],
        }
    )
    frame = open_dataset(table).sample(10).frame
    assert frame["price"].dtype == "float64"
    assert frame["day"].dtype.kind == "M"
    assert frame["n"].tolist() == [1, 2]


def test_aggregates_are_told_by_the_callers_names():
    dataset = open_dataset(
        pd.DataFrame({"a": [1.0, None, 4.0], "t": pd.to_datetime(["2020-01-01", None, "2021-01-01"])})
    )
    values = dataset.aggregate(
        {
            "sum of 'a'": dataset.table.a.sum(),
            "": dataset.table.a.isnull().sum(),
            "latest": dataset.table.t.max(),
            "nothing": dataset.table.filter(dataset.table.a > 9).a.max()
            if False
            else dataset.table.a.nullif(1.0).nullif(4.0).max(),
        }
    )
    assert list(values) == ["sum of 'a'", "", "latest", "nothing"]
    assert values == {"sum of 'a'": 5.0, "": 1, "latest": dt.datetime(2021, 1, 1), "nothing": None}
    assert dataset.aggregate({}) == {}


def test_many_aggregates_are_computed_in_batches():
    dataset = open_dataset(pd.DataFrame({f"c{n}": [n, n + 1] for n in range(500)}))
    expressions = {
        f"{name} {kind}": getattr(dataset.table[name], kind)()
        for name in dataset.columns
        for kind in ("min", "max", "count")
    }
    values = dataset.aggregate(expressions)
    assert len(values) == 1_500
    assert [values[f"c499 {kind}"] for kind in ("min", "max", "count")] == [499, 500, 2]


def test_a_time_that_python_cannot_hold_is_told_as_text(tmp_path):
    backend = Engine().connect()
    backend.con.execute("CREATE TABLE t AS SELECT TIMESTAMP '12020-01-01' AS late, TIMESTAMP '2020-01-01' AS fine")
    dataset = Dataset(name="t", table=backend.table("t"))
    values = dataset.aggregate({"late": dataset.table.late.max(), "fine": dataset.table.fine.max()})
    assert values["fine"] == dt.datetime(2020, 1, 1)
    assert "12020" in str(values["late"])


QUERIES = [
    (lambda t: t.a.isnull().sum(), "SELECT SUM(CAST(a IS NULL AS INT)) FROM dataset"),
    (lambda t: t.filter(t.a > 1).count(), "SELECT COUNT(*) FROM dataset WHERE a > 1"),
    (lambda t: t.filter(t["my col"] == "it's").count(), "SELECT COUNT(*) FROM dataset WHERE \"my col\" = 'it''s'"),
    (lambda t: t.aggregate(top=t["order"].max()), 'SELECT MAX("order") AS top FROM dataset'),
    (lambda t: t.a.nunique(), "SELECT COUNT(DISTINCT a) FROM dataset"),
]


@pytest.mark.parametrize(("build", "sql"), QUERIES, ids=[sql for _, sql in QUERIES])
def test_evidence_is_short_sql_over_a_table_called_dataset(build, sql):
    dataset = open_dataset(pd.DataFrame({"a": [1, 2], "my col": ["x", "y"], "order": [1, 2]}), name="x")
    assert dataset.query(build(dataset.table)) == sql


@pytest.mark.parametrize(
    "build",
    [
        lambda t: t.group_by("k").agg(n=t.count()).filter(lambda g: g.n > 1).n.sum(),
        lambda t: t.mutate(m=t.a.mean().over()).filter(lambda s: s.a > s.m).count(),
        lambda t: t.join(t.view(), "k").count(),
        lambda t: t.distinct().count(),
        lambda t: t.filter(t.a > 1).group_by("k").agg(n=t.a.sum()).order_by("k"),
        lambda t: t.filter(t.a > 1).select("k").union(t.select("k")).count(),
        lambda t: t.filter(t.a.isin(t.filter(t.k == "x").a)).count(),
    ],
)
def test_evidence_computes_the_value_again(build):
    dataset = open_dataset(pd.DataFrame({"a": [1, 2, 2, 5], "k": ["x", "x", "y", "y"]}))
    expression = build(dataset.table)
    again = dataset.table.get_backend().con.execute(dataset.query(expression)).fetchall()
    result = expression.to_pyarrow()
    assert again == (
        [tuple(row.values()) for row in result.to_pylist()] if isinstance(result, pa.Table) else [(result.as_py(),)]
    )


def test_the_engine_keeps_to_its_limits_and_spills_where_it_may(tmp_path):
    spill = tmp_path / "spill"
    backend = Engine(memory_mb=60, threads=1, spill=spill).connect()
    settings = dict(backend.con.execute("SELECT name, value FROM duckdb_settings()").fetchall())
    assert settings["memory_limit"] == "60.0 MiB"
    assert settings["threads"] == "1"
    assert settings["TimeZone"] == "UTC"
    assert {settings["autoinstall_known_extensions"], settings["autoload_known_extensions"]} == {"false"}
    backend.con.execute(
        "CREATE TABLE t AS SELECT * FROM (SELECT hash(i)::VARCHAR AS h FROM range(3000000) t(i)) ORDER BY h"
    )
    assert len(list(spill.iterdir())) == 1
    backend.disconnect()
    assert list(spill.iterdir()) == []


def test_connections_do_not_share_a_spill_folder(tmp_path):
    folders = {
        Engine(spill=tmp_path).connect().con.execute("SELECT current_setting('temp_directory')").fetchone()
        for _ in range(3)
    }
    assert len(folders) == 3
