"""The command line: errors are one line that says what to do, never a stack trace; destructive commands have a dry run."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import polars as pl
import pytest

from core.settings import FOLDERS


def run(home: Path, *arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "MARQUEE_HOME": str(home), "COLUMNS": "250", **extra}
    command = [sys.executable, "-m", "app", *arguments]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("data", "info"), 1, "load the bundled films with `marquee data load`"),
        (("data", "load", "nowhere.zip"), 1, "there is no data set 'nowhere.zip'"),
        (("data", "load", "ml-20m"), 1, "marquee data fetch ml-20m"),
        (("data", "fetch", "ml-2m"), 2, "one of ml-100k, ml-1m, ml-10m"),
        (("data", "fetch", "ml-1m", "--url", "http://127.0.0.1:9"), 1, "marquee data fetch ml-1m --from FILE"),
        (("data", "fetch", "ml-1m", "--from", "nowhere.zip"), 1, "nowhere.zip does not exist"),
        (("data", "enrich"), 1, "load data with `marquee data load`"),
        (("data", "load", "--hold-out", "2"), 2, "less than or equal to 0.5"),
        (("data", "import", "--interactions", "a.csv", "--items", "b.csv"), 1, "a.csv cannot be read"),
        (("data", "import", "--interactions", "a.csv", "--items", "b.csv", "--map", "user_id"), 2, "our=yours"),
        (("up",), 1, "make one with `marquee demo`"),
        (("applaud",), 2, "No such command"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_input_is_one_message_with_a_way_out(tmp_path: Path, arguments: tuple[str, ...], code: int, said: str) -> None:
    result = run(tmp_path / "home", *arguments)
    assert result.returncode == code, result.stderr
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_a_setting_out_of_range_names_its_variable(tmp_path: Path) -> None:
    result = run(tmp_path, "data", "info", MARQUEE_API_PORT="banana")
    assert result.returncode == 2
    assert "MARQUEE_API_PORT is 'banana'" in result.stderr


def test_a_home_that_is_not_writable_is_reported(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    result = run(blocked / "home", "data", "load")
    assert result.returncode == 1
    assert str(blocked) in result.stderr
    assert "Traceback" not in result.stderr


def test_loading_twice_changes_nothing_and_another_set_needs_a_word(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("user_id,item_id,ts\n1,1,1700000000\n1,2,1700001000\n")
    (tmp_path / "y.csv").write_text("item_id,title\n1,One\n2,Two\n")
    own = ("data", "import", "--interactions", str(tmp_path / "x.csv"), "--items", str(tmp_path / "y.csv"))
    home = tmp_path / "home"
    dry = run(home, *own, "--dry-run")
    assert "2 rows read, 2 kept" in dry.stdout
    assert not home.exists()
    assert run(home, *own).returncode == 0
    assert "events: 0 new, 2 there already" in run(home, *own).stdout
    refused = run(home, "data", "load")
    assert refused.returncode == 1
    assert "the lake holds x: 2 imported and 0 streamed events of 1 user, 2 items; use --replace" in refused.stderr
    assert run(home, "data", "load", "--replace", "--yes").returncode == 0
    assert "9,742 items" in run(home, "data", "info").stdout


def test_erasing_shows_what_it_would_erase(tmp_path: Path) -> None:
    for name in FOLDERS:
        (tmp_path / name).mkdir()
    (tmp_path / "mine.txt").write_text("not Marquee's")
    assert "lake" in run(tmp_path, "data", "erase", "--dry-run").stdout
    assert (tmp_path / "lake").exists()
    assert run(tmp_path, "data", "erase", "--yes").returncode == 0
    assert {path.name for path in tmp_path.iterdir()} == {"run", "mine.txt"}


def test_the_doctor_reports_what_is_missing_and_changes_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    result = run(home, "doctor")
    assert result.returncode == 1
    for remedy in ("marquee data load", "marquee features materialize", "marquee release build"):
        assert remedy in result.stdout
    assert not home.exists()


def test_a_consumer_refuses_another_log_than_the_features_came_from(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert run(home, "data", "load").returncode == 0
    (home / "events").mkdir()
    (home / "events" / "applied_from").write_text("kafka")
    result = run(home, "consume")
    assert result.returncode == 2
    assert "MARQUEE_EVENT_LOG is 'embedded'; allowed: kafka" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_set_that_was_fetched_is_loaded_by_its_name_and_one_without_times_is_not(tmp_path: Path) -> None:
    sets = tmp_path / "home" / "datasets"
    sets.mkdir(parents=True)
    movies = "1::Heat (1995)::Crime\n"
    with zipfile.ZipFile(sets / "ml-1m.zip", "w") as archive:
        archive.writestr("ml-1m/ratings.dat", "1::1::5::978300760\n")
        archive.writestr("ml-1m/movies.dat", movies)
        archive.writestr("ml-1m/users.dat", "1::F::1::10::48067\n")
    loaded = run(tmp_path / "home", "data", "load", "ml-1m", "--hold-out", "0")
    assert loaded.returncode == 0, loaded.stderr
    assert "1 row read, 1 kept" in loaded.stdout
    rows = pl.DataFrame({"user_id": [1], "movie_id": [1], "rating": [5], "position": [0]})
    rows.write_parquet(tmp_path / "rows.parquet")
    with zipfile.ZipFile(tmp_path / "ordered.zip", "w") as archive:
        archive.write(tmp_path / "rows.parquet", "x/sequences.parquet")
        archive.writestr("x/movies.dat", movies)
    refused = run(tmp_path / "other", "data", "load", str(tmp_path / "ordered.zip"))
    assert refused.returncode == 1
    assert "has an order but no times" in refused.stderr


def test_init_trains_on_what_the_lake_holds(tmp_path: Path) -> None:
    """The documented path, import and then init, once replaced people's own events by the bundled films."""
    from app.usecases.steps import prepare, stored
    from core.errors import DatasetError
    from core.settings import Settings
    from datasets.movielens import read_movielens

    home = tmp_path / "home"
    (tmp_path / "x.csv").write_text("user_id,item_id,ts\nann,a,1700000000\nann,b,1700001000\n")
    (tmp_path / "y.csv").write_text("item_id,title\na,A\nb,B\n")
    own = ("data", "import", "--interactions", str(tmp_path / "x.csv"), "--items", str(tmp_path / "y.csv"))
    assert run(home, *own).returncode == 0
    said: list[str] = []
    with pytest.raises(DatasetError):  # two events are too few to train on: that it tried with them is the point
        prepare(Settings(home=home), read_movielens, "demo", said.append)
    assert any("the lake has x already, which is used" in line for line in said)
    assert len(stored(Settings(home=home)).interactions) == 2
