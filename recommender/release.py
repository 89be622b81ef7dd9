"""A release bundle, loaded: everything that a list needs from one release, and from that one only."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core import bundle
from core.bundle import Manifest
from core.catalogue import Catalogue, ItemStats
from core.feature_schema import FeatureSchema
from ranking.candidate_features import CANDIDATE_FEATURES
from ranking.ranker import Ranker
from retrieval.encoder import UserEncoder
from retrieval.transitions import Transitions

TRANSITION_WEIGHT = "transition_weight"  # in a manifest's config: of the transitions' scores, in those of the towers


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

    @property
    def name(self) -> str:
        return self.manifest.release

    @property
    def blend(self) -> dict[str, float]:
        """The weight of each source's scores where several are blended; empty in a release of before there was a choice."""
        weight = self.manifest.config.get(TRANSITION_WEIGHT)
        return {} if weight is None else {"two_tower": 1.0, "transitions": float(str(weight))}

    @cached_property
    def _covariance(self) -> NDArray[np.float32]:
        """Of the item vectors [d, d], as they were built: what is learned moves few of them, and little."""
        centred = self.item_vectors - self.item_vectors.mean(axis=0)
        return np.asarray(centred.T @ centred / max(len(centred), 1), dtype=np.float32)

    def spread_of(self, vector: NDArray[np.float32]) -> float:
        """Standard deviation over the catalogue of the scores that a user's vector [d] has."""
        return float(np.sqrt(max(float(vector @ self._covariance @ vector), 0.0)))

    @property
    def ranks(self) -> bool:
        """Whether the learned ranker beat the retriever's own order when the release was judged."""
        return self.manifest.config["scorer"] == "lambdamart"


def expected_schema() -> FeatureSchema:
    """What this code computes."""
    return FeatureSchema.of(CANDIDATE_FEATURES)


def open_release(folder: Path) -> Release:
    """Load a bundle. Raises BundleCorrupt, or SchemaMismatch that names what this code lacks."""
    manifest = bundle.open_bundle(folder, expected_schema())
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
        transitions=Transitions.load(folder / bundle.TRANSITIONS) if (folder / bundle.TRANSITIONS).is_file() else None,
    )
