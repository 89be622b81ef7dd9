"""A release bundle, loaded: everything that a list needs from one release, and from that one only."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core import bundle
from core.bundle import Manifest
from core.catalogue import Catalogue, ItemStats
from core.feature_schema import FeatureSchema
from ranking.candidate_features import CANDIDATE_FEATURES
from ranking.mlp import MlpRanker
from ranking.ranker import Ranker
from recommender.segments import SegmentPopularity
from retrieval.ease import EaseTable
from retrieval.encoder import UserEncoder
from retrieval.item_to_item import ItemToItem
from retrieval.popularity_prior import RECENT, PopularityWeight
from retrieval.transitions import Transitions

# in a manifest's config: the weight of each source's scores beside those of the towers
TRANSITION_WEIGHT, EASE_WEIGHT = "transition_weight", "ease_weight"
POPULARITY_WEIGHT, POPULARITY = "popularity_weight", "popularity"  # and that of popularity, and how it is counted
NEWCOMER_WEIGHT = "newcomer_popularity_weight"  # and how much more popularity weighs for new users
Table = TypeVar("Table", bound=ItemToItem)
_WEIGHTS = {"transitions": TRANSITION_WEIGHT, "ease": EASE_WEIGHT}


@dataclass(frozen=True, eq=False)
class Release:
    """One release, loaded."""

    folder: Path
    manifest: Manifest
    catalogue: Catalogue
    stats: ItemStats
    item_vectors: NDArray[np.float32]  # [n, d], row-aligned with the catalogue
    encoder: UserEncoder
    ranker: Ranker | None  # None while the release is being built
    transitions: Transitions | None = None  # None in a release of before there were any
    ease: EaseTable | None = None  # None where it was not chosen as well
    segments: SegmentPopularity | None = None  # None where nothing is known of users
    mlp: MlpRanker | None = None  # None where the build was not asked for one

    @property
    def name(self) -> str:
        return self.manifest.release

    @property
    def blend(self) -> dict[str, float]:
        """The weight of each source's scores where several are blended; empty in a release of before there was a choice."""
        config = self.manifest.config
        chosen = {source: float(str(config[key])) for source, key in _WEIGHTS.items() if key in config}
        return {"two_tower": 1.0, **chosen} if chosen else {}

    @property
    def popularity(self) -> PopularityWeight:
        """The weight of popularity in the blend."""
        config = self.manifest.config
        everybody, newcomers = (float(str(config.get(key, 0.0))) for key in (POPULARITY_WEIGHT, NEWCOMER_WEIGHT))
        return PopularityWeight(everybody, newcomers, str(config.get(POPULARITY, RECENT)))

    @cached_property
    def _covariance(self) -> NDArray[np.float32]:
        """Of the item vectors [d, d], as they were built: what is learned moves few of them, and little."""
        centred = self.item_vectors - self.item_vectors.mean(axis=0)
        return np.asarray(centred.T @ centred / max(len(centred), 1), dtype=np.float32)

    def spread_of(self, vector: NDArray[np.float32]) -> float:
        """Standard deviation over the catalogue of the scores that a user's vector [d] has."""
        return float(np.sqrt(max(float(vector @ self._covariance @ vector), 0.0)))

    @cached_property
    def _with_people(self) -> dict[str, list[int]]:
        rows: dict[str, list[int]] = {}
        for row, people in enumerate(self.catalogue.people):
            for person in people:
                rows.setdefault(person, []).append(row)
        return rows

    @cached_property
    def people_names(self) -> tuple[str, ...]:
        """Everybody whom an item of the catalogue names, sorted."""
        return tuple(sorted(self._with_people))

    def rows_with(self, person: str) -> NDArray[np.intp]:
        """The catalogue rows of the items that name a person [m]."""
        return np.array(self._with_people.get(person, ()), dtype=np.intp)

    @property
    def scorer(self) -> str:
        """What ordered candidates best when the release was chosen: the name of one of the scorers."""
        return str(self.manifest.config["scorer"])


def expected_schema() -> FeatureSchema:
    """What this code computes."""
    return FeatureSchema.of(CANDIDATE_FEATURES)


def open_release(folder: Path) -> Release:
    """Load a bundle. Raises BundleCorrupt, or SchemaMismatch that names what this code lacks."""
    return read_release(folder, bundle.open_bundle(folder, expected_schema()))


def read_release(folder: Path, manifest: Manifest) -> Release:
    """Load what is in a folder without checking it against the manifest: for a release that is being built."""
    catalogue = Catalogue.from_frame(pl.read_parquet(folder / bundle.CATALOGUE))
    vectors = np.load(folder / bundle.ITEM_EMBEDDINGS, allow_pickle=False)
    return Release(
        folder=folder,
        manifest=manifest,
        catalogue=catalogue,
        stats=ItemStats.read(folder / bundle.ITEM_STATS),
        item_vectors=vectors,
        encoder=UserEncoder(folder / bundle.USER_TOWER, vectors, catalogue),
        ranker=Ranker.load(folder / bundle.RANKER),
        transitions=_table(Transitions, folder / bundle.TRANSITIONS),
        ease=_table(EaseTable, folder / bundle.EASE),
        segments=SegmentPopularity.load(segments, catalogue) if (segments := folder / bundle.SEGMENTS).is_file() else None,
        mlp=MlpRanker.load(mlp) if (mlp := folder / bundle.MLP_RANKER).is_file() else None,
    )


def _table(kind: type[Table], path: Path) -> Table | None:
    """The table in this file; None if the bundle has none."""
    return kind.load(path) if path.is_file() else None
