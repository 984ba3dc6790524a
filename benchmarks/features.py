"""Feature pipelines: fitting a million rows, transforming a single one, and saving ten million, against scikit-learn.

Each measurement is a process of its own; those that are compared take turns, and medians are compared. Targets: fit
and transform of 1M rows ≤ 1.2 of `ColumnTransformer` with the same steps; one row through a saved pipeline of ten
steps with a target-encoded column of 500,000 levels ≤ 30 ms, the encoder ≤ 2 ms of it; saving 10M rows within 3 GB.

    python -m benchmarks features
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

RATIO, ROW_MS, ENCODER_MS, SAVE_GB = 1.2, 30, 2, 3
LEVELS = 500_000
TABLE = """
COPY (
    SELECT i AS order_id, 'c' || hash(i * 7 % {levels})::VARCHAR AS customer,
        'sku-' || ((random() * 20000)::INT)::VARCHAR AS sku,
        ['Berlin', 'Paris', 'London', 'Madrid', 'Rome', 'Vienna'][1 + (random() * 5)::INT] AS city,
        ['card', 'cash', 'transfer'][1 + (random() * 2)::INT] AS payment,
        TIMESTAMP '2024-01-01' + INTERVAL 1 SECOND * (random() * 31536000)::INT AS created_at,
        round(exp(random() * 3 + 1), 2) AS amount, (random() * 10)::DOUBLE AS quantity,
        CASE WHEN random() < 0.1 THEN NULL ELSE round(random() * 0.5, 2) END AS discount,
        random() AS score, random() * 100 AS weight, (random() < 0.3)::INT AS returned
    FROM range({rows}) AS t(i)
) TO '{path}' (FORMAT parquet)
"""
NUMBERS, LOW, HIGH = ["amount", "quantity", "discount", "score", "weight"], ["city", "payment"], ["customer", "sku"]


def make_table(rows: int, folder: Path) -> Path:
    """Write the table once: seeded, on one thread, so that it is the same everywhere."""
    import duckdb

    path = folder / f"features-{rows}.parquet"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        connection = duckdb.connect(config={"threads": 1})
        connection.execute("SELECT setseed(0.42)")
        unfinished = path.with_suffix(".part")
        connection.execute(TABLE.format(rows=rows, levels=LEVELS, path=unfinished))
        unfinished.rename(path)
    return path


def build(path: Path, folder: Path, *, ten_steps: bool) -> Any:
    """Build and save a pipeline by the actions; return what the saving answered."""
    from benchmarks._lab import Lab

    lab = Lab(folder, path.parent)
    ignored = {"order_id": "ignore", "customer": "categorical", **({} if ten_steps else {"created_at": "ignore"})}
    name = lab.call("assign_feature_roles", dataset=path.name, target="returned", overrides=ignored).pipeline
    steps: list[tuple[str, dict[str, Any]]] = [
        ("impute_missing_values", {"strategy": "median", "columns": NUMBERS}),
        ("encode_categorical_features", {"strategy": "onehot", "columns": LOW}),
        ("encode_categorical_features", {"strategy": "target", "columns": HIGH}),
        ("scale_numeric_features", {"method": "standard", "columns": NUMBERS}),
    ]
    if ten_steps:
        steps = [
            ("impute_missing_values", {}),
            ("encode_categorical_features", {"strategy": "onehot", "columns": ["city"]}),
            ("encode_categorical_features", {"strategy": "frequency", "columns": ["payment"]}),
            ("encode_categorical_features", {"strategy": "target", "columns": ["customer"]}),
            ("vectorise_text_features", {"columns": ["sku"], "components": 10}),
            ("generate_datetime_features", {}),
            ("scale_numeric_features", {"columns": NUMBERS}),
            ("generate_interactions", {"columns": NUMBERS}),
            ("scale_numeric_features", {"method": "quantile", "columns": ["customer_target"]}),
            ("select_features", {"method": "variance", "k": 30}),
        ]
    for action, arguments in steps:
        lab.call(action, pipeline=name, **arguments)
    return lab.call("save_fe_pipeline", pipeline=name)


def fit_ours(path: Path) -> dict[str, Any]:
    """Fit and transform all rows with the pipeline that the actions made."""
    import pandas as pd
    from refinery.tools.features import load_pipeline
    from sklearn.base import clone

    with tempfile.TemporaryDirectory() as folder:
        pipeline = clone(load_pipeline(build(path, Path(folder), ten_steps=False).pipeline_path))
    frame = pd.read_parquet(path)
    start = time.perf_counter()
    pipeline.fit(frame, frame["returned"])
    made = pipeline.transform(frame)
    return {"seconds": time.perf_counter() - start, "columns": made.shape[1]}


def fit_peer(path: Path) -> dict[str, Any]:
    """Fit and transform all rows with scikit-learn's own steps."""
    import pandas as pd
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler, TargetEncoder

    frame = pd.read_parquet(path)
    onehot = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=10, sparse_output=False)
    steps = [
        ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), NUMBERS),
        ("onehot", onehot, LOW),
        ("target", TargetEncoder(), HIGH),
    ]
    pipeline = ColumnTransformer(steps)
    start = time.perf_counter()
    pipeline.fit(frame, frame["returned"])
    made = pipeline.transform(frame)
    return {"seconds": time.perf_counter() - start, "columns": made.shape[1]}


def one_row(path: Path) -> dict[str, Any]:
    """Time one row through a saved pipeline of ten steps, and through the encoder alone; and scikit-learn's encoder."""
    import pandas as pd
    from refinery.tools.features import load_pipeline
    from sklearn.preprocessing import TargetEncoder

    with tempfile.TemporaryDirectory() as folder:
        pipeline = load_pipeline(build(path, Path(folder), ten_steps=True).pipeline_path)
    frame = pd.read_parquet(path)
    rows = [frame.drop(columns="returned").iloc[[n]] for n in range(100, 200)]
    step = next(step for name, step in pipeline.steps if name.startswith("4_"))
    before = pipeline[:4].transform(rows[0])
    peer = TargetEncoder().fit(frame[["customer"]], frame["returned"])
    return {
        "row_ms": _median_ms(pipeline.transform, rows),
        "encoder_ms": _median_ms(step.transform, [before] * 100),
        "peer_ms": _median_ms(peer.transform, [row[["customer"]] for row in rows[:5]]),
        "steps": {
            n: round(_median_ms(s.transform, [pipeline[:i].transform(rows[0])] * 20), 2) if i else 0.0
            for i, (n, s) in enumerate(pipeline.steps)
        },
    }


def _median_ms(function: Any, rows: list[Any]) -> float:
    function(rows[0])
    times = []
    for row in rows:
        start = time.perf_counter()
        function(row)
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1000


def save(path: Path) -> dict[str, Any]:
    """Build and save a pipeline over all rows."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        saved = build(path, Path(folder), ten_steps=False)
        return {"seconds": time.perf_counter() - start, "features": saved.features}


MEASURED = {"ours": fit_ours, "peer": fit_peer, "row": one_row, "save": save}


def measure(what: str, path: Path) -> dict[str, Any]:
    """Run one measurement in a process of its own, and watch its memory."""
    import psutil

    command = [sys.executable, "-m", "benchmarks.features", "--once", what, "--file", str(path)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1])
    process, peak = psutil.Process(child.pid), 0
    while child.poll() is None:
        try:
            peak = max(peak, sum(one.memory_info().rss for one in [process, *process.children(recursive=True)]))
        except psutil.Error:
            continue
        time.sleep(0.02)
    output = child.stdout.read() if child.stdout else ""
    if child.returncode:
        raise RuntimeError(f"{what} ended with {child.returncode}")
    return {**json.loads(output.splitlines()[-1]), "rss_gb": peak / 1e9}


def main(arguments: list[str] | None = None) -> int:
    """Print the figures; the exit status is 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--save-rows", type=int, default=10_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "refinery-benchmarks")
    parser.add_argument("--once", choices=list(MEASURED), help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.once:
        print(json.dumps(MEASURED[options.once](options.file)))
        return 0
    path = make_table(options.rows, options.folder)
    runs: dict[str, list[float]] = {"ours": [], "peer": []}
    for _ in range(options.repeats):
        for who, seconds in runs.items():
            seconds.append(measure(who, path)["seconds"])
    ours, peer = (statistics.median(runs[who]) for who in ("ours", "peer"))
    print(
        f"fit + transform, {options.rows:,} rows: {ours:.2f} s, ColumnTransformer {peer:.2f} s, "
        f"ratio {ours / peer:.2f} (target {RATIO})",
        flush=True,
    )
    row = measure("row", path)
    print(
        f"one row, ten steps, {LEVELS:,} levels: {row['row_ms']:.1f} ms (target {ROW_MS}), the encoder "
        f"{row['encoder_ms']:.2f} ms (target {ENCODER_MS}), scikit-learn's {row['peer_ms']:.0f} ms",
        flush=True,
    )
    print("  by step, ms:", row["steps"])
    missed = [ours / peer > RATIO, row["row_ms"] > ROW_MS, row["encoder_ms"] > ENCODER_MS]
    if options.save_rows:
        saved = measure("save", make_table(options.save_rows, options.folder))
        print(
            f"four steps and save, {options.save_rows:,} rows: {saved['seconds']:.0f} s, peak {saved['rss_gb']:.2f} GB "
            f"(target {SAVE_GB})"
        )
        missed.append(saved["rss_gb"] > SAVE_GB)
    return int(any(missed))


if __name__ == "__main__":
    sys.exit(main())
