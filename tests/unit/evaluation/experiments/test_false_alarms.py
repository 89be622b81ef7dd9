"""Experiments whose truth is known, looked at again and again: alarms are as rare as was asked for, and effects are found."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binom, norm

from evaluation.experiments.cuped import adjusted
from evaluation.experiments.judging import Answer, Judging, judge
from evaluation.experiments.planning import users_needed
from evaluation.experiments.sample_ratio import sample_ratio
from evaluation.experiments.user_metrics import METRICS

ACCEPTANCE = METRICS[0]
SHARES = {"control": 0.4, "a": 0.3, "b": 0.3}
LEVEL, RUNS, LOOKS = 0.05, 200, 20
JUDGING = Judging("control", SHARES, min_effect=0.1, level=LEVEL)


@dataclass(frozen=True)
class Simulated:
    """Users who come over time, see lists, and accept some of them, each with a taste of their own."""

    variant: NDArray[np.int64]  # [n] place in SHARES
    lists: NDArray[np.int64]  # [looks, n] so far
    accepted: NDArray[np.int64]  # [looks, n] so far
    before: NDArray[np.float64]  # [n], NaN for users who are new

    @classmethod
    def run(cls, seed: int, effect: float = 0.0, n: int = 1200) -> Simulated:
        rng = np.random.default_rng(seed)
        taste = rng.beta(2, 4, n)
        variant = rng.choice(len(SHARES), n, p=list(SHARES.values()))
        chance = np.clip(taste + effect * (variant == 1), 0, 1)
        came = rng.integers(0, LOOKS, n)
        lists = np.cumsum(rng.poisson(0.5, (LOOKS, n)) * (np.arange(LOOKS)[:, None] >= came), axis=0)
        # what is accepted of the lists of each step, so that earlier answers stay
        steps = np.diff(lists, axis=0, prepend=0)
        accepted = np.cumsum(rng.binomial(steps, chance), axis=0)
        past = rng.poisson(4, n)
        before = np.divide(rng.binomial(past, taste), past, out=np.full(n, np.nan), where=past > 0)
        return cls(variant, lists, accepted, before)

    def values(self, look: int, cuped: bool = True) -> dict[str, NDArray[np.float64]]:
        seen = self.lists[look] > 0
        rate = self.accepted[look][seen] / self.lists[look][seen]
        value = adjusted(rate, self.before[seen]) if cuped else rate
        of = self.variant[seen]
        return {name: value[of == place] for place, name in enumerate(SHARES)}


def passes_one_look(values: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    """Whether a test of two means that is made for one look finds a difference."""
    if min(len(values), len(other)) < 100:
        return False
    error = np.sqrt(values.var() / len(values) + other.var() / len(other))
    return bool(2 * norm.sf(abs(values.mean() - other.mean()) / error) < LEVEL / 2)


def test_200_experiments_without_an_effect_raise_no_more_false_alarms_than_was_asked_for_at_any_look() -> None:
    """Each is looked at 20 times. A test that is made for one look raises many more, so this can fail."""
    alarmed = peeked = mismatched = 0
    for seed in range(RUNS):
        run = Simulated.run(seed)
        said, naive = set(), False
        for look in range(LOOKS):
            values = run.values(look)
            said |= {one.answer for one in judge(ACCEPTANCE, values, JUDGING)}
            naive |= any(passes_one_look(values[name], values["control"]) for name in "ab")
        alarmed += bool(said & {Answer.BETTER, Answer.WORSE})
        peeked += naive
        mismatched += sample_ratio({name: len(of) for name, of in values.items()}, SHARES).mismatch
    most = binom.ppf(0.999, RUNS, LEVEL)
    assert alarmed <= most
    assert peeked > most, "the simulation has enough looks to mislead a test for one look"
    assert mismatched <= binom.ppf(0.999, RUNS, 0.001)


def test_a_real_effect_is_found_by_most_experiments_and_never_with_the_wrong_sign() -> None:
    found = 0
    for seed in range(30):
        run = Simulated.run(seed, effect=0.08, n=4000)
        by_variant = {one.variant: one.answer for one in judge(ACCEPTANCE, run.values(LOOKS - 1), JUDGING)}
        found += by_variant["a"] is Answer.BETTER
        assert by_variant["a"] is not Answer.WORSE
        assert by_variant["b"] in (Answer.CANNOT_TELL,)
    assert found >= 24
    worse = Simulated.run(1, effect=-0.15, n=4000)
    assert judge(ACCEPTANCE, worse.values(LOOKS - 1), JUDGING)[0].answer is Answer.WORSE


def test_cuped_narrows_the_interval_and_leaves_the_effect_where_it_is() -> None:
    errors, widths = [], []
    for seed in range(40):
        run = Simulated.run(seed, effect=0.05)
        plain, less = (judge(ACCEPTANCE, run.values(LOOKS - 1, cuped), JUDGING)[0].change for cuped in (False, True))
        assert plain is not None
        assert less is not None
        widths.append((less.high - less.low) / (plain.high - plain.low))
        errors.append(less.mean - plain.mean)
    assert max(widths) < 1
    assert np.mean(widths) < 0.95
    assert abs(np.mean(errors)) < 4 * np.std(errors) / len(errors) ** 0.5


def test_cuped_does_nothing_where_nothing_is_known() -> None:
    values = np.random.default_rng(0).random(100)
    for before in (np.full(100, np.nan), np.full(100, 0.5), np.r_[np.arange(20.0), np.full(80, np.nan)]):
        np.testing.assert_array_equal(adjusted(values, before), values)
    assert adjusted(values, values).std() == pytest.approx(0)
    assert adjusted(values, values).mean() == pytest.approx(values.mean())


@pytest.mark.parametrize(("lost", "mismatch"), [(0.0, False), (0.15, True)])
def test_a_sample_ratio_mismatch_is_found_and_makes_every_answer_invalid(lost: float, mismatch: bool) -> None:
    users = {"control": 4000, "a": round(3000 * (1 - lost)), "b": 3000}
    ratio = sample_ratio(users, SHARES)
    assert ratio.mismatch is mismatch
    assert sample_ratio({"control": 3, "a": 0}, SHARES).p_value is None
    values = {name: np.random.default_rng(1).random(n) for name, n in users.items()}
    answers = {one.answer for one in judge(ACCEPTANCE, values, JUDGING, "groups" if ratio.mismatch else "")}
    assert (answers == {Answer.INVALID}) is mismatch


def test_users_needed_find_the_effect_with_the_asked_power() -> None:
    """Simulated at one look with exactly so many users; looking in between could only find it earlier."""
    rng, effect, spread = np.random.default_rng(3), 0.05, 0.4**2
    judging = Judging("control", {"control": 0.5, "a": 0.5}, min_effect=0.1)
    each = users_needed(spread * 4, effect, judging.level, judging.power) // 2
    found = 0
    for _ in range(200):
        values = {"control": rng.normal(0.475, 0.4, each), "a": rng.normal(0.525, 0.4, each)}
        found += judge(ACCEPTANCE, values, judging)[0].answer is Answer.BETTER
    assert binom.ppf(0.001, 200, judging.power) <= found <= binom.ppf(0.999, 200, judging.power)


def test_with_few_users_nothing_can_be_told_and_the_answer_says_how_many_are_missing() -> None:
    values = {"control": np.zeros(50), "a": np.ones(500), "b": np.ones(500)}
    one = judge(ACCEPTANCE, values, JUDGING)[0]
    assert (one.answer, "50 users" in one.why) == (Answer.CANNOT_TELL, True)
    rng = np.random.default_rng(0)
    one = judge(ACCEPTANCE, {name: rng.random(150) for name in SHARES}, JUDGING)[0]
    assert one.answer is Answer.CANNOT_TELL
    assert one.users_left is not None
    assert one.users_left > 0
    many = judge(ACCEPTANCE, {name: rng.random(100_000) for name in SHARES}, JUDGING)[0]
    assert (many.answer, many.users_left) == (Answer.CANNOT_TELL, 0)
    assert "no difference" in many.why


def test_an_effect_that_no_number_of_people_can_show_is_not_an_error() -> None:
    rare = {name: np.r_[np.zeros(1999), 1e-4] for name in SHARES}
    one = judge(ACCEPTANCE, rare, Judging("control", SHARES, min_effect=1e-6))[0]
    assert (one.answer, one.users_left) == (Answer.CANNOT_TELL, None)


def test_a_guardrail_that_nobody_has_hit_is_no_certainty() -> None:
    errors = next(one for one in METRICS if one.name == "errors")
    none = {name: np.zeros(120) for name in SHARES}
    one = judge(errors, none, JUDGING)[0]
    assert one.change is not None
    assert one.change.low < 0 < one.change.high
    broken = {**none, "a": np.r_[np.zeros(60), np.ones(60)]}
    assert judge(errors, broken, JUDGING)[0].answer is Answer.WORSE
