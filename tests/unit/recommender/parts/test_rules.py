"""Scorers that follow business rules: diversity, freshness, cost, and what was looked at in this session."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import polars as pl
import pytest
from synthetic import make_catalogue, make_policy, make_query, make_snapshot, user_of

from core.catalogue import Catalogue
from core.errors import InvalidInput
from core.features import UserFeatures
from core.item_facts import ItemFacts
from recommender.assembly import SourceThreads
from recommender.live import Snapshot
from recommender.recommender import Recommender
from recommender.roles import Selection

FILMS = make_catalogue(60)
NOW = make_snapshot(catalogue=FILMS)
BARE = make_snapshot(
    catalogue=Catalogue.from_frame(
        FILMS.to_frame().select("item_id", title=pl.lit(""), genres=pl.lit([], pl.List(pl.String)), year=pl.lit(None))
    )
)
FAN = user_of(10, 200, 330)
DAY = 86_400.0
PARTS: list[dict[str, Any]] = [
    {"part": "mmr", "trade_off": 0.3},
    {"part": "mmr", "by": "genres"},
    {"part": "dpp"},
    {"part": "dpp", "by": "genres", "theta": 0.2},
    {"part": "freshness"},
    {"part": "value", "weight": 2.0},
    {"part": "session"},
]


def listed(now: Snapshot, *rules: dict[str, Any], user: UserFeatures | None = FAN, k: int = 60, at: float = 0.0) -> Selection:
    policy = make_policy(scorer=[{"part": "retrieval"}, *rules], filter=None)
    recommender = Recommender(now, policy, SourceThreads(), bounded=False)
    return asyncio.run(recommender.recommend(make_query(k, user, now=at))).selection


def with_facts(**columns: Any) -> Snapshot:
    return NOW.with_facts(ItemFacts(FILMS.to_frame().with_columns(**columns)))


def variety(rows: Any) -> float:
    """Mean cosine distance between the items of a list."""
    unit = NOW.item_vectors[rows] / np.linalg.norm(NOW.item_vectors[rows], axis=1, keepdims=True)
    similar = unit @ unit.T
    return 1.0 - float(similar[np.triu_indices(len(rows), 1)].mean())


@pytest.mark.parametrize("rule", PARTS, ids=str)
@pytest.mark.parametrize("now", [NOW, BARE], ids=["films", "bare"])
@pytest.mark.parametrize("user", [FAN, None], ids=["known", "stranger"])
def test_nothing_is_lost_and_a_longer_list_begins_with_the_shorter_one(
    now: Snapshot, user: UserFeatures | None, rule: dict[str, Any]
) -> None:
    whole = listed(now, rule, user=user)
    assert sorted(whole.rows.tolist()) == list(range(60))
    assert (np.diff(whole.scores) <= 0).all()
    assert whole.rows[:7].tolist() == listed(now, rule, user=user, k=7).rows.tolist()


@pytest.mark.parametrize("rule", [{"part": "mmr", "trade_off": 0.4}, {"part": "dpp", "theta": 0.3}], ids=str)
def test_a_diverse_list_has_more_variety_and_keeps_the_best_item(rule: dict[str, Any]) -> None:
    plain, diverse = listed(NOW, k=10), listed(NOW, rule, k=10)
    assert variety(diverse.rows) > variety(plain.rows) + 0.1
    assert np.allclose(np.sort(listed(NOW, rule).scores), np.sort(listed(NOW).scores)), "the scale stays as it was"


def test_relevance_alone_is_the_order_as_it_was() -> None:
    assert listed(NOW, {"part": "mmr", "trade_off": 1.0}).rows.tolist() == listed(NOW).rows.tolist()


def test_fresh_items_rise_and_half_of_it_is_left_after_a_half_life() -> None:
    at = 1_790_000_000.0
    from_ = [at - 10 * DAY if row == 5 else at - 1e9 for row in range(60)]
    now = with_facts(available_from=pl.Series(from_, dtype=pl.Float64))
    plain = listed(now, at=at)
    fresh = listed(now, {"part": "freshness", "half_life_days": 10, "strength": 100}, at=at)
    assert fresh.rows[0] == 5
    spread = plain.scores[: len(plain)].std()
    lift = fresh.scores[0] - plain.scores[plain.rows.tolist().index(5)]
    assert lift / spread == pytest.approx(50.0, rel=0.01)


def test_the_age_of_an_item_without_a_date_is_that_of_its_year() -> None:
    rows = listed(with_facts(), {"part": "freshness", "half_life_days": 365, "strength": 100}, at=1_590_000_000.0).rows
    years = FILMS.years[rows]
    assert years[:3].tolist() == sorted(FILMS.years.tolist())[-3:][::-1]


def test_cost_counts_and_an_hour_of_serving_too() -> None:
    costs = [100.0 if row < 30 else None for row in range(60)]
    cheap = listed(with_facts(cost=pl.Series(costs)), {"part": "value", "weight": 1.0})
    assert (cheap.rows[:30] >= 30).all()
    dear = listed(with_facts(cost=pl.Series(costs)), {"part": "value", "weight": 1.0, "unknown_cost": 200.0})
    assert (dear.rows[:30] < 30).all()
    long = listed(
        with_facts(runtime=pl.Series([600 if row < 30 else 30 for row in range(60)])),
        {"part": "value", "weight": 1.0, "hour_cost": 9.0},
    )
    assert (long.rows[:30] >= 30).all()
    assert listed(NOW, {"part": "value", "weight": 5.0}).rows.tolist() == listed(NOW).rows.tolist(), "without costs nothing moves"


def test_what_was_looked_at_lately_sinks_and_rises_again() -> None:
    first = int(listed(NOW).rows[0])
    key = int(FILMS.ids[first])
    items, kinds, times = np.array([*FAN.item_ids, key]), np.array([*FAN.kinds, 1]), np.array([*FAN.times, 1000.0])
    looked = UserFeatures(1, items, kinds, np.zeros(4, np.float32), times, n_events=4)
    rule = {"part": "session", "minutes": 30.0, "demote": 50.0}
    fan = listed(NOW, user=looked, at=1000.0).rows
    assert listed(NOW, rule, user=looked, at=1000.0).rows.tolist() == [row for row in fan.tolist() if row != first] + [first]
    assert listed(NOW, rule, user=looked, at=1000.0 + 31 * 60).rows.tolist() == fan.tolist()


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ({"part": "mmr", "trade_off": 1.5}, "trade_off"),
        ({"part": "mmr", "by": "people"}, "by"),
        ({"part": "dpp", "theta": 1.0}, "theta"),
        ({"part": "dpp", "depth": 1}, "depth"),
        ({"part": "freshness", "half_life_days": 0}, "half_life_days"),
        ({"part": "value"}, "weight"),
        ({"part": "value", "weight": -1.0}, "weight"),
        ({"part": "session", "minutes": float("inf")}, "minutes"),
    ],
    ids=str,
)
def test_a_wrong_rule_is_named(rule: dict[str, Any], why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        make_policy(scorer=[rule])
