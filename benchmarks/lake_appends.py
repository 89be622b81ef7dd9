"""What merging small files is worth: the time of an append after many others, with and without it.

python benchmarks/lake_appends.py
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl
import record
from tqdm import tqdm

from core import columns as c
from lake.adapters.delta import DeltaLake
from lake.ports import Writer
from lake.tables import INTERACTIONS
from streaming.loops.lake_loop import APPENDS_PER_MERGE

ROWS = 1000  # of an append: a flush of 2 s at 500 events a second
LAST = 50  # appends whose median is shown


def events(first: int) -> pl.DataFrame:
    offsets = np.arange(first, first + ROWS)
    columns = {
        c.EVENT_ID: [f"e{offset}" for offset in offsets.tolist()],
        c.USER: offsets % 997,
        c.ITEM: offsets % 9973,
        c.TS: 1.79e9 + offsets / 500,
        c.OFFSET: offsets,
    }
    defaults = {c.KIND: "rating", c.VALUE: 4.0, c.REQUEST_ID: None}
    return pl.DataFrame(columns).with_columns(pl.lit(value).alias(name) for name, value in defaults.items())


def appended(folder: Path, appends: int, merging: bool) -> tuple[float, float]:
    """Seconds of a late append (median), and of everything together, merges included."""
    lake, taken, begun = DeltaLake(folder), [], time.perf_counter()
    for number in tqdm(range(appends), "merging" if merging else "as it comes", leave=False):
        rows = events(number * ROWS)
        start = time.perf_counter()
        lake.append(INTERACTIONS, rows, Writer("benchmark", number))
        taken.append(time.perf_counter() - start)
        if merging and (number + 1) % APPENDS_PER_MERGE == 0:
            lake.compact(INTERACTIONS)
    return float(np.median(taken[-LAST:])), time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--appends", type=int, default=1000)
    wanted = parser.parse_args()
    metrics = {"appends": float(wanted.appends), "rows_per_append": float(ROWS)}
    for name, merging in (("as_it_comes", False), ("merging", True)):
        with tempfile.TemporaryDirectory() as folder:
            late, everything = appended(Path(folder), wanted.appends, merging)
        metrics |= {f"{name}_late_append_ms": late * 1e3, f"{name}_seconds": everything}
    metrics["late_append_ratio"] = metrics["merging_late_append_ms"] / metrics["as_it_comes_late_append_ms"]
    for name, value in metrics.items():
        print(f"{name:<32} {value:10.3f}")
    record.write("lake-appends", "synthetic", metrics)


if __name__ == "__main__":
    main()
