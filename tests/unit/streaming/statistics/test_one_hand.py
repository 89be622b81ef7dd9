"""A lake whose events are old, and then somebody's event: one hand makes nothing popular, several people do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from synthetic import make_catalogue, make_query, make_snapshot

from core.catalogue import ItemStats
from lake import tables
from lake.adapters.delta import DeltaLake
from lake.items_feed import KnownItems
from lake.published_stats import PublishedStats
from recommender.parts.popular import PopularSource
from recommender.parts.trending import TrendingSource
from streaming.statistics.statistics_loop import StatisticsLoop

CATALOGUE = make_catalogue()
N = len(CATALOGUE)
NOW, YEAR = 1_790_000_000.0, 365 * 86_400.0
UNKNOWN = int(CATALOGUE.ids[-1])  # nobody took it up
NEW_USER = 900


def rows(events: list[tuple[int, int, str, float | None, float]], start: int) -> pl.DataFrame:
    names = ("user_id", "item_id", "kind", "value", "ts")
    schema = {"user_id": pl.Int64, "item_id": pl.Int64, "kind": pl.String, "value": pl.Float64, "ts": pl.Float64}
    frame = pl.DataFrame(dict(zip(names, zip(*events, strict=True), strict=True)), schema=schema)
    at = pl.int_range(pl.len()) + start
    return frame.with_columns(event_id=at.cast(pl.String), request_id=pl.lit(None, pl.String), log_offset=at)


class Quiet:
    """A lake with events of eight years ago, of the first half of the items, each rated by fewer users than the last."""

    def __init__(self, folder: Path) -> None:
        self.lake = DeltaLake(folder / "lake")
        self.lake.replace(tables.ITEMS, CATALOGUE.to_frame())
        self._loop = StatisticsLoop(self.lake, KnownItems(self.lake, 0.0), folder / "items.parquet", 0.02, lambda: NOW)
        self._published, self._n = PublishedStats(folder / "items.parquet"), 0
        self.add([(u, int(CATALOGUE.ids[at]), "rating", 4.0, NOW - 8 * YEAR + u) for at in range(N // 2) for u in range(N - at)])

    def add(self, events: list[tuple[int, int, str, float | None, float]]) -> ItemStats:
        """What the API reads once the consumer has counted these."""
        self.lake.append(tables.INTERACTIONS, rows(events, self._n))
        self._n += len(events)
        self._loop.count()
        found = self._published.look(CATALOGUE)
        assert found is not None
        self.stats = found
        return found


@pytest.fixture
def quiet(tmp_path: Path) -> Quiet:
    return Quiet(tmp_path)


def listed(stats: ItemStats, k: int = 10) -> list[int]:
    """The list of a user of whom nothing is known."""
    found = PopularSource(replace(make_snapshot(), stats=stats), k).fetch(make_query(k), np.ones(N, np.bool_))
    return CATALOGUE.ids[found.rows].tolist()


def trending(stats: ItemStats) -> list[int]:
    found = TrendingSource(replace(make_snapshot(), stats=stats), 10).fetch(make_query(10), np.ones(N, np.bool_))
    return CATALOGUE.ids[found.rows].tolist()


def of_one(kind: str, value: float | None, times: int) -> list[tuple[int, int, str, float | None, float]]:
    return [(NEW_USER, UNKNOWN, kind, value, NOW + at) for at in range(times)]


@pytest.mark.parametrize(
    "events",
    [of_one("rating", 0.5, 1), of_one("rating", 5.0, 1), of_one("skip", None, 1), of_one("view", None, 1000)],
    ids=["one bad rating", "one good rating", "a refusal", "a thousand views"],
)
def test_one_hand_changes_nobody_elses_list(quiet: Quiet, events: list[tuple[int, int, str, float | None, float]]) -> None:
    before = listed(quiet.stats)
    after = quiet.add(events)
    assert listed(after) == before == CATALOGUE.ids[:10].tolist()
    assert trending(after) == []


def test_a_bad_rating_makes_an_item_no_more_popular_than_nobody_does(quiet: Quiet) -> None:
    assert quiet.add(of_one("rating", 0.5, 1)).recent[-1] == 0.0
    assert quiet.stats.n_events[-1] == 1.0


def test_several_people_who_agree_do(quiet: Quiet) -> None:
    stats = quiet.add([(NEW_USER + at, UNKNOWN, "rating", 5.0, NOW + at) for at in range(20)])
    assert listed(stats)[0] == UNKNOWN
    assert trending(stats)[0] == UNKNOWN


def test_who_comes_back_to_an_item_counts_by_the_latest_time(quiet: Quiet) -> None:
    once = quiet.add([(1, int(CATALOGUE.ids[0]), "view", None, NOW)])
    again = quiet.add(
        [(1, int(CATALOGUE.ids[0]), "view", None, NOW - 5 * 86_400.0), (1, int(CATALOGUE.ids[0]), "view", None, NOW)]
    )
    np.testing.assert_allclose(again.recent, once.recent)
    np.testing.assert_array_equal(again.users, once.users)
    assert again.n_events[0] == once.n_events[0] + 2
