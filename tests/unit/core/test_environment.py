"""A variable that looks like a setting and is none is refused with the nearest name; an unknown profile with the known."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.environment import refuse_unknown
from core.errors import InvalidInput
from core.settings import Settings, variables


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("MARQUEE_PORT", "MARQUEE_API_PORT"),
        ("MARQUEE_EVENTLOG", "MARQUEE_EVENT_LOG"),
        ("MARQUEE_ADMINKEY", "MARQUEE_ADMIN_KEY"),
        ("marquee_hme", "MARQUEE_HOME"),
    ],
)
def test_a_misspelt_setting_is_refused_and_its_value_is_not_shown(
    name: str, nearest: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "hunter2")
    with pytest.raises(InvalidInput, match=rf"{name}.* the nearest is {nearest}") as caught:
        Settings()
    assert "hunter2" not in str(caught.value)


def test_every_setting_and_its_other_names_are_known() -> None:
    refuse_unknown([(name, "x") for name in variables()], variables())
    assert {"MARQUEE_REDIS_URL", "MARQUEE_RETRAIN_ON_DRIFT", "MARQUEE_HOME"} <= variables()
    refuse_unknown([("MARQUEE_REQUIRE_SERVICES", "redis"), ("PATH", "/bin"), ("MARQUEEN", "x")], variables())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MARQUEE_SERVICE_HOST", "10.0.0.1"),
        ("MARQUEE_SERVICE_PORT", "8000"),
        ("MARQUEE_API_SERVICE_PORT_HTTP", "8000"),
        ("MARQUEE_PORT", "tcp://10.0.0.1:8000"),
        ("MARQUEE_PORT_8000_TCP", "tcp://10.0.0.1:8000"),
        ("MARQUEE_WEB_PORT_8000_TCP_ADDR", "10.0.0.1"),
    ],
)
def test_what_kubernetes_says_of_a_service_called_marquee_is_no_setting(name: str, value: str) -> None:
    refuse_unknown([(name, value)], variables())


@pytest.mark.parametrize("profile", ["lokal", "", "../profiles/local"])
def test_an_unknown_profile_names_the_known_ones(profile: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidInput, match=r"MARQUEE_PROFILE is .*; allowed: compose, local"):
        Settings(profile=profile or "x")
    monkeypatch.setenv("MARQUEE_PROFILE", profile)
    with pytest.raises(InvalidInput, match=r"MARQUEE_PROFILE is .*; allowed: compose, local"):
        Settings()


def test_a_profile_that_is_missing_is_not_silently_the_local_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.settings.CONFIGS", tmp_path)
    with pytest.raises(InvalidInput, match="MARQUEE_PROFILE is 'local'"):
        Settings()
