"""Live statistics are those of the batch definition, whatever comes, goes or is told twice."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from core.catalogue import Catalogue, ItemStats
from core.errors import DependencyUnavailable
from feature_repo.item_stats import ItemCounts, item_stats
from lake import tables
from lake.adapters.memory import MemoryLake
from lake.items_feed import KnownItems
from lake.published_stats import PublishedStats, publish
from lake.tables import IMPRESSIONS, INTERACTIONS
from streaming.statistics.statistics_loop import StatisticsLoop

NOW = 1_790_000_000.0
ITEMS = [{"item_id": n * 10, "title": str(n), "genres": ["Drama"], "year": 2000} for n in range(1, 6)]
CATALOGUE = Catalogue.from_frame(pl.DataFrame(ITEMS))
EVENT = st.tuples(
    st.sampled_from([10, 20, 30, 40, 50, 99]),
    st.sampled_from(["rating", "review", "view", "skip", "watchlist_remove"]),
    st.floats(NOW - 4e8, NOW - 1),
)


def table(rows: list[tuple[int, str, float]], start: int = 0, request_id: str | None = None) -> pl.DataFrame:
    """Interactions; every rating has stars, every other review has."""
    values = [4.5 if kind == "rating" or (kind == "review" and n % 2) else None for n, (_, kind, _) in enumerate(rows)]
    return pl.DataFrame(
        {
            "event_id": [f"e{start + n}" for n in range(len(rows))],
            "user_id": [7] * len(rows),
            "item_id": [item for item, _, _ in rows],
            "kind": [kind for _, kind, _ in rows],
            "value": values,
            "ts": [ts for _, _, ts in rows],
            "request_id": [request_id] * len(rows),
            "log_offset": [start + n for n in range(len(rows))],
        },
        schema_overrides={"value": pl.Float64, "request_id": pl.String, "item_id": pl.Int64, "ts": pl.Float64, "kind": pl.String},
    )


def same(one: ItemStats, other: ItemStats) -> bool:
    return all(
        np.allclose(getattr(one, name), getattr(other, name), rtol=1e-5, atol=1e-6)
        for name in ("n_events", "recent", "rating_mean", "users")
    )


@settings(deadline=None)
@given(rows=st.lists(EVENT, max_size=30), cut=st.integers(0, 30))
def test_adding_bit_by_bit_comes_to_the_batch_definition(rows: list[tuple[int, str, float]], cut: int) -> None:
    whole = table(rows)
    counts = ItemCounts(CATALOGUE)
    counts.add(whole[:cut])
    counts.add(whole[cut:])
    assert same(counts.stats(NOW), item_stats(whole, CATALOGUE, NOW))


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.01)


def impressions(start: int) -> pl.DataFrame:
    """Two lists, of one film each."""
    constant = {"position": 0, "propensity": 1.0, "score": 1.0, "policy": "p", "arm": "a", "model_version": "m", "ts": NOW}
    rows = [
        {"request_id": request, "user_id": 7, "item_id": item, **constant, "log_offset": start + n}
        for n, (request, item) in enumerate([("list", 30), ("ignored", 10)])
    ]
    return pl.DataFrame(rows)


@pytest.fixture
def lake() -> MemoryLake:
    return MemoryLake()


@pytest.fixture
def published(lake: MemoryLake, tmp_path: Path) -> Iterator[PublishedStats]:
    """What a loop over the lake publishes, at its second look and later."""
    stop, path = threading.Event(), tmp_path / "stats" / "items.parquet"
    lake.replace(tables.ITEMS, CATALOGUE.to_frame())
    loop = StatisticsLoop(lake, KnownItems(lake, 0.0), path, 0.02, lambda: NOW)
    thread = threading.Thread(target=loop.run, args=(stop,))
    thread.start()
    yield PublishedStats(path)
    stop.set()
    thread.join()


def test_what_is_trending_reaches_the_api(published: PublishedStats, lake: MemoryLake) -> None:
    found: list[ItemStats] = []

    def look() -> bool:
        new = published.look(CATALOGUE)
        found.extend([new] if new else [])
        return bool(new)

    lake.append(INTERACTIONS, table([(10, "view", NOW - 9e6)] * 3))
    until(look)
    assert found[-1].popular_rows(1).tolist() == [0]
    assert published.look(CATALOGUE) is None
    lake.append(INTERACTIONS, table([(30, "view", NOW - 10.0)] * 2, start=3))
    until(look)
    assert found[-1].popular_rows(2).tolist() == [2, 0]
    assert found[-1].n_events.tolist() == [3, 0, 2, 0, 0]


def test_events_on_an_item_that_was_just_added_count(lake: MemoryLake, tmp_path: Path) -> None:
    """Another process adds the item; what this one knows of the items is a second old."""
    lake.replace(tables.ITEMS, CATALOGUE.to_frame())
    loop = StatisticsLoop(lake, KnownItems(lake, interval=1e9), tmp_path / "items.parquet", 0.02, lambda: NOW)
    lake.append(INTERACTIONS, table([(10, "view", NOW)]))
    loop.count()
    grown = pl.concat([CATALOGUE.to_frame(), pl.DataFrame([ITEMS[0] | {"item_id": 60}])], how="diagonal_relaxed")
    lake.upsert(tables.ITEMS, grown, ["item_id"])
    lake.append(INTERACTIONS, table([(60, "view", NOW)], start=1))
    loop.count()
    found = PublishedStats(tmp_path / "items.parquet").look(Catalogue.from_frame(grown))
    assert found is not None
    assert found.n_events.tolist() == [1, 0, 0, 0, 0, 1]


def test_impressions_are_counted_once_with_events_and_without_whoever_counts(lake: MemoryLake, tmp_path: Path) -> None:
    def counted() -> list[float]:
        """By a loop that starts now: after a restart, or on another machine."""
        StatisticsLoop(lake, KnownItems(lake), tmp_path / "items.parquet", 0.02, lambda: NOW).count()
        found = PublishedStats(tmp_path / "items.parquet").look(CATALOGUE)
        assert found is not None
        return found.impressions.tolist()

    lake.replace(tables.ITEMS, CATALOGUE.to_frame())
    lake.append(INTERACTIONS, table([(10, "view", NOW)]))
    running = StatisticsLoop(lake, KnownItems(lake), tmp_path / "running.parquet", 0.02, lambda: NOW)
    running.count()
    lake.append(IMPRESSIONS, impressions(1))
    lake.append(IMPRESSIONS, impressions(2))
    running.count()
    running.count()
    found = PublishedStats(tmp_path / "running.parquet").look(CATALOGUE)
    assert found is not None
    assert found.impressions.sum() == len(impressions(1)) + len(impressions(2))
    assert found.n_events.sum() == 1
    assert counted() == counted() == found.impressions.tolist()


def test_an_accepted_impression_counts_once_however_often_it_is_answered(lake: MemoryLake, tmp_path: Path) -> None:
    """A click and a rating that answer one list are one; a view accepts nothing, and neither does an event without a list."""
    lake.replace(tables.ITEMS, CATALOGUE.to_frame())
    loop = StatisticsLoop(lake, KnownItems(lake), tmp_path / "items.parquet", 0.02, lambda: NOW)
    lake.append(IMPRESSIONS, impressions(1))
    lake.append(IMPRESSIONS, impressions(2).with_columns(request_id=pl.lit("another")))
    lake.append(INTERACTIONS, table([(30, "click", NOW), (30, "rating", NOW), (10, "view", NOW)], request_id="list"))
    lake.append(INTERACTIONS, table([(30, "click", NOW)], start=10, request_id="another"))
    lake.append(INTERACTIONS, table([(10, "click", NOW), (40, "click", NOW)], start=20))
    lake.append(INTERACTIONS, table([(50, "click", NOW)], start=30, request_id="never shown"))
    for counting in (loop, StatisticsLoop(lake, KnownItems(lake), tmp_path / "items.parquet", 0.02, lambda: NOW)):
        counting.count()
        found = PublishedStats(tmp_path / "items.parquet").look(CATALOGUE)
        assert found is not None
        assert found.answers.tolist() == [0.0, 0.0, 2.0, 0.0, 0.0]


class Failing(MemoryLake):
    """Whose impressions cannot be read now."""

    failing = True

    def versions(self, table: str) -> Any:
        if table == IMPRESSIONS and self.failing:
            raise DependencyUnavailable("lake", "impressions cannot be read", "try again")
        return super().versions(table)


def test_events_read_before_impressions_failed_are_counted_and_published_later(tmp_path: Path) -> None:
    lake = Failing()
    lake.replace(tables.ITEMS, CATALOGUE.to_frame())
    loop = StatisticsLoop(lake, KnownItems(lake), tmp_path / "items.parquet", 0.02, lambda: NOW)
    lake.append(INTERACTIONS, table([(10, "view", NOW)] * 2))
    with pytest.raises(DependencyUnavailable, match="impressions cannot be read"):
        loop.count()
    lake.failing = False
    loop.count()
    found = PublishedStats(tmp_path / "items.parquet").look(CATALOGUE)
    assert found is not None
    assert found.n_events.tolist() == [2, 0, 0, 0, 0]


def test_statistics_of_before_there_were_impressions_can_be_read(tmp_path: Path) -> None:
    publish(tmp_path / "new.parquet", CATALOGUE.ids, ItemCounts(CATALOGUE).stats(NOW))
    pl.read_parquet(tmp_path / "new.parquet").drop("impressions", "answers").write_parquet(tmp_path / "old.parquet")
    found = PublishedStats(tmp_path / "old.parquet").look(CATALOGUE)
    assert found is not None
    assert found.impressions.tolist() == found.answers.tolist() == [0.0] * 5


def test_the_acceptance_rate_is_that_of_the_lists_shown_since_the_start(published: PublishedStats, lake: MemoryLake) -> None:
    for number in range(2):  # at the second file the loop has looked at both tables
        lake.append(INTERACTIONS, table([(10, "view", NOW)], start=number))
        until(lambda: published.look(CATALOGUE) is not None)
    lake.append(IMPRESSIONS, impressions(1))
    until(lambda: REGISTRY.get_sample_value("marquee_stream_acceptance_rate", {"unit": "list"}) == 0.0)
    lake.append(INTERACTIONS, table([(30, "click", NOW)], start=9, request_id="list"))
    until(lambda: REGISTRY.get_sample_value("marquee_stream_acceptance_rate", {"unit": "list"}) == 0.5)


def test_published_statistics_are_aligned_with_another_catalogue(tmp_path: Path) -> None:
    path = tmp_path / "items.parquet"
    assert PublishedStats(path).look(CATALOGUE) is None
    counts = ItemCounts(CATALOGUE)
    counts.add(table([(20, "rating", NOW)]))
    publish(path, CATALOGUE.ids, counts.stats(NOW))
    newer = Catalogue.from_frame(pl.DataFrame([*ITEMS[1:], {**ITEMS[0], "item_id": 70}]))
    found = PublishedStats(path).look(newer)
    assert found is not None
    assert found.n_events.tolist() == [1, 0, 0, 0, 0]
    assert found.rating_mean[4] == pytest.approx(4.5)
    path.write_bytes(b"no parquet")
    with pytest.raises(DependencyUnavailable, match="the consumer will write them again"):
        PublishedStats(path).look(newer)
