"""What comes next for a release on its way in: pure decisions on evidence, and the evidence on lists counted by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from core import columns as c
from core.errors import InvalidInput
from evaluation.acceptance import ACCEPTED
from lifecycle.rollout import HOUR, Next, Rollout, RolloutConfig, Stage, next_move, worse_since
from lifecycle.rollout_evidence import TREATED, Evidence, Guard, GuardConfig, of_shadow, of_users

T0 = 1.8e9
CONFIG = RolloutConfig(shares=(0.05, 0.5), min_users=50, min_step=HOUR, max_step=10 * HOUR, shadow_lists=20)
FINE = Evidence(users=60, others=900, lists=80, guards=(Guard("errors", False, "none"),), not_inferior=True)
BAD = replace(FINE, guards=(Guard("errors", False, "none"), Guard("acceptance", True, "it fell")))


def at(stage: Stage, step: int = 0, worse: float | None = None) -> Rollout:
    return Rollout(stage=stage, begun=T0, since=T0, step=step, worse_since=worse)


@pytest.mark.parametrize(
    ("state", "evidence", "hours", "kind"),
    [
        (at(Stage.SHADOW), replace(FINE, lists=19), 0.1, Next.WAIT),
        (at(Stage.SHADOW), replace(FINE, lists=20), 0.1, Next.ADVANCE),
        (at(Stage.SHADOW), BAD, 0.1, Next.STOP),
        (at(Stage.SHADOW), replace(FINE, lists=0, users=0), 11, Next.STOP),  # others had lists, it had none
        (at(Stage.SHADOW), Evidence(), 11, Next.WAIT),  # nobody is there
        (at(Stage.SHADOW), replace(FINE, lists=3), 11, Next.ADVANCE),
        (at(Stage.CANARY), FINE, 0.5, Next.WAIT),  # too early
        (at(Stage.CANARY), replace(FINE, users=49), 2, Next.WAIT),  # too few
        (at(Stage.CANARY), FINE, 1, Next.ADVANCE),
        (at(Stage.CANARY), replace(FINE, not_inferior=None), 1, Next.ADVANCE),  # only the last step has to show it
        (at(Stage.CANARY), BAD, 0.0, Next.STOP),  # at once
        (at(Stage.CANARY), replace(FINE, users=5), 10, Next.ADVANCE),  # by time
        (at(Stage.CANARY), replace(FINE, users=0, lists=0), 10, Next.STOP),  # of 900 others 45 should have had lists
        (at(Stage.CANARY), replace(FINE, users=0, lists=0, others=100), 10, Next.WAIT),  # five might have stayed away
        (at(Stage.CANARY, 1), replace(FINE, not_inferior=False), 2, Next.WAIT),
        (at(Stage.CANARY, 1), replace(FINE, not_inferior=False), 10, Next.ADVANCE),
        (at(Stage.CANARY, 1), FINE, 1, Next.ADVANCE),
        (at(Stage.CANARY, 7), FINE, 1, Next.ADVANCE),  # settings with fewer steps than when it began
        (at(Stage.CANARY), FINE, -5, Next.WAIT),  # the clock was set back
        (at(Stage.PROBATION), FINE, 71, Next.WAIT),
        (at(Stage.PROBATION), FINE, 72, Next.FINISH),
        (at(Stage.PROBATION), BAD, 1, Next.WAIT),  # it has to last
        (at(Stage.PROBATION, worse=T0 + HOUR), BAD, 2.0, Next.ROLL_BACK),
        (at(Stage.PROBATION, worse=T0 + HOUR), FINE, 2.0, Next.WAIT),
        (at(Stage.PROBATION), BAD, 100, Next.WAIT),  # a fall in the last minute is waited for, not let through
    ],
)
def test_what_comes_next(state: Rollout, evidence: Evidence, hours: float, kind: Next) -> None:
    move = next_move(state, evidence, CONFIG, T0 + hours * HOUR)
    assert move.kind is kind, move.why
    assert move.why


def test_being_worse_has_to_last_without_a_pause() -> None:
    assert worse_since(at(Stage.PROBATION), BAD, T0 + 5) == T0 + 5
    assert worse_since(at(Stage.PROBATION, worse=T0 + 5), BAD, T0 + 9) == T0 + 5
    assert worse_since(at(Stage.PROBATION, worse=T0 + 5), FINE, T0 + 9) is None


def test_why_a_release_was_stopped_is_said() -> None:
    assert next_move(at(Stage.CANARY), BAD, CONFIG, T0).why == "acceptance: it fell"


@pytest.mark.parametrize(
    ("text", "shares"),
    [("1,5,25,50,100", (0.01, 0.05, 0.25, 0.5)), ("100", ()), ("", ()), (" 10 , 50 ", (0.1, 0.5)), ("2.5", (0.025,))],
)
def test_steps(text: str, shares: tuple[float, ...]) -> None:
    assert RolloutConfig.shares_of(text) == pytest.approx(shares)


@pytest.mark.parametrize("text", ["0,5", "5,1", "5,5", "101", "a few", "-1"])
def test_steps_that_are_none(text: str) -> None:
    with pytest.raises(InvalidInput, match="MARQUEE_CANARY_STEPS is"):
        RolloutConfig.shares_of(text)


@pytest.mark.parametrize("wrong", [{"level": 0.0}, {"margin": 1.0}, {"max_slowdown": 1.0}])
def test_guards_without_a_meaning(wrong: dict[str, float]) -> None:
    with pytest.raises(InvalidInput, match=next(iter(wrong))):
        GuardConfig(**wrong)


def lists(
    users: int, treated: bool, seconds: float = 0.01, failing: float = 0.0, per_user: int = 3, seed: int = 0
) -> pl.DataFrame:
    rng, n = np.random.default_rng(seed), users * per_user
    return pl.DataFrame(
        {
            c.REQUEST_ID: [f"{treated}{seed}-{i}" for i in range(n)],
            c.USER: np.repeat(np.arange(users) + 10_000 * treated, per_user),
            c.SECONDS: seconds * np.exp(0.5 * rng.standard_normal(n)),
            c.FAILED: rng.random(n) < failing,
            c.DEGRADED: np.zeros(n, dtype=bool),
            c.SHADOW: np.zeros(n, dtype=bool),
            c.OVERLAP: pl.Series([None] * n, dtype=pl.Float64),
            TREATED: np.full(n, treated),
        }
    )


def accepted(rows: pl.DataFrame, share: float, seed: int = 0) -> pl.DataFrame:
    return rows.with_columns(pl.Series(ACCEPTED, np.random.default_rng(seed).random(len(rows)) < share))


def evidence(users: int = 800, share: float = 0.3, **new: float) -> Evidence:
    """Of a release with these lists beside one that fails never, takes 10 ms and is accepted by 30 %."""
    one, other = lists(users, True, seed=1, **new), lists(users, False, seed=2)  # type: ignore[arg-type]
    answered = pl.concat([accepted(one, share, 3), accepted(other, 0.3, 4)])
    return of_users(pl.concat([one, other]), answered, GuardConfig())


def test_a_release_like_the_other_holds_every_guard() -> None:
    found = evidence()
    assert (found.worse, found.users, found.others, found.lists) == ((), 800, 800, 2400)
    assert [guard.worse for guard in found.guards] == [False] * 3


@pytest.mark.parametrize(
    ("new", "guard"),
    [({"share": 0.2}, "acceptance"), ({"seconds": 0.03}, "latency"), ({"failing": 0.2}, "errors"), ({"failing": 1.0}, "errors")],
)
def test_what_is_worse_is_named(new: dict[str, float], guard: str) -> None:
    assert [found.name for found in evidence(**new).worse] == [guard]


def test_a_tenth_slower_is_accepted_and_so_is_a_better_release() -> None:
    assert evidence(seconds=0.011).worse == ()
    found = evidence(share=0.4)
    assert (found.worse, found.not_inferior) == ((), True)


def test_a_few_users_rule_out_nothing() -> None:
    found = evidence(users=20)
    assert (found.worse, found.not_inferior) == ((), False)


def test_all_lists_of_a_few_users_failing_are_enough() -> None:
    assert [found.name for found in evidence(users=20, failing=1.0).worse] == ["errors"]


def test_without_lists_nothing_can_be_told() -> None:
    none = lists(0, True)
    found = of_users(none, accepted(none, 0.5), GuardConfig())
    assert (found.lists, found.not_inferior, [guard.worse for guard in found.guards]) == (0, None, [None] * 3)


def shadows(shown: pl.DataFrame, slower: float, failing: float = 0.0) -> pl.DataFrame:
    failed = np.random.default_rng(5).random(len(shown)) < failing
    return shown.with_columns(
        (pl.col(c.SECONDS) * slower).alias(c.SECONDS),
        pl.lit(True).alias(c.SHADOW),
        pl.Series(c.FAILED, failed),
        pl.Series(c.OVERLAP, [None if one else 0.6 for one in failed], dtype=pl.Float64),
    )


@pytest.mark.parametrize(("slower", "failing", "worse"), [(1.0, 0.0, []), (3.0, 0.0, ["latency"]), (1.0, 0.3, ["errors"])])
def test_a_shadow_is_compared_with_the_list_of_the_same_request(slower: float, failing: float, worse: list[str]) -> None:
    shown = lists(100, False)
    found = of_shadow(pl.concat([shown, shadows(shown.head(200), slower, failing)]), GuardConfig())
    assert [guard.name for guard in found.worse] == worse
    assert (found.lists, found.overlap) == (200, pytest.approx(0.6))
