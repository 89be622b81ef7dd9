"""A pipeline file becomes parts: the default one serves exactly k, and a part that does not exist is named with those that do."""

import asyncio
from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from app.pipelines import assemble, pipeline_path
from core.pipeline import Candidates, Pipeline, Query, Trace
from ranking.selectors import EpsilonSelector, GreedySelector

from core.errors import InvalidInput, NotFound
from core.features import UserFeatures
from ranking.ranker import RankScorer, RetrievalScorer
from recommender.release import Release
from retrieval.adapters.mirror import MirrorIndex

HISTORY = [10, 200, 330, 470]


def with_time(release: Release) -> dict[str, Any]:
    """The release's pipeline, but patient: a busy machine must not decide a test."""
    config = deepcopy(release.pipeline)
    for source in config["source"]:
        source["timeout_ms"] = 30_000
    return config


def index_of(release: Release) -> MirrorIndex:
    index = MirrorIndex()
    index.publish(release.name, release.catalogue.ids, release.item_vectors)
    return index


def assembled(release: Release, exploration: float = 0.0, config: dict[str, Any] | None = None) -> Pipeline:
    return assemble(config or with_time(release), release, index_of(release), exploration)


def user(*items: int) -> UserFeatures:
    ids, n = np.array(items, dtype=np.int64), len(items)
    stars, times = np.full(n, 4.0, dtype=np.float32), np.arange(n, dtype=np.float64)
    return UserFeatures(1, ids, np.full(n, 3), stars, times, n_events=n, consumed=np.sort(ids))


def run(pipeline: Pipeline, k: int, features: UserFeatures | None = None, seed: int = 0) -> tuple[Candidates, Trace]:
    chosen, trace = asyncio.run(pipeline.run(Query("r", 1, k, now=0.0, seed=seed, user=features)))
    assert not trace.failed()
    return chosen, trace


@pytest.mark.parametrize("k", [1, 10, 50])
@pytest.mark.parametrize("exploration", [0.0, 0.5])
@pytest.mark.parametrize("features", [None, user(), user(*HISTORY), user(7, 8)], ids=["stranger", "empty", "known", "unknown"])
def test_the_default_pipeline_serves_exactly_k_of_what_was_not_consumed(
    release: Release, k: int, exploration: float, features: UserFeatures | None
) -> None:
    chosen, _ = run(assembled(release, exploration), k, features)
    shown = release.catalogue.ids[chosen.rows].tolist()
    assert len(shown) == len(set(shown)) == k
    if features is not None:
        assert not set(shown) & set(features.consumed.tolist())
    assert chosen.propensities is not None
    assert ((chosen.propensities > 0) & (chosen.propensities <= 1)).all()


def test_a_user_who_saw_nearly_everything_gets_the_rest(release: Release) -> None:
    chosen, _ = run(assembled(release), 10, user(*release.catalogue.ids[:57].tolist()))
    assert sorted(chosen.rows.tolist()) == [57, 58, 59]


def test_every_stage_of_the_file_runs(release: Release) -> None:
    chosen, trace = run(assembled(release), 10, user(*HISTORY))
    assert sorted((stage.stage, stage.part) for stage in trace.stages[:2]) == [("source", "popular"), ("source", "two_tower")]
    scorer = "lambdamart" if release.ranks else "retrieval"
    assert [(stage.stage, stage.part) for stage in trace.stages[2:]] == [
        ("filter", "seen"),
        ("hydrator", "candidate_features"),
        ("scorer", scorer),
        ("selector", "epsilon"),
    ]
    assert (chosen.origin == 0).all(), "for a user with a history, retrieval fills the list"


def test_a_stranger_gets_what_is_popular(release: Release) -> None:
    chosen, _ = run(assembled(release), 5)
    assert chosen.rows.tolist() == release.stats.popular_rows(5).tolist()
    assert (chosen.origin == 1).all()


def test_a_release_is_served_as_it_was_judged(release: Release) -> None:
    """Without exploration a known user's list is retrieval's own order where `retrieval` won the choice."""
    config = with_time(release) | {"scorer": [{"part": "retrieval"}]}
    chosen, _ = run(assembled(release, config=config), 10, user(*HISTORY))
    vector = release.encoder.encode(user(*HISTORY))
    assert vector is not None
    scores = release.item_vectors @ vector
    scores[release.catalogue.rows(HISTORY)] = -np.inf
    assert chosen.rows.tolist() == np.argsort(-scores, kind="stable")[:10].tolist()


@pytest.mark.parametrize(("won", "scorer"), [("lambdamart", RankScorer), ("retrieval", RetrievalScorer)])
def test_the_scorer_release_is_the_one_that_won(release: Release, won: str, scorer: type) -> None:
    manifest = release.manifest.model_copy(update={"config": {**release.manifest.config, "scorer": won}})
    pipeline = assembled(replace(release, manifest=manifest))
    assert [type(part) for part in pipeline.scorers] == [scorer]


@pytest.mark.parametrize(("part", "scorer"), [("lambdamart", RankScorer), ("retrieval", RetrievalScorer)])
def test_a_file_can_name_its_scorer(release: Release, part: str, scorer: type) -> None:
    pipeline = assembled(release, config=with_time(release) | {"scorer": [{"part": part}]})
    assert [type(found) for found in pipeline.scorers] == [scorer]


def test_selectors_and_time_outs_come_from_the_file(release: Release) -> None:
    assert isinstance(assembled(release).selector, EpsilonSelector)
    greedy = assembled(release, config=with_time(release) | {"selector": {"part": "greedy"}})
    assert isinstance(greedy.selector, GreedySelector)
    pipeline = assemble(release.pipeline, release, index_of(release), 0.0)
    assert [timed.timeout for timed in pipeline.sources] == [part["timeout_ms"] / 1000 for part in release.pipeline["source"]]


def test_only_sources_and_a_selector_are_needed(release: Release) -> None:
    config = {"name": "bare", "source": with_time(release)["source"][1:], "selector": {"part": "greedy"}}
    chosen, trace = run(assembled(release, config=config), 3)
    assert len(chosen) == 3
    assert [stage.stage for stage in trace.stages] == ["source", "selector"]


@pytest.mark.parametrize(
    ("role", "known"),
    [
        ("source", ["two_tower", "popular"]),
        ("filter", ["seen"]),
        ("hydrator", ["candidate_features"]),
        ("scorer", ["release", "lambdamart", "retrieval"]),
        ("selector", ["epsilon", "greedy"]),
    ],
)
def test_a_part_that_does_not_exist_is_named_with_those_that_do(release: Release, role: str, known: list[str]) -> None:
    wrong: Any = {"part": "crystal_ball", "k": 5, "timeout_ms": 100}
    config = with_time(release) | {role: wrong if role == "selector" else [wrong]}
    with pytest.raises(InvalidInput, match="crystal_ball") as refused:
        assembled(release, config=config)
    assert refused.value.field == f"{role}.part"
    assert all(name in refused.value.detail for name in known)


def test_exploration_out_of_range_is_refused(release: Release) -> None:
    with pytest.raises(InvalidInput, match="exploration"):
        assembled(release, exploration=1.0)


def test_a_pipeline_that_does_not_exist_is_named_with_those_that_do() -> None:
    assert pipeline_path("default").is_file()
    with pytest.raises(NotFound, match=r"'nothing'.*default"):
        pipeline_path("nothing")
