"""What the order of the sources says of a candidate, against cases computed by hand."""

import numpy as np
import pytest

from ranking.source_features import SOURCE_FEATURES, SourceOrder, reciprocal_ranks, source_features

NAN = float("nan")


def floats(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float32)


ORDER = SourceOrder(
    scores={"two_tower": floats(0.9, 0.2, NAN), "transitions": floats(NAN, 3.0, 1.0), "popular_segment": floats(NAN, NAN, 5.0)},
    standard={"two_tower": floats(1.8, 0.4, 0.4), "transitions": floats(0.5, 1.5, 0.5)},
    blended=floats(2.0, 2.5, 1.0),
)


def ranks_of(order: SourceOrder) -> dict[str, np.ndarray]:
    return {source: reciprocal_ranks(scores) for source, scores in order.scores.items()}


def test_by_hand() -> None:
    columns = source_features(ORDER, ranks_of(ORDER), 3)
    assert set(columns) <= set(SOURCE_FEATURES)
    expected = {
        "retrieval_found": [1, 1, 0],
        "segment_found": [0, 0, 1],
        "retrieval_standard_score": [1.8, 0.4, 0.4],
        "transition_standard_score": [0.5, 1.5, 0.5],
        "best_reciprocal_rank": [1, 1, 1],
        "source_count": [1, 2, 2],
        "order_score": [2.0, 2.5, 1.0],
        "order_gap": [-0.5, 0.0, -1.5],
        "order_reciprocal_rank": [1 / 2, 1, 1 / 3],
    }
    assert set(columns) == set(expected)
    for name, values in expected.items():
        assert np.asarray(columns[name], dtype=float) == pytest.approx(values), name


def test_of_nothing_there_is_nothing() -> None:
    columns = source_features(SourceOrder(), {}, 2)
    assert {name: np.asarray(values).tolist() for name, values in columns.items()} == {
        "retrieval_found": [False, False],
        "segment_found": [False, False],
    }
    nothing = SourceOrder({"ease": floats()}, {}, floats())
    assert source_features(nothing, ranks_of(nothing), 0)["source_count"].tolist() == []


def test_an_item_that_was_not_found_has_no_rank_and_of_equal_ones_the_first_is_better() -> None:
    assert reciprocal_ranks(floats(1.0, NAN, 3.0, 1.0)).tolist() == pytest.approx([1 / 2, 0, 1, 1 / 3])
