"""Further pages: the exact probability of each item, given what was shown above it."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from synthetic import make_catalogue, make_policy, make_query, make_snapshot, user_of

from recommender.assembly import SourceThreads
from recommender.paging import Shown
from recommender.recommender import RecommendationResult, Recommender
from recommender.roles import Query

FILMS = make_catalogue(12)
NOW = make_snapshot(catalogue=FILMS)
BEFORE, AFTER = user_of(10, 20), user_of(10, 20, 120)


def made(query: Query, explored: float = 0.5) -> RecommendationResult:
    policy = make_policy(explored, selector={"part": "epsilon", "epsilon": explored, "pool": 4})
    return asyncio.run(Recommender(NOW, policy, SourceThreads(), bounded=False).recommend(query))


def keys(result: RecommendationResult) -> list[int]:
    return FILMS.ids[result.selection.rows].tolist()


def shown_of(result: RecommendationResult) -> Shown:
    return Shown(dict(enumerate(keys(result), result.query.page.offset)))


def test_the_propensities_of_a_page_that_was_selected_anew_are_its_frequencies() -> None:
    first = made(make_query(3, BEFORE, seed=1))
    counts: Counter[tuple[int, ...]] = Counter()
    said: dict[tuple[int, ...], float] = {}
    for seed in range(3000):
        page = made(replace(make_query(2, AFTER, offset=3, seed=seed), shown=shown_of(first)))
        counts[tuple(keys(page))] += 1
        said[tuple(keys(page))] = float(page.selection.propensities.prod())
    assert sum(said.values()) == pytest.approx(1.0, abs=0.02)
    for pair, count in counts.items():
        error = 5 * np.sqrt(said[pair] * (1 - said[pair]) / 3000)
        assert abs(count / 3000 - said[pair]) < error, pair


def test_as_long_as_nothing_changes_it_is_the_same_list() -> None:
    whole = made(make_query(8, BEFORE, seed=3))
    first = made(make_query(4, BEFORE, seed=3))
    later = made(replace(make_query(4, BEFORE, offset=4, seed=3), shown=shown_of(first)))
    assert keys(first) + keys(later) == keys(whole)
    assert later.selection.propensities.tolist() == whole.selection.propensities[4:].tolist()


def test_what_was_shown_and_has_left_the_catalogue_does_no_harm() -> None:
    first = shown_of(made(make_query(4, BEFORE, seed=3)))
    gone = Shown({**first.keys, 1: 999_999})
    later = keys(made(replace(make_query(8, BEFORE, offset=4, seed=3), shown=gone)))
    assert not set(later) & {key for position, key in first.keys.items() if position != 1}
    assert len(later) == len(set(later)) == 12 - 2 - 3, "all that is left: two are consumed, three were shown"


def test_past_the_last_item_a_page_is_empty() -> None:
    first = made(make_query(10, BEFORE, seed=3))
    assert keys(made(replace(make_query(10, AFTER, offset=10, seed=3), shown=shown_of(first)))) == []
