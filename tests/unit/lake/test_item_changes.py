"""Changes of items that several processes make at the same moment: each on a lake of its own over one folder."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import polars as pl

from lake.adapters.delta import DeltaLake
from lake.item_changes import change
from lake.tables import ITEMS


def test_changes_of_different_columns_of_one_item_at_the_same_moment_are_all_kept(tmp_path: Path) -> None:
    lakes = [DeltaLake(tmp_path / "lake") for _ in range(3)]
    lakes[0].replace(ITEMS, pl.DataFrame({"item_id": [1, 2], "title": ["", ""], "genres": [["x"], []], "year": [1, 1]}))
    start = Barrier(len(lakes))

    def at_once(lake: DeltaLake, column: str, value: object) -> None:
        start.wait()
        change(lake, [1], {column: value})

    with ThreadPoolExecutor(len(lakes)) as pool:
        for n in range(1, 9):
            wanted = {"title": f"title {n}", "year": 1900 + n, "hidden": n % 2 == 0}
            list(pool.map(at_once, lakes, wanted, wanted.values()))
            row = lakes[0].read(ITEMS).row(by_predicate=pl.col("item_id") == 1, named=True)
            assert {name: row[name] or False for name in wanted} == wanted
