"""Kafka down at the API's start and in the middle: clients get their 202, and every promised event arrives once, in order."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from core.errors import DependencyUnavailable
from core.events import INTERACTIONS
from streaming.adapters.kafka import KafkaEventLog
from streaming.adapters.kafka_subscription import KafkaSubscription

pytestmark = [
    pytest.mark.service("kafka"),
    pytest.mark.timeout(600),  # about twenty seconds on an idle machine, most of them for starting the broker twice
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"),
]
CHILD = Path(__file__).resolve().parents[1] / "outbox_child.py"
MAX_EVENTS = 60
USERS = ("7", "8", "9")


class Broker(Protocol):
    """The fixture's broker of one's own."""

    bootstrap: str

    def start(self) -> None: ...
    def stop(self) -> None: ...
    def kill(self) -> None: ...


class Api:
    """A process that takes events."""

    def __init__(self, bootstrap: str, folder: Path) -> None:
        command = [sys.executable, str(CHILD), bootstrap, str(folder), str(MAX_EVENTS)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._line() == "ready"

    def take(self, number: int) -> int:
        """The answer to event `number`; events go to the users in turn."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{USERS[number % 3]} e{number}\n")
        self._process.stdin.flush()
        return int(self._line())

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()

    def close(self) -> None:
        self._process.communicate(timeout=60)

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@pytest.fixture
def stopped_broker(kafka_broker: Broker) -> Iterator[Broker]:
    kafka_broker.stop()
    yield kafka_broker
    kafka_broker.start()  # for the next test; does nothing when it runs


def wait_for(bootstrap: str, count: int) -> list[tuple[str, int]]:
    """(user, number) of the first `count` events in the log, in the order in which a consumer group gets them."""
    log = KafkaEventLog(bootstrap)
    found: list[tuple[str, int]] = []
    deadline = time.monotonic() + 120
    subscription: KafkaSubscription | None = None
    while len(found) < count:
        assert time.monotonic() < deadline, f"{len(found)} of {count} arrived"
        try:
            subscription = subscription or log.subscribe(INTERACTIONS, f"outbox-{count}")
            found += [(record.key, int(record.id[1:])) for record in subscription.poll(1000, 1.0)]
        except DependencyUnavailable:
            continue
    assert subscription is not None
    assert subscription.poll(10, 0.5) == []  # and no repeats
    subscription.close()
    log.close()
    return found


def assert_in_order(found: list[tuple[str, int]], numbers: range) -> None:
    assert sorted(number for _, number in found) == list(numbers)
    for user in USERS:
        assert [number for who, number in found if who == user] == [n for n in numbers if USERS[n % 3] == user]


def test_every_promise_is_kept(stopped_broker: Broker, tmp_path: Path) -> None:
    api = Api(stopped_broker.bootstrap, tmp_path)  # Kafka is down at its start
    assert [api.take(number) for number in range(20)] == [202] * 20
    api.kill()
    api = Api(stopped_broker.bootstrap, tmp_path)
    assert [api.take(number) for number in range(20, 30)] == [202] * 10
    stopped_broker.start()
    assert_in_order(wait_for(stopped_broker.bootstrap, 30), range(30))
    assert [api.take(number) for number in range(30, 40)] == [202] * 10
    stopped_broker.kill()  # in the middle
    assert [api.take(number) for number in range(40, 40 + MAX_EVENTS)] == [202] * MAX_EVENTS
    assert [api.take(number) for number in range(100, 103)] == [503] * 3  # the stated bound
    stopped_broker.start()
    assert_in_order(wait_for(stopped_broker.bootstrap, 40 + MAX_EVENTS), range(40 + MAX_EVENTS))
    api.close()
