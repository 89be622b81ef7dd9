"""The decision, case by case."""

from __future__ import annotations

import pytest

from core.errors import InvalidInput
from core.ports import DriftReport
from monitoring.reward import Fall, Reward
from monitoring.significance import Change, Changes
from monitoring.watch import Before, Verdict, WatchConfig, decide

CALM = DriftReport({"a": 0.1, "b": 0.2}, {"a": False, "b": False})
HALF = DriftReport({"a": 0.1, "b": 0.9}, {"a": False, "b": True})
ALL = DriftReport({"a": 0.5, "b": 0.9}, {"a": True, "b": True})
LOOK = WatchConfig(drift_share=0.5, retrain=False, drifted_windows=1)
ACT = WatchConfig(drift_share=0.5, retrain=True, drifted_windows=1)
FELL = Reward({"acceptance": Fall(0.3, 0.2, 1e-4, fell=True), "click-through": Fall(0.4, 0.4, 0.6, fell=False)})
STAYED = Reward({"acceptance": Fall(0.3, 0.31, 0.7, fell=False)})
UNTOLD = Reward(untold="first lists of the release: 3 of 2 users")


@pytest.mark.parametrize(
    ("report", "rewards", "config", "verdict", "trigger"),
    [
        (CALM, None, ACT, Verdict.OK, "drift"),
        (CALM, STAYED, ACT, Verdict.OK, "drift"),
        (CALM, UNTOLD, ACT, Verdict.OK, "drift"),
        (HALF, None, LOOK, Verdict.DRIFT, "drift"),
        (HALF, None, WatchConfig(drift_share=0.51, retrain=True, drifted_windows=1), Verdict.OK, "drift"),
        (HALF, STAYED, ACT, Verdict.RETRAIN, "drift"),
        (CALM, FELL, LOOK, Verdict.DRIFT, "reward"),
        (CALM, FELL, ACT, Verdict.RETRAIN, "reward"),
        (HALF, FELL, ACT, Verdict.RETRAIN, "reward"),
        (CALM, FELL, WatchConfig(retrain=True), Verdict.SUSPECTED, "drift"),
        (None, None, ACT, Verdict.CANNOT_TELL, "drift"),
        (None, STAYED, ACT, Verdict.CANNOT_TELL, "drift"),
        (None, FELL, ACT, Verdict.RETRAIN, "reward"),
        (DriftReport({}, {}), None, WatchConfig(drift_share=0.0, retrain=True, drifted_windows=1), Verdict.OK, "drift"),
    ],
)
def test_verdict(report: DriftReport | None, rewards: Reward | None, config: WatchConfig, verdict: Verdict, trigger: str) -> None:
    decision = decide(report, config, rewards=rewards)
    assert (decision.verdict, decision.trigger) == (verdict, trigger)
    assert decision.reasons or report is None


def test_the_reasons_name_the_drifted_features_worst_first_and_the_rates() -> None:
    reasons = decide(ALL, ACT, rewards=FELL).reasons
    assert reasons == (
        "2 of 2 watched features drifted: b 0.90, a 0.50",
        "acceptance is 20.0% of lists, 30.0% of the release's first: it fell (p 0.0001)",
        "click-through is 40.0% of lists, 40.0% of the release's first",
    )
    assert "reward cannot be told: first lists of the release: 3 of 2 users" in decide(ALL, ACT, rewards=UNTOLD).reasons


def test_drift_and_reward_have_windows_of_their_own() -> None:
    config, drifted = WatchConfig(retrain=True), Before(drifted=(True, True))
    assert decide(CALM, config, drifted, rewards=FELL).verdict is Verdict.SUSPECTED, "earlier drift is no earlier fall"
    decision = decide(CALM, config, Before(fell=(True, False)), rewards=FELL)
    assert (decision.verdict, decision.trigger, decision.fell, decision.drifted) == (Verdict.RETRAIN, "reward", True, False)


@pytest.mark.parametrize(
    ("before", "verdict"),
    [
        ((), Verdict.SUSPECTED),
        ((False, False), Verdict.SUSPECTED),
        ((True, False, False), Verdict.SUSPECTED),  # too long ago
        ((True, False), Verdict.RETRAIN),
        ((False, True), Verdict.RETRAIN),
    ],
)
def test_drift_has_to_be_seen_in_two_of_three_windows(before: tuple[bool, ...], verdict: Verdict) -> None:
    decision = decide(ALL, WatchConfig(retrain=True), Before(before))
    assert decision.verdict is verdict
    assert decision.drifted


def test_more_windows_than_there_are_is_refused() -> None:
    with pytest.raises(InvalidInput, match="drifted_windows"):
        WatchConfig(drifted_windows=4, of_windows=3)


STEADY, MOVED = Change(0.1, 0.5, changed=False), Change(0.4, 1e-6, changed=True)


def test_one_feature_that_changed_by_user_is_drift_whatever_the_distances_say() -> None:
    decision = decide(CALM, ACT, changes=Changes({"a": STEADY, "b": MOVED}, {"c": "c is missing in the window"}))
    assert decision.verdict is Verdict.RETRAIN
    assert decision.reasons == (
        "1 of 2 watched features drifted: b (p 1e-06, effect 0.40)",
        "cannot be told: c is missing in the window",
    )


def test_far_but_unchanged_by_user_is_ok() -> None:
    assert decide(ALL, ACT, changes=Changes({"a": STEADY, "b": STEADY}, {})).verdict is Verdict.OK


def test_when_no_feature_can_be_told_the_verdict_says_so_and_a_fallen_reward_still_counts() -> None:
    nothing = Changes({}, {"a": "a is missing in the window"})
    decision = decide(CALM, ACT, changes=nothing)
    assert (decision.verdict, decision.drifted) == (Verdict.CANNOT_TELL, None)
    assert decision.reasons == ("cannot be told: a is missing in the window",)
    assert decide(CALM, ACT, changes=nothing, rewards=FELL).verdict is Verdict.RETRAIN
