"""Three engines, one definition: the fold event by event, Polars over a table, Spark over partitions of it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.catalogue import Catalogue
from core.features import USER_SCHEMA, UserFeatures
from core.kinds import Kind
from feature_repo.engines.batch import batch_features
from feature_repo.engines.spark import local_session, spark_frame
from feature_repo.signals import Signals, SignalWeights
from feature_repo.table import SCHEMA, to_frame, to_users
from feature_repo.transforms import GENRE_TOLERANCE, UserEvent, UserState, fold_history, item_genres

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

NAMES = [("Drama",), ("Drama", "War"), (), ("Crime", "Drama", "War"), ("War",)]
ITEMS = [{"item_id": n * 7, "title": str(n), "genres": list(NAMES[n % 5]), "year": 2000} for n in range(1, 9)]
CATALOGUE = Catalogue.from_frame(pl.DataFrame(ITEMS, schema_overrides={"genres": pl.List(pl.String)}))
GENRES = item_genres(CATALOGUE)
SIGNALS = Signals(SignalWeights(half_life_days=3.0), {7: 1.0, 14: 0.25, 63: 0.5})
PROFILES = {2: ["age:25"], 77: ["gender:F", "age:1"]}
EXACT = [name for name in (one.split(":")[0] for one in USER_SCHEMA) if name != "genre_weights"]

# few users, films and seconds, so that ties, repeats and unknown films are common
EVENT = st.tuples(
    st.integers(1, 4),
    st.sampled_from([*(item["item_id"] for item in ITEMS), 63]),
    st.sampled_from([kind.value for kind in Kind]),
    st.one_of(st.none(), st.integers(1, 10).map(lambda halves: halves / 2)),
    st.integers(0, 40).map(lambda hours: 1.7e9 + hours * 7200.0),
)


def table(events: list[tuple[int, int, str, float | None, float]]) -> pl.DataFrame:
    columns = ("user_id", "item_id", "kind", "value", "ts")
    types = [pl.Int64, pl.Int64, pl.String, pl.Float64, pl.Float64]
    rows = pl.DataFrame(events, schema=dict(zip(columns, types, strict=True)), orient="row")
    return rows.with_columns(log_offset=pl.int_range(pl.len(), dtype=pl.Int64) - 1)  # the first was imported


def streamed(events: list[tuple[int, int, str, float | None, float]]) -> pl.DataFrame:
    """One by one, in the order given, which is not the order of time."""
    states: dict[int, UserState] = {}
    for at, event in enumerate(events):
        new = UserFeatures(event[0], profile=tuple(PROFILES.get(event[0], ())))
        states.setdefault(event[0], UserState(new, SIGNALS)).deliver(UserEvent(*event), GENRES.get(event[1], ()), at - 1)
    silent = [UserFeatures(user, profile=tuple(tokens)) for user, tokens in PROFILES.items() if user not in states]
    return to_frame([state.features() for state in states.values()] + silent).sort("user_id")


def assert_same(one: pl.DataFrame, other: pl.DataFrame) -> None:
    assert one.schema == other.schema == SCHEMA
    for mine, theirs in zip(to_users(one), to_users(other), strict=True):
        assert mine.user_id == theirs.user_id
        for name in EXACT:
            np.testing.assert_array_equal(getattr(mine, name), getattr(theirs, name), err_msg=name)
        np.testing.assert_allclose(mine.genre_weights, theirs.genre_weights, rtol=GENRE_TOLERANCE)


@settings(deadline=None, max_examples=150)
@given(events=st.lists(EVENT, max_size=60))
def test_the_batch_and_the_stream_agree(events: list[tuple[int, int, str, float | None, float]]) -> None:
    batch = batch_features(table(events), GENRES, SIGNALS, PROFILES)
    assert_same(batch, streamed(events))
    assert_same(batch, to_frame(sorted(fold_history(table(events), CATALOGUE, SIGNALS, PROFILES), key=lambda u: u.user_id)))


def random_events(count: int, seed: int) -> list[tuple[int, int, str, float | None, float]]:
    """Long histories: more events of a user than are kept."""
    rng = np.random.default_rng(seed)
    kinds = [kind.value for kind in Kind]
    return [
        (
            int(rng.integers(1, 5)),
            int(rng.integers(1, 10) * 7),
            kinds[rng.integers(len(kinds))],
            None if rng.random() < 0.3 else float(rng.integers(1, 11) / 2),
            1.7e9 + float(rng.integers(0, 3000)) * 600,
        )
        for _ in range(count)
    ]


def test_they_agree_on_histories_longer_than_what_is_kept() -> None:
    events = random_events(3000, seed=3)
    assert_same(batch_features(table(events), GENRES, SIGNALS, PROFILES), streamed(events))


@pytest.fixture(scope="module")
def spark() -> Iterator[SparkSession]:
    pytest.importorskip("pyspark")
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java")
    session = local_session("2", "1g")
    yield session
    session.stop()


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_spark_agrees_with_both(spark: SparkSession, tmp_path: Path, seed: int) -> None:
    events = random_events(400 + 100 * seed, seed)
    rows = table(events)
    files = [tmp_path / f"{part}.parquet" for part in range(2)]
    for part, file in enumerate(files):
        rows[part::2].write_parquet(file)
    found = spark_frame(spark, files, GENRES, SIGNALS, PROFILES, partitions=3)
    assert_same(found, batch_features(rows, GENRES, SIGNALS, PROFILES))
    assert_same(found, streamed(events))


def test_spark_leaves_out_the_second_user_of_a_key(spark: SparkSession, tmp_path: Path) -> None:
    """Two ids whose keys collide; the older file was written before ids were kept."""
    rows = table(random_events(300, 5))
    first, second = rows[:150], rows[150:].with_columns(pl.lit("late").alias("external_user"))
    first.write_parquet(tmp_path / "a.parquet")
    second.with_columns(ts=pl.col("ts") + 1e9).write_parquet(tmp_path / "b.parquet")
    found = spark_frame(spark, [tmp_path / "a.parquet", tmp_path / "b.parquet"], GENRES, SIGNALS, PROFILES, partitions=2)
    assert_same(found, batch_features(first, GENRES, SIGNALS, PROFILES))
