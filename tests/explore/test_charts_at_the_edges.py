"""Charts of what only just can, or can't, be drawn: odd characters, far dates, numbers at the ends of their type."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from refinery.tools.data.opening import open_dataset
from refinery.tools.errors import BadRequest
from refinery.tools.explore.create_visualization import Chart, create_visualization

KINDS = ["histogram", "bar", "line", "scatter", "box", "heatmap", "density", "missing"]


def values(chart: Chart) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = chart.spec["data"]["values"]
    return found


def is_drawn(chart: Chart) -> bool:
    return base64.b64decode(chart.png).startswith(b"\x89PNG\r\n\x1a\n")


@pytest.mark.parametrize("kind", KINDS)
def test_characters_that_a_picture_can_not_hold_are_replaced(kind: Any) -> None:
    number, word = "x\x1by", "c\uffff"
    table = pa.table(
        {number: np.arange(60.0), "n": np.arange(60.0) % 7, word: ["red\x1b[31m", "red\x07[31m", "b\tl\nue"] * 20}
    )
    across = word if kind in {"bar", "box"} else number
    color = None if kind in {"bar", "box", "heatmap", "missing"} else word
    chart = create_visualization(open_dataset(table), kind, x=across, y=number if kind == "box" else None, color=color)
    assert is_drawn(chart)
    texts = list(_texts(chart.spec))
    # XML 1.0, production [2]: Char.
    assert not [text for text in texts if re.search("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", text)]
    if kind == "bar":
        assert {row["x"] for row in values(chart)} == {"red\ufffd[31m", "red\ufffd[31m (2)", "b l ue"}


def _texts(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict):
        for key, item in node.items():
            yield key
            yield from _texts(item)
    elif isinstance(node, list):
        for item in node:
            yield from _texts(item)


FAR = pa.table(
    {
        "t": pa.array([253402300800, 1577836800, 1609459200, -62135596801, None] * 4, pa.timestamp("s")),
        "n": np.arange(20.0),
    }
)


@pytest.mark.parametrize(
    ("kind", "unit"),
    [
        *[("histogram", unit) for unit in ("s", "ms", "us", "day", "text", "zone")],
        *[(kind, "us") for kind in ("line", "scatter", "heatmap", "density")],
    ],
)
def test_dates_that_no_calendar_has_are_left_out_and_told(kind: Any, unit: str) -> None:
    # 10000-01-01, 2020-01-01, 2021-01-01 and the last second before the year 1
    types = {"day": pa.date32(), "text": pa.string(), "zone": pa.timestamp("us", "UTC")}
    instants = FAR["t"].cast(pa.timestamp("ms")).cast(pa.date64()).cast(pa.date32()) if unit == "day" else FAR["t"]
    table = FAR.set_column(0, "t", instants.cast(types.get(unit) or pa.timestamp(unit)))
    chart = create_visualization(open_dataset(table), kind, x="t", y=None if kind in {"histogram", "density"} else "n")
    assert chart.notes[0].startswith("8 of 20 rows")
    assert "8 values of 't' can't be read as datetime of the years 1 to 9999 and are left out" in chart.notes
    assert all(str(row["x"]).startswith(("2019", "2020", "2021")) for row in values(chart))


@pytest.mark.parametrize("kind", KINDS)
def test_the_last_moments_of_the_calendar_are_drawn(kind: Any) -> None:
    # 9999-12-31 23:59:59, 9999-12-11, 0001-01-01
    table = pa.table({"t": pa.array([253402300799, 253400486400, -62135596800] * 3, pa.timestamp("s"))})
    chart = create_visualization(open_dataset(table.append_column("n", [np.arange(9.0)])), kind, x="t")
    assert is_drawn(chart)
    assert chart.scanned.rows == 9


def test_a_column_of_nothing_but_far_dates_is_refused_in_words_and_drawn_as_labels() -> None:
    far = open_dataset(pa.table({"t": pa.array([2**60, 2**60 + 10**15], pa.timestamp("us"))}))
    with pytest.raises(BadRequest, match="'t' holds no date of the years 1 to 9999"):
        create_visualization(far, "histogram", x="t")
    assert len(values(create_visualization(far, "bar", x="t"))) == 2


def test_a_box_of_nothing_finite_is_refused_in_words() -> None:
    table = pa.table({"v": [float("nan"), float("inf"), -float("inf")] * 4, "c": list("abab") * 3})
    with pytest.raises(BadRequest, match="'v' holds no finite number"):
        create_visualization(open_dataset(table), "box", x="c", y="v")


@pytest.mark.parametrize("kind", KINDS)
def test_whole_numbers_from_end_to_end_of_the_type_are_drawn(kind: Any) -> None:
    table = pa.table({"i": pa.array([-(2**63), 2**63 - 1, 0, 5] * 10, pa.int64()), "n": np.arange(40.0)})
    chart = create_visualization(open_dataset(table), kind, x="i", y="n" if kind in {"line", "scatter"} else None)
    assert is_drawn(chart)


def test_nanoseconds_are_drawn_though_they_reach_less_far_than_the_calendar() -> None:
    table = pa.table({"t": pa.array([0, 86_400 * 10**9, 2**62], pa.timestamp("ns"))})
    chart = create_visualization(open_dataset(table), "histogram", x="t")
    assert sum(row["n"] for row in values(chart)) == 3
