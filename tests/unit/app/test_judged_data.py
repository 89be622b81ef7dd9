"""`marquee evaluate` on anybody's data: files as `data import` reads them, the lake, and nothing written to it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from click.testing import Result
from typer.testing import CliRunner

from app import console, wiring
from app.cli import app
from app.usecases.judged_data import judged_data
from core.errors import DatasetError, InvalidInput, NotFound
from core.settings import Settings
from datasets.interactions import Reading
from datasets.tables import Files
from lake.tables import INTERACTIONS, ITEMS

NOW = 1_600_000_000
MODELS = ("--models", "popularity,ease,markov")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    monkeypatch.setenv("MARQUEE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "250")
    console.settings.cache_clear()
    yield Settings(home=tmp_path / "home")
    console.settings.cache_clear()


def films_like() -> pl.DataFrame:
    """Numbers for ids, stars, times."""
    rng = np.random.default_rng(0)
    rows = [
        (u, int(2 * k + u % 2) + 1, 4.0 + 0.5 * (k % 2), NOW + 1000 * t + u)
        for u in range(1, 41)
        for t, k in enumerate(rng.permutation(8)[:6])
    ]
    return pl.DataFrame(rows, schema=["user_id", "item_id", "rating", "ts"], orient="row")


def shop_like() -> pl.DataFrame:
    """Strings for ids, no titles, no ratings, two or three events a user, other names for the columns."""
    rng = np.random.default_rng(1)
    rows = [
        (f"c-{u:03}", f"SKU/{int(item):03}", f"2021-03-{1 + u % 27:02}T10:0{t}:00Z")
        for u in range(60)
        for t, item in enumerate(rng.choice(40, 2 + u % 2, replace=False))
    ]
    return pl.DataFrame(rows, schema=["customer", "sku", "bought at"], orient="row")


def evaluated(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["evaluate", "--protocol", "loo", *arguments], catch_exceptions=False)


def report(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "report.json").read_text()))


WRITE: dict[str, Callable[[pl.DataFrame, Path], object]] = {
    "csv": lambda frame, path: frame.write_csv(path),
    "tsv": lambda frame, path: frame.write_csv(path, separator="\t"),
    "jsonl": lambda frame, path: frame.write_ndjson(path),
    "parquet": lambda frame, path: frame.write_parquet(path),
}


@pytest.mark.parametrize("form", WRITE)
def test_every_form_that_can_be_imported_can_be_judged_with_the_same_figures(home: Settings, tmp_path: Path, form: str) -> None:
    found = []
    for number, one in enumerate(("csv", form)):
        path = tmp_path / f"ratings{number}.{one}"
        WRITE[one](films_like(), path)
        done = evaluated("--dataset", str(path), *MODELS, "--out", str(tmp_path / f"out{number}"))
        assert "40 queries" in done.output
        assert "240 rows read, 240 kept: 40 users, 16 items" in done.output
        found.append(report(tmp_path / f"out{number}"))
    assert found[0]["models"] == found[1]["models"]
    assert found[0]["data"] == found[1]["data"]
    assert wiring.lake(home).version(INTERACTIONS) == wiring.lake(home).version(ITEMS) == -1


def test_a_shop_without_titles_ratings_or_whole_numbers_is_judged_with_the_mapping_of_the_import(
    home: Settings, tmp_path: Path
) -> None:
    path = tmp_path / "orders.csv"
    shop_like().write_csv(path)
    mapping = ("--map", "user_id=customer,item_id=sku,ts=bought at")
    done = evaluated("--dataset", str(path), *mapping, "--kind", "purchase", *MODELS, "--out", str(tmp_path / "out"))
    assert done.exit_code == 0
    assert "item_id from column 'sku'" in done.output
    metrics = report(tmp_path / "out")["models"]
    assert metrics.keys() == {"popularity", "ease", "markov"}
    assert all(0 <= value < 1e9 for one in metrics.values() for value in one.values()), "no genres make no metric infinite"
    assert not (home.home / "lake").exists()


def test_items_and_users_come_from_their_files(home: Settings, tmp_path: Path) -> None:
    films_like().write_csv(tmp_path / "x.csv")
    pl.DataFrame({"id": range(1, 18), "name": [f"film {k}" for k in range(17)]}).write_csv(tmp_path / "films.csv")
    pl.DataFrame({"user_id": range(1, 41), "country": ["a", "b"] * 20}).write_csv(tmp_path / "people.csv")
    printed: list[str] = []
    files = Files(tmp_path / "x.csv", tmp_path / "films.csv", tmp_path / "people.csv", item_names={"title": "name"})
    found = judged_data(home, files, printed.append)
    assert found.items["title"].to_list() == [f"film {k}" for k in range(17)]
    assert found.users is not None
    assert found.users["profile"].to_list()[:2] == [["country:a"], ["country:b"]]
    assert any("films.csv" in line for line in printed)
    assert not found.quarantined.height


def test_rows_that_the_import_refuses_are_refused_here(home: Settings, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(f"user_id,item_id,ts\n1,1,{NOW}\n1,2,1\n2,3,99999999999\n2,1,{NOW}\n")
    files = Files(tmp_path / "x.csv", reading=Reading(ts_format="unix"))
    with pytest.raises(
        DatasetError,
        match=r"50.0% of the rows are bad.*quarantined 2: ts is outside 1990-01-01T00:00:00Z .*line 3, column .ts.: 1",
    ):
        judged_data(home, files, lambda _: None)
    printed: list[str] = []
    assert len(judged_data(home, Files(files.interactions, reading=files.reading, max_bad=0.5), printed.append).interactions) == 2
    assert any("quarantined 2: ts is outside 1990" in line for line in printed)


def test_the_lake_is_judged_as_it_is_and_stays_as_it_is(home: Settings, tmp_path: Path) -> None:
    shop_like().write_csv(tmp_path / "orders.csv")
    mapping = ["--map", "user_id=customer,item_id=sku,ts=bought at"]
    path = str(tmp_path / "orders.csv")
    CliRunner().invoke(app, ["data", "import", "--interactions", path, *mapping], catch_exceptions=False)
    lake = wiring.lake(home)
    before = [lake.version(table) for table in (INTERACTIONS, ITEMS)]
    assert evaluated("--dataset", "lake", *MODELS, "--out", str(tmp_path / "lake")).exit_code == 0
    assert evaluated("--dataset", path, *mapping, *MODELS, "--out", str(tmp_path / "file")).exit_code == 0
    assert [lake.version(table) for table in (INTERACTIONS, ITEMS)] == before
    of_lake, of_file = (report(tmp_path / name)["models"]["ease"] for name in ("lake", "file"))
    assert of_lake["hr@200"] == of_file["hr@200"] == 1.0
    assert of_lake["warm_item_share"] == of_file["warm_item_share"]


@pytest.mark.parametrize("column", [True, False], ids=["positions", "the order of the rows"])
def test_positions_are_evaluated_without_being_taken_for_times(home: Settings, tmp_path: Path, column: bool) -> None:
    timed = shop_like().sort("customer", "bought at")
    order = timed.with_columns(pl.int_range(pl.len()).over("customer").alias("position")).drop("bought at")
    (order if column else order.drop("position")).write_csv(tmp_path / "order.csv")
    timed.write_csv(tmp_path / "timed.csv")
    mapping = "user_id=customer,item_id=sku"
    models = ("--models", "popularity,popularity-30d,markov")
    path = str(tmp_path / "order.csv")
    done = evaluated("--dataset", path, "--map", mapping, "--ts", "position", *models, "--out", str(tmp_path / "order"))
    assert "left out: popularity-30d: this data set has an order but no times" in done.output
    timed_too = ("--dataset", str(tmp_path / "timed.csv"), "--map", f"{mapping},ts=bought at")
    evaluated(*timed_too, *models, "--out", str(tmp_path / "timed"))
    of_order, of_times = report(tmp_path / "order"), report(tmp_path / "timed")
    assert of_order["models"].keys() == {"popularity", "markov"}
    assert "popularity-30d: this data set has an order but no times" in of_order["left out"]
    assert of_order["models"]["markov"] == of_times["models"]["markov"], "the order is the one that the times gave"
    assert "left out" not in of_times
    with pytest.raises(InvalidInput, match="protocol is 'successive'; allowed: loo or strong"):
        evaluated("--dataset", path, "--map", mapping, "--ts", "position", "--protocol", "successive")
    with pytest.raises(InvalidInput, match="--models is 'popularity-30d'; allowed: one without days"):
        evaluated("--dataset", path, "--map", mapping, "--ts", "position", "--models", "popularity-30d")


def test_an_order_in_the_lake_stays_one(home: Settings, tmp_path: Path) -> None:
    shop_like().drop("bought at").write_csv(tmp_path / "orders.csv")
    path = str(tmp_path / "orders.csv")
    flags = ["--interactions", path, "--map", "user_id=customer,item_id=sku", "--ts", "position"]
    done = CliRunner().invoke(app, ["data", "import", *flags, "--dry-run"], catch_exceptions=False)
    assert "position 1" in done.output
    with pytest.raises(InvalidInput, match=r"--hold-out is 0.1; allowed: 0 with --ts position"):
        CliRunner().invoke(app, ["data", "import", *flags, "--hold-out", "0.1"], catch_exceptions=False)
    CliRunner().invoke(app, ["data", "import", *flags], catch_exceptions=False)
    again = CliRunner().invoke(app, ["data", "import", *flags], catch_exceptions=False)
    assert "events: 0 new, 150 there already" in again.output
    assert not judged_data(home, Files(Path("lake")), lambda _: None).has_time


def test_data_that_cannot_be_evaluated_is_refused_with_the_reason(home: Settings, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="there is no data yet"):
        judged_data(home, Files(Path("lake")), lambda _: None)
    with pytest.raises(NotFound, match=r"there is no data set 'nothing.csv'"):
        judged_data(home, Files(Path("nothing.csv")), lambda _: None)
    for name in ("lake", "ml-latest-small"):
        with pytest.raises(InvalidInput, match="allowed: a file of events, where --items"):
            judged_data(home, Files(Path(name), reading=Reading(value="count")), lambda _: None)
    (tmp_path / "cut.zip").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(DatasetError, match="may be truncated"):
        judged_data(home, Files(tmp_path / "cut.zip"), lambda _: None)
    (tmp_path / "notes.txt").write_text("hello\nworld\n")
    with pytest.raises(DatasetError, match=r"notes.txt lacks the column\(s\) user_id, item_id, ts"):
        judged_data(home, Files(tmp_path / "notes.txt"), lambda _: None)
