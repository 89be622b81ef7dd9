"""What could be shown instead: the propensities of a served list are those it was served with, whoever asks."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import numpy as np
import pytest
from synthetic import make_catalogue, make_policy, make_query, make_snapshot, user_of

from recommender.alternatives import Alternatives
from recommender.assembly import SourceThreads
from recommender.policy import Policy
from recommender.recommender import RecommendationResult, Recommender
from recommender.roles import Query

SMALL = make_snapshot(catalogue=make_catalogue(30))


@pytest.fixture(scope="module")
def threads() -> Iterator[SourceThreads]:
    pool = SourceThreads()
    yield pool
    pool.close()


def both(policy: Policy, query: Query, threads: SourceThreads) -> tuple[RecommendationResult, Alternatives]:
    recommender = Recommender(SMALL, policy, threads, bounded=False)
    return asyncio.run(recommender.recommend(query)), asyncio.run(recommender.alternatives(query))


@pytest.mark.parametrize("exploration", [0.0, 0.4])
@pytest.mark.parametrize("selector", ["epsilon", "greedy"])
@pytest.mark.parametrize("size", [1, 10, 28])
def test_a_served_list_has_the_propensities_it_was_served_with(
    exploration: float, selector: str, size: int, threads: SourceThreads
) -> None:
    """28 of the 28 items that the user does not know: with sources of 5 each, most of them fill the list up."""
    sources = [{"part": "two_tower", "k": 5}, {"part": "popular", "k": 5}]
    part = {"part": selector} | ({"epsilon": exploration, "pool": 6} if selector == "epsilon" else {})
    policy = make_policy(source=sources, selector=part)
    for seed in range(5):
        made, found = both(policy, make_query(size, user_of(10, 20), seed=seed), threads)
        rows = made.selection.rows
        assert len(rows) == size
        np.testing.assert_array_equal(found.propensities(rows), made.selection.propensities)
        np.testing.assert_array_equal(found.draw(seed, size), rows)


def test_what_cannot_be_shown_has_probability_zero(threads: SourceThreads) -> None:
    policy = make_policy(source=[{"part": "popular", "k": 5}], selector={"part": "greedy"})
    made, found = both(policy, make_query(8, user_of(10, 20)), threads)
    rows = made.selection.rows.copy()
    rows[[6, 7]] = rows[[7, 6]]  # the order in which lists are filled up is certain
    assert found.propensities(rows).tolist() == [1] * 6 + [0, 0]
    assert found.propensities(np.array([-1, -1])).tolist() == [0, 0]
    consumed = SMALL.catalogue.rows(np.array([10]))
    assert found.propensities(consumed).tolist() == [0]
    assert len(found.draw(1, 30)) == 28  # the user knows the other two
