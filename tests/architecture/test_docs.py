"""Docs move with code: nothing that a user can set, call, send, run or watch is undocumented."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer

from app import reference
from core import events, telemetry
from core.errors import InvalidInput
from core.kinds import KINDS, Kind
from core.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = (ROOT / "docs" / "reference.md").read_text()
EVENTS = (ROOT / "docs" / "events.md").read_text()


@pytest.fixture(scope="module")
def root() -> Any:
    """The click command of the whole command line."""
    from app.cli import app

    return typer.main.get_command(app)


def test_the_tables_match_the_code(root: Any) -> None:
    assert reference.rendered(REFERENCE, reference.tables(root)) == REFERENCE, "run `marquee reference --write`"


def test_every_table_is_in_the_document(root: Any) -> None:
    assert set(re.findall(r"<!-- generated: (\w+) -->", REFERENCE)) == set(reference.tables(root))


def test_a_table_has_every_setting_metric_command_and_endpoint(root: Any) -> None:
    from serving.routes.all import ROUTES

    tables = {name: table() for name, table in reference.tables(root).items()}
    assert re.findall(r"^\| `MARQUEE_([A-Z_]+)`", tables["settings"], re.M) == [name.upper() for name in Settings.model_fields]
    assert "| `MARQUEE_MAX_BATCH_EVENTS` | 1000 | 1 to 10000 |" in tables["settings"]
    assert (
        "| `MARQUEE_REDIS_URL` | unset |  | online features on Redis if set, else on SQLite; also `REDIS_URL` |"
        in tables["settings"]
    )
    assert "| `marquee_lists_total` | counter | strategy |" in tables["metrics"]
    assert tables["metrics"].count("\n") == 2 + len([one for one in vars(telemetry).values() if hasattr(one, "_name")])
    assert (
        "| `marquee data erase` | Delete everything that Marquee wrote under its home folder. | `--dry-run`, `--yes` |"
        in tables["commands"]
    )
    assert all(f"| `{method} {path}` |" in tables["endpoints"] for method, path in ROUTES)


def test_an_outdated_table_is_rewritten_and_prose_is_kept() -> None:
    text = "Prose.\n<!-- generated: x -->\n| old |\n<!-- end -->\nMore.\n"
    made = reference.rendered(text, {"x": lambda: "| new |\n"})
    assert made == "Prose.\n<!-- generated: x -->\n| new |\n<!-- end -->\nMore.\n"
    with pytest.raises(InvalidInput, match="generated is 'x'; allowed: y"):
        reference.rendered(text, {"y": lambda: ""})


def test_every_command_has_help_with_an_example(root: Any) -> None:
    for path, command in reference.leaves(root, "marquee"):
        assert command.help, path
        assert "Example: " in str(command.epilog), path


def test_every_setting_is_described() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_event_as_the_table_of_kinds_has_it(kind: Kind) -> None:
    allowed = kind.spec.value
    value = f"{allowed.unit}, {allowed.low:g} to {allowed.high:g}" if allowed else "none"
    value += "" if kind.spec.value_required else ", or none"
    assert f"| `{kind.value}` | {value} | {'yes ' if kind.spec.consumes else ''}|" in EVENTS


@pytest.mark.parametrize("model", [events.Interaction, events.Impression, events.ListMade], ids=lambda model: model.__name__)
def test_every_field_of_an_event(model: type[events.Interaction | events.Impression | events.ListMade]) -> None:
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
