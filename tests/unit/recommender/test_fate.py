"""What becomes of an item agrees with the list that the same request gets, whatever stage decides."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from synthetic import POPULAR, TWO_TOWER, make_catalogue, make_policy, make_query, make_snapshot, user_of

from core.item_facts import ItemFacts
from recommender.assembly import SourceThreads
from recommender.fate import FILTER, PAGE, RELEASE, SELECTOR, SHOWN, SOURCE, Fate
from recommender.live import Snapshot
from recommender.policy import Policy
from recommender.recommender import Recommender
from recommender.release import Release
from recommender.roles import Constraints, Query
from retrieval.adapters.mirror import MirrorIndex

KNOWN = user_of(10, 200, 330, 470)
NARROW = make_policy(source=[TWO_TOWER | {"k": 30}, POPULAR | {"k": 5}])
NOW = make_snapshot()


def recommender(now: Snapshot, policy: Policy = NARROW) -> Recommender:
    return Recommender(now, policy, SourceThreads(), bounded=False)


def keys(now: Snapshot, by: Recommender, query: Query) -> list[int]:
    return now.catalogue.ids[asyncio.run(by.recommend(query)).selection.rows].tolist()


@pytest.mark.parametrize("exploration", [0.0, 0.6])
@pytest.mark.parametrize("user", [KNOWN, None], ids=["known", "stranger"])
def test_every_item_of_the_catalogue_has_the_fate_that_the_list_shows(release: Release, exploration: float, user) -> None:
    index = MirrorIndex()
    index.publish(release.name, release.catalogue.ids, release.item_vectors)
    now = Snapshot.of(release, index)
    by = recommender(now, Policy.load("default").exploring(exploration))
    query = make_query(15, user, seed=5, constraints=Constraints(genres=("Drama",)))
    shown = keys(now, by, query)
    fates = {item: by.fate(query, item) for item in now.catalogue.ids.tolist()}
    assert {item: fate.position for item, fate in fates.items() if fate.stage == SHOWN} == {
        item: position for position, item in enumerate(shown)
    }
    assert {fate.stage for fate in fates.values()} >= {SHOWN, FILTER}
    for item, fate in fates.items():
        assert (fate.stage == FILTER) == (item % 20 == 0 or (user is not None and item in KNOWN.consumed))


@pytest.mark.parametrize(
    ("item", "asked", "part", "words"),
    [
        (200, Constraints(), "seen", "seen drops it"),
        (20, Constraints(exclude=frozenset({20})), "asked_exclude", "request's exclude"),
        (20, Constraints(genres=("Western",)), "asked_genre", "request's genre"),
        (20, Constraints(min_year=2010), "asked_year", "request's year"),
        (50, Constraints(max_year=2010), "asked_year", "request's year"),  # its year is not known
    ],
)
def test_a_filter_is_named(item: int, asked: Constraints, part: str, words: str) -> None:
    fate = recommender(NOW).fate(make_query(5, KNOWN, constraints=asked), item)
    assert (fate.stage, fate.part, fate.rank) == (FILTER, part, None)
    assert words in fate.text


def test_a_hidden_item_and_one_that_came_later() -> None:
    items = make_catalogue().to_frame().with_columns(hidden=pl.col("item_id") == 20)
    by = recommender(NOW.with_facts(ItemFacts(items)))
    assert "hidden" in by.fate(make_query(5, KNOWN), 20).text
    assert by.fate(make_query(5, KNOWN), 999_999).stage == RELEASE


def not_shown(by: Recommender, query: Query) -> list[Fate]:
    return [fate for item in NOW.catalogue.ids.tolist() if (fate := by.fate(query, item)).stage != SHOWN]


def test_what_no_source_found_has_the_rank_that_it_would_have_had() -> None:
    by = recommender(NOW)
    lost = [fate for fate in not_shown(by, make_query(5, KNOWN)) if fate.stage == SOURCE]
    assert len(lost) > 200
    for fate in lost:
        assert [one.part for one in fate.sources] == ["two_tower", "popular"]
        assert all(one.rank is not None and one.rank > one.asked and not one.found for one in fate.sources)
    assert len({fate.sources[0].rank for fate in lost}) == len(lost), "no two items have one rank"


def test_below_the_page_it_has_a_rank_and_a_score() -> None:
    below = [fate for fate in not_shown(recommender(NOW), make_query(5, KNOWN)) if fate.stage == PAGE]
    assert sorted(fate.rank for fate in below if fate.rank) == list(range(6, 31))
    assert all(fate.score is not None and f"rank {fate.rank}" in fate.text for fate in below)


def test_what_exploration_displaced_or_did_not_draw_is_the_selectors_doing() -> None:
    by, query = recommender(NOW, NARROW.exploring(0.8)), make_query(5, KNOWN, seed=2)
    decided = [fate for fate in not_shown(by, query) if fate.stage == SELECTOR]
    assert any("gave the place" in fate.text and fate.rank is not None and fate.rank <= 5 for fate in decided)
    assert any("did not explore" in fate.text for fate in decided)


def test_an_item_of_an_earlier_page_is_in_its_place() -> None:
    by, query = recommender(NOW), make_query(5, KNOWN, offset=5)
    first = keys(NOW, by, make_query(5, KNOWN))
    fate = by.fate(query, first[2])
    assert (fate.stage, fate.position) == (SHOWN, 2)
    assert "earlier page" in fate.text


def test_following_an_item_changes_no_list() -> None:
    by, query = recommender(NOW, NARROW.exploring(0.5)), make_query(10, KNOWN, seed=7)
    before = keys(NOW, by, query)
    by.fate(replace(query, now=1.0), int(np.setdiff1d(NOW.catalogue.ids, before)[0]))
    assert keys(NOW, by, query) == before
