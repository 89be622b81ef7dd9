"""The guard takes back what does harm, and nothing else."""

import numpy as np
import pytest

from core.errors import InvalidInput
from streaming.learning.prequential import Guard, GuardConfig


def test_harm_is_seen_once_there_is_enough_evidence() -> None:
    guard = Guard(GuardConfig(window=200, min_examples=100))
    worse = np.where(np.arange(90) % 3 == 0, 0.0, 0.2), np.where(np.arange(90) % 3 == 0, 0.1, 0.0)
    assert not guard.observe(*worse), "90 examples are no evidence yet"
    assert guard.lift < 0
    assert guard.observe(*worse)
    assert guard.rollbacks == 1
    assert guard.lift == 0, "after a rollback the comparison starts anew"
    assert not guard.observe(*worse)


def test_a_gain_is_kept_and_old_harm_is_forgotten() -> None:
    guard = Guard(GuardConfig(window=100, min_examples=100, z=1e9))
    guard.observe(np.full(100, 0.5), np.linspace(0, 0.4, 100))
    assert guard.lift < -0.2
    guard.observe(np.zeros(100), np.full(100, 0.1))
    assert guard.lift == pytest.approx(0.1)
    assert guard.rollbacks == 0


def test_equal_versions_are_left_alone() -> None:
    guard = Guard(GuardConfig(window=100, min_examples=2))
    assert not guard.observe(np.full(50, 0.3), np.full(50, 0.3))


def test_false_alarms_are_rare() -> None:
    """Two equally good versions: a verdict errs about once in a hundred."""
    alarms = 0
    for seed in range(300):
        frozen, learned = np.random.default_rng(seed).uniform(size=(2, 500))
        alarms += Guard(GuardConfig(window=500, min_examples=500)).observe(frozen, learned)
    assert alarms <= 9


def test_a_window_shorter_than_min_examples_is_refused() -> None:
    with pytest.raises(InvalidInput, match="min_examples"):
        GuardConfig(window=10, min_examples=20)
