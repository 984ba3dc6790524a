"""The demo table is as its list of planted defects says, counted with pandas alone."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

ISO = r"\d{4}-\d\d-\d\d"
MONTHS = ("2026-04", "2026-05")
# The beginnings of the SHA-256 of the files that the default rows and seed give, on whatever machine.
DIGESTS = {"2026-04": "80ea6b60df4be17c", "2026-05": "72f5885bc85205c5"}


# What every value of a clean column looks like.
SHAPES = {
    "ordered_at": rf"{ISO} \d\d:\d\d:\d\d",
    "customer_id": r"1\d{4}",
    "phone": r"\+\d\d \d+ \d{7}",
    "customer_spend": r"\d+\.\d\d",
    "past_return_rate": r"0\.\d\d",
    "postal_code": r"\d{4}( [A-Z]{2})?|\d{5}",
    "sku": r"SKU-\d{4}",
    "product_name": r"[A-Z][\w ]+",
    "category": "Fashion|Home|Electronics|Sports|Toys|Garden",
    "unit_price": r"\d+\.95",
    "discount_code": "SPRING10|WELCOME5|APP15",
    "amount": r"\d+\.\d\d",
    "points_change": r"-?\d+",
    "express": "true|false",
    "carrier": "DHL|DPD|GLS|UPS",
    "channel": "web|app|phone|marketplace",
    "page_views": r"\d+",
    "session_minutes": r"\d+\.\d",
    "rating": "[1-5]",
    "review": r"[\w ;,.\"]{30,}",
    "returned": "true|false",
}


@pytest.fixture(scope="module")
def frames(demo: Path) -> dict[str, pd.DataFrame]:
    """Both months as text, with empty cells as the only missing ones."""
    options = {"dtype": str, "keep_default_na": False, "na_values": [""]}
    return {month: pd.read_csv(demo / f"orders_{month}.csv", **options) for month in MONTHS}


@pytest.fixture(scope="module")
def april(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    return frames["2026-04"]


def numbers(frame: pd.DataFrame, column: str) -> pd.Series:
    return pd.to_numeric(frame[column])


def most_usual(frame: pd.DataFrame, of: str, by: str) -> pd.Series:
    """For each row, the value of `of` that most rows with the same `by` have."""
    return frame.groupby(by)[of].transform(lambda values: values.mode().iloc[0])


def unlike(column: str, pattern: str) -> Callable[[pd.DataFrame], int]:
    return lambda frame: int((~frame[column].str.fullmatch(pattern)).sum())


COUNTED: dict[str, Callable[[pd.DataFrame], int]] = {
    "duplicate_rows": lambda f: f.duplicated().sum(),
    "repeated_ids": lambda f: f.drop_duplicates()["order_id"].duplicated().sum(),
    "copy": lambda f: np.isclose(numbers(f, "amount") * 100, numbers(f, "amount_cents")).sum(),
    "sentinel_age": lambda f: (f["customer_age"] == "-999").sum(),
    "blank_referrer": lambda f: f["referrer"].isin(["N/A", "n/a", "?"]).sum(),
    "mostly_missing": lambda f: f["fax"].isna().sum(),
    "spellings": unlike("payment_method", "PayPal|Credit card|Invoice|Bank transfer|Gift card"),
    "typo": lambda f: (f["city"] == "Pairs").sum(),
    "mojibake": lambda f: f["customer_name"].str.contains("Ã").sum(),
    "broken_emails": unlike("email", r"[\w.]+@[\w]+\.example"),
    "mixed_dates": unlike("invoice_date", ISO),
    "mixed_zones": unlike("paid_at", rf"{ISO}T\d\d:\d\d:\d\d\+02:00"),
    "mixed_units": unlike("weight", r"[\d.]+ kg"),
    "mixed_types": unlike("discount_pct", r"\d+"),
    "impossible": lambda f: (~numbers(f, "quantity").between(1, 6)).sum(),
    "constant": lambda f: (f["source_system"] == "shop-v2").sum(),
    "leak_amount": lambda f: (numbers(f, "refund_amount") > 0).sum(),
    "leak_status": lambda f: f["last_status"].isin(["return received", "refund paid"]).sum(),
    "early_delivery": lambda f: (f["delivered_at"] < f["ordered_at"]).sum(),
    "wrong_country": lambda f: (f["country"] != most_usual(f, "country", by="city")).sum(),
}  # fmt: skip


@pytest.mark.parametrize("month", MONTHS)
@pytest.mark.parametrize("key", COUNTED)
def test_each_defect_is_in_as_many_rows_as_the_list_says(
    key: str, month: str, orders: ModuleType, frames: dict[str, pd.DataFrame]
) -> None:
    defect = next(defect for defect in orders.PLANTED if defect.key == key)
    assert month in defect.months
    assert COUNTED[key](frames[month]) == defect.rows


def test_every_planted_defect_is_counted_or_lies_between_the_months(orders: ModuleType) -> None:
    assert {d.key for d in orders.PLANTED} - set(COUNTED) == {"shift", "share_shift", "renamed", "retyped"}
    assert all(d.months == ("2026-05",) for d in orders.PLANTED if d.key not in COUNTED)


def test_there_are_as_many_rows_as_asked_for(frames: dict[str, pd.DataFrame]) -> None:
    assert [len(frame) for frame in frames.values()] == [5_000, 5_000]


def test_the_leaks_tell_exactly_which_orders_came_back(april: pd.DataFrame) -> None:
    returned = april["returned"] == "true"
    assert ((numbers(april, "refund_amount") > 0) == returned).all()
    assert (april["last_status"].isin(["return received", "refund paid"]) == returned).all()


def test_between_the_months_two_columns_moved_and_no_other_number_did(frames: dict[str, pd.DataFrame]) -> None:
    april, may = frames["2026-04"], frames["2026-05"]
    moved = {}
    for column in ["customer_spend", "past_return_rate", "unit_price", "amount", "points_change", "shipping_cost",
                   "page_views", "session_minutes", "rating"]:  # fmt: skip
        before, after = numbers(april, column), numbers(may, column)
        moved[column] = abs(after.mean() - before.mean()) / before.std()
    assert moved.pop("shipping_cost") > 0.5
    assert max(moved.values()) < 0.06
    shares = {}
    for column in ["device", "category", "city", "country", "channel", "carrier", "discount_code", "returned"]:
        before, after = (frame[column].value_counts(normalize=True) for frame in (april, may))
        shares[column] = after.sub(before, fill_value=0).abs().max()
    assert shares.pop("device") > 0.10
    assert max(shares.values()) < 0.03


def test_in_may_one_column_has_another_name_and_one_another_type(frames: dict[str, pd.DataFrame]) -> None:
    april, may = frames["2026-04"], frames["2026-05"]
    assert set(april) ^ set(may) == {"loyalty_tier", "tier"}
    assert april["warehouse"].str.isdigit().all()
    assert may["warehouse"].str.fullmatch(r"WH-\d").all()


@pytest.mark.parametrize("month", MONTHS)
def test_clean_columns_are_clean(month: str, orders: ModuleType, frames: dict[str, pd.DataFrame]) -> None:
    frame = frames[month]
    assert set(SHAPES) == set(orders.clean_columns())
    for column, shape in SHAPES.items():
        assert frame[column].dropna().map(lambda value, shape=shape: bool(re.fullmatch(shape, value))).all(), column
    missing = {column: frame[column].isna().mean() for column in SHAPES if frame[column].isna().any()}
    assert set(missing) == {"phone", "discount_code", "review"}
    assert max(missing.values()) < 0.49


def test_clean_columns_are_tempting(april: pd.DataFrame) -> None:
    assert april["customer_id"].duplicated().mean() > 0.5
    assert numbers(april, "customer_spend").skew() > 3
    assert 0.02 < (april["category"] == "Garden").mean() < 0.04
    assert (numbers(april, "points_change") < 0).mean() > 0.08
    assert 0.75 < numbers(april, "page_views").corr(numbers(april, "session_minutes")) < 0.85
    for column in ("category", "product_name"):
        assert (april.groupby("sku")[column].nunique() == 1).all()


def test_no_honest_column_tells_much_of_the_target(april: pd.DataFrame) -> None:
    """The area under the ROC curve is the chance that a returned order ranks above another (Mann and Whitney)."""
    returned = april["returned"] == "true"
    areas = {}
    for column in ["past_return_rate", "rating", "amount", "customer_spend", "page_views", "shipping_cost"]:
        ranks = numbers(april, column).rank()
        above = ranks[returned].sum() - returned.sum() * (returned.sum() + 1) / 2
        areas[column] = abs(above / returned.sum() / (~returned).sum() - 0.5) + 0.5
    assert 0.65 < areas["past_return_rate"] < 0.75
    assert 0.55 < areas["rating"] < 0.65
    assert max(areas.values()) < 0.75


def test_numbers_that_are_no_copies_are_not_nearly_equal(april: pd.DataFrame) -> None:
    columns = ["customer_spend", "unit_price", "amount", "points_change", "shipping_cost", "page_views",
               "session_minutes", "rating", "past_return_rate", "refund_amount"]  # fmt: skip
    correlations = pd.DataFrame({column: numbers(april, column) for column in columns}).corr().to_numpy()
    assert np.abs(correlations - np.eye(len(columns))).max() < 0.85


def test_the_same_seed_gives_the_same_bytes(demo: Path) -> None:
    files = {month: (demo / f"orders_{month}.csv").read_bytes() for month in MONTHS}
    assert {month: hashlib.sha256(content).hexdigest()[:16] for month, content in files.items()} == DIGESTS


def test_another_seed_gives_other_orders_with_the_same_defects(orders: ModuleType) -> None:
    frames = [orders.generate(rows=1_000, seed=seed)["2026-04"] for seed in (1, 2)]
    assert not frames[0].equals(frames[1])
    counts = {defect.key: defect.rows for defect in orders.planted(1_000)}
    for frame in frames:
        assert frame.duplicated().sum() == counts["duplicate_rows"]
        assert (frame["customer_age"] == -999).sum() == counts["sentinel_age"] == 30
        assert frame["fax"].isna().sum() == counts["mostly_missing"] == 880


@pytest.mark.parametrize("rows", [0, 999])
def test_too_few_rows_are_refused(rows: int, orders: ModuleType) -> None:
    with pytest.raises(ValueError, match=f"rows is {rows}; the defects need at least 1000"):
        orders.generate(rows=rows)


def test_the_script_writes_both_months_and_the_list(tmp_path: Path, orders: ModuleType) -> None:
    script = Path(orders.__file__)
    done = subprocess.run(
        [sys.executable, script, tmp_path / "new", "--rows", "1000", "--seed", "3"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert [Path(line).name for line in done.stdout.split()] == [f"orders_{m}.csv" for m in MONTHS] + ["planted.json"]
    truth = json.loads((tmp_path / "new" / "planted.json").read_text(encoding="utf-8"))
    assert (truth["rows"], truth["seed"], truth["clean_columns"]) == (1_000, 3, orders.clean_columns())
    assert [entry["key"] for entry in truth["planted"]] == [defect.key for defect in orders.PLANTED]
    assert truth["planted"][0]["rows"] == 15
