"""A Redis that evicts takes every write and keeps what fits: it is named, and what was lost is counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from redis import Redis

from app import console, wiring
from app.ops.doctor import _feature_store
from serving import probes
from serving.health import Status

if TYPE_CHECKING:
    from click.testing import Result

pytestmark = pytest.mark.service("redis")
Marquee = Callable[..., "Result"]


@pytest.fixture
def redis(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The server of the tests, empty, with its own settings afterwards."""
    monkeypatch.setenv("MARQUEE_REDIS_URL", redis_url)
    client: Any = Redis.from_url(redis_url)
    client.flushall()
    yield client
    client.config_set("maxmemory", "0")
    client.config_set("maxmemory-policy", "noeviction")
    client.flushall()
    client.close()


def test_an_evicting_policy_is_named_with_its_remedy(redis: Any, marquee: Marquee) -> None:
    settings = console.settings()
    store, now = wiring.features(settings), [0.0]
    check = probes.feature_store(store, store.concern, lambda: now[0])
    assert check.probe().status is Status.UP
    redis.config_set("maxmemory-policy", "allkeys-lru")
    assert check.probe().status is Status.UP  # not asked at every probe
    now[0] = 61.0
    finding = check.probe()
    assert finding.status is Status.DEGRADED
    assert "maxmemory-policy allkeys-lru" in finding.detail
    diagnosis = _feature_store(settings)
    assert not diagnosis.ok
    assert "maxmemory-policy noeviction" in diagnosis.remedy
    redis.config_set("maxmemory-policy", "volatile-lru")
    assert _feature_store(settings).ok  # it drops keys with an expiry alone, and there is none
    redis.set("some", "key", ex=100)
    assert not _feature_store(settings).ok
    redis.config_set("maxmemory-policy", "noeviction")
    assert _feature_store(settings).ok
    store.close()


@pytest.mark.parametrize("command", ["materialize", "backfill"])
def test_users_that_were_evicted_while_they_were_written_are_counted(
    redis: Any, marquee: Marquee, tmp_path: Path, command: str
) -> None:
    rows = (f"{user},{item},{1_700_000_000 + item}" for user in range(2, 1502) for item in (1, 2))
    (tmp_path / "many.csv").write_text("user_id,item_id,ts\n" + "\n".join(rows) + "\n")
    marquee("data", "import", "--interactions", str(tmp_path / "many.csv"))
    assert "are not in the online store" not in marquee("features", command).output
    full = int(redis.info("memory")["used_memory"])
    redis.flushall()
    rest = int(redis.info("memory")["used_memory"])
    redis.config_set("maxmemory-policy", "allkeys-random")
    redis.config_set("maxmemory", str(rest + (full - rest) // 4))
    before = int(redis.info("stats")["evicted_keys"])
    said = marquee("features", command).output
    assert "of 1,501 users that were written are not in the online store: Redis drops users silently" in said
    assert int(redis.info("stats")["evicted_keys"]) > before
