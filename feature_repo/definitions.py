"""The Feast definitions: what `feast apply` registers and what `adapters.feast_store` reads and writes.

Feast imports this module by its bare name, so it imports nothing from the packages around it. `core.features.USER_SCHEMA`
is the contract; a test compares the two, field by field.
"""

from __future__ import annotations

from datetime import timedelta

from feast import Entity, FeatureService, FeatureView, Field, FileSource, ValueType
from feast.data_format import ParquetFormat
from feast.types import Array, Bytes, Float32, Float64, Int64, String

# Feast's `ttl`: a profile whose last event is older is treated as absent. The bundled films were rated from 1996 on.
PROFILE_TTL = timedelta(days=365 * 50)
LOCAL_SNAPSHOT = "../var/features/user_profile.parquet"  # as the local profile sees it from this folder

user = Entity(name="user", join_keys=["user_id"], value_type=ValueType.INT64, description="A person")

SCHEMA = [
    Field(name="item_ids", dtype=Array(Int64), description="recent events, oldest first: what"),
    Field(name="kinds", dtype=Array(Int64), description="recent events: code of core.events.KIND_CODE"),
    Field(name="values", dtype=Array(Float32), description="recent events: stars or minutes, 0 where there are none"),
    Field(name="times", dtype=Array(Float64), description="recent events: Unix seconds"),
    Field(name="genres", dtype=Array(String), description="sorted, aligned with genre_weights"),
    Field(name="genre_weights", dtype=Array(Float32), description="decayed affinity as of last_seen"),
    Field(name="n_events", dtype=Int64),
    Field(name="rating_count", dtype=Int64),
    Field(name="rating_sum", dtype=Float64),
    Field(name="last_seen", dtype=Float64, description="Unix seconds"),
    Field(name="consumed", dtype=Bytes, description="sorted item ids as varint gaps (adapters.codec): a third of the size"),
    Field(name="applied_offset", dtype=Int64, description="place in the event log up to which events are in"),
]


def snapshot_source(path: str) -> FileSource:
    """The batch source: a Parquet file of profiles, each as of its user's latest event then."""
    return FileSource(
        name="user_profile_snapshots",
        path=path,
        file_format=ParquetFormat(),
        timestamp_field="event_timestamp",
        created_timestamp_column="created",
    )


def profile_view(source: FileSource) -> FeatureView:
    return FeatureView(name="user_profile", entities=[user], schema=SCHEMA, source=source, ttl=PROFILE_TTL, online=True)


user_profile_snapshots = snapshot_source(LOCAL_SNAPSHOT)
user_profile = profile_view(user_profile_snapshots)
recommendations = FeatureService(name="recommendations", features=[user_profile], description="What a recommendation reads")
