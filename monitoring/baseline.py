"""What the watchdog needs of a release: its catalogue, its item statistics and its reference sample."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl
from pydantic import ValidationError

from core import bundle
from core.catalogue import Catalogue, ItemStats
from core.errors import BundleCorrupt
from evaluation.watched import USERS, WatchedColumns, read_events, values_of, watched_events
from monitoring.significance import Changes, SignificanceConfig, changes, per_event


@dataclass(frozen=True, eq=False)
class Baseline:
    """The parts of one release that recent events are compared with."""

    folder: Path
    release: str
    catalogue: Catalogue
    stats: ItemStats
    events: WatchedColumns  # the reference sample, [n] per feature, with its users unless the release is of before

    @classmethod
    def load(cls, folder: Path) -> Baseline:
        """Read the parts from a bundle folder. Raises BundleCorrupt."""
        try:
            return cls(
                folder=folder,
                release=bundle.Manifest.model_validate_json((folder / bundle.MANIFEST).read_bytes()).release,
                catalogue=Catalogue.from_frame(pl.read_parquet(folder / bundle.CATALOGUE)),
                stats=ItemStats.read(folder / bundle.ITEM_STATS),
                events=read_events(folder / bundle.REFERENCE),
            )
        except (OSError, ValidationError, pl.exceptions.PolarsError) as error:
            raise BundleCorrupt(f"the release in {folder} cannot be read: {error}") from error

    @property
    def reference(self) -> WatchedColumns:
        """The values of each feature in the reference sample."""
        return values_of(self.events)

    def watched(self, interactions: pl.DataFrame) -> WatchedColumns:
        """The watched features of these events, as this release sees them."""
        return watched_events(interactions, self.catalogue, self.stats)

    def changes(self, watched: WatchedColumns, config: SignificanceConfig) -> Changes | None:
        """What changed, user by user; None if the reference sample does not say whose its events are."""
        if USERS not in self.events:
            return None
        return changes(per_event(self.events), per_event(watched), config)
