"""What the lake on Delta tables does beyond the contract: other processes, damaged files, and a bad disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable

from core import columns as c
from core.errors import DependencyUnavailable, StorageFull
from lake.adapters.delta import DeltaLake
from lake.ports import Writer
from lake.tables import INTERACTIONS

NOW = 1_700_000_000.0


def events(*ids: int) -> pl.DataFrame:
    """Interactions without the partition, as a consumer has them."""
    n = len(ids)
    return pl.DataFrame(
        {
            c.EVENT_ID: [f"e{i}" for i in ids], c.USER: [1] * n, c.ITEM: list(ids), c.KIND: ["view"] * n,
            c.VALUE: [None] * n, c.TS: [NOW] * n, c.REQUEST_ID: [None] * n, c.OFFSET: [0] * n,
        }
    )  # fmt: skip


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "lake"


@pytest.fixture
def lake(root: Path) -> DeltaLake:
    return DeltaLake(root)


def test_merging_leaves_one_file(lake: DeltaLake) -> None:
    for number in range(12):
        lake.append(INTERACTIONS, events(number))
    lake.compact(INTERACTIONS)
    assert len(lake.files(INTERACTIONS)) == 1


def test_a_failed_merge_is_left_to_the_next_one(lake: DeltaLake, root: Path, caplog: pytest.LogCaptureFixture) -> None:
    lake.compact(INTERACTIONS)
    for number in range(3):
        lake.append(INTERACTIONS, events(number))
    lose_data(root)
    lake.compact(INTERACTIONS)
    assert "are not merged for now" in caplog.text


@pytest.mark.parametrize("name", ["a folder", "50%", "Läden & Co", "a+b#c?d"])
def test_a_folder_may_have_any_name(tmp_path: Path, name: str) -> None:
    """Delta writes addresses, a file system wants paths."""
    lake = DeltaLake(tmp_path / name / "lake")
    follower = lake.follow(INTERACTIONS, [c.ITEM])
    for number in range(2):
        lake.append(INTERACTIONS, events(number))
        found = follower.look()
        assert found is not None
        assert len(found.rows) == 1
    assert len(lake.read(INTERACTIONS)) == 2
    assert all(Path(file).is_file() for file in lake.files(INTERACTIONS))
    assert len(lake.follow(INTERACTIONS, [c.ITEM]).look().rows) == 2


def test_another_process_sees_what_the_writer_did(lake: DeltaLake, root: Path) -> None:
    lake.append(INTERACTIONS, events(1), Writer("consumer", 10))
    assert not DeltaLake(root).append(INTERACTIONS, events(1), Writer("consumer", 10))


def test_a_path_that_cannot_be_written_is_a_typed_error_that_names_it(lake: DeltaLake, root: Path) -> None:
    root.write_text("a file where the folder should be")
    with pytest.raises(StorageFull, match=r"check free space and permissions of .*lake") as caught:
        lake.append(INTERACTIONS, events(1), Writer("consumer", 1))
    assert caught.value.status == 503
    with pytest.raises(StorageFull):
        lake.replace(INTERACTIONS, events(1))
    with pytest.raises(StorageFull):
        lake.upsert(INTERACTIONS, events(1), [c.EVENT_ID])


def test_a_table_folder_that_cannot_be_written_is_a_typed_error(lake: DeltaLake, root: Path) -> None:
    root.mkdir()
    (root / INTERACTIONS).write_text("a file where the table should be")
    with pytest.raises(StorageFull):
        lake.append(INTERACTIONS, events(1))


def damage_log(root: Path) -> None:
    for log in root.rglob("_delta_log/*.json"):
        log.write_text("{half")


def damage_data(root: Path) -> None:
    for data in root.rglob("*.parquet"):
        data.write_bytes(b"junk")


def lose_data(root: Path) -> None:
    for data in root.rglob("*.parquet"):
        data.unlink()


@pytest.mark.parametrize("damage", [damage_log, damage_data, lose_data])
def test_a_damaged_table_is_unavailable(lake: DeltaLake, root: Path, damage: Callable[[Path], None]) -> None:
    lake.append(INTERACTIONS, events(1))
    damage(root)
    with pytest.raises(DependencyUnavailable, match="lake"):
        lake.read(INTERACTIONS)
    with pytest.raises(DependencyUnavailable, match="lake"):
        lake.follow(INTERACTIONS, [c.EVENT_ID]).look()


@pytest.mark.parametrize(
    "use",
    [
        lambda lake: lake.append(INTERACTIONS, events(2)),
        lambda lake: lake.append(INTERACTIONS, events(2), Writer("consumer", 2)),
        lambda lake: lake.replace(INTERACTIONS, events(2)),
        lambda lake: lake.upsert(INTERACTIONS, events(2), [c.EVENT_ID]),
        lambda lake: lake.forget_user(1),
        lambda lake: lake.progress(INTERACTIONS, ["consumer"]),
        lambda lake: lake.version(INTERACTIONS),
    ],
)
def test_every_use_of_a_damaged_log_is_a_typed_error(lake: DeltaLake, root: Path, use: Callable[[DeltaLake], object]) -> None:
    lake.append(INTERACTIONS, events(1))
    damage_log(root)
    with pytest.raises(DependencyUnavailable, match="lake"):
        use(lake)


def test_files_that_were_vacuumed_before_they_were_read_make_a_follower_start_again(lake: DeltaLake, root: Path) -> None:
    follower = lake.follow(INTERACTIONS, [c.EVENT_ID])
    lake.append(INTERACTIONS, events(0))
    assert follower.look() is not None
    lake.append(INTERACTIONS, events(1))
    lake.compact(INTERACTIONS)
    DeltaTable(str(root / INTERACTIONS)).vacuum(0, enforce_retention_duration=False, dry_run=False)
    with pytest.raises(DependencyUnavailable):
        follower.look()
    again = follower.look()
    assert again is not None
    assert (sorted(again.rows[c.EVENT_ID]), again.is_snapshot) == (["e0", "e1"], True)
