"""The contract of the lake, on every adapter: appends happen once, versions are kept, rows are followed, users forgotten."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pytest
from deltalake import write_deltalake

from core import columns as c
from core.errors import InvalidInput, NotFound
from lake.adapters.delta import DeltaLake
from lake.adapters.memory import MemoryLake
from lake.ports import Added, Lake, Upserted, Writer
from lake.tables import (
    IMPRESSIONS,
    INTERACTIONS,
    ITEM_IDS,
    ITEMS,
    PARTITIONED,
    POLICIES,
    SCHEMAS,
    TAGS,
    USERS,
)

NOW = 1_700_000_000.0  # 2023-11-14 22:13:20 UTC
OldLake = Callable[[Mapping[str, pl.DataFrame]], Lake]


@pytest.fixture(params=["delta", "memory"])
def old_lake(request: pytest.FixtureRequest, tmp_path: Path) -> OldLake:
    """Makes a lake of tables that were written by other code than ours, as they are given."""

    def made(tables: Mapping[str, pl.DataFrame]) -> Lake:
        if request.param == "memory":
            return MemoryLake(tables)
        for table, rows in tables.items():
            days = [c.DAY] if table in PARTITIONED else None
            write_deltalake(str(tmp_path / "lake" / table), rows.to_arrow(), partition_by=days)
        return DeltaLake(tmp_path / "lake")

    return made


@pytest.fixture
def lake(old_lake: OldLake) -> Lake:
    """An empty one."""
    return old_lake({})


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


def test_different_writers_may_append_at_the_same_time(lake: Lake) -> None:
    lake.append(INTERACTIONS, events(0))
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda n: lake.append(INTERACTIONS, events(n), Writer(f"w{n}", 1)), range(1, 5)))
    assert done == [True] * 4
    assert items_of(lake.read(INTERACTIONS)) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("there", [True, False], ids=["old table", "new table"])
def test_one_append_by_several_threads_at_the_same_time_is_counted_once(lake: Lake, there: bool) -> None:
    if there:
        lake.append(INTERACTIONS, events(0))
    for number in range(1, 6):
        with ThreadPoolExecutor(4) as pool:
            done = list(pool.map(lambda n: lake.append(INTERACTIONS, events(n), Writer("consumer", n)), [number] * 4))
        assert sorted(done) == [False, False, False, True]
    assert items_of(lake.read(INTERACTIONS)) == list(range(0 if there else 1, 6))


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


def test_forgetting_keeps_the_writers_count(lake: Lake) -> None:
    lake.append(INTERACTIONS, events(1, user=7), Writer("consumer", 10))
    lake.forget_user(7)
    assert not lake.append(INTERACTIONS, events(1, user=7), Writer("consumer", 10))


def test_a_version_that_never_was_is_not_found(lake: Lake) -> None:
    lake.append(INTERACTIONS, events(1))
    with pytest.raises(NotFound, match="99"):
        lake.read(INTERACTIONS, 99)


def test_merging_files_keeps_rows_versions_and_writers(lake: Lake) -> None:
    for number in range(12):
        lake.append(INTERACTIONS, events(number), Writer("consumer", number))
    before = lake.read(INTERACTIONS)
    lake.compact(INTERACTIONS)
    assert lake.read(INTERACTIONS).sort(c.ITEM).equals(before.sort(c.ITEM))
    assert lake.read(INTERACTIONS, version=3)[c.ITEM].sort().to_list() == [0, 1, 2, 3]
    assert not lake.append(INTERACTIONS, events(11), Writer("consumer", 11))
    assert lake.append(INTERACTIONS, events(12), Writer("consumer", 12))
    assert lake.forget_user(1) == 13


def test_a_forgotten_user_is_in_no_table_and_the_others_stay(lake: Lake) -> None:
    lake.append(INTERACTIONS, events(1, 2, user=7))
    lake.append(INTERACTIONS, events(3, user=8))
    lake.append(IMPRESSIONS, impressions(0, 1, 2, user=7))
    lake.append(IMPRESSIONS, impressions(0, user=8))
    lake.replace(TAGS, pl.DataFrame({c.USER: [7, 8], c.ITEM: [1, 1], c.TAG: ["a", "b"], c.TS: [NOW, NOW]}))
    lake.replace(USERS, pl.DataFrame({c.USER: [7, 8], c.PROFILE: [["age:25"], []]}))
    ids = pl.DataFrame({c.KEY: [7, 8], c.ID: ["seven", "eight"]})
    lake.append(ITEM_IDS, ids)
    assert lake.forget_user(7) == 7
    for table in (INTERACTIONS, IMPRESSIONS, TAGS, USERS):
        assert lake.read(table)[c.USER].to_list() == [8]
    assert len(lake.read(ITEM_IDS)) == 2
    assert lake.forget_user(7) == 0


def test_policies_are_a_table(lake: Lake) -> None:
    lake.append(POLICIES, pl.DataFrame({c.POLICY_ID: ["a1"], c.NAME: ["greedy"], c.BODY: ["{}"], c.FIRST_SEEN: [NOW]}))
    assert lake.read(POLICIES).rows() == [("a1", "greedy", "{}", NOW)]


# --- tables that are older than one of their columns -----------------------------------------------------------------


OLD_ITEMS = pl.DataFrame({c.ITEM: [1], c.TITLE: ["a"], c.GENRES: [["x"]], c.YEAR: pl.Series([1999], dtype=pl.Int32)})


@pytest.fixture
def before_explored(old_lake: OldLake) -> Lake:
    """A list of one item was shown before impressions said whether they were explored."""
    names = [name for name in SCHEMAS[IMPRESSIONS] if name not in (c.EXPLORED, c.LABEL)]
    old = impressions(0).with_columns(pl.lit("2023-11-14").alias(c.DAY)).select(names)
    return old_lake({IMPRESSIONS: old})


def test_an_old_table_opens_and_can_be_replaced(old_lake: OldLake) -> None:
    lake = old_lake({ITEMS: OLD_ITEMS})
    found = lake.read(ITEMS)
    assert found.schema == SCHEMAS[ITEMS]
    assert found.select(c.OVERVIEW, c.HIDDEN).rows() == [(None, None)]
    lake.replace(ITEMS, found.with_columns(pl.Series(c.OVERVIEW, ["told"])))
    assert lake.read(ITEMS)[c.OVERVIEW].to_list() == ["told"]
    assert lake.read(ITEMS, 0)[c.OVERVIEW].to_list() == [None]


def test_an_append_to_an_old_table_gives_it_the_column(before_explored: Lake) -> None:
    lake = before_explored
    assert lake.append(IMPRESSIONS, impressions(1).with_columns(explored=True), Writer("consumer", 1))
    assert lake.append(IMPRESSIONS, impressions(2))
    found = lake.read(IMPRESSIONS)
    assert found.schema == SCHEMAS[IMPRESSIONS]
    assert found.sort(c.POSITION)[c.EXPLORED].to_list() == [None, True, None]
    assert lake.read(IMPRESSIONS, 0)[c.EXPLORED].to_list() == [None]
    lake.compact(IMPRESSIONS)
    assert lake.read(IMPRESSIONS).sort(c.POSITION)[c.EXPLORED].to_list() == [None, True, None]


def test_a_follower_reads_null_where_a_file_is_too_old(before_explored: Lake) -> None:
    follower = before_explored.follow(IMPRESSIONS, [c.POSITION, c.EXPLORED])
    assert news(follower.look()) == ([(0, None)], True)
    before_explored.append(IMPRESSIONS, impressions(1).with_columns(explored=True))
    assert news(follower.look()) == ([(1, True)], False)
    assert news(before_explored.follow(IMPRESSIONS, [c.EXPLORED]).look()) == ([(None,), (True,)], True)


def test_an_upsert_into_an_old_table_gives_it_the_column(old_lake: OldLake) -> None:
    lake = old_lake({ITEMS: OLD_ITEMS})
    assert lake.upsert(ITEMS, films((2, "b"), hidden=True), [c.ITEM]) == Upserted(inserted=1, updated=0)
    assert lake.read(ITEMS).sort(c.ITEM)[c.HIDDEN].to_list() == [None, True]


# --- upserts ---------------------------------------------------------------------------------------------------------


def films(*known: tuple[int, str], hidden: bool | None = None) -> pl.DataFrame:
    rows = [{c.ITEM: item, c.TITLE: title, c.GENRES: ["x"], c.YEAR: 1999, c.HIDDEN: hidden} for item, title in known]
    return pl.DataFrame(rows, schema={name: SCHEMAS[ITEMS][name] for name in (c.ITEM, c.TITLE, c.GENRES, c.YEAR, c.HIDDEN)})


def test_an_upsert_replaces_what_it_knows_and_adds_the_rest(lake: Lake) -> None:
    assert lake.upsert(ITEMS, films((1, "a"), (2, "b"), hidden=True), [c.ITEM]) == Upserted(inserted=2, updated=0)
    assert lake.upsert(ITEMS, films((2, "B"), (3, "c")), [c.ITEM]) == Upserted(inserted=1, updated=1)
    found = lake.read(ITEMS).sort(c.ITEM)
    assert found.schema == SCHEMAS[ITEMS]
    assert found.select(c.ITEM, c.TITLE, c.HIDDEN).rows() == [(1, "a", True), (2, "B", None), (3, "c", None)]
    assert lake.read(ITEMS, 0)[c.TITLE].sort().to_list() == ["a", "b"]
    assert lake.upsert(ITEMS, films(), [c.ITEM]) == Upserted(inserted=0, updated=0)
    assert len(lake.read(ITEMS)) == 3


def test_profiles_can_be_upserted(lake: Lake) -> None:
    lake.replace(USERS, pl.DataFrame({c.USER: [7, 8], c.PROFILE: [["age:25"], []]}))
    assert lake.upsert(USERS, pl.DataFrame({c.USER: [8], c.PROFILE: [["age:30"]]}), [c.USER]) == Upserted(0, 1)
    assert lake.read(USERS).sort(c.USER)[c.PROFILE].to_list() == [["age:25"], ["age:30"]]


def test_several_columns_can_be_the_key(lake: Lake) -> None:
    tags = pl.DataFrame({c.USER: [7, 7], c.ITEM: [1, 2], c.TAG: ["a", "b"], c.TS: [NOW, NOW]})
    lake.append(TAGS, tags)
    assert lake.upsert(TAGS, tags.with_columns(pl.Series(c.ITEM, [2, 3]), ts=0.0), [c.USER, c.ITEM]) == Upserted(1, 1)
    assert lake.read(TAGS).sort(c.ITEM).select(c.ITEM, c.TS).rows() == [(1, NOW), (2, 0.0), (3, 0.0)]


@pytest.mark.parametrize("items", [[1, 1], [1, None]], ids=["twice", "null"])
def test_an_upsert_with_null_or_repeated_keys_is_refused(lake: Lake, items: list[int | None]) -> None:
    rows = films((1, "a"), (2, "b")).with_columns(pl.Series(c.ITEM, items))
    with pytest.raises(InvalidInput, match="item_id"):
        lake.upsert(ITEMS, rows, [c.ITEM])
    assert lake.version(ITEMS) == -1


def test_upserts_at_the_same_time_are_all_there_and_each_key_once(lake: Lake) -> None:
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda n: lake.upsert(ITEMS, films((0, "same"), (n, "own")), [c.ITEM]), range(1, 5)))
    assert items_of(lake.read(ITEMS)) == [0, 1, 2, 3, 4]
    assert sum(one.inserted for one in done) == 5
    assert sum(one.updated for one in done) == 3


def test_a_revision_is_made_of_what_others_left_and_keeps_it(lake: Lake) -> None:
    lake.upsert(ITEMS, films((1, "a"), (2, "b")), [c.ITEM])
    asked = []

    def hide(stored: pl.DataFrame) -> pl.DataFrame:
        if not asked:
            lake.upsert(ITEMS, films((1, "A"), (3, "c")), [c.ITEM])  # meanwhile
            stored = lake.read(ITEMS) if isinstance(lake, MemoryLake) else stored  # which locks other threads out, not itself
        asked.append(len(stored))
        return stored.filter(pl.col(c.ITEM) != 2).with_columns(pl.lit(True).alias(c.HIDDEN))

    lake.revise(ITEMS, hide, [c.ITEM])
    assert asked[-1] == 3
    found = lake.read(ITEMS).sort(c.ITEM)
    assert found.select(c.ITEM, c.TITLE, c.HIDDEN).rows() == [(1, "A", True), (2, "b", None), (3, "c", True)]


def test_a_revision_of_nothing_makes_no_version_and_one_that_fails_writes_nothing(lake: Lake) -> None:
    lake.revise(ITEMS, lambda stored: stored, [c.ITEM])
    assert lake.version(ITEMS) == -1
    lake.revise(ITEMS, lambda stored: films((len(stored) + 1, "a")), [c.ITEM])
    lake.revise(ITEMS, lambda stored: stored.head(0), [c.ITEM])
    with pytest.raises(InvalidInput, match="item_id"):
        lake.revise(ITEMS, lambda stored: pl.concat([stored, stored]), [c.ITEM])
    with pytest.raises(ZeroDivisionError):
        lake.revise(ITEMS, lambda stored: stored.head(1 // 0), [c.ITEM])
    assert (lake.version(ITEMS), items_of(lake.read(ITEMS))) == (0, [1])


# --- followers -------------------------------------------------------------------------------------------------------


def news(added: Added | None) -> tuple[list[tuple[object, ...]], bool]:
    """The rows of a look that found something, sorted, and whether they are all there are."""
    assert added is not None
    return sorted(added.rows.rows(), key=str), added.is_snapshot


def test_a_follower_gets_each_row_once_and_all_again_when_a_user_was_erased(lake: Lake) -> None:
    follower = lake.follow(INTERACTIONS, [c.EVENT_ID])
    late = lake.follow(INTERACTIONS, [c.EVENT_ID], history=False)
    lake.append(INTERACTIONS, events(0, 1, 2, user=7))
    assert news(follower.look()) == ([("e0",), ("e1",), ("e2",)], True)
    assert late.look() is None
    assert follower.look() is None
    lake.append(INTERACTIONS, events(3, user=8))
    for one in (follower, late):
        assert news(one.look()) == ([("e3",)], False)
    lake.forget_user(7)
    assert news(follower.look()) == ([("e3",)], True)
    assert late.look() is None


def test_a_table_that_is_made_later_is_new_from_its_first_row(lake: Lake) -> None:
    follower = lake.follow(INTERACTIONS, [c.EVENT_ID], history=False)
    assert follower.look() is None
    lake.append(INTERACTIONS, events(0))
    assert news(follower.look()) == ([("e0",)], False)


def test_merged_files_bring_nothing_new_but_rows_before_the_merge_do(lake: Lake) -> None:
    follower = lake.follow(INTERACTIONS, [c.EVENT_ID])
    lake.append(INTERACTIONS, events(0))
    assert follower.look() is not None
    lake.append(INTERACTIONS, events(1))
    lake.compact(INTERACTIONS)
    lake.append(INTERACTIONS, events(2))
    assert news(follower.look()) == ([("e1",), ("e2",)], False)
    lake.compact(INTERACTIONS)
    assert follower.look() is None


def test_a_table_that_was_replaced_is_read_again(lake: Lake) -> None:
    follower = lake.follow(INTERACTIONS, [c.EVENT_ID, c.ITEM])
    lake.append(INTERACTIONS, events(0))
    assert follower.look() is not None
    lake.replace(INTERACTIONS, events(1))
    assert news(follower.look()) == ([("e1", 1)], True)
    lake.replace(INTERACTIONS, events())
    assert news(follower.look()) == ([], True)


def test_followers_get_rows_added_by_an_upsert_and_a_snapshot_after_a_replacement(lake: Lake) -> None:
    follower = lake.follow(ITEMS, [c.ITEM, c.TITLE])
    lake.upsert(ITEMS, films((1, "a")), [c.ITEM])
    assert news(follower.look()) == ([(1, "a")], True)
    lake.upsert(ITEMS, films((2, "b")), [c.ITEM])
    assert news(follower.look()) == ([(2, "b")], False)
    lake.upsert(ITEMS, films((1, "A")), [c.ITEM])
    assert news(follower.look()) == ([(1, "A"), (2, "b")], True)
