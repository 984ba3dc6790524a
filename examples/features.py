"""From a messy table to features: an MCP client goes through all nine steps, then does the same to new rows.

Run it as `python examples/features.py [FOLDER]`. All of April's orders but 500 are
what the pipeline is made from; the 500 are held back, as next month's rows would be.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import orders
import pandas as pd
from client import BOLD, PLAIN, Ask, show
from mcp import Client, StdioServerParameters
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score

TARGET, HELD_BACK = "returned", 500
PIPELINE = {"pipeline": "returns"}
BEST = ["customer_spend", "past_return_rate", "unit_price", "quantity", "shipping_cost"]


def asks() -> list[Ask]:
    """List the nine steps, and the application to new rows."""
    roles = {"dataset": "known.csv", "target": TARGET, **PIPELINE}
    new = {"dataset": "new.csv", "output": "new_features.parquet", **PIPELINE}
    return [
        Ask("What is each column?", "assign_feature_roles", roles, 12),
        Ask("Fill what is missing", "impute_missing_values", PIPELINE, 4),
        Ask("Categories to numbers", "encode_categorical_features", PIPELINE, 4),
        Ask("Dates to numbers", "generate_datetime_features", {"country": "DE", **PIPELINE}, 4),
        Ask("Texts to numbers", "vectorise_text_features", {"components": 10, **PIPELINE}, 3),
        Ask("Products of the best", "generate_interactions", {"columns": BEST, **PIPELINE}, 3),
        Ask("One scale", "scale_numeric_features", PIPELINE, 3),
        Ask("Keep what tells most", "select_features", {"k": 25, **PIPELINE}, 5),
        Ask("Save", "save_fe_pipeline", PIPELINE, 5),
        Ask("New rows", "apply_fe_pipeline", new, 3),
    ]


def hold_back(folder: Path) -> pd.Series[Any]:
    """Part April into what is known and what comes later; return the later rows' target."""
    april = pd.read_csv(folder / f"orders_{orders.MONTHS[0]}.csv", dtype=str, keep_default_na=False)
    april.iloc[:-HELD_BACK].to_csv(folder / "known.csv", index=False)
    april.iloc[-HELD_BACK:].drop(columns=TARGET).to_csv(folder / "new.csv", index=False)
    later: pd.Series[Any] = april[TARGET].iloc[-HELD_BACK:].str.lower() == "true"
    return later


async def prepare(folder: Path, workspace: str) -> tuple[int, str]:
    """Go through the steps; return how many calls failed, and where the features are."""
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "refinery", "serve", str(folder)],
        env={**os.environ, "REFINERY_WORKSPACE": workspace},
    )
    failed, data = 0, ""
    async with Client(server, read_timeout_seconds=300) as client:
        for ask in asks():
            answer = await client.call_tool(ask.tool, ask.arguments)
            show(ask, answer)
            failed += bool(answer.is_error)
            data = (answer.structured_content or {}).get("data_path", data)
    return failed, data


def train(data: str, folder: Path, later: pd.Series[Any]) -> None:
    """Train on the training rows, and try on the test rows and on those held back."""
    ready, new = pd.read_parquet(data), pd.read_parquet(folder / "new_features.parquet")
    rows = {side: ready[ready["split"] == side] for side in ("train", "test")}
    model = HistGradientBoostingClassifier(max_iter=60, learning_rate=0.05, max_leaf_nodes=8, random_state=0)
    model.fit(rows["train"][new.columns], rows["train"][TARGET])
    test = roc_auc_score(rows["test"][TARGET], model.predict_proba(rows["test"][new.columns])[:, 1])
    held = roc_auc_score(later, model.predict_proba(new)[:, 1])
    print(f"\n{BOLD}A model on these features{PLAIN}: AUC {test:.2f} on test rows, {held:.2f} on the rows held back")


def main() -> None:
    """Make the demo table where there is none, and prepare it."""
    with tempfile.TemporaryDirectory(prefix="refinery-demo-") as temporary:
        folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(temporary) / "orders"
        if not (folder / "planted.json").exists():
            orders.write(folder)
        later = hold_back(folder)
        failed, data = asyncio.run(prepare(folder, str(Path(temporary) / "workspace")))
        if not failed:
            train(data, folder, later)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
