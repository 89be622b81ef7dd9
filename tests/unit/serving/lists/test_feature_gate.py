"""The gate blames the store for what the store does, and not for a process that stood still."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from core.errors import DependencyUnavailable
from core.features import UserFeatures
from serving.lists.feature_gate import FeatureGate

pytestmark = pytest.mark.anyio


class Store:
    """Answers from the loop after `seconds`; `stands_still` holds the whole process up, once."""

    reads_async = True

    def __init__(self, seconds: float = 0.0, stands_still: float = 0.0) -> None:
        self.seconds, self.stands_still, self.asked = seconds, stands_still, 0

    def read(self, user_id: int) -> UserFeatures | None:
        raise AssertionError("there is a loop to read in")

    async def disconnect_async(self) -> None: ...

    def decoded(self, user_id: int, stored: UserFeatures | None) -> UserFeatures | None:
        return stored

    async def stored_async(self, user_id: int) -> UserFeatures | None:
        self.asked += 1
        if self.stands_still:
            wait, self.stands_still = self.stands_still, 0.0
            asyncio.get_running_loop().call_soon(time.sleep, wait)
        await asyncio.sleep(self.seconds)
        return UserFeatures(user_id)


async def test_a_store_that_can_is_read_in_the_loop() -> None:
    store = Store()
    threads = threading.active_count()
    found = await FeatureGate(store).read(5)
    assert found is not None
    assert (found.user_id, threading.active_count()) == (5, threads)


async def test_nobody_waits_for_a_store_that_hangs_after_the_first() -> None:
    store, now = Store(seconds=60.0), [0.0]
    gate = FeatureGate(store, timeout=0.2, retry_after=10.0, clock=lambda: now[0])
    with pytest.raises(DependencyUnavailable, match="no answer within 200 ms"):
        await gate.read(5)
    for _ in range(3):
        with pytest.raises(DependencyUnavailable, match="a moment ago"):
            await gate.read(5)
    assert store.asked == 1
    now[0] = 11.0
    for _ in range(3):
        with pytest.raises(DependencyUnavailable, match="a moment ago"):
            await gate.read(5)
    await asyncio.sleep(0)
    assert store.asked == 2, "asked behind the answer of one of them"


async def test_a_store_that_answers_again_is_read_again() -> None:
    store, now = Store(seconds=60.0), [0.0]
    gate = FeatureGate(store, timeout=0.2, retry_after=10.0, clock=lambda: now[0])
    with pytest.raises(DependencyUnavailable):
        await gate.read(5)
    now[0], store.seconds = 11.0, 0.0
    with pytest.raises(DependencyUnavailable, match="a moment ago"):
        await gate.read(5)
    for _ in range(5):
        await asyncio.sleep(0)
    assert await gate.read(5) is not None


@pytest.mark.parametrize("still", [0.22, 0.8])
async def test_an_answer_that_came_while_the_process_stood_still_counts(still: float) -> None:
    store = Store(seconds=0.05, stands_still=still)
    assert await FeatureGate(store, timeout=0.2).read(5) is not None
    assert store.asked == 1
