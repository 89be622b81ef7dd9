"""`marquee tune` on a small data set: what it may see, what it writes, and that it can be given again."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from mlflow import MlflowClient

from app.usecases.loading import load_data
from app.usecases.tuning import TuningRun, as_toml, tune, tuning_data
from core.errors import InvalidInput, NotFound
from core.items import PROFILE_SCHEMA
from core.settings import Settings
from datasets.registry import read_any
from retrieval.config import TrainConfig

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning")  # MLflow's own models
USERS, PER_USER, ITEMS = 20, 8, 30
PROFILES = pl.DataFrame({"user_id": [1, 2], "profile": [["age:25", "job:artist"], []]}, schema=PROFILE_SCHEMA)


def _ratings() -> pl.DataFrame:
    rng = np.random.default_rng(0)
    films = np.concatenate([rng.permutation(ITEMS)[:PER_USER] + 1 for _ in range(USERS)])
    users = np.repeat(np.arange(1, USERS + 1), PER_USER)
    times = rng.permutation(USERS * PER_USER) + 1_000_000_000
    return pl.DataFrame({"userId": users, "movieId": films, "rating": [4.0] * len(users), "timestamp": times})


def _zip(path: Path, members: dict[str, bytes]) -> str:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return str(path)


@pytest.fixture
def with_times(tmp_path: Path) -> str:
    films = "movieId,title,genres\n" + "".join(f"{film},Film {film} (2000),Drama\n" for film in range(1, ITEMS + 1))
    members = {"ratings.csv": _ratings().write_csv().encode(), "movies.csv": films.encode()}
    members |= {"links.csv": b"movieId,imdbId,tmdbId\n", "tags.csv": b"userId,movieId,tag,timestamp\n"}
    return _zip(tmp_path / "small.zip", members)


@pytest.fixture
def without_times(tmp_path: Path) -> str:
    rows = _ratings().rename({"userId": "user_id", "movieId": "movie_id"}).sort("user_id", "timestamp")
    order = pl.col("timestamp").rank("ordinal").over("user_id").cast(pl.Int64)
    raw = io.BytesIO()
    rows.select("user_id", "movie_id", pl.col("rating").cast(pl.Int64), position=order).write_parquet(raw)
    films = "".join(f"{film}::Film {film} (2000)::Drama\n" for film in range(1, ITEMS + 1))
    return _zip(tmp_path / "order.zip", {"sequences.parquet": raw.getvalue(), "movies.dat": films.encode()})


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


@pytest.fixture
def search(tmp_path: Path) -> TuningRun:
    config, space = tmp_path / "base.toml", tmp_path / "space.toml"
    config.write_text(as_toml(TrainConfig(dim=8, blocks=1, heads=1, epochs=2, batch_events=64, validation_share=0.2), []))
    space.write_text("[parameters]\ndropout = { low = 0.1, high = 0.5 }\n[fixed]\nhistory_length = 5\n")
    return TuningRun(config, space, "small", 2, float("inf"), 1, tmp_path / "best.toml", "marquee tune")


def test_the_latest_fifth_is_out_of_sight(home: Settings, with_times: str) -> None:
    seen = tuning_data(home, with_times, None).interactions
    assert len(seen) == 0.8 * USERS * PER_USER
    assert seen["ts"].max() < sorted(_ratings()["timestamp"])[len(seen)]


def test_the_last_event_of_each_user_is_out_of_sight(home: Settings, with_times: str, without_times: str) -> None:
    for data in (tuning_data(home, with_times, "loo"), tuning_data(home, without_times, None)):
        assert len(data.interactions) == USERS * (PER_USER - 1)
    last = _ratings().sort("timestamp").group_by("userId").last()
    pairs = tuning_data(home, with_times, "loo").interactions.select("user_id", "item_id")
    assert pairs.join(last, left_on=["user_id", "item_id"], right_on=["userId", "movieId"], how="semi").is_empty()


def test_the_lake_brings_its_profiles(home: Settings, with_times: str) -> None:
    dataset = replace(read_any(with_times, home.folder("datasets")), users=PROFILES)
    load_data(home, dataset, 0.0, lambda _: None)
    data = tuning_data(home, "lake", None)
    assert data.profiles == {1: ["age:25", "job:artist"], 2: []}
    assert len(data.interactions) == 0.8 * USERS * PER_USER


def test_what_cannot_be_tuned_on_is_refused(home: Settings, without_times: str) -> None:
    with pytest.raises(InvalidInput, match=r"--hold-out is 'time'; allowed: loo"):
        tuning_data(home, without_times, "time")
    with pytest.raises(NotFound, match="marquee data load"):
        tuning_data(home, "lake", None)


def test_trials_end_in_a_configuration_and_in_mlflow_and_are_not_repeated(
    home: Settings, with_times: str, search: TuningRun
) -> None:
    data, said = tuning_data(home, with_times, None), []
    tune(home, data, search, True, said.append)
    assert "study small has 0 of 2 trials" in said
    assert not search.out.exists()
    tune(home, data, search, False, said.append)
    assert sum(line.startswith("trial ") for line in said) == 2
    chosen = TrainConfig.load(search.out)
    assert (chosen.history_length, chosen.dim) == (5, 8)
    assert search.out.read_text().startswith("# Chosen by `marquee tune`:\n# study small, trial ")

    client = MlflowClient(home.tracking_uri)
    runs = client.search_runs([client.get_experiment_by_name("marquee").experiment_id])
    assert sum("mlflow.parentRunId" in run.data.tags for run in runs) == 2
    assert len(runs) == 3

    said.clear()
    tune(home, data, search, False, said.append)
    assert not any(line.startswith("trial ") for line in said)
    assert TrainConfig.load(search.out) == chosen
    with pytest.raises(InvalidInput, match="another seed"):
        tune(home, data, replace(search, seed=2), True, said.append)


def test_a_configuration_survives_its_file(tmp_path: Path) -> None:
    config = TrainConfig.of(dim=32, heads=4, learning_rate=1e-5, similarity="cosine", temperature=0.05, ema=0.999)
    path = tmp_path / "config.toml"
    path.write_text(as_toml(config, ["a comment", "of two lines"]))
    assert TrainConfig.load(path) == config
