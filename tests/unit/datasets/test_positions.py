"""Files with an order and no times: a position never becomes a moment of 1970 unasked, and a stated order is kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from core.errors import DatasetError, InvalidInput
from core.events import ClockRule
from datasets import sources
from datasets.contract import Seen
from datasets.interactions import ImportCatalogue, InteractionFile, Reading
from datasets.positions import are_positions, are_times
from datasets.quarantine import Quarantine
from datasets.sources import SourceFile
from datasets.splits import in_time_order
from datasets.tables import Files, read_files

NOW = 1_700_000_000.0
CLOCK = ClockRule(300.0, 631_152_000.0)
POSITION = Reading(ts="position")
# A film service and a shop: numbers, stars and every column in place; strings, no values, and other names.
FILMS = "user_id,item_id,rating,ts\n1,10,4,0\n2,10,3,0\n1,11,5,1\n2,12,3,1\n1,12,2,2\n"
SHOP = "customer;sku;pos\nanna;SKU-1;2\nbert;SKU-2;1\nanna;SKU-3;1\nanna;SKU-2;3\n"


def read(folder: Path, text: str, reading: Reading) -> tuple[pl.DataFrame, InteractionFile, Quarantine]:
    path = folder / "x.csv"
    path.write_text(text)
    file, quarantine = InteractionFile(SourceFile(path), reading), Quarantine()
    batches = list(file.read(ImportCatalogue(None, {}), quarantine, Seen(), CLOCK, NOW))
    return pl.concat([batch.events for batch in batches]), file, quarantine


def test_positions_are_refused_as_times_with_the_flag_that_reads_them(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"column 'ts' go from 0 to 2: .* use --ts position, .*--ts-format unix"):
        read(tmp_path, FILMS, Reading())
    events, file, quarantine = read(tmp_path, FILMS, POSITION)
    assert events["ts"].to_list() == [0, 0, 1, 1, 2]
    assert in_time_order(events).filter(user_id=1)["item_id"].to_list() == [10, 11, 12]
    assert not file.has_time
    assert not quarantine.bad, "positions are not times, so no clock refuses them"
    assert "ts from column 'ts': positions, which order a user's events and are not times (--ts position)" in "\n".join(
        file.lines()
    )


def test_a_given_format_makes_them_times(tmp_path: Path) -> None:
    _, file, quarantine = read(tmp_path, FILMS + f"3,10,4,{NOW - 9}\n", Reading(ts_format="unix"))
    assert file.has_time
    assert quarantine.bad == 5


def test_a_column_of_positions_is_found_by_its_name(tmp_path: Path) -> None:
    events, file, _ = read(tmp_path, SHOP, POSITION)
    assert events.select("external_user", "ts").rows() == [("anna", 2), ("bert", 1), ("anna", 1), ("anna", 3)]
    assert file.columns.theirs["ts"] == "pos"
    with pytest.raises(DatasetError, match=r"lacks the column\(s\) ts; .* --ts position goes by the order of the rows"):
        read(tmp_path, SHOP, Reading())
    with pytest.raises(DatasetError, match=r"x\.csv has pos and step; name the one with the positions: --map ts=YOURS"):
        read(tmp_path, "user_id,item_id,pos,step\n1,2,0,0\n", POSITION)


@pytest.mark.parametrize("block", [16, 1 << 20])
def test_without_any_column_the_rows_are_in_order_user_by_user_over_all_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(sources, "_BLOCK", block)
    rows = ["anna,SKU-1", "bert,SKU-2", "anna,SKU-3", ",SKU-9", "anna,SKU-1", "bert,SKU-3"]
    events, file, quarantine = read(tmp_path, "customer,sku\n" + "\n".join(rows) + "\n", POSITION)
    kept = events.select("external_user", "ts").rows()
    assert kept == [("anna", 0), ("bert", 0), ("anna", 1), ("anna", 2), ("bert", 1)]
    assert quarantine.bad == 1
    assert "no ts: the order of the rows, counted from 0 for each user" in "\n".join(file.lines())
    again, _, _ = read(tmp_path, "customer,sku\n" + "\n".join([*rows, "bert,SKU-4"]) + "\n", POSITION)
    assert set(events["event_id"]) < set(again["event_id"]), "a file that grew brings the same events and new ones"


def test_what_is_not_a_position_is_set_aside(tmp_path: Path) -> None:
    events, _, quarantine = read(
        tmp_path, "user_id,item_id,ts\n1,1,0\n1,2,1.0\n1,3,-1\n1,4,1.5\n1,5,x\n1,6,1700000000\n", POSITION
    )
    assert events["ts"].to_list() == [0, 1]
    assert dict(quarantine.reasons) == {"ts is not one of the positions (whole numbers from 0)": 4}


def test_flags_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(InvalidInput, match="--ts is 'row'; allowed: time or position"):
        Reading(ts="row")
    with pytest.raises(InvalidInput, match="--ts-format is 'unix'; allowed: nothing beside --ts position"):
        Reading(ts="position", ts_format="unix")


def test_a_data_set_knows_that_it_has_no_times(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(SHOP)
    assert not read_files(Files(tmp_path / "x.csv", reading=POSITION)).has_time
    (tmp_path / "y.csv").write_text("user_id,item_id,ts\n1,1,2020-01-01\n")
    assert read_files(Files(tmp_path / "y.csv")).has_time


def test_times_and_positions_are_distinguished() -> None:
    rng = np.random.default_rng(0)
    real = 1.6e9 + rng.integers(0, 1e7, 300)
    count = np.tile(np.arange(6.0), 50)
    first = np.zeros(50)
    assert not are_positions(real)
    assert are_positions(count)
    assert are_positions(np.concatenate([count, real[:200]])), "most decide, whatever came in from the stream since"
    assert not are_positions(np.concatenate([count, real, real]))
    assert are_times(real, real[:50])
    assert not are_times(count, first)
    assert not are_times(1.6e9 + count, first + 1.6e9), "positions that somebody moved to a date"
    assert are_times(1.6e9 + 86_400 * count, 1.6e9 + 86_400 * rng.integers(0, 3, 50)), (
        "days, on which not everybody begins at once"
    )
    assert are_times(1.6e9 + count[:6], first[:1] + 1.6e9), "a single user begins when the data begins"
    assert are_times(np.empty(0), np.empty(0))
