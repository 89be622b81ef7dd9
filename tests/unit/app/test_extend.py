"""Films that came later: in the release within seconds, where their content puts them, and everything else as it was."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest

from core.errors import BundleCorrupt

if TYPE_CHECKING:
    from recommender.release import Release


@pytest.fixture
def films(release: Release) -> pl.DataFrame:
    """One before all others and one between them."""
    like = release.catalogue.to_frame().head(2)
    return like.with_columns(item_id=pl.Series([5, 255]), title=pl.Series(["Early", "Between"]))


def test_new_films_get_content_embeddings_and_nothing_else_moves(release: Release, films: pl.DataFrame, tmp_path: Path) -> None:
    from core.catalogue import Catalogue
    from lifecycle.extend import extend_release, new_films
    from lifecycle.gates import GateConfig, check_gate
    from recommender.release import open_release

    everything = Catalogue.from_frame(pl.concat([release.catalogue.to_frame(), films]))
    found = new_films(release.folder, everything)
    assert found["item_id"].to_list() == [5, 255]
    longer = open_release(extend_release(release.folder, found, {"items": 7}, tmp_path))
    assert longer.name != release.name
    assert longer.manifest.config["extends"] == release.name
    assert longer.catalogue.ids.tolist() == sorted([5, 255, *release.catalogue.ids.tolist()])
    at = longer.catalogue.rows(release.catalogue.ids)
    np.testing.assert_array_equal(longer.item_vectors[at], release.item_vectors)
    np.testing.assert_array_equal(longer.stats.recent[at], release.stats.recent)
    assert longer.stats.n_events[longer.catalogue.rows(np.array([5, 255]))].tolist() == [0, 0]
    assert (
        check_gate(longer.manifest, release.manifest, GateConfig(min_coverage=0)).failed
        == check_gate(release.manifest, None, GateConfig(min_coverage=0)).failed
    )
    assert "2 more films" in (longer.folder / "model_card.md").read_text()


def test_the_embedding_is_the_item_towers_without_the_id(release: Release) -> None:
    import torch
    from safetensors.torch import load_file

    from core.bundle import TOWER_WEIGHTS
    from core.catalogue import Catalogue
    from retrieval.config import TrainConfig
    from retrieval.new_items import content_embeddings
    from retrieval.two_tower import TwoTower

    weights, config = release.folder / TOWER_WEIGHTS, release.manifest.config
    towers = TwoTower(
        release.catalogue,
        np.ones(len(release.catalogue), dtype=bool),
        TrainConfig.of(**{name: config[name] for name in TrainConfig.model_fields}),
    )
    towers.load_state_dict(load_file(weights))
    towers.item_tower.known = torch.zeros(len(release.catalogue), dtype=torch.bool)
    twins = Catalogue.from_frame(release.catalogue.to_frame().with_columns(pl.col("item_id") + 1))
    found = content_embeddings(weights, twins, release.manifest.dim, cosine=False)
    np.testing.assert_allclose(found, towers.item_embeddings(), atol=1e-5)
    assert np.abs(found).max() > 0.01


def test_weights_without_an_item_tower_are_refused(release: Release, tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    from retrieval.new_items import content_embeddings

    save_file({"other": np.zeros(3, np.float32)}, tmp_path / "towers.safetensors")
    with pytest.raises(BundleCorrupt, match="no item tower"):
        content_embeddings(tmp_path / "towers.safetensors", release.catalogue, 8, cosine=False)
