"""What every store of online features keeps to: FeatureReader and FeatureWriter over memory, SQLite and Redis."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest
from redis import Redis
from redis.exceptions import RedisError

from core.errors import DependencyUnavailable
from core.features import HISTORY_LENGTH, UserFeatures
from core.ports import AsyncFeatureReader, FeatureReader, FeatureWriter
from feature_repo.adapters.feast_store import FeastConfig, FeastFeatures
from feature_repo.adapters.memory import MemoryFeatures

NOW = 1_700_000_000.0


class Store(FeatureReader, FeatureWriter, Protocol): ...


@pytest.fixture(params=["memory", "feast-sqlite", pytest.param("feast-redis", marks=pytest.mark.service("redis"))])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "memory":
        yield MemoryFeatures()
        return
    url = request.getfixturevalue("redis_url") if request.param == "feast-redis" else None
    if url:
        with Redis.from_url(url) as client:
            client.flushdb()
    feast = FeastFeatures(FeastConfig(tmp_path / "features", redis_url=url), clock=lambda: NOW)
    feast.apply()
    yield feast
    feast.close()


def someone(user_id: int, n: int = HISTORY_LENGTH, n_consumed: int = 150) -> UserFeatures:
    """A user with awkward numbers: not representable in fewer bits, negative, tiny, large."""
    rng = np.random.default_rng(user_id)
    return UserFeatures(
        user_id=user_id,
        item_ids=rng.integers(1, 2**53, n),
        kinds=rng.integers(0, 10, n),
        values=rng.random(n, dtype=np.float32) * np.float32(1440),
        times=np.sort(rng.random(n) * NOW),
        genres=("(no genres listed)", "Comédie", "Film-Noir"),
        genre_weights=np.array([0.1, 1e-38, 3e30], dtype=np.float32),
        n_events=2**40,
        rating_count=3,
        rating_sum=0.1 + 0.2,
        last_seen=NOW - 0.123456789,
        consumed=np.unique(rng.integers(1, 2**53, n_consumed)),
        profile=("age:25", "gender:F", "occupation:écrivain"),
        applied_offset=2**40 + 1,
    )


def assert_identical(found: UserFeatures | None, expected: UserFeatures) -> None:
    assert found is not None
    for name in (f.name for f in fields(UserFeatures)):
        left, right = getattr(found, name), getattr(expected, name)
        if isinstance(right, np.ndarray):
            assert left.dtype == right.dtype, name
            assert left.tobytes() == right.tobytes(), name
        else:
            assert (type(left), left) == (type(right), right), name


def test_it_is_a_reader_and_a_writer(store: Store) -> None:
    assert isinstance(store, FeatureReader)
    assert isinstance(store, FeatureWriter)


def test_an_unknown_user_is_none(store: Store) -> None:
    assert store.read(1) is None


@pytest.mark.parametrize("n", [0, 1, HISTORY_LENGTH])
def test_what_is_written_is_read_bit_for_bit(store: Store, n: int) -> None:
    written = someone(5, n, n_consumed=n)
    store.write([written])
    assert_identical(store.read(5), written)


def test_the_features_of_a_user_without_events(store: Store) -> None:
    store.write([UserFeatures(5, last_seen=NOW)])
    assert_identical(store.read(5), UserFeatures(5, last_seen=NOW))


def test_a_user_who_consumed_three_thousand_items(store: Store) -> None:
    written = someone(5, n_consumed=3000)
    assert len(written.consumed) == 3000
    store.write([written])
    assert_identical(store.read(5), written)


def test_a_later_write_replaces_the_user_whole_even_with_an_older_event(store: Store) -> None:
    store.write([someone(5)])
    later = UserFeatures(5, n_events=1, last_seen=NOW - 1e6)
    store.write([later])
    assert_identical(store.read(5), later)


def test_the_last_of_two_writes_in_one_batch_wins(store: Store) -> None:
    store.write([someone(5), replace(someone(5), n_events=2)])
    assert_identical(store.read(5), replace(someone(5), n_events=2))


def test_a_batch_larger_than_a_round_trip(store: Store) -> None:
    store.write([someone(user, 3, 3) for user in range(1, 1502)])
    for user in (1, 1000, 1001, 1501):
        assert_identical(store.read(user), someone(user, 3, 3))


def test_an_empty_write(store: Store) -> None:
    store.write([])
    assert store.read(1) is None


@pytest.mark.parametrize("user", [1, 2**53 - 1])
def test_erase_forgets_one_user(store: Store, user: int) -> None:
    store.write([someone(user), someone(2)])
    store.erase(user)
    assert store.read(user) is None
    assert_identical(store.read(2), someone(2))


def test_erasing_an_unknown_user_is_not_an_error(store: Store) -> None:
    store.erase(12345)


def test_threads_read_while_one_writes(store: Store) -> None:
    store.write([someone(user, 3, 3) for user in range(1, 9)])

    def read(k: int) -> int:
        found = store.read(1 + k % 8)
        assert found is not None
        return found.user_id

    with ThreadPoolExecutor(4) as pool:
        reads = pool.map(read, range(400))
        for _ in range(20):
            store.write([someone(user, 3, 3) for user in range(1, 9)])
        assert list(reads) == [1 + k % 8 for k in range(400)]


async def in_loop(features: FeastFeatures, user: int) -> UserFeatures | None:
    return features.decoded(user, await features.stored_async(user))


@pytest.mark.service("redis")
def test_an_event_loop_reads_the_same(redis_url: str, tmp_path: Path) -> None:
    with Redis.from_url(redis_url) as client:
        client.flushdb()
    features = FeastFeatures(FeastConfig(tmp_path, redis_url=redis_url), clock=lambda: NOW)
    features.write([someone(user) for user in range(1, 9)])

    async def read() -> list[UserFeatures | None]:
        try:
            return list(await asyncio.gather(*(in_loop(features, user) for user in range(1, 10))))
        finally:
            await features.disconnect_async()

    for _ in range(2):  # each in a loop of its own
        found = asyncio.run(read())
        assert found[8] is None
        for one in found[:8]:
            assert one is not None
            assert_identical(one, someone(one.user_id))
    assert isinstance(features, AsyncFeatureReader)
    assert features.reads_async
    assert not FeastFeatures(FeastConfig(tmp_path)).reads_async, "a file would block the loop"
    features.close()


# --- Redis goes away -------------------------------------------------------------------------------------------------


@pytest.fixture
def start_redis(free_port: Callable[[], int]) -> Iterator[Callable[[], tuple[str, subprocess.Popen[bytes]]]]:
    """A function that starts a Redis of the test's own, always on the same port."""
    port, started = free_port(), []

    def start() -> tuple[str, subprocess.Popen[bytes]]:
        command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        started.append(subprocess.Popen(command, stdout=subprocess.DEVNULL))
        url = f"redis://127.0.0.1:{port}/0"
        with Redis.from_url(url) as client:
            for _ in range(200):
                try:
                    client.ping()
                    break
                except RedisError:
                    time.sleep(0.05)
        return url, started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait(timeout=10)


@pytest.mark.service("redis")
def test_redis_stopped_and_back_empty(start_redis: Callable[[], tuple[str, subprocess.Popen[bytes]]], tmp_path: Path) -> None:
    url, process = start_redis()
    features = FeastFeatures(FeastConfig(tmp_path, redis_url=url), clock=lambda: NOW)
    features.apply()
    features.write([someone(5)])
    process.kill()
    process.wait(timeout=10)
    for call in (lambda: features.read(5), lambda: features.write([someone(5)]), lambda: features.erase(5)):
        with pytest.raises(DependencyUnavailable, match="feature store is unavailable: ConnectionError") as failure:
            call()
        assert failure.value.service == "feature store"

    async def read_and_close() -> None:
        try:
            await in_loop(features, 5)
        finally:
            await features.disconnect_async()

    with pytest.raises(DependencyUnavailable, match="feature store is unavailable: ConnectionError"):
        asyncio.run(read_and_close())
    start_redis()
    assert features.read(5) is None
    features.write([someone(5)])
    assert_identical(features.read(5), someone(5))


@pytest.mark.service("redis")
@pytest.mark.timeout(30)  # a call that hangs ends here; one that is bounded takes 0.3 s
def test_redis_that_hangs_is_given_up(start_redis: Callable[[], tuple[str, subprocess.Popen[bytes]]], tmp_path: Path) -> None:
    url, process = start_redis()
    features = FeastFeatures(FeastConfig(tmp_path, redis_url=url, timeout_seconds=0.3), clock=lambda: NOW)
    features.write([someone(5)])
    process.send_signal(signal.SIGSTOP)
    with pytest.raises(DependencyUnavailable, match="TimeoutError"):
        features.read(5)

    async def give_up() -> None:
        async with asyncio.timeout(0.3):
            await in_loop(features, 5)

    async def and_again() -> UserFeatures | None:
        with pytest.raises(TimeoutError):
            await give_up()
        process.send_signal(signal.SIGCONT)
        try:
            return await in_loop(features, 5)
        finally:
            await features.disconnect_async()

    assert_identical(asyncio.run(and_again()), someone(5))  # an answer that comes late is nobody else's
    assert_identical(features.read(5), someone(5))
