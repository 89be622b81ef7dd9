"""One column of ids has one meaning, decided from all of its rows: integers with a gap come as 7.0, 8.0 and NaN."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from datasets.catalogue_file import read_item_file
from datasets.contract import Seen
from datasets.interactions import ImportCatalogue, InteractionFile, Reading
from datasets.quarantine import Quarantine
from datasets.sources import SourceFile
from datasets.user_file import read_user_file

FORMS = ("csv", "jsonl", "parquet")
Cells = list[float | None] | list[str | None]


def write(folder: Path, form: str, users: Cells, items: Cells) -> Path:
    frame = pl.DataFrame({"user_id": users, "item_id": items, "ts": [1_700_000_000 + at for at in range(len(users))]})
    path = folder / f"x.{form}"
    {"csv": frame.write_csv, "jsonl": frame.write_ndjson, "parquet": frame.write_parquet}[form](path)
    return path


def read(path: Path) -> tuple[list[object], list[object], dict[str, int], str]:
    """The users' ids, the items' ids, the reasons of the quarantine, and the report."""
    quarantine, file, catalogue = Quarantine(), InteractionFile(SourceFile(path), Reading()), ImportCatalogue(None, {})
    events = pl.concat([batch.events for batch in file.read(catalogue, quarantine, Seen())])
    ids = {key: id_ for id_, key in catalogue.item_keys.items()}
    users = [name or key for key, name in events.select("user_id", "external_user").iter_rows()]
    return users, [ids.get(key, key) for key in events["item_id"]], dict(quarantine.reasons), "\n".join(file.lines())


@pytest.mark.parametrize("form", FORMS)
def test_integers_with_a_gap_are_integers_and_the_gap_is_quarantined(tmp_path: Path, form: str) -> None:
    path = write(tmp_path, form, [7.0, 8.0, None, 9.0], [1.0, None, 3.0, 400_000.0])
    users, items, reasons, report = read(path)
    assert (users, items) == ([7, 9], [1, 400_000])
    assert reasons == {"user_id is missing": 1, "item_id is missing": 1}
    assert "item_id from column 'item_id': whole numbers (7.0 is the id 7" in report


@pytest.mark.parametrize("form", FORMS)
def test_one_fraction_makes_every_cell_a_text(tmp_path: Path, form: str) -> None:
    users, items, reasons, report = read(write(tmp_path, form, [7.0, 8.5, 9.0], [1.0, 2.0, 2.25]))
    assert (users, items, reasons) == (["7.0", "8.5", "9.0"], ["1.0", "2.0", "2.25"], {})
    assert "whole numbers" not in report


@pytest.mark.parametrize(
    ("cells", "ids"),
    [
        (["7.0", "nan", "8"], [7, 8]),
        (["7", "NA", "8"], [7, 8]),
        (["1.700000e+01", "2.0", "", "3."], [17, 2, 3]),
        (["0.0", "-3.0", "2.0"], ["0", "-3", 2]),
        (["7.0", "nan", "ann"], ["7.0", "nan", "ann"]),
        (["1E5", "100000", "2E3"], ["1E5", 100000, "2E3"]),  # names of articles
        (["007", "7.0"], ["007", "7.0"]),
        (["nan", "none"], ["nan", "none"]),
        (["7.0", "9007199254740993.0"], ["7.0", "9007199254740993.0"]),  # no float tells this one from its neighbours
    ],
)
def test_what_a_text_file_means(tmp_path: Path, cells: list[str | None], ids: list[object]) -> None:
    path = tmp_path / "x.csv"
    path.write_text("user_id,item_id,ts\n" + "".join(f"{cell},i,{1_700_000_000 + at}\n" for at, cell in enumerate(cells)))
    assert read(path)[0] == ids


def test_the_decision_is_for_the_whole_file_and_not_for_a_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from datasets import sources

    monkeypatch.setattr(sources, "_BLOCK", 200)
    path = tmp_path / "x.csv"
    rows = [*(f"{n}.0,{n}.0,17000000{n:02}" for n in range(1, 60)), "x7,60.0,1700000060"]
    path.write_text("user_id,item_id,ts\n" + "".join(f"{row}\n" for row in rows))
    users, items, _, _ = read(path)
    assert users == [*(f"{n}.0" for n in range(1, 60)), "x7"]
    assert items == list(range(1, 61))


def test_times_as_floats_are_the_times_that_they_were(tmp_path: Path) -> None:
    for times in ("1700000000.0", "20231114.0"), ("20231114.0", "20231115.0"):
        path = tmp_path / "x.csv"
        path.write_text("user_id,item_id,ts\n" + "".join(f"1,{at},{time}\n" for at, time in enumerate(times)))
        catalogue, file = ImportCatalogue(None, {}), InteractionFile(SourceFile(path), Reading())
        found = pl.concat([batch.events for batch in file.read(catalogue, Quarantine(), Seen())])
    assert found["ts"].to_list() == [1699920000.0, 1700006400.0]


def test_items_and_users_of_other_files_are_read_the_same_way(tmp_path: Path) -> None:
    frame = pl.DataFrame({"id": [7.0, None, 8.0], "title": ["A", "B", "C"], "age": [25.0, 30.0, None]})
    for form in ("csv", "parquet"):
        path = tmp_path / f"x.{form}"
        frame.write_csv(path) if form == "csv" else frame.write_parquet(path)
        quarantine = Quarantine()
        assert read_item_file(SourceFile(path), {}, {}, quarantine).rows["item_id"].to_list() == [7, 8]
        assert dict(quarantine.reasons) == {"item_id is missing or not an id": 1}
        users = read_user_file(SourceFile(path), {"age": "age", "user_id": "id"}, Quarantine())
        assert users.rows.rows() == [(7, ["age:25"]), (8, [])]
