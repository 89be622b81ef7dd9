"""Faults on a real Kafka: whatever happens to consumers and broker, features and lake end as one clean pass leaves them.

One clean pass means: one consumer that nobody disturbs reads the same topic from its beginning to its end. Both are compared
whole: each key of the online store byte for byte, the lake row for row.
"""

from __future__ import annotations

import gc
import random
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import polars as pl
import pytest
import redis
from consumer_child import GENRES, consumer
from kafka import KafkaProducer
from kafka.errors import MessageSizeTooLargeError
from private_log import PrivateLog

from core.catalogue import Catalogue
from core.deadletter import open_letters
from core.errors import DependencyUnavailable, InvalidInput
from core.events import DEADLETTER, INTERACTIONS, Interaction
from core.features import UserFeatures
from core.kinds import Kind
from core.ports import Record
from feature_repo.adapters.feast_store import FeastConfig, FeastFeatures
from feature_repo.transforms import GENRE_TOLERANCE, fold_history
from lake.adapters.delta import DeltaLake
from streaming.adapters.kafka import KafkaEventLog

pytestmark = [
    pytest.mark.service("kafka"),
    pytest.mark.service("redis"),
    pytest.mark.timeout(600),  # on an idle machine each takes less than twenty seconds
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"),
]
CHILD = Path(__file__).resolve().parents[1] / "consumer_child.py"


class Broker(Protocol):
    """The fixture's broker of one's own."""

    bootstrap: str

    def start(self) -> None: ...
    def kill(self) -> None: ...


USERS = 12
KINDS = (Kind.RATING, Kind.VIEW, Kind.CLICK, Kind.SKIP, Kind.WATCHLIST_ADD)


def events(count: int, seed: int) -> list[Interaction]:
    """The same ones for the same seed; times jump back and forth by up to fifty events."""
    dice = random.Random(seed)
    made = []
    for number in range(count):
        kind = dice.choice(KINDS)
        made.append(
            Interaction(
                event_id=f"{seed}-{number}",
                user_id=dice.randint(1, USERS),
                item_id=dice.randint(1, len(GENRES)),
                kind=kind,
                value=dice.choice([1.0, 3.5, 5.0]) if kind is Kind.RATING else None,
                ts=1.7e9 + number + dice.randint(-50, 0),
            )
        )
    return made


def record(event: Interaction) -> Record:
    return Record(str(event.user_id), event.event_id, event.model_dump_json().encode())


def until(condition: Callable[[], bool], seconds: float = 90.0, told: Callable[[], object] = lambda: "") -> None:
    """`told`: what a failure says of how far it came."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {seconds:.0f} s in vain: {told()}")
        time.sleep(0.05)


class Consumers:
    """Consumer processes that are forked from one that has imported everything."""

    def __init__(self, *arguments: str) -> None:
        self._nursery = subprocess.Popen(
            [sys.executable, str(CHILD), *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._pids: list[int] = []
        self._codes: dict[int, int] = {}

    def start(self, member: str = "") -> int:
        assert self._nursery.stdin is not None
        self._nursery.stdin.write(member + "\n")
        self._nursery.stdin.flush()
        self._read_until(str.isdigit)
        return self._pids[-1]

    def end(self, pid: int, how: signal.Signals) -> int:
        """Send the signal; the exit status (0 is a clean one)."""
        subprocess.run(["kill", f"-{how.value}", str(pid)], check=True)
        while pid not in self._codes:
            self._read_until(lambda line: line.startswith("ended"))
        return self._codes[pid]

    def close(self) -> None:
        for pid in self._pids:
            if pid not in self._codes:
                self.end(pid, signal.SIGKILL)
        self._nursery.terminate()
        self._nursery.communicate()

    def _read_until(self, wanted: Callable[[str], bool]) -> None:
        assert self._nursery.stdout is not None
        while True:
            line = self._nursery.stdout.readline().strip()
            assert line or self._nursery.poll() is None, "the nursery ended"
            if line.isdigit():
                self._pids.append(int(line))
            elif line.startswith("ended"):
                _, pid, code = line.split()
                self._codes[int(pid)] = int(code)
            if wanted(line):
                return


class Outcome:
    """An online store and a lake, and what is in them."""

    def __init__(self, redis_url: str, folder: Path) -> None:
        self.store = FeastFeatures(FeastConfig(folder / "feast", redis_url))
        self.lake = DeltaLake(folder / "lake")
        self._online = redis.Redis.from_url(redis_url)
        self._online.flushdb()

    def counts(self) -> tuple[int, int]:
        """The events in the features and in the lake."""
        users = [features for user in range(1, USERS + 1) if (features := self.store.read(user))]
        rows = len(self.lake.read("interactions")) if self.lake.version("interactions") >= 0 else 0
        return sum(user.n_events for user in users), rows

    def wait_for(self, count: int) -> None:
        """Until so many events, or more, are in both."""
        until(lambda: min(self.counts()) >= count, told=self.counts)

    def features(self) -> dict[bytes, Any]:
        """Each key of the online store as it lies there."""
        keys = sorted(self._online.scan_iter(count=1000))
        return {key: self._online.hgetall(key) if self._online.type(key) == b"hash" else self._online.get(key) for key in keys}

    def rows(self) -> pl.DataFrame:
        return self.lake.read("interactions").sort("user_id", "log_offset")

    def close(self) -> None:
        self.store.close()
        self._online.close()


class Stage:
    """One test's topics and consumers, and what they make of the events."""

    def __init__(self, bootstrap: str, redis_url: str, folder: Path) -> None:
        self._bootstrap = bootstrap
        self.prefix = uuid.uuid4().hex[:8]
        self._clean_url = redis_url.removesuffix("/0") + "/1"
        self._folder = folder
        self.log = PrivateLog(KafkaEventLog(bootstrap, partitions=3), self.prefix)
        self.outcome = Outcome(redis_url, folder / "disturbed")
        self.consumers = Consumers(bootstrap, self.prefix, str(folder / "disturbed"), redis_url)

    def append(self, some: Sequence[Interaction]) -> None:
        self.log.append(INTERACTIONS, [record(event) for event in some])

    @contextmanager
    def another_producer(self) -> Iterator[PrivateLog]:
        """One that knows nothing of what others appended."""
        log = PrivateLog(KafkaEventLog(self._bootstrap), self.prefix)
        yield log
        log.close()

    def assert_as_one_clean_pass(self, count: int) -> None:
        """Of `count` different events. The disturbed consumers must have stopped."""
        clean = Outcome(self._clean_url, self._folder / "clean")
        log = PrivateLog(KafkaEventLog(self._bootstrap), self.prefix, f"{self.prefix}.clean")
        stop = threading.Event()
        thread = threading.Thread(target=consumer(log, clean.store, clean.lake).run, args=(stop,))
        thread.start()
        try:
            clean.wait_for(count)
        finally:
            stop.set()
            thread.join()
            log.close()
        assert self.outcome.features() == clean.features()
        assert self.outcome.rows().equals(clean.rows())
        assert len(clean.rows()) == count
        clean.close()

    def close(self) -> None:
        self.consumers.close()
        self.log.close()
        self.outcome.close()
        gc.collect()  # sockets of connections that failed, see above: while their warnings are ignored


@pytest.fixture
def stage(kafka_bootstrap: str, redis_url: str, tmp_path: Path) -> Iterator[Stage]:
    made = Stage(kafka_bootstrap, redis_url, tmp_path)
    yield made
    made.close()


def test_killed_at_random_moments(stage: Stage) -> None:
    made, dice = events(600, seed=1), random.Random(5)
    for start in range(0, len(made), 150):
        pid = stage.consumers.start("victim")
        stage.append(made[start : start + 150])
        time.sleep(dice.uniform(0.3, 1.5))  # a moment to die at: while it joins, folds, writes or commits
        assert stage.consumers.end(pid, signal.SIGKILL) == signal.SIGKILL
    pid = stage.consumers.start("victim")
    stage.outcome.wait_for(len(made))
    assert stage.consumers.end(pid, signal.SIGTERM) == 0
    stage.assert_as_one_clean_pass(len(made))


def test_a_second_consumer_that_joins_and_leaves(stage: Stage) -> None:
    made = events(600, seed=2)
    first = stage.consumers.start()
    stage.append(made[:200])
    second = stage.consumers.start()
    for start in range(200, 500, 20):  # while partitions change hands
        stage.append(made[start : start + 20])
        time.sleep(0.1)
    assert stage.consumers.end(second, signal.SIGTERM) == 0
    stage.append(made[500:])
    stage.outcome.wait_for(len(made))
    assert stage.consumers.end(first, signal.SIGTERM) == 0
    stage.assert_as_one_clean_pass(len(made))


def test_repeats_and_disorder(stage: Stage, kafka_bootstrap: str) -> None:
    """Every event twice or more, by several producers, in any order, and the consumer is killed in between."""
    made, dice = events(300, seed=3), random.Random(3)
    delivered = made + made + dice.choices(made, k=100)
    dice.shuffle(delivered)
    pid = stage.consumers.start("victim")
    for start in range(0, len(delivered), 175):
        with stage.another_producer() as producer:
            producer.append(INTERACTIONS, [record(event) for event in delivered[start : start + 175]])
        time.sleep(0.5)
        stage.consumers.end(pid, signal.SIGKILL)
        pid = stage.consumers.start("victim")
    stage.outcome.wait_for(len(made))
    assert stage.consumers.end(pid, signal.SIGTERM) == 0
    stage.assert_as_one_clean_pass(len(made))
    in_order = {user.user_id: user for user in fold_history(_as_table(made), _catalogue())}
    assert all(_same_but_for_the_log(stage.outcome.store.read(user), in_order[user]) for user in in_order)


def test_poison_is_quarantined_once_although_the_consumer_dies(stage: Stage) -> None:
    made = events(100, seed=4)
    nan = b'{"event_id":"n","user_id":7,"item_id":1,"kind":"rating","value":NaN,"ts":1.7e9}'
    poison = [b"{not json", b"\xff\xfe", b'{"schema_version": 2}', b"x" * 100_000, nan]
    pid = stage.consumers.start("victim")
    for start in range(0, 100, 20):
        stage.append(made[start : start + 20])
        stage.log.append(INTERACTIONS, [Record("7", f"poison-{start}", poison[start // 20])])
        time.sleep(0.3)
        stage.consumers.end(pid, signal.SIGKILL)
        pid = stage.consumers.start("victim")
    stage.outcome.wait_for(len(made))
    until(lambda: len(open_letters(stage.log.read(DEADLETTER))) == len(poison))
    assert stage.consumers.end(pid, signal.SIGTERM) == 0
    letters = list(open_letters(stage.log.read(DEADLETTER)).values())
    assert sorted(letter.value for letter in letters) == sorted(poison)
    assert {letter.reason for letter in letters} == {"malformed", "encoding", "schema", "schema_version", "too_large"}
    stage.assert_as_one_clean_pass(len(made))


def test_wrong_clocks_and_two_megabytes_are_quarantined_or_refused(stage: Stage, kafka_bootstrap: str) -> None:
    made = events(20, seed=8)
    wrong = [
        made[0].model_copy(update={"event_id": name, "ts": ts}) for name, ts in (("1970", 86_400.0), ("2099", 4_070_908_800.0))
    ]
    stage.append([*made[:10], *wrong, *made[10:]])
    stage.log.append(INTERACTIONS, [Record("7", "huge", b"x" * 2_000_000)])  # compressed it is small enough for the broker
    noise = random.Random(8).randbytes(2_000_000)
    with pytest.raises(InvalidInput, match="bytes"):
        stage.log.append(INTERACTIONS, [Record("7", "noise", noise)])
    stranger = KafkaProducer(bootstrap_servers=kafka_bootstrap, max_request_size=4_000_000)
    with pytest.raises(MessageSizeTooLargeError):
        stranger.send(f"{stage.prefix}.{INTERACTIONS}", noise).get(timeout=30)
    stranger.close()
    pid = stage.consumers.start()
    stage.outcome.wait_for(len(made))
    until(lambda: len(open_letters(stage.log.read(DEADLETTER))) == 3)
    assert stage.consumers.end(pid, signal.SIGTERM) == 0
    letters = open_letters(stage.log.read(DEADLETTER)).values()
    assert sorted(letter.reason for letter in letters) == ["clock", "clock", "too_large"]
    assert all("allowed: 631152000 to " in letter.detail for letter in letters if letter.reason == "clock")
    stage.assert_as_one_clean_pass(len(made))


@pytest.fixture
def broker_stage(kafka_broker: Broker, redis_url: str, tmp_path: Path) -> Iterator[Stage]:
    made = Stage(kafka_broker.bootstrap, redis_url, tmp_path)
    yield made
    made.close()


def test_a_broker_that_is_killed_and_comes_back(broker_stage: Stage, kafka_broker: Broker) -> None:
    stage, made = broker_stage, events(300, seed=6)
    pid = stage.consumers.start("steady")
    stage.append(made[:150])
    stage.outcome.wait_for(1)  # it has begun, and is not done
    kafka_broker.kill()
    with pytest.raises(DependencyUnavailable, match="kafka"):
        stage.append(made[150:])
    kafka_broker.start()
    until(lambda: accepted(stage, made[150:]))
    stage.outcome.wait_for(len(made))
    assert stage.consumers.end(pid, signal.SIGTERM) == 0
    stage.assert_as_one_clean_pass(len(made))


def accepted(stage: Stage, some: Sequence[Interaction]) -> bool:
    """Sent again until the log has them: nobody knows which of them it had before."""
    try:
        stage.append(some)
    except DependencyUnavailable:
        return False
    return True


def _catalogue() -> Catalogue:
    items = [{"item_id": item, "title": str(item), "genres": genres, "year": 2000} for item, genres in GENRES.items()]
    return Catalogue.from_frame(pl.DataFrame(items))


def _as_table(made: Sequence[Interaction]) -> pl.DataFrame:
    rows = [{**event.model_dump(mode="json"), "log_offset": -1} for event in made]
    return pl.DataFrame(rows, schema_overrides={"value": pl.Float64, "request_id": pl.String})


def _same_but_for_the_log(one: UserFeatures | None, other: UserFeatures) -> bool:
    """Equal, but for the place in the log; genre weights, which are sums in the order of arrival, within their tolerance."""
    assert one is not None
    exact = ("item_ids", "kinds", "values", "times", "consumed")
    same = all(np.array_equal(getattr(one, name), getattr(other, name)) for name in exact) and all(
        getattr(one, name) == getattr(other, name) for name in ("genres", "n_events", "rating_count", "rating_sum", "last_seen")
    )
    return same and np.allclose(one.genre_weights, other.genre_weights, rtol=GENRE_TOLERANCE)
