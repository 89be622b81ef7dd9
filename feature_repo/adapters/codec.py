"""User features as Feast's protobuf values, and the tables behind Feast's batch sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pyarrow as pa

from core import columns as c
from core.features import UserFeatures
from feature_repo.adapters.feast_sdk import EntityKey, Value
from feature_repo.record import UnreadableRecord, pack, unpack

RECORD = "record"
EVENT_TIME = "event_timestamp"  # as of the user's latest event
CREATED = "created"  # when it was written
_INSTANT = pl.Datetime("us", "UTC")


def entity_key(user_id: int) -> Any:
    """Feast's key of a user (a protobuf)."""
    return EntityKey(join_keys=[c.USER], entity_values=[Value(int64_val=user_id)])


def instant(ts: float) -> datetime:
    return datetime.fromtimestamp(ts, UTC)


def encode(user: UserFeatures) -> dict[str, Any]:
    """Feature name -> protobuf value."""
    return {RECORD: Value(bytes_val=pack(user))}


def decode(user_id: int, written: datetime, values: Mapping[str, Any]) -> UserFeatures | None:
    """The inverse of `encode`; None for a user that is not there. Raises UnreadableRecord.

    Redis answers an absent user with empty values as of 1970. A user who is there without a record was written by an
    earlier version, which stored each feature in a field of its own.
    """
    value = values.get(RECORD)
    if value is not None and value.WhichOneof("val"):
        return unpack(user_id, value.bytes_val)
    if value is not None and not written.timestamp():
        return None
    raise UnreadableRecord("it was written by an earlier version of Marquee, which stored one field per feature")


def records(users: Sequence[UserFeatures], created: float) -> pa.Table:
    """The table behind the source of the online view."""
    rows = {
        c.USER: pl.Series([user.user_id for user in users], dtype=pl.Int64),
        RECORD: pl.Series([pack(user) for user in users], dtype=pl.Binary),
        EVENT_TIME: pl.Series([instant(user.last_seen) for user in users], dtype=_INSTANT),
    }
    return pl.DataFrame(rows).with_columns(pl.lit(instant(created)).cast(_INSTANT).alias(CREATED)).to_arrow(compat_level=_OLDEST)


def snapshot(features: pl.DataFrame, created: float) -> pa.Table:
    """Rows of `feature_repo.table.SCHEMA` with the two moments that Feast joins by."""
    moment = (pl.col("last_seen") * 1e6).round().cast(pl.Int64).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    dated = features.with_columns(moment.alias(EVENT_TIME), pl.lit(instant(created)).cast(_INSTANT).alias(CREATED))
    return dated.to_arrow(compat_level=_OLDEST)


_OLDEST = pl.CompatLevel.oldest()  # plain strings and binaries, which Feast's readers support
