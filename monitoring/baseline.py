"""What the watchdog needs of a release: its catalogue, its item statistics and its reference sample."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from pydantic import ValidationError

from core import bundle
from core import columns as c
from core.catalogue import Catalogue, ItemStats
from core.errors import BundleCorrupt
from evaluation.user_vectors import UserReference
from evaluation.watched import KIND_OF, USERS, WatchedColumns, read_events, watched_events
from monitoring.reward import ServedLists, score_columns
from monitoring.significance import PerEvent, per_event
from retrieval.encoder import UserEncoder

Sample = Mapping[str, PerEvent]


@dataclass(frozen=True, eq=False)
class Baseline:
    """The parts of one release that recent events are compared with."""

    folder: Path
    release: str
    catalogue: Catalogue
    stats: ItemStats
    events: WatchedColumns  # the reference sample, [n] per feature, with its users unless the release is of before
    people: UserVectors | None = None  # None for a release of before it had where its users lie

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
                people=UserVectors.load(folder),
            )
        except (OSError, ValueError, ValidationError, pl.exceptions.PolarsError) as error:
            raise BundleCorrupt(f"the release in {folder} cannot be read: {error}") from error

    @property
    def has_users(self) -> bool:
        """Whether the reference sample says whose its events are; those of old releases do not."""
        return USERS in self.events

    def compared(self, interactions: pl.DataFrame, lists: ServedLists) -> tuple[Sample, Sample]:
        """Each watched thing in the reference and in the window: of events, of their users, and of the release's lists.

        A kind that no event of the reference has, or each, has no distribution there, and is left out.
        """
        first, latest = (per_event(columns) for columns in score_columns(lists))
        reference = {name: one for name, one in per_event(self.events).items() if not _is_constant_kind(name, one)} | first
        window = per_event(watched_events(interactions, self.catalogue, self.stats)) | latest
        if self.people is not None:
            reference |= per_event(self.people.reference.columns)
            window |= per_event(self.people.watched(interactions))
        return reference, {name: one for name, one in window.items() if name in reference or not name.startswith(KIND_OF)}

    def new_kinds(self, interactions: pl.DataFrame) -> dict[str, int]:
        """How many events are of each kind that the reference has not; nothing for a reference of before it had kinds."""
        known = {name.removeprefix(KIND_OF) for name, values in self.events.items() if name.startswith(KIND_OF) and values.any()}
        counts = interactions[c.KIND].value_counts().sort(c.KIND).iter_rows() if known else ()
        return {kind: count for kind, count in counts if kind not in known}


@dataclass(frozen=True, eq=False)
class UserVectors:
    """The release's user tower, and where the users of its reference lie."""

    reference: UserReference
    encoder: UserEncoder

    @classmethod
    def load(cls, folder: Path) -> UserVectors | None:
        """None for a release without them. Raises OSError, ValueError, BundleCorrupt."""
        if not (folder / bundle.USER_REFERENCE).is_file():
            return None
        catalogue = Catalogue.from_frame(pl.read_parquet(folder / bundle.CATALOGUE))
        vectors = np.load(folder / bundle.ITEM_EMBEDDINGS, allow_pickle=False)
        return cls(
            UserReference.load(folder / bundle.USER_REFERENCE), UserEncoder(folder / bundle.USER_TOWER, vectors, catalogue)
        )

    def watched(self, interactions: pl.DataFrame) -> WatchedColumns:
        return self.reference.watched(interactions, self.encoder)


def _is_constant_kind(name: str, one: PerEvent) -> bool:
    return name.startswith(KIND_OF) and float(np.nanstd(one.values)) == 0.0
