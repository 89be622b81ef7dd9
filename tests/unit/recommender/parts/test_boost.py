"""Boosts, demotions and drops by condition, on films and on items of which only an id is known."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest
from synthetic import POPULAR, TWO_TOWER, make_catalogue, make_policy, make_query, make_snapshot, user_of

from core.errors import InvalidInput
from core.item_facts import ItemFacts
from recommender.assembly import SourceThreads
from recommender.live import Snapshot
from recommender.recommender import Recommender
from recommender.roles import Selection

FILMS = make_catalogue(60)
NOW = make_snapshot(catalogue=FILMS)
BARE = NOW.with_facts(ItemFacts(FILMS.to_frame().select("item_id")))
FAN = user_of(10, 200, 330)
DRAMA = np.array(["Drama" in FILMS.genres_of(row) for row in range(60)])


def listed(now: Snapshot, *boosts: dict[str, Any], user: Any = FAN, k: int = 60, **changes: Any) -> Selection:
    policy = make_policy(scorer=[{"part": "retrieval"}, *({"part": "boost", **one} for one in boosts)], filter=None, **changes)
    recommender = Recommender(now, policy, SourceThreads(), bounded=False)
    return asyncio.run(recommender.recommend(make_query(k, user))).selection


@pytest.mark.parametrize("user", [FAN, None], ids=["known", "stranger"])
@pytest.mark.parametrize("up", [{"multiply": 100.0}, {"add": 100.0}], ids=str)
def test_a_large_boost_puts_what_it_is_for_first_and_keeps_the_order(user: Any, up: dict[str, float]) -> None:
    plain, boosted = listed(NOW, user=user), listed(NOW, {"when": "'drama' in genres", **up}, user=user)
    for rows in (boosted.rows[DRAMA[boosted.rows]], boosted.rows[~DRAMA[boosted.rows]]):
        of_plain = [row for row in plain.rows.tolist() if row in set(rows.tolist())]
        assert of_plain == rows.tolist()
    first = DRAMA[boosted.rows[:15]]
    assert first.all()


def test_a_demotion_moves_down_and_nothing_is_lost() -> None:
    boosted = listed(NOW, {"when": "'Drama' in genres", "multiply": 0.0})
    assert not DRAMA[boosted.rows[:15]].any()
    assert sorted(boosted.rows.tolist()) == list(range(60))


def test_what_only_fills_up_stays_behind() -> None:
    """Both sources rank it, or only popularity: the second group never overtakes by `multiply`."""
    sources = [{**TWO_TOWER, "k": 10}, {**POPULAR, "k": 60}]
    assert set(listed(NOW, source=sources, k=10).rows) == set(
        listed(NOW, {"when": "known(title)", "multiply": 50.0}, source=sources, k=10).rows
    )


def test_without_attributes_nothing_moves() -> None:
    boosts = [{"when": "year >= 2000", "multiply": 3.0}, {"when": "'Drama' in genres", "add": 2.0}]
    assert listed(BARE, *boosts).rows.tolist() == listed(BARE).rows.tolist()
    assert listed(NOW, *boosts).rows.tolist() != listed(NOW).rows.tolist()


def test_candidate_features_and_the_score_can_be_asked_for() -> None:
    hydrator = [{"part": "candidate_features"}]
    found = listed(NOW, {"when": "log_popularity > 1 and year > 1990", "add": 50.0}, hydrator=hydrator, k=10)
    popular = np.log1p(NOW.stats.n_events) > 1
    assert all(popular[row] and FILMS.years[row] > 1990 for row in found.rows.tolist())
    assert listed(NOW, {"when": "score < 0", "add": 0.0}).rows.tolist() == listed(NOW).rows.tolist()


def test_a_condition_over_items_is_evaluated_once_for_all_recommenders() -> None:
    now = make_snapshot(catalogue=FILMS)
    listed(now, {"when": "year > 1990", "add": 1.0})
    decided = now.facts._where["year > 1990"]
    listed(now.with_stats(now.stats), {"when": "year > 1990", "add": 2.0})
    assert now.facts._where["year > 1990"] is decided


def test_what_is_dropped_is_in_no_list_and_what_is_unknown_is_not_dropped() -> None:
    policy = make_policy(filter=[{"part": "drop", "when": "year < 2000 or 'Drama' in genres"}])
    for now, expected in ((NOW, ~DRAMA & ((FILMS.years >= 2000) | (FILMS.years == 0))), (BARE, np.ones(60, dtype=bool))):
        made = asyncio.run(Recommender(now, policy, SourceThreads(), bounded=False).recommend(make_query(60)))
        assert sorted(made.selection.rows.tolist()) == np.flatnonzero(expected).tolist()


@pytest.mark.parametrize(
    ("boost", "field", "why"),
    [
        ({"when": "yeer > 2", "multiply": 2.0}, r"scorer\.0\.boost\.when", r"there is no 'yeer'"),
        ({"when": "year > 2000"}, "scorer.0.boost", "either multiply or add"),
        ({"when": "year > 2000", "multiply": 2.0, "add": 1.0}, "scorer.0.boost", "either multiply or add"),
        ({"when": "year > 2000", "multiply": -1.0}, "multiply", "greater than or equal to 0"),
        ({"when": "year > 2000", "add": float("nan")}, "add", "finite number"),
        ({"when": "log_popularity > 1", "add": 1.0}, "when", "only with the hydrator candidate_features"),
        ({"add": 1.0}, "when", "Field required"),
    ],
    ids=str,
)
def test_a_wrong_boost_is_named(boost: dict[str, Any], field: str, why: str) -> None:
    with pytest.raises(InvalidInput, match=f"(?s){field}.*{why}"):
        make_policy(scorer=[{"part": "boost", **boost}])


def test_the_error_of_a_policy_has_the_caret() -> None:
    with pytest.raises(InvalidInput) as caught:
        make_policy(filter=[{"part": "drop", "when": "year > 1990 and genre == 'x'"}])
    assert caught.value.detail.endswith("\n  year > 1990 and genre == 'x'\n                  ^")
