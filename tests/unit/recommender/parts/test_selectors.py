"""Selectors: the policy's choice, with every column of the chosen candidates."""

from __future__ import annotations

import numpy as np
import pytest
from synthetic import make_query, make_snapshot

from ranking.policies import epsilon, greedy
from recommender.candidates import Candidates, merge
from recommender.parts.selectors import EpsilonConfig, GreedyConfig
from recommender.roles import Fetched

NOW = make_snapshot()


def candidates(n: int = 60) -> Candidates:
    """Even rows were found by the second source as well."""
    rows, scores = np.arange(n) + 100, np.random.default_rng(n).normal(size=n).astype(np.float32)
    return merge({"a": Fetched(rows, scores), "b": Fetched(rows[::2], scores[::2])})


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_each_selector_is_its_policy(seed: int) -> None:
    found, query = candidates(), make_query(10, seed=seed)
    expected = {
        GreedyConfig().build(NOW): greedy.choose(found.scores, 10),
        EpsilonConfig(epsilon=0.8, pool=30).build(NOW): epsilon.choose(found.scores, 10, 0.8, 30, seed),
    }
    for selector, choice in expected.items():
        chosen = selector.select(query, found)
        np.testing.assert_array_equal(chosen.rows, found.rows[choice.index])
        np.testing.assert_array_equal(chosen.propensities, choice.propensities)
        np.testing.assert_array_equal(chosen.explored, choice.explored)


def test_every_column_follows_its_row() -> None:
    found = candidates()
    chosen = EpsilonConfig(epsilon=0.8, pool=30).build(NOW).select(make_query(10, seed=3), found)
    assert chosen.sources == ("a", "b")
    np.testing.assert_array_equal(chosen.scores, found.scores[chosen.rows - 100])
    np.testing.assert_array_equal(chosen.found_by("b"), chosen.rows % 2 == 0)
    assert chosen.found_by("a").all()
    assert not chosen.found_by("nobody").any()


def test_positions_up_to_the_end_of_the_page_are_filled() -> None:
    assert len(GreedyConfig().build(NOW).select(make_query(10, offset=7), candidates())) == 17


def test_no_candidates_no_selection() -> None:
    for config in (GreedyConfig(), EpsilonConfig()):
        assert len(config.build(NOW).select(make_query(10), candidates(0))) == 0
