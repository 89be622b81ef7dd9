"""User features as Feast's protobuf values and as rows of the Parquet snapshot, and back, bit for bit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from core.features import UserFeatures
from feature_repo.adapters.feast_sdk import DoubleList, EntityKey, FloatList, Int64List, StringList, Value

EVENT_TIME = "event_timestamp"
CREATED = "created"
_INSTANT = pa.timestamp("us", tz="UTC")

SNAPSHOT_SCHEMA = pa.schema(
    {
        "user_id": pa.int64(),
        "item_ids": pa.list_(pa.int64()),
        "kinds": pa.list_(pa.int64()),
        "values": pa.list_(pa.float32()),
        "times": pa.list_(pa.float64()),
        "genres": pa.list_(pa.string()),
        "genre_weights": pa.list_(pa.float32()),
        "n_events": pa.int64(),
        "rating_count": pa.int64(),
        "rating_sum": pa.float64(),
        "last_seen": pa.float64(),
        "consumed": pa.binary(),
        "applied_offset": pa.int64(),
        EVENT_TIME: _INSTANT,
        CREATED: _INSTANT,
    }
)


def entity_key(user_id: int) -> Any:
    """Feast's key of a user (a protobuf)."""
    return EntityKey(join_keys=["user_id"], entity_values=[Value(int64_val=user_id)])


def instant(ts: float) -> datetime:
    return datetime.fromtimestamp(ts, UTC)


def encode(user: UserFeatures) -> dict[str, Any]:
    """Feature name -> protobuf value."""
    return {
        "item_ids": Value(int64_list_val=Int64List(val=user.item_ids.tolist())),
        "kinds": Value(int64_list_val=Int64List(val=user.kinds.tolist())),
        "values": Value(float_list_val=FloatList(val=user.values.tolist())),
        "times": Value(double_list_val=DoubleList(val=user.times.tolist())),
        "genres": Value(string_list_val=StringList(val=user.genres)),
        "genre_weights": Value(float_list_val=FloatList(val=user.genre_weights.tolist())),
        "n_events": Value(int64_val=user.n_events),
        "rating_count": Value(int64_val=user.rating_count),
        "rating_sum": Value(double_val=user.rating_sum),
        "last_seen": Value(double_val=user.last_seen),
        "consumed": Value(bytes_val=pack_ids(user.consumed)),
        "applied_offset": Value(int64_val=user.applied_offset),
    }


def decode(user_id: int, values: Mapping[str, Any]) -> UserFeatures:
    """The inverse of `encode`."""
    return UserFeatures(
        user_id=user_id,
        item_ids=np.array(values["item_ids"].int64_list_val.val, dtype=np.int64),
        kinds=np.array(values["kinds"].int64_list_val.val, dtype=np.int64),
        values=np.array(values["values"].float_list_val.val, dtype=np.float32),
        times=np.array(values["times"].double_list_val.val, dtype=np.float64),
        genres=tuple(values["genres"].string_list_val.val),
        genre_weights=np.array(values["genre_weights"].float_list_val.val, dtype=np.float32),
        n_events=values["n_events"].int64_val,
        rating_count=values["rating_count"].int64_val,
        rating_sum=values["rating_sum"].double_val,
        last_seen=values["last_seen"].double_val,
        consumed=unpack_ids(values["consumed"].bytes_val),
        applied_offset=values["applied_offset"].int64_val,
    )


def snapshot(users: Sequence[UserFeatures], created: float) -> pa.Table:
    """The users as a table of SNAPSHOT_SCHEMA; `created` is when it is written (Unix seconds)."""
    rows = [
        {name: getattr(user, name) for name in SNAPSHOT_SCHEMA.names[:-2]}
        | {"consumed": pack_ids(user.consumed), EVENT_TIME: instant(user.last_seen), CREATED: instant(created)}
        for user in users
    ]
    return pa.Table.from_pylist(rows, schema=SNAPSHOT_SCHEMA)


def from_row(row: Mapping[str, Any]) -> UserFeatures:
    """The user of one row of a snapshot."""
    return UserFeatures(
        user_id=int(row["user_id"]),
        item_ids=np.array(row["item_ids"], dtype=np.int64),
        kinds=np.array(row["kinds"], dtype=np.int64),
        values=np.array(row["values"], dtype=np.float32),
        times=np.array(row["times"], dtype=np.float64),
        genres=tuple(row["genres"]),
        genre_weights=np.array(row["genre_weights"], dtype=np.float32),
        n_events=int(row["n_events"]),
        rating_count=int(row["rating_count"]),
        rating_sum=float(row["rating_sum"]),
        last_seen=float(row["last_seen"]),
        consumed=unpack_ids(row["consumed"]),
        applied_offset=int(row["applied_offset"]),
    )


def pack_ids(ids: NDArray[np.int64]) -> bytes:
    """Ascending ids [n] as the varints of their gaps: one or two bytes each instead of eight."""
    return bytes(Int64List(val=np.diff(ids, prepend=0).tolist()).SerializeToString())


def unpack_ids(packed: bytes) -> NDArray[np.int64]:
    """The inverse of `pack_ids`."""
    return np.cumsum(np.array(Int64List.FromString(packed).val, dtype=np.int64), dtype=np.int64)
