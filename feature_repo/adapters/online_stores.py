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
from feature_repo.adapters.redis_line import line_of


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
        """Delete the rows of these entity keys; their bytes are overwritten, in what SQLite has written ahead as well."""
        rows = [(serialize_entity_key(key, config.entity_key_serialization_version),) for key in keys]
        with self._lock, self._get_conn(config) as connection:
            connection.execute("PRAGMA secure_delete = ON")
            connection.executemany(f'DELETE FROM "{compute_table_id(config.project, table)}" WHERE entity_key = ?', rows)
        with self._lock:
            self._get_conn(config).execute("PRAGMA wal_checkpoint(TRUNCATE)")

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

    def __init__(self) -> None:
        super().__init__()
        self._known_fields: dict[str, tuple[list[str], list[Any]]] = {}

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

    def ask(self, config: Any, table: Any, entity_key: Any) -> asyncio.Future[Sequence[bytes | None]]:
        """Ask for one entity's hash, with what else this turn of the event loop asks Redis for.

        Without a time-out of its own: whoever waits in an event loop gives up by cancelling.
        """
        key = redis_key(config.project, entity_key, config.entity_key_serialization_version)
        return line_of(config.online_store.connection_string).call("HMGET", key, *self._fields(table)[1])

    def answered(self, table: Any, values: Sequence[bytes | None]) -> Any:
        """What `ask` got, as Feast's own read has it: when it was written, and the features."""
        return self._get_features_for_entity(values, table.name, self._fields(table)[0])

    def _fields(self, table: Any) -> tuple[list[str], list[Any]]:
        """The names of a view's features, and the fields that the hash has them in."""
        if table.name not in self._known_fields:
            self._known_fields[table.name] = self._generate_hset_keys_for_features(table, None)
        return self._known_fields[table.name]

    async def disconnect_async(self, config: Any) -> None:
        """Close the connection of this event loop."""
        await line_of(config.online_store.connection_string).close()

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
