"""What a process remembers of what it showed: bounded in number and time, and forgotten with the user."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from synthetic import make_catalogue, make_policy, make_query, make_snapshot

from recommender.recommender import Offline, RecommendationResult
from serving.lists.exposures import Exposures
from serving.lists.shown_lists import ShownLists


def pages(*offsets: int, user: int = 1, now: float = 100.0) -> list[RecommendationResult]:
    """Pages of ten of the same list."""
    with Offline(make_snapshot(catalogue=make_catalogue(60)), make_policy()) as offline:
        queries = [replace(make_query(10, offset=offset, now=now), user_id=user) for offset in offsets]
        return list(offline.recommend(queries))


def test_pages_add_up_and_a_page_that_comes_again_takes_the_place_of_the_first() -> None:
    lists = ShownLists()
    for page in pages(0, 10, 10):
        lists.add("a", page)
    assert sorted(lists.of("a", 1).keys) == list(range(20))
    assert not lists.of("a", 2)
    assert not lists.of(None, 1)


def test_lists_are_forgotten_after_their_time_and_when_there_are_too_many() -> None:
    clock = [0.0]
    lists = ShownLists(seconds=10.0, lists=2, clock=lambda: clock[0])
    first, second = pages(0, 10)
    lists.add("a", first)
    clock[0] = 9.0
    lists.add("a", second)
    clock[0] = 18.0
    assert len(lists.of("a", 1).keys) == 20, "a further page keeps it"
    clock[0] = 19.0
    assert not lists.of("a", 1)
    for name in "bcd":
        lists.add(name, first)
    assert (len(lists), bool(lists.of("b", 1)), bool(lists.of("d", 1))) == (2, False, True)


def test_another_user_with_the_same_request_id_inherits_nothing() -> None:
    lists = ShownLists()
    lists.add("a", pages(0)[0])
    lists.add("a", pages(10, user=2)[0])
    assert sorted(lists.of("a", 2).keys) == list(range(10, 20))
    lists.forget(2)
    assert len(lists) == 0


def test_the_latest_impressions_of_the_latest_users_are_kept() -> None:
    seen = Exposures(users=2, impressions=15)
    for page in pages(0, 10):
        seen.add(page)
    assert (
        seen.of(1).keys.tolist()
        == make_catalogue(60).ids[[*pages(0)[0].selection.rows[5:], *pages(10)[0].selection.rows]].tolist()
    )
    assert set(seen.of(1).times.tolist()) == {100.0}
    for user in (2, 3):
        seen.add(pages(0, user=user)[0])
    assert [len(seen.of(user).keys) for user in (1, 2, 3)] == [0, 10, 10]
    seen.forget(3)
    assert len(seen) == 1


@pytest.mark.anyio
async def test_a_policy_with_fatigue_drops_what_its_process_showed_too_often(build_world: Any, make_host: Any) -> None:
    world = build_world(make_host(policy=make_policy(filter=[{"part": "fatigue", "shown": 2}])))
    async with world.client() as client:
        lists = [(await client.get("/recommend/7?k=10&format=ids")).json()["recommendations"] for _ in range(3)]
    assert lists[0] == lists[1]
    assert not set(lists[2]) & set(lists[0])
    world.service.forget(7)
    async with world.client() as client:
        assert (await client.get("/recommend/7?k=10&format=ids")).json()["recommendations"] == lists[0]
