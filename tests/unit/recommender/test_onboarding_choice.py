"""What to ask a new user: well known, far apart, and better than asking about what is popular."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from small_world import SIMULATION, snapshot
from synthetic import make_snapshot

from core.catalogue import ItemStats
from recommender.live import Snapshot
from recommender.onboarding_choice import worth_asking

N = 300
ALL = np.ones(N, dtype=np.bool_)


def with_events(now: Snapshot, events: NDArray[np.float32]) -> Snapshot:
    return now.with_stats(ItemStats(1e9, events, events, np.full(len(events), 3.5, np.float32)))


def test_every_item_is_asked_about_once_and_only_eligible_ones() -> None:
    now = with_events(make_snapshot(), np.arange(N, dtype=np.float32))
    some = ALL.copy()
    some[-50:] = False
    rows = worth_asking(now, some, 20)
    assert len(set(rows.tolist())) == 20
    assert some[rows].all()
    assert len(worth_asking(now, np.zeros(N, dtype=np.bool_), 5)) == 0
    assert len(worth_asking(now, ALL, 1000)) == N


def test_an_item_that_nobody_knows_is_asked_about_last() -> None:
    events = np.full(N, 100.0, dtype=np.float32)
    events[5] = 0.0
    rows = worth_asking(with_events(make_snapshot(), events), ALL, N).tolist()
    assert rows.index(5) == N - 1


def test_two_items_that_say_the_same_are_not_asked_about_together() -> None:
    now = with_events(make_snapshot(), np.full(N, 100.0, dtype=np.float32))
    vectors = now.item_vectors.copy()
    vectors[1] = vectors[0]
    rows = worth_asking(now.with_vectors(vectors), ALL, 8).tolist()
    assert not {0, 1} <= set(rows)


def spread_left(now: Snapshot, rows: NDArray[np.intp], known: NDArray[np.float64]) -> float:
    """Expected mean squared error of the users' tastes after the answers, by ridge regression on what they know and would say."""
    vectors = now.item_vectors.astype(np.float64)
    tastes = SIMULATION.world.tastes(list(range(1, 200)), 0.0).astype(np.float64)
    rng, errors = np.random.default_rng(3), []
    prior = np.linalg.inv(np.cov(tastes.T) + 1e-6 * np.eye(tastes.shape[1]))
    mean = tastes.mean(axis=0)
    for taste in tastes:
        asked = rows[rng.random(len(rows)) < known[rows]]
        seen, noise = vectors[asked], 0.3
        answers = seen @ (taste - mean) + rng.normal(0, noise, len(asked))
        found = np.linalg.solve(prior + seen.T @ seen / noise**2, seen.T @ answers / noise**2)
        errors.append(np.mean((mean + found - taste) ** 2))
    return float(np.mean(errors))


@pytest.mark.parametrize("k", [4, 8])
def test_the_answers_say_more_of_a_taste_than_those_about_what_is_popular(k: int) -> None:
    world = snapshot()
    events = np.random.default_rng(1).uniform(50, 100, len(world.catalogue)).astype(np.float32)  # all are known to many
    now = with_events(world, events)
    known = now.stats.n_events / now.stats.n_events.max()
    eligible = np.ones(len(now.catalogue), dtype=np.bool_)
    popular = np.argsort(-now.stats.n_events, kind="stable")[:k]
    chosen = worth_asking(now, eligible, k)
    assert spread_left(now, chosen, known) < spread_left(now, popular, known)
