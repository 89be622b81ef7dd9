"""What was learned, as the recommender sees a release, while there is neither a ranker nor a bundle of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core import bundle
from core.bundle import Manifest
from core.catalogue import Catalogue, ItemStats
from evaluation.blending import BlendWeights
from recommender.live import Snapshot
from recommender.release import EASE_WEIGHT, NEWCOMER_WEIGHT, POPULARITY, POPULARITY_WEIGHT, TRANSITION_WEIGHT, Release
from retrieval.adapters.mirror import MirrorIndex
from retrieval.ease import EaseTable
from retrieval.encoder import UserEncoder
from retrieval.transitions import Transitions


def blend_config(weights: BlendWeights) -> dict[str, object]:
    """The weights of the blend, as a manifest has them."""
    return {
        TRANSITION_WEIGHT: weights.transitions,
        EASE_WEIGHT: weights.ease,
        POPULARITY_WEIGHT: weights.popularity,
        POPULARITY: weights.popular,
        NEWCOMER_WEIGHT: weights.newcomers,
    }


def unranked(
    folder: Path,
    catalogue: Catalogue,
    vectors: NDArray[np.float32],
    tables: tuple[Transitions, EaseTable | None],
    weights: BlendWeights,
    stats: ItemStats,
) -> Snapshot:
    """A release that is named after its folder, where the user tower is. `vectors` [n, d] are row-aligned with the catalogue."""
    index = MirrorIndex()
    index.publish(folder.name, catalogue.ids, vectors)
    manifest = Manifest(
        release=folder.name, created="", code_version="", data_version={}, trained_until=stats.as_of, feature_schema="",
        dim=vectors.shape[1], n_items=len(catalogue), metrics={}, files={},
        config={"scorer": "retrieval", **blend_config(weights)},
    )  # fmt: skip
    encoder = UserEncoder(folder / bundle.USER_TOWER, vectors, catalogue)
    return Snapshot.of(Release(folder, manifest, catalogue, stats, vectors, encoder, None, *tables), index)
