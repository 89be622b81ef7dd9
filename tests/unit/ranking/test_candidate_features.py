"""The ranker's columns against a slow reference that computes one cell at a time with plain Python floats."""

import math
from dataclasses import replace

import numpy as np
import pytest

from core.catalogue import Catalogue, ItemStats
from core.features import UserFeatures
from ranking.candidate_features import CANDIDATE_FEATURES, candidate_features
from ranking.history_features import HISTORY_FEATURES, session_length
from ranking.source_features import SourceOrder

GENRES = ("Comedy", "Crime", "Drama")
N = 10
USER_COLUMNS = (
    "genre_affinity",
    "recent_genre_overlap",
    "cosine_last",
    "cosine_recent",
    "cosine_liked",
    "popularity_gap",
    "year_gap",
    "user_log_events",
    "user_rating_mean",
    *HISTORY_FEATURES,
)
WEEKS = 1000 * 7 * 86_400.0  # seconds
NOW = 1_700_000_000.0  # 2023-11-14 22:13:20, a Tuesday


def make_catalogue() -> Catalogue:
    genres = np.random.default_rng(0).integers(0, 2, size=(N, len(GENRES))).astype(np.float32)
    genres[3] = 0  # a film without genres
    years = np.array([1990, 0, 2001, 1950, 0, 2010, 1977, 1999, 2020, 1985], dtype=np.float32)
    return Catalogue(
        np.arange(1, N + 1) * 10,
        tuple(f"film {row}" for row in range(N)),
        GENRES,
        genres,
        years,
        people=(("Ann",), ("Ann", "Bo"), (), ("Cy",), ("Bo",), (), ("Ann", "Cy"), (), ("Di",), ()),
        languages=("en", "fr", "", "en", "en", "fr", "", "de", "en", "fr"),
        runtimes=np.array([90, 0, 120, 100, 80, 150, 0, 95, 110, 60], dtype=np.float32),
        costs=np.array([0, 0.5, 0, 0, 2, 0, 0, 0, 0.1, 0], dtype=np.float32),
    )


def make_stats() -> ItemStats:
    counts = np.array([50, 3, 0, 7, 1, 200, 9, 0, 12, 4], dtype=np.float32)
    return ItemStats(1e9, counts, counts / 3, np.linspace(2, 4, N, dtype=np.float32))


CATALOGUE, STATS = make_catalogue(), make_stats()
VECTORS = np.random.default_rng(1).normal(size=(N, 4)).astype(np.float32)
VECTORS[8] = 0  # an item that no training event touched may have no direction


def user_of(items: list[int], values: list[float], genres: dict[str, float] | None = None, ratings: int = 2) -> UserFeatures:
    weights = genres or {}
    return UserFeatures(
        7,
        item_ids=np.array(items, dtype=np.int64),
        kinds=np.full(len(items), 3, dtype=np.int64),
        values=np.array(values, dtype=np.float32),
        times=np.cumsum(np.where(np.arange(len(items)) % 3 == 2, 7200.0, 60.0)),
        genres=tuple(weights),
        genre_weights=np.array(list(weights.values()), dtype=np.float32),
        n_events=len(items) + 30,
        rating_count=ratings,
        rating_sum=3.5 * ratings,
    )


USERS = {
    "stranger": None,
    "no history": user_of([], []),
    "unknown history": user_of([5, 15], [4.0, 5.0], {"Drama": 1.0}),
    "one event": user_of([20], [2.0], {"Crime": 0.5}),
    "long history": user_of(
        [10, 20, 999, 30, 40, 60, 70, 90, 100],
        [4.5, 1.0, 5.0, 4.0, 0.0, 5.0, 3.5, 4.0, 2.0],
        {"Comedy": 2.0, "Drama": 1.0, "Western": 5.0},
    ),
    "never liked": user_of([10, 60], [1.0, 2.0], {"Comedy": 1.0}),
    "never rated": user_of([10, 60], [0.0, 0.0], {"Comedy": 1.0}, ratings=0),
    "no dated film": user_of([20, 50], [4.0, 4.0]),
    "directionless last": user_of([10, 90], [5.0, 5.0]),
}


def found_by(scores: list[float] | np.ndarray) -> SourceOrder:
    """The towers alone."""
    return SourceOrder({"two_tower": np.asarray(scores, dtype=np.float32)})


def cosine(a: list[float], b: list[float]) -> float:
    lengths = math.hypot(*a) * math.hypot(*b)
    return sum(x * y for x, y in zip(a, b, strict=True)) / lengths if lengths else 0.0


def mean_vector(rows: list[int]) -> list[float]:
    return [sum(float(VECTORS[row, d]) for row in rows) / len(rows) for d in range(VECTORS.shape[1])]


def reference_user_cells(user: UserFeatures, row: int, past: list[tuple[int, float]]) -> dict[str, float]:
    """The columns that need a history, for one candidate; `past` holds (row, value), oldest first."""
    names = CATALOGUE.genres_of(row)
    breadth = max(len(names), 1)
    affinity = {g: float(w) for g, w in zip(user.genres, user.genre_weights, strict=True) if g in GENRES}
    total = sum(affinity.values())
    recent = [r for r, _ in past[-5:]]
    liked = [r for r, value in past if value >= 4][-5:]
    dated = [float(CATALOGUE.years[r]) for r, _ in past if CATALOGUE.years[r] > 0]
    year, own = float(CATALOGUE.years[row]), VECTORS[row].tolist()
    overlap = sum(name in CATALOGUE.genres_of(r) for name in names for r in recent) / len(recent)
    popularity = sum(math.log1p(STATS.n_events[r]) for r, _ in past) / len(past)
    near = [cosine(own, VECTORS[r].tolist()) for r, _ in past[-20:]]
    aged = [0.95 ** (len(past) - 1 - at) for at in range(len(past))]
    weights = [weight / sum(aged) for weight in aged]
    both = [(r, weight) for (r, _), weight in zip(past, weights, strict=True)]
    late = [float(CATALOGUE.years[r]) for r in recent if CATALOGUE.years[r] > 0]
    run = [float(CATALOGUE.runtimes[r]) for r, _ in past[-20:] if CATALOGUE.runtimes[r] > 0]
    language, people, length = CATALOGUE.languages[row], CATALOGUE.people[row], float(CATALOGUE.runtimes[row])
    tastes = [float(w) for w in user.genre_weights if w > 0]
    return {
        "nearest_cosine": max(near),
        "mean_cosine": sum(near) / len(near),
        "recent_popularity_gap": math.log1p(STATS.recent[row]) - sum(math.log1p(STATS.recent[r]) for r in recent) / len(recent),
        "recent_year_gap": abs(year - sum(late) / len(late)) if year > 0 and late else 0.0,
        "decade_affinity": sum(w for r, w in both if year > 0 and CATALOGUE.years[r] // 10 == year // 10),
        "language_affinity": sum(w for r, w in both if language and CATALOGUE.languages[r] == language),
        "people_affinity": sum(w for r, w in both for person in people if person in CATALOGUE.people[r]),
        "runtime_gap": abs(length - sum(run) / len(run)) if length > 0 and run else 0.0,
        "user_session_events": float(session_length(user.times)),
        "user_genre_breadth": math.exp(-sum(w / sum(tastes) * math.log(w / sum(tastes)) for w in tastes)) if tastes else 0.0,
        "genre_affinity": sum(affinity.get(name, 0) for name in names) / total / breadth if total else 0.0,
        "recent_genre_overlap": overlap / breadth,
        "cosine_last": cosine(own, VECTORS[past[-1][0]].tolist()),
        "cosine_recent": cosine(own, mean_vector(recent)),
        "cosine_liked": cosine(own, mean_vector(liked)) if liked else 0.0,
        "popularity_gap": math.log1p(STATS.n_events[row]) - popularity,
        "year_gap": abs(year - (sum(dated) / len(dated) if dated else 0.0)) if year > 0 else 0.0,
        "user_log_events": math.log1p(user.n_events),
        "user_rating_mean": user.rating_sum / user.rating_count if user.rating_count else 0.0,
    }


def reference(user: UserFeatures | None, rows: list[int], scores: list[float]) -> np.ndarray:
    """The whole table, cell by cell."""
    table = []
    for at, row in enumerate(rows):
        better = sum(other > scores[at] for other in scores) + sum(other == scores[at] for other in scores[:at])
        cells = {
            "retrieval_found": 1.0,
            "source_count": 1.0,
            "best_reciprocal_rank": 1 / (1 + better),
            "popularity_trend": math.log1p(STATS.recent[row]) - math.log1p(STATS.n_events[row]),
            "runtime": float(CATALOGUE.runtimes[row]),
            "cost": float(CATALOGUE.costs[row]),
            "hour": 22.0,
            "weekday": 1.0,
            "retrieval_score": scores[at],
            "retrieval_reciprocal_rank": 1 / (1 + better),
            "log_popularity": math.log1p(STATS.n_events[row]),
            "log_recent_popularity": math.log1p(STATS.recent[row]),
            "rating_mean": float(STATS.rating_mean[row]),
            "film_year": float(CATALOGUE.years[row]),
            "item_is_cold": float(STATS.n_events[row] == 0),
        }
        known = [] if user is None else list(zip(CATALOGUE.rows(user.item_ids).tolist(), user.values.tolist(), strict=True))
        past = [(r, value) for r, value in known if r >= 0]
        if user is not None and past:
            cells |= reference_user_cells(user, row, past)
        table.append([cells.get(name, 0.0) for name in CANDIDATE_FEATURES])
    return np.array(table)


@pytest.mark.parametrize("user", USERS.values(), ids=USERS.keys())
def test_every_cell_equals_the_slow_reference(user: UserFeatures | None) -> None:
    rows = np.random.default_rng(3).permutation(N)
    scores = np.array([0.5, -1.0, 2.0, 0.5, 0.5, 3.0, -2.0, 0.0, 1.0, 2.0], dtype=np.float32)  # with ties
    found = candidate_features(user, rows, found_by(scores), CATALOGUE, STATS, VECTORS, NOW)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, reference(user, rows.tolist(), scores.tolist()), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("user", [None, USERS["no history"], USERS["unknown history"]], ids=["stranger", "none", "unknown"])
def test_without_a_known_history_the_columns_of_the_user_are_zero(user: UserFeatures | None) -> None:
    found = candidate_features(user, np.arange(N), found_by(np.arange(N)), CATALOGUE, STATS, VECTORS)
    assert not found[:, [CANDIDATE_FEATURES.index(name) for name in USER_COLUMNS]].any()


@pytest.mark.parametrize("user", [None, USERS["long history"]], ids=["stranger", "known"])
def test_no_candidates_give_an_empty_table(user: UserFeatures | None) -> None:
    found = candidate_features(user, np.empty(0, np.intp), found_by([]), CATALOGUE, STATS, VECTORS)
    assert found.shape == (0, len(CANDIDATE_FEATURES))


def test_a_catalogue_without_genres() -> None:
    bare = replace(CATALOGUE, genre_names=(), genres=np.zeros((N, 0), dtype=np.float32))
    found = candidate_features(USERS["long history"], np.arange(N), found_by(np.zeros(N)), bare, STATS, VECTORS)
    assert np.isfinite(found).all()
    assert not found[:, [CANDIDATE_FEATURES.index(name) for name in ("genre_affinity", "recent_genre_overlap")]].any()


def test_weeks_later_everything_is_the_same() -> None:
    """Shifting every time that the function can see by a thousand weeks changes no feature."""
    user, scores = USERS["long history"], found_by(np.arange(N))
    assert user is not None
    later = replace(user, times=user.times + WEEKS, last_seen=user.last_seen + WEEKS)
    now = candidate_features(user, np.arange(N), scores, CATALOGUE, STATS, VECTORS)
    then = candidate_features(later, np.arange(N), scores, CATALOGUE, replace(STATS, as_of=STATS.as_of + WEEKS), VECTORS)
    np.testing.assert_array_equal(now, then)


def test_a_candidate_only_depends_on_itself_but_for_its_rank() -> None:
    rows, scores = np.arange(N), np.arange(N, dtype=np.float32)
    user = USERS["long history"]
    together = candidate_features(user, rows, found_by(scores), CATALOGUE, STATS, VECTORS)
    alone = np.concatenate(
        [candidate_features(user, rows[at : at + 1], found_by(scores[at : at + 1]), CATALOGUE, STATS, VECTORS) for at in rows]
    )
    ranks = [CANDIDATE_FEATURES.index(name) for name in ("retrieval_reciprocal_rank", "best_reciprocal_rank")]
    np.testing.assert_allclose(np.delete(together, ranks, axis=1), np.delete(alone, ranks, axis=1), rtol=1e-5, atol=1e-6)


def test_a_session_ends_where_half_an_hour_passed() -> None:
    assert session_length(np.array([])) == 0
    assert session_length(np.array([5.0])) == 1
    assert session_length(np.array([0.0, 100.0, 5000.0, 5100.0, 6900.0])) == 3
    assert session_length(np.array([0.0, 100.0, 5000.0])) == 1
