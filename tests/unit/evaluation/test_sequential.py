"""Intervals that hold at every look: their coverage on samples that grow, and what a sample of equal values says."""

from __future__ import annotations

import numpy as np
import pytest

from core.errors import InvalidInput
from evaluation.sequential import Sample, difference, p_value


def looks(rng: np.random.Generator, effect: float, users: int = 2_000, every: int = 20) -> list[tuple[float, float]]:
    """The intervals of all looks at two groups that grow to `users` each."""
    control, treated = rng.random(users) < 0.3, rng.random(users) < 0.3 + effect
    found = []
    for n in range(every, users + 1, every):
        of = difference(Sample.of(treated[:n] * 1.0, 0, 1), Sample.of(control[:n] * 1.0, 0, 1), scale=0.03)
        assert of is not None
        found.append((of.low, of.high))
    return found


def test_without_a_difference_few_of_all_looks_together_show_one() -> None:
    """200 pairs of groups, 100 looks at each: at most 5 % of the pairs may ever exclude 0, give or take three errors of that."""
    rng = np.random.default_rng(1)
    wrong = sum(any(low > 0 or high < 0 for low, high in looks(rng, 0.0)) for _ in range(200))
    assert wrong <= 10 + 3 * np.sqrt(10)


def test_the_usual_interval_is_wrong_at_some_look_much_more_often() -> None:
    """Else this module would have no reason."""
    rng, wrong = np.random.default_rng(1), 0
    for _ in range(200):
        control, treated = rng.random(2_000) < 0.3, rng.random(2_000) < 0.3
        for n in range(20, 2_001, 20):
            error = 1.96 * np.sqrt((control[:n].var() + treated[:n].var()) / n)
            if abs(treated[:n].mean() - control[:n].mean()) > error:
                wrong += 1
                break
    assert wrong > 50


def test_a_fall_by_a_third_is_seen() -> None:
    rng = np.random.default_rng(2)
    assert all(looks(rng, -0.1)[-1][1] < 0 for _ in range(20))


def test_equal_values_of_a_share_have_a_variance() -> None:
    failing, fine = Sample.of(np.ones(30), 0, 1), Sample.of(np.zeros(3_000), 0, 1)
    assert failing.variance > 0
    found = difference(failing, fine, scale=0.01)
    assert found is not None
    assert found.low > 0.5


def test_one_user_shows_nothing() -> None:
    one = Sample.of(np.ones(1), 0, 1)
    assert difference(one, Sample.of(np.zeros(100), 0, 1), 0.1) is None
    assert difference(Sample.of(np.zeros(0), 0, 1), one, 0.1) is None


def test_two_groups_without_variance_differ_by_what_they_differ() -> None:
    found = difference(Sample.of(np.full(5, 2.0)), Sample.of(np.full(5, 1.0)), 0.1)
    assert found is not None
    assert (found.low, found.high) == (1.0, 1.0)


@pytest.mark.parametrize(("scale", "level"), [(0.0, 0.05), (0.1, 0.0), (0.1, 1.0)])
def test_a_scale_or_a_level_that_is_none(scale: float, level: float) -> None:
    sample = Sample.of(np.zeros(5), 0, 1)
    with pytest.raises(InvalidInput, match="scale and level"):
        difference(sample, sample, scale, level)


@pytest.mark.parametrize("mean", [0.0, 0.01, 0.03, 0.2])
def test_a_p_value_is_the_smallest_level_whose_interval_does_not_hold_0(mean: float) -> None:
    treated, control = Sample(n=400, mean=0.3 + mean, variance=0.04), Sample(n=600, mean=0.3, variance=0.05)
    p = p_value(treated, control, 0.02)
    assert p is not None
    for level in (0.5 * p, 0.999 * p, min(0.99, 1.001 * p)):
        found = difference(treated, control, 0.02, level)
        assert found is not None
        assert (found.low > 0 or found.high < 0) == (p < level)


def test_a_p_value_without_a_spread_is_certain_and_without_users_none() -> None:
    same, other = Sample(n=5, mean=0.0, variance=0.0), Sample(n=5, mean=1.0, variance=0.0)
    assert (p_value(same, same, 0.1), p_value(other, same, 0.1)) == (1.0, 0.0)
    assert p_value(Sample(n=1, mean=0.0, variance=0.0), same, 0.1) is None
