"""Sources beside the release's own: what each finds, in which order, and that it stays within what is eligible."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from synthetic import POPULAR, TWO_TOWER, make_policy, make_query, make_snapshot, user_of

from core.features import UserFeatures
from feature_repo.item_stats import of_all_time
from recommender.live import Snapshot
from recommender.parts.genre_popular import GenrePopularSource
from recommender.parts.long_tail import LongTailSource
from recommender.parts.new_releases import NewReleasesSource
from recommender.parts.similar import SimilarSource
from recommender.parts.trending import TrendingSource
from recommender.recommender import Offline
from recommender.roles import Query, Source

NOW = make_snapshot()
N = len(NOW.catalogue)
EVERYTHING = np.ones(N, dtype=np.bool_)


def liking(*rows: int) -> UserFeatures:
    """A user who gave five stars to these."""
    user = user_of(*NOW.catalogue.ids[list(rows)].tolist())
    return replace(user, values=np.full(len(rows), 5.0, dtype=np.float32))


def fan_of_genre(name: str) -> UserFeatures:
    return replace(liking(0), genres=(name,), genre_weights=np.ones(1, dtype=np.float32))


def without_attributes() -> Snapshot:
    """A catalogue of bare ids, as a shop has it."""
    bare = replace(NOW.catalogue, genres=np.zeros((N, 0), np.float32), genre_names=(), years=np.zeros(N, np.float32))
    return replace(NOW, release=replace(NOW.release, catalogue=bare))


def trending(now: Snapshot, k: int) -> TrendingSource:
    """Where row 5 has become popular, and row 9 was always."""
    ever, recent = np.full(N, 100.0, np.float32), np.ones(N, np.float32)
    ever[9], recent[9], recent[5] = 10_000.0, 100.0, 60.0
    stats = replace(now.stats, n_events=ever, users=ever, recent=recent + of_all_time(ever))
    return TrendingSource(replace(now, stats=stats), k)


MAKERS: dict[str, Callable[[Snapshot, int], Source]] = {
    "similar": lambda now, k: SimilarSource(now, k, likes=5),
    "trending": trending,
    "new_releases": lambda now, k: NewReleasesSource(now, k, years=100),
    "genre_popular": GenrePopularSource,
    "long_tail": lambda now, k: LongTailSource(now, k, head=0.2),
}


def asking() -> Query:
    return make_query(user=fan_of_genre(NOW.catalogue.genre_names[0]))


@pytest.mark.parametrize("name", MAKERS)
def test_each_finds_at_most_k_and_only_what_is_eligible_best_first(name: str) -> None:
    everything = MAKERS[name](NOW, N).fetch(asking(), EVERYTHING)
    assert len(everything.rows)
    some = EVERYTHING.copy()
    some[everything.rows[0]] = False
    found = MAKERS[name](NOW, 3).fetch(asking(), some)
    assert len(found.rows) <= 3
    assert everything.rows[0] not in found.rows
    assert len(set(found.rows.tolist())) == len(found.rows)
    assert (np.diff(found.scores) <= 0).all()


@pytest.mark.parametrize("name", MAKERS)
def test_on_bare_ids_and_for_a_stranger_each_finds_something_or_nothing_and_never_fails(name: str) -> None:
    for query in (make_query(), make_query(user=liking(3))):
        found = MAKERS[name](without_attributes(), 5).fetch(query, EVERYTHING)
        assert len(found.rows) == len(found.scores)
    if name in ("new_releases", "genre_popular"):
        assert not len(found.rows)


def test_similar_finds_what_is_near_to_one_like_and_not_to_their_middle() -> None:
    vectors = NOW.item_vectors / np.linalg.norm(NOW.item_vectors, axis=1, keepdims=True)
    found = SimilarSource(NOW, 10, likes=5).fetch(make_query(user=liking(3, 70)), EVERYTHING)
    nearest = np.maximum(vectors @ vectors[3], vectors @ vectors[70])
    assert found.rows.tolist() == np.argsort(-nearest, kind="stable")[:10].tolist()


def test_similar_looks_at_likes_alone() -> None:
    disliked = replace(liking(3), values=np.ones(1, dtype=np.float32))
    assert not len(SimilarSource(NOW, 10, likes=5).fetch(make_query(user=disliked), EVERYTHING).rows)


def test_what_rises_is_trending_and_what_is_always_popular_is_not() -> None:
    found = trending(NOW, 10).fetch(make_query(), EVERYTHING)
    assert found.rows.tolist() == [5]


def test_new_releases_are_of_the_newest_years_and_popularity_orders_a_year() -> None:
    found = NewReleasesSource(NOW, N, years=3).fetch(make_query(), EVERYTHING)
    years = NOW.catalogue.years[found.rows]
    assert years.min() > NOW.catalogue.years.max() - 3
    assert (np.diff(years) <= 0).all()
    of_newest = found.rows[years == years.max()]
    assert (np.diff(NOW.stats.recent[of_newest]) <= 0).all()


def test_popular_in_the_genres_shows_only_these_genres() -> None:
    genre = NOW.catalogue.genre_names[1]
    found = GenrePopularSource(NOW, 10).fetch(make_query(user=fan_of_genre(genre)), EVERYTHING)
    assert all(genre in NOW.catalogue.genres_of(row) for row in found.rows.tolist())


def test_the_long_tail_leaves_the_head_out_and_draws_anew_for_each_seed() -> None:
    source = LongTailSource(NOW, 20, head=0.2)
    head = set(np.argsort(-NOW.stats.recent, kind="stable")[: int(0.2 * N)].tolist())
    one, again, other = (source.fetch(replace(make_query(), seed=seed), EVERYTHING).rows.tolist() for seed in (1, 1, 2))
    assert one == again != other
    assert not head & {*one, *other}


def test_a_source_with_weight_0_adds_candidates_and_leaves_the_order_of_the_others_alone() -> None:
    towers = {**TWO_TOWER, "weight": 1.0}
    plain, more = make_policy(source=[towers, POPULAR]), make_policy(source=[towers, {"part": "similar"}, POPULAR])
    lists = []
    for policy in (plain, more):
        with Offline(NOW, policy.greedy()) as offline:
            (made,) = offline.recommend([make_query(user=liking(3, 70))])
            lists.append(made.selection.rows.tolist())
    assert lists[0] == lists[1]
