"""Feast, imported without torch and without type checks at run time. Import this module before `feast`.

Feast 0.67 imports torch where it is installed, only to offer tensors as a form of answer that Marquee does not ask for.
In a process without torch (the consumer, the API) that costs 460 MiB and more than a second.

It also has typeguard rewrite the source of its classes, which takes two thirds of the import. `python -O` would leave that out,
and every assertion with it; here Feast is given a decorator that does nothing.
"""

from __future__ import annotations

from unittest.mock import patch

from core.absent import without

with without("torch"), patch("typeguard.typechecked", lambda target: target):
    from feast import FeatureStore, RepoConfig
    from feast.errors import FeastError
    from feast.infra.key_encoding_utils import serialize_entity_key
    from feast.infra.online_stores.helpers import _redis_key as redis_key
    from feast.infra.online_stores.helpers import compute_table_id
    from feast.infra.online_stores.redis import RedisOnlineStore, RedisOnlineStoreConfig
    from feast.infra.online_stores.sqlite import SqliteOnlineStore, SqliteOnlineStoreConfig
    from feast.protos.feast.types.EntityKey_pb2 import EntityKey
    from feast.protos.feast.types.Value_pb2 import Value

__all__ = [
    "EntityKey",
    "FeastError",
    "FeatureStore",
    "RedisOnlineStore",
    "RedisOnlineStoreConfig",
    "RepoConfig",
    "SqliteOnlineStore",
    "SqliteOnlineStoreConfig",
    "Value",
    "compute_table_id",
    "redis_key",
    "serialize_entity_key",
]
