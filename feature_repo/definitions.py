"""The Feast definitions: what `feast apply` registers and what `adapters.feast_store` reads and writes.

Two views of one user. `user_profile` is what a request reads: one packed record (feature_repo/record.py), because Redis spends
more on names and pointers than on a user's numbers. `user_snapshot` is what a training set joins: the same features in
columns, as of each user's latest event at every materialisation.

Feast imports this module by its bare name, so it imports nothing from the packages around it. `core.features.USER_SCHEMA`
is the contract of the columns; a test compares the two, field by field.
"""

from __future__ import annotations

from datetime import timedelta

from feast import Entity, FeatureService, FeatureView, Field, FileSource, PushSource, ValueType
from feast.data_format import ParquetFormat
from feast.types import Array, Bytes, Float32, Float64, Int64, String

# Feast's `ttl`: a user whose last event is older is treated as absent. The bundled films were rated from 1996 on.
USER_TTL = timedelta(days=365 * 50)
# As the local profile sees them from this folder.
LOCAL_RECORDS = "../var/feast/user_records.parquet"
LOCAL_SNAPSHOTS = "../var/feast/user_snapshots"

user = Entity(name="user", join_keys=["user_id"], value_type=ValueType.INT64, description="A person")

RECORD = [Field(name="record", dtype=Bytes, description="all features of the user (feature_repo/record.py)")]
COLUMNS = [
    Field(name="item_ids", dtype=Array(Int64), description="recent events, oldest first: what"),
    Field(name="kinds", dtype=Array(Int64), description="recent events: code of core.kinds.KIND_CODE"),
    Field(name="values", dtype=Array(Float32), description="recent events: stars or minutes, 0 for kinds without a value"),
    Field(name="times", dtype=Array(Float64), description="recent events: Unix seconds"),
    Field(name="genres", dtype=Array(String), description="sorted, aligned with genre_weights"),
    Field(name="genre_weights", dtype=Array(Float32), description="decayed affinity as of last_seen"),
    Field(name="n_events", dtype=Int64),
    Field(name="rating_count", dtype=Int64),
    Field(name="rating_sum", dtype=Float64),
    Field(name="last_seen", dtype=Float64, description="Unix seconds"),
    Field(name="consumed", dtype=Array(Int64), description="sorted ids never to recommend again"),
    Field(name="profile", dtype=Array(String), description="static attributes as tokens; no event changes them"),
    Field(name="applied_offset", dtype=Int64, description="place in the event log up to which events are in"),
]


def parquet(name: str, path: str) -> FileSource:
    return FileSource(
        name=name, path=path, file_format=ParquetFormat(), timestamp_field="event_timestamp", created_timestamp_column="created"
    )


def pushed(records: FileSource) -> PushSource:
    """What anybody may push a record to (`store.push`); the batch behind it is the last materialisation."""
    return PushSource(name="user_records_push", batch_source=records)


def profile_view(source: PushSource, ttl: timedelta = USER_TTL) -> FeatureView:
    return FeatureView(name="user_profile", entities=[user], schema=RECORD, source=source, ttl=ttl, online=True)


def snapshot_view(source: FileSource, ttl: timedelta = USER_TTL) -> FeatureView:
    return FeatureView(name="user_snapshot", entities=[user], schema=COLUMNS, source=source, ttl=ttl, online=False)


user_records = parquet("user_records", LOCAL_RECORDS)
user_records_push = pushed(user_records)
user_snapshots = parquet("user_snapshots", LOCAL_SNAPSHOTS)
user_profile = profile_view(user_records_push)
user_snapshot = snapshot_view(user_snapshots)
recommendations = FeatureService(name="recommendations", features=[user_profile], description="What a recommendation reads")
training = FeatureService(name="training", features=[user_snapshot], description="What a training set joins, point in time")
