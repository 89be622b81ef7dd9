"""The recommender: every promise about a list, whoever asks and whatever is asked of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic import GENRES, POPULAR, TWO_TOWER, make_catalogue, make_policy, make_query, make_snapshot, user_of

from core.catalogue import Catalogue
from core.errors import BundleCorrupt, DependencyUnavailable
from core.features import UserFeatures
from core.item_facts import ItemFacts
from evaluation.blending import blend
from recommender.assembly import SourceThreads
from recommender.live import Snapshot
from recommender.policy import Policy
from recommender.recommender import STRATEGIES, RecommendationResult, Recommender, SideEffect
from recommender.release import Release
from recommender.roles import Constraints, Query
from retrieval.adapters.mirror import MirrorIndex
from retrieval.popularity_prior import priors

HISTORY = [10, 200, 330, 470]
KNOWN = user_of(*HISTORY)
USERS = {"stranger": None, "empty": user_of(), "known": KNOWN, "unknown": user_of(7, 8)}
DEFAULT = Policy.load("default")
NOW = make_snapshot()


def recommend(
    now: Snapshot, query: Query, policy: Policy | None = None, side_effects: Sequence[SideEffect] = ()
) -> RecommendationResult:
    recommender = Recommender(now, policy or make_policy(), SourceThreads(), side_effects, bounded=False)
    return asyncio.run(recommender.recommend(query))


def ids(made: RecommendationResult) -> list[int]:
    return made.snapshot.catalogue.ids[made.selection.rows].tolist()


@pytest.fixture(scope="module")
def trained(release: Release) -> Snapshot:
    index = MirrorIndex()
    index.publish(release.name, release.catalogue.ids, release.item_vectors)
    return Snapshot.of(release, index)


@pytest.mark.parametrize("k", [1, 10, 50])
@pytest.mark.parametrize("exploration", [0.0, 0.5])
@pytest.mark.parametrize("user", USERS.values(), ids=USERS.keys())
def test_the_default_pipeline_serves_exactly_k_of_what_was_not_consumed(
    trained: Snapshot, k: int, exploration: float, user: UserFeatures | None
) -> None:
    made = recommend(trained, make_query(k, user), DEFAULT.exploring(exploration))
    assert not made.trace.failed()
    assert len(ids(made)) == len(set(ids(made))) == k
    if user is not None:
        assert not set(ids(made)) & set(user.consumed.tolist())
    assert ((made.selection.propensities > 0) & (made.selection.propensities <= 1)).all()


def test_a_user_who_saw_nearly_everything_gets_the_rest(trained: Snapshot) -> None:
    made = recommend(trained, make_query(10, user_of(*trained.catalogue.ids[:57].tolist())), DEFAULT)
    assert sorted(made.selection.rows.tolist()) == [57, 58, 59]


def test_every_stage_of_the_file_runs(trained: Snapshot) -> None:
    made = recommend(trained, make_query(10, KNOWN), DEFAULT)
    scorer = trained.release.scorer
    assert [(stage.stage, stage.part) for stage in made.trace.stages] == [
        ("filter", "eligible"),
        ("filter", "seen"),
        ("source", "two_tower"),
        ("source", "transitions"),
        ("source", "ease"),
        ("source", "popular_segment"),
        ("source", "popular"),
        ("source", "new_items"),
        ("hydrator", "candidate_features"),
        ("scorer", scorer),
        ("selector", "epsilon"),
    ]
    assert made.selection.found_by("two_tower").all(), "for a user with a history, retrieval fills the list"
    assert made.selection.policy_id == DEFAULT.id


def test_without_exploration_it_is_the_blend_that_was_chosen(trained: Snapshot) -> None:
    """The list is that of the scores over the whole catalogue, which is how the weight was chosen."""
    made = recommend(trained, make_query(10, KNOWN), DEFAULT.scored_by("retrieval").greedy())
    vector, release = trained.encoder.encode(KNOWN), trained.release
    assert vector is not None
    others = [
        (release.blend[name], table) for name, table in (("transitions", release.transitions), ("ease", release.ease)) if table
    ]
    assert others
    votes = [(weight, table.scores(KNOWN, trained.catalogue)[None]) for weight, table in others]
    popularity = release.popularity
    weight = popularity.after(len(KNOWN.item_ids))
    scores = blend((trained.item_vectors @ vector)[None], votes)[0] + weight * priors(trained.stats)[popularity.counted]
    scores[trained.catalogue.rows(HISTORY)] = -np.inf
    assert made.selection.rows.tolist() == np.argsort(-scores, kind="stable")[:10].tolist()


def test_only_sources_and_a_selector_are_needed() -> None:
    bare = make_policy(source=[POPULAR], filter=None, scorer=None, selector={"part": "greedy"})
    made = recommend(NOW, make_query(3), bare)
    assert made.selection.rows.tolist() == NOW.stats.popular_rows(3).tolist()
    assert [stage.stage for stage in made.trace.stages] == ["filter", "source", "selector"]


def test_a_policy_that_needs_a_ranker_refuses_a_release_without_one() -> None:
    with pytest.raises(BundleCorrupt, match="no ranker"):
        recommend(NOW, make_query(), make_policy(scorer=[{"part": "lambdamart"}]))


@pytest.mark.parametrize(
    ("query", "strategy", "cold"),
    [
        (make_query(user=KNOWN), "two_tower", False),
        (make_query(), "popular_fallback", True),
        (make_query(user=user_of()), "popular_fallback", True),
        (make_query(user=user_of(7, 8)), "popular_fallback", True),
        (make_query(answered=False), "popular_degraded", False),
        (make_query(user=KNOWN, constraints=Constraints(("Western",))), "nothing_eligible", False),
        (make_query(constraints=Constraints(("Western",))), "nothing_eligible", True),
        (make_query(answered=False, constraints=Constraints(("Western",))), "nothing_eligible", False),
    ],
)
def test_the_strategy_says_where_the_list_came_from(query: Query, strategy: str, cold: bool) -> None:
    made = recommend(NOW, query)
    assert (made.strategy, made.cold_start) == (strategy, cold)
    assert made.strategy in STRATEGIES
    assert (len(made.selection) == 0) == (strategy == "nothing_eligible")


def test_the_mirror_is_named_while_it_stands_in() -> None:
    degraded = Snapshot.of(NOW.release, NOW.index, lambda: True)
    assert recommend(degraded, make_query(user=KNOWN)).strategy == "two_tower_mirror"
    assert recommend(degraded, make_query()).strategy == "popular_fallback"


def test_another_primary_source_is_personal() -> None:
    primary = make_policy(source=[POPULAR | {"fills": False}])
    assert recommend(NOW, make_query(user=KNOWN), primary).strategy == "personal"


def test_items_of_two_primary_sources_compete_and_fill_ups_come_behind() -> None:
    both = make_policy(source=[TWO_TOWER | {"k": 20}, POPULAR | {"k": 20, "fills": False}])
    made = recommend(NOW, make_query(40, KNOWN), both)
    towers, popular = made.selection.found_by("two_tower"), made.selection.found_by("popular")
    assert popular[:4].any()
    assert towers[:4].any()
    filled = recommend(NOW, make_query(40, KNOWN), make_policy(source=[TWO_TOWER | {"k": 20}, POPULAR | {"k": 100}]))
    assert filled.selection.found_by("two_tower").tolist() == [True] * 20 + [False] * 20


@pytest.mark.parametrize("exploration", [0.0, 0.5])
@pytest.mark.parametrize("scorer", ["retrieval", "lambdamart"])
@given(size=st.integers(1, 13), seed=st.integers(0, 2**32))
@settings(max_examples=15, deadline=None)
def test_pages_are_disjoint_and_together_are_the_long_list(
    trained: Snapshot, scorer: str, exploration: float, size: int, seed: int
) -> None:
    """Also beyond what the sources fetch, and beyond the pool: what is asked for decides nothing about what comes first."""
    values = {"source": [TWO_TOWER | {"k": 15}, POPULAR | {"k": 7}], "hydrator": [{"part": "candidate_features"}]}
    policy = make_policy(scorer=[{"part": scorer}], **values).exploring(exploration)
    long = recommend(trained, make_query(60, KNOWN, seed=seed), policy).selection
    pages = [
        recommend(trained, make_query(size, KNOWN, offset=offset, seed=seed), policy).selection for offset in range(0, 60, size)
    ]
    for column in ("rows", "scores", "propensities", "explored"):
        np.testing.assert_array_equal(np.concatenate([getattr(page, column) for page in pages]), getattr(long, column))
    assert len(set(long.rows.tolist())) == len(long) == 56


def test_the_same_seed_makes_the_same_list() -> None:
    lists = [ids(recommend(NOW, make_query(20, KNOWN, seed=seed), make_policy(0.8))) for seed in (1, 1, 2)]
    assert lists[0] == lists[1] != lists[2]


years = st.none() | st.integers(1975, 2025)
constraints_of = st.builds(
    Constraints,
    genres=st.lists(st.sampled_from([*GENRES, "Western", "drama"]), max_size=2).map(tuple),
    exclude=st.frozensets(st.integers(1, 60).map(lambda n: n * 10), max_size=30),
    min_year=years,
    max_year=years,
)


def items_of(n: int, seed: int) -> pl.DataFrame:
    """Random items: some without genres, without a year, or hidden."""
    rng = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "item_id": np.arange(1, n + 1) * 10,
            "title": [f"Film {row}" for row in range(n)],
            "genres": [[genre for genre in GENRES if rng.random() < 0.4] for _ in range(n)],
            "year": [None if rng.random() < 0.2 else int(rng.integers(1970, 2030)) for _ in range(n)],
            "hidden": [bool(rng.random() < 0.2) for _ in range(n)],
        }
    )


def allowed(item: dict[str, Any], asked: Constraints, consumed: set[int]) -> bool:
    """By the words of the issue, one item at a time."""
    if item["hidden"] or item["item_id"] in asked.exclude or item["item_id"] in consumed:
        return False
    wanted = {genre.lower() for genre in asked.genres}
    if wanted and not wanted & {genre.lower() for genre in item["genres"]}:
        return False
    if (asked.min_year is not None or asked.max_year is not None) and item["year"] is None:
        return False
    if asked.min_year is not None and item["year"] < asked.min_year:
        return False
    return asked.max_year is None or item["year"] <= asked.max_year


@given(
    n=st.integers(1, 60),
    seed=st.integers(0, 2**32),
    asked=constraints_of,
    who=st.sampled_from(["warm", "cold", "degraded"]),
    k=st.integers(1, 70),
    rate=st.sampled_from([0.0, 0.7]),
)
@settings(max_examples=300, deadline=None)
def test_constraints_and_hidden_items_hold_for_every_shown_item(
    n: int, seed: int, asked: Constraints, who: str, k: int, rate: float
) -> None:
    """And everything that meets them is shown when enough is asked for: with few candidates most of the list is fill-up."""
    items = items_of(n, seed)
    now = make_snapshot("any", Catalogue.from_frame(items), ItemFacts(items), seed=seed % 1000)
    user = user_of(*np.random.default_rng(seed).choice(now.catalogue.ids, min(n, 3), replace=False).tolist())
    consumed = set(user.consumed.tolist()) if who == "warm" else set()
    few = make_policy(rate, source=[TWO_TOWER | {"k": 5}, POPULAR | {"k": 3}])
    query = make_query(k, user if who == "warm" else None, answered=who != "degraded", constraints=asked, seed=seed)
    made = recommend(now, query, few)
    expected = {item["item_id"] for item in items.iter_rows(named=True) if allowed(item, asked, consumed)}
    assert set(ids(made)) <= expected
    assert len(ids(made)) == len(set(ids(made))) == min(k, len(expected))
    assert (made.strategy == "nothing_eligible") == (not expected)


@dataclass
class Log:
    """A side effect that remembers, or raises."""

    name: str = "log"
    error: Exception | None = None
    logged: list[list[int]] = field(default_factory=list)

    def run(self, made: RecommendationResult) -> None:
        if self.error:
            raise self.error
        self.logged.append(made.selection.rows.tolist())


def test_a_dead_side_effect_does_not_cost_the_list_nor_the_next_effect() -> None:
    last = Log("last")
    made = recommend(NOW, make_query(5), side_effects=[Log("dead", DependencyUnavailable("log", "full")), last])
    assert len(made.selection) == 5
    assert last.logged == [made.selection.rows.tolist()]
    assert [(s.stage, s.part) for s in made.trace.failed()] == [("side_effect", "dead")]
    assert (made.trace.stages[-1].part, made.trace.stages[-1].returned) == ("last", 5)


def test_a_bug_in_a_side_effect_stays_loud() -> None:
    with pytest.raises(ValueError, match="shapes differ"):
        recommend(NOW, make_query(), side_effects=[Log(error=ValueError("shapes differ"))])


def test_reasons_are_given_row_by_row() -> None:
    made = recommend(NOW, make_query(20, KNOWN), make_policy(0.9))
    reasons = made.reasons()
    assert len(reasons) == 20
    assert {reason.code for of_item in reasons for reason in of_item} >= {"explored"}


def test_a_recommender_moves_on_with_its_release() -> None:
    threads = SourceThreads()
    before = Recommender(NOW, make_policy(), threads)
    catalogue = make_catalogue()
    hidden = ItemFacts(catalogue.to_frame().with_columns(hidden=pl.col("item_id") > 100))
    after = Recommender(NOW.with_facts(hidden), make_policy(), threads)
    query = make_query(20)
    assert len(asyncio.run(before.recommend(query)).selection) == 20
    assert sorted(ids(asyncio.run(after.recommend(query)))) == list(range(10, 101, 10))
    threads.close()
