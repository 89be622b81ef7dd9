"""Merging: each item once, with every source that found it, that source's score, and features by name."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.candidates import Features, merge
from recommender.roles import Fetched


def fetched(rows: list[int], scores: list[float], **features: list[float]) -> Fetched:
    named = {name: np.array(values, dtype=np.float32) for name, values in features.items()}
    return Fetched(np.array(rows, dtype=np.intp), np.array(scores, dtype=np.float32), named)


TWO = {"a": fetched([5, 7], [0.9, 0.8]), "b": fetched([7, 9, 5], [30.0, 20.0, 10.0])}


def test_an_item_found_by_two_sources_is_there_once_and_remembers_both() -> None:
    merged = merge(TWO)
    assert merged.rows.tolist() == [5, 7, 9]
    np.testing.assert_array_equal(merged.scores_of("a"), np.array([0.9, 0.8, np.nan], np.float32))
    np.testing.assert_array_equal(merged.scores_of("b"), np.array([10, 30, 20], np.float32))
    assert merged.found.tolist() == [[True, True], [True, True], [False, True]]
    assert merged.scores.tolist() == np.array([0.9, 0.8, 20], np.float32).tolist(), "of the first source that found it"


def test_a_source_that_is_not_in_the_pipeline_found_nothing() -> None:
    assert np.isnan(merge(TWO).scores_of("nobody")).all()


def test_what_only_fill_ups_found_is_not_primary() -> None:
    assert merge(TWO, ["b"]).primary.tolist() == [True, True, False]
    assert merge(TWO, ["a", "b"]).primary.tolist() == [False, False, False]
    assert merge(TWO).primary.all()


def test_a_source_may_add_features_by_name() -> None:
    sources = {"a": fetched([5, 7], [2, 1], age=[3.0, 4.0]), "b": fetched([9, 7], [2, 1], clicks=[8.0, 6.0])}
    merged = merge(sources)
    np.testing.assert_array_equal(merged.features.matrix(["age"])[:, 0], np.array([3, 4, np.nan], np.float32))
    np.testing.assert_array_equal(merged.features.matrix(["clicks"])[:, 0], np.array([np.nan, 6, 8], np.float32))
    assert merged.features.matrix(["clicks", "age"]).shape == (3, 2)


def test_features_are_found_by_name_in_the_order_asked() -> None:
    features = Features(("x", "y"), np.array([[1, 2], [3, 4]], np.float32)).beside(["z"], np.array([[5], [6]], np.float32))
    assert features.names == ("x", "y", "z")
    assert features.matrix(["z", "x"]).tolist() == [[5, 1], [6, 3]]
    assert features.matrix(("x", "y", "z")).tolist() == [[1, 2, 5], [3, 4, 6]]
    with pytest.raises(KeyError, match="w"):
        features.matrix(["x", "w"])


def test_no_sources_and_no_items() -> None:
    assert len(merge({})) == 0
    empty = merge({"a": Fetched.nothing(), "b": Fetched.nothing()})
    assert (len(empty), empty.found.shape, empty.primary.shape) == (0, (0, 2), (0,))


found = st.lists(st.lists(st.integers(0, 30), unique=True, max_size=20), max_size=4)


@given(found)
def test_merging_keeps_each_item_once_with_all_its_sources_in_the_order_found(lists: list[list[int]]) -> None:
    sources = {str(s): fetched(rows, [100.0 * s + row for row in rows]) for s, rows in enumerate(lists)}
    merged = merge(sources)
    assert merged.rows.tolist() == list(dict.fromkeys(row for rows in lists for row in rows))
    for s, rows in enumerate(lists):
        assert merged.found[:, s].tolist() == [row in rows for row in merged.rows.tolist()]
        own = merged.scores_of(str(s))[merged.found[:, s]]
        np.testing.assert_array_equal(own, 100.0 * s + merged.rows[merged.found[:, s]])
    assert merged.scores.dtype == merged.source_scores.dtype == np.float32
