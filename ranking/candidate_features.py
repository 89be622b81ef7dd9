"""What the ranker knows about one candidate for one user. The same function makes training rows and serves requests."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from core.catalogue import Catalogue, ItemStats
from core.features import UserFeatures
from core.kinds import KINDS, STARRED
from ranking.unit_vectors import unit

RECENT = 5  # events that count as "what the user does now"
LIKED = 4.0  # stars
_STARRED = np.array([kind in STARRED for kind in KINDS])  # by kind code

CatalogueRows = NDArray[np.intp]  # of the catalogue
FeatureColumns = dict[str, NDArray[np.generic] | float]  # features by name; one number stands for a whole column

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
    "transition_score",
    "transition_reciprocal_rank",
    "ease_score",
    "ease_reciprocal_rank",
)
_VOTES = {"transitions": "transition", "ease": "ease"}  # how the features of a source's votes begin
_COLUMN = {name: at for at, name in enumerate(CANDIDATE_FEATURES)}


def candidate_features(
    user: UserFeatures | None,
    rows: CatalogueRows,
    retrieval_scores: NDArray[np.float32],
    catalogue: Catalogue,
    stats: ItemStats,
    item_vectors: NDArray[np.float32],
    votes: Mapping[str, NDArray[np.float32]] | None = None,
) -> NDArray[np.float32]:
    """Features [n, len(CANDIDATE_FEATURES)] of candidate rows [n]; `item_vectors` [items, d] are the release's.

    `votes` [n] are those of the user's history in each item-to-item table, 0 for an item without any.
    Nothing here reads the clock, so data served years after it was recorded gives the same features as in training.
    """
    out = np.zeros((len(rows), len(CANDIDATE_FEATURES)), dtype=np.float32)
    if not len(rows):
        return out
    popularity, years = np.log1p(stats.n_events[rows]), catalogue.years[rows]
    columns: FeatureColumns = {
        "retrieval_score": retrieval_scores,
        "retrieval_reciprocal_rank": _reciprocal_ranks(retrieval_scores),
        "log_popularity": popularity,
        "log_recent_popularity": np.log1p(stats.recent[rows]),
        "rating_mean": stats.rating_mean[rows],
        "film_year": years,
        "item_is_cold": popularity == 0,
    }
    for source, scores in (votes or {}).items():
        columns[f"{_VOTES[source]}_score"] = scores
        columns[f"{_VOTES[source]}_reciprocal_rank"] = np.where(scores > 0, _reciprocal_ranks(scores), 0.0)
    history = catalogue.rows(user.item_ids) if user is not None else np.empty(0, dtype=np.intp)
    known = history >= 0
    if user is not None and known.any():
        past = history[known]
        columns |= _of_genres(user, past, catalogue, rows)
        columns |= _of_history(user, past, catalogue, stats, popularity, years)
        columns |= _of_vectors(past, past[_liked(user)[known]], item_vectors, rows)
    for name, values in columns.items():
        out[:, _COLUMN[name]] = values
    return out


def _reciprocal_ranks(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    ranks = np.empty(len(scores), dtype=np.float32)
    ranks[np.argsort(-scores, kind="stable")] = np.arange(1, len(scores) + 1)
    return np.float32(1.0) / ranks


def _of_genres(user: UserFeatures, past: CatalogueRows, catalogue: Catalogue, rows: CatalogueRows) -> FeatureColumns:
    """How well the candidates' genres match the user's tastes and the latest items of the history."""
    genres = catalogue.genres[rows]
    breadth = np.maximum(genres.sum(axis=1), 1.0)
    return {
        "genre_affinity": genres @ affinity(user, catalogue) / breadth,
        "recent_genre_overlap": genres @ catalogue.genres[past[-RECENT:]].mean(axis=0) / breadth,
    }


def _of_history(
    user: UserFeatures,
    past: CatalogueRows,
    catalogue: Catalogue,
    stats: ItemStats,
    popularity: NDArray[np.float32],
    years: NDArray[np.float32],
) -> FeatureColumns:
    """The user's own figures, and how the candidates' `popularity` and `years` [n] differ from those of the history."""
    past_years = catalogue.years[past]
    dated = past_years[past_years > 0]
    gaps = np.abs(years - (dated.mean() if len(dated) else 0.0))
    return {
        "popularity_gap": popularity - np.log1p(stats.n_events[past]).mean(),
        "year_gap": np.where(years > 0, gaps, 0.0),
        "user_log_events": np.log1p(user.n_events),
        "user_rating_mean": user.rating_sum / user.rating_count if user.rating_count else 0.0,
    }


def _of_vectors(
    past: CatalogueRows, liked: CatalogueRows, item_vectors: NDArray[np.float32], rows: CatalogueRows
) -> FeatureColumns:
    """How similar the candidates are to the latest items of the history, and to the latest ones that were `liked`."""
    vectors = unit(item_vectors[rows])
    columns: FeatureColumns = {
        "cosine_last": vectors @ unit(item_vectors[past[-1:]])[0],
        "cosine_recent": vectors @ _centre(item_vectors[past[-RECENT:]]),
    }
    if len(liked):
        columns["cosine_liked"] = vectors @ _centre(item_vectors[liked[-RECENT:]])
    return columns


def _liked(user: UserFeatures) -> NDArray[np.bool_]:
    """Which events of the history [h] gave a high rating; the value of a watch event is minutes and does not count."""
    return _STARRED[user.kinds] & (user.values >= LIKED)


def affinity(user: UserFeatures, catalogue: Catalogue) -> NDArray[np.float32]:
    """The user's genre weights for the catalogue's genres [G], normalised to shares; zeros for a user without any."""
    known = user.tastes
    weights = np.array([known.get(name, 0.0) for name in catalogue.genre_names], dtype=np.float32)
    total = float(weights.sum())
    return weights / np.float32(total) if total > 0 else weights


def _centre(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """The unit vector of their mean."""
    centre: NDArray[np.float32] = unit(vectors.mean(axis=0, keepdims=True))[0]
    return centre
