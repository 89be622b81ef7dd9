"""The Parquet files behind Feast's batch sources. Each is replaced as a whole: a reader sees the old file or the new one."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from core import columns as c
from feature_repo.adapters.codec import CREATED, EVENT_TIME

_KEYS = [c.USER, EVENT_TIME]


def replace(path: Path, rows: pa.Table) -> None:
    """Make these rows the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    pq.write_table(rows, partial)
    partial.replace(path)


def merge(path: Path, rows: pa.Table) -> None:
    """Add these rows to the file, which keeps one row per user: the latest event time, and of equal times the last written."""
    if path.exists():
        both = pl.DataFrame(pa.concat_tables([pq.read_table(path), rows]))
        latest = both.sort(EVENT_TIME, CREATED, maintain_order=True).unique(c.USER, keep="last", maintain_order=True)
        rows = latest.to_arrow(compat_level=pl.CompatLevel.oldest())
    replace(path, rows)


def forget(path: Path, user_id: int) -> None:
    """Drop a user's rows. Most files have none, which reading one column shows."""
    if pc.any(pc.equal(pq.read_table(path, columns=[c.USER])[c.USER], user_id)).as_py():
        rows = pq.read_table(path)
        replace(path, rows.filter(pc.not_equal(rows[c.USER], user_id)))


class SnapshotFolder:
    """Features of users at several moments, a file per materialisation. One process writes, any number read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def parts(self) -> list[Path]:
        """Oldest first."""
        return sorted(self.path.glob("part-*.parquet"))

    def write(self, rows: pa.Table) -> None:
        """Add a file; a user's row as of the same moment as before replaces it, for Feast may pick either of the two."""
        keys = pl.DataFrame(rows.select(_KEYS))
        for part in self.parts():
            self._without(part, keys)
        created = rows[CREATED][0].as_py() if len(rows) else None
        if created is not None:
            replace(self._free_path(int(created.timestamp() * 1e6)), rows)

    def latest(self, columns: list[str]) -> pl.DataFrame:
        """These columns of each user's latest row."""
        if not self.parts():
            return pl.DataFrame(schema=dict.fromkeys([c.USER, *columns], pl.Null))
        return pl.scan_parquet(self.parts()).sort(EVENT_TIME).unique(c.USER, keep="last").select(c.USER, *columns).collect()

    def forget(self, user_id: int) -> None:
        for part in self.parts():
            forget(part, user_id)

    def _without(self, part: Path, keys: pl.DataFrame) -> None:
        own = pl.DataFrame(pq.read_table(part, columns=_KEYS)).with_row_index("row")
        kept = own.join(keys, on=_KEYS, how="anti")
        if kept.is_empty():
            part.unlink()
        elif len(kept) < len(own):
            replace(part, pq.read_table(part).take(kept.sort("row")["row"].to_arrow()))

    def _free_path(self, number: int) -> Path:
        while (path := self.path / f"part-{number:020}.parquet").exists():
            number += 1
        return path
