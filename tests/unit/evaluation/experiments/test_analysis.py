"""From rows of the lake to answers: who counts, what is measured of them, and what is said."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from core import columns as c
from core.errors import InvalidInput
from core.ids import user_key
from evaluation.acceptance import ACCEPTED
from evaluation.experiments.analysis import ExperimentResult, analyse
from evaluation.experiments.exposures import exposures
from evaluation.experiments.judging import Answer
from evaluation.experiments.novelty import DAY, by_day, trend
from evaluation.experiments.planning import Baseline, days_for, plan
from evaluation.experiments.user_metrics import ExperimentRows
from lake.tables import IMPRESSIONS, INTERACTIONS, LISTS, SCHEMAS, conform
from recommender.experiments.definition import LayeredExperiment
from recommender.experiments.running import variant_of

START = 1_790_000_000.0
TRIAL = LayeredExperiment.of(
    {
        "name": "trial",
        "layer": "one",
        "variants": {"control": {"share": 0.5}, "b": {"share": 0.5, "overrides": {"popular": {"k": 9}}}},
        "min_effect": 0.3,
    },
    "test.toml",
)


def simulated(
    users: int = 900, effect: float = 0.0, slower: float = 1.0, failing: float = 0.0, lost: float = 0.0
) -> ExperimentRows:
    """Two items a day for every user, half of the ids strings; for three days before, and four in which `b` may differ."""
    rng = np.random.default_rng(5)
    shown: list[dict[str, Any]] = []
    made: list[dict[str, Any]] = []
    answers: list[dict[str, Any]] = []
    for number in range(1, users + 1):
        key = number if number % 2 else user_key(f"user-{number}@example.com")
        variant, taste = variant_of(TRIAL, key), rng.beta(2, 4)
        treated = variant == "b"
        if treated and rng.random() < lost:
            continue
        for day in range(-3, 4):
            ts, request = START + day * DAY + number, f"{number}:{day}"
            arm = f"control+trial:{variant}" if day >= 0 else "control"
            items = rng.choice(40, 2, replace=False) + 1
            listed = {c.REQUEST_ID: request, c.USER: key, c.ARM: arm, c.MODEL_VERSION: "r1", c.TS: ts, c.OFFSET: 0}
            shown += [
                listed | {c.ITEM: int(item), c.POSITION: at, c.PROPENSITY: 1.0, c.SCORE: 1.0, c.POLICY: "p"}
                for at, item in enumerate(items)
            ]
            new = treated and day >= 0
            made.append(
                listed
                | {
                    c.SECONDS: float(rng.lognormal(-4, 0.3)) * (slower if new else 1.0),
                    c.FAILED: bool(new and rng.random() < failing),
                    c.DEGRADED: False,
                    c.SHADOW: False,
                    c.OVERLAP: None,
                }
            )
            if rng.random() < taste + (effect if new else 0.0):
                answers.append(
                    {
                        c.EVENT_ID: request,
                        c.USER: key,
                        c.ITEM: int(items[0]),
                        c.KIND: "watch",
                        c.VALUE: 1.0,
                        c.TS: ts + 60,
                        c.REQUEST_ID: request,
                        c.OFFSET: 0,
                    }
                )
    frames = {
        table: conform(table, pl.DataFrame(rows))
        for table, rows in ((IMPRESSIONS, shown), (INTERACTIONS, answers), (LISTS, made))
    }
    now, before = pl.col(c.TS) >= START, pl.col(c.TS) < START
    return ExperimentRows(
        frames[IMPRESSIONS].filter(now),
        frames[INTERACTIONS].filter(now),
        frames[LISTS].filter(now),
        frames[IMPRESSIONS].filter(before),
        frames[INTERACTIONS].filter(before),
    )


def answers_of(result: ExperimentResult) -> dict[str, Answer]:
    return {one.metric.name: one.answer for one in result.judged}


def test_nothing_is_found_where_nothing_is_and_the_past_takes_variance_away() -> None:
    result = analyse(simulated(), TRIAL)
    assert not {Answer.BETTER, Answer.WORSE, Answer.INVALID} & set(answers_of(result).values())
    assert sum(result.ratio.users.values()) == 900
    assert result.variance_kept < 0.95
    assert (result.forced, result.switched) == (0, 0)
    assert set(result.latency_p95) == set(result.items_shown) == {"control", "b"}
    assert result.items_shown["b"] == 40
    acceptance = result.judged[0]
    assert acceptance.users_left is not None
    assert result.days_left(acceptance) is not None


@pytest.mark.parametrize(
    ("world", "metric", "answer"),
    [
        ({"effect": 0.25}, ACCEPTED, Answer.BETTER),
        ({"effect": -0.3}, ACCEPTED, Answer.WORSE),
        ({"slower": 2.0}, "slow", Answer.WORSE),
        ({"failing": 0.3}, "errors", Answer.WORSE),
    ],
    ids=str,
)
def test_what_is_there_is_found_and_what_is_not_is_not(world: dict[str, float], metric: str, answer: Answer) -> None:
    found = answers_of(analyse(simulated(**world), TRIAL))
    assert found.pop(metric) is answer
    assert set(found.values()) == {Answer.CANNOT_TELL}


def test_a_variant_that_loses_users_makes_every_answer_invalid() -> None:
    result = analyse(simulated(effect=0.25, lost=0.3), TRIAL)
    assert set(answers_of(result).values()) == {Answer.INVALID}
    assert "sample-ratio mismatch" in result.judged[0].why


def test_an_experiment_without_rows_is_one_that_cannot_tell() -> None:
    empty = {table: SCHEMAS[table].to_frame() for table in (IMPRESSIONS, INTERACTIONS, LISTS)}
    nothing = ExperimentRows(empty[IMPRESSIONS], empty[INTERACTIONS], empty[LISTS], empty[IMPRESSIONS], empty[INTERACTIONS])
    result = analyse(nothing, TRIAL)
    assert set(answers_of(result).values()) == {Answer.CANNOT_TELL}


def test_forced_users_and_those_of_two_variants_do_not_count() -> None:
    arms = {
        1: ["control+trial:b"],
        2: ["control+trial:b!", "control+trial:control"],
        3: ["control+trial:control", "control+trial:b"],
        4: ["control+other:b"],
        5: ["control"],
        6: ["control", "big+other:x+trial:control-canary"],
    }
    rows = pl.DataFrame([{c.USER: user, c.ARM: arm, c.TS: START + at} for user, of in arms.items() for at, arm in enumerate(of)])
    found = exposures(rows, "trial")
    assert found.users.rows() == [(1, "b", START), (6, "control", START + 1)]
    assert (found.forced, found.switched) == (1, 1)
    assert len(found.rows(rows)) == 2, "what a user saw before the experiment is not of it"


@pytest.mark.parametrize(("slope", "said"), [(0.0, "steady"), (-0.03, "wears off"), (0.03, "grows")])
def test_an_effect_that_wears_off_is_told_from_one_that_stays(slope: float, said: str) -> None:
    rng = np.random.default_rng(2)
    rows = []
    for user in range(600):
        for day in range(8):
            treated = user % 2 == 0
            chance = 0.3 + (0.25 + slope * (day if slope < 0 else day - 7)) * treated
            rows.append((user, "b" if treated else "control", 0.0, day * DAY + 5.0, bool(rng.random() < chance)))
    lists = pl.DataFrame(rows, schema=[c.USER, "variant", "first", c.TS, ACCEPTED], orient="row")
    effects = by_day(lists, "control")["b"]
    assert [one.day for one in effects] == list(range(8))
    assert trend(effects) == said
    assert trend(effects[:3]).startswith("cannot tell")


def test_a_day_with_few_users_is_left_out() -> None:
    rows = [(user, "b" if user % 2 else "control", 0.0, 5.0, True) for user in range(20)]
    lists = pl.DataFrame(rows, schema=[c.USER, "variant", "first", c.TS, ACCEPTED], orient="row")
    assert by_day(lists, "control") == {"b": []}


def test_a_plan_says_how_many_users_and_days_it_takes() -> None:
    baseline = Baseline(0.3, 0.4, np.array([500.0, 900.0, 1200.0, 1400.0]))
    found = plan(baseline, 0.5, 0.5, effect=0.03)
    # the usual formula: 2 (1.96 + 0.84)^2 (sd / effect)^2 in each group
    assert found.fixed_users == pytest.approx(4 * (1.96 + 0.8416) ** 2 * (0.4 / 0.03) ** 2, rel=0.01)
    assert found.fixed_users < found.sequential_users < 3 * found.fixed_users
    assert found.fixed_days == pytest.approx(4 + (found.fixed_users - 1400) / 200)
    half = plan(baseline, 0.5, 0.5, effect=0.03, exposed=0.5)
    assert (half.fixed_users, half.fixed_days) == (found.fixed_users, pytest.approx(4 + (2 * found.fixed_users - 1400) / 200))
    assert plan(baseline, 0.5, 0.25, effect=0.03, comparisons=2).fixed_users > found.fixed_users
    with pytest.raises(InvalidInput, match="above 0"):
        plan(baseline, 0.5, 0.5, effect=0.0)


def test_days_until_so_many_users_came() -> None:
    reach = np.array([100.0, 150.0, 175.0, 175.0])
    assert days_for(125, reach) == pytest.approx(1.5)
    assert days_for(1000, reach) is None, "nobody new comes"
    assert days_for(10, np.empty(0)) is None
