"""Delimited files in their real variety; the rows expected are written by hand, by `csv` or by another library."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path

import polars as pl
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from refinery.tools.data import Dataset, open_dataset
from refinery.tools.data.engine import Engine
from refinery.tools.data.reading import read_files
from refinery.tools.data.text import count_records
from refinery.tools.errors import DataUnreadable, LimitExceeded

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="the real tables of ../shared/data are absent")


def opened(folder: Path, content: str | bytes, name: str = "table.csv") -> Dataset:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return open_dataset(path)


def rows(dataset: Dataset) -> list[tuple]:
    return [tuple(row.values()) for row in dataset.table.to_pyarrow().to_pylist()]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", "^", ":"])
def test_any_delimiter_is_found(tmp_path, delimiter):
    text = "\n".join(delimiter.join(row) for row in [("city", "kind", "n"), ("Rome", "a", "1"), ("Oslo", "b", "2")])
    dataset = opened(tmp_path, text)
    assert dataset.columns == ["city", "kind", "n"]
    assert rows(dataset) == [("Rome", "a", 1), ("Oslo", "b", 2)]
    assert dataset.reading.delimiter == delimiter


def test_semicolons_with_decimal_commas_are_not_taken_for_commas(tmp_path):
    dataset = opened(tmp_path, "a;b;c\n1,5;2,3;x\n2,25;3,3;y\n")
    assert rows(dataset) == [(1.5, 2.3, "x"), (2.25, 3.3, "y")]
    assert "decimal comma" in " ".join(dataset.reading.notes)


@pytest.mark.parametrize(
    ("text", "names", "expected"),
    [
        ("id\n7\n8\n", ["id"], [(7,), (8,)]),
        ("preis\n1,50\n2,30\n", ["preis"], [(1.5,), (2.3,)]),
        (
            "comment\nhello, my friend\nwell\nyes, it is, I think\n",
            ["comment"],
            [("hello, my friend",), ("well",), ("yes, it is, I think",)],
        ),
        ("id\n1\n\n2\n\n\n", ["id"], [(1,), (None,), (2,)]),
    ],
    ids=["numbers", "decimal commas", "prose", "blank lines are missing values, but not at the end"],
)
def test_a_lone_column_stays_one(tmp_path, text, names, expected):
    dataset = opened(tmp_path, text)
    assert dataset.columns == names
    assert rows(dataset) == expected
    assert dataset.reading.delimiter is None


@pytest.mark.parametrize(
    ("encoding", "said"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("latin-1", "cp1252"),
        ("cp1252", "cp1252"),
    ],
)
def test_western_text_is_read_in_any_encoding(tmp_path, encoding, said):
    dataset = opened(tmp_path, "name,town\nJosé,Málaga\nZoë,Köln\nÅsa,Malmö\n".encode(encoding))
    assert dataset.columns == ["name", "town"]
    assert rows(dataset) == [("José", "Málaga"), ("Zoë", "Köln"), ("Åsa", "Malmö")]
    assert dataset.reading.encoding == said


@pytest.mark.parametrize(
    ("encoding", "words"),
    [
        ("cp1251", "Привет всем, как у вас дела сегодня"),  # noqa: RUF001
        ("cp1250", "Łódź złoty pułk całość żółć źdźbło"),
        ("shift_jis", "こんにちは世界の日本語です"),
        ("gb18030", "中文数据表格中文数据"),
        ("cp1253", "Καλημέρα κόσμε τι κάνεις σήμερα"),
        ("cp1252", "price €5 – “quoted” don’t 20°C m²"),  # noqa: RUF001
    ],
)
def test_other_alphabets_are_guessed_from_enough_text(tmp_path, encoding, words):
    dataset = opened(tmp_path, ("n|words\n" + f"1|{words}\n" * 20).encode(encoding))
    assert rows(dataset)[0] == (1, words)
    assert any("not UTF-8" in note for note in dataset.reading.notes)


def test_one_bad_byte_in_utf8_does_not_change_the_rest(tmp_path):
    dataset = opened(tmp_path, b"name,n\n" + "日本,1\n".encode() * 50 + b"\xff,2\n")
    assert rows(dataset)[0] == ("日本", 1)
    assert rows(dataset)[-1] == ("\N{REPLACEMENT CHARACTER}", 2)
    assert dataset.reading.notes == (
        "1 byte(s) are not UTF-8 and became \N{REPLACEMENT CHARACTER}, the first in line 52",
    )


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_any_line_end_is_read(tmp_path, end):
    assert rows(opened(tmp_path, end.join(["a,b", "1,x", "2,y", ""]))) == [(1, "x"), (2, "y")]


def test_mixed_line_ends_are_read(tmp_path):
    assert rows(opened(tmp_path, "a,b\r\n1,x\n2,y\r\n3,z\n")) == [(1, "x"), (2, "y"), (3, "z")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('a,b\n"x, y",1\n"say ""hi""",2\n', [("x, y", 1), ('say "hi"', 2)]),
        ('a,b\n"two\nlines",1\n"x\r\ny",2\n', [("two\nlines", 1), ("x\r\ny", 2)]),
        ("a,b\n'x, y',1\n'z',2\n", [("x, y", 1), ("z", 2)]),
        ('a,b\n"say \\"hi\\"",1\n"x",2\n', [('say "hi"', 1), ("x", 2)]),
        ('a,b\n5" pipe,1\nx,2\n', [('5" pipe', 1), ("x", 2)]),
        ('a,b\n"",1\n,2\n" ",3\n', [(None, 1), (None, 2), (" ", 3)]),
    ],
    ids=["delimiter inside", "lines inside", "single quotes", "backslash", "inch sign", "empty"],
)
def test_quotes_are_understood(tmp_path, text, expected):
    assert rows(opened(tmp_path, text)) == expected


@pytest.mark.parametrize(
    ("text", "names", "first"),
    [
        ("1,2\n3,4\n", ["column_1", "column_2"], (1, 2)),
        ("Bob,Paris\nAnn,Rome\nBob,Rome\nTim,Paris\n", ["column_1", "column_2"], ("Bob", "Paris")),
        ("name,city\nBob,Paris\nAnn,Rome\n", ["name", "city"], ("Bob", "Paris")),
        ("country,2019,2020\nFR,1,2\nDE,2,3\n", ["country", "2019", "2020"], ("FR", 1, 2)),
        ("Report of May\n\na,b,c\n1,2,3\n4,5,6\n", ["a", "b", "c"], (1, 2, 3)),
        ("Report of May\n\na,b\n1,2\n4,5\n", ["a", "b"], (1, 2)),
        ("name\nSmith, John\nDoe, Jane\n", ["name"], ("Smith, John",)),
        ("x,y\nr1,1,2\nr2,3,4\nr3,5,6\n", ["column_1", "x", "y"], ("r1", 1, 2)),
        ("a,a,,A\n1,2,3,4\n", ["a", "a_2", "column_3", "A_3"], (1, 2, 3, 4)),
        (",x\n0,1\n1,2\n", ["column_1", "x"], (0, 1)),
        ('" a ","b\nc"\n1,2\n', ["a", "b c"], (1, 2)),
    ],
    ids=[
        "numbers",
        "repeated words",
        "words",
        "years",
        "title",
        "short title",
        "lone",
        "row names of R",
        "repeated",
        "index",
        "blanks",
    ],
)
def test_the_header_is_found_and_its_names_made_different(tmp_path, text, names, first):
    dataset = opened(tmp_path, text)
    assert dataset.columns == names
    assert rows(dataset)[0] == first


def test_ragged_rows_are_padded_or_counted_with_their_lines(tmp_path):
    dataset = opened(tmp_path, "a,b\n1,2\n3\n4,5,6\n7,8,,\n\n9,10\n")
    assert rows(dataset) == [(1, 2), (3, None), (7, 8), (9, 10)]
    assert dataset.reading.unreadable_rows == 1
    notes = " ".join(dataset.reading.notes)
    assert "1 row(s) had fewer fields" in notes
    assert "(line 3)" in notes
    assert "1 row(s) had more fields" in notes
    assert "(line 4)" in notes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('a,b\n"5 pipe,2\n3,4\n5,6\n', [('"5 pipe', 2), ("3", 4), ("5", 6)]),
        ('a,b\n"5 pipe,2\n3,4\n"7 pipe,6\n8,9\n', [('"5 pipe', 2), ("3", 4), ('"7 pipe', 6), ("8", 9)]),
        ('a,b\n"Hello" he said,2\n"x\ny",4\n', [("Hello he said", 2), ("x\ny", 4)]),
    ],
    ids=["never closed", "closed by another row", "text after"],
)
def test_a_stray_quote_swallows_no_rows(tmp_path, text, expected):
    dataset = opened(tmp_path, text)
    assert rows(dataset) == expected
    assert any("stray quote" in note for note in dataset.reading.notes)


def test_a_bad_row_far_below_the_sample_is_found(tmp_path):
    lines = [f"{n},{n * 2}" for n in range(100_000)]
    lines[90_000] = "1,2,3"
    dataset = opened(tmp_path, "a,b\n" + "\n".join(lines))
    assert (dataset.rows, dataset.reading.unreadable_rows) == (99_999, 1)
    assert "line 90002" in dataset.reading.notes[0]


def test_a_cell_may_be_longer_than_a_megabyte(tmp_path):
    dataset = opened(tmp_path, "a,b\n1," + "x" * 3_000_000 + "\n2,y\n")
    assert dataset.rows == 2
    assert dataset.table.b.length().max().to_pyarrow().as_py() == 3_000_000


def test_a_header_alone_is_a_table_without_rows(tmp_path):
    dataset = opened(tmp_path, "a,b\n")
    assert (dataset.columns, dataset.rows) == (["a", "b"], 0)


def test_many_columns_are_read(tmp_path):
    names = [f"c{n}" for n in range(700)]
    dataset = opened(tmp_path, ",".join(names) + "\n" + ",".join(map(str, range(700))) + "\n")
    assert dataset.columns == names
    assert rows(dataset) == [tuple(range(700))]


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress], ids=["gzip", "zstd"])
def test_packed_files_are_unpacked(tmp_path, pack):
    assert rows(opened(tmp_path, pack(b"a,b\n1,x\n"), "t.csv.packed")) == [(1, "x")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty (0 bytes)"),
        (b"\n\n \n", "nothing but blank lines"),
        (gzip.compress(b"a,b\n" + bytes(range(65, 90)) * 4000)[:60], "cut off or damaged"),
        (zstandard.compress(b"a,b\n" + bytes(range(65, 90)) * 4000)[:-8], "cut off or damaged"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "is not text: it holds zero bytes"),
    ],
    ids=["empty", "blank", "cut gzip", "cut zstd", "picture"],
)
def test_what_is_no_table_is_refused_with_its_reason(tmp_path, content, message):
    with pytest.raises(DataUnreadable, match=r"table\.csv") as failure:
        opened(tmp_path, content)
    assert message in str(failure.value)


def test_a_file_that_unpacks_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("refinery.tools.data.text.HARMLESS_BYTES", 1 << 20)
    with pytest.raises(LimitExceeded, match="unpacks to more than"):
        opened(tmp_path, gzip.compress(b"0" * (30 << 20)), "bomb.csv.gz")


def test_files_of_one_pattern_are_united_by_name(tmp_path):
    (tmp_path / "p1.csv").write_text("a,b\n1,x\n")
    (tmp_path / "p2.csv").write_text("b;a;c\ny;2;3\n")
    (tmp_path / "p3.csv").write_text("a,b\n4,z\n")
    dataset = open_dataset(str(tmp_path / "p*.csv"))
    assert dataset.columns == ["a", "b", "c"]
    assert rows(dataset) == [(1, "x", None), (2, "y", 3), (4, "z", None)]


def test_a_snapshot_is_used_again_until_the_fingerprint_changes(tmp_path):
    path, kept = tmp_path / "t.csv", tmp_path / "kept"

    def read(fingerprint: str) -> list[dict]:
        return (
            read_files(Engine().connect(), [path], "csv", snapshots=kept, fingerprint=fingerprint)[0]
            .to_pyarrow()
            .to_pylist()
        )

    path.write_text("a\n1\n")
    assert read("one") == [{"a": 1}]
    path.write_text("a\n2\n")
    assert read("one") == [{"a": 1}]
    assert read("two") == [{"a": 2}]
    assert sorted(file.name for file in kept.iterdir()) == ["one.json", "one.parquet", "two.json", "two.parquet"]


def test_a_snapshot_tells_how_its_source_was_read(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes("n;wört\n1;ä\n1;2;3\n".encode("latin-1"))
    first, again = (
        read_files(Engine().connect(), [path], None, snapshots=tmp_path, fingerprint="f")[1] for _ in range(2)
    )
    assert first == again
    assert (first.encoding, first.delimiter, first.unreadable_rows) == ("cp1252", ";", 1)


@pytest.mark.parametrize("damage", ["truncate", "other version", "not json"])
def test_a_damaged_snapshot_is_made_anew(tmp_path, damage):
    path, kept = tmp_path / "t.csv", tmp_path / "kept"
    path.write_text("a\n1\n")
    read_files(Engine().connect(), [path], "csv", snapshots=kept, fingerprint="f")
    if damage == "truncate":
        (kept / "f.parquet").write_bytes(b"PAR1")
    else:
        about = json.loads((kept / "f.json").read_text())
        (kept / "f.json").write_text(json.dumps({**about, "version": 0}) if damage == "other version" else "{")
    table, _ = read_files(Engine().connect(), [path], "csv", snapshots=kept, fingerprint="f")
    assert table.to_pyarrow().to_pylist() == [{"a": 1}]


def test_a_file_larger_than_memory_is_read(tmp_path):
    path = tmp_path / "large.csv"
    block = "".join(f"{n},{'x' * 200}{n % 977},{n / 7}\n" for n in range(20_000))
    with path.open("w") as file:
        file.write("id,text,value\n")
        for _ in range(25):
            file.write(block)
    engine = Engine(memory_mb=100, threads=2, spill=tmp_path / "spill")
    dataset = open_dataset(path, engine=engine)
    assert path.stat().st_size > 100 << 20
    assert dataset.rows == 500_000


@needs_shared
@pytest.mark.parametrize(
    "name", ["taxi_2019-01", "taxi_2020-04", "beers_dirty", "beers_clean", "hospital_dirty", "hospital_clean"]
)
def test_real_tables_agree_with_polars_cell_by_cell(name):
    path = SHARED / f"{name}.csv"
    theirs = pl.read_csv(path, infer_schema=False)
    ours = open_dataset(path).table.to_pyarrow()
    assert ours.num_rows == theirs.height
    assert ours.column_names == theirs.columns
    for column in theirs.columns:
        mine = pl.Series(ours[column])
        assert mine.null_count() == theirs[column].null_count(), column
        assert mine.equals(
            theirs[column].str.to_datetime() if mine.dtype == pl.Datetime else theirs[column].cast(mine.dtype)
        ), column


@needs_shared
def test_the_taxi_file_that_strict_readers_refuse_is_whole():
    dataset = open_dataset(SHARED / "taxi_2019-01.csv")
    assert (dataset.rows, len(dataset.columns)) == (10_000, 18)
    assert dataset.aggregate({"n": dataset.table.congestion_surcharge.isnull().sum()}) == {"n": 6_327}


CELLS = st.text(alphabet="ab1 ,;\"\n'\\é|\t", max_size=6)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(CELLS, CELLS, st.integers(0, 99)), min_size=2, max_size=8), st.sampled_from(["\n", "\r\n"]))
def test_what_csv_writes_is_read_back(tmp_path, table, end):
    written = [(f"x{first}", f"x{second}", third) for first, second, third in table]
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator=end)
    writer.writerow(["first", "second", "third"])
    writer.writerows(written)
    dataset = opened(tmp_path, out.getvalue())
    assert dataset.columns == ["first", "second", "third"]
    assert rows(dataset) == written


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(CELLS, min_size=2, max_size=3), min_size=1, max_size=8), st.sampled_from(["\n", "\r\n"]))
def test_the_witness_counts_the_records_that_csv_writes(tmp_path, table, end):
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator=end, quoting=csv.QUOTE_ALL).writerows(table)
    path = tmp_path / "records.csv"
    path.write_bytes(out.getvalue().encode())
    assert count_records(path, '"') == len(table)
