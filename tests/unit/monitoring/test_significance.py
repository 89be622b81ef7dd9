"""Changes between two samples of users: false alarms, power, the floor, and what cannot be told."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ks_2samp

from core.errors import InvalidInput
from evaluation.multiple import holm
from monitoring.significance import PerEvent, SignificanceConfig, changes

EVENTS_EACH = 20


def sample(rng: np.random.Generator, users: int, shift: float = 0.0) -> PerEvent:
    """Users whose events resemble each other: their own mean differs as much as an event does from it."""
    means = np.repeat(rng.normal(shift, 1.0, users), EVENTS_EACH)
    return PerEvent(np.repeat(np.arange(users), EVENTS_EACH), rng.normal(means, 1.0))


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_users_as_the_sample_keep_the_level_where_events_as_the_sample_do_not() -> None:
    rng, level, rounds = np.random.default_rng(1), 0.05, 200
    by_user = by_event = 0
    for _ in range(rounds):
        reference, current = ({name: sample(rng, 60) for name in "abcd"} for _ in range(2))
        found = changes(reference, current, SignificanceConfig(level=level, min_effect=1e-9)).found
        by_user += any(change.changed for change in found.values())
        by_event += min(holm([ks_2samp(reference[name].values, current[name].values).pvalue for name in "abcd"])) <= level
    assert by_user <= 18  # 200 x 0.05 = 10; more than 18 happen in less than one of 100 runs
    assert by_event >= 100


def test_one_group_with_more_events_each_is_no_change() -> None:
    rng = np.random.default_rng(5)
    alarms = 0
    for _ in range(100):
        many, few = (PerEvent(np.repeat(np.arange(300), each), rng.random(300 * each)) for each in (40, 2))
        alarms += changes({"a": many}, {"a": few}, SignificanceConfig(level=0.05)).found["a"].changed
    assert alarms <= 12, "means of 40 events lie closer together than means of 2; compared as they are, all 100 differ"


def test_a_shift_is_found_in_the_thing_that_shifted_only() -> None:
    rng = np.random.default_rng(2)
    reference = {name: sample(rng, 200) for name in ("shifted", "steady")}
    found = changes(reference, {"shifted": sample(rng, 200, shift=1.0), "steady": sample(rng, 200)}).found
    assert {name: change.changed for name, change in found.items()} == {"shifted": True, "steady": False}


def test_a_tiny_shift_in_a_huge_window_is_below_the_floor() -> None:
    rng = np.random.default_rng(3)
    change = changes({"a": sample(rng, 20_000)}, {"a": sample(rng, 20_000, shift=0.1)}).found["a"]
    assert change.p_value < 1e-6
    assert change.effect < 0.2
    assert not change.changed


def test_what_cannot_be_compared_is_named_and_the_rest_still_is() -> None:
    rng = np.random.default_rng(4)
    whole, gone = sample(rng, 50), PerEvent(np.arange(50), np.full(50, np.nan))
    found = changes(
        {"a": whole, "b": whole, "lost": whole, "nan": whole}, {"a": whole, "b": sample(rng, 3), "nan": gone, "new": whole}
    )
    assert list(found.found) == ["a"]
    assert found.untold == {
        "b": "b has 3 users in the window, at least 10 are needed",
        "lost": "lost is missing in the window",
        "nan": "nan has 0 users in the window, at least 10 are needed",
        "new": "new is missing in the reference",
    }


def test_nothing_to_compare_is_no_change() -> None:
    nothing = changes({}, {})
    assert not nothing.found
    assert not nothing.untold


@pytest.mark.parametrize(("field", "value"), [("level", 0.0), ("level", 1.0), ("min_effect", 0.0), ("min_users", 1)])
def test_settings_out_of_range_are_refused(field: str, value: float) -> None:
    with pytest.raises(InvalidInput) as caught:
        SignificanceConfig(**{field: value})  # type: ignore[arg-type]
    assert caught.value.field == field
