"""Where users lie: the reference's directions, a crowd that moves, and what is left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import tiny_release

from core import columns as c
from evaluation.user_vectors import DIRECTIONS, UserReference, user_reference, vectors
from evaluation.watched import USERS
from recommender.release import Release

EVENTS = tiny_release.interactions()
LATER = 2e9


def test_each_user_has_one_vector_of_length_one_and_unknown_items_have_none(release: Release) -> None:
    found = vectors(EVENTS, release.encoder)
    assert found.shape == (tiny_release.N_USERS, release.encoder.dim)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1.0, rtol=1e-5)
    strangers = EVENTS.with_columns(pl.lit(7).cast(pl.Int64).alias(c.ITEM))
    assert len(vectors(strangers, release.encoder)) == 0
    broken = EVENTS.with_columns(pl.lit(float("nan")).alias(c.VALUE))
    assert np.isfinite(vectors(broken, release.encoder)).all()


def test_the_reference_is_what_was_seen_and_survives_the_file(release: Release, tmp_path: Path) -> None:
    reference = user_reference(EVENTS, release.encoder, LATER, seed=1)
    assert reference is not None
    assert reference.values.shape == (tiny_release.N_USERS, DIRECTIONS)
    np.testing.assert_allclose(reference.values.mean(axis=0), 0.0, atol=1e-5)
    spread = reference.values.std(axis=0)
    assert (np.diff(spread) <= 0).all(), "the direction in which users differ most comes first"
    reference.save(tmp_path / "user_reference.npz")
    read = UserReference.load(tmp_path / "user_reference.npz")
    for name in ("mean", "directions", "values"):
        np.testing.assert_array_equal(getattr(read, name), getattr(reference, name))
    same = read.watched(EVENTS, release.encoder)
    assert set(same) == {USERS, "user vector 1", "user vector 2", "user vector 3"}
    np.testing.assert_allclose(np.sort(same["user vector 1"]), np.sort(reference.columns["user vector 1"]), atol=1e-5)


def test_it_does_not_know_what_came_later_and_needs_some_users(release: Release) -> None:
    half = float(np.median(EVENTS[c.TS].to_numpy()))
    past = user_reference(EVENTS, release.encoder, half, seed=1)
    alone = user_reference(EVENTS.filter(pl.col(c.TS) < half), release.encoder, LATER, seed=1)
    assert past is not None
    assert alone is not None
    np.testing.assert_array_equal(past.values, alone.values)
    assert user_reference(EVENTS.filter(pl.col(c.USER) <= 9), release.encoder, LATER, seed=1) is None


def test_the_order_of_the_values_says_nothing_about_the_users(release: Release) -> None:
    one, other = (user_reference(EVENTS, release.encoder, LATER, seed) for seed in (1, 2))
    assert one is not None
    assert other is not None
    assert not np.allclose(one.values[:, 0], other.values[:, 0])


def test_a_crowd_that_turns_to_one_item_moves(release: Release) -> None:
    reference = user_reference(EVENTS, release.encoder, LATER, seed=1)
    assert reference is not None
    turned = EVENTS.with_columns(pl.lit(10).cast(pl.Int64).alias(c.ITEM))
    moved = reference.watched(turned, release.encoder)
    apart = max(abs(moved[name].mean()) for name in moved if name != USERS)
    assert apart > reference.values.std(axis=0).max()
