"""Tables that nobody would make on purpose: types, values and names at the limits of what engines hold."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal

import pyarrow as pa

FAR = 2**63 - 1
INF, NAN = float("inf"), float("nan")


def _far_dates() -> pa.Table:
    return pa.table(
        {
            "year_20000": pa.array([568_971_820_800_000_000, 0, None, 1] * 20, pa.timestamp("us")),
            "bc": pa.array([-99_999_999_999_999_999, 0, None, 1] * 20, pa.timestamp("us")),
            "zoned": pa.array(
                [568_971_820_800_000_000, -99_999_999_999_999_999, None, 1] * 20, pa.timestamp("us", "UTC")
            ),
            "infinite": pa.array([FAR, -FAR, None, 0] * 20, pa.timestamp("us")),
            "nanoseconds": pa.array([FAR, -FAR, None, 0] * 20, pa.timestamp("ns")),
            "seconds": pa.array([10**12, -(10**12), None, 0] * 20, pa.timestamp("s")),
            "days": pa.array([5_000_000, -1_000_000, None, 0] * 20, pa.date32()),
            "endless_days": pa.array([2**31 - 1, 1 - 2**31, None, 1_700_000_000] * 20, pa.date32()),
            "y": [0, 1, 1, 0] * 20,
        }
    )


def _numbers() -> pa.Table:
    return pa.table(
        {
            "unbounded": [NAN, INF, -INF, 1.0, None] * 20,
            "nothing": [NAN] * 100,
            "endless": [INF] * 100,
            "huge": [1e308, -1e308, 0.0, 5e-324, 1.0] * 20,
            "tiny": [1e-320 * i for i in range(100)],
            "single": pa.array([NAN, INF, 3.4e38, -3.4e38, 1.0] * 20, pa.float32()),
            "int64": pa.array([2**63 - 1, -(2**63), None, 5, -999] * 20),
            "uint64": pa.array([2**64 - 1, 0, None, 5, 6] * 20, pa.uint64()),
            "decimal": pa.array([Decimal(10) ** 37, -(Decimal(10) ** 37), None, Decimal(0), Decimal(1)] * 20),
            "y": [0, 1, 1, 0, 1] * 20,
        }
    )


def _times() -> pa.Table:
    return pa.table(
        {
            "time": [dt.time(i % 24, i % 60) for i in range(80)],
            "nanoseconds": pa.array(range(80), pa.time64("ns")),
            "duration": [dt.timedelta(seconds=i) for i in range(80)],
            "y": [i % 2 for i in range(80)],
        }
    )


def _texts() -> pa.Table:
    return pa.table(
        {
            "nul": ["a\0b", "\0", None, "c"] * 20,
            "numbers": ["1e400", "-1e400", "nan", "٣"] * 20,
            "long": ["x" * 5_000, "y", None, "z"] * 20,
            "dates": ["2024-02-30", "0000-00-00", "9999-12-31T23:59:59-12:00", ""] * 20,
            "y": [0, 1, 1, 0] * 20,
        }
    )


def _nested() -> pa.Table:
    far = dt.datetime(9999, 12, 31, 23, 59)
    return pa.table(
        {
            "list": [[1, 2], None, [], [3]] * 20,
            "struct": [{"a": 1, "t": far}, None, {"a": None, "t": None}, {"a": 2, "t": far}] * 20,
            "map": pa.array([[("k", 1)], None, [], [("j", 2)]] * 20, pa.map_(pa.string(), pa.int64())),
            "far": pa.array([[10**18], None, [], [0]] * 20, pa.list_(pa.timestamp("us"))),
            "bytes": [b"\x00\xff", None, b"", b"abc"] * 20,
            "y": [0, 1, 1, 0] * 20,
        }
    )


_ENGINE_TYPES = """
    SELECT uuid() AS u, i * 1e30::HUGEINT AS h, '101'::BIT AS bits, time '10:00:00+02' AS zoned_time,
        CASE i % 3 WHEN 0 THEN 'a' WHEN 1 THEN 'b' END::ENUM ('a', 'b') AS e, interval (i) DAY AS days, i % 2 AS y
    FROM range(60) t (i)
"""
_MIXED_UNITS = """
    SELECT CASE WHEN i % 9 = 0 THEN TIMESTAMP '20000-01-01' + to_days(i::INT) ELSE TIMESTAMP '2020-01-01' END AS t,
        DATE '2020-01-01' + i::INT AS d, i % 2 AS y
    FROM range(90) t (i)
"""
TABLES: dict[str, Callable[[], pa.Table] | str] = {
    "far dates": _far_dates,
    "one far date": "SELECT TIMESTAMP '20000-01-01' AS t, 1 AS y UNION ALL SELECT TIMESTAMP '2020-01-01', 2",
    "mixed-up units": _MIXED_UNITS,
    "numbers at the limits": _numbers,
    "times of the day": _times,
    "odd texts": _texts,
    "nested values": _nested,
    "types of the engine": _ENGINE_TYPES,
    "nothing but nulls": lambda: pa.table(
        {"n": pa.nulls(30), "t": pa.nulls(30, pa.timestamp("us")), "y": pa.nulls(30)}
    ),
    "no rows": lambda: _far_dates().select(["bc", "days", "y"]).slice(0, 0),
    "one row": lambda: _far_dates().select(["bc", "days", "y"]).slice(0, 1),
    "odd names": lambda: pa.table(
        {'x"y': [1.5, 2, 3] * 20, "'; drop": [1, 2, 3] * 20, "a\nb": list("abc") * 20, " ": [1, 0, 0] * 20}
    ),
}
