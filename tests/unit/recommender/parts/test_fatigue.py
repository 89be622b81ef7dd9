"""Fatigue: what was shown often without an answer is dropped or moved down, and comes back."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from synthetic import make_catalogue, make_policy, make_query, make_snapshot, user_of

from core.catalogue import Catalogue
from core.errors import InvalidInput
from core.features import UserFeatures
from recommender.assembly import SourceThreads
from recommender.exposure import Exposure
from recommender.recommender import Recommender

FILMS = make_catalogue(40)
BARE = Catalogue.from_frame(pl.DataFrame({"item_id": FILMS.ids, "title": [""] * 40, "genres": [[]] * 40, "year": [None] * 40}))
HOUR = 3600.0
NOW = 100 * HOUR
FAN = user_of(10, 200)
DROPS = {"filter": [{"part": "fatigue", "shown": 2, "window_hours": 10.0}]}
DEMOTES = {"scorer": [{"part": "retrieval"}, {"part": "fatigue", "shown": 2, "window_hours": 10.0, "demote": 50.0}]}


def keys(exposure: Exposure | None, user: UserFeatures | None = FAN, films: Catalogue = FILMS, **rules: Any) -> list[int]:
    recommender = Recommender(make_snapshot(catalogue=films), make_policy(**rules), SourceThreads(), bounded=False)
    query = replace(make_query(40, user, now=NOW), exposure=exposure)
    return films.ids[asyncio.run(recommender.recommend(query)).selection.rows].tolist()


def shown(*impressions: tuple[int, float]) -> Exposure:
    """Item keys and hours ago."""
    items, ago = zip(*impressions, strict=True)
    return Exposure(np.array(items, dtype=np.int64), NOW - np.array(ago) * HOUR)


@pytest.mark.parametrize("films", [FILMS, BARE], ids=["films", "bare"])
@pytest.mark.parametrize("user", [FAN, None], ids=["known", "stranger"])
def test_twice_shown_is_dropped_once_shown_is_not(films: Catalogue, user: UserFeatures | None) -> None:
    twice = shown((330, 1.0), (330, 2.0), (50, 1.0), (9_999, 1.0), (9_999, 2.0))
    fresh = keys(Exposure.none(), user, films, **DROPS)
    assert keys(twice, user, films, **DROPS) == [key for key in fresh if key != 330]
    assert keys(None, user, films, **DROPS) == fresh, "offline nothing was shown"


def test_impressions_outside_the_window_do_not_count() -> None:
    assert 330 in keys(shown((330, 1.0), (330, 11.0)), **DROPS)


def test_an_answer_starts_counting_again() -> None:
    viewed = UserFeatures(1, np.array([330]), np.array([0]), np.zeros(1, np.float32), np.array([NOW - 1.5 * HOUR]), n_events=1)
    assert 330 in keys(shown((330, 1.0), (330, 2.0)), viewed, **DROPS)
    assert 330 not in keys(shown((330, 1.0), (330, 1.2), (330, 2.0)), viewed, **DROPS)


def test_a_demotion_grows_and_nothing_is_lost() -> None:
    first, second = keys(None, **DEMOTES)[:2]
    tired = keys(shown((first, 1.0), (first, 2.0), (first, 3.0), (second, 1.0), (second, 2.0)), **DEMOTES)
    assert tired[-2:] == [second, first]
    assert len(tired) == len(set(tired)) == 38, "all but the two that were consumed"


def test_a_policy_says_whether_it_goes_by_what_was_shown() -> None:
    assert [make_policy(**rules).tires for rules in ({}, DROPS, DEMOTES)] == [False, True, True]


@pytest.mark.parametrize(
    "wrong", [{"shown": 0}, {"shown": 101}, {"window_hours": 0}, {"window_hours": 721}, {"demote": 1.0}], ids=str
)
def test_a_wrong_setting_is_named(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=next(iter(wrong))):
        make_policy(filter=[{"part": "fatigue", **wrong}])
