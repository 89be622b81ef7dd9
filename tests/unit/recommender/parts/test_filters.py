"""The filters by maturity and language: configuration that holds for every item of every list."""

from __future__ import annotations

import asyncio

import polars as pl
import pytest
from synthetic import make_catalogue, make_policy, make_query, make_snapshot

from core.errors import InvalidInput
from core.item_facts import ItemFacts
from core.item_facts import ItemFacts as Facts
from recommender.assembly import SourceThreads
from recommender.recommender import NOTHING_ELIGIBLE, RecommendationResult, Recommender

FILMS = make_catalogue(40)
KNOWN = ItemFacts(
    FILMS.to_frame().with_columns(
        maturity=pl.Series([None if row % 4 == 3 else row % 4 * 6 for row in range(40)]),
        language=pl.Series([(None, "en", "DE")[row % 3] for row in range(40)]),
    )
)
BARE = ItemFacts(FILMS.to_frame().select("item_id"))  # a catalogue that knows ids and nothing else


def made(facts: Facts, *filters: dict[str, object]) -> RecommendationResult:
    recommender = Recommender(make_snapshot(catalogue=FILMS, facts=facts), make_policy(filter=list(filters)), SourceThreads())
    return asyncio.run(recommender.recommend(make_query(40)))


def shown(facts: Facts, *filters: dict[str, object]) -> set[int]:
    return set(made(facts, *filters).selection.rows.tolist())


def test_maturity() -> None:
    assert {row % 4 for row in shown(KNOWN, {"part": "maturity", "max_maturity": 6})} == {0, 1}
    assert {row % 4 for row in shown(KNOWN, {"part": "maturity", "max_maturity": 6, "keep_unknown": True})} == {0, 1, 3}


def test_language() -> None:
    assert {row % 3 for row in shown(KNOWN, {"part": "language", "languages": ["de"]})} == {0, 2}
    assert {row % 3 for row in shown(KNOWN, {"part": "language", "languages": ["de", "EN"], "keep_unknown": False})} == {1, 2}


def test_without_attributes_unknown_is_a_choice() -> None:
    assert len(shown(BARE, {"part": "language", "languages": ["en"]})) == 40
    assert len(shown(BARE, {"part": "maturity", "max_maturity": 18, "keep_unknown": True})) == 40


def test_the_trace_names_the_filter_that_left_nothing() -> None:
    result = made(BARE, {"part": "language", "languages": ["en"]}, {"part": "maturity", "max_maturity": 18}, {"part": "seen"})
    assert (result.strategy, len(result.selection)) == (NOTHING_ELIGIBLE, 0)
    emptied = result.trace.emptied()
    assert emptied is not None
    assert (emptied.part, emptied.dropped) == ("maturity", 40)


def test_what_is_judged_offline_knows_no_maturity() -> None:
    policy = make_policy(filter=[{"part": "seen"}, {"part": "maturity", "max_maturity": 6}])
    assert [one.part for one in policy.greedy().filters] == ["seen"]


@pytest.mark.parametrize(
    ("filter_", "field"),
    [
        ({"part": "maturity"}, "max_maturity"),
        ({"part": "maturity", "max_maturity": 100}, "max_maturity"),
        ({"part": "maturity", "max_age": 6}, "max_age"),
        ({"part": "language", "languages": []}, "languages"),
        ({"part": "language", "languages": [" "]}, "languages"),
        ({"part": "langauge", "languages": ["en"]}, "filter"),
    ],
    ids=str,
)
def test_a_wrong_filter_is_named(filter_: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidInput, match=field):
        make_policy(filter=[filter_])
