"""A release without training: random item vectors, a user tower that takes the mean, and policies of a few parts."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.bundle import Manifest
from core.catalogue import Catalogue, ItemStats
from core.features import UserFeatures
from core.item_facts import ItemFacts
from recommender.live import Snapshot
from recommender.policy import Policy
from recommender.release import Release
from recommender.roles import Constraints, Context, Page, Query
from retrieval.adapters.mirror import MirrorIndex

GENRES = ("Comedy", "Crime", "Drama")
PATIENT_MS = 60_000  # no time-out decides a test
TWO_TOWER = {"part": "two_tower", "k": 200, "timeout_ms": PATIENT_MS}
POPULAR = {"part": "popular", "k": 100, "timeout_ms": PATIENT_MS}


class MeanEncoder:
    """The mean of the history's item vectors: a user tower without learning."""

    def __init__(self, catalogue: Catalogue, vectors: NDArray[np.float32]) -> None:
        self._catalogue = catalogue
        self._vectors = vectors

    def encode(self, user: UserFeatures) -> NDArray[np.float32] | None:
        known = self._catalogue.known_rows(user.item_ids)
        return self._vectors[known].mean(axis=0) if len(known) else None

    def encode_many(self, users: Sequence[UserFeatures]) -> NDArray[np.float32]:
        vectors = [self.encode(user) for user in users]
        return np.stack([np.zeros(self._vectors.shape[1], np.float32) if found is None else found for found in vectors])

    def moved(self, vectors: NDArray[np.float32]) -> MeanEncoder:
        other = copy.copy(self)
        other._vectors = vectors
        return other


def make_catalogue(n: int = 300) -> Catalogue:
    """Items 10, 20, 30, ..., each of some genres; one in five has no known year."""
    rng = np.random.default_rng(0)
    items = {
        "item_id": np.arange(1, n + 1, dtype=np.int64) * 10,
        "title": [f"Film {row} <b>&" for row in range(n)],
        "genres": [[genre for genre in GENRES if rng.random() < 0.4] for _ in range(n)],
        "year": [None if row % 5 == 4 else 1980 + row % 40 for row in range(n)],
    }
    return Catalogue.from_frame(pl.DataFrame(items))


def make_manifest(name: str, n_items: int, **config: object) -> Manifest:
    return Manifest(
        release=name,
        created="2026-11-20T22:15:30Z",
        code_version="abc",
        data_version={"interactions": 3},
        trained_until=1e9,
        feature_schema="0" * 12,
        dim=8,
        n_items=n_items,
        metrics={"ndcg@10": 0.1},
        config={"scorer": "retrieval", **config},
        files={},
    )


def make_snapshot(
    name: str = "r1", catalogue: Catalogue | None = None, facts: ItemFacts | None = None, seed: int = 1, dim: int = 8
) -> Snapshot:
    """A release of these items, searched in a mirror of its own."""
    catalogue = catalogue or make_catalogue()
    rng, n = np.random.default_rng(seed), len(catalogue)
    vectors = rng.normal(size=(n, dim)).astype(np.float32)
    stats = ItemStats(1e9, *(rng.random(n).astype(np.float32) * 5 for _ in range(3)))
    index = MirrorIndex()
    index.publish(name, catalogue.ids, vectors)
    encoder: Any = MeanEncoder(catalogue, vectors)
    release = Release(Path(), make_manifest(name, n), catalogue, stats, vectors, encoder, None)
    now = Snapshot.of(release, index)
    return now if facts is None else now.with_facts(facts)


def make_policy(exploration: float = 0.0, **changes: Any) -> Policy:
    """The default pipeline without a ranker; `changes` are tables of the file, None to leave one out."""
    values: dict[str, Any] = {
        "name": "test",
        "source": [TWO_TOWER, POPULAR],
        "filter": [{"part": "seen"}],
        "scorer": [{"part": "retrieval"}],
        "selector": {"part": "epsilon", "epsilon": exploration, "pool": 50},
    }
    return Policy.of({key: value for key, value in (values | changes).items() if value is not None}, "test.toml")


def user_of(*items: int, user_id: int = 1, consumed: Sequence[int] | None = None) -> UserFeatures:
    """Who rated these items, with four stars each; `consumed` where it is not all of them."""
    ids, n = np.array(items, dtype=np.int64), len(items)
    gone = np.sort(np.array(items if consumed is None else consumed, dtype=np.int64))
    stars, times = np.full(n, 4.0, dtype=np.float32), np.arange(n, dtype=np.float64)
    return UserFeatures(user_id, ids, np.full(n, 3), stars, times, n_events=n, consumed=gone)


def make_query(
    k: int = 10,
    user: UserFeatures | None = None,
    *,
    offset: int = 0,
    seed: int = 0,
    answered: bool = True,
    constraints: Constraints | None = None,
    vector: NDArray[np.float32] | None = None,
    now: float = 0.0,
) -> Query:
    context = Context(constraints=constraints or Constraints(), features_answered=answered)
    return Query("r", 1, now, seed, user=user, page=Page(k, offset), context=context, user_vector=vector)
