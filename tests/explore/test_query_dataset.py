from __future__ import annotations

import datetime as dt
import decimal
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from refinery.tools.catalogue import Catalogue
from refinery.tools.data.dataset import Dataset
from refinery.tools.data.engine import Engine
from refinery.tools.data.opening import open_dataset
from refinery.tools.data.policy import Policy
from refinery.tools.data.registry import Registry
from refinery.tools.data.sources import Opener
from refinery.tools.errors import BadRequest, LimitExceeded, NotAllowed, RefineryError
from refinery.tools.explore._sql_guard import check_select
from refinery.tools.explore.query_dataset import query_dataset

ORDERS = pa.table({"city": ["Rome", "Oslo", "Rome", None], "amount": [10.0, 5.5, 2.5, 1.0], "n": [1, 2, 3, 4]})


@pytest.fixture
def orders() -> Dataset:
    return open_dataset(ORDERS, name="orders")


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        (
            "SELECT city, sum(amount) FROM dataset GROUP BY city ORDER BY city NULLS LAST",
            [["Oslo", 5.5], ["Rome", 12.5], [None, 1.0]],
        ),
        ("select count(*) from DATASET;", [[4]]),
        ("FROM dataset SELECT n ORDER BY n DESC", [[4], [3], [2], [1]]),
        ("WITH big AS (SELECT * FROM dataset WHERE amount > 5) SELECT max(n) FROM big", [[2]]),
        ("WITH dataset AS (SELECT n FROM dataset WHERE n > 3) SELECT * FROM dataset", [[4]]),
        ("WITH RECURSIVE t AS (SELECT 1 AS x UNION ALL SELECT x + 1 FROM t WHERE x < 3) SELECT sum(x) FROM t", [[6]]),
        (
            "WITH RECURSIVE t AS (SELECT n FROM dataset WHERE n = 1 UNION ALL "
            "SELECT d.n FROM t JOIN dataset d ON d.n = t.n + 1) SELECT count(*) FROM t",
            [[4]],
        ),
        ("WITH tables AS (SELECT n FROM dataset) SELECT max(n) FROM tables", [[4]]),
        ("VALUES (1, 'a')", [[1, "a"]]),
        ("SELECT n FROM dataset WHERE n = 1 UNION SELECT 9 ORDER BY 1", [[1], [9]]),
        ("SELECT a.n FROM dataset a JOIN dataset b ON a.n = b.n + 3", [[4]]),
        ("SELECT * FROM range(2)", [[0], [1]]),
        ("SELECT unnest([1, 2])", [[1], [2]]),
        ("SELECT n -- the number\nFROM dataset /* all */ LIMIT 1", [[1]]),
        ("SELECT ';' || $$ -- x $$", [["; -- x "]]),
        ("SELECT 1 AS a, 2 AS a", [[1, 2]]),
        ("SELECT row_number() OVER (ORDER BY amount) AS r FROM dataset QUALIFY r = 1", [[1]]),
        ("SELECT list_transform([1, 2], x -> x + 1)", [[[2, 3]]]),
    ],
)
def test_a_select_answers_with_its_rows(orders: Dataset, sql: str, rows: list[list[object]]) -> None:
    answer = query_dataset(orders, sql)
    assert answer.rows == rows
    assert answer.row_count == len(rows)
    assert not answer.truncated


HOSTILE = [
    "COPY dataset TO '/tmp/out.csv'",
    "COPY (SELECT 1) TO '/tmp/out.csv'",
    "ATTACH '/tmp/x.db'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "PRAGMA database_list",
    "SET memory_limit = '1TB'",
    "SET VARIABLE x = 1",
    "RESET memory_limit",
    "USE memory",
    "CALL pragma_version()",
    "EXPORT DATABASE '/tmp/out'",
    "CREATE TABLE x AS SELECT 1",
    "CREATE MACRO f() AS 1",
    "INSERT INTO dataset VALUES (1)",
    "UPDATE dataset SET n = 1",
    "DELETE FROM dataset",
    "DROP TABLE dataset",
    "VACUUM",
    "CHECKPOINT",
    "BEGIN",
    "PREPARE p AS SELECT 1",
    "EXPLAIN ANALYZE SELECT 1",
    "SHOW TABLES",
    "SHOW ALL TABLES",
    "SELECT 1; DROP TABLE dataset",
    "SELECT * FROM dataset/**/;/**/DROP TABLE x",
    "SELECT 1; SELECT 2",
    "SELECT * FROM '/etc/passwd'",
    'SELECT * FROM "/etc/passwd.csv"',
    "FROM '/etc/passwd'",
    "FROM 'https://example.com/x.parquet'",
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM READ_TEXT('/etc/passwd')",
    "SELECT * FROM read_blob('/etc/passwd')",
    "SELECT * FROM read_parquet('/tmp/x.parquet')",
    "SELECT * FROM read_json_auto('/tmp/x.json')",
    "SELECT * FROM parquet_metadata('/tmp/x.parquet')",
    "SELECT * FROM sniff_csv('/etc/passwd')",
    "SELECT * FROM glob('/etc/*')",
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM duckdb_secrets()",
    "SELECT * FROM duckdb_settings",
    "SELECT * FROM sqlite_master",
    "SELECT * FROM information_schema.tables",
    "SELECT * FROM pg_catalog.pg_class",
    "SELECT * FROM main.dataset",
    "SELECT * FROM which_secret('a', 's3')",
    "SELECT * FROM query('SELECT 1')",
    "SELECT * FROM query_table('dataset')",
    "SELECT * FROM histogram('/etc/passwd', 'a')",
    "SELECT * FROM json_execute_serialized_sql('x')",
    "SELECT * FROM python_map_function()",
    "SELECT getenv('HOME')",
    "SELECT current_setting('temp_directory')",
    "SELECT getvariable('x')",
    "SELECT current_database()",
    "SELECT version()",
    "SELECT pg_sleep(60)",
    "SELECT sleep_ms(60000)",
    "SELECT write_log('x')",
    "SELECT nextval('s')",
    "SELECT json_serialize_plan('SELECT 1')",
    "SELECT count(*) FILTER (WHERE getenv('HOME') = 'x') FROM dataset",
    "SELECT sum(n) OVER (ORDER BY getenv('HOME')) FROM dataset",
    "SELECT (SELECT count(*) FROM '/etc/passwd')",
    "SELECT * FROM dataset WHERE EXISTS (FROM '/etc/passwd')",
    "SELECT * FROM dataset ORDER BY (SELECT max(content) FROM read_text('/etc/passwd'))",
    "SELECT * FROM dataset, '/etc/passwd'",
    "SELECT * FROM dataset JOIN LATERAL (FROM '/etc/passwd') ON true",
    "SELECT * FROM (DESCRIBE '/etc/passwd')",
    "SELECT * FROM (PIVOT '/etc/passwd' ON a IN (1) USING count(*))",
    "WITH x AS (SELECT * FROM '/etc/passwd') SELECT * FROM dataset",
    "WITH sqlite_master AS (SELECT * FROM sqlite_master) SELECT * FROM sqlite_master",
    "WITH a AS (SELECT * FROM b), b AS (SELECT 1) SELECT * FROM a",
    "SELECT (WITH sqlite_master AS (SELECT 1) SELECT 1), (SELECT count(*) FROM sqlite_master)",
    "SELECT * FROM frame",
    # In the part that a recursion begins with the engine reads its own table, not the one that is being made.
    "WITH RECURSIVE duckdb_views AS (SELECT view_name, sql FROM duckdb_views UNION ALL "
    "SELECT view_name, sql FROM duckdb_views WHERE false) SELECT * FROM duckdb_views",
    "WITH RECURSIVE sqlite_master AS (SELECT sql FROM sqlite_master UNION SELECT sql FROM sqlite_master) "
    "SELECT * FROM sqlite_master",
    "WITH RECURSIVE frame AS (SELECT n FROM frame UNION ALL SELECT n FROM frame WHERE false) SELECT * FROM frame",
    "WITH PG_CLASS AS (SELECT 1 AS n) SELECT * FROM pg_class",
]


@pytest.mark.parametrize("sql", HOSTILE)
def test_what_is_no_plain_select_over_the_dataset_is_refused_by_the_parser(sql: str) -> None:
    with pytest.raises(NotAllowed) as refused:
        check_select(sql)
    assert "dataset" in str(refused.value)


@pytest.mark.parametrize("sql", HOSTILE)
def test_it_is_refused_by_the_action(orders: Dataset, sql: str) -> None:
    frame = ORDERS  # a variable of that name must not be found
    with pytest.raises(NotAllowed):
        query_dataset(orders, sql)
    assert frame is ORDERS


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("SELEC 1", "can't be parsed"),
        ("", "empty"),
        ("-- nothing", "empty"),
        ("SELECT 1) UNION (SELECT 2", "can't be parsed"),
        ("SELECT 1 /*", "can't be parsed"),
        ("SELECT amuont FROM dataset", "did you mean 'amount'?"),
        ("SELECT city + 1 FROM dataset", "can't be run"),
        ("SELECT nosuch(n) FROM dataset", "no function 'nosuch'"),
        ("SELECT lo_import('/etc/passwd')", "no function 'lo_import'"),
        ("SELECT summ(n) FROM dataset", "did you mean 'sum'?"),
        ("SELECT n FROM dataset WHERE n = $1", "write the value itself"),
        ("SELECT city::INT FROM dataset", "can't be run"),
        ("PIVOT dataset ON city USING sum(n)", "must name its values"),
        ("SELECT sum(n), city FROM dataset", "can't be run"),
    ],
)
def test_a_faulty_query_is_the_callers_to_mend(orders: Dataset, sql: str, words: str) -> None:
    with pytest.raises(BadRequest) as error:
        query_dataset(orders, sql)
    assert words in str(error.value)
    assert "LINE 1" not in str(error.value)


@pytest.mark.parametrize("sql", ["SELECT " + "+".join(["1"] * 900), "SELECT 1 --" + "x" * 30_000])
def test_a_query_too_long_or_deep_is_refused(sql: str) -> None:
    with pytest.raises(LimitExceeded):
        check_select(sql)


PIECES = [*"ab ;'\"-/*()$,.1\n", "dataset", "SELECT ", " FROM ", "--", "/*", "*/", "$$", " UNION ", "x AS (", "WITH "]


@given(st.lists(st.sampled_from(PIECES), max_size=25))
@settings(max_examples=200, deadline=None)
def test_any_text_is_either_one_select_or_refused(pieces: list[str]) -> None:
    try:
        query = check_select("SELECT 1" + "".join(pieces))
    except RefineryError:
        return
    import duckdb

    kinds = [statement.type.name for statement in duckdb.extract_statements(query)]
    assert kinds == ["SELECT"]


def test_the_engine_itself_is_locked_to_the_files_of_the_dataset(tmp_path: Path) -> None:
    import duckdb

    file, secret = tmp_path / "it's.parquet", tmp_path / "secret.csv"
    pq.write_table(ORDERS, file)
    secret.write_text("a,b\n1,2\n")
    dataset = open_dataset(str(file))
    assert query_dataset(dataset, "SELECT count(*) FROM dataset").rows == [[4]]
    connection = dataset.table.get_backend().con
    frame = ORDERS
    for statement in (
        f"SELECT * FROM '{secret}'",
        f"SELECT * FROM read_csv('{secret}')",
        f"SELECT * FROM glob('{tmp_path}/*')",
        f"COPY (SELECT 1) TO '{tmp_path}/out.csv'",
        f"ATTACH '{tmp_path}/x.db'",
        "INSTALL httpfs",
        "SET enable_external_access = true",
        "SET memory_limit = '64GB'",
        "SELECT * FROM frame",
    ):
        with pytest.raises(duckdb.Error):
            connection.execute(statement).fetchall()
    assert not (tmp_path / "out.csv").exists()
    assert frame is ORDERS
    # The dataset itself goes on working, for this action and for others.
    assert query_dataset(dataset, "SELECT max(n) FROM dataset").rows == [[4]]
    assert dataset.sample(2).arrow.num_rows <= 4


def test_a_columns_name_is_no_path_that_may_be_read(tmp_path: Path) -> None:
    import duckdb

    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n")
    file = tmp_path / "t.csv"
    file.write_text(f"{secret},n\n1,2\n")
    dataset = open_dataset(str(file))
    assert query_dataset(dataset, "SELECT n FROM dataset").rows == [[2]]
    with pytest.raises(duckdb.Error):
        dataset.table.get_backend().con.execute(f"SELECT * FROM read_csv('{secret}')").fetchall()


def test_rows_are_cut_at_the_limit_and_that_is_said(orders: Dataset) -> None:
    answer = query_dataset(orders, "SELECT n FROM dataset ORDER BY n", limit=3)
    assert (answer.rows, answer.row_count, answer.truncated) == ([[1], [2], [3]], 3, True)
    assert not query_dataset(orders, "SELECT n FROM dataset", limit=4).truncated


def test_an_endless_query_returns_its_first_rows(orders: Dataset) -> None:
    answer = query_dataset(
        orders, "WITH RECURSIVE t AS (SELECT 1 x UNION ALL SELECT x + 1 FROM t) SELECT x FROM t", limit=2
    )
    assert answer.rows == [[1], [2]]
    assert answer.truncated


@pytest.mark.parametrize(
    ("expression", "cell"),
    [
        ("1.25::DECIMAL(10, 2)", 1.25),
        ("12345678901234567890.5::DECIMAL(30, 1)", "12345678901234567890.5"),
        ("170141183460469231731687303715884105727::HUGEINT", 170141183460469231731687303715884105727),
        ("'nan'::DOUBLE", None),
        ("'-inf'::DOUBLE", "-inf"),
        ("NULL", None),
        ("true", True),
        ("DATE '2024-02-29'", "2024-02-29"),
        ("TIMESTAMP '2024-02-29 01:02:03.5'", "2024-02-29T01:02:03.5"),
        ("TIMESTAMPTZ '2024-02-29 01:02:03+00'", "2024-02-29T01:02:03+00"),
        ("TIME '01:02:03'", "01:02:03"),
        ("INTERVAL 2 DAY", "2 days"),
        ("'\\x00\\x01'::BLOB", "<2 bytes>"),
        ("[1, NULL]", [1, None]),
        ("{'a': {'b': 1}}", {"a": {"b": 1}}),
        ("MAP {'k': 1}", {"k": 1}),
        ("'x'::ENUM('x', 'y')", "x"),
        ("repeat('é', 600)", "é" * 500 + "…"),
        ("'[1'", "[1"),
    ],
)
def test_cells_are_safe_for_json(orders: Dataset, expression: str, cell: object) -> None:
    answer = query_dataset(orders, f"SELECT {expression} AS v")
    assert answer.rows == [[cell]]
    assert answer.model_dump_json()


def test_a_huge_list_is_cut_in_the_engine(orders: Dataset) -> None:
    (cell,) = query_dataset(orders, "SELECT list(i) FROM range(2000000) t(i)").rows[0]
    assert isinstance(cell, str)
    assert len(cell) <= 501


def test_types_are_told_in_the_engines_names(orders: Dataset) -> None:
    columns = query_dataset(orders, "SELECT n, city, amount > 1 AS flag FROM dataset").columns
    assert [(column.name, column.type) for column in columns] == [
        ("n", "BIGINT"),
        ("city", "VARCHAR"),
        ("flag", "BOOLEAN"),
    ]


def test_strange_column_names_can_be_asked_for() -> None:
    table = pa.table({'a"b': [1], "x.y": [2], "ünï; DROP": [3], "select": [4]})
    answer = query_dataset(open_dataset(table), 'SELECT "a""b", "x.y", "ünï; DROP", "select" FROM dataset')
    assert answer.rows == [[1, 2, 3, 4]]


def test_summarize_describes_the_dataset(orders: Dataset) -> None:
    assert [row[0] for row in query_dataset(orders, "SUMMARIZE dataset").rows] == ["city", "amount", "n"]


def test_an_empty_dataset_answers_with_no_rows() -> None:
    table = pa.table({"a": pa.array([], pa.int64()), "d": pa.array([], pa.timestamp("us"))})
    answer = query_dataset(open_dataset(table), "SELECT * FROM dataset")
    assert (answer.rows, answer.truncated, len(answer.columns)) == ([], False, 2)


def test_a_query_beyond_the_memory_ends_with_the_limit(tmp_path: Path) -> None:
    dataset = open_dataset(ORDERS, engine=Engine(memory_mb=64, threads=1))
    with pytest.raises(LimitExceeded) as error:
        query_dataset(dataset, "SELECT length(string_agg(repeat('x', 1000) || i)) FROM range(10000000) t(i)")
    assert "memory" in str(error.value)


def test_a_spilling_query_still_runs_in_the_locked_engine(tmp_path: Path) -> None:
    dataset = open_dataset(ORDERS, engine=Engine(memory_mb=150, threads=1, spill=tmp_path))
    sql = "SELECT count(*) FROM (SELECT DISTINCT md5(i::VARCHAR) FROM range(1500000) t(i))"
    assert query_dataset(dataset, sql).rows == [[1_500_000]]


def test_polars_agrees_on_a_real_table(shared_data: Path) -> None:
    polars = pytest.importorskip("polars")
    dataset = open_dataset(str(shared_data / "beers_dirty.csv"))
    answer = query_dataset(dataset, "SELECT ounces, count(*) AS n FROM dataset GROUP BY ounces ORDER BY n DESC, ounces")
    expected = polars.read_csv(shared_data / "beers_dirty.csv", infer_schema=False)["ounces"].value_counts()
    assert {row[0]: row[1] for row in answer.rows} == dict(expected.iter_rows())


def test_decimals_and_dates_of_arrow_come_through() -> None:
    table = pa.table({"d": [dt.date(2024, 1, 1)], "m": pa.array([decimal.Decimal("1.50")], pa.decimal128(9, 2))})
    assert query_dataset(open_dataset(table), "FROM dataset").rows == [["2024-01-01", 1.5]]


def test_answers_are_not_kept_for_a_query_may_ask_for_the_time_or_for_chance() -> None:
    from refinery.tools import explore

    assert not Catalogue.from_packages(explore)["query_dataset"].traits.pure


@pytest.mark.parametrize("form", ["csv", "ndjson", "json", "parquet"])
@pytest.mark.parametrize("name", ["j*", "j?", "j[1]"])
def test_a_dataset_whose_name_is_a_pattern_leads_to_no_file_outside_the_roots(
    tmp_path: Path, name: str, form: str
) -> None:
    def write(path: Path, word: str) -> None:
        records = [{"a": word, "b": 1}, {"a": word, "b": 2}]
        if form == "parquet":
            pq.write_table(pa.Table.from_pylist(records), path)
        elif form == "csv":
            path.write_text(f"a,b\n{word},1\n{word},2\n")
        else:
            path.write_text(json.dumps(records) if form == "json" else "\n".join(map(json.dumps, records)))

    root, outside = tmp_path / "root", tmp_path / f"s.{form}"
    root.mkdir()
    write(outside, "outside")
    (root / f"j1.{form}").symlink_to(outside)
    write(root / f"{name}.{form}", "inside")
    workspace = tmp_path / "work[1]"
    opener = Opener(
        Policy(roots=(root,), workspace=workspace),
        Registry(workspace / "names", "default"),
        Engine(threads=1),
        {},
        snapshots=workspace / "snapshots",
    )
    dataset = opener.open(f"{name}.{form}")
    assert query_dataset(dataset, "SELECT a, b FROM dataset ORDER BY b").rows == [["inside", 1], ["inside", 2]]
    allowed = dataset.table.get_backend().con.execute("SELECT current_setting('allowed_paths')").fetchone()[0]
    assert not any(path.endswith((f"j1.{form}", f"s.{form}")) for path in allowed)
