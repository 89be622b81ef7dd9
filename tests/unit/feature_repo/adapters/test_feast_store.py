"""What the Feast adapter does beyond the port: ttl, materialisation, point-in-time joins, registries, two processes."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from core.errors import DependencyUnavailable, NotFound
from core.features import UserFeatures
from feature_repo.adapters.feast_store import FeastConfig, FeastFeatures
from feature_repo.definitions import USER_TTL

NOW = 1_700_000_000.0
DAY = 86_400.0


def as_of(user_id: int, ts: float, n_events: int = 1) -> UserFeatures:
    return UserFeatures(
        user_id,
        item_ids=np.array([3, 1]),
        kinds=np.array([4, 4]),
        values=np.array([0.1, 4.5], dtype=np.float32),
        times=np.array([0.1, ts]),
        genres=("Drama", "War"),
        genre_weights=np.array([1 / 3, 0.7], dtype=np.float32),
        n_events=n_events,
        rating_sum=4.6,
        last_seen=ts,
        consumed=np.array([1, 3, 2**40]),
        applied_offset=-1,
    )


def same(left: UserFeatures | None, right: UserFeatures) -> bool:
    return left is not None and all(
        np.array_equal(getattr(left, name), getattr(right, name)) for name in UserFeatures.__dataclass_fields__
    )


@pytest.fixture
def features(tmp_path: Path) -> Iterator[FeastFeatures]:
    store = FeastFeatures(FeastConfig(tmp_path / "features"), clock=lambda: NOW)
    store.apply()
    yield store
    store.close()


def test_a_profile_past_its_ttl_is_absent(tmp_path: Path) -> None:
    now = [NOW]
    store = FeastFeatures(FeastConfig(tmp_path), clock=lambda: now[0])
    store.apply()
    store.write([as_of(1, NOW)])
    now[0] = NOW + USER_TTL.total_seconds()
    assert same(store.read(1), as_of(1, NOW))
    now[0] += 1
    assert store.read(1) is None


def test_materialisation_brings_each_users_latest_snapshot_online(features: FeastFeatures) -> None:
    features.write_offline([as_of(1, NOW - 2 * DAY), as_of(2, NOW - DAY)])
    features.write_offline([as_of(1, NOW - DAY, n_events=2), as_of(3, 1e9 + 0.5)])
    assert features.read(1) is None
    features.materialize()
    assert same(features.read(1), as_of(1, NOW - DAY, n_events=2))
    assert same(features.read(2), as_of(2, NOW - DAY))
    assert same(features.read(3), as_of(3, 1e9 + 0.5))


def test_a_snapshot_as_of_the_same_moment_replaces_the_earlier_one(features: FeastFeatures) -> None:
    features.write_offline([as_of(1, NOW), as_of(2, NOW)])
    features.write_offline([as_of(1, NOW, n_events=2)])
    features.materialize()
    assert same(features.read(1), as_of(1, NOW, n_events=2))
    assert same(features.read(2), as_of(2, NOW))


def test_the_point_in_time_join_sees_only_what_was_before(features: FeastFeatures) -> None:
    features.write_offline([as_of(1, 100 * DAY), as_of(1, 200 * DAY, n_events=2), as_of(2, 150 * DAY)])
    moments = pl.DataFrame(
        {"user_id": [1, 1, 1, 2, 1, 9], "ts": [300 * DAY, 200 * DAY, 100 * DAY, 150.5 * DAY, 300 * DAY, 300 * DAY]}
    )
    last, tied, before_all, other, repeated, unknown = features.historical(moments)
    assert same(last, as_of(1, 200 * DAY, n_events=2))
    assert same(repeated, as_of(1, 200 * DAY, n_events=2))
    assert same(tied, as_of(1, 100 * DAY))  # an event is not among the features that predict it
    assert same(other, as_of(2, 150 * DAY))
    assert before_all is None
    assert unknown is None


def test_a_planted_future_snapshot_changes_no_join(features: FeastFeatures) -> None:
    moments = pl.DataFrame({"user_id": [1], "ts": [150 * DAY]})
    features.write_offline([as_of(1, 100 * DAY)])
    before = features.historical(moments)
    features.write_offline([as_of(1, 150 * DAY, n_events=99)])
    assert same(before[0], as_of(1, 100 * DAY))
    assert same(features.historical(moments)[0], as_of(1, 100 * DAY))


def test_an_erased_user_does_not_come_back_by_materialisation(features: FeastFeatures) -> None:
    features.write_offline([as_of(1, NOW), as_of(2, NOW)])
    features.materialize()
    features.erase(1)
    features.materialize()
    assert features.read(1) is None
    assert same(features.read(2), as_of(2, NOW))


def test_without_a_batch_source(features: FeastFeatures) -> None:
    with pytest.raises(NotFound, match="no batch source"):
        features.materialize()
    with pytest.raises(NotFound, match="no batch source"):
        features.historical(pl.DataFrame({"user_id": [1], "ts": [1.0]}))


def test_an_interrupted_snapshot_leaves_the_old_one(features: FeastFeatures, tmp_path: Path) -> None:
    features.write_offline([as_of(1, NOW)])
    (tmp_path / "features" / "user_profile.partial").write_bytes(b"half a file")
    features.materialize()
    assert same(features.read(1), as_of(1, NOW))


def test_a_read_before_apply_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(DependencyUnavailable, match=r"no such table.*marquee features materialize"):
        FeastFeatures(FeastConfig(tmp_path)).read(1)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DependencyUnavailable, match="feature store"):
        FeastFeatures(FeastConfig(tmp_path / "file" / "features")).apply()


def test_a_damaged_online_file(features: FeastFeatures, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "online.db").write_bytes(b"this is no database" * 1000)
    with pytest.raises(DependencyUnavailable, match="DatabaseError"):
        FeastFeatures(FeastConfig(tmp_path / "other")).read(1)


def test_an_sql_registry(tmp_path: Path) -> None:
    config = FeastConfig(tmp_path / "features", registry_url=f"sqlite:///{tmp_path / 'registry.sqlite'}")
    store = FeastFeatures(config, clock=lambda: NOW)
    store.apply()
    store.write_offline([as_of(1, NOW)])
    store.materialize()
    assert same(store.read(1), as_of(1, NOW))
    assert not (tmp_path / "features" / "registry.db").exists()


def test_an_unavailable_sql_registry_does_not_stop_reads(tmp_path: Path) -> None:
    unreachable = f"sqlite:///{tmp_path / 'absent' / 'registry.sqlite'}"
    working = FeastFeatures(FeastConfig(tmp_path), clock=lambda: NOW)
    working.apply()
    working.write([as_of(1, NOW)])
    store = FeastFeatures(FeastConfig(tmp_path, registry_url=unreachable), clock=lambda: NOW)
    assert same(store.read(1), as_of(1, NOW))
    with pytest.raises(DependencyUnavailable, match="OperationalError"):
        store.apply()


_READER = """
import sys
from pathlib import Path
from feature_repo.adapters.feast_store import FeastConfig, FeastFeatures
from feast import Entity
assert "torch" not in sys.modules
assert "TypeCheckMemo" not in Entity.__init__.__code__.co_names  # typeguard rewrote nothing
store = FeastFeatures(FeastConfig(Path(sys.argv[1])), clock=lambda: 1_700_000_000.0)
for _ in sys.stdin:
    seen = [store.read(1).n_events for _ in range(100)]
    print(seen[0], seen[-1], seen == sorted(seen), flush=True)
"""


def test_another_process_reads_while_this_one_writes(features: FeastFeatures, tmp_path: Path) -> None:
    command = [sys.executable, "-c", _READER, str(tmp_path / "features")]
    features.write([as_of(1, NOW, n_events=1)])
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdin is not None
        assert reader.stdout is not None

        def ask() -> None:
            reader.stdin.write("read\n")
            reader.stdin.flush()

        ask()
        assert reader.stdout.readline() == "1 1 True\n"
        ask()
        for n in range(2, 300):
            features.write([as_of(user, NOW, n_events=n) for user in range(1, 6)])
        assert reader.stdout.readline().endswith("True\n")
        ask()
        assert reader.stdout.readline() == "299 299 True\n"
        reader.stdin.close()


def test_a_write_waits_no_longer_than_it_may_for_another_writer(features: FeastFeatures, tmp_path: Path) -> None:
    impatient = FeastFeatures(FeastConfig(tmp_path / "features", timeout_seconds=0.1), clock=lambda: NOW)
    other = sqlite3.connect(tmp_path / "features" / "online.db")
    features.write([as_of(1, NOW)])
    other.execute("BEGIN EXCLUSIVE")  # without the write-ahead log it would lock readers out
    assert same(impatient.read(1), as_of(1, NOW))
    with pytest.raises(DependencyUnavailable, match="locked"):
        impatient.write([as_of(1, NOW, n_events=2)])
    other.rollback()
    other.close()
    impatient.write([replace(as_of(1, NOW), n_events=2)])
    assert same(features.read(1), replace(as_of(1, NOW), n_events=2))
