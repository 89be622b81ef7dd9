"""A large import: rows a second and the most memory, beside the shortest script that brings the same rows into a Delta table.

The script reads the whole file with Polars, parses the times and writes: it checks nothing, knows no duplicates and gives no
keys. Each side is a process of its own, and writes into an empty folder.

    python benchmarks/import_rows.py --rows 10000000
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl
import psutil
import record

from core.settings import Settings
from lake.adapters.delta import DeltaLake
from lake.tables import INTERACTIONS

PART = 500_000  # rows that are made at once
EVENTS_PER_USER, EVENTS_PER_ITEM = 50, 500
SCRIPT = """
import sys, polars as pl
rows = pl.read_csv(sys.argv[1]).with_columns(pl.col("played_at").str.to_datetime("%Y-%m-%d %H:%M:%S"))
rows.write_delta(sys.argv[2])
"""


def write_events(path: Path, rows: int) -> None:
    """A CSV file of plays by users and of items with string ids, in time order."""
    rng = np.random.default_rng(1)
    users, items = max(1, rows // EVENTS_PER_USER), max(1, rows // EVENTS_PER_ITEM)
    with path.open("wb") as out:
        for first in range(0, rows, PART):
            n = min(PART, rows - first)
            frame = pl.DataFrame(
                {
                    "member": rng.integers(users, size=n),
                    "sku": (items * rng.random(n) ** 3).astype(np.int64),
                    "played_at": 1_500_000_000 + 10 * np.arange(first, first + n),
                    "plays": rng.integers(1, 20, size=n),
                }
            ).select(
                pl.format("member-{}", pl.col("member").cast(pl.String).str.zfill(8)).alias("member"),
                pl.format("SKU-{}", pl.col("sku").cast(pl.String).str.zfill(6)).alias("sku"),
                pl.from_epoch("played_at").dt.strftime("%Y-%m-%d %H:%M:%S"),
                "plays",
            )
            frame.write_csv(out, include_header=first == 0)


def measured(command: list[str], home: Path) -> dict[str, float]:
    """Seconds of a process and its most resident memory, looked at ten times a second. Raises CalledProcessError."""
    begun, most = time.perf_counter(), 0
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(command, env={**os.environ, "MARQUEE_HOME": str(home)}, stdout=log, stderr=log)
        watched = psutil.Process(process.pid)
        while process.poll() is None:
            try:
                most = max(most, watched.memory_info().rss)
            except psutil.NoSuchProcess:
                break
            time.sleep(0.1)
    if process.wait():
        print((home / "log").read_text(), file=sys.stderr)
        raise subprocess.CalledProcessError(process.returncode, command)
    return {"seconds": time.perf_counter() - begun, "peak_mib": most / 2**20}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    wanted = parser.parse_args()
    metrics = {"rows": float(wanted.rows)}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "plays.csv"
        print(f"making {wanted.rows:,} rows ...", file=sys.stderr)
        write_events(path, wanted.rows)
        metrics["file_mib"] = path.stat().st_size / 2**20
        ours, script = Path(folder) / "ours", Path(folder) / "script"
        names = "user_id=member,item_id=sku,ts=played_at,value=plays"
        marquee = [sys.executable, "-m", "app", "data", "import", "--interactions", str(path), "--map", names, "--value", "count"]
        sides = {"import": (marquee, ours), "script": ([sys.executable, "-c", SCRIPT, str(path), str(script / "table")], script)}
        for name, (command, home) in sides.items():
            home.mkdir()
            print(f"{name} ...", file=sys.stderr)
            metrics |= {f"{name}_{what}": value for what, value in measured(command, home).items()}
            metrics[f"{name}_rows_per_second"] = wanted.rows / metrics[f"{name}_seconds"]
        stored = DeltaLake(Settings(home=ours).folder("lake")).read(INTERACTIONS).height
        assert stored == wanted.rows, f"{stored:,} of {wanted.rows:,} rows are in the lake"
    metrics["seconds_ratio"] = metrics["import_seconds"] / metrics["script_seconds"]
    metrics["peak_ratio"] = metrics["import_peak_mib"] / metrics["script_peak_mib"]
    print(json.dumps(metrics, indent=2))
    record.write(f"import-{wanted.rows}", "generated", metrics)


if __name__ == "__main__":
    main()
