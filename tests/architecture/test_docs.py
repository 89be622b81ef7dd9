"""Docs move with code: nothing that a user can set, call, send, run or watch is undocumented."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer

from core import events, telemetry
from core.kinds import KINDS, Kind
from core.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = (ROOT / "docs" / "reference.md").read_text()
EVENTS = (ROOT / "docs" / "events.md").read_text()


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting(name: str) -> None:
    assert f"`MARQUEE_{name.upper()}`" in REFERENCE


def test_no_setting_is_documented_that_does_not_exist() -> None:
    documented = set(re.findall(r"`MARQUEE_([A-Z_]+)`", REFERENCE))
    assert documented == {name.upper() for name in Settings.model_fields}


def _metrics() -> list[str]:
    instruments = [value for value in vars(telemetry).values() if hasattr(value, "_name")]
    return sorted(instrument._name + ("_total" if instrument._type == "counter" else "") for instrument in instruments)


@pytest.mark.parametrize("name", _metrics())
def test_every_metric(name: str) -> None:
    assert f"`{name}`" in REFERENCE


def _commands(command: Any, path: str) -> dict[str, Any]:
    """Path -> command, for every leaf below."""
    if not hasattr(command, "commands"):
        return {path: command}
    return {key: leaf for name, sub in command.commands.items() for key, leaf in _commands(sub, f"{path} {name}").items()}


def test_every_command_is_documented_and_has_help_with_an_example() -> None:
    from app.cli import app

    for path, command in _commands(typer.main.get_command(app), "marquee").items():
        assert f"`{path}`" in REFERENCE, path
        assert command.help, path
        assert "Example: " in str(command.epilog), path


def test_every_endpoint() -> None:
    from serving.routes.all import ROUTES

    for method, path in ROUTES:
        assert f"`{method} {path}`" in REFERENCE, (method, path)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_event_as_the_table_of_kinds_has_it(kind: Kind) -> None:
    allowed = kind.spec.value
    value = f"{allowed.unit}, {allowed.low:g} to {allowed.high:g}" if allowed else "none"
    value += "" if kind.spec.value_required else ", or none"
    assert f"| `{kind.value}` | {value} | {'yes ' if kind.spec.consumes else ''}|" in EVENTS


@pytest.mark.parametrize("model", [events.Interaction, events.Impression], ids=lambda model: model.__name__)
def test_every_field_of_an_event(model: type[events.Interaction] | type[events.Impression]) -> None:
    section = EVENTS.split(f"## {model.__name__}")[1].split("\n## ")[0]
    assert [name for name in model.model_fields if f"`{name}`" not in section] == []


@pytest.mark.parametrize("topic", events.TOPICS)
def test_every_topic(topic: str) -> None:
    assert f"`{topic}`" in EVENTS


def test_every_decision_names_its_check() -> None:
    for path in sorted((ROOT / "docs" / "decisions").glob("*.md")):
        text = path.read_text()
        assert "## Enforced by" in text, path.name
        assert text.count("\n") <= 45, f"{path.name} is longer than forty-odd lines"


def test_links_between_documents_lead_somewhere() -> None:
    for path in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", path.read_text()):
            assert (path.parent / target).exists(), f"{path.name} links to {target}"
