"""What the ranker knows about one candidate for one user. The same function makes training rows and serves requests."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.catalogue import Catalogue, ItemStats
from core.features import UserFeatures
from core.kinds import STARRED, codes

RECENT = 5  # events that count as "what the user does now"
LIKED = 4.0  # stars
_STARRED = codes(STARRED)

CANDIDATE_FEATURES: tuple[str, ...] = (
    "retrieval_score",
    "retrieval_reciprocal_rank",
    "log_popularity",
    "log_recent_popularity",
    "rating_mean",
    "film_year",
    "genre_affinity",
    "recent_genre_overlap",
    "cosine_last",
    "cosine_recent",
    "cosine_liked",
    "popularity_gap",
    "year_gap",
    "user_log_events",
    "user_rating_mean",
    "item_is_cold",
)


def candidate_features(
    user: UserFeatures | None,
    rows: NDArray[np.intp],
    retrieval_scores: NDArray[np.float32],
    catalogue: Catalogue,
    stats: ItemStats,
    item_vectors: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Features [n, len(CANDIDATE_FEATURES)] of candidate rows [n]; `item_vectors` [items, d] are the release's.

    Nothing here looks at the clock: what is served years after the data was recorded sees what training saw.
    """
    out = np.zeros((len(rows), len(CANDIDATE_FEATURES)), dtype=np.float32)
    if not len(rows):
        return out
    popularity = np.log1p(stats.n_events[rows])
    years = catalogue.years[rows]
    rank = np.empty(len(rows), dtype=np.float32)
    rank[np.argsort(-retrieval_scores, kind="stable")] = np.arange(1, len(rows) + 1)
    out[:, 0] = retrieval_scores
    out[:, 1] = 1.0 / rank
    out[:, 2] = popularity
    out[:, 3] = np.log1p(stats.recent[rows])
    out[:, 4] = stats.rating_mean[rows]
    out[:, 5] = years
    out[:, 15] = stats.n_events[rows] == 0
    history = catalogue.rows(user.item_ids) if user is not None else np.empty(0, dtype=np.intp)
    known = history >= 0
    if user is not None and known.any():
        _add_user(out, user, history[known], _liked(user)[known], rows, catalogue, item_vectors)
        past = history[known]
        out[:, 11] = popularity - np.log1p(stats.n_events[past]).mean()
        dated = catalogue.years[past][catalogue.years[past] > 0]
        out[:, 12] = np.where(years > 0, np.abs(years - (dated.mean() if len(dated) else 0.0)), 0.0)
    return out


def _add_user(
    out: NDArray[np.float32],
    user: UserFeatures,
    past: NDArray[np.intp],
    liked: NDArray[np.bool_],
    rows: NDArray[np.intp],
    catalogue: Catalogue,
    item_vectors: NDArray[np.float32],
) -> None:
    """The columns that compare a candidate with the user's tastes and recent events."""
    genres = catalogue.genres[rows]
    breadth = np.maximum(genres.sum(axis=1), 1.0)
    out[:, 6] = genres @ _affinity(user, catalogue) / breadth
    recent = past[-RECENT:]
    out[:, 7] = genres @ catalogue.genres[recent].mean(axis=0) / breadth
    vectors = _unit(item_vectors[rows])
    out[:, 8] = vectors @ _unit(item_vectors[past[-1:]])[0]
    out[:, 9] = vectors @ _unit(item_vectors[recent].mean(axis=0, keepdims=True))[0]
    favourites = past[liked][-RECENT:]
    if len(favourites):
        out[:, 10] = vectors @ _unit(item_vectors[favourites].mean(axis=0, keepdims=True))[0]
    out[:, 13] = np.log1p(user.n_events)
    out[:, 14] = user.rating_sum / user.rating_count if user.rating_count else 0.0


def _liked(user: UserFeatures) -> NDArray[np.bool_]:
    """Which events of the history [h] gave many stars; the value of a watch is minutes."""
    return np.isin(user.kinds, _STARRED) & (user.values >= LIKED)


def _affinity(user: UserFeatures, catalogue: Catalogue) -> NDArray[np.float32]:
    """The user's genre weights on the catalogue's genres [G], as shares."""
    known = dict(zip(user.genres, user.genre_weights.tolist(), strict=True))
    weights = np.array([known.get(name, 0.0) for name in catalogue.genre_names], dtype=np.float32)
    total = float(weights.sum())
    return weights / np.float32(total) if total > 0 else weights


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    unit: NDArray[np.float32] = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    return unit
