"""What is judged is what is served: the list of a served request and the judged one are the same, for any policy."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import tiny_release
from synthetic import POPULAR, TWO_TOWER, make_policy

from core.errors import DependencyUnavailable
from core.features import UserFeatures
from evaluation.queries import LabelledQuery
from feature_repo.adapters.memory import MemoryFeatures
from feature_repo.item_stats import item_stats
from lifecycle.judging import queries
from recommender.assembly import SourceThreads
from recommender.experiment import Experiment
from recommender.host import RecommenderHost
from recommender.live import Feeds, LiveRelease, Snapshot
from recommender.policy import Policy
from recommender.recommender import Offline
from recommender.release import Release
from recommender.roles import Page, Query, Selection
from retrieval.adapters.mirror import MirrorIndex
from serving.lists.feature_gate import FeatureGate
from serving.lists.service import RecommendService
from streaming.adapters.memory import MemoryEventLog

DEPTH, SHOWN = 200, 20  # positions that are judged, and that a request asks for
PATIENT = {"timeout_ms": 60_000}
FEATURES = [{"part": "candidate_features"}]
POLICIES: dict[str, dict[str, Any]] = {
    "default": {"hydrator": FEATURES, "scorer": [{"part": "release"}]},
    "ranked": {"hydrator": FEATURES, "scorer": [{"part": "lambdamart"}]},
    "few candidates, ranked": {
        "source": [TWO_TOWER | {"k": 12}, POPULAR | {"k": 5}],
        "hydrator": FEATURES,
        "scorer": [{"part": "lambdamart"}],
    },
    "two primary sources": {"source": [TWO_TOWER | {"k": 30}, POPULAR | {"fills": False}]},
    "two primary sources, ranked": {
        "source": [TWO_TOWER | {"k": 30}, POPULAR | {"k": 30, "fills": False}],
        "hydrator": FEATURES,
        "scorer": [{"part": "lambdamart"}],
    },
    "what was seen may come back": {"filter": []},
}


@pytest.fixture(scope="module")
def asked(release: Release) -> list[LabelledQuery]:
    """Events to predict: some of users never seen, most of users with a history."""
    found = queries(tiny_release.interactions(), release.catalogue, 0.0, 2e9, max_queries=40)
    assert any(query.user is None for query in found)
    assert sum(query.user is not None for query in found) > 20
    return found


@pytest.fixture(scope="module")
def now(release: Release) -> Snapshot:
    """The release with statistics as of the start of a period, as `lifecycle.judging` has it."""
    mirror = MirrorIndex()
    mirror.publish(release.name, release.catalogue.ids, release.item_vectors)
    stats = item_stats(tiny_release.interactions(), release.catalogue, 1e9 + 240)
    return Snapshot.of(release, mirror).with_stats(stats)


def judged(now: Snapshot, policy: Policy, asked: Sequence[LabelledQuery]) -> list[Selection]:
    """As `lifecycle.judging` makes them: deep, offline, without exploration."""
    made = (Query(f"judged-{n}", one.user_id, one.ts, n, one.user, Page(DEPTH)) for n, one in enumerate(asked))
    with Offline(now, policy.greedy()) as offline:
        return [one.selection for one in offline.recommend(made)]


def served(now: Snapshot, policy: Policy, asked: Sequence[LabelledQuery], tmp_path: Any) -> list[Selection]:
    """As the API makes them: a page, from stored features, by the host's recommender of the user's arm."""
    features, moment = MemoryFeatures(), [0.0]
    feeds = Feeds(tmp_path / "none", tmp_path / "nothing", tmp_path / "neither")
    host = RecommenderHost(Experiment(), {"control": policy}, lambda _: LiveRelease("1", now, feeds), lambda _: "1")
    service = RecommendService(host, FeatureGate(features, timeout=60.0), MemoryEventLog(), clock=lambda: moment[0])

    async def all_of_them() -> list[Selection]:
        lists = []
        for one in asked:
            features.erase(one.user_id)
            if one.user is not None:
                features.write([one.user])
            moment[0] = one.ts
            lists.append((await service.recommend(one.user_id, Page(SHOWN))).selection)
        return lists

    try:
        return asyncio.run(all_of_them())
    finally:
        service.close()


@pytest.mark.parametrize("changes", POLICIES.values(), ids=POLICIES.keys())
def test_the_judged_list_is_the_served_list(
    now: Snapshot, asked: list[LabelledQuery], changes: dict[str, Any], tmp_path: Any
) -> None:
    policy = make_policy(**changes)
    pairs = list(zip(judged(now, policy, asked), served(now, policy, asked, tmp_path), strict=True))
    for ours, theirs in pairs:
        assert ours.rows[:SHOWN].tolist() == theirs.rows.tolist()
        np.testing.assert_allclose(ours.scores[:SHOWN], theirs.scores, atol=1e-5)
        np.testing.assert_array_equal(ours.found[:SHOWN], theirs.found)
    assert len({tuple(theirs.rows.tolist()) for _, theirs in pairs}) > 20, "lists of different users differ"


def test_changing_the_file_changes_what_is_judged_and_what_is_served_alike(
    now: Snapshot, asked: list[LabelledQuery], tmp_path: Any
) -> None:
    lists = {name: judged(now, make_policy(**changes), asked) for name, changes in POLICIES.items()}
    tops = {name: [tuple(one.rows[:SHOWN].tolist()) for one in of_policy] for name, of_policy in lists.items()}
    assert len(set(map(tuple, tops.values()))) >= len(POLICIES) - 1, "`default` is one of the others: that of the chosen scorer"
    for name, of_policy in tops.items():
        again = served(now, make_policy(**POLICIES[name]), asked, tmp_path)
        assert [tuple(one.rows.tolist()) for one in again] == of_policy, name


def test_other_stored_features_make_another_list(now: Snapshot, asked: list[LabelledQuery], tmp_path: Any) -> None:
    """The comparison can fail."""
    known = [one for one in asked if one.user is not None][:10]
    later = [replace(one, user=replace(one.user, consumed=now.catalogue.ids[::2])) for one in known if one.user is not None]
    ours, theirs = judged(now, make_policy(), known), served(now, make_policy(), later, tmp_path)
    assert all(one.rows[:SHOWN].tolist() != other.rows.tolist() for one, other in zip(ours, theirs, strict=True))


def test_users_encoded_in_batches_get_the_lists_of_users_encoded_one_by_one(now: Snapshot, asked: list[LabelledQuery]) -> None:
    from recommender.recommender import Recommender

    together = judged(now, make_policy(), asked)
    alone = Recommender(now, make_policy().greedy(), SourceThreads(), bounded=False)
    for number, (one, ours) in enumerate(zip(asked, together, strict=True)):
        query = Query("r", one.user_id, one.ts, number, one.user, Page(DEPTH))
        np.testing.assert_array_equal(asyncio.run(alone.recommend(query)).selection.rows, ours.rows)


def test_half_a_pipeline_judges_nothing(now: Snapshot, asked: list[LabelledQuery]) -> None:
    class Gone(MirrorIndex):
        def search(self, *_: Any) -> Any:
            raise DependencyUnavailable("milvus", "connection refused")

    with pytest.raises(RuntimeError, match="two_tower"):
        judged(replace(now, index=Gone()), make_policy(), asked)


def test_a_user_with_a_profile_and_no_history_is_encoded_too(now: Snapshot) -> None:
    with Offline(now, make_policy()) as offline:
        made = next(offline.recommend([Query("r", 1, 0.0, 0, UserFeatures(1, profile=("age:25",)))]))
    assert len(made.selection) == SHOWN
