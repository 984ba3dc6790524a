"""The check for leakage."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from refinery.tools.data import open_dataset
from refinery.tools.errors import BadRequest
from refinery.tools.quality._leakage_scores import Target, score_numbers
from refinery.tools.quality.check_leakage import Leakage, check_leakage
from sklearn import datasets
from sklearn.metrics import r2_score, roc_auc_score

ROWS = 3000
LABELS = np.array(["refused", "open", "paid", "late", "lost", "new", "old"])


def check(columns: dict[str, Any], target: str = "target", time_column: str | None = None) -> Leakage:
    return check_leakage(open_dataset(pa.table(columns)), target, time_column)


def accused(result: Leakage) -> set[str]:
    return {item.column for item in result.suspicious}


def targets(rng: np.random.Generator, rows: int = ROWS) -> dict[str, Any]:
    z = rng.normal(size=rows)
    classes = np.digitize(z, [-1.2, -0.6, 0, 0.6, 1.2, 1.8])
    return {
        "numeric": np.exp(z),
        "zero_inflated": np.where(z > 0.5, np.exp(z), 0),
        "binary": (z > 0.5).astype(int),
        "boolean": z > 0.5,
        "words": np.where(z > 0.5, "yes", "no"),
        "classes": classes + 1,
        "labels": LABELS[classes],
    }


KINDS = ["numeric", "zero_inflated", "binary", "boolean", "words", "classes", "labels"]


def honest(rng: np.random.Generator, rows: int = ROWS) -> dict[str, Any]:
    z = np.random.default_rng(1).normal(size=rows)
    return {
        "good": z + rng.normal(size=rows) * 0.42,  # R² 0.85, AUC about 0.96
        "good_text": np.where(z + rng.normal(size=rows) * 0.3 > 0.5, "high", "low"),
        "noise": rng.normal(size=rows),
        "order_id": np.arange(rows),
        "uuid": [f"{i:032x}" for i in rng.integers(0, 2**62, rows)],
        "customer": [f"c{i}" for i in rng.integers(0, 50_000, rows)],
        "seller": rng.integers(0, 400, rows),
        "category": rng.choice(list("abcdefgh"), rows),
        "flag": rng.random(rows) < 0.2,
        "when": pa.array(rng.integers(0, 10**8, rows), pa.timestamp("s")),
        "note": [" ".join(rng.choice(["alpha", "beta", "gamma", "delta"], 4)) + f" {i}" for i in range(rows)],
        "gaps": pa.array(rng.normal(size=rows), mask=rng.random(rows) < 0.4),
        "gaps_that_help": pa.array(rng.normal(size=rows), mask=rng.random(rows) < np.where(z > 0.5, 0.2, 0.6)),
        "constant": np.ones(rows),
        "empty": pa.nulls(rows, pa.float64()),
    }


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rows", [100, ROWS])
def test_honest_columns_are_not_accused(kind: str, rows: int) -> None:
    result = check({"target": targets(np.random.default_rng(1), rows)[kind]} | honest(np.random.default_rng(2), rows))
    assert accused(result) == set()
    assert result.status == "passed"


@pytest.mark.parametrize("kind", KINDS)
def test_leaking_columns_are_found_and_no_others(kind: str) -> None:
    rng = np.random.default_rng(1)
    y = targets(rng)[kind]
    rng = np.random.default_rng(3)
    if y.dtype.kind in "iufb":
        number = y.astype(float)
        noisy = number + rng.normal(size=ROWS) * number.std() * 0.01
        leaks = {
            "copy": y,
            "noisy": noisy,
            "cents": 100 * number + 7,
            "falling": -number,
            "as_text": number.astype(str),
        }
        if kind == "numeric":
            leaks |= {
                "log": np.log(number),
                "rounded": np.round(number, 2),
                "recoded": [f"{value:.2f} €" for value in number],
            }
    else:
        codes = np.unique(y, return_inverse=True)[1]
        leaks = {"copy": y, "codes": codes, "other_name": np.char.add("status ", codes.astype(str))}
    if kind not in {"numeric", "zero_inflated"}:
        codes = np.unique(y, return_inverse=True)[1]
        leaks["finer"] = [f"{code}-{part}" for code, part in zip(codes, rng.integers(0, 4, ROWS), strict=True)]
        leaks["after"] = pa.array(rng.normal(size=ROWS), mask=codes != 1)
        leaks["often_after"] = pa.array(["done"] * ROWS, mask=(codes != 1) | (rng.random(ROWS) < 0.3))
    if kind == "zero_inflated":
        leaks["after"] = pa.array(rng.normal(size=ROWS), mask=y == 0)
    result = check({"target": y} | leaks | honest(rng))
    assert accused(result) == set(leaks)
    assert result.status == "failed"
    assert all(0 <= item.score <= 1 for item in result.suspicious)


@pytest.mark.parametrize("load", ["iris", "wine", "breast_cancer", "diabetes"])
def test_no_column_of_the_classic_tables_is_accused(load: str) -> None:
    bunch = getattr(datasets, f"load_{load}")()
    columns = {str(name): bunch.data[:, i] for i, name in enumerate(bunch.feature_names)}
    result = check(columns | {"target": bunch.target})
    assert accused(result) == set()
    assert result.task == {"diabetes": "regression", "breast_cancer": "binary"}.get(load, "classes")


def test_a_perfect_predictor_in_few_rows_is_told_but_not_accused() -> None:
    iris = datasets.load_iris()
    result = check({"width": iris.data[:, 3], "target": iris.target == 0})
    assert result.suspicious == []
    assert [finding.severity for finding in result.findings] == ["low"]


@pytest.mark.parametrize("rows", [20, 50, 200])
def test_a_copy_is_found_in_few_rows(rows: int) -> None:
    y = np.arange(rows) % 3
    numbers = np.random.default_rng(0).normal(size=rows)
    assert accused(check({"target": y, "copy": LABELS[y], "noise": numbers})) == {"copy"}
    assert accused(check({"target": numbers, "copy": 3 * numbers - 1, "noise": numbers[::-1]})) == {"copy"}


@pytest.mark.parametrize(("distance", "leaks"), [(1.8, False), (2.5, False), (4.4, True), (5.5, True)])
def test_the_limit_between_good_and_too_good_for_classes(distance: float, leaks: bool) -> None:
    # Two normal classes a distance d apart have an AUC of Φ(d/√2): 0.90, 0.96, 0.999, 0.9999.
    rng = np.random.default_rng(0)
    y = rng.random(10_000) < 0.3
    x = rng.normal(size=10_000) + distance * y
    result = check({"target": y, "x": x})
    assert accused(result) == ({"x"} if leaks else set())
    auc = next(
        score for score in score_numbers(x, Target("classes", y.astype(int), ("no", "yes"))) if score.how == "its order"
    )
    assert auc.value == pytest.approx(roc_auc_score(y, x))


@pytest.mark.parametrize(("noise", "leaks"), [(0.42, False), (0.2, False), (0.03, True)])
def test_the_limit_between_good_and_too_good_for_numbers(noise: float, leaks: bool) -> None:
    # R² of y = x + noise is 1 / (1 + noise²): 0.85, 0.96, 0.999.
    rng = np.random.default_rng(0)
    x = rng.normal(size=10_000)
    y = x + noise * rng.normal(size=10_000)
    assert accused(check({"target": y, "x": x})) == ({"x"} if leaks else set())
    slope, start = np.polyfit(x, y, 1)
    for score in score_numbers(x, Target("numeric", y)):
        least = r2_score(y, slope * x + start)
        assert score.value == pytest.approx(least, abs=1e-6 if score.how == "linear" else 0.06)


def test_a_leak_that_is_not_monotone_is_found() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(-10, 10, 5000)
    assert accused(check({"target": np.sin(x), "x": x, "noise": rng.normal(size=5000)})) == {"x"}


def test_a_rare_class_is_not_missed_in_a_large_table() -> None:
    rng = np.random.default_rng(0)
    y = np.zeros(300_000, int)
    y[rng.choice(300_000, 600, replace=False)] = 1
    columns = {"target": y, "leak": y * 3 + rng.normal(size=300_000) * 0.1, "noise": rng.normal(size=300_000)}
    result = check(columns)
    assert accused(result) == {"leak"}
    assert "class" in result.scanned.method
    assert result.scanned.of == 300_000


def test_rows_sorted_by_the_target_make_their_number_a_leak() -> None:
    result = check({"target": np.arange(2000) >= 1200, "row": np.arange(2000)})
    assert accused(result) == {"row"}
    assert "sorted" in result.suspicious[0].reason


def test_a_word_in_a_text_is_a_leak() -> None:
    rng = np.random.default_rng(0)
    y = np.sort(rng.random(3000) < 0.4)
    texts = [f"order {i * 7919 % 3000} was fine{' until the refund' if late else ''}" for i, late in enumerate(y)]
    result = check({"target": y, "note": texts})
    assert accused(result) == {"note"}


def test_times_after_the_row_are_told() -> None:
    rng = np.random.default_rng(0)
    start = rng.integers(0, 10**7, 2000)
    wait = rng.integers(10, 5000, 2000)
    slow = wait > 3000
    columns = {
        "target": slow,
        "ordered": pa.array(start, pa.timestamp("s")),
        "delivered": pa.array(start + wait, pa.timestamp("s")),
        "registered": pa.array(start - rng.integers(10, 10**6, 2000), pa.timestamp("s")),
    }
    assert accused(check(columns)) == set()
    result = check(columns, time_column="ordered")
    assert accused(result) == {"delivered"}
    assert result.findings[0].severity == "high"
    columns["target"] = rng.random(2000) < 0.5
    result = check(columns, time_column="ordered")
    assert [(item.column, item.measure) for item in result.suspicious] == [("delivered", "share_later")]
    assert result.status == "warning"


def test_a_target_that_follows_its_past_asks_for_a_split_by_time() -> None:
    walk = np.cumsum(np.random.default_rng(0).normal(size=1000))
    result = check({"target": walk, "at": pa.array(range(1000), pa.timestamp("s"))}, time_column="at")
    assert any(finding.metric == "autocorrelation" for finding in result.findings)


@pytest.mark.parametrize(
    ("columns", "target", "time_column", "message"),
    [
        ({"y": [1, 1, 1]}, "y", None, "one value only, 1"),
        ({"y": pa.nulls(3, pa.int64())}, "y", None, "no values"),
        ({"y": pa.array([], pa.int64())}, "y", None, "no values"),
        ({"y": [f"text {i}" for i in range(100)]}, "y", None, "100 different texts"),
        ({"y": [[1], [2]]}, "y", None, "target 'y' is of type"),
        ({"price": [1, 2]}, "prise", None, "did you mean 'price'"),
        ({"y": [1, 2], "t": [1, 2]}, "y", "t", "must be a date"),
    ],
)
def test_a_target_that_cannot_be_one_is_refused(
    columns: dict[str, Any], target: str, time_column: str | None, message: str
) -> None:
    with pytest.raises(BadRequest, match=message):
        check(columns, target, time_column)


@pytest.mark.parametrize("rows", [2, 10])
def test_too_few_rows_are_told(rows: int) -> None:
    result = check({"target": list(range(rows)), "x": list(range(rows))})
    assert result.suspicious == []
    assert result.findings[0].metric == "rows"


def test_rows_without_a_target_are_left_out_and_counted() -> None:
    y = pa.array([i % 2 for i in range(500)], mask=np.arange(500) % 5 == 0)
    result = check({"target": y, "copy": y, "filled_where_known": y})
    assert accused(result) == {"copy", "filled_where_known"}
    assert [finding.value for finding in result.findings if finding.metric == "rows_without_target"] == [100]


def test_odd_columns_are_looked_at_without_harm() -> None:
    rng = np.random.default_rng(0)
    columns = {
        "target": rng.normal(size=300),
        'a "quoted" column': np.where(np.arange(300) % 7, rng.normal(size=300), np.inf),
        "; drop table x --": [None, np.nan] * 150,
        "list": [[1, 2]] * 300,
        "decimal": pa.array([None, *range(299)], pa.decimal128(9, 2)),
        "zoned": pa.array(range(300), pa.timestamp("us", tz="Europe/Berlin")),
        "time": pa.array([1] * 300, pa.time64("us")),
        "category": pa.array(["x", "y"] * 150).dictionary_encode(),
        "bytes": [b"x"] * 300,
        "größe.€ x": [True, None] * 150,
    }
    assert accused(check(columns)) == set()


def test_wide_tables_are_bounded() -> None:
    rng = np.random.default_rng(0)
    columns = {f"c{i}": rng.normal(size=10_000) for i in range(300)}
    result = check(columns | {"target": columns["c7"] > 0, "label": np.where(columns["c7"] > 0, "a", "b")})
    assert accused(result) == {"c7", "label"}
    assert result.scanned.rows < 10_000


def test_a_time_of_the_day_is_read_as_seconds() -> None:
    minutes = [i * 37 % 1440 for i in range(400)]
    times = pa.array([dt.time(minute // 60, minute % 60) for minute in minutes])
    noise = np.random.default_rng(0).normal(size=400)
    table = open_dataset(pa.table({"at": times, "minute": minutes, "noise": noise}))
    for target, copy in (("at", "minute"), ("minute", "at")):
        found = check_leakage(table, target)
        assert found.task == "regression"
        assert [item.column for item in found.suspicious] == [copy]
