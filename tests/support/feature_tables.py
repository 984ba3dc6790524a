"""Tables that the tests of several files build pipelines on."""

from __future__ import annotations

import numpy as np
import pandas as pd


def mixed(rows: int = 600, seed: int = 0) -> pd.DataFrame:
    """A table with a column of every role, nulls in most, and a target that depends on some of them."""
    dice = np.random.default_rng(seed)
    city = dice.choice(["Rome", "Oslo", "Paris"], rows, p=[0.5, 0.3, 0.2])
    shop = dice.integers(0, 60, rows)
    amount = dice.lognormal(3, 1, rows)
    day = pd.Timestamp("2025-01-01") + pd.to_timedelta(dice.integers(0, 400 * 24, rows), unit="h")
    words = np.array(["fast", "late", "broken", "lovely", "parcel", "colour", "again", "never", "shop", "price"])
    note = [" ".join(dice.choice(words, dice.integers(3, 9))) for _ in range(rows)]
    score = (city == "Oslo") + 0.5 * np.log(amount) + 2 * (shop % 3 == 0) + dice.normal(0, 1, rows)
    return pd.DataFrame(
        {
            "amount": np.where(dice.random(rows) < 0.1, np.nan, amount),
            "pieces": dice.integers(1, 9, rows),
            "city": np.where(dice.random(rows) < 0.05, None, city),
            "shop": [f"shop-{one:03}" for one in shop],
            "member": dice.random(rows) < 0.4,
            "bought_at": pd.Series(day).where(dice.random(rows) >= 0.05),
            "note": np.where(dice.random(rows) < 0.05, None, note),
            "y": (score > np.median(score)).astype(int),
        }
    )


AUTO = (
    "impute_missing_values",
    "encode_categorical_features",
    "generate_datetime_features",
    "vectorise_text_features",
    "scale_numeric_features",
)
