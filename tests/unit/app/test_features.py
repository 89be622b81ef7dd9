"""`marquee features`: Redis that comes back empty is filled again from the lake, and skew is found."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from redis import Redis
from redis.exceptions import ConnectionError as NoRedis
from typer.testing import CliRunner

from app import console, wiring
from app.cli import app
from app.usecases.features import batch_features, differences
from core.errors import InvalidInput
from core.features import UserFeatures
from feature_repo.adapters.feast_store import FeastFeatures

Marquee = Callable[..., Result]


class OwnRedis:
    """A server that a test may kill; without persistence, so it comes back empty."""

    def __init__(self, port: int) -> None:
        self.port = port

    def start(self) -> None:
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        client, deadline = Redis(port=self.port), time.monotonic() + 30
        while True:
            try:
                client.ping()
                break
            except NoRedis:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        client.close()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture
def server(free_port: Callable[[], int]) -> Iterator[OwnRedis]:
    made = OwnRedis(free_port())
    made.start()
    yield made
    made.kill()


@pytest.fixture
def marquee(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: OwnRedis) -> Iterator[Marquee]:
    """Runs a command on a home with 40 users' events, whose features are on Redis; an error of ours is raised."""
    monkeypatch.setenv("MARQUEE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MARQUEE_REDIS_URL", f"redis://127.0.0.1:{server.port}/0")
    monkeypatch.setenv("COLUMNS", "250")
    console.settings.cache_clear()
    rows = [f"{user},{item},{1_700_000_000 + 60 * item + user},4.5" for user in range(1, 41) for item in range(1, 2 + user % 9)]
    (tmp_path / "x.csv").write_text("user_id,item_id,ts,value\n" + "\n".join(rows) + "\n")
    (tmp_path / "y.csv").write_text("item_id,title,genres\n" + "".join(f"{n},Film {n},Drama|War\n" for n in range(1, 11)))

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, arguments, catch_exceptions=False)

    run("data", "import", "--interactions", str(tmp_path / "x.csv"), "--items", str(tmp_path / "y.csv"))
    run("features", "materialize")
    yield run
    console.settings.cache_clear()


@pytest.fixture
def store(marquee: Marquee) -> Iterator[FeastFeatures]:
    made = wiring.features(console.settings())
    yield made
    made.close()


def expected() -> dict[int, UserFeatures]:
    return {user.user_id: user for user in batch_features(console.settings())}


@pytest.mark.service("redis")
def test_redis_that_came_back_empty_is_filled_from_the_lake_by_one_command(
    marquee: Marquee, store: FeastFeatures, server: OwnRedis
) -> None:
    assert marquee("features", "verify").exit_code == 0
    server.kill()
    server.start()
    assert store.read(7) is None
    skewed = marquee("features", "verify")
    assert skewed.exit_code == 1
    assert "40 are missing online: 1, 2, 3" in skewed.stdout
    assert "would write the features of 40 users" in marquee("features", "backfill", "--dry-run").stderr
    assert store.read(7) is None
    marquee("features", "backfill")
    assert marquee("features", "verify").exit_code == 0
    for user, batch in expected().items():
        online = store.read(user)
        assert online is not None
        assert differences(online, batch) == []


@pytest.mark.service("redis")
def test_spark_fills_it_as_well(marquee: Marquee, store: FeastFeatures, server: OwnRedis) -> None:
    pytest.importorskip("pyspark")
    server.kill()
    server.start()
    marquee("features", "backfill", "--engine", "spark")
    assert marquee("features", "verify").exit_code == 0


@pytest.mark.service("redis")
def test_another_engine_is_refused(marquee: Marquee) -> None:
    with pytest.raises(InvalidInput, match="polars or spark"):
        marquee("features", "backfill", "--engine", "duckdb")


@pytest.mark.service("redis")
def test_wrong_features_are_found_and_repaired(marquee: Marquee, store: FeastFeatures) -> None:
    right = expected()[8]
    store.write([replace(right, n_events=99, values=right.values + 1), replace(expected()[9], applied_offset=5)])
    store.erase(10)
    found = marquee("features", "verify", "--sample", "40")
    assert found.exit_code == 1
    assert "40 users compared, 1 of them hold events that the lake does not have yet" in found.stdout
    assert "user 8: values, n_events" in found.stdout
    assert "missing online: 10" in found.stdout
    marquee("features", "backfill")
    assert marquee("features", "verify", "--sample", "40").exit_code == 0


@pytest.mark.service("redis")
def test_a_record_that_cannot_be_read_is_repaired_too(marquee: Marquee, store: FeastFeatures, server: OwnRedis) -> None:
    client = Redis(port=server.port)
    for key in client.scan_iter():
        for name in client.hkeys(key):
            client.hset(key, name, b"\x3a\x03abc")
    client.close()
    marquee("features", "backfill")
    assert store.read(7) is not None
    assert marquee("features", "verify").exit_code == 0


def test_genre_weights_may_differ_within_their_tolerance_alone() -> None:
    user = UserFeatures(1, genres=("Drama",), genre_weights=np.array([1.0], np.float32), n_events=1)
    near, far = (replace(user, genre_weights=np.array([value], np.float32)) for value in (1 + 1e-6, 1.1))
    assert differences(near, user) == []
    assert differences(far, user) == ["genre_weights"]


@pytest.mark.parametrize("every", ["12", "0h", "h", "1.5h", "-1h", "2w"])
def test_an_invalid_interval_is_refused(every: str) -> None:
    with pytest.raises(InvalidInput, match="for example 12h"):
        CliRunner().invoke(app, ["features", "materialize", "--every", every], catch_exceptions=False)
