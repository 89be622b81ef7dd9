"""`marquee items`: the catalogue while it is served."""

from __future__ import annotations

import polars as pl
import pytest

from app.usecases.items import parsed
from core.errors import InvalidInput, NotFound
from lake.adapters.memory import MemoryLake
from lake.item_changes import change
from lake.item_keys import assign
from lake.items_feed import ItemsFeed
from lake.tables import ITEMS


@pytest.fixture
def lake() -> MemoryLake:
    lake = MemoryLake()
    key = assign(lake, ["SKU/é"])["SKU/é"]
    titles = {
        "item_id": [1, 2, key],
        "title": ["One", "[Two]", "Three"],
        "genres": [["a"], ["b"], []],
        "year": [1999, None, 2001],
    }
    lake.replace(ITEMS, pl.DataFrame(titles))
    return lake


def test_hiding_is_one_version_and_what_was_hidden_stays_hidden(lake: MemoryLake) -> None:
    feed, before = ItemsFeed(lake), lake.version(ITEMS)
    found = change(lake, parsed(["1", "SKU/é"]), {"hidden": True})
    assert (found.changed, found.unchanged) == ((1, "SKU/é"), ())
    facts = feed.look()
    assert facts is not None
    assert facts.shown.tolist() == [False, True, False]
    assert [facts.title(row) for row in range(3)] == ["One", "[Two]", "Three"], "the rest of a row stays as it is"
    assert lake.version(ITEMS) == before + 1
    assert change(lake, [1, 2], {"hidden": True}).unchanged == (1,)
    assert change(lake, [1], {"hidden": False}).changed == (1,)


def test_a_visible_item_is_not_shown_again(lake: MemoryLake) -> None:
    before = lake.version(ITEMS)
    assert change(lake, [2], {"hidden": False}).unchanged == (2,)
    assert lake.version(ITEMS) == before


def test_all_or_nothing(lake: MemoryLake) -> None:
    before = lake.version(ITEMS)
    with pytest.raises(NotFound, match="not in the catalogue: 99, nope; nothing was changed"):
        change(lake, [1, 99, "nope"], {"hidden": True})
    assert lake.version(ITEMS) == before


def test_a_dry_run_writes_nothing(lake: MemoryLake) -> None:
    before = lake.version(ITEMS)
    assert change(lake, [1], {"title": "Other"}, dry_run=True).changed == (1,)
    assert lake.version(ITEMS) == before


def test_facts_are_corrected(lake: MemoryLake) -> None:
    change(lake, ["SKU/é"], {"title": "[bold]New", "genres": ["Drama", "War"], "year": 2020})
    row = lake.read(ITEMS).filter(pl.col("title") == "[bold]New")
    assert row.select("genres", "year").rows() == [(["Drama", "War"], 2020)]


def test_unchangeable_columns_and_invalid_ids_are_named(lake: MemoryLake) -> None:
    with pytest.raises(InvalidInput, match="column is 'item_id'"):
        change(lake, [1], {"item_id": 5})


@pytest.mark.parametrize("fine", ["1", "SKU/é"])
@pytest.mark.parametrize("wrong", ["a\nb", "", "x" * 129])
def test_of_several_ids_the_invalid_one_is_named(fine: str, wrong: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        parsed([fine, wrong, fine])
    assert raised.value.extensions["value"] == repr(wrong)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("title", ""),
        ("title", " \u3000"),
        ("title", "a\nb"),
        ("title", "x" * 1001),
        ("title", 5),
        ("title", "\ud800"),
        ("genres", "Drama"),
        ("genres", [""]),
        ("genres", ["Drama", "Drama"]),
        ("genres", [1]),
        ("genres", ["x"] * 51),
        ("year", 0),
        ("year", 10_000),
        ("year", 1999.0),
        ("year", True),
        ("year", None),
        ("hidden", 1),
        ("hidden", "true"),
    ],
)
@pytest.mark.parametrize("id_", [1, "SKU/é"])
def test_a_value_that_an_item_cannot_have_is_named_and_nothing_is_written(
    lake: MemoryLake, id_: int | str, column: str, value: object
) -> None:
    before = lake.version(ITEMS)
    with pytest.raises(InvalidInput, match=f"^{column} is .*; allowed: ") as caught:
        change(lake, [id_], {"hidden": True, column: value})
    assert caught.value.field == column
    assert lake.version(ITEMS) == before
