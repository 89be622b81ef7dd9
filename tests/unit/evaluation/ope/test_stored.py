"""Lists are judged by what they were drawn from: exactly, after everything that they were made from has moved on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from small_world import DAY, MIDNIGHT, PAST, SIZE, policy, snapshot

from core.features import UserFeatures
from evaluation.ope.logs import LoggedList
from evaluation.ope.replay import LogReplay, Replayed
from evaluation.ope.stored import StoredDraws, same_candidates
from recommender.alternatives import Alternatives
from recommender.policy import Policy
from recommender.recommender import Offline
from recommender.roles import Page, Query
from retrieval.adapters.mirror import MirrorIndex
from serving.lists.made_from import made_from

NOW, LOGGING = snapshot(), policy(0.6)
N = 30
QUERIES = [
    Query(f"{number:032x}", number + 1, MIDNIGHT + number * 60.0, number, UserFeatures(number + 1), Page(SIZE))
    for number in range(N)
]


def logged(logging: Policy) -> tuple[list[LoggedList], StoredDraws]:
    """Lists of NOW, and what was stored of them."""
    lists, stored = [], []
    with Offline(NOW, logging) as offline:
        for query, made in zip(QUERIES, offline.recommend(QUERIES), strict=True):
            kept, shown = made_from(made, "test"), made.selection
            assert kept is not None
            stored.append((query.request_id, kept.model_dump_json()))
            rewards = np.zeros(SIZE)
            rewards[query.seed % SIZE] = query.seed % 3 == 0
            items = NOW.catalogue.ids[shown.rows]
            columns = (items, shown.propensities.astype(np.float64), rewards)
            lists.append(LoggedList(query.request_id, query.user_id, query.now, made.selection.policy_id, NOW.name, *columns))
    return lists, StoredDraws(stored)


LISTS, STORED = logged(LOGGING)
LATER = np.random.default_rng(0).normal(size=NOW.item_vectors.shape).astype(np.float32)
INDEX = MirrorIndex()
INDEX.publish(NOW.name, NOW.catalogue.ids, LATER)
MOVED = replace(NOW.with_vectors(LATER), index=INDEX)


def judged(
    evaluated: Policy, stored: StoredDraws = STORED, lists: list[LoggedList] = LISTS, logging: Policy = LOGGING
) -> Replayed:
    """After the vectors moved."""
    empty = PAST.clear()
    return LogReplay(empty, PAST.select("item_id", "ts").clear(), lambda _: MOVED, {logging.id: logging}, stored=stored).run(
        lists, evaluated
    )


def test_what_was_logged_comes_out_again_where_a_replay_cannot() -> None:
    found = judged(LOGGING)
    assert (found.stored, found.reproduced, found.unseen) == (1.0, 1.0, 0.0)
    np.testing.assert_array_equal(found.evaluated, found.logged)
    again = judged(LOGGING, StoredDraws())
    assert again.stored == 0.0
    assert again.reproduced is not None
    assert again.reproduced < 0.5


@pytest.mark.parametrize(
    "evaluated",
    [policy(0.2), policy(0.0), policy(0.9, pool=10), policy(0.0).model_copy(update={"name": "other"})],
    ids=["less exploration", "greedy", "a smaller pool", "another name"],
)
def test_another_selector_has_the_propensities_that_it_would_have_had(evaluated: Policy) -> None:
    found = judged(evaluated)
    assert found.stored == 1.0
    with Offline(NOW, evaluated) as offline:
        for row, (one, then) in enumerate(zip(LISTS, offline.alternatives(QUERIES), strict=True)):
            np.testing.assert_allclose(found.evaluated[row], then.propensities(NOW.catalogue.rows(one.items)), rtol=1e-6)


def test_what_was_not_stored_far_enough_is_replayed() -> None:
    assert judged(policy(0.5, pool=30)).stored == 0.0


def test_another_source_or_a_slot_is_replayed() -> None:
    other = policy(0.6, source=[{"part": "popular", "k": 5}])
    assert not same_candidates(other, LOGGING)
    assert judged(other).stored == 0.0


def test_a_bandit_needs_what_only_bandits_store() -> None:
    bandit = LOGGING.model_copy(update={"selector": Policy.of(_bandit(20), "test").selector})
    assert not same_candidates(bandit, LOGGING)
    assert same_candidates(LOGGING, bandit)
    smaller = LOGGING.model_copy(update={"selector": Policy.of(_bandit(10), "test").selector})
    assert not same_candidates(smaller, bandit)


def _bandit(pool: int) -> dict[str, object]:
    return {**LOGGING.model_dump(by_alias=True), "selector": {"part": "linear_bandit", "pool": pool}}


def test_every_candidate_is_stored_where_there_are_few() -> None:
    """The whole pool was stored although it is smaller than the new one: there was nothing more."""
    few = policy(0.6, pool=200)
    lists, stored = logged(few)
    assert judged(policy(0.6, pool=1000), stored, lists, few).stored == 1.0


@pytest.mark.parametrize("raw", [None, "{}", "no json"])
def test_what_cannot_be_read_is_replayed(raw: str | None) -> None:
    assert judged(LOGGING, StoredDraws((one.request_id, raw) for one in LISTS)).stored == 0.0


def test_a_policy_that_is_not_on_record_is_replayed() -> None:
    assert judged(LOGGING, logging=policy(0.5)).stored == 0.0


def test_items_that_left_the_release_are_replayed() -> None:
    one = replace(LISTS[0], ts=LISTS[0].ts + DAY)
    smaller = replace(MOVED, release=replace(NOW.release, catalogue=replace(NOW.catalogue, ids=NOW.catalogue.ids + 1_000_000)))
    assert STORED.of(one, QUERIES[0], LOGGING, LOGGING, smaller) == ()
    found = STORED.of(one, QUERIES[0], LOGGING, LOGGING, MOVED)
    assert all(isinstance(each, Alternatives) for each in found)
