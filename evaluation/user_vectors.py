"""User vectors as watched features: where the release's own tower places the people of the training data, and those of a window.

A vector has dozens of numbers, and a test of each would have no power. So the directions in which users of the reference differ
most (principal components, Pearson 1901) are kept, and each user has one value in each.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core import columns as c
from core.features import UserFeatures
from datasets.splits import in_time_order
from evaluation.watched import BLOCK, REFERENCE_EVENTS, USERS, WatchedColumns
from feature_repo.transforms import UserEvent, UserState
from retrieval.encoder import UserEncoder

DIRECTIONS = 3
MIN_USERS = 10  # with whose vectors directions mean something


@dataclass(frozen=True, eq=False)
class UserReference:
    """The directions, and the reference's users in them. It names nobody."""

    mean: NDArray[np.float32]  # [d]
    directions: NDArray[np.float32]  # [k, d]
    values: NDArray[np.float32]  # [users, k]

    @property
    def columns(self) -> WatchedColumns:
        """The reference as watched features, one row for each user."""
        return _columns(self.values)

    def watched(self, interactions: pl.DataFrame, encoder: UserEncoder) -> WatchedColumns:
        """The users of these events as watched features, one row for each."""
        return _columns((vectors(interactions, encoder) - self.mean) @ self.directions.T)

    def save(self, path: Path) -> None:
        np.savez(path, mean=self.mean, directions=self.directions, values=self.values)

    @classmethod
    def load(cls, path: Path) -> UserReference:
        """Raises OSError or ValueError for a file that is none."""
        with np.load(path, allow_pickle=False) as found:
            return cls(found["mean"], found["directions"], found["values"])


def user_reference(interactions: pl.DataFrame, encoder: UserEncoder, as_of: float, seed: int) -> UserReference | None:
    """Of the newest events before `as_of` (Unix seconds); None with too few users.

    The events are taken in blocks of the size of a window, and a user is read from the events of a block alone, as in a window:
    a vector of many events differs from one of few. A user of several blocks counts once, from a block drawn at random.
    """
    seen = in_time_order(interactions.filter(pl.col(c.TS) < as_of)).tail(REFERENCE_EVENTS)
    blocks = seen.with_columns((pl.int_range(pl.len(), dtype=pl.Int64) // BLOCK).alias("block"))
    drawn = blocks.select(c.USER, "block").unique(maintain_order=True).sample(fraction=1.0, shuffle=True, seed=seed)
    kept = blocks.join(drawn.unique(c.USER, keep="first"), on=[c.USER, "block"], how="semi", maintain_order="left")
    found = vectors(kept, encoder)
    if len(found) < MIN_USERS:
        return None
    found = found[np.random.default_rng(seed).permutation(len(found))]
    mean = found.mean(axis=0)
    _, _, directions = np.linalg.svd(found - mean, full_matrices=False)
    directions = directions[:DIRECTIONS].astype(np.float32)
    return UserReference(mean.astype(np.float32), directions, ((found - mean) @ directions.T).astype(np.float32))


def vectors(interactions: pl.DataFrame, encoder: UserEncoder) -> NDArray[np.float32]:
    """The vector of each user with an event on a known item, read from these events alone, of length 1. [users, d]"""
    found = encoder.encode_many(_features(in_time_order(interactions)))
    lengths = np.linalg.norm(found, axis=1)
    return np.asarray(found[lengths > 0] / lengths[lengths > 0, None], dtype=np.float32)


def _features(ordered: pl.DataFrame) -> list[UserFeatures]:
    """Without preferred genres, which the tower does not read; a value that is no number counts as none."""
    ordered = ordered.with_columns(pl.when(pl.col(c.VALUE).is_finite()).then(c.VALUE).alias(c.VALUE))
    states: dict[int, UserState] = {}
    for values in ordered.select(c.USER, c.ITEM, c.KIND, c.VALUE, c.TS).iter_rows():
        event = UserEvent(*values)
        states.setdefault(event.user_id, UserState(UserFeatures(event.user_id))).add(event, ())
    return [state.features() for state in states.values()]


def _columns(values: NDArray[np.floating]) -> WatchedColumns:
    named = {f"user vector {at + 1}": values[:, at].astype(np.float64) for at in range(values.shape[1])}
    return {USERS: np.arange(len(values), dtype=np.float64), **named}
