"""The Parquet file behind Feast's batch source. Replaced as a whole, so that a reader sees the old file or the new one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from core.features import UserFeatures
from feature_repo.adapters.codec import EVENT_TIME, snapshot

_KEYS = ["user_id", EVENT_TIME]


class SnapshotFile:
    """Profiles of users at several moments, one row per user and moment. One process writes, any number read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, users: Sequence[UserFeatures], created: float) -> None:
        """Add the users' profiles; one as of the same moment as before replaces it, for Feast may pick either of the two."""
        rows = snapshot(users, created)
        if self.path.exists():
            rows = pa.concat_tables([pq.read_table(self.path), rows])
        keys = pl.DataFrame(rows.select(_KEYS)).with_row_index()
        latest = keys.unique(_KEYS, keep="last", maintain_order=True)["index"]
        self._replace(rows.take(pa.array(latest.to_numpy())))

    def forget(self, user_id: int) -> None:
        if self.path.exists():
            rows = pq.read_table(self.path)
            kept = rows.filter(pc.not_equal(rows["user_id"], user_id))
            if len(kept) < len(rows):
                self._replace(kept)

    def _replace(self, rows: pa.Table) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        partial = self.path.with_suffix(".partial")
        pq.write_table(rows, partial)
        partial.replace(self.path)
