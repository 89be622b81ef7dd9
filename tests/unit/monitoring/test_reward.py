"""Falls of acceptance: found, not imagined, compared alike, and named when they cannot be told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from core import columns as c
from core.errors import InvalidInput
from monitoring.reward import RewardConfig, ServedLists, pairwise_accuracy, reward, score_columns, served_lists
from monitoring.significance import SCORES

CONFIG = RewardConfig(lists=400, min_lists=200, min_users=20)
START, EVERY = 1_000_000.0, 30.0  # seconds
USERS = 100


def traffic(rng: np.random.Generator, rates: list[float], release: str = "r1") -> tuple[pl.DataFrame, pl.DataFrame]:
    """Lists of two items, one for each rate, 30 s apart; people differ in how often they accept. Then their answers."""
    n = len(rates)
    users = rng.integers(0, USERS, n)
    habit = np.random.default_rng(0).beta(2, 2, USERS) * 2  # mean 1
    accepted = rng.random(n) < np.minimum(np.array(rates) * habit[users], 1.0)
    times = START + EVERY * np.arange(n)
    lists = pl.DataFrame({c.REQUEST_ID: [f"{release}-{i}" for i in range(n)], c.USER: users, c.TS: times}).with_columns(
        pl.lit("p").alias(c.POLICY), pl.lit(release).alias(c.MODEL_VERSION)
    )
    shown = pl.concat(
        [
            lists.with_columns(pl.lit(i).alias(c.ITEM), pl.lit(i - 1).alias(c.POSITION), pl.lit(1.0 / i).alias(c.SCORE))
            for i in (1, 2)
        ]
    )
    answers = lists.filter(pl.Series(accepted)).select(
        c.REQUEST_ID, c.USER, pl.lit(1).alias(c.ITEM), pl.lit("click").alias(c.KIND), pl.col(c.TS) + 60.0
    )
    return shown, answers


def looked(shown: pl.DataFrame, answers: pl.DataFrame, config: RewardConfig = CONFIG) -> ServedLists:
    return served_lists(shown, shown, answers, "r1", config)


def test_a_fall_is_found_and_a_rise_is_none() -> None:
    found = {}
    for now in (0.15, 0.6):
        rng = np.random.default_rng(1)
        found[now] = reward(looked(*traffic(rng, [0.3] * 400 + [now] * 600)), CONFIG)
    assert found[0.15].fell
    fall = found[0.15].found["acceptance"]
    assert fall.before == pytest.approx(0.3, abs=0.06)
    assert fall.now == pytest.approx(0.15, abs=0.05)
    assert found[0.6].fell is False


def test_without_a_change_falls_are_as_rare_as_stated() -> None:
    rng, rounds, config = np.random.default_rng(2), 200, replace(CONFIG, level=0.05, min_fall=1e-9)
    falls = sum(bool(reward(looked(*traffic(rng, [0.3] * 1_000)), config).fell) for _ in range(rounds))
    assert falls <= 18  # 200 x 0.05 = 10; more than 18 happen in less than one of 100 runs


def test_lists_that_may_still_be_answered_do_not_count() -> None:
    shown, answers = traffic(np.random.default_rng(3), [0.5] * 1_000)
    last = START + EVERY * 999
    late = answers.filter(pl.col(c.TS) <= last)  # nobody has answered the newest lists yet
    lists = looked(shown, late)
    assert float(lists.latest[c.TS].max()) <= last - CONFIG.horizon  # type: ignore[arg-type]
    assert reward(lists, CONFIG).fell is False


def test_a_list_is_in_one_group_only_and_other_releases_in_none() -> None:
    rng = np.random.default_rng(4)
    shown, answers = traffic(rng, [0.3] * 1_000)
    other, others = traffic(rng, [0.9] * 500, "r2")
    lists = looked(pl.concat([shown, other]), pl.concat([answers, others]))
    assert (len(lists.first), lists.first[c.TS].max()) == (400, START + EVERY * 399)
    assert not set(lists.first[c.REQUEST_ID]) & set(lists.latest[c.REQUEST_ID])
    assert all(name.startswith("r1-") for name in lists.latest[c.REQUEST_ID])


def test_before_there_are_enough_lists_it_cannot_be_told() -> None:
    few = reward(looked(*traffic(np.random.default_rng(5), [0.3] * 450)), CONFIG)
    none = reward(looked(*traffic(np.random.default_rng(5), [0.3] * 1_000, "another")), CONFIG)
    assert (few.fell, none.fell) == (None, None)
    assert few.untold.startswith("latest lists of the release: 20 of ")
    assert none.untold == "first lists of the release: 0 of 0 users, 400 of at least 20 users are needed"


def test_when_nobody_answers_it_cannot_be_told() -> None:
    found = reward(looked(*traffic(np.random.default_rng(6), [0.0] * 1_000)), CONFIG)
    assert (found.fell, "no list was answered" in found.untold) == (None, True)


def test_scores_are_compared_for_one_policy() -> None:
    shown, answers = traffic(np.random.default_rng(7), [0.3] * 1_000)
    later = pl.col(c.TS) >= START + EVERY * 700
    shown = shown.with_columns(
        pl.when(later).then(pl.lit("q")).otherwise(c.POLICY).alias(c.POLICY),
        pl.when(later).then(100.0).otherwise(c.SCORE).alias(c.SCORE),
    )
    first, latest = score_columns(looked(shown, answers))
    assert first[SCORES].tolist() == [0.75] * 400
    assert latest[SCORES].tolist() == [0.75] * 300
    assert score_columns(looked(shown.clear(), answers)) == ({}, {})


def test_pairwise_accuracy_by_hand() -> None:
    """Three items each; the one that was accepted is the best, the second of two alike, and nobody's."""
    shown = pl.DataFrame(
        {
            c.REQUEST_ID: ["a"] * 3 + ["b"] * 3 + ["c"] * 3,
            c.USER: 1,
            c.ITEM: [1, 2, 3] * 3,
            c.SCORE: [3.0, 2.0, 1.0, 2.0, 2.0, 1.0, 1.0, 1.0, 1.0],
            c.TS: 0.0,
        }
    )
    answers = pl.DataFrame(
        {c.REQUEST_ID: ["a", "b", "c"], c.USER: 1, c.ITEM: [1, 2, 2], c.KIND: "click", c.TS: [10.0, 10.0, 5_000.0]}
    )
    assert pairwise_accuracy(shown, answers, 900.0) == (pytest.approx((1.0 + 0.75) / 2), 2)
    assert pairwise_accuracy(shown, answers.clear(), 900.0) is None


@pytest.mark.parametrize(
    ("name", "value"), [("level", 0.0), ("min_fall", 1.0), ("lists", 1), ("min_users", 1), ("max_lists", 199)]
)
def test_settings_out_of_range_name_the_field(name: str, value: float) -> None:
    with pytest.raises(InvalidInput, match=name):
        replace(CONFIG, **{name: value})  # type: ignore[arg-type]
