"""Slots: placed where the policy says, labelled, never what a filter dropped, and everything else as it was."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import polars as pl
import pytest
from synthetic import make_catalogue, make_policy, make_query, make_snapshot, user_of

from core.errors import InvalidInput
from core.ids import FIRST_ITEM_KEY
from core.item_facts import ItemFacts
from recommender.assembly import SourceThreads
from recommender.live import Snapshot
from recommender.paging import Shown
from recommender.recommender import RecommendationResult, Recommender
from recommender.roles import Constraints, Query

FILMS = make_catalogue(40)
NOW = make_snapshot(catalogue=FILMS)
FAN = user_of(10, 200)
PINNED = {"position": 2, "label": "promoted", "item": 330}


def made(*slots: dict[str, Any], now: Snapshot = NOW, query: Query | None = None, **changes: Any) -> RecommendationResult:
    policy = make_policy(0.4, slot=list(slots), **changes)
    return asyncio.run(Recommender(now, policy, SourceThreads(), bounded=False).recommend(query or make_query(6, FAN)))


def keys(result: RecommendationResult) -> list[int]:
    return FILMS.ids[result.selection.rows].tolist()


def test_the_item_is_at_its_position_labelled_with_propensity_one() -> None:
    chosen = made(PINNED).selection
    assert (keys(made(PINNED))[2], chosen.labels) == (330, ("", "", "promoted", "", "", ""))
    assert (chosen.propensities[2], chosen.explored[2], len(chosen)) == (1.0, False, 6)


def test_the_others_are_the_list_without_the_item_with_its_propensities() -> None:
    query = make_query(5, FAN, constraints=Constraints(exclude=frozenset([330])))
    without, placed = made(query=query), made(PINNED)
    assert [key for key in keys(placed) if key != 330] == keys(without)
    assert [placed.selection.propensities[at] for at in (0, 1, 3, 4, 5)] == without.selection.propensities.tolist()


def test_a_condition_takes_the_best_candidate_that_it_holds_for_and_each_item_once() -> None:
    slots = [{"position": at, "label": "new", "when": "year > 2010"} for at in (0, 3)]
    result = made(*slots)
    first, second = (keys(result)[at] for at in (0, 3))
    assert first != second
    assert all(FILMS.years[FILMS.row(key)] > 2010 for key in (first, second))
    assert len(set(keys(result))) == 6


@pytest.mark.parametrize("way", ["seen", "hidden", "until", "excluded"])
def test_what_may_not_be_shown_is_in_no_slot_and_the_trace_counts_it(way: str) -> None:
    facts = FILMS.to_frame()
    if way == "hidden":
        facts = facts.with_columns(hidden=pl.col("item_id") == 330)
    if way == "until":
        facts = facts.with_columns(available_until=pl.when(pl.col("item_id") == 330).then(-5.0))
    query = make_query(40, user_of(10, 330) if way == "seen" else FAN)
    if way == "excluded":
        query = make_query(40, FAN, constraints=Constraints(exclude=frozenset([330])))
    result = made(PINNED, now=NOW.with_facts(ItemFacts(facts)), query=query)
    assert 330 not in keys(result)
    assert not any(result.selection.labels)
    assert [(one.returned, one.dropped) for one in result.trace.stages if one.stage == "slots"] == [(0, 1)]


def test_a_slot_is_there_from_and_until_its_times() -> None:
    times = {"from": "2026-01-01T00:00:00Z", "until": "2026-01-02T00:00:00+00:00"}
    for now, there in ((1767225599.0, False), (1767225600.0, True), (1767312000.0, False)):
        result = made({**PINNED, **times}, query=make_query(6, FAN, now=now))
        assert any(result.selection.labels) is there


def test_slots_hold_their_places_over_pages_even_when_the_rest_changed() -> None:
    slots = [PINNED, {"position": 8, "label": "promoted", "item": 250}]
    first = made(*slots)
    shown = Shown(dict(enumerate(keys(first))))
    later = made(*slots, query=replace(make_query(6, user_of(10, 200, 110), offset=6), shown=shown))
    assert keys(later)[2] == 250
    assert later.selection.labels == ("", "", "promoted", "", "", "")
    assert not set(keys(first)) & set(keys(later))


def test_a_slot_beyond_a_short_list_is_at_its_end() -> None:
    few = [key for key in FILMS.ids.tolist() if key not in (330, 20, 30)]
    query = make_query(6, None, constraints=Constraints(exclude=frozenset(few)))
    result = made({**PINNED, "position": 5}, query=query)
    assert (keys(result)[-1], result.selection.labels) == (330, ("", "", "promoted"))


def test_an_id_that_is_no_number() -> None:
    frame = FILMS.to_frame().select(pl.col("item_id") + FIRST_ITEM_KEY)
    facts = ItemFacts(frame, {"SKU/é": FIRST_ITEM_KEY + 330})
    catalogue = replace(FILMS, ids=FILMS.ids + FIRST_ITEM_KEY)
    result = made({**PINNED, "item": "SKU/é"}, now=make_snapshot(catalogue=catalogue, facts=facts), query=make_query(6))
    assert catalogue.ids[result.selection.rows[2]] == FIRST_ITEM_KEY + 330
    assert result.selection.labels[2] == "promoted"


def test_a_policy_without_slots_keeps_its_id_and_what_is_judged_has_none() -> None:
    assert make_policy(slot=[]).id == make_policy().id != make_policy(slot=[PINNED]).id
    assert make_policy(slot=[PINNED]).greedy().slots == ()


@pytest.mark.parametrize(
    ("slots", "why"),
    [
        ([{**PINNED, "position": 100}], "position"),
        ([{**PINNED, "when": "year > 2000"}], "either item or when"),
        ([{"position": 1, "label": "x"}], "either item or when"),
        ([{**PINNED, "item": ""}], "item"),
        ([{**PINNED, "label": "<b>"}], "label"),
        ([{"position": 1, "label": "x", "when": "yeer > 1"}], "there is no 'yeer'"),
        ([{**PINNED, "from": "2026-01-01T00:00:00"}], "timezone"),
        ([{**PINNED, "from": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"}], "from is not before until"),
        ([PINNED, {**PINNED, "item": 10}], "each position once"),
    ],
    ids=str,
)
def test_a_wrong_slot_is_named(slots: list[dict[str, Any]], why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        make_policy(slot=slots)
