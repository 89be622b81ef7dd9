"""The map: what differs most lies farthest apart, and the same release always has the same one."""

from __future__ import annotations

import numpy as np

from recommender.item_map import ItemMap

RNG = np.random.default_rng(0)


def two_groups() -> np.ndarray:
    centres = np.zeros((2, 16), dtype=np.float32)
    centres[0, 3], centres[1, 3] = 5.0, -5.0
    return (centres[np.arange(400) % 2] + RNG.normal(0, 0.5, (400, 16))).astype(np.float32)


def test_groups_lie_apart_and_everything_on_the_map() -> None:
    vectors = two_groups()
    places = ItemMap.of(vectors).places(vectors)
    assert np.abs(places).max() <= 1.0
    assert abs(places[::2, 0].mean() - places[1::2, 0].mean()) > 1.0
    assert abs(places[::2, 1].mean() - places[1::2, 1].mean()) < 0.2


def test_the_length_of_a_vector_does_not_move_it() -> None:
    vectors = two_groups()
    item_map = ItemMap.of(vectors)
    np.testing.assert_allclose(item_map.places(vectors), item_map.places(vectors * 7), atol=1e-5)


def test_the_same_vectors_have_the_same_map() -> None:
    vectors = two_groups()
    np.testing.assert_array_equal(ItemMap.of(vectors).places(vectors), ItemMap.of(vectors.copy()).places(vectors))


def test_vectors_that_are_all_alike_have_a_map() -> None:
    vectors = np.ones((5, 8), dtype=np.float32)
    assert np.isfinite(ItemMap.of(vectors).places(vectors)).all()


def test_what_lies_far_out_is_not_pressed_into_a_line() -> None:
    vectors = RNG.standard_t(2, (500, 8)).astype(np.float32)
    places = ItemMap.of(vectors).places(vectors)
    assert np.abs(places).max() < 1.0
    assert len(np.unique(places[:, 0])) == len(places)
