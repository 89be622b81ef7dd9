"""New items get their first impressions: the source knows who waits, and exploration shows each as often as the budget says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from synthetic import POPULAR, TWO_TOWER, make_policy, make_query, make_snapshot, user_of

from core.features import UserFeatures
from recommender.live import Snapshot
from recommender.parts.new_items import EndConfig, NewItemsSource
from recommender.policy import Policy
from recommender.recommender import Offline

NEW = [7, 40, 41, 299]
BUDGET = 30


def extended(impressions: NDArray[np.float32] | None = None) -> Snapshot:
    """A release with four items that have no event, as `release extend` makes it."""
    now = make_snapshot()
    events = now.stats.n_events + 1
    events[NEW] = 0
    stats = replace(now.stats, n_events=events, impressions=np.zeros_like(events) if impressions is None else impressions)
    return replace(now, release=replace(now.release, stats=stats), stats=stats)


NOW = extended()
EVERYTHING = np.ones(len(NOW.catalogue), dtype=np.bool_)


def policy(exploration: float, **source: object) -> Policy:
    return make_policy(exploration, source=[TWO_TOWER, POPULAR, {"part": "new_items", "budget": BUDGET, **source}])


def fan_of(row: int) -> UserFeatures:
    """Who took up the item whose vector is nearest to this one's."""
    vectors = NOW.item_vectors / np.linalg.norm(NOW.item_vectors, axis=1, keepdims=True)
    near = np.argsort(-(vectors @ vectors[row]))
    return user_of(int(NOW.catalogue.ids[next(one for one in near.tolist() if one not in NEW)]))


@pytest.mark.parametrize("row", NEW)
def test_the_best_fit_comes_first_and_behind_all_that_fills_up(row: int) -> None:
    found = NewItemsSource(NOW, 10, BUDGET).fetch(make_query(user=fan_of(row)), EVERYTHING)
    assert sorted(found.rows.tolist()) == NEW
    assert found.rows[0] == row
    assert (found.scores <= 0).all()


def test_only_what_is_eligible_and_a_stranger_gets_them_alike() -> None:
    eligible = EVERYTHING.copy()
    eligible[40] = False
    found = NewItemsSource(NOW, 10, BUDGET).fetch(make_query(), eligible)
    assert sorted(found.rows.tolist()) == [7, 41, 299]
    assert len(set(found.scores.tolist())) == 1


def test_who_had_the_budget_waits_no_longer_and_who_is_nearest_to_it_comes_first() -> None:
    shown = np.zeros(len(EVERYTHING), np.float32)
    shown[[7, 41, 299, 3]] = [BUDGET, BUDGET - 1, 2, 1]
    now = extended(shown)
    assert sorted(NewItemsSource(now, 10, BUDGET).fetch(make_query(), EVERYTHING).rows.tolist()) == [40, 41, 299]
    assert sorted(NewItemsSource(now, 2, BUDGET).fetch(make_query(), EVERYTHING).rows.tolist()) == [41, 299]


def test_of_items_that_were_not_shown_yet_those_that_came_last_go_first() -> None:
    assert sorted(NewItemsSource(NOW, 2, BUDGET).fetch(make_query(), EVERYTHING).rows.tolist()) == [41, 299]


def test_an_event_since_the_build_does_not_end_the_budget() -> None:
    now = extended()
    later = now.with_stats(replace(now.stats, n_events=now.stats.n_events + 1))
    assert sorted(NewItemsSource(later, 10, BUDGET).fetch(make_query(), EVERYTHING).rows.tolist()) == NEW


def test_each_new_item_gets_its_impressions_and_then_exploration_is_as_before() -> None:
    """Lists of ten for all kinds of users, statistics taken over after every fifty."""
    dice, shown, lists = np.random.default_rng(0), np.zeros(len(EVERYTHING), np.float32), 0
    users = [user_of(*NOW.catalogue.ids[dice.choice(200, 5, replace=False)].tolist()) for _ in range(50)]
    while (shown[NEW] < BUDGET).any():
        assert lists < 2_000, "4 items times 30 impressions, a twentieth of ten positions: some five hundred lists"
        with Offline(extended(shown), policy(0.1)) as offline:
            queries = [make_query(10, user, seed=lists + at) for at, user in enumerate(users)]
            for made in offline.recommend(queries):
                np.add.at(shown, made.selection.rows, 1)
                lists += 1
    assert lists > 150
    before = shown[NEW].copy()
    with Offline(extended(shown), policy(0.1)) as offline:
        for made in offline.recommend([make_query(10, user, seed=9_000 + at) for at, user in enumerate(users * 4)]):
            np.add.at(shown, made.selection.rows, 1)
    assert shown[NEW].sum() - before.sum() < 20, "now as any other item: by its rank"


def test_without_exploration_nothing_of_it_is_seen() -> None:
    plain = make_policy(0.0, source=[TWO_TOWER, POPULAR])
    user = user_of(10, 200, 330)
    with Offline(NOW, policy(0.5).greedy()) as greedy, Offline(NOW, plain) as without:
        (one,), (other,) = greedy.recommend([make_query(20, user)]), without.recommend([make_query(20, user)])
        assert one.selection.rows.tolist() == other.selection.rows.tolist()


def counted(shown: dict[int, float], answers: dict[int, float]) -> Snapshot:
    """With impressions and accepted ones by row; what the release has learned was shown 1,000 times and always accepted."""
    impressions, accepted = np.zeros(len(NOW.catalogue), np.float32), np.zeros(len(NOW.catalogue), np.float32)
    impressions[0], accepted[0] = 1000, 1000
    for row, count in shown.items():
        impressions[row], accepted[row] = count, answers.get(row, 0.0)
    return NOW.with_stats(replace(NOW.stats, impressions=impressions, answers=accepted))


def test_exploration_ends_when_enough_is_known_and_at_the_budget_at_the_latest() -> None:
    """At a mean acceptance of one in twenty among the new: nobody accepted one in 45 impressions, another is like the mean."""
    now = counted({7: 45, 40: 45, 41: 100, 299: 19}, {40: 3, 41: 8})
    waits = {
        name: sorted(NewItemsSource(now, 10, 100, end).fetch(make_query(), EVERYTHING).rows.tolist())
        for name, end in (("never", None), ("decided", EndConfig()), ("later", EndConfig(min_impressions=46)))
    }
    assert waits == {"never": [7, 40, 299], "decided": [40, 299], "later": [7, 40, 299]}


def test_while_nobody_accepted_anything_only_the_budget_ends_it() -> None:
    now = NOW.with_stats(replace(NOW.stats, impressions=np.full(len(NOW.catalogue), 99, np.float32)))
    found = NewItemsSource(now, 10, 100, EndConfig()).fetch(make_query(), EVERYTHING)
    assert sorted(found.rows.tolist()) == NEW
