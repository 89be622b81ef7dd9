"""A release while it is served: what was counted, learned and said of items since it was built."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from synthetic import make_snapshot, user_of

from core.errors import DependencyUnavailable
from core.item_facts import ItemFacts
from lake import later_transitions, learned_vectors, published_stats
from lake.learned_vectors import LearnedVectors
from ranking import published_posterior
from ranking.linear_bandit import CONTEXT, LinearBandit
from recommender.live import Feeds, LiveRelease, Snapshot
from recommender.release import Release
from retrieval.adapters.mirror import MirrorIndex


@pytest.fixture
def feeds(tmp_path: Path) -> Feeds:
    return Feeds(*(tmp_path / f"{name}.parquet" for name in ("items", "vectors", "transitions")))


@pytest.fixture
def live(release: Release, feeds: Feeds) -> LiveRelease:
    mirror = MirrorIndex()
    mirror.publish(release.name, release.catalogue.ids, release.item_vectors)
    return LiveRelease("1", Snapshot.of(release, mirror), feeds, mirror)


def count(feeds: Feeds, live: LiveRelease, row: int) -> None:
    """The consumer counted: this item is the most popular one now."""
    stats = live.snapshot.stats
    recent = stats.recent.copy()
    recent[row] = recent.max() + 1000
    published_stats.publish(feeds.stats, live.snapshot.catalogue.ids, replace(stats, recent=recent))


def learn(feeds: Feeds, live: LiveRelease, row: int, version: int, by: float = 10.0, release: str | None = None) -> np.ndarray:
    """The consumer learned: this item's vector grew; returns it."""
    now = live.snapshot
    moved = by * now.release.item_vectors[[row]]
    learned = LearnedVectors(version, np.array([row]), moved)
    learned_vectors.publish(feeds.vectors, release or now.name, now.catalogue.ids[[row]], learned)
    return moved[0]


def test_nothing_new_changes_nothing(live: LiveRelease) -> None:
    before = live.snapshot
    assert not live.look_at_stats()
    assert not live.look_at_vectors()
    assert live.snapshot is before


def test_what_the_bandit_learned_is_taken_over_once(live: LiveRelease, feeds: Feeds) -> None:
    path = feeds.stats.with_name("posterior.parquet")
    live = LiveRelease("1", live.snapshot, replace(feeds, posterior=path))
    assert not live.look_at_posterior()
    bandit = LinearBandit()
    bandit.learn(np.eye(len(CONTEXT), dtype=np.float32), np.ones(len(CONTEXT)))
    published_posterior.publish(path, bandit.posterior(), bandit.evidence)
    before = live.snapshot
    assert live.look_at_posterior()
    assert (before.posterior.version, live.snapshot.posterior.version) == (0, 1)
    assert not live.look_at_posterior()


def test_new_statistics_are_taken_over_once(live: LiveRelease, feeds: Feeds) -> None:
    before = live.snapshot
    row = int(np.argmin(before.stats.recent))
    count(feeds, live, row)
    assert live.look_at_stats()
    assert live.snapshot.stats.popular_rows(1).tolist() == [row]
    assert before.stats.popular_rows(1).tolist() != [row], "requests under way keep what they began with"
    assert not live.look_at_stats()


def test_learned_vectors_move_item_mirror_and_encoder_together(live: LiveRelease, feeds: Feeds) -> None:
    before = live.snapshot
    moved = learn(feeds, live, row=5, version=3)
    assert live.look_at_vectors()
    now = live.snapshot
    np.testing.assert_allclose(now.item_vectors[5], moved)
    np.testing.assert_array_equal(np.delete(now.item_vectors, 5, 0), np.delete(before.item_vectors, 5, 0))
    ids, scores = now.index.search(now.name, moved, 1)
    assert ids.tolist() == [now.catalogue.ids[5]]
    assert scores[0] == pytest.approx(float(moved @ moved), rel=1e-5)
    user = user_of(int(now.catalogue.ids[5]))
    was, is_now = before.encoder.encode(user), now.encoder.encode(user)
    assert was is not None
    assert is_now is not None
    assert np.abs(was - is_now).max() > 1e-3
    assert live.learned_version == 3


def test_a_later_version_stands_on_the_release_and_not_on_the_one_before(live: LiveRelease, feeds: Feeds) -> None:
    learn(feeds, live, row=5, version=1)
    live.look_at_vectors()
    moved = learn(feeds, live, row=6, version=2)
    live.look_at_vectors()
    np.testing.assert_array_equal(live.snapshot.item_vectors[5], live.snapshot.release.item_vectors[5])
    np.testing.assert_allclose(live.snapshot.item_vectors[6], moved)


def test_what_was_learned_on_another_release_is_left_alone(live: LiveRelease, feeds: Feeds) -> None:
    learn(feeds, live, row=5, version=3, release="another")
    assert not live.look_at_vectors()
    assert live.learned_version == 0


def test_what_followed_what_since_the_release_is_taken_over_once(live: LiveRelease, feeds: Feeds) -> None:
    before = live.snapshot
    ids, n = before.catalogue.ids, len(before.catalogue)
    later = csr_matrix((np.ones(1, np.float32), ([5], [6])), shape=(n, n))
    later_transitions.publish(feeds.transitions, "another", ids, later)
    assert not live.look_at_transitions()
    later_transitions.publish(feeds.transitions, before.name, ids, later)
    assert live.look_at_transitions()
    user = user_of(int(ids[5]))
    was, now = (snapshot.transitions.scores(user, before.catalogue)[6] for snapshot in (before, live.snapshot))  # type: ignore[union-attr]
    assert now > was
    assert live.snapshot.release is before.release
    assert not live.look_at_transitions()


def test_a_file_that_cannot_be_read_costs_only_itself(live: LiveRelease, feeds: Feeds) -> None:
    """And what it says is taken over once it is written anew."""
    before = live.snapshot
    feeds.vectors.write_bytes(b"no parquet")
    with pytest.raises(DependencyUnavailable):
        live.look_at_vectors()
    assert live.snapshot is before
    count(feeds, live, 7)
    assert live.look_at_stats()
    learn(feeds, live, row=5, version=1)
    assert live.look_at_vectors()
    assert live.snapshot.stats.popular_rows(1).tolist() == [7], "one feed does not undo the other"


def test_what_is_known_of_items_now_replaces_what_the_release_knew(live: LiveRelease) -> None:
    frame = live.snapshot.catalogue.to_frame()
    live.know(ItemFacts(frame.with_columns(title=frame["title"] + " (new)")))
    assert live.snapshot.facts.title(0) == live.snapshot.catalogue.titles[0] + " (new)"


def test_a_release_as_it_was_built() -> None:
    now = make_snapshot()
    assert (now.name, now.search_degraded(), len(now.facts)) == ("r1", False, len(now.catalogue))
    assert now.stats is now.release.stats
    assert now.encoder is now.release.encoder
