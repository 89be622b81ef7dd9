"""From rows to batches, on tables small enough to check by eye."""

import math

import numpy as np
import polars as pl
import pytest
import torch

from core.catalogue import Catalogue
from core.errors import DatasetError
from core.events import KIND_CODE
from retrieval.sequences import (
    Sequences,
    Windows,
    collate,
    first_seen,
    length_batches,
    training_windows,
    validation_windows,
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


def test_before_keeps_whole_prefixes() -> None:
    found = lengths([3, 2]).before(200.5)
    assert found.starts.tolist() == [0, 3, 4]
    assert lengths([3, 2]).before(150).starts.tolist() == [0, 3]


@pytest.mark.parametrize("seed", range(5))
def test_training_windows_predict_every_event_but_the_first_exactly_once(seed: int) -> None:
    sequences = lengths([1, 2, 9, 23])
    windows = training_windows(sequences, 5, np.random.default_rng(seed))
    predicted = np.concatenate([np.arange(b + 1, e + 1) for b, e in zip(windows.begin, windows.end, strict=True)])
    firsts = set(sequences.starts[:-1].tolist())
    assert sorted(predicted.tolist()) == [k for k in range(35) if k not in firsts]
    assert (windows.end - windows.begin).max() <= 5


def test_validation_windows_predict_the_future_once_with_history() -> None:
    sequences = lengths([4, 20])
    windows = validation_windows(sequences, 208.0, 6)  # the second user's last twelve events
    counted = np.concatenate([np.arange(p, e + 1) for p, e in zip(windows.predict_from, windows.end, strict=True)])
    assert counted.tolist() == list(range(12, 24))
    assert (windows.predict_from - windows.begin).min() >= 3
    assert len(validation_windows(sequences, np.inf, 6).end) == 0


def test_collate_pads_on_the_left() -> None:
    sequences = lengths([4])
    batch = collate(sequences, Windows(*np.array([[0, 3, 1, 0], [1, 2, 2, 0]]).T))
    assert batch.rows.tolist() == [[0, 1, 2], [1, 1, 1]]
    assert batch.mask.tolist() == [[True, True, True], [False, False, True]]
    assert batch.targets.tolist() == [[1, 2, 3], [2, 2, 2]]
    assert batch.counted.tolist() == [[True, True, True], [False, False, True]]
    torch.testing.assert_close(batch.gaps, torch.tensor([[0, math.log(2), math.log(2)], [0, 0, 0]], dtype=torch.float32))


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
    assert max(size[batch].max() * len(batch) for batch in batches) <= 64
    padding = sum(int(size[batch].max() * len(batch) - size[batch].sum()) for batch in batches)
    assert padding < 0.1 * size.sum()
