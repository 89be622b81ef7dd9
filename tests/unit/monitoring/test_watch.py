"""The decision, case by case."""

from __future__ import annotations

import pytest

from core.errors import InvalidInput
from core.ports import DriftReport
from monitoring.significance import Change, Changes
from monitoring.watch import Verdict, WatchConfig, decide

CALM = DriftReport({"a": 0.1, "b": 0.2}, {"a": False, "b": False})
HALF = DriftReport({"a": 0.1, "b": 0.9}, {"a": False, "b": True})
ALL = DriftReport({"a": 0.5, "b": 0.9}, {"a": True, "b": True})
LOOK = WatchConfig(drift_share=0.5, min_acceptance=0.1, retrain=False, drifted_windows=1)
ACT = WatchConfig(drift_share=0.5, min_acceptance=0.1, retrain=True, drifted_windows=1)


@pytest.mark.parametrize(
    ("report", "acceptance", "config", "verdict"),
    [
        (CALM, None, ACT, Verdict.OK),
        (CALM, 0.1, ACT, Verdict.OK),
        (HALF, None, LOOK, Verdict.DRIFT),
        (HALF, None, WatchConfig(drift_share=0.51, retrain=True, drifted_windows=1), Verdict.OK),
        (HALF, None, ACT, Verdict.RETRAIN),
        (CALM, 0.09, LOOK, Verdict.DRIFT),
        (CALM, 0.0, ACT, Verdict.RETRAIN),
        (CALM, 0.0, WatchConfig(retrain=True, drifted_windows=1), Verdict.OK),  # acceptance is left out by default
        (None, None, ACT, Verdict.INSUFFICIENT),
        (None, 0.5, ACT, Verdict.INSUFFICIENT),
        (None, 0.05, ACT, Verdict.RETRAIN),
        (DriftReport({}, {}), None, WatchConfig(drift_share=0.0, retrain=True, drifted_windows=1), Verdict.OK),
    ],
)
def test_verdict(report: DriftReport | None, acceptance: float | None, config: WatchConfig, verdict: Verdict) -> None:
    decision = decide(report, acceptance, config)
    assert decision.verdict is verdict
    assert decision.reasons


def test_the_reasons_name_the_drifted_features_worst_first_and_the_rate() -> None:
    reasons = decide(ALL, 0.05, ACT).reasons
    assert reasons == ("2 of 2 watched features drifted: b 0.90, a 0.50", "acceptance is 5.0%, below 10.0%")


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
    decision = decide(ALL, None, WatchConfig(retrain=True), before)
    assert decision.verdict is verdict
    assert decision.drifted


def test_more_windows_than_there_are_is_refused() -> None:
    with pytest.raises(InvalidInput, match="drifted_windows"):
        WatchConfig(drifted_windows=4, of_windows=3)


STEADY, MOVED = Change(0.1, 0.5, changed=False), Change(0.4, 1e-6, changed=True)


def test_one_feature_that_changed_by_user_is_drift_whatever_the_distances_say() -> None:
    decision = decide(CALM, None, ACT, changes=Changes({"a": STEADY, "b": MOVED}, {"c": "c is missing in the window"}))
    assert decision.verdict is Verdict.RETRAIN
    assert decision.reasons == (
        "1 of 2 watched features drifted: b (p 1e-06, effect 0.40)",
        "cannot be told: c is missing in the window",
    )


def test_far_but_unchanged_by_user_is_ok() -> None:
    assert decide(ALL, None, ACT, changes=Changes({"a": STEADY, "b": STEADY}, {})).verdict is Verdict.OK


def test_when_no_feature_can_be_told_the_window_is_insufficient_and_low_acceptance_still_counts() -> None:
    nothing = Changes({}, {"a": "a is missing in the window"})
    decision = decide(CALM, None, ACT, changes=nothing)
    assert (decision.verdict, decision.drifted) == (Verdict.INSUFFICIENT, None)
    assert decision.reasons == ("cannot be told: a is missing in the window",)
    assert decide(CALM, 0.05, ACT, changes=nothing).verdict is Verdict.RETRAIN
