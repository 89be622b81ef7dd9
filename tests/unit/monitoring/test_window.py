"""What the watchdog keeps of the lake: the same after a restart as without one, and read once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from core import columns as c
from core.errors import NotFound
from lake import tables
from lake.adapters.delta import DeltaLake
from lake.adapters.memory import MemoryLake
from lake.ports import Added, Follower, Lake
from monitoring.window import COUNT, HOUR, RecentLake, Window

FRAMES = ("interactions", "shown", "first_shown", "answers", "arrived", "hours")


def events(first: int, rows: int, start: float = 0.0) -> pl.DataFrame:
    """One event a minute, each to the list of its number; with ties in time, and every seventh five hours late."""
    numbers = np.arange(first, first + rows)
    return pl.DataFrame(
        {
            c.EVENT_ID: [f"e{number}" for number in numbers],
            c.USER: 1 + numbers % 13,
            c.ITEM: 1 + numbers % 5,
            c.KIND: np.where(numbers % 3 == 0, "view", "click"),
            c.VALUE: None,
            c.TS: start + 60.0 * (numbers // 2) + 20_000.0 - 18_000.0 * (numbers % 7 == 0),
            c.REQUEST_ID: [f"r{number}" if number % 2 else None for number in numbers],
            c.OFFSET: numbers,
        },
        schema_overrides={c.VALUE: pl.Float64},
    )


def shown(first: int, lists: int) -> pl.DataFrame:
    numbers = np.arange(first, first + lists)
    rows = [
        {
            c.REQUEST_ID: f"r{number}", c.USER: 1 + int(number) % 13, c.ITEM: item, c.POSITION: item - 1, c.PROPENSITY: 1.0,
            c.SCORE: 1.0 / item, c.POLICY: "p", c.ARM: "control", c.MODEL_VERSION: f"release-{number // 100}",
            c.TS: 60.0 * (number // 2) + 19_990.0, c.OFFSET: int(number) * 5 + item,
        }
        for number in numbers for item in range(1, 6)
    ]  # fmt: skip
    return pl.DataFrame(rows)


def same(left: Window, right: Window) -> None:
    for name in FRAMES:
        one, other = getattr(left, name), getattr(right, name)
        assert_frame_equal(one, other, check_row_order=name in ("interactions", "arrived", "hours"))
    assert left.acceptance == right.acceptance


@pytest.mark.parametrize("lake", [MemoryLake(), None], ids=["memory", "delta"])
def test_a_restart_changes_nothing(lake: Lake | None, tmp_path_factory: pytest.TempPathFactory) -> None:
    lake = lake or DeltaLake(tmp_path_factory.mktemp("lake"))
    lasting = RecentLake(lake, rows=50)
    for portion in range(6):
        lake.append(tables.INTERACTIONS, events(40 * portion, 40))  # the answer may reach the lake before the list
        lake.append(tables.IMPRESSIONS, shown(40 * portion, 40))
        same(lasting.look(), RecentLake(lake, rows=50).look())
        same(lasting.look(), RecentLake(lake, rows=50).look())
    window = lasting.look()
    assert len(window.interactions) == 50
    assert window.interactions[c.TS].is_sorted()
    assert window.hours[COUNT].sum() == 240
    assert window.hours[HOUR].is_sorted()
    assert set(window.first_shown[c.MODEL_VERSION]) == {"release-0", "release-1", "release-2"}
    assert window.acceptance is not None
    assert window.acceptance.per_list == pytest.approx(1 / 3), "of six lists in a row two are answered: odd, and no view"


def test_an_erased_user_is_gone() -> None:
    lake = MemoryLake()
    lake.append(tables.INTERACTIONS, events(0, 40))
    lake.append(tables.IMPRESSIONS, shown(0, 40))
    recent = RecentLake(lake, rows=50)
    recent.look()
    lake.forget_user(3)
    window = recent.look()
    assert 3 not in window.interactions[c.USER]
    assert 3 not in window.shown[c.USER]
    assert 3 not in window.answers[c.USER]
    same(window, RecentLake(lake, rows=50).look())


def test_nothing_written_is_not_found_until_it_is() -> None:
    lake = MemoryLake()
    recent = RecentLake(lake, rows=50)
    with pytest.raises(NotFound, match="interactions"):
        recent.look()
    lake.append(tables.INTERACTIONS, events(0, 3))
    assert len(recent.look().interactions) == 3
    assert recent.look().acceptance is None


@dataclass
class CountingLake(MemoryLake):
    """A lake in memory that says how many rows its followers handed out, and forbids whole tables."""

    handed: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def read(self, table: str, version: int | None = None) -> pl.DataFrame:
        raise AssertionError(f"{table} was read whole at version {version}")

    def follow(self, table: str, columns: Sequence[str], history: bool = True) -> Follower:  # type: ignore[override]
        return Counted(super().follow(table, columns, history), self.handed)


@dataclass
class Counted:
    follower: Follower
    handed: list[int]

    def look(self) -> Added | None:
        added = self.follower.look()
        self.handed.append(0 if added is None else len(added.rows))
        return added


def test_a_look_reads_what_is_new() -> None:
    lake = CountingLake()
    recent = RecentLake(lake, rows=50)
    for portion in range(3):
        lake.append(tables.INTERACTIONS, events(100 * portion, 100))
        recent.look()
    recent.look()
    assert sum(lake.handed) == 300
    assert lake.handed[-2:] == [0, 0]
