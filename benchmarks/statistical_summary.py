"""`statistical_summary` against DuckDB's `SUMMARIZE` of the same Parquet file: time, memory, and how right both are.

Each measurement is a process of its own with the same threads and memory limit; the two take turns, and medians are
compared. Nothing is cached between them but the file by the operating system.

    python benchmarks/statistical_summary.py --rows 10000000
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

TARGET_RATIO, TARGET_MB = 0.4, 600
TABLE = """
COPY (
    SELECT i AS order_id, (random() * 50000)::INT AS customer_id,
        TIMESTAMP '2024-01-01' + INTERVAL 1 SECOND * (i % 31536000) AS created_at,
        round(exp(random() * 3 + 1), 2) AS amount, (random() * 10)::INT AS quantity,
        CASE WHEN random() < 0.1 THEN NULL ELSE round(random() * 0.5, 2) END AS discount,
        ['Berlin', 'Paris', 'London', 'Madrid', 'Rome', 'Vienna'][1 + (random() * 5)::INT] AS city,
        ['card', 'cash', 'transfer'][1 + (random() * 2)::INT] AS payment,
        'sku-' || ((random() * 20000)::INT)::VARCHAR AS sku,
        md5(i::VARCHAR) || md5((i + 1)::VARCHAR) AS note, random() < 0.3 AS returned, random() AS score
    FROM range({rows}) AS t(i)
) TO '{path}' (FORMAT parquet)
"""


def make_table(rows: int, folder: Path) -> Path:
    """Write the table once: seeded, on one thread, so that it is the same everywhere."""
    import duckdb

    path = folder / f"orders-{rows}.parquet"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        connection = duckdb.connect(config={"threads": 1})
        connection.execute("SELECT setseed(0.42)")
        unfinished = path.with_suffix(".part")
        connection.execute(TABLE.format(rows=rows, path=unfinished))
        unfinished.rename(path)
    return path


def summary_once(path: Path, threads: int, memory_mb: int) -> dict[str, Any]:
    """Open the file and summarise it; nothing was computed before."""
    import pandas  # noqa: F401 - imports are not what is measured
    from refinery.tools.data import open_dataset
    from refinery.tools.data.engine import Engine
    from refinery.tools.explore.statistical_summary import statistical_summary

    start = time.perf_counter()
    result = statistical_summary(open_dataset(path, engine=Engine(threads=threads, memory_mb=memory_mb)))
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "distinct": {column.column: column.distinct for column in result.columns}}


def summarize_once(path: Path, threads: int, memory_mb: int) -> dict[str, Any]:
    import duckdb

    connection = duckdb.connect(config={"threads": threads, "memory_limit": f"{memory_mb}MB"})
    start = time.perf_counter()
    rows = connection.execute("SUMMARIZE FROM read_parquet($path)", {"path": str(path)}).fetchall()
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "distinct": {row[0]: row[4] for row in rows}}


MEASURED = {"statistical_summary": summary_once, "SUMMARIZE": summarize_once}


def measure(what: str, path: Path, threads: int, memory_mb: int) -> dict[str, Any]:
    """Run one measurement in a fresh process and watch the resident memory of it and its children."""
    import psutil

    command = [sys.executable, __file__, "--once", what, "--file", str(path), "--threads", str(threads)]
    child = subprocess.Popen([*command, "--memory", str(memory_mb)], stdout=subprocess.PIPE, text=True)
    process, peak = psutil.Process(child.pid), 0
    while child.poll() is None:
        try:
            tree = [process, *process.children(recursive=True)]
            peak = max(peak, sum(member.memory_info().rss for member in tree))
        except psutil.Error:
            continue
        time.sleep(0.01)
    output = child.stdout.read() if child.stdout else ""
    if child.returncode:
        raise RuntimeError(f"{what} ended with {child.returncode}")
    return {**json.loads(output.splitlines()[-1]), "rss_mb": peak / 2**20}


def compare(rows: int, *, threads: int, memory_mb: int, repeats: int, folder: Path) -> dict[str, Any]:
    """Measure both in turns and return medians, their ratio and the largest memory."""
    path = make_table(rows, folder)
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in MEASURED}
    for _ in range(repeats):
        for name in MEASURED:
            runs[name].append(measure(name, path, threads, memory_mb))
    seconds = {name: statistics.median(run["seconds"] for run in each) for name, each in runs.items()}
    return {
        "rows": rows,
        "threads": threads,
        "seconds": seconds,
        "rss_mb": {name: max(run["rss_mb"] for run in each) for name, each in runs.items()},
        "ratio": seconds["statistical_summary"] / seconds["SUMMARIZE"],
        "distinct_order_id": {name: each[0]["distinct"]["order_id"] for name, each in runs.items()},
    }


def main(arguments: list[str] | None = None) -> int:
    """Print the comparison; the exit status is 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--memory", type=int, default=400, help="the engine's memory limit in MB, for both")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "refinery-benchmarks")
    parser.add_argument("--once", choices=list(MEASURED), help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.once:
        print(json.dumps(MEASURED[options.once](options.file, options.threads, options.memory)))
        return 0
    found = compare(
        options.rows, threads=options.threads, memory_mb=options.memory, repeats=options.repeats, folder=options.folder
    )
    for name, seconds in found["seconds"].items():
        counted = f"counts {found['distinct_order_id'][name]:,} different order_id of {options.rows:,}"
        print(f"{name:20} {seconds:7.2f} s   peak {found['rss_mb'][name]:5.0f} MB   {counted}")
    ours = found["rss_mb"]["statistical_summary"]
    print(f"ratio {found['ratio']:.2f} (target {TARGET_RATIO}), memory {ours:.0f} MB (target {TARGET_MB})")
    return int(found["ratio"] > TARGET_RATIO or ours > TARGET_MB)


if __name__ == "__main__":
    sys.exit(main())
