"""Explanations are true: the item that is named is left out of the history, and the score falls by what was said."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from synthetic import POPULAR, TWO_TOWER, make_policy, make_query, make_snapshot, user_of

from core.catalogue import Catalogue
from core.errors import DependencyUnavailable
from core.features import UserFeatures
from core.item_facts import ItemFacts
from ranking.candidate_features import CANDIDATE_FEATURES
from ranking.ranker_training import RankerConfig, train_ranker
from ranking.ranking_rows import RankingRows
from ranking.reasons import Explanation
from recommender.assembly import SourceThreads
from recommender.influence import LATEST, VOTERS, influence, without
from recommender.live import Snapshot
from recommender.policy import Policy
from recommender.recommender import RecommendationResult, Recommender
from recommender.release import Release
from recommender.roles import Constraints, Query
from retrieval.adapters.mirror import MirrorIndex

HISTORY = [10, 200, 330, 470, 520, 90, 600, 250, 30, 410]
KNOWN = user_of(*HISTORY)
DEFAULT = Policy.load("default").greedy()
PERSONAL = {"source": [TWO_TOWER, {"part": "transitions"}, {"part": "ease"}], "hydrator": [{"part": "candidate_features"}]}
NOW = make_snapshot()


@pytest.fixture(scope="module")
def trained(release: Release) -> Snapshot:
    index = MirrorIndex()
    index.publish(release.name, release.catalogue.ids, release.item_vectors)
    return Snapshot.of(release, index)


def recommend(now: Snapshot, query: Query, policy: Policy) -> RecommendationResult:
    return asyncio.run(Recommender(now, policy, SourceThreads(), bounded=False).recommend(query))


def of_history(made: RecommendationResult) -> list[tuple[int, Explanation]]:
    """The row of each shown item that has a reason in the history, and that reason."""
    rows = made.selection.rows.tolist()
    return [(row, one) for row, because in zip(rows, made.reasons(), strict=True) for one in because if one.item is not None]


@pytest.mark.parametrize("scorer", ["retrieval", "lambdamart"])
def test_without_the_named_item_the_score_falls_by_what_was_said(trained: Snapshot, scorer: str) -> None:
    policy = make_policy(scorer=[{"part": scorer}], **PERSONAL)
    made = recommend(trained, make_query(20, KNOWN), policy)
    before = dict(zip(made.selection.rows.tolist(), made.selection.scores.tolist(), strict=True))
    reasons = of_history(made)
    assert len(reasons) >= (20 if scorer == "retrieval" else 1)  # a forest of five trees sees little
    for row, reason in reasons:
        assert reason.item in HISTORY
        assert reason.effect is not None
        assert reason.effect > 0
        kept_out = Constraints(exclude=frozenset({reason.item}))  # or it would come back as a candidate
        other = recommend(trained, make_query(60, without(KNOWN, reason.item), constraints=kept_out), policy)
        after = dict(zip(other.selection.rows.tolist(), other.selection.scores.tolist(), strict=True))
        assert before[row] - after[row] == pytest.approx(reason.effect, abs=1e-4)


def test_the_item_that_is_named_is_the_one_that_matters_most(trained: Snapshot) -> None:
    policy = make_policy(**PERSONAL)
    made = recommend(trained, make_query(5, KNOWN), policy)
    scored = made.by._pipeline.scored(made.query, made.by._pipeline.eligible(made.query))
    found = influence(trained, made.by._pipeline, made.query, made.selection.rows, scored)
    assert len(found.items) == LATEST + VOTERS
    assert found.items[:LATEST].tolist() == HISTORY[::-1][:LATEST]
    for at, because in enumerate(made.reasons()):
        assert because[0].item == int(found.items[np.argmax(found.effects[:, at])])


def test_effects_of_an_item_that_is_no_candidate_any_more_are_bounded(trained: Snapshot) -> None:
    """Two candidates and a fill-up: whatever leaves the two counts as the worse one, not as far behind as the fill-up stands."""
    few = make_policy(source=[TWO_TOWER | {"k": 2}, POPULAR])
    made = recommend(trained, make_query(2, KNOWN), few)
    spread = made.selection.scores[0] - made.selection.scores[1]
    scored = made.by._pipeline.scored(made.query, made.by._pipeline.eligible(made.query))
    found = influence(trained, made.by._pipeline, made.query, made.selection.rows, scored)
    assert np.abs(found.effects).max() < 10 * max(spread, 0.1)


@pytest.mark.parametrize("user", [None, user_of(), user_of(7, 8)], ids=["stranger", "no history", "unknown items"])
def test_a_stranger_learns_what_is_popular_and_nothing_else(trained: Snapshot, user: UserFeatures | None) -> None:
    made = recommend(trained, make_query(5, user), DEFAULT)
    assert [[one.text for one in because] for because in made.reasons()] == [["Popular now"]] * 5


def test_what_the_ranker_saw_is_named_in_words(trained: Snapshot) -> None:
    """The groups of features that are named do speak for the item, by the booster's own account."""
    fan = replace(KNOWN, genres=("Drama",), genre_weights=np.ones(1, np.float32))
    wanted = [CANDIDATE_FEATURES.index(name) for name in ("log_popularity", "genre_affinity", "rating_mean")]
    features = np.random.default_rng(0).normal(size=(200, 10, len(CANDIDATE_FEATURES))).astype(np.float32)
    merit = features[:, :, wanted].sum(axis=2)
    relevant = (merit == merit.max(axis=1, keepdims=True)).astype(np.int8).ravel()
    config = RankerConfig(trees=30, leaves=7, learning_rate=0.1, min_rows_per_leaf=5, threads=1)
    rows = RankingRows.alike(CANDIDATE_FEATURES, features.reshape(2000, -1), relevant, [10] * 200)
    ranker = train_ranker(rows, config, seed=0)
    trained = replace(trained, release=replace(trained.release, ranker=ranker))
    made = recommend(trained, make_query(20, fan), DEFAULT.scored_by("lambdamart"))
    named = [one for because in made.reasons() for one in because if one.item is None]
    assert named
    assert {one.code for one in named} <= {"taste", "rating", "popular", "year", "new", "history", "other"}
    assert all(one.effect is None or one.effect > 0 for one in named)


def test_exploration_is_owned_up_to_only_where_there_is_a_taste_to_leave(trained: Snapshot) -> None:
    wild = Policy.load("default").exploring(0.9)
    for user, owned in ((KNOWN, True), (None, False), (user_of(7), False)):
        made = recommend(trained, make_query(20, user, seed=3), wild)
        found = [because[0].code == "explored" for because in made.reasons()]
        assert found == [bool(one and owned) for one in made.selection.explored]


@pytest.mark.parametrize(
    ("genres", "said"),
    [
        (("Drama", "War"), {"Shown to find out whether you like it"}),
        (("Western",), {f"Something different: {genre}, which you have not taken up yet" for genre in ("Drama", "War")}),
    ],
)
def test_what_is_explored_is_called_different_only_where_it_is(
    trained: Snapshot, genres: tuple[str, ...], said: set[str]
) -> None:
    fan = replace(KNOWN, genres=genres, genre_weights=np.ones(len(genres), np.float32))
    made = recommend(trained, make_query(20, fan, seed=3), Policy.load("default").exploring(0.9))
    texts = {one.text for because in made.reasons() for one in because if one.code == "explored"}
    assert texts
    assert texts <= said


def test_no_item_of_a_personal_list_is_without_a_reason(trained: Snapshot) -> None:
    for policy in (make_policy(**PERSONAL), Policy.load("default").exploring(0.5)):
        assert all(recommend(trained, make_query(50, KNOWN), policy).reasons())


def test_items_without_titles_are_named_by_their_ids(trained: Snapshot) -> None:
    """A shop: string ids, and neither titles nor genres."""
    bare = Catalogue.from_frame(
        trained.catalogue.to_frame().with_columns(title=pl.lit(""), genres=pl.lit([], dtype=pl.List(pl.String)), year=None)
    )
    facts = ItemFacts(bare.to_frame(), {f"SKU-{key}": key for key in bare.ids.tolist()})
    shop = replace(trained, release=replace(trained.release, catalogue=bare), facts=facts)
    texts = [one.text for _, one in of_history(recommend(shop, make_query(5, KNOWN), DEFAULT.scored_by("retrieval")))]
    assert texts
    assert set(texts) <= {f"Because you enjoyed SKU-{item}" for item in HISTORY}


def test_a_source_that_is_down_costs_its_reasons_and_not_the_list(trained: Snapshot) -> None:
    made = recommend(trained, make_query(5, KNOWN), make_policy(**PERSONAL))

    def down(*_: object) -> None:
        raise DependencyUnavailable("index", "gone")

    made.by._pipeline.sources[0].source.fetch = down  # type: ignore[method-assign,assignment]
    assert [[one.text for one in because] for because in made.reasons()] == [["Goes with what you took up lately"]] * 5


def test_a_list_without_items_has_no_reasons() -> None:
    made = recommend(NOW, make_query(5, KNOWN, constraints=Constraints(("Western",))), make_policy())
    assert made.reasons() == []
