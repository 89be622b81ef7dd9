"""`marquee ope` on a home with a trained release and lists that it showed to a simulated world."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest
import tiny_release

from app import console, wiring
from app.hosting import remember as remember_policies
from app.usecases import releasing
from app.usecases.ope.evaluating import logging_policies, served_policy
from core.errors import InvalidInput, NotFound
from core.settings import Settings
from evaluation.ope.support import Unsupported
from evaluation.ope.verdict import Answer
from evaluation.simulation.arrivals import Arrivals
from evaluation.simulation.choice import ChoiceModel
from evaluation.simulation.shown_lists import show
from evaluation.simulation.simulation import Simulation
from evaluation.simulation.world import World, WorldConfig
from feature_repo.item_stats import item_stats
from lake import tables
from lifecycle.counterfactual import TAG, counterfactual_of
from lifecycle.promotion import PromotionRefused
from recommender.live import Snapshot
from recommender.policy import Policy
from recommender.release import open_release
from retrieval.adapters.mirror import MirrorIndex

if TYPE_CHECKING:
    from click.testing import Result

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning")  # MLflow's own models
DAY, LISTS, EXPLORATION = 86_400.0, 240, 0.5
MIDNIGHT = time.time() // DAY * DAY - 3 * DAY


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its release has shown lists of three, half of their positions explored."""
    folder = tmp_path_factory.mktemp("ope")
    bundle = tiny_release.build(folder / "release")
    settings = Settings(home=folder / "home", exploration=EXPLORATION)
    lake, past = (
        wiring.lake(settings),
        tables.conform(tables.INTERACTIONS, tiny_release.interactions().with_columns(request_id=None)),
    )
    lake.replace(tables.ITEMS, tiny_release.catalogue().to_frame())
    release, index = open_release(bundle), MirrorIndex()
    index.publish(release.name, release.catalogue.ids, release.item_vectors)
    now = Snapshot.of(release, index).with_stats(item_stats(past, release.catalogue, MIDNIGHT))
    world = World(release.catalogue.ids, np.ones((len(release.catalogue), 1), np.float32), WorldConfig(cold_items=0.0))
    people = Simulation(world, Arrivals(60, cold=0.0, known=1.0, skew=1.0), ChoiceModel(nothing=0.0))
    visits = [people.arrivals.visit(number) for number in range(LISTS)]
    shown = show(people, now, served_policy(settings), past, visits, 3, MIDNIGHT, 300.0)
    lake.append(tables.IMPRESSIONS, shown.impressions.drop("day"))
    lake.append(tables.INTERACTIONS, shown.interactions.drop("day"))
    remember_policies(lake, [served_policy(settings)], MIDNIGHT)
    releasing.register(settings, bundle, lambda _: None)
    return folder / "home"


@pytest.fixture
def marquee(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Result]]:
    """The command line on that home; all tests share it."""
    from typer.testing import CliRunner

    from app.cli import app

    monkeypatch.setenv("MARQUEE_HOME", str(home))
    monkeypatch.setenv("MARQUEE_EXPLORATION", str(EXPLORATION))
    monkeypatch.setenv("COLUMNS", "250")
    console.settings.cache_clear()
    yield lambda *arguments: CliRunner().invoke(app, arguments, catch_exceptions=False)
    console.settings.cache_clear()


def test_a_policy_is_judged_and_the_page_says_how(marquee: Callable[..., Result], tmp_path: Path) -> None:
    told = marquee("ope", "--policy", "default", "--exploration", "0.4", "--html", str(tmp_path / "ope.html")).stdout
    for part in ("DR (decides)", "cascade-DR", "MRDR", f"{LISTS:,} lists, {3 * LISTS:,} impressions", "report: "):
        assert part in told
    [reproduced] = [line for line in told.splitlines() if "come out again" in line]
    assert "100.0%" in reproduced
    page = (tmp_path / "ope.html").read_text()
    assert page.count("<svg") >= 2
    assert not [word for word in ('href="http', "src=", "url(http") if word in page], "it needs nothing else"
    for part in ("Counterfactual evaluation of default", "What the logs can tell", "empirical Bernstein"):
        assert part in page
    assert "the gate knows" not in told


def test_a_policy_in_a_file_is_judged_as_well(marquee: Callable[..., Result], tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('name = "mine"\n[[source]]\npart = "popular"\nk = 5\n[selector]\npart = "greedy"\n')
    told = marquee("ope", "--policy", str(file), "--lists", "230").stdout
    assert "cannot tell" in told
    assert "DR (decides)" not in told, "there is no estimate where the logs do not support one"
    assert "10 lists: not drawn" in told
    assert (console.settings().folder("evaluation") / "ope" / "mine.html").is_file()


def test_the_gate_refuses_a_release_that_the_logs_call_worse(marquee: Callable[..., Result]) -> None:
    told = marquee("ope", "--policy", "default", "--release", "candidate").stdout
    assert "the gate knows" in told
    registry = wiring.registry(console.settings())
    said = counterfactual_of(registry.tags("1"))
    assert said is not None
    assert said.policy == served_policy(console.settings()).id
    assert said.why in told
    assert "by the logs" in marquee("release", "promote", "1", "--dry-run").stderr
    registry.tag("1", TAG, said.model_copy(update={"answer": Answer.WORSE, "why": "worse: it is"}).model_dump_json())
    with pytest.raises(PromotionRefused, match="by the logs \\(worse: it is\\)"):
        marquee("release", "promote", "1")


def test_what_is_asked_of_another_policy_says_nothing_about_the_release(marquee: Callable[..., Result]) -> None:
    registry = wiring.registry(console.settings())
    before = registry.tags("1")
    told = marquee("ope", "--policy", "default", "--exploration", "0.9", "--release", "candidate").stdout
    assert "the gate knows" not in told
    assert registry.tags("1") == before


def test_bad_questions_and_bad_logs_are_refused_by_name(marquee: Callable[..., Result]) -> None:
    with pytest.raises(InvalidInput, match="--since"):
        marquee("ope", "--policy", "default", "--since", "a week")
    with pytest.raises(NotFound, match="no pipeline 'other'"):
        marquee("ope", "--policy", "other")
    with pytest.raises(NotFound, match="no list was shown"):
        marquee("ope", "--policy", "default", "--since", "1h")
    with pytest.raises(InvalidInput, match="exploration"):
        marquee("ope", "--policy", "default", "--exploration", "2")
    lake = wiring.lake(console.settings())
    shown = lake.read(tables.IMPRESSIONS)
    lake.replace(tables.IMPRESSIONS, shown.with_columns(pl.lit(None, pl.Float64).alias("propensity")))
    try:
        with pytest.raises(Unsupported, match="no propensity"):
            marquee("ope", "--policy", "default")
    finally:
        lake.replace(tables.IMPRESSIONS, shown)


def test_a_policy_that_this_code_understands_no_more_is_left_out(marquee: Callable[..., Result]) -> None:
    lake = wiring.lake(console.settings())
    known = logging_policies(lake)
    assert [policy.name for policy in known.values()] == ["default"]
    assert all(Policy.stored(policy.name, policy.body).id == id_ for id_, policy in known.items())
    gone = {"policy_id": ["abc"], "name": ["old"], "body": ['{"sources": [{"part": "no_such"}]}'], "first_seen": [0.0]}
    lake.append(tables.POLICIES, pl.DataFrame(gone))
    assert logging_policies(lake).keys() == known.keys()
