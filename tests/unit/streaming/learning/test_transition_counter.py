"""What followed what since the release: counted as the release's own table was, bounded, and resumed."""

from __future__ import annotations

import numpy as np
import pytest

from core.kinds import Kind
from retrieval.history import EncodedHistory
from streaming.learning import transition_counter
from streaming.learning.learner import Example
from streaming.learning.transition_counter import TransitionCounter


def example(target: int, *rows: int, skipped: tuple[int, ...] = ()) -> Example:
    kinds = np.array([(Kind.SKIP if row in skipped else Kind.VIEW).spec.code for row in rows], dtype=np.int64)
    nothing = np.zeros(len(rows), np.float32)
    history = EncodedHistory(np.array(rows, dtype=np.intp), kinds, nothing, nothing, np.empty(0, np.int64))
    return Example(history, target, np.array(rows, dtype=np.intp))


def test_the_latest_items_that_were_taken_up_are_followed_each_by_one_over_its_distance() -> None:
    counter = TransitionCounter(6, window=2)
    counter.count([example(4, 0, 1, 2, 3, skipped=(3,)), example(4, 2)])
    assert dict(zip(*(part.tolist() for part in (counter.counts.tocoo().row, counter.counts.tocoo().data)), strict=True)) == {
        1: 0.5,
        2: 2.0,
    }


def test_a_later_process_goes_on_from_what_was_published() -> None:
    first, second = TransitionCounter(6, window=2), TransitionCounter(6, window=2)
    first.count([example(4, 0)])
    second.resume(first.counts)
    second.count([example(4, 0), example(5, 4)])
    assert second.counts.toarray()[[0, 4], [4, 5]].tolist() == [2.0, 1.0]


def test_the_pairs_that_were_met_least_are_forgotten_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transition_counter, "MAX_PAIRS", 3)
    counter = TransitionCounter(9, window=1)
    counter.count([example(8, 0), example(8, 0), example(8, 1), example(8, 2)])
    assert counter.counts.nnz == 3
    counter.count([example(8, 3)])
    assert counter.counts.toarray()[:, 8].tolist() == [2.0, 0, 0, 0, 0, 0, 0, 0, 0]
