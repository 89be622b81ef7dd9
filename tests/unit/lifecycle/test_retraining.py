"""When a retraining may start: cool-down, daily cap, quiet hours, switches, a clock that is set back; and what asks for one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from core.errors import InvalidInput
from lifecycle.retraining import (
    DAY,
    TRIGGERS,
    Attempt,
    QuietHours,
    RetrainConfig,
    RetrainState,
    Signals,
    cooldown,
    permission,
    triggered,
)

NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC).timestamp()
CONFIG = RetrainConfig(cooldown=3600.0, max_cooldown=6 * 3600.0, max_per_day=2)


def at(hour: float) -> float:
    return NOW + (hour - 12) * 3600


def test_nothing_known_means_it_may_start() -> None:
    assert all(permission(trigger, CONFIG, RetrainState(), NOW).allowed for trigger in TRIGGERS)


def test_the_cooldown_says_when_it_is_over() -> None:
    state = RetrainState().ended(NOW, good=True, outcome="version 2")
    answer = permission("drift", CONFIG, state, NOW + 10)
    assert (answer.allowed, answer.next_at) == (False, NOW + 3600)
    assert "cool-down lasts until 2026-11-27 13:00:00 UTC" in answer.reason
    assert permission("drift", CONFIG, state, NOW + 3600).allowed


def test_failures_double_it_up_to_the_maximum_and_a_success_resets_it() -> None:
    assert [cooldown(CONFIG, failures) / 3600 for failures in (0, 1, 2, 3, 10_000)] == [1, 2, 4, 6, 6]
    state = RetrainState().ended(NOW, good=False, outcome="no").ended(NOW, good=False, outcome="no")
    assert permission("drift", CONFIG, state, NOW).next_at == NOW + 4 * 3600
    assert permission("drift", CONFIG, state.ended(NOW, good=True, outcome="yes"), NOW).next_at == NOW + 3600


def test_the_daily_cap_frees_a_place_when_the_oldest_is_a_day_old() -> None:
    state = RetrainState(starts=(at(1), at(5)))
    answer = permission("volume", CONFIG, state.as_of(NOW), NOW)
    assert (answer.allowed, answer.next_at) == (False, at(1) + DAY)
    assert permission("volume", CONFIG, state.as_of(at(25)), at(25)).allowed


def test_an_interrupted_one_is_counted_once() -> None:
    attempt = Attempt(trigger="drift", reasons=(), started_at=NOW)
    state = RetrainState().started(attempt).started(attempt.model_copy(update={"interruptions": 1}))
    assert state.starts == (NOW,)


def test_a_clock_set_back_waits_one_cooldown_from_then() -> None:
    ahead = RetrainState(starts=(NOW + 100 * DAY,)).ended(NOW + 100 * DAY, good=True, outcome="ok")
    state = ahead.as_of(NOW)
    assert permission("drift", CONFIG, state, NOW).next_at == NOW + 3600, "not at once, not in a hundred days"
    assert permission("drift", CONFIG, state.as_of(NOW + 3600), NOW + 3600).allowed


@pytest.mark.parametrize(
    ("text", "hour", "over"),
    [("22:00-06:00", 23, 30), ("22:00-06:00", 5, 6), ("22:00-06:00", 12, 12), ("10:00-14:00", 12, 14), ("10:00-14:00", 14, 14)],
)
def test_quiet_hours(text: str, hour: float, over: float) -> None:
    quiet = QuietHours.parse(text, "UTC")
    assert quiet is not None
    assert quiet.over(at(hour)) == at(over)


def test_quiet_hours_are_in_their_time_zone() -> None:
    quiet = QuietHours.parse("22:00-06:00", "Europe/Berlin")
    assert quiet is not None
    assert quiet.over(at(21.5)) == at(29), "half past ten in Berlin, and six there is five UTC"


def test_a_cooldown_that_ends_in_quiet_hours_is_told_with_their_end() -> None:
    config = replace(CONFIG, quiet=QuietHours.parse("12:30-18:00", "UTC"))
    assert permission("drift", config, RetrainState(ended_at=NOW), NOW).next_at == at(18)


def test_a_person_overrides_all_but_the_switch_and_the_lock_and_is_told_so() -> None:
    config = replace(CONFIG, quiet=QuietHours.parse("10:00-14:00", "UTC"))
    state = RetrainState(starts=(NOW, NOW), ended_at=NOW)
    answer = permission("manual", config, state, NOW)
    assert answer.allowed
    assert [rule.split()[1] for rule in answer.overrode] == ["cool-down", "were", "are"]
    assert not permission("manual", config, state, NOW, busy="one runs").allowed
    assert "MARQUEE_RETRAIN" in permission("manual", replace(config, enabled=False), state, NOW).reason


@pytest.mark.parametrize(
    ("text", "zone", "field"),
    [("22-", "UTC", "HOURS"), ("22:00", "UTC", "HOURS"), ("6:00-6:00", "UTC", "HOURS"), ("", "Mars", "ZONE")],
)
def test_wrong_settings_are_named(text: str, zone: str, field: str) -> None:
    with pytest.raises(InvalidInput, match=field):
        QuietHours.parse(text, zone)


def test_an_unknown_trigger_is_named() -> None:
    with pytest.raises(InvalidInput, match="drift, reward"):
        permission("mood", CONFIG, RetrainState(), NOW)


def test_what_asks_by_itself() -> None:
    signals = Signals(accuracy=0.79, acceptance=0.49, new_share=0.2, released_at=NOW - 3600)
    config = replace(CONFIG, every=3600.0)
    assert [one.name for one in triggered(config, signals, RetrainState(), NOW)] == ["accuracy", "reward", "volume", "schedule"]
    better = Signals(accuracy=0.8, acceptance=0.5, new_share=0.19, released_at=NOW - 3599)
    assert triggered(config, better, RetrainState(), NOW) == []
    off = replace(config, every=0.0, new_share=0.0, min_accuracy=0.0, min_acceptance=0.0)
    assert triggered(off, signals, RetrainState(), NOW) == []
    assert triggered(config, Signals(), RetrainState(), NOW) == [], "what is not known asks for nothing"


def test_a_threshold_asks_once_for_a_release_and_not_for_one_that_it_made() -> None:
    """Half of all users' days is out of reach for a shop in which every tenth visitor buys: it must not retrain for ever."""
    low = Signals(acceptance=0.1, release="3")

    def held(release: str, state: RetrainState) -> bool:
        (trigger,) = triggered(CONFIG, replace(low, release=release), state, NOW)
        assert trigger.name == "reward"
        return bool(trigger.held)

    assert not held("3", RetrainState())
    state = RetrainState().started(Attempt(trigger="reward", reasons=(), started_at=NOW, release="3"))
    assert held("3", state), "it was asked for"
    assert held("3", state.ended(NOW, good=False, outcome="the gate refused 4", version="4"))
    made = state.ended(NOW, good=True, outcome="version 4", version="4")
    assert held("4", made), "it was made for that"
    assert not held("5", made), "it came otherwise"


def test_other_triggers_hold_no_threshold() -> None:
    state = RetrainState().started(Attempt(trigger="drift", reasons=(), started_at=NOW, release="3"))
    (trigger,) = triggered(CONFIG, Signals(accuracy=0.6, release="3"), state.ended(NOW, True, "", "4"), NOW)
    assert (trigger.name, trigger.held) == ("accuracy", "")


def test_the_releases_that_are_remembered_are_bounded() -> None:
    state = RetrainState()
    for number in range(50):
        state = state.started(Attempt(trigger="reward", reasons=(), started_at=NOW, release=str(number)))
    assert state.answered == {"reward": tuple(str(number) for number in range(30, 50))}


def test_the_schedule_counts_from_the_last_attempt() -> None:
    signals, config = Signals(released_at=NOW - DAY), replace(CONFIG, every=3600.0)
    assert triggered(config, signals, RetrainState(ended_at=NOW - 10), NOW) == []
