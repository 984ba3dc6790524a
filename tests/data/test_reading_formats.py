"""Formats other than CSV, and what is said of files that can't be read."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import subprocess
import sys
import zipfile
from decimal import Decimal
from pathlib import Path

import openpyxl
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from refinery.tools.data import Dataset, open_dataset
from refinery.tools.data.engine import Engine
from refinery.tools.data.reading import detect_format, read_files
from refinery.tools.data.unfinished import remove_unfinished
from refinery.tools.errors import BadRequest, DataUnreadable, LimitExceeded

FRAME = pd.DataFrame({"id": [1, 2, 3], "city": ["Rome", None, "Oslo"], "price": [1.5, 2.25, None]})
ROWS = [
    {"id": 1, "city": "Rome", "price": 1.5},
    {"id": 2, "city": None, "price": 2.25},
    {"id": 3, "city": "Oslo", "price": None},
]


def rows(dataset: Dataset) -> list[dict]:
    return dataset.table.to_pyarrow().to_pylist()


def write_arrow_stream(path: Path) -> None:
    table = pa.Table.from_pandas(FRAME)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)


WRITERS = {
    "t.csv": lambda path: FRAME.to_csv(path, index=False),
    "t.tsv": lambda path: FRAME.to_csv(path, index=False, sep="\t"),
    "t.parquet": lambda path: FRAME.to_parquet(path),
    "t.feather": lambda path: FRAME.to_feather(path),
    "t.arrow": lambda path: pyarrow.feather.write_feather(FRAME, path, compression="uncompressed"),
    "t.arrows": write_arrow_stream,
    "t.json": lambda path: FRAME.to_json(path, orient="records"),
    "t.ndjson": lambda path: FRAME.to_json(path, orient="records", lines=True),
    "t.jsonl.gz": lambda path: FRAME.to_json(path, orient="records", lines=True, compression="gzip"),
    "t.xlsx": lambda path: FRAME.to_excel(path, index=False),
}
FORMATS = {"t.tsv": "csv", "t.feather": "arrow", "t.arrows": "arrow", "t.jsonl.gz": "ndjson", "t.xlsx": "excel"}


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_gives_the_same_table(tmp_path, name):
    WRITERS[name](tmp_path / name)
    dataset = open_dataset(tmp_path / name)
    assert rows(dataset) == ROWS
    assert {key: str(kind) for key, kind in dataset.schema.items()} == {
        "id": "int64",
        "city": "string",
        "price": "float64",
    }
    assert dataset.format == detect_format(tmp_path / name) == FORMATS.get(name, name.split(".")[1])
    assert (dataset.name, dataset.rows) == ("t", 3)


@pytest.mark.parametrize("name", ["t.parquet", "t.feather", "t.xlsx", "t.json", "t.csv"])
def test_a_format_is_known_without_its_suffix(tmp_path, name):
    WRITERS[name](tmp_path / name)
    bare = (tmp_path / name).rename(tmp_path / "bare")
    assert detect_format(bare) == FORMATS.get(name, name.split(".")[1])


def test_unmistakable_bytes_count_more_than_the_suffix(tmp_path):
    FRAME.to_excel(tmp_path / "x.xlsx", index=False)
    (tmp_path / "x.xlsx").rename(tmp_path / "x.csv")
    assert rows(open_dataset(tmp_path / "x.csv")) == ROWS


@pytest.mark.parametrize("name", ["t.csv", "t.parquet", "t.feather", "t.ndjson", "t.xlsx"])
def test_several_files_are_united_by_name(tmp_path, name):
    for number, frame in enumerate([FRAME[["id", "city"]], FRAME[["price", "id"]]]):
        part = tmp_path / f"part{number}.{name.split('.')[1]}"
        {
            "csv": lambda: frame.to_csv(part, index=False),  # noqa: B023
            "parquet": lambda: frame.to_parquet(part),  # noqa: B023
            "feather": lambda: frame.to_feather(part),  # noqa: B023
            "ndjson": lambda: frame.to_json(part, orient="records", lines=True),  # noqa: B023
            "xlsx": lambda: frame.to_excel(part, index=False),  # noqa: B023
        }[name.split(".")[1]]()
    dataset = open_dataset(str(tmp_path / "part*"))
    assert sorted(dataset.columns) == ["city", "id", "price"]
    assert dataset.rows == 6
    assert dataset.aggregate({"c": dataset.table.city.count(), "p": dataset.table.price.count()}) == {"c": 2, "p": 2}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": 1, "b": {"c": [1, 2]}}', [{"a": 1, "b": {"c": [1, 2]}}]),
        ('{"n": 2, "data": [{"a": 1}, {"a": 2, "b": "x"}]}', [{"a": 1, "b": None}, {"a": 2, "b": "x"}]),
        ('[{"a": "2020-01-01"}, {"a": "2020-01-02"}]', [{"a": dt.date(2020, 1, 1)}, {"a": dt.date(2020, 1, 2)}]),
        ('[{"a": "007"}, {"a": "12"}]', [{"a": "007"}, {"a": "12"}]),
        ('[{"a": 1}, {"a": "x"}, {"a": {"b": 1}}]', [{"a": "1"}, {"a": "x"}, {"a": '{"b":1}'}]),
        ('[{"a": 9007199254740993}, {"a": 0.5}]', [{"a": Decimal("9007199254740993.0")}, {"a": Decimal("0.5")}]),
        ('[{"a": NaN}, {"a": 0.5}]', [{"a": None}, {"a": 0.5}]),
        ('[{"a": null}, {"a": null}]', [{"a": None}, {"a": None}]),
        ('[{"a": true}, {}]', [{"a": True}, {"a": None}]),
        ('[{"a": 1, "A": 2}]', [{"a": 1, "A_1": 2}]),
        ('{"a": 1, "a": 2}', [{"a": 2}]),
        ('\ufeff[{"é": "ü"}]', [{"é": "ü"}]),
        ('{\n "a": 1\n}\n{\n "a": 2\n}', [{"a": 1}, {"a": 2}]),
    ],
    ids=[
        "one object",
        "wrapped",
        "dates",
        "numbers as text",
        "mixed",
        "long",
        "NaN",
        "null",
        "absent",
        "case",
        "twice",
        "BOM",
        "spread",
    ],
)
def test_json_in_its_variety(tmp_path, text, expected):
    (tmp_path / "t.json").write_text(text, encoding="utf-8")
    assert rows(open_dataset(tmp_path / "t.json")) == expected


def test_a_wrapped_table_may_be_large(tmp_path):
    records = [{"id": number, "text": "x" * 1000} for number in range(20_000)]
    (tmp_path / "t.json").write_text(json.dumps({"rows": records}))
    dataset = open_dataset(tmp_path / "t.json")
    assert (dataset.rows, dataset.columns) == (20_000, ["id", "text"])


@pytest.mark.parametrize(
    ("name", "text", "place"),
    [
        ("t.json", '[{"a": 1},\n{"a": 2,,}]', "line 2, column 9"),
        ("t.ndjson", '{"a": 1}\n{"a": 2\n{"a": 3}\n', "line 2"),
        ("t.json", '[{"a": 1}, {"a"', "line 1"),
        ("t.json", "[]", "holds no records"),
        ("t.json", "", "is empty"),
        ("t.json", "hello", "line 1"),
    ],
)
def test_broken_json_is_refused_with_its_place(tmp_path, name, text, place):
    (tmp_path / name).write_text(text)
    with pytest.raises(DataUnreadable) as failure:
        open_dataset(tmp_path / name)
    assert place in str(failure.value)
    assert repr(name) in str(failure.value)


def test_a_workbook_keeps_the_types_of_its_cells(tmp_path):
    book = openpyxl.Workbook()
    sheet = book.active
    for row in [
        ["Sales of May"],
        [],
        ["id", "day", "at", "paid", "price", "code", "mixed", None],
        [1, dt.date(2020, 1, 1), dt.datetime(2020, 1, 1, 5, 6, 7), True, 1.5, "007", 1, "x"],
        [2, dt.date(2020, 1, 2), None, False, 3, "008", "one", None],
    ]:
        sheet.append(row)
    book.create_sheet("other")
    book.save(tmp_path / "t.xlsx")
    dataset = open_dataset(tmp_path / "t.xlsx")
    assert rows(dataset) == [
        {
            "id": 1,
            "day": dt.date(2020, 1, 1),
            "at": dt.datetime(2020, 1, 1, 5, 6, 7),
            "paid": True,
            "price": 1.5,
            "code": "007",
            "mixed": "1",
            "column_8": "x",
        },
        {
            "id": 2,
            "day": dt.date(2020, 1, 2),
            "at": None,
            "paid": False,
            "price": 3.0,
            "code": "008",
            "mixed": "one",
            "column_8": None,
        },
    ]
    assert dataset.reading.notes == (
        "read the sheet 'Sheet'; others are 'other'",
        "skipped 1 row(s) above the table",
        "column 8 has no name and is called 'column_8'",
    )


def test_a_workbook_that_unpacks_without_end_is_refused(tmp_path, monkeypatch):
    FRAME.to_excel(tmp_path / "t.xlsx")
    monkeypatch.setattr("refinery.tools.data.workbooks.MOST_UNPACKED_BYTES", 1000)
    with pytest.raises(LimitExceeded, match="more than"):
        open_dataset(tmp_path / "t.xlsx")


def _broken_parquet(path: Path) -> None:
    FRAME.to_parquet(path)
    path.write_bytes(path.read_bytes()[:-20])


def _cut_arrow(path: Path) -> None:
    FRAME.to_feather(path)
    path.write_bytes(path.read_bytes()[:-30])


def _zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("inner.csv", "a\n1\n")


@pytest.mark.parametrize(
    ("name", "write", "message"),
    [
        ("t.parquet", _broken_parquet, "can't be read"),
        ("t.parquet", lambda path: path.write_text("a,b\n1,2\n"), "can't be read"),
        ("t.arrow", _cut_arrow, "can't be read as Arrow"),
        ("t.xlsx", lambda path: path.write_bytes(b"PK\x03\x04junk"), "can't be read as a workbook"),
        ("t.xlsx", lambda path: openpyxl.Workbook().save(path), "holds nothing"),
        ("t.zip", _zip, "is a zip archive of inner.csv"),
        ("t.bin", lambda path: path.write_bytes(b"\x7fELF\0\0\0\1" * 10), "of no known format"),
        ("t.csv", lambda path: path.mkdir(), "is a folder"),
        ("t.parquet.gz", lambda path: path.write_bytes(gzip.compress(b"PAR1....")), "unpack it first"),
    ],
)
def test_what_is_no_table_is_refused_with_its_reason(tmp_path, name, write, message):
    write(tmp_path / name)
    with pytest.raises(DataUnreadable) as failure:
        open_dataset(tmp_path / name)
    assert message in str(failure.value)
    assert name in str(failure.value)


def test_a_missing_file_names_the_one_that_was_meant(tmp_path):
    (tmp_path / "orders.csv").write_text("a\n1\n")
    with pytest.raises(DataUnreadable, match=r"no file 'odrers.csv' in .*; did you mean 'orders.csv'\?"):
        open_dataset(tmp_path / "odrers.csv")
    with pytest.raises(DataUnreadable, match="no file matches"):
        open_dataset(str(tmp_path / "*.parquet"))


def test_files_of_different_formats_are_not_mixed(tmp_path):
    FRAME.to_csv(tmp_path / "a.csv")
    FRAME.to_parquet(tmp_path / "b.parquet")
    with pytest.raises(BadRequest, match=r"several formats \('a.csv' is csv, 'b.parquet' is parquet\)"):
        open_dataset(str(tmp_path / "*"))


def test_two_tables_of_one_backend_do_not_get_mixed_up(tmp_path):
    backend = Engine().connect()
    for number in (1, 2):
        pq.write_table(pa.table({"a": [number]}), tmp_path / f"{number}.parquet")
    tables = [read_files(backend, [tmp_path / f"{n}.parquet"], None, snapshots=None, fingerprint="")[0] for n in (1, 2)]
    assert [table.to_pyarrow().to_pylist() for table in tables] == [[{"a": 1}], [{"a": 2}]]


def test_odd_types_of_files_become_such_as_actions_know(tmp_path):
    table = pa.table(
        {
            "kind": pa.array(["a", "b", "a"]).dictionary_encode(),
            "nothing": pa.nulls(3),
            "took": pa.array([1, 2, None], pa.duration("ms")),
            "half": pa.array([1.5, 2.5, None], pa.float32()).cast(pa.float16()),
        }
    )
    pyarrow.feather.write_feather(table, tmp_path / "t.feather")
    dataset = open_dataset(tmp_path / "t.feather")
    assert {name: str(kind) for name, kind in dataset.schema.items()} == {
        "kind": "string",
        "nothing": "string",
        "took": "float64",
        "half": "float32",
    }
    assert dataset.table.took.to_pyarrow().to_pylist() == [0.001, 0.002, None]
    assert dataset.reading.notes == ("column 'took': durations are given in seconds",)


def test_polars_reads_the_same_from_a_snapshot(tmp_path):
    pl.DataFrame({"a": [1, 2], "b": ["x", None]}).write_csv(tmp_path / "t.csv")
    read_files(Engine().connect(), [tmp_path / "t.csv"], "csv", snapshots=tmp_path, fingerprint="f")
    assert pl.read_parquet(tmp_path / "f.parquet").rows() == [(1, "x"), (2, None)]


PATTERNS = ["j*", "j?", "j[1]", "j[!2]", "**", "[*]", "j["]
CONTENTS = {
    "csv": lambda path, word: path.write_text(f"a,b\n{word},1\n{word},2\n"),
    "json": lambda path, word: path.write_text(json.dumps([{"a": word, "b": 1}, {"a": word, "b": 2}])),
    "ndjson": lambda path, word: path.write_text(f'{{"a": "{word}", "b": 1}}\n{{"a": "{word}", "b": 2}}\n'),
    "parquet": lambda path, word: pq.write_table(pa.table({"a": [word, word], "b": [1, 2]}), path),
}


@pytest.mark.parametrize("form", CONTENTS)
@pytest.mark.parametrize("name", PATTERNS)
def test_a_name_that_is_a_pattern_means_its_own_file_alone(tmp_path, name, form):
    folder = tmp_path / "ro[o]t*"
    for each in (folder, tmp_path / "roots", tmp_path / "outside"):
        each.mkdir()
    for other in ("j1", "jx", "j", "*"):
        CONTENTS[form](tmp_path / "outside" / f"{other}.{form}", "outside")
        (folder / f"{other}.{form}").symlink_to(tmp_path / "outside" / f"{other}.{form}")
    CONTENTS[form](tmp_path / "roots" / f"{name}.{form}", "outside")
    CONTENTS[form](folder / f"{name}.{form}", "inside")
    table, _ = read_files(
        Engine().connect(), [folder / f"{name}.{form}"], None, snapshots=folder / "snapshots", fingerprint="f"
    )
    assert table.to_pyarrow().to_pylist() == [{"a": "inside", "b": 1}, {"a": "inside", "b": 2}]


def test_several_parquet_files_whose_names_are_patterns_are_read_alone(tmp_path):
    for name, word in [("j*", "x"), ("j?", "y"), ("j1", "outside")]:
        CONTENTS["parquet"](tmp_path / f"{name}.parquet", word)
    paths = [tmp_path / "j*.parquet", tmp_path / "j?.parquet"]
    table, _ = read_files(Engine().connect(), paths, None, snapshots=None, fingerprint="")
    assert table.a.to_pyarrow().to_pylist() == ["x", "x", "y", "y"]


@pytest.mark.parametrize("form", CONTENTS)
def test_a_backslash_in_a_pattern_leads_into_no_other_folder(tmp_path, form):
    (tmp_path / "k").mkdir()
    CONTENTS[form](tmp_path / "k" / f"j*.{form}", "outside")
    CONTENTS[form](tmp_path / f"k\\j*.{form}", "inside")
    with pytest.raises(DataUnreadable, match="backslash"):
        open_dataset(tmp_path / f"k\\j*.{form}")
    CONTENTS[form](tmp_path / "k" / f"j.{form}", "outside")
    CONTENTS[form](tmp_path / f"k\\j.{form}", "inside")
    assert [row["a"] for row in rows(open_dataset(tmp_path / f"k\\j.{form}"))] == ["inside", "inside"]


@pytest.mark.parametrize(
    "text",
    [
        "[" * 5000,
        '{"a":' * 3000,
        '{"a":' * 3000 + "1" + "}" * 3000,
        '[{"a": ' + "[" * 3000 + "]" * 3000 + "}]",
        '{"b": 1}\n{"a": ' + "[" * 400 + "1" + "]" * 400 + "}",
        '{"a": 1, "a": ' + "[" * 3000 + "]" * 3000 + "}",
    ],
    ids=["cut off", "objects cut off", "objects", "in a field", "in a later record", "under a key that is there twice"],
)
def test_json_that_is_nested_without_end_is_refused(tmp_path, text):
    (tmp_path / "t.json").write_text(text)
    with pytest.raises(DataUnreadable, match=r"'t.json' is nested too deeply.*fewer levels"):
        open_dataset(tmp_path / "t.json")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (r'[{"a\u0000b": 1, "c": 2}]', r"the key 'a\x00b' holds a NUL"),
        ('{"c": 1}\n' + r'{"c\u0000": 1}', r"the key 'c\x00' holds a NUL"),
        (r'[{"x": {"a\u0000b": 1}}]', "a key inside 'x' holds a NUL"),
        (r'{"rows": [{"a\u0000b": 1}]}', "a key inside 'rows' holds a NUL"),
        (r'{"n": 1, "rows\u0000": [{"a": 1}]}', r"the key 'rows\x00' holds a NUL"),
    ],
)
def test_a_key_with_a_nul_character_is_refused_by_its_name(tmp_path, text, place):
    (tmp_path / "t.json").write_text(text)
    with pytest.raises(DataUnreadable) as failure:
        open_dataset(tmp_path / "t.json")
    assert place in str(failure.value)
    assert "rename the key" in str(failure.value)


def _stray(path: Path, *, first: bool = True) -> None:
    book = openpyxl.Workbook()
    if not first:
        book.active.append(["a", "b"])
        book.active.append([1, 2])
        book.create_sheet("far")
    sheet = book.worksheets[-1]
    sheet["A1"], sheet["XFD1048576"] = "x", 1
    book.save(path)


def _rewrite(path: Path, part: str, change) -> None:
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts[part] = change(parts[part])
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)


@pytest.mark.parametrize(
    "change",
    [
        lambda xml: xml,
        lambda xml: xml.replace(b"A1:XFD1048576", b"A1"),
        lambda xml: xml.replace(b'<c r="XFD1048576"', b"<c  t='n'  r='XFD1048576'").replace(b' t="n">', b">"),
        lambda xml: xml.replace(b' t="n"', b"").replace(b'"XFD1048576"', b'"XFD1048576" s="0"'),
        lambda xml: xml.replace(b' r="XFD1048576"', b"").replace(
            b'<row r="1048576">', b'<row r="1048576">' + b"<c/>" * 16383
        ),
    ],
    ids=["as written", "a false dimension", "other attributes first", "without a type", "without references"],
)
def test_a_stray_cell_far_from_the_table_is_refused_with_its_place(tmp_path, change):
    _stray(tmp_path / "t.xlsx")
    _rewrite(tmp_path / "t.xlsx", "xl/worksheets/sheet1.xml", change)
    with pytest.raises(
        LimitExceeded, match=r"'Sheet' of 't.xlsx' spans A1:XFD1048576.*17,179,869,184 cells.*Ctrl\+End"
    ):
        open_dataset(tmp_path / "t.xlsx")


def test_neither_another_sheet_nor_empty_cells_far_away_keep_a_table_from_being_read(tmp_path):
    _stray(tmp_path / "two.xlsx", first=False)
    assert rows(open_dataset(tmp_path / "two.xlsx")) == [{"a": 1, "b": 2}]
    _stray(tmp_path / "styled.xlsx")
    _rewrite(
        tmp_path / "styled.xlsx",
        "xl/worksheets/sheet1.xml",
        lambda xml: xml.replace(
            b'<c r="XFD1048576" t="n"><v>1</v></c>', b'<c r="XFD1048576" s="0"/><c r="A2"><v>7</v></c>'
        ),
    )
    assert rows(open_dataset(tmp_path / "styled.xlsx")) == [{"x": 7}]


def test_a_wide_gap_in_an_opendocument_sheet_is_refused_but_its_empty_end_is_not(tmp_path):
    cell = '<table:table-cell office:value-type="string"><text:p>{}</text:p></table:table-cell>'
    gap = '<table:table-cell table:number-columns-repeated="16383"/>'
    empty = '<table:table-row table:number-rows-repeated="1048570"><table:table-cell/></table:table-row>'
    row = "<table:table-row>{}</table:table-row>"

    def write(path: Path, body: str) -> None:
        spaces = "".join(
            f' xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "table", "text")
        )
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
            archive.writestr(
                "content.xml",
                f"<office:document-content{spaces}><office:body><office:spreadsheet><table:table "
                f'table:name="S">{body}</table:table></office:spreadsheet></office:body></office:document-content>',
            )
            archive.writestr("META-INF/manifest.xml", "<manifest/>")

    top = row.format(cell.format("h")) + row.format(cell.format("a") + gap)
    write(tmp_path / "end.ods", top + empty)
    assert rows(open_dataset(tmp_path / "end.ods")) == [{"h": "a"}]
    write(tmp_path / "gap.ods", top + empty + row.format(gap + cell.format("far")))
    # Two rows, 1,048,570 empty ones, one more: 1,048,573 rows of 16,384 columns.
    with pytest.raises(LimitExceeded, match=r"'S' of 'gap.ods' spans A1:XFD1048573.*17,179,820,032 cells"):
        open_dataset(tmp_path / "gap.ods")


def test_what_a_killed_reader_left_is_removed_and_nothing_else(tmp_path):
    ready = "import os, sys, time; from refinery.tools.data import reading; "
    code = ready + (
        "reading.typed = lambda *_: (print(flush=True), time.sleep(600)); "
        "from refinery.tools.data.engine import Engine; from pathlib import Path; "
        "reading.read_files(Engine().connect(), [Path(sys.argv[1], 't.csv')], None, "
        "snapshots=Path(sys.argv[1], 's'), fingerprint='f')"
    )
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "kept.parquet").write_bytes(b"kept")
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE) as reader:
        reader.stdout.readline()
        reader.kill()
    (left,) = [path for path in (tmp_path / "s").iterdir() if path.is_dir()]
    remove_unfinished(tmp_path / "s", reader.pid + 1)
    assert left.exists()
    remove_unfinished(tmp_path / "s", reader.pid)
    assert [path.name for path in (tmp_path / "s").iterdir()] == ["kept.parquet"]
    remove_unfinished(tmp_path / "nowhere", reader.pid)
