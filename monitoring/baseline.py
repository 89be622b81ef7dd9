"""What the watchdog needs of a release: its catalogue, its item statistics and its reference sample."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl
from pydantic import ValidationError

from core import bundle
from core.catalogue import Catalogue, ItemStats
from core.errors import BundleCorrupt
from evaluation.watched import WatchedColumns, read_columns, watched_columns


@dataclass(frozen=True, eq=False)
class Baseline:
    """The parts of one release that recent events are compared with."""

    folder: Path
    release: str
    catalogue: Catalogue
    stats: ItemStats
    reference: WatchedColumns

    @classmethod
    def load(cls, folder: Path) -> Baseline:
        """Read the parts from a bundle folder. Raises BundleCorrupt."""
        try:
            return cls(
                folder=folder,
                release=bundle.Manifest.model_validate_json((folder / bundle.MANIFEST).read_bytes()).release,
                catalogue=Catalogue.from_frame(pl.read_parquet(folder / bundle.CATALOGUE)),
                stats=ItemStats.read(folder / bundle.ITEM_STATS),
                reference=read_columns(folder / bundle.REFERENCE),
            )
        except (OSError, ValidationError, pl.exceptions.PolarsError) as error:
            raise BundleCorrupt(f"the release in {folder} cannot be read: {error}") from error

    def columns(self, interactions: pl.DataFrame) -> WatchedColumns:
        """The watched features of these events, as this release sees them."""
        return watched_columns(interactions, self.catalogue, self.stats)
