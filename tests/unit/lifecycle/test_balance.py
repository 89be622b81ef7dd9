"""Figures of lists as a whole: sequels by their titles, bias, steadiness; and nothing where a data set says nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from synthetic import make_snapshot, user_of

from core.catalogue import Catalogue
from lifecycle.balance import MIN_LISTS, balance, changed_a_little, nearness_of_sequels, sequels, steadiness
from lifecycle.gates import CROWDING, POPULARITY_BIAS, SEQUELS, STEADINESS
from recommender.live import Snapshot

TITLES = [f"Saga {name}{part}" for name in "ABCDEFGHIJKL" for part in ("", " 2")]


def catalogue(titles: list[str]) -> Catalogue:
    n = len(titles)
    items = {"item_id": range(1, n + 1), "title": titles, "genres": [[]] * n, "year": [None] * n}
    return Catalogue.from_frame(pl.DataFrame(items, schema_overrides={"genres": pl.List(pl.String), "year": pl.Int32}))


def snapshot(titles: list[str], together: bool) -> Snapshot:
    """A release whose sequels lie beside their originals, or opposite."""
    now = make_snapshot(catalogue=catalogue(titles), dim=32)
    vectors = now.item_vectors.copy()
    vectors[1::2] = vectors[::2] * (1 if together else -1)
    many = replace(now.release.stats, n_events=np.full(len(titles), 9, np.float32))
    return replace(now, item_vectors=vectors, release=replace(now.release, stats=many))


@pytest.mark.parametrize(
    ("original", "sequel", "found"),
    [
        ("Rocky (1976)", "Rocky II (1979)", True),
        ("Toy Story (1995)", "Toy Story 2 (1999)", True),
        ("Free Willy (1993)", "Free Willy 2: The Adventure Home (1995)", True),
        ("Saga", "saga part 3", True),
        ("Apollo (1990)", "Apollo 13 (1995)", True),  # a number is all that a title says
        ("Rocky (1976)", "Rocky Balboa (2006)", False),
        ("", " 2", False),
        ("", "", False),
    ],
)
def test_a_sequel_is_a_title_with_a_number_behind_it(original: str, sequel: str, found: bool) -> None:
    assert sequels(catalogue([original, sequel])) == ([(0, 1)] if found else [])


def test_sequels_are_near_their_originals_or_are_not() -> None:
    near, far = (nearness_of_sequels(snapshot(TITLES, together)) for together in (True, False))
    assert near is not None
    assert far is not None
    assert near > 0.9
    assert far < 0.1


def test_what_has_no_titles_has_no_sequels() -> None:
    assert nearness_of_sequels(snapshot([""] * 24, True)) is None
    assert SEQUELS not in balance(snapshot([""] * 24, True), [], [])


def test_the_item_that_most_lists_have_and_the_bias_towards_what_is_popular() -> None:
    now, user = make_snapshot(), user_of(10, 20, 30)
    popular = np.argsort(-now.release.stats.n_events, kind="stable")
    lists = [popular[:10]] * (MIN_LISTS // 2) + [popular[-10:]] * (MIN_LISTS - MIN_LISTS // 2)
    figures = balance(now, lists, [user] * MIN_LISTS)
    own = np.isin(now.catalogue.rows(user.item_ids), popular[:30]).mean()
    assert figures == {CROWDING: 0.5, POPULARITY_BIAS: pytest.approx(0.5 - own)}
    assert balance(now, lists[: MIN_LISTS - 1], [user]) == {}, "too few lists to tell"


def test_one_event_of_many_is_taken_away() -> None:
    now, many, few = make_snapshot(), user_of(*range(10, 160, 10)), user_of(10, 20)
    changed = changed_a_little(now, [few, many])
    assert list(changed) == [1]
    assert np.setdiff1d(many.item_ids, changed[1].item_ids).tolist() == [110]
    assert changed[1].item_ids[-1] == 150


def test_steadiness_is_what_two_lists_share() -> None:
    before, after = [np.arange(10)] * 12, [np.arange(5, 15)] * 12
    assert steadiness(before, after) == {STEADINESS: 0.5}
    assert steadiness(before[:3], after[:3]) == {}, "too few users with a long history"
