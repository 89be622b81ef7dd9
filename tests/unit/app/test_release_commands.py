"""The commands on releases: what they show, what a dry run leaves alone, and that a broken ledger is an error."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from app import console, wiring
from app.usecases import releasing
from core.bundle import CATALOGUE, FILES, MANIFEST, Comparison, Manifest, digests
from core.errors import BundleCorrupt, NotFound
from lake.tables import LEDGER
from lifecycle.gates import GateCheck, GateResult
from lifecycle.ledger import LedgerBroken
from lifecycle.promotion import PromotionRefused, promote

if TYPE_CHECKING:
    from click.testing import Result
    from mlflow.entities.model_registry import ModelVersion

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning")  # MLflow's own models
YES = GateResult((GateCheck("fine", True, "as it should be"),))


def bundle(folder: Path, name: str, **said: Any) -> Path:
    """A release that is whole, if not one to serve; its manifest says this instead of the usual."""
    folder.mkdir()
    for file in FILES:
        (folder / file).write_text(f"{name} {file}")
    usual = Manifest(
        release=name, created="", code_version="abc", data_version={"interactions": 0}, trained_until=0.0,
        feature_schema="", dim=4, n_items=2, metrics={"ndcg@10": 0.125}, config={"epochs": 3}, files=digests(folder),
    )  # fmt: skip
    usual.model_copy(update=said).write(folder)
    return folder


def test_list_history_and_rollback(marquee: Callable[..., Result], tmp_path: Path) -> None:
    assert "no release is registered" in marquee("release", "list").stderr
    settings = console.settings()
    registry, ledger = wiring.registry(settings), wiring.ledger(settings)
    for name in ("first", "second"):
        version = releasing.register(settings, bundle(tmp_path / name, name), lambda _: None)
        promote(registry, ledger, version, YES, actor="cli:ann", why="it is spring")
    listed = marquee("release", "list").stdout
    for part in ("first", "second", "candidate, production", "previous", "Archived", "interactions 0", "abc", "0.0"):
        assert part in listed
    assert "version 1, release first, would be" in marquee("release", "rollback", "--dry-run").stderr
    assert registry.version("production") == "2"
    marquee("release", "rollback", "--why", "it was worse")
    assert registry.version("production") == "1"
    told = marquee("release", "history")
    assert "the chain of 5 entries holds" in told.stderr
    for part in ("registered", "promoted", "it is spring", "rolled back", "it was worse", "cli:ann"):
        assert part in told.stdout
    lake = wiring.lake(settings)
    lake.replace(LEDGER, lake.read(LEDGER).with_columns(actor=pl.lit("cli:eve")))
    with pytest.raises(LedgerBroken, match="entry 1"):
        marquee("release", "history")


@pytest.fixture
def two(marquee: Callable[..., Result], tmp_path: Path) -> Callable[..., Result]:
    """The command line on a home whose production is version 1; version 2 is another release, compared with it."""
    settings = console.settings()
    version = releasing.register(settings, bundle(tmp_path / "first", "first"), lambda _: None)
    promote(wiring.registry(settings), wiring.ledger(settings), version, YES, actor="cli:ann", why="it is [spring]")
    compared = Comparison(
        production="first", start=1.7e9, end=1.8e9, queries=321, users=45, ndcg=0.2, production_ndcg=0.1875, low=-0.01,
        high=0.03, milliseconds=4.0, production_milliseconds=5.0,
    )  # fmt: skip
    files = bundle(tmp_path / "second", "second", metrics={"ndcg@10": 0.25}, config={"epochs": 3, "ease": True}, n_events=1234,
                   compared=compared, code_version="def", data_version={"interactions": 7})  # fmt: skip
    releasing.register(settings, files, lambda _: None)
    return marquee


def rows(shown: str) -> list[list[str]]:
    """The cells of the tables of an output."""
    return [[cell.strip() for cell in line.strip("│┃").split("│")] for line in shown.splitlines() if line.startswith("│")]


def test_show_tells_all_that_is_known_of_a_release(two: Callable[..., Result]) -> None:
    told = rows(two("release", "show", "production").stdout)
    for row in (
        ["aliases", "production"],
        ["stage", "Production"],
        ["code version", "abc"],
        ["ndcg@10", "0.125"],
        ["epochs", "3"],
    ):
        assert row in told
    assert [row[3] for row in told if "cli:ann" in row[2:]] == ["promoted"]
    assert [row[-1] for row in told if "cli:ann" in row[2:]] == ["it is [spring]"]
    assert not any("production_ndcg" in row for row in told)
    other = rows(two("release", "show", "2").stdout)
    for row in (["aliases", "candidate"], ["production_ndcg", "0.1875"], ["queries", "321"], ["end", "2027-01-15 08:00:00"]):
        assert row in other
    assert not any("cli:ann" in row for row in other)
    with pytest.raises(NotFound):
        two("release", "show", "3")


@pytest.mark.usefixtures("two")
def test_show_tells_of_a_damaged_release_what_is_known_without_it() -> None:
    from typer.testing import CliRunner

    from app.cli import app

    for damaged in console.settings().home.rglob(MANIFEST):
        damaged.write_text("{}")
    told = CliRunner().invoke(app, ["release", "show", "1"])
    assert isinstance(told.exception, BundleCorrupt)
    assert ["aliases", "production"] in rows(told.stdout)
    assert "cli:ann" in told.stdout


def test_the_run_says_of_what_and_the_version_says_what_the_gate_found(two: Callable[..., Result], tmp_path: Path) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(console.settings().tracking_uri, console.settings().tracking_uri)

    def version(number: str) -> ModelVersion:
        return client.get_model_version(console.settings().registered_model, number)

    run = client.get_run(str(version("2").run_id))
    expected = {"code_version": "def", "data_version.interactions": "7", "n_events": "1234", "epochs": "3", "ease": "True"}
    assert run.data.params == expected
    two("release", "promote", "2", "--dry-run")
    assert "gate" not in version("2").tags
    assert "gate" not in run.data.tags
    assert "has not been judged" in run.data.tags["mlflow.note.content"]
    with pytest.raises(PromotionRefused):
        two("release", "promote", "2")
    assert version("2").tags["gate"] == f"failed: {version('2').tags['refused']}"
    assert "it beats popularity (NDCG@10 0.2500 against nan" in version("2").tags["gate"]
    run = client.get_run(str(version("2").run_id))
    assert run.data.tags["gate"] == "failed"
    assert "**The gate refused it**" in run.data.tags["mlflow.note.content"]
    assert {"gate.html", "intervals.png", "model_card.md"} <= {one.path for one in client.list_artifacts(run.info.run_id)}
    page = Path(client.download_artifacts(run.info.run_id, "gate.html", str(tmp_path))).read_text()
    assert "Release second stays out of production" in page
    two("release", "promote", "2", "--force")
    assert version("2").tags["gate"].startswith("failed: ")
    assert version("2").tags["refused"] == ""
    assert not any(row[0] == "refused" for row in rows(two("release", "show", "2").stdout))


def test_a_release_that_is_refused_its_way_in_has_the_gates_report(two: Callable[..., Result]) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(console.settings().tracking_uri, console.settings().tracking_uri)
    run_id = str(client.get_model_version(console.settings().registered_model, "2").run_id)
    two("release", "rollout", "2", "--dry-run")
    assert "gate.html" not in {one.path for one in client.list_artifacts(run_id)}
    with pytest.raises(PromotionRefused):
        two("release", "rollout", "2")
    assert "gate.html" in {one.path for one in client.list_artifacts(run_id)}
    assert client.get_run(run_id).data.tags["gate"] == "failed"


def test_diff_names_what_differs_and_nothing_else(two: Callable[..., Result]) -> None:
    told = rows(two("release", "diff", "production", "candidate").stdout)
    for row in (
        ["code", "code version", "abc", "def", ""],
        ["data", "events", "0", "1,234", "+1,234"],
        ["data", "version of interactions", "0", "7", "+7"],
        ["configuration", "ease", "-", "True", ""],
        ["metrics", "ndcg@10", "0.125", "0.25", "+0.125"],
    ):
        assert row in told
    [catalogue] = [row for row in told if row[1] == CATALOGUE]
    assert catalogue[2].startswith("23 bytes (")
    assert catalogue[3].startswith("24 bytes (")
    assert {row[0] for row in told} == {"code", "data", "configuration", "metrics", "files"}
    assert not any(row[1] in ("epochs", "items") for row in told)
    same = two("release", "diff", "1", "production")
    assert "nothing differs" in same.stderr
    assert rows(same.stdout) == []
