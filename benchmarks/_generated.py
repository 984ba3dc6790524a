"""Three generated tables with strings of high cardinality, dates and text, and the rule behind each target."""

from __future__ import annotations

import numpy as np
import pandas as pd

SYLLABLES = (
    "ba",
    "co",
    "di",
    "fu",
    "ga",
    "he",
    "ji",
    "ka",
    "lo",
    "mi",
    "nu",
    "pa",
    "re",
    "so",
    "tu",
    "ve",
    "wa",
    "xo",
    "zi",
)
GOOD = ("great", "perfect", "fast", "lovely", "excellent", "happy", "recommend", "sturdy")
BAD = ("broken", "late", "awful", "refund", "terrible", "scratched", "wrong", "cheap")
PLAIN = (
    "the",
    "parcel",
    "came",
    "with",
    "a",
    "box",
    "and",
    "this",
    "item",
    "was",
    "shop",
    "again",
    "order",
    "blue",
    "small",
)


def _names(dice: np.random.Generator, count: int, syllables: int) -> np.ndarray:
    return np.array(["".join(dice.choice(SYLLABLES, syllables)).title() for _ in range(count)])


def merchants(rows: int = 4_000, seed: int = 1) -> tuple[pd.DataFrame, pd.Series, str]:
    """Who pays back late: 400 merchants with a risk of their own, a few dates and amounts."""
    dice = np.random.default_rng(seed)
    names, risk = _names(dice, 400, 4), dice.normal(0, 1.2, 400)
    merchant = np.minimum(dice.zipf(1.3, rows) - 1, 399)
    opened = pd.Timestamp("2019-01-01") + pd.to_timedelta(dice.integers(0, 1500, rows), unit="D")
    bought = opened + pd.to_timedelta(dice.integers(1, 900, rows), unit="D")
    amount = np.exp(dice.normal(4, 1, rows))
    score = risk[merchant] + 0.4 * (np.log(amount) - 4) - 0.002 * ((bought - opened).days.to_numpy() - 450)
    table = pd.DataFrame(
        {
            "merchant": names[merchant],
            "opened_on": opened,
            "bought_on": bought,
            "amount": np.where(dice.random(rows) < 0.05, np.nan, amount),
            "channel": dice.choice(["web", "shop", "phone"], rows),
            "till": dice.choice(_names(dice, 900, 3), rows),
        }
    )
    return table, pd.Series((score + dice.logistic(0, 1, rows) > 0).astype(int), name="late"), "classifier"


def reviews(rows: int = 3_000, seed: int = 2) -> tuple[pd.DataFrame, pd.Series, str]:
    """Stars from what people write, their city, and the weekday."""
    dice = np.random.default_rng(seed)
    mood = dice.normal(0, 1, rows)
    texts = []
    for one in mood:
        words = list(dice.choice(PLAIN, 12))
        for _ in range(dice.integers(1, 4)):
            words.insert(dice.integers(0, len(words)), str(dice.choice(GOOD if one + dice.normal(0, 0.7) > 0 else BAD)))
        texts.append(" ".join(words))
    cities, warmth = _names(dice, 150, 3), dice.normal(0, 0.6, 150)
    city = dice.integers(0, 150, rows)
    day = pd.Timestamp("2024-01-01") + pd.to_timedelta(dice.integers(0, 700 * 24, rows), unit="h")
    stars = 3 + mood + warmth[city] - 0.5 * (day.day_of_week.to_numpy() >= 5) + dice.normal(0, 0.5, rows)
    table = pd.DataFrame(
        {"review": texts, "city": cities[city], "written_at": day, "words": dice.integers(5, 60, rows)}
    )
    return table, pd.Series(stars, name="stars"), "regressor"


def tickets(rows: int = 3_000, seed: int = 3) -> tuple[pd.DataFrame, pd.Series, str]:
    """Which desk a ticket goes to: product codes with a meaning in their parts, a customer, a text, a time."""
    dice = np.random.default_rng(seed)
    desk = dice.choice(3, rows, p=[0.5, 0.3, 0.2])
    families = np.array(["AX", "BR", "CL"])
    family = np.where(dice.random(rows) < 0.7, desk, dice.integers(0, 3, rows))
    codes = [f"{families[f]}-{dice.integers(100, 999)}-{dice.choice(list('KLMN'))}" for f in family]
    topics = (("invoice", "payment", "charge"), ("crash", "login", "error"), ("delivery", "address", "parcel"))
    texts = [
        " ".join([*dice.choice(PLAIN, 8), str(dice.choice(topics[d if dice.random() < 0.6 else dice.integers(0, 3)]))])
        for d in desk
    ]
    customers, habit = _names(dice, 600, 4), dice.integers(0, 3, 600)
    own = [np.flatnonzero(habit == d) for d in range(3)]
    customer = np.array([dice.choice(own[d]) if dice.random() < 0.5 else dice.integers(0, 600) for d in desk])
    at = pd.Timestamp("2025-01-01") + pd.to_timedelta(dice.integers(0, 365 * 24 * 60, rows), unit="min")
    table = pd.DataFrame(
        {
            "product_code": codes,
            "message": texts,
            "customer": customers[customer],
            "opened_at": at,
            "attachments": np.where(dice.random(rows) < 0.1, np.nan, dice.poisson(1 + desk, rows)),
        }
    )
    return table, pd.Series(np.array(["billing", "support", "logistics"])[desk], name="desk"), "classifier"
