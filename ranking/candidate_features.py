"""What the ranker knows about one candidate for one user. The same function makes training rows and serves requests."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.catalogue import Catalogue, ItemStats
from core.errors import BundleCorrupt
from core.features import UserFeatures
from core.kinds import KINDS, STARRED
from ranking.history_features import HISTORY_FEATURES, RECENT, history_features
from ranking.source_features import SOURCE_FEATURES, TOWERS, VOTES, Columns, SourceOrder, reciprocal_ranks, source_features
from ranking.unit_vectors import unit

LIKED = 4.0  # stars
HOUR = 3600.0  # seconds
_STARRED = np.array([kind in STARRED for kind in KINDS])  # by kind code

CatalogueRows = NDArray[np.intp]  # of the catalogue

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
    *SOURCE_FEATURES,
    *HISTORY_FEATURES,
    "popularity_trend",
    "runtime",
    "cost",
    "hour",
    "weekday",
)
_COLUMN = {name: at for at, name in enumerate(CANDIDATE_FEATURES)}


def check_computed(names: Sequence[str]) -> None:
    """Raise BundleCorrupt that names the features among these on which a ranker was trained and that are not computed here."""
    unknown = [name for name in names if name not in CANDIDATE_FEATURES]
    if unknown:
        raise BundleCorrupt(f"it was trained on {', '.join(unknown)}, which this code does not compute")


def candidate_features(
    user: UserFeatures | None,
    rows: CatalogueRows,
    order: SourceOrder,
    catalogue: Catalogue,
    stats: ItemStats,
    item_vectors: NDArray[np.float32],
    now: float = 0.0,
) -> NDArray[np.float32]:
    """Features [n, len(CANDIDATE_FEATURES)] of candidate rows [n]; `item_vectors` [items, d] are the release's.

    `now` (Unix seconds) tells the hour and the weekday, in UTC, and nothing else: data served years after it was recorded gives
    the same features as in training.
    """
    out = np.zeros((len(rows), len(CANDIDATE_FEATURES)), dtype=np.float32)
    if not len(rows):
        return out
    popularity, years = np.log1p(stats.n_events[rows]), catalogue.years[rows]
    recently = np.log1p(stats.recent[rows])
    retrieved = worst_where_missing(order.of(TOWERS, len(rows)))
    ranks = {source: reciprocal_ranks(scores) for source, scores in order.scores.items()}
    columns: Columns = {
        "retrieval_score": retrieved,
        "retrieval_reciprocal_rank": reciprocal_ranks(retrieved),
        "log_popularity": popularity,
        "log_recent_popularity": recently,
        "popularity_trend": recently - popularity,
        "rating_mean": stats.rating_mean[rows],
        "film_year": years,
        "item_is_cold": popularity == 0,
        "runtime": catalogue.runtimes[rows],
        "cost": catalogue.known_costs[rows],
        "hour": now // HOUR % 24,
        "weekday": (now // (24 * HOUR) + 3) % 7,  # 1970-01-01 was a Thursday; Monday is 0
    }
    for source, name in VOTES.items():
        if source in ranks:
            votes = order.scores[source]
            columns[f"{name}_score"] = np.where(np.isnan(votes), 0.0, votes)
            columns[f"{name}_reciprocal_rank"] = ranks[source]
    columns |= source_features(order, ranks, len(rows))
    history = catalogue.rows(user.item_ids) if user is not None else np.empty(0, dtype=np.intp)
    known = history >= 0
    if user is not None and known.any():
        past, vectors = history[known], unit(item_vectors[rows])
        columns |= _of_genres(user, past, catalogue, rows)
        columns |= _of_history(user, past, catalogue, stats, popularity, years)
        columns |= _of_vectors(past, past[_liked(user)[known]], item_vectors, vectors)
        columns |= history_features(user, past, rows, vectors, catalogue, stats, item_vectors)
    for name, values in columns.items():
        out[:, _COLUMN[name]] = values
    return out


def worst_where_missing(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scores [n] in which an item that a source did not find (NaN) counts as good as the worst that it found; zeros if none."""
    missing = np.isnan(scores)
    if missing.all():
        return np.zeros_like(scores)
    return np.where(missing, np.fmin.reduce(scores), scores).astype(np.float32)  # as np.nanmin, in a fifth of the time


def _of_genres(user: UserFeatures, past: CatalogueRows, catalogue: Catalogue, rows: CatalogueRows) -> Columns:
    """How well the candidates' genres match the user's tastes and the latest items of the history."""
    genres, breadth = catalogue.genres[rows], catalogue.breadths[rows]
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
) -> Columns:
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
    past: CatalogueRows, liked: CatalogueRows, item_vectors: NDArray[np.float32], vectors: NDArray[np.float32]
) -> Columns:
    """How similar candidates with unit `vectors` [n, d] are to the latest items of the history, and to those of them that were
    `liked`."""
    columns: Columns = {
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
