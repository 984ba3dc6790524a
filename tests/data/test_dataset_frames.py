"""Tables in memory, of whatever library, as datasets."""

from __future__ import annotations

import datetime as dt
import decimal
import gc
import tempfile
from pathlib import Path

import duckdb
import ibis
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset
import pytest
from refinery.tools.data import Dataset, open_dataset
from refinery.tools.errors import BadRequest


def values(dataset: Dataset) -> dict[str, list]:
    return dataset.table.to_pyarrow().to_pydict()


COLUMNS = {
    "mixed": (pd.Series([1, "x", None, 2.5], dtype=object), ["1", "x", None, "2.5"]),
    "numbers as objects": (pd.Series([1, 2.5, None, decimal.Decimal("3")], dtype=object), [1.0, 2.5, None, 3.0]),
    "dictionaries": (pd.Series([{"a": 1}, {"a": 2}, None, None], dtype=object), [{"a": 1}, {"a": 2}, None, None]),
    "lists": (pd.Series([[1], [2, 3], None, []], dtype=object), [[1], [2, 3], None, []]),
    "objects": (pd.Series([Path("a"), Path("b"), None, np.nan], dtype=object), ["a", "b", None, None]),
    "category": (pd.Series(["a", "b", None, "a"], dtype="category"), ["a", "b", None, "a"]),
    "category of numbers": (pd.Series([3, 5, 3, 3]).astype("category"), [3, 5, 3, 3]),
    "empty category": (pd.Series([None] * 4).astype("category"), [None] * 4),
    "nullable": (pd.Series([1, None, 3, 4], dtype="Int64"), [1, None, 3, 4]),
    "nullable boolean": (pd.Series([True, None, False, True], dtype="boolean"), [True, None, False, True]),
    "arrow": (pd.Series([1, None, 3, 4], dtype="int32[pyarrow]"), [1, None, 3, 4]),
    "arrow text": (pd.Series(["a", None, "", "d"], dtype="string[pyarrow]"), ["a", None, "", "d"]),
    "nan": (pd.Series([1.5, np.nan, np.inf, -1]), [1.5, None, np.inf, -1.0]),
    "duration": (
        pd.to_timedelta(["1 day", None, "90 s", "1 ms"]).to_series(index=range(4)),
        [86400.0, None, 90.0, 0.001],
    ),
    "time": (pd.Series([dt.time(5, 6), None, None, dt.time(7)]), [dt.time(5, 6), None, None, dt.time(7)]),
    "date": (
        pd.Series([dt.date(2020, 1, 1), None, None, dt.date(2021, 1, 1)]),
        [dt.date(2020, 1, 1), None, None, dt.date(2021, 1, 1)],
    ),
    "period": (
        pd.Series(pd.period_range("2020-01", periods=4, freq="M")),
        ["2020-01", "2020-02", "2020-03", "2020-04"],
    ),
    "interval": (pd.Series(pd.interval_range(0, 4)), ["(0, 1]", "(1, 2]", "(2, 3]", "(3, 4]"]),
    "sparse": (pd.Series([0, 0, 7, 0], dtype=pd.SparseDtype("int64", 0)), [0, 0, 7, 0]),
    "complex": (pd.Series([1 + 2j, 0j, 1j, 2]), ["(1+2j)", "0j", "1j", "(2+0j)"]),
    "huge": (pd.Series([2**70, 1, 2, 3], dtype=object), [str(2**70), "1", "2", "3"]),
    "nothing": (pd.Series([None] * 4, dtype=object), [None] * 4),
    "half": (pd.Series([1.5, 2, 3, 4], dtype="float16"), [1.5, 2.0, 3.0, 4.0]),
    "bytes": (pd.Series([b"a", None, b"", b"d"]), [b"a", None, b"", b"d"]),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_pandas_columns_of_any_type_are_taken(name):
    column, expected = COLUMNS[name]
    dataset = open_dataset(pd.DataFrame({"x": column.reset_index(drop=True)}))
    assert values(dataset) == {"x": expected}
    # Whatever the type, the table can be counted, copied and grouped.
    assert dataset.aggregate({"n": dataset.table.x.count()}) == {"n": sum(value is not None for value in expected)}
    assert dataset.sample(2).arrow.num_rows == 2


def test_zones_of_pandas_are_kept_as_instants():
    times = pd.to_datetime(["2020-01-01 00:00"]).tz_localize("Europe/Berlin")
    [got] = values(open_dataset(pd.DataFrame({"t": times})))["t"]
    assert got == dt.datetime(2019, 12, 31, 23, tzinfo=dt.timezone.utc)  # noqa: UP017


def test_labels_of_pandas_become_different_texts():
    frame = pd.DataFrame([[1, 2, 3, 4, 5]], columns=[0, "a", "a", "A", ("x", "y")])
    dataset = open_dataset(frame)
    assert dataset.columns == ["0", "a", "a_2", "A_3", "x_y"]
    assert [column for [column] in values(dataset).values()] == [1, 2, 3, 4, 5]
    assert "a second column 'a' is called 'a_2'" in dataset.reading.notes


@pytest.mark.parametrize(
    ("index", "columns"),
    [
        (pd.RangeIndex(2), ["v"]),
        (pd.Index([5, 9]), ["v"]),
        (pd.Index([5, 9], name="id"), ["id", "v"]),
        (pd.Index(["p", "q"]), ["index", "v"]),
        (pd.to_datetime(["2020-01-01", "2020-01-02"]), ["index", "v"]),
        (pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["k", None]), ["k", "index", "v"]),
        (pd.Index(["p", "q"], name="v"), ["v", "v_2"]),
        (pd.Index([5, 5]), ["v"]),
        (pd.Index([5, 5], name="id"), ["id", "v"]),
    ],
)
def test_an_index_is_kept_when_it_has_a_name_or_is_no_count(index, columns):
    dataset = open_dataset(pd.DataFrame({"v": [1, 2]}, index=index))
    assert dataset.columns == columns
    assert dataset.rows == 2
    assert list(values(dataset).values())[-1] == [1, 2]


def test_polars_tables_are_taken():
    frame = pl.DataFrame(
        {
            "n": [1, None],
            "s": ["a", None],
            "c": pl.Series(["x", "y"], dtype=pl.Categorical),
            "e": pl.Series(["x", "y"], dtype=pl.Enum(["x", "y"])),
            "d": [dt.timedelta(seconds=90), None],
            "o": pl.Series([Path("p"), None], dtype=pl.Object),
            "l": [[1], [2, 3]],
            "null": [None, None],
            "i": pl.Series([2**70, None], dtype=pl.Int128),
            "dec": [decimal.Decimal("1.10"), None],
            "t": [dt.time(1, 2), None],
        }
    )
    dataset = open_dataset(frame)
    assert values(dataset) == {
        "n": [1, None],
        "s": ["a", None],
        "c": ["x", "y"],
        "e": ["x", "y"],
        "d": [90.0, None],
        "o": ["p", None],
        "l": [[1], [2, 3]],
        "null": [None, None],
        "i": [decimal.Decimal(2**70), None],
        "dec": [decimal.Decimal("1.10"), None],
        "t": [dt.time(1, 2), None],
    }
    assert values(open_dataset(frame.lazy().select("n"))) == {"n": [1, None]}


TABLE = pa.table({"a": [1, 2], "b": ["x", None]})


@pytest.mark.parametrize(
    "source",
    [
        TABLE,
        TABLE.to_batches()[0],
        TABLE.to_reader(),
        pa.dataset.dataset(TABLE),
        TABLE.to_pandas(),
        pl.from_arrow(TABLE),
        duckdb.from_arrow(TABLE),
        ibis.memtable(TABLE),
    ],
    ids=["table", "batch", "reader", "dataset", "pandas", "polars", "duckdb", "ibis"],
)
def test_whatever_is_a_table_is_taken(source):
    dataset = open_dataset(source, name="mine")
    assert (dataset.name, dataset.columns, dataset.rows, dataset.format) == ("mine", ["a", "b"], 2, "table")
    assert values(dataset) == {"a": [1, 2], "b": ["x", None]}


def test_arrow_types_that_the_engine_lacks_are_fitted():
    table = pa.table(
        {
            "view": pa.array(["a", None], pa.string_view()),
            "large": pa.array(["a", None], pa.large_string()),
            "wide": pa.array([decimal.Decimal("1.5"), None], pa.decimal256(50, 2)),
            "codes": pa.array([1, 1]).dictionary_encode(),
            "run": pa.RunEndEncodedArray.from_arrays(pa.array([2], pa.int32()), pa.array(["r"])),
            "uuid": pa.array([b"0123456789abcdef", None], pa.uuid()),
        }
    )
    got = values(open_dataset(table))
    assert got["view"] == got["large"] == ["a", None]
    assert got["wide"] == [1.5, None]
    assert got["codes"] == [1, 1]
    assert got["run"] == ["r", "r"]
    assert len(got["uuid"]) == 2


@pytest.mark.parametrize(
    ("source", "named"),
    [
        (5, "int"),
        ([{"a": 1}], "list"),
        ({"a": [1]}, "dict"),
        (None, "NoneType"),
        (np.arange(3), "numpy.ndarray"),
        (pa.array([1]), "Int64Array"),
    ],
)
def test_what_is_no_table_is_refused_by_its_type(source, named):
    with pytest.raises(BadRequest, match=named) as failure:
        open_dataset(source)
    assert "pandas, polars or Arrow table" in str(failure.value)


def test_an_empty_table_is_a_dataset():
    dataset = open_dataset(pd.DataFrame({"a": pd.Series(dtype="int64"), "b": pd.Series(dtype=object)}))
    assert (dataset.rows, dataset.columns) == (0, ["a", "b"])
    assert dataset.sample(5).arrow.num_rows == 0


def test_what_reading_wrote_goes_with_the_dataset(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    (tmp_path / "scratch").mkdir()
    (tmp_path / "t.csv").write_text("a\n1\n")
    dataset = open_dataset(tmp_path / "t.csv")
    assert list((tmp_path / "scratch").iterdir())
    del dataset
    gc.collect()
    assert list((tmp_path / "scratch").iterdir()) == []
