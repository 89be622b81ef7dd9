"""The paired bootstrap covers the truth, repeats itself, and respects that one user's queries belong together."""

import numpy as np
import pytest

from evaluation.intervals import Interval, clustered_share, paired_bootstrap


def test_identical_models_differ_by_nothing() -> None:
    values = np.random.default_rng(0).random(200)
    assert paired_bootstrap(values, values, np.arange(200) // 4) == Interval(0.0, 0.0, 0.0)


def test_a_constant_gain_has_no_spread() -> None:
    values = np.random.default_rng(0).random(200)
    interval = paired_bootstrap(values + 0.25, values, np.arange(200) // 7)
    assert (interval.mean, interval.low, interval.high) == pytest.approx((0.25, 0.25, 0.25))


def test_no_queries() -> None:
    assert paired_bootstrap(np.empty(0), np.empty(0), np.empty(0, dtype=np.int64)) == Interval(0.0, 0.0, 0.0)


def test_the_seed_decides() -> None:
    rng = np.random.default_rng(0)
    a, b, users = rng.random(300), rng.random(300), np.arange(300) // 3
    assert paired_bootstrap(a, b, users) == paired_bootstrap(a, b, users)
    assert paired_bootstrap(a, b, users) != paired_bootstrap(a, b, users, seed=1)


def test_the_mean_is_over_queries_whatever_the_users() -> None:
    a, b = np.array([1.0, 0.0, 0.5, 0.25]), np.array([0.0, 0.0, 0.5, 1.0])
    interval = paired_bootstrap(a, b, np.array([7, 7, 7, 3]))
    assert interval.mean == pytest.approx((1 + 0 + 0 - 0.75) / 4)
    assert interval.low == pytest.approx(-0.75)  # only user 3, drawn twice
    assert interval.high == pytest.approx(1 / 3)  # only user 7, drawn twice


def clustered(rng: np.random.Generator, users: int = 40, each: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """Differences with mean 0.1 whose users agree with themselves, and the users."""
    own = rng.normal(0.1, 0.5, size=users).repeat(each)
    return own + rng.normal(0, 0.1, size=users * each), np.arange(users).repeat(each)


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(300):
        gains, users = clustered(rng)
        interval = paired_bootstrap(gains, np.zeros_like(gains), users, draws=300)
        covered += interval.low <= 0.1 <= interval.high
    assert 0.90 <= covered / 300 <= 0.98


def test_queries_of_one_user_are_not_independent_evidence() -> None:
    gains, users = clustered(np.random.default_rng(1))
    clusters = paired_bootstrap(gains, np.zeros_like(gains), users)
    singles = paired_bootstrap(gains, np.zeros_like(gains), np.arange(len(gains)))
    assert clusters.high - clusters.low > 2 * (singles.high - singles.low)


def test_a_higher_level_is_wider() -> None:
    gains, users = clustered(np.random.default_rng(2))
    narrow = paired_bootstrap(gains, np.zeros_like(gains), users, level=0.5)
    wide = paired_bootstrap(gains, np.zeros_like(gains), users, level=0.99)
    assert wide.low < narrow.low < narrow.mean < narrow.high < wide.high


def test_users_need_not_be_numbered_in_order() -> None:
    rng = np.random.default_rng(3)
    gains, users = clustered(rng)
    mixed = rng.permutation(len(gains))
    straight = paired_bootstrap(gains, np.zeros_like(gains), users * 1_000_003)
    shuffled = paired_bootstrap(gains[mixed], np.zeros_like(gains), users[mixed] * 1_000_003)
    assert (straight.low, straight.high) == pytest.approx((shuffled.low, shuffled.high))


def test_a_share_of_independent_values_has_wilsons_interval() -> None:
    found = clustered_share(np.array([True] * 10 + [False] * 30), np.arange(40))
    assert found.mean == 0.25
    assert (found.low, found.high) == pytest.approx((0.1419, 0.4019), abs=0.003)  # Wilson, n = 40


def test_a_share_is_less_certain_the_fewer_its_users_and_never_certain() -> None:
    values = np.tile(np.repeat([True, False], 10), 10)
    many, few = clustered_share(values, np.arange(200)), clustered_share(values, np.arange(200) // 10)
    assert few.high - few.low > 2 * (many.high - many.low)
    for share in (False, True):
        same = clustered_share(np.full(100, share), np.arange(100) // 10)
        assert 0.2 < same.high - same.low < 0.4  # of ten users, not of a hundred values
        assert 0.0 <= same.low <= same.mean <= same.high <= 1.0
    assert clustered_share(np.array([True]), np.array([7])).low < 0.3
    assert clustered_share(np.array([], dtype=bool), np.array([], dtype=np.int64)) == Interval(0.0, 0.0, 0.0)


def test_a_clustered_share_covers_the_truth() -> None:
    rng, hits, rounds = np.random.default_rng(5), 0, 400
    for _ in range(rounds):
        rates = rng.beta(2, 6, size=60)  # each user has a rate of their own; a quarter on the average
        users = np.repeat(np.arange(60), rng.integers(1, 12, size=60))
        found = clustered_share(rng.random(len(users)) < rates[users], users)
        hits += found.low <= 0.25 <= found.high
    assert hits / rounds > 0.92
