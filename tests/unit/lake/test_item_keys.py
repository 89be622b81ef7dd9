"""Keys of items are permanent, and every process has the same items within a look."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pytest

from core.errors import DependencyUnavailable
from core.ids import FIRST_ITEM_KEY, assign_keys
from lake.adapters.delta import DeltaLake
from lake.adapters.memory import MemoryLake
from lake.item_keys import assign, settle
from lake.items_feed import ItemsFeed, KnownItems, keys_of_ids
from lake.ports import Lake
from lake.tables import ITEM_IDS, ITEMS


@pytest.fixture(params=["delta", "memory"])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Lake:
    return DeltaLake(tmp_path / "lake") if request.param == "delta" else MemoryLake()


def items(*rows: tuple[int, str], hidden: bool | None = None) -> pl.DataFrame:
    columns = {"item_id": [key for key, _ in rows], "title": [title for _, title in rows], "hidden": [hidden] * len(rows)}
    return pl.DataFrame(columns, schema_overrides={"hidden": pl.Boolean})


def test_an_item_that_left_and_came_back_keeps_its_key(lake: Lake) -> None:
    first = assign(lake, ["a", "b", 7])
    assert assign(lake, ["c"])["c"] == FIRST_ITEM_KEY + 2
    assert assign(lake, ["b", "a"]) == first | {"c": FIRST_ITEM_KEY + 2}
    assert keys_of_ids(lake) == first | {"c": FIRST_ITEM_KEY + 2}
    assert lake.version(ITEM_IDS) == 1, "what was known made no further version"


def test_processes_that_assign_at_once_give_no_key_twice(lake: Lake) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda worker: assign(lake, [f"{worker}-{n}" for n in range(5)] + ["shared"]), range(4)))
    keys = keys_of_ids(lake)
    assert len(keys) == len(set(keys.values())) == 21
    assert sorted(keys.values()) == list(range(FIRST_ITEM_KEY, FIRST_ITEM_KEY + 21))
    for one in found:
        assert one.items() <= keys.items()


def test_keys_given_without_the_lake_move_where_another_process_was_faster(lake: Lake) -> None:
    assign(lake, ["a"])
    provisional = assign_keys(["b", "d"], keys_of_ids(lake))
    assign(lake, ["c", "d"])
    moved = settle(lake, provisional)
    keys = keys_of_ids(lake)
    assert {id_: moved.get(key, key) for id_, key in provisional.items()} == {id_: keys[id_] for id_ in ("a", "b", "d")}
    assert len(set(keys.values())) == len(keys) == 4


def test_the_feed_has_something_new_only_when_a_table_has(lake: Lake) -> None:
    feed = ItemsFeed(lake)
    assert feed.look() is None
    key = assign(lake, ["SKU-1"])["SKU-1"]
    lake.replace(ITEMS, items((key, "One")))
    facts = feed.look()
    assert facts is not None
    assert (facts.key_of("SKU-1"), facts.id_of(key), facts.title(0), facts.shown.tolist()) == (key, "SKU-1", "One", [True])
    assert feed.look() is None
    lake.upsert(ITEMS, items((key, "One"), hidden=True), ["item_id"])
    changed = feed.look()
    assert changed is not None
    assert changed.shown.tolist() == [False]
    assert changed.key_of("SKU-1") == key, "a hidden item is known: events on it are welcome"


def test_whoever_misses_an_item_looks_again_before_saying_so(lake: Lake) -> None:
    lake.replace(ITEMS, items((1, "One")))
    known = KnownItems(lake, interval=1e9)
    assert (known.key_of(1), known.key_of(2)) == (1, -1)
    lake.replace(ITEMS, items((1, "One"), (2, "Two")))
    assert known.key_of(2) == 2
    assert known.genres.get(2, ("none",)) == []
    assert 3 not in known.genres


class Away(MemoryLake):
    """A lake that can be gone."""

    gone = False

    def version(self, table: str) -> int:
        if self.gone:
            raise DependencyUnavailable("lake", "it is gone")
        return super().version(table)


@pytest.mark.parametrize("interval", [0.0, 1e9])
def test_the_last_items_are_used_while_the_lake_is_unavailable(interval: float) -> None:
    lake = Away()
    lake.gone = True
    known = KnownItems(lake, interval=interval)
    ask: Callable[[], object] = lambda: known.facts  # noqa: E731 - a property, asked inside raises
    for _ in range(2):  # with no items yet, an old answer is no answer
        with pytest.raises(DependencyUnavailable):
            ask()
    lake.gone = False
    lake.replace(ITEMS, items((1, "One")))
    assert known.key_of(1) == 1
    lake.gone = True
    assert known.key_of(1) == 1
    with pytest.raises(DependencyUnavailable):
        known.key_of(2)
