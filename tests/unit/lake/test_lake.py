"""The lake: appends happen once, versions are kept, a user can be forgotten, and a bad disk is a typed error."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pytest
from deltalake import write_deltalake

import lake.lake as lake_module
from core import columns as c
from core.errors import DependencyUnavailable, NotFound, StorageFull
from lake.lake import IMPRESSIONS, INTERACTIONS, ITEMS, SCHEMAS, TAGS, USERS, Lake, Writer

NOW = 1_700_000_000.0  # 2023-11-14 22:13:20 UTC


def events(*ids: int, user: int = 1, ts: float = NOW, offset: int = 0) -> pl.DataFrame:
    """Interactions without the partition, as a consumer has them."""
    n = len(ids)
    return pl.DataFrame(
        {
            c.EVENT_ID: [f"e{i}" for i in ids], c.USER: [user] * n, c.ITEM: list(ids), c.KIND: ["view"] * n,
            c.VALUE: [None] * n, c.TS: [ts] * n, c.REQUEST_ID: [None] * n, c.OFFSET: [offset] * n,
        }
    )  # fmt: skip


def impressions(*positions: int, user: int = 1) -> pl.DataFrame:
    n = len(positions)
    return pl.DataFrame(
        {
            c.REQUEST_ID: ["r"] * n, c.USER: [user] * n, c.ITEM: [9] * n, c.POSITION: list(positions), c.PROPENSITY: [1.0] * n,
            c.SCORE: [0.5] * n, c.POLICY: ["p"] * n, c.ARM: ["a"] * n, c.MODEL_VERSION: ["m"] * n, c.TS: [NOW] * n,
            c.OFFSET: [0] * n,
        }
    )  # fmt: skip


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def items_of(frame: pl.DataFrame) -> list[int]:
    return sorted(frame[c.ITEM].to_list())


def test_what_is_appended_is_read_with_its_types(lake: Lake) -> None:
    assert lake.append(INTERACTIONS, events(1, 2))
    assert lake.append(INTERACTIONS, events(3))
    found = lake.read(INTERACTIONS)
    assert items_of(found) == [1, 2, 3]
    assert found.schema == SCHEMAS[INTERACTIONS]


def test_items_keep_lists_and_missing_years(lake: Lake) -> None:
    items = pl.DataFrame({c.ITEM: [1, 2], c.TITLE: ["a", "b"], c.GENRES: [["x", "y"], []], c.YEAR: [1999, None]})
    lake.replace(ITEMS, items)
    found = lake.read(ITEMS).sort(c.ITEM)
    assert found[c.GENRES].to_list() == [["x", "y"], []]
    assert found[c.YEAR].to_list() == [1999, None]


def test_a_table_that_is_older_than_a_column_still_opens_and_can_be_replaced(lake: Lake) -> None:
    old = pl.DataFrame({c.ITEM: [1], c.TITLE: ["a"], c.GENRES: [["x"]], c.YEAR: pl.Series([1999], dtype=pl.Int32)})
    write_deltalake(str(lake.root / ITEMS), old.to_arrow())
    found = lake.read(ITEMS)
    assert found.schema == SCHEMAS[ITEMS]
    assert found[c.OVERVIEW].to_list() == [None]
    lake.replace(ITEMS, found.with_columns(pl.Series(c.OVERVIEW, ["told"])))
    assert lake.read(ITEMS)[c.OVERVIEW].to_list() == ["told"]
    assert lake.read(ITEMS, 0)[c.OVERVIEW].to_list() == [None]


def test_a_row_lies_in_the_partition_of_its_day_and_an_imported_one_in_that_of_its_year(lake: Lake) -> None:
    lake.append(INTERACTIONS, pl.concat([events(1, offset=5), events(2, offset=-1)]))
    days = dict(lake.read(INTERACTIONS).select(c.ITEM, c.DAY).iter_rows())
    assert days == {1: "2023-11-14", 2: "2023-01-01"}


def test_a_table_that_was_never_written_is_not_found(lake: Lake) -> None:
    with pytest.raises(NotFound, match="marquee data load"):
        lake.read(INTERACTIONS)
    assert lake.version(INTERACTIONS) == -1
    assert lake.last_written(INTERACTIONS, "consumer") == -1
    assert lake.forget_user(1) == 0


def test_a_repeated_append_of_one_writer_is_not_counted_twice(lake: Lake) -> None:
    assert lake.append(INTERACTIONS, events(1, 2), Writer("consumer", 10))
    assert not lake.append(INTERACTIONS, events(1, 2), Writer("consumer", 10))
    assert not lake.append(INTERACTIONS, events(1), Writer("consumer", 9))
    assert lake.append(INTERACTIONS, events(3), Writer("consumer", 11))
    assert items_of(lake.read(INTERACTIONS)) == [1, 2, 3]
    assert lake.last_written(INTERACTIONS, "consumer") == 11


def test_merged_files_are_fewer_and_say_the_same(lake: Lake) -> None:
    for number in range(12):
        lake.append(INTERACTIONS, events(number), Writer("consumer", number))
    before = lake.read(INTERACTIONS)
    lake.compact(INTERACTIONS)
    assert len(lake.files(INTERACTIONS)) == 1
    assert lake.read(INTERACTIONS).sort(c.ITEM).equals(before.sort(c.ITEM))
    assert lake.read(INTERACTIONS, version=3)[c.ITEM].sort().to_list() == [0, 1, 2, 3]
    assert not lake.append(INTERACTIONS, events(11), Writer("consumer", 11))
    assert lake.append(INTERACTIONS, events(12), Writer("consumer", 12))
    assert lake.forget_user(1) == 13


def test_a_merge_that_fails_is_no_ones_problem(lake: Lake, caplog: pytest.LogCaptureFixture) -> None:
    lake.compact(INTERACTIONS)
    for number in range(3):
        lake.append(INTERACTIONS, events(number))
    for file in lake.root.rglob("*.parquet"):
        file.unlink()
    lake.compact(INTERACTIONS)
    assert "are not merged for now" in caplog.text


def test_writers_and_tables_count_on_their_own(lake: Lake) -> None:
    lake.append(INTERACTIONS, events(1), Writer("consumer", 10))
    assert lake.append(INTERACTIONS, events(2), Writer("importer", 3))
    assert lake.append(IMPRESSIONS, impressions(0), Writer("consumer", 2))
    assert lake.append(INTERACTIONS, events(3))
    assert (lake.last_written(INTERACTIONS, "consumer"), lake.last_written(IMPRESSIONS, "consumer")) == (10, 2)
    assert items_of(lake.read(INTERACTIONS)) == [1, 2, 3]


def test_several_writers_append_together_or_not_at_all(lake: Lake) -> None:
    assert lake.append(INTERACTIONS, events(1, 2), Writer("a", 5), Writer("b", 9))
    assert lake.progress(INTERACTIONS, ["a", "b", "c"]) == {"a": 5, "b": 9, "c": -1}
    assert not lake.append(INTERACTIONS, events(3, 4), Writer("a", 6), Writer("b", 9))
    assert len(lake.read(INTERACTIONS)) == 2
    assert lake.progress(INTERACTIONS, ["a"]) == {"a": 5}


def test_another_process_sees_what_the_writer_did(lake: Lake) -> None:
    lake.append(INTERACTIONS, events(1), Writer("consumer", 10))
    assert not Lake(lake.root).append(INTERACTIONS, events(1), Writer("consumer", 10))


def test_different_writers_may_append_at_the_same_time(lake: Lake) -> None:
    lake.append(INTERACTIONS, events(0))
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda n: lake.append(INTERACTIONS, events(n), Writer(f"w{n}", 1)), range(1, 5)))
    assert done == [True] * 4
    assert items_of(lake.read(INTERACTIONS)) == [0, 1, 2, 3, 4]


def test_another_process_that_appends_between_check_and_append_is_not_counted_twice(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.append(INTERACTIONS, events(1), Writer("consumer", 1))
    write = lake_module.write_deltalake

    def overtaken(*arguments: object, **options: object) -> None:
        monkeypatch.setattr(lake_module, "write_deltalake", write)
        assert Lake(lake.root).append(INTERACTIONS, events(2), Writer("consumer", 2))
        write(*arguments, **options)

    monkeypatch.setattr(lake_module, "write_deltalake", overtaken)
    assert not lake.append(INTERACTIONS, events(2), Writer("consumer", 2))
    assert items_of(lake.read(INTERACTIONS)) == [1, 2]


def test_an_earlier_version_stays_readable(lake: Lake) -> None:
    lake.append(INTERACTIONS, events(1))
    seen = lake.version(INTERACTIONS)
    lake.append(INTERACTIONS, events(2))
    lake.replace(INTERACTIONS, events(3))
    assert items_of(lake.read(INTERACTIONS)) == [3]
    assert items_of(lake.read(INTERACTIONS, seen)) == [1]
    assert lake.version(INTERACTIONS) == seen + 2


def test_replacing_by_nothing_leaves_an_empty_table(lake: Lake) -> None:
    lake.append(INTERACTIONS, events(1))
    lake.replace(INTERACTIONS, events())
    assert lake.read(INTERACTIONS).is_empty()
    assert lake.read(INTERACTIONS).schema == SCHEMAS[INTERACTIONS]


def test_a_forgotten_user_is_in_no_table_and_the_others_stay(lake: Lake) -> None:
    lake.append(INTERACTIONS, events(1, 2, user=7))
    lake.append(INTERACTIONS, events(3, user=8))
    lake.append(IMPRESSIONS, impressions(0, 1, 2, user=7))
    lake.append(IMPRESSIONS, impressions(0, user=8))
    lake.replace(TAGS, pl.DataFrame({c.USER: [7, 8], c.ITEM: [1, 1], c.TAG: ["a", "b"], c.TS: [NOW, NOW]}))
    lake.replace(USERS, pl.DataFrame({c.USER: [7, 8], c.PROFILE: [["age:25"], []]}))
    assert lake.forget_user(7) == 7
    for table in (INTERACTIONS, IMPRESSIONS, TAGS, USERS):
        assert lake.read(table)[c.USER].to_list() == [8]
    assert lake.forget_user(7) == 0


def test_forgetting_keeps_the_writers_count(lake: Lake) -> None:
    lake.append(INTERACTIONS, events(1, user=7), Writer("consumer", 10))
    lake.forget_user(7)
    assert not lake.append(INTERACTIONS, events(1, user=7), Writer("consumer", 10))


def test_a_path_that_cannot_be_written_is_a_typed_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "lake").write_text("a file where the folder should be")
    lake = Lake(tmp_path / "lake")
    with pytest.raises(StorageFull, match=r"check space and rights of .*lake") as caught:
        lake.append(INTERACTIONS, events(1), Writer("consumer", 1))
    assert caught.value.status == 503
    with pytest.raises(StorageFull):
        lake.replace(INTERACTIONS, events(1))


def test_a_table_folder_that_cannot_be_written_is_a_typed_error(lake: Lake) -> None:
    lake.root.mkdir()
    (lake.root / INTERACTIONS).write_text("a file where the table should be")
    with pytest.raises(StorageFull):
        lake.append(INTERACTIONS, events(1))


def damage_log(lake: Lake) -> None:
    for log in (lake.root / INTERACTIONS / "_delta_log").glob("*.json"):
        log.write_text("{half")


def damage_data(lake: Lake) -> None:
    for data in (lake.root / INTERACTIONS).rglob("*.parquet"):
        data.write_bytes(b"junk")


def lose_data(lake: Lake) -> None:
    for data in (lake.root / INTERACTIONS).rglob("*.parquet"):
        data.unlink()


@pytest.mark.parametrize("damage", [damage_log, damage_data, lose_data])
def test_a_damaged_table_is_unavailable(lake: Lake, damage: Callable[[Lake], None]) -> None:
    lake.append(INTERACTIONS, events(1))
    damage(lake)
    with pytest.raises(DependencyUnavailable, match="lake"):
        lake.read(INTERACTIONS)


def test_a_version_that_never_was_is_not_found(lake: Lake) -> None:
    lake.append(INTERACTIONS, events(1))
    with pytest.raises(NotFound, match="99"):
        lake.read(INTERACTIONS, 99)
