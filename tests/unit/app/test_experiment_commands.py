"""`marquee experiment`: start, stop, list, report and plan on a real lake, and what each says when it cannot."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest

from app import wiring
from app.console import settings
from core import columns as c
from core.errors import NotFound
from core.ids import user_key
from lake.tables import IMPRESSIONS, INTERACTIONS, LISTS
from lifecycle.experiments import NotRunning
from recommender.experiments.definition import LayeredExperiment
from recommender.experiments.running import ExperimentConflict, variant_of
from recommender.release import Release

if TYPE_CHECKING:
    from click.testing import Result

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning")  # MLflow's own models
NAME = "exploration"


@pytest.fixture
def served(marquee: Callable[..., Result], release: Release) -> Callable[..., Result]:
    registry = wiring.registry(settings())
    registry.point("production", registry.register(release.folder))
    return marquee


def cell(marquee: Callable[..., Result], column: int) -> str:
    line = next(line for line in marquee("experiment", "list").output.splitlines() if NAME in line)
    return line.split("│")[column].strip()


def test_start_list_and_stop(served: Callable[..., Result]) -> None:
    assert cell(served, 2) == "defined"
    served("experiment", "start", NAME, "--dry-run")
    assert cell(served, 2) == "defined"
    served("experiment", "start", NAME, "--why", "to see")
    assert (cell(served, 2), cell(served, 3), cell(served, 9)) == ("running", NAME, "to see")
    with pytest.raises(ExperimentConflict, match="does not run yet"):
        served("experiment", "start", NAME)
    assert f"experiment started {NAME}" in served("release", "history").output
    served("experiment", "stop", NAME, "--dry-run")
    assert cell(served, 2) == "running"
    served("experiment", "stop", NAME, "--why", "enough")
    assert (cell(served, 2), cell(served, 9)) == ("stopped", "enough")
    with pytest.raises(NotRunning, match="running: none"):
        served("experiment", "stop", NAME)


def test_an_experiment_that_nothing_can_serve_is_not_started(marquee: Callable[..., Result]) -> None:
    with pytest.raises(NotFound):
        marquee("experiment", "start", NAME)  # there is no production release
    with pytest.raises(NotFound, match="no A/B experiment"):
        marquee("experiment", "start", "default")
    assert cell(marquee, 2) == "defined"


def shown(users: int, since: float, effect: float) -> None:
    """Five days of lists, a list a day, half of the users with ids that are strings."""
    lake, one, rng = wiring.lake(settings()), LayeredExperiment.load(NAME), np.random.default_rng(4)
    rows = []
    for number in range(1, users + 1):
        key = number if number % 2 else user_key(f"user-{number}")
        variant, taste = variant_of(one, key), rng.beta(2, 4)
        for day in range(5):
            chance = taste + effect * (variant == "half")
            rows.append(
                (f"{number}:{day}", key, f"control+{NAME}:{variant}", since + 86_400 * day + number, rng.random() < chance)
            )
    columns = [c.REQUEST_ID, c.USER, c.ARM, c.TS, "accepted"]
    lists = pl.DataFrame(rows, schema=columns, orient="row").with_columns(
        pl.lit("r1").alias(c.MODEL_VERSION), pl.lit(0).alias(c.OFFSET)
    )
    items = {c.ITEM: 1, c.POSITION: 0, c.PROPENSITY: 1.0, c.SCORE: 1.0, c.POLICY: "p"}
    lake.append(IMPRESSIONS, lists.with_columns(pl.lit(value).alias(name) for name, value in items.items()))
    made = {c.SECONDS: 0.01, c.FAILED: False, c.DEGRADED: False, c.SHADOW: False, c.OVERLAP: None}
    lake.append(LISTS, lists.with_columns(pl.lit(value).alias(name) for name, value in made.items()))
    answers = lists.filter("accepted").with_columns(
        pl.col(c.REQUEST_ID).alias(c.EVENT_ID), pl.lit(1).alias(c.ITEM), pl.lit("watch").alias(c.KIND), pl.lit(1.0).alias(c.VALUE)
    )
    lake.append(INTERACTIONS, answers)


def test_the_report_says_what_was_found_and_the_plan_how_long_it_takes(
    served: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NotFound, match="never started"):
        served("experiment", "report", NAME)
    with pytest.raises(NotFound, match="no list was shown"):
        served("experiment", "plan", NAME)
    served("experiment", "start", NAME, "--why", "<b>to see</b>")
    shown(800, time.time() + 1, effect=0.25)
    page = tmp_path / "page" / "it.html"
    said = served("experiment", "report", NAME, "--out", str(page)).output
    assert "half accepted: better" in said
    assert "half errors: cannot tell" in said
    html = page.read_text()
    assert html.count("<svg") == 2
    assert "&lt;b&gt;to see" in html
    assert 'class="better"' in html
    plan = served("experiment", "plan", NAME, "--days", "2", "--min-effect", "0.5").output
    assert "all the time" in plan
    assert "never" not in plan.split("once")[0]
    served("experiment", "stop", NAME)
    assert "half accepted" in served("experiment", "report", NAME, "--out", str(page)).output, "also when it is over"


def test_a_host_that_serves_takes_it_up_and_gives_everybody_back(
    served: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    from app import console
    from app.hosting import host_of
    from lake.tables import POLICIES

    monkeypatch.setenv("MARQUEE_RELEASE_INTERVAL", "0.001")
    console.settings.cache_clear()
    host = host_of(settings())
    served("experiment", "start", NAME)
    host.look()
    assert {host.choose(user).arm for user in range(1, 100)} == {f"control+{NAME}:control", f"control+{NAME}:half"}
    half = host.of(f"control+{NAME}:half").policy
    assert half.selector.model_dump()["epsilon"] == 0.025
    assert half.id in set(wiring.lake(settings()).read(POLICIES)[c.POLICY_ID]), "a list of it can be explained later"
    served("experiment", "stop", NAME)
    host.look()
    assert {host.choose(user).arm for user in range(1, 100)} == {"control"}
    host.close()
