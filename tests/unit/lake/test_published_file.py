"""A published file is read whole while it is replaced again and again."""

from __future__ import annotations

import threading
from pathlib import Path

import polars as pl

from lake.published_file import FollowedFile, replace_file


def test_a_reader_finds_whole_tables_while_they_are_replaced(tmp_path: Path) -> None:
    path, stop = tmp_path / "published.parquet", threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            rows = 1_000 + number % 7 * 5_000
            replace_file(path, pl.DataFrame({"number": [number] * rows, "text": ["x" * (number % 50)] * rows}), "a table")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        followed, found = FollowedFile(path, "a table"), 0
        while found < 300:
            table = followed.look()
            if table is not None:
                number = table["number"][0]
                assert len(table) == 1_000 + number % 7 * 5_000
                assert set(table["text"]) == {"x" * (number % 50)}
                found += 1
    finally:
        stop.set()
        writer.join()
