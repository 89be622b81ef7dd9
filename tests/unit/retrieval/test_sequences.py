"""From rows to batches, on tables small enough to check by eye."""

import math

import numpy as np
import polars as pl
import pytest
import torch

from core.catalogue import Catalogue
from core.errors import DatasetError
from core.kinds import KIND_CODE
from retrieval.sequences import (
    Sequences,
    Windows,
    collate,
    first_seen,
    held_out_windows,
    length_batches,
    training_windows,
)


def catalogue(n: int) -> Catalogue:
    one = np.ones((n, 1), dtype=np.float32)
    return Catalogue(np.arange(n) * 10, tuple(map(str, range(n))), ("any",), one, np.full(n, 2000, np.float32))


def table(*rows: tuple[int, int, float], kind: str = "rating") -> pl.DataFrame:
    """Rows of (user, item, ts)."""
    schema = {"user_id": pl.Int64, "item_id": pl.Int64, "ts": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row").with_columns(kind=pl.lit(kind), value=pl.lit(4.0))


def lengths(n_events: list[int], seed: int = 0) -> Sequences:
    rows = [(user, 10 * k, float(100 * user + k)) for user, n in enumerate(n_events, 1) for k in range(n)]
    return Sequences.from_frame(table(*rows), catalogue(max(n_events)))


def test_events_are_grouped_by_user_in_time_order_and_unknown_items_left_out() -> None:
    found = Sequences.from_frame(table((2, 10, 5), (1, 20, 9), (2, 30, 1), (1, 0, 2), (2, 99, 3)), catalogue(4))
    assert found.starts.tolist() == [0, 2, 4]
    assert found.rows.tolist() == [0, 2, 3, 1]
    assert found.times.tolist() == [2, 9, 1, 5]
    assert found.kinds.tolist() == [KIND_CODE["rating"]] * 4


def test_the_order_of_ties_is_not_the_order_of_the_table() -> None:
    rows = [(1, 10 * k, 7.0) for k in range(20)]
    forwards, backwards = (Sequences.from_frame(table(*r), catalogue(20)).rows for r in (rows, rows[::-1]))
    assert forwards.tolist() == backwards.tolist()
    assert forwards.tolist() not in (sorted(forwards), sorted(forwards, reverse=True))


def test_only_the_first_liking_of_an_item_is_a_target() -> None:
    rows = pl.concat(
        [
            table((1, 10, 2), (1, 10, 6)),
            table((1, 10, 1), (1, 20, 3), kind="skip"),
            table((1, 20, 4), (1, 10, 5), kind="click"),
        ]
    )
    assert Sequences.from_frame(rows, catalogue(3)).is_target.tolist() == [False, True, False, True, False, False]


def test_nothing_usable_is_an_error_that_says_so() -> None:
    with pytest.raises(DatasetError, match="none of the 0 interactions"):
        Sequences.from_frame(table(), catalogue(3))
    with pytest.raises(DatasetError, match="none of the 1 interactions"):
        Sequences.from_frame(table((1, 5, 1)), catalogue(3))


def test_the_first_events_of_each_user() -> None:
    sequences = lengths([3, 2, 4])
    found = sequences.first(np.array([2, 0, 9]))
    assert found.starts.tolist() == [0, 2, 2, 6]
    assert found.rows.tolist() == [0, 1, 0, 1, 2, 3]
    assert found.counts.tolist() == [2, 0, 4]


def test_profiles_are_hashed_per_user_and_padded() -> None:
    rows = table((2, 10, 5), (1, 20, 9), (3, 30, 1))
    found = Sequences.from_frame(rows, catalogue(4), {1: ("age:25", "gender:F"), 3: ("age:25",)})
    assert found.profiles.shape == (3, 2)
    assert found.profiles[0, 0] == found.profiles[2, 0] > 0
    assert found.profiles[1].tolist() == [0, 0]
    assert found.profiles[2, 1] == 0


@pytest.mark.parametrize("seed", range(20))
def test_training_windows_predict_every_event_exactly_once(seed: int) -> None:
    sequences = lengths([1, 2, 6, 7, 9, 23]).first(np.array([1, 2, 6, 0, 9, 23]))
    windows = training_windows(sequences, 5, np.random.default_rng(seed))
    predicted = np.concatenate([np.arange(p, e + 1) for p, e in zip(windows.predict_from, windows.end, strict=True)])
    assert sorted(predicted.tolist()) == list(range(41))
    assert (windows.end - windows.begin).max() <= 5
    assert ((windows.begin < windows.predict_from) | np.isin(windows.begin, sequences.starts)).all()
    latest = windows.end == sequences.starts[windows.user + 1] - 1
    assert (windows.end - windows.begin)[latest].tolist() == [min(n - 1, 5) for n in (1, 2, 6, 9, 23)]


def test_held_out_windows_predict_the_future_once_with_history() -> None:
    sequences = lengths([4, 20])
    windows = held_out_windows(sequences, np.array([4, 8]), 6)
    counted = np.concatenate([np.arange(p, e + 1) for p, e in zip(windows.predict_from, windows.end, strict=True)])
    assert counted.tolist() == list(range(12, 24))
    assert (windows.predict_from - windows.begin).min() >= 3
    assert len(held_out_windows(sequences, sequences.counts, 6).end) == 0


def test_collate_pads_on_the_right() -> None:
    sequences = lengths([4])
    batch = collate(sequences, Windows(*np.array([[0, 3, 0, 0], [1, 2, 2, 0]]).T))
    assert batch.rows.tolist() == [[0, 1, 2], [1, 2, 2]]
    assert batch.targets.tolist() == [[0, 1, 2, 3], [1, 2, 2, 2]]
    assert batch.counted.tolist() == [[True, True, True, True], [False, True, False, False]]
    torch.testing.assert_close(batch.gaps[0], torch.tensor([0, math.log(2), math.log(2)], dtype=torch.float32))
    assert batch.gaps[1, 0] == 0, "the first event of a window has no gap, as the first of a history has none"


def test_first_seen_counts_the_history_before_the_window() -> None:
    sequences = lengths([5])
    seen = first_seen(sequences, Windows(*np.array([[2, 4, 3, 0]]).T), 5)[0]
    assert seen[:4].tolist() == [-2, -1, 0, 1]
    assert seen[4] > 4


def test_batches_hold_every_window_once_within_the_budget() -> None:
    size = np.random.default_rng(0).integers(1, 30, size=200)
    zeros = np.zeros(200, dtype=np.int64)
    batches = length_batches(Windows(zeros, size, zeros, zeros), 64, np.random.default_rng(1))
    assert sorted(np.concatenate(batches).tolist()) == list(range(200))
    assert max((1 + size[batch].max()) * len(batch) for batch in batches) <= 64
    padding = sum(int(size[batch].max() * len(batch) - size[batch].sum()) for batch in batches)
    assert padding < 0.1 * size.sum()
