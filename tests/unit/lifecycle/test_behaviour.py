"""Behavioural tests find lists that are broken in a way that an average hides."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tiny_release import build, interactions

from lifecycle.behaviour import PERSONAL, SLICE, behave, some_users
from lifecycle.face_off import as_served
from lifecycle.gates import CROWDING, HIDDEN, REPEATS, SEQUELS, SHORT, STEADINESS, UNSTABLE
from recommender.live import Snapshot
from recommender.policy import Policy
from recommender.release import open_release

DEFAULT = Policy.load("default")


@pytest.fixture(scope="module")
def now(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return as_served(open_release(build(tmp_path_factory.mktemp("behaviour"))), DEFAULT).now


def found(now: Snapshot, policy: Policy = DEFAULT) -> dict[str, float]:
    return behave(now, policy, some_users(interactions(), now.catalogue))


def test_a_release_as_it_is_built_behaves(now: Snapshot) -> None:
    figures = found(now)
    assert (figures[REPEATS], figures[SHORT], figures[UNSTABLE]) == (0, 0, 0)
    assert figures[HIDDEN] == 0
    assert 0 < figures[PERSONAL] <= 1
    assert 0 < figures[CROWDING] < 0.9
    assert figures[STEADINESS] > 0.4
    assert SEQUELS not in figures, "no film has a sequel"


def test_lists_with_what_users_consumed_are_counted(now: Snapshot) -> None:
    """A pipeline without the filter of what was seen."""
    assert found(now, DEFAULT.model_copy(update={"filters": ()}))[REPEATS] > 0


def test_vectors_that_are_not_finite_are_no_release(now: Snapshot) -> None:
    vectors = now.item_vectors.copy()
    vectors[3, 0] = np.nan
    users = some_users(interactions(), now.catalogue)
    assert found(replace(now, item_vectors=vectors))[SHORT] == len(users) + SLICE + 1


def test_a_release_that_shows_everybody_the_same_crowds_out_the_rest(now: Snapshot) -> None:
    """What is popular alone, to users who have seen little of it."""
    popular = Policy.of({"name": "p", "source": [{"part": "popular"}], "selector": {"part": "greedy"}}, "p.toml")
    figures = found(now, popular)
    assert figures[CROWDING] == 1
    assert figures[PERSONAL] == 0


def test_a_pipeline_that_shows_what_is_hidden_is_counted(now: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if filters did not know of hidden items."""
    monkeypatch.setattr(Snapshot, "with_facts", lambda self, _: self)
    assert found(now)[HIDDEN] == SLICE


def test_users_are_as_they_are_after_all_events(now: Snapshot) -> None:
    users = some_users(interactions(), now.catalogue)
    assert len(users) == len({user.user_id for user in users}) == 40
    assert sum(len(user.consumed) for user in users) == len(interactions())
