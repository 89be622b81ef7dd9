"""Who likes what, and when: tastes drift, films are released, and trends pass.

A taste turns slowly from one random direction towards another. This has a closed form in time, so nothing is stored per user.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.errors import InvalidInput
from evaluation.simulation.randomness import gaussians, uniforms

Floats = NDArray[np.float32]
GENRES = 18


@dataclass(frozen=True)
class WorldConfig:
    """Parameters of a world; times are in days."""

    seed: int = 1
    dims: int = 16  # of tastes and films
    drift_days: float = 90.0  # until a taste has turned by a right angle
    cold_items: float = 0.05  # share of the films that are released during the simulation
    cold_days: float = 30.0  # over which they are released
    trend_days: float = 20.0  # period of a film's trend
    taste: float = 3.0  # weight of taste in a film's utility
    popularity: float = 0.5  # weight of a film's lasting popularity
    trend: float = 0.7  # weight of its temporary popularity

    def __post_init__(self) -> None:
        _check("dims", self.dims, self.dims >= 2, "at least 2")
        _check("cold_items", self.cold_items, 0 <= self.cold_items < 1, "0 to below 1")
        for name in ("drift_days", "cold_days", "trend_days"):
            _check(name, getattr(self, name), getattr(self, name) > 0, "above 0")


def _check(name: str, value: float, good: bool, allowed: str) -> None:
    if not good:
        raise InvalidInput(name, value, allowed)


class World:
    """Films are in memory, [n, dims] float32; users are computed on demand."""

    def __init__(self, item_ids: NDArray[np.int64], genres: Floats, config: WorldConfig) -> None:
        """`item_ids` [n] ascending, `genres` [n, G] of 0 and 1. Films of one genre are similar, so content is informative."""
        self.config = config
        self.item_ids = item_ids
        self.genres = genres
        self.items = _item_vectors(item_ids, genres, config)
        self._popularity = gaussians(config.seed, "popularity", item_ids, 1)[:, 0]
        self._phase = (2 * np.pi * uniforms(config.seed, "trend", item_ids)).astype(np.float32)
        late = uniforms(config.seed, "late", item_ids) < config.cold_items
        self.released = np.where(late, config.cold_days * uniforms(config.seed, "released", item_ids), 0.0)  # [n] days

    def tastes(self, users: ArrayLike, day: ArrayLike) -> Floats:
        """Unit vectors, [m] users at one day or at [m] days -> [m, dims]."""
        ids = np.atleast_1d(np.asarray(users, dtype=np.int64))
        turned = np.pi / 2 * np.asarray(day, dtype=np.float64) / self.config.drift_days
        angle = np.broadcast_to(turned, ids.shape).astype(np.float32)[:, None]
        start, end = (gaussians(self.config.seed, name, ids, self.config.dims) for name in ("taste", "later taste"))
        end = end - start * (np.sum(start * end, axis=1) / np.sum(start * start, axis=1))[:, None]
        return np.asarray(np.cos(angle) * _unit(start) + np.sin(angle) * _unit(end), dtype=np.float32)

    def appeal(self, day: ArrayLike, rows: NDArray[np.intp] | None = None) -> Floats:
        """How attractive films are to all users at `day`: lasting popularity plus a temporary trend. [n], or [rows]."""
        config = self.config
        chosen: NDArray[np.intp] | slice = slice(None) if rows is None else rows
        trend = np.sin(2 * np.pi * np.asarray(day) / config.trend_days + self._phase[chosen])
        return np.asarray(config.popularity * self._popularity[chosen] + config.trend * trend, dtype=np.float32)

    def utility(self, user: int, day: float, rows: NDArray[np.intp] | None = None) -> Floats:
        """Utility of each film for the user at `day`, -inf before its release. [n], or [rows]."""
        chosen: NDArray[np.intp] | slice = slice(None) if rows is None else rows
        liked = self.items[chosen] @ self.tastes(user, day)[0]
        worth = self.config.taste * liked + self.appeal(day, rows)
        return np.where(self.released[chosen] <= day, worth, -np.inf).astype(np.float32)

    def preference(self, user: int, day: float) -> NDArray[np.float64]:
        """Ground truth: P(film | user, day) of a user who sees all films equally and takes one. [n], sums to 1."""
        worth = self.utility(user, day).astype(np.float64)
        weights = np.exp(worth - worth.max())
        return np.asarray(weights / weights.sum())


def made_up(items: int, config: WorldConfig) -> World:
    """A world of `items` films, with ids from 1 and one to three of 18 genres each."""
    _check("items", items, 1 <= items <= 10_000_000, "1 to 10000000")
    ids = np.arange(1, items + 1, dtype=np.int64)
    genres = np.zeros((items, GENRES), dtype=np.float32)
    for turn in range(3):
        carries = uniforms(config.seed, f"has genre {turn}", ids) < (1.0, 0.6, 0.3)[turn]
        genre = (GENRES * uniforms(config.seed, f"genre {turn}", ids)).astype(np.intp)
        genres[carries, genre[carries]] = 1.0
    return World(ids, genres, config)


def _item_vectors(ids: NDArray[np.int64], genres: Floats, config: WorldConfig) -> Floats:
    directions = _unit(gaussians(config.seed, "genre", np.arange(genres.shape[1], dtype=np.int64), config.dims))
    own = _unit(gaussians(config.seed, "film", ids, config.dims))
    return _unit(genres @ directions / np.maximum(genres.sum(axis=1, keepdims=True), 1.0) + 0.7 * own)


def _unit(vectors: Floats) -> Floats:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)
