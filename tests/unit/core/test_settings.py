"""Settings: precedence, ranges, and secrets that do not print."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from core.settings import CONFIGS, Settings


def test_the_environment_wins_over_the_profile_and_the_profile_over_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARQUEE_PROFILE", "compose")
    assert Settings().event_log == "kafka"
    monkeypatch.setenv("MARQUEE_EVENT_LOG", "embedded")
    assert Settings().event_log == "embedded"
    assert Settings(event_log="kafka").event_log == "kafka"


@pytest.mark.parametrize("path", sorted((CONFIGS / "profiles").glob("*.toml")), ids=lambda path: path.stem)
def test_every_profile_is_valid(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARQUEE_PROFILE", path.stem)
    assert Settings().profile == path.stem


def test_redis_is_found_under_its_usual_name_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    assert Settings().redis_url == "redis://127.0.0.1:1/0"


@pytest.mark.parametrize("change", [{"api_port": 0}, {"api_port": 70000}, {"exploration": 1.0}, {"vector_search": "best"}])
def test_a_value_out_of_range_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate(change)


def test_it_binds_loopback_and_hides_its_secret() -> None:
    settings = Settings(admin_key="hunter2")  # type: ignore[arg-type]
    assert settings.api_host == settings.metrics_host == "127.0.0.1"
    assert "hunter2" not in repr(settings)
