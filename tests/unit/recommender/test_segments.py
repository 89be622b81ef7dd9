"""Popularity by segment: what people of one age take up, everybody's where little is known, nothing without attributes."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from synthetic import POPULAR, make_catalogue, make_policy, make_query, make_snapshot, user_of

from core.answers import Answers
from core.errors import BundleCorrupt
from core.features import UserFeatures
from feature_repo.item_stats import item_stats, of_all_time
from recommender.assembly import SourceThreads
from recommender.live import Snapshot
from recommender.recommender import Recommender
from recommender.segments import PRIOR_EVENTS, SegmentPopularity, segment_counts

CATALOGUE = make_catalogue()
YOUNG, OLD, ALONE = "age:18", "age:56", "job:diver"
PROFILES = {user: [YOUNG if user <= 50 else OLD] for user in range(1, 100)} | {100: [OLD, ALONE], 200: [YOUNG]}
FIRST = make_policy(source=[{"part": "popular_segment", "k": 20}, POPULAR], selector={"part": "greedy"})


def events() -> pl.DataFrame:
    """The young take up items 10 to 100, the old 510 to 600, twenty times each."""
    rows = [(user, (1 + at % 10) * 10 + (0 if user <= 50 else 500)) for user in range(1, 101) for at in range(20)]
    n = len(rows)
    columns = {"user_id": [user for user, _ in rows], "item_id": [item for _, item in rows], "kind": ["watch"] * n}
    return pl.DataFrame(columns | {"value": [60.0] * n, "ts": [1e9 + at for at in range(n)]})


@pytest.fixture(scope="module")
def now() -> Snapshot:
    plain = make_snapshot()
    table = SegmentPopularity.of(segment_counts(events(), PROFILES), CATALOGUE)
    stats = item_stats(events(), CATALOGUE, np.inf)
    return replace(plain, release=replace(plain.release, segments=table), stats=stats)


def listed(now: Snapshot, *profile: str, known: UserFeatures | None = None) -> tuple[str, set[int]]:
    user = known or UserFeatures(1, profile=profile)
    made = asyncio.run(Recommender(now, FIRST, SourceThreads(), bounded=False).recommend(make_query(10, user)))
    return made.strategy, set(now.catalogue.ids[made.selection.rows].tolist())


def test_people_of_one_age_get_what_their_like_take_up(now: Snapshot) -> None:
    assert listed(now, YOUNG) == ("popular_segment", set(range(10, 101, 10)))
    assert listed(now, OLD) == ("popular_segment", set(range(510, 601, 10)))
    told = Answers(age_band="18-24").tokens()
    assert listed(now, *told) == listed(now, YOUNG)


def test_without_a_known_attribute_it_is_what_is_popular(now: Snapshot) -> None:
    assert listed(now) == listed(now, "age:35") == listed(make_like(now, None), YOUNG)
    assert listed(now)[0] == "popular_fallback"


def make_like(now: Snapshot, table: SegmentPopularity | None) -> Snapshot:
    return replace(now, release=replace(now.release, segments=table))


def test_a_segment_of_few_events_is_shrunk_towards_everybody(now: Snapshot) -> None:
    table = now.release.segments
    assert table is not None
    everybody = now.stats.recent / now.stats.recent.sum()
    alone = table.scores([ALONE], now.stats.recent) / now.stats.recent.sum()
    own = np.where(np.isin(CATALOGUE.ids, range(510, 601, 10)), 0.1, 0.0)
    weight = 10 / (10 + PRIOR_EVENTS)  # ten items that user 100 likes, however often
    np.testing.assert_allclose(alone, weight * own + (1 - weight) * everybody, atol=1e-3)
    np.testing.assert_allclose(table.scores([YOUNG], now.stats.recent).sum(), now.stats.recent.sum(), rtol=1e-4)


def test_what_was_seen_is_left_out(now: Snapshot) -> None:
    user = replace(user_of(10, 20, 30), profile=(YOUNG,))
    assert not listed(now, known=user)[1] & {10, 20, 30}


def test_it_survives_the_disk_and_another_catalogue(now: Snapshot, tmp_path: Path) -> None:
    path = tmp_path / "segments.parquet"
    segment_counts(events(), PROFILES).write_parquet(path)
    again = SegmentPopularity.load(path, CATALOGUE)
    assert again.segments == (YOUNG, OLD, ALONE)
    fewer = replace(CATALOGUE, ids=CATALOGUE.ids + 10)  # item 10 has left
    moved = SegmentPopularity.load(path, fewer)
    young = again.segments.index(YOUNG)
    np.testing.assert_allclose(moved.counts[young].toarray()[0, :-1], again.counts[young].toarray()[0, 1:])
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(BundleCorrupt):
        SegmentPopularity.load(path, CATALOGUE)


@pytest.mark.parametrize("profiles", [{}, {1: []}, {999: [YOUNG]}])
def test_a_data_set_without_attributes_has_no_segments(profiles: dict[int, list[str]]) -> None:
    assert segment_counts(events(), profiles).is_empty()
    assert SegmentPopularity.of(segment_counts(events(), profiles), CATALOGUE).known([YOUNG]) == ()


def test_events_are_counted_as_those_of_everybody_are() -> None:
    """With decay, without refusals, and each user once for an item."""
    some = events().with_columns(kind=pl.when(pl.col("item_id") == 10).then(pl.lit("skip")).otherwise(pl.lit("watch")))
    table = SegmentPopularity.of(segment_counts(some, {user: ["all"] for user in range(1, 101)}), CATALOGUE)
    everybody = item_stats(some, CATALOGUE, np.inf)
    np.testing.assert_allclose(table.counts.toarray()[0], everybody.recent - of_all_time(everybody.users), rtol=1e-4)
