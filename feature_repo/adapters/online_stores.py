"""Feast's two online stores as Marquee needs them: bounded in time, shared by processes, and able to forget a user.

Feast loads a store by the name of its class, so both serve Feast's command line as well as Marquee. They add what the
originals lack: SQLite gets a write-ahead log (the API reads while the consumer writes) and a lock (the API reads from
several threads); Redis gets time-outs and one reconnect instead of a back-off of seconds; both get `forget`.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Sequence
from typing import Any

from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.retry import Retry

from feature_repo.adapters.feast_sdk import (
    RedisOnlineStore,
    RedisOnlineStoreConfig,
    SqliteOnlineStore,
    SqliteOnlineStoreConfig,
    compute_table_id,
    redis_key,
    serialize_entity_key,
)


class WalSqliteOnlineStoreConfig(SqliteOnlineStoreConfig):
    """`path` of the file, and how long a write waits for another process's write."""

    type: str = "feature_repo.adapters.online_stores.WalSqliteOnlineStore"  # type: ignore[assignment]  # Feast finds the class by it
    busy_timeout_seconds: float = 1.0


class WalSqliteOnlineStore(SqliteOnlineStore):
    """SQLite for several threads and processes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def _get_conn(self, config: Any) -> sqlite3.Connection:
        if self._conn is not None:
            return self._conn
        connection: sqlite3.Connection = super()._get_conn(config)
        connection.execute(f"PRAGMA busy_timeout = {int(config.online_store.busy_timeout_seconds * 1000)}")
        connection.execute("PRAGMA journal_mode = WAL")
        # A power cut may lose the last writes, never the file: the consumer's log brings them again.
        connection.execute("PRAGMA synchronous = NORMAL")
        return connection

    def online_read(self, *args: Any, **kwargs: Any) -> Any:
        with self._lock:
            return super().online_read(*args, **kwargs)

    def online_write_batch(self, *args: Any, **kwargs: Any) -> None:
        with self._lock:
            super().online_write_batch(*args, **kwargs)

    def forget(self, config: Any, table: Any, keys: Sequence[Any]) -> None:
        """Delete the rows of these entity keys."""
        rows = [(serialize_entity_key(key, config.entity_key_serialization_version),) for key in keys]
        with self._lock, self._get_conn(config) as connection:
            connection.executemany(f'DELETE FROM "{compute_table_id(config.project, table)}" WHERE entity_key = ?', rows)

    def disconnect(self) -> None:
        with self._lock:
            if self._conn is not None:
                self._conn.close()
                self._conn = None


class BoundedRedisOnlineStoreConfig(RedisOnlineStoreConfig):
    """`connection_string` is a redis:// or rediss:// URL. A call that takes longer than `timeout_seconds` has failed."""

    type: str = "feature_repo.adapters.online_stores.BoundedRedisOnlineStore"  # type: ignore[assignment]  # Feast finds the class by it
    timeout_seconds: float = 1.0
    # Without it Feast drops a write whose event time is not later than the stored one: a late event would be lost.
    skip_dedup: bool = True


class BoundedRedisOnlineStore(RedisOnlineStore):
    """Redis that answers or fails in time."""

    _async_client: tuple[asyncio.AbstractEventLoop, AsyncRedis] | None = None

    def _get_client(self, online_store_config: Any) -> Any:
        if self._client is None:
            self._client = Redis.from_url(
                online_store_config.connection_string,
                socket_timeout=online_store_config.timeout_seconds,
                socket_connect_timeout=online_store_config.timeout_seconds,
                # once, for a connection that Redis closed while it was idle; a time-out is not tried again
                retry=Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
            )
        return self._client

    async def online_read_async(self, config: Any, table: Any, entity_keys: Any, requested_features: Any = None) -> Any:
        """Feast's own, without its pipeline: that costs more than the one command that a request has.

        Without a time-out of its own either: whoever waits in an event loop gives up by cancelling, which closes the connection.
        """
        client = await self._get_client_async(config.online_store)
        names, fields = self._generate_hset_keys_for_features(table, requested_features)
        keys = self._generate_redis_keys_for_entities(config, entity_keys)
        values = [await client.hmget(key, fields) for key in keys]
        return self._convert_redis_values_to_protobuf(values, table.name, names)

    async def _get_client_async(self, online_store_config: Any) -> Any:
        """One for each event loop: a connection belongs to the loop that opened it."""
        loop = asyncio.get_running_loop()
        known = self._async_client
        if known is None or known[0] is not loop:
            made = AsyncRedis.from_url(
                online_store_config.connection_string,
                socket_connect_timeout=online_store_config.timeout_seconds,
                retry=AsyncRetry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
            )
            known = self._async_client = loop, made
        return known[1]

    async def disconnect_async(self) -> None:
        """Close the connections of this event loop."""
        known, self._async_client = self._async_client, None
        if known is not None and known[0] is asyncio.get_running_loop():
            await known[1].aclose()

    def forget(self, config: Any, table: Any, keys: Sequence[Any]) -> None:  # noqa: ARG002 - the key holds one view only
        """Delete the hashes of these entity keys."""
        version = config.entity_key_serialization_version
        self._get_client(config.online_store).delete(*[redis_key(config.project, key, version) for key in keys])

    def evicts(self, config: Any) -> str | None:
        """The policy by which this Redis drops users when its memory is full, or None if it refuses writes instead."""
        client = self._get_client(config.online_store)
        policy = str(client.info("memory").get("maxmemory_policy", "noeviction"))
        if policy.startswith("volatile-"):  # touches keys with an expiry alone, which ours have only if somebody gave them one
            some = client.randomkey()
            return policy if some is not None and client.ttl(some) >= 0 else None
        return policy if policy.startswith("allkeys-") else None

    def disconnect(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None
