"""A demo table: two months of a webshop's orders, with defects planted on purpose and a list of them.

Run it as `python examples/orders.py FOLDER [--rows N] [--seed S]`: it writes `orders_2026-04.csv`,
`orders_2026-05.csv` and `planted.json`, the list of what is wrong in them. The same seed gives the same bytes on any
machine.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from shop import APRIL, MAY, Array, Dice, customers, month_of_orders

MONTHS = (APRIL, MAY)
ROWS, SEED = 5_000, 7
FEWEST_ROWS = 1_000


@dataclass(frozen=True)
class Defect:
    """One thing that is wrong in the demo table.

    Attributes:
        key: its name.
        columns: the columns that it is in; none when it is about whole rows.
        kind: what sort of defect it is.
        action: the action that is to find it.
        rows: how many rows of each month show it, exactly.
        description: what a person would say of it.
        beside: an innocent column that it shows against.
        months: the files that it is in.
    """

    key: str
    columns: tuple[str, ...]
    kind: str
    action: str
    rows: int
    description: str
    beside: str | None = None
    months: tuple[str, ...] = MONTHS


# An integer is a number of rows, a fraction a share of them.
_PLANS: tuple[tuple[str, tuple[str, ...], str, str, float, str], ...] = (
    ("duplicate_rows", (), "exact duplicates", "check_duplicates", 15, "an order was written twice, in every column"),
    ("repeated_ids", ("order_id",), "repeated id", "check_duplicates", 12, "another order carries the same order_id"),
    ("copy", ("amount_cents",), "redundant", "check_duplicates", 1.0, "amount_cents is amount times 100"),
    ("sentinel_age", ("customer_age",), "disguised null", "check_missing_values", 0.03, "-999 stands for no age"),
    ("blank_referrer", ("referrer",), "disguised null", "check_missing_values", 0.06, "N/A, n/a and ? stand for none"),
    ("mostly_missing", ("fax",), "missing", "check_missing_values", 0.88, "hardly anyone has a fax number"),
    ("spellings", ("payment_method",), "spelling", "check_distributions", 0.04, "PayPal is written in four ways"),
    ("typo", ("city",), "spelling", "check_distributions", 3, "Pairs for Paris"),
    ("mojibake", ("customer_name",), "encoding", "check_distributions", 17, "UTF-8 read as Windows-1252: MÃ¼ller"),
    ("broken_emails", ("email",), "format", "check_distributions", 11, "no @, two @, a blank or no host"),
    ("mixed_dates", ("invoice_date",), "format", "check_distributions", 0.08, "dd.mm.yyyy and mm/dd/yyyy among ISO"),
    ("mixed_zones", ("paid_at",), "format", "check_distributions", 0.12, "UTC, CEST and no zone among +02:00"),
    ("mixed_units", ("weight",), "unit", "check_distributions", 0.09, "grams among kilograms"),
    ("mixed_types", ("discount_pct",), "format", "check_distributions", 0.02, "10% among plain numbers"),
    ("impossible", ("quantity",), "range", "check_distributions", 8, "-4, -2, 0 or 750 pieces where 1 to 6 are usual"),
    ("constant", ("source_system",), "constant", "check_distributions", 1.0, "one value in every row"),
    ("leak_amount", ("refund_amount",), "leakage", "check_leakage", 0.17, "above zero only once an order came back"),
    ("leak_status", ("last_status",), "leakage", "check_leakage", 0.17, "tells of the return itself"),
    ("early_delivery", ("delivered_at",), "order", "check_rules", 9, "delivered before it was ordered"),
    ("wrong_country", ("country",), "dependency", "find_relationships", 14, "the city lies in another country"),
    ("shift", ("shipping_cost",), "drift", "check_drift", 1.0, "carriers raised their prices in May"),
    ("share_shift", ("device",), "drift", "check_drift", 1.0, "mobile's share went from 46 to 60 % in May"),
    ("renamed", ("tier", "loyalty_tier"), "schema", "check_schema_consistency", 1.0, "loyalty_tier is tier in May"),
    ("retyped", ("warehouse",), "schema", "check_schema_consistency", 1.0, "numbers in April, text like WH-3 in May"),
)
_BESIDE = {"copy": "amount", "early_delivery": "ordered_at", "wrong_country": "city"}
_ONLY_MAY = {"shift", "share_shift", "renamed", "retyped"}


def planted(rows: int = ROWS) -> list[Defect]:
    """List what is wrong in tables of `rows` rows a month."""
    return [
        Defect(
            *(key, columns, kind, action, _count(amount, rows), text),
            beside=_BESIDE.get(key),
            months=(MAY,) if key in _ONLY_MAY else MONTHS,
        )
        for key, columns, kind, action, amount, text in _PLANS
    ]


def _count(amount: float, rows: int) -> int:
    return amount if isinstance(amount, int) else round(amount * rows)


PLANTED: list[Defect] = planted()

_COLUMNS = (
    "order_id", "ordered_at", "customer_id", "customer_name", "email", "phone", "customer_age", "loyalty_tier",
    "customer_spend", "past_return_rate", "city", "postal_code", "country", "sku", "product_name", "category",
    "unit_price", "quantity", "discount_code", "discount_pct", "amount", "amount_cents", "points_change", "weight",
    "shipping_cost", "express", "carrier", "warehouse", "payment_method", "paid_at", "invoice_date", "delivered_at",
    "device", "channel", "page_views", "session_minutes", "rating", "review", "referrer", "fax", "source_system",
    "refund_amount", "last_status", "returned",
)  # fmt: skip
_TWO_DECIMALS = ("customer_spend", "past_return_rate", "unit_price", "amount", "shipping_cost", "refund_amount")


def clean_columns() -> list[str]:
    """List the columns in which nothing was planted: whatever accuses one of them is wrong."""
    touched = {column for defect in PLANTED for column in defect.columns}
    return [column for column in _COLUMNS if column not in touched]


def generate(rows: int = ROWS, seed: int = SEED) -> dict[str, pd.DataFrame]:
    """Make both months, defects and all.

    >>> {month: len(frame) for month, frame in generate(rows=1_000).items()}
    {'2026-04': 1000, '2026-05': 1000}

    Raises:
        ValueError: `rows` is too small to hold the defects.
    """
    if rows < FEWEST_ROWS:
        raise ValueError(f"rows is {rows}; the defects need at least {FEWEST_ROWS} rows a month")
    people = customers(round(0.52 * rows), seed)
    counts = {defect.key: defect.rows for defect in planted(rows)}
    months = {}
    for month in MONTHS:
        clean = month_of_orders(month, rows - counts["duplicate_rows"], counts["leak_amount"], people, seed)
        broken = _Planter(clean, counts, rows, Dice(seed, month, "defects")).plant()
        months[month] = broken.rename(columns={"loyalty_tier": "tier"}) if month == MAY else broken
        if month == MAY:
            months[month]["warehouse"] = [f"WH-{number}" for number in broken["warehouse"]]
    return months


def write(folder: Path, rows: int = ROWS, seed: int = SEED) -> list[Path]:
    """Write both months and the list of what was planted into `folder`; return the paths of the two tables."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for month, frame in generate(rows, seed).items():
        for column in _TWO_DECIMALS:
            frame[column] = [f"{value:.2f}" for value in frame[column]]
        for column in ("express", "returned"):
            frame[column] = frame[column].map({True: "true", False: "false"})
        paths.append(folder / f"orders_{month}.csv")
        paths[-1].write_bytes(frame.to_csv(index=False, lineterminator="\n").encode("utf-8"))
    defects = [asdict(defect) for defect in planted(rows)]
    truth = {"rows": rows, "seed": seed, "planted": defects, "clean_columns": clean_columns()}
    (folder / "planted.json").write_bytes((json.dumps(truth, indent=2, ensure_ascii=False) + "\n").encode("utf-8"))
    return paths


class _Planter:
    """Breaks a month as `planted` says, each defect in rows drawn by a stream of its own."""

    def __init__(self, frame: pd.DataFrame, counts: dict[str, int], rows: int, dice: Dice) -> None:
        self.frame = frame.assign(fax=None, discount_pct=frame["discount_pct"].astype(object))[list(_COLUMNS)]
        self.counts, self.rows, self.dice = counts, rows, dice
        self.touched = np.zeros(len(frame), dtype=bool)

    def plant(self) -> pd.DataFrame:
        frame = self.frame
        every = np.ones(len(frame), dtype=bool)
        self._change("sentinel_age", "customer_age", every, [lambda _: -999])
        self._change("blank_referrer", "referrer", every, [_always("N/A"), _always("n/a"), _always("?")])
        self._change("spellings", "payment_method", frame["payment_method"] == "PayPal", _SPELLINGS)
        self._change("typo", "city", frame["city"] == "Paris", [_always("Pairs")])
        self._change("mojibake", "customer_name", ~frame["customer_name"].map(str.isascii), [_mojibake])
        self._change("broken_emails", "email", every, _BROKEN_EMAILS)
        self._change("mixed_dates", "invoice_date", every, [_as_date("%d.%m.%Y"), _as_date("%m/%d/%Y")])
        self._change("mixed_units", "weight", every, [lambda text: f"{round(float(text[:-3]) * 1000)} g"])
        self._change("mixed_types", "discount_pct", frame["discount_code"].notna(), ["{}%".format])
        self._change("impossible", "quantity", every, [_always(-4), _always(-2), _always(0), _always(750)])
        self._change("wrong_country", "country", frame["city"] != "Pairs", [_other_country])
        self._faxes()
        self._zones()
        self._early_deliveries()
        self._repeated_ids()
        return self._duplicate_rows()

    def _draw(self, key: str, fit: Array | pd.Series[bool], count: int) -> list[int]:
        """Draw rows among those that are fit for a defect, and remember that they are no longer clean."""
        rows = self.dice.some(key, np.flatnonzero(np.asarray(fit)), count)
        self.touched[rows] = True
        return [int(row) for row in rows]

    def _change(
        self, key: str, column: str, fit: Array | pd.Series[bool], changes: Sequence[Callable[[Any], Any]]
    ) -> None:
        """Change as many cells of a column as are planned, by each of `changes` in turn."""
        cells = list(self.frame[column])
        for turn, row in enumerate(self._draw(key, fit, self.counts[key])):
            cells[row] = changes[turn % len(changes)](cells[row])
        self.frame[column] = cells

    def _faxes(self) -> None:
        """Fill so many fax numbers that the planned number stays empty, the rows written twice among them."""
        rows = self._draw("fax", np.ones(len(self.frame), dtype=bool), self.rows - self.counts["mostly_missing"])
        numbers = self.dice.uniform("fax number", len(rows))
        self.frame.loc[rows, "fax"] = [f"+49 30 {1_000_000 + int(9e6 * draw)}" for draw in numbers]

    def _zones(self) -> None:
        """Write the time of payment with its offset, and in some rows in other ways."""
        paid = list(self.frame["paid_at"])
        cells = [f"{moment:%Y-%m-%dT%H:%M:%S}+02:00" for moment in paid]
        rows = self._draw("mixed_zones", np.ones(len(paid), dtype=bool), self.counts["mixed_zones"])
        for turn, row in enumerate(rows):
            zone = ("UTC", "CEST", "UTC", "CEST", "")[turn % 5]
            local = paid[row] - pd.Timedelta(hours=2 if zone == "UTC" else 0)
            cells[row] = f"{local:%Y-%m-%d %H:%M:%S} {zone}".strip()
        self.frame["paid_at"] = cells

    def _early_deliveries(self) -> None:
        rows = self._draw("early_delivery", self.frame["delivered_at"].notna(), self.counts["early_delivery"])
        self.frame.loc[rows, "delivered_at"] = self.frame.loc[rows, "ordered_at"] - pd.Timedelta(days=3, hours=5)

    def _repeated_ids(self) -> None:
        """Give some orders the id of another."""
        count = self.counts["repeated_ids"]
        rows = self._draw("repeated_ids", ~self.touched, 2 * count)
        self.frame.loc[rows[:count], "order_id"] = self.frame.loc[rows[count:], "order_id"].to_numpy()

    def _duplicate_rows(self) -> pd.DataFrame:
        """Write some rows twice that show no other defect, so that every count stays as planned."""
        rows = self._draw("duplicate_rows", ~self.touched & ~self.frame["returned"], self.counts["duplicate_rows"])
        order = np.sort(np.concatenate([np.arange(len(self.frame)), rows]), kind="stable")
        return self.frame.iloc[order].reset_index(drop=True)


def _always(value: object) -> Callable[[Any], Any]:
    return lambda _: value


def _as_date(pattern: str) -> Callable[[Any], Any]:
    return lambda text: pd.Timestamp(text).strftime(pattern)


def _mojibake(text: str) -> str:
    return text.encode("utf-8").decode("cp1252")


def _other_country(country: str) -> str:
    return "Italy" if country == "Spain" else "Spain"


_SPELLINGS: tuple[Callable[[Any], Any], ...] = (str.lower, str.upper, "{} ".format)
_BROKEN_EMAILS: tuple[Callable[[Any], Any], ...] = (
    lambda email: email.replace("@", ""),
    lambda email: email.replace("@", "@@"),
    lambda email: email.replace(".", " ", 1),
    lambda email: email[: email.index("@") + 1],
)


def main() -> None:
    """Write the demo table into a folder."""
    parser = argparse.ArgumentParser(description="Write two months of webshop orders with planted defects.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=ROWS, help=f"rows a month, at least {FEWEST_ROWS} (default {ROWS})")
    parser.add_argument("--seed", type=int, default=SEED)
    given = parser.parse_args()
    for path in [*write(given.folder, given.rows, given.seed), given.folder / "planted.json"]:
        print(path)


if __name__ == "__main__":
    main()
