"""A release bundle, loaded: everything that a list needs from one release, and from that one only."""

from __future__ import annotations

from dataclasses import dataclass
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

    @property
    def name(self) -> str:
        return self.manifest.release

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
    )
