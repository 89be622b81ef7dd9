"""Towers of several seeds: their scores add up, each is the run of its seed, and none is trained twice."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from safetensors.torch import save_file

from core.catalogue import Catalogue
from core.features import UserFeatures
from retrieval.config import TrainConfig
from retrieval.history import EncodedHistory, history_of
from retrieval.new_items import content_embeddings
from retrieval.training import TrainedTowers, train_towers

Three = tuple[TrainedTowers, TrainedTowers, TrainedTowers]
N = 12
GENRES = (np.arange(N) % 2)[:, None].astype(np.float32)
FILMS = Catalogue(np.arange(1, N + 1), tuple("abcdefghijkl"), ("any",), GENRES, np.zeros(N, np.float32))
CONFIG = TrainConfig(dim=8, blocks=1, heads=1, epochs=2, history_length=10, validation_share=0.0)


def train(folder: Path, seed: int, members: int) -> TrainedTowers:
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({"user_id": np.repeat(np.arange(1, 21), 8), "item_id": rng.integers(1, N + 1, 160)})
    frame = frame.with_columns(ts=pl.int_range(160).cast(pl.Float64) * 60, kind=pl.lit("rating"), value=pl.lit(3.5))
    config = TrainConfig.of(**{**CONFIG.model_dump(), "members": members})
    return train_towers(frame, FILMS, config, folder, seed=seed, progress=False)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Three:
    """Seeds 4 and 5 alone, and both side by side from the same checkpoints."""
    folder = tmp_path_factory.mktemp("towers")
    one, other = (train(folder / f"seed{seed}", seed, 1) for seed in (4, 5))
    before = (folder / "seed4" / "best.ckpt").stat().st_mtime_ns
    both = train(folder, 4, 2)
    assert (folder / "seed4" / "best.ckpt").stat().st_mtime_ns == before
    shutil.rmtree(folder)
    return one, other, both


def history(films: np.ndarray) -> EncodedHistory:
    n = len(films)
    user = UserFeatures(1, films, np.full(n, 3), np.full(n, 4.0, np.float32), np.arange(n) * 60.0)
    return history_of(user, FILMS, 10)


def histories() -> list[EncodedHistory]:
    rng = np.random.default_rng(1)
    return [history(rng.integers(1, N + 1, size)) for size in (1, 3, 8)]


def test_scores_are_the_sum_of_the_members(trained: Three) -> None:
    one, other, both = (towers.users(histories()) @ towers.item_embeddings.T for towers in trained)
    np.testing.assert_allclose(both, one + other, atol=1e-4)
    assert np.abs(one - other).max() > 0.01
    assert trained[2].item_embeddings.shape == (N, 16)
    assert trained[2].metrics["loss"] == pytest.approx((trained[0].metrics["loss"] + trained[1].metrics["loss"]) / 2)


def test_a_new_film_is_placed_by_every_member(
    trained: tuple[TrainedTowers, TrainedTowers, TrainedTowers], tmp_path: Path
) -> None:
    parts = []
    for number, towers in enumerate(trained):
        path = tmp_path / f"{number}.safetensors"
        save_file({name: tensor.contiguous() for name, tensor in towers.model.state_dict().items()}, path)
        parts.append(content_embeddings(path, FILMS, towers.item_embeddings.shape[1], cosine=False))
    np.testing.assert_allclose(parts[2], np.concatenate(parts[:2], axis=1), atol=1e-6)
