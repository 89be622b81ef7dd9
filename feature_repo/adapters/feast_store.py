"""User features in Feast: SQLite or Redis online, Parquet offline, a file or an SQL database as the registry.

A read or write goes to Feast's online store with the definitions of this code: it neither looks into the registry nor
builds data frames, so that no registry refresh can hold up a request and its cost does not grow from call to call. The
registry serves what needs it: materialisation, point-in-time joins, Feast's own command line and UI.
"""

from __future__ import annotations

import contextlib
import io
import sqlite3
import time
import warnings
from collections.abc import Awaitable, Coroutine, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from core import columns as c
from core.errors import DependencyUnavailable, NotFound
from core.events import MAX_SKEW_SECONDS
from core.features import UserFeatures
from core.ports import Clock
from feature_repo.adapters import codec, snapshots
from feature_repo.adapters.feast_sdk import FeastError, FeatureStore, RepoConfig
from feature_repo.adapters.online_stores import BoundedRedisOnlineStore, WalSqliteOnlineStore
from feature_repo.adapters.snapshots import SnapshotFolder
from feature_repo.definitions import USER_TTL, parquet, profile_view, pushed, recommendations, snapshot_view, training, user
from feature_repo.record import UnreadableRecord
from feature_repo.table import SCHEMA, to_frame, to_users

_STORES = "feature_repo.adapters.online_stores"
_WRITE_BATCH = 1000  # users per round trip to the online store
EVICTION_REMEDY = "set `maxmemory-policy noeviction` in redis.conf, or redis-cli CONFIG SET maxmemory-policy noeviction"
_NOBODY = 0  # ids of users begin at 1


@dataclass(frozen=True)
class FeastConfig:
    """`folder` holds what Feast keeps in files. Without `redis_url` the online store is SQLite in that folder, without
    `registry_url` (SQLAlchemy) the registry is a file in it. `timeout_seconds` bounds a call to Redis, and the wait of a
    SQLite write for another process's write. A user whose last event is older than `ttl` is treated as absent."""

    folder: Path
    redis_url: str | None = None
    registry_url: str | None = None
    timeout_seconds: float = 1.0
    ttl: timedelta = USER_TTL


class FeastFeatures:
    """FeatureReader and FeatureWriter over Feast. Thread-safe; several processes may share a store.

    Every method raises DependencyUnavailable when the store behind it cannot answer.
    """

    def __init__(self, config: FeastConfig, clock: Clock = time.time) -> None:
        self._clock = clock
        self._config = config
        self._records = config.folder / "user_records.parquet"
        self._snapshots = SnapshotFolder(config.folder / "user_snapshots")
        records = parquet("user_records", str(self._records.resolve()))
        self._sources = (records, pushed(records), parquet("user_snapshots", str(self._snapshots.path.resolve())))
        self._view = profile_view(self._sources[1], config.ttl)
        self._snapshot_view = snapshot_view(self._sources[2], config.ttl)
        self.repo_config = repo_config(config)
        self._online = BoundedRedisOnlineStore() if config.redis_url else WalSqliteOnlineStore()

    def apply(self) -> None:
        """Register the definitions and create the online table. Needed once; harmless to repeat."""
        with _translated():
            self._config.folder.mkdir(parents=True, exist_ok=True)
            self._feast.apply([user, *self._sources, self._view, self._snapshot_view, recommendations, training])

    def warm_up(self) -> None:
        """Open the connection and read once, so that the first request does not pay for it."""
        self.read(_NOBODY)

    # --- online ----------------------------------------------------------------------------------------------------------

    def read(self, user_id: int) -> UserFeatures | None:
        """The user's features; None for one never seen, or whose last event is older than the ttl."""
        with _translated():
            [(written, values)] = self._online.online_read(self.repo_config, self._view, [codec.entity_key(user_id)])
        return self._decoded(user_id, written, values)

    @property
    def reads_async(self) -> bool:
        """Only from Redis: SQLite is a file, and reading it blocks."""
        return self._config.redis_url is not None

    def stored_async(self, user_id: int) -> Coroutine[Any, Any, Hashable]:
        """What Redis has of the user, in the event loop: a thread would fight for Python's lock with the rest of the request."""
        if not isinstance(self._online, BoundedRedisOnlineStore):
            raise NotImplementedError("SQLite is read in a thread")
        return _stored(self._online.ask(self.repo_config, self._view, codec.entity_key(user_id)))

    def decoded(self, user_id: int, stored: Any) -> UserFeatures | None:
        """Raises DependencyUnavailable for a record that cannot be read."""
        if not isinstance(self._online, BoundedRedisOnlineStore):
            raise NotImplementedError("SQLite is read in a thread")
        return self._decoded(user_id, *self._online.answered(self._view, stored))

    async def disconnect_async(self) -> None:
        """Close the connections of this event loop."""
        if isinstance(self._online, BoundedRedisOnlineStore):
            await self._online.disconnect_async(self.repo_config)

    def _decoded(self, user_id: int, written: datetime | None, values: Mapping[str, Any] | None) -> UserFeatures | None:
        if values is None or written is None:
            return None
        try:
            features = codec.decode(user_id, written, values)
        except UnreadableRecord as error:
            remedy = "stop the consumer, run `marquee features backfill`, start it again"
            raise DependencyUnavailable(
                "feature store", f"the record of user {user_id} cannot be read: {error}", remedy
            ) from error
        return None if features is None or self._has_expired(features) else features

    def _has_expired(self, user: UserFeatures) -> bool:
        """Whether the last event is older than the ttl; a user with a profile and no event yet does not expire."""
        return user.n_events > 0 and self._clock() - user.last_seen > self._config.ttl.total_seconds()

    def write(self, users: Sequence[UserFeatures]) -> None:
        """Replace the users' features."""
        for start in range(0, len(users), _WRITE_BATCH):
            rows: list[Any] = [
                (codec.entity_key(one.user_id), codec.encode(one), codec.instant(one.last_seen), None)
                for one in users[start : start + _WRITE_BATCH]
            ]
            with _translated():
                self._online.online_write_batch(self.repo_config, self._view, rows, None)

    def rewrite(self, users: Sequence[UserFeatures]) -> None:
        """`write`, replacing whatever is stored, records of an earlier layout included."""
        for start in range(0, len(users), _WRITE_BATCH):
            batch = users[start : start + _WRITE_BATCH]
            with _translated():
                self._online.forget(self.repo_config, self._view, [codec.entity_key(one.user_id) for one in batch])
            self.write(batch)

    def count_missing(self, user_ids: Sequence[int]) -> int:
        """How many of these users have no online features."""
        gone = 0
        for start in range(0, len(user_ids), _WRITE_BATCH):
            keys = [codec.entity_key(one) for one in user_ids[start : start + _WRITE_BATCH]]
            with _translated():
                found = self._online.online_read(self.repo_config, self._view, keys)
            # Redis answers an absent user with an empty value
            gone += sum(not any(one.ByteSize() for one in (values or {}).values()) for _, values in found)
        return gone

    def concern(self) -> str | None:
        """A configuration that will lose users although the store answers, with the remedy, or None."""
        if not isinstance(self._online, BoundedRedisOnlineStore):
            return None
        with _translated():
            policy = self._online.evicts(self.repo_config)
        return (
            f"Redis drops users silently when its memory is full (maxmemory-policy {policy}); {EVICTION_REMEDY}"
            if policy
            else None
        )

    def erase(self, user_id: int) -> None:
        """Forget the user, in the batch sources too: a later materialisation must not bring them back."""
        with _translated():
            self._online.forget(self.repo_config, self._view, [codec.entity_key(user_id)])
            self._snapshots.forget(user_id)
            if self._records.exists():
                snapshots.forget(self._records, user_id)

    def holds(self, user_id: int) -> bool:
        """Whether anything of the user is kept, online or in the batch sources, also where it has expired for readers."""
        with _translated():
            kept = [pl.read_parquet(self._records, columns=[c.USER])] if self._records.exists() else []
            kept += [self._snapshots.latest([])] if self._snapshots.parts() else []
        return self.count_missing([user_id]) == 0 or any(user_id in frame[c.USER] for frame in kept)

    # --- offline ---------------------------------------------------------------------------------------------------------

    def write_offline(self, users: Sequence[UserFeatures]) -> None:
        """Add the users' features as of their `last_seen` to the snapshots, and to what `materialize` brings online."""
        with _translated():
            self._snapshots.write(codec.snapshot(to_frame(users), self._clock()))
            snapshots.merge(self._records, codec.records(users, self._clock()))

    def latest_offline(self, columns: Sequence[str]) -> pl.DataFrame:
        """`user_id` and these columns of each user's latest snapshot; empty without any."""
        with _translated():
            return self._snapshots.latest(list(columns))

    def materialize(self) -> None:
        """Copy each user's latest features of `write_offline` into the online store, through Feast.

        It replaces what is online, even newer features: do it while no consumer writes. Raises NotFound when nothing was written.
        """
        if not self._records.exists():
            raise NotFound(f"there is no batch source {self._records}; run `marquee features materialize`")
        with _translated(), contextlib.redirect_stdout(io.StringIO()):  # Feast prints its progress
            until = codec.instant(self._clock() + MAX_SKEW_SECONDS)
            self._registered().materialize(codec.instant(0.0), until, [self._view.name])

    def historical(self, moments: pl.DataFrame) -> list[UserFeatures | None]:
        """Point-in-time join: for each row (`user_id`, `ts`) the latest snapshot strictly before `ts`, or None.

        Raises NotFound without a snapshot.
        """
        if not self._snapshots.parts():
            raise NotFound(f"there is no batch source {self._snapshots.path}; run `marquee features materialize`")
        just_before = pl.from_epoch((pl.col(c.TS) * 1e6).floor().cast(pl.Int64) - 1, time_unit="us").dt.replace_time_zone("UTC")
        wanted = moments.select(c.USER, just_before.alias(codec.EVENT_TIME))
        with _translated(), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Downcasting object dtype", FutureWarning)  # pandas, of how Dask calls it
            service = self._registered().get_feature_service(training.name)
            joined = self._feast.get_historical_features(wanted.unique().to_pandas(), service).to_arrow()
        rows = pl.DataFrame(joined).filter(pl.col("n_events").is_not_null())
        keys = rows.select(c.USER, pl.col(codec.EVENT_TIME).dt.cast_time_unit("us")).iter_rows()
        features = rows.select(pl.col(name).cast(kind) for name, kind in SCHEMA.items())
        found = dict(zip(keys, to_users(features), strict=True))
        return [found.get(key) for key in wanted.iter_rows()]

    def close(self) -> None:
        """Close the connections."""
        self._online.disconnect()

    @cached_property
    def _feast(self) -> FeatureStore:
        return FeatureStore(config=self.repo_config)

    def _registered(self) -> FeatureStore:
        """Feast, with a registry that names the files of this folder: after a home was moved they are registered again."""
        known = {source.name: getattr(source, "path", "") for source in self._feast.list_data_sources()}
        if any(known.get(one.name) not in (None, getattr(one, "path", "")) for one in self._sources):
            self.apply()
        return self._feast


def repo_config(config: FeastConfig) -> RepoConfig:
    """Feast's configuration; for the local profile the same as `feature_store.yaml`."""
    folder = config.folder.resolve()
    registry: dict[str, object] = {"registry_type": "file", "path": str(folder / "registry.db")}
    if config.registry_url:
        # Marquee installs psycopg 2; Feast would take a bare postgresql:// for psycopg 3
        url = config.registry_url.replace("postgresql://", "postgresql+psycopg2://", 1)
        registry = {"registry_type": "sql", "path": url, "sqlalchemy_config_kwargs": {"pool_pre_ping": True}}
    online: dict[str, object] = {
        "type": f"{_STORES}.WalSqliteOnlineStore",
        "path": str(folder / "online.db"),
        "busy_timeout_seconds": config.timeout_seconds,
    }
    if config.redis_url:
        online = {
            "type": f"{_STORES}.BoundedRedisOnlineStore",
            "connection_string": config.redis_url,
            "timeout_seconds": config.timeout_seconds,
        }
    return RepoConfig(
        project="marquee",
        provider="local",
        registry=registry | {"cache_ttl_seconds": 0},  # 0: load once
        online_store=online,
        offline_store={"type": "dask"},
        materialization={"pull_latest_features": True, "online_write_batch_size": _WRITE_BATCH},
        entity_key_serialization_version=3,
        repo_path=folder,
    )


async def _stored(asked: Awaitable[Sequence[bytes | None]]) -> Hashable:
    with _translated():
        return tuple(await asked)


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (RedisError, sqlite3.Error, SQLAlchemyError, FeastError, OSError) as error:
        reason = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no detail'}"
        remedy = "run `marquee features materialize`" if "no such table" in reason else "see docs/runbook.md, section Features"
        raise DependencyUnavailable("feature store", reason, remedy) from error
