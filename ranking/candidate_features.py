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

Rows = NDArray[np.intp]  # of the catalogue
Columns = dict[str, NDArray[np.generic] | float]  # features by name; one number stands for a whole column

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
_COLUMN = {name: at for at, name in enumerate(CANDIDATE_FEATURES)}


def candidate_features(
    user: UserFeatures | None,
    rows: Rows,
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
    columns = _of_item(rows, retrieval_scores, catalogue, stats)
    history = catalogue.rows(user.item_ids) if user is not None else np.empty(0, dtype=np.intp)
    known = history >= 0
    if user is not None and known.any():
        past = history[known]
        columns |= _of_genres(user, past, catalogue, rows)
        columns |= _of_history(user, past, catalogue, stats, rows)
        columns |= _of_vectors(past, past[_liked(user)[known]], item_vectors, rows)
    for name, values in columns.items():
        out[:, _COLUMN[name]] = values
    return out


def _of_item(rows: Rows, retrieval_scores: NDArray[np.float32], catalogue: Catalogue, stats: ItemStats) -> Columns:
    """What is known without the user."""
    rank = np.empty(len(rows), dtype=np.float32)
    rank[np.argsort(-retrieval_scores, kind="stable")] = np.arange(1, len(rows) + 1)
    events = stats.n_events[rows]
    return {
        "retrieval_score": retrieval_scores,
        "retrieval_reciprocal_rank": 1.0 / rank,
        "log_popularity": np.log1p(events),
        "log_recent_popularity": np.log1p(stats.recent[rows]),
        "rating_mean": stats.rating_mean[rows],
        "film_year": catalogue.years[rows],
        "item_is_cold": events == 0,
    }


def _of_genres(user: UserFeatures, past: Rows, catalogue: Catalogue, rows: Rows) -> Columns:
    """How the candidates' genres suit the user's tastes and the latest items of the history."""
    genres = catalogue.genres[rows]
    breadth = np.maximum(genres.sum(axis=1), 1.0)
    return {
        "genre_affinity": genres @ _affinity(user, catalogue) / breadth,
        "recent_genre_overlap": genres @ catalogue.genres[past[-RECENT:]].mean(axis=0) / breadth,
    }


def _of_history(user: UserFeatures, past: Rows, catalogue: Catalogue, stats: ItemStats, rows: Rows) -> Columns:
    """The user's own figures, and how the candidates differ from the items of the history."""
    years, past_years = catalogue.years[rows], catalogue.years[past]
    dated = past_years[past_years > 0]
    gaps = np.abs(years - (dated.mean() if len(dated) else 0.0))
    return {
        "popularity_gap": np.log1p(stats.n_events[rows]) - np.log1p(stats.n_events[past]).mean(),
        "year_gap": np.where(years > 0, gaps, 0.0),
        "user_log_events": np.log1p(user.n_events),
        "user_rating_mean": user.rating_sum / user.rating_count if user.rating_count else 0.0,
    }


def _of_vectors(past: Rows, liked: Rows, item_vectors: NDArray[np.float32], rows: Rows) -> Columns:
    """How near the candidates are to the latest items of the history, and to the latest ones that were `liked`."""
    vectors = _unit(item_vectors[rows])
    groups = {"cosine_last": past[-1:], "cosine_recent": past[-RECENT:], "cosine_liked": liked[-RECENT:]}
    return {
        name: vectors @ _unit(item_vectors[group].mean(axis=0, keepdims=True))[0] for name, group in groups.items() if len(group)
    }


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
