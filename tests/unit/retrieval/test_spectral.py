"""The spectral channel: what its vectors say, how it meets the trained towers, and that it trains nothing again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from core.catalogue import Catalogue
from core.kinds import KIND_CODE
from retrieval.config import TrainConfig
from retrieval.fused import FusedTowers
from retrieval.history import EncodedHistory
from retrieval.sequences import Sequences
from retrieval.spectral import SpectralUser, spectral_vectors
from retrieval.training import TrainedTowers, train_towers

N_ITEMS = 12
FILMS = Catalogue(
    np.arange(1, N_ITEMS + 1), ("x",) * N_ITEMS, ("any",), np.ones((N_ITEMS, 1), np.float32), np.zeros(N_ITEMS, np.float32)
)
SMALL = {"dim": 8, "blocks": 1, "heads": 1, "epochs": 2, "history_length": 6, "validation_share": 0.0, "batch_events": 64}


def two_tastes(users: int = 40, last: int = 10) -> pl.DataFrame:
    """Even users watch films 1 to 5 in some order, odd ones 6 to 10; films 11 and 12 are nobody's."""
    rng = np.random.default_rng(0)
    rows = [
        (user, int(film) + 1 + 5 * (user % 2), float(step * 100 + user))
        for user in range(1, users + 1)
        for step, film in enumerate(rng.permutation(5)[: last // 2])
    ]
    frame = pl.DataFrame(rows, schema={"user_id": pl.Int64, "item_id": pl.Int64, "ts": pl.Float64}, orient="row")
    return frame.with_columns(kind=pl.lit("rating"), value=pl.lit(4.0))


def sequences(frame: pl.DataFrame) -> Sequences:
    return Sequences.from_frame(frame, FILMS)


def watched(*rows: int, kind: str = "rating") -> EncodedHistory:
    n = len(rows)
    codes = np.full(n, KIND_CODE[kind])
    return EncodedHistory(
        np.array(rows, np.int64), codes, np.full(n, 4.0, np.float32), np.zeros(n, np.float32), np.empty(0, np.int64)
    )


@pytest.fixture
def fused(tmp_path: Path) -> TrainedTowers:
    config = TrainConfig.of(**SMALL, spectral_rank=4, spectral_weight=0.5)
    return train_towers(two_tastes(), FILMS, config, tmp_path, seed=0, progress=False)


def test_vectors_at_full_rank_give_back_the_scaled_counts() -> None:
    films = 5
    frame = two_tastes().filter(pl.col("item_id") <= films)
    counts = np.zeros((films, films))
    for _, seen in frame.sort("ts").group_by("user_id", maintain_order=True):
        rows = seen["item_id"].to_numpy() - 1
        for at, one in enumerate(rows):
            for other_at in range(at + 1, min(at + 3, len(rows))):
                counts[one, rows[other_at]] += 1 / (other_at - at)
                counts[rows[other_at], one] += 1 / (other_at - at)
    scale = counts.sum(1) ** -0.25
    values, vectors = np.linalg.eigh(scale[:, None] * counts * scale)
    best = np.argsort(-values)[:3]
    expected = (vectors[:, best] * np.maximum(values[best], 0) ** 0.5) @ vectors[:, best].T
    found = spectral_vectors(sequences(frame), N_ITEMS, rank=3, window=2)[:films]
    np.testing.assert_allclose(found @ found.T, expected, atol=1e-5)


def test_tastes_part_and_films_of_nobody_are_zero() -> None:
    vectors = spectral_vectors(sequences(two_tastes()), N_ITEMS, rank=4, window=10)
    scores = vectors @ vectors.T
    assert scores[:5, :5].min() > abs(scores[:5, 5:10]).max() + 0.01
    assert not vectors[10:].any()


@pytest.mark.parametrize("films", [1, 2, 3])
def test_a_catalogue_smaller_than_the_rank_leaves_dimensions_empty(films: int) -> None:
    frame = two_tastes().filter(pl.col("item_id") <= films)
    vectors = spectral_vectors(sequences(frame), N_ITEMS, rank=8, window=10)
    assert vectors.shape == (N_ITEMS, 8)
    assert np.isfinite(vectors).all()


def test_the_latest_event_counts_in_full_and_what_was_shunned_not_at_all() -> None:
    items = torch.eye(4).unsqueeze(0) * torch.tensor([1.0, 5.0, 2.0, 9.0]).unsqueeze(-1)
    kinds = torch.tensor([[KIND_CODE["rating"], KIND_CODE["skip"], KIND_CODE["view"], KIND_CODE["rating"]]])
    user = SpectralUser(0.5)(items, kinds, torch.tensor([3]))  # the fourth is padding
    torch.testing.assert_close(user, torch.tensor([[0.25, 0.0, 1.0, 0.0]]))


def test_spectral_scores_have_the_wanted_spread_for_each_user(fused: TrainedTowers) -> None:
    users = fused.users([watched(0), watched(7, 8), watched(1, 6, 2, 9)])
    neural = (users[:, :8] @ fused.item_embeddings[:, :8].T).std(axis=1)
    spectral = (users[:, 8:] @ fused.item_embeddings[:, 8:].T).std(axis=1)
    np.testing.assert_allclose(spectral / neural, 0.5, rtol=1e-3)


def test_without_a_liking_the_trained_towers_speak_alone(fused: TrainedTowers) -> None:
    users = fused.users([watched(), watched(3, kind="skip")])
    assert not users[:, 8:].any()
    assert np.isfinite(users).all()
    assert isinstance(fused.model, FusedTowers)
    assert users[:, :8].any()


def test_another_weight_trains_nothing_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def train(**values: object) -> TrainedTowers:
        return train_towers(two_tastes(), FILMS, TrainConfig.of(**SMALL, **values), tmp_path, seed=0, progress=False)

    plain = train()
    caplog.clear()
    heavy = train(spectral_rank=4, spectral_weight=2.0)
    assert "is not trained again" in caplog.text
    np.testing.assert_array_equal(heavy.item_embeddings[:, :8], plain.item_embeddings)
