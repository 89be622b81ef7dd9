"""One tiny release, built and opened as any other, and the command line on a home with two films."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from click.testing import Result

    from recommender.release import Release

N_ITEMS, N_USERS, PER_USER = 60, 40, 12


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """60 films, ids 10 to 600. The imports stand inside: tests of the command line need none of this."""
    import numpy as np
    import polars as pl
    from app.pipelines import pipeline_path

    from core.catalogue import Catalogue
    from lifecycle.build import BuildConfig, TrainingData, build_release
    from ranking.ranker import RankerConfig
    from recommender.release import expected_schema, open_release
    from retrieval.config import TrainConfig

    ids = np.arange(1, N_ITEMS + 1) * 10
    items = {"item_id": ids, "title": [f"Film {i}" for i in ids], "genres": [["Drama"], ["War"]] * 30, "year": [2000] * N_ITEMS}
    rng = np.random.default_rng(0)
    users = np.repeat(np.arange(1, N_USERS + 1), PER_USER)
    events = {
        "event_id": [f"e{at}" for at in range(len(users))],
        "user_id": users,
        "item_id": np.concatenate([rng.permutation(ids)[:PER_USER] for _ in range(N_USERS)]),
        "kind": ["rating"] * len(users),
        "value": [4.0] * len(users),
        "ts": rng.permutation(len(users)).astype(np.float64) + 1e6,
        "log_offset": np.full(len(users), -1),
    }
    folder = build_release(
        TrainingData(pl.DataFrame(events), Catalogue.from_frame(pl.DataFrame(items)), {}, "noise", "none"),
        BuildConfig(0.5, 0.8, 0.9, candidates=50, ranker=RankerConfig(trees=5, leaves=4, min_rows_per_leaf=10, threads=1)),
        TrainConfig.of(dim=8, blocks=1, heads=1, epochs=1, batch_events=128),
        tmp_path_factory.mktemp("release"),
        pipeline=pipeline_path("default"),
        feature_schema=expected_schema(),
        code_version="test",
        seed=0,
        say=lambda _: None,
    )
    return open_release(folder)


@pytest.fixture
def marquee(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Result]]:
    """Runs a command on a home with the films 1 and 2; an error of ours is raised."""
    from typer.testing import CliRunner

    from app import console
    from app.cli import app

    monkeypatch.setenv("MARQUEE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "250")
    console.settings.cache_clear()
    (tmp_path / "x.csv").write_text("user_id,item_id,ts\n1,1,1000\n1,2,2000\n")
    (tmp_path / "y.csv").write_text("item_id,title\n1,One\n2,Two\n")

    def run(*arguments: str, given: bytes | None = None) -> Result:
        return CliRunner().invoke(app, arguments, input=given, catch_exceptions=False)

    run("data", "import", "--interactions", str(tmp_path / "x.csv"), "--items", str(tmp_path / "y.csv"))
    yield run
    console.settings.cache_clear()
