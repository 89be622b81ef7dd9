"""What a user's history says of one candidate: how near it is to what the user took up, and how much it is like it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.catalogue import Catalogue, ItemStats
from core.features import UserFeatures
from ranking.source_features import Columns
from ranking.unit_vectors import unit

HISTORY_FEATURES: tuple[str, ...] = (
    "nearest_cosine",
    "mean_cosine",
    "recent_popularity_gap",
    "recent_year_gap",
    "decade_affinity",
    "language_affinity",
    "people_affinity",
    "runtime_gap",
    "user_session_events",
    "user_genre_breadth",
)
LATEST = 20  # items of the history whose neighbours count
RECENT = 5  # events that count as "what the user does now"
DECAY = 0.95  # of the weight of an event in an affinity, per event since
SESSION_SECONDS = 1800.0  # without an event, after which a session has ended

Rows = NDArray[np.intp]  # of the catalogue


def history_features(
    user: UserFeatures, past: Rows, rows: Rows, vectors: NDArray[np.float32], catalogue: Catalogue, stats: ItemStats,
    item_vectors: NDArray[np.float32],
) -> Columns:  # fmt: skip
    """Columns [n] by the names of `HISTORY_FEATURES` of candidates `rows` [n] with unit `vectors` [n, d].

    `past` [h >= 1] are the known items of the history, oldest first; `item_vectors` [items, d] are the release's.
    """
    cosines = vectors @ unit(item_vectors[past[-LATEST:]]).T
    weights = DECAY ** np.arange(len(past) - 1, -1, -1, dtype=np.float32)
    weights /= weights.sum()
    return {
        "nearest_cosine": cosines.max(axis=1),
        "mean_cosine": cosines.mean(axis=1),
        "recent_popularity_gap": np.log1p(stats.recent[rows]) - np.log1p(stats.recent[past[-RECENT:]]).mean(),
        "recent_year_gap": _gap(catalogue.years, past[-RECENT:], rows),
        "decade_affinity": _share(catalogue.decade_codes, past, weights, rows),
        "language_affinity": _share(catalogue.language_codes, past, weights, rows),
        "people_affinity": _people(catalogue, past, weights, rows),
        "runtime_gap": _gap(catalogue.runtimes, past[-LATEST:], rows),
        "user_session_events": float(session_length(user.times)),
        "user_genre_breadth": _breadth(user),
    }


def session_length(times: NDArray[np.float64]) -> int:
    """How many of the latest events (Unix seconds, oldest first) belong to one session: each soon after the one before."""
    pauses = np.flatnonzero(np.diff(times) > SESSION_SECONDS)
    return len(times) - (int(pauses[-1]) + 1 if len(pauses) else 0)


def _gap(values: NDArray[np.float32], past: Rows, rows: Rows) -> NDArray[np.float32]:
    """How far candidates are from the mean of the history [n]; 0 where a value is unknown, which is 0."""
    known = values[past][values[past] > 0]
    if not len(known):
        return np.zeros(len(rows), dtype=np.float32)
    return np.where(values[rows] > 0, np.abs(values[rows] - known.mean()), 0.0).astype(np.float32)


def _share(codes: NDArray[np.int64], past: Rows, weights: NDArray[np.float32], rows: Rows) -> NDArray[np.float32]:
    """The decayed share of the history that has the same code as each candidate [n]; 0 for an unknown one, which is 0."""
    own, asked = codes[past], codes[rows]
    shares = np.bincount(own, weights, minlength=int(asked.max(initial=0)) + 1)
    shares[0] = 0.0
    return shares[asked].astype(np.float32)


def _people(catalogue: Catalogue, past: Rows, weights: NDArray[np.float32], rows: Rows) -> NDArray[np.float32] | float:
    """How much of the history, decayed, names the people that each candidate names: summed over them [n]."""
    named = catalogue.with_people
    if named is None:
        return 0.0
    shares = named[past].T @ weights
    return np.asarray(named[rows] @ shares, dtype=np.float32)


def _breadth(user: UserFeatures) -> float:
    """The exponential of the entropy of the user's tastes: over how many genres they are spread. 0 without any."""
    total = float(user.genre_weights.sum())
    if total <= 0:
        return 0.0
    shares = user.genre_weights[user.genre_weights > 0] / total
    return float(np.exp(-(shares * np.log(shares)).sum()))
